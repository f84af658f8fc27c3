#include "decide/kind.h"

#include <string.h>

static uint16_t state_of(const struct gs_kind *kind, uint64_t set)
{
    return gs_statetable_find(kind->states, set);
}

static uint16_t with(const struct gs_kind *kind, uint16_t state, unsigned placement)
{
    return kind->states->next[(size_t)state * kind->states->n_placements + placement];
}

static bool larger(const struct gs_profile *a, const struct gs_profile *b)
{
    if (a->memory_units != b->memory_units) {
        return a->memory_units > b->memory_units;
    }
    return a->compute_slices > b->compute_slices;
}

static void order_profiles(struct gs_kind *kind)
{
    const struct gs_profile *profiles = kind->model->profiles;
    for (unsigned p = 0; p < kind->model->n_profiles; p++) {
        unsigned at = p;
        for (; at > 0 && larger(&profiles[p], &profiles[kind->by_size[at - 1]]); at--) {
            kind->by_size[at] = kind->by_size[at - 1];
        }
        kind->by_size[at] = (uint8_t)p;
    }
}

static void index_placements(struct gs_kind *kind)
{
    memset(kind->index, GS_PLACEMENT_NONE, sizeof(kind->index));
    for (unsigned i = 0; i < kind->states->n_placements; i++) {
        const struct gs_placement *placement = &kind->states->placements[i];
        kind->index[placement->profile][placement->start] = (uint8_t)i;
    }
}

static int make_tables(struct gs_arena *arena, struct gs_kind *kind, struct gs_err *err)
{
    const struct gs_statetable *states;
    int r = gs_statetable_new(arena, kind->model, GS_ALL_PROFILES, &states, err);
    if (r == GS_UNKNOWN || r == GS_LIMIT) {
        return 0; /* never cut */
    }
    if (r < 0) {
        return r;
    }
    size_t n;
    r = gs_policy_table_new(arena, states, gs_policies(&n), &kind->policy, err);
    if (r < 0) {
        return r;
    }
    kind->rows = GS_ARENA_NEW(arena, struct gs_kind_row, GS_KIND_ROWS);
    if (kind->rows == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for decisions on %s", kind->model->id);
    }
    kind->states = states;
    index_placements(kind);
    order_profiles(kind);
    return 0;
}

int gs_kind_of(struct gs_decider *decider, const struct gs_model *model, struct gs_kind **ret,
               struct gs_err *err)
{
    if (decider->last != NULL && decider->last->model == model) {
        *ret = decider->last;
        return 0;
    }
    for (unsigned k = 0; k < decider->n_kinds; k++) {
        if (decider->kinds[k].model == model) {
            *ret = decider->last = &decider->kinds[k];
            return 0;
        }
    }
    if (decider->n_kinds == GS_KINDS_OF_GPU_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d models of GPU in one cluster",
                       GS_KINDS_OF_GPU_MAX);
    }
    struct gs_arena_mark mark = gs_arena_mark(decider->arena);
    struct gs_kind kind = {.model = model};
    int r = make_tables(decider->arena, &kind, err);
    if (r < 0) {
        gs_arena_rewind(decider->arena, mark);
        return r;
    }
    decider->kinds[decider->n_kinds] = kind;
    *ret = decider->last = &decider->kinds[decider->n_kinds++];
    return 0;
}

bool gs_kind_cut_of(const struct gs_kind *kind, const struct gs_decide_gpu *gpu,
                    struct gs_kind_cut *ret)
{
    if (kind->states == NULL || gpu->model != kind->model || !gpu->mig ||
        gpu->n_slices > GS_MEMORY_UNITS_MAX) {
        return false;
    }
    struct gs_kind_cut cut = {0};
    for (unsigned s = 0; s < gpu->n_slices; s++) {
        const struct gs_placement *placement = &gpu->slices[s].placement;
        if (placement->profile >= GS_PROFILES_MAX || placement->start >= GS_MEMORY_UNITS_MAX) {
            return false;
        }
        unsigned i = kind->index[placement->profile][placement->start];
        if (i == GS_PLACEMENT_NONE) {
            return false;
        }
        *(gpu->slices[s].state == GS_DECIDE_IDLE ? &cut.idle : &cut.fixed) |= 1ull << i;
    }
    *ret = cut;
    return true;
}

uint64_t gs_kind_forced(const struct gs_kind *kind, uint64_t must, uint64_t idle)
{
    uint16_t state = state_of(kind, must);
    uint64_t forced = 0;
    for (uint64_t rest = idle; rest != 0; rest &= rest - 1) {
        if (with(kind, state, (unsigned)__builtin_ctzll(rest)) == GS_STATE_NONE) {
            forced |= rest & -rest;
        }
    }
    return forced;
}

bool gs_kind_choose(uint64_t from, unsigned size, uint32_t *mask, uint64_t *ret_bits)
{
    unsigned n = (unsigned)__builtin_popcountll(from);
    if (size == 0 || size > n) {
        return false;
    }
    if (*mask == 0) {
        *mask = (1u << size) - 1u;
    } else { /* the next number with as many bits */
        uint32_t low = *mask & -*mask;
        uint32_t up = *mask + low;
        *mask = ((up ^ *mask) >> 2) / low | up;
    }
    if (*mask >> n != 0) {
        return false;
    }
    uint64_t bits = 0;
    for (unsigned k = 0; k < n; k++, from &= from - 1) {
        bits |= (*mask >> k & 1u) != 0 ? from & -from : 0;
    }
    *ret_bits = bits;
    return true;
}

