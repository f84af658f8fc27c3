#include "unit/check.h"

#include <string.h>

#include "core/catalog.h"
#include "trace/map.h"

static const struct gs_model *find_model(const char *name)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static struct gs_trace_ask plain_ask(void)
{
    return (struct gs_trace_ask){.row = 7,
                                 .arrive_us = 5,
                                 .created_us = 5,
                                 .start_us = GS_TRACE_NO_TIME,
                                 .run_us = 9,
                                 .gpus = 1,
                                 .milli = GS_NOT_KNOWN,
                                 .memory_mib = GS_TRACE_USE_UNKNOWN,
                                 .util_permille = GS_TRACE_USE_UNKNOWN};
}

/* The name of the profile that an ask gets; "whole", or why it is no job. */
static const char *mapped(const struct gs_trace_rule *rule, const struct gs_trace_ask *ask,
                          struct gs_sim_job *job)
{
    static struct gs_err err;
    struct gs_trace_map map;
    enum gs_trace_left_out left;
    assert_int_equal(gs_trace_map_init(&map, rule, NULL), 0);
    if (gs_trace_map_job(&map, ask, job, &left, &err) == 0) {
        return gs_trace_left_out_text(left);
    }
    assert_int_equal(job->row, 7);
    return job->profile == GS_SIM_WHOLE ? "whole" : rule->model->profiles[job->profile].name;
}

static const char *mapped_milli(const struct gs_trace_rule *rule, uint32_t milli)
{
    struct gs_sim_job job;
    struct gs_trace_ask ask = plain_ask();
    ask.milli = milli;
    const char *name = mapped(rule, &ask, &job);
    assert_int_equal(job.ideal_milli, milli);
    return name;
}

static void map__thousandths_become_profiles_at_the_published_limits(void **state)
{
    static const struct {
        const char *model;
        bool lenient;
        uint32_t tolerance;
        uint32_t milli;
        const char *last; /* for milli */
        const char *next; /* for milli + 1 */
    } cases[] = {
        {"A100-40GB", false, 0, 142, "1g.5gb", "2g.10gb"},
        {"A100-40GB", false, 0, 285, "2g.10gb", "3g.20gb"},
        {"A100-40GB", false, 0, 428, "3g.20gb", "4g.20gb"},
        {"A100-40GB", false, 0, 571, "4g.20gb", "whole"},
        {"A100-40GB", true, 100, 125, "1g.5gb", "2g.10gb"},
        {"A100-40GB", true, 100, 250, "2g.10gb", "3g.20gb"},
        {"A100-40GB", true, 100, 476, "3g.20gb", "4g.20gb"},
        {"A100-40GB", true, 100, 500, "4g.20gb", "whole"},
        {"A100-40GB", false, 70, 460, "3g.20gb", "4g.20gb"},
        {"A100-40GB", false, 89, 470, "3g.20gb", "4g.20gb"},
        {"H200-141GB", false, 0, 428, "3g.71gb", "4g.71gb"},
        {"A30", false, 0, 250, "1g.6gb", "2g.12gb"},
        {"A30", false, 0, 500, "2g.12gb", "whole"},
        {"A30", true, 100, 500, "2g.12gb", "whole"},
        {"RTX-PRO-6000-96GB", false, 0, 250, "1g.24gb", "2g.48gb"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gs_model *model = find_model(cases[i].model);
        struct gs_trace_rule rule =
            cases[i].lenient ? gs_trace_rule_lenient(model) : gs_trace_rule_strict(model);
        rule.tolerance_permille = cases[i].tolerance;
        assert_string_equal(mapped_milli(&rule, cases[i].milli), cases[i].last);
        assert_string_equal(mapped_milli(&rule, cases[i].milli + 1), cases[i].next);
    }
}

static void map__measured_use_gets_the_smallest_profile_that_holds_it(void **state)
{
    static const struct {
        uint32_t memory_mib;
        uint32_t util; /* 0: not known */
        const char *gets;
    } cases[] = {
        {4864, 0, "1g.5gb"},        {4865, 0, "2g.10gb"}, {9856, 0, "2g.10gb"},
        {9857, 0, "3g.20gb"},       {19969, 0, "whole"},  {40960, 0, "whole"},
        {40961, 0, "fits no rule"}, {100, 142, "1g.5gb"}, {100, 143, "2g.10gb"},
        {100, 429, "4g.20gb"},      {100, 572, "whole"},  {9857, 100, "3g.20gb"},
    };
    (void)state;
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_trace_ask ask = plain_ask();
        struct gs_sim_job job;
        ask.memory_mib.peak = cases[i].memory_mib;
        if (cases[i].util > 0) {
            ask.util_permille.p95 = cases[i].util;
        }
        assert_string_equal(mapped(&rule, &ask, &job), cases[i].gets);
    }
}

