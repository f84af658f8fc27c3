/* What is kept of a moment, and what a viewer is shown of it. */
#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "board/board.h"
#include "board/keep.h"
#include "board/news.h"
#include "board/past.h"
#include "historian/sample.h"
#include "sim/random.h"

#define NOW_US UINT64_C(1800000000000000)

enum { NODES = 12, GPUS = 4, PODS = 40 };

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)region;
    (void)capacity;
    return strcmp(type, "p4d.24xlarge") == 0 ? 21957642 : GS_MONEY_NOT_KNOWN;
}

static struct gs_board *new_board(void)
{
    const struct gs_board_options options = {.kind = "cluster", .name = "t", .price = price};
    struct gs_board *board = NULL;
    assert_int_equal(gs_board_new(&options, &board, NULL), 0);
    return board;
}

static void put_node(struct gs_board *board, const char *name, const char *type,
                     enum gs_board_state state)
{
    const struct gs_board_node node = {.name = name,
                                       .pool = "pool",
                                       .instance_type = type,
                                       .region = "us-east-1",
                                       .zone = "",
                                       .capacity_type = "on-demand",
                                       .why = "",
                                       .state = state,
                                       .shown = true};
    assert_int_equal(gs_board_put_node(board, &node, NULL), 0);
}

static void put_pod(struct gs_board *board, const char *name_space, const char *name,
                    const char *workload, const char *node)
{
    struct gs_want want = {.count = 1};
    assert_int_equal(gs_profile_name_parse(gs_view("3g.20gb"), &want.profile, NULL), 0);
    const struct gs_board_pod pod = {.name_space = name_space,
                                     .name = name,
                                     .workload = workload,
                                     .node = node,
                                     .nominated = "",
                                     .wants = &want,
                                     .n_wants = 1};
    assert_int_equal(gs_board_put_pod(board, &pod, NULL), 0);
}

static struct gs_gpunode_slice slice_at(unsigned start, const char *name_space, const char *pod)
{
    struct gs_gpunode_slice slice = {.start = (uint8_t)start,
                                     .state = pod[0] == '\0' ? GS_GPUNODE_FREE : GS_GPUNODE_HELD,
                                     .plain = true,
                                     .resource = "",
                                     .uuid = "",
                                     .holder = {name_space, pod, ""}};
    assert_int_equal(gs_profile_name_parse(gs_view("3g.20gb"), &slice.profile, NULL), 0);
    return slice;
}

/* GPUs of two 3g.20gb each, held by pods that are drawn. */
static void put_gpus(struct gs_board *board, const char *name, struct gs_random *random)
{
    struct gs_gpunode_gpu gpus[GPUS];
    struct gs_gpunode_slice slices[GPUS][2];
    char uuids[GPUS][40];
    char pods[GPUS][2][32];
    char spaces[GPUS][2][16];
    for (unsigned k = 0; k < GPUS; k++) {
        for (unsigned i = 0; i < 2; i++) {
            uint64_t at = gs_random_below(random, PODS);
            bool held = gs_random_below(random, 3) > 0;
            (void)snprintf(spaces[k][i], sizeof(spaces[k][i]), "team-%u", (unsigned)at % 4);
            (void)snprintf(pods[k][i], sizeof(pods[k][i]), "pod-%u", (unsigned)at);
            slices[k][i] = slice_at(4 * i, held ? spaces[k][i] : "", held ? pods[k][i] : "");
        }
        (void)snprintf(uuids[k], sizeof(uuids[k]), "GPU-%s-%u", name, k);
        gpus[k] = (struct gs_gpunode_gpu){.index = k,
                                          .uuid = uuids[k],
                                          .model = "A100-40GB",
                                          .product = "",
                                          .mig = true,
                                          .healthy = true,
                                          .slices = slices[k],
                                          .n_slices = 2,
                                          .decision = {.message = ""}};
    }
    const struct gs_gpunode node = {.name = name, .gpus = gpus, .n_gpus = GPUS};
    assert_int_equal(gs_board_put_gpus(board, &node, NULL), 0);
}

