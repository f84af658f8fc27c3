#include <stdio.h>

#include "partition/apply_work.h"
#include "partition/goal.h"

static int goal_of(const struct gs_apply_gpu *gpu, const struct gs_geometry *cut,
                   struct gs_geometry_goal *ret, struct gs_err *err)
{
    if (gpu->want->state != NULL) {
        return gs_geometry_goal_from_state(cut->index->table->model, gpu->want->state, ret, err);
    }
    return gs_goal_from_wish(cut, gpu->want->wish, ret, err);
}

int gs_apply_goal(const struct gs_apply_gpu *gpu, struct gs_geometry_goal *ret, struct gs_err *err)
{
    struct gs_geometry cut = gs_inventory_geometry(gpu->now);
    return goal_of(gpu, &cut, ret, err);
}

/* The GPU as if nothing were cut: what is in the way is another question. */
static struct gs_geometry empty_cut(const struct gs_apply_gpu *gpu)
{
    static const struct gs_gpu_instances nothing = {.n = 0};
    static const struct gs_geometry_busy idle = {.gis = 0};
    bool told = gpu->now->index != NULL;
    return (struct gs_geometry){.index = told ? gpu->now->index : gpu->expected,
                                .instances = &nothing,
                                .busy = &idle,
                                .inside = told ? gpu->now->inside : NULL,
                                .places_cis = gpu->now->places_cis};
}

/* Whether an empty GPU of that kind holds what is wanted. */
static int check_one(struct gs_apply_work *work, struct gs_apply_gpu *gpu, struct gs_err *err)
{
    int r = 0;
    if (gpu->now->index == NULL && gpu->now->facts.mode != GS_MIG_ON) {
        r = gs_inventory_expect(work->tables, gpu->now, &gpu->expected, err);
    }
    if (r < 0 || (gpu->now->index == NULL && gpu->expected == NULL)) {
        return r;
    }
    const struct gs_geometry cut = empty_cut(gpu);
    struct gs_geometry_goal goal;
    struct gs_geometry_blockers blockers;
    r = goal_of(gpu, &cut, &goal, err);
    r = r < 0 ? r : gs_change_plan(&cut, &goal, 0, gpu->change, &blockers, err);
    if (r < 0 && gpu->now->index == NULL) {
        return gs_wrap(err, r, "by the catalogue, as this driver tells nothing while MIG is off");
    }
    return r;
}

int gs_apply_check(struct gs_apply_work *work, struct gs_err *err)
{
    for (unsigned k = 0; k < work->n && !work->options->mode_only; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        int r = gpu->wanted && gpu->mig ? check_one(work, gpu, err) : 0;
        if (r < 0) {
            return gs_wrap(err, r, "GPU %u", k);
        }
    }
    return 0;
}

/* What can be had beside what is in use. */
static int plan_partly(struct gs_apply_work *work, struct gs_apply_gpu *gpu,
                       const struct gs_geometry_goal *goal, const struct gs_err *why,
                       struct gs_err *err)
{
    struct gs_geometry cut = gs_inventory_geometry(gpu->now);
    struct gs_geometry_goal part;
    struct gs_geometry_goal left;
    struct gs_geometry_blockers blockers;
    int r = gs_change_reduce(&cut, goal, &part, &left, err);
    if (r == 0) {
        r = gs_change_plan(&cut, &part, 0, gpu->change, &blockers, err);
    }
    if (r < 0) {
        return gs_wrap(err, r, "GPU %u", gpu->now->gpu);
    }
    gs_apply_leave(work, gpu->now->gpu, why);
    if (left.n > 0) { /* else all that is wanted is made, and something is only not removed */
        char text[GS_GEOMETRY_TEXT_MAX + 1];
        gs_geometry_goal_format(cut.index->table->model, &left, text);
        gs_say(&work->options->note, "GPU %u: not made now: %s", gpu->now->gpu, text);
    }
    return 0;
}

static int plan_one(struct gs_apply_work *work, struct gs_apply_gpu *gpu, bool partly,
                    unsigned attempt, struct gs_err *err)
{
    if (gpu->now->index == NULL) {
        return gs_fail(err, gpu->now->why.code == 0 ? GS_UNKNOWN : gpu->now->why.code, "GPU %u: %s",
                       gpu->now->gpu, gpu->now->why.msg);
    }
    struct gs_geometry_goal goal;
    int r = gs_apply_goal(gpu, &goal, err);
    if (r < 0) {
        return gs_wrap(err, r, "GPU %u", gpu->now->gpu);
    }
    struct gs_geometry cut = gs_inventory_geometry(gpu->now);
    struct gs_geometry_blockers blockers = {0};
    r = gs_change_plan(&cut, &goal, attempt, gpu->change, &blockers, err);
    if (r < 0) {
        r = gs_apply_blocked(gpu->now, &blockers, r, err);
    }
    if (r == GS_BUSY && partly) {
        const struct gs_err why = *err;
        return plan_partly(work, gpu, &goal, &why, err);
    }
    return r;
}

