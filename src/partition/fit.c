#include "partition/fit.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

/* A value of an assignment: compute instances kept first, then steps saved. */
enum { KEPT = 4096, NEVER = INT_MIN };

static bool matches(const struct gs_compute_instance *ci, const struct gs_geometry_ci *want)
{
    return want->exact ? ci->profile == want->profile : gs_geometry_slices_of(ci) == want->slices;
}

/* Gives each compute instance of `these` (bit j) one of the wanted ones that are still free. */
static void match(const struct gs_gpu_instance *gi, unsigned these,
                  const struct gs_geometry_gi *want, struct gs_fit_pair *pair)
{
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if ((these >> j & 1u) == 0) {
            continue;
        }
        for (unsigned w = 0; w < want->n_cis; w++) {
            if ((pair->missing >> w & 1u) != 0 && matches(&gi->compute[j], &want->cis[w])) {
                pair->missing = (uint8_t)(pair->missing & ~(1u << w));
                pair->kept = (uint8_t)(pair->kept | 1u << j);
                break;
            }
        }
    }
}

static struct gs_fit_pair compare(const struct gs_gpu_instance *gi, unsigned busy,
                                  const struct gs_geometry_gi *want, bool renew)
{
    unsigned all = (1u << gi->n_compute) - 1u;
    struct gs_fit_pair pair = {.missing = (uint8_t)((1u << want->n_cis) - 1u)};
    match(gi, busy, want, &pair);
    match(gi, all & ~busy, want, &pair);
    pair.possible = (busy & ~(unsigned)pair.kept) == 0;
    if (renew && busy == 0 && (pair.missing != 0 || pair.kept != all)) {
        pair.kept = 0;
        pair.missing = (uint8_t)((1u << want->n_cis) - 1u);
    }
    pair.n_kept = (uint16_t)__builtin_popcount(pair.kept);
    pair.steps =
        (uint16_t)(gi->n_compute - pair.n_kept + (unsigned)__builtin_popcount(pair.missing));
    return pair;
}

static uint16_t units_of(const struct gs_gpu_instance *gi)
{
    uint32_t units = 0;
    for (uint32_t u = gi->start; u - gi->start < gi->size && u < GS_MEMORY_UNITS_MAX; u++) {
        units |= 1u << u;
    }
    return (uint16_t)units;
}

/* Where at[i] lies in the table, or -1: its profile, its place or what lies there already is not
 * what the driver's list allows. */
static int place_of(const struct gs_fit *fit, unsigned i)
{
    int profile = gs_geometry_profile_of(fit->table->model, &fit->cut->instances->at[i]);
    if (profile < 0) {
        return -1;
    }
    int placement =
        gs_statetable_placement(fit->table, (unsigned)profile, fit->cut->instances->at[i].start);
    if (placement < 0 || (fit->set >> placement & 1u) != 0 ||
        gs_statetable_find(fit->table, fit->set | 1ull << placement) == GS_STATE_NONE) {
        return -1;
    }
    return placement;
}

static void read_instances(struct gs_fit *fit)
{
    memset(fit->instance, -1, sizeof(fit->instance));
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        int placement = place_of(fit, i);
        fit->placement[i] = (int16_t)placement;
        if (placement < 0) {
            fit->foreign = (uint16_t)(fit->foreign | 1u << i);
            fit->foreign_units =
                (uint16_t)(fit->foreign_units | units_of(&fit->cut->instances->at[i]));
            continue;
        }
        fit->instance[placement] = (int8_t)i;
        fit->set |= 1ull << placement;
        fit->in_use |= (uint64_t)(fit->cut->busy->gis >> i & 1u) << placement;
    }
}

void gs_fit_init(struct gs_fit *fit, const struct gs_geometry *cut,
                 const struct gs_geometry_goal *goal, bool renew)
{
    *fit = (struct gs_fit){.cut = cut, .table = cut->index->table, .renew = renew};
    read_instances(fit);
    for (unsigned i = 0; i < cut->instances->n; i++) {
        for (unsigned b = 0; b < goal->n && fit->placement[i] >= 0; b++) {
            const struct gs_placement *place = &fit->table->placements[fit->placement[i]];
            const struct gs_geometry_gi *want = &goal->gis[b];
            if (want->profile == place->profile && (!goal->placed || want->start == place->start)) {
                fit->pairs[i][b] = compare(&cut->instances->at[i], cut->busy->cis[i], want, renew);
            }
        }
    }
}

