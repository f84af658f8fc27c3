#include "unit/core/tables.h"

enum { GPUS_MAX = 4 };

/* What the exhaustive search says. */
struct answer {
    unsigned blocked, possible;
    unsigned by_size[8]; /* possible with a victim of so many compute slices */
};

static unsigned size_of(const struct gs_statetable *states, unsigned placement)
{
    return states->model->profiles[states->placements[placement].profile].compute_slices;
}

static bool has_room(const struct gs_policy_table *decisions, uint16_t state, unsigned profile)
{
    return (decisions->fits[state] >> profile & 1u) != 0;
}

/* Whether moving victim `v` of GPU `g` to any other place leaves room for the profile. */
static bool helps(const struct gs_online *online, uint32_t g, unsigned v, unsigned profile)
{
    const struct gs_policy_table *decisions = gs_online_decisions(online);
    const struct gs_statetable *states = decisions->states;
    for (uint32_t t = 0; t < gs_online_count(online); t++) {
        for (unsigned i = 0; i < states->n_placements; i++) {
            if (states->placements[i].profile != states->placements[v].profile ||
                !gs_online_available(online, t) ||
                after_adding(states, gs_online_state(online, t), i) == GS_STATE_NONE) {
                continue;
            }
            uint16_t left = after_removing(states, gs_online_state(online, g), v);
            left = t == g ? after_adding(states, left, i) : left;
            if (has_room(decisions, left, profile)) {
                return true;
            }
        }
    }
    return false;
}

static bool may_always(const void *ctx, struct gs_slot victim)
{
    (void)ctx;
    (void)victim;
    return true;
}

/* Two of three may move. */
static bool may_mostly(const void *ctx, struct gs_slot victim)
{
    uint64_t seed = *(const uint64_t *)ctx + victim.gpu * 64 + victim.placement;
    return next_random(&seed) % 3 != 0;
}

/* Compute slices of the smallest victim, or 0: no move helps. */
static unsigned smallest_victim(const struct gs_online *online, unsigned profile,
                                const struct gs_movable *movable)
{
    const struct gs_statetable *states = gs_online_decisions(online)->states;
    unsigned smallest = 0;
    for (uint32_t g = 0; g < gs_online_count(online); g++) {
        uint64_t rest = states->sets[gs_online_state(online, g)];
        for (; gs_online_available(online, g) && rest != 0; rest &= rest - 1) {
            unsigned v = (unsigned)__builtin_ctzll(rest);
            struct gs_slot victim = {.gpu = g, .placement = v};
            if ((smallest == 0 || size_of(states, v) < smallest) &&
                movable->may_move(movable->ctx, victim) && helps(online, g, v, profile)) {
                smallest = size_of(states, v);
            }
        }
    }
    return smallest;
}

/* A random fleet, rather full: of three random states the one with the most slices. */
static struct gs_online *random_fleet(struct gs_arena *arena,
                                      const struct gs_policy_table *decisions, uint64_t *seed)
{
    const struct gs_statetable *states = decisions->states;
    unsigned gpus = 1 + random_below(seed, GPUS_MAX);
    struct gs_online *online;
    assert_int_equal(gs_online_new(arena, decisions, gpus, &online, NULL), 0);
    for (unsigned g = 0; g < gpus; g++) {
        uint16_t state = 0;
        for (unsigned k = 0; k < 3; k++) {
            uint16_t other = (uint16_t)random_below(seed, states->n_states);
            if (gs_statetable_freedom(states, other) <= gs_statetable_freedom(states, state)) {
                state = other;
            }
        }
        uint32_t gpu;
        assert_int_equal(gs_online_add(online, state, &gpu, NULL), 0);
        bool available = random_below(seed, 10) != 0;
        assert_int_equal(gs_online_set_available(online, gpu, available, NULL), 0);
    }
    return online;
}

