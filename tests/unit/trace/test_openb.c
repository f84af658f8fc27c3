#include "unit/trace/bed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/catalog.h"

#define HEADER                                                                                     \
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"            \
    "deletion_time,scheduled_time\n"

static const struct gs_model *a100(void)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    return model;
}

static void openb__a_pod_is_what_its_row_says(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "openb",
                  HEADER "p0,6000,12288,1,460,V100M16|V100M32,LS,Running,5,105,7\r\n"
                         "p1,1,1,2,1000,,BE,Failed,6,107,8\n"
                         "p2,1,1,0,0,,BE,Running,1,2,1\n");
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 3);
    const struct gs_trace_ask *ask = &bed.asks[1];
    assert_string_equal(ask->name, "p0");
    assert_int_equal(ask->row, 2);
    assert_int_equal(ask->arrive_us, 7000000);
    assert_int_equal(ask->created_us, 5000000);
    assert_int_equal(ask->run_us, 98000000);
    assert_int_equal(ask->fate, GS_TRACE_RAN);
    assert_int_equal(ask->gpus, 1);
    assert_int_equal(ask->milli, 460);
    assert_int_equal(ask->cpu_milli, 6000);
    assert_int_equal(ask->host_memory_mib, 12288);
    assert_string_equal(ask->gpu, "V100M16|V100M32");
    assert_null(ask->profile);
    assert_int_equal(ask->memory_mib.peak, GS_NOT_KNOWN);
    assert_int_equal(bed.asks[0].gpus, 0);
    assert_int_equal(bed.asks[2].gpus, 2);
    assert_int_equal(bed.asks[2].fate, GS_TRACE_CUT_OFF); /* ends with the last */
    assert_int_equal(bed.totals.without_gpu, 1);
    assert_int_equal(bed.totals.first_end_us, 105000000);
    assert_int_equal(bed.totals.last_end_us, 107000000);
    bed_done(&bed);
}

static void openb__what_was_never_scheduled_never_ran(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "openb",
                  HEADER "a,1,1,1,500,,LS,Pending,10,30,\n"
                         "b,1,1,1,500,,LS,Running,11,31,12\n");
    assert_int_equal(bed.n, 2);
    assert_int_equal(bed.asks[0].fate, GS_TRACE_NEVER_RAN);
    assert_int_equal(bed.asks[0].arrive_us, 10000000);
    assert_int_equal(bed.asks[0].run_us, 20000000);
    assert_int_equal(bed.totals.never_ran, 1);
    bed_done(&bed);
}

static void openb__bad_rows_are_named_and_counted_the_rest_is_used(void **state)
{
    static const struct {
        const char *row;
        enum gs_trace_fault fault;
        const char *says;
    } cases[] = {
        {"a,1,1,1,500,,LS,Running,10", GS_TRACE_FAULT_FORM, "f0:3: found 9 fields; expected 11"},
        {"a,1,1,1,500,\"x,LS,Running,10,20,11", GS_TRACE_FAULT_FORM, "f0:3: found a quote"},
        {"a,1,1,1,500,,LS,Running,10,5,", GS_TRACE_FAULT_TIME, "f0:3: it ends before it begins"},
        {"a,1,1,1,500,,LS,Running,10,12,13", GS_TRACE_FAULT_TIME, "f0:3: it ends before it begins"},
        {"a,1,1,1,500,,LS,Running,10,12,9", GS_TRACE_FAULT_TIME,
         "f0:3: it is scheduled before it is created"},
        {"a,1,1,1,500,,LS,Running,-10,12,9", GS_TRACE_FAULT_TIME,
         "f0:3: creation_time: found -10, which is negative"},
        {"a,1,1,1,500,,LS,Running,,12,9", GS_TRACE_FAULT_TIME, "f0:3: creation_time: found \"\""},
        {"a,1,1,1,500,,LS,Running,1,99999999999,9", GS_TRACE_FAULT_TIME, "f0:3: deletion_time:"},
        {"a,1,1,1,1001,,LS,Running,1,2,1", GS_TRACE_FAULT_SIZE, "f0:3: gpu_milli: found 1001"},
        {"a,1,1,99,1000,,LS,Running,1,2,1", GS_TRACE_FAULT_SIZE, "f0:3: num_gpu: found 99"},
        {"a,1,1,2,500,,LS,Running,1,2,1", GS_TRACE_FAULT_SIZE, "f0:3: found num_gpu 2 with"},
        {"a,1,1,0,500,,LS,Running,1,2,1", GS_TRACE_FAULT_SIZE, "f0:3: found num_gpu 0 with"},
        {"a,x,1,1,500,,LS,Running,1,2,1", GS_TRACE_FAULT_SIZE, "f0:3: cpu_milli: found \"x\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1000];
        struct bed bed;
        snprintf(text, sizeof(text), HEADER "a,1,1,1,500,,LS,Running,1,2,1\n%s\n", cases[i].row);
        bed_read_text(&bed, "openb", text);
        assert_int_equal(bed.r, GS_TRACE_OVER);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.totals.input_rows, 2);
        assert_int_equal(bed.totals.skipped_rows, 1);
        assert_int_equal(bed.totals.skipped[cases[i].fault], 1);
        assert_int_equal(bed.n_bad, 1);
        if (strncmp(bed.bad[0], cases[i].says, strlen(cases[i].says)) != 0) {
            fail_msg("row %zu: \"%s\"; expected \"%s...\"", i, bed.bad[0], cases[i].says);
        }
        bed_done(&bed);
    }
}

