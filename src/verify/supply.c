#include "verify/supply.h"

#include <string.h>

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs that a plan may use");
}

/* ------------------------------------------------------------------ targets and pools */

static bool same_busy(const struct gs_cut *a, const struct gs_cut *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (unsigned i = 0; i < a->n; i++) {
        if (a->slices[i].profile != b->slices[i].profile ||
            a->slices[i].start != b->slices[i].start) {
            return false;
        }
    }
    return true;
}

/* Counts a GPU that is there into its pool. There is room for one pool a GPU. */
static void add_gpu(struct gs_supply_target *target, const struct gs_problem_gpu *gpu)
{
    if (!gpu->mig && gpu->whole_in_use) {
        return;
    }
    struct gs_supply_pool pool = {
        .busy = gs_cut_busy(&gpu->cut),
        .cut = target->of.model != NULL,
        .limit = 1,
    };
    pool.whole = pool.busy.n == 0;
    for (size_t p = 0; p < target->n_pools; p++) {
        struct gs_supply_pool *there = &target->pools[p];
        if (!there->fresh && same_busy(&there->busy, &pool.busy)) {
            there->limit++;
            return;
        }
    }
    target->pools[target->n_pools++] = pool;
}

static void add_existing(struct gs_supply_target *target, const struct gs_problem_node *node)
{
    for (unsigned g = 0; g < node->gpus; g++) {
        add_gpu(target, &node->list[g]);
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        target->free_slices[p] += node->free_slices[p];
    }
    target->free_gpus += node->free_gpus;
}

static struct gs_supply_target *target_named(struct gs_supply_target *targets, size_t *n,
                                             const struct gs_problem_target *of)
{
    for (size_t t = 0; t < *n; t++) {
        if (strcmp(targets[t].of.gpu, of->gpu) == 0) {
            return &targets[t];
        }
    }
    targets[*n] = (struct gs_supply_target){.of = *of};
    return &targets[(*n)++];
}

static struct gs_problem_target target_of(const struct gs_problem_node *node)
{
    return (struct gs_problem_target){
        .gpu = node->gpu, .model = node->model, .gpu_memory_mib = node->gpu_memory_mib};
}

/* Pools are taken from one array: a target's are put where all GPUs of it have room. */
static int make_pools(struct gs_arena *arena, const struct gs_problem *problem,
                      struct gs_supply_target *targets, size_t n, struct gs_err *err)
{
    for (size_t t = 0; t < n; t++) {
        size_t gpus = 1;
        for (size_t i = problem->n_offers; i < problem->n_nodes; i++) {
            bool here = strcmp(problem->node[i].gpu, targets[t].of.gpu) == 0;
            gpus += here ? problem->node[i].gpus : 0;
        }
        targets[t].pools = GS_ARENA_NEW(arena, struct gs_supply_pool, gpus);
        if (targets[t].pools == NULL) {
            return no_memory(err);
        }
        if (targets[t].fresh) {
            targets[t].pools[targets[t].n_pools++] = (struct gs_supply_pool){
                .fresh = true, .whole = true, .cut = true, .limit = GS_SUPPLY_NO_LIMIT};
        }
    }
    return 0;
}

int gs_supply_gpus(struct gs_arena *arena, const struct gs_problem *problem,
                   struct gs_supply_target **ret, size_t *ret_n, struct gs_err *err)
{
    size_t most = problem->n_models + problem->n_nodes;
    struct gs_supply_target *targets = GS_ARENA_NEW(arena, struct gs_supply_target, most);
    size_t n = 0;
    if (targets == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < problem->n_models; i++) {
        const struct gs_model *model = problem->models[i];
        const struct gs_problem_target of = {
            .gpu = model->id, .model = model, .gpu_memory_mib = model->memory_mib};
        target_named(targets, &n, &of)->fresh = true;
    }
    for (size_t i = problem->n_offers; i < problem->n_nodes; i++) {
        const struct gs_problem_target of = target_of(&problem->node[i]);
        struct gs_supply_target *target = target_named(targets, &n, &of);
        if (target->of.model != of.model) {
            return gs_fail(err, GS_INVALID,
                           "problem.existing[%zu]: its %s can%s be cut, and another's can%s; "
                           "expected GPUs of one name to be alike",
                           i - problem->n_offers, of.gpu, of.model == NULL ? "not" : "",
                           of.model == NULL ? "" : "not");
        }
    }
    int r = make_pools(arena, problem, targets, n, err);
    for (size_t i = problem->n_offers; i < problem->n_nodes && r == 0; i++) {
        const struct gs_problem_target of = target_of(&problem->node[i]);
        add_existing(target_named(targets, &n, &of), &problem->node[i]);
    }
    *ret = targets;
    *ret_n = n;
    return r;
}

