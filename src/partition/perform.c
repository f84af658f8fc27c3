#include "partition/perform.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "partition/steps.h"

enum { LINE_MAX_BYTES = 1024 };

void gs_say(const struct gs_say *say, const char *fmt, ...)
{
    if (say->line == NULL) {
        return;
    }
    char line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    say->line(say->ctx, line);
}

static enum gs_journal_do journal_kind(enum gs_change_kind kind)
{
    switch (kind) {
    case GS_CHANGE_DESTROY_CI:
        return GS_JOURNAL_DESTROY_CI;
    case GS_CHANGE_DESTROY_GI:
        return GS_JOURNAL_DESTROY;
    case GS_CHANGE_CREATE_GI:
        return GS_JOURNAL_CREATE;
    case GS_CHANGE_CREATE_CI:
        return GS_JOURNAL_CREATE_CI;
    }
    assert(false);
    return GS_JOURNAL_CREATE;
}

static int announce(struct gs_perform *perform, const struct gs_inventory_gpu *gpu,
                    struct gs_journal_step *step, struct gs_err *err)
{
    step->n = ++perform->n;
    step->of = perform->of;
    snprintf(step->gpu, sizeof(step->gpu), "%s", gpu->facts.uuid);
    return gs_journal_write(perform->journal, step, err);
}

/* GS_IO with EINTR: somebody wants the work to end here. */
static int check_stop(const struct gs_perform *perform, struct gs_err *err)
{
    if (perform->stop == NULL || *perform->stop == 0) {
        return 0;
    }
    gs_fail(err, GS_IO, "interrupted after step %u of %u; run the same command again%s", perform->n,
            perform->of, perform->all_or_nothing ? "" : " for the rest");
    if (err != NULL) {
        err->sys_errno = EINTR;
    }
    return GS_IO;
}

int gs_perform_announce(struct gs_perform *perform, const struct gs_inventory_gpu *gpu,
                        enum gs_journal_do kind, struct gs_err *err)
{
    struct gs_journal_step step = {.kind = kind, .ci_profile = GS_NOT_KNOWN};
    int r = check_stop(perform, err);
    return r < 0 ? r : announce(perform, gpu, &step, err);
}

static int create_gi(struct gs_perform *perform, unsigned gpu, const struct gs_change_step *step,
                     uint32_t *ret_gi, struct gs_err *err)
{
    struct gs_gpu_instance made;
    int r =
        gs_gpu_create(perform->gpus, gpu, step->profile_id, step->start, step->size, &made, err);
    if (r < 0) {
        return r;
    }
    if (made.start != step->start || made.size != step->size) {
        return gs_fail(err, GS_IO,
                       "GPU %u: the driver put a GPU instance at %u (%u units) where %u (%u) was "
                       "asked",
                       gpu, made.start, made.size, step->start, step->size);
    }
    *ret_gi = made.id;
    return 0;
}

/* The GPU instance that is at work. */
struct slice {
    uint32_t gi;                /* GS_NOT_KNOWN until it is made */
    struct gs_change_cis shall; /* as in its steps, and where a place turned out not to be known */
    struct gs_settle_ci how;    /* the compute instance that comes next, */
    uint8_t start;              /* and where it will be */
};

static int create_ci(struct gs_perform *perform, unsigned gpu, const struct slice *slice,
                     struct gs_err *err)
{
    struct gs_compute_instance made;
    int r = gs_gpu_create_compute(perform->gpus, gpu, slice->gi, slice->how.profile_id,
                                  slice->how.start, slice->how.size, &made, err);
    if (r < 0) {
        return r;
    }
    gs_say(&perform->detail, "GPU %u: GPU instance %u, compute instance %u: %s", gpu, slice->gi,
           made.id, made.uuid);
    gs_guard_made(perform->guard, gpu);
    if (slice->how.start != GS_NOT_KNOWN && made.start != slice->how.start) {
        return gs_fail(err, GS_IO,
                       "GPU %u: the driver put a compute instance at %u where %u was asked", gpu,
                       made.start, slice->how.start);
    }
    return 0;
}

/* That a GPU instance is not found is fine where it is to go, if it is true: somebody was quicker.
 */
static int check_gone(struct gs_perform *perform, unsigned gpu, uint32_t gi, int r,
                      struct gs_err *err)
{
    struct gs_gpu_instances instances;
    if (r != GS_NOT_FOUND) {
        return r;
    }
    if (gs_gpu_instances(perform->gpus, gpu, &instances, err) < 0) {
        return err == NULL ? GS_IO : (int)err->code;
    }
    for (unsigned i = 0; i < instances.n; i++) {
        if (instances.at[i].id == gi) {
            return gs_fail(err, GS_IO,
                           "GPU %u: GPU instance %u is listed, and the driver does not "
                           "find it",
                           gpu, gi);
        }
    }
    return 0;
}

