#include "unit/check.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "board/board.h"
#include "board/objects.h"
#include "core/catalog.h"
#include "sim/random.h"

#define NOW_US UINT64_C(1800000000000000)

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)region;
    return strcmp(type, "p4d.24xlarge") == 0 && strcmp(capacity, "spot") != 0 ? 21957642
                                                                              : GS_MONEY_NOT_KNOWN;
}

static struct gs_board *new_board(void)
{
    const struct gs_board_options options = {.kind = "cluster", .name = "test", .price = price};
    struct gs_board *board = NULL;
    assert_int_equal(gs_board_new(&options, &board, NULL), 0);
    return board;
}

/* ---- what is told ---- */

static void put_node(struct gs_board *board, const char *name, const char *pool,
                     enum gs_board_state state)
{
    const struct gs_board_node node = {.name = name,
                                       .pool = pool,
                                       .instance_type = "p4d.24xlarge",
                                       .region = "us-east-1",
                                       .zone = "us-east-1a",
                                       .capacity_type = "on-demand",
                                       .why = "",
                                       .state = state,
                                       .shown = true};
    assert_int_equal(gs_board_put_node(board, &node, NULL), 0);
}

static void put_pod(struct gs_board *board, const char *name_space, const char *name,
                    const char *workload, const char *node, const char *nominated,
                    const char *profile)
{
    struct gs_want want = {.count = 1, .whole_gpu = profile == NULL};
    if (profile != NULL) {
        assert_int_equal(gs_profile_name_parse(gs_view(profile), &want.profile, NULL), 0);
    }
    const struct gs_board_pod pod = {.name_space = name_space,
                                     .name = name,
                                     .workload = workload,
                                     .node = node,
                                     .nominated = nominated,
                                     .wants = &want,
                                     .n_wants = 1};
    assert_int_equal(gs_board_put_pod(board, &pod, NULL), 0);
}

struct machine {
    struct gs_gpunode node;
    struct gs_gpunode_gpu gpus[8];
    struct gs_gpunode_slice slices[8][7];
    char uuids[8][64];
    char names[8][7][32];
};

static struct gs_gpunode_slice slice_of(const char *profile, unsigned start,
                                        enum gs_gpunode_slice_state state, const char *name_space,
                                        const char *pod)
{
    struct gs_gpunode_slice slice = {.start = (uint8_t)start,
                                     .state = state,
                                     .plain = true,
                                     .resource = "",
                                     .uuid = "",
                                     .holder = {name_space, pod, ""}};
    assert_int_equal(gs_profile_name_parse(gs_view(profile), &slice.profile, NULL), 0);
    return slice;
}

static void make_machine(struct machine *m, const char *name, unsigned n_gpus)
{
    *m = (struct machine){.node = {.name = name, .gpus = m->gpus, .n_gpus = n_gpus}};
    for (unsigned k = 0; k < n_gpus; k++) {
        snprintf(m->uuids[k], sizeof(m->uuids[k]), "GPU-%s-%u", name, k);
        m->gpus[k] = (struct gs_gpunode_gpu){.index = k,
                                             .uuid = m->uuids[k],
                                             .model = "A100-40GB",
                                             .product = "NVIDIA A100-SXM4-40GB",
                                             .mig = true,
                                             .healthy = true,
                                             .slices = m->slices[k],
                                             .decision = {.message = ""}};
    }
}

/* ---- documents ---- */

static json_t *parse(struct gs_buf *out)
{
    json_error_t error;
    assert_true(gs_buf_ok(out));
    json_t *doc = json_loadb(out->text, out->len, 0, &error);
    if (doc == NULL) {
        fail_msg("%s at %d: %.200s", error.text, error.position, out->text);
    }
    gs_buf_done(out);
    return doc;
}

static json_t *fleet(struct gs_board *board, const struct gs_board_reader *reader)
{
    static const struct gs_board_reader all = {NULL, NULL};
    struct gs_buf out;
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    (void)gs_board_refresh(board, NOW_US, NULL);
    assert_int_equal(gs_board_write_fleet(board, reader == NULL ? &all : reader, &out, NULL), 0);
    return parse(&out);
}

