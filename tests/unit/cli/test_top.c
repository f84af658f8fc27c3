#include "unit/check.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/cleanup.h"
#include "base/view.h"
#include "cli/top/top.h"
#include "core/catalog.h"
#include "sim/random.h"

#define NOW_US UINT64_C(1800000000000000)

/* ---- keys ---- */

static void keys__of_terminals_are_known(void **state)
{
    static const struct {
        const char *bytes;
        enum gs_top_key key;
        uint32_t c;
    } cases[] = {
        {"\033[A", GS_TOP_KEY_UP, 0},
        {"\033OB", GS_TOP_KEY_DOWN, 0},
        {"\033[C", GS_TOP_KEY_RIGHT, 0},
        {"\033[D", GS_TOP_KEY_LEFT, 0},
        {"\033[5~", GS_TOP_KEY_PAGE_UP, 0},
        {"\033[6~", GS_TOP_KEY_PAGE_DOWN, 0},
        {"\033[H", GS_TOP_KEY_HOME, 0},
        {"\033[4~", GS_TOP_KEY_END, 0},
        {"\r", GS_TOP_KEY_ENTER, 0},
        {"\n", GS_TOP_KEY_ENTER, 0},
        {"\t", GS_TOP_KEY_TAB, 0},
        {"\177", GS_TOP_KEY_BACKSPACE, 0},
        {"q", GS_TOP_KEY_CHARACTER, 'q'},
        {"\303\251", GS_TOP_KEY_CHARACTER, 0xe9},
        {"\033", GS_TOP_KEY_ESCAPE, 0},
        {"\033[200~j", GS_TOP_KEY_CHARACTER, 'j'},
        {"\001j", GS_TOP_KEY_CHARACTER, 'j'},
        {"\377j", GS_TOP_KEY_CHARACTER, 'j'},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_top_keys keys = {.n = 0};
        struct gs_top_typed typed = {.key = GS_TOP_KEY_ESCAPE};
        gs_top_keys_put(&keys, cases[i].bytes, strlen(cases[i].bytes));
        assert_true(gs_top_keys_take(&keys, true, &typed));
        assert_int_equal(typed.key, cases[i].key);
        if (cases[i].key == GS_TOP_KEY_CHARACTER) {
            assert_int_equal(typed.c, cases[i].c);
        }
        assert_false(gs_top_keys_take(&keys, true, &typed));
    }
}

static void keys__that_come_in_pieces_wait_for_the_rest(void **state)
{
    struct gs_top_keys keys = {.n = 0};
    struct gs_top_typed typed;
    (void)state;
    gs_top_keys_put(&keys, "\033", 1);
    assert_false(gs_top_keys_take(&keys, false, &typed));
    gs_top_keys_put(&keys, "[", 1);
    assert_false(gs_top_keys_take(&keys, false, &typed));
    gs_top_keys_put(&keys, "A", 1);
    assert_true(gs_top_keys_take(&keys, false, &typed));
    assert_int_equal(typed.key, GS_TOP_KEY_UP);
}

/* ---- what may stand in a frame ---- */

/* Of plain lines: no control character, and no line wider than the window. */
static void check_lines(const char *text, unsigned columns, bool utf8)
{
    struct gs_view rest = gs_view(text);
    while (rest.n > 0) {
        struct gs_view line = gs_view_split(&rest, '\n');
        unsigned width = 0;
        while (line.n > 0) {
            uint32_t c;
            size_t n = gs_view_character(line, &c);
            assert_true(n > 0 && !gs_character_is_control(c));
            assert_true(utf8 || c < 0x7f);
            int w = c < 0x7f ? 1 : wcwidth((wchar_t)c);
            assert_true(w > 0);
            width += (unsigned)w;
            line.p += n;
            line.n -= n;
        }
        assert_true(width <= columns);
        if (rest.p == NULL) {
            break;
        }
    }
}

static void screen__cleans_what_it_is_given(void **state)
{
    static const struct {
        const char *text;
        bool utf8;
        const char *shown;
    } cases[] = {
        {"web", true, "web"},
        {"a\033[31mb", true, "a?[31mb"},
        {"a\rb\nc", true, "a?b?c"},
        {"a\302\233b", true, "a?b"},     /* CSI of eight bits */
        {"a\342\200\256b", true, "a?b"}, /* turns the direction */
        {"a\314\201b", true, "a?b"},     /* without a width */
        {"a\377b", true, "a?b"},         /* no UTF-8 */
        {"\303\251", true, "\303\251"},
        {"\303\251", false, "?"},
        {"\344\270\255\344\270\255x", true, "\344\270\255\344\270\255x"},
    };
    (void)state;
    bool utf8 = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases) && utf8; i++) {
        struct gs_screen screen;
        struct gs_buf out;
        gs_buf_init(&out, 4096);
        gs_screen_init(&screen, cases[i].utf8, false, false);
        gs_screen_begin(&screen, 10);
        gs_screen_line(&screen);
        gs_screen_put(&screen, GS_SCREEN_PLAIN, cases[i].text);
        gs_screen_text(&screen, &out);
        assert_int_equal(strncmp(gs_buf_text(&out), cases[i].shown, strlen(cases[i].shown)), 0);
        assert_int_equal(strlen(gs_buf_text(&out)), strlen(cases[i].shown) + 1);
        gs_buf_done(&out);
        gs_screen_done(&screen);
    }
    (void)setlocale(LC_CTYPE, "C");
}