static int act(struct gs_perform *perform, unsigned gpu, const struct gs_change_step *step,
               struct slice *slice, struct gs_err *err)
{
    int r = 0;
    switch (step->kind) {
    case GS_CHANGE_DESTROY_CI:
        r = gs_gpu_destroy_compute(perform->gpus, gpu, slice->gi, step->ci, err);
        r = r == GS_NOT_FOUND ? 0 : r; /* somebody was quicker */
        if (r == 0) {
            gs_guard_gone(perform->guard, gpu, slice->gi, step->ci);
        }
        return r;
    case GS_CHANGE_DESTROY_GI:
        r = gs_gpu_destroy(perform->gpus, gpu, slice->gi, err);
        return check_gone(perform, gpu, slice->gi, r, err);
    case GS_CHANGE_CREATE_GI:
        return create_gi(perform, gpu, step, &slice->gi, err);
    case GS_CHANGE_CREATE_CI:
        return create_ci(perform, gpu, slice, err);
    }
    return r;
}

static void append(struct gs_err *err, const char *text)
{
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof(err->msg) - used, "%s", text);
}

void gs_perform_explain(struct gs_err *err)
{
    if (err != NULL && err->sys_errno == EPERM) {
        append(err, "; changing the GPUs needs root");
    }
}

/* The port's text begins with the GPU and the call, which the step says already. */
static void drop_call(struct gs_err *err)
{
    char *says = err == NULL ? NULL : strstr(err->msg, "NVML says");
    if (says != NULL) {
        memmove(err->msg, says, strlen(says) + 1);
    }
}

/* The driver says that it is in use, and lists nobody: what holds it is no process that computes.
 */
static void explain_leak(const struct gs_inventory_gpu *gpu, const struct gs_change_step *step,
                         struct gs_err *err)
{
    for (unsigned i = 0; i < gpu->instances.n && err != NULL; i++) {
        if (gpu->instances.at[i].start == step->start &&
            gpu->instances.at[i].profile == step->profile && (gpu->busy.gis >> i & 1u) == 0) {
            append(err, "; no process is listed on it: a monitoring program (dcgm, dcgm-exporter) "
                        "may hold it; stop that and try again");
        }
    }
}

static bool is_of_ci(const struct gs_change_step *step)
{
    return step->kind == GS_CHANGE_DESTROY_CI || step->kind == GS_CHANGE_CREATE_CI;
}

/* How a compute instance will be asked for. Where it cannot be said where it will lie, that is what
 * the journal has to say. */
static int prepare(struct gs_perform *perform, unsigned gpu, const struct gs_change_step *step,
                   struct slice *slice, struct gs_err *err)
{
    slice->start = step->ci_start;
    if (step->kind != GS_CHANGE_CREATE_CI) {
        return 0;
    }
    int r = gs_settle_ci_for(perform->gpus, gpu, slice->gi, step->ci_profile, step->ci_start,
                             step->ci_fills, &slice->how, err);
    if (r < 0 || slice->how.at_start) {
        return r;
    }
    slice->start = GS_INSIDE_ANYWHERE;
    for (unsigned j = 0; j < slice->shall.n; j++) {
        if (slice->shall.profiles[j] == step->ci_profile &&
            slice->shall.starts[j] == step->ci_start) {
            slice->shall.starts[j] = GS_INSIDE_ANYWHERE;
            return 0;
        }
    }
    return 0;
}

static int one(struct gs_perform *perform, const struct gs_inventory_gpu *gpu,
               const struct gs_change_step *step, struct slice *slice, struct gs_err *err)
{
    char text[GS_CHANGE_TEXT_MAX + 1];
    gs_change_format(gs_inventory_model(gpu), step, text);
    int r = prepare(perform, gpu->gpu, step, slice, err);
    struct gs_journal_step record = {
        .kind = journal_kind(step->kind),
        .profile = step->profile,
        .start = step->start,
        .size = step->size,
        .ci_profile = is_of_ci(step) ? (uint8_t)step->ci_profile : GS_NOT_KNOWN,
        .ci_start = slice->start,
        .was = step->was,
        .shall = slice->shall,
    };
    if (r == 0 && (r = announce(perform, gpu, &record, err)) < 0) {
        return gs_wrap(err, r, "GPU %u, before: %s", gpu->gpu, text);
    }
    if (r == 0) {
        gs_say(&perform->detail, "GPU %u: %s", gpu->gpu, text);
        r = act(perform, gpu->gpu, step, slice, err);
    }
    if (r < 0) {
        drop_call(err);
        gs_perform_explain(err);
        return gs_wrap(err, r, "GPU %u, %s", gpu->gpu, text);
    }
    return 0;
}

