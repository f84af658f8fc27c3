#include "unit/check.h"

#include "unit/partition/desk.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/catalog.h"
#include "partition/lock.h"

/* One apply on a machine of `table`. */
struct bench {
    struct gs_gpu_table table;
    char dir[64];
    struct desk_lines notes;
    struct desk_lines steps;
    struct gs_apply_options options;
    struct gs_apply_report report;
    struct gs_apply_want wants[GS_GPUS_MAX];
    struct gs_mig_wish wishes[GS_GPUS_MAX];
    struct gs_err err;
};

static void begin(struct bench *b, const char *model, unsigned n)
{
    memset(b, 0, sizeof(*b));
    desk_machine(&b->table, model, n);
    desk_dir(b->dir);
    b->options = (struct gs_apply_options){
        .dir = b->dir,
        .what = "mig apply",
        .note = {.line = desk_line, .ctx = &b->notes},
        .detail = {.line = desk_line, .ctx = &b->steps},
    };
}

static void end(struct bench *b)
{
    desk_dir_done(b->dir);
}

static void want(struct bench *b, unsigned gpu, const char *counts)
{
    desk_wish(&b->wishes[gpu], counts);
    b->wants[gpu] = (struct gs_apply_want){.wish = &b->wishes[gpu]};
}

static void want_off(struct bench *b, unsigned gpu)
{
    b->wishes[gpu] = (struct gs_mig_wish){.named = true, .mig_enabled = false};
    b->wants[gpu] = (struct gs_apply_want){.wish = &b->wishes[gpu]};
}

static int apply(struct bench *b)
{
    struct gs_gpus gpus;
    b->notes = (struct desk_lines){.used = 0};
    b->steps = (struct desk_lines){.used = 0};
    gs_gpu_table_open(&b->table, &gpus);
    int r = gs_apply(&gpus, b->wants, b->table.n_gpus, &b->options, &b->report, &b->err);
    gs_gpu_close(&gpus);
    return r;
}

#define ASSERT_CUT(b, gpu, layout)                                                                 \
    do {                                                                                           \
        char text_[DESK_TEXT_MAX];                                                                 \
        assert_string_equal(desk_read(&(b)->table, gpu, text_), layout);                           \
    } while (0)

#define ASSERT_DONE(r, b)                                                                          \
    do {                                                                                           \
        if ((r) != 0) {                                                                            \
            fail_msg("%s", (b)->err.msg);                                                          \
        }                                                                                          \
    } while (0)

static bool journal_is_there(const struct bench *b)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/journal", b->dir);
    return access(path, F_OK) == 0;
}

static void apply__cuts_an_empty_gpu(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    want(&b, 0, "3g.20gb=1,2g.10gb=2");
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "2g.10gb@0,2g.10gb@2,3g.20gb@4");
    assert_int_equal(b.report.gpus[0], GS_APPLY_AS_WANTED);
    assert_false(journal_is_there(&b));
    end(&b);
}

static void apply__keeps_what_is_wanted_already(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@4,1g.5gb@0,1g.5gb@1");
    uint64_t three = desk_generation(&b.table, 0, 4);
    uint64_t one = desk_generation(&b.table, 0, 0);
    want(&b, 0, "3g.20gb=1,1g.5gb=2,2g.10gb=1");
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "1g.5gb@0,1g.5gb@1,2g.10gb@2,3g.20gb@4");
    assert_int_equal(desk_generation(&b.table, 0, 4), three);
    assert_int_equal(desk_generation(&b.table, 0, 0), one);
    end(&b);
}

static void apply__does_nothing_when_nothing_differs(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 2);
    desk_cut(&b.table, 0, "3g.20gb@4!,4g.20gb@0");
    want(&b, 0, "4g.20gb=1,3g.20gb=1");
    struct gs_gpu_table before = b.table;
    ASSERT_DONE(apply(&b), &b);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    assert_string_equal(b.steps.text, "");
    assert_int_equal(b.report.gpus[0], GS_APPLY_AS_WANTED);
    assert_int_equal(b.report.gpus[1], GS_APPLY_UNTOUCHED);
    end(&b);
}

static void apply__changes_idle_slices_beside_busy_ones(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@0!,1g.5gb@4,1g.5gb@5,1g.5gb@6");
    uint64_t busy = desk_generation(&b.table, 0, 0);
    want(&b, 0, "3g.20gb=2");
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "3g.20gb@0,3g.20gb@4");
    assert_int_equal(desk_generation(&b.table, 0, 0), busy);
    end(&b);
}

static void apply__touches_no_gpu_when_one_is_blocked(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 3);
    desk_cut(&b.table, 1, "1g.5gb@2!,1g.5gb@4");
    for (unsigned g = 0; g < 3; g++) {
        want(&b, g, "7g.40gb=1");
    }
    struct gs_gpu_table before = b.table;
    assert_int_equal(apply(&b), GS_BUSY);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    assert_non_null(strstr(b.err.msg, "GPU 1"));
    assert_non_null(strstr(b.err.msg, "1g.5gb@2"));
    assert_null(strstr(b.err.msg, "1g.5gb@4"));
    assert_non_null(strstr(b.err.msg, "pid 1009"));
    assert_non_null(strstr(b.err.msg, "MIG-"));
    end(&b);
}

static void apply__only_idle_does_what_it_can(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 2);
    desk_cut(&b.table, 0, "1g.5gb@2!,2g.10gb@4");
    want(&b, 0, "4g.20gb=1,3g.20gb=1");
    want(&b, 1, "7g.40gb=1");
    b.options.only_idle = true;
    assert_int_equal(apply(&b), GS_BUSY);
    ASSERT_CUT(&b, 0, "1g.5gb@2,3g.20gb@4");
    ASSERT_CUT(&b, 1, "7g.40gb@0");
    assert_int_equal(b.report.gpus[0], GS_APPLY_PARTLY);
    assert_int_equal(b.report.gpus[1], GS_APPLY_AS_WANTED);
    assert_non_null(strstr(b.notes.text, "not made now: 1x 4g.20gb"));
    end(&b);
}