static void openb__a_file_without_its_columns_is_refused(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "openb", "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,1\n");
    assert_int_equal(bed.r, GS_INVALID);
    assert_non_null(strstr(bed.err.msg, "f0:1: found another header; expected the header name,"));
    bed_done(&bed);
    bed_read_text(&bed, "openb", HEADER "a,1,1,1,500,,LS,Running,5,2,1\n");
    assert_int_equal(bed.r, GS_INVALID);
    assert_non_null(strstr(bed.err.msg, "f0: none of 1 row could be used; the first: f0:2: "));
    bed_done(&bed);
    bed_read_text(&bed, "openb", HEADER);
    assert_int_equal(bed.r, GS_INVALID);
    assert_non_null(strstr(bed.err.msg, "f0: found no rows"));
    bed_done(&bed);
}

/* ---- the published files: reference/traces.md, sections 3 and 4 ---- */

#define DEFAULT "openb/openb_pod_list_default.csv"

static void read_published(struct bed *bed, const char *path)
{
    bed_read_files(bed, "openb", &path, 1, (struct bed_options){0});
    assert_int_equal(bed->r, GS_TRACE_OVER);
    assert_int_equal(bed->n_bad, 0);
    assert_int_equal(bed->totals.input_rows, 8152);
}

static void openb__counts_of_the_published_file(void **state)
{
    struct bed bed;
    unsigned whole = 0;
    unsigned several = 0;
    unsigned fractional = 0;
    unsigned slices[8] = {0};
    struct gs_trace_map map;
    struct gs_trace_rule rule = gs_trace_rule_strict(a100());
    (void)state;
    rule.with_never_ran = true;
    assert_int_equal(gs_trace_map_init(&map, &rule, NULL), 0);
    read_published(&bed, DEFAULT);
    for (size_t i = 0; i < bed.n; i++) {
        const struct gs_trace_ask *ask = &bed.asks[i];
        several += ask->gpus > 1;
        whole += ask->gpus == 1 && ask->milli == 1000;
        if (ask->gpus == 1 && ask->milli < 1000) {
            struct gs_sim_job job;
            enum gs_trace_left_out left;
            fractional++;
            assert_int_equal(gs_trace_map_job(&map, ask, &job, &left, NULL), 1);
            slices[job.profile == GS_SIM_WHOLE ? 7
                                               : a100()->profiles[job.profile].compute_slices]++;
        }
    }
    assert_int_equal(fractional, 3078);
    assert_int_equal(whole, 3911);
    assert_int_equal(several, 75);
    assert_int_equal(bed.totals.without_gpu, 1088);
    assert_int_equal(bed.totals.never_ran, 861);
    assert_int_equal(bed.totals.cut_off, 32);
    assert_int_equal(slices[7], 1406);
    assert_int_equal(slices[4], 971);
    assert_int_equal(slices[3], 389);
    assert_int_equal(slices[2], 280);
    assert_int_equal(slices[1], 32);
    assert_int_equal(bed.totals.first_end_us, 9964972000000ll);
    assert_int_equal(bed.totals.last_end_us, 12902960000000ll);
    bed_done(&bed);
}

/* GPU-hours of the jobs that a rule makes, within a window; slices counted as sevenths. */
struct hours {
    double whole;
    double ideal;
    double slices;
};