static json_t *money(struct gs_board *board, const struct gs_board_reader *reader)
{
    static const struct gs_board_reader all = {NULL, NULL};
    struct gs_buf out;
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    (void)gs_board_refresh(board, NOW_US, NULL);
    assert_int_equal(gs_board_write_money(board, reader == NULL ? &all : reader, &out, NULL), 0);
    return parse(&out);
}

static json_int_t number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

/* `doc` is freed. */
static void expect_text(json_t *doc, const json_t *part, const char *text)
{
    char *have = json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(have, text);
    free(have);
    json_decref(doc);
}

static bool not_b(void *ctx, const char *name_space)
{
    (void)ctx;
    return strcmp(name_space, "b") != 0;
}
static const struct gs_board_reader of_a = {not_b, NULL};

static struct gs_board *small(void)
{
    struct gs_board *board = new_board();
    struct machine m;
    make_machine(&m, "n1", 2);
    m.slices[0][0] = slice_of("3g.20gb", 0, GS_GPUNODE_HELD, "a", "web-1");
    m.slices[0][1] = slice_of("3g.20gb", 4, GS_GPUNODE_FREE, "", "");
    m.gpus[0].n_slices = 2;
    m.slices[1][0] = slice_of("1g.5gb", 0, GS_GPUNODE_HELD, "b", "secret");
    m.gpus[1].n_slices = 1;
    put_node(board, "n1", "train", GS_BOARD_READY);
    assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    put_pod(board, "a", "web-1", "Deployment/web", "n1", "", "3g.20gb");
    put_pod(board, "b", "secret", "Job/x", "n1", "", "1g.5gb");
    return board;
}

static void board__shows_who_is_on_which_slice(void **state)
{
    struct gs_board *board = small();
    (void)state;
    json_t *doc = fleet(board, NULL);
    expect_text(doc, json_object_get(doc, "pods"),
                "[{\"namespace\":\"a\",\"name\":\"web-1\",\"workload\":\"Deployment/web\"},"
                "{\"namespace\":\"b\",\"name\":\"secret\",\"workload\":\"Job/x\"}]");
    doc = fleet(board, NULL);
    const json_t *gpus = json_object_get(json_array_get(json_object_get(doc, "nodes"), 0), "gpus");
    expect_text(doc, json_object_get(json_array_get(gpus, 0), "slices"),
                "[[4,0,1,0],[4,4,0,null]]");
    gs_board_free(board);
}

static void board__hides_pods_of_namespaces_that_are_not_the_readers(void **state)
{
    struct gs_board *board = small();
    struct gs_buf out;
    (void)state;
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    (void)gs_board_refresh(board, NOW_US, NULL);
    assert_int_equal(gs_board_write_fleet(board, &of_a, &out, NULL), 0);
    assert_int_equal(gs_board_write_money(board, &of_a, &out, NULL), 0);
    assert_null(strstr(out.text, "secret"));
    assert_null(strstr(out.text, "Job/x"));
    assert_null(strstr(out.text, "\"b\""));
    assert_non_null(strstr(out.text, ",{\"hidden\":true}]"));
    assert_non_null(strstr(out.text, "(not yours)"));
    gs_buf_done(&out);
    gs_board_free(board);
}

static json_int_t sum_of(const json_t *doc, const char *key)
{
    json_int_t sum = 0;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(doc, key), i, row)
    {
        sum += number(row, "uusd_h");
    }
    return sum;
}

static void check_adds_up(const json_t *doc)
{
    assert_int_equal(number(doc, "used") + number(doc, "idle") + number(doc, "stranded") +
                         number(doc, "starting"),
                     number(doc, "bill"));
    assert_int_equal(sum_of(doc, "by_namespace"), number(doc, "used"));
    assert_int_equal(sum_of(doc, "by_workload"), number(doc, "used"));
    assert_int_equal(sum_of(doc, "by_pool"), number(doc, "used"));
}

static void board__money_adds_up_for_every_reader(void **state)
{
    struct gs_board *board = small();
    (void)state;
    json_t *doc = money(board, NULL);
    check_adds_up(doc);
    assert_int_equal(number(doc, "bill"), 21957642);
    json_decref(doc);
    doc = money(board, &of_a);
    check_adds_up(doc);
    json_decref(doc);
    gs_board_free(board);
}

