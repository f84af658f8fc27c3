#include "unit/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "cli/bench/demand.h"
#include "cli/bench/programs.h"
#include "core/catalog.h"

/* A bench with one section, as a benchmark sees it. */
struct bed {
    struct gs_arena arena;
    struct gs_cmd_bench_args args;
    struct gs_cmd_bench_section section;
    struct gs_cmd_bench bench;
};

static void bed_init(struct bed *bed)
{
    static const struct gs_cmd_bench_def def = {.name = "test"};
    *bed = (struct bed){.args = {.seed = 1, .repeat = 3, .peer_seconds = 7}, .section.def = &def};
    gs_arena_init(&bed->arena, &gs_alloc_heap, (size_t)1 << 30);
    bed->bench = (struct gs_cmd_bench){
        .args = &bed->args, .arena = &bed->arena, .sections = &bed->section, .n_sections = 1};
}

/* ------------------------------------------------------------------ figures */

static void bench__gives_the_least_the_middle_and_the_most(void **state)
{
    (void)state;
    static const double odd[] = {3, 1, 2};
    static const double even[] = {4, 1, 3, 2};
    struct gs_cmd_bench_spread spread = gs_cmd_bench_spread(odd, 3);
    assert_float_equal(spread.min, 1, 0);
    assert_float_equal(spread.median, 2, 0);
    assert_float_equal(spread.max, 3, 0);
    assert_float_equal(gs_cmd_bench_spread(even, 4).median, 2.5, 0);
}

static void bench__judges_by_the_middle_of_the_cpu_times(void **state)
{
    (void)state;
    struct gs_cmd_bench_time times[] = {{9000, 1000}, {9000, 2000}, {9000, 8000}};
    struct gs_cmd_bench_measure measure = {
        .unit = GS_CMD_BENCH_SECONDS, .operations = 2, .times = times, .n_times = 3};
    assert_int_equal(gs_cmd_bench_judge(&measure), GS_CMD_BENCH_NO_GOAL);
    measure.goal = 1.0e-6; /* 2000 ns for two operations */
    assert_int_equal(gs_cmd_bench_judge(&measure), GS_CMD_BENCH_MET);
    measure.goal = 0.9e-6;
    assert_int_equal(gs_cmd_bench_judge(&measure), GS_CMD_BENCH_MISSED);
    measure.unit = GS_CMD_BENCH_RATE;
    measure.goal = 1.0e6;
    assert_int_equal(gs_cmd_bench_judge(&measure), GS_CMD_BENCH_MET);
    measure.goal = 1.1e6;
    assert_int_equal(gs_cmd_bench_judge(&measure), GS_CMD_BENCH_MISSED);
}

static void bench__compares_with_a_peer_run_by_run(void **state)
{
    (void)state;
    struct gs_cmd_bench_time ours[] = {{100, 100}, {200, 200}, {400, 400}};
    struct gs_cmd_bench_time theirs[] = {{1000, GS_CMD_BENCH_NOT_KNOWN}, {1000, 5}, {1000, 5}};
    const struct gs_cmd_bench_measure measure = {.operations = 1, .times = ours, .n_times = 3};
    struct gs_cmd_bench_peer peer = {.times = theirs, .n_times = 3};
    struct gs_cmd_bench_spread ratio;
    assert_true(gs_cmd_bench_ratio(&measure, &peer, false, &ratio));
    assert_float_equal(ratio.min, 2.5, 1e-9);
    assert_float_equal(ratio.median, 5, 1e-9);
    assert_float_equal(ratio.max, 10, 1e-9);
    assert_false(gs_cmd_bench_ratio(&measure, &peer, true, &ratio)); /* one did not say */
    peer.skipped = "it is not there";
    assert_false(gs_cmd_bench_ratio(&measure, &peer, false, &ratio));
}

static int count_runs(void *ctx, struct gs_err *err)
{
    unsigned *runs = ctx;
    (*runs)++;
    return *runs < 100 ? 0 : gs_fail(err, GS_LIMIT, "enough");
}

static void bench__warms_up_once_and_then_runs_as_often_as_asked(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed);
    unsigned runs = 0;
    const struct gs_cmd_bench_work work = {.what = "counting", .run = count_runs, .ctx = &runs};
    struct gs_cmd_bench_measure *measure;
    assert_int_equal(gs_cmd_bench_measure(&bed.bench, &work, &measure, NULL), 0);
    assert_int_equal(runs, 4);
    assert_int_equal(measure->n_times, 3);
    assert_int_equal(bed.section.n_measures, 1);
    runs = 98;
    struct gs_err err;
    assert_int_equal(gs_cmd_bench_measure(&bed.bench, &work, &measure, &err), GS_LIMIT);
    assert_string_equal(err.msg, "counting: enough");
    gs_arena_done(&bed.arena);
}

/* ------------------------------------------------------------------ peers */