static void check_move(const struct gs_move_table *moves, struct gs_online *online,
                       unsigned profile, const struct gs_movable *movable, struct answer *answer)
{
    const struct gs_statetable *states = gs_online_decisions(online)->states;
    unsigned smallest = smallest_victim(online, profile, movable);
    const struct gs_movable *asked = movable->may_move == may_always ? NULL : movable;
    struct gs_move move;
    int r = gs_move_find(moves, online, profile, asked, &move);
    assert_int_equal(r, smallest == 0 ? GS_NOT_FOUND : 0);
    answer->blocked++;
    if (smallest == 0) {
        return;
    }
    answer->possible++;
    answer->by_size[smallest]++;
    assert_int_equal(size_of(states, move.victim.placement), smallest);
    assert_true(movable->may_move(movable->ctx, move.victim));
    assert_true(gs_online_available(online, move.target.gpu));
    assert_int_equal(states->placements[move.victim.placement].profile,
                     states->placements[move.target.placement].profile);
    assert_int_equal(states->placements[move.request.placement].profile, profile);
    /* Make before break, each step legal. */
    assert_int_equal(gs_move_apply(online, &move, NULL), 0);
    assert_true(states->sets[gs_online_state(online, move.request.gpu)] >> move.request.placement &
                1u);
    assert_true(states->sets[gs_online_state(online, move.target.gpu)] >> move.target.placement &
                1u);
}

static void try_fleets(const struct gs_policy_table *decisions, const struct gs_move_table *moves,
                       unsigned n, uint64_t *seed, struct answer *answer)
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    for (unsigned k = 0; k < n; k++) {
        struct gs_arena_mark mark = gs_arena_mark(&arena);
        struct gs_online *online = random_fleet(&arena, decisions, seed);
        unsigned profile = random_below(seed, decisions->n_profiles);
        struct gs_slot slot;
        if (gs_policy_table_has(decisions, profile) &&
            gs_online_find(online, profile, GS_GPU_NONE, &slot) == GS_NOT_FOUND) {
            uint64_t salt = next_random(seed);
            struct gs_movable movable = {.may_move = may_always, .ctx = &salt};
            if (k % 2 == 1) {
                movable.may_move = may_mostly;
            }
            check_move(moves, online, profile, &movable, answer);
        }
        gs_arena_rewind(&arena, mark);
    }
    gs_arena_done(&arena);
}

static void move__equals_exhaustive_search_on_every_kind_with_every_policy(void **state)
{
    (void)state;
    uint64_t seed = take_seed();
    size_t n_policies;
    const struct gs_policy *all = gs_policies(&n_policies);
    for (unsigned k = 0; k < KINDS; k++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
        const struct gs_statetable *states = make_states(&arena, &kinds[k]);
        struct answer answer = {0};
        for (size_t n = 0; n < n_policies; n++) {
            const struct gs_policy_table *decisions = make_decisions(&arena, states, all[n].name);
            try_fleets(decisions, make_moves(&arena, decisions), 4000, &seed, &answer);
        }
        print_message("%s: %u blocked, %u with a move (%u %u %u %u %u %u of 1 2 3 4 5 6)\n",
                      kinds[k].model, answer.blocked, answer.possible, answer.by_size[1],
                      answer.by_size[2], answer.by_size[3], answer.by_size[4], answer.by_size[5],
                      answer.by_size[6]);
        /* Enough of each answer, or the comparison says nothing. */
        assert_true(answer.possible >= 500 && answer.blocked - answer.possible >= 500);
        assert_true(answer.by_size[1] > 0 && answer.by_size[2] > 0);
        gs_arena_done(&arena);
    }
}

/* Fleets of the plain A100, and the one thing to do. */
static const struct known_move {
    const char *gpus[3]; /* NULL: no more */
    const char *request, *victim, *target, *placed;
    uint32_t victim_gpu, target_gpu;
} known_moves[] = {
    /* A 1g sits where a 4g would go; another GPU takes it. */
    {{"1g.5gb@0,3g.20gb@4", "1g.5gb@0,2g.10gb@2,3g.20gb@4"},
     "4g.20gb",
     "1g.5gb@0",
     "1g.5gb@1",
     "4g.20gb@0",
     0,
     1},
    /* It is its own GPU that takes it. */
    {{"1g.5gb@0,1g.5gb@4"}, "4g.20gb", "1g.5gb@0", "1g.5gb@5", "4g.20gb@0", 0, 0},
    /* A 1g and a 2g would both do: the smaller one moves. */
    {{"2g.10gb@0,3g.20gb@4", "1g.5gb@0,3g.20gb@4", "4g.20gb@0"},
     "4g.20gb",
     "1g.5gb@0",
     "1g.5gb@2",
     "4g.20gb@0",
     1,
     0},
};

