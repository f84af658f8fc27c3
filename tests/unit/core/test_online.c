#include "unit/core/tables.h"

/* A fleet kept as a plain list, searched from end to end. */
enum { GPUS = 40 };

struct slow_fleet {
    uint16_t states[GPUS];
    bool out[GPUS];
};

/* The cost of the best slot, and for policies by index the GPU that it must be on. */
static bool slow_find(const struct gs_policy_table *decisions, const struct slow_fleet *fleet,
                      unsigned profile, uint32_t except, int32_t *ret_cost, uint32_t *ret_gpu)
{
    bool found = false;
    unsigned best_tier = 0;
    for (uint32_t g = 0; g < GPUS; g++) {
        size_t cell = (size_t)fleet->states[g] * decisions->n_profiles + profile;
        if (fleet->out[g] || g == except || decisions->best[cell] == GS_PLACEMENT_NONE) {
            continue;
        }
        unsigned tier = decisions->tier[fleet->states[g]];
        bool better =
            decisions->policy->by_index ? tier < best_tier : decisions->cost[cell] < *ret_cost;
        if (!found || better) {
            best_tier = tier;
            *ret_cost = decisions->cost[cell];
            *ret_gpu = g;
            found = true;
        }
    }
    return found;
}

static void check_find(const struct gs_online *online, const struct slow_fleet *fleet,
                       unsigned profile, uint32_t except)
{
    const struct gs_policy_table *decisions = gs_online_decisions(online);
    struct gs_slot slot;
    int32_t cost = 0;
    uint32_t gpu;
    bool found = slow_find(decisions, fleet, profile, except, &cost, &gpu);
    assert_int_equal(gs_online_find(online, profile, except, &slot), found ? 0 : GS_NOT_FOUND);
    if (!found) {
        return;
    }
    assert_false(fleet->out[slot.gpu]);
    assert_int_not_equal(slot.gpu, except);
    size_t cell = (size_t)fleet->states[slot.gpu] * decisions->n_profiles + profile;
    assert_int_equal(slot.placement, decisions->best[cell]);
    assert_int_equal(decisions->cost[cell], cost);
    if (decisions->policy->by_index) {
        assert_int_equal(slot.gpu, gpu);
    }
}

/* Each available GPU stands in the bucket of its state exactly once. */
static void check_buckets(const struct gs_online *online, const struct slow_fleet *fleet)
{
    const struct gs_statetable *states = gs_online_decisions(online)->states;
    bool seen[GPUS] = {false};
    for (unsigned s = 0; s < states->n_states; s++) {
        uint32_t g = gs_online_first_in(online, (uint16_t)s);
        for (; g != GS_GPU_NONE; g = gs_online_next_in(online, g)) {
            assert_false(seen[g]);
            assert_int_equal(fleet->states[g], s);
            seen[g] = true;
        }
    }
    for (uint32_t g = 0; g < GPUS; g++) {
        assert_int_equal(seen[g], !fleet->out[g]);
        assert_int_equal(gs_online_available(online, g), !fleet->out[g]);
        assert_int_equal(gs_online_state(online, g), fleet->states[g]);
    }
}

static void place_randomly(struct gs_online *online, struct slow_fleet *fleet, uint64_t *seed)
{
    const struct gs_policy_table *decisions = gs_online_decisions(online);
    unsigned profile = random_below(seed, decisions->n_profiles);
    uint32_t except = random_below(seed, GPUS);
    struct gs_slot slot;
    check_find(online, fleet, profile, GS_GPU_NONE);
    check_find(online, fleet, profile, except);
    if (gs_online_find(online, profile, GS_GPU_NONE, &slot) == 0) {
        struct gs_slot placed;
        check_find(online, fleet, profile, slot.gpu); /* the next best */
        assert_int_equal(gs_online_place(online, profile, &placed), 0);
        assert_memory_equal(&placed, &slot, sizeof(slot));
        fleet->states[slot.gpu] =
            after_adding(decisions->states, fleet->states[slot.gpu], slot.placement);
    }
}