/* The fewest idle slices that have to go for `must`. */
static unsigned fewest_destroys(const struct gs_kind *kind, uint64_t must, uint64_t idle)
{
    uint64_t forced = gs_kind_forced(kind, must, idle);
    uint64_t rest = idle & ~forced;
    unsigned n = (unsigned)__builtin_popcountll(forced);
    if (state_of(kind, must | rest) != GS_STATE_NONE) {
        return n;
    }
    for (unsigned more = 1;; more++) {
        uint64_t gone;
        for (uint32_t mask = 0; gs_kind_choose(rest, more, &mask, &gone);) {
            if (state_of(kind, must | (rest & ~gone)) != GS_STATE_NONE) {
                return n + more;
            }
        }
    }
}

/* How many of the profile fit beside a state; those of lower placement are not asked for again. */
static unsigned most_beside(const struct gs_kind *kind, uint16_t state, unsigned first,
                            unsigned profile)
{
    const struct gs_statetable *states = kind->states;
    unsigned most = 0;
    for (unsigned i = first; i < states->n_placements && states->placements[i].profile == profile;
         i++) {
        uint16_t next = with(kind, state, i);
        unsigned n = next == GS_STATE_NONE ? 0 : 1 + most_beside(kind, next, i + 1, profile);
        most = n > most ? n : most;
    }
    return most;
}

uint64_t gs_kind_in_the_way(const struct gs_kind *kind, uint64_t fixed, unsigned profile)
{
    uint16_t all = state_of(kind, fixed);
    bool has_room = all != GS_STATE_NONE && (kind->policy->fits[all] >> profile & 1u) != 0;
    for (unsigned n = 1; !has_room && n <= (unsigned)__builtin_popcountll(fixed); n++) {
        uint64_t gone;
        for (uint32_t mask = 0; gs_kind_choose(fixed, n, &mask, &gone);) {
            uint16_t state = state_of(kind, fixed & ~gone);
            if (state != GS_STATE_NONE && (kind->policy->fits[state] >> profile & 1u) != 0) {
                return gone;
            }
        }
    }
    return 0;
}

static void bid_with(const struct gs_kind *kind, struct gs_kind_row *row, uint16_t fixed,
                     unsigned placement)
{
    uint16_t state = with(kind, fixed, placement);
    if (state == GS_STATE_NONE || (row->cut.idle >> placement & 1u) != 0) {
        return;
    }
    uint64_t must = row->cut.fixed | 1ull << placement;
    unsigned destroys = fewest_destroys(kind, must, row->cut.idle);
    int32_t cost = kind->policy->policy->cost(kind->states, fixed, placement);
    struct gs_decide_bid *bid = &row->bids[kind->states->placements[placement].profile];
    if (destroys < bid->destroys || (destroys == bid->destroys && cost < bid->cost)) {
        bid->destroys = (uint8_t)destroys;
        bid->cost = cost;
    }
}

static uint8_t count_in_the_way(const struct gs_kind *kind, uint64_t fixed, unsigned profile)
{
    uint64_t gone = gs_kind_in_the_way(kind, fixed, profile);
    return gone == 0 ? GS_BID_NONE : (uint8_t)__builtin_popcountll(gone);
}

static void fill_row(const struct gs_kind *kind, struct gs_kind_row *row)
{
    const struct gs_statetable *states = kind->states;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        row->bids[p] =
            (struct gs_decide_bid){.cost = INT32_MAX, .destroys = GS_BID_NONE, .held = GS_BID_NONE};
    }
    uint16_t fixed = state_of(kind, row->cut.fixed);
    if (fixed == GS_STATE_NONE || state_of(kind, row->cut.fixed | row->cut.idle) == GS_STATE_NONE) {
        return; /* a cut that the catalogue does not know */
    }
    for (unsigned i = 0; i < states->n_placements; i++) {
        unsigned p = states->placements[i].profile;
        bid_with(kind, row, fixed, i);
        if (i == 0 || states->placements[i - 1].profile != p) {
            row->bids[p].most = (uint16_t)most_beside(kind, fixed, i, p);
            row->bids[p].held =
                row->bids[p].most > 0 ? 0 : count_in_the_way(kind, row->cut.fixed, p);
        }
    }
}

const struct gs_kind_row *gs_kind_row(struct gs_kind *kind, struct gs_kind_cut cut)
{
    uint64_t hash = (cut.fixed * 0x9E3779B97F4A7C15u ^ cut.idle) * 0xBF58476D1CE4E5B9u;
    struct gs_kind_row *row = &kind->rows[(hash >> 40) & (GS_KIND_ROWS - 1)];
    if (!row->used || row->cut.fixed != cut.fixed || row->cut.idle != cut.idle) {
        row->used = true;
        row->cut = cut;
        fill_row(kind, row);
    }
    return row;
}
