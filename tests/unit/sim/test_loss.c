#include "unit/core/tables.h"

#include <math.h>
#include <string.h>

#include "sim/loss.h"

/* The benchmark of docs/internals/online.md: six worlds, the plain A100 and 64 GPUs. */
enum { SEEDS = 10, WORLDS = 6 };

static const char *const profiles[] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};

static const struct world {
    const char *name;
    uint32_t weights[5];
    double load;
} worlds[WORLDS] = {
    {"A 0.8", {35, 25, 20, 15, 5}, 0.8},  {"A 1.0", {35, 25, 20, 15, 5}, 1.0},
    {"B 0.8", {20, 20, 20, 20, 20}, 0.8}, {"B 1.0", {20, 20, 20, 20, 20}, 1.0},
    {"C 0.8", {60, 20, 10, 8, 2}, 0.8},   {"C 1.0", {60, 20, 10, 8, 2}, 1.0},
};

static struct gs_loss_world make_world(const struct gs_policy_table *decisions,
                                       const struct gs_move_table *moves, const struct world *from)
{
    struct gs_loss_world world = {.decisions = decisions,
                                  .moves = moves,
                                  .gpus = 64,
                                  .load = from->load,
                                  .arrivals = 60000,
                                  .warm_up = 5000,
                                  .seed = 1};
    for (unsigned k = 0; k < 5; k++) {
        world.weights[profile_named(decisions->states, profiles[k])] = from->weights[k];
    }
    return world;
}

static struct gs_loss_score run_seeds(struct gs_loss_world world)
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_loss_score score = {0};
    for (; world.seed <= SEEDS; world.seed++) {
        assert_int_equal(gs_loss_run(&arena, &world, &score, NULL), 0);
    }
    gs_arena_done(&arena);
    return score;
}

static void run_policy(const struct gs_policy *policy, bool with_moves, double ret_percent[WORLDS])
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_policy_table *decisions;
    assert_int_equal(
        gs_policy_table_new(&arena, make_states(&arena, &kinds[0]), policy, &decisions, NULL), 0);
    const struct gs_move_table *moves = with_moves ? make_moves(&arena, decisions) : NULL;
    for (unsigned w = 0; w < WORLDS; w++) {
        struct gs_loss_score score = run_seeds(make_world(decisions, moves, &worlds[w]));
        uint64_t accepted = 0;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            accepted += score.accepted[p];
        }
        ret_percent[w] = gs_loss_accepted_percent(&score, decisions->states->model);
        print_message("%s %s%s: %.2f %%, %.2f moves per 100\n", worlds[w].name, policy->name,
                      with_moves ? " + one move" : "", ret_percent[w],
                      100.0 * (double)score.moves / (double)accepted);
    }
    gs_arena_done(&arena);
}

static void run_worlds(const char *name, bool with_moves, double ret_percent[WORLDS])
{
    const struct gs_policy *policy;
    assert_int_equal(gs_policy_find(gs_view(name), &policy, NULL), 0);
    run_policy(policy, with_moves, ret_percent);
}

static void assert_near(const double percent[WORLDS], const double reference[WORLDS], double most)
{
    for (unsigned w = 0; w < WORLDS; w++) {
        if (fabs(percent[w] - reference[w]) > most) {
            fail_msg("%s: %.2f %%, the reference has %.2f", worlds[w].name, percent[w],
                     reference[w]);
        }
    }
}

static void assert_at_least(const char *policy, bool with_moves, const double wanted[WORLDS])
{
    double percent[WORLDS];
    run_worlds(policy, with_moves, percent);
    for (unsigned w = 0; w < WORLDS; w++) {
        if (percent[w] < wanted[w]) {
            fail_msg("%s: %.2f %%, expected %.1f or more", worlds[w].name, percent[w], wanted[w]);
        }
    }
}

/* Erlang B for 64 servers and 64 erlang: 9.34 % of the arrivals are lost. */
static void loss__equals_erlang_b_when_each_slice_fills_a_gpu(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_policy_table *decisions =
        make_decisions(&arena, make_states(&arena, &kinds[0]), "keep-room");
    double erlang = 1.0;
    for (unsigned n = 1; n <= 64; n++) {
        erlang = 64.0 * erlang / (n + 64.0 * erlang);
    }
    assert_true(fabs(100.0 * erlang - 9.34) < 0.01);
    static const struct world full = {"7g", {0, 0, 0, 0, 1}, 1.0};
    struct gs_loss_score score = run_seeds(make_world(decisions, NULL, &full));
    double lost = 100.0 - gs_loss_accepted_percent(&score, decisions->states->model);
    print_message("lost %.3f %%, Erlang B %.3f %%\n", lost, 100.0 * erlang);
    assert_true(fabs(lost - 100.0 * erlang) < 0.3);
    gs_arena_done(&arena);
}

static void loss__gives_first_fit_what_the_reference_measured(void **state)
{
    (void)state;
    static const double reference[WORLDS] = {97.32, 86.10, 96.31, 84.27, 98.53, 88.19};
    double percent[WORLDS];
    run_worlds("first-fit", false, percent);
    assert_near(percent, reference, 0.3);
}

/* ------------------------------------------------------------------ the reference's spread */

static unsigned tier_by_compute(const struct gs_statetable *table, uint16_t state)
{
    unsigned used = 0;
    for (uint64_t rest = table->sets[state]; rest != 0; rest &= rest - 1) {
        unsigned p = table->placements[__builtin_ctzll(rest)].profile;
        used += table->model->profiles[p].compute_slices;
    }
    return used;
}

static int32_t cost_by_start(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    (void)state;
    return table->placements[placement].start;
}

