/* Traces of measured work: GenTD26 and MISO (reference/traces.md, sections 5 and 6). */
#include "unit/trace/bed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "trace/speeds.h"

static const struct gs_model *find_model(const char *name)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

#define MEMORY_HEADER "timestamp_anon,value,container_ip\n"
#define DUTY_HEADER "value,timestamp_anon,container_ip\n"

static void read_two(struct bed *bed, const char *memory, const char *duty)
{
    const struct gs_view texts[] = {gs_view(memory), gs_view(duty)};
    bed_read(bed, "gentd26", texts, 2, (struct bed_options){0});
}

static void gentd26__a_series_runs_from_first_to_last_sample_and_one_interval(void **state)
{
    struct bed bed;
    (void)state;
    read_two(&bed,
             MEMORY_HEADER "100.0,1048577.0,b\n157.0,3145728.0,b\n214.0,2097152.0,b\n"
                           "157.0,1.0,a\n214.0,1.0,a\n271.0,1.0,a\n",
             DUTY_HEADER "0.0,100.0,b\n12.34,157.0,b\n");
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 2);
    const struct gs_trace_ask *b = &bed.asks[0];
    assert_string_equal(b->name, "b");
    assert_int_equal(b->arrive_us, 100000000);
    assert_int_equal(b->run_us, (214 - 100 + 57) * 1000000);
    assert_int_equal(b->fate, GS_TRACE_RAN);
    assert_int_equal(b->memory_mib.peak, 3);
    assert_int_equal(b->memory_mib.p99, 3);
    assert_int_equal(b->memory_mib.mean, 2);
    assert_int_equal(b->util_permille.peak, 124); /* rounded up */
    assert_int_equal(bed.asks[1].fate, GS_TRACE_CUT_OFF);
    assert_int_equal(bed.asks[1].util_permille.peak, GS_NOT_KNOWN);
    bed_done(&bed);
}

static void gentd26__bad_samples_are_named(void **state)
{
    static const struct {
        const char *row;
        const char *says;
    } cases[] = {
        {"1.0,5.0", "f0:4: found 2 fields; expected 3"},
        {"x,5.0,a", "f0:4: timestamp_anon: found \"x\""},
        {"1.0,-5.0,a", "f0:4: value: found -5.0, which is negative"},
        {"1.0,99999999999999999999,a", "f0:4: value: found 99999999999999999999; expected"},
        {"1.0,5.0,", "f0:4: container_ip is empty"},
        {"1.0,5.0,c", "f0:4: \"c\" has one sample; expected two"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[300];
        struct bed bed;
        snprintf(text, sizeof(text), MEMORY_HEADER "1.0,1.0,a\n2.0,1.0,a\n%s\n", cases[i].row);
        read_two(&bed, text, DUTY_HEADER);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.n_bad, 1);
        if (strncmp(bed.bad[0], cases[i].says, strlen(cases[i].says)) != 0) {
            fail_msg("row %zu: \"%s\"; expected \"%s...\"", i, bed.bad[0], cases[i].says);
        }
        bed_done(&bed);
    }
    struct bed bed;
    read_two(&bed, "value,container_ip\n1,a\n", DUTY_HEADER);
    assert_int_equal(bed.r, GS_INVALID);
    assert_non_null(strstr(bed.err.msg, "f0:1: the header lacks timestamp_anon"));
    bed_done(&bed);
    read_two(&bed, MEMORY_HEADER "1.0,1.0,a\n2.0,1.0,a\n", "");
    assert_int_equal(bed.r, GS_INVALID);
    assert_non_null(strstr(bed.err.msg, "f1: found nothing"));
    bed_done(&bed);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const struct bed *bed, uint32_t (*figure)(const struct gs_trace_ask *))
{
    double *values = calloc(bed->n + 1, sizeof(*values));
    assert_non_null(values);
    for (size_t i = 0; i < bed->n; i++) {
        values[i] = figure(&bed->asks[i]);
    }
    qsort(values, bed->n, sizeof(*values), by_value);
    double middle = (values[(bed->n - 1) / 2] + values[bed->n / 2]) / 2;
    free(values);
    return middle;
}