static void apply__only_idle_keeps_what_is_idle_and_hinders_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *there;
        const char *wish;
        const char *then;
    } cases[] = {
        {"2g.10gb@0,1g.5gb@2!,1g.5gb@3,3g.20gb@4", "3g.20gb=2",
         "2g.10gb@0,1g.5gb@2,1g.5gb@3,3g.20gb@4"},
        {"1g.5gb@0,1g.5gb@2!,2g.10gb@4", "3g.20gb=2", "1g.5gb@0,1g.5gb@2,3g.20gb@4"},
        {"1g.5gb@0(),1g.5gb@1,1g.5gb@2!", "7g.40gb=1", "1g.5gb@0(),1g.5gb@1,1g.5gb@2"},
        {"1g.5gb@0,1g.5gb@1,1g.5gb@2!", "2g.10gb=1,4g.20gb=1",
         "1g.5gb@0,1g.5gb@1,1g.5gb@2,2g.10gb@4"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 1);
        desk_cut(&b.table, 0, cases[k].there);
        want(&b, 0, cases[k].wish);
        b.options.only_idle = true;
        assert_int_equal(apply(&b), GS_BUSY);
        ASSERT_CUT(&b, 0, cases[k].then);
        assert_non_null(strstr(b.err.msg, "GPU 0 is not wholly as wanted"));
        assert_null(strstr(b.err.msg, "pid "));
        end(&b);
    }
}

static void apply__dry_run_says_the_steps_and_does_none(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "1g.5gb@0,3g.20gb@4");
    want(&b, 0, "4g.20gb=1,3g.20gb=1");
    b.options.dry_run = true;
    struct gs_gpu_table before = b.table;
    ASSERT_DONE(apply(&b), &b);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    assert_string_equal(b.steps.text, "GPU 0: destroy compute instance 0 of 1g.5gb at 0\n"
                                      "GPU 0: destroy 1g.5gb at 0\n"
                                      "GPU 0: create 4g.20gb at 0\n"
                                      "GPU 0: create compute instance 4c in 4g.20gb at 0\n"
                                      "1 GPU: 1 slice destroyed, 1 created, 1 kept\n");
    end(&b);
}

static void apply__makes_small_compute_instances_in_few_gpu_instances(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    want(&b, 0, "1c.3g.20gb=3,2c.3g.20gb=1");
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "3g.20gb@0(2c,1c),3g.20gb@4(1c,1c)");
    end(&b);
}

static void apply__changes_only_the_compute_instances_of_a_gi_that_stays(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@4,3g.20gb@0(1c,1c,1c)!");
    uint64_t low = desk_generation(&b.table, 0, 0);
    uint64_t high = desk_generation(&b.table, 0, 4);
    want(&b, 0, "1c.3g.20gb=4,2c.3g.20gb=1");
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "3g.20gb@0(1c,1c,1c),3g.20gb@4(2c,1c)");
    assert_int_equal(desk_generation(&b.table, 0, 0), low);
    assert_int_equal(desk_generation(&b.table, 0, 4), high);
    end(&b);
}

static void apply__a_busy_compute_instance_that_is_not_wanted_is_in_the_way(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@0(1c,1c,1c)!");
    want(&b, 0, "3g.20gb=1");
    struct gs_gpu_table before = b.table;
    assert_int_equal(apply(&b), GS_BUSY);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    end(&b);
}

#define ASSERT_INSIDE(b, gpu, layout)                                                              \
    do {                                                                                           \
        char text_[DESK_TEXT_MAX];                                                                 \
        assert_string_equal(desk_read_inside(&(b)->table, gpu, text_), layout);                    \
    } while (0)

static unsigned cis_that_stayed(const struct gs_gpu_table *before, const struct gs_gpu_table *now)
{
    unsigned n = 0;
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            const struct gs_gpu_table_ci *was = &before->gpus[0].gis[g].cis[c];
            const struct gs_gpu_table_ci *is = &now->gpus[0].gis[g].cis[c];
            n += was->present && is->present && was->generation == is->generation;
        }
    }
    return n;
}