/* `spread` looks at free memory units, as Dynamic Accelerator Slicer's own score does, and is up
 * to 2 points off. Of free compute slices and, of equals, the first GPU come its figures, but for
 * what that first run of the reference has too little under first-fit as well (0.1 to 0.5). */
static void loss__gives_spread_the_reference_by_compute_slices_and_the_first_gpu(void **state)
{
    (void)state;
    static const double reference[WORLDS] = {77.96, 69.37, 69.82, 61.67, 78.70, 72.08};
    static const struct gs_policy by_compute = {.name = "spread by compute slices",
                                                .by_index = true,
                                                .tier = tier_by_compute,
                                                .cost = cost_by_start};
    double percent[WORLDS], ours[WORLDS];
    run_policy(&by_compute, false, percent);
    assert_near(percent, reference, 0.7);
    run_worlds("spread", false, ours);
    assert_true(ours[4] > percent[4] + 1.0); /* C 0.8: where it is most */
}

static void loss__keep_room_accepts_what_was_promised_without_moves(void **state)
{
    (void)state;
    static const double promised[WORLDS] = {99.0, 89.0, 98.4, 88.2, 99.4, 90.4};
    assert_at_least("keep-room", false, promised);
}

static void loss__keep_room_accepts_what_was_promised_with_one_slice_moves(void **state)
{
    (void)state;
    static const double promised[WORLDS] = {99.4, 91.0, 99.0, 90.5, 99.7, 92.1};
    assert_at_least("keep-room", true, promised);
}

static void loss__every_policy_accepts_more_with_moves(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *states = make_states(&arena, &kinds[0]);
    size_t n;
    const struct gs_policy *all = gs_policies(&n);
    for (size_t i = 0; i < n; i++) {
        const struct gs_policy_table *decisions = make_decisions(&arena, states, all[i].name);
        struct gs_loss_world world = make_world(decisions, NULL, &worlds[1]);
        struct gs_loss_score without = {0};
        struct gs_loss_score with = {0};
        assert_int_equal(gs_loss_run(&arena, &world, &without, NULL), 0);
        world.moves = make_moves(&arena, decisions);
        assert_int_equal(gs_loss_run(&arena, &world, &with, NULL), 0);
        assert_int_equal(without.moves, 0);
        assert_true(with.moves > 0 && with.moved_compute_slices >= with.moves);
        assert_true(gs_loss_accepted_percent(&with, states->model) >
                    gs_loss_accepted_percent(&without, states->model) + 1.0);
    }
    gs_arena_done(&arena);
}

static void loss__runs_on_every_kind_of_gpu_and_repeats_itself(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        const struct gs_statetable *states = make_states(&arena, &kinds[k]);
        const struct gs_policy_table *decisions = make_decisions(&arena, states, "keep-room");
        struct gs_loss_world world = {.decisions = decisions,
                                      .moves = make_moves(&arena, decisions),
                                      .gpus = 16,
                                      .load = 1.0,
                                      .arrivals = 5000,
                                      .warm_up = 500,
                                      .seed = 7};
        for (unsigned p = 0; p < decisions->n_profiles; p++) {
            world.weights[p] = gs_policy_table_has(decisions, p) ? 1 : 0;
        }
        struct gs_loss_score once = {0};
        struct gs_loss_score again = {0};
        struct gs_loss_score other = {0};
        assert_int_equal(gs_loss_run(&arena, &world, &once, NULL), 0);
        assert_int_equal(gs_loss_run(&arena, &world, &again, NULL), 0);
        world.seed = 8;
        assert_int_equal(gs_loss_run(&arena, &world, &other, NULL), 0);
        assert_memory_equal(&once, &again, sizeof(once));
        assert_memory_not_equal(&once, &other, sizeof(once));
        double percent = gs_loss_accepted_percent(&once, states->model);
        assert_true(percent > 60.0 && percent < 100.0);
        gs_arena_done(&arena);
    }
}

static void loss__refuses_a_world_that_makes_no_sense(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_policy_table *decisions =
        make_decisions(&arena, make_states(&arena, &kinds[0]), "keep-room");
    const struct gs_loss_world good = make_world(decisions, NULL, &worlds[0]);
    struct gs_loss_world bad[8];
    for (unsigned k = 0; k < 8; k++) {
        bad[k] = good;
    }
    memset(bad[0].weights, 0, sizeof(bad[0].weights));
    bad[1].weights[GS_PROFILES_MAX - 1] = 1; /* the model has no such profile */
    bad[2].gpus = 0;
    bad[3].gpus = GS_LOSS_GPUS_MAX + 1;
    bad[4].load = 0;
    bad[5].load = (double)NAN;
    bad[6].warm_up = bad[6].arrivals;
    bad[7].weights[0] = GS_LOSS_WEIGHT_MAX + 1;
    for (unsigned k = 0; k < 8; k++) {
        struct gs_loss_score score = {0};
        struct gs_err err = {0};
        assert_int_equal(gs_loss_run(&arena, &bad[k], &score, &err), GS_INVALID);
        assert_int_equal(err.code, GS_INVALID);
        assert_int_equal(score.arrived[0], 0);
    }
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss__equals_erlang_b_when_each_slice_fills_a_gpu),
        cmocka_unit_test(loss__gives_first_fit_what_the_reference_measured),
        cmocka_unit_test(loss__gives_spread_the_reference_by_compute_slices_and_the_first_gpu),
        cmocka_unit_test(loss__keep_room_accepts_what_was_promised_without_moves),
        cmocka_unit_test(loss__keep_room_accepts_what_was_promised_with_one_slice_moves),
        cmocka_unit_test(loss__every_policy_accepts_more_with_moves),
        cmocka_unit_test(loss__runs_on_every_kind_of_gpu_and_repeats_itself),
        cmocka_unit_test(loss__refuses_a_world_that_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
