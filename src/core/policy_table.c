#include "core/policy_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The tables while they are filled. */
struct builder {
    struct gs_policy_table *table;
    uint8_t *best;
    int32_t *cost;
    uint16_t *rank;
    uint16_t *order;
    uint16_t *fits;
    uint8_t *tier;
};

struct candidate {
    int32_t cost;
    uint16_t state;
};

static void judge_state(struct builder *b, uint16_t state)
{
    const struct gs_statetable *states = b->table->states;
    const struct gs_policy *policy = b->table->policy;
    unsigned tier = policy->tier == NULL ? 0 : policy->tier(states, state);
    assert(tier < GS_POLICY_TIERS_MAX);
    b->tier[state] = (uint8_t)tier;
    b->table->n_tiers = tier < b->table->n_tiers ? b->table->n_tiers : tier + 1;
    size_t row = (size_t)state * b->table->n_profiles;
    for (unsigned i = 0; i < states->n_placements; i++) {
        if (states->next[(size_t)state * states->n_placements + i] == GS_STATE_NONE) {
            continue;
        }
        unsigned p = states->placements[i].profile;
        int32_t cost = policy->cost(states, state, i);
        if (b->best[row + p] == GS_PLACEMENT_NONE || cost < b->cost[row + p]) {
            b->best[row + p] = (uint8_t)i;
            b->cost[row + p] = cost;
        }
        b->fits[state] |= (uint16_t)(1u << p);
    }
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    return (x->state > y->state) - (x->state < y->state);
}

static void rank_states(struct builder *b, unsigned profile, struct candidate *scratch)
{
    unsigned n_states = b->table->states->n_states;
    unsigned n_profiles = b->table->n_profiles;
    unsigned n = 0;
    for (unsigned s = 0; s < n_states; s++) {
        if (((unsigned)b->fits[s] >> profile & 1u) != 0) {
            scratch[n++] = (struct candidate){
                .cost = b->cost[(size_t)s * n_profiles + profile],
                .state = (uint16_t)s,
            };
        }
    }
    qsort(scratch, n, sizeof(*scratch), compare_candidates);
    for (unsigned r = 0; r < n; r++) {
        b->order[(size_t)profile * n_states + r] = scratch[r].state;
        b->rank[(size_t)scratch[r].state * n_profiles + profile] = (uint16_t)r;
    }
}

static bool take_memory(struct gs_arena *arena, struct builder *b)
{
    size_t cells = (size_t)b->table->states->n_states * b->table->n_profiles;
    b->best = GS_ARENA_NEW(arena, uint8_t, cells);
    b->cost = GS_ARENA_NEW(arena, int32_t, cells);
    b->rank = GS_ARENA_NEW(arena, uint16_t, cells);
    b->order = GS_ARENA_NEW(arena, uint16_t, cells);
    b->fits = GS_ARENA_NEW(arena, uint16_t, b->table->states->n_states);
    b->tier = GS_ARENA_NEW(arena, uint8_t, b->table->states->n_states);
    if (b->best == NULL || b->cost == NULL || b->rank == NULL || b->order == NULL ||
        b->fits == NULL || b->tier == NULL) {
        return false;
    }
    memset(b->best, 0xFF, cells);
    memset(b->rank, 0xFF, cells * sizeof(*b->rank));
    memset(b->order, 0xFF, cells * sizeof(*b->order));
    for (size_t c = 0; c < cells; c++) {
        b->cost[c] = INT32_MAX;
    }
    return true;
}

int gs_policy_table_new(struct gs_arena *arena, const struct gs_statetable *states,
                        const struct gs_policy *policy, const struct gs_policy_table **ret_table,
                        struct gs_err *err)
{
    struct gs_policy_table *table = GS_ARENA_NEW(arena, struct gs_policy_table, 1);
    struct candidate *scratch = GS_ARENA_NEW(arena, struct candidate, states->n_states);
    struct builder b = {.table = table};
    if (table != NULL && scratch != NULL) {
        table->policy = policy;
        table->states = states;
        table->n_profiles = states->model->n_profiles;
    }
    if (table == NULL || scratch == NULL || !take_memory(arena, &b)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the decisions of policy %s on %s",
                       policy->name, states->model->id);
    }
    for (unsigned s = 0; s < states->n_states; s++) {
        judge_state(&b, (uint16_t)s);
    }
    for (unsigned p = 0; p < table->n_profiles; p++) {
        rank_states(&b, p, scratch);
    }
    table->best = b.best;
    table->cost = b.cost;
    table->rank = b.rank;
    table->order = b.order;
    table->fits = b.fits;
    table->tier = b.tier;
    *ret_table = table;
    return 0;
}