/* Any slot at all: what fits is taken, what is there released, the rest refused. */
static void touch_randomly(struct gs_online *online, struct slow_fleet *fleet, uint64_t *seed)
{
    const struct gs_statetable *states = gs_online_decisions(online)->states;
    struct gs_slot slot = {.gpu = random_below(seed, GPUS),
                           .placement = random_below(seed, states->n_placements)};
    uint16_t more = after_adding(states, fleet->states[slot.gpu], slot.placement);
    uint16_t less = after_removing(states, fleet->states[slot.gpu], slot.placement);
    if (random_below(seed, 3) == 0) {
        int r = gs_online_take(online, slot, NULL);
        assert_int_equal(r, more == GS_STATE_NONE ? GS_BUSY : 0);
        fleet->states[slot.gpu] = r == 0 ? more : fleet->states[slot.gpu];
    } else {
        int r = gs_online_release(online, slot, NULL);
        assert_int_equal(r, less == GS_STATE_NONE ? GS_NOT_FOUND : 0);
        fleet->states[slot.gpu] = r == 0 ? less : fleet->states[slot.gpu];
    }
}

static void change_randomly(struct gs_online *online, struct slow_fleet *fleet, uint64_t *seed)
{
    uint32_t gpu = random_below(seed, GPUS);
    if (random_below(seed, 2) == 0) {
        fleet->out[gpu] = random_below(seed, 3) == 0;
        assert_int_equal(gs_online_set_available(online, gpu, !fleet->out[gpu], NULL), 0);
    } else {
        unsigned n_states = gs_online_decisions(online)->states->n_states;
        fleet->states[gpu] = (uint16_t)random_below(seed, n_states);
        assert_int_equal(gs_online_set_state(online, gpu, fleet->states[gpu], NULL), 0);
    }
}

static void live_randomly(struct gs_arena *arena, const struct gs_policy_table *decisions,
                          uint64_t *seed)
{
    struct slow_fleet fleet = {0};
    struct gs_online *online;
    assert_int_equal(gs_online_new(arena, decisions, GPUS, &online, NULL), 0);
    for (uint32_t g = 0; g < GPUS; g++) {
        uint32_t gpu;
        fleet.states[g] = (uint16_t)random_below(seed, decisions->states->n_states);
        assert_int_equal(gs_online_add(online, fleet.states[g], &gpu, NULL), 0);
        assert_int_equal(gpu, g);
    }
    for (unsigned step = 0; step < 3000; step++) {
        unsigned kind = random_below(seed, 20);
        if (kind < 9) {
            place_randomly(online, &fleet, seed);
        } else if (kind < 19) {
            touch_randomly(online, &fleet, seed);
        } else {
            change_randomly(online, &fleet, seed);
        }
        if (step % 100 == 0) {
            check_buckets(online, &fleet);
        }
    }
}

static void online__decides_as_a_search_of_all_gpus_on_every_kind_with_every_policy(void **state)
{
    (void)state;
    uint64_t seed = take_seed();
    size_t n_policies;
    const struct gs_policy *all = gs_policies(&n_policies);
    for (unsigned k = 0; k < KINDS; k++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        const struct gs_statetable *states = make_states(&arena, &kinds[k]);
        for (size_t n = 0; n < n_policies; n++) {
            live_randomly(&arena, make_decisions(&arena, states, all[n].name), &seed);
        }
        gs_arena_done(&arena);
    }
}

static struct gs_online *new_fleet(struct gs_arena *arena, const char *policy, uint32_t gpus)
{
    const struct gs_statetable *states = make_states(arena, &kinds[0]);
    struct gs_online *online;
    assert_int_equal(
        gs_online_new(arena, make_decisions(arena, states, policy), gpus, &online, NULL), 0);
    for (uint32_t g = 0; g < gpus; g++) {
        uint32_t gpu;
        assert_int_equal(gs_online_add(online, 0, &gpu, NULL), 0);
    }
    return online;
}

static void online__takes_the_gpu_that_has_been_in_its_state_longest(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_online *online = new_fleet(&arena, "keep-room", 3);
    unsigned seven = profile_named(gs_online_decisions(online)->states, "7g.40gb");
    struct gs_slot slot;
    for (uint32_t want = 0; want < 3; want++) {
        assert_int_equal(gs_online_place(online, seven, &slot), 0);
        assert_int_equal(slot.gpu, want);
    }
    assert_int_equal(gs_online_place(online, seven, &slot), GS_NOT_FOUND);
    slot.gpu = 2;
    assert_int_equal(gs_online_release(online, slot, NULL), 0);
    slot.gpu = 1;
    assert_int_equal(gs_online_release(online, slot, NULL), 0);
    assert_int_equal(gs_online_place(online, seven, &slot), 0);
    assert_int_equal(slot.gpu, 2);
    gs_arena_done(&arena);
}

