#include "unit/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/claim.h"
#include "cli/simulate/crew.h"
#include "cli/simulate/plot.h"
#include "cli/simulate/simulate.h"
#include "cli/simulate/stretches.h"

/* ------------------------------------------------------------------ numbers for people */

static void report__numbers_are_rounded_once_and_read_well(void **state)
{
    static const struct {
        const char *(*say)(int64_t value, char *text);
        int64_t value;
        const char *text;
    } cases[] = {
        {gs_report_pct, 10149, "10.1 %"},
        {gs_report_pct, 10150, "10.2 %"},
        {gs_report_pct, -49, "0.0 %"},
        {gs_report_pct, -50, "-0.1 %"},
        {gs_report_pct, GS_REPORT_UNKNOWN, "-"},
        {gs_report_hours, 34212367, "34,212"},
        {gs_report_hours, 99949, "99.9"},
        {gs_report_hours, 0, "0.0"},
        {gs_report_hours, 100, "0.1"},
        {gs_report_hours, 99, "0.099"},
        {gs_report_hours, -1, "-0.001"},
        {gs_report_hours_on, 0, "under 0.001"},
        {gs_report_hours_on, 1, "0.001"},
        {gs_report_count, 1234567, "1,234,567"},
        {gs_report_count, -1000, "-1,000"},
        {gs_report_count, 999, "999"},
        {gs_report_time, 0, "0 s"},
        {gs_report_time, 3000, "3.0 s"},
        {gs_report_time, 119000, "119.0 s"},
        {gs_report_time, 120000, "2.0 min"},
        {gs_report_time, 172800000, "2.0 d"},
        {gs_report_time, GS_REPORT_UNKNOWN, "-"},
        {gs_report_dollars, 98124999, "$98.12"},
        {gs_report_dollars, 108800000000, "$108,800"},
        {gs_report_dollars, -1500000, "-$1.50"},
        {gs_report_dollars, GS_REPORT_UNKNOWN, "-"},
        {gs_report_times, 1254, "1.25 x"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char text[GS_REPORT_WORD_MAX];
        assert_string_equal(cases[i].say(cases[i].value, text), cases[i].text);
    }
}

/* An end of an interval that is printed as 0.0 counts as zero. */
static void report__a_claim_needs_an_interval_that_does_not_read_as_zero(void **state)
{
    static const struct {
        struct gs_report_interval ci;
        enum gs_report_verdict verdict;
    } cases[] = {
        {{.lo_mpct = 50, .hi_mpct = 300}, GS_REPORT_GAINS},
        {{.lo_mpct = 49, .hi_mpct = 300}, GS_REPORT_NO_DIFFERENCE},
        {{.lo_mpct = 0, .hi_mpct = 300}, GS_REPORT_NO_DIFFERENCE},
        {{.lo_mpct = -200, .hi_mpct = -49}, GS_REPORT_NO_DIFFERENCE},
        {{.lo_mpct = -200, .hi_mpct = -50}, GS_REPORT_COSTS},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        int64_t middle = (cases[i].ci.lo_mpct + cases[i].ci.hi_mpct) / 2;
        char text[GS_REPORT_WORD_MAX];
        assert_int_equal(gs_report_judge(cases[i].ci, middle), cases[i].verdict);
        bool reads_as_zero = strstr(gs_report_range(cases[i].ci, text), "0.0") != NULL;
        assert_int_equal(reads_as_zero, cases[i].verdict == GS_REPORT_NO_DIFFERENCE);
    }
}

/* Of 8 nodes 7 are needed with whole GPUs and 5 with slices. */
static void report__says_how_many_nodes_fewer_in_one_number_where_both_ends_are_one(void **state)
{
    static const struct {
        struct gs_report_interval fewer;
        const char *says;
    } cases[] = {
        {{.lo_mpct = 2000, .hi_mpct = 2000}, ": 2 fewer may be claimed (95 %)."},
        {{.lo_mpct = 1000, .hi_mpct = 2000}, ": 1 to 2 fewer may be claimed (95 %)."},
        {{.lo_mpct = 500, .hi_mpct = 2000}, "; of other work no fewer may be claimed."},
        {{.lo_mpct = 0, .hi_mpct = 2000}, "; of other work no fewer may be claimed."},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_report_policy policies[2] = {{.fewest_nodes = 7}, {.fewest_nodes = 5}};
        policies[1].sooner_mpct = 10000;
        policies[1].sooner_ci = (struct gs_report_interval){.lo_mpct = 8000, .hi_mpct = 12000};
        policies[1].fewer_nodes_ci = cases[i].fewer;
        const struct gs_report report = {.world = "queue",
                                         .gpus = 64,
                                         .node_gpus = 8,
                                         .draws = GS_REPORT_DRAWS_CLAIM,
                                         .policies = policies,
                                         .n_policies = 2};
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, GS_REPORT_TEXT_MAX);
        gs_report_say_fixed(&report, &policies[1], &text);
        if (strstr(gs_buf_text(&text), cases[i].says) == NULL) {
            fail_msg("\"%s\"; expected \"%s\"", gs_buf_text(&text), cases[i].says);
        }
    }
}