static struct hours add_up(const struct bed *bed, struct gs_trace_rule rule, int64_t from_us)
{
    struct hours hours = {0};
    struct gs_trace_map map;
    assert_int_equal(gs_trace_map_init(&map, &rule, NULL), 0);
    for (size_t i = 0; i < bed->n; i++) {
        struct gs_sim_job job;
        enum gs_trace_left_out left;
        if (gs_trace_map_job(&map, &bed->asks[i], &job, &left, NULL) == 0) {
            assert_int_not_equal(left, GS_TRACE_LEFT_UNMAPPED);
            continue;
        }
        int64_t end = job.arrive_us + job.run_us;
        int64_t start = job.arrive_us > from_us ? job.arrive_us : from_us;
        double h = end > start ? (double)(end - start) / 3.6e9 : 0;
        hours.whole += h * job.gpus;
        hours.ideal += h * job.ideal_milli / 1000;
        hours.slices += job.profile == GS_SIM_WHOLE
                            ? h * job.gpus
                            : h * a100()->profiles[job.profile].compute_slices / 7;
    }
    return hours;
}

static void expect_close(double found, double expected, double within, const char *what)
{
    if (fabs(found - expected) > within) {
        fail_msg("%s is %.2f; expected %.2f", what, found, expected);
    }
}

static void openb__gpu_hours_of_the_window_are_the_published_ones(void **state)
{
    static const struct {
        const char *path;
        int64_t from_s;
        bool fractional_only;
        double whole;
        double ideal;
        double strict;
        double lenient;
    } cases[] = {
        {DEFAULT, 9964972, false, 34212, -14.0, -10.8, -13.4},
        {DEFAULT, 9964972, true, 9044, -52.8, -40.9, -50.7},
        {"openb/openb_pod_list_gpushare20.csv", 9537911, false, 34387, -9.7, -7.5, -9.3},
        {"openb/openb_pod_list_gpushare40.csv", 9964972, false, 32735, -20.6, -15.9, -19.8},
        {DEFAULT, 0, false, 59612, -13.7, -10.7, -13.6},
        {DEFAULT, 0, true, 15219, -53.5, -42.0, -53.5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        struct gs_trace_rule strict = gs_trace_rule_strict(a100());
        struct gs_trace_rule lenient = gs_trace_rule_lenient(a100());
        strict.fractional_only = lenient.fractional_only = cases[i].fractional_only;
        read_published(&bed, cases[i].path);
        struct hours s = add_up(&bed, strict, cases[i].from_s * 1000000);
        struct hours l = add_up(&bed, lenient, cases[i].from_s * 1000000);
        expect_close(s.whole, cases[i].whole, 0.6, "whole GPU-hours");
        expect_close(100 * (s.ideal / s.whole - 1), cases[i].ideal, 0.06, "ideal");
        expect_close(100 * (s.slices / s.whole - 1), cases[i].strict, 0.06, "strict");
        expect_close(100 * (l.slices / l.whole - 1), cases[i].lenient, 0.06, "lenient");
        bed_done(&bed);
    }
}

static void openb__any_size_of_pieces_gives_the_same(void **state)
{
    static const char text[] = HEADER "a,1,1,1,500,\"x,y\",LS,Running,1,20,1\n\n"
                                      "b,1,1,1,500,z,LS,Running,3,20,4\r\n"
                                      "c,1,1,1,700,,LS,Running,2,20,2";
    struct gs_view view = gs_view(text);
    (void)state;
    for (size_t step = 1; step < sizeof(text); step += step < 20 ? 1 : 37) {
        for (unsigned push = 0; push < 2; push++) {
            struct bed bed;
            bed_read(&bed, "openb", &view, 1, (struct bed_options){.step = step, .push = push});
            assert_int_equal(bed.n, 3);
            assert_string_equal(bed.asks[0].gpu, "x,y");
            assert_string_equal(bed.asks[1].name, "c");
            assert_string_equal(bed.asks[2].gpu, "z");
            assert_int_equal(bed.asks[1].row, 5);
            assert_int_equal(bed.totals.bytes, sizeof(text) - 1);
            bed_done(&bed);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(openb__a_pod_is_what_its_row_says),
        cmocka_unit_test(openb__what_was_never_scheduled_never_ran),
        cmocka_unit_test(openb__bad_rows_are_named_and_counted_the_rest_is_used),
        cmocka_unit_test(openb__a_file_without_its_columns_is_refused),
        cmocka_unit_test(openb__counts_of_the_published_file),
        cmocka_unit_test(openb__gpu_hours_of_the_window_are_the_published_ones),
        cmocka_unit_test(openb__any_size_of_pieces_gives_the_same),
    };
    return cmocka_run_group_tests_name("openb", tests, NULL, NULL);
}
