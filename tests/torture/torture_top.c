/* gpuslice top: its frames and its document, and the opening of a cluster, with each request for
 * memory failed. */
#include "torture/torture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cluster/scene.h"
#include "cli/top/top.h"

#define NOW_US UINT64_C(1767225660000000) /* 2026-01-01T00:01:00Z */

enum { COLUMNS = 100, ROWS = 40, WIDE = 400, TEXT_MAX = 1 << 16 };

/* ---- what is looked at ---- */

static const char *const pods[] = {
    "{\"metadata\":{\"name\":\"w\",\"namespace\":\"d\",\"uid\":\"u-w\"},\"spec\":{"
    "\"schedulingGates\":[{\"name\":\"gpuslice.dev/slice\"}],\"containers\":[{\"name\":\"c\","
    "\"resources\":{\"limits\":{\"nvidia.com/mig-3g.20gb\":\"1\"}}}]},\"status\":{\"phase\":"
    "\"Pending\"}}",
    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"u-a\"},\"spec\":{\"priority\":7,"
    "\"schedulingGates\":[{\"name\":\"gpuslice.dev/slice\"}],\"containers\":[{\"name\":\"c\","
    "\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},\"status\":{\"phase\":"
    "\"Pending\"}}",
};

static json_t *objects[sizeof(pods) / sizeof(pods[0])];
static char config_path[64];

static int set_up(void **state)
{
    char folder[] = "/tmp/gs-torture-XXXXXX";
    (void)state;
    for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
        objects[i] = json_loads(pods[i], 0, NULL);
        assert_non_null(objects[i]);
    }
    assert_non_null(mkdtemp(folder));
    snprintf(config_path, sizeof(config_path), "%s/config", folder);
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    fputs("current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
          "clusters: [{name: k, cluster: {server: \"https://127.0.0.1:1\", "
          "insecure-skip-tls-verify: true}}]\nusers: [{name: u, user: {token: t}}]\n",
          file);
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
        json_decref(objects[i]);
    }
    unlink(config_path);
    *strrchr(config_path, '/') = '\0';
    rmdir(config_path);
    return 0;
}

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)type;
    (void)region;
    (void)capacity;
    return 21957642;
}

/* A GPU with a slice that is held by team/`holder`. */
static int put_node(struct gs_board *board, const char *name, const char *holder,
                    struct gs_err *err)
{
    char uuid[32];
    struct gs_gpunode_slice slice = {.start = 0,
                                     .state = GS_GPUNODE_HELD,
                                     .resource = "",
                                     .uuid = "",
                                     .holder = {"team", holder, "u"}};
    const struct gs_board_node node = {.name = name,
                                       .pool = "pool",
                                       .instance_type = "p4d.24xlarge",
                                       .region = "us-east-1",
                                       .zone = "",
                                       .capacity_type = "",
                                       .why = "",
                                       .shown = true};
    snprintf(uuid, sizeof(uuid), "GPU-%s", name);
    (void)gs_profile_name_parse(gs_view("3g.20gb"), &slice.profile, NULL);
    struct gs_gpunode_gpu gpu = {.uuid = uuid,
                                 .model = "A100-40GB",
                                 .product = "",
                                 .mig = true,
                                 .healthy = true,
                                 .slices = &slice,
                                 .n_slices = 1,
                                 .decision = {.id = "", .message = ""}};
    const struct gs_gpunode gpus = {.name = name, .gpus = &gpu, .n_gpus = 1};
    int r = gs_board_put_node(board, &node, err);
    return r == 0 ? gs_board_put_gpus(board, &gpus, err) : r;
}

/* Nodes that come with `from`: none of them is there yet. */
static int put_nodes(struct gs_board *board, unsigned from, unsigned n, struct gs_err *err)
{
    int r = 0;
    for (unsigned i = from; r == 0 && i < from + n; i++) {
        char name[16];
        char holder[16];
        snprintf(name, sizeof(name), "n%02u", i);
        snprintf(holder, sizeof(holder), "pod-%02u", i);
        r = put_node(board, name, holder, err);
    }
    bool failed = false;
    if (r == 0) {
        (void)gs_board_refresh(board, NOW_US, &failed);
    }
    return failed ? gs_fail(err, GS_NO_MEMORY, "a node could not be written") : r;
}