static uint64_t value_of(const struct gs_sample *sample, const char *name, double *ret_sum)
{
    uint64_t n = 0;
    *ret_sum = 0;
    for (size_t i = 0; i < sample->n_values; i++) {
        if (strcmp(sample->values[i].name, name) == 0) {
            *ret_sum += sample->values[i].value;
            n++;
        }
    }
    return n;
}

/* ---- money ---- */

/* The sum of each kind of cost; all have to be the same. */
static void expect_bill(const struct gs_sample *sample)
{
    uint64_t sums[GS_HISTORY_BYS] = {0};
    double usd;
    for (size_t i = 0; i < sample->n_costs; i++) {
        sums[sample->costs[i].by] += sample->costs[i].uusd_h;
    }
    assert_int_equal(value_of(sample, "bill_usd_h", &usd), 1);
    for (unsigned by = 0; by < GS_HISTORY_BYS; by++) {
        assert_true((double)sums[by] / 1e6 == usd);
    }
}

static void sample__each_kind_of_cost_adds_up_to_the_bill(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    struct gs_random random;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    gs_random_init(&random, seed);
    for (unsigned round = 0; round < 40; round++) {
        struct gs_board *board = new_board();
        struct gs_sample sample = {.n_values = 0};
        for (unsigned n = 0; n < NODES; n++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "n%u", n);
            put_node(board, name, gs_random_below(&random, 5) == 0 ? "odd" : "p4d.24xlarge",
                     (enum gs_board_state)(gs_random_below(&random, 4) == 0 ? GS_BOARD_STARTING
                                                                            : GS_BOARD_READY));
            if (gs_random_below(&random, 6) > 0) {
                put_gpus(board, name, &random);
            }
        }
        for (unsigned p = 0; p < PODS; p += 3) {
            char space[16];
            char name[16];
            (void)snprintf(space, sizeof(space), "team-%u", p % 4);
            (void)snprintf(name, sizeof(name), "pod-%u", p);
            put_pod(board, space, name, p % 2 == 0 ? "Deployment/a" : "", "n1");
        }
        (void)gs_board_refresh(board, NOW_US, NULL);
        assert_int_equal(gs_sample_make(&sample, board, 3, 1, NULL), 0);
        expect_bill(&sample);
        gs_sample_done(&sample);
        gs_board_free(board);
    }
}

static void sample__many_workloads_are_one_row_and_still_add_up(void **state)
{
    enum { MANY = GS_SAMPLE_NAMES_MAX / GPUS / 2 + 40 };
    struct gs_board *board = new_board();
    struct gs_sample sample = {.n_values = 0};
    size_t n = 0;
    bool others = false;
    (void)state;
    for (unsigned k = 0; k < MANY; k++) {
        struct gs_gpunode_gpu gpus[GPUS];
        struct gs_gpunode_slice slices[GPUS][2];
        char uuids[GPUS][40];
        char pods[GPUS][2][40];
        char name[16];
        (void)snprintf(name, sizeof(name), "n%u", k);
        put_node(board, name, "p4d.24xlarge", GS_BOARD_READY);
        for (unsigned g = 0; g < GPUS; g++) {
            for (unsigned i = 0; i < 2; i++) {
                char workload[300] = "Job/";
                memset(workload + 4, 'x', 270); /* longer than a history takes: it cuts them */
                (void)snprintf(workload + 274, 20, "%u-%u-%u", k, g, i);
                (void)snprintf(pods[g][i], sizeof(pods[g][i]), "p-%u-%u-%u", k, g, i);
                put_pod(board, i == 0 ? "a" : "b", pods[g][i], i == 0 ? workload : workload + 260,
                        name);
                slices[g][i] = slice_at(4 * i, i == 0 ? "a" : "b", pods[g][i]);
            }
            (void)snprintf(uuids[g], sizeof(uuids[g]), "GPU-%u-%u", k, g);
            gpus[g] = (struct gs_gpunode_gpu){.index = g,
                                              .uuid = uuids[g],
                                              .model = "A100-40GB",
                                              .product = "",
                                              .mig = true,
                                              .healthy = true,
                                              .slices = slices[g],
                                              .n_slices = 2,
                                              .decision = {.message = ""}};
        }
        const struct gs_gpunode node = {.name = name, .gpus = gpus, .n_gpus = GPUS};
        assert_int_equal(gs_board_put_gpus(board, &node, NULL), 0);
    }
    (void)gs_board_refresh(board, NOW_US, NULL);
    assert_int_equal(gs_sample_make(&sample, board, 0, 1, NULL), 0);
    expect_bill(&sample);
    for (size_t i = 0; i < sample.n_costs; i++) {
        n += sample.costs[i].by == GS_HISTORY_WORKLOAD;
        others |= sample.costs[i].by == GS_HISTORY_WORKLOAD &&
                  strcmp(sample.costs[i].name, "(others)") == 0;
    }
    assert_true(others && n <= GS_SAMPLE_NAMES_MAX + 4);
    gs_sample_done(&sample);
    gs_board_free(board);
}

