#include "sim/rules.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"

/* The rule of core by which a policy places. */
static const struct gs_policy *rule_of(const struct gs_sim_policy *policy)
{
    size_t n;
    const struct gs_policy *found = gs_policies(&n);
    if (policy->place != NULL && gs_policy_find(gs_view(policy->place), &found, NULL) < 0) {
        assert(false);
    }
    return found;
}

static const struct gs_sim_policy policies[] = {
    {.name = "whole", .summary = "each job has a whole GPU: the baseline", .way = GS_SIM_UNCUT},
    {.name = "static-1g",
     .summary = "nodes cut once into the smallest slices, others not cut",
     .way = GS_SIM_STATIC,
     .place = "best-fit"},
    {.name = "static-balanced",
     .summary = "nodes cut once into a half, a quarter and eighths, others not cut",
     .way = GS_SIM_STATIC,
     .place = "best-fit",
     .balanced = true},
    {.name = "first-fit",
     .summary = "the first GPU with room, the lowest start (NVIDIA's DRA driver)",
     .way = GS_SIM_CUT,
     .place = "first-fit"},
    {.name = "spread",
     .summary = "the emptiest GPU, the lowest start (Dynamic Accelerator Slicer)",
     .way = GS_SIM_CUT,
     .place = "spread"},
    {.name = "hami",
     .summary = "the fullest GPU; 1g and 3g from high starts, others from low (HAMi)",
     .way = GS_SIM_CUT,
     .place = "hami"},
    {.name = "best-fit",
     .summary =
         "the GPU with the fewest free compute slices, the highest start (published figures)",
     .way = GS_SIM_CUT,
     .place = "best-fit"},
    {.name = "gpuslice",
     .summary = "the place that loses the fewest others: the controller's rule",
     .way = GS_SIM_CUT},
    {.name = "gpuslice+moves",
     .summary = "as gpuslice, and one slice may move before a GPU is begun or a job waits",
     .way = GS_SIM_CUT,
     .moves = true},
    {.name = "gpuslice+moldable",
     .summary = "as gpuslice, and a job with measured speeds gets the profile that suits",
     .needs = GS_SIM_NEEDS_SPEED,
     .way = GS_SIM_CUT,
     .moldable = true},
    {.name = "small-gpu",
     .summary = "each small job has a whole smaller GPU (L4, T4), others a whole GPU",
     .needs = GS_SIM_NEEDS_SMALL,
     .way = GS_SIM_SMALL},
    {.name = "shared",
     .summary = "jobs share uncut GPUs (MPS, time-slicing) where what it costs is known",
     .needs = GS_SIM_NEEDS_SHARED,
     .way = GS_SIM_SHARED},
};

const struct gs_sim_policy *gs_sim_policies(size_t *ret_count)
{
    *ret_count = GS_ARRAY_LEN(policies);
    return policies;
}

int gs_sim_policy_find(struct gs_view name, const struct gs_sim_policy **ret_policy,
                       struct gs_err *err)
{
    char list[240] = "";
    for (size_t i = 0; i < GS_ARRAY_LEN(policies); i++) {
        if (gs_view_eq(name, policies[i].name)) {
            *ret_policy = &policies[i];
            return 0;
        }
        const char *between = i == 0 ? "" : i + 1 < GS_ARRAY_LEN(policies) ? ", " : " or ";
        strncat(list, between, sizeof(list) - strlen(list) - 1);
        strncat(list, policies[i].name, sizeof(list) - strlen(list) - 1);
    }
    return gs_fail(err, GS_NOT_FOUND, "no policy is named \"%.*s\": expected %s",
                   GS_VIEW_ARGS(name), list);
}

/* ------------------------------------------------------------------ static layouts */

/* The larger a profile the later: memory, then compute slices, then the model's order. */
static bool is_smaller(const struct gs_model *model, unsigned a, unsigned b)
{
    const struct gs_profile *x = &model->profiles[a];
    const struct gs_profile *y = &model->profiles[b];
    if (x->memory_units != y->memory_units) {
        return x->memory_units < y->memory_units;
    }
    return x->compute_slices < y->compute_slices;
}

/* The placement of a profile with the highest start that still fits, or -1. */
static int highest_place(const struct gs_statetable *states, uint16_t state, unsigned profile)
{
    int found = -1;
    for (unsigned i = 0; i < states->n_placements; i++) {
        if (states->placements[i].profile == profile &&
            states->next[(size_t)state * states->n_placements + i] != GS_STATE_NONE) {
            found = (int)i;
        }
    }
    return found;
}

/* The plain profile that is best to add: the largest of at most `units` that fits twice on an
 * empty GPU, or, `smallest`, the smallest. -1: none fits. */
static int pick_next(const struct gs_statetable *states, uint16_t state, unsigned units,
                     bool smallest)
{
    const struct gs_model *model = states->model;
    int best = -1;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if ((states->profiles >> p & 1u) == 0 || profile->parts.sign != 0 ||
            highest_place(states, state, p) < 0) {
            continue;
        }
        if (!smallest && (profile->memory_units > units || profile->max_instances < 2)) {
            continue;
        }
        if (best < 0 || (smallest ? is_smaller(model, p, (unsigned)best)
                                  : is_smaller(model, (unsigned)best, p))) {
            best = (int)p;
        }
    }
    return best;
}