#define FIGURE(use, which)                                                                         \
    static uint32_t use##_##which(const struct gs_trace_ask *ask)                                  \
    {                                                                                              \
        return ask->use.which;                                                                     \
    }
FIGURE(memory_mib, peak)
FIGURE(memory_mib, p99)
FIGURE(memory_mib, p95)
FIGURE(memory_mib, mean)
FIGURE(util_permille, peak)
FIGURE(util_permille, p95)
FIGURE(util_permille, mean)

static void expect_close(double found, double expected, double within, const char *what)
{
    if (fabs(found - expected) > within) {
        fail_msg("%s is %.3f; expected %.3f", what, found, expected);
    }
}

static void read_gentd26(struct bed *bed)
{
    static const char *const paths[] = {"gentd26/pod_gpu_memory_used_bytes_anon.tar.gz",
                                        "gentd26/pod_gpu_duty_cycle_anon.tar.gz"};
    bed_read_files(bed, "gentd26", paths, 2, (struct bed_options){.step = 3000});
    assert_int_equal(bed->r, GS_TRACE_OVER);
}

static void gentd26__medians_of_the_published_files(void **state)
{
    struct bed bed;
    double hours = 0;
    (void)state;
    read_gentd26(&bed);
    assert_int_equal(bed.totals.input_rows, 161413 + 157417);
    assert_int_equal(bed.n, 143);
    assert_int_equal(bed.totals.skipped_rows, 1); /* a pod with one sample */
    for (size_t i = 0; i < bed.n; i++) {
        hours += (double)bed.asks[i].run_us / 3.6e9;
    }
    expect_close(hours, 2571, 0.5, "GPU-hours");
    expect_close(median(&bed, memory_mib_peak) / 1024, 37.1, 0.06, "peak memory");
    expect_close(median(&bed, memory_mib_p99) / 1024, 30.7, 0.06, "p99 memory");
    expect_close(median(&bed, memory_mib_p95) / 1024, 25.0, 0.06, "p95 memory");
    expect_close(median(&bed, memory_mib_mean) / 1024, 22.1, 0.06, "mean memory");
    expect_close(median(&bed, util_permille_peak) / 10, 63.4, 0.1, "peak duty");
    expect_close(median(&bed, util_permille_p95) / 10, 26.75, 0.06, "p95 duty");
    expect_close(median(&bed, util_permille_mean) / 10, 5.8, 0.06, "mean duty");
    bed_done(&bed);
}

/* How many pods get which profile, computed with another program from the same files. */
static void gentd26__profiles_of_an_80_gb_part_by_each_rule(void **state)
{
    static const struct {
        enum gs_trace_by memory_by;
        enum gs_trace_by util_by;
        unsigned slices[8];
    } cases[] = {
        {GS_TRACE_BY_PEAK, GS_TRACE_BY_NOTHING, {[1] = 2, [2] = 12, [3] = 77, [7] = 52}},
        {GS_TRACE_BY_P99, GS_TRACE_BY_NOTHING, {[1] = 2, [2] = 12, [3] = 110, [7] = 19}},
        {GS_TRACE_BY_PEAK, GS_TRACE_BY_P95, {[1] = 2, [2] = 12, [3] = 71, [7] = 58}},
        {GS_TRACE_BY_P99, GS_TRACE_BY_P95, {[1] = 2, [2] = 12, [3] = 98, [7] = 31}},
        {GS_TRACE_BY_PEAK, GS_TRACE_BY_PEAK, {[1] = 2, [2] = 12, [3] = 13, [4] = 23, [7] = 93}},
    };
    const struct gs_model *model = find_model("A100-80GB");
    struct bed bed;
    (void)state;
    read_gentd26(&bed);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_trace_rule rule = gs_trace_rule_strict(model);
        struct gs_trace_map map;
        unsigned slices[8] = {0};
        rule.memory_by = cases[i].memory_by;
        rule.util_by = cases[i].util_by;
        assert_int_equal(gs_trace_map_init(&map, &rule, NULL), 0);
        for (size_t k = 0; k < bed.n; k++) {
            struct gs_sim_job job;
            enum gs_trace_left_out left;
            assert_int_equal(gs_trace_map_job(&map, &bed.asks[k], &job, &left, NULL), 1);
            slices[job.profile == GS_SIM_WHOLE ? 7 : model->profiles[job.profile].compute_slices]++;
        }
        for (unsigned c = 0; c < 8; c++) {
            if (slices[c] != cases[i].slices[c]) {
                fail_msg("rule %zu, %ug: found %u pods; expected %u", i, c, slices[c],
                         cases[i].slices[c]);
            }
        }
    }
    bed_done(&bed);
}