static void board__an_expected_pod_is_promised_an_idle_slice(void **state)
{
    struct gs_board *board = small();
    (void)state;
    put_pod(board, "a", "next", "", "", "n1", "3g.20gb");
    json_t *doc = fleet(board, NULL);
    const json_t *gpus = json_object_get(json_array_get(json_object_get(doc, "nodes"), 0), "gpus");
    expect_text(doc, json_object_get(json_array_get(gpus, 0), "slices"), "[[4,0,1,0],[4,4,3,1]]");
    gs_board_drop_pod(board, "a", "next");
    doc = fleet(board, NULL);
    gpus = json_object_get(json_array_get(json_object_get(doc, "nodes"), 0), "gpus");
    expect_text(doc, json_object_get(json_array_get(gpus, 0), "slices"),
                "[[4,0,1,0],[4,4,0,null]]");
    gs_board_free(board);
}

static void board__a_wish_shows_what_comes(void **state)
{
    struct gs_board *board = new_board();
    struct machine m;
    struct gs_gpunode_wish wish = {
        .id = "w1", .uuid = "GPU-n1-0", .based_on = 1, .layout = "3g.20gb@4,1g.5gb@0"};
    (void)state;
    make_machine(&m, "n1", 1);
    m.slices[0][0] = slice_of("2g.10gb", 0, GS_GPUNODE_LEAVING, "", "");
    m.slices[0][1] = slice_of("3g.20gb", 4, GS_GPUNODE_FREE, "", "");
    m.gpus[0].n_slices = 2;
    m.node.wishes = &wish;
    m.node.n_wishes = 1;
    put_node(board, "n1", "", GS_BOARD_READY);
    assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    json_t *doc = fleet(board, NULL);
    const json_t *gpu = json_array_get(
        json_object_get(json_array_get(json_object_get(doc, "nodes"), 0), "gpus"), 0);
    json_t *recut = json_object_get(gpu, "recut");
    assert_int_equal(number(recut, "adds"), 1);
    assert_int_equal(number(recut, "removes"), 1);
    expect_text(doc, json_object_get(gpu, "slices"), "[[3,0,5,null],[4,4,0,null],[0,0,6,null]]");
    gs_board_free(board);
}

static void board__hostile_names_stay_texts(void **state)
{
    struct gs_board *board = new_board();
    struct machine m;
    (void)state;
    make_machine(&m, "n1", 1);
    m.slices[0][0] =
        slice_of("7g.40gb", 0, GS_GPUNODE_HELD, "a", "\"]}<script>alert(1)</script>\\\x01");
    m.gpus[0].n_slices = 1;
    put_node(board, "n1", "", GS_BOARD_READY);
    assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    json_t *doc = fleet(board, NULL);
    const json_t *pod = json_array_get(json_object_get(doc, "pods"), 0);
    assert_string_equal(json_string_value(json_object_get(pod, "name")),
                        "\"]}<script>alert(1)</script>\\\x01");
    json_decref(doc);
    gs_board_free(board);
}

/* Else what it uses would be added to that part of the bill. */
static void board__no_namespace_has_the_name_of_a_part_of_the_bill(void **state)
{
    struct gs_board *board = new_board();
    struct machine m;
    const struct gs_board_pod pod = {
        .name_space = "(stranded)", .name = "p", .workload = "", .node = "n1", .nominated = ""};
    (void)state;
    make_machine(&m, "n1", 1);
    m.slices[0][0] = slice_of("7g.40gb", 0, GS_GPUNODE_HELD, "(stranded)", "p");
    m.gpus[0].n_slices = 1;
    put_node(board, "n1", "", GS_BOARD_READY);
    assert_int_equal(gs_board_put_pod(board, &pod, NULL), GS_INVALID);
    assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    json_t *doc = money(board, NULL);
    const json_t *row = json_array_get(json_object_get(doc, "by_namespace"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "name")), "(no pod is known)");
    check_adds_up(doc);
    json_decref(doc);
    gs_board_free(board);
}