/* What people cut by hand: all smallest, or a half, a quarter and so on, and the rest smallest. */
static uint16_t cut_by_hand(const struct gs_statetable *states, bool balanced)
{
    uint16_t state = 0;
    unsigned left = states->model->memory_units;
    for (bool smallest = !balanced;;) {
        int p = pick_next(states, state, left / 2, smallest);
        if (p < 0 && smallest) {
            return state;
        }
        if (p < 0) {
            smallest = true;
            continue;
        }
        int place = highest_place(states, state, (unsigned)p);
        state = states->next[(size_t)state * states->n_placements + (unsigned)place];
        left -= states->model->profiles[p].memory_units;
    }
}

/* The model as if its profiles had no other starts than those of the layout: then its states are
 * the ways to use the layout, and all of core decides on it unchanged. */
static const struct gs_model *restrict_model(struct gs_arena *arena,
                                             const struct gs_statetable *states, uint16_t layout,
                                             uint32_t *ret_profiles)
{
    const struct gs_model *model = states->model;
    struct gs_model *copy = GS_ARENA_NEW(arena, struct gs_model, 1);
    struct gs_profile *profiles = GS_ARENA_NEW(arena, struct gs_profile, model->n_profiles);
    if (copy == NULL || profiles == NULL) {
        return NULL;
    }
    memcpy(profiles, model->profiles, model->n_profiles * sizeof(*profiles));
    *ret_profiles = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        profiles[p].starts = 0;
    }
    for (uint64_t rest = states->sets[layout]; rest != 0; rest &= rest - 1) {
        const struct gs_placement *place = &states->placements[__builtin_ctzll(rest)];
        profiles[place->profile].starts |= (uint16_t)(1u << place->start);
        *ret_profiles |= 1u << place->profile;
    }
    *copy = *model;
    copy->profiles = profiles;
    return copy;
}

static int make_static(struct gs_arena *arena, struct gs_sim_rules *rules, uint32_t profiles,
                       struct gs_err *err)
{
    const struct gs_statetable *all;
    const struct gs_statetable *states;
    int r = gs_statetable_new(arena, rules->model, profiles, &all, err);
    if (r < 0) {
        return r;
    }
    uint32_t kept;
    const struct gs_model *model =
        restrict_model(arena, all, cut_by_hand(all, rules->policy->balanced), &kept);
    if (model == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the layout of %s", rules->policy->name);
    }
    r = gs_statetable_new(arena, model, kept, &states, err);
    if (r < 0) {
        return r;
    }
    rules->layout = states->n_placements == 64 ? UINT64_MAX : (1ull << states->n_placements) - 1;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *asked = &model->profiles[p];
        for (unsigned q = 0; q < model->n_profiles; q++) {
            const struct gs_profile *had = &model->profiles[q];
            if ((kept >> q & 1u) != 0 && had->memory_units >= asked->memory_units &&
                had->compute_slices >= asked->compute_slices &&
                (rules->serves[p] == GS_SIM_WHOLE || is_smaller(model, q, rules->serves[p]))) {
                rules->serves[p] = (uint8_t)q;
            }
        }
    }
    return gs_policy_table_new(arena, states, rule_of(rules->policy), &rules->decisions, err);
}

/* ------------------------------------------------------------------ dynamic */

static int make_cut(struct gs_arena *arena, struct gs_sim_rules *rules,
                    const struct gs_sim_world *world, struct gs_err *err)
{
    const struct gs_sim_policy *policy = rules->policy;
    const struct gs_statetable *states;
    int r = gs_statetable_new(arena, rules->model, world->profiles, &states, err);
    if (r == 0) {
        r = gs_policy_table_new(arena, states, rule_of(policy), &rules->decisions, err);
    }
    if (r == 0 && policy->place == NULL && world->book_idle && !world->busy_first) {
        r = gs_sim_recut_table_new(arena, rules->decisions, &rules->recuts, err);
    }
    if (r == 0 && policy->moves) {
        r = gs_move_table_new(arena, rules->decisions, &rules->moves, err);
    }
    for (unsigned p = 0; r == 0 && p < rules->model->n_profiles; p++) {
        rules->serves[p] = gs_policy_table_has(rules->decisions, p) ? (uint8_t)p : GS_SIM_WHOLE;
    }
    return r;
}

int gs_sim_rules_new(struct gs_arena *arena, const struct gs_sim_world *world,
                     const struct gs_sim_policy *policy, const struct gs_sim_rules **ret_rules,
                     struct gs_err *err)
{
    int r = gs_model_require_placements(world->model, err);
    if (r < 0) {
        return r;
    }
    struct gs_sim_rules *rules = GS_ARENA_NEW(arena, struct gs_sim_rules, 1);
    if (rules == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the rules of %s", policy->name);
    }
    rules->policy = policy;
    rules->model = world->model;
    memset(rules->serves, GS_SIM_WHOLE, sizeof(rules->serves));
    switch (policy->way) {
    case GS_SIM_CUT:
        r = make_cut(arena, rules, world, err);
        break;
    case GS_SIM_STATIC:
        r = make_static(arena, rules, world->profiles, err);
        break;
    case GS_SIM_UNCUT:
    case GS_SIM_SHARED:
    case GS_SIM_SMALL:
        break;
    }
    if (r == 0) {
        *ret_rules = rules;
    }
    return r;
}
