#include "partition/change.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/policy.h"
#include "partition/fit.h"
#include "partition/line.h"

/* One GPU instance on its way: what every step of it says. */
static struct gs_change_step step_of(const struct gs_gpu_instance *gi)
{
    struct gs_change_step step = {
        .gi = gi->id,
        .ci = GS_NOT_KNOWN,
        .profile = gi->profile,
        .profile_id = gi->profile_id,
        .start = gi->start,
        .size = gi->size,
        .ci_profile = GS_NOT_KNOWN,
        .was = {.present = true, .n = (uint8_t)gi->n_compute},
    };
    for (unsigned j = 0; j < gi->n_compute; j++) {
        step.was.profiles[j] = (uint8_t)gi->compute[j].profile;
    }
    return step;
}

static void put(struct gs_change *change, struct gs_change_step step, enum gs_change_kind kind)
{
    assert(change->n < GS_CHANGE_STEPS_MAX);
    step.kind = kind;
    change->steps[change->n++] = step;
}

static void put_destroy_ci(struct gs_change *change, struct gs_change_step step,
                           const struct gs_compute_instance *ci)
{
    step.ci = ci->id;
    step.ci_profile = ci->profile;
    put(change, step, GS_CHANGE_DESTROY_CI);
}

static void put_create_ci(struct gs_change *change, struct gs_change_step step,
                          const struct gs_geometry_ci *ci)
{
    step.ci_profile = ci->profile;
    step.ci_slices = ci->slices;
    put(change, step, GS_CHANGE_CREATE_CI);
}

/* The order that comes before this one of all orders of sizes; the smallest first becomes the
 * largest first. */
static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t kept = *a;
    *a = *b;
    *b = kept;
}

static void next_order(const struct gs_geometry_gi *want, uint8_t *order, unsigned n)
{
    unsigned tail = n - 1; /* from here on they ascend */
    while (tail > 0 && want->cis[order[tail - 1]].slices <= want->cis[order[tail]].slices) {
        tail--;
    }
    if (tail > 0) {
        unsigned smaller = n - 1;
        while (want->cis[order[smaller]].slices >= want->cis[order[tail - 1]].slices) {
            smaller--;
        }
        swap(&order[tail - 1], &order[smaller]);
    }
    for (unsigned i = tail, j = n - 1; i < j; i++, j--) {
        swap(&order[i], &order[j]);
    }
}

/* Largest first, so that the driver finds a place for each; in other orders when that failed. */
static void put_create_cis(struct gs_change *change, const struct gs_change_step *step,
                           const struct gs_geometry_gi *want, unsigned these, unsigned attempt)
{
    uint8_t order[GS_COMPUTE_INSTANCES_MAX];
    unsigned n = 0;
    for (unsigned slices = GS_COMPUTE_INSTANCES_MAX; slices > 0; slices--) {
        for (unsigned j = 0; j < want->n_cis; j++) {
            if ((these >> j & 1u) != 0 && want->cis[j].slices == slices) {
                order[n++] = (uint8_t)j;
            }
        }
    }
    for (unsigned k = 1; k < attempt && n > 1; k++) {
        next_order(want, order, n);
    }
    for (unsigned k = 0; k < n; k++) {
        put_create_ci(change, *step, &want->cis[order[k]]);
    }
}

static struct gs_change_cis shall_be(const struct gs_geometry_gi *want)
{
    struct gs_change_cis shall = {.present = true, .n = want->n_cis};
    for (unsigned j = 0; j < want->n_cis; j++) {
        shall.profiles[j] = (uint8_t)want->cis[j].profile;
    }
    return shall;
}

static void put_gone(struct gs_change *change, const struct gs_gpu_instance *gi)
{
    struct gs_change_step step = step_of(gi);
    for (unsigned j = 0; j < gi->n_compute; j++) {
        put_destroy_ci(change, step, &gi->compute[j]);
    }
    put(change, step, GS_CHANGE_DESTROY_GI);
}

static void put_new(struct gs_change *change, const struct gs_model *model,
                    const struct gs_geometry_gi *want, unsigned start, unsigned attempt)
{
    const struct gs_profile *profile = &model->profiles[want->profile];
    struct gs_change_step step = {
        .gi = GS_NOT_KNOWN,
        .ci = GS_NOT_KNOWN,
        .profile = profile->nvml_profile,
        .profile_id = profile->nvml_profile_id,
        .start = start,
        .size = profile->memory_units,
        .ci_profile = GS_NOT_KNOWN,
        .shall = shall_be(want),
    };
    put(change, step, GS_CHANGE_CREATE_GI);
    put_create_cis(change, &step, want, (1u << want->n_cis) - 1u, attempt);
}