/* The largest and the least number that a report holds fit the text. */
static void report__numbers_of_any_size_fit(void **state)
{
    static const int64_t values[] = {INT64_MAX, INT64_MIN + 1, 9007199254740992, -9007199254740992};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(values); i++) {
        char text[GS_REPORT_WORD_MAX];
        assert_true(strlen(gs_report_pct(values[i], text)) < GS_REPORT_WORD_MAX);
        assert_true(strlen(gs_report_hours(values[i], text)) < GS_REPORT_WORD_MAX);
        assert_true(strlen(gs_report_count(values[i], text)) < GS_REPORT_WORD_MAX);
        assert_true(strlen(gs_report_time(values[i], text)) < GS_REPORT_WORD_MAX);
        assert_true(strlen(gs_report_dollars(values[i], text)) < GS_REPORT_WORD_MAX);
        const struct gs_report_interval ci = {values[i], values[i]};
        assert_true(strlen(gs_report_range(ci, text)) < GS_REPORT_WORD_MAX);
    }
}

static void simulate__savings_are_rounded_to_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(gs_simulate_saving(0, 3), 100000);
    assert_int_equal(gs_simulate_saving(3, 3), 0);
    assert_int_equal(gs_simulate_saving(1, 3), 66667);
    assert_int_equal(gs_simulate_saving(2, 3), 33333);
    assert_int_equal(gs_simulate_saving(4, 3), -33333);
    assert_int_equal(gs_simulate_saving(UINT64_MAX, 1ull << 63), -100000);
}

/* ------------------------------------------------------------------ blocks */

enum { BLOCK_JOBS = 400 };

/* Some are there before the window opens; some of the others come in one moment. */
static void make_jobs(struct gs_random *random, struct gs_sim_job *jobs)
{
    int64_t at = 0;
    for (size_t i = 0; i < BLOCK_JOBS; i++) {
        at += gs_random_below(random, 4) == 0 ? 0 : gs_random_below(random, 1000);
        jobs[i] = (struct gs_sim_job){
            .row = i, .arrive_us = at, .run_us = 1 + gs_random_below(random, 20000), .gpus = 1};
    }
}

static void check_draw(const struct gs_blocks *blocks, const struct gs_blocks_draw *draw,
                       size_t *ret_jobs)
{
    struct gs_blocks_walk walk;
    struct gs_sim_job job;
    int64_t before = 0, last_of[BLOCK_JOBS];
    memset(last_of, 0xff, sizeof(last_of));
    gs_blocks_walk_init(&walk, draw);
    size_t n = 0;
    for (; gs_blocks_next(&walk, &job) == 1; n++) {
        const struct gs_sim_job *origin = &blocks->jobs[job.row];
        assert_true(job.arrive_us >= before);
        assert_true(job.run_us > 0);
        before = job.arrive_us;
        if (n < blocks->n_before) {
            assert_true(job.arrive_us == blocks->jobs[n].arrive_us);
            assert_true(job.arrive_us + job.run_us == origin->arrive_us + origin->run_us);
            continue;
        }
        assert_true(job.arrive_us >= blocks->from_us);
        assert_true(job.arrive_us < blocks->from_us + blocks->span_us);
        assert_true(job.run_us == origin->run_us);
        assert_true(last_of[job.row] != job.arrive_us); /* it never meets itself as it comes */
        last_of[job.row] = job.arrive_us;
    }
    *ret_jobs += n;
}

