#include "core/move.h"

#include <assert.h>
#include <stdlib.h>

/* A slice of a state whose removal makes room. */
struct chance {
    int32_t cost; /* of the request in its place, less what the victim's old place would cost;
                     on the same GPU also of the victim's new place */
    uint16_t state;
    uint8_t victim; /* placement */
    uint8_t target; /* placement on the same GPU; GS_PLACEMENT_NONE: another GPU has to be found */
};

/* Chances of one (request, victim profile, elsewhere or same GPU), cheapest first. */
struct span {
    uint32_t first;
    uint32_t end;
};

enum where { ELSEWHERE, SAME_GPU, WHERES };

struct gs_move_table {
    const struct gs_policy_table *decisions;
    struct chance *chances;
    size_t n;
    size_t cap;
    struct span spans[GS_PROFILES_MAX][GS_PROFILES_MAX][WHERES]; /* request, victim */
    uint8_t by_size[GS_PROFILES_MAX];                            /* profiles, smallest first */
    unsigned n_by_size;
};

static unsigned size_of(const struct gs_move_table *table, unsigned profile)
{
    return table->decisions->states->model->profiles[profile].compute_slices;
}

static bool note(struct gs_arena *arena, struct gs_move_table *table, struct chance chance)
{
    if (!gs_arena_room(arena, &table->chances, &table->cap, table->n, sizeof(*table->chances))) {
        return false;
    }
    table->chances[table->n++] = chance;
    return true;
}

static int32_t cost_of(const struct gs_policy_table *decisions, uint16_t state, unsigned placement)
{
    return decisions->policy->cost(decisions->states, state, placement);
}

static uint16_t step(const uint16_t *links, const struct gs_statetable *states, uint16_t state,
                     unsigned placement)
{
    return links[(size_t)state * states->n_placements + placement];
}

/* The cheapest new place on the same GPU that still leaves room for the request. */
static bool find_same_gpu(const struct gs_policy_table *decisions, unsigned request, uint16_t state,
                          unsigned victim, struct chance *ret)
{
    const struct gs_statetable *states = decisions->states;
    uint16_t without = step(states->prev, states, state, victim);
    bool found = false;
    for (unsigned i = 0; i < states->n_placements; i++) {
        if (states->placements[i].profile != states->placements[victim].profile ||
            step(states->next, states, state, i) == GS_STATE_NONE) {
            continue;
        }
        uint16_t moved = step(states->next, states, without, i);
        if ((decisions->fits[moved] >> request & 1u) == 0) {
            continue;
        }
        int32_t cost = decisions->cost[(size_t)moved * decisions->n_profiles + request] +
                       cost_of(decisions, without, i) - cost_of(decisions, without, victim);
        if (!found || cost < ret->cost) {
            *ret = (struct chance){cost, state, (uint8_t)victim, (uint8_t)i};
            found = true;
        }
    }
    return found;
}

static bool find_elsewhere(const struct gs_policy_table *decisions, unsigned request,
                           uint16_t state, unsigned victim, struct chance *ret)
{
    const struct gs_statetable *states = decisions->states;
    uint16_t without = step(states->prev, states, state, victim);
    if ((decisions->fits[without] >> request & 1u) == 0) {
        return false;
    }
    int32_t cost = decisions->cost[(size_t)without * decisions->n_profiles + request] -
                   cost_of(decisions, without, victim);
    *ret = (struct chance){cost, state, (uint8_t)victim, GS_PLACEMENT_NONE};
    return true;
}