/* ---- numbers ---- */

static void sample__what_happened_is_counted_once(void **state)
{
    struct gs_board *board = new_board();
    struct gs_sample sample = {
        .counts = {.accepted = 3, .delayed = 1, .recuts = 2, .failed_recuts = 1}};
    double sum;
    (void)state;
    gs_sample_recut(&sample, 1000000, 4000000);
    for (unsigned i = 0; i < 19; i++) {
        gs_sample_recut(&sample, 2000000, 2000000);
    }
    (void)gs_board_refresh(board, NOW_US, NULL);
    assert_int_equal(gs_sample_make(&sample, board, 7, 3000000, NULL), 0);
    assert_int_equal(value_of(&sample, "accepted_percent", &sum), 4);
    assert_true(sum == 300);
    assert_int_equal(value_of(&sample, "recuts", &sum), 1);
    assert_true(sum == 2);
    assert_int_equal(value_of(&sample, "recut_p50_s", &sum), 1);
    assert_true(sum == 2);
    assert_int_equal(value_of(&sample, "recut_p95_s", &sum), 1);
    assert_true(sum == 2);
    assert_int_equal(value_of(&sample, "waiting_pods", &sum), 1);
    assert_true(sum == 7);
    assert_int_equal(value_of(&sample, "held_percent", &sum), 0); /* there is no GPU */
    gs_sample_taken(&sample);
    assert_int_equal(gs_sample_make(&sample, board, 0, 2000000 + GS_SAMPLE_RECUTS_US, NULL), 0);
    assert_int_equal(value_of(&sample, "recuts", &sum), 1);
    assert_true(sum == 0);
    assert_int_equal(value_of(&sample, "recut_p50_s", &sum), 0); /* longer ago than an hour */
    assert_int_equal(value_of(&sample, "accepted_percent", &sum), 0);
    gs_sample_done(&sample);
    gs_board_free(board);
}

/* ---- news ---- */

struct heard {
    char text[4096];
};

static void hear(void *ctx, const struct gs_board_news *news)
{
    struct heard *heard = ctx;
    size_t n = strlen(heard->text);
    (void)snprintf(heard->text + n, sizeof(heard->text) - n, "%s %s %s\n", news->subject,
                   gs_board_news_words[news->what], news->text);
}