static void blocks__put_together_what_came_together(void **state)
{
    (void)state;
    struct gs_sim_job jobs[BLOCK_JOBS];
    struct gs_random random;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    gs_random_init(&random, 20261122);
    for (unsigned round = 0; round < 20; round++) {
        make_jobs(&random, jobs);
        bool all = round % 2 == 0;
        int64_t from = all ? jobs[0].arrive_us : 40000;
        struct gs_blocks blocks;
        struct gs_err err;
        assert_return_code(gs_blocks_cut(&arena, jobs, BLOCK_JOBS, from,
                                         all ? GS_SIM_FOREVER : 120000, &blocks, &err),
                           0);
        assert_true(blocks.n >= GS_BLOCKS_LEAST && blocks.pieces >= GS_BLOCKS_LEAST);
        assert_true(blocks.pieces <= blocks.n + blocks.n_there);
        struct gs_blocks_draw draw = {.blocks = &blocks,
                                      .begins = GS_ARENA_NEW(&arena, int64_t, blocks.n),
                                      .there = GS_ARENA_NEW(&arena, uint32_t, blocks.n_there + 1)};
        size_t n = 0, draws = 50;
        for (size_t i = 0; i < draws; i++) {
            gs_blocks_draw(&draw, &random);
            check_draw(&blocks, &draw, &n);
        }
        double mean = (double)n / (double)draws / (double)blocks.n_until;
        assert_true(mean > 0.9 && mean < 1.1);
    }
}

/* A long job beside small ones is one piece, whatever there is of the others. */
static void blocks__count_equal_pieces(void **state)
{
    (void)state;
    struct gs_sim_job jobs[60] = {0};
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    for (size_t i = 0; i < 60; i++) {
        jobs[i] = (struct gs_sim_job){.arrive_us = (int64_t)i * 1000, .run_us = 1000, .gpus = 1};
    }
    struct gs_blocks blocks;
    struct gs_err err;
    assert_return_code(gs_blocks_cut(&arena, jobs, 60, 0, GS_SIM_FOREVER, &blocks, &err), 0);
    assert_int_equal(blocks.n, GS_BLOCKS);
    assert_in_range(blocks.pieces, 28, 30);
    jobs[30].run_us = 10000000;
    assert_return_code(gs_blocks_cut(&arena, jobs, 60, 0, GS_SIM_FOREVER, &blocks, &err), 0);
    assert_int_equal(blocks.pieces, 1);
    assert_return_code(gs_blocks_cut(&arena, jobs, 1, 0, GS_SIM_FOREVER, &blocks, &err), 0);
    assert_int_equal(blocks.n, 0);
    assert_return_code(gs_blocks_cut(&arena, NULL, 0, 0, GS_SIM_FOREVER, &blocks, &err), 0);
    assert_int_equal(blocks.n, 0);
    for (size_t i = 0; i < 60; i++) {
        jobs[i].arrive_us = 5; /* all at once: of when jobs come it says nothing */
    }
    assert_return_code(gs_blocks_cut(&arena, jobs, 60, 5, GS_SIM_FOREVER, &blocks, &err), 0);
    assert_int_equal(blocks.n, 0);
    assert_int_equal(blocks.n_there, 60);
}

static void simulate__lost_work_is_charged_with_its_nodes(void **state)
{
    (void)state;
    const struct gs_sim_score full = {.gpu_us = 100, .node_gpu_us = 100, .charged_us = 7};
    const struct gs_sim_score half = {.gpu_us = 100, .node_gpu_us = 200, .charged_us = 7};
    const struct gs_sim_score none = {.charged_us = 7};
    assert_int_equal(gs_simulate_node_us(&full), 107);
    assert_int_equal(gs_simulate_node_us(&half), 214);
    assert_int_equal(gs_simulate_node_us(&none), 7);
}

