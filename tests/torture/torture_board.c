#include "torture/torture.h"

#include <string.h>

#include "board/board.h"
#include "board/news.h"
#include "dashboard/door.h"
#include "dashboard/viewers.h"

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)type;
    (void)region;
    (void)capacity;
    return 21957642;
}

static int put_node(struct gs_board *board, const char *name, struct gs_err *err)
{
    const struct gs_board_node node = {.name = name,
                                       .pool = "pool",
                                       .instance_type = "p4d.24xlarge",
                                       .region = "us-east-1",
                                       .zone = "",
                                       .capacity_type = "",
                                       .why = "",
                                       .shown = true};
    return gs_board_put_node(board, &node, err);
}

static int put_pod(struct gs_board *board, const char *name, const char *workload,
                   struct gs_err *err)
{
    struct gs_want want = {.count = 1};
    (void)gs_profile_name_parse(gs_view("3g.20gb"), &want.profile, NULL);
    const struct gs_board_pod pod = {.name_space = "team",
                                     .name = name,
                                     .workload = workload,
                                     .node = "n1",
                                     .nominated = "",
                                     .wants = &want,
                                     .n_wants = 1};
    return gs_board_put_pod(board, &pod, err);
}

/* A GPU with a slice that is held, and a wish for another layout. */
static int put_gpus(struct gs_board *board, const char *wished, struct gs_err *err)
{
    struct gs_gpunode_slice slice = {.start = 0,
                                     .state = GS_GPUNODE_HELD,
                                     .resource = "",
                                     .uuid = "",
                                     .holder = {"team", "a", "u"}};
    (void)gs_profile_name_parse(gs_view("3g.20gb"), &slice.profile, NULL);
    struct gs_gpunode_gpu gpu = {.uuid = "GPU-1",
                                 .model = "A100-40GB",
                                 .product = "",
                                 .mig = true,
                                 .healthy = true,
                                 .slices = &slice,
                                 .n_slices = 1,
                                 .decision = {.id = "", .message = ""}};
    struct gs_gpunode_wish wish = {.uuid = "GPU-1", .id = wished, .layout = "3g.20gb@0,3g.20gb@4"};
    const struct gs_gpunode node = {
        .name = "n1", .gpus = &gpu, .n_gpus = 1, .wishes = &wish, .n_wishes = 1};
    return gs_board_put_gpus(board, &node, err);
}

/* What could not be written is written as soon as there is memory. */
static int refresh(struct gs_board *board, struct gs_err *err)
{
    bool failed = false;
    bool again = false;
    (void)gs_board_refresh(board, 1, &failed);
    if (failed) {
        (void)gs_board_refresh(board, 2, &again);
        assert_false(again);
    }
    return failed ? gs_fail(err, GS_NO_MEMORY, "a node could not be written") : 0;
}

static bool sees_none(void *ctx, const char *name_space)
{
    (void)ctx;
    (void)name_space;
    return false;
}

static int write_all(struct gs_board *board, const struct gs_board_mark *since, struct gs_err *err)
{
    static const struct gs_board_reader readers[] = {{NULL, NULL}, {sees_none, NULL}};
    struct gs_buf out;
    int r = 0;
    gs_buf_init(&out, 1 << 20);
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        r = gs_board_write_fleet(board, &readers[i], &out, err);
        gs_buf_reset(&out);
        r = r == 0 ? gs_board_write_money(board, &readers[i], &out, err) : r;
        gs_buf_reset(&out);
        r = r == 0 ? gs_board_write_waiting(board, NULL, true, 1, &readers[i], &out, err) : r;
        gs_buf_reset(&out);
        r = r == 0 ? gs_board_write_changes(board, &readers[i], since, &out, err) : r;
        if (r == GS_NOT_FOUND) { /* the name of a node that went could not be kept */
            r = gs_fail(err, GS_NO_MEMORY, "the reader has to ask for everything");
        }
        gs_buf_reset(&out);
    }
    gs_buf_done(&out);
    return r;
}