/* ---- MISO ---- */

static void miso__a_job_has_length_and_work_and_comes_when_it_is_drawn(void **state)
{
    const struct gs_view texts[] = {gs_view("{\"0\": 346, \"1\": 27.5, \"2\": -1, \"3\": 2}"),
                                    gs_view("{\"0\": \"gnn_train64\", \"1\": \"bert_train2\", "
                                            "\"2\": \"x\", \"3\": 7}")};
    (void)state;
    for (uint64_t seed = 1; seed < 9; seed++) {
        struct bed bed;
        bed_read(&bed, "miso", texts, 2, (struct bed_options){.step = 1, .seed = seed});
        assert_int_equal(bed.r, GS_TRACE_OVER);
        assert_int_equal(bed.n, 2);
        bool second = strcmp(bed.asks[0].work, "bert_train2") == 0;
        assert_string_equal(bed.asks[second ? 1 : 0].work, "gnn_train64");
        assert_int_equal(bed.asks[second ? 1 : 0].run_us, 346000000);
        assert_int_equal(bed.asks[second ? 0 : 1].run_us, 27500000);
        assert_true(bed.asks[0].arrive_us > 0 && bed.asks[0].arrive_us % 1000000 == 0);
        assert_int_equal(bed.n_bad, 2);
        bool first = strstr(bed.bad[0], "job \"2\"") != NULL;
        assert_non_null(
            strstr(bed.bad[first ? 0 : 1], "f0, job \"2\": found -1.000000, which is negative"));
        assert_non_null(strstr(bed.bad[first ? 1 : 0], "f1: the work of job \"3\" has no name"));
        bed_done(&bed);
    }
}

static void miso__the_published_jobs_all_have_speeds(void **state)
{
    static const char *const paths[] = {"miso_a100/trace_100.json", "miso_a100/job_models.json"};
    struct bed bed;
    struct gs_trace_map map;
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    double hours = 0;
    (void)state;
    assert_int_equal(gs_trace_map_init(&map, &rule, NULL), 0);
    bed_read_files(&bed, "miso", paths, 2, (struct bed_options){.seed = 1});
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 100);
    for (size_t i = 0; i < bed.n; i++) {
        struct gs_sim_job job;
        enum gs_trace_left_out left;
        struct gs_err err;
        if (gs_trace_map_job(&map, &bed.asks[i], &job, &left, &err) != 1) {
            fail_msg("%s: %s", bed.asks[i].work, err.msg);
        }
        assert_non_null(job.speed);
        assert_int_not_equal(job.profile, GS_SIM_WHOLE); /* every one ran on some slice */
        hours += (double)job.run_us / 3.6e9;
    }
    expect_close(hours, 21.40, 0.01, "GPU-hours"); /* 100 runs of 770 s */
    expect_close((double)bed.asks[99].arrive_us / 1e6, 34 * 30 + 66 * 60, 300, "the last arrival");
    bed_done(&bed);
}