static void map__percentiles_and_speed_are_those_of_the_rule(void **state)
{
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    struct gs_trace_ask ask = plain_ask();
    struct gs_sim_job job;
    (void)state;
    ask.memory_mib = (struct gs_trace_use){30000, 9000, 4000, 1000};
    ask.util_permille = (struct gs_trace_use){1000, 500, 200, 100};
    assert_string_equal(mapped(&rule, &ask, &job), "whole");
    assert_int_equal(job.ideal_milli, 733); /* 30000 of 40960 MiB */
    rule.memory_by = GS_TRACE_BY_P99;
    assert_string_equal(mapped(&rule, &ask, &job), "2g.10gb");
    rule.util_by = GS_TRACE_BY_P99;
    assert_string_equal(mapped(&rule, &ask, &job), "4g.20gb");
    assert_int_equal(job.ideal_milli, 500);
    rule.scale_permille = 200; /* it was measured on a GPU of a fifth of the speed */
    assert_string_equal(mapped(&rule, &ask, &job), "2g.10gb");
    rule.memory_by = GS_TRACE_BY_P95;
    assert_string_equal(mapped(&rule, &ask, &job), "1g.5gb");
    rule.util_by = GS_TRACE_BY_NOTHING;
    assert_string_equal(mapped(&rule, &ask, &job), "1g.5gb");
    rule.profiles = 1u << 2; /* 1g.10gb alone */
    assert_string_equal(rule.model->profiles[2].name, "1g.10gb");
    assert_string_equal(mapped(&rule, &ask, &job), "1g.10gb");
}

/* A slice is not given where nobody knows that the memory will do. */
static void map__utilisation_alone_does_not_make_a_slice(void **state)
{
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    struct gs_trace_ask ask = plain_ask();
    struct gs_sim_job job;
    (void)state;
    ask.util_permille.p95 = 10;
    assert_string_equal(mapped(&rule, &ask, &job), "whole");
    assert_int_equal(job.ideal_milli, 1000);
    rule.memory_by = GS_TRACE_BY_NOTHING;
    assert_string_equal(mapped(&rule, &ask, &job), "1g.5gb");
}

static void map__whole_gpus_stay_whole(void **state)
{
    struct gs_trace_rule rule = gs_trace_rule_lenient(find_model("A100-40GB"));
    struct gs_trace_ask ask = plain_ask();
    struct gs_sim_job job;
    (void)state;
    assert_string_equal(mapped(&rule, &ask, &job), "whole"); /* one GPU, nothing else known */
    ask.milli = 1000;
    assert_string_equal(mapped(&rule, &ask, &job), "whole");
    ask.gpus = 4;
    ask.memory_mib.peak = 100;
    assert_string_equal(mapped(&rule, &ask, &job), "whole");
    assert_int_equal(job.gpus, 4);
    assert_int_equal(job.ideal_milli, 4000);
    ask.gpus = 1; /* measured use says otherwise */
    assert_string_equal(mapped(&rule, &ask, &job), "1g.5gb");
}