static void bench__asks_peers_and_says_why_one_took_no_part(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        const char *name;
        const char *skipped; /* NULL: it answered */
    } cases[] = {
        {"printf '{\"solver\": \"S 1\", \"seconds\": 0.5, \"cpu_seconds\": 0.25, \"value\": 12, "
         "\"bound\": 11.5, \"status\": \"%s after %s s\"}'",
         "S 1", NULL},
        {"printf '{\"skipped\": \"not today\"}'; :", NULL, "not today"},
        {"printf '{\"value\": 3}'; :", NULL, "its answer has no \"seconds\", 0 or more"},
        {"printf '{\"seconds\": -1}'; :", NULL, "its answer has no \"seconds\", 0 or more"},
        {"echo nonsense", NULL, "it did not print one JSON object on stdout"},
        {"/nonexistent/solver 2>/dev/null", NULL, "it did not print one JSON object on stdout"},
        {"head -c 100000 /dev/zero; :", NULL, "it did not print one JSON object on stdout"},
    };
    struct bed bed;
    bed_init(&bed);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_cmd_bench_time times[2];
        struct gs_cmd_bench_peer peer = {.name = "the command", .times = times};
        assert_int_equal(
            gs_cmd_bench_ask_peer(&bed.bench, &peer, cases[i].command, "a 'b'.mps", NULL), 0);
        assert_string_equal(peer.name, cases[i].name == NULL ? "the command" : cases[i].name);
        if (cases[i].skipped != NULL) {
            assert_non_null(peer.skipped);
            assert_string_equal(peer.skipped, cases[i].skipped);
            assert_int_equal(peer.n_times, 0);
            continue;
        }
        assert_null(peer.skipped);
        assert_int_equal(peer.n_times, 1);
        assert_int_equal(times[0].wall_ns, 500000000);
        assert_int_equal(times[0].cpu_ns, 250000000);
        assert_float_equal(peer.value, 12, 0);
        assert_float_equal(peer.bound, 11.5, 0);
        assert_string_equal(peer.status, "a 'b'.mps after 7 s");
    }
    gs_arena_done(&bed.arena);
}

static void bench__writes_a_program_as_mps(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed);
    struct gs_ip ip;
    gs_ip_init(&ip);
    assert_int_equal(gs_ip_add_row(&ip, &bed.arena, 7), 0);
    assert_int_equal(gs_ip_add_row(&ip, &bed.arena, -3), 1);
    assert_int_equal(gs_ip_add_col(&ip, &bed.arena, 5, 9), 0);
    assert_true(gs_ip_add_entry(&ip, &bed.arena, 0, 2));
    assert_true(gs_ip_add_entry(&ip, &bed.arena, 1, -1));
    assert_int_equal(gs_ip_add_col(&ip, &bed.arena, 0, 4), 1);
    assert_true(gs_ip_add_entry(&ip, &bed.arena, 0, 1));
    char path[] = "/tmp/gpuslice-test-bench-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    int r = gs_cmd_bench_write_mps(&ip, path, NULL);
    unlink(path);
    assert_int_equal(r, 0);
    char text[1000] = "";
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    assert_string_equal(text, "NAME GPUSLICE FREE\nROWS\n N COST\n G R0\n G R1\n"
                              "COLUMNS\n M0 'MARKER' 'INTORG'\n"
                              " C0 COST 5\n C0 R0 2\n C0 R1 -1\n C1 R0 1\n"
                              " M1 'MARKER' 'INTEND'\n"
                              "RHS\n RHS R0 7\n RHS R1 -3\n"
                              "BOUNDS\n LO BOUND C0 0\n UP BOUND C0 9\n"
                              " LO BOUND C1 0\n UP BOUND C1 4\nENDATA\n");
    struct gs_err err;
    assert_int_equal(gs_cmd_bench_write_mps(&ip, "/nonexistent/a.mps", &err), GS_IO);
    gs_arena_done(&bed.arena);
}

/* ------------------------------------------------------------------ demands */

static uint64_t total_of(const struct gs_plan_input *input)
{
    uint64_t total = 0;
    for (size_t i = 0; i < input->n_items; i++) {
        total += input->items[i].count;
    }
    return total;
}

static void bench__demands_have_the_kinds_and_the_count_that_are_asked_for(void **state)
{
    (void)state;
    static const struct {
        unsigned kinds;
        uint64_t total;
    } cases[] = {{1, 10}, {50, 1000000000}, {300, 1000003}, {60, 100000}};
    struct bed bed;
    bed_init(&bed);
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_plan_input bundles = {.n_items = 0};
        struct gs_plan_input fleet = {.n_items = 0};
        assert_int_equal(gs_cmd_bench_demand_bundles(&bed.arena, model, cases[i].kinds,
                                                     cases[i].total, 3, &bundles, NULL),
                         0);
        assert_int_equal(
            gs_cmd_bench_demand_fleet(&bed.arena, cases[i].kinds, cases[i].total, 3, &fleet, NULL),
            0);
        assert_int_equal(bundles.n_items, cases[i].kinds);
        assert_int_equal(fleet.n_items, cases[i].kinds);
        assert_int_equal(total_of(&bundles), cases[i].total);
        assert_int_equal(total_of(&fleet), cases[i].total);
    }
    gs_arena_done(&bed.arena);
}