static double table_median(const char *profile, unsigned *ret_n, double *ret_min, double *ret_max)
{
    const char *model_name;
    size_t n;
    const struct gs_trace_speed *rows = gs_trace_speeds(&n, &model_name);
    const struct gs_model *model = find_model(model_name);
    double values[100];
    unsigned index;
    assert_int_equal(gs_model_profile_find(model, gs_view(profile), &index, NULL), 0);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].slowdown_permille[index] > 0) {
            values[(*ret_n)++] = rows[i].slowdown_permille[index] / 1000.0;
        }
    }
    qsort(values, *ret_n, sizeof(values[0]), by_value);
    *ret_min = values[0];
    *ret_max = values[*ret_n - 1];
    return values[*ret_n / 2]; /* of an even number the upper one, as published */
}

static void miso__slowdowns_of_the_table_are_the_published_ones(void **state)
{
    static const struct {
        const char *profile;
        unsigned n;
        double median;
        double min;
        double max;
    } cases[] = {{"1g.5gb", 21, 3.24, 1.23, 13.0},
                 {"2g.10gb", 28, 2.01, 1.11, 3.66},
                 {"3g.20gb", 32, 1.53, 1.00, 2.51},
                 {"4g.20gb", 32, 1.34, 1.02, 1.84},
                 {"7g.40gb", 32, 1, 1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned n;
        double min;
        double max;
        double middle = table_median(cases[i].profile, &n, &min, &max);
        assert_int_equal(n, cases[i].n);
        expect_close(middle, cases[i].median, 0.006, cases[i].profile);
        expect_close(min, cases[i].min, 0.006, cases[i].profile);
        expect_close(max, cases[i].max, 0.06, cases[i].profile);
    }
}

static void miso__gpu_time_saved_under_a_limit_is_the_published_one(void **state)
{
    static const struct {
        uint32_t limit;
        double saving;
    } cases[] = {{1100, 15}, {1250, 21}, {1500, 28}, {2000, 34}, {3000, 38}, {0, 40}};
    const char *model_name;
    size_t n;
    const struct gs_trace_speed *rows = gs_trace_speeds(&n, &model_name);
    const struct gs_model *model = find_model(model_name);
    static const uint8_t sevenths[] = {1, 2, 3, 4};
    static const double shares[] = {1.0 / 7, 2.0 / 7, 0.5, 4.0 / 7};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double left = 0;
        for (size_t k = 0; k < n; k++) {
            double best = 1;
            for (unsigned p = 0; p < model->n_profiles; p++) {
                uint32_t slow = rows[k].slowdown_permille[p];
                for (unsigned s = 0; s < 4; s++) {
                    if (slow > 0 && (cases[i].limit == 0 || slow <= cases[i].limit) &&
                        model->profiles[p].compute_slices == sevenths[s] &&
                        shares[s] * slow / 1000 < best) {
                        best = shares[s] * slow / 1000;
                    }
                }
            }
            left += best;
        }
        expect_close(100 - 100 * left / (double)n, cases[i].saving, 0.6, "GPU-time saved");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(gentd26__a_series_runs_from_first_to_last_sample_and_one_interval),
        cmocka_unit_test(gentd26__bad_samples_are_named),
        cmocka_unit_test(gentd26__medians_of_the_published_files),
        cmocka_unit_test(gentd26__profiles_of_an_80_gb_part_by_each_rule),
        cmocka_unit_test(miso__a_job_has_length_and_work_and_comes_when_it_is_drawn),
        cmocka_unit_test(miso__the_published_jobs_all_have_speeds),
        cmocka_unit_test(miso__slowdowns_of_the_table_are_the_published_ones),
        cmocka_unit_test(miso__gpu_time_saved_under_a_limit_is_the_published_one),
    };
    return cmocka_run_group_tests_name("measured", tests, NULL, NULL);
}