/* ------------------------------------------------------------------ stretches */

enum { SERIES = 30, TRIES = 2000 };

static int compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sums of uniform numbers, each `kept` times the one before it and a new one. */
static void make_series(struct gs_random *random, double kept, double *ret)
{
    double at = 0;
    for (size_t i = 0; i < SERIES + 50; i++) {
        at = kept * at + gs_random_below(random, 10000) / 10000.0 - 0.5;
        if (i >= 50) {
            ret[i - 50] = at;
        }
    }
}

/* Of an autoregressive series with coefficient c it is (1 + c) / (1 - c); of 30 values less is
 * seen of it, as their own mean is taken out. What hangs on nothing hardly ever looks as if. */
static void stretches__see_what_hangs_on_the_block_before(void **state)
{
    (void)state;
    static const struct {
        double kept;
        int64_t least, most; /* of the median */
        unsigned alarms;     /* of 1000 that are taken for dependent, at most ... */
        unsigned seen;       /* ... and at least */
    } cases[] = {
        {0, 1000, 1200, 70, 0}, {0.5, 1600, 3000, 1000, 300}, {0.8, 2500, 9000, 1000, 700}};
    static int64_t values[TRIES];
    struct gs_random random;
    print_message("seed 20261123\n");
    gs_random_init(&random, 20261123);
    for (size_t c = 0; c < GS_ARRAY_LEN(cases); c++) {
        unsigned hangs = 0;
        for (size_t i = 0; i < TRIES; i++) {
            double series[SERIES];
            make_series(&random, cases[c].kept, series);
            values[i] = gs_stretches_inflation(series, SERIES);
            hangs += values[i] >= GS_STRETCHES_HANGS;
        }
        qsort(values, TRIES, sizeof(*values), compare_numbers);
        print_message("%.1f: median %lld, %u of %d hang\n", cases[c].kept,
                      (long long)values[TRIES / 2], hangs, TRIES);
        assert_in_range(values[TRIES / 2], cases[c].least, cases[c].most);
        assert_in_range(hangs, cases[c].seen * TRIES / 1000, cases[c].alarms * TRIES / 1000);
    }
}

static void stretches__call_nothing_dependence_that_is_none(void **state)
{
    (void)state;
    static const struct {
        double values[6];
        size_t n;
    } cases[] = {{{0}, 0},
                 {{7}, 1},
                 {{3, 3, 3, 3, 3, 3}, 6},
                 {{0, 0, 0, 0, 0, 0}, 6},
                 {{1e15, 1e15, 1e15 + 0.125, 1e15, 1e15, 1e15}, 6}, /* rounding */
                 {{1, -1, 1, -1, 1, -1}, 6}};
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        assert_int_equal(gs_stretches_inflation(cases[i].values, cases[i].n), GS_STRETCHES_ALONE);
    }
}

/* Small jobs, then whole GPUs, `length` jobs of each at a time. */
static int64_t dependence_of(struct gs_arena *arena, size_t length)
{
    static struct gs_sim_job jobs[600];
    for (size_t i = 0; i < GS_ARRAY_LEN(jobs); i++) {
        bool small = i / length % 2 == 0;
        jobs[i] = (struct gs_sim_job){.row = i + 1,
                                      .arrive_us = (int64_t)i * 1000,
                                      .run_us = 5000,
                                      .gpus = 1,
                                      .ideal_milli = small ? 125 : 1000,
                                      .profile = small ? 0 : GS_SIM_WHOLE};
    }
    struct gs_blocks blocks;
    struct gs_err err;
    assert_return_code(
        gs_blocks_cut(arena, jobs, GS_ARRAY_LEN(jobs), 0, GS_SIM_FOREVER, &blocks, &err), 0);
    return gs_stretches_dependence(&blocks);
}

static void stretches__see_work_that_changes_slowly(void **state)
{
    (void)state;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_int_equal(dependence_of(&arena, 1), GS_STRETCHES_ALONE);
    assert_int_equal(dependence_of(&arena, 600), GS_STRETCHES_ALONE); /* it never changes */
    assert_in_range(dependence_of(&arena, 100), GS_STRETCHES_HANGS, GS_STRETCHES_MOST);
    assert_true(dependence_of(&arena, 300) > GS_STRETCHES_MOST);
}