static void count(const struct gs_geometry_goal *goal, uint8_t counts[GS_PROFILES_MAX])
{
    memset(counts, 0, GS_PROFILES_MAX);
    for (unsigned b = 0; b < goal->n; b++) {
        counts[goal->gis[b].profile]++;
    }
}

static bool alike(const struct gs_geometry_gi *a, const struct gs_geometry_gi *b)
{
    bool same = a->n_cis == b->n_cis;
    for (unsigned j = 0; same && j < a->n_cis; j++) {
        same = a->cis[j].slices == b->cis[j].slices && a->cis[j].exact == b->cis[j].exact &&
               a->cis[j].profile == b->cis[j].profile;
    }
    return same;
}

/* The wanted GIs of a profile, and whether one is as good as another. */
static unsigned list_wanted(const struct gs_geometry_goal *goal, unsigned profile,
                            uint8_t list[GS_MEMORY_UNITS_MAX], bool *ret_alike)
{
    unsigned n = 0;
    *ret_alike = !goal->placed;
    for (unsigned b = 0; b < goal->n; b++) {
        if (goal->gis[b].profile == profile) {
            list[n++] = (uint8_t)b;
            *ret_alike = *ret_alike && alike(&goal->gis[list[0]], &goal->gis[b]);
        }
    }
    return n;
}

/* The one state of a goal with places; GS_STATE_NONE: they do not fit together. */
static uint16_t placed_state(const struct gs_statetable *table, const struct gs_geometry_goal *goal)
{
    uint64_t set = 0;
    for (unsigned b = 0; b < goal->n; b++) {
        int i = gs_statetable_placement(table, goal->gis[b].profile, goal->gis[b].start);
        if (i < 0 || (set >> i & 1u) != 0) {
            return GS_STATE_NONE;
        }
        set |= 1ull << i;
    }
    return gs_statetable_find(table, set);
}

int gs_fit_check(const struct gs_fit *fit, const struct gs_geometry_goal *goal, struct gs_err *err)
{
    const struct gs_model *model = fit->table->model;
    uint8_t counts[GS_PROFILES_MAX];
    count(goal, counts);
    bool fits = goal->placed ? placed_state(fit->table, goal) != GS_STATE_NONE
                             : gs_statetable_multiset(fit->table, counts) >= 0;
    if (!fits) {
        char wanted[GS_GEOMETRY_TEXT_MAX + 1];
        gs_geometry_goal_format(model, goal, wanted);
        int r = gs_layout_check_counts(model, counts, err);
        if (r == 0) {
            r = gs_fail(err, GS_INFEASIBLE, "no choice of places holds them all");
        }
        return gs_wrap(err, r, "%s does not fit one %s, not even an empty one", wanted, model->id);
    }
    for (unsigned p = 0; p < model->n_profiles; p++) {
        uint8_t list[GS_MEMORY_UNITS_MAX];
        bool same;
        unsigned n = list_wanted(goal, p, list, &same);
        if (n > GS_FIT_UNEQUAL_MAX && !same) {
            return gs_fail(err, GS_LIMIT, "more than %d %s with different compute instances",
                           GS_FIT_UNEQUAL_MAX, model->profiles[p].name);
        }
    }
    return 0;
}

/* GIs of one profile that are there and stay, and those wanted. */
struct assignment {
    const struct gs_fit *fit;
    unsigned n_there;
    unsigned n_wanted;
    uint8_t there[GS_GPU_INSTANCES_MAX];
    uint8_t wanted[GS_MEMORY_UNITS_MAX];
};

static int value_of(const struct gs_fit_pair *pair)
{
    return pair->possible ? pair->n_kept * KEPT - pair->steps : NEVER;
}

/* One is as good as another: in their order. */
static int assign_alike(const struct assignment *a, int8_t *becomes)
{
    int sum = 0;
    for (unsigned e = 0; e < a->n_there; e++) {
        int value = value_of(&a->fit->pairs[a->there[e]][a->wanted[0]]);
        if (value == NEVER) {
            return NEVER;
        }
        sum += value;
        becomes[a->there[e]] = (int8_t)a->wanted[e];
    }
    return sum;
}