/* Fewest destroyed, whatever of them has to go for the rest to have a place. */
static void apply__keeps_the_most_compute_instances_that_leave_room_for_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *there;
        const char *wish;
        const char *then;
        unsigned stay;
    } cases[] = {
        {"4g.20gb@0(1c@0,1c@1,1c@2,1c@3)", "1c.4g.20gb=2,2c.4g.20gb=1", "4g.20gb@0(1c@0,1c@1,2c@2)",
         2},
        {"4g.20gb@0(1c@1,1c@3)", "1c.4g.20gb=2,2c.4g.20gb=1", "4g.20gb@0(1c@0,1c@1,2c@2)", 1},
        {"4g.20gb@0(1c@1!,1c@3)", "1c.4g.20gb=2,2c.4g.20gb=1", "4g.20gb@0(1c@0,1c@1,2c@2)", 1},
        {"4g.20gb@0(1c@1,1c@3!)", "1c.4g.20gb=2,2c.4g.20gb=1", "4g.20gb@0(2c@0,1c@2,1c@3)", 1},
        {"3g.20gb@0(1c@0,1c@1)", "1c.3g.20gb=1,2c.3g.20gb=1,4g.20gb=1",
         "4g.20gb@0(4c@0),3g.20gb@4(2c@0,1c@2)", 0},
        {"3g.20gb@4(1c@0,1c@2)", "1c.3g.20gb=1,2c.3g.20gb=1,4g.20gb=1",
         "4g.20gb@0(4c@0),3g.20gb@4(2c@0,1c@2)", 1},
        {"7g.40gb@0(1c@1,1c@3,1c@5)", "1c.7g.40gb=2,3c.7g.40gb=1,2c.7g.40gb=1",
         "7g.40gb@0(1c@0,1c@1,2c@2,3c@4)", 1},
        {"7g.40gb@0(2c@2,2c@4)", "3c.7g.40gb=1,2c.7g.40gb=2", "7g.40gb@0(2c@0,2c@2,3c@4)", 1},
        {"7g.40gb@0", "3c.7g.40gb=1,2c.7g.40gb=2", "7g.40gb@0(2c@0,2c@2,3c@4)", 0},
        /* they are shared out as they are, not as a GPU that is empty would have them */
        {"3g.20gb@0(1c@0),3g.20gb@4(1c@2)", "1c.3g.20gb=2", "3g.20gb@0(1c@0),3g.20gb@4(1c@2)", 2},
        {"3g.20gb@0(1c@0,1c@1,1c@2),3g.20gb@4(2c@0)", "1c.3g.20gb=3,2c.3g.20gb=1",
         "3g.20gb@0(1c@0,1c@1,1c@2),3g.20gb@4(2c@0)", 4},
        {"3g.20gb@0(1c@0!)", "1c.3g.20gb=1,2c.3g.20gb=1", "3g.20gb@0(1c@0),3g.20gb@4(2c@0)", 1},
        {"3g.20gb@0(1c@0!),3g.20gb@4(1c@2!)", "1c.3g.20gb=2,2c.3g.20gb=1",
         "3g.20gb@0(1c@0),3g.20gb@4(2c@0,1c@2)", 2},
        {"2g.10gb@0(1c@1),2g.10gb@2(1c@0,1c@1!)", "1c.2g.10gb=3,3g.20gb=1",
         "2g.10gb@0(1c@1),2g.10gb@2(1c@0,1c@1),3g.20gb@4(3c@0)", 3},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 1);
        desk_cut(&b.table, 0, cases[k].there);
        want(&b, 0, cases[k].wish);
        struct gs_gpu_table before = b.table;
        ASSERT_DONE(apply(&b), &b);
        ASSERT_INSIDE(&b, 0, cases[k].then);
        if (cis_that_stayed(&before, &b.table) != cases[k].stay) {
            fail_msg("%s -> %s: %u stayed", cases[k].there, cases[k].wish,
                     cis_that_stayed(&before, &b.table));
        }
        end(&b);
    }
}

/* By counts it would fit; by places it does not. Seen before GPU 0 is touched, and in a dry run. */
static void apply__a_busy_compute_instance_whose_place_is_in_the_way_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *there;
        const char *wish;
        const char *says;
    } cases[] = {
        {"3g.20gb@4(1c@0!),4g.20gb@0!", "1c.3g.20gb=1,2c.3g.20gb=1,4g.20gb=1",
         "compute instance 0 (1c at 0) of"},
        {"3g.20gb@4(1c@2!,1c@0!,1c@1)", "1c.3g.20gb=1,2c.3g.20gb=1,4g.20gb=1",
         "compute instance 1 (1c at 0) of 3g.20gb@4(1c,1c,1c) is in use and stands in the way"},
        {"4g.20gb@0(1c@1!,1c@3!)", "1c.4g.20gb=2,2c.4g.20gb=1",
         "of 4g.20gb@0(1c,1c) is in use and stands in the way of 1x 4g.20gb(1c,1c,2c)"},
        {"7g.40gb@0(1c@3!,1c@5!,1c@1!)", "4c.7g.40gb=1,1c.7g.40gb=3", "7g.40gb@0(1c,1c,1c)"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 2);
        desk_cut(&b.table, 1, cases[k].there);
        want(&b, 0, "7g.40gb=1");
        want(&b, 1, cases[k].wish);
        struct gs_gpu_table before = b.table;
        for (unsigned dry = 0; dry < 2; dry++) {
            b.options.dry_run = dry == 1;
            assert_int_equal(apply(&b), GS_BUSY);
            assert_true(gs_gpu_table_equal(&before, &b.table));
            if (strstr(b.err.msg, cases[k].says) == NULL && k > 0) {
                fail_msg("%s -> %s: %s", cases[k].there, cases[k].wish, b.err.msg);
            }
            assert_non_null(strstr(b.err.msg, "pid 11"));
        }
        end(&b);
    }
}

static void apply__only_idle_leaves_what_has_no_place_beside_busy_compute_instances(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@0!,3g.20gb@4(1c@0!,1c@1)");
    want(&b, 0, "3g.20gb=1,1c.3g.20gb=1,2c.3g.20gb=1");
    b.options.only_idle = true;
    assert_int_equal(apply(&b), GS_BUSY);
    ASSERT_INSIDE(&b, 0, "3g.20gb@0(3c@0),3g.20gb@4(1c@0,1c@1)");
    assert_non_null(strstr(b.notes.text, "not made now: 1x 3g.20gb(1c,2c)"));
    end(&b);
}

static void apply__refuses_kinds_of_compute_instances_that_a_gi_does_not_have(void **state)
{
    (void)state;
    static const char *const wishes[] = {"3c.4g.20gb=1", "3c.4g.20gb=1,1c.4g.20gb=1"};
    for (size_t k = 0; k < sizeof(wishes) / sizeof(wishes[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 2);
        want(&b, 0, "7g.40gb=1");
        want(&b, 1, wishes[k]);
        struct gs_gpu_table before = b.table;
        assert_int_equal(apply(&b), GS_INVALID);
        assert_true(gs_gpu_table_equal(&before, &b.table));
        assert_non_null(strstr(b.err.msg, "3c.4g.20gb: no GPU has compute instances of 3 slices"));
        end(&b);
    }
}

/* Before R525 it puts compute instances where it likes, which may leave no room for the next. */
static void apply__of_a_driver_that_places_itself_tries_other_orders(void **state)
{
    (void)state;
    static const struct {
        const char *there;
        const char *wish;
        const char *then;
    } cases[] = {
        {"7g.40gb@0", "3c.7g.40gb=1,2c.7g.40gb=2", "7g.40gb@0(2c@0,2c@2,3c@4)"},
        {"4g.20gb@0(1c,1c,1c,1c)", "1c.4g.20gb=2,2c.4g.20gb=1", "4g.20gb@0(1c@0,1c@1,2c@2)"},
        {"", "1c.3g.20gb=3,2c.3g.20gb=1", "3g.20gb@0(2c@0,1c@2),3g.20gb@4(1c@0,1c@1)"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 1);
        b.table.driver_major = 470;
        desk_cut(&b.table, 0, cases[k].there);
        want(&b, 0, cases[k].wish);
        ASSERT_DONE(apply(&b), &b);
        ASSERT_INSIDE(&b, 0, cases[k].then);
        assert_false(journal_is_there(&b));
        end(&b);
    }
}

static void apply__gives_a_gi_without_compute_instance_its_own(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@4(),2g.10gb@0()");
    uint64_t three = desk_generation(&b.table, 0, 4);
    want(&b, 0, "3g.20gb=1,4g.20gb=1");
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "4g.20gb@0,3g.20gb@4");
    assert_int_equal(desk_generation(&b.table, 0, 4), three);
    end(&b);
}

