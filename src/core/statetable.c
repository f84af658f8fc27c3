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

/* States by their set, for the many look-ups while the table is linked. */
struct index {
    uint16_t *slots; /* open addressing; GS_STATE_NONE: free. At most half are taken */
    unsigned mask;
    const uint64_t *sets;
};

static unsigned first_slot(const struct index *index, uint64_t set)
{
    return (unsigned)(set * 0x9e3779b97f4a7c15ull >> 40) & index->mask;
}

static bool make_index(struct gs_arena *arena, const struct gs_statetable *table,
                       struct index *index)
{
    unsigned n = 16;
    while (n < 2 * table->n_states) {
        n *= 2;
    }
    *index = (struct index){.slots = GS_ARENA_NEW(arena, uint16_t, n), .mask = n - 1};
    if (index->slots == NULL) {
        return false;
    }
    memset(index->slots, 0xFF, n * sizeof(*index->slots));
    index->sets = table->sets;
    for (unsigned s = 0; s < table->n_states; s++) {
        unsigned at = first_slot(index, table->sets[s]);
        while (index->slots[at] != GS_STATE_NONE) {
            at = (at + 1) & index->mask;
        }
        index->slots[at] = (uint16_t)s;
    }
    return true;
}

static uint16_t look_up(const struct index *index, uint64_t set)
{
    unsigned at = first_slot(index, set);
    while (index->slots[at] != GS_STATE_NONE && index->sets[index->slots[at]] != set) {
        at = (at + 1) & index->mask;
    }
    return index->slots[at];
}

static bool link_states(struct gs_arena *arena, struct gs_statetable *table)
{
    size_t cells = (size_t)table->n_states * table->n_placements;
    uint16_t *occupied = GS_ARENA_NEW(arena, uint16_t, table->n_states);
    uint16_t *next = gs_arena_get_raw(arena, cells, sizeof(*next));
    uint16_t *prev = gs_arena_get_raw(arena, cells, sizeof(*prev));
    struct gs_arena_mark mark = gs_arena_mark(arena);
    struct index index;
    if (occupied == NULL || next == NULL || prev == NULL || !make_index(arena, table, &index)) {
        return false;
    }
    memset(next, 0xFF, cells * sizeof(*next));
    memset(prev, 0xFF, cells * sizeof(*prev));
    for (unsigned s = 0; s < table->n_states; s++) {
        for (uint64_t rest = table->sets[s]; rest != 0; rest &= rest - 1) {
            unsigned i = (unsigned)__builtin_ctzll(rest);
            uint16_t without = look_up(&index, table->sets[s] & ~(1ull << i));
            assert(without != GS_STATE_NONE);
            occupied[s] |= table->placements[i].span;
            prev[(size_t)s * table->n_placements + i] = without;
            next[(size_t)without * table->n_placements + i] = (uint16_t)s;
        }
    }
    gs_arena_rewind(arena, mark);
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

/* The multisets while they are found, in order. There are few of them beside the states, so that
 * finding a place for each state costs less than sorting all states. */
static unsigned find_or_insert(struct gs_multiset *all, unsigned *n, const struct gs_multiset *one)
{
    unsigned low = 0;
    unsigned high = *n;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        int order = compare_multisets(&all[mid], one);
        if (order == 0) {
            return mid;
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }
    memmove(&all[low + 1], &all[low], (*n - low) * sizeof(*all));
    all[low] = *one;
    (*n)++;
    return low;
}

/* States come in ascending order of their sets, so the first of equals stays. */
static bool is_better_cut(const struct gs_statetable *table, const uint8_t *freedom,
                          unsigned candidate, uint16_t holder)
{
    if (holder == GS_STATE_NONE) {
        return true;
    }
    if (freedom[candidate] != freedom[holder]) {
        return freedom[candidate] > freedom[holder];
    }
    return table->occupied[candidate] < table->occupied[holder];
}

static bool group_states(struct gs_arena *arena, struct gs_statetable *table)
{
    struct gs_multiset *all = GS_ARENA_NEW(arena, struct gs_multiset, table->n_states);
    uint16_t *multiset = GS_ARENA_NEW(arena, uint16_t, table->n_states);
    uint8_t *freedom = GS_ARENA_NEW(arena, uint8_t, table->n_states);
    if (all == NULL || multiset == NULL || freedom == NULL) {
        return false;
    }
    unsigned n = 0;
    for (unsigned s = 0; s < table->n_states; s++) {
        struct gs_multiset one = {.state = GS_STATE_NONE};
        count_profiles(table, table->sets[s], one.counts);
        find_or_insert(all, &n, &one);
        freedom[s] = (uint8_t)gs_statetable_freedom(table, (uint16_t)s);
    }
    mark_maximal(all, n);
    for (unsigned s = 0; s < table->n_states; s++) {
        struct gs_multiset one = {0};
        count_profiles(table, table->sets[s], one.counts);
        unsigned m = find_or_insert(all, &n, &one);
        multiset[s] = (uint16_t)m;
        if (is_better_cut(table, freedom, s, all[m].state)) {
            all[m].state = (uint16_t)s;
        }
    }
    table->multisets = all;
    table->n_multisets = n;
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