static bool has_config(const struct gs_apply_gpu *gpu)
{
    return gpu->wanted && gpu->mig;
}

int gs_apply_plan(struct gs_apply_work *work, bool partly, struct gs_err *err)
{
    for (unsigned k = 0; k < work->n; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        if (has_config(gpu) && gpu->now->facts.mode == GS_MIG_ON) {
            int r = plan_one(work, gpu, partly, 0, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* GPUs whose mode is not on after the mode part: it waits for a reset. */
static int check_modes(struct gs_apply_work *work, struct gs_err *err)
{
    for (unsigned k = 0; k < work->n; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        if (!has_config(gpu) || gpu->now->facts.mode == GS_MIG_ON ||
            (work->options->dry_run && !gpu->waits) ||
            work->report->gpus[k] == GS_APPLY_PARTLY /* said already, and why */) {
            continue;
        }
        int r = gs_fail(err, GS_BUSY,
                        "GPU %u: MIG is off until the GPU is reset, so nothing can be cut yet", k);
        if (!work->options->only_idle) {
            return r;
        }
        gs_apply_leave(work, k, err);
    }
    return 0;
}

static unsigned count_steps(const struct gs_apply_work *work)
{
    unsigned steps = 0;
    for (unsigned k = 0; k < work->n; k++) {
        const struct gs_apply_gpu *gpu = &work->at[k];
        steps += has_config(gpu) && gpu->now->facts.mode == GS_MIG_ON ? gpu->change->n : 0;
    }
    return steps;
}

static bool is_guarded(const struct gs_apply_work *work)
{
    return work->options->guard != NULL && work->options->guard->before != NULL;
}

/* Whether it failed as the driver found no room for a compute instance that should fit: before
 * R525 it alone decides where they lie. Others may then have to go that a guard knows nothing of.
 */
static bool may_try_again(const struct gs_apply_work *work, const struct gs_perform *perform,
                          const struct gs_apply_gpu *gpu, int r)
{
    return r == GS_INFEASIBLE && !gpu->now->places_cis && !is_guarded(work) &&
           perform->at < gpu->change->n &&
           gpu->change->steps[perform->at].kind == GS_CHANGE_CREATE_CI;
}

static int perform_one(struct gs_apply_work *work, struct gs_perform *perform,
                       struct gs_apply_gpu *gpu, struct gs_err *err)
{
    unsigned done = 0;
    int r = gs_perform(perform, gpu->now, gpu->change, &done, err);
    gpu->touched = gpu->touched || done > 0;
    for (unsigned attempt = 1; attempt < GS_CHANGE_ATTEMPTS && may_try_again(work, perform, gpu, r);
         attempt++) {
        struct gs_err ignored;
        if (gs_guard_mark(work->options->guard, gpu->now, &ignored) < 0 ||
            plan_one(work, gpu, false, attempt, &ignored) < 0) {
            break;
        }
        r = gs_perform(perform, gpu->now, gpu->change, &done, err);
        gpu->touched = gpu->touched || done > 0;
    }
    if (r < 0) {
        work->report->gpus[gpu->now->gpu] = gpu->touched ? GS_APPLY_IN_BETWEEN : GS_APPLY_UNTOUCHED;
    } else if (work->report->gpus[gpu->now->gpu] != GS_APPLY_PARTLY) {
        work->report->gpus[gpu->now->gpu] = GS_APPLY_AS_WANTED;
    }
    return r;
}

/* The GPU instance of a step is in use, whatever the driver lists. */
static void mark_refused(struct gs_inventory_gpu *now, const struct gs_change_step *step)
{
    for (unsigned i = 0; i < now->instances.n; i++) {
        const struct gs_gpu_instance *gi = &now->instances.at[i];
        if (gi->profile == step->profile && gi->start == step->start) {
            gs_inventory_mark(now, gi->id, GS_NOT_KNOWN);
        }
    }
}

/* only_idle: what can be had beside slices that turn out to be in use when they are to go, one
 * after another. A guard was asked about one plan, and for another there is none. */
static int perform_beside(struct gs_apply_work *work, struct gs_perform *perform,
                          struct gs_apply_gpu *gpu, struct gs_err *err)
{
    struct gs_change_step refused[GS_GPU_INSTANCES_MAX];
    unsigned n = 0;
    int r = perform_one(work, perform, gpu, err);
    while (r == GS_BUSY && n < GS_GPU_INSTANCES_MAX && perform->at < gpu->change->n &&
           !gpu->touched && !is_guarded(work)) {
        const struct gs_err why = *err;
        struct gs_geometry_goal goal;
        refused[n++] = gpu->change->steps[perform->at];
        for (unsigned k = 0; k < n; k++) {
            mark_refused(gpu->now, &refused[k]);
        }
        r = gs_guard_mark(work->options->guard, gpu->now, err);
        r = r < 0 ? r : gs_apply_goal(gpu, &goal, err);
        r = r < 0 ? r : plan_partly(work, gpu, &goal, &why, err);
        r = r < 0 ? r : perform_one(work, perform, gpu, err);
    }
    return r;
}

static int perform_all(struct gs_apply_work *work, unsigned steps, struct gs_err *err)
{
    struct gs_journal journal;
    struct gs_perform perform;
    int r = gs_apply_begin(work, steps, &journal, &perform, err);
    if (r < 0) {
        return r;
    }
    for (unsigned k = 0; k < work->n && r == 0; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        if (!has_config(gpu) || gpu->now->facts.mode != GS_MIG_ON) {
            continue;
        }
        r = work->options->only_idle ? perform_beside(work, &perform, gpu, err)
                                     : perform_one(work, &perform, gpu, err);
        if (r == GS_BUSY && work->options->only_idle) {
            gs_apply_leave(work, k, err);
            r = 0;
        }
    }
    int closed = gs_journal_close(&journal, r < 0 ? NULL : err);
    return r < 0 ? r : closed;
}

/* What a GPU gets once MIG is on; one that nothing is known of before leaves that open. */
static void say_fresh(const struct gs_apply_work *work, struct gs_apply_gpu *gpu, unsigned k)
{
    const struct gs_geometry cut = empty_cut(gpu);
    struct gs_geometry_goal goal;
    struct gs_geometry_blockers blockers;
    char text[GS_GEOMETRY_TEXT_MAX + 1] = "";
    gpu->change->n = 0;
    if (cut.index != NULL && goal_of(gpu, &cut, &goal, NULL) == 0 &&
        gs_change_plan(&cut, &goal, 0, gpu->change, &blockers, NULL) == 0) {
        gs_geometry_goal_format(cut.index->table->model, &goal, text);
    }
    gs_say(&work->options->detail, "GPU %u: then cut it %s%s", k,
           text[0] == '\0' ? "as wanted" : "into ", text);
    if (gpu->now->index == NULL) {
        gs_apply_plan_next(work->options,
                           (struct gs_planned){.kind = GS_PLANNED_UNKNOWN,
                                               .gpu = k,
                                               .why = "this driver tells what a GPU can be cut "
                                                      "into only with MIG on"});
    }
    for (unsigned i = 0; gpu->now->index != NULL && i < gpu->change->n; i++) {
        gs_apply_plan_next(
            work->options,
            (struct gs_planned){.kind = GS_PLANNED_STEP, .gpu = k, .step = &gpu->change->steps[i]});
    }
}

static void say_dry(struct gs_apply_work *work)
{
    for (unsigned k = 0; k < work->n; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        if (has_config(gpu) && gpu->now->facts.mode == GS_MIG_ON) {
            gs_apply_say_steps(work->options, gpu->now, gpu->change);
        } else if (has_config(gpu) && work->report->gpus[k] != GS_APPLY_PARTLY) {
            say_fresh(work, gpu, k);
        }
    }
}

int gs_apply_config(struct gs_apply_work *work, struct gs_err *err)
{
    const struct gs_hooks *hooks = work->options->hooks;
    bool hook = !work->options->dry_run && gs_hooks_has(hooks, GS_MIGHOOK_PRE_APPLY_CONFIG);
    int r = gs_apply_stopped(work, err);
    if (r < 0 || (r = check_modes(work, err)) < 0) {
        return r;
    }
    r = gs_apply_plan(work, work->options->only_idle && !hook, err);
    if (hook && (r == GS_BUSY || (r == 0 && count_steps(work) > 0))) {
        r = gs_hooks_run(hooks, GS_MIGHOOK_PRE_APPLY_CONFIG, err);
        r = r < 0 ? r : gs_apply_read(work, err);
        r = r < 0 ? r : gs_apply_plan(work, work->options->only_idle, err);
    }
    if (r < 0) {
        return r;
    }
    if (work->options->dry_run) {
        say_dry(work);
        return 0;
    }
    unsigned steps = count_steps(work);
    return steps == 0 ? 0 : perform_all(work, steps, err);
}