/* The best choice for the last of those that are there, given the wanted ones that they have
 * together (a mask), for each mask: one row a GI. */
static int assign_best(const struct assignment *a, int8_t *becomes)
{
    int best[1 << GS_FIT_UNEQUAL_MAX];
    uint8_t choice[GS_FIT_UNEQUAL_MAX + 1][1 << GS_FIT_UNEQUAL_MAX];
    unsigned n_masks = 1u << a->n_wanted;
    for (unsigned mask = 0; mask < n_masks; mask++) {
        unsigned e = (unsigned)__builtin_popcount(mask);
        best[mask] = mask == 0 ? 0 : NEVER;
        for (unsigned w = 0; w < a->n_wanted && e > 0 && e <= a->n_there; w++) {
            int before = (mask >> w & 1u) != 0 ? best[mask & ~(1u << w)] : NEVER;
            int value = value_of(&a->fit->pairs[a->there[e - 1]][a->wanted[w]]);
            if (before != NEVER && value != NEVER && before + value > best[mask]) {
                best[mask] = before + value;
                choice[e][mask] = (uint8_t)w;
            }
        }
    }
    unsigned top = n_masks;
    for (unsigned mask = 0; mask < n_masks; mask++) {
        if ((unsigned)__builtin_popcount(mask) == a->n_there && best[mask] != NEVER &&
            (top == n_masks || best[mask] > best[top])) {
            top = mask;
        }
    }
    if (top == n_masks) {
        return NEVER;
    }
    unsigned mask = top;
    for (unsigned e = a->n_there; e > 0; e--) {
        unsigned w = choice[e][mask];
        becomes[a->there[e - 1]] = (int8_t)a->wanted[w];
        mask &= ~(1u << w);
    }
    return best[top];
}

/* The instances of a profile that a state keeps. */
static unsigned list_kept(const struct gs_fit *fit, uint16_t state, unsigned profile,
                          uint8_t list[GS_GPU_INSTANCES_MAX])
{
    unsigned n = 0;
    for (uint64_t rest = fit->set & fit->table->sets[state]; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        if (fit->table->placements[i].profile == profile) {
            list[n++] = (uint8_t)fit->instance[i];
        }
    }
    return n;
}

static int assign(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t state,
                  unsigned profile, int8_t *becomes)
{
    struct assignment a = {.fit = fit};
    bool same;
    a.n_there = list_kept(fit, state, profile, a.there);
    a.n_wanted = list_wanted(goal, profile, a.wanted, &same);
    assert(a.n_there <= a.n_wanted);
    if (a.n_there == 0) {
        return 0;
    }
    return same ? assign_alike(&a, becomes) : assign_best(&a, becomes);
}

/* Steps that the pairs do not count: GIs that go with all in them, GIs that come. */
static int steps_around(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                        const int8_t *becomes)
{
    int steps = 0;
    uint32_t have = 0;
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        if (fit->placement[i] >= 0 && becomes[i] < 0) {
            steps += 1 + (int)fit->cut->instances->at[i].n_compute;
        } else if (fit->placement[i] >= 0) {
            have |= 1u << becomes[i];
        }
    }
    for (unsigned b = 0; b < goal->n; b++) {
        steps += (have >> b & 1u) != 0 ? 0 : 1 + goal->gis[b].n_cis;
    }
    return steps;
}

static bool keeps_all(const struct gs_fit *fit, uint16_t state)
{
    return (fit->in_use & ~fit->table->sets[state]) == 0 &&
           (fit->table->occupied[state] & fit->foreign_units) == 0;
}

/* What a state is worth, and which instance becomes what. NEVER: something busy would have to
 * go. */
static int judge(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t state,
                 int8_t becomes[GS_GPU_INSTANCES_MAX])
{
    memset(becomes, -1, GS_GPU_INSTANCES_MAX);
    if (!keeps_all(fit, state)) {
        return NEVER;
    }
    int sum = 0;
    for (unsigned p = 0; p < fit->table->model->n_profiles; p++) {
        int value = assign(fit, goal, state, p, becomes);
        if (value == NEVER) {
            return NEVER;
        }
        sum += value;
    }
    return sum - steps_around(fit, goal, becomes);
}