static void map__a_profile_by_name_is_that_profile(void **state)
{
    static const struct {
        const char *profile;
        const char *gets;
        uint32_t ideal;
    } cases[] = {
        {"1g.5gb", "1g.5gb", 143},  {"1g.10gb", "1g.10gb", 250}, {"3g.20gb", "3g.20gb", 500},
        {"7g.40gb", "whole", 1000}, {"1g", "1g.5gb", 143},       {"4g", "4g.20gb", 572},
        {"7g", "whole", 1000},      {"5g", "fits no rule", 0},   {"1g.24gb", "fits no rule", 0},
    };
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_trace_ask ask = plain_ask();
        struct gs_sim_job job = {0};
        ask.profile = cases[i].profile;
        assert_string_equal(mapped(&rule, &ask, &job), cases[i].gets);
        assert_int_equal(job.ideal_milli, cases[i].ideal);
    }
}

static void map__work_gets_the_smallest_slice_within_the_slowdown(void **state)
{
    static const struct {
        uint32_t limit;
        const char *gets;
    } cases[] = {
        {0, "2g.10gb"}, {2570, "2g.10gb"}, {2569, "3g.20gb"}, {1500, "4g.20gb"}, {1000, "whole"}};
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    struct gs_trace_ask ask = plain_ask();
    struct gs_sim_job job;
    (void)state;
    ask.work = "bert_train2"; /* 2.570, 1.595, 1.453 */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rule.slowdown_permille = cases[i].limit;
        assert_string_equal(mapped(&rule, &ask, &job), cases[i].gets);
        assert_non_null(job.speed);
        assert_int_equal(job.speed->permille[3], 389);
        assert_int_equal(job.speed->permille[6], 1000);
        assert_int_equal(job.speed->permille[0], 0); /* does not run there */
        assert_int_equal(job.speed->shared_permille[1], 0);
    }
    ask.work = "bert_train3";
    assert_string_equal(mapped(&rule, &ask, &job), "fits no rule");
    rule = gs_trace_rule_strict(find_model("H200-141GB"));
    ask.work = "bert_train2";
    assert_string_equal(mapped(&rule, &ask, &job), "fits no rule");
}

static void map__what_is_no_job_has_a_reason(void **state)
{
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    struct gs_trace_ask ask = plain_ask();
    struct gs_sim_job job;
    (void)state;
    ask.gpus = 0;
    assert_string_equal(mapped(&rule, &ask, &job), "asks for no GPU");
    ask.gpus = 1;
    ask.fate = GS_TRACE_NEVER_RAN;
    assert_string_equal(mapped(&rule, &ask, &job), "never ran");
    rule.with_never_ran = true;
    assert_string_equal(mapped(&rule, &ask, &job), "whole");
    rule.fractional_only = true;
    assert_string_equal(mapped(&rule, &ask, &job), "asks for whole GPUs");
    ask.milli = 100;
    assert_string_equal(mapped(&rule, &ask, &job), "1g.5gb");
}

static void map__a_rule_out_of_range_is_refused(void **state)
{
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    struct gs_trace_map map;
    struct gs_err err;
    (void)state;
    rule.tolerance_permille = 151;
    assert_int_equal(gs_trace_map_init(&map, &rule, &err), GS_INVALID);
    assert_string_equal(err.msg, "found a tolerance of 15.1 %; expected 0 to 15 %");
    rule = gs_trace_rule_strict(find_model("A100-40GB"));
    rule.scale_permille = 0;
    assert_int_equal(gs_trace_map_init(&map, &rule, &err), GS_INVALID);
    rule = gs_trace_rule_strict(find_model("A100-40GB"));
    rule.slowdown_permille = 999;
    assert_int_equal(gs_trace_map_init(&map, &rule, &err), GS_INVALID);
    rule = gs_trace_rule_strict(find_model("THOR-IGPU"));
    assert_int_equal(gs_trace_map_init(&map, &rule, &err), GS_UNKNOWN);
}

