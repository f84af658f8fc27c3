#include "torture/torture.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/simulate/simulate.h"
#include "term/output.h"

/* Writes it as JSON, reads that back, and shows what was read. */
static int show(const struct gs_report *report, struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    GS_CLEANUP(gs_buf_done) struct gs_buf saved, shown;
    struct gs_report again;
    gs_result_init(&result);
    gs_buf_init(&saved, 16 << 20);
    gs_buf_init(&shown, 16 << 20);
    gs_report_put(&result, report);
    gs_json_encode(result.root, &saved);
    if (!gs_buf_ok(&saved)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the saved report");
    }
    int r = gs_report_parse(gs_buf_text(&saved), saved.len, arena, &again, err);
    if (r == 0) {
        gs_report_put_table(&again, true, &shown);
        gs_report_put_html(&again, &shown);
        r = gs_buf_ok(&shown) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for the page");
    }
    return r;
}

static int simulate(uint64_t draws, unsigned what_if, struct gs_err *err)
{
    const struct gs_simulate_args args = {
        .trace = "synthetic:rate=60/h,duration=lognormal(600s,0.5),mix=470m:2+gpu:1,jobs=12",
        .map = "lenient",
        .policy = {.items = {"gpuslice+moves"}, .n = 1},
        .gpus = GS_SIMULATE_NOT_GIVEN,
        .node_gpus = GS_SIMULATE_NOT_GIVEN,
        .small_speed = 100,
        .seed = 1,
        .seeds = 1,
        .draws = draws,
        .what_if = what_if,
        .threads = 1,
    };
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    struct gs_simulate_question question = {.arena = &arena};
    struct gs_simulate_load load;
    struct gs_simulate_study study;
    struct gs_report report;
    gs_arena_init(&arena, &gs_alloc_heap, GS_SIMULATE_RUN_BYTES_MAX);
    int r = gs_simulate_ask(&args, &question, err);
    r = r < 0 ? r : gs_simulate_load(&question, args.seed, GS_SIMULATE_JOBS_MAX, &load, err);
    if (r < 0) {
        return r;
    }
    r = gs_simulate_run(&question, &load, 1, &study, err);
    r = r < 0 ? r : gs_simulate_fill(&study, &report, err);
    if (r == 0) {
        assert_int_equal(report.jobs, 12);
        r = show(&report, &arena, err);
    }
    gs_simulate_unload(&load);
    return r;
}

static int simulate_once(struct gs_err *err)
{
    return simulate(0, 0, err);
}

static int simulate_draws(struct gs_err *err)
{
    return simulate(100, 1, err);
}

static void torture__a_simulation_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(simulate_once, 1) >= 30);
}

static void torture__draws_survive_failed_requests(void **state)
{
    (void)state;
    assert_true(torture_heap(simulate_draws, 37) >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_simulation_survives_each_failed_request),
        cmocka_unit_test(torture__draws_survive_failed_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
