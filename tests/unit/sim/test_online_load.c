#include "unit/core/tables.h"

#include "sim/online_load.h"

static struct gs_online_load_options make_options(struct gs_arena *arena, unsigned kind,
                                                  const char *policy)
{
    const struct gs_statetable *states = make_states(arena, &kinds[kind]);
    struct gs_online_load_options options = {.decisions = make_decisions(arena, states, policy),
                                             .gpus = 2000,
                                             .occupancy_permille = 920,
                                             .seed = 1};
    for (unsigned p = 0; p < options.decisions->n_profiles; p++) {
        options.weights[p] = gs_policy_table_has(options.decisions, p) ? 1 : 0;
    }
    return options;
}

static void online_load__keeps_the_fleet_as_full_as_asked(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        struct gs_online_load_options options = make_options(&arena, k, "keep-room");
        struct gs_online_load *load;
        assert_int_equal(gs_online_load_new(&arena, &options, &load, NULL), 0);
        struct gs_online_load_count count = {0};
        for (unsigned round = 1; round <= 20; round++) {
            gs_online_load_run(load, 5000, &count);
            assert_int_equal(count.placements + count.releases, 5000ull * round);
            assert_in_range(gs_online_load_permille(load), 915, 925);
        }
        /* Both kinds of work are done, about as often. */
        assert_true(count.placements > 40000 && count.releases > 40000);
        gs_arena_done(&arena);
    }
}

static void online_load__does_the_same_work_for_the_same_seed(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_online_load_options options = make_options(&arena, 1, "first-fit");
    struct gs_online_load_count counts[3] = {0};
    for (unsigned k = 0; k < 3; k++) {
        struct gs_online_load *load;
        options.seed = k < 2 ? 1 : 2;
        assert_int_equal(gs_online_load_new(&arena, &options, &load, NULL), 0);
        gs_online_load_run(load, 20000, &counts[k]);
    }
    assert_memory_equal(&counts[0], &counts[1], sizeof(counts[0]));
    assert_memory_not_equal(&counts[0], &counts[2], sizeof(counts[0]));
    gs_arena_done(&arena);
}

static void online_load__says_when_the_occupancy_cannot_be_reached(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_online_load_options options = make_options(&arena, 0, "keep-room");
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        options.weights[p] = 0;
    }
    /* Two 3g fill a GPU and use six of its seven compute slices. */
    options.weights[profile_named(options.decisions->states, "3g.20gb")] = 1;
    struct gs_online_load *load = NULL;
    struct gs_err err;
    assert_int_equal(gs_online_load_new(&arena, &options, &load, &err), GS_INFEASIBLE);
    assert_string_equal(err.msg, "an occupancy of 920 permille was asked for, but these profiles "
                                 "find no place beyond 857");
    assert_null(load);
    gs_arena_done(&arena);
}

static void online_load__refuses_options_out_of_their_range(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_online_load_options good = make_options(&arena, 0, "keep-room");
    struct gs_online_load_options bad[6] = {good, good, good, good, good, good};
    bad[0].gpus = 0;
    bad[1].gpus = GS_ONLINE_LOAD_GPUS_MAX + 1;
    bad[2].occupancy_permille = 0;
    bad[3].occupancy_permille = 1001;
    bad[4].weights[GS_PROFILES_MAX - 1] = 1;
    bad[5].weights[0] = GS_ONLINE_LOAD_WEIGHT_MAX + 1;
    for (unsigned k = 0; k < 6; k++) {
        struct gs_online_load *load = NULL;
        struct gs_err err = {0};
        assert_int_equal(gs_online_load_new(&arena, &bad[k], &load, &err), GS_INVALID);
        assert_int_equal(err.code, GS_INVALID);
        assert_null(load);
    }
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(online_load__keeps_the_fleet_as_full_as_asked),
        cmocka_unit_test(online_load__does_the_same_work_for_the_same_seed),
        cmocka_unit_test(online_load__says_when_the_occupancy_cannot_be_reached),
        cmocka_unit_test(online_load__refuses_options_out_of_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
