/* tap: the machine's GPUs as a command that changes them sees them.
 *
 * Every call goes through to the driver. Before the first one that would change something a
 * function of the command is asked, which may forbid it and all that follow (the checkpoint that is
 * kept first); what was changed is counted. One tap at a time in a process: the port hands its
 * operations no more than what belongs to the machine. */
#pragma once

#include "gpu/gpu.h"

/* What was done to one GPU. */
struct gs_mig_done {
    unsigned created; /* compute instances, which are MIG devices */
    unsigned destroyed;
    bool mode_set;
    enum gs_mig_mode mode;
    bool reset;
};

struct gs_mig_tap {
    /* Negative: nothing is changed. NULL: all may be. */
    int (*first)(void *ctx, struct gs_err *err);
    /* The GPU to which something was done before another one had its turn. NULL: nobody asks. */
    void (*turned)(void *ctx, unsigned gpu, const struct gs_mig_done *done);
    void *ctx;
    struct gs_mig_done all[GS_GPUS_MAX];

    /* for tap.c */
    struct gs_gpu_ops ops;
    const struct gs_gpu_ops *below;
    struct gs_mig_done now; /* since its turn began */
    unsigned gpu;           /* whose turn it is */
    bool begun;
    int verdict;
    struct gs_err why;
};

/* Puts the tap, whose first three fields are set, between `gpus` and its driver, until the GPUs are
 * closed. */
void gs_mig_tap_open(struct gs_mig_tap *tap, struct gs_gpus *gpus);

/* Ends the turn of the last GPU. */
void gs_mig_tap_end(struct gs_mig_tap *tap);

/* Whether anything was done to the GPU. */
bool gs_mig_done_any(const struct gs_mig_done *done);
