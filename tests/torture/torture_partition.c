#include "torture/torture.h"

#include <stdio.h>
#include <unistd.h>

#include "partition/journal.h"
#include "partition/recover.h"
#include "partition/slice.h"
#include "unit/partition/desk.h"

/* Changes of GPUs with each request for memory failed once. What fails for want of memory fails
 * before anything is touched, and leaves no journal. */

static char dir[64];
static struct gs_gpu_table before;

/* Two GPUs in use, with compute instances, and one with MIG off whose profiles are not told. */
static void set_up(struct gs_gpu_table *table)
{
    const struct gs_gpu_fault hidden = {
        .op = GS_GPU_OP_PROFILES, .skip = 2, .times = 1, .code = GS_UNSUPPORTED};
    gs_gpu_table_init(table, 580);
    assert_int_equal(gs_gpu_table_add(table, "A30-24GB", 3, NULL), 0);
    gs_gpu_table_mig_on(table);
    desk_cut(table, 0, "2g.12gb@0(1c@1!),1g.6gb@2");
    desk_cut(table, 1, "2g.12gb@2(1c,1c),1g.6gb@0!");
    table->gpus[2].mode = table->gpus[2].pending = GS_MIG_OFF;
    assert_int_equal(gs_gpu_table_fault(table, &hidden, NULL), 0);
    before = *table;
}

/* The machine is as it was, and no journal is there. */
static void check_untouched(const struct gs_gpu_table *table)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/journal", dir);
    assert_true(gs_gpu_table_equal(table, &before));
    assert_int_equal(access(path, F_OK), -1);
}

static int let_go(void *ctx, const struct gs_guard_leaving *leaving, unsigned n, struct gs_err *err)
{
    (void)ctx;
    (void)leaving;
    (void)err;
    assert_true(n > 0);
    return 0;
}

static int apply(const struct gs_alloc *source, struct gs_err *err)
{
    static struct gs_gpu_table table;
    static struct gs_mig_wish wish;
    const struct gs_guard guard = {.before = let_go};
    const struct gs_apply_want wants[3] = {{.wish = &wish}, {.wish = &wish}, {.wish = &wish}};
    const struct gs_apply_options options = {
        .dir = dir, .what = "mig apply", .alloc = source, .guard = &guard};
    struct gs_apply_report report;
    struct gs_gpus gpus;
    char text[DESK_TEXT_MAX];
    set_up(&table);
    desk_wish(&wish, "1c.2g.12gb=1,1g.6gb=2");
    gs_gpu_table_open(&table, &gpus);
    int r = gs_apply(&gpus, wants, 3, &options, &report, err);
    gs_gpu_close(&gpus);
    if (r < 0) {
        check_untouched(&table);
    } else {
        assert_string_equal(desk_read_inside(&table, 0, text),
                            "2g.12gb@0(1c@1),1g.6gb@2(1c@0),1g.6gb@3(1c@0)");
    }
    return r;
}

static int apply_what_fits(const struct gs_alloc *source, struct gs_err *err)
{
    static struct gs_gpu_table table;
    static struct gs_mig_wish wish;
    const struct gs_apply_want wants[3] = {{.wish = &wish}};
    const struct gs_apply_options options = {
        .dir = dir, .what = "mig apply", .alloc = source, .only_idle = true};
    struct gs_apply_report report;
    struct gs_gpus gpus;
    set_up(&table);
    desk_wish(&wish, "2g.12gb=1,1g.6gb=2");
    gs_gpu_table_open(&table, &gpus);
    int r = gs_apply(&gpus, wants, 3, &options, &report, err);
    gs_gpu_close(&gpus);
    if (r == GS_NO_MEMORY) {
        check_untouched(&table);
    }
    return r == GS_BUSY ? 0 : r; /* the 2g is in use otherwise: as far as it goes */
}

