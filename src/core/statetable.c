#include "core/statetable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What limits a set of placements beside their units: each is a sum over profiles with a total. */
enum { COMPUTE, MEMORY, INSTANCES, FIRST_ENGINE, SUMS = FIRST_ENGINE + GS_ENGINES };

struct sums {
    uint32_t of[SUMS];
};

/* The walk that finds all states. */
struct builder {
    struct gs_arena *arena;
    struct gs_statetable *table;
    uint64_t *sets;
    size_t n;
    size_t cap;
    bool failed;
    struct sums total;                  /* what the GPU has */
    struct sums takes[GS_PROFILES_MAX]; /* what one instance of a profile takes */
};

/* The sums of gs_model_counts_within_limits, so that the walk need not add them up anew. */
static void list_limits(struct builder *b)
{
    const struct gs_model *model = b->table->model;
    b->total.of[COMPUTE] = model->compute_slices;
    b->total.of[MEMORY] = model->memory_units;
    b->total.of[INSTANCES] = model->max_instances;
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        b->total.of[FIRST_ENGINE + e] = gs_model_engine_total(model, (enum gs_engine)e);
    }
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        struct sums *takes = &b->takes[p];
        takes->of[COMPUTE] = profile->compute_slices;
        takes->of[MEMORY] = profile->memory_units;
        takes->of[INSTANCES] = 1;
        for (unsigned e = 0; e < GS_ENGINES; e++) {
            bool bound = b->total.of[FIRST_ENGINE + e] != GS_NOT_KNOWN;
            takes->of[FIRST_ENGINE + e] = bound ? profile->engines[e] : 0;
        }
    }
}

/* Adds one instance of a profile to *sums, if that stays within the limits. */
static bool add_instance(const struct builder *b, unsigned profile, struct sums *sums)
{
    bool within = true;
    for (unsigned i = 0; i < SUMS; i++) {
        sums->of[i] += b->takes[profile].of[i];
        within = within && sums->of[i] <= b->total.of[i];
    }
    return within;
}

static void list_placements(struct gs_statetable *table)
{
    const struct gs_model *model = table->model;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if ((table->profiles >> p & 1u) == 0) {
            continue;
        }
        for (unsigned start = 0; start < model->memory_units; start++) {
            if ((model->profiles[p].starts >> start & 1u) != 0) {
                assert(table->n_placements < GS_PLACEMENTS_MAX);
                table->placements[table->n_placements++] = (struct gs_placement){
                    .profile = (uint8_t)p,
                    .start = (uint8_t)start,
                    .span = gs_profile_span(&model->profiles[p], start),
                };
            }
        }
    }
}

static void note_state(struct builder *b, uint64_t set)
{
    if (b->n >= GS_STATES_MAX ||
        !gs_arena_room(b->arena, &b->sets, &b->cap, b->n, sizeof(*b->sets))) {
        b->failed = true;
        return;
    }
    b->sets[b->n++] = set;
}

/* Every set is reached once: placements are only added behind the last one. Limits only tighten
 * as placements are added, so a set that breaks one need not be walked further. */
static void walk(struct builder *b, unsigned from, uint64_t set, uint16_t occupied, uint8_t *counts,
                 const struct sums *sums)
{
    note_state(b, set);
    for (unsigned i = from; i < b->table->n_placements && !b->failed; i++) {
        const struct gs_placement *placement = &b->table->placements[i];
        unsigned profile = placement->profile;
        struct sums more = *sums;
        if ((occupied & placement->span) != 0 ||
            counts[profile] == b->table->model->profiles[profile].max_instances ||
            !add_instance(b, profile, &more)) {
            continue;
        }
        counts[profile]++;
        walk(b, i + 1, set | 1ull << i, (uint16_t)(occupied | placement->span), counts, &more);
        counts[profile]--;
    }
}

static int compare_sets(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int compare_multisets(const void *a, const void *b)
{
    const struct gs_multiset *x = a;
    const struct gs_multiset *y = b;
    return memcmp(x->counts, y->counts, sizeof(x->counts));
}

static void count_profiles(const struct gs_statetable *table, uint64_t set, uint8_t *counts)
{
    memset(counts, 0, GS_PROFILES_MAX);
    for (; set != 0; set &= set - 1) {
        counts[table->placements[__builtin_ctzll(set)].profile]++;
    }
}

static bool link_states(struct gs_arena *arena, struct gs_statetable *table)
{
    size_t cells = (size_t)table->n_states * table->n_placements;
    uint16_t *occupied = GS_ARENA_NEW(arena, uint16_t, table->n_states);
    uint16_t *next = GS_ARENA_NEW(arena, uint16_t, cells);
    uint16_t *prev = GS_ARENA_NEW(arena, uint16_t, cells);
    if (occupied == NULL || next == NULL || prev == NULL) {
        return false;
    }
    memset(next, 0xFF, cells * sizeof(*next));
    memset(prev, 0xFF, cells * sizeof(*prev));
    for (unsigned s = 0; s < table->n_states; s++) {
        for (uint64_t rest = table->sets[s]; rest != 0; rest &= rest - 1) {
            unsigned i = (unsigned)__builtin_ctzll(rest);
            uint16_t without = gs_statetable_find(table, table->sets[s] & ~(1ull << i));
            occupied[s] |= table->placements[i].span;
            prev[(size_t)s * table->n_placements + i] = without;
            next[(size_t)without * table->n_placements + i] = (uint16_t)s;
        }
    }
    table->occupied = occupied;
    table->next = next;
    table->prev = prev;
    return true;
}

static bool dominates(const struct gs_multiset *big, const struct gs_multiset *small)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (big->counts[p] < small->counts[p]) {
            return false;
        }
    }
    return true;
}

