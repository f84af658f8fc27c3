#include "torture/torture.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "board/board.h"
#include "cli/cost/cost.h"
#include "historian/answer.h"
#include "historian/sample.h"
#include "history/history.h"
#include "unit/scratch.h"

#define AT_S 1800000000ll

static char file[SCRATCH_PATH + 8];

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)type;
    (void)region;
    (void)capacity;
    return 21957642;
}

static int tell(struct gs_board *board, struct gs_err *err)
{
    struct gs_want want = {.count = 1, .whole_gpu = true};
    struct gs_gpunode_gpu gpu = {.uuid = "GPU-1",
                                 .model = "A100-40GB",
                                 .product = "",
                                 .whole_held = true,
                                 .healthy = true,
                                 .decision = {.message = ""}};
    const struct gs_gpunode gpus = {.name = "n", .gpus = &gpu, .n_gpus = 1};
    const struct gs_board_node node = {.name = "n",
                                       .pool = "p",
                                       .instance_type = "t",
                                       .region = "",
                                       .zone = "",
                                       .capacity_type = "",
                                       .why = "",
                                       .shown = true};
    const struct gs_board_pod pod = {.name_space = "a",
                                     .name = "b",
                                     .workload = "Job/c",
                                     .node = "n",
                                     .nominated = "",
                                     .wants = &want,
                                     .n_wants = 1};
    int r = gs_board_put_node(board, &node, err);
    r = r == 0 ? gs_board_put_pod(board, &pod, err) : r;
    return r == 0 ? gs_board_put_gpus(board, &gpus, err) : r;
}

/* A board is told something, and a sample is taken of it. */
static int sample_board(struct gs_err *err)
{
    const struct gs_board_options options = {.kind = "cluster", .name = "t", .price = price};
    struct gs_board *board = NULL;
    struct gs_sample sample = {.counts = {.accepted = 2}};
    bool failed = false;
    int r = gs_board_new(&options, &board, err);
    r = r == 0 ? tell(board, err) : r;
    if (r == 0) {
        (void)gs_board_refresh(board, 1, &failed);
        r = failed ? gs_fail(err, GS_NO_MEMORY, "no memory") : 0;
    }
    r = r == 0 ? gs_sample_make(&sample, board, 1, 1, err) : r;
    gs_sample_done(&sample);
    gs_board_free(board);
    return r;
}

static void torture__a_sample_is_taken_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(sample_board, 1) > 10);
}

/* A file is opened, written and asked for everything that it is ever asked for. SQLite has memory
 * of its own: tests/unit/history. */
static int write_and_answer(struct gs_err *err)
{
    static const struct gs_answer_span span = {AT_S - 3600, AT_S + 3600, 15};
    const struct gs_history_cost costs[] = {{GS_HISTORY_PART, "used", 3600},
                                            {GS_HISTORY_NAMESPACE, "a", 3600},
                                            {GS_HISTORY_WORKLOAD, "a/Job/b", 3600},
                                            {GS_HISTORY_POOL, "", 3600}};
    const struct gs_history_value value = {"held_percent", "", 1};
    const struct gs_history_event event = {AT_S, "GPU-1", "Held", "3g.20gb at 4"};
    struct gs_history_aside aside;
    struct gs_history *history = NULL;
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    int r = gs_history_open_anew(file, AT_S, false, &history, &aside, err);
    r = r == 0 ? gs_history_add(history, AT_S, &value, 1, 15, costs, 4, err) : r;
    r = r == 0 ? gs_history_add_event(history, &event, err) : r;
    r = r == 0 ? gs_answer_series(history, "held_percent,none", &span, AT_S, &out, err) : r;
    r = r == 0 ? gs_answer_cost(history, "workload", &span, AT_S, &out, err) : r;
    r = r == 0 ? gs_answer_events(history, "GPU-1", AT_S, &out, err) : r;
    gs_buf_done(&out);
    gs_history_close(history);
    return r;
}

static int cost_of_file(struct gs_err *err)
{
    const struct gs_cost_args args = {.by = GS_COST_BY_WORKLOAD, .file = file};
    const struct gs_cost_span span = {AT_S - 3600, AT_S + 3600, AT_S};
    struct gs_cost_bill bill = {.n = 0};
    int r = gs_cost_read_file(&args, &span, &bill, err);
    r = r == 0 ? gs_cost_bill_round(&bill, err) : r;
    gs_cost_bill_done(&bill);
    return r;
}

static int make_folder(void **state)
{
    char folder[SCRATCH_PATH];
    (void)state;
    if (!scratch_make("gpuslice-torture", folder, sizeof(folder))) {
        return -1;
    }
    (void)snprintf(file, sizeof(file), "%s/h.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove_all();
    return 0;
}

static void torture__a_file_is_written_and_read_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(write_and_answer, 1) > 5);
    assert_true(torture_heap(cost_of_file, 1) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(torture__a_file_is_written_and_read_whatever_request_fails,
                                        make_folder, remove_folder),
        cmocka_unit_test(torture__a_sample_is_taken_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
