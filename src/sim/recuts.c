#include "sim/recuts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
enum { COST_MAX = 1 << 27 };

/* ------------------------------------------------------------------ classes */

static uint16_t with(const struct gs_statetable *states, uint16_t state, unsigned placement)
{
    return states->next[(size_t)state * states->n_placements + placement];
}

/* The members of `all` that are in `some`, as the bits of a small number. */
static uint32_t number_of(uint64_t all, uint64_t some)
{
    uint32_t number = 0;
    for (unsigned k = 0; all != 0; all &= all - 1, k++) {
        number |= (some & all & -all) != 0 ? 1u << k : 0;
    }
    return number;
}

static uint64_t members_of(uint64_t all, uint32_t number)
{
    uint64_t some = 0;
    for (; all != 0; all &= all - 1, number >>= 1) {
        some |= (number & 1u) != 0 ? all & -all : 0;
    }
    return some;
}

/* How few of `idle` have to go for those in `state`. */
static unsigned fewest_gone(const struct gs_statetable *states, uint16_t state, uint64_t idle)
{
    if (idle == 0) {
        return 0;
    }
    uint64_t rest = idle & (idle - 1);
    uint16_t kept = with(states, state, (unsigned)__builtin_ctzll(idle));
    unsigned keep = kept == GS_STATE_NONE ? UINT32_MAX : fewest_gone(states, kept, rest);
    if (keep <= 1) {
        return keep;
    }
    unsigned drop = 1 + fewest_gone(states, state, rest);
    return keep < drop ? keep : drop;
}

/* ------------------------------------------------------------------ the table */

/* The lower the better; the class is in it, so that all differ. */
static uint64_t key_of(unsigned gone, int32_t cost, uint32_t class)
{
    assert(gone < 16 && cost >= -COST_MAX && cost < COST_MAX);
    return (uint64_t)gone << 60 | (uint64_t)(cost + COST_MAX) << 32 | class;
}

