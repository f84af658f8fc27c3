#include <string.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "cli/bench/demand.h"
#include "core/catalog.h"

enum { MIXES_MAX = 20, PROFILES_PLAIN = 5 };

/* ------------------------------------------------------------------ one plan, timed */

/* Demands to be planned one after the other, each in an arena of its own. */
struct plans {
    struct gs_plan_input inputs[MIXES_MAX];
    uint64_t cpu_ns[MIXES_MAX]; /* the least of all runs */
    unsigned n;
    /* what the last run found */
    uint64_t gpus;
    uint64_t bound;
    unsigned proven;
};

static int plan_one(struct plans *plans, unsigned i, struct gs_err *err)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct gs_plan plan;
    uint64_t from = gs_cmd_bench_now().cpu_ns;
    int r = gs_plan_make(&arena, &plans->inputs[i], &plan, err);
    if (r < 0) {
        return r;
    }
    uint64_t taken = gs_cmd_bench_now().cpu_ns - from;
    plans->cpu_ns[i] = taken < plans->cpu_ns[i] ? taken : plans->cpu_ns[i];
    plans->gpus += (uint64_t)plan.value;
    plans->bound += (uint64_t)plan.bound;
    plans->proven += plan.proven;
    return 0;
}

static int plan_all_of(void *ctx, struct gs_err *err)
{
    struct plans *plans = ctx;
    plans->gpus = plans->bound = plans->proven = 0;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < plans->n; i++) {
        r = plan_one(plans, i, err);
    }
    return r;
}

static uint64_t slowest_ns(const struct plans *plans)
{
    uint64_t slowest = 0;
    for (unsigned i = 0; i < plans->n; i++) {
        slowest = plans->cpu_ns[i] > slowest ? plans->cpu_ns[i] : slowest;
    }
    return slowest;
}

static int measure_plans(struct gs_cmd_bench *bench, struct plans *plans, const char *what,
                         double goal, const char *peer_file, struct gs_err *err)
{
    const struct gs_cmd_bench_work work = {
        .what = what,
        .run = plan_all_of,
        .ctx = plans,
        .operations = plans->n,
        .goal = goal,
        .peer_file = peer_file,
    };
    memset(plans->cpu_ns, 0xff, sizeof(plans->cpu_ns));
    struct gs_cmd_bench_measure *measure;
    int r = gs_cmd_bench_measure(bench, &work, &measure, err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "gpus_used", plans->gpus, 0, err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "lower_bound", plans->bound, 0, err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "plans", plans->n, 0, err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "proven", plans->proven, 0, err);
    if (r == 0 && plans->n > 1) {
        r = gs_cmd_bench_number(bench, measure, "slowest_plan_s", slowest_ns(plans), 9, err);
    }
    return r;
}