static void map__a_rule_has_a_name_and_words(void **state)
{
    const struct gs_model *model = find_model("A100-40GB");
    struct gs_trace_rule rule;
    char text[GS_TRACE_RULE_TEXT_MAX];
    struct gs_err err;
    (void)state;
    assert_int_equal(gs_trace_rule_find(gs_view("lenient"), model, &rule, NULL), 0);
    gs_trace_rule_text(&rule, text);
    assert_string_equal(
        text, "lenient: a part of a GPU gets the smallest profile of A100-40GB with that share of "
              "memory and of compute, of which 10 % may be missing; measured use the smallest that "
              "holds peak memory and p95 utilisation; whole GPUs stay whole");
    assert_int_equal(gs_trace_rule_find(gs_view("strict"), model, &rule, NULL), 0);
    rule.fractional_only = true;
    rule.memory_by = GS_TRACE_BY_P99;
    rule.util_by = GS_TRACE_BY_NOTHING;
    rule.slowdown_permille = 1250;
    gs_trace_rule_text(&rule, text);
    assert_string_equal(
        text, "strict: a part of a GPU gets the smallest profile of A100-40GB with that share of "
              "compute, of which 0 % may be missing; measured use the smallest that holds p99 "
              "memory, whatever the utilisation; work is at most 1.250 times slower than on a "
              "whole GPU; only what asks for a part of a GPU counts");
    assert_int_equal(gs_trace_rule_find(gs_view("mild"), model, &rule, &err), GS_INVALID);
    assert_string_equal(err.msg, "\"mild\" is no rule; expected strict or lenient");
}

/* What is known of a job: a claim hangs on it. */
static void map__says_on_what_grounds_a_job_has_its_profile(void **state)
{
    enum { NO = (int)GS_NOT_KNOWN };
    static const struct {
        uint32_t gpus;
        int milli, memory_mib, util_permille; /* NO: not known */
        const char *profile;
        bool util_matters;
        enum gs_trace_grounds grounds;
    } cases[] = {
        {1, 500, NO, NO, NULL, true, GS_TRACE_GROUNDS_SAID},
        {1, 1000, NO, NO, NULL, true, GS_TRACE_GROUNDS_SAID},
        {1, NO, NO, NO, "1g.5gb", true, GS_TRACE_GROUNDS_SAID},
        {4, NO, NO, NO, NULL, true, GS_TRACE_GROUNDS_SAID},
        {1, NO, NO, NO, NULL, true, GS_TRACE_GROUNDS_NONE},
        {1, NO, NO, 50, NULL, true, GS_TRACE_GROUNDS_NONE}, /* the memory is not known */
        {1, NO, 4000, 50, NULL, true, GS_TRACE_GROUNDS_SAID},
        {1, NO, 4000, NO, NULL, true, GS_TRACE_GROUNDS_MEMORY},
        {1, NO, 4000, NO, NULL, false, GS_TRACE_GROUNDS_SAID},
        {1, NO, 39000, NO, NULL, true, GS_TRACE_GROUNDS_SAID}, /* needs a whole one in any case */
    };
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_trace_ask ask = plain_ask();
        struct gs_trace_map map;
        struct gs_sim_job job;
        enum gs_trace_left_out left;
        rule.util_by = cases[i].util_matters ? GS_TRACE_BY_P95 : GS_TRACE_BY_NOTHING;
        ask.gpus = cases[i].gpus;
        ask.milli = (uint32_t)cases[i].milli;
        ask.memory_mib.peak = (uint32_t)cases[i].memory_mib;
        ask.util_permille.peak = ask.util_permille.p95 = (uint32_t)cases[i].util_permille;
        ask.profile = cases[i].profile;
        assert_int_equal(gs_trace_map_init(&map, &rule, NULL), 0);
        assert_int_equal(gs_trace_map_job(&map, &ask, &job, &left, NULL), 1);
        assert_int_equal(gs_trace_map_grounds(&map, &ask, &job), cases[i].grounds);
    }
}