static void news__tell_what_has_changed_and_not_what_was_there(void **state)
{
    struct gs_board *board = new_board();
    struct heard heard = {.text = ""};
    struct gs_gpunode_slice slices[2] = {slice_at(0, "", ""), slice_at(4, "", "")};
    struct gs_gpunode_gpu gpu = {.uuid = "GPU-1",
                                 .model = "A100-40GB",
                                 .product = "",
                                 .mig = true,
                                 .healthy = true,
                                 .slices = slices,
                                 .n_slices = 1,
                                 .decision = {.message = ""}};
    const struct gs_gpunode node = {.name = "n1", .gpus = &gpu, .n_gpus = 1};
    (void)state;
    gs_board_on_news(board, hear, &heard);
    put_node(board, "n1", "p4d.24xlarge", GS_BOARD_READY);
    put_node(board, "n2", "p4d.24xlarge", GS_BOARD_STARTING);
    assert_int_equal(gs_board_put_gpus(board, &node, NULL), 0);
    assert_string_equal(heard.text, "");
    gs_board_set_whole(board, true);
    assert_int_equal(gs_board_put_gpus(board, &node, NULL), 0);
    put_node(board, "n1", "p4d.24xlarge", GS_BOARD_READY);
    assert_string_equal(heard.text, "");
    put_pod(board, "a", "p", "", "");
    put_pod(board, "a", "p", "", "n1");
    put_pod(board, "a", "p", "", "n1");
    slices[0] = slice_at(0, "a", "p");
    gpu.n_slices = 2;
    assert_int_equal(gs_board_put_gpus(board, &node, NULL), 0);
    gs_board_drop_pod(board, "a", "p");
    slices[0] = slice_at(4, "", "");
    gpu.n_slices = 1;
    gpu.healthy = false;
    assert_int_equal(gs_board_put_gpus(board, &node, NULL), 0);
    put_node(board, "n2", "p4d.24xlarge", GS_BOARD_READY);
    put_node(board, "n3", "p4d.24xlarge", GS_BOARD_STARTING);
    gs_board_drop_node(board, "n3");
    gs_board_drop_gpus(board, "n1");
    assert_string_equal(heard.text, "pod a/p Waits asks for 1 x 3g.20gb\n"
                                    "pod a/p Bound to node n1\n"
                                    "GPU-1 Held 3g.20gb at 0: pod a/p\n"
                                    "pod a/p Slice 3g.20gb at 0 of GPU-1 on node n1\n"
                                    "GPU-1 Made 3g.20gb at 4\n"
                                    "pod a/p Gone it was on node n1\n"
                                    "GPU-1 Sick \n"
                                    "GPU-1 Free 3g.20gb at 0: pod a/p\n"
                                    "GPU-1 Removed 3g.20gb at 0\n"
                                    "node n2 NodeServes \n"
                                    "node n3 NodeLost \n"
                                    "GPU-1 Away node n1\n");
    gs_board_free(board);
}

static void board__that_tells_nobody_lets_go_of_pods_that_are_gone(void **state)
{
    const struct gs_board_options options = {
        .kind = "cluster", .name = "t", .price = price, .untold = true};
    struct gs_board *board = NULL;
    (void)state;
    assert_int_equal(gs_board_new(&options, &board, NULL), 0);
    put_node(board, "n1", "p4d.24xlarge", GS_BOARD_READY);
    for (unsigned i = 0; i < 60000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "p-%u", i);
        put_pod(board, "a", name, "Job/x", "n1");
        gs_board_drop_pod(board, "a", name);
        if (i % 500 == 0) {
            (void)gs_board_refresh(board, NOW_US + i, NULL);
        }
    }
    assert_true(board->crowd.n < 20000);
    gs_board_free(board);
}

/* ---- what a viewer may see ---- */

static bool sees_a(void *ctx, const char *name_space)
{
    (void)ctx;
    return strcmp(name_space, "a") == 0;
}