static void mark_maximal(struct gs_multiset *multisets, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        multisets[i].maximal = true;
        for (unsigned j = 0; j < n && multisets[i].maximal; j++) {
            multisets[i].maximal = i == j || !dominates(&multisets[j], &multisets[i]);
        }
    }
}

/* States come in ascending order of their sets, so the first of equals stays. */
static bool is_better_cut(const struct gs_statetable *table, unsigned candidate, uint16_t holder)
{
    if (holder == GS_STATE_NONE) {
        return true;
    }
    unsigned free_new = gs_statetable_freedom(table, (uint16_t)candidate);
    unsigned free_old = gs_statetable_freedom(table, holder);
    if (free_new != free_old) {
        return free_new > free_old;
    }
    return table->occupied[candidate] < table->occupied[holder];
}

static bool group_states(struct gs_arena *arena, struct gs_statetable *table)
{
    struct gs_multiset *all = GS_ARENA_NEW(arena, struct gs_multiset, table->n_states);
    uint16_t *multiset = GS_ARENA_NEW(arena, uint16_t, table->n_states);
    if (all == NULL || multiset == NULL) {
        return false;
    }
    for (unsigned s = 0; s < table->n_states; s++) {
        count_profiles(table, table->sets[s], all[s].counts);
        all[s].state = GS_STATE_NONE;
    }
    qsort(all, table->n_states, sizeof(*all), compare_multisets);
    unsigned n = 0;
    for (unsigned s = 0; s < table->n_states; s++) {
        if (n == 0 || compare_multisets(&all[n - 1], &all[s]) != 0) {
            all[n++] = all[s];
        }
    }
    mark_maximal(all, n);
    table->multisets = all;
    table->n_multisets = n;
    for (unsigned s = 0; s < table->n_states; s++) {
        uint8_t counts[GS_PROFILES_MAX];
        count_profiles(table, table->sets[s], counts);
        int m = gs_statetable_multiset(table, counts);
        assert(m >= 0);
        multiset[s] = (uint16_t)m;
        if (is_better_cut(table, s, all[m].state)) {
            all[m].state = (uint16_t)s;
        }
    }
    table->multiset = multiset;
    return true;
}

int gs_statetable_new(struct gs_arena *arena, const struct gs_model *model, uint32_t profiles,
                      const struct gs_statetable **ret_table, struct gs_err *err)
{
    int r = gs_model_require_placements(model, err);
    if (r < 0) {
        return r;
    }
    struct gs_statetable *table = GS_ARENA_NEW(arena, struct gs_statetable, 1);
    if (table == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state table of %s", model->id);
    }
    table->model = model;
    table->profiles = profiles & (uint32_t)((1ull << model->n_profiles) - 1);
    list_placements(table);

    struct builder b = {.arena = arena, .table = table};
    uint8_t counts[GS_PROFILES_MAX] = {0};
    const struct sums nothing = {{0}};
    list_limits(&b);
    walk(&b, 0, 0, 0, counts, &nothing);
    if (b.failed) {
        return b.n >= GS_STATES_MAX
                   ? gs_fail(err, GS_LIMIT, "%s has more than %d states", model->id, GS_STATES_MAX)
                   : gs_fail(err, GS_NO_MEMORY, "no memory for the states of %s", model->id);
    }
    qsort(b.sets, b.n, sizeof(*b.sets), compare_sets);
    table->sets = b.sets;
    table->n_states = (unsigned)b.n;
    if (!link_states(arena, table) || !group_states(arena, table)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state table of %s", model->id);
    }
    *ret_table = table;
    return 0;
}

uint16_t gs_statetable_find(const struct gs_statetable *table, uint64_t set)
{
    unsigned low = 0;
    unsigned high = table->n_states;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        if (table->sets[mid] < set) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    bool found = low < table->n_states && table->sets[low] == set;
    return found ? (uint16_t)low : GS_STATE_NONE;
}

int gs_statetable_placement(const struct gs_statetable *table, unsigned profile, unsigned start)
{
    for (unsigned i = 0; i < table->n_placements; i++) {
        if (table->placements[i].profile == profile && table->placements[i].start == start) {
            return (int)i;
        }
    }
    return -1;
}

int gs_statetable_multiset(const struct gs_statetable *table, const uint8_t *counts)
{
    struct gs_multiset wanted = {0};
    memcpy(wanted.counts, counts, table->model->n_profiles);
    const struct gs_multiset *found =
        bsearch(&wanted, table->multisets, table->n_multisets, sizeof(wanted), compare_multisets);
    return found == NULL ? -1 : (int)(found - table->multisets);
}

bool gs_statetable_is_full(const struct gs_statetable *table, uint16_t state)
{
    return gs_statetable_freedom(table, state) == 0;
}

unsigned gs_statetable_freedom(const struct gs_statetable *table, uint16_t state)
{
    const uint16_t *next = table->next + (size_t)state * table->n_placements;
    unsigned n = 0;
    for (unsigned i = 0; i < table->n_placements; i++) {
        n += next[i] != GS_STATE_NONE;
    }
    return n;
}
