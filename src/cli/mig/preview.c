#include "cli/mig/preview.h"

#include <string.h>

/* ---- instances ---- */

static struct gs_gpu_instance *instance_of(struct gs_gpu_instances *all,
                                           const struct gs_change_step *step)
{
    for (unsigned i = 0; i < all->n; i++) {
        if (all->at[i].start == step->start && all->at[i].profile == step->profile) {
            return &all->at[i];
        }
    }
    return NULL;
}

/* In the order of starts. */
static bool add_instance(struct gs_gpu_instances *all, const struct gs_change_step *step)
{
    if (all->n == GS_GPU_INSTANCES_MAX) {
        return false;
    }
    unsigned i = all->n++;
    for (; i > 0 && all->at[i - 1].start > step->start; i--) {
        all->at[i] = all->at[i - 1];
    }
    all->at[i] = (struct gs_gpu_instance){.id = GS_NOT_KNOWN,
                                          .profile = step->profile,
                                          .profile_id = step->profile_id,
                                          .start = step->start,
                                          .size = step->size};
    return true;
}

static bool remove_instance(struct gs_gpu_instances *all, const struct gs_gpu_instance *gone)
{
    unsigned i = (unsigned)(gone - all->at);
    memmove(&all->at[i], &all->at[i + 1], (all->n - i - 1) * sizeof(all->at[0]));
    all->n--;
    return true;
}

/* The driver's number for a kind of compute instance, which it tells in a GPU instance that is
 * there. That of one that is not there yet is NVML's own, as in all that were seen
 * (docs/internals/mig.md). */
static uint32_t profile_id_of(const struct gs_gpu_instances *all, uint32_t ci_profile)
{
    for (unsigned i = 0; i < all->n; i++) {
        for (unsigned j = 0; j < all->at[i].n_compute; j++) {
            if (all->at[i].compute[j].profile == ci_profile) {
                return all->at[i].compute[j].profile_id;
            }
        }
    }
    return ci_profile;
}

static bool add_compute(const struct gs_gpu_instances *all, struct gs_gpu_instance *gi,
                        const struct gs_change_step *step)
{
    if (gi->n_compute == GS_COMPUTE_INSTANCES_MAX) {
        return false;
    }
    gi->compute[gi->n_compute++] = (struct gs_compute_instance){
        .id = GS_NOT_KNOWN,
        .profile = step->ci_profile,
        .profile_id = profile_id_of(all, step->ci_profile),
        .start = step->ci_start == GS_INSIDE_ANYWHERE ? GS_NOT_KNOWN : step->ci_start,
        .size = step->ci_size == 0 ? GS_NOT_KNOWN : step->ci_size};
    return true;
}

static bool remove_compute(struct gs_gpu_instance *gi, uint32_t id)
{
    unsigned n = 0;
    unsigned were = gi->n_compute;
    for (unsigned j = 0; j < were; j++) {
        if (gi->compute[j].id != id) {
            gi->compute[n++] = gi->compute[j];
        }
    }
    gi->n_compute = n;
    return n < were;
}

/* ---- steps ---- */

/* False: it does not fit what there is, as where somebody else changes the GPU meanwhile. */
static bool take_step(struct gs_gpu_instances *all, const struct gs_change_step *step)
{
    struct gs_gpu_instance *gi = instance_of(all, step);
    switch (step->kind) {
    case GS_CHANGE_DESTROY_CI:
        return gi != NULL && remove_compute(gi, step->ci);
    case GS_CHANGE_DESTROY_GI:
        return gi != NULL && remove_instance(all, gi);
    case GS_CHANGE_CREATE_GI:
        return gi == NULL && add_instance(all, step);
    case GS_CHANGE_CREATE_CI:
        return gi != NULL && add_compute(all, gi, step);
    }
    return false;
}

static void turn_mode(struct gs_gpu_view *view, enum gs_mig_mode mode)
{
    view->facts.pending = mode;
    if (view->facts.mode != mode) {
        view->facts.mode = mode;
        view->instances.n = 0;
    }
}

static void not_known(struct gs_gpu_view *view, const char *why)
{
    view->code = gs_fail(&view->why, GS_UNKNOWN, "not known before it is done: %s", why);
}

void gs_mig_preview_next(void *machine, const struct gs_planned *planned)
{
    const struct gs_gpu_machine *after = machine;
    struct gs_gpu_view *view = planned->gpu < after->n ? &after->at[planned->gpu] : NULL;
    if (view == NULL || view->code < 0) {
        return;
    }
    switch (planned->kind) {
    case GS_PLANNED_STEP:
        if (!take_step(&view->instances, planned->step)) {
            not_known(view, "somebody else changes the GPU");
        }
        break;
    case GS_PLANNED_MODE:
        turn_mode(view, planned->mode);
        break;
    case GS_PLANNED_PENDING:
        view->facts.pending = planned->mode;
        break;
    case GS_PLANNED_UNKNOWN:
        not_known(view, planned->why);
        break;
    }
}

/* ---- all of it ---- */

int gs_mig_preview_begin(struct gs_arena *arena, const struct gs_gpu_machine *before,
                         struct gs_gpu_machine *ret_after, struct gs_err *err)
{
    struct gs_gpu_machine after = *before;
    after.at = GS_ARENA_NEW(arena, struct gs_gpu_view, before->n);
    if (after.at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for what the GPUs will be");
    }
    memcpy(after.at, before->at, before->n * sizeof(*after.at));
    *ret_after = after;
    return 0;
}

void gs_mig_preview_end(struct gs_gpu_machine *after)
{
    for (unsigned i = 0; i < after->n; i++) {
        if (after->at[i].code == 0) {
            gs_gpu_view_lay_out(&after->at[i]);
        } else {
            after->at[i].has_layout = false;
        }
    }
}

static bool same_compute(const struct gs_gpu_instance *a, const struct gs_gpu_instance *b)
{
    bool same = a->n_compute == b->n_compute;
    for (unsigned j = 0; same && j < a->n_compute; j++) {
        same = a->compute[j].id == b->compute[j].id &&
               a->compute[j].profile == b->compute[j].profile &&
               strcmp(a->compute[j].uuid, b->compute[j].uuid) == 0;
    }
    return same;
}

bool gs_mig_differs(const struct gs_gpu_view *before, const struct gs_gpu_view *after)
{
    if (before->code != after->code || before->facts.mode != after->facts.mode ||
        before->facts.pending != after->facts.pending ||
        before->instances.n != after->instances.n) {
        return true;
    }
    for (unsigned i = 0; i < before->instances.n; i++) {
        const struct gs_gpu_instance *a = &before->instances.at[i];
        const struct gs_gpu_instance *b = &after->instances.at[i];
        if (a->id != b->id || a->profile_id != b->profile_id || a->start != b->start ||
            !same_compute(a, b)) {
            return true;
        }
    }
    return false;
}
