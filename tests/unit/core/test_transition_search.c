#include "unit/core/transition_bed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The oracle for the plain A100: NVIDIA's placement table written out, and nothing of ours. A GPU
 * is a set of these places. */
enum { PLACES = 14, SETS = 1 << PLACES, KINDS = 5 };
static const char *const kind_names[KINDS] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
static const struct {
    unsigned kind, start, units, compute;
} places[PLACES] = {
    {0, 0, 0x01, 1}, {0, 1, 0x02, 1}, {0, 2, 0x04, 1}, {0, 3, 0x08, 1}, {0, 4, 0x10, 1},
    {0, 5, 0x20, 1}, {0, 6, 0x40, 1}, {1, 0, 0x03, 2}, {1, 2, 0x0C, 2}, {1, 4, 0x30, 2},
    {2, 0, 0x0F, 3}, {2, 4, 0xF0, 3}, {3, 0, 0x0F, 4}, {4, 0, 0xFF, 7},
};

struct oracle {
    bool legal[SETS];
    uint8_t target[SETS];  /* a legal set: which of the wanted multisets it is */
    uint16_t states[SETS]; /* the legal sets */
    unsigned n_states;
    uint8_t wanted[64][KINDS];
    unsigned n_wanted;
    uint8_t steps[SETS]; /* of the last search; UINT8_MAX: not reached */
    uint16_t queue[SETS];
};

static bool set_is_legal(unsigned set)
{
    unsigned units = 0;
    unsigned compute = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        if ((set >> i & 1u) != 0) {
            if ((units & places[i].units) != 0) {
                return false;
            }
            units |= places[i].units;
            compute += places[i].compute;
        }
    }
    return compute <= 7;
}

static void count_kinds(unsigned set, uint8_t counts[KINDS])
{
    memset(counts, 0, KINDS);
    for (unsigned i = 0; i < PLACES; i++) {
        counts[places[i].kind] = (uint8_t)(counts[places[i].kind] + (set >> i & 1u));
    }
}

static unsigned note_wanted(struct oracle *oracle, const uint8_t counts[KINDS])
{
    for (unsigned w = 0; w < oracle->n_wanted; w++) {
        if (memcmp(oracle->wanted[w], counts, KINDS) == 0) {
            return w;
        }
    }
    assert_true(oracle->n_wanted < 64);
    memcpy(oracle->wanted[oracle->n_wanted], counts, KINDS);
    return oracle->n_wanted++;
}

static struct oracle *oracle_new(void)
{
    struct oracle *oracle = calloc(1, sizeof(*oracle));
    assert_non_null(oracle);
    for (unsigned set = 0; set < SETS; set++) {
        oracle->legal[set] = set_is_legal(set);
        if (oracle->legal[set]) {
            uint8_t counts[KINDS];
            count_kinds(set, counts);
            oracle->target[set] = (uint8_t)note_wanted(oracle, counts);
            oracle->states[oracle->n_states++] = (uint16_t)set;
        }
    }
    return oracle;
}

/* Breadth first over single creates and destroys that leave `busy` alone. */
static void search(struct oracle *oracle, unsigned from, unsigned busy)
{
    memset(oracle->steps, 0xFF, sizeof(oracle->steps));
    unsigned head = 0;
    unsigned tail = 0;
    oracle->steps[from] = 0;
    oracle->queue[tail++] = (uint16_t)from;
    while (head < tail) {
        unsigned set = oracle->queue[head++];
        for (unsigned i = 0; i < PLACES; i++) {
            unsigned next = set ^ 1u << i;
            if ((busy >> i & 1u) == 0 && oracle->legal[next] && oracle->steps[next] == UINT8_MAX) {
                oracle->steps[next] = (uint8_t)(oracle->steps[set] + 1);
                oracle->queue[tail++] = (uint16_t)next;
            }
        }
    }
}

/* The fewest steps of the last search to each wanted multiset. */
static void fewest_steps(const struct oracle *oracle, uint8_t fewest[64])
{
    memset(fewest, 0xFF, 64);
    for (unsigned k = 0; k < oracle->n_states; k++) {
        unsigned set = oracle->states[k];
        uint8_t *best = &fewest[oracle->target[set]];
        *best = oracle->steps[set] < *best ? oracle->steps[set] : *best;
    }
}