/* The integer program of a plan as a file for the peers; *ret NULL: there are none. */
static int write_program(struct gs_cmd_bench *bench, const struct gs_plan_input *input,
                         const char *name, const char **ret, struct gs_err *err)
{
    *ret = NULL;
    if (bench->args->peer.n == 0 && bench->args->keep == NULL) {
        return 0;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct gs_plan plan;
    const char *path = gs_cmd_bench_path(bench, name);
    if (path == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    int r = gs_plan_make(&arena, input, &plan, err);
    r = r < 0 ? r : gs_cmd_bench_write_mps(&plan.pack.program.ip, path, err);
    *ret = r < 0 ? NULL : path;
    return r;
}

/* ------------------------------------------------------------------ slices of one model */

static const struct mix {
    const char *name;
    uint32_t weights[PROFILES_PLAIN]; /* 1g, 2g, 3g, 4g, 7g */
} mixes[] = {
    {"mix 35/25/20/15/5", {35, 25, 20, 15, 5}},
    {"mix 20/20/20/20/20", {1, 1, 1, 1, 1}},
    {"mix 60/20/10/8/2", {60, 20, 10, 8, 2}},
};

struct slices {
    const struct gs_model *const *model;
    struct gs_plan_tables *tables;
    const unsigned *profiles; /* indices */
    unsigned n_profiles;
    uint64_t total;
};

static int input_of(struct gs_cmd_bench *bench, const struct slices *slices,
                    const uint32_t *weights, struct gs_plan_input *ret, struct gs_err *err)
{
    *ret = (struct gs_plan_input){
        .tables = slices->tables,
        .goal = GS_PLAN_GPUS,
        .models = slices->model,
        .n_models = 1,
        .certificate = true,
    };
    return gs_cmd_bench_demand_slices(bench->arena, *slices->model, slices->profiles,
                                      slices->n_profiles, weights, slices->total, ret, err);
}

/* One mix with its tables ready, beside the peers, and with the tables made inside. */
static int measure_mix(struct gs_cmd_bench *bench, const struct slices *slices, const char *name,
                       const char *file, const uint32_t *weights, double goal, struct gs_err *err)
{
    const char *model = (*slices->model)->id;
    struct plans plans = {.n = 1};
    const char *program = NULL;
    int r = input_of(bench, slices, weights, &plans.inputs[0], err);
    r = r < 0 ? r : write_program(bench, &plans.inputs[0], file, &program, err);
    r = r < 0 ? r
              : measure_plans(bench, &plans,
                              gs_cmd_bench_text(bench, "%s, %s, tables ready", model, name), goal,
                              program, err);
    plans.inputs[0].tables = NULL;
    return r < 0
               ? r
               : measure_plans(bench, &plans,
                               gs_cmd_bench_text(bench, "%s, %s, tables made inside", model, name),
                               goal, NULL, err);
}

static int measure_random_mixes(struct gs_cmd_bench *bench, const struct slices *slices,
                                double goal, struct gs_err *err)
{
    struct gs_random random;
    gs_random_init(&random, bench->args->seed);
    struct plans plans = {.n = (unsigned)gs_cmd_bench_size(bench, MIXES_MAX, 2)};
    int r = 0;
    for (unsigned i = 0; r == 0 && i < plans.n; i++) {
        uint32_t weights[GS_PROFILES_MAX];
        for (unsigned p = 0; p < slices->n_profiles; p++) {
            weights[p] = 1 + gs_random_below(&random, 100);
        }
        r = input_of(bench, slices, weights, &plans.inputs[i], err);
    }
    const char *what = gs_cmd_bench_text(bench, "%s, each of %u random mixes, tables ready",
                                         (*slices->model)->id, plans.n);
    return r < 0 ? r : measure_plans(bench, &plans, what, goal, NULL, err);
}

static int find_slices(struct gs_cmd_bench *bench, const char *model_id,
                       const struct gs_model **ret_model, struct slices *ret, struct gs_err *err)
{
    int r = gs_catalog_find(gs_view(model_id), ret_model, err);
    *ret = (struct slices){
        .model = ret_model,
        .tables = gs_plan_tables_new(bench->arena),
        .total = gs_cmd_bench_size(bench, 1000000, 10000),
    };
    return r == 0 && ret->tables == NULL ? gs_cmd_bench_no_memory(err) : r;
}

int gs_cmd_bench_plan_plain(struct gs_cmd_bench *bench, struct gs_err *err)
{
    static const double goal_s = 1e-3;
    const struct gs_model *model;
    unsigned plain[PROFILES_PLAIN];
    struct slices slices;
    int r = find_slices(bench, "A100-40GB", &model, &slices, err);
    if (r == 0 && !gs_pack_has_closed_form(model, plain)) {
        r = gs_fail(err, GS_NOT_FOUND, "%s has not the five plain profiles", model->id);
    }
    slices.profiles = plain;
    slices.n_profiles = PROFILES_PLAIN;
    for (unsigned i = 0; r == 0 && i < GS_ARRAY_LEN(mixes); i++) {
        const char *file = gs_cmd_bench_text(bench, "plan-plain-%u.mps", i + 1);
        r = file == NULL
                ? gs_cmd_bench_no_memory(err)
                : measure_mix(bench, &slices, mixes[i].name, file, mixes[i].weights, goal_s, err);
    }
    return r < 0 ? r : measure_random_mixes(bench, &slices, goal_s, err);
}

static int measure_all_profiles(struct gs_cmd_bench *bench, const char *model_id, const char *file,
                                struct gs_err *err)
{
    static const double goal_s = 10e-3;
    const struct gs_model *model;
    struct slices slices;
    unsigned profiles[GS_PROFILES_MAX];
    uint32_t weights[GS_PROFILES_MAX];
    int r = find_slices(bench, model_id, &model, &slices, err);
    if (r < 0) {
        return r;
    }
    slices.profiles = profiles;
    slices.n_profiles = model->n_profiles;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        profiles[p] = p;
        weights[p] = 1;
    }
    const char *name = gs_cmd_bench_text(bench, "all %u profiles alike", model->n_profiles);
    r = name == NULL ? gs_cmd_bench_no_memory(err)
                     : measure_mix(bench, &slices, name, file, weights, goal_s, err);
    return r < 0 ? r : measure_random_mixes(bench, &slices, goal_s, err);
}

int gs_cmd_bench_plan_all(struct gs_cmd_bench *bench, struct gs_err *err)
{
    int r = measure_all_profiles(bench, "A100-40GB", "plan-all-a100.mps", err);
    return r < 0 ? r
                 : measure_all_profiles(bench, "RTX-PRO-6000-96GB", "plan-all-rtx6000.mps", err);
}

/* ------------------------------------------------------------------ time by kinds and by count */

struct curve_point {
    unsigned kinds;
    uint64_t count;
};

static int measure_point(struct gs_cmd_bench *bench, const struct slices *slices,
                         const struct curve_point *point, struct gs_err *err)
{
    struct plans plans = {.n = 1};
    plans.inputs[0] = (struct gs_plan_input){.tables = slices->tables,
                                             .goal = GS_PLAN_GPUS,
                                             .models = slices->model,
                                             .n_models = 1,
                                             .certificate = true};
    int r = gs_cmd_bench_demand_bundles(bench->arena, *slices->model, point->kinds, point->count,
                                        bench->args->seed, &plans.inputs[0], err);
    const char *what =
        gs_cmd_bench_text(bench, "%u kind%s, %llu items", point->kinds,
                          point->kinds == 1 ? "" : "s", (unsigned long long)point->count);
    return r < 0 ? r : measure_plans(bench, &plans, what, 0, NULL, err);
}

int gs_cmd_bench_kinds_curve(struct gs_cmd_bench *bench, struct gs_err *err)
{
    static const unsigned kinds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500};
    static const uint64_t counts[] = {1000,     10000,     100000,    1000000,
                                      10000000, 100000000, 1000000000};
    enum { KINDS_FIXED = 50, COUNT_FIXED = 1000000 };
    const struct gs_model *model;
    struct slices slices;
    int r = find_slices(bench, "A100-40GB", &model, &slices, err);
    size_t n_kinds = gs_cmd_bench_size(bench, GS_ARRAY_LEN(kinds), 3);
    size_t n_counts = gs_cmd_bench_size(bench, GS_ARRAY_LEN(counts), 2);
    for (size_t i = 0; r == 0 && i < n_kinds; i++) {
        r = measure_point(bench, &slices, &(struct curve_point){kinds[i], COUNT_FIXED}, err);
    }
    for (size_t i = 0; r == 0 && i < n_counts; i++) {
        r = measure_point(bench, &slices, &(struct curve_point){KINDS_FIXED, counts[i]}, err);
    }
    return r < 0 ? r
                 : gs_cmd_bench_note(bench, err,
                                     "Each item is a bundle of 1 to 3 profiles; equal items are "
                                     "one kind.");
}
