/* settle: a slice that was begun and not finished becomes whole again, or goes.
 *
 * What there is is read from the hardware, so that it does not matter how far the work had come;
 * called after a failed step, and after a kill (recover.h). Nothing that is in use is touched. */
#pragma once

#include "partition/change.h"
#include "partition/inventory.h"

/* A GPU instance on its way from `was` to `shall`. */
struct gs_settle_slice {
    uint32_t profile; /* NVML's */
    uint32_t start;
    uint32_t size;
    struct gs_change_cis was;
    struct gs_change_cis shall;
};

enum gs_settle_outcome {
    GS_SETTLE_NOT_BEGUN, /* it was as before */
    GS_SETTLE_COMPLETE,  /* it was as it shall be */
    GS_SETTLE_FINISHED,
    GS_SETTLE_UNDONE,
    GS_SETTLE_GONE /* it is not there, though it was: somebody else removed it */
};

/* `finish`: try to finish it, and undo it where that fails; otherwise only undo.
 * `gpu` is read anew, before and after. On failure the text says what is left; codes of gpu.h, and
 * GS_BUSY: something in it is in use. */
int gs_settle(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
              const struct gs_settle_slice *slice, bool finish, enum gs_settle_outcome *ret,
              struct gs_err *err);

/* The driver's id of a kind of compute instance in a GPU instance, and its compute slices.
 * GS_NOT_FOUND: it has no such kind. */
int gs_settle_ci_profile(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci_profile,
                         struct gs_compute_profile *ret, struct gs_err *err);