/* By hand: (part - the mean rate * whole) by stretch, sqrt(n / (n - 1) * sum of squares) / sum of
 * whole, times Student's t of n - 1. */
static void stretches__half_is_that_of_student(void **state)
{
    (void)state;
    static const struct {
        double whole[5], part[5];
        size_t n;
        int64_t half;
    } cases[] = {
        {{10, 10, 10}, {5, 5, 5}, 3, 0},
        {{10, 10, 10}, {4, 5, 6}, 3, 24843},              /* sqrt(3/2 * 2) / 30 * 4.303 */
        {{10, 10, 10, 10, 10}, {4, 5, 5, 5, 6}, 5, 8779}, /* sqrt(5/4 * 2) / 50 * 2.776 */
        {{20, 10, 10}, {10, 5, 5}, 3, 0},                 /* the rate is the same */
        {{0, 0, 0}, {0, 0, 0}, 3, 0},                     /* nothing ran */
        {{10, 0, 0, 0, 0}, {5, 0, 0, 0, 0}, 5, 0},
        {{1, 1}, {1, 0}, 1, 0},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        int64_t half = gs_stretches_half(cases[i].whole, cases[i].part, cases[i].n);
        assert_in_range(half, cases[i].half - (cases[i].half > 0), cases[i].half + 1);
    }
}

static void stretches__cut_a_timeline_without_losing_any(void **state)
{
    (void)state;
    struct gs_sim_timeline timeline = {.from_us = 1000};
    gs_sim_timeline_add(&timeline, 1000, 1500, 2);
    gs_sim_timeline_add(&timeline, 1500, 2000, 4);
    double parts[4];
    gs_stretches_cut(&timeline, 1000, 3000, 4, parts);
    assert_true(fabs(parts[0] + parts[1] - 3000) < 1e-6 && parts[2] == 0 && parts[3] == 0);
    assert_true(parts[0] < parts[1]);
    struct gs_sim_timeline moments = {.from_us = 10};
    gs_sim_timeline_count(&moments, 5000, 7);
    gs_sim_timeline_count(&moments, 10, 3); /* in any order */
    gs_stretches_cut(&moments, 10, 5010, 2, parts);
    assert_true(fabs(parts[0] - 3) < 1e-9 && fabs(parts[1] - 7) < 1e-9);
    gs_sim_timeline_count(&moments, 10, UINT64_MAX);
    assert_true(moments.gpu_us[0] == UINT64_MAX); /* it stays there */
}

static void stretches__widen_and_never_narrow(void **state)
{
    (void)state;
    const int64_t u = GS_REPORT_UNKNOWN;
    static const int64_t alone = GS_STRETCHES_ALONE;
    const struct {
        struct gs_report_interval ci;
        int64_t value, half, dependence;
        struct gs_report_interval wanted;
    } cases[] = {
        {{1000, 3000}, 2000, 0, alone, {1000, 3000}},
        {{1000, 3000}, 2000, 500, alone, {1000, 3000}},
        {{1000, 3000}, 2500, 1000, alone, {1000, 3500}},
        {{1000, 3000}, 2000, 5000, alone, {-3000, 7000}},
        {{1000, 3000}, 3001, 5000, alone, {1000, 3000}}, /* the draws are not like the trace */
        {{u, u}, 2000, 5000, alone, {u, u}},
        /* 10 in 30: sqrt(3) * t(9) / t(29) */
        {{1000, 3000}, 2000, 0, 3000, {84, 3916}},
        {{0, 0}, 0, 0, 6000, {0, 0}},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_report_interval ci =
            gs_stretches_widen(cases[i].ci, cases[i].value, cases[i].half, cases[i].dependence);
        assert_int_equal(ci.lo_mpct, cases[i].wanted.lo_mpct);
        assert_int_equal(ci.hi_mpct, cases[i].wanted.hi_mpct);
    }
    const struct gs_report_interval narrow = {10, 30}, wide = {0, 50}, ci = {100, 300};
    struct gs_report_interval as = gs_stretches_widen_as(ci, 200, narrow, wide);
    assert_true(as.lo_mpct == -50 && as.hi_mpct == 450);
    as = gs_stretches_widen_as(ci, 200, wide, narrow);
    assert_true(as.lo_mpct == 100 && as.hi_mpct == 300);
    as = gs_stretches_widen_as(ci, 301, narrow, wide);
    assert_true(as.lo_mpct == 100 && as.hi_mpct == 300);
}