/* A GPU instance that stays: the compute instances that it shall not have, then those that it
 * lacks. What it shall have afterwards are those kept and those made: their profiles are not
 * always the plain ones of the goal. */
static void put_stay(struct gs_change *change, const struct gs_gpu_instance *gi,
                     const struct gs_geometry_gi *want, const struct gs_fit_pair *pair,
                     unsigned attempt)
{
    struct gs_change_step step = step_of(gi);
    step.shall.present = true;
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if ((pair->kept >> j & 1u) != 0) {
            step.shall.profiles[step.shall.n++] = (uint8_t)gi->compute[j].profile;
        }
    }
    for (unsigned j = 0; j < want->n_cis; j++) {
        if ((pair->missing >> j & 1u) != 0) {
            step.shall.profiles[step.shall.n++] = (uint8_t)want->cis[j].profile;
        }
    }
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if ((pair->kept >> j & 1u) == 0) {
            put_destroy_ci(change, step, &gi->compute[j]);
        }
    }
    put_create_cis(change, &step, want, pair->missing, attempt);
}

/* The wanted GIs that no instance becomes, each for the next created place of its profile. */
struct newcomers {
    const struct gs_geometry_goal *goal;
    uint32_t taken; /* bit b */
};

static const struct gs_geometry_gi *next_new(struct newcomers *new,
                                             const struct gs_placement *place)
{
    for (unsigned b = 0; b < new->goal->n; b++) {
        const struct gs_geometry_gi *want = &new->goal->gis[b];
        if ((new->taken >> b & 1u) == 0 && want->profile == place->profile &&
            (!new->goal->placed || want->start == place->start)) {
            new->taken |= 1u << b;
            return want;
        }
    }
    assert(false);
    return NULL;
}

static void write_steps(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                        const struct gs_fit_target *target, unsigned attempt,
                        struct gs_change *change)
{
    const struct gs_statetable *table = fit->table;
    *change = (struct gs_change){.n_kept = (unsigned)target->n_kept};
    struct newcomers new = {.goal = goal};
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        if (target->wanted[i] >= 0) {
            new.taken |= 1u << target->wanted[i];
            put_stay(change, &fit->cut->instances->at[i], &goal->gis[target->wanted[i]],
                     &fit->pairs[i][target->wanted[i]], attempt);
        }
    }
    struct gs_transition transition;
    gs_transition_steps(table, gs_statetable_find(table, fit->set), target->state, &transition);
    for (unsigned k = 0; k < transition.n_steps; k++) {
        const struct gs_placement *place = &transition.steps[k].placement;
        switch (transition.steps[k].kind) {
        case GS_STEP_DESTROY: {
            int i = gs_statetable_placement(table, place->profile, place->start);
            put_gone(change, &fit->cut->instances->at[fit->instance[i]]);
            break;
        }
        case GS_STEP_CREATE:
            put_new(change, table->model, next_new(&new, place), place->start, attempt);
            break;
        }
    }
}

static int fail_blocked(const struct gs_model *model, const struct gs_gpu_instances *instances,
                        const char *wanted, const struct gs_geometry_blockers *blockers,
                        struct gs_err *err)
{
    uint32_t which = (uint32_t)blockers->busy | blockers->foreign;
    char blocking[GS_GEOMETRY_TEXT_MAX + 1];
    gs_geometry_format(model, instances, which, blocking);
    bool one = __builtin_popcount(which) == 1;
    const char *state = blockers->busy == 0      ? "unknown to the driver's own list"
                        : blockers->foreign == 0 ? "in use"
                                                 : "in use or unknown to the driver's own list";
    if (strcmp(wanted, "nothing") == 0) {
        return gs_fail(err, GS_BUSY, "%.150s %s %s, and no slice is wanted", blocking,
                       one ? "is" : "are", state);
    }
    return gs_fail(err, GS_BUSY, "%.150s %s %s and %s in the way of %.120s", blocking,
                   one ? "is" : "are", state, one ? "stands" : "stand", wanted);
}