static void past__rows_of_others_are_one_and_the_total_stays(void **state)
{
    static const struct gs_board_reader reader = {sees_a, NULL};
    static const struct {
        const char *document;
        const char *wanted; /* NULL: refused */
    } cases[] = {
        {"{\"at\":\"x\",\"from\":1,\"to\":2,\"by\":\"workload\",\"rows\":["
         "{\"name\":\"b/Job/x\",\"uusd\":9,\"rest\":3000},{\"name\":\"a/Job/y\",\"uusd\":8,\"rest\":0},"
         "{\"name\":\"(idle)\",\"uusd\":7,\"rest\":1},{\"name\":\"aa/Job/z\",\"uusd\":6,\"rest\":700}],"
         "\"total\":{\"uusd\":31,\"rest\":101},\"known_s\":5}",
         "{\"at\":\"x\",\"from\":1,\"to\":2,\"by\":\"workload\",\"rows\":["
         "{\"name\":\"(not yours)\",\"uusd\":16,\"rest\":100},"
         "{\"name\":\"a/Job/y\",\"uusd\":8,\"rest\":0},{\"name\":\"(idle)\",\"uusd\":7,\"rest\":1}],"
         "\"total\":{\"uusd\":31,\"rest\":101},\"known_s\":5,"
         "\"left_out\":{\"count\":0,\"first\":[]}}"},
        {"{\"rows\":[{\"name\":\"b\",\"uusd\":-1,\"rest\":0}]}", NULL},
        {"{\"rows\":[{\"name\":\"b\",\"uusd\":1,\"rest\":3600}]}", NULL},
        {"{\"rows\":[{\"uusd\":1,\"rest\":0}]}", NULL},
        {"{\"rows\":{}}", NULL},
        {"not JSON", NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_buf out;
        struct gs_err err;
        gs_buf_init(&out, 4096);
        int r = gs_board_hide_costs(gs_view(cases[i].document), &reader, &out, &err);
        assert_int_equal(r, cases[i].wanted == NULL ? GS_INVALID : 0);
        if (cases[i].wanted != NULL) {
            assert_string_equal(gs_buf_text(&out), cases[i].wanted);
        }
        gs_buf_done(&out);
    }
}

static void past__pods_of_others_have_no_name_in_events(void **state)
{
    static const struct gs_board_reader reader = {sees_a, NULL};
    struct gs_buf out;
    (void)state;
    gs_buf_init(&out, 4096);
    assert_int_equal(gs_board_hide_events(
                         gs_view("{\"at\":\"x\",\"events\":["
                                 "{\"at\":\"1\",\"what\":\"Held\",\"text\":\"3g at 0: pod a/p\"},"
                                 "{\"at\":\"2\",\"what\":\"Held\",\"text\":\"3g at 0: pod b/p\"},"
                                 "{\"at\":\"3\",\"what\":\"Made\",\"text\":\"3g at 0\"}]}"),
                         &reader, &out, NULL),
                     0);
    assert_string_equal(
        gs_buf_text(&out),
        "{\"at\":\"x\",\"events\":["
        "{\"at\":\"1\",\"what\":\"Held\",\"text\":\"3g at 0: pod a/p\"},"
        "{\"at\":\"2\",\"what\":\"Held\",\"text\":\"3g at 0: a pod that is not yours\"},"
        "{\"at\":\"3\",\"what\":\"Made\",\"text\":\"3g at 0\"}],"
        "\"left_out\":{\"count\":0,\"first\":[]}}");
    gs_buf_done(&out);
}

/* Whoever asks for a series that is kept is not told that there is none. */
static void board__knows_each_series_that_a_sample_has(void **state)
{
    static const struct {
        const char *names;
        const char *why; /* NULL: all are known */
    } cases[] = {
        {"bill_usd_h", NULL},
        {"recuts,failed_recuts,recut_p50_s,recut_p95_s", NULL},
        {"accepted_percent,bound_usd_h", NULL},
        {"bil_usd_h", "near names: bill_usd_h"},
        {"bill_usd_h,", "no series \"\""},
        {"recuts,nothing_like_it_at_all", "no series \"nothing_like_it_at_all\""},
        {"recuts, recuts", "no series \" recuts\""},
    };
    struct gs_sample sample = {.counts = {.accepted = 1}};
    struct gs_board *board = new_board();
    (void)state;
    gs_sample_recut(&sample, 1, 1);
    assert_int_equal(gs_sample_make(&sample, board, 0, 1, NULL), 0);
    assert_true(sample.n_values > 10);
    for (size_t i = 0; i < sample.n_values; i++) {
        assert_int_equal(gs_board_check_series(sample.values[i].name, NULL), 0);
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_err err = {.msg = ""};
        int r = gs_board_check_series(cases[i].names, &err);
        assert_int_equal(r, cases[i].why == NULL ? 0 : GS_INVALID);
        if (cases[i].why != NULL && strstr(err.msg, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].names, err.msg);
        }
    }
    gs_sample_done(&sample);
    gs_board_free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample__each_kind_of_cost_adds_up_to_the_bill),
        cmocka_unit_test(sample__many_workloads_are_one_row_and_still_add_up),
        cmocka_unit_test(sample__what_happened_is_counted_once),
        cmocka_unit_test(news__tell_what_has_changed_and_not_what_was_there),
        cmocka_unit_test(board__that_tells_nobody_lets_go_of_pods_that_are_gone),
        cmocka_unit_test(past__rows_of_others_are_one_and_the_total_stays),
        cmocka_unit_test(past__pods_of_others_have_no_name_in_events),
        cmocka_unit_test(board__knows_each_series_that_a_sample_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
