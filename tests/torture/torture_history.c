#include "torture/torture.h"

#include "board/board.h"
#include "historian/sample.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_sample_is_taken_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