int gs_change_plan(const struct gs_geometry *cut, const struct gs_geometry_goal *goal,
                   unsigned attempt, struct gs_change *ret_change,
                   struct gs_geometry_blockers *ret_blockers, struct gs_err *err)
{
    struct gs_fit fit;
    gs_fit_init(&fit, cut, goal, attempt > 0);
    int r = gs_fit_check(&fit, goal, err);
    if (r < 0) {
        return r;
    }
    struct gs_fit_target target;
    if (!gs_fit_find(&fit, goal, &target)) {
        char wanted[GS_GEOMETRY_TEXT_MAX + 1];
        gs_geometry_goal_format(fit.table->model, goal, wanted);
        gs_fit_blockers(&fit, goal, ret_blockers);
        return fail_blocked(fit.table->model, cut->instances, wanted, ret_blockers, err);
    }
    write_steps(&fit, goal, &target, attempt, ret_change);
    return 0;
}

/* What is left of a goal when busy instances are given what they match, or stay as they are. */
struct part {
    const struct gs_geometry *cut;
    const struct gs_geometry_goal *goal;
    struct gs_geometry_goal base; /* busy ones: wanted, or as they are */
    uint32_t served;              /* of the goal, by busy ones */
};

static struct gs_geometry_gi as_it_is(const struct gs_fit *fit, unsigned i)
{
    const struct gs_placement *place = &fit->table->placements[fit->placement[i]];
    const struct gs_gpu_instance *gi = &fit->cut->instances->at[i];
    struct gs_geometry_gi same = {.profile = place->profile, .start = place->start};
    for (unsigned j = 0; j < gi->n_compute; j++) {
        same.cis[same.n_cis++] = (struct gs_geometry_ci){
            .slices = (uint8_t)gs_geometry_slices_of(&gi->compute[j]),
            .exact = true,
            .profile = gi->compute[j].profile,
        };
    }
    return same;
}

static int best_wish(const struct gs_fit *fit, const struct part *part, unsigned i)
{
    int best = -1;
    for (unsigned b = 0; b < part->goal->n; b++) {
        const struct gs_fit_pair *pair = &fit->pairs[i][b];
        if ((part->served >> b & 1u) == 0 && pair->possible &&
            (best < 0 || pair->n_kept > fit->pairs[i][best].n_kept)) {
            best = (int)b;
        }
    }
    return best;
}

static void keep_busy(const struct gs_fit *fit, struct part *part)
{
    part->base.placed = part->goal->placed;
    for (unsigned i = 0; i < part->cut->instances->n; i++) {
        if ((part->cut->busy->gis >> i & 1u) == 0 || fit->placement[i] < 0) {
            continue;
        }
        int b = best_wish(fit, part, i);
        part->served |= b < 0 ? 0u : 1u << b;
        assert(part->base.n < GS_MEMORY_UNITS_MAX);
        part->base.gis[part->base.n++] = b < 0 ? as_it_is(fit, i) : part->goal->gis[b];
    }
}

/* The goal with these of the wanted GIs; false: more than can be said. */
static bool with_these(const struct part *part, uint32_t these, struct gs_geometry_goal *ret,
                       unsigned *ret_units)
{
    *ret = part->base;
    *ret_units = 0;
    for (unsigned b = 0; b < part->goal->n; b++) {
        if ((these >> b & 1u) != 0) {
            if (ret->n == GS_MEMORY_UNITS_MAX) {
                return false;
            }
            const struct gs_geometry_gi *want = &part->goal->gis[b];
            *ret_units += part->cut->index->table->model->profiles[want->profile].memory_units;
            ret->gis[ret->n++] = *want;
        }
    }
    return true;
}

static bool can_be(const struct gs_geometry *cut, const struct gs_geometry_goal *goal)
{
    struct gs_fit fit;
    struct gs_fit_target target;
    gs_fit_init(&fit, cut, goal, false);
    return gs_fit_check(&fit, goal, NULL) == 0 && gs_fit_find(&fit, goal, &target);
}

/* The best choice of `many` of the wanted GIs that are still open. 0: none (never a choice). */
static uint32_t best_choice(const struct part *part, unsigned many)
{
    uint32_t best = 0;
    unsigned best_units = 0;
    for (uint32_t these = 1; these < 1u << part->goal->n; these++) {
        struct gs_geometry_goal goal;
        unsigned units;
        if ((these & part->served) == 0 && (unsigned)__builtin_popcount(these) == many &&
            with_these(part, these, &goal, &units) && units > best_units &&
            can_be(part->cut, &goal)) {
            best = these;
            best_units = units;
        }
    }
    return best;
}

/* Adds to the goal what is idle, would go, and hinders nothing that is made: to remove it gains
 * nothing now. */
