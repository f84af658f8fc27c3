#include "unit/check.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/crew.h"
#include "cli/simulate/plot.h"
#include "cli/simulate/simulate.h"

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
        cmocka_unit_test(report__numbers_of_any_size_fit),
        cmocka_unit_test(simulate__savings_are_rounded_to_the_nearest),
        cmocka_unit_test(blocks__put_together_what_came_together),
        cmocka_unit_test(blocks__count_equal_pieces),
        cmocka_unit_test(simulate__lost_work_is_charged_with_its_nodes),
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