static struct gs_layout layout_of(const struct bed *bed, unsigned set, unsigned busy)
{
    struct gs_layout layout = {.n_slices = 0};
    for (unsigned i = 0; i < PLACES; i++) {
        unsigned p;
        struct gs_view name = gs_view(kind_names[places[i].kind]);
        if ((set >> i & 1u) != 0) {
            assert_int_equal(gs_model_profile_find(bed->model, name, &p, NULL), 0);
            assert_int_equal(
                gs_layout_add(bed->model, &layout, p, places[i].start, (busy >> i & 1u) != 0, NULL),
                0);
        }
    }
    return layout;
}

static unsigned place_of(const struct bed *bed, struct gs_placement placement)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (places[i].start == placement.start &&
            strcmp(kind_names[places[i].kind], bed->model->profiles[placement.profile].name) == 0) {
            return i;
        }
    }
    fail();
    return 0;
}

/* Takes the steps one by one on the oracle's GPU; returns where they end. */
static unsigned take_steps(const struct bed *bed, const struct oracle *oracle,
                           const struct gs_transition *plan, unsigned set, unsigned busy)
{
    unsigned destroys = 0;
    for (unsigned s = 0; s < plan->n_steps; s++) {
        unsigned bit = 1u << place_of(bed, plan->steps[s].placement);
        bool create = plan->steps[s].kind == GS_STEP_CREATE;
        assert_true((set & bit) == (create ? 0 : bit));
        assert_true((busy & bit) == 0);
        set ^= bit;
        destroys += !create;
        assert_true(oracle->legal[set]);
    }
    assert_int_equal(destroys, plan->n_destroys);
    return set;
}

static struct gs_layout_goal goal_of(const struct bed *bed, const uint8_t counts[KINDS])
{
    struct gs_layout_goal goal = {.placed = false};
    for (unsigned k = 0; k < KINDS; k++) {
        unsigned p;
        assert_int_equal(gs_model_profile_find(bed->model, gs_view(kind_names[k]), &p, NULL), 0);
        goal.counts[p] = counts[k];
    }
    return goal;
}

struct tally {
    unsigned pairs, plans, refusals;
};

static void compare_all_goals(const struct bed *bed, const struct oracle *oracle,
                              const struct gs_layout_goal *goals, unsigned from, unsigned busy,
                              struct tally *tally)
{
    uint8_t fewest[64];
    fewest_steps(oracle, fewest);
    struct gs_layout layout = layout_of(bed, from, busy);
    for (unsigned w = 0; w < oracle->n_wanted; w++) {
        struct gs_transition plan;
        int r = gs_transition_plan(&bed->index, &layout, &goals[w], &plan, NULL);
        if (fewest[w] == UINT8_MAX) {
            assert_int_equal(r, GS_BUSY);
            tally->refusals++;
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(plan.n_steps, fewest[w]);
        unsigned end = take_steps(bed, oracle, &plan, from, busy);
        assert_int_equal(oracle->target[end], w);
        tally->plans++;
    }
}

static void transition__equals_breadth_first_search_on_every_state_of_the_plain_a100(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed, "A100-40GB", "1g.5gb,2g.10gb,3g.20gb,4g.20gb,7g.40gb");
    struct oracle *oracle = oracle_new();
    assert_int_equal(oracle->n_states, 298);
    assert_int_equal(oracle->n_wanted, 38);
    struct gs_layout_goal goals[64];
    for (unsigned w = 0; w < oracle->n_wanted; w++) {
        goals[w] = goal_of(&bed, oracle->wanted[w]);
    }
    struct tally tally = {0};
    for (unsigned k = 0; k < oracle->n_states; k++) {
        unsigned from = oracle->states[k];
        unsigned busy = from;
        for (bool more = true; more; more = busy != from) {
            search(oracle, from, busy);
            compare_all_goals(&bed, oracle, goals, from, busy, &tally);
            tally.pairs++;
            busy = (busy - 1) & from;
        }
    }
    print_message("%u pairs x %u targets: %u plans, %u refusals\n", tally.pairs, oracle->n_wanted,
                  tally.plans, tally.refusals);
    assert_int_equal(tally.pairs, 4377);
    assert_int_equal(tally.plans + tally.refusals, 4377 * 38);
    assert_true(tally.plans > 10000 && tally.refusals > 10000);
    free(oracle);
    bed_done(&bed);
}