static void screen__a_cell_that_is_cut_says_so(void **state)
{
    struct gs_screen screen;
    struct gs_buf out;
    (void)state;
    gs_buf_init(&out, 4096);
    gs_screen_init(&screen, false, false, false);
    gs_screen_begin(&screen, 20);
    gs_screen_line(&screen);
    gs_screen_cell(&screen, GS_SCREEN_PLAIN, 5, false, "abcdefgh");
    gs_screen_cell(&screen, GS_SCREEN_PLAIN, 4, true, "12");
    gs_screen_put(&screen, GS_SCREEN_PLAIN, "|");
    gs_screen_text(&screen, &out);
    assert_string_equal(gs_buf_text(&out), "abcd~  12|\n");
    gs_buf_done(&out);
    gs_screen_done(&screen);
}

static void put_two(struct gs_screen *screen, const char *first, const char *second)
{
    gs_screen_begin(screen, 20);
    gs_screen_line(screen);
    gs_screen_put(screen, GS_SCREEN_PLAIN, first);
    gs_screen_line(screen);
    gs_screen_put(screen, GS_SCREEN_PLAIN, second);
}

static void screen__only_lines_that_differ_are_sent(void **state)
{
    struct gs_screen screen;
    struct gs_buf out;
    (void)state;
    gs_buf_init(&out, 4096);
    gs_screen_init(&screen, false, true, true);
    put_two(&screen, "one", "two");
    gs_screen_update(&screen, 3, &out);
    assert_string_equal(gs_buf_text(&out), "\033[1;1Hone\033[K\033[2;1Htwo\033[K\033[3;1H\033[K");
    gs_buf_reset(&out);
    put_two(&screen, "one", "TWO");
    gs_screen_update(&screen, 3, &out);
    assert_string_equal(gs_buf_text(&out), "\033[2;1HTWO\033[K");
    gs_buf_reset(&out);
    gs_screen_update(&screen, 3, &out);
    assert_string_equal(gs_buf_text(&out), "");
    gs_buf_done(&out);
    gs_screen_done(&screen);
}

/* ---- frames of random machines ---- */

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)region;
    (void)capacity;
    return strcmp(type, "p4d.24xlarge") == 0 ? 21957642 : GS_MONEY_NOT_KNOWN;
}

static const char *const texts[] = {
    "web-0",
    "a\033[2Jb",
    "\342\200\256evil",
    "\344\270\255\346\226\207\344\270\255\346\226\207",
    "x\314\201\314\201",
    "a-name-that-is-longer-than-any-column-of-the-screen-would-like-it-to-be-0123456789",
    "",
};

static const char *any_text(struct gs_random *random)
{
    return texts[gs_random_below(random, GS_ARRAY_LEN(texts))];
}

static void put_machine(struct gs_board *board, struct gs_random *random, unsigned number)
{
    char name[64];
    char uuids[4][32];
    struct gs_gpunode_gpu gpus[4];
    struct gs_gpunode_slice slices[4][7];
    memset(gpus, 0, sizeof(gpus));
    memset(slices, 0, sizeof(slices));
    (void)snprintf(name, sizeof(name), "node-%u", number);
    const struct gs_board_node node = {
        .name = name,
        .pool = any_text(random),
        .instance_type = gs_random_below(random, 2) == 0 ? "p4d.24xlarge" : any_text(random),
        .region = "us-east-1",
        .zone = any_text(random),
        .capacity_type = "",
        .why = any_text(random),
        .state = (enum gs_board_state)gs_random_below(random, 5),
        .shown = true};
    assert_int_equal(gs_board_put_node(board, &node, NULL), 0);
    for (unsigned g = 0; g < 4; g++) {
        (void)snprintf(uuids[g], sizeof(uuids[g]), "GPU-%u-%u", number, g);
        gpus[g] = (struct gs_gpunode_gpu){.index = g,
                                          .uuid = uuids[g],
                                          .model = g == 3 ? "" : "A100-40GB",
                                          .product = any_text(random),
                                          .mig = gs_random_below(random, 4) != 0,
                                          .healthy = gs_random_below(random, 4) != 0,
                                          .whole_held = gs_random_below(random, 2) == 0,
                                          .decision = {.message = any_text(random)},
                                          .slices = slices[g]};
        for (unsigned i = 0; gpus[g].mig && i < gs_random_below(random, 8); i++) {
            struct gs_gpunode_slice *slice = &slices[g][gpus[g].n_slices++];
            *slice = (struct gs_gpunode_slice){
                .start = (uint8_t)i,
                .size = 1,
                .state = (enum gs_gpunode_slice_state)gs_random_below(random, 5),
                .resource = "",
                .uuid = "",
                .holder = {.name_space = any_text(random), .name = any_text(random), .uid = ""}};
            assert_int_equal(gs_profile_name_parse(gs_view("1g.5gb"), &slice->profile, NULL), 0);
        }
    }
    const struct gs_gpunode told = {
        .name = name, .gpus = gpus, .n_gpus = 4, .resource_version = ""};
    assert_int_equal(gs_board_put_gpus(board, &told, NULL), 0);
}