/* Who keeps what has happened notes something down with each re-cut. */
static void on_news(void *ctx, const struct gs_board_news *news)
{
    (void)ctx;
    if (news->note != NULL) {
        *news->note = 7;
    }
}

static int tell_and_write(struct gs_err *err)
{
    const struct gs_board_options options = {.kind = "cluster", .name = "c", .price = price};
    struct gs_board *board = NULL;
    int r = gs_board_new(&options, &board, err);
    if (r != 0) {
        return r;
    }
    r = put_node(board, "n1", err);
    r = r == 0 ? put_node(board, "n2", err) : r;
    r = r == 0 ? put_pod(board, "a", "", err) : r;
    r = r == 0 ? put_gpus(board, "w", err) : r;
    gs_board_set_whole(board, true);
    gs_board_on_news(board, on_news, NULL);
    r = r == 0 ? put_gpus(board, "another", err) : r;
    r = r == 0 ? refresh(board, err) : r;
    struct gs_board_mark mark = gs_board_mark(board);
    r = r == 0 ? put_pod(board, "a", "Job/train", err) : r; /* it gets another number */
    r = r == 0 ? put_pod(board, "b", "Job/train", err) : r;
    if (r == 0) {
        gs_board_drop_node(board, "n2");
        gs_board_drop_pod(board, "team", "b");
    }
    r = r == 0 ? refresh(board, err) : r;
    r = r == 0 ? write_all(board, &mark, err) : r;
    gs_board_free(board);
    return r;
}

static void torture__a_board_is_told_and_written_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(tell_and_write, 1) > 30);
}

struct told {
    enum gs_viewer_standing standing;
    unsigned n;
};

static void on_told(void *ctx, enum gs_viewer_standing standing, struct gs_viewer *viewer,
                    const char *why)
{
    struct told *told = ctx;
    assert_true((standing == GS_VIEWER_IN) == (viewer != NULL));
    assert_non_null(why);
    told->standing = standing;
    told->n++;
}

/* Who asks is answered each time, once; nobody gets in by a lack of memory. */
static int ask_viewers(struct gs_err *err)
{
    const struct gs_viewers_options options = {.token = "good"};
    struct gs_viewers *viewers = NULL;
    int r = gs_viewers_new(&options, &viewers, err);
    for (unsigned i = 0; r == 0 && i < 4; i++) {
        struct told told = {.n = 0};
        struct gs_viewer_wait wait = {.done = on_told, .ctx = &told};
        bool good = i % 2 == 0;
        gs_viewers_ask(viewers, good ? "good" : "bad", i + 1, &wait);
        assert_int_equal(told.n, 1);
        assert_true(good || told.standing == GS_VIEWER_NOBODY);
        if (good && told.standing == GS_VIEWER_NOT_ASKED) {
            r = gs_fail(err, GS_NO_MEMORY, "no memory for who looks");
        } else if (good) {
            assert_int_equal(told.standing, GS_VIEWER_IN);
        }
    }
    gs_viewers_free(viewers);
    return r;
}

static void torture__viewers_are_asked_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(ask_viewers, 1) > 3);
}

/* Codes and cookies: a door without memory stays shut. */
static int make_door(struct gs_err *err)
{
    const struct gs_door_options options = {
        .hosts = "a.example,b.example", .standing = "code", .standing_token = "token"};
    struct gs_door *door = NULL;
    char code[GS_DOOR_ID_TEXT];
    int r = gs_door_new(&options, &door, err);
    for (unsigned i = 0; r == 0 && i < 3; i++) {
        r = gs_door_code(door, "token", i, code, err);
    }
    gs_door_free(door);
    return r;
}

static void torture__a_door_is_made_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(make_door, 1) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_board_is_told_and_written_whatever_request_fails),
        cmocka_unit_test(torture__viewers_are_asked_whatever_request_fails),
        cmocka_unit_test(torture__a_door_is_made_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
