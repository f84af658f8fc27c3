#include "partition/guard.h"

#include <stdio.h>

#include "partition/apply_work.h"

int gs_guard_mark(const struct gs_guard *guard, struct gs_inventory_gpu *gpu, struct gs_err *err)
{
    if (guard == NULL || guard->mark == NULL) {
        return 0;
    }
    int r = guard->mark(guard->ctx, gpu, err);
    return r < 0 ? gs_wrap(err, r, "GPU %u", gpu->gpu) : 0;
}

void gs_guard_made(const struct gs_guard *guard, unsigned gpu)
{
    if (guard != NULL && guard->made != NULL) {
        guard->made(guard->ctx, gpu);
    }
}

void gs_guard_gone(const struct gs_guard *guard, unsigned gpu, uint32_t gi, uint32_t ci)
{
    if (guard != NULL && guard->gone != NULL) {
        guard->gone(guard->ctx, gpu, gi, ci);
    }
}

struct leaving {
    struct gs_guard_leaving *at;
    unsigned n;
};

static void add(struct leaving *leaving, unsigned gpu, uint32_t gi, uint32_t ci, const char *uuid)
{
    struct gs_guard_leaving *last = &leaving->at[leaving->n++];
    *last = (struct gs_guard_leaving){.gpu = gpu, .gi = gi, .ci = ci};
    snprintf(last->uuid, sizeof(last->uuid), "%s", uuid);
}

/* Those of a GPU that a change destroys; `change` NULL: all. */
static void add_devices(struct leaving *leaving, const struct gs_inventory_gpu *gpu,
                        const struct gs_change *change)
{
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        for (unsigned j = 0; j < gi->n_compute; j++) {
            bool goes = change == NULL;
            for (unsigned k = 0; !goes && k < change->n; k++) {
                const struct gs_change_step *step = &change->steps[k];
                goes = step->kind == GS_CHANGE_DESTROY_CI && step->gi == gi->id &&
                       step->ci == gi->compute[j].id;
            }
            if (goes) {
                add(leaving, gpu->gpu, gi->id, gi->compute[j].id, gi->compute[j].uuid);
            }
        }
    }
}

static void collect(const struct gs_apply_work *work, struct leaving *leaving)
{
    leaving->n = 0;
    for (unsigned k = 0; k < work->n; k++) {
        const struct gs_apply_gpu *gpu = &work->at[k];
        if (!gpu->wanted || gpu->now->facts.mode == GS_MIG_NOT_CAPABLE) {
            continue;
        }
        bool on = gpu->now->facts.mode == GS_MIG_ON;
        if (on != gpu->mig && work->report->gpus[k] == GS_APPLY_PARTLY) {
            continue; /* its mode is left as it is, and so is all of it */
        }
        if (gpu->mig && !on) {
            add(leaving, k, GS_NOT_KNOWN, GS_NOT_KNOWN, gpu->now->facts.uuid);
        } else if (on && (!gpu->mig || !work->options->mode_only)) {
            add_devices(leaving, gpu->now, gpu->mig ? gpu->change : NULL);
        }
    }
}

/* One plan of everything that is to be done, for whom goes by it. */
static int plan(struct gs_apply_work *work, struct leaving *leaving, struct gs_err *err)
{
    const struct gs_apply_options *options = work->options;
    struct gs_apply_options silent = *options; /* the plan that is carried out says it all */
    silent.note.line = NULL;
    work->options = &silent;
    int r = gs_apply_mode_check(work, err);
    if (r == 0 && !options->mode_only) {
        r = gs_apply_plan(work, options->only_idle, err);
    }
    work->options = options;
    if (r == 0) {
        collect(work, leaving);
    }
    *work->report = (struct gs_apply_report){.n = work->n};
    work->left = false;
    return r;
}

int gs_apply_guarded(struct gs_apply_work *work, struct gs_err *err)
{
    enum { ATTEMPTS = 4 };
    const struct gs_guard *guard = work->options->guard;
    if (guard == NULL || guard->before == NULL || work->options->dry_run) {
        return 0;
    }
    struct leaving leaving = {
        .at = GS_ARENA_NEW(work->arena, struct gs_guard_leaving, GS_GUARD_LEAVING_MAX)};
    if (leaving.at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the slices that are to go");
    }
    int r = 0;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        r = plan(work, &leaving, err);
        if (r < 0 || leaving.n == 0) {
            return r;
        }
        r = guard->before(guard->ctx, leaving.at, leaving.n, err);
        if (r != GS_BUSY) {
            return r;
        }
        int read = gs_apply_read(work, err); /* marks anew */
        if (read < 0) {
            return read;
        }
    }
    return r;
}