static void bench__every_fifth_kind_of_a_fleet_has_a_choice(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed);
    struct gs_plan_input input = {.n_items = 0};
    assert_int_equal(gs_cmd_bench_demand_fleet(&bed.arena, 60, 100000, 1, &input, NULL), 0);
    for (size_t i = 0; i < input.n_items; i++) {
        assert_int_equal(input.items[i].n_alternatives > 1, i % 5 == 4);
        assert_true(input.items[i].cpu_milli > 0 && input.items[i].memory_bytes > 0);
    }
    gs_arena_done(&bed.arena);
}

static void bench__shares_out_slices_to_the_last_one(void **state)
{
    (void)state;
    static const unsigned profiles[] = {0, 3, 6};
    static const uint32_t weights[] = {1, 1, 5};
    static const uint64_t counts[] = {142857, 142857, 714286};
    struct bed bed;
    bed_init(&bed);
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    struct gs_plan_input input = {.n_items = 0};
    assert_int_equal(
        gs_cmd_bench_demand_slices(&bed.arena, model, profiles, 3, weights, 1000000, &input, NULL),
        0);
    assert_int_equal(input.n_items, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(input.items[i].count, counts[i]);
    }
    gs_arena_done(&bed.arena);
}

/* ------------------------------------------------------------------ programs for solvers */

static int64_t optimum_of(struct gs_arena *arena, const struct gs_ip *ip)
{
    const struct gs_ip_options options = {
        .cutoff = INT64_MAX, .goal = INT64_MIN, .max_nodes = 200000};
    struct gs_ip_result result;
    assert_int_equal(gs_ip_solve(ip, &options, arena, &result, NULL), 0);
    assert_true(result.found);
    assert_int_equal(result.value, result.bound);
    return result.value;
}

/* Two items that fill a node's CPU together when their sums are looked at, and not node by node:
 * three of 5 cores on nodes of 8 are two nodes by the sums and three in truth. */
static void bench__node_by_node_is_exact_and_totals_are_a_bound(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed);
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    static const unsigned profile = 0;
    static const uint32_t weight = 1;
    static const struct gs_node_facts facts = {.labels_complete = true};
    const struct gs_offer offer = {.name = "box",
                                   .gpu_name = model->id,
                                   .model = model,
                                   .gpus = 1,
                                   .gpu_memory_mib = 40960,
                                   .cpu_milli = 8000,
                                   .memory_bytes = (uint64_t)1 << 40,
                                   .pods = 100,
                                   .price_uusd = 10,
                                   .max_nodes = UINT32_MAX,
                                   .facts = &facts};
    struct gs_plan_input input = {
        .goal = GS_PLAN_NODES, .offers = &offer, .n_offers = 1, .certificate = true};
    assert_int_equal(
        gs_cmd_bench_demand_slices(&bed.arena, model, &profile, 1, &weight, 3, &input, NULL), 0);
    struct gs_item item = input.items[0];
    item.cpu_milli = 5000;
    input.items = &item;
    struct gs_plan plan;
    assert_int_equal(gs_plan_make(&bed.arena, &input, &plan, NULL), 0);
    assert_int_equal(plan.value, 30);
    struct gs_ip totals;
    struct gs_ip nodes;
    assert_int_equal(gs_cmd_bench_fleet_totals(&bed.arena, &plan.fleet_spec, &totals, NULL), 0);
    assert_int_equal(
        gs_cmd_bench_fleet_nodes(&bed.arena, &plan.fleet_spec, plan.value, &nodes, NULL), 0);
    assert_int_equal(optimum_of(&bed.arena, &totals), 20);
    assert_int_equal(optimum_of(&bed.arena, &nodes), 30);
    gs_arena_done(&bed.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bench__gives_the_least_the_middle_and_the_most),
        cmocka_unit_test(bench__judges_by_the_middle_of_the_cpu_times),
        cmocka_unit_test(bench__compares_with_a_peer_run_by_run),
        cmocka_unit_test(bench__warms_up_once_and_then_runs_as_often_as_asked),
        cmocka_unit_test(bench__asks_peers_and_says_why_one_took_no_part),
        cmocka_unit_test(bench__writes_a_program_as_mps),
        cmocka_unit_test(bench__demands_have_the_kinds_and_the_count_that_are_asked_for),
        cmocka_unit_test(bench__every_fifth_kind_of_a_fleet_has_a_choice),
        cmocka_unit_test(bench__shares_out_slices_to_the_last_one),
        cmocka_unit_test(bench__node_by_node_is_exact_and_totals_are_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
