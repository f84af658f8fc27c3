/* The guard of a change: what it is told, and what follows from its answers. */
#include "unit/check.h"

#include <stdio.h>

#include "partition/apply.h"
#include "unit/partition/desk.h"

struct watch {
    struct gs_gpu_table table;
    char dir[64];
    struct gs_mig_wish wishes[2];
    struct gs_apply_want wants[2];
    struct gs_apply_report report;
    struct gs_err err;
    const char *held[2]; /* UUID of the MIG device that a pod holds on this GPU; or NULL */
    int answers[4];      /* of `before`, in order */
    unsigned asked;
    unsigned leaving; /* when it was last asked */
    char last_uuid[GS_GPU_UUID_MAX];
    unsigned made[2];
    unsigned gone;
};

static int mark(void *ctx, struct gs_inventory_gpu *gpu, struct gs_err *err)
{
    struct watch *watch = ctx;
    (void)err;
    const char *held = watch->held[gpu->gpu];
    for (unsigned i = 0; held != NULL && i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        if (strcmp(gi->compute[0].uuid, held) == 0) {
            gs_inventory_mark_by(gpu, gi->id, gi->compute[0].id, "pod default/train-0");
        }
    }
    if (held != NULL && strcmp(held, gpu->facts.uuid) == 0) {
        gs_inventory_mark_by(gpu, GS_NOT_KNOWN, GS_NOT_KNOWN, "pod default/whole");
    }
    return 0;
}

static int before(void *ctx, const struct gs_guard_leaving *leaving, unsigned n, struct gs_err *err)
{
    struct watch *watch = ctx;
    watch->leaving = n;
    snprintf(watch->last_uuid, sizeof(watch->last_uuid), "%s", leaving[n - 1].uuid);
    int answer = watch->answers[watch->asked++];
    return answer == 0 ? 0 : gs_fail(err, (enum gs_code)answer, "a pod was granted it");
}

static void made(void *ctx, unsigned gpu)
{
    struct watch *watch = ctx;
    watch->made[gpu]++;
}

static void gone(void *ctx, unsigned gpu, uint32_t gi, uint32_t ci)
{
    struct watch *watch = ctx;
    (void)gpu;
    (void)gi;
    (void)ci;
    watch->gone++;
}

static void begin(struct watch *watch)
{
    memset(watch, 0, sizeof(*watch));
    desk_machine(&watch->table, "A100-40GB", 2);
    desk_dir(watch->dir);
}

static void want(struct watch *watch, unsigned gpu, const char *counts)
{
    desk_wish(&watch->wishes[gpu], counts);
    watch->wants[gpu].wish = &watch->wishes[gpu];
}

static int apply(struct watch *watch, bool only_idle)
{
    const struct gs_guard guard = {
        .mark = mark, .before = before, .made = made, .gone = gone, .ctx = watch};
    const struct gs_apply_options options = {
        .dir = watch->dir, .what = "test", .only_idle = only_idle, .guard = &guard};
    struct gs_gpus gpus;
    gs_gpu_table_open(&watch->table, &gpus);
    int r = gs_apply(&gpus, watch->wants, 2, &options, &watch->report, &watch->err);
    gs_gpu_close(&gpus);
    return r;
}

static const char *uuid_at(struct watch *watch, unsigned gpu, unsigned start,
                           char ret[GS_GPU_UUID_MAX])
{
    struct gs_gpus gpus;
    struct gs_gpu_instances instances;
    gs_gpu_table_open(&watch->table, &gpus);
    assert_int_equal(gs_gpu_instances(&gpus, gpu, &instances, NULL), 0);
    gs_gpu_close(&gpus);
    for (unsigned i = 0; i < instances.n; i++) {
        if (instances.at[i].start == start) {
            snprintf(ret, GS_GPU_UUID_MAX, "%s", instances.at[i].compute[0].uuid);
            return ret;
        }
    }
    fail_msg("nothing starts at %u", start);
    return NULL;
}

#define ASSERT_CUT(watch, gpu, layout)                                                             \
    do {                                                                                           \
        char text_[DESK_TEXT_MAX];                                                                 \
        assert_string_equal(desk_read(&(watch)->table, gpu, text_), layout);                       \
    } while (0)