static void apply__a_process_of_which_the_slice_is_not_known_makes_all_busy(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@4,2g.10gb@0");
    assert_int_equal(gs_gpu_table_hold(&b.table, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 77, NULL), 0);
    want(&b, 0, "7g.40gb=1");
    struct gs_gpu_table before = b.table;
    assert_int_equal(apply(&b), GS_BUSY);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    end(&b);
}

static void apply__processes_that_cannot_be_read_make_all_busy(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@4");
    const struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_PROCESSES, .times = GS_NOT_KNOWN, .code = GS_IO, .sys_errno = EPERM};
    assert_int_equal(gs_gpu_table_fault(&b.table, &fault, NULL), 0);
    want(&b, 0, "7g.40gb=1");
    assert_int_equal(apply(&b), GS_BUSY);
    assert_non_null(strstr(b.err.msg, "cannot be read"));
    ASSERT_CUT(&b, 0, "3g.20gb@4");
    end(&b);
}

static void apply__a_leaked_handle_leaves_the_gpu_as_it_was(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 2);
    desk_cut(&b.table, 0, "1g.5gb@0");
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        if (b.table.gpus[0].gis[g].present) {
            b.table.gpus[0].gis[g].leaked = 1; /* its CI goes, it does not */
        }
    }
    want(&b, 0, "7g.40gb=1");
    want(&b, 1, "7g.40gb=1");
    assert_int_equal(apply(&b), GS_BUSY);
    ASSERT_CUT(&b, 0, "1g.5gb@0");
    ASSERT_CUT(&b, 1, "");
    assert_false(journal_is_there(&b));
    end(&b);
}

/* Met when other slices have gone already: those are put back at their places. */
static void apply__a_leaked_handle_met_late_leaves_the_gpu_as_it_was(void **state)
{
    (void)state;
    static const struct {
        unsigned leak_at; /* memory unit */
        bool of_gi;
        const char *wish;
    } cases[] = {
        {0, true, "7g.40gb=1"},  {4, true, "7g.40gb=1"},
        {6, false, "7g.40gb=1"}, {6, true, "7g.40gb=1"},
        {4, false, "4g.20gb=1"}, {6, false, "1c.2g.10gb=2,3g.20gb=1,1g.5gb=1"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        char before[DESK_TEXT_MAX];
        begin(&b, "A100-40GB", 3);
        for (unsigned g = 0; g < 3; g++) {
            desk_cut(&b.table, g, "1g.5gb@0,2g.10gb@2(1c,1c),2g.10gb@4,1g.5gb@6");
            want(&b, g, cases[k].wish);
        }
        for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
            struct gs_gpu_table_gi *gi = &b.table.gpus[1].gis[g];
            if (gi->present && gi->start == cases[k].leak_at) {
                gi->leaked = cases[k].of_gi;
                gi->cis[0].leaked = !cases[k].of_gi;
            }
        }
        desk_read_inside(&b.table, 1, before);
        assert_int_equal(apply(&b), GS_BUSY);
        ASSERT_INSIDE(&b, 1, before);
        ASSERT_INSIDE(&b, 2, before);
        assert_int_equal(b.report.gpus[0], GS_APPLY_AS_WANTED);
        assert_int_equal(b.report.gpus[1], GS_APPLY_UNTOUCHED);
        assert_non_null(strstr(b.err.msg, "no process is listed on it"));
        assert_null(strstr(b.err.msg, "could not be put back"));
        assert_false(journal_is_there(&b));
        end(&b);
    }
}

static void apply__only_idle_does_what_it_can_beside_leaked_handles(void **state)
{
    (void)state;
    static const struct {
        const char *there;
        unsigned leaks; /* memory units, bits */
        const char *wish;
        const char *then;
    } cases[] = {
        {"1g.5gb@0,2g.10gb@4", 0x01, "4g.20gb=1,3g.20gb=1", "1g.5gb@0,3g.20gb@4"},
        {"1g.5gb@0,2g.10gb@4", 0x10, "4g.20gb=1,3g.20gb=1", "3g.20gb@0,2g.10gb@4"},
        {"1g.5gb@0,1g.5gb@1,2g.10gb@4", 0x13, "3g.20gb=2", "1g.5gb@0,1g.5gb@1,2g.10gb@4"},
        {"1g.5gb@0,1g.5gb@1,1g.5gb@6", 0x03, "3g.20gb=2", "1g.5gb@0,1g.5gb@1,3g.20gb@4"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 1);
        desk_cut(&b.table, 0, cases[k].there);
        for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
            struct gs_gpu_table_gi *gi = &b.table.gpus[0].gis[g];
            gi->cis[0].leaked = gi->present && (cases[k].leaks >> gi->start & 1u) != 0;
        }
        want(&b, 0, cases[k].wish);
        b.options.only_idle = true;
        assert_int_equal(apply(&b), GS_BUSY);
        ASSERT_CUT(&b, 0, cases[k].then);
        assert_int_equal(b.report.gpus[0], GS_APPLY_PARTLY);
        assert_non_null(strstr(b.notes.text, "no process is listed on it"));
        assert_non_null(strstr(b.notes.text, "not made now"));
        assert_false(journal_is_there(&b));
        end(&b);
    }
}