static void note_unmapped(void *ctx, const struct gs_err *err)
{
    assert_non_null(strstr(err->msg, "A100-40GB has no profile of 9 compute slices"));
    assert_int_equal(strncmp(err->msg, "synthetic:", 10), 0);
    (*(unsigned *)ctx)++;
}

static void map__a_trace_becomes_jobs_and_what_is_none_is_counted(void **state)
{
    const struct gs_trace_format *format;
    struct gs_view rest;
    struct gs_trace *trace;
    struct gs_trace_map map;
    struct gs_sim_job job;
    struct gs_err err;
    unsigned told = 0;
    uint64_t jobs_seen = 0;
    struct gs_trace_rule rule = gs_trace_rule_strict(find_model("A100-40GB"));
    (void)state;
    assert_int_equal(gs_trace_map_init(&map, &rule, NULL), 0);
    assert_int_equal(
        gs_trace_spec_parse(gs_view("synthetic:rate=1/s,duration=1,mix=1g:1+9g:1,jobs=100"),
                            &format, &rest, NULL),
        0);
    const struct gs_trace_options options = {.format = format, .text = rest, .seed = 1};
    assert_int_equal(gs_trace_new(&options, &trace, NULL), 0);
    struct gs_trace_jobs jobs = {
        .trace = trace, .map = &map, .unmapped = note_unmapped, .unmapped_ctx = &told};
    int r;
    while ((r = gs_trace_jobs_next(&jobs, &job, &err)) == 1) {
        assert_string_equal(rule.model->profiles[job.profile].name, "1g.5gb");
        jobs_seen++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(jobs.jobs, jobs_seen);
    assert_int_equal(jobs.jobs + jobs.left_out[GS_TRACE_LEFT_UNMAPPED], 100);
    assert_true(jobs.left_out[GS_TRACE_LEFT_UNMAPPED] > GS_TRACE_BAD_MAX);
    assert_int_equal(told, GS_TRACE_BAD_MAX);
    gs_trace_free(trace);
}

static void map__a_pushed_trace_is_no_source(void **state)
{
    const struct gs_trace_input input = {.label = "f"};
    size_t n;
    const struct gs_trace_options options = {
        .format = gs_trace_formats(&n), .inputs = &input, .n_inputs = 1};
    struct gs_trace *trace;
    struct gs_sim_job job;
    struct gs_err err;
    (void)state;
    assert_int_equal(gs_trace_new(&options, &trace, NULL), 0);
    struct gs_trace_jobs jobs = {.trace = trace};
    assert_int_equal(gs_trace_jobs_next(&jobs, &job, &err), GS_INVALID);
    gs_trace_free(trace);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(map__thousandths_become_profiles_at_the_published_limits),
        cmocka_unit_test(map__measured_use_gets_the_smallest_profile_that_holds_it),
        cmocka_unit_test(map__percentiles_and_speed_are_those_of_the_rule),
        cmocka_unit_test(map__utilisation_alone_does_not_make_a_slice),
        cmocka_unit_test(map__whole_gpus_stay_whole),
        cmocka_unit_test(map__a_profile_by_name_is_that_profile),
        cmocka_unit_test(map__work_gets_the_smallest_slice_within_the_slowdown),
        cmocka_unit_test(map__what_is_no_job_has_a_reason),
        cmocka_unit_test(map__a_rule_out_of_range_is_refused),
        cmocka_unit_test(map__a_rule_has_a_name_and_words),
        cmocka_unit_test(map__says_on_what_grounds_a_job_has_its_profile),
        cmocka_unit_test(map__a_trace_becomes_jobs_and_what_is_none_is_counted),
        cmocka_unit_test(map__a_pushed_trace_is_no_source),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