/* ---- a terminal ---- */

struct terminal {
    char lines[ROWS][WIDE];
};

/* As much as came of a frame: "\033[ROW;1H", a line, "\033[K". */
static void take_bytes(struct terminal *terminal, const char *bytes)
{
    while (*bytes != '\0') {
        char *end = NULL;
        assert_int_equal(strncmp(bytes, "\033[", 2), 0);
        unsigned long row = strtoul(bytes + 2, &end, 10);
        if (strncmp(end, ";1H", 3) != 0) {
            return; /* cut off */
        }
        assert_true(row >= 1 && row <= ROWS);
        bytes = end + 3;
        size_t n = strcspn(bytes, "\033");
        assert_true(n < WIDE);
        memcpy(terminal->lines[row - 1], bytes, n);
        while (n > 0 && bytes[n - 1] == ' ' && bytes[n] == '\033') {
            n--; /* blanks at the end are not seen */
        }
        terminal->lines[row - 1][n] = '\0';
        bytes += strcspn(bytes, "\033");
        bytes += strncmp(bytes, "\033[K", 3) == 0 ? 3 : 0;
    }
}

static void trim(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == ' ') {
        line[--n] = '\0';
    }
}

/* It shows the frame, line by line. */
static void check_terminal(struct terminal *terminal, const char *frame)
{
    for (unsigned i = 0; i < ROWS; i++) {
        size_t n = strcspn(frame, "\n");
        trim(terminal->lines[i]);
        if (strncmp(terminal->lines[i], frame, n) != 0 || terminal->lines[i][n] != '\0') {
            fail_msg("line %u: shown \"%s\"; expected \"%.*s\"", i, terminal->lines[i], (int)n,
                     frame);
        }
        frame += n + (frame[n] == '\n');
    }
}

/* ---- frames ---- */

enum { STEPS = 2 * GS_TOP_PAGES };

static char whole[STEPS][TEXT_MAX]; /* each frame where nothing fails; "": not made yet */

/* What the terminal shows is known, so that it need not be sent again. */
static bool is_known(const struct gs_screen *screen)
{
    bool known = screen->shown != NULL;
    for (unsigned i = 0; known && i < screen->n_shown; i++) {
        known = screen->shown[i] != NULL;
    }
    return known;
}

/* One more frame on the terminal. False: something of it is missing, or has to be sent again. */
static bool draw(struct gs_top_view *view, struct gs_screen *screen, struct terminal *terminal)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    gs_top_view_refresh(view, NOW_US);
    gs_top_view_draw(view, screen, COLUMNS, ROWS);
    gs_screen_update(screen, ROWS, &out);
    bool ok = !view->failed && !screen->failed && gs_buf_ok(&out) && is_known(screen);
    take_bytes(terminal, gs_buf_text(&out));
    gs_buf_done(&out);
    return ok;
}

/* The frame as text is the whole one, and what the terminal shows. False: no memory for that. */
static bool check_frame(unsigned step, const struct gs_screen *screen, struct terminal *terminal)
{
    struct gs_buf text;
    gs_buf_init(&text, TEXT_MAX - 1);
    gs_screen_text(screen, &text);
    bool ok = gs_buf_ok(&text);
    if (ok && whole[step][0] == '\0') {
        snprintf(whole[step], TEXT_MAX, "%s", gs_buf_text(&text));
    }
    if (ok) {
        assert_string_equal(gs_buf_text(&text), whole[step]);
        check_terminal(terminal, gs_buf_text(&text));
    }
    gs_buf_done(&text);
    return ok;
}

/* Each page, of few nodes and of more than that; what a frame lacks is said, and is in the next
 * one. */
