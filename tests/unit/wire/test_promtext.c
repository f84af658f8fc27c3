#include "unit/check.h"

#include <math.h>
#include <string.h>

#include "wire/promtext.h"

static struct gs_buf out;
static struct gs_promtext prom;

static int set_up(void **state)
{
    (void)state;
    gs_buf_init(&out, GS_PROMTEXT_MAX);
    gs_promtext_init(&prom, &out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_buf_done(&out);
    return 0;
}

static void promtext__begins_a_family_at_its_first_sample(void **state)
{
    (void)state;
    const struct gs_promtext_label labels[] = {{"gpu", "0"}, {"UUID", "GPU-1"}};
    gs_promtext_family(&prom, "nothing", GS_PROM_GAUGE, "left out");
    gs_promtext_family(&prom, "DCGM_FI_DEV_GPU_TEMP", GS_PROM_GAUGE, "GPU temperature (in C).");
    gs_promtext_u64(&prom, "", labels, 2, 41);
    gs_promtext_u64(&prom, "", NULL, 0, UINT64_MAX);
    gs_promtext_u64(&prom, "", NULL, 0, 0);
    gs_promtext_u64_at(&prom, gs_view("{a=\"b\"} "), 1000);
    gs_promtext_family(&prom, "empty", GS_PROM_COUNTER, "left out, too");
    assert_string_equal(gs_buf_text(&out), "# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).\n"
                                           "# TYPE DCGM_FI_DEV_GPU_TEMP gauge\n"
                                           "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 41\n"
                                           "DCGM_FI_DEV_GPU_TEMP 18446744073709551615\n"
                                           "DCGM_FI_DEV_GPU_TEMP 0\n"
                                           "DCGM_FI_DEV_GPU_TEMP{a=\"b\"} 1000\n");
}

static void promtext__escapes_values_and_help(void **state)
{
    (void)state;
    const struct gs_promtext_label label = {"pod", "a\"b\\c\nd"};
    gs_promtext_family(&prom, "x", GS_PROM_COUNTER, "one \"line\" \\ two\nthree");
    gs_promtext_u64(&prom, "_total", &label, 1, 1);
    assert_string_equal(gs_buf_text(&out), "# HELP x one \"line\" \\\\ two\\nthree\n"
                                           "# TYPE x counter\n"
                                           "x_total{pod=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void promtext__writes_fixed_numbers_exactly(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        unsigned places;
        const char *text;
    } cases[] = {
        {0, 3, "x 0\n"},        {1, 3, "x 0.001\n"},  {61417, 3, "x 61.417\n"},
        {61400, 3, "x 61.4\n"}, {61000, 3, "x 61\n"}, {7, 0, "x 7\n"},
        {1000000, 6, "x 1\n"},  {10, 0, "x 10\n"},    {UINT64_MAX, 9, "x 18446744073.709551615\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gs_promtext_family(&prom, "x", GS_PROM_GAUGE, "h");
        prom.begun = true;
        gs_buf_reset(&out);
        gs_promtext_fixed(&prom, "", NULL, 0, cases[i].value, cases[i].places);
        assert_string_equal(gs_buf_text(&out), cases[i].text);
    }
}

static void promtext__writes_six_digits_of_a_floating_value_and_no_nonsense(void **state)
{
    (void)state;
    gs_promtext_family(&prom, "x", GS_PROM_GAUGE, "h");
    prom.begun = true;
    gs_promtext_double(&prom, "", NULL, 0, 0.25);
    gs_promtext_double(&prom, "", NULL, 0, (double)NAN);
    gs_promtext_double(&prom, "", NULL, 0, (double)INFINITY);
    assert_string_equal(gs_buf_text(&out), "x 0.250000\n");
}

static void promtext__accumulates_the_buckets_of_a_histogram(void **state)
{
    (void)state;
    const uint64_t bounds[] = {5000, 100000, 2500000};
    const uint64_t counts[] = {2, 0, 3, 1};
    const struct gs_promtext_label label = {"kind", "grow"};
    gs_promtext_family(&prom, "t", GS_PROM_HISTOGRAM, "h");
    gs_promtext_histogram(&prom, &label, 1, bounds, 3, counts, 12500001);
    gs_promtext_histogram(&prom, NULL, 0, bounds, 0, counts + 3, 0);
    assert_string_equal(gs_buf_text(&out), "# HELP t h\n# TYPE t histogram\n"
                                           "t_bucket{kind=\"grow\",le=\"0.005\"} 2\n"
                                           "t_bucket{kind=\"grow\",le=\"0.1\"} 2\n"
                                           "t_bucket{kind=\"grow\",le=\"2.5\"} 5\n"
                                           "t_bucket{kind=\"grow\",le=\"+Inf\"} 6\n"
                                           "t_sum{kind=\"grow\"} 12.500001\n"
                                           "t_count{kind=\"grow\"} 6\n"
                                           "t_bucket{le=\"+Inf\"} 1\nt_sum 0\nt_count 1\n");
}

static void promtext__keeps_within_its_bound(void **state)
{
    (void)state;
    gs_buf_done(&out);
    gs_buf_init(&out, 64);
    gs_promtext_family(&prom, "x", GS_PROM_GAUGE, "h");
    for (unsigned i = 0; i < 100; i++) {
        gs_promtext_u64(&prom, "", NULL, 0, i);
    }
    assert_false(gs_buf_ok(&out));
    assert_true(out.len <= 64);
}

static void promtext__knows_what_a_name_is(void **state)
{
    (void)state;
    assert_true(gs_promtext_is_name("DCGM_FI_DEV_SM_CLOCK"));
    assert_true(gs_promtext_is_name("_a:b9"));
    assert_false(gs_promtext_is_name(""));
    assert_false(gs_promtext_is_name("9a"));
    assert_false(gs_promtext_is_name("a-b"));
    assert_false(gs_promtext_is_name("a b"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(promtext__begins_a_family_at_its_first_sample),
        TEST(promtext__escapes_values_and_help),
        TEST(promtext__writes_fixed_numbers_exactly),
        TEST(promtext__writes_six_digits_of_a_floating_value_and_no_nonsense),
        TEST(promtext__accumulates_the_buckets_of_a_histogram),
        TEST(promtext__keeps_within_its_bound),
        TEST(promtext__knows_what_a_name_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
