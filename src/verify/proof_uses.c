#include "verify/proof.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the program of a certificate");
}

uint64_t gs_proof_amount(const struct gs_proof *proof, uint32_t item, unsigned amount)
{
    const struct gs_problem_item *it = &proof->problem->items[item];
    switch (amount) {
    case GS_PROOF_CPU:
        return it->cpu_milli;
    case GS_PROOF_MEMORY:
        return it->memory_bytes / proof->memory_unit;
    default:
        return 1; /* pods */
    }
}

/* What a slice of a profile takes of a GPU, or at GS_PROFILES_MAX the GPU itself. One that is not
 * cut is a unit. */
static uint64_t size_of(const struct gs_model *model, unsigned profile, unsigned capacity)
{
    bool units = capacity == GS_PROOF_UNITS;
    if (model == NULL) {
        return units && profile == GS_PROFILES_MAX ? 1 : 0;
    }
    if (profile == GS_PROFILES_MAX) {
        return units ? model->memory_units : model->compute_slices;
    }
    if (profile >= model->n_profiles) {
        return 0;
    }
    return units ? model->profiles[profile].memory_units : model->profiles[profile].compute_slices;
}

uint64_t gs_proof_takes(const struct gs_proof *proof, const struct gs_proof_use *use,
                        unsigned capacity)
{
    if (capacity < GS_PROOF_AMOUNTS) {
        return gs_proof_amount(proof, use->item, capacity);
    }
    const struct gs_model *model = proof->targets[use->target].of.model;
    uint64_t sum = use->asked.gpus * size_of(model, GS_PROFILES_MAX, capacity);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        sum += use->asked.slices[p] * size_of(model, p, capacity);
    }
    return sum;
}

static uint64_t room_of_pool(const struct gs_supply_pool *pool, const struct gs_model *model,
                             bool whole, unsigned capacity)
{
    uint64_t most = pool->whole && whole ? size_of(model, GS_PROFILES_MAX, capacity) : 0;
    for (unsigned c = 0; c < pool->n_additions; c++) {
        uint64_t used = 0;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            used += pool->additions[c].counts[p] * size_of(model, p, capacity);
        }
        most = used > most ? used : most;
    }
    return most * pool->limit;
}

void gs_proof_room(struct gs_proof *proof)
{
    const struct gs_supply_target *target = &proof->targets[0];
    const struct gs_model *model = target->of.model;
    bool whole = false;
    for (size_t u = 0; u < proof->n_uses; u++) {
        whole = whole || (proof->uses[u].hi > 0 && proof->uses[u].asked.gpus > 0);
    }
    for (unsigned a = GS_PROOF_AMOUNTS; a < GS_PROOF_CAPACITIES; a++) {
        uint64_t sum = target->free_gpus * size_of(model, GS_PROFILES_MAX, a);
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            sum += target->free_slices[p] * size_of(model, p, a);
        }
        for (size_t i = 0; i < target->n_pools; i++) {
            sum += room_of_pool(&target->pools[i], model, whole, a);
        }
        proof->capacity[a] = sum;
    }
}

/* The only profile of what is asked, without whole GPUs; -1: there are others. */
static int only_profile(const struct gs_problem_asked *asked)
{
    int found = -1;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (asked->slices[p] > 0 && found >= 0) {
            return -1;
        }
        found = asked->slices[p] > 0 ? (int)p : found;
    }
    return asked->gpus > 0 ? -1 : found;
}

/* Whether a slice of `q` can stand in the place of any slice of `p`. Engines bind only where they
 * are known for every profile. */
static bool can_stand_for(const struct gs_profile *q, const struct gs_profile *p)
{
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        bool known = q->engines[e] != GS_NOT_KNOWN && p->engines[e] != GS_NOT_KNOWN;
        if (known && q->engines[e] > p->engines[e]) {
            return false;
        }
    }
    return (p->starts & ~q->starts) == 0 && q->compute_slices <= p->compute_slices &&
           q->memory_units <= p->memory_units;
}

/* Whether any plan with `use` can have `other` in its place, another way to serve the same item
 * (plan-format.md, alternatives that stand for others). */
