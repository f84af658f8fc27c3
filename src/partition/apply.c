#include "partition/apply.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "partition/apply_work.h"
#include "partition/line.h"
#include "partition/recover.h"

/* Bytes of one apply: the tables of all kinds of GPUs of a machine, and what is read of each GPU.
 */
#define APPLY_MEMORY_MAX ((size_t)256 << 20)

const char *gs_apply_condition_name(enum gs_apply_condition condition)
{
    switch (condition) {
    case GS_APPLY_UNTOUCHED:
        return "untouched";
    case GS_APPLY_AS_WANTED:
        return "as wanted";
    case GS_APPLY_PARTLY:
        return "partly as wanted";
    case GS_APPLY_IN_BETWEEN:
        return "in between";
    case GS_APPLY_PENDING:
        return "waiting for a reset";
    }
    return "";
}

static void want(struct gs_apply_gpu *gpu, const struct gs_apply_want *want)
{
    gpu->want = want;
    if (want->state != NULL) {
        gpu->wanted = true;
        gpu->mig = want->state->mig_enabled;
    } else if (want->wish != NULL && want->wish->named) {
        gpu->wanted = true;
        gpu->mig = want->wish->mig_enabled;
    }
}

static int init(struct gs_apply_work *work, const struct gs_apply_want *wants, unsigned n,
                struct gs_err *err)
{
    unsigned there;
    int r = gs_gpu_count(work->gpus, &there, err);
    if (r < 0) {
        return r;
    }
    if (there != n || n > GS_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "the driver lists %u GPUs, and %u were asked about", there,
                       n);
    }
    work->n = n;
    for (unsigned k = 0; k < n; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        want(gpu, &wants[k]);
        if (gpu->wanted) {
            gpu->now = GS_ARENA_NEW(work->arena, struct gs_inventory_gpu, 1);
            gpu->change = GS_ARENA_NEW(work->arena, struct gs_change, 1);
            if (gpu->now == NULL || gpu->change == NULL) {
                return gs_fail(err, GS_NO_MEMORY, "no memory for the state of GPU %u", k);
            }
            gpu->change->n = 0;
        }
    }
    return 0;
}

int gs_apply_begin(const struct gs_apply_work *work, unsigned steps, struct gs_journal *ret_journal,
                   struct gs_perform *ret_perform, struct gs_err *err)
{
    int r = gs_journal_open(ret_journal, work->options->dir, work->options->what,
                            gs_hooks_has(work->options->hooks, GS_MIGHOOK_APPLY_EXIT), steps,
                            work->options->io, err);
    *ret_perform = (struct gs_perform){
        .gpus = work->gpus,
        .journal = ret_journal,
        .detail = work->options->detail,
        .of = steps,
        .stop = work->options->stop,
        .guard = work->options->guard,
    };
    return r;
}

int gs_apply_read(struct gs_apply_work *work, struct gs_err *err)
{
    for (unsigned k = 0; k < work->n; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        if (!gpu->wanted) {
            continue;
        }
        int r = gs_inventory_read(work->gpus, k, gpu->mig && !work->options->mode_only,
                                  work->tables, gpu->now, err);
        r = r < 0 ? r : gs_guard_mark(work->options->guard, gpu->now, err);
        if (r < 0) {
            return r;
        }
        if (gpu->now->facts.mode == GS_MIG_NOT_CAPABLE && gpu->mig) {
            return gs_fail(err, GS_UNSUPPORTED, "GPU %u (%s) cannot be cut: MIG on was asked of it",
                           k, gpu->now->facts.name);
        }
    }
    return 0;
}

int gs_apply_stopped(const struct gs_apply_work *work, struct gs_err *err)
{
    if (work->options->stop == NULL || *work->options->stop == 0) {
        return 0;
    }
    gs_fail(err, GS_IO, "interrupted; run the same command again for the rest");
    err->sys_errno = EINTR;
    return GS_IO;
}

void gs_apply_leave(struct gs_apply_work *work, unsigned gpu, const struct gs_err *err)
{
    work->report->gpus[gpu] = GS_APPLY_PARTLY;
    gs_say(&work->options->note, "left: %s", err->msg);
    work->left = true;
}

int gs_apply_blocked(const struct gs_inventory_gpu *gpu,
                     const struct gs_geometry_blockers *blockers, int r, struct gs_err *err)
{
    if (r == GS_BUSY && err != NULL) {
        char who[GS_INVENTORY_TEXT_MAX + 1];
        gs_inventory_name_blockers(gpu, blockers, who);
        size_t used = strlen(err->msg);
        snprintf(err->msg + used, sizeof(err->msg) - used, "; held: %s", who);
    }
    return gs_wrap(err, r, "GPU %u", gpu->gpu);
}

