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