/* Old drivers have no 4g beside a 3g: what went for the one that cannot be is there again. */
static void apply__puts_back_what_went_for_what_the_driver_refuses(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    b.table.driver_major = 470;
    desk_cut(&b.table, 0, "1g.5gb@0,2g.10gb@2(1c,1c),1g.5gb@4,1g.5gb@6");
    want(&b, 0, "4g.20gb=1,3g.20gb=1");
    assert_int_equal(apply(&b), GS_INFEASIBLE);
    ASSERT_CUT(&b, 0, "4g.20gb@0,1g.5gb@4,1g.5gb@6");
    assert_int_equal(b.report.gpus[0], GS_APPLY_IN_BETWEEN);
    assert_null(strstr(b.err.msg, "could not be put back"));
    end(&b);
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "1g.5gb@0,2g.10gb@2(1c,1c),1g.5gb@4");
    const struct gs_gpu_fault fault = {.op = GS_GPU_OP_CREATE, .times = 1, .code = GS_INFEASIBLE};
    assert_int_equal(gs_gpu_table_fault(&b.table, &fault, NULL), 0);
    want(&b, 0, "7g.40gb=1");
    assert_int_equal(apply(&b), GS_INFEASIBLE);
    ASSERT_CUT(&b, 0, "1g.5gb@0,2g.10gb@2(1c,1c),1g.5gb@4");
    assert_int_equal(b.report.gpus[0], GS_APPLY_UNTOUCHED);
    end(&b);
}

static void apply__says_what_it_could_not_put_back(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "1g.5gb@0,1g.5gb@1");
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        b.table.gpus[0].gis[g].leaked = b.table.gpus[0].gis[g].start == 1;
    }
    const struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_CREATE, .times = GS_NOT_KNOWN, .code = GS_IO, .sys_errno = EIO};
    assert_int_equal(gs_gpu_table_fault(&b.table, &fault, NULL), 0);
    want(&b, 0, "7g.40gb=1");
    assert_int_equal(apply(&b), GS_BUSY);
    ASSERT_CUT(&b, 0, "1g.5gb@1");
    assert_non_null(strstr(b.err.msg, "could not be put back"));
    assert_int_equal(b.report.gpus[0], GS_APPLY_IN_BETWEEN);
    assert_non_null(strstr(b.notes.text, "in between; it is cut into 1g.5gb@1"));
    end(&b);
}

static void apply__refuses_what_no_gpu_holds_before_anything_is_touched(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 2);
    want(&b, 0, "7g.40gb=1");
    want(&b, 1, "4g.20gb=2");
    struct gs_gpu_table before = b.table;
    assert_int_equal(apply(&b), GS_INFEASIBLE);
    want(&b, 1, "9g.99gb=1");
    assert_int_equal(apply(&b), GS_NOT_FOUND);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    end(&b);
}

static void apply__takes_no_name_that_is_off_by_one_gb(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *counts;
        const char *hint;
    } cases[] = {
        {"A100-80GB", "3g.39gb=1,1g.10gb=1", "no profile 3g.39gb; did you mean 3g.40gb?"},
        {"A100-40GB", "1g.6gb=1", "no profile 1g.6gb; did you mean 1g.5gb?"},
        {"A100-40GB", "1c.3g.19gb=1", "no profile 3g.19gb; did you mean 3g.20gb?"},
        {"A30", "1g.5gb=4", "no profile 1g.5gb; did you mean 1g.6gb?"},
        {"A30", "1g.8gb=4", "it has 1g.6gb"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, cases[k].model, 1);
        want(&b, 0, cases[k].counts);
        assert_int_equal(apply(&b), GS_NOT_FOUND);
        if (strstr(b.err.msg, cases[k].hint) == NULL) {
            fail_msg("%s: %s", cases[k].counts, b.err.msg);
        }
        ASSERT_CUT(&b, 0, "");
        end(&b);
    }
}

/* Asks for the end at the first line that has these words. */
struct stopper {
    volatile sig_atomic_t stop;
    const char *at;
};

static void stop_at(void *ctx, const char *line)
{
    struct stopper *stopper = ctx;
    stopper->stop = stopper->stop != 0 || strstr(line, stopper->at) != NULL;
}

static void apply__that_is_interrupted_ends_with_the_slice_it_is_at(void **state)
{
    (void)state;
    static const struct {
        const char *at;
        const char *first;
        const char *second;
        const char *says;
    } cases[] = {
        {"GPU 0: destroy compute", "2g.10gb@2", "", "interrupted after step 2 of 12"},
        {"GPU 0: create 3g.20gb", "3g.20gb@4", "", "after step 6 of 12"},
        {"GPU 0: create 4g.20gb", "4g.20gb@0,3g.20gb@4", "", "interrupted after step 8 of 12"},
        {"GPU 1: create compute", "4g.20gb@0,3g.20gb@4", "4g.20gb@0", "after step 10 of 12"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        struct stopper stopper = {.at = cases[k].at};
        begin(&b, "A100-40GB", 2);
        desk_cut(&b.table, 0, "2g.10gb@0,2g.10gb@2");
        want(&b, 0, "4g.20gb=1,3g.20gb=1");
        want(&b, 1, "4g.20gb=1,3g.20gb=1");
        b.options.stop = &stopper.stop;
        b.options.detail = (struct gs_say){.line = stop_at, .ctx = &stopper};
        assert_int_equal(apply(&b), GS_IO);
        assert_int_equal(b.err.sys_errno, EINTR);
        assert_non_null(strstr(b.err.msg, cases[k].says));
        assert_non_null(strstr(b.notes.text, cases[k].first));
        ASSERT_CUT(&b, 0, cases[k].first);
        ASSERT_CUT(&b, 1, cases[k].second);
        assert_false(journal_is_there(&b));
        stopper = (struct stopper){.at = "never"};
        ASSERT_DONE(apply(&b), &b);
        ASSERT_CUT(&b, 0, "4g.20gb@0,3g.20gb@4");
        end(&b);
    }
}

static void apply__restores_places(void **state)
{
    (void)state;
    struct bench b;
    struct gs_mig_state saved;
    begin(&b, "A100-40GB", 1);
    desk_cut(&b.table, 0, "3g.20gb@4,1g.5gb@0");
    uint64_t kept = desk_generation(&b.table, 0, 0);
    desk_state(&saved, "A100-40GB", "3g.20gb@0(1c,2c),1g.5gb@6,1g.5gb@4");
    b.wants[0] = (struct gs_apply_want){.state = &saved};
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "3g.20gb@0(2c,1c),1g.5gb@4,1g.5gb@6");
    desk_state(&saved, "A100-40GB", "3g.20gb@0(2c,1c)");
    assert_int_not_equal(kept, 0);
    kept = desk_generation(&b.table, 0, 0);
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "3g.20gb@0(2c,1c)");
    assert_int_equal(desk_generation(&b.table, 0, 0), kept);
    end(&b);
}