static int create_and_destroy(const struct gs_alloc *source, struct gs_err *err)
{
    static struct gs_gpu_table table;
    const struct gs_apply_options options = {.dir = dir, .what = "mig create", .alloc = source};
    struct gs_slice_ask ask = {.start = GS_NOT_KNOWN, .gpus = 1};
    struct gs_slice_made made = {.n = 0};
    struct gs_gpus gpus;
    set_up(&table);
    gs_gpu_table_clear_faults(&table);
    assert_int_equal(gs_profile_name_parse(gs_view("1c.2g.12gb"), &ask.name, NULL), 0);
    gs_gpu_table_open(&table, &gpus);
    int r = gs_slice_create(&gpus, &ask, &options, &made, err);
    if (r < 0) {
        check_untouched(&table);
    } else {
        assert_int_equal(made.n, 1);
        struct gs_gpu_instances there;
        assert_int_equal(gs_gpu_instances(&gpus, 1, &there, NULL), 0);
        const char *const which[] = {made.compute[0].uuid, there.at[1].compute[1].uuid};
        static struct gs_gpu_table with;
        with = table;
        r = gs_slice_destroy(&gpus, which, 2, &options, err);
        assert_int_equal(gs_gpu_table_equal(&table, &with), r < 0);
    }
    gs_gpu_close(&gpus);
    return r;
}

/* The heap: what a killed run left. */
static int recover(struct gs_err *err)
{
    static struct gs_gpu_table table;
    const struct gs_say say = {.line = NULL};
    struct gs_journal journal;
    struct gs_journal_step step = {
        .n = 1, .of = 1, .kind = GS_JOURNAL_CREATE, .ci_profile = GS_NOT_KNOWN, .size = 2};
    struct gs_gpus gpus;
    set_up(&table);
    step.shall = (struct gs_change_cis){.present = true, .n = 1, .profiles = {1}};
    snprintf(step.gpu, sizeof(step.gpu), "%s", table.gpus[0].uuid);
    (void)gs_journal_remove(dir, NULL);
    assert_int_equal(gs_journal_open(&journal, dir, "mig apply", false, 1, NULL, NULL), 0);
    assert_int_equal(gs_journal_write(&journal, &step, NULL), 0);
    close(journal.fd);
    gs_gpu_table_open(&table, &gpus);
    int r = gs_recover(&gpus, dir, &say, err);
    gs_gpu_close(&gpus);
    if (r < 0) {
        assert_true(gs_gpu_table_equal(&table, &before));
    }
    return r;
}

static int run_a_hook(struct gs_err *err)
{
    static const struct gs_mighook_command command = {.line = 1, .command = "/bin/true"};
    static const struct gs_mighooks file = {.n = {[GS_MIGHOOK_APPLY_START] = 1},
                                            .commands = {[GS_MIGHOOK_APPLY_START] = &command}};
    const struct gs_hooks hooks = {.file = &file};
    return gs_hooks_run(&hooks, GS_MIGHOOK_APPLY_START, err);
}

static int begin(void **state)
{
    (void)state;
    desk_dir(dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    desk_dir_done(dir);
    return 0;
}

static void torture__apply_survives_each_failed_request(void **state)
{
    (void)state;
    unsigned requests = torture_arena(apply, 1);
    print_message("%u requests\n", requests);
    assert_true(requests >= 8);
}

static void torture__apply_of_what_fits_survives_each_failed_request(void **state)
{
    (void)state;
    unsigned requests = torture_arena(apply_what_fits, 1);
    print_message("%u requests\n", requests);
    assert_true(requests >= 5);
}

static void torture__a_slice_by_hand_survives_each_failed_request(void **state)
{
    (void)state;
    unsigned requests = torture_arena(create_and_destroy, 1);
    print_message("%u requests\n", requests);
    assert_true(requests >= 8);
}

static void torture__recovery_survives_each_failed_request(void **state)
{
    (void)state;
    assert_int_equal(torture_heap(recover, 1), 1);
}

static void torture__a_hook_survives_each_failed_request(void **state)
{
    (void)state;
    assert_int_equal(torture_heap(run_a_hook, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__apply_survives_each_failed_request),
        cmocka_unit_test(torture__apply_of_what_fits_survives_each_failed_request),
        cmocka_unit_test(torture__a_slice_by_hand_survives_each_failed_request),
        cmocka_unit_test(torture__recovery_survives_each_failed_request),
        cmocka_unit_test(torture__a_hook_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