/* A generator of its own, so that a seed gives the same cases everywhere (splitmix64). */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

/* Breadth first over the table's own links: these models have too many sets to list. */
static void search_table(const struct gs_statetable *table, uint16_t from, uint64_t busy,
                         uint8_t *steps, uint16_t *queue)
{
    memset(steps, 0xFF, table->n_states);
    unsigned head = 0;
    unsigned tail = 0;
    steps[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        uint16_t at = queue[head++];
        for (unsigned i = 0; i < table->n_placements; i++) {
            size_t cell = (size_t)at * table->n_placements + i;
            uint16_t next = table->next[cell];
            next = next == GS_STATE_NONE && (busy >> i & 1u) == 0 ? table->prev[cell] : next;
            if (next != GS_STATE_NONE && steps[next] == UINT8_MAX) {
                steps[next] = (uint8_t)(steps[at] + 1);
                queue[tail++] = next;
            }
        }
    }
}

/* Whether slices fit one GPU, by the model's facts and not by the table. */
static void assert_legal(const struct gs_statetable *table, uint64_t set)
{
    unsigned occupied = 0;
    uint8_t counts[GS_PROFILES_MAX] = {0};
    for (; set != 0; set &= set - 1) {
        struct gs_placement placement = table->placements[__builtin_ctzll(set)];
        assert_true((occupied & placement.span) == 0);
        occupied |= placement.span;
        counts[placement.profile]++;
    }
    assert_true(gs_model_counts_within_limits(table->model, counts));
}

static int place_in(const struct gs_statetable *table, struct gs_placement placement)
{
    return gs_statetable_placement(table, placement.profile, placement.start);
}

/* Takes the steps; also holds them to the order that the header promises. */
static void follow(const struct gs_statetable *table, const struct gs_transition *plan,
                   uint64_t busy)
{
    uint64_t set = table->sets[plan->from];
    uint64_t to = table->sets[plan->to];
    for (unsigned s = 0; s < plan->n_steps; s++) {
        int i = place_in(table, plan->steps[s].placement);
        assert_true(i >= 0 && (busy >> i & 1u) == 0);
        bool create = plan->steps[s].kind == GS_STEP_CREATE;
        assert_true((set >> i & 1u) == !create);
        for (uint64_t rest = to & ~set; rest != 0 && !create; rest &= rest - 1) {
            /* A create that is possible does not wait behind a destroy. */
            assert_true(gs_statetable_find(table, set | (rest & -rest)) == GS_STATE_NONE);
        }
        set ^= 1ull << i;
        assert_legal(table, set);
    }
    assert_true(set == to);
}

static bool ends_better(const struct gs_statetable *table, uint16_t a, uint16_t b)
{
    unsigned free_a = gs_statetable_freedom(table, a);
    unsigned free_b = gs_statetable_freedom(table, b);
    if (free_a != free_b) {
        return free_a > free_b;
    }
    if (table->occupied[a] != table->occupied[b]) {
        return table->occupied[a] < table->occupied[b];
    }
    return table->sets[a] < table->sets[b];
}

static void compare_from(const struct bed *bed, uint16_t from, uint64_t busy, const uint8_t *steps,
                         struct tally *tally)
{
    const struct gs_statetable *table = bed->table;
    uint16_t best[512];
    assert_true(table->n_multisets <= 512);
    memset(best, 0xFF, sizeof(best));
    for (unsigned s = 0; s < table->n_states; s++) {
        uint16_t *b = &best[table->multiset[s]];
        if (steps[s] != UINT8_MAX &&
            (*b == GS_STATE_NONE || steps[s] < steps[*b] ||
             (steps[s] == steps[*b] && ends_better(table, (uint16_t)s, *b)))) {
            *b = (uint16_t)s;
        }
    }
    struct gs_layout layout;
    gs_layout_from_set(table, table->sets[from], busy, &layout);
    for (unsigned m = 0; m < table->n_multisets; m++) {
        struct gs_layout_goal goal = {.placed = false};
        memcpy(goal.counts, table->multisets[m].counts, sizeof(goal.counts));
        struct gs_transition plan = {.to = GS_STATE_NONE};
        int r = gs_transition_plan(&bed->index, &layout, &goal, &plan, NULL);
        assert_int_equal(r, best[m] == GS_STATE_NONE ? GS_BUSY : 0);
        assert_int_equal(plan.to, best[m]);
        if (r == 0) {
            assert_int_equal(plan.n_steps, steps[best[m]]);
            follow(table, &plan, busy);
        }
        tally->plans += r == 0;
        tally->refusals += r != 0;
    }
}