static void board__what_is_not_known_is_null_and_not_free(void **state)
{
    struct gs_board *board = new_board();
    struct machine m;
    const struct gs_board_node spot = {.name = "n1",
                                       .pool = "",
                                       .instance_type = "p4d.24xlarge",
                                       .region = "",
                                       .zone = "",
                                       .capacity_type = "spot",
                                       .why = ""};
    (void)state;
    make_machine(&m, "n1", 8);
    assert_int_equal(gs_board_put_node(board, &spot, NULL), 0);
    assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    json_t *doc = fleet(board, NULL);
    const json_t *node = json_array_get(json_object_get(doc, "nodes"), 0);
    assert_true(json_is_null(json_object_get(node, "uusd_h")));
    assert_true(json_is_null(json_object_get(node, "zone")));
    assert_true(json_is_null(json_object_get(node, "pool")));
    json_decref(doc);
    doc = money(board, NULL);
    assert_int_equal(number(doc, "unknown_nodes"), 1);
    assert_int_equal(number(doc, "unknown_gpus"), 8);
    json_decref(doc);
    gs_board_free(board);
}

/* ---- changes ---- */

/* What a reader who is told changes has in the end. */
struct follower {
    struct gs_board_mark mark;
    json_t *doc;   /* lists as of `fleet` */
    json_t *nodes; /* by name */
};

static void follow_all(struct follower *f, struct gs_board *board)
{
    size_t i;
    json_t *node;
    json_decref(f->doc);
    json_decref(f->nodes);
    f->doc = fleet(board, NULL);
    f->mark = gs_board_mark(board);
    f->nodes = json_object();
    json_array_foreach(json_object_get(f->doc, "nodes"), i, node)
    {
        json_object_set(f->nodes, json_string_value(json_object_get(node, "name")), node);
    }
}

static void follow(struct follower *f, struct gs_board *board)
{
    static const struct gs_board_reader all = {NULL, NULL};
    struct gs_buf out;
    size_t i;
    json_t *node;
    if (!gs_board_refresh(board, NOW_US, NULL)) {
        return;
    }
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    int r = gs_board_write_changes(board, &all, &f->mark, &out, NULL);
    if (r == GS_NOT_FOUND) {
        gs_buf_done(&out);
        follow_all(f, board);
        return;
    }
    assert_int_equal(r, 0);
    json_t *changes = parse(&out);
    json_t *pods = json_object_get(f->doc, "pods");
    const char *key;
    json_t *pod;
    json_object_foreach(json_object_get(changes, "pods"), key, pod)
    {
        assert_int_equal(strtoul(key, NULL, 10), json_array_size(pods));
        json_array_append(pods, pod);
    }
    json_array_foreach(json_object_get(changes, "nodes"), i, node)
    {
        json_object_set(f->nodes, json_string_value(json_object_get(node, "name")), node);
    }
    json_array_foreach(json_object_get(changes, "gone"), i, node)
    {
        json_object_del(f->nodes, json_string_value(node));
    }
    f->mark = gs_board_mark(board);
    json_decref(changes);
}

/* Every slice's pod, by name, in the words of the lists. */
static json_t *readable(const json_t *doc, const json_t *nodes)
{
    json_t *all = json_object();
    const char *name;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)nodes, name, node)
    {
        json_t *list = json_array();
        size_t k;
        json_t *gpu;
        json_array_foreach(json_object_get(node, "gpus"), k, gpu)
        {
            size_t i;
            json_t *slice;
            json_array_foreach(json_object_get(gpu, "slices"), i, slice)
            {
                const json_t *at = json_array_get(slice, 3);
                const json_t *pod = json_is_null(at)
                                        ? NULL
                                        : json_array_get(json_object_get(doc, "pods"),
                                                         (size_t)json_integer_value(at));
                json_t *text = json_sprintf(
                    "%s/%s",
                    pod == NULL ? "" : json_string_value(json_object_get(pod, "namespace")),
                    pod == NULL ? "" : json_string_value(json_object_get(pod, "name")));
                json_array_append_new(list, text);
            }
        }
        json_object_set_new(all, name, list);
    }
    return all;
}

