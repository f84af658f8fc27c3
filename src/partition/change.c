#include "partition/change.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/policy.h"
#include "partition/fit.h"
#include "partition/line.h"
#include "partition/steps.h"

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

static struct gs_steps_making making_of(const struct gs_fit *fit, const struct gs_geometry_gi *want,
                                        const struct gs_inside_plan *inside, unsigned attempt)
{
    return (struct gs_steps_making){
        .want = want,
        .inside = inside,
        .of_slices = fit->table->model->profiles[want->profile].compute_slices,
        .places = fit->cut->places_cis,
        .attempt = attempt,
    };
}

static void put_all_gone(const struct gs_fit *fit, const struct gs_transition *transition,
                         struct gs_change *change)
{
    for (unsigned k = 0; k < transition->n_steps; k++) {
        const struct gs_placement *place = &transition->steps[k].placement;
        if (transition->steps[k].kind == GS_STEP_DESTROY) {
            int i = gs_statetable_placement(fit->table, place->profile, place->start);
            gs_steps_gone(change, &fit->cut->instances->at[fit->instance[i]]);
        }
    }
}

/* Destroys come first: one that the driver refuses is met before anything new is made, and what
 * went before it can be put back (perform.c). */
static void write_steps(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                        const struct gs_fit_target *target, unsigned attempt,
                        struct gs_change *change)
{
    const struct gs_statetable *table = fit->table;
    struct gs_transition transition;
    gs_transition_steps(table, gs_statetable_find(table, fit->set), target->state, &transition);
    *change = (struct gs_change){.n_kept = (unsigned)target->n_kept};
    put_all_gone(fit, &transition, change);
    struct newcomers new = {.goal = goal};
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        int b = target->wanted[i];
        if (b >= 0) {
            struct gs_steps_making making =
                making_of(fit, &goal->gis[b], &fit->pairs[i][b].inside, attempt);
            new.taken |= 1u << b;
            gs_steps_stay(change, &fit->cut->instances->at[i], &making);
        }
    }
    for (unsigned k = 0; k < transition.n_steps; k++) {
        if (transition.steps[k].kind == GS_STEP_CREATE) {
            const struct gs_placement *place = &transition.steps[k].placement;
            const struct gs_geometry_gi *want = next_new(&new, place);
            struct gs_steps_making making =
                making_of(fit, want, &fit->fresh[want - goal->gis], attempt);
            gs_steps_new(change, table->model, place->start, &making);
        }
    }
}

/* "compute instance 1 (1c at 2) of 3g.20gb@0(1c,1c)" where not all in it is in the way. */
static void name_blocker(const struct gs_model *model, const struct gs_gpu_instances *instances,
                         unsigned i, unsigned cis, struct gs_line *text)
{
    const struct gs_gpu_instance *gi = &instances->at[i];
    char name[GS_GEOMETRY_TEXT_MAX + 1];
    unsigned n = 0;
    for (unsigned j = 0; j < gi->n_compute && cis != (1u << gi->n_compute) - 1u; j++) {
        const struct gs_compute_instance *ci = &gi->compute[j];
        if ((cis >> j & 1u) == 0) {
            continue;
        }
        gs_line_put(text, "%s%u (%uc", n++ == 0 ? "compute instance " : ", ", ci->id,
                    gs_geometry_slices_of(ci));
        if (gs_steps_start(ci) != GS_INSIDE_ANYWHERE) {
            gs_line_put(text, " at %u", ci->start);
        }
        gs_line_put(text, ")");
    }
    gs_geometry_format(model, instances, 1u << i, name);
    gs_line_put(text, "%s%s", n > 0 ? " of " : "", name);
}

