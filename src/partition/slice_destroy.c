/* gs_slice_destroy: slices removed by hand, all of them or none. */
#include <stdio.h>

#include "base/cleanup.h"
#include "partition/apply_work.h"
#include "partition/slice.h"
#include "partition/steps.h"

#define DESTROY_MEMORY_MAX ((size_t)256 << 20)

/* One GPU, read when it is first looked at. */
struct looked {
    struct gs_inventory_gpu *now; /* NULL: not yet, or it cannot be read */
    struct gs_gpu_instances *before;
    struct gs_change_leaving leaving;
    struct gs_change *change; /* NULL: nothing of it is to go */
    struct gs_err why;
};

struct destroy_work {
    struct gs_gpus *gpus;
    const struct gs_apply_options *options;
    struct gs_inventory_tables tables;
    unsigned n;
    struct looked *at; /* [n] */
    struct gs_lock lock;
    struct gs_arena arena;
};

static void leave(struct destroy_work *work)
{
    gs_lock_release(&work->lock);
    gs_arena_done(&work->arena);
}

static int fail_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs");
}

static int enter(struct destroy_work *work, struct gs_gpus *gpus,
                 const struct gs_apply_options *options, struct gs_err *err)
{
    *work = (struct destroy_work){.gpus = gpus, .options = options, .lock = {.fd = -1}};
    gs_arena_init(&work->arena, options->alloc == NULL ? &gs_alloc_heap : options->alloc,
                  DESTROY_MEMORY_MAX);
    gs_inventory_tables_init(&work->tables, &work->arena);
    int r = gs_apply_enter(gpus, options, &work->lock, err);
    if (r < 0 || (r = gs_gpu_count(gpus, &work->n, err)) < 0) {
        return r;
    }
    work->at = GS_ARENA_NEW(&work->arena, struct looked, work->n);
    if (work->at == NULL) {
        return fail_memory(err);
    }
    for (unsigned k = 0; k < work->n; k++) {
        work->at[k] = (struct looked){.now = NULL};
    }
    return 0;
}

/* ---- which ---- */

struct target {
    uint32_t gpu; /* GS_NOT_KNOWN: by the UUID */
    uint32_t gi;
    uint32_t ci; /* GS_NOT_KNOWN: the whole GPU instance */
    const char *text;
};

static int parse_target(const char *which, struct target *ret, struct gs_err *err)
{
    uint64_t parts[3] = {GS_NOT_KNOWN, GS_NOT_KNOWN, GS_NOT_KNOWN};
    struct gs_view rest = gs_view(which);
    *ret = (struct target){.gpu = GS_NOT_KNOWN, .text = which};
    if (strncmp(which, "MIG-", 4) == 0) {
        return 0;
    }
    unsigned n = 0;
    bool right = true;
    while (rest.p != NULL && right) {
        right = n < 3 && gs_view_is_u64(gs_view_split(&rest, ':'), 255, &parts[n]);
        n++;
    }
    if (!right || n < 2) {
        return gs_fail(err, GS_INVALID,
                       "\"%.100s\" names no slice: expected the UUID of a MIG device (MIG-...), "
                       "GPU:GI or GPU:GI:CI",
                       which);
    }
    ret->gpu = (uint32_t)parts[0];
    ret->gi = (uint32_t)parts[1];
    ret->ci = (uint32_t)parts[2];
    return 0;
}

/* GS_NO_MEMORY; what the driver says is kept in `why`. */
static int look_at(struct destroy_work *work, unsigned k, struct gs_err *err)
{
    struct looked *at = &work->at[k];
    if (at->now != NULL || at->why.code != GS_OK) {
        return 0;
    }
    struct gs_inventory_gpu *now = GS_ARENA_NEW(&work->arena, struct gs_inventory_gpu, 1);
    at->before = GS_ARENA_NEW(&work->arena, struct gs_gpu_instances, 1);
    if (now == NULL || at->before == NULL) {
        return fail_memory(err);
    }
    int r = gs_inventory_read(work->gpus, k, false, &work->tables, now, &at->why);
    r = r < 0 ? r : gs_guard_mark(work->options->guard, now, &at->why);
    if (r == GS_NO_MEMORY) {
        return gs_fail(err, r, "%s", at->why.msg);
    }
    if (r == 0) {
        *at->before = now->instances;
        at->now = now;
    }
    return 0;
}

