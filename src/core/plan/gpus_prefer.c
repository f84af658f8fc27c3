#include <string.h>

#include "core/plan/gpus.h"

/* What is there is used first. GPUs that are there cost nothing, so the fewest new GPUs may hold
 * what would fit beside the slices of old ones. Here the packing is found once more with each
 * target in two, what is there and the new GPUs that the plan buys, and as little as can be is put
 * onto the second. Only the answer changes: the number of GPUs and its proof are those of before.
 */

enum { SEARCH_NODES = 2000, WHOLE_WEIGHT = 16 };

/* Target t of the plan is target t here for what is there, n + t for what is bought. */
struct split {
    const struct gs_gpus_work *w;
    const struct gs_pack *pack;
    struct gs_gpus_work *two;
    int64_t *values;   /* a use: less than 0 on new GPUs */
    int64_t *new_gpus; /* a target of the plan: how many are bought */
    int64_t weight;    /* of what is on new GPUs */
};

static int64_t weight_of(const struct gs_model *model, uint32_t gpus, const uint32_t *slices)
{
    int64_t weight = (int64_t)gpus * WHOLE_WEIGHT;
    for (unsigned p = 0; model != NULL && p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        weight += (int64_t)slices[p] * (profile->compute_slices + profile->memory_units);
    }
    return weight;
}

static bool is_new(const struct gs_pool *pool)
{
    return pool->count == GS_POOL_NO_LIMIT;
}

/* What the plan buys, and how much it puts onto that. */
static void weigh_new(struct split *split)
{
    for (size_t i = 0; i < split->pack->n_layouts; i++) {
        const struct gs_pack_layout *layout = &split->pack->layouts[i];
        uint32_t slices[GS_PROFILES_MAX];
        if (layout->target >= split->w->n_targets ||
            !is_new(&split->w->own_pools[layout->target][layout->pool])) {
            continue;
        }
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            slices[p] = layout->counts[p];
        }
        const struct gs_model *model = split->w->targets[layout->target].model;
        split->new_gpus[layout->target] += layout->count;
        split->weight += layout->count * weight_of(model, layout->whole, slices);
    }
}

static int make_room(struct split *split)
{
    const struct gs_gpus_work *w = split->w;
    struct gs_gpus_work *two = split->two;
    struct gs_arena *arena = w->planner->arena;
    size_t n = 2 * (size_t)w->n_targets;
    *two = *w;
    two->targets = GS_ARENA_NEW(arena, struct gs_target, n);
    two->pools = GS_ARENA_NEW(arena, struct gs_program_target, n);
    two->own_pools = GS_ARENA_NEW(arena, struct gs_pool *, n);
    two->uses = GS_ARENA_NEW(arena, struct gs_use, 2 * w->n_uses);
    two->yields = GS_ARENA_NEW(arena, int64_t, 2 * w->n_uses);
    split->values = GS_ARENA_NEW(arena, int64_t, 2 * w->n_uses);
    split->new_gpus = GS_ARENA_NEW(arena, int64_t, w->n_targets);
    bool ok = two->targets != NULL && two->pools != NULL && two->own_pools != NULL &&
              two->uses != NULL && two->yields != NULL && split->values != NULL &&
              split->new_gpus != NULL;
    for (size_t t = 0; ok && t < n; t++) {
        two->own_pools[t] =
            GS_ARENA_NEW(arena, struct gs_pool, w->pools[t % w->n_targets].n_pools + 1);
        ok = two->own_pools[t] != NULL;
    }
    two->n_targets = (unsigned)n;
    two->n_uses = 0;
    return ok ? 0 : gs_plan_no_memory(w->planner);
}

