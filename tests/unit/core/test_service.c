#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "core/catalog.h"
#include "core/service.h"

static const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static const struct {
    const char *model;
    uint32_t compute_slices;
    const char *profile; /* NULL: the model has none */
} sizes[] = {
    {"A100-80GB", 1, "1g.10gb"}, {"A100-80GB", 2, "2g.20gb"},         {"A100-80GB", 3, "3g.40gb"},
    {"A100-80GB", 4, "4g.40gb"}, {"A100-80GB", 7, "7g.80gb"},         {"A100-80GB", 5, NULL},
    {"A100-40GB", 1, "1g.5gb"},  {"A30-24GB", 2, "2g.12gb"},          {"A30-24GB", 4, "4g.24gb"},
    {"A30-24GB", 3, NULL},       {"RTX-PRO-6000-96GB", 1, "1g.24gb"},
};

static void service__maps_a_size_to_the_plain_profile_with_the_least_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct gs_model *model = model_named(sizes[i].model);
        int p = gs_service_profile(model, sizes[i].compute_slices);
        if (sizes[i].profile == NULL) {
            assert_int_equal(p, -1);
        } else {
            assert_true(p >= 0);
            assert_string_equal(model->profiles[p].name, sizes[i].profile);
        }
    }
}

static void service__maps_to_plain_profiles_in_whatever_order_they_come(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-80GB");
    struct gs_profile reversed[GS_PROFILES_MAX];
    for (unsigned p = 0; p < model->n_profiles; p++) {
        reversed[p] = model->profiles[model->n_profiles - 1 - p];
    }
    struct gs_model backwards = *model;
    backwards.profiles = reversed;
    for (uint32_t size = 1; size <= model->compute_slices; size++) {
        int p = gs_service_profile(model, size);
        int q = gs_service_profile(&backwards, size);
        assert_true((p < 0) == (q < 0));
        assert_true(p < 0 || strcmp(model->profiles[p].name, reversed[q].name) == 0);
    }
}

/* Each case: a service of 100 ms, so that a measurement must take less than 45 ms. Options as
 * "profile:capacity:row", rows counted from 0. */
static const struct {
    const char *why;
    struct gs_service_row rows[6];
    const char *options;
} cases[] = {
    {"capacity is throughput times processes", {{1, 1, 3, 7, 1000}}, "1g.10gb:21:0"},
    {"45 ms is too slow, a microsecond less is not",
     {{1, 1, 1, 9, 45000}, {2, 1, 1, 5, 44999}},
     "2g.20gb:5:1"},
    {"the most capacity wins",
     {{1, 1, 1, 10, 1}, {1, 2, 1, 12, 1}, {1, 4, 1, 11, 1}},
     "1g.10gb:12:1"},
    {"the most capacity that is fast enough wins",
     {{1, 1, 1, 10, 1}, {1, 8, 1, 99, 45000}},
     "1g.10gb:10:0"},
    {"of equals fewer processes win", {{1, 1, 2, 6, 1}, {1, 8, 1, 12, 1}}, "1g.10gb:12:1"},
    {"then the smaller batch", {{1, 8, 1, 12, 1}, {1, 4, 1, 12, 1}}, "1g.10gb:12:1"},
    {"then the earlier row", {{1, 4, 1, 12, 9}, {1, 4, 1, 12, 1}}, "1g.10gb:12:0"},
    {"a larger slice that serves no more is left out",
     {{1, 1, 1, 10, 1}, {2, 1, 1, 10, 1}, {3, 1, 1, 11, 1}, {4, 1, 1, 9, 1}},
     "1g.10gb:10:0 3g.40gb:11:2"},
    {"of equal memory the one with fewer compute slices stays",
     {{3, 1, 1, 11, 1}, {4, 1, 1, 11, 1}},
     "3g.40gb:11:0"},
    {"sizes that the model lacks are passed over",
     {{5, 1, 1, 100, 1}, {8, 1, 1, 100, 1}, {7, 1, 1, 10, 1}},
     "7g.80gb:10:2"},
    {"a run that failed serves nothing", {{1, 1, 1, 0, 0}, {2, 1, 1, 1, 1}}, "2g.20gb:1:1"},
};