static void change_something(struct gs_random *random, struct gs_board *board)
{
    static const char *const profiles[] = {"1g.5gb", "2g.10gb"};
    struct machine m;
    char node[16];
    char pod[32];
    snprintf(node, sizeof(node), "n%u", gs_random_below(random, 6));
    snprintf(pod, sizeof(pod), "p%u", gs_random_below(random, 40));
    const char *ns = gs_random_below(random, 2) == 0 ? "a" : "b";
    switch (gs_random_below(random, 6)) {
    case 0:
        put_node(board, node, ns, (enum gs_board_state)gs_random_below(random, 5));
        break;
    case 1:
        gs_board_drop_node(board, node);
        break;
    case 2:
        gs_board_drop_gpus(board, node);
        break;
    case 3:
        put_pod(board, ns, pod, gs_random_below(random, 2) == 0 ? "Job/j" : "", node, "",
                profiles[gs_random_below(random, 2)]);
        break;
    case 4:
        gs_board_drop_pod(board, ns, pod);
        break;
    default:
        make_machine(&m, node, 1 + gs_random_below(random, 8));
        for (unsigned k = 0; k < m.node.n_gpus; k++) {
            for (unsigned i = 0; i < gs_random_below(random, 7); i++) {
                bool held = gs_random_below(random, 2) != 0;
                snprintf(m.names[k][i], sizeof(m.names[k][i]), "p%u", gs_random_below(random, 40));
                m.slices[k][i] = slice_of("1g.5gb", i, held ? GS_GPUNODE_HELD : GS_GPUNODE_FREE,
                                          held ? ns : "", held ? m.names[k][i] : "");
                m.gpus[k].n_slices = i + 1;
            }
        }
        assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    }
}

static void board__who_is_told_changes_has_what_others_ask_for(void **state)
{
    struct gs_board *board = new_board();
    struct follower f = {.doc = NULL};
    struct gs_random random;
    const uint64_t seed = 77;
    (void)state;
    print_message("seed %lu\n", seed);
    gs_random_init(&random, seed);
    follow_all(&f, board);
    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned k = 0; k <= gs_random_below(&random, 3); k++) {
            change_something(&random, board);
        }
        follow(&f, board);
        if (i % 50 != 0) {
            continue;
        }
        json_t *doc = fleet(board, NULL);
        struct follower fresh = {.doc = NULL};
        follow_all(&fresh, board);
        json_t *mine = readable(f.doc, f.nodes);
        json_t *theirs = readable(fresh.doc, fresh.nodes);
        assert_true(json_equal(mine, theirs));
        assert_true(json_equal(f.nodes, fresh.nodes));
        json_decref(mine);
        json_decref(theirs);
        json_decref(fresh.doc);
        json_decref(fresh.nodes);
        json_decref(doc);
        doc = money(board, NULL);
        check_adds_up(doc);
        json_decref(doc);
    }
    json_decref(f.doc);
    json_decref(f.nodes);
    gs_board_free(board);
}

/* Pods come and go for long: their numbers are handed out anew, and readers begin anew. */
static void board__numbers_do_not_grow_for_ever(void **state)
{
    struct gs_board *board = new_board();
    struct machine m;
    char name[32];
    (void)state;
    put_node(board, "n1", "", GS_BOARD_READY);
    uint64_t epoch = gs_board_mark(board).epoch;
    uint32_t most = 0;
    for (unsigned i = 0; i < 60000; i++) {
        make_machine(&m, "n1", 1);
        snprintf(name, sizeof(name), "job-%u", i);
        m.slices[0][0] = slice_of("7g.40gb", 0, GS_GPUNODE_HELD, "a", name);
        m.gpus[0].n_slices = 1;
        assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
        put_pod(board, "a", name, "Job/j", "n1", "", "7g.40gb");
        (void)gs_board_refresh(board, NOW_US, NULL);
        gs_board_drop_pod(board, "a", name);
        most = gs_board_mark(board).n_pods > most ? gs_board_mark(board).n_pods : most;
    }
    assert_true(gs_board_mark(board).epoch > epoch);
    assert_true(most <= 16384 + 1);
    gs_board_free(board);
}

/* Of a node of eight GPUs cut into ones, with ten pods of one owner: 2.8 KB
 * were enough. */