static bool collect(struct gs_arena *arena, struct gs_move_table *table, unsigned request,
                    unsigned victim_profile, enum where where)
{
    const struct gs_policy_table *decisions = table->decisions;
    const struct gs_statetable *states = decisions->states;
    for (unsigned s = 0; s < states->n_states; s++) {
        if ((decisions->fits[s] >> request & 1u) != 0) {
            continue; /* never blocked while such a GPU is there */
        }
        for (uint64_t rest = states->sets[s]; rest != 0; rest &= rest - 1) {
            unsigned i = (unsigned)__builtin_ctzll(rest);
            if (states->placements[i].profile != victim_profile) {
                continue;
            }
            struct chance chance = {.target = GS_PLACEMENT_NONE};
            bool found = where == SAME_GPU
                             ? find_same_gpu(decisions, request, (uint16_t)s, i, &chance)
                             : find_elsewhere(decisions, request, (uint16_t)s, i, &chance);
            if (found && !note(arena, table, chance)) {
                return false;
            }
        }
    }
    return true;
}

static int compare_chances(const void *a, const void *b)
{
    const struct chance *x = a;
    const struct chance *y = b;
    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    if (x->state != y->state) {
        return x->state < y->state ? -1 : 1;
    }
    return (x->victim > y->victim) - (x->victim < y->victim);
}

static bool collect_all(struct gs_arena *arena, struct gs_move_table *table)
{
    unsigned n_profiles = table->decisions->n_profiles;
    for (unsigned p = 0; p < n_profiles; p++) {
        for (unsigned q = 0; q < n_profiles; q++) {
            for (enum where w = ELSEWHERE; w < WHERES; w++) {
                size_t first = table->n;
                if (!collect(arena, table, p, q, w)) {
                    return false;
                }
                if (table->n > first) {
                    qsort(table->chances + first, table->n - first, sizeof(*table->chances),
                          compare_chances);
                }
                table->spans[p][q][w] = (struct span){(uint32_t)first, (uint32_t)table->n};
            }
        }
    }
    return true;
}

static void order_profiles(struct gs_move_table *table)
{
    for (unsigned p = 0; p < table->decisions->n_profiles; p++) {
        unsigned at = table->n_by_size++;
        for (; at > 0 && size_of(table, table->by_size[at - 1]) > size_of(table, p); at--) {
            table->by_size[at] = table->by_size[at - 1];
        }
        table->by_size[at] = (uint8_t)p;
    }
}

int gs_move_table_new(struct gs_arena *arena, const struct gs_policy_table *decisions,
                      const struct gs_move_table **ret_table, struct gs_err *err)
{
    struct gs_move_table *table = GS_ARENA_NEW(arena, struct gs_move_table, 1);
    if (table != NULL) {
        table->decisions = decisions;
        order_profiles(table);
    }
    if (table == NULL || !collect_all(arena, table)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the moves on %s",
                       decisions->states->model->id);
    }
    *ret_table = table;
    return 0;
}

/* What a search looks at, and the best that it has found. */
struct search {
    const struct gs_move_table *table;
    const struct gs_online *online;
    const struct gs_movable *movable;
    unsigned request;
    bool found;
    int64_t cost;
    struct gs_move best;
};

static bool may_move(const struct search *search, struct gs_slot victim)
{
    return search->movable == NULL || search->movable->may_move(search->movable->ctx, victim);
}

static void keep(struct search *search, const struct chance *chance, struct gs_slot victim,
                 struct gs_slot target, int64_t cost)
{
    if (search->found && cost >= search->cost) {
        return;
    }
    const struct gs_policy_table *decisions = search->table->decisions;
    const struct gs_statetable *states = decisions->states;
    uint16_t left = step(states->prev, states, chance->state, chance->victim);
    if (chance->target != GS_PLACEMENT_NONE) {
        left = step(states->next, states, left, chance->target);
    }
    search->found = true;
    search->cost = cost;
    search->best = (struct gs_move){
        .victim = victim,
        .target = target,
        .request = {.gpu = victim.gpu,
                    .placement =
                        decisions->best[(size_t)left * decisions->n_profiles + search->request]},
    };
}