static void guard__is_told_of_what_goes_and_of_what_is_made(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    desk_cut(&watch.table, 0, "3g.20gb@0,3g.20gb@4");
    want(&watch, 0, "3g.20gb=1,2g.10gb=2");
    want(&watch, 1, "7g.40gb=1");
    assert_int_equal(apply(&watch, false), 0);
    assert_int_equal(watch.asked, 1);
    assert_int_equal(watch.leaving, 1);
    assert_int_equal(watch.made[0], 2);
    assert_int_equal(watch.made[1], 1);
    desk_dir_done(watch.dir);
}

static void guard__is_not_asked_where_nothing_goes(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    want(&watch, 0, "3g.20gb=1");
    assert_int_equal(apply(&watch, false), 0);
    assert_int_equal(watch.asked, 0);
    desk_dir_done(watch.dir);
}

static void guard__that_refuses_leaves_everything_as_it_is(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    desk_cut(&watch.table, 0, "3g.20gb@0");
    want(&watch, 0, "7g.40gb=1");
    want(&watch, 1, "7g.40gb=1");
    watch.answers[0] = GS_IO;
    assert_int_equal(apply(&watch, false), GS_IO);
    ASSERT_CUT(&watch, 0, "3g.20gb@0");
    ASSERT_CUT(&watch, 1, "");
    desk_dir_done(watch.dir);
}

static void guard__names_the_pod_that_stands_in_the_way(void **state)
{
    (void)state;
    struct watch watch;
    char uuid[GS_GPU_UUID_MAX];
    begin(&watch);
    desk_cut(&watch.table, 0, "3g.20gb@0");
    watch.held[0] = uuid_at(&watch, 0, 0, uuid);
    want(&watch, 0, "7g.40gb=1");
    assert_int_equal(apply(&watch, false), GS_BUSY);
    assert_int_equal(watch.asked, 0);
    assert_non_null(strstr(watch.err.msg, "by pod default/train-0"));
    desk_dir_done(watch.dir);
}

static void guard__another_slice_goes_when_the_first_was_granted_meanwhile(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    desk_cut(&watch.table, 0, "3g.20gb@0,3g.20gb@4");
    want(&watch, 0, "3g.20gb=1,2g.10gb=1,1g.5gb=1");
    watch.answers[0] = GS_BUSY;
    assert_int_equal(apply(&watch, false), 0);
    assert_int_equal(watch.asked, 2);
    assert_int_equal(watch.gone, 1);
    desk_dir_done(watch.dir);
}

static void guard__is_asked_again_for_what_is_left_when_only_idle_slices_go(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    desk_cut(&watch.table, 0, "3g.20gb@0");
    desk_cut(&watch.table, 1, "3g.20gb@0");
    want(&watch, 0, "7g.40gb=1");
    want(&watch, 1, "7g.40gb=1");
    watch.answers[0] = GS_BUSY;
    assert_int_equal(apply(&watch, true), 0);
    assert_int_equal(watch.asked, 2);
    ASSERT_CUT(&watch, 0, "7g.40gb@0");
    desk_dir_done(watch.dir);
}

static void guard__holds_a_whole_gpu_that_is_to_be_cut(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    watch.table.gpus[1].mode = GS_MIG_OFF;
    watch.table.gpus[1].pending = GS_MIG_OFF;
    want(&watch, 1, "7g.40gb=1");
    watch.answers[0] = GS_IO;
    assert_int_equal(apply(&watch, false), GS_IO);
    assert_int_equal(watch.leaving, 1);
    assert_true(strncmp(watch.last_uuid, "GPU-", 4) == 0);
    watch.held[1] = watch.last_uuid;
    assert_int_equal(apply(&watch, false), GS_BUSY);
    assert_int_equal(watch.asked, 1);
    assert_non_null(strstr(watch.err.msg, "pod default/whole"));
    desk_dir_done(watch.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard__is_told_of_what_goes_and_of_what_is_made),
        cmocka_unit_test(guard__is_not_asked_where_nothing_goes),
        cmocka_unit_test(guard__that_refuses_leaves_everything_as_it_is),
        cmocka_unit_test(guard__names_the_pod_that_stands_in_the_way),
        cmocka_unit_test(guard__another_slice_goes_when_the_first_was_granted_meanwhile),
        cmocka_unit_test(guard__is_asked_again_for_what_is_left_when_only_idle_slices_go),
        cmocka_unit_test(guard__holds_a_whole_gpu_that_is_to_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