static void apply__refuses_compute_instances_that_their_gpu_instance_cannot_hold(void **state)
{
    static const char *const too_much[] = {"1g.5gb@0(2c)", "1g.5gb@0(1c,1c)",
                                           "4g.20gb@0,3g.20gb@4(1c,1c,1c,1c)"};
    (void)state;
    for (size_t k = 0; k < sizeof(too_much) / sizeof(too_much[0]); k++) {
        struct bench b;
        struct gs_mig_state fits;
        struct gs_mig_state saved;
        begin(&b, "A100-40GB", 2);
        desk_cut(&b.table, 0, "2g.10gb@0");
        desk_cut(&b.table, 1, "2g.10gb@0");
        desk_state(&fits, "A100-40GB", "7g.40gb@0");
        desk_state(&saved, "A100-40GB", too_much[k]);
        b.wants[0] = (struct gs_apply_want){.state = &fits};
        b.wants[1] = (struct gs_apply_want){.state = &saved};
        assert_int_equal(apply(&b), GS_INVALID);
        assert_non_null(strstr(b.err.msg, "its compute instances there take"));
        ASSERT_CUT(&b, 0, "2g.10gb@0");
        ASSERT_CUT(&b, 1, "2g.10gb@0");
        end(&b);
    }
}

static void apply__turns_mig_on_and_cuts(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "H100-80GB-SXM5", 1);
    b.table.gpus[0].mode = b.table.gpus[0].pending = GS_MIG_OFF;
    want(&b, 0, "1g.10gb=7");
    ASSERT_DONE(apply(&b), &b);
    assert_int_equal(b.table.gpus[0].mode, GS_MIG_ON);
    ASSERT_CUT(&b, 0, "1g.10gb@0,1g.10gb@1,1g.10gb@2,1g.10gb@3,1g.10gb@4,1g.10gb@5,1g.10gb@6");
    end(&b);
}

/* Driver 535 tells no profiles while MIG is off; the catalogue knows what such a GPU holds. */
static void hide_profiles(struct bench *b, unsigned times)
{
    const struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_PROFILES, .times = times, .code = GS_UNSUPPORTED};
    assert_int_equal(gs_gpu_table_fault(&b->table, &fault, NULL), 0);
    b->table.gpus[0].mode = b->table.gpus[0].pending = GS_MIG_OFF;
}

static void apply__refuses_the_impossible_where_the_driver_tells_no_profiles_before(void **state)
{
    (void)state;
    static const struct {
        const char *wish;
        int code;
        const char *says;
    } cases[] = {
        {"4g.20gb=2", GS_INFEASIBLE, "does not fit one A100-40GB"},
        {"9g.99gb=1", GS_NOT_FOUND, "9g.99gb"},
        {"3c.4g.20gb=1", GS_INVALID, "3c.4g.20gb"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct bench b;
        begin(&b, "A100-40GB", 2);
        desk_cut(&b.table, 1, "1g.5gb@0");
        hide_profiles(&b, 1);
        want(&b, 0, cases[k].wish);
        want(&b, 1, "7g.40gb=1");
        struct gs_gpu_table before = b.table;
        assert_int_equal(apply(&b), cases[k].code);
        assert_true(gs_gpu_table_equal(&before, &b.table));
        assert_non_null(strstr(b.err.msg, cases[k].says));
        assert_non_null(strstr(b.err.msg, "by the catalogue"));
        end(&b);
    }
}

static void apply__cuts_what_is_possible_where_the_driver_tells_no_profiles_before(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    hide_profiles(&b, 2);
    want(&b, 0, "1c.3g.20gb=3,2g.10gb=1");
    b.options.dry_run = true;
    ASSERT_DONE(apply(&b), &b);
    assert_non_null(strstr(b.steps.text, "then cut it into 1x 2g.10gb, 1x 3g.20gb(1c,1c,1c)"));
    assert_non_null(strstr(b.steps.text, "0 slices destroyed, 4 created, 0 kept"));
    b.options.dry_run = false;
    ASSERT_DONE(apply(&b), &b);
    ASSERT_CUT(&b, 0, "2g.10gb@0,3g.20gb@4(1c,1c,1c)");
    end(&b);
}

/* What is left alone is not promised. */
static void apply__a_dry_run_promises_no_more_than_is_done(void **state)
{
    (void)state;
    for (unsigned only_idle = 0; only_idle < 2; only_idle++) {
        for (unsigned skip_reset = 0; skip_reset < 2; skip_reset++) {
            int results[2];
            struct bench b;
            begin(&b, "A100-40GB", 2);
            b.table.gpus[1].mode = b.table.gpus[1].pending = GS_MIG_OFF;
            assert_int_equal(gs_gpu_table_hold(&b.table, 1, GS_NOT_KNOWN, GS_NOT_KNOWN, 7, NULL),
                             0);
            want(&b, 0, "7g.40gb=1");
            want(&b, 1, "7g.40gb=1");
            b.options.only_idle = only_idle == 1;
            b.options.skip_reset = skip_reset == 1;
            b.options.dry_run = true;
            struct gs_gpu_table before = b.table;
            results[0] = apply(&b);
            assert_true(gs_gpu_table_equal(&before, &b.table));
            assert_null(strstr(b.steps.text, "GPU 1: then cut"));
            bool promised = strstr(b.steps.text, "GPU 0: create 7g.40gb") != NULL;
            b.options.dry_run = false;
            results[1] = apply(&b);
            assert_int_equal(results[0], results[1]);
            assert_int_equal(results[1], GS_BUSY);
            assert_int_equal(promised, desk_generation(&b.table, 0, 0) != 0);
            end(&b);
        }
    }
}

static void apply__a_dry_run_beside_a_live_one_says_that_it_goes_on(void **state)
{
    (void)state;
    struct bench b;
    struct gs_lock lock;
    struct gs_journal journal;
    begin(&b, "A100-40GB", 1);
    want(&b, 0, "3g.20gb=1");
    assert_int_equal(gs_lock_take(&lock, b.dir, "mig restore", 0, NULL, &b.err), 0);
    assert_int_equal(gs_journal_open(&journal, b.dir, "mig restore", false, 9, NULL, NULL), 0);
    b.options.dry_run = true;
    ASSERT_DONE(apply(&b), &b);
    assert_null(strstr(b.steps.text, "killed"));
    assert_non_null(strstr(b.steps.text, "is changing the GPUs now"));
    gs_lock_release(&lock);
    ASSERT_DONE(apply(&b), &b);
    assert_non_null(strstr(b.steps.text, "which was killed"));
    close(journal.fd);
    end(&b);
}

static void apply__turns_mig_off_after_clearing(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 2);
    desk_cut(&b.table, 0, "3g.20gb@4,2g.10gb@0");
    desk_cut(&b.table, 1, "3g.20gb@4");
    want_off(&b, 0);
    ASSERT_DONE(apply(&b), &b);
    assert_int_equal(b.table.gpus[0].mode, GS_MIG_OFF);
    ASSERT_CUT(&b, 1, "3g.20gb@4");
    end(&b);
}