static void keep_idle(const struct gs_geometry *cut, struct gs_geometry_goal *goal)
{
    for (unsigned i = 0; i < cut->instances->n && goal->n < GS_MEMORY_UNITS_MAX; i++) {
        struct gs_fit fit;
        struct gs_fit_target before;
        struct gs_fit_target after;
        gs_fit_init(&fit, cut, goal, false);
        if (fit.placement[i] < 0 || gs_fit_check(&fit, goal, NULL) < 0 ||
            !gs_fit_find(&fit, goal, &before) || before.wanted[i] >= 0) {
            continue;
        }
        struct gs_geometry_goal more = *goal;
        more.gis[more.n++] = as_it_is(&fit, i);
        gs_fit_init(&fit, cut, &more, false);
        if (gs_fit_check(&fit, &more, NULL) == 0 && gs_fit_find(&fit, &more, &after) &&
            after.wanted[i] >= 0 &&
            after.n_kept >= before.n_kept + (int)cut->instances->at[i].n_compute) {
            *goal = more;
        }
    }
}

int gs_change_reduce(const struct gs_geometry *cut, const struct gs_geometry_goal *goal,
                     struct gs_geometry_goal *ret_goal, struct gs_geometry_goal *ret_left,
                     struct gs_err *err)
{
    struct gs_fit fit;
    gs_fit_init(&fit, cut, goal, false);
    int r = gs_fit_check(&fit, goal, err);
    if (r < 0) {
        return r;
    }
    struct part part = {.cut = cut, .goal = goal};
    keep_busy(&fit, &part);
    uint32_t these = 0;
    unsigned open = goal->n - (unsigned)__builtin_popcount(part.served);
    for (unsigned many = open; many > 0 && these == 0; many--) {
        these = best_choice(&part, many);
    }
    unsigned units;
    with_these(&part, these, ret_goal, &units);
    struct gs_geometry_goal left = {.placed = goal->placed};
    for (unsigned b = 0; b < goal->n; b++) {
        if (((these | part.served) >> b & 1u) == 0) {
            left.gis[left.n++] = goal->gis[b];
        }
    }
    *ret_left = left;
    keep_idle(cut, ret_goal);
    return 0;
}

int gs_change_clear(const struct gs_model *model, const struct gs_gpu_instances *instances,
                    const struct gs_geometry_busy *busy, struct gs_change *ret_change,
                    struct gs_geometry_blockers *ret_blockers, struct gs_err *err)
{
    struct gs_geometry_blockers blockers = {.busy = busy->gis};
    struct gs_change change = {.n = 0};
    for (unsigned i = 0; i < instances->n; i++) {
        if (model != NULL && gs_geometry_profile_of(model, &instances->at[i]) < 0) {
            blockers.foreign = (uint16_t)(blockers.foreign | 1u << i);
        }
        put_gone(&change, &instances->at[i]);
    }
    blockers.foreign = (uint16_t)(blockers.foreign & ~blockers.busy);
    if (blockers.busy != 0 || blockers.foreign != 0) {
        *ret_blockers = blockers;
        return fail_blocked(model, instances, "an empty GPU", &blockers, err);
    }
    *ret_change = change;
    return 0;
}

static int fail_no_room(const struct gs_fit *fit, unsigned profile, uint32_t start,
                        struct gs_err *err)
{
    const struct gs_model *model = fit->table->model;
    char there[GS_GEOMETRY_TEXT_MAX + 1];
    gs_geometry_format(model, fit->cut->instances, UINT32_MAX, there);
    if (start == GS_NOT_KNOWN) {
        return gs_fail(err, GS_INFEASIBLE, "no room for a %s beside %s",
                       model->profiles[profile].name, there);
    }
    return gs_fail(err, GS_INFEASIBLE, "no room for a %s at %u beside %s",
                   model->profiles[profile].name, start, there);
}

int gs_change_place(const struct gs_geometry *cut, unsigned profile, uint32_t start,
                    unsigned *ret_start, int32_t *ret_cost, struct gs_err *err)
{
    const struct gs_geometry_goal nothing = {.n = 0};
    const struct gs_statetable *table = cut->index->table;
    struct gs_fit fit;
    gs_fit_init(&fit, cut, &nothing, false);
    if (start != GS_NOT_KNOWN && gs_statetable_placement(table, profile, start) < 0) {
        struct gs_layout layout = {.n_slices = 0};
        int r = gs_layout_add(table->model, &layout, profile, start, false, err);
        return r < 0 ? r : fail_no_room(&fit, profile, start, err);
    }
    const struct gs_policy *policy;
    int r = gs_policy_find(gs_view("min-loss"), &policy, err);
    if (r < 0) {
        return r;
    }
    uint16_t state = gs_statetable_find(table, fit.set);
    int best = -1;
    for (unsigned i = 0; i < table->n_placements; i++) {
        const struct gs_placement *place = &table->placements[i];
        if (place->profile != profile || (start != GS_NOT_KNOWN && place->start != start) ||
            (place->span & fit.foreign_units) != 0 ||
            table->next[(size_t)state * table->n_placements + i] == GS_STATE_NONE) {
            continue;
        }
        int32_t cost = policy->cost(table, state, i);
        if (best < 0 || cost < *ret_cost) {
            best = (int)i;
            *ret_cost = cost;
            *ret_start = place->start;
        }
    }
    return best < 0 ? fail_no_room(&fit, profile, start, err) : 0;
}

