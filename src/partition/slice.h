/* slice: one slice made or removed by hand, under the lock and the journal like any change. */
#pragma once

#include "partition/apply.h"

/* What is to be made. */
struct gs_slice_ask {
    struct gs_profile_name name; /* 1c.3g.20gb: a compute instance, in a 3g.20gb with room for it
                                    where there is one */
    uint32_t gpus;  /* bit k: GPU k may have it; of these the one that loses the fewest placements;
                       0: all may */
    uint32_t start; /* memory unit; GS_NOT_KNOWN: likewise */
    unsigned n_cis; /* instead of one that fills the GPU instance; 0: that one */
    uint8_t cis[GS_COMPUTE_INSTANCES_MAX]; /* slices of each */
};

/* Where it is. */
struct gs_slice_made {
    unsigned gpu;
    uint32_t gi;
    unsigned n;                                                   /* new compute instances */
    struct gs_compute_instance compute[GS_COMPUTE_INSTANCES_MAX]; /* with their UUIDs */
};

/* Of the options, dir, what, wait_ms, stop, dry_run, note, detail, planned, io and alloc are used,
 * and of a guard what it marks, where something goes.
 * Where no GPU can have it the error is of those that came nearest: GS_INFEASIBLE: no room;
 * GS_INVALID: a start or compute instances that the profile does not have; GS_NOT_FOUND: no GPU has
 * the profile; GS_UNSUPPORTED: MIG is off, or the GPUs cannot be cut. A dry run makes nothing and
 * leaves *ret_made empty. */
int gs_slice_create(struct gs_gpus *gpus, const struct gs_slice_ask *ask,
                    const struct gs_apply_options *options, struct gs_slice_made *ret_made,
                    struct gs_err *err);

/* Each of `which`: the UUID of a MIG device, or GPU:GI, or GPU:GI:CI by their numbers; one that is
 * named twice counts once. A GPU instance whose last compute instance goes, goes with it. All go,
 * or none: they are looked at before the first one goes, and where a later one is refused after
 * all, or the work is interrupted, those that went are put back at their places. Each that could
 * not be is a note. GS_INVALID: it names no slice; GS_NOT_FOUND; GS_BUSY: who holds it is named. */
int gs_slice_destroy(struct gs_gpus *gpus, const char *const *which, size_t n,
                     const struct gs_apply_options *options, struct gs_err *err);
