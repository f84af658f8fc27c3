#include "unit/core/tables.h"

#include <string.h>

static void policy__is_found_by_each_name_and_no_other(void **state)
{
    (void)state;
    size_t n;
    const struct gs_policy *all = gs_policies(&n);
    struct gs_err err;
    const struct gs_policy *found = NULL;
    assert_int_equal(gs_policy_find(gs_view("first"), &found, &err), GS_NOT_FOUND);
    assert_null(found);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(strstr(err.msg, all[i].name));
        assert_int_equal(gs_policy_find(gs_view(all[i].name), &found, NULL), 0);
        assert_ptr_equal(found, &all[i]);
    }
    assert_string_equal(all[0].name, "keep-room");
}

/* Where a policy cuts a profile on an A100 that has these slices. */
static const struct known_start {
    const char *policy, *has, *profile;
    unsigned start;
} known_starts[] = {
    {"first-fit", "", "1g.5gb", 0},
    {"first-fit", "", "3g.20gb", 0},
    {"first-fit", "1g.5gb@0", "2g.10gb", 2},
    {"spread", "", "1g.5gb", 0},
    {"spread", "", "3g.20gb", 0},
    {"hami", "", "1g.5gb", 6},
    {"hami", "", "3g.20gb", 4},
    {"hami", "", "2g.10gb", 0},
    {"min-loss", "", "1g.5gb", 6},
    {"min-loss", "", "3g.20gb", 4},
    {"min-loss", "1g.5gb@6", "2g.10gb", 4},
    {"keep-room", "", "1g.5gb", 6},
    {"keep-room", "", "2g.10gb", 4},
    {"keep-room", "", "3g.20gb", 4},
    {"keep-room", "1g.5gb@6", "1g.5gb", 4},
    {"keep-room", "1g.5gb@6", "2g.10gb", 4},
    {"keep-room", "2g.10gb@4,1g.5gb@6", "1g.5gb", 0},
};

static void policy__cuts_a_slice_where_its_rule_says(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *states = make_states(&arena, &kinds[0]);
    for (size_t k = 0; k < sizeof(known_starts) / sizeof(known_starts[0]); k++) {
        const struct known_start *want = &known_starts[k];
        const struct gs_policy_table *decisions = make_decisions(&arena, states, want->policy);
        size_t row = (size_t)state_of(states, want->has) * decisions->n_profiles;
        unsigned i = decisions->best[row + profile_named(states, want->profile)];
        if (states->placements[i].start != want->start) {
            fail_msg("%s, %s beside \"%s\": start %u, not %u", want->policy, want->profile,
                     want->has, states->placements[i].start, want->start);
        }
    }
    gs_arena_done(&arena);
}

/* Which of two A100 a policy takes: the one that has `a` or the one that has `b`. */
static const struct known_choice {
    const char *policy, *a, *b, *profile;
    bool takes_b;
} known_choices[] = {
    {"spread", "2g.10gb@0", "", "1g.5gb", true},     {"hami", "", "2g.10gb@0", "1g.5gb", true},
    {"min-loss", "", "1g.5gb@6", "1g.5gb", true},    {"keep-room", "", "1g.5gb@6", "1g.5gb", true},
    {"keep-room", "", "3g.20gb@4", "4g.20gb", true}, {"keep-room", "", "1g.5gb@0", "3g.20gb", true},
};

static void policy__takes_the_gpu_that_its_rule_says(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *states = make_states(&arena, &kinds[0]);
    for (size_t k = 0; k < sizeof(known_choices) / sizeof(known_choices[0]); k++) {
        const struct known_choice *want = &known_choices[k];
        const struct gs_policy_table *decisions = make_decisions(&arena, states, want->policy);
        unsigned p = profile_named(states, want->profile);
        uint16_t a = decisions->rank[state_of(states, want->a) * decisions->n_profiles + p];
        uint16_t b = decisions->rank[state_of(states, want->b) * decisions->n_profiles + p];
        if ((b < a) != want->takes_b) {
            fail_msg("%s, %s: takes the wrong one of \"%s\" and \"%s\"", want->policy,
                     want->profile, want->a, want->b);
        }
    }
    gs_arena_done(&arena);
}

/* One state and profile, worked out again from the costs alone. */
static void check_cell(const struct gs_policy_table *decisions, uint16_t s, unsigned p)
{
    const struct gs_statetable *states = decisions->states;
    unsigned best = GS_PLACEMENT_NONE;
    int32_t cost = INT32_MAX;
    for (unsigned i = 0; i < states->n_placements; i++) {
        if (states->placements[i].profile == p && after_adding(states, s, i) != GS_STATE_NONE &&
            decisions->policy->cost(states, s, i) < cost) {
            cost = decisions->policy->cost(states, s, i);
            best = i;
        }
    }
    size_t cell = (size_t)s * decisions->n_profiles + p;
    assert_int_equal(decisions->best[cell], best);
    assert_int_equal(decisions->cost[cell], cost);
    assert_int_equal(decisions->fits[s] >> p & 1u, best != GS_PLACEMENT_NONE);
    assert_int_equal(decisions->rank[cell] != GS_STATE_NONE, best != GS_PLACEMENT_NONE);
}

/* Ranks go up with cost, and among equals with the state. */
static void check_order(const struct gs_policy_table *decisions, unsigned p)
{
    unsigned n_states = decisions->states->n_states;
    const uint16_t *order = decisions->order + (size_t)p * n_states;
    unsigned ranked = 0;
    for (unsigned s = 0; s < n_states; s++) {
        ranked += decisions->fits[s] >> p & 1u;
    }
    for (unsigned r = 0; r < ranked; r++) {
        assert_int_equal(decisions->rank[(size_t)order[r] * decisions->n_profiles + p], r);
        if (r > 0) {
            int32_t here = decisions->cost[(size_t)order[r] * decisions->n_profiles + p];
            int32_t before = decisions->cost[(size_t)order[r - 1] * decisions->n_profiles + p];
            assert_true(before < here || (before == here && order[r - 1] < order[r]));
        }
    }
}

static void policy__tables_hold_the_cheapest_of_every_state_on_every_kind_of_gpu(void **state)
{
    (void)state;
    size_t n_policies;
    const struct gs_policy *all = gs_policies(&n_policies);
    for (unsigned k = 0; k < KINDS; k++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        const struct gs_statetable *states = make_states(&arena, &kinds[k]);
        for (size_t n = 0; n < n_policies; n++) {
            const struct gs_policy_table *decisions = make_decisions(&arena, states, all[n].name);
            for (unsigned p = 0; p < decisions->n_profiles; p++) {
                for (unsigned s = 0; s < states->n_states; s++) {
                    check_cell(decisions, (uint16_t)s, p);
                }
                check_order(decisions, p);
            }
        }
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy__is_found_by_each_name_and_no_other),
        cmocka_unit_test(policy__cuts_a_slice_where_its_rule_says),
        cmocka_unit_test(policy__takes_the_gpu_that_its_rule_says),
        cmocka_unit_test(policy__tables_hold_the_cheapest_of_every_state_on_every_kind_of_gpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
