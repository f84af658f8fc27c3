#include <string.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "core/catalog.h"
#include "core/pack.h"
#include "sim/loss.h"

enum { WORLDS = 6, PLAIN = 5, POLICIES_MAX = 32 };

static const struct world {
    const char *name;
    uint32_t weights[PLAIN]; /* 1g, 2g, 3g, 4g, 7g */
    double load;
} worlds[WORLDS] = {
    {"A 0.8", {35, 25, 20, 15, 5}, 0.8},  {"A 1.0", {35, 25, 20, 15, 5}, 1.0},
    {"B 0.8", {20, 20, 20, 20, 20}, 0.8}, {"B 1.0", {20, 20, 20, 20, 20}, 1.0},
    {"C 0.8", {60, 20, 10, 8, 2}, 0.8},   {"C 1.0", {60, 20, 10, 8, 2}, 1.0},
};

/* Measured by others in the same world (docs/internals/online.md), and what is promised. */
static const struct gs_cmd_bench_grid_row references[] = {
    {"reference: first-fit", {97.32, 86.10, 96.31, 84.27, 98.53, 88.19}},
    {"reference: spread", {77.96, 69.37, 69.82, 61.67, 78.70, 72.08}},
    {"reference: hami", {98.70, 87.84, 98.13, 87.19, 99.29, 89.01}},
    {"reference: fewest lost placements", {98.33, 88.43, 97.90, 87.23, 99.16, 89.93}},
    {"reference: the same + one move", {99.53, 91.24, 99.14, 90.69, 99.76, 92.31}},
    {"goal without moves", {99.0, 89.0, 98.4, 88.2, 99.4, 90.4}},
    {"goal with one move", {99.4, 91.0, 99.0, 90.5, 99.7, 92.1}},
};

struct contest {
    struct gs_cmd_bench *bench;
    struct gs_arena *arena;
    const struct gs_statetable *states;
    unsigned plain[PLAIN];
    struct gs_cmd_bench_grid *accepted;
    struct gs_cmd_bench_grid *moves;
};

/* One world, all seeds. */
static int run_world(struct contest *contest, const struct gs_policy_table *decisions,
                     const struct gs_move_table *moves, const struct world *world,
                     struct gs_loss_score *ret, struct gs_err *err)
{
    uint64_t arrivals = gs_cmd_bench_size(contest->bench, 60000, 600);
    struct gs_loss_world run = {
        .decisions = decisions,
        .moves = moves,
        .gpus = 64,
        .load = world->load,
        .arrivals = arrivals,
        .warm_up = arrivals / 12,
    };
    for (unsigned i = 0; i < PLAIN; i++) {
        run.weights[contest->plain[i]] = world->weights[i];
    }
    *ret = (struct gs_loss_score){.moves = 0};
    int r = 0;
    for (uint64_t s = 0; r == 0 && s < contest->bench->args->loss_seeds; s++) {
        run.seed = contest->bench->args->seed + s;
        r = gs_loss_run(contest->arena, &run, ret, err);
    }
    return r;
}

static double moves_percent(const struct gs_loss_score *score)
{
    uint64_t accepted = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        accepted += score->accepted[p];
    }
    return accepted == 0 ? 0 : 100.0 * (double)score->moves / (double)accepted;
}

static int run_policy(struct contest *contest, const struct gs_policy *policy, bool with_moves,
                      struct gs_err *err)
{
    struct gs_arena_mark mark = gs_arena_mark(contest->arena);
    const struct gs_policy_table *decisions;
    const struct gs_move_table *moves = NULL;
    double accepted[WORLDS];
    double moved[WORLDS];
    int r = gs_policy_table_new(contest->arena, contest->states, policy, &decisions, err);
    if (r == 0 && with_moves) {
        r = gs_move_table_new(contest->arena, decisions, &moves, err);
    }
    for (unsigned w = 0; r == 0 && w < WORLDS; w++) {
        struct gs_loss_score score;
        r = run_world(contest, decisions, moves, &worlds[w], &score, err);
        accepted[w] = r < 0 ? 0 : gs_loss_accepted_percent(&score, contest->states->model);
        moved[w] = r < 0 ? 0 : moves_percent(&score);
    }
    gs_arena_rewind(contest->arena, mark);
    const char *label = with_moves
                            ? gs_cmd_bench_text(contest->bench, "%s + one move", policy->name)
                            : policy->name;
    r = r < 0 ? r : gs_cmd_bench_row(contest->bench, contest->accepted, label, accepted, err);
    if (r == 0 && with_moves) {
        r = gs_cmd_bench_row(contest->bench, contest->moves, policy->name, moved, err);
    }
    return r;
}

static int begin(struct contest *contest, struct gs_err *err)
{
    static const char *const columns[WORLDS] = {"A 0.8", "A 1.0", "B 0.8",
                                                "B 1.0", "C 0.8", "C 1.0"};
    const struct gs_model *model;
    uint32_t profiles = 0;
    int r = gs_catalog_find(gs_view("A100-40GB"), &model, err);
    if (r < 0) {
        return r;
    }
    if (!gs_pack_has_closed_form(model, contest->plain)) {
        return gs_fail(err, GS_NOT_FOUND, "%s has not the five plain profiles", model->id);
    }
    for (unsigned i = 0; i < PLAIN; i++) {
        profiles |= 1u << contest->plain[i];
    }
    r = gs_statetable_new(contest->arena, model, profiles, &contest->states, err);
    contest->accepted = gs_cmd_bench_grid(
        contest->bench, "compute slices accepted of those asked for, %", columns, WORLDS, 2);
    contest->moves =
        gs_cmd_bench_grid(contest->bench, "moves for 100 accepted requests", columns, WORLDS, 2);
    return r == 0 && (contest->accepted == NULL || contest->moves == NULL)
               ? gs_cmd_bench_no_memory(err)
               : r;
}

int gs_cmd_bench_loss(struct gs_cmd_bench *bench, struct gs_err *err)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct contest contest = {.bench = bench, .arena = &arena};
    int r = begin(&contest, err);
    size_t n;
    const struct gs_policy *policies = gs_policies(&n);
    for (int with_moves = 0; with_moves < 2; with_moves++) {
        for (size_t i = 0; r == 0 && i < n; i++) {
            r = run_policy(&contest, &policies[i], with_moves == 1, err);
        }
    }
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(references); i++) {
        r = gs_cmd_bench_row(bench, contest.accepted, references[i].label, references[i].cells,
                             err);
    }
    return r < 0 ? r
                 : gs_cmd_bench_note(
                       bench, err,
                       "64 A100-40GB; mixes of 1g/2g/3g/4g/7g in %%: A 35/25/20/15/5, B 20 each, "
                       "C 60/20/10/8/2; load 0.8 and 1.0; %llu arrivals a seed, the first twelfth "
                       "not counted; %llu seeds (--loss-seeds).",
                       (unsigned long long)gs_cmd_bench_size(bench, 60000, 600),
                       (unsigned long long)bench->args->loss_seeds);
}