/* The best place of a profile in a class. False: there is no room. */
static bool best_place(const struct gs_policy_table *decisions, uint16_t used, uint64_t idle,
                       unsigned profile, unsigned *ret_gone, int32_t *ret_cost, uint8_t *ret_place)
{
    const struct gs_statetable *states = decisions->states;
    bool found = false;
    for (unsigned i = 0; i < states->n_placements; i++) {
        if (states->placements[i].profile != profile || with(states, used, i) == GS_STATE_NONE) {
            continue;
        }
        unsigned gone = fewest_gone(states, with(states, used, i), idle & ~(1ull << i));
        int32_t cost = decisions->policy->cost(states, used, i);
        if (!found || gone < *ret_gone || (gone == *ret_gone && cost < *ret_cost)) {
            found = true;
            *ret_gone = gone;
            *ret_cost = cost;
            *ret_place = (uint8_t)i;
        }
    }
    return found;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Ranks the classes for one profile. */
static void rank(const struct gs_policy_table *decisions, const uint32_t *first, uint32_t n_classes,
                 unsigned profile, uint64_t *keys, uint32_t *ranks, uint32_t *by_rank,
                 uint8_t *places)
{
    const struct gs_statetable *states = decisions->states;
    size_t n = 0;
    for (unsigned s = 0; s < states->n_states; s++) {
        uint64_t all = states->sets[s];
        for (uint32_t k = 0; k < 1u << __builtin_popcountll(all); k++) {
            uint64_t used = members_of(all, k);
            uint32_t class = first[s] + k;
            size_t cell = (size_t) class * decisions->n_profiles + profile;
            unsigned gone = 0;
            int32_t cost = 0;
            ranks[cell] = NONE;
            if (best_place(decisions, gs_statetable_find(states, used), all & ~used, profile, &gone,
                           &cost, &places[cell])) {
                keys[n++] = key_of(gone, cost, class);
            }
        }
    }
    qsort(keys, n, sizeof(*keys), compare);
    for (uint32_t r = 0; r < n; r++) {
        uint32_t class = (uint32_t)keys[r];
        ranks[(size_t) class * decisions->n_profiles + profile] = r;
        by_rank[(size_t)profile * n_classes + r] = class;
    }
}

int gs_sim_recut_table_new(struct gs_arena *arena, const struct gs_policy_table *decisions,
                           const struct gs_sim_recut_table **ret_table, struct gs_err *err)
{
    const struct gs_statetable *states = decisions->states;
    struct gs_sim_recut_table *table = GS_ARENA_NEW(arena, struct gs_sim_recut_table, 1);
    uint32_t *first = GS_ARENA_NEW(arena, uint32_t, states->n_states);
    uint32_t n = 0;
    for (unsigned s = 0; first != NULL && s < states->n_states; s++) {
        first[s] = n;
        n += 1u << __builtin_popcountll(states->sets[s]);
    }
    size_t cells = (size_t)n * decisions->n_profiles;
    uint32_t *ranks = GS_ARENA_NEW(arena, uint32_t, cells);
    uint32_t *by_rank = GS_ARENA_NEW(arena, uint32_t, cells);
    uint8_t *places = GS_ARENA_NEW(arena, uint8_t, cells);
    uint64_t *keys = GS_ARENA_NEW(arena, uint64_t, n);
    if (table == NULL || first == NULL || ranks == NULL || by_rank == NULL || places == NULL ||
        keys == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the ways to cut a GPU anew");
    }
    for (unsigned p = 0; p < decisions->n_profiles; p++) {
        rank(decisions, first, n, p, keys, ranks, by_rank, places);
    }
    *table = (struct gs_sim_recut_table){.decisions = decisions,
                                         .n_classes = n,
                                         .first = first,
                                         .rank = ranks,
                                         .by_rank = by_rank,
                                         .placement = places};
    *ret_table = table;
    return 0;
}

/* ------------------------------------------------------------------ the GPUs */

static bool take_gpus(struct gs_sim_recuts *recuts, struct gs_arena *arena, uint32_t cap)
{
    recuts->links = GS_ARENA_NEW(arena, struct gs_sim_recut_link, cap);
    if (recuts->links == NULL) {
        return false;
    }
    recuts->cap = cap;
    memset(recuts->links, 0xff, cap * sizeof(*recuts->links));
    return true;
}

bool gs_sim_recuts_init(struct gs_sim_recuts *recuts, struct gs_arena *arena,
                        const struct gs_sim_recut_table *table, uint32_t cap)
{
    *recuts = (struct gs_sim_recuts){.table = table};
    recuts->head = GS_ARENA_NEW(arena, uint32_t, 2 * (size_t)table->n_classes);
    if (recuts->head == NULL || !take_gpus(recuts, arena, cap)) {
        return false;
    }
    recuts->tail = recuts->head + table->n_classes;
    memset(recuts->head, 0xff, 2 * (size_t)table->n_classes * sizeof(*recuts->head));
    for (unsigned p = 0; p < table->decisions->n_profiles; p++) {
        if (!gs_bitset_init(&recuts->has[p], arena, table->n_classes)) {
            return false;
        }
    }
    return true;
}

/* A class has its first GPU, or has lost its last one. */
static void tell(struct gs_sim_recuts *recuts, uint32_t class, bool has)
{
    const struct gs_sim_recut_table *table = recuts->table;
    unsigned n = table->decisions->n_profiles;
    for (unsigned p = 0; p < n; p++) {
        uint32_t rank = table->rank[(size_t) class * n + p];
        if (rank != NONE && has) {
            gs_bitset_add(&recuts->has[p], rank);
        } else if (rank != NONE) {
            gs_bitset_drop(&recuts->has[p], rank);
        }
    }
}

static void append(struct gs_sim_recuts *recuts, uint32_t gpu, uint32_t class)
{
    uint32_t last = recuts->tail[class];
    recuts->links[gpu] = (struct gs_sim_recut_link){.next = NONE, .before = last, .class = class};
    recuts->tail[class] = gpu;
    if (last == NONE) {
        recuts->head[class] = gpu;
        tell(recuts, class, true);
    } else {
        recuts->links[last].next = gpu;
    }
}

void gs_sim_recuts_drop(struct gs_sim_recuts *recuts, uint32_t gpu)
{
    struct gs_sim_recut_link *link = &recuts->links[gpu];
    if (link->class == NONE) {
        return;
    }
    *(link->before == NONE ? &recuts->head[link->class] : &recuts->links[link->before].next) =
        link->next;
    *(link->next == NONE ? &recuts->tail[link->class] : &recuts->links[link->next].before) =
        link->before;
    if (recuts->head[link->class] == NONE) {
        tell(recuts, link->class, false);
    }
    link->class = NONE;
}

void gs_sim_recuts_file(struct gs_sim_recuts *recuts, uint32_t gpu, uint16_t there, uint16_t used)
{
    const struct gs_sim_recut_table *table = recuts->table;
    const uint64_t *sets = table->decisions->states->sets;
    uint32_t class = table->first[there] + number_of(sets[there], sets[used]);
    if (recuts->links[gpu].class != class) {
        gs_sim_recuts_drop(recuts, gpu);
        append(recuts, gpu, class);
    }
}

bool gs_sim_recuts_find(const struct gs_sim_recuts *recuts, unsigned profile,
                        struct gs_slot *ret_slot)
{
    const struct gs_sim_recut_table *table = recuts->table;
    uint32_t rank = gs_bitset_first(&recuts->has[profile]);
    if (rank == GS_BITSET_NONE) {
        return false;
    }
    uint32_t class = table->by_rank[(size_t)profile * table->n_classes + rank];
    size_t cell = (size_t) class * table->decisions->n_profiles + profile;
    *ret_slot = (struct gs_slot){.gpu = recuts->head[class], .placement = table->placement[cell]};
    return true;
}

bool gs_sim_recuts_renumber(struct gs_sim_recuts *recuts, struct gs_arena *arena,
                            const uint32_t *new_gpu, uint32_t cap, uint32_t *scratch)
{
    size_t n = 0;
    for (uint32_t class = 0; class < recuts->table->n_classes; class ++) {
        uint32_t gpu = recuts->head[class];
        for (; gpu != NONE; gpu = recuts->links[gpu].next) {
            scratch[n++] = new_gpu[gpu];
            scratch[n++] = class;
        }
        if (recuts->head[class] != NONE) {
            tell(recuts, class, false);
        }
        recuts->head[class] = recuts->tail[class] = NONE;
    }
    memset(recuts->links, 0xff, recuts->cap * sizeof(*recuts->links));
    if (cap != recuts->cap && !take_gpus(recuts, arena, cap)) {
        return false;
    }
    for (size_t i = 0; i < n; i += 2) {
        append(recuts, scratch[i], scratch[i + 1]);
    }
    return true;
}