static const struct {
    const char *model;
    unsigned samples;
} sampled[] = {
    {"A100-40GB", 200},
    {"A30-24GB", 400},
    {"RTX-PRO-6000-96GB", 400},
    {"B200-180GB", 100},
};

static void transition__equals_breadth_first_search_on_random_states_of_all_profiles(void **state)
{
    (void)state;
    uint64_t seed = 20261122;
    print_message("seed %" PRIu64 "\n", seed);
    for (size_t k = 0; k < sizeof(sampled) / sizeof(sampled[0]); k++) {
        struct bed bed;
        bed_init(&bed, sampled[k].model, NULL);
        uint8_t *steps = GS_ARENA_NEW(&bed.arena, uint8_t, bed.table->n_states);
        uint16_t *queue = GS_ARENA_NEW(&bed.arena, uint16_t, bed.table->n_states);
        assert_true(steps != NULL && queue != NULL);
        struct tally tally = {0};
        for (unsigned n = 0; n < sampled[k].samples; n++) {
            uint16_t from = (uint16_t)(next_random(&seed) % bed.table->n_states);
            uint64_t busy = bed.table->sets[from] & next_random(&seed);
            busy &= n % 2 == 0 ? next_random(&seed) : UINT64_MAX;
            search_table(bed.table, from, busy, steps, queue);
            compare_from(&bed, from, busy, steps, &tally);
        }
        print_message("%s: %u plans, %u refusals\n", sampled[k].model, tally.plans, tally.refusals);
        assert_true(tally.plans > 100 && tally.refusals > 100);
        bed_done(&bed);
    }
}

static bool fits_around(const struct oracle *oracle, unsigned busy, unsigned wanted)
{
    for (unsigned k = 0; k < oracle->n_states; k++) {
        unsigned set = oracle->states[k];
        if (oracle->target[set] == wanted && (busy & ~set) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned fewest_in_the_way(const struct oracle *oracle, unsigned busy, unsigned wanted)
{
    unsigned fewest = UINT32_MAX;
    unsigned freed = busy;
    for (bool more = true; more; more = freed != busy) {
        unsigned n = (unsigned)__builtin_popcount(freed);
        if (n < fewest && fits_around(oracle, busy & ~freed, wanted)) {
            fewest = n;
        }
        freed = (freed - 1) & busy;
    }
    return fewest;
}

static void transition__names_the_fewest_slices_in_the_way(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed, "A100-40GB", "1g.5gb,2g.10gb,3g.20gb,4g.20gb,7g.40gb");
    struct oracle *oracle = oracle_new();
    unsigned blocked = 0;
    for (unsigned k = 0; k < oracle->n_states; k++) {
        unsigned busy = oracle->states[k];
        uint16_t from;
        uint64_t in_use;
        struct gs_layout layout = layout_of(&bed, busy, busy);
        assert_int_equal(gs_layout_state(bed.table, &layout, &from, &in_use, NULL), 0);
        for (unsigned w = 0; w < oracle->n_wanted; w++) {
            struct gs_layout_goal goal = goal_of(&bed, oracle->wanted[w]);
            int m = gs_statetable_multiset(bed.table, goal.counts);
            assert_true(m >= 0);
            uint64_t found = gs_transition_blockers(&bed.index, in_use, (unsigned)m);
            assert_true((found & ~in_use) == 0);
            assert_int_equal(__builtin_popcountll(found), fewest_in_the_way(oracle, busy, w));
            assert_true(gs_transition_target(&bed.index, from, in_use & ~found, (unsigned)m) !=
                        GS_STATE_NONE);
            blocked += found != 0;
        }
    }
    assert_true(blocked > 1000);
    free(oracle);
    bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transition__equals_breadth_first_search_on_every_state_of_the_plain_a100),
        cmocka_unit_test(transition__equals_breadth_first_search_on_random_states_of_all_profiles),
        cmocka_unit_test(transition__names_the_fewest_slices_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