static void simulate__gain_is_of_what_a_fleet_does_for_jobs(void **state)
{
    (void)state;
    struct gs_simulate_study queue = {.world = {.lose = false}}, loss = {.world = {.lose = true}};
    const struct gs_simulate_served whole = {.job_mean_us = 4000, .charged_us = 300};
    const struct gs_simulate_served ours = {.job_mean_us = 3000, .charged_us = 100};
    const struct gs_simulate_served none = {.job_mean_us = -1, .charged_us = 300};
    assert_int_equal(gs_simulate_gain(&queue, &whole, &ours, 0), 25000);
    assert_int_equal(gs_simulate_gain(&queue, &ours, &whole, 0), -33333);
    assert_int_equal(gs_simulate_gain(&queue, &whole, &none, 0), GS_REPORT_UNKNOWN);
    assert_int_equal(gs_simulate_gain(&queue, &none, &whole, 0), GS_REPORT_UNKNOWN);
    assert_int_equal(gs_simulate_gain(&loss, &whole, &ours, 1000), 20000);
    assert_int_equal(gs_simulate_gain(&loss, &whole, &none, 1000), 0);
    assert_int_equal(gs_simulate_gain(&loss, &whole, &ours, 0), GS_REPORT_UNKNOWN);
}

/* ------------------------------------------------------------------ figures */

static void plot__axes_end_at_round_numbers(void **state)
{
    static const double cases[][2] = {{0.7, 1}, {1, 1},    {1.01, 2},      {2.4, 2.5},
                                      {2.6, 5}, {5.1, 10}, {71, 100},      {0, 1},
                                      {-3, 1},  {NAN, 1},  {1e300, 1e300}, {INFINITY, 1}};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        assert_true(fabs(gs_plot_nice(cases[i][0]) - cases[i][1]) <= 1e-9 * cases[i][1]);
    }
}

static void plot__text_of_others_is_no_markup(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1000);
    gs_plot_put_escaped("<a href='x'>&\"\x1b\xff\xe2\x80\xae 5 % \xc3\xa4", &out);
    assert_string_equal(gs_buf_text(&out),
                        "&lt;a href=&#39;x&#39;&gt;&amp;&quot;??? 5&nbsp;% \xc3\xa4");
}

static void plot__at_least_two_thirds_of_an_axis_are_used(void **state)
{
    (void)state;
    for (double value = 0.0001; value < 1e9; value *= 1.003) {
        assert_true(gs_plot_end(value) >= value * (1 - 1e-9));
        assert_true(value >= gs_plot_end(value) * 0.6666);
    }
    assert_true(gs_plot_end(0) == 1 && gs_plot_end(NAN) == 1);
}

/* Values that no page has place for: drawn at the edge, never as "nan" or "inf". */
static void plot__any_value_is_drawn_inside(void **state)
{
    static const double x[] = {0, 1, 2}, y[] = {NAN, 1e300, -INFINITY};
    static const struct gs_plot_series series[] = {{.name = "s", .x = x, .y = y, .n = 3}};
    static const struct gs_plot_bar bars[] = {
        {.name = "a", .value = INFINITY, .lo = -INFINITY, .hi = 1e300, .text = "t"},
        {.name = "b", .value = NAN, .lo = NAN, .hi = NAN, .text = "t"}};
    struct gs_plot plot = {.id = "p",
                           .title = "t",
                           .says = "d",
                           .width = 100,
                           .height = 100,
                           .x = {.label = "x", .max = 2},
                           .y = {.label = "y", .max = 0},
                           .series = series,
                           .n_series = 1};
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 100000);
    gs_plot_lines(&plot, &out);
    gs_plot_bars(&plot, bars, 2, &out);
    plot.x = (struct gs_plot_axis){.label = "x", .min = 1, .max = 1000, .log = true};
    gs_plot_lines(&plot, &out);
    assert_true(gs_buf_ok(&out));
    assert_null(strstr(gs_buf_text(&out), "nan"));
    assert_null(strstr(gs_buf_text(&out), "inf"));
}