static void split_targets(struct split *split)
{
    const struct gs_gpus_work *w = split->w;
    struct gs_gpus_work *two = split->two;
    for (unsigned t = 0; t < w->n_targets; t++) {
        unsigned bought = w->n_targets + t;
        two->targets[t] = two->targets[bought] = w->targets[t];
        two->pools[t] = w->pools[t];
        two->pools[t].pool_costs = NULL;
        two->pools[t].n_pools = 0;
        two->pools[t].pools = two->own_pools[t];
        two->pools[bought] = (struct gs_program_target){.pools = two->own_pools[bought]};
        for (unsigned p = 0; p < w->pools[t].n_pools; p++) {
            struct gs_pool pool = w->own_pools[t][p];
            unsigned part = is_new(&pool) ? bought : t;
            pool.count = is_new(&pool) ? (uint32_t)split->new_gpus[t] : pool.count;
            two->own_pools[part][two->pools[part].n_pools++] = pool;
        }
    }
}

static void split_uses(struct split *split)
{
    const struct gs_gpus_work *w = split->w;
    struct gs_gpus_work *two = split->two;
    for (size_t u = 0; u < w->n_uses; u++) {
        uint32_t t = w->uses[u].target;
        for (unsigned part = 0; t < w->n_targets && part < 2; part++) {
            size_t n = two->n_uses++;
            two->uses[n] = w->uses[u];
            two->uses[n].target = part == 0 ? t : w->n_targets + t;
            two->yields[n] = w->yields[u];
            split->values[n] =
                part == 0 ? 0 : -weight_of(w->targets[t].model, w->uses[u].gpus, w->uses[u].slices);
        }
    }
}

/* GPUs that are bought again have no limit, which is how the answer knows them. */
static void lift_limits(struct gs_gpus_work *two)
{
    for (unsigned t = two->n_targets / 2; t < two->n_targets; t++) {
        for (unsigned p = 0; p < two->pools[t].n_pools; p++) {
            two->own_pools[t][p].count = GS_POOL_NO_LIMIT;
        }
    }
}

/* *ret_found: with less on new GPUs. */
static int solve(const struct split *split, struct gs_pack *ret, bool *ret_found)
{
    struct gs_gpus_work *two = split->two;
    struct gs_arena *arena = two->planner->arena;
    const struct gs_program_spec spec = {
        .targets = two->pools,
        .n_targets = two->n_targets,
        .uses = two->uses,
        .n_uses = (unsigned)two->n_uses,
        .yields = two->yields,
        .values = split->values,
        .n_kinds = two->n_kinds,
        .needs = two->needs,
    };
    const struct gs_ip_options options = {
        .cutoff = split->weight, .goal = INT64_MIN, .step = 1, .max_nodes = SEARCH_NODES};
    struct gs_program program;
    struct gs_ip_result result = {.found = false};
    int64_t items = 0;
    for (unsigned k = 0; k < two->n_kinds; k++) {
        items += two->needs[k];
    }
    int r = gs_program_new(arena, &spec, items, &program, two->planner->err);
    r = r < 0 ? r : gs_ip_solve(&program.ip, &options, arena, &result, two->planner->err);
    *ret_found = r == 0 && result.found;
    if (*ret_found) {
        *ret = (struct gs_pack){.served = result.x};
        r = gs_pack_layouts(arena, &spec, &program, result.x, &ret->layouts, &ret->n_layouts,
                            two->planner->err);
    }
    return r;
}

int gs_gpus_prefer_existing(const struct gs_gpus_work *w, const struct gs_pack *pack,
                            struct gs_gpus_work *ret_two, struct gs_pack *ret_pack, bool *ret_found)
{
    struct split split = {.w = w, .pack = pack, .two = ret_two};
    *ret_found = false;
    if (w->input->n_existing == 0 || pack->value == 0) {
        return 0;
    }
    int r = make_room(&split);
    if (r < 0) {
        return r;
    }
    weigh_new(&split);
    split_targets(&split);
    split_uses(&split);
    r = solve(&split, ret_pack, ret_found);
    lift_limits(ret_two);
    return r;
}