/* The states that have what is wanted, in the order in which they are liked: *ret_states up to
 * *ret_n of them. */
static void candidates(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t *one,
                       const uint16_t **ret_states, unsigned *ret_n)
{
    *ret_n = 0;
    if (goal->placed) {
        *one = placed_state(fit->table, goal);
        *ret_states = one;
        *ret_n = *one != GS_STATE_NONE;
        return;
    }
    uint8_t counts[GS_PROFILES_MAX];
    count(goal, counts);
    int multiset = gs_statetable_multiset(fit->table, counts);
    if (multiset >= 0) {
        const struct gs_transition_index *index = fit->cut->index;
        *ret_states = index->order + index->firsts[multiset];
        *ret_n = (unsigned)(index->firsts[multiset + 1] - index->firsts[multiset]);
    }
}

bool gs_fit_find(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                 struct gs_fit_target *ret_target)
{
    uint16_t one;
    const uint16_t *states;
    unsigned n;
    candidates(fit, goal, &one, &states, &n);
    int best = NEVER;
    for (unsigned k = 0; k < n; k++) {
        struct gs_fit_target target = {.state = states[k]};
        int value = judge(fit, goal, states[k], target.wanted);
        if (value > best) {
            best = value;
            *ret_target = target;
        }
    }
    if (best == NEVER) {
        return false;
    }
    ret_target->n_kept = 0;
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        if (ret_target->wanted[i] >= 0) {
            ret_target->n_kept += fit->pairs[i][ret_target->wanted[i]].n_kept;
        }
    }
    return true;
}

/* Busy instances that a state keeps and that would have to lose a busy compute instance. */
static uint16_t torn(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t state)
{
    uint16_t found = 0;
    for (unsigned p = 0; p < fit->table->model->n_profiles; p++) {
        int8_t becomes[GS_GPU_INSTANCES_MAX];
        if (assign(fit, goal, state, p, becomes) != NEVER) {
            continue;
        }
        uint8_t list[GS_GPU_INSTANCES_MAX];
        unsigned n = list_kept(fit, state, p, list);
        uint16_t unfit = 0;
        uint16_t busy = 0;
        for (unsigned e = 0; e < n; e++) {
            bool possible = false;
            for (unsigned b = 0; b < goal->n; b++) {
                possible = possible || fit->pairs[list[e]][b].possible;
            }
            unfit = (uint16_t)(unfit | (possible ? 0u : 1u << list[e]));
            busy = (uint16_t)(busy | (fit->cut->busy->gis & 1u << list[e]));
        }
        found = (uint16_t)(found | (unfit != 0 ? unfit : busy));
    }
    return found;
}

static struct gs_geometry_blockers blockers_of(const struct gs_fit *fit,
                                               const struct gs_geometry_goal *goal, uint16_t state)
{
    struct gs_geometry_blockers blockers = {.busy = torn(fit, goal, state)};
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        if (fit->placement[i] < 0) {
            bool covers =
                (units_of(&fit->cut->instances->at[i]) & fit->table->occupied[state]) != 0;
            blockers.foreign = (uint16_t)(blockers.foreign | (covers ? bit : 0u));
        } else if ((fit->cut->busy->gis & bit) != 0 &&
                   (fit->table->sets[state] >> fit->placement[i] & 1u) == 0) {
            blockers.busy = (uint16_t)(blockers.busy | bit);
        }
    }
    return blockers;
}

void gs_fit_blockers(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                     struct gs_geometry_blockers *ret_blockers)
{
    uint16_t one;
    const uint16_t *states;
    unsigned n;
    candidates(fit, goal, &one, &states, &n);
    int fewest = INT_MAX;
    *ret_blockers = (struct gs_geometry_blockers){0};
    for (unsigned k = 0; k < n; k++) {
        struct gs_geometry_blockers blockers = blockers_of(fit, goal, states[k]);
        int many = __builtin_popcount(blockers.busy) + __builtin_popcount(blockers.foreign);
        if (many < fewest) {
            fewest = many;
            *ret_blockers = blockers;
        }
    }
}
