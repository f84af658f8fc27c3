#include <math.h>

#include "cli/bench/bench.h"

/* `value` with so many places; what is no number becomes null. */
static void put_decimal(struct gs_result *result, json_t *at, const char *key, double value,
                        unsigned places)
{
    double scaled = value * pow(10, places);
    if (!isfinite(scaled) || scaled >= 9e18) {
        gs_result_null(result, at, key);
    } else if (scaled >= 0) {
        gs_result_fixed(result, at, key, (uint64_t)llround(scaled), places);
    } else {
        json_object_set_new(at, key, json_real(value));
    }
}

static void put_spread(struct gs_result *result, json_t *at, const char *key,
                       struct gs_cmd_bench_spread spread, unsigned places)
{
    json_t *object = gs_result_object(result, at, key);
    put_decimal(result, object, "min", spread.min, places);
    put_decimal(result, object, "median", spread.median, places);
    put_decimal(result, object, "max", spread.max, places);
}

static void put_machine(struct gs_result *result, const struct gs_cmd_bench_machine *machine)
{
    json_t *at = gs_result_object(result, result->root, "machine");
    gs_result_text(result, at, "cpu", machine->cpu);
    gs_result_number(result, at, "cores", machine->cores);
    gs_result_number(result, at, "memory_mib", machine->memory_mib);
    gs_result_text(result, at, "kernel", machine->kernel);
    gs_result_text(result, at, "compiler", machine->compiler);
    gs_result_text(result, at, "build", machine->build);
    gs_result_text(result, at, "version", GS_VERSION);
    put_decimal(result, at, "load_average", machine->load < 0 ? (double)NAN : machine->load, 2);
}

static void put_verdict(struct gs_result *result, json_t *at, const char *key,
                        enum gs_cmd_bench_verdict verdict)
{
    switch (verdict) {
    case GS_CMD_BENCH_NO_GOAL:
        gs_result_null(result, at, key);
        return;
    case GS_CMD_BENCH_MET:
    case GS_CMD_BENCH_MISSED:
        gs_result_bool(result, at, key, verdict == GS_CMD_BENCH_MET);
        return;
    }
}

static void put_times(struct gs_result *result, json_t *at,
                      const struct gs_cmd_bench_measure *measure)
{
    const unsigned places = measure->unit == GS_CMD_BENCH_RATE ? 0 : 12;
    gs_result_text(result, at, "unit",
                   measure->unit == GS_CMD_BENCH_RATE ? "operations_per_second" : "seconds");
    put_decimal(result, at, "operations_per_run", measure->operations, 0);
    gs_result_number(result, at, "runs", measure->n_times);
    put_spread(result, at, "wall", gs_cmd_bench_of_runs(measure, false), places);
    put_spread(result, at, "cpu", gs_cmd_bench_of_runs(measure, true), places);
    if (measure->goal > 0) {
        put_decimal(result, at, "goal", measure->goal, places);
    } else {
        gs_result_null(result, at, "goal");
    }
    put_verdict(result, at, "goal_met", gs_cmd_bench_judge(measure));
}

static void put_facts(struct gs_result *result, json_t *at,
                      const struct gs_cmd_bench_measure *measure)
{
    json_t *facts = gs_result_object(result, at, "found");
    json_t *goals = NULL;
    for (size_t i = 0; i < measure->n_facts; i++) {
        const struct gs_cmd_bench_fact *fact = &measure->facts[i];
        if (fact->places == 0) {
            gs_result_number(result, facts, fact->name, fact->number);
        } else {
            gs_result_fixed(result, facts, fact->name, fact->number, fact->places);
        }
        if (fact->at_most > 0) {
            goals = goals == NULL ? gs_result_object(result, at, "found_goals") : goals;
            json_t *goal = gs_result_object(result, goals, fact->name);
            gs_result_fixed(result, goal, "at_most", fact->at_most, fact->places);
            gs_result_bool(result, goal, "met", fact->number <= fact->at_most);
        }
    }
}