static void online__passes_over_an_unavailable_gpu_but_lets_its_slices_go(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_online *online = new_fleet(&arena, "first-fit", 2);
    unsigned seven = profile_named(gs_online_decisions(online)->states, "7g.40gb");
    struct gs_slot first;
    struct gs_slot slot;
    assert_int_equal(gs_online_place(online, seven, &first), 0);
    assert_int_equal(first.gpu, 0);
    assert_int_equal(gs_online_set_available(online, 0, false, NULL), 0);
    assert_int_equal(gs_online_release(online, first, NULL), 0);
    assert_int_equal(gs_online_state(online, 0), 0);
    assert_int_equal(gs_online_place(online, seven, &slot), 0);
    assert_int_equal(slot.gpu, 1);
    assert_int_equal(gs_online_place(online, seven, &slot), GS_NOT_FOUND);
    assert_int_equal(gs_online_set_available(online, 0, true, NULL), 0);
    assert_int_equal(gs_online_place(online, seven, &slot), 0);
    assert_int_equal(slot.gpu, 0);
    gs_arena_done(&arena);
}

static void online__refuses_what_is_not_there_and_says_what_it_has(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_online *online = new_fleet(&arena, "keep-room", 1);
    struct gs_slot slot = {.gpu = 1, .placement = 0};
    struct gs_err err;
    uint32_t gpu = 77;
    assert_int_equal(gs_online_add(online, 0, &gpu, &err), GS_LIMIT);
    assert_string_equal(err.msg, "the fleet has its 1 GPUs, no more fit");
    assert_int_equal(gpu, 77);
    assert_int_equal(gs_online_take(online, slot, &err), GS_INVALID);
    assert_string_equal(err.msg, "GPU 1 is not in the fleet, which has 1");
    assert_int_equal(gs_online_release(online, slot, NULL), GS_INVALID);
    assert_int_equal(gs_online_set_available(online, 1, true, NULL), GS_INVALID);
    assert_int_equal(gs_online_set_state(online, 1, 0, NULL), GS_INVALID);
    assert_int_equal(gs_online_set_state(online, 0, 298, &err), GS_INVALID);
    assert_string_equal(err.msg, "A100-40GB has no state 298, it has 298 states");
    slot = (struct gs_slot){.gpu = 0, .placement = 14};
    assert_int_equal(gs_online_take(online, slot, &err), GS_INVALID);
    assert_string_equal(err.msg, "A100-40GB has no placement 14, it has 14");
    slot.placement = 13;
    assert_int_equal(gs_online_release(online, slot, &err), GS_NOT_FOUND);
    assert_string_equal(err.msg, "GPU 0: no 7g.40gb@0 is there to release");
    assert_int_equal(gs_online_take(online, slot, NULL), 0);
    slot.placement = 0;
    assert_int_equal(gs_online_take(online, slot, &err), GS_BUSY);
    assert_string_equal(err.msg, "GPU 0: 1g.5gb@0 does not fit beside what is there");
    assert_int_equal(gs_online_find(online, GS_PROFILES_MAX, GS_GPU_NONE, &slot), GS_NOT_FOUND);
    gs_arena_done(&arena);
}

static void online__bounds_the_size_of_a_fleet(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_policy_table *decisions =
        make_decisions(&arena, make_states(&arena, &kinds[2]), "first-fit");
    struct gs_online *online = NULL;
    assert_int_equal(gs_online_new(&arena, decisions, 0, &online, NULL), GS_LIMIT);
    assert_int_equal(gs_online_new(&arena, decisions, GS_ONLINE_GPUS_MAX + 1, &online, NULL),
                     GS_LIMIT);
    assert_int_equal(gs_online_new(&arena, decisions, GS_ONLINE_GPUS_MAX, &online, NULL),
                     GS_NO_MEMORY);
    assert_null(online);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(online__decides_as_a_search_of_all_gpus_on_every_kind_with_every_policy),
        cmocka_unit_test(online__takes_the_gpu_that_has_been_in_its_state_longest),
        cmocka_unit_test(online__passes_over_an_unavailable_gpu_but_lets_its_slices_go),
        cmocka_unit_test(online__refuses_what_is_not_there_and_says_what_it_has),
        cmocka_unit_test(online__bounds_the_size_of_a_fleet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
