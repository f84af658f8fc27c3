#include "unit/check.h"

#include "unit/partition/desk.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "partition/slice.h"

enum { GPUS = 3 };

static const char layout[] = "2g.10gb@0,1g.5gb@2(),3g.20gb@4(1c@0,1c@1,1c@2)";

/* One machine of three GPUs that are cut alike. */
struct bench {
    struct gs_gpu_table table;
    char dir[64];
    struct desk_lines notes;
    struct desk_lines steps;
    struct gs_apply_options options;
    unsigned planned[4]; /* steps by kind */
    struct gs_err err;
};

static void plan_next(void *ctx, const struct gs_planned *planned)
{
    struct bench *b = ctx;
    assert_int_equal(planned->kind, GS_PLANNED_STEP);
    assert_true(planned->gpu < GPUS);
    b->planned[planned->step->kind]++;
}

static void begin(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    desk_machine(&b->table, "A100-40GB", GPUS);
    desk_dir(b->dir);
    for (unsigned k = 0; k < GPUS; k++) {
        desk_cut(&b->table, k, layout);
    }
    b->options = (struct gs_apply_options){
        .dir = b->dir,
        .what = "mig destroy",
        .note = {.line = desk_line, .ctx = &b->notes},
        .detail = {.line = desk_line, .ctx = &b->steps},
        .planned = {.next = plan_next, .ctx = b},
    };
}

/* The name of what lies at a memory unit; `ci` GS_NOT_KNOWN: all of it. */
static const char *name_at(const struct bench *b, unsigned gpu, unsigned start, uint32_t ci,
                           char text[32])
{
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        const struct gs_gpu_table_gi *gi = &b->table.gpus[gpu].gis[g];
        if (gi->present && gi->start == start && ci == GS_NOT_KNOWN) {
            snprintf(text, 32, "%u:%u", gpu, g);
        } else if (gi->present && gi->start == start) {
            snprintf(text, 32, "%u:%u:%u", gpu, g, ci);
        }
    }
    return text;
}

static int destroy(struct bench *b, const char *const *which, size_t n)
{
    struct gs_gpus gpus;
    gs_gpu_table_open(&b->table, &gpus);
    int r = gs_slice_destroy(&gpus, which, n, &b->options, &b->err);
    gs_gpu_close(&gpus);
    return r;
}

#define ASSERT_INSIDE(b, gpu, layout)                                                              \
    do {                                                                                           \
        char text_[DESK_TEXT_MAX];                                                                 \
        assert_string_equal(desk_read_inside(&(b)->table, gpu, text_), layout);                    \
    } while (0)

static void slice__several_go_with_the_gpu_instances_that_they_leave_empty(void **state)
{
    (void)state;
    for (unsigned dry_run = 0; dry_run < 2; dry_run++) {
        struct bench b;
        char text[6][32];
        begin(&b);
        b.options.dry_run = dry_run == 1;
        const char *const which[] = {
            name_at(&b, 0, 4, 2, text[0]), name_at(&b, 0, 4, 0, text[1]),
            name_at(&b, 0, 4, 2, text[0]), name_at(&b, 0, 4, 1, text[2]),
            name_at(&b, 2, 4, 1, text[3]), name_at(&b, 2, 2, GS_NOT_KNOWN, text[4]),
            name_at(&b, 2, 0, 0, text[5]),
        };
        struct gs_gpu_table before = b.table;
        assert_int_equal(destroy(&b, which, GS_ARRAY_LEN(which)), 0);
        if (dry_run == 1) {
            assert_true(gs_gpu_table_equal(&before, &b.table));
            assert_int_equal(b.planned[GS_CHANGE_DESTROY_CI], 5);
            assert_int_equal(b.planned[GS_CHANGE_DESTROY_GI], 3);
            assert_non_null(strstr(b.steps.text, "GPU 2: destroy compute instance 1 (1c at 1) of "
                                                 "3g.20gb at 4\n"
                                                 "2 GPUs: 5 slices destroyed, 0 created, 3 kept"));
        } else {
            ASSERT_INSIDE(&b, 0, "2g.10gb@0(2c@0),1g.5gb@2()");
            ASSERT_INSIDE(&b, 1, "2g.10gb@0(2c@0),1g.5gb@2(),3g.20gb@4(1c@0,1c@1,1c@2)");
            ASSERT_INSIDE(&b, 2, "3g.20gb@4(1c@0,1c@2)");
            assert_int_equal(b.planned[GS_CHANGE_DESTROY_CI], 0);
        }
        desk_dir_done(b.dir);
    }
}