/* Marks what is meant on one GPU; false: it is not there. */
static bool mark(struct looked *at, const struct target *target)
{
    for (unsigned i = 0; i < at->before->n; i++) {
        const struct gs_gpu_instance *gi = &at->before->at[i];
        bool named = target->gpu != GS_NOT_KNOWN && gi->id == target->gi;
        if (named && target->ci == GS_NOT_KNOWN) {
            at->leaving.gis = (uint16_t)(at->leaving.gis | 1u << i);
            return true;
        }
        for (unsigned j = 0; j < gi->n_compute; j++) {
            if (named ? gi->compute[j].id == target->ci
                      : target->gpu == GS_NOT_KNOWN &&
                            strcmp(gi->compute[j].uuid, target->text) == 0) {
                at->leaving.cis[i] = (uint16_t)(at->leaving.cis[i] | 1u << j);
                return true;
            }
        }
    }
    return false;
}

static int find(struct destroy_work *work, const struct target *target, struct gs_err *err)
{
    for (unsigned k = 0; k < work->n; k++) {
        struct looked *at = &work->at[k];
        if (target->gpu != GS_NOT_KNOWN && target->gpu != k) {
            continue;
        }
        int r = look_at(work, k, err);
        if (r < 0) {
            return r;
        }
        /* a GPU that is lost is not the one, unless it was named */
        if (at->now == NULL && target->gpu != GS_NOT_KNOWN) {
            return gs_fail(err, at->why.code, "%s", at->why.msg);
        }
        if (at->now != NULL && mark(at, target)) {
            return 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND, "there is no slice %.100s; gpuslice gpu show lists them",
                   target->text);
}

/* ---- how ---- */

static int plan(struct destroy_work *work, unsigned *ret_steps, struct gs_err *err)
{
    *ret_steps = 0;
    for (unsigned k = 0; k < work->n; k++) {
        struct looked *at = &work->at[k];
        struct gs_geometry_blockers blockers;
        bool any = at->leaving.gis != 0;
        for (unsigned i = 0; i < GS_GPU_INSTANCES_MAX; i++) {
            any = any || at->leaving.cis[i] != 0;
        }
        if (!any) {
            continue;
        }
        at->change = GS_ARENA_NEW(&work->arena, struct gs_change, 1);
        if (at->change == NULL) {
            return fail_memory(err);
        }
        int r = gs_change_remove(&at->now->instances, &at->now->busy, &at->leaving, at->change,
                                 &blockers, err);
        if (r < 0) {
            return gs_apply_blocked(at->now, &blockers, r, err);
        }
        *ret_steps += at->change->n;
    }
    return 0;
}

static void say_dry(const struct destroy_work *work)
{
    struct gs_apply_sum sum = {.gpus = 0};
    for (unsigned k = 0; k < work->n; k++) {
        const struct looked *at = &work->at[k];
        if (at->change != NULL) {
            gs_apply_say_steps(work->options, at->now, at->change);
            gs_apply_sum_add(&sum, at->now, at->change);
        }
    }
    gs_apply_sum_say(&sum, &work->options->detail);
}

/* ---- what is left after a failure ---- */

static bool is_there(const struct gs_gpu_instances *now, const struct gs_gpu_instance *gi,
                     const struct gs_compute_instance *ci)
{
    for (unsigned i = 0; i < now->n; i++) {
        const struct gs_gpu_instance *here = &now->at[i];
        if (ci == NULL && here->profile == gi->profile && here->start == gi->start) {
            return true;
        }
        for (unsigned j = 0; ci != NULL && j < here->n_compute; j++) {
            if (strcmp(here->compute[j].uuid, ci->uuid) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void say_gone(const struct destroy_work *work, unsigned k, unsigned i)
{
    const struct looked *at = &work->at[k];
    const struct gs_gpu_instance *gi = &at->before->at[i];
    char name[GS_GEOMETRY_TEXT_MAX + 1];
    gs_geometry_format(gs_inventory_model(at->now), at->before, 1u << i, name);
    if (gi->n_compute == 0 && !is_there(&at->now->instances, gi, NULL)) {
        gs_say(&work->options->note, "GPU %u: %s is gone", k, name);
    }
    for (unsigned j = 0; j < gi->n_compute; j++) {
        const struct gs_compute_instance *ci = &gi->compute[j];
        if (!is_there(&at->now->instances, gi, ci)) {
            gs_say(&work->options->note, "GPU %u: %s, of %s, is gone", k, ci->uuid, name);
        }
    }
}

static bool is_whole(const struct looked *at)
{
    for (unsigned i = 0; i < at->before->n; i++) {
        const struct gs_gpu_instance *gi = &at->before->at[i];
        if (!is_there(&at->now->instances, gi, NULL)) {
            return false;
        }
        for (unsigned j = 0; j < gi->n_compute; j++) {
            if (!is_there(&at->now->instances, gi, &gi->compute[j])) {
                return false;
            }
        }
    }
    return true;
}

/* Exactly what is gone of these GPUs, or that nothing is. */
static void say_left(const struct destroy_work *work, unsigned upto)
{
    bool whole = true;
    for (unsigned k = 0; k <= upto; k++) {
        const struct looked *at = &work->at[k];
        struct gs_err why;
        if (at->change == NULL) {
            continue;
        }
        if (gs_inventory_refresh(work->gpus, at->now, &why) < 0) {
            gs_say(&work->options->note, "what is gone of GPU %u is not known: %s", k, why.msg);
            whole = false;
            continue;
        }
        whole = whole && is_whole(at);
        for (unsigned i = 0; i < at->before->n; i++) {
            say_gone(work, k, i);
        }
    }
    if (whole) {
        gs_say(&work->options->note, "what had gone was put back: all slices are there");
    }
}

/* Whether something had gone before the step that failed. */
static bool any_gone(const struct destroy_work *work, const struct gs_perform *perform,
                     unsigned failed)
{
    for (unsigned k = 0; k < failed; k++) {
        if (work->at[k].change != NULL) {
            return true;
        }
    }
    return perform->at > 0;
}

static int perform(struct destroy_work *work, unsigned steps, struct gs_err *err)
{
    struct gs_journal journal;
    int r = gs_journal_open(&journal, work->options->dir, work->options->what, false, steps,
                            work->options->io, err);
    if (r < 0) {
        return r;
    }
    struct gs_perform perform = {
        .gpus = work->gpus,
        .journal = &journal,
        .detail = work->options->detail,
        .of = steps,
        .stop = work->options->stop,
        .all_or_nothing = true,
    };
    unsigned k = 0;
    for (; k < work->n; k++) {
        unsigned done;
        r = work->at[k].change == NULL
                ? 0
                : gs_perform(&perform, work->at[k].now, work->at[k].change, &done, err);
        if (r < 0) {
            break;
        }
    }
    if (r < 0 && any_gone(work, &perform, k)) {
        for (unsigned back = k; back > 0; back--) {
            if (work->at[back - 1].change != NULL) {
                gs_perform_put_back(&perform, work->at[back - 1].now, work->at[back - 1].change,
                                    err);
            }
        }
        say_left(work, k);
    }
    int closed = gs_journal_close(&journal, r < 0 ? NULL : err);
    return r < 0 ? r : closed;
}

int gs_slice_destroy(struct gs_gpus *gpus, const char *const *which, size_t n,
                     const struct gs_apply_options *options, struct gs_err *err)
{
    struct gs_err local;
    struct target target;
    int r = 0;
    err = err == NULL ? &local : err;
    for (size_t k = 0; k < n && r == 0; k++) {
        r = parse_target(which[k], &target, err);
    }
    if (r < 0) {
        return r;
    }
    GS_CLEANUP(leave) struct destroy_work work;
    unsigned steps;
    r = enter(&work, gpus, options, err);
    for (size_t k = 0; k < n && r == 0; k++) {
        (void)parse_target(which[k], &target, NULL);
        r = find(&work, &target, err);
    }
    if (r < 0 || (r = plan(&work, &steps, err)) < 0) {
        return r;
    }
    if (options->dry_run) {
        say_dry(&work);
        return 0;
    }
    return perform(&work, steps, err);
}