static void board__is_small(void **state)
{
    enum { NODES = 1000, PODS = 10, MOST = 3500 };
    struct gs_board *board = new_board();
    struct machine m;
    char name[64];
    (void)state;
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < NODES; i++) {
        snprintf(name, sizeof(name), "ip-10-0-%u-%u.ec2.internal", i / 250, i % 250);
        make_machine(&m, name, 8);
        for (unsigned k = 0; k < 8; k++) {
            for (unsigned s = 0; s < 7; s++) {
                unsigned number = k * 7 + s;
                bool held = number < PODS;
                char *pod = m.names[k][s];
                snprintf(pod, sizeof(m.names[k][s]), "inference-7d9f8cbb5d-%04u%u", i, number);
                if (held) {
                    put_pod(board, "team-a", pod, "Deployment/inference", name, "", "1g.5gb");
                }
                m.slices[k][s] = slice_of("1g.5gb", s, held ? GS_GPUNODE_HELD : GS_GPUNODE_FREE,
                                          held ? "team-a" : "", held ? pod : "");
            }
            m.gpus[k].n_slices = 7;
        }
        put_node(board, name, "p", GS_BOARD_READY);
        assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    }
    assert_true(gs_board_refresh(board, NOW_US, NULL));
    size_t kept = mallinfo2().uordblks - before; /* 0: this heap does not tell */
    print_message("%zu bytes a node\n", kept / NODES);
    assert_true(kept / NODES <= MOST);
    gs_board_free(board);
}

/* Reasons and names that are too long are cut between characters: else no document could be
 * written. */
static void board__a_long_text_is_cut_between_characters(void **state)
{
    struct gs_board *board = new_board();
    struct machine m;
    char why[400] = "";
    (void)state;
    for (unsigned i = 0; i < 130; i++) {
        strcat(why, i == 0 ? "x" : "\u00e4"); /* two bytes each: byte 256 is within one */
    }
    const struct gs_board_node node = {.name = "n1",
                                       .pool = why,
                                       .instance_type = why,
                                       .region = "",
                                       .zone = why,
                                       .capacity_type = "",
                                       .why = why,
                                       .state = GS_BOARD_BROKEN,
                                       .shown = true};
    make_machine(&m, "n1", 1);
    m.gpus[0].healthy = false;
    m.gpus[0].decision =
        (struct gs_gpunode_decision){.id = "w", .result = GS_GPUNODE_FAILED, .message = why};
    assert_int_equal(gs_board_put_node(board, &node, NULL), 0);
    assert_int_equal(gs_board_put_gpus(board, &m.node, NULL), 0);
    json_t *doc = fleet(board, NULL);
    const json_t *shown = json_array_get(json_object_get(doc, "nodes"), 0);
    const json_t *gpu = json_array_get(json_object_get(shown, "gpus"), 0);
    assert_int_equal(json_string_length(json_object_get(shown, "why")), 255);
    assert_int_equal(json_string_length(json_object_get(shown, "zone")), 255);
    assert_int_equal(json_string_length(json_object_get(gpu, "why")), 255);
    json_decref(doc);
    gs_board_free(board);
}

static void board__a_deployment_is_known_by_the_name_of_its_replicaset(void **state)
{
    static const struct {
        const char *kind;
        const char *name;
        const char *workload;
    } rows[] = {
        {"ReplicaSet", "web-7d9f8cbb5d", "Deployment/web"},
        {"ReplicaSet", "web-by-hand", "ReplicaSet/web-by-hand"},
        {"ReplicaSet", "-7d9f8", "ReplicaSet/-7d9f8"},
        {"Job", "train-1", "Job/train-1"},
        {"", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        char text[128];
        gs_board_workload_of(rows[i].kind, rows[i].name, text, sizeof(text));
        assert_string_equal(text, rows[i].workload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(board__shows_who_is_on_which_slice),
        cmocka_unit_test(board__hides_pods_of_namespaces_that_are_not_the_readers),
        cmocka_unit_test(board__money_adds_up_for_every_reader),
        cmocka_unit_test(board__an_expected_pod_is_promised_an_idle_slice),
        cmocka_unit_test(board__a_wish_shows_what_comes),
        cmocka_unit_test(board__hostile_names_stay_texts),
        cmocka_unit_test(board__no_namespace_has_the_name_of_a_part_of_the_bill),
        cmocka_unit_test(board__what_is_not_known_is_null_and_not_free),
        cmocka_unit_test(board__who_is_told_changes_has_what_others_ask_for),
        cmocka_unit_test(board__numbers_do_not_grow_for_ever),
        cmocka_unit_test(board__is_small),
        cmocka_unit_test(board__a_long_text_is_cut_between_characters),
        cmocka_unit_test(board__a_deployment_is_known_by_the_name_of_its_replicaset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