static void apply__does_not_turn_mig_off_under_a_process(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 2);
    desk_cut(&b.table, 1, "3g.20gb@4!,2g.10gb@0");
    want_off(&b, 0);
    want_off(&b, 1);
    struct gs_gpu_table before = b.table;
    assert_int_equal(apply(&b), GS_BUSY);
    assert_true(gs_gpu_table_equal(&before, &b.table));
    end(&b);
}

static void apply__resets_only_the_gpus_that_need_it(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 3);
    b.table.gpus[1].mode = b.table.gpus[1].pending = GS_MIG_OFF;
    b.table.gpus[1].clients = 1; /* a monitor: the mode stays pending until the reset */
    desk_cut(&b.table, 0, "3g.20gb@4!");
    for (unsigned g = 0; g < 3; g++) {
        want(&b, g, "3g.20gb=1");
    }
    int r = apply(&b);
    if (r == GS_BUSY) { /* the client still holds it: nothing was reset, and it is said */
        assert_int_equal(b.report.gpus[1], GS_APPLY_PENDING);
        b.table.gpus[1].clients = 0;
        r = apply(&b);
    }
    ASSERT_DONE(r, &b);
    assert_int_equal(b.table.gpus[0].resets, 0);
    assert_int_equal(b.table.gpus[2].resets, 0);
    assert_int_equal(b.table.gpus[1].mode, GS_MIG_ON);
    ASSERT_CUT(&b, 1, "3g.20gb@4");
    end(&b);
}

static void apply__skip_reset_leaves_the_mode_pending(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    b.table.gpus[0].mode = b.table.gpus[0].pending = GS_MIG_OFF;
    b.table.gpus[0].clients = 1;
    b.options.mode_only = true;
    b.options.skip_reset = true;
    want(&b, 0, "3g.20gb=1");
    ASSERT_DONE(apply(&b), &b);
    assert_int_equal(b.table.gpus[0].pending, GS_MIG_ON);
    assert_int_equal(b.table.gpus[0].mode, GS_MIG_OFF);
    assert_int_equal(b.report.gpus[0], GS_APPLY_PENDING);
    assert_int_equal(b.table.gpus[0].resets, 0);
    assert_non_null(strstr(b.notes.text, "waits for a reset"));
    end(&b);
}

static void apply__a_gpu_in_a_vm_stays_pending_and_says_so(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    b.table.gpus[0].mode = b.table.gpus[0].pending = GS_MIG_OFF;
    b.table.gpus[0].vm = true;
    want(&b, 0, "3g.20gb=1");
    assert_true(apply(&b) < 0);
    assert_int_equal(b.report.gpus[0], GS_APPLY_PENDING);
    assert_false(journal_is_there(&b));
    end(&b);
}

static void apply__refuses_mig_on_a_gpu_that_cannot_be_cut(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    assert_int_equal(gs_gpu_table_add_whole(&b.table, 1, NULL), 0);
    want(&b, 1, "1g.5gb=1");
    assert_int_equal(apply(&b), GS_UNSUPPORTED);
    want_off(&b, 1);
    ASSERT_DONE(apply(&b), &b);
    end(&b);
}