static void put_peer(struct gs_result *result, json_t *at,
                     const struct gs_cmd_bench_measure *measure,
                     const struct gs_cmd_bench_peer *peer)
{
    json_t *object = gs_result_object(result, at, NULL);
    struct gs_cmd_bench_spread spread;
    gs_result_text(result, object, "peer", peer->name);
    if (peer->skipped != NULL) {
        gs_result_text(result, object, "skipped", peer->skipped);
        return;
    }
    gs_result_text(result, object, "status", peer->status);
    put_decimal(result, object, "value", peer->has_value ? peer->value : (double)NAN, 6);
    put_decimal(result, object, "bound", peer->has_bound ? peer->bound : (double)NAN, 6);
    for (int cpu = 0; cpu < 2; cpu++) {
        if (gs_cmd_bench_of_peer(peer, cpu == 1, &spread)) {
            put_spread(result, object, cpu == 1 ? "cpu" : "wall", spread, 9);
        }
        if (gs_cmd_bench_ratio(measure, peer, cpu == 1, &spread)) {
            put_spread(result, object, cpu == 1 ? "cpu_ratio" : "wall_ratio", spread, 3);
        }
    }
}

static void put_measure(struct gs_result *result, json_t *at,
                        const struct gs_cmd_bench_measure *measure)
{
    json_t *object = gs_result_object(result, at, NULL);
    gs_result_text(result, object, "what", measure->what);
    put_times(result, object, measure);
    put_facts(result, object, measure);
    json_t *peers = gs_result_array(result, object, "peers");
    for (size_t i = 0; i < measure->n_peers; i++) {
        put_peer(result, peers, measure, &measure->peers[i]);
    }
}

static void put_grid(struct gs_result *result, json_t *at, const struct gs_cmd_bench_grid *grid)
{
    json_t *object = gs_result_object(result, at, NULL);
    gs_result_text(result, object, "title", grid->title);
    json_t *rows = gs_result_object(result, object, "rows");
    for (size_t i = 0; i < grid->n_rows; i++) {
        json_t *row = gs_result_object(result, rows, grid->rows[i].label);
        for (size_t c = 0; c < grid->n_columns; c++) {
            put_decimal(result, row, grid->columns[c], grid->rows[i].cells[c], grid->places);
        }
    }
}

static void put_section(struct gs_result *result, json_t *at,
                        const struct gs_cmd_bench_section *section)
{
    json_t *object = gs_result_object(result, at, NULL);
    gs_result_text(result, object, "name", section->def->name);
    gs_result_text(result, object, "measures", section->def->says);
    json_t *list = gs_result_array(result, object, "results");
    for (size_t i = 0; i < section->n_measures; i++) {
        put_measure(result, list, section->measures[i]);
    }
    list = gs_result_array(result, object, "tables");
    for (size_t i = 0; i < section->n_grids; i++) {
        put_grid(result, list, section->grids[i]);
    }
    list = gs_result_array(result, object, "notes");
    for (size_t i = 0; i < section->n_notes; i++) {
        gs_result_text(result, list, NULL, section->notes[i]);
    }
}

int gs_cmd_bench_write_document(const struct gs_cmd_bench *bench, struct gs_err *err)
{
    struct gs_result result;
    gs_result_init(&result);
    put_machine(&result, &bench->machine);
    gs_result_number(&result, result.root, "seed", bench->args->seed);
    gs_result_number(&result, result.root, "repeat", bench->args->repeat);
    gs_result_text(&result, result.root, "size", gs_cmd_bench_sizes[bench->args->size]);
    gs_result_text(&result, result.root, "judged_by", "median of the CPU time");
    json_t *list = gs_result_array(&result, result.root, "benchmarks");
    for (size_t i = 0; i < bench->n_sections; i++) {
        put_section(&result, list, &bench->sections[i]);
    }
    int r = gs_output_result(&result, bench->args->format, err);
    gs_result_done(&result);
    return r;
}