static bool is_covered(const struct gs_model *model, const struct gs_proof_use *use,
                       const struct gs_proof_use *other)
{
    int mine = only_profile(&use->asked);
    int theirs = only_profile(&other->asked);
    if (mine < 0 || theirs < 0 || mine == theirs ||
        use->asked.slices[mine] != other->asked.slices[theirs]) {
        return false;
    }
    const struct gs_profile *p = &model->profiles[mine];
    const struct gs_profile *q = &model->profiles[theirs];
    bool no_own_limit = q->max_instances >= model->compute_slices / q->compute_slices ||
                        q->max_instances >= model->memory_units / q->memory_units;
    return no_own_limit && can_stand_for(q, p) && !(mine < theirs && can_stand_for(p, q));
}

static bool has_free_slices(const struct gs_supply_target *target)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (target->free_slices[p] > 0) {
            return true;
        }
    }
    return false;
}

/* Of the uses from `first` on, all of one item and target. A slice that is advertised is there for
 * its profile alone, so that no other stands for it. */
static void drop_covered(struct gs_proof *proof, size_t first, const struct gs_supply_target *on)
{
    if (on->of.model == NULL || has_free_slices(on)) {
        return;
    }
    size_t kept = first;
    for (size_t u = first; u < proof->n_uses; u++) {
        bool covered = false;
        for (size_t v = first; v < proof->n_uses && !covered; v++) {
            /* Those before `kept` are what has stayed; between it and u there is nothing. */
            bool there = v < kept || v > u;
            covered = there && is_covered(on->of.model, &proof->uses[u], &proof->uses[v]);
        }
        if (!covered) {
            proof->uses[kept++] = proof->uses[u];
        }
    }
    proof->n_uses = kept;
}

int gs_proof_add_uses(struct gs_proof *proof, uint32_t item, uint32_t target, struct gs_err *err)
{
    const struct gs_problem_item *it = &proof->problem->items[item];
    const struct gs_supply_target *on = &proof->targets[target];
    size_t first = proof->n_uses;
    for (uint32_t w = 0; w < it->n_ways; w++) {
        struct gs_proof_use use = {.item = item, .way = w, .target = target};
        if (!gs_problem_resolve(it, &it->ways[w], &on->of, &use.asked, NULL) ||
            (!proof->one_node && !gs_supply_may_give(on, &use.asked))) {
            continue;
        }
        if (!gs_arena_room(proof->arena, &proof->uses, &proof->cap_uses, proof->n_uses,
                           sizeof(*proof->uses))) {
            return no_memory(err);
        }
        proof->uses[proof->n_uses++] = use;
    }
    if (!it->service) {
        drop_covered(proof, first, on);
    }
    return 0;
}

static bool gives_profile(const struct gs_supply_target *target, unsigned profile)
{
    bool gives = target->free_slices[profile] > 0;
    for (size_t i = 0; i < target->n_pools && !gives; i++) {
        for (unsigned c = 0; c < target->pools[i].n_additions && !gives; c++) {
            gives = target->pools[i].additions[c].counts[profile] > 0;
        }
    }
    return gives;
}

static bool gives_whole(const struct gs_supply_target *target)
{
    bool gives = target->free_gpus > 0;
    for (size_t i = 0; i < target->n_pools; i++) {
        gives = gives || target->pools[i].whole;
    }
    return gives;
}

static bool gives_parts(const struct gs_supply_target *target, const struct gs_problem_asked *asked)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (asked->slices[p] > 0 && !gives_profile(target, p)) {
            return false;
        }
    }
    return asked->gpus == 0 || gives_whole(target);
}

int gs_proof_list_additions(struct gs_proof *proof, struct gs_err *err)
{
    uint32_t *wanted = GS_ARENA_NEW(proof->arena, uint32_t, proof->n_targets);
    if (wanted == NULL) {
        return no_memory(err);
    }
    for (size_t u = 0; u < proof->n_uses; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            wanted[proof->uses[u].target] |= proof->uses[u].asked.slices[p] > 0 ? 1u << p : 0;
        }
    }
    for (size_t t = 0; t < proof->n_targets; t++) {
        int r = gs_supply_list_additions(proof->arena, &proof->targets[t], wanted[t], err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t u = 0; u < proof->n_uses; u++) {
        struct gs_proof_use *use = &proof->uses[u];
        use->hi = gives_parts(&proof->targets[use->target], &use->asked) ? use->hi : 0;
    }
    return 0;
}