/* ------------------------------------------------------------------ threads */

enum { TASKS = 1000, BAD = 417 };

static int square(void *ctx, size_t task, unsigned thread, struct gs_err *err)
{
    size_t *squares = ctx;
    (void)thread;
    (void)err;
    squares[task] = task * task;
    return 0;
}

static int fail_some(void *ctx, size_t task, unsigned thread, struct gs_err *err)
{
    (void)ctx;
    (void)thread;
    return task >= BAD ? gs_fail(err, GS_INVALID, "task %zu", task) : 0;
}

static void crew__does_each_task_once_on_any_number_of_threads(void **state)
{
    static const unsigned threads[] = {0, 1, 2, 7, 64};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(threads); i++) {
        size_t squares[TASKS] = {0};
        struct gs_err err;
        assert_int_equal(gs_crew_run(TASKS, threads[i], "squares", square, squares, &err), 0);
        for (size_t k = 0; k < TASKS; k++) {
            assert_int_equal(squares[k], k * k);
        }
        assert_int_equal(gs_crew_run(0, threads[i], "none", square, NULL, &err), 0);
    }
}

static void crew__says_what_the_first_failed_task_said(void **state)
{
    static const unsigned threads[] = {1, 2, 7};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(threads); i++) {
        struct gs_err err;
        assert_int_equal(gs_crew_run(TASKS, threads[i], "tasks", fail_some, NULL, &err),
                         GS_INVALID);
        assert_string_equal(err.msg, "task 417");
    }
}

static void crew__gives_up_when_it_is_stopped(void **state)
{
    size_t squares[TASKS];
    struct gs_err err;
    (void)state;
    gs_crew_catch();
    raise(SIGINT);
    assert_int_equal(gs_crew_run(TASKS, 2, "squares", square, squares, &err), GS_CREW_STOPPED);
    gs_crew_release();
    gs_crew_catch(); /* forgets */
    assert_int_equal(gs_crew_run(TASKS, 2, "squares", square, squares, &err), 0);
    gs_crew_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report__numbers_are_rounded_once_and_read_well),
        cmocka_unit_test(report__a_claim_needs_an_interval_that_does_not_read_as_zero),
        cmocka_unit_test(report__says_how_many_nodes_fewer_in_one_number_where_both_ends_are_one),
        cmocka_unit_test(report__numbers_of_any_size_fit),
        cmocka_unit_test(simulate__savings_are_rounded_to_the_nearest),
        cmocka_unit_test(blocks__put_together_what_came_together),
        cmocka_unit_test(blocks__count_equal_pieces),
        cmocka_unit_test(simulate__lost_work_is_charged_with_its_nodes),
        cmocka_unit_test(stretches__see_what_hangs_on_the_block_before),
        cmocka_unit_test(stretches__call_nothing_dependence_that_is_none),
        cmocka_unit_test(stretches__see_work_that_changes_slowly),
        cmocka_unit_test(stretches__half_is_that_of_student),
        cmocka_unit_test(stretches__cut_a_timeline_without_losing_any),
        cmocka_unit_test(stretches__widen_and_never_narrow),
        cmocka_unit_test(simulate__gain_is_of_what_a_fleet_does_for_jobs),
        cmocka_unit_test(plot__axes_end_at_round_numbers),
        cmocka_unit_test(plot__at_least_two_thirds_of_an_axis_are_used),
        cmocka_unit_test(plot__text_of_others_is_no_markup),
        cmocka_unit_test(plot__any_value_is_drawn_inside),
        cmocka_unit_test(crew__does_each_task_once_on_any_number_of_threads),
        cmocka_unit_test(crew__says_what_the_first_failed_task_said),
        cmocka_unit_test(crew__gives_up_when_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