static struct gs_slot slot_of(const struct gs_statetable *states, uint32_t gpu, const char *text)
{
    uint64_t set = states->sets[state_of(states, text)];
    return (struct gs_slot){.gpu = gpu, .placement = (uint32_t)__builtin_ctzll(set)};
}

static void move__takes_the_smallest_slice_to_where_the_policy_wants_it(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *states = make_states(&arena, &kinds[0]);
    const struct gs_policy_table *decisions = make_decisions(&arena, states, "keep-room");
    const struct gs_move_table *moves = make_moves(&arena, decisions);
    for (size_t k = 0; k < sizeof(known_moves) / sizeof(known_moves[0]); k++) {
        const struct known_move *want = &known_moves[k];
        struct gs_online *online;
        assert_int_equal(gs_online_new(&arena, decisions, 3, &online, NULL), 0);
        for (unsigned g = 0; g < 3 && want->gpus[g] != NULL; g++) {
            uint32_t gpu;
            assert_int_equal(gs_online_add(online, state_of(states, want->gpus[g]), &gpu, NULL), 0);
        }
        struct gs_move move;
        unsigned profile = profile_named(states, want->request);
        assert_int_equal(gs_move_find(moves, online, profile, NULL, &move), 0);
        struct gs_slot victim = slot_of(states, want->victim_gpu, want->victim);
        struct gs_slot target = slot_of(states, want->target_gpu, want->target);
        struct gs_slot placed = slot_of(states, want->victim_gpu, want->placed);
        assert_memory_equal(&move.victim, &victim, sizeof(victim));
        assert_memory_equal(&move.target, &target, sizeof(target));
        assert_memory_equal(&move.request, &placed, sizeof(placed));
    }
    gs_arena_done(&arena);
}

static void move__that_is_stale_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *states = make_states(&arena, &kinds[0]);
    const struct gs_policy_table *decisions = make_decisions(&arena, states, "keep-room");
    struct gs_online *online;
    uint32_t gpu;
    assert_int_equal(gs_online_new(&arena, decisions, 1, &online, NULL), 0);
    uint16_t crossed = state_of(states, "1g.5gb@0,1g.5gb@4");
    assert_int_equal(gs_online_add(online, crossed, &gpu, NULL), 0);
    struct gs_move move;
    assert_int_equal(gs_move_find(make_moves(&arena, decisions), online,
                                  profile_named(states, "4g.20gb"), NULL, &move),
                     0);
    static const struct stale {
        const char *now;
        int code;
    } stales[] = {
        {"1g.5gb@0,1g.5gb@5", GS_BUSY}, /* the target was taken */
        {"1g.5gb@4", GS_NOT_FOUND},     /* the victim left */
        {"1g.5gb@0,1g.5gb@2", GS_BUSY}, /* the place for the request was taken */
    };
    for (size_t k = 0; k < sizeof(stales) / sizeof(stales[0]); k++) {
        uint16_t now = state_of(states, stales[k].now);
        assert_int_equal(gs_online_set_state(online, 0, now, NULL), 0);
        struct gs_err err;
        assert_int_equal(gs_move_apply(online, &move, &err), stales[k].code);
        assert_int_equal(gs_online_state(online, 0), now);
    }
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(move__equals_exhaustive_search_on_every_kind_with_every_policy),
        cmocka_unit_test(move__takes_the_smallest_slice_to_where_the_policy_wants_it),
        cmocka_unit_test(move__that_is_stale_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