/* Whatever of the last GPU has a handle that leaked. */
static void slice__what_went_before_a_refused_one_is_there_again(void **state)
{
    (void)state;
    static const struct {
        unsigned start;
        unsigned ci; /* GS_NOT_KNOWN: the GPU instance itself */
    } leaks[] = {{0, 0}, {0, GS_NOT_KNOWN}, {2, GS_NOT_KNOWN}, {4, 0}, {4, 2}};
    for (size_t k = 0; k < GS_ARRAY_LEN(leaks); k++) {
        struct bench b;
        char text[7][32];
        char before[DESK_TEXT_MAX];
        begin(&b);
        desk_read_inside(&b.table, 0, before);
        for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
            struct gs_gpu_table_gi *gi = &b.table.gpus[2].gis[g];
            if (gi->present && gi->start == leaks[k].start) {
                gi->leaked = leaks[k].ci == GS_NOT_KNOWN;
                gi->cis[leaks[k].ci % GS_COMPUTE_INSTANCES_MAX].leaked =
                    leaks[k].ci != GS_NOT_KNOWN;
            }
        }
        const char *const which[] = {
            name_at(&b, 2, 2, GS_NOT_KNOWN, text[0]),
            name_at(&b, 0, 4, 1, text[1]),
            name_at(&b, 2, 4, 0, text[2]),
            name_at(&b, 2, 0, GS_NOT_KNOWN, text[3]),
            name_at(&b, 1, 4, GS_NOT_KNOWN, text[4]),
            name_at(&b, 1, 2, GS_NOT_KNOWN, text[5]),
            name_at(&b, 2, 4, 2, text[6]),
        };
        assert_int_equal(destroy(&b, which, GS_ARRAY_LEN(which)), GS_BUSY);
        for (unsigned gpu = 0; gpu < GPUS; gpu++) {
            ASSERT_INSIDE(&b, gpu, before);
        }
        assert_non_null(strstr(b.err.msg, "GPU 2, destroy "));
        assert_string_equal(b.notes.text, "what had gone was put back: all slices are there\n");
        desk_dir_done(b.dir);
    }
}

static void slice__nothing_goes_where_one_of_several_cannot(void **state)
{
    (void)state;
    static const struct {
        const char *other; /* named last */
        int code;
    } cases[] = {{"2:14", GS_NOT_FOUND},     {"7:1", GS_NOT_FOUND}, {"2", GS_INVALID},
                 {"MIG-none", GS_NOT_FOUND}, {"", GS_INVALID},      {"0:1:2:3", GS_INVALID}};
    for (size_t k = 0; k < GS_ARRAY_LEN(cases); k++) {
        struct bench b;
        char text[32];
        begin(&b);
        struct gs_gpu_table before = b.table;
        const char *const which[] = {name_at(&b, 0, 0, GS_NOT_KNOWN, text), cases[k].other};
        assert_int_equal(destroy(&b, which, 2), cases[k].code);
        assert_true(gs_gpu_table_equal(&before, &b.table));
        assert_int_equal(b.steps.used, 0);
        desk_dir_done(b.dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice__several_go_with_the_gpu_instances_that_they_leave_empty),
        cmocka_unit_test(slice__what_went_before_a_refused_one_is_there_again),
        cmocka_unit_test(slice__nothing_goes_where_one_of_several_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