int gs_supply_node(struct gs_arena *arena, const struct gs_problem_node *node,
                   struct gs_supply_target *ret, struct gs_err *err)
{
    struct gs_supply_target target = {.of = target_of(node)};
    target.pools = GS_ARENA_NEW(arena, struct gs_supply_pool, node->gpus + 1);
    if (target.pools == NULL) {
        return no_memory(err);
    }
    if (node->existing) {
        add_existing(&target, node);
    } else if (node->gpus > 0) {
        target.pools[target.n_pools++] =
            (struct gs_supply_pool){.whole = true, .cut = node->model != NULL, .limit = node->gpus};
    }
    *ret = target;
    return 0;
}

int gs_supply_list_additions(struct gs_arena *arena, struct gs_supply_target *target,
                             uint32_t wanted, struct gs_err *err)
{
    for (size_t p = 0; p < target->n_pools; p++) {
        struct gs_supply_pool *pool = &target->pools[p];
        if (!pool->cut || wanted == 0) {
            continue;
        }
        int r = gs_cut_additions(arena, target->of.model, &pool->busy, wanted, &pool->additions,
                                 &pool->n_additions, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

bool gs_supply_may_give(const struct gs_supply_target *target, const struct gs_problem_asked *asked)
{
    bool cut = false;
    for (size_t i = 0; i < target->n_pools; i++) {
        cut = cut || target->pools[i].cut;
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (asked->slices[p] > 0 && !cut && target->free_slices[p] == 0) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ what they hold */

enum { HOLD_STEPS = 300, HOLD_POOLS = 17, NEED_MAX = 255 };

/* What is still to be placed, and GPUs that are left. */
struct state {
    uint8_t need[GS_PROFILES_MAX];
    uint8_t left[HOLD_POOLS]; /* GPUs of a pool */
};

struct hold {
    const struct gs_supply_target *target;
    unsigned steps;
};

/* A profile that cannot be had any more, by the most that one GPU of each pool takes on. */
static bool is_hopeless(const struct hold *hold, const struct state *state)
{
    uint64_t units = 0;
    uint64_t room = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        uint64_t most = 0;
        for (size_t i = 0; i < hold->target->n_pools && state->need[p] > 0; i++) {
            const struct gs_supply_pool *pool = &hold->target->pools[i];
            unsigned best = 0;
            for (unsigned c = 0; c < pool->n_additions; c++) {
                best = pool->additions[c].counts[p] > best ? pool->additions[c].counts[p] : best;
            }
            most += (uint64_t)best * state->left[i];
        }
        if (most < state->need[p]) {
            return true;
        }
        units += state->need[p] == 0
                     ? 0
                     : (uint64_t)state->need[p] * hold->target->of.model->profiles[p].memory_units;
    }
    for (size_t i = 0; i < hold->target->n_pools; i++) {
        unsigned taken = 0;
        const struct gs_cut *busy = &hold->target->pools[i].busy;
        for (unsigned s = 0; s < busy->n; s++) {
            taken += hold->target->of.model->profiles[busy->slices[s].profile].memory_units;
        }
        unsigned all = units > 0 ? hold->target->of.model->memory_units : 0;
        room += (uint64_t)state->left[i] * (all > taken ? all - taken : 0);
    }
    return units > room;
}

/* The profile that is hardest to place: the largest. -1: everything is placed. */
static int hardest(const struct hold *hold, const struct state *state)
{
    int best = -1;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (state->need[p] > 0 &&
            (best < 0 || hold->target->of.model->profiles[p].memory_units >
                             hold->target->of.model->profiles[best].memory_units)) {
            best = (int)p;
        }
    }
    return best;
}

static struct state after_adding(const struct state *state, size_t pool,
                                 const struct gs_cut_addition *addition)
{
    struct state after = *state;
    after.left[pool]--;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        unsigned off = addition->counts[p] < after.need[p] ? addition->counts[p] : after.need[p];
        after.need[p] = (uint8_t)(after.need[p] - off);
    }
    return after;
}

/* Some GPU must take the hardest slice: tries each kind of GPU and each addition that has it. Most
 * questions end within a few steps; NOT_KNOWN is for the walk. */
static enum gs_supply_verdict place(struct hold *hold, const struct state *state)
{
    int p = hardest(hold, state);
    if (p < 0) {
        return GS_SUPPLY_YES;
    }
    if (is_hopeless(hold, state)) {
        return GS_SUPPLY_NO;
    }
    if (++hold->steps > HOLD_STEPS) {
        return GS_SUPPLY_NOT_KNOWN;
    }
    for (size_t i = 0; i < hold->target->n_pools; i++) {
        const struct gs_supply_pool *pool = &hold->target->pools[i];
        for (unsigned c = 0; c < pool->n_additions && state->left[i] > 0; c++) {
            if (pool->additions[c].counts[p] == 0) {
                continue;
            }
            struct state after = after_adding(state, i, &pool->additions[c]);
            enum gs_supply_verdict verdict = place(hold, &after);
            if (verdict != GS_SUPPLY_NO) {
                return verdict;
            }
        }
    }
    return GS_SUPPLY_NO;
}

/* Takes whole GPUs off the pool that has them; there is one such pool on a node at most. */
static bool take_whole(const struct gs_supply_target *target, struct state *state, uint64_t gpus)
{
    for (size_t i = 0; i < target->n_pools && gpus > 0; i++) {
        if (target->pools[i].whole) {
            uint64_t off = gpus < state->left[i] ? gpus : state->left[i];
            state->left[i] = (uint8_t)(state->left[i] - off);
            gpus -= off;
        }
    }
    return gpus == 0;
}

enum gs_supply_verdict gs_supply_holds(struct gs_arena *scratch,
                                       const struct gs_supply_target *target,
                                       const uint64_t slices[GS_PROFILES_MAX], uint64_t gpus)
{
    struct state state = {0};
    bool any = false;
    if (target->n_pools > HOLD_POOLS) {
        return GS_SUPPLY_NOT_KNOWN;
    }
    for (size_t i = 0; i < target->n_pools; i++) {
        state.left[i] =
            (uint8_t)(target->pools[i].limit > NEED_MAX ? NEED_MAX : target->pools[i].limit);
    }
    if (!take_whole(target, &state, gpus - (gpus < target->free_gpus ? gpus : target->free_gpus))) {
        return GS_SUPPLY_NO;
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        uint64_t have = target->free_slices[p];
        uint64_t need = slices[p] > have ? slices[p] - have : 0;
        if (need > NEED_MAX) {
            return GS_SUPPLY_NO; /* 16 GPUs of 15 slices */
        }
        state.need[p] = (uint8_t)need;
        any = any || need > 0;
    }
    if (!any) {
        return GS_SUPPLY_YES;
    }
    if (target->of.model == NULL) {
        return GS_SUPPLY_NO;
    }
    struct gs_arena_mark mark = gs_arena_mark(scratch);
    struct hold hold = {.target = target};
    enum gs_supply_verdict verdict = place(&hold, &state);
    if (verdict == GS_SUPPLY_NOT_KNOWN) {
        verdict = gs_supply_walk(scratch, target, state.need, state.left);
    }
    gs_arena_rewind(scratch, mark);
    return verdict;
}