static void free_tables(struct gs_arena *arena)
{
    gs_arena_done(arena);
}

/* What a GPU is that was changed by a run which then failed. */
static void say_left(const struct gs_apply_work *work, unsigned k)
{
    const struct gs_apply_gpu *gpu = &work->at[k];
    const struct gs_say *note = &work->options->note;
    const char *name = gs_apply_condition_name(work->report->gpus[k]);
    char text[GS_GEOMETRY_TEXT_MAX + 1];
    if (gpu->now->facts.mode == GS_MIG_OFF) {
        gs_say(note, "GPU %u is %s; MIG is off", k, name);
    } else if (gpu->now->instances.n == 0) {
        gs_say(note, "GPU %u is %s; MIG is on%s", k, name,
               work->options->mode_only ? "" : ", and nothing is cut yet");
    } else {
        gs_geometry_format(gs_inventory_model(gpu->now), &gpu->now->instances, UINT32_MAX, text);
        gs_say(note, "GPU %u is %s; it is cut into %s", k, name, text);
    }
}

static bool mode_is_all(const struct gs_apply_work *work, const struct gs_apply_gpu *gpu)
{
    const enum gs_mig_mode wanted = gpu->mig ? GS_MIG_ON : GS_MIG_OFF;
    return gpu->now->facts.mode == wanted && (!gpu->mig || work->options->mode_only);
}

/* What is wanted again when all went well, or what a failure left. */
static void judge(struct gs_apply_work *work, int r)
{
    for (unsigned k = 0; k < work->n; k++) {
        struct gs_apply_gpu *gpu = &work->at[k];
        if (!gpu->wanted) {
            continue;
        }
        const struct gs_gpu *facts = &gpu->now->facts;
        enum gs_apply_condition *condition = &work->report->gpus[k];
        if (facts->mode != facts->pending && facts->mode != GS_MIG_NOT_CAPABLE) {
            *condition = GS_APPLY_PENDING;
            continue; /* the error says so, and what to do */
        }
        if (*condition == GS_APPLY_UNTOUCHED &&
            (r == 0 || (gpu->touched && mode_is_all(work, gpu)))) {
            *condition = GS_APPLY_AS_WANTED;
        } else if (*condition == GS_APPLY_UNTOUCHED && gpu->touched) {
            *condition = GS_APPLY_IN_BETWEEN;
        }
        if (r < 0 && gpu->touched) {
            say_left(work, k);
        }
    }
}

/* What was left is noted when it is found, with the reason. */
static int fail_left(const struct gs_apply_work *work, struct gs_err *err)
{
    char list[GS_GPUS_MAX * 4 + 1] = "";
    struct gs_line text = {.p = list, .size = sizeof(list)};
    unsigned n = 0;
    for (unsigned k = 0; k < work->n; k++) {
        if (work->report->gpus[k] == GS_APPLY_PARTLY) {
            gs_line_put(&text, "%s%u", n == 0 ? "" : ",", k);
            n++;
        }
    }
    return gs_fail(err, GS_BUSY, "not all could be done beside what is in use: GPU %s %s not %s",
                   list, n == 1 ? "is" : "are", "wholly as wanted");
}

static int both_parts(struct gs_apply_work *work, struct gs_err *err)
{
    int r = gs_apply_mode(work, err);
    if (r == 0 && !work->options->mode_only) {
        r = gs_apply_config(work, err);
    }
    return r;
}

/* What was read before the first hook is what there is when there is no hook. */
static int with_hooks(struct gs_apply_work *work, struct gs_err *err)
{
    const struct gs_hooks *hooks = work->options->hooks;
    int r = gs_hooks_run(hooks, GS_MIGHOOK_APPLY_START, err);
    if (r == 0 && gs_hooks_has(hooks, GS_MIGHOOK_APPLY_START)) {
        r = gs_apply_read(work, err);
    }
    r = r < 0 ? r : both_parts(work, err);
    struct gs_err exit_err;
    int exit_r = gs_hooks_run(hooks, GS_MIGHOOK_APPLY_EXIT, &exit_err);
    if (exit_r < 0 && r < 0) {
        gs_say(&work->options->note, "%s", exit_err.msg);
    } else if (exit_r < 0) {
        return gs_fail(err, (enum gs_code)exit_r, "%s", exit_err.msg);
    }
    return r;
}

static int check_driver(struct gs_gpus *gpus, struct gs_err *err)
{
    struct gs_gpu_driver driver;
    int r = gs_gpu_driver(gpus, &driver, err);
    if (r == 0 && !driver.can_place) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "driver %s does not create instances where it is told, which came with "
                       "R460: nothing is changed",
                       driver.driver_version);
    }
    return r;
}

