/* tables: state, policy and move tables for the tests of online decisions. */
#pragma once

#include <stdlib.h>

#include "unit/check.h"

#include "core/catalog.h"
#include "core/move.h"

/* The kinds of GPU that differ in their tables. */
static const struct kind {
    const char *model;
    const char *profiles; /* NULL: all */
} kinds[] = {
    {"A100-40GB", "1g.5gb,2g.10gb,3g.20gb,4g.20gb,7g.40gb"},
    {"A100-40GB", NULL},
    {"A30-24GB", NULL},
    {"RTX-PRO-6000-96GB", NULL},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static inline const struct gs_statetable *make_states(struct gs_arena *arena,
                                                      const struct kind *kind)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view(kind->model), &model, NULL), 0);
    uint32_t mask = kind->profiles == NULL ? GS_ALL_PROFILES : 0;
    struct gs_view rest = kind->profiles == NULL ? (struct gs_view){0} : gs_view(kind->profiles);
    while (rest.p != NULL) {
        unsigned p;
        assert_int_equal(gs_model_profile_find(model, gs_view_split(&rest, ','), &p, NULL), 0);
        mask |= 1u << p;
    }
    const struct gs_statetable *states;
    assert_int_equal(gs_statetable_new(arena, model, mask, &states, NULL), 0);
    return states;
}

static inline const struct gs_policy_table *
make_decisions(struct gs_arena *arena, const struct gs_statetable *states, const char *policy_name)
{
    const struct gs_policy *policy;
    const struct gs_policy_table *decisions;
    assert_int_equal(gs_policy_find(gs_view(policy_name), &policy, NULL), 0);
    assert_int_equal(gs_policy_table_new(arena, states, policy, &decisions, NULL), 0);
    return decisions;
}

static inline const struct gs_move_table *make_moves(struct gs_arena *arena,
                                                     const struct gs_policy_table *decisions)
{
    const struct gs_move_table *moves;
    assert_int_equal(gs_move_table_new(arena, decisions, &moves, NULL), 0);
    return moves;
}

static inline unsigned profile_named(const struct gs_statetable *states, const char *name)
{
    unsigned p;
    assert_int_equal(gs_model_profile_find(states->model, gs_view(name), &p, NULL), 0);
    return p;
}

static inline uint16_t after_adding(const struct gs_statetable *states, uint16_t state, unsigned i)
{
    return states->next[(size_t)state * states->n_placements + i];
}

static inline uint16_t after_removing(const struct gs_statetable *states, uint16_t state,
                                      unsigned i)
{
    return states->prev[(size_t)state * states->n_placements + i];
}

/* The state made of "1g.5gb@0,3g.20gb@4"; "" is the empty GPU. */
static inline uint16_t state_of(const struct gs_statetable *states, const char *text)
{
    uint64_t set = 0;
    struct gs_view rest = gs_view(text);
    while (rest.p != NULL && rest.n > 0) {
        struct gs_view start_text = gs_view_split(&rest, ',');
        struct gs_view name = gs_view_split(&start_text, '@');
        unsigned p;
        uint64_t start;
        assert_int_equal(gs_model_profile_find(states->model, name, &p, NULL), 0);
        assert_true(gs_view_is_u64(start_text, 63, &start));
        int i = gs_statetable_placement(states, p, (unsigned)start);
        assert_true(i >= 0);
        set |= 1ull << i;
    }
    uint16_t state = gs_statetable_find(states, set);
    assert_int_not_equal(state, GS_STATE_NONE);
    return state;
}

/* splitmix64: tests of core do not reach into sim. */
static inline uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline unsigned random_below(uint64_t *seed, unsigned n)
{
    return (unsigned)((next_random(seed) >> 32) * n >> 32);
}

/* GPUSLICE_SEED in the environment, or always the same; printed, so that a failure can be
 * repeated. */
static inline uint64_t take_seed(void)
{
    const char *text = getenv("GPUSLICE_SEED");
    uint64_t seed = 1;
    if (text != NULL) {
        assert_true(gs_view_is_u64(gs_view(text), UINT64_MAX, &seed));
    }
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed;
}
