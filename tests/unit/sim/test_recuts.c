#include "unit/core/tables.h"

#include "sim/recuts.h"

/* Where a slice is cut anew: the index against a look at every GPU. */
enum { GPUS = 24, STEPS = 3000 };

struct gpu {
    uint16_t there, used;
    bool filed;
};

struct fleet {
    struct gs_arena arena;
    const struct gs_policy_table *decisions;
    struct gs_sim_recuts recuts;
    struct gpu gpus[GPUS];
};

static unsigned count(uint64_t set)
{
    return (unsigned)__builtin_popcountll(set);
}

/* The most of `idle` that fit beside `must`: every choice of them is tried. */
static unsigned most_kept(const struct gs_statetable *states, uint64_t must, uint64_t idle)
{
    unsigned most = 0;
    for (uint64_t kept = idle;; kept = (kept - 1) & idle) {
        if (count(kept) > most && gs_statetable_find(states, must | kept) != GS_STATE_NONE) {
            most = count(kept);
        }
        if (kept == 0) {
            return most;
        }
    }
}

/* False: the placement does not fit beside what is in use. */
static bool asks(const struct fleet *fleet, const struct gpu *gpu, unsigned placement,
                 int64_t *ret_cost)
{
    const struct gs_statetable *states = fleet->decisions->states;
    uint64_t used = states->sets[gpu->used], must = used | 1ull << placement;
    uint64_t idle = states->sets[gpu->there] & ~must;
    if (after_adding(states, gpu->used, placement) == GS_STATE_NONE) {
        return false;
    }
    unsigned gone = count(idle) - most_kept(states, must, idle);
    *ret_cost = (int64_t)gone << 32;
    *ret_cost += fleet->decisions->policy->cost(states, gpu->used, placement);
    return true;
}

/* The least that a slice of the profile asks anywhere. False: there is no room. */
static bool least_asked(const struct fleet *fleet, unsigned profile, int64_t *ret_cost)
{
    const struct gs_statetable *states = fleet->decisions->states;
    bool found = false;
    for (unsigned g = 0; g < GPUS; g++) {
        for (unsigned i = 0; fleet->gpus[g].filed && i < states->n_placements; i++) {
            int64_t cost;
            if (states->placements[i].profile == profile &&
                asks(fleet, &fleet->gpus[g], i, &cost) && (!found || cost < *ret_cost)) {
                found = true;
                *ret_cost = cost;
            }
        }
    }
    return found;
}

static void open_fleet(struct fleet *fleet, const struct kind *kind)
{
    const struct gs_sim_recut_table *table;
    *fleet = (struct fleet){.decisions = NULL};
    gs_arena_init(&fleet->arena, &gs_alloc_heap, 256 << 20);
    fleet->decisions = make_decisions(&fleet->arena, make_states(&fleet->arena, kind), "keep-room");
    assert_int_equal(gs_sim_recut_table_new(&fleet->arena, fleet->decisions, &table, NULL), 0);
    print_message("%s: %u classes\n", kind->model, table->n_classes);
    assert_true(gs_sim_recuts_init(&fleet->recuts, &fleet->arena, table, GPUS));
}

/* A GPU is cut at random, and some of it is in use. */
static void change(struct fleet *fleet, uint64_t *seed)
{
    const struct gs_statetable *states = fleet->decisions->states;
    unsigned g = random_below(seed, GPUS);
    struct gpu *gpu = &fleet->gpus[g];
    gpu->filed = random_below(seed, 5) > 0;
    gpu->there = (uint16_t)random_below(seed, states->n_states);
    gpu->used = gpu->there;
    for (uint64_t rest = states->sets[gpu->there]; rest != 0; rest &= rest - 1) {
        if (random_below(seed, 2) == 0) {
            gpu->used = after_removing(states, gpu->used, (unsigned)__builtin_ctzll(rest));
        }
    }
    if (gpu->filed) {
        gs_sim_recuts_file(&fleet->recuts, g, gpu->there, gpu->used);
    } else {
        gs_sim_recuts_drop(&fleet->recuts, g);
    }
}

static void assert_finds_the_least(const struct fleet *fleet, unsigned profile)
{
    int64_t wanted = 0, found = 0;
    struct gs_slot slot = {.gpu = 0};
    bool room = least_asked(fleet, profile, &wanted);
    assert_int_equal(gs_sim_recuts_find(&fleet->recuts, profile, &slot), room);
    if (room) {
        assert_true(fleet->gpus[slot.gpu].filed);
        assert_true(asks(fleet, &fleet->gpus[slot.gpu], slot.placement, &found));
        assert_int_equal(found, wanted);
    }
}

static void recuts__are_where_the_fewest_idle_slices_go(void **state)
{
    (void)state;
    uint64_t seed = take_seed();
    for (unsigned k = 0; k < KINDS; k++) {
        struct fleet fleet;
        open_fleet(&fleet, &kinds[k]);
        for (unsigned step = 0; step < STEPS / (k == 0 ? 1 : 10); step++) {
            change(&fleet, &seed);
            assert_finds_the_least(&fleet, random_below(&seed, fleet.decisions->n_profiles));
        }
        gs_arena_done(&fleet.arena);
    }
}

/* The GPU that has been so for longest first, also under new numbers. */
static void recuts__keep_their_order_under_new_numbers(void **state)
{
    (void)state;
    struct fleet fleet;
    open_fleet(&fleet, &kinds[0]);
    static const uint32_t new_gpu[GPUS] = {[5] = 2, [3] = 1, [7] = 3};
    uint32_t scratch[2 * GPUS];
    struct gs_slot slot;
    unsigned p = profile_named(fleet.decisions->states, "1g.5gb");
    gs_sim_recuts_file(&fleet.recuts, 5, 0, 0);
    gs_sim_recuts_file(&fleet.recuts, 3, 0, 0);
    gs_sim_recuts_file(&fleet.recuts, 7, 0, 0);
    assert_true(gs_sim_recuts_renumber(&fleet.recuts, &fleet.arena, new_gpu, 2 * GPUS, scratch));
    static const uint32_t wanted[] = {2, 1, 3};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(gs_sim_recuts_find(&fleet.recuts, p, &slot));
        assert_int_equal(slot.gpu, wanted[i]);
        gs_sim_recuts_drop(&fleet.recuts, slot.gpu);
    }
    assert_false(gs_sim_recuts_find(&fleet.recuts, p, &slot));
    gs_arena_done(&fleet.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recuts__are_where_the_fewest_idle_slices_go),
        cmocka_unit_test(recuts__keep_their_order_under_new_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