static void try_same_gpu(struct search *search, unsigned victim_profile)
{
    struct span span = search->table->spans[search->request][victim_profile][SAME_GPU];
    for (uint32_t c = span.first; c < span.end; c++) {
        const struct chance *chance = &search->table->chances[c];
        uint32_t gpu = gs_online_first_in(search->online, chance->state);
        for (; gpu != GS_GPU_NONE; gpu = gs_online_next_in(search->online, gpu)) {
            struct gs_slot victim = {.gpu = gpu, .placement = chance->victim};
            if (may_move(search, victim)) {
                struct gs_slot target = {.gpu = gpu, .placement = chance->target};
                keep(search, chance, victim, target, chance->cost);
                return; /* cheapest first */
            }
        }
    }
}

/* What the policy pays for a target. By index it has no costs that compare across GPUs. */
static int64_t target_cost(const struct search *search, struct gs_slot target, unsigned profile)
{
    const struct gs_policy_table *decisions = search->table->decisions;
    if (decisions->policy->by_index) {
        return 0;
    }
    uint16_t state = gs_online_state(search->online, target.gpu);
    return decisions->cost[(size_t)state * decisions->n_profiles + profile];
}

/* The first GPU of the chance's bucket that may give the victim and need not take it back. */
static bool pick_gpu(const struct search *search, const struct chance *chance,
                     unsigned victim_profile, struct gs_slot *ret_victim,
                     struct gs_slot *ret_target)
{
    uint32_t gpu = gs_online_first_in(search->online, chance->state);
    for (; gpu != GS_GPU_NONE; gpu = gs_online_next_in(search->online, gpu)) {
        struct gs_slot victim = {.gpu = gpu, .placement = chance->victim};
        if (may_move(search, victim) &&
            gs_online_find(search->online, victim_profile, gpu, ret_target) == 0) {
            *ret_victim = victim;
            return true;
        }
    }
    return false;
}

static void try_elsewhere(struct search *search, unsigned victim_profile)
{
    struct gs_slot cheapest;
    if (gs_online_find(search->online, victim_profile, GS_GPU_NONE, &cheapest) < 0) {
        return;
    }
    int64_t least = target_cost(search, cheapest, victim_profile);
    struct span span = search->table->spans[search->request][victim_profile][ELSEWHERE];
    for (uint32_t c = span.first; c < span.end; c++) {
        const struct chance *chance = &search->table->chances[c];
        if (search->found && chance->cost + least >= search->cost) {
            return; /* those behind cost as much or more */
        }
        struct gs_slot victim;
        struct gs_slot target;
        if (pick_gpu(search, chance, victim_profile, &victim, &target)) {
            int64_t cost = chance->cost + target_cost(search, target, victim_profile);
            keep(search, chance, victim, target, cost);
        }
    }
}

int gs_move_find(const struct gs_move_table *table, const struct gs_online *online,
                 unsigned profile, const struct gs_movable *movable, struct gs_move *ret_move)
{
    assert(gs_online_decisions(online) == table->decisions);
    if (profile >= table->decisions->n_profiles) {
        return GS_NOT_FOUND;
    }
    struct search search = {
        .table = table, .online = online, .movable = movable, .request = profile};
    for (unsigned k = 0; k < table->n_by_size; k++) {
        unsigned victim = table->by_size[k];
        if (search.found && size_of(table, victim) > size_of(table, table->by_size[k - 1])) {
            break;
        }
        try_elsewhere(&search, victim);
        try_same_gpu(&search, victim);
    }
    if (!search.found) {
        return GS_NOT_FOUND;
    }
    *ret_move = search.best;
    return 0;
}

int gs_move_apply(struct gs_online *online, const struct gs_move *move, struct gs_err *err)
{
    int r = gs_online_take(online, move->target, err);
    if (r < 0) {
        return r;
    }
    r = gs_online_release(online, move->victim, err);
    if (r < 0) {
        (void)gs_online_release(online, move->target, NULL);
        return r;
    }
    r = gs_online_take(online, move->request, err);
    if (r < 0) {
        (void)gs_online_take(online, move->victim, NULL);
        (void)gs_online_release(online, move->target, NULL);
    }
    return r;
}