/* Takes back the slice of a step that failed. What cannot be is added to the text. */
static bool take_back(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
                      const struct gs_change_step *step, const struct slice *slice,
                      struct gs_err *err)
{
    const struct gs_settle_slice whole = {
        .profile = step->profile,
        .start = step->start,
        .size = step->size,
        .was = step->was,
        .shall = slice->shall,
        .kind = step->kind,
        .ci_profile = step->ci_profile,
        .ci_start = slice->start,
    };
    enum gs_settle_outcome outcome;
    struct gs_err why;
    if (gs_settle(perform->gpus, gpu, &whole, false, &outcome, &why) == 0) {
        gs_guard_made(perform->guard, gpu->gpu); /* what had gone is there again */
        return true;
    }
    if (err != NULL) {
        size_t used = strlen(err->msg);
        snprintf(err->msg + used, sizeof(err->msg) - used,
                 "; and it could not be taken back: %.200s", why.msg);
    }
    return false;
}

/* All steps, up to one that fails or before which somebody wants the work to end. *ret_done: those
 * that were done and stayed. */
static int carry_out(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
                     const struct gs_change *change, unsigned *ret_done, struct gs_err *err)
{
    struct slice slice = {.gi = GS_NOT_KNOWN};
    *ret_done = 0;
    for (unsigned k = 0; k < change->n; k++) {
        const struct gs_change_step *step = &change->steps[k];
        bool begins = gs_steps_begins(change, k);
        perform->at = k;
        *ret_done = begins ? k : *ret_done;
        int r = begins ? check_stop(perform, err) : 0;
        if (r < 0) {
            return r;
        }
        if (begins) {
            slice = (struct slice){.gi = step->gi, .shall = step->shall};
        }
        r = one(perform, gpu, step, &slice, err);
        if (r < 0) {
            *ret_done = take_back(perform, gpu, step, &slice, err) ? *ret_done : k;
            return r;
        }
    }
    perform->at = change->n;
    *ret_done = change->n;
    return 0;
}

/* What went, and need not have gone, as the rest cannot be done; as far as its place is free. */
static void put_back(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
                     const struct gs_change *change, unsigned *done, struct gs_err *err)
{
    struct gs_change back;
    unsigned stayed = gs_change_put_back(change, *done, &back);
    if (back.n == 0) {
        return;
    }
    const struct gs_perform kept = *perform;
    struct gs_err why;
    unsigned made;
    perform->of += back.n;
    perform->stop = NULL; /* it is the way out */
    int r = carry_out(perform, gpu, &back, &made, &why);
    perform->stop = kept.stop;
    perform->at = kept.at;
    if (r < 0 && err != NULL) {
        size_t used = strlen(err->msg);
        snprintf(err->msg + used, sizeof(err->msg) - used,
                 "; and what went before it could not be put back: %.200s", why.msg);
    }
    *done = r < 0 ? *done : stayed;
}

/* Whether a step was refused for good: something is in use that was to go, or what shall come
 * cannot be. Where a driver places compute instances itself, another order may still do. */
static bool is_refused(const struct gs_inventory_gpu *gpu, const struct gs_change_step *step, int r)
{
    switch (step->kind) {
    case GS_CHANGE_DESTROY_CI:
    case GS_CHANGE_DESTROY_GI:
        return r == GS_BUSY;
    case GS_CHANGE_CREATE_GI:
        break;
    case GS_CHANGE_CREATE_CI:
        if (!gpu->places_cis) {
            return false;
        }
        break;
    }
    return r == GS_INFEASIBLE || r == GS_INVALID || r == GS_UNSUPPORTED || r == GS_NOT_FOUND;
}

int gs_perform(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
               const struct gs_change *change, unsigned *ret_done, struct gs_err *err)
{
    int r = carry_out(perform, gpu, change, ret_done, err);
    const struct gs_change_step *step =
        r < 0 && perform->at < change->n ? &change->steps[perform->at] : NULL;
    if (step != NULL && r == GS_BUSY) {
        explain_leak(gpu, step, err);
    }
    if (step != NULL && (perform->all_or_nothing || is_refused(gpu, step, r))) {
        put_back(perform, gpu, change, ret_done, err);
    }
    int again = gs_inventory_refresh(perform->gpus, gpu, r < 0 ? NULL : err);
    return r < 0 ? r : again;
}

void gs_perform_put_back(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
                         const struct gs_change *change, struct gs_err *err)
{
    unsigned done = change->n;
    put_back(perform, gpu, change, &done, err);
    (void)gs_inventory_refresh(perform->gpus, gpu, NULL);
}