static void write_options(const struct gs_model *model, const struct gs_service_option *options,
                          unsigned n, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < n; i++) {
        int len = snprintf(text + used, size - used, "%s%s:%llu:%zu", i == 0 ? "" : " ",
                           model->profiles[options[i].profile].name,
                           (unsigned long long)options[i].capacity_milli, options[i].row);
        assert_true(len > 0 && (size_t)len < size - used);
        used += (size_t)len;
    }
}

static void service__lists_the_best_measurement_of_each_size_that_is_worth_its_slice(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-80GB");
    const struct gs_service service = {.name = "s", .rate_milli = 1, .latency_us = 100000};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n_rows = 0;
        while (n_rows < 6 && cases[i].rows[n_rows].compute_slices != 0) {
            n_rows++;
        }
        struct gs_service_option options[GS_PROFILES_MAX];
        unsigned n;
        char text[256];
        int r = gs_service_options(model, &service, cases[i].rows, n_rows, options, &n, NULL);
        assert_int_equal(r, 0);
        write_options(model, options, n, text, sizeof(text));
        if (strcmp(text, cases[i].options) != 0) {
            fail_msg("%s: %s, expected %s", cases[i].why, text, cases[i].options);
        }
    }
}

static const struct {
    uint64_t latency_us;
    struct gs_service_row row;
    int code;
    const char *says;
} refused[] = {
    {100000, {1, 1, 1, 5, 60000}, GS_INFEASIBLE, "latency / 2 = 45000 of the 100000"},
    {100000, {1, 1, 1, 5, 60000}, GS_INFEASIBLE, "the fastest takes 60000"},
    {100000, {5, 1, 1, 5, 1}, GS_INFEASIBLE, "none of its 1 measurements is of a slice that A100"},
    {100000, {1, 1, 1, 0, 1}, GS_INFEASIBLE, "none of its 1 measurements"},
    {0, {1, 1, 1, 5, 1}, GS_INVALID, "service bert: its latency is 0"},
    {GS_SERVICE_LATENCY_US_MAX + 1, {1, 1, 1, 5, 1}, GS_INVALID, "its latency is 86400000001"},
    {100000, {0, 1, 1, 5, 1}, GS_INVALID, "measurement 1: the compute slices is 0; expected 1"},
    {100000, {1, 0, 1, 5, 1}, GS_INVALID, "the batch size is 0"},
    {100000, {1, 1, 0, 5, 1}, GS_INVALID, "the processes is 0"},
    {100000, {1, 1, 1025, 5, 1}, GS_INVALID, "the processes is 1025; expected 1 to 1024"},
    {100000, {1, 1, 1, UINT64_MAX, 1}, GS_INVALID, "the throughput in thousandths"},
    {100000, {1, 1, 1, 5, 0}, GS_INVALID, "the latency in microseconds is 0"},
};

static void service__says_why_a_service_cannot_be_served(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-80GB");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct gs_service service = {.name = "bert", .latency_us = refused[i].latency_us};
        struct gs_service_option options[GS_PROFILES_MAX];
        unsigned n = 77;
        struct gs_err err = {.msg = ""};
        int r = gs_service_options(model, &service, &refused[i].row, 1, options, &n, &err);
        assert_int_equal(r, refused[i].code);
        assert_int_equal(n, 77);
        if (strstr(err.msg, refused[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.msg, refused[i].says);
        }
    }
}

static void service__is_bounded_in_rows_and_needs_known_placements(void **state)
{
    (void)state;
    const struct gs_service service = {.name = "s", .latency_us = 100000};
    const struct gs_service_row row = {1, 1, 1, 5, 1};
    struct gs_service_option options[GS_PROFILES_MAX];
    unsigned n;
    assert_int_equal(gs_service_options(model_named("A100-80GB"), &service, &row,
                                        GS_SERVICE_ROWS_MAX + 1, options, &n, NULL),
                     GS_LIMIT);
    assert_int_equal(
        gs_service_options(model_named("RTX-PRO-5000-48GB"), &service, &row, 1, options, &n, NULL),
        GS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service__maps_a_size_to_the_plain_profile_with_the_least_memory),
        cmocka_unit_test(service__maps_to_plain_profiles_in_whatever_order_they_come),
        cmocka_unit_test(service__lists_the_best_measurement_of_each_size_that_is_worth_its_slice),
        cmocka_unit_test(service__says_why_a_service_cannot_be_served),
        cmocka_unit_test(service__is_bounded_in_rows_and_needs_known_placements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
