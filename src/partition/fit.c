#include "partition/fit_work.h"

#include <assert.h>
#include <stdio.h>

/* A value of an assignment: compute instances kept first, then steps saved. */
enum { KEPT = 4096, NEVER = GS_FIT_NEVER };

static struct gs_fit_pair compare(const struct gs_inside *inside, const struct gs_gpu_instance *gi,
                                  unsigned busy, const struct gs_geometry_gi *want, bool renew)
{
    unsigned all = (1u << gi->n_compute) - 1u;
    struct gs_fit_pair pair = {.of_a_kind = true};
    pair.possible = gs_inside_plan(inside, gi, busy, want, &pair.inside);
    if (pair.possible && renew && busy == 0 &&
        (pair.inside.missing != 0 || pair.inside.kept != all)) {
        pair.possible = gs_inside_plan(inside, NULL, 0, want, &pair.inside);
    }
    if (pair.possible) {
        pair.n_kept = (uint16_t)__builtin_popcount(pair.inside.kept);
        pair.steps = (uint16_t)(gi->n_compute - pair.n_kept +
                                (unsigned)__builtin_popcount(pair.inside.missing));
    }
    return pair;
}

uint16_t gs_fit_units(const struct gs_gpu_instance *gi)
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
                (uint16_t)(fit->foreign_units | gs_fit_units(&fit->cut->instances->at[i]));
            continue;
        }
        fit->instance[placement] = (int8_t)i;
        fit->set |= 1ull << placement;
        fit->in_use |= (uint64_t)(fit->cut->busy->gis >> i & 1u) << placement;
    }
}

static void plan_new(struct gs_fit *fit, const struct gs_geometry_goal *goal)
{
    for (unsigned b = 0; b < goal->n; b++) {
        struct gs_inside inside;
        gs_inside_of(fit->cut, goal->gis[b].profile, &inside);
        if (gs_inside_plan(&inside, NULL, 0, &goal->gis[b], &fit->fresh[b])) {
            fit->can_be_new = (uint16_t)(fit->can_be_new | 1u << b);
        }
    }
}

void gs_fit_init(struct gs_fit *fit, const struct gs_geometry *cut,
                 const struct gs_geometry_goal *goal, bool renew)
{
    *fit = (struct gs_fit){.cut = cut, .table = cut->index->table, .renew = renew};
    read_instances(fit);
    plan_new(fit, goal);
    for (unsigned i = 0; i < cut->instances->n; i++) {
        if (fit->placement[i] < 0) {
            continue;
        }
        const struct gs_placement *place = &fit->table->placements[fit->placement[i]];
        struct gs_inside inside;
        gs_inside_of(cut, place->profile, &inside);
        for (unsigned b = 0; b < goal->n; b++) {
            const struct gs_geometry_gi *want = &goal->gis[b];
            if (want->profile == place->profile && (!goal->placed || want->start == place->start)) {
                fit->pairs[i][b] =
                    compare(&inside, &cut->instances->at[i], cut->busy->cis[i], want, renew);
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

static int fail_inside(const struct gs_model *model, const struct gs_geometry_gi *want,
                       struct gs_err *err)
{
    const struct gs_geometry_goal one = {.n = 1, .gis = {*want}};
    char wanted[GS_GEOMETRY_TEXT_MAX + 1];
    gs_geometry_goal_format(model, &one, wanted);
    return gs_fail(
        err, GS_INFEASIBLE,
        "no choice of places holds the compute instances of %s, not even in an empty one", wanted);
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
    for (unsigned b = 0; b < goal->n; b++) {
        bool can_be = (fit->can_be_new >> b & 1u) != 0;
        for (unsigned i = 0; i < fit->cut->instances->n && !can_be; i++) {
            can_be = fit->pairs[i][b].of_a_kind;
        }
        if (!can_be) {
            return fail_inside(model, &goal->gis[b], err);
        }
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

unsigned gs_fit_kept(const struct gs_fit *fit, uint16_t state, unsigned profile,
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

int gs_fit_assign(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t state,
                  unsigned profile, int8_t *becomes)
{
    struct assignment a = {.fit = fit};
    bool same;
    a.n_there = gs_fit_kept(fit, state, profile, a.there);
    a.n_wanted = list_wanted(goal, profile, a.wanted, &same);
    assert(a.n_there <= a.n_wanted);
    if (a.n_there == 0) {
        return 0;
    }
    return same ? assign_alike(&a, becomes) : assign_best(&a, becomes);
}

/* Steps that the pairs do not count: GIs that go with all in them, GIs that come. NEVER: one that
 * cannot be made. */
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
        if ((have >> b & 1u) != 0) {
            continue;
        }
        if ((fit->can_be_new >> b & 1u) == 0) {
            return NEVER;
        }
        steps += 1 + goal->gis[b].n_cis;
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
        int value = gs_fit_assign(fit, goal, state, p, becomes);
        if (value == NEVER) {
            return NEVER;
        }
        sum += value;
    }
    int steps = steps_around(fit, goal, becomes);
    return steps == NEVER ? NEVER : sum - steps;
}

void gs_fit_candidates(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t *one,
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
    gs_fit_candidates(fit, goal, &one, &states, &n);
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
    ret_target->value = best;
    ret_target->n_kept = 0;
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        if (ret_target->wanted[i] >= 0) {
            ret_target->n_kept += fit->pairs[i][ret_target->wanted[i]].n_kept;
        }
    }
    return true;
}
