#include "core/transition.h"

#include <assert.h>
#include <stdlib.h>

const char *gs_step_word(enum gs_step_kind kind)
{
    switch (kind) {
    case GS_STEP_DESTROY:
        return "destroy";
    case GS_STEP_CREATE:
        return "create";
    }
    return "";
}

/* A sort key: multiset, then freedom (most first), then occupied units, then the state itself;
 * states are numbered by ascending set. */
static uint64_t order_key(const struct gs_statetable *table, uint16_t state)
{
    uint64_t bound = GS_PLACEMENTS_MAX - gs_statetable_freedom(table, state);
    return (uint64_t)table->multiset[state] << 48 | bound << 32 |
           (uint64_t)table->occupied[state] << 16 | state;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int gs_transition_index_init(struct gs_arena *arena, const struct gs_statetable *table,
                             struct gs_transition_index *ret_index, struct gs_err *err)
{
    uint16_t *order = GS_ARENA_NEW(arena, uint16_t, table->n_states);
    uint16_t *firsts = GS_ARENA_NEW(arena, uint16_t, table->n_multisets + 1);
    struct gs_arena_mark mark = gs_arena_mark(arena);
    uint64_t *keys = GS_ARENA_NEW(arena, uint64_t, table->n_states);
    if (order == NULL || firsts == NULL || keys == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the transitions of %s", table->model->id);
    }
    for (unsigned s = 0; s < table->n_states; s++) {
        keys[s] = order_key(table, (uint16_t)s);
    }
    qsort(keys, table->n_states, sizeof(*keys), compare_keys);
    for (unsigned k = 0; k < table->n_states; k++) {
        order[k] = (uint16_t)keys[k];
        firsts[table->multiset[order[k]] + 1] = (uint16_t)(k + 1);
    }
    gs_arena_rewind(arena, mark);
    *ret_index = (struct gs_transition_index){.table = table, .order = order, .firsts = firsts};
    return 0;
}

uint16_t gs_transition_target(const struct gs_transition_index *index, uint16_t from,
                              uint64_t in_use, unsigned multiset)
{
    const uint64_t *sets = index->table->sets;
    assert((in_use & ~sets[from]) == 0);
    uint16_t best = GS_STATE_NONE;
    int most_kept = -1;
    for (unsigned k = index->firsts[multiset]; k < index->firsts[multiset + 1]; k++) {
        uint16_t state = index->order[k];
        int kept = __builtin_popcountll(sets[state] & sets[from]);
        if ((in_use & ~sets[state]) == 0 && kept > most_kept) {
            best = state;
            most_kept = kept;
        }
    }
    return best;
}

uint64_t gs_transition_blockers(const struct gs_transition_index *index, uint64_t in_use,
                                unsigned multiset)
{
    uint64_t fewest = in_use;
    for (unsigned k = index->firsts[multiset]; k < index->firsts[multiset + 1]; k++) {
        uint64_t blocking = in_use & ~index->table->sets[index->order[k]];
        if (__builtin_popcountll(blocking) < __builtin_popcountll(fewest)) {
            fewest = blocking;
        }
    }
    return fewest;
}

/* The way between two states: where it is, and what is still to be done. */
struct walk {
    const struct gs_statetable *table;
    uint16_t state;
    uint64_t destroys;
    uint64_t creates;
    struct gs_transition *out;
};

static void emit(struct walk *walk, enum gs_step_kind kind, unsigned placement)
{
    const struct gs_statetable *table = walk->table;
    bool create = kind == GS_STEP_CREATE;
    const uint16_t *leads_to = create ? table->next : table->prev;
    walk->state = leads_to[(size_t)walk->state * table->n_placements + placement];
    assert(walk->state != GS_STATE_NONE);
    walk->creates &= ~(1ull << placement);
    walk->destroys &= ~(1ull << placement);
    struct gs_transition *out = walk->out;
    assert(out->n_steps < GS_STEPS_MAX);
    out->steps[out->n_steps++] = (struct gs_step){
        .kind = kind,
        .placement = table->placements[placement],
    };
    out->n_destroys += !create;
}

/* The slices still to be destroyed that lie on the place of `placement`. */
static uint64_t in_the_way(const struct walk *walk, unsigned placement)
{
    uint64_t found = 0;
    for (uint64_t rest = walk->destroys; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        if ((walk->table->placements[i].span & walk->table->placements[placement].span) != 0) {
            found |= 1ull << i;
        }
    }
    return found;
}

/* How far a create is from being possible: destroys that it waits for, 0 when it can be done. One
 * that nothing lies on and that still breaks a limit of the whole GPU comes behind all others. */
static unsigned waits_for(const struct walk *walk, unsigned placement)
{
    size_t cell = (size_t)walk->state * walk->table->n_placements + placement;
    if (walk->table->next[cell] != GS_STATE_NONE) {
        return 0;
    }
    uint64_t found = in_the_way(walk, placement);
    return found != 0 ? (unsigned)__builtin_popcountll(found) : GS_PLACEMENTS_MAX;
}

static bool comes_before(struct gs_placement a, struct gs_placement b)
{
    int size_a = __builtin_popcount(a.span);
    int size_b = __builtin_popcount(b.span);
    return size_a != size_b ? size_a > size_b : a.start < b.start;
}

static unsigned nearest_create(const struct walk *walk, unsigned *ret_waits)
{
    const struct gs_placement *placements = walk->table->placements;
    unsigned best = 0;
    unsigned best_waits = UINT32_MAX;
    for (uint64_t rest = walk->creates; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        unsigned waits = waits_for(walk, i);
        if (waits < best_waits ||
            (waits == best_waits && comes_before(placements[i], placements[best]))) {
            best = i;
            best_waits = waits;
        }
    }
    *ret_waits = best_waits;
    return best;
}

static unsigned lowest_start(const struct gs_statetable *table, uint64_t set)
{
    assert(set != 0);
    unsigned best = (unsigned)__builtin_ctzll(set);
    for (uint64_t rest = set; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        if (table->placements[i].start < table->placements[best].start) {
            best = i;
        }
    }
    return best;
}

void gs_transition_steps(const struct gs_statetable *table, uint16_t from, uint16_t to,
                         struct gs_transition *ret_transition)
{
    *ret_transition = (struct gs_transition){.from = from, .to = to};
    struct walk walk = {
        .table = table,
        .state = from,
        .destroys = table->sets[from] & ~table->sets[to],
        .creates = table->sets[to] & ~table->sets[from],
        .out = ret_transition,
    };
    while (walk.creates != 0) {
        unsigned waits;
        unsigned create = nearest_create(&walk, &waits);
        if (waits == 0) {
            emit(&walk, GS_STEP_CREATE, create);
            continue;
        }
        uint64_t found = in_the_way(&walk, create);
        emit(&walk, GS_STEP_DESTROY, lowest_start(table, found != 0 ? found : walk.destroys));
    }
    while (walk.destroys != 0) {
        emit(&walk, GS_STEP_DESTROY, lowest_start(table, walk.destroys));
    }
}

static int fail_infeasible(const struct gs_model *model, const uint8_t *counts, struct gs_err *err)
{
    char wanted[GS_LAYOUT_TEXT_MAX + 1];
    gs_layout_counts_format(model, counts, wanted);
    int r = gs_layout_check_counts(model, counts, err);
    if (r == 0) {
        r = gs_fail(err, GS_INFEASIBLE, "no choice of places holds them all");
    }
    return gs_wrap(err, r, "%s does not fit one %s, not even an empty one", wanted, model->id);
}

static int fail_busy(const struct gs_statetable *table, const struct gs_layout_goal *goal,
                     uint64_t blockers, struct gs_err *err)
{
    char wanted[GS_LAYOUT_TEXT_MAX + 1];
    char blocking[GS_LAYOUT_TEXT_MAX + 1];
    if (goal->placed) {
        gs_layout_format(table->model, &goal->layout, wanted);
    } else {
        gs_layout_counts_format(table->model, goal->counts, wanted);
    }
    struct gs_layout layout;
    gs_layout_from_set(table, blockers, 0, &layout);
    gs_layout_format(table->model, &layout, blocking);
    bool one = layout.n_slices == 1;
    return gs_fail(err, GS_BUSY,
                   "%s %s in use and %s in the way of %s; wait until %s free, or ask for a layout "
                   "that keeps %s",
                   blocking, one ? "is" : "are", one ? "stands" : "stand",
                   wanted[0] == '\0' ? "an empty GPU" : wanted, one ? "it is" : "they are",
                   one ? "it" : "them");
}

static int check_profiles(const struct gs_statetable *table, const uint8_t *counts,
                          struct gs_err *err)
{
    for (unsigned p = 0; p < table->model->n_profiles; p++) {
        if (counts[p] > 0 && (table->profiles >> p & 1u) == 0) {
            return gs_fail(err, GS_INVALID, "%s takes no part in the state table of %s",
                           table->model->profiles[p].name, table->model->id);
        }
    }
    return 0;
}

/* The final state, and when there is none, what stands in the way. */
static int find_target(const struct gs_transition_index *index, uint16_t from, uint64_t in_use,
                       const struct gs_layout_goal *goal, uint16_t *ret_to, uint64_t *ret_blockers,
                       struct gs_err *err)
{
    const struct gs_statetable *table = index->table;
    if (goal->placed) {
        uint64_t none;
        int r = gs_layout_state(table, &goal->layout, ret_to, &none, err);
        *ret_blockers = r == 0 ? in_use & ~table->sets[*ret_to] : 0;
        return r;
    }
    int r = check_profiles(table, goal->counts, err);
    if (r < 0) {
        return r;
    }
    int multiset = gs_statetable_multiset(table, goal->counts);
    if (multiset < 0) {
        return fail_infeasible(table->model, goal->counts, err);
    }
    *ret_to = gs_transition_target(index, from, in_use, (unsigned)multiset);
    *ret_blockers =
        *ret_to == GS_STATE_NONE ? gs_transition_blockers(index, in_use, (unsigned)multiset) : 0;
    return 0;
}

int gs_transition_plan(const struct gs_transition_index *index, const struct gs_layout *from,
                       const struct gs_layout_goal *goal, struct gs_transition *ret_transition,
                       struct gs_err *err)
{
    uint16_t start;
    uint64_t in_use;
    int r = gs_layout_state(index->table, from, &start, &in_use, err);
    if (r < 0) {
        return gs_wrap(err, r, "what the GPU has");
    }
    uint16_t to = GS_STATE_NONE;
    uint64_t blockers = 0;
    r = find_target(index, start, in_use, goal, &to, &blockers, err);
    if (r < 0) {
        return gs_wrap(err, r, "what is wanted");
    }
    if (blockers != 0) {
        return fail_busy(index->table, goal, blockers, err);
    }
    gs_transition_steps(index->table, start, to, ret_transition);
    return 0;
}
