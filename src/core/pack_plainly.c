#include "core/pack_plainly.h"

#include <string.h>

static const uint64_t TARGET_WORK = 20000000; /* of one target's program */

/* The pool of a target of which there is no end; NULL: none. */
static const struct gs_pool *endless_pool(const struct gs_program_target *target)
{
    for (unsigned p = 0; p < target->n_pools; p++) {
        if (target->pools[p].count == GS_POOL_NO_LIMIT) {
            return &target->pools[p];
        }
    }
    return NULL;
}

static int64_t endless_cost(const struct gs_program_target *target)
{
    for (unsigned p = 0; target->pool_costs != NULL && p < target->n_pools; p++) {
        if (target->pools[p].count == GS_POOL_NO_LIMIT) {
            return target->pool_costs[p];
        }
    }
    return 0;
}

/* The most slices of a profile that one GPU of the pool gives. */
static unsigned most_of(const struct gs_pool *pool, unsigned profile)
{
    unsigned most = 0;
    for (unsigned c = 0; c < pool->n_columns; c++) {
        most = pool->columns[c].counts[profile] > most ? pool->columns[c].counts[profile] : most;
    }
    return most;
}

/* What one of the need costs if each GPU were full of its slices alone; below 0: it is not to be
 * had so. */
static double cost_of(const struct gs_program_spec *spec, unsigned u)
{
    const struct gs_use *use = &spec->uses[u];
    const struct gs_program_target *target = &spec->targets[use->target];
    const struct gs_pool *pool = endless_pool(target);
    if (pool == NULL || (use->gpus > 0 && !pool->whole)) {
        return -1;
    }
    double gpus = use->gpus;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        unsigned most = use->slices[p] > 0 ? most_of(pool, p) : 1;
        if (most == 0) {
            return -1;
        }
        gpus += (double)use->slices[p] / most;
    }
    int64_t yield = spec->yields == NULL ? 1 : spec->yields[u];
    return gpus * (double)endless_cost(target) / (double)yield;
}

/* Chooses the use of each kind; false: one has none. */
static bool choose_uses(const struct gs_program_spec *spec, int64_t *x)
{
    for (uint32_t k = 0; k < spec->n_kinds; k++) {
        int best = -1;
        double least = 0;
        for (unsigned u = 0; u < spec->n_uses; u++) {
            double cost = spec->uses[u].kind == k ? cost_of(spec, u) : -1;
            if (cost >= 0 && (best < 0 || cost < least)) {
                best = (int)u;
                least = cost;
            }
        }
        if (spec->needs[k] <= 0) {
            continue;
        }
        if (best < 0) {
            return false;
        }
        int64_t yield = spec->yields == NULL ? 1 : spec->yields[best];
        x[best] = (spec->needs[k] - 1) / yield + 1;
    }
    return true;
}

/* What the chosen uses ask of a target: a use and a need for each profile and for whole GPUs.
 * Returns how many. */
static unsigned list_parts(const struct gs_program_spec *spec, const int64_t *x, uint32_t target,
                           struct gs_use *parts, int64_t *needs)
{
    unsigned n = 0;
    for (unsigned p = 0; p <= GS_PROFILES_MAX; p++) {
        bool whole = p == GS_PROFILES_MAX;
        int64_t sum = 0;
        for (unsigned u = 0; u < spec->n_uses; u++) {
            const struct gs_use *use = &spec->uses[u];
            sum += use->target == target ? x[u] * (whole ? use->gpus : use->slices[p]) : 0;
        }
        if (sum > 0) {
            parts[n] = (struct gs_use){.kind = n, .gpus = whole};
            if (!whole) {
                parts[n].slices[p] = 1;
            }
            needs[n++] = sum;
        }
    }
    return n;
}

/* Takes over what the GPUs of one target are cut into: y is a solution of the program `alone`. */
static void take_cuts(const struct gs_program *program, uint32_t target,
                      const struct gs_program *alone, unsigned n_parts, const int64_t *y,
                      int64_t *x)
{
    for (unsigned j = n_parts; j < alone->ip.n_cols; j++) {
        const struct gs_program_col *from = &alone->cols[j];
        for (unsigned i = 0; y[j] > 0 && i < program->ip.n_cols; i++) {
            const struct gs_program_col *to = &program->cols[i];
            if (to->what == from->what && to->target == target && to->pool == from->pool &&
                to->column == from->column) {
                x[i] = y[j];
            }
        }
    }
}

static int cut_target(struct gs_arena *arena, const struct gs_program_spec *spec,
                      const struct gs_program *program, int64_t step, uint32_t target, int64_t *x,
                      bool *ret_found, struct gs_err *err)
{
    struct gs_use parts[GS_PROFILES_MAX + 1];
    int64_t needs[GS_PROFILES_MAX + 1];
    unsigned n = list_parts(spec, x, target, parts, needs);
    if (n == 0) {
        return 0;
    }
    int64_t all = 0;
    for (unsigned i = 0; i < n; i++) {
        all += needs[i];
    }
    const struct gs_program_spec alone = {
        .targets = &spec->targets[target],
        .n_targets = 1,
        .uses = parts,
        .n_uses = n,
        .n_kinds = n,
        .needs = needs,
    };
    const struct gs_ip_options options = {
        .cutoff = INT64_MAX, .goal = INT64_MIN, .step = step, .max_work = TARGET_WORK};
    struct gs_program small;
    struct gs_ip_result result = {.found = false};
    struct gs_arena_mark mark = gs_arena_mark(arena);
    int r = gs_program_new(arena, &alone, all, &small, err);
    r = r < 0 ? r : gs_ip_solve(&small.ip, &options, arena, &result, err);
    *ret_found = r == 0 && result.found;
    if (*ret_found) {
        take_cuts(program, target, &small, n, result.x, x);
    }
    gs_arena_rewind(arena, mark);
    return r;
}

int gs_pack_plainly(struct gs_arena *arena, const struct gs_program_spec *spec,
                    const struct gs_program *program, int64_t step, const int64_t **ret_x,
                    int64_t *ret_value, struct gs_err *err)
{
    int64_t *x = GS_ARENA_NEW(arena, int64_t, program->ip.n_cols);
    int64_t *sums = GS_ARENA_NEW(arena, int64_t, program->ip.n_rows);
    *ret_x = NULL;
    if (x == NULL || sums == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a first packing");
    }
    bool found = choose_uses(spec, x);
    int r = 0;
    for (uint32_t t = 0; found && r == 0 && t < spec->n_targets; t++) {
        r = cut_target(arena, spec, program, step, t, x, &found, err);
    }
    if (found && r == 0 && gs_ip_check(&program->ip, x, sums, ret_value)) {
        *ret_x = x;
    }
    return r;
}