/* all-<profile> of the configurations that mig-parted ships: as many as a GPU holds. */
static void apply__fills_each_model_with_each_of_its_profiles(void **state)
{
    (void)state;
    size_t n_models;
    const struct gs_model *catalog = gs_catalog(&n_models);
    static char names[128][GS_PROFILE_NAME_MAX + 1];
    unsigned n_names = 0;
    for (size_t m = 0; m < n_models; m++) {
        for (unsigned p = 0; catalog[m].placements_known && p < catalog[m].n_profiles; p++) {
            const struct gs_profile *profile = &catalog[m].profiles[p];
            static struct bench b;
            char counts[GS_PROFILE_NAME_MAX + 8];
            begin(&b, catalog[m].id, 1);
            snprintf(counts, sizeof(counts), "%s=%u", profile->name, profile->max_instances);
            want(&b, 0, counts);
            ASSERT_DONE(apply(&b), &b);
            unsigned have = 0;
            for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
                const struct gs_gpu_table_gi *gi = &b.table.gpus[0].gis[g];
                have += gi->present && gi->profile == p && gi->cis[0].present;
            }
            assert_int_equal(have, profile->max_instances);
            unsigned at = 0;
            while (at < n_names && strcmp(names[at], profile->name) != 0) {
                at++;
            }
            if (at == n_names) {
                snprintf(names[n_names++], sizeof(names[0]), "%s", profile->name);
            }
            end(&b);
        }
    }
    print_message("%u names of profiles\n", n_names);
    assert_true(n_names >= 75);
}

static void apply__refuses_a_driver_that_does_not_place(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, "A100-40GB", 1);
    b.table.driver_major = 450;
    want(&b, 0, "3g.20gb=1");
    assert_int_equal(apply(&b), GS_UNSUPPORTED);
    ASSERT_CUT(&b, 0, "");
    end(&b);
}

static void apply__two_at_once_do_not_interleave(void **state)
{
    (void)state;
    struct bench b;
    struct gs_lock lock;
    begin(&b, "A100-40GB", 1);
    want(&b, 0, "3g.20gb=1");
    assert_int_equal(gs_lock_take(&lock, b.dir, "mig restore", 0, NULL, &b.err), 0);
    assert_int_equal(apply(&b), GS_BUSY);
    assert_non_null(strstr(b.err.msg, "mig restore"));
    b.options.wait_ms = 30;
    assert_int_equal(apply(&b), GS_BUSY);
    assert_int_equal(b.table.calls, 0);
    gs_lock_release(&lock);
    ASSERT_DONE(apply(&b), &b);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(apply__cuts_an_empty_gpu),
        cmocka_unit_test(apply__keeps_what_is_wanted_already),
        cmocka_unit_test(apply__does_nothing_when_nothing_differs),
        cmocka_unit_test(apply__changes_idle_slices_beside_busy_ones),
        cmocka_unit_test(apply__touches_no_gpu_when_one_is_blocked),
        cmocka_unit_test(apply__only_idle_does_what_it_can),
        cmocka_unit_test(apply__only_idle_keeps_what_is_idle_and_hinders_nothing),
        cmocka_unit_test(apply__dry_run_says_the_steps_and_does_none),
        cmocka_unit_test(apply__makes_small_compute_instances_in_few_gpu_instances),
        cmocka_unit_test(apply__changes_only_the_compute_instances_of_a_gi_that_stays),
        cmocka_unit_test(apply__a_busy_compute_instance_that_is_not_wanted_is_in_the_way),
        cmocka_unit_test(apply__keeps_the_most_compute_instances_that_leave_room_for_the_rest),
        cmocka_unit_test(apply__a_busy_compute_instance_whose_place_is_in_the_way_is_named),
        cmocka_unit_test(apply__only_idle_leaves_what_has_no_place_beside_busy_compute_instances),
        cmocka_unit_test(apply__refuses_kinds_of_compute_instances_that_a_gi_does_not_have),
        cmocka_unit_test(apply__of_a_driver_that_places_itself_tries_other_orders),
        cmocka_unit_test(apply__gives_a_gi_without_compute_instance_its_own),
        cmocka_unit_test(apply__a_process_of_which_the_slice_is_not_known_makes_all_busy),
        cmocka_unit_test(apply__processes_that_cannot_be_read_make_all_busy),
        cmocka_unit_test(apply__a_leaked_handle_leaves_the_gpu_as_it_was),
        cmocka_unit_test(apply__a_leaked_handle_met_late_leaves_the_gpu_as_it_was),
        cmocka_unit_test(apply__only_idle_does_what_it_can_beside_leaked_handles),
        cmocka_unit_test(apply__puts_back_what_went_for_what_the_driver_refuses),
        cmocka_unit_test(apply__says_what_it_could_not_put_back),
        cmocka_unit_test(apply__refuses_what_no_gpu_holds_before_anything_is_touched),
        cmocka_unit_test(apply__takes_no_name_that_is_off_by_one_gb),
        cmocka_unit_test(apply__that_is_interrupted_ends_with_the_slice_it_is_at),
        cmocka_unit_test(apply__restores_places),
        cmocka_unit_test(apply__refuses_compute_instances_that_their_gpu_instance_cannot_hold),
        cmocka_unit_test(apply__turns_mig_on_and_cuts),
        cmocka_unit_test(apply__refuses_the_impossible_where_the_driver_tells_no_profiles_before),
        cmocka_unit_test(apply__cuts_what_is_possible_where_the_driver_tells_no_profiles_before),
        cmocka_unit_test(apply__a_dry_run_promises_no_more_than_is_done),
        cmocka_unit_test(apply__a_dry_run_beside_a_live_one_says_that_it_goes_on),
        cmocka_unit_test(apply__turns_mig_off_after_clearing),
        cmocka_unit_test(apply__does_not_turn_mig_off_under_a_process),
        cmocka_unit_test(apply__resets_only_the_gpus_that_need_it),
        cmocka_unit_test(apply__skip_reset_leaves_the_mode_pending),
        cmocka_unit_test(apply__a_gpu_in_a_vm_stays_pending_and_says_so),
        cmocka_unit_test(apply__refuses_mig_on_a_gpu_that_cannot_be_cut),
        cmocka_unit_test(apply__fills_each_model_with_each_of_its_profiles),
        cmocka_unit_test(apply__refuses_a_driver_that_does_not_place),
        cmocka_unit_test(apply__two_at_once_do_not_interleave),
    };
    return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