static int fail_blocked(const struct gs_model *model, const struct gs_gpu_instances *instances,
                        const char *wanted, const struct gs_geometry_blockers *blockers,
                        struct gs_err *err)
{
    uint32_t which = (uint32_t)blockers->busy | blockers->foreign;
    char blocking[GS_GEOMETRY_TEXT_MAX + 1];
    struct gs_line text = {.p = blocking, .size = sizeof(blocking)};
    gs_line_put(&text, "%s", "");
    for (unsigned i = 0; i < instances->n; i++) {
        if ((which >> i & 1u) != 0) {
            gs_line_put(&text, "%s", text.used == 0 ? "" : ",");
            name_blocker(model, instances, i, blockers->cis[i], &text);
        }
    }
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

int gs_change_clear(const struct gs_model *model, const struct gs_gpu_instances *instances,
                    const struct gs_geometry_busy *busy, struct gs_change *ret_change,
                    struct gs_geometry_blockers *ret_blockers, struct gs_err *err)
{
    struct gs_geometry_blockers blockers = {.busy = busy->gis};
    struct gs_change change = {.n = 0};
    for (unsigned i = 0; i < instances->n; i++) {
        blockers.cis[i] = busy->cis[i];
        if (model != NULL && gs_geometry_profile_of(model, &instances->at[i]) < 0) {
            blockers.foreign = (uint16_t)(blockers.foreign | 1u << i);
        }
        gs_steps_gone(&change, &instances->at[i]);
    }
    blockers.foreign = (uint16_t)(blockers.foreign & ~blockers.busy);
    if (blockers.busy != 0 || blockers.foreign != 0) {
        *ret_blockers = blockers;
        return fail_blocked(model, instances, "turning MIG off", &blockers, err);
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

int gs_change_add(const struct gs_geometry *cut, const struct gs_geometry_gi *gi,
                  struct gs_change *ret_change, struct gs_err *err)
{
    const struct gs_geometry_goal goal = {.placed = true, .n = 1, .gis = {*gi}};
    struct gs_fit fit;
    gs_fit_init(&fit, cut, &goal, false);
    int r = gs_fit_check(&fit, &goal, err);
    if (r < 0) {
        return r;
    }
    struct gs_steps_making making = making_of(&fit, gi, &fit.fresh[0], 0);
    *ret_change = (struct gs_change){.n = 0};
    gs_steps_new(ret_change, cut->index->table->model, gi->start, &making);
    return 0;
}

void gs_change_add_ci(const struct gs_geometry *cut, unsigned i, const struct gs_geometry_ci *ci,
                      int start, struct gs_change *ret_change)
{
    const struct gs_gpu_instance *gi = &cut->instances->at[i];
    const struct gs_geometry_gi want = {.n_cis = 1, .cis = {*ci}};
    struct gs_inside_plan inside = {.missing = 1, .starts = {(uint8_t)start}};
    const struct gs_steps_making making = {
        .want = &want, .inside = &inside, .places = cut->places_cis};
    struct gs_change_step step = gs_steps_of(gi);
    int profile = gs_geometry_profile_of(cut->index->table->model, gi);
    struct gs_inside places = {.known = false};
    assert(step.was.n < GS_COMPUTE_INSTANCES_MAX && ci->profile < GS_INSIDE_KINDS);
    if (profile >= 0) {
        gs_inside_of(cut, (unsigned)profile, &places);
    }
    inside.sizes[0] = places.known ? (uint8_t)places.kinds[ci->profile].size : 0;
    step.shall = step.was;
    *ret_change = (struct gs_change){.n = 0};
    gs_steps_create_cis(ret_change, &step, &making, 0);
}

/* All that is to go, those busy in it into *ret_blockers. */
static void list_leaving(const struct gs_gpu_instances *instances,
                         const struct gs_geometry_busy *busy, const struct gs_change_leaving *asked,
                         struct gs_change_leaving *ret, struct gs_geometry_blockers *ret_blockers)
{
    *ret = *asked;
    *ret_blockers = (struct gs_geometry_blockers){.busy = 0};
    for (unsigned i = 0; i < instances->n; i++) {
        unsigned all = (1u << instances->at[i].n_compute) - 1u;
        bool whole = (asked->gis >> i & 1u) != 0 || (all != 0 && (asked->cis[i] & all) == all);
        unsigned cis = whole ? all : asked->cis[i] & all;
        bool held = whole ? (busy->gis >> i & 1u) != 0 : (busy->cis[i] & cis) != 0;
        ret->gis = (uint16_t)(ret->gis | (whole ? 1u << i : 0u));
        ret->cis[i] = (uint16_t)cis;
        if (held) {
            ret_blockers->busy = (uint16_t)(ret_blockers->busy | 1u << i);
            ret_blockers->cis[i] = (uint16_t)(busy->cis[i] & cis);
        }
    }
}

static int fail_in_use(const struct gs_gpu_instances *instances,
                       const struct gs_change_leaving *leaving,
                       const struct gs_geometry_blockers *blockers, struct gs_err *err)
{
    unsigned i = (unsigned)__builtin_ctz(blockers->busy);
    const struct gs_gpu_instance *gi = &instances->at[i];
    if ((leaving->gis >> i & 1u) != 0) {
        return gs_fail(err, GS_BUSY, "GPU instance %u is in use", gi->id);
    }
    unsigned j = (unsigned)__builtin_ctz(blockers->cis[i]);
    return gs_fail(err, GS_BUSY, "compute instance %u of GPU instance %u is in use",
                   gi->compute[j].id, gi->id);
}

int gs_change_remove(const struct gs_gpu_instances *instances, const struct gs_geometry_busy *busy,
                     const struct gs_change_leaving *asked, struct gs_change *ret_change,
                     struct gs_geometry_blockers *ret_blockers, struct gs_err *err)
{
    static const struct gs_geometry_gi nothing = {.n_cis = 0};
    struct gs_change_leaving leaving;
    struct gs_geometry_blockers blockers;
    list_leaving(instances, busy, asked, &leaving, &blockers);
    if (blockers.busy != 0) {
        *ret_blockers = blockers;
        return fail_in_use(instances, &leaving, &blockers, err);
    }
    *ret_change = (struct gs_change){.n = 0};
    for (unsigned i = 0; i < instances->n; i++) {
        if ((leaving.gis >> i & 1u) != 0) {
            gs_steps_gone(ret_change, &instances->at[i]);
        }
    }
    for (unsigned i = 0; i < instances->n; i++) {
        if ((leaving.gis >> i & 1u) == 0 && leaving.cis[i] != 0) {
            const struct gs_inside_plan inside = {.kept = (uint8_t)~leaving.cis[i]};
            const struct gs_steps_making making = {.want = &nothing, .inside = &inside};
            gs_steps_stay(ret_change, &instances->at[i], &making);
        }
    }
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

/* "1c at 2" of a compute instance that does not take all of its GPU instance; "" of one that does.
 */
static void name_part(const struct gs_model *model, const struct gs_change_step *step, char *text,
                      size_t size)
{
    const struct gs_gpu_instance gi = {
        .profile = step->profile, .start = step->start, .size = step->size};
    int profile = model == NULL ? -1 : gs_geometry_profile_of(model, &gi);
    struct gs_line line = {.p = text, .size = size};
    gs_line_put(&line, "%s", "");
    if (step->ci_slices == 0 ||
        (profile >= 0 && model->profiles[profile].compute_slices == step->ci_slices)) {
        return;
    }
    gs_line_put(&line, "%uc", step->ci_slices);
    if (step->ci_start != GS_INSIDE_ANYWHERE) {
        gs_line_put(&line, " at %u", step->ci_start);
    }
}

void gs_change_format(const struct gs_model *model, const struct gs_change_step *step,
                      char ret_text[GS_CHANGE_TEXT_MAX + 1])
{
    char gi[GS_PROFILE_NAME_MAX + 32];
    char part[24];
    name_gi(model, step, gi, sizeof(gi));
    name_part(model, step, part, sizeof(part));
    struct gs_line line = {.p = ret_text, .size = GS_CHANGE_TEXT_MAX + 1};
    switch (step->kind) {
    case GS_CHANGE_DESTROY_CI:
        gs_line_put(&line, "destroy compute instance %u%s%s%s of %s", step->ci,
                    part[0] == '\0' ? "" : " (", part, part[0] == '\0' ? "" : ")", gi);
        break;
    case GS_CHANGE_DESTROY_GI:
        gs_line_put(&line, "destroy %s", gi);
        break;
    case GS_CHANGE_CREATE_GI:
        gs_line_put(&line, "create %s", gi);
        break;
    case GS_CHANGE_CREATE_CI:
        if (part[0] == '\0') {
            gs_line_put(&line, "create compute instance %uc in %s", step->ci_slices, gi);
        } else {
            gs_line_put(&line, "create compute instance %s in %s", part, gi);
        }
        break;
    }
}