void gs_change_add(const struct gs_model *model, const struct gs_geometry_gi *gi,
                   struct gs_change *ret_change)
{
    *ret_change = (struct gs_change){.n = 0};
    put_new(ret_change, model, gi, gi->start, 0);
}

void gs_change_add_ci(const struct gs_gpu_instances *instances, unsigned i,
                      const struct gs_geometry_ci *ci, struct gs_change *ret_change)
{
    struct gs_change_step step = step_of(&instances->at[i]);
    assert(step.was.n < GS_COMPUTE_INSTANCES_MAX);
    step.shall = step.was;
    step.shall.profiles[step.shall.n++] = (uint8_t)ci->profile;
    *ret_change = (struct gs_change){.n = 0};
    put_create_ci(ret_change, step, ci);
}

int gs_change_remove(const struct gs_gpu_instances *instances, const struct gs_geometry_busy *busy,
                     unsigned i, uint32_t ci, struct gs_change *ret_change, struct gs_err *err)
{
    const struct gs_gpu_instance *gi = &instances->at[i];
    struct gs_change change = {.n = 0};
    if (ci == GS_NOT_KNOWN || (gi->n_compute == 1 && gi->compute[0].id == ci)) {
        if ((busy->gis >> i & 1u) != 0) {
            return gs_fail(err, GS_BUSY, "GPU instance %u is in use", gi->id);
        }
        put_gone(&change, gi);
        *ret_change = change;
        return 0;
    }
    struct gs_change_step step = step_of(gi);
    const struct gs_compute_instance *found = NULL;
    step.shall.present = true;
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if (gi->compute[j].id != ci) {
            step.shall.profiles[step.shall.n++] = (uint8_t)gi->compute[j].profile;
        } else if ((busy->cis[i] >> j & 1u) != 0) {
            return gs_fail(err, GS_BUSY, "compute instance %u of GPU instance %u is in use", ci,
                           gi->id);
        } else {
            found = &gi->compute[j];
        }
    }
    if (found == NULL) {
        return gs_fail(err, GS_NOT_FOUND, "GPU instance %u has no compute instance %u", gi->id, ci);
    }
    put_destroy_ci(&change, step, found);
    *ret_change = change;
    return 0;
}

/* "3g.20gb at 4", by the profile's name where it is known. */
static void name_gi(const struct gs_model *model, const struct gs_change_step *step, char *text,
                    size_t size)
{
    const struct gs_gpu_instance gi = {
        .profile = step->profile, .start = step->start, .size = step->size};
    int profile = model == NULL ? -1 : gs_geometry_profile_of(model, &gi);
    if (profile >= 0) {
        snprintf(text, size, "%s at %u", model->profiles[profile].name, step->start);
    } else {
        snprintf(text, size, "GPU instance of profile %u at %u", step->profile, step->start);
    }
}

void gs_change_format(const struct gs_model *model, const struct gs_change_step *step,
                      char ret_text[GS_CHANGE_TEXT_MAX + 1])
{
    char gi[GS_PROFILE_NAME_MAX + 32];
    name_gi(model, step, gi, sizeof(gi));
    struct gs_line line = {.p = ret_text, .size = GS_CHANGE_TEXT_MAX + 1};
    switch (step->kind) {
    case GS_CHANGE_DESTROY_CI:
        gs_line_put(&line, "destroy compute instance %u of %s", step->ci, gi);
        break;
    case GS_CHANGE_DESTROY_GI:
        gs_line_put(&line, "destroy %s", gi);
        break;
    case GS_CHANGE_CREATE_GI:
        gs_line_put(&line, "create %s", gi);
        break;
    case GS_CHANGE_CREATE_CI:
        gs_line_put(&line, "create compute instance %uc in %s", step->ci_slices, gi);
        break;
    }
}
