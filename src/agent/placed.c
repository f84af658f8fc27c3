#include "agent/placed.h"

#include <stdio.h>
#include <string.h>

#include "core/layout.h"
#include "partition/geometry.h"

static int find_gpu(const struct gs_snapshot *snapshot, const char *uuid, unsigned *ret,
                    struct gs_err *err)
{
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        if (strcmp(snapshot->gpus[k].facts.uuid, uuid) == 0) {
            *ret = k;
            return 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND, "this node has no GPU %s", uuid);
}

/* Whether it may be cut by such an order at all. */
static int check_gpu(const struct gs_snapshot_gpu *gpu, struct gs_err *err)
{
    if (gpu->lost) {
        return gs_fail(err, GS_IO, "GPU %s does not answer its driver", gpu->facts.uuid);
    }
    if (gpu->facts.mode != GS_MIG_ON || gpu->facts.pending != GS_MIG_ON) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "GPU %s is not cut into slices (MIG is off, or waits for a reset); expected "
                       "one that is",
                       gpu->facts.uuid);
    }
    return gpu->model != NULL
               ? 0
               : gs_fail(err, GS_UNSUPPORTED, "it is not known what GPU %s (%s) can be cut into",
                         gpu->facts.uuid, gpu->facts.name);
}

/* The compute instances of the GPU instance of `profile` at `start`; false: there is none. */
static bool add_there(const struct gs_snapshot *snapshot, const struct gs_snapshot_gpu *gpu,
                      const struct gs_profile *profile, unsigned start, struct gs_mig_state_gi *gi)
{
    for (unsigned i = 0; i < gpu->n && gi->n_cis < GS_MIG_STATE_CIS_MAX; i++) {
        const struct gs_snapshot_slice *slice = &snapshot->slices[gpu->first + i];
        struct gs_profile_name whole = slice->profile;
        whole.compute_slices = whole.gpu_slices;
        if (slice->start == start && gs_profile_name_eq(&whole, &profile->parts)) {
            gi->cis[gi->n_cis++].profile = gs_geometry_ci_profile(slice->profile.compute_slices);
        }
    }
    return gi->n_cis > 0;
}

static int put_slice(const struct gs_snapshot *snapshot, const struct gs_snapshot_gpu *gpu,
                     const struct gs_layout_slice *slice, struct gs_mig_state *state,
                     struct gs_err *err)
{
    const struct gs_profile *profile = &gpu->model->profiles[slice->placement.profile];
    uint32_t ci = gs_geometry_ci_profile(profile->compute_slices);
    if (profile->nvml_profile == GS_NOT_KNOWN || ci == GS_NOT_KNOWN ||
        state->n_gis == GS_MIG_STATE_GIS_MAX) {
        return gs_fail(err, GS_UNSUPPORTED, "%s of %s cannot be made by name", profile->name,
                       gpu->model->id);
    }
    struct gs_mig_state_gi *gi = &state->gis[state->n_gis++];
    *gi = (struct gs_mig_state_gi){.profile = profile->nvml_profile,
                                   .start = slice->placement.start,
                                   .size = profile->memory_units};
    if (!add_there(snapshot, gpu, profile, slice->placement.start, gi)) {
        gi->cis[gi->n_cis++].profile = ci;
    }
    return 0;
}

int gs_placed_read(const struct gs_order *order, const struct gs_snapshot *snapshot,
                   unsigned *ret_gpu, struct gs_mig_state *ret, struct gs_err *err)
{
    struct gs_layout layout;
    struct gs_mig_state state = {.mig_enabled = true};
    int r = find_gpu(snapshot, order->gpu, ret_gpu, err);
    if (r < 0) {
        return r;
    }
    const struct gs_snapshot_gpu *gpu = &snapshot->gpus[*ret_gpu];
    r = check_gpu(gpu, err);
    r = r < 0 ? r : gs_layout_parse(gpu->model, gs_view(order->text), &layout, err);
    for (unsigned i = 0; r == 0 && i < layout.n_slices; i++) {
        r = put_slice(snapshot, gpu, &layout.slices[i], &state, err);
    }
    if (r == 0) {
        snprintf(state.uuid, sizeof(state.uuid), "%s", gpu->facts.uuid);
        *ret = state;
    }
    return r;
}

/* Where the slices of the snapshot are GPU instances that the state has too. */
static bool has_place(const struct gs_model *model, const struct gs_mig_state *state,
                      const struct gs_snapshot_slice *slice)
{
    struct gs_profile_name whole = slice->profile;
    whole.compute_slices = whole.gpu_slices;
    int profile = gs_model_profile_index(model, &whole);
    for (unsigned i = 0; profile >= 0 && i < state->n_gis; i++) {
        if (state->gis[i].start == slice->start &&
            state->gis[i].profile == model->profiles[profile].nvml_profile) {
            return true;
        }
    }
    return false;
}

bool gs_placed_is_met(const struct gs_snapshot *snapshot, unsigned gpu,
                      const struct gs_mig_state *state)
{
    const struct gs_snapshot_gpu *at = &snapshot->gpus[gpu];
    unsigned n = 0; /* GPU instances that are there */
    for (unsigned i = 0; i < at->n; i++) {
        const struct gs_snapshot_slice *slice = &snapshot->slices[at->first + i];
        if (!has_place(at->model, state, slice)) {
            return false;
        }
        n += i == 0 || slice->id.gi != snapshot->slices[at->first + i - 1].id.gi;
    }
    return n == state->n_gis;
}