static void type(struct gs_top_view *view, const char *text)
{
    struct gs_top_keys keys = {.n = 0};
    struct gs_top_typed typed;
    gs_top_keys_put(&keys, text, strlen(text));
    while (gs_top_keys_take(&keys, true, &typed)) {
        (void)gs_top_view_type(view, &typed);
    }
    gs_top_view_refresh(view, NOW_US);
}

static void frame__fits_its_window_whatever_things_are_called(void **state)
{
    static const char *const typed[] = {"j",     "G",    "g", "e",  "s", "r",      "2",
                                        "3",     "b",    "1", "h",  "h", "/web\r", "\033",
                                        "/\344", "\033", " ", "\t", "p"};
    bool utf8 = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
    struct gs_random random;
    (void)state;
    const uint64_t seed = 4711;
    print_message("seed %lu\n", seed);
    gs_random_init(&random, seed);
    for (unsigned round = 0; round < 60; round++) {
        const struct gs_board_options options = {.kind = "node", .name = "n", .price = price};
        struct gs_top_source source = {.kind = "machine", .name = any_text(&random)};
        struct gs_top_view view;
        struct gs_screen screen;
        bool wide = utf8 && round % 2 == 0;
        unsigned columns = 1 + (unsigned)gs_random_below(&random, 130);
        unsigned rows = (unsigned)gs_random_below(&random, 40);
        assert_int_equal(gs_board_new(&options, &source.board, NULL), 0);
        for (unsigned i = 0; i < gs_random_below(&random, 12); i++) {
            put_machine(source.board, &random, i);
        }
        (void)gs_board_refresh(source.board, NOW_US, NULL);
        gs_top_view_init(&view, &source);
        gs_screen_init(&screen, wide, false, false);
        gs_top_view_refresh(&view, NOW_US);
        for (size_t i = 0; i < GS_ARRAY_LEN(typed); i++) {
            struct gs_buf out;
            gs_buf_init(&out, 1 << 20);
            type(&view, typed[i]);
            gs_top_view_draw(&view, &screen, columns, rows);
            gs_screen_text(&screen, &out);
            assert_true(gs_buf_ok(&out) && !view.failed);
            check_lines(gs_buf_text(&out), columns, wide);
            assert_true(rows < 7 || screen.n == rows);
            gs_buf_done(&out);
        }
        gs_screen_done(&screen);
        gs_top_view_done(&view);
        gs_board_free(source.board);
    }
    (void)setlocale(LC_CTYPE, "C");
}

static void units__of_a_node_are_all_its_memory(void **state)
{
    const struct gs_board_options options = {.kind = "node", .name = "n", .price = price};
    struct gs_top_source source = {.kind = "machine", .name = "n"};
    struct gs_random random;
    struct gs_top_view view;
    (void)state;
    const uint64_t seed = 815;
    print_message("seed %lu\n", seed);
    gs_random_init(&random, seed);
    assert_int_equal(gs_board_new(&options, &source.board, NULL), 0);
    for (unsigned i = 0; i < 40; i++) {
        put_machine(source.board, &random, i);
    }
    (void)gs_board_refresh(source.board, NOW_US, NULL);
    gs_top_view_init(&view, &source);
    gs_top_view_refresh(&view, NOW_US);
    assert_int_equal(view.n_nodes, 40);
    for (size_t i = 0; i < view.n_nodes; i++) {
        const struct gs_board_units *units = &view.nodes[i].units;
        assert_int_equal(units->held + units->idle + units->free + units->stranded + units->sick,
                         units->all);
        assert_true(units->all >= 24);
    }
    gs_top_view_done(&view);
    gs_board_free(source.board);
}

static void dollars__are_rounded_to_cents(void **state)
{
    static const struct {
        uint64_t uusd;
        const char *text;
    } cases[] = {
        {0, "0.00"},
        {4999, "0.00"},
        {5000, "0.01"},
        {21957642, "21.96"},
        {1234567890000, "1,234,567.89"},
        {999995000, "1,000.00"},
        {GS_MONEY_NOT_KNOWN, "?"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char text[GS_TOP_DOLLARS_MAX];
        gs_top_format_dollars(cases[i].uusd, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys__of_terminals_are_known),
        cmocka_unit_test(keys__that_come_in_pieces_wait_for_the_rest),
        cmocka_unit_test(screen__cleans_what_it_is_given),
        cmocka_unit_test(screen__a_cell_that_is_cut_says_so),
        cmocka_unit_test(screen__only_lines_that_differ_are_sent),
        cmocka_unit_test(frame__fits_its_window_whatever_things_are_called),
        cmocka_unit_test(units__of_a_node_are_all_its_memory),
        cmocka_unit_test(dollars__are_rounded_to_cents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
