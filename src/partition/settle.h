/* settle: a slice that was begun and not finished becomes whole again, or goes.
 *
 * What there is is read from the hardware, so that it does not matter how far the work had come;
 * called after a failed step, and after a kill (recover.h). Nothing that is in use is touched, nor
 * what the change of the slice does not speak of: others may have been at it since. */
#pragma once

#include "partition/change.h"
#include "partition/inventory.h"

/* A GPU instance on its way from `was` to `shall`, and the step that was begun last: those before
 * it in the order of the lists (gs_change_cis) were done. */
struct gs_settle_slice {
    uint32_t profile; /* NVML's */
    uint32_t start;
    uint32_t size;
    struct gs_change_cis was;
    struct gs_change_cis shall;
    enum gs_change_kind kind;
    uint32_t ci_profile; /* of a compute instance step; GS_NOT_KNOWN: any of them may be done */
    uint8_t ci_start;
};

enum gs_settle_outcome {
    GS_SETTLE_NOT_BEGUN, /* it was as before */
    GS_SETTLE_COMPLETE,  /* it was as it shall be */
    GS_SETTLE_FINISHED,
    GS_SETTLE_UNDONE,
    GS_SETTLE_GONE,    /* it is not there, though it was: somebody else removed it */
    GS_SETTLE_ELSEWISE /* nothing is left to do, and somebody else removed what was done before */
};

/* `may_finish`: try to finish it, and undo it where that fails; otherwise only undo. Destroyed is
 * what the steps from the last one on destroy, or what they have made; created what they create, or
 * what they have destroyed. `gpu` is read anew, before and after. On failure the text says what is
 * left; codes of gpu.h, and GS_BUSY: something in it is in use, or somebody else's. */
int gs_settle(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
              const struct gs_settle_slice *slice, bool may_finish, enum gs_settle_outcome *ret,
              struct gs_err *err);

/* How the driver is asked for a compute instance. */
struct gs_settle_ci {
    uint32_t profile_id;
    uint32_t start; /* GS_NOT_KNOWN: not told, as there is one place, or only the driver knows */
    uint32_t size;
    bool at_start; /* it will lie at the start that was asked for */
};

/* For a kind by NVML's number, at `start` (GS_INSIDE_ANYWHERE: wherever). `fills`: it takes all of
 * the GI. GS_NOT_FOUND: the GPU instance has no such kind. */
int gs_settle_ci_for(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci_profile,
                     uint8_t start, bool fills, struct gs_settle_ci *ret, struct gs_err *err);