int gs_apply_enter(struct gs_gpus *gpus, const struct gs_apply_options *options,
                   struct gs_lock *lock, struct gs_err *err)
{
    int r = 0;
    if (options->dry_run) {
        r = gs_recover_look(gpus, options->dir, &options->detail, err);
    } else {
        r = gs_lock_take(lock, options->dir, options->what, options->wait_ms, options->stop, err);
        r = r < 0 ? r : gs_recover(gpus, options->dir, &options->note, err);
    }
    return r < 0 ? r : check_driver(gpus, err);
}

void gs_apply_plan_next(const struct gs_apply_options *options, struct gs_planned planned)
{
    if (options->planned.next != NULL) {
        options->planned.next(options->planned.ctx, &planned);
    }
}

void gs_apply_say_steps(const struct gs_apply_options *options, const struct gs_inventory_gpu *gpu,
                        const struct gs_change *change)
{
    for (unsigned i = 0; i < change->n; i++) {
        char text[GS_CHANGE_TEXT_MAX + 1];
        gs_change_format(gs_inventory_model(gpu), &change->steps[i], text);
        gs_say(&options->detail, "GPU %u: %s", gpu->gpu, text);
        gs_apply_plan_next(options, (struct gs_planned){.kind = GS_PLANNED_STEP,
                                                        .gpu = gpu->gpu,
                                                        .step = &change->steps[i]});
    }
}

void gs_apply_sum_add(struct gs_apply_sum *sum, const struct gs_inventory_gpu *gpu,
                      const struct gs_change *change)
{
    sum->gpus++;
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        sum->before += gpu->instances.at[i].n_compute;
    }
    for (unsigned i = 0; i < change->n; i++) {
        sum->gone += change->steps[i].kind == GS_CHANGE_DESTROY_CI;
        sum->made += change->steps[i].kind == GS_CHANGE_CREATE_CI;
    }
}

void gs_apply_sum_say(const struct gs_apply_sum *sum, const struct gs_say *say)
{
    gs_say(say, "%u GPU%s: %u slice%s destroyed, %u created, %u kept", sum->gpus,
           sum->gpus == 1 ? "" : "s", sum->gone, sum->gone == 1 ? "" : "s", sum->made,
           sum->before > sum->gone ? sum->before - sum->gone : 0);
}

static void say_sum(const struct gs_apply_work *work)
{
    struct gs_apply_sum sum = {.gpus = 0};
    for (unsigned k = 0; k < work->n; k++) {
        if (work->at[k].wanted) {
            gs_apply_sum_add(&sum, work->at[k].now, work->at[k].change);
        }
    }
    gs_apply_sum_say(&sum, &work->options->detail);
}

static int run(struct gs_apply_work *work, const struct gs_apply_want *wants, unsigned n,
               struct gs_err *err)
{
    const struct gs_apply_options *options = work->options;
    int r = init(work, wants, n, err);
    if (r < 0 || (r = gs_apply_read(work, err)) < 0 || (r = gs_apply_check(work, err)) < 0 ||
        (r = gs_apply_guarded(work, err)) < 0) {
        return r;
    }
    r = options->dry_run ? both_parts(work, err) : with_hooks(work, err);
    if (options->dry_run && r == 0) {
        say_sum(work);
    }
    judge(work, r);
    if (r == 0 && work->left) {
        return fail_left(work, err);
    }
    return r;
}

int gs_apply(struct gs_gpus *gpus, const struct gs_apply_want *wants, unsigned n,
             const struct gs_apply_options *options, struct gs_apply_report *ret_report,
             struct gs_err *err)
{
    GS_CLEANUP(free_tables) struct gs_arena arena;
    gs_arena_init(&arena, options->alloc == NULL ? &gs_alloc_heap : options->alloc,
                  APPLY_MEMORY_MAX);
    struct gs_inventory_tables own;
    gs_inventory_tables_init(&own, &arena);
    struct gs_err local;
    struct gs_apply_work *work = GS_ARENA_NEW(&arena, struct gs_apply_work, 1);
    *ret_report = (struct gs_apply_report){.n = n};
    if (work == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs");
    }
    *work = (struct gs_apply_work){
        .gpus = gpus,
        .options = options,
        .arena = &arena,
        .tables = options->tables == NULL ? &own : options->tables,
        .report = ret_report,
    };
    err = err == NULL ? &local : err;
    GS_CLEANUP(gs_lock_release) struct gs_lock lock = {.fd = -1};
    int r = gs_apply_enter(gpus, options, &lock, err);
    return r < 0 ? r : run(work, wants, n, err);
}