static int show(struct gs_top_view *view, struct gs_board *board, struct gs_err *err)
{
    struct terminal terminal;
    struct gs_screen screen;
    int r = 0;
    memset(&terminal, 0, sizeof(terminal));
    gs_screen_init(&screen, false, false, false);
    for (unsigned step = 0; r == 0 && step < STEPS; step++) {
        r = step == GS_TOP_PAGES ? put_nodes(board, 10, 64, err) : 0;
        view->page = step % GS_TOP_PAGES;
        bool ok = r == 0 && draw(view, &screen, &terminal);
        if (r == 0 && !ok) {
            assert_true(draw(view, &screen, &terminal)); /* now there is memory */
        }
        ok = r == 0 && check_frame(step, &screen, &terminal) && ok;
        r = r == 0 && !ok ? gs_fail(err, GS_NO_MEMORY, "a frame had not all") : r;
    }
    gs_screen_done(&screen);
    return r;
}

static int with_source(int (*work)(const struct gs_top_source *source, struct gs_err *err),
                       struct gs_err *err)
{
    const struct gs_board_options options = {.kind = "cluster", .name = "c", .price = price};
    struct gs_scene scene;
    struct gs_board *board = NULL;
    int r = gs_board_new(&options, &board, err);
    if (r != 0) {
        return r;
    }
    gs_scene_init(&scene, NULL);
    for (size_t i = 0; r == 0 && i < sizeof(pods) / sizeof(pods[0]); i++) {
        r = gs_scene_take(&scene, GS_SCENE_PODS, objects[i], err);
    }
    r = r == 0 ? put_nodes(board, 0, 3, err) : r;
    const struct gs_top_source source = {.kind = "cluster",
                                         .name = "c",
                                         .board = board,
                                         .store = &scene.store,
                                         .settled = true,
                                         .whole = true};
    r = r == 0 ? work(&source, err) : r;
    gs_scene_done(&scene);
    gs_board_free(board);
    return r;
}

static int show_source(const struct gs_top_source *source, struct gs_err *err)
{
    struct gs_top_view view;
    gs_top_view_init(&view, source);
    int r = show(&view, source->board, err);
    gs_top_view_done(&view);
    return r;
}

static int write_source(const struct gs_top_source *source, struct gs_err *err)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    int r = gs_top_put_doc(source, NOW_US, &out, err);
    if (r == 0) {
        json_t *tree = json_loadb(gs_buf_text(&out), out.len, 0, NULL);
        assert_int_equal(json_array_size(json_object_get(json_object_get(tree, "fleet"), "nodes")),
                         3);
        assert_int_equal(json_array_size(json_object_get(json_object_get(tree, "waiting"), "pods")),
                         2);
        json_decref(tree);
    }
    gs_buf_done(&out);
    return r;
}

static int show_frames(struct gs_err *err)
{
    return with_source(show_source, err);
}

static int write_document(struct gs_err *err)
{
    return with_source(write_source, err);
}

/* A cluster is opened, of which nobody has answered when it is closed. */
static int open_cluster(struct gs_err *err)
{
    const struct gs_link_args args = {.kubeconfig = config_path, .timeout_s = 30};
    struct gs_top_source source = {.kind = "", .name = ""};
    struct gs_top_cluster *cluster = NULL;
    struct gs_link link;
    int r = gs_link_open(&link, &args, err);
    r = r == 0 ? gs_top_cluster_open(&link, &source, "us-east-1", &cluster, err) : r;
    gs_top_cluster_close(cluster);
    gs_link_close(&link);
    return r;
}

static void torture__frames_say_what_they_lack_and_the_next_has_it(void **state)
{
    (void)state;
    assert_true(torture_heap(show_frames, 1) > 100);
    for (unsigned step = 0; step < STEPS; step++) {
        static const char *const has[GS_TOP_PAGES] = {"n02", "d/w", "team"};
        assert_non_null(strstr(whole[step], has[step % GS_TOP_PAGES]));
    }
}

static void torture__the_document_is_whole_or_none(void **state)
{
    (void)state;
    assert_true(torture_heap(write_document, 1) > 20);
}

static void torture__a_cluster_is_opened_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(open_cluster, 1) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__frames_say_what_they_lack_and_the_next_has_it),
        cmocka_unit_test(torture__the_document_is_whole_or_none),
        cmocka_unit_test(torture__a_cluster_is_opened_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
