/* guard: who knows more of the GPUs than the driver does, and prepares others for a change.
 *
 * The agent on a node: pods hold slices on which no process runs yet, and the kubelet must stop
 * giving a slice away before it goes (docs/internals/agent.md, Shrinking). A change without a guard
 * believes the driver alone. */
#pragma once

#include "partition/inventory.h"

/* What is to go: a MIG device, or with gi and ci GS_NOT_KNOWN a whole GPU that is to be cut. */
struct gs_guard_leaving {
    unsigned gpu;
    uint32_t gi;
    uint32_t ci;
    char uuid[GS_GPU_UUID_MAX];
};

enum { GS_GUARD_LEAVING_MAX = GS_GPUS_MAX * (GS_GPU_INSTANCES_MAX * GS_COMPUTE_INSTANCES_MAX + 1) };

/* All functions may be NULL. They run on the thread that changes, under the lock. */
struct gs_guard {
    /* After a GPU was read: marks what is in use (gs_inventory_mark_by). */
    int (*mark)(void *ctx, struct gs_inventory_gpu *gpu, struct gs_err *err);
    /* All is planned and nothing is done. 0: these are free and nobody is given them any more.
     * GS_BUSY: one of them is in use after all, and the next `mark` says which: it is planned anew
     * then, a few times. Any other code ends the change. Not called where nothing goes. */
    int (*before)(void *ctx, const struct gs_guard_leaving *leaving, unsigned n,
                  struct gs_err *err);
    /* A MIG device was made on this GPU. */
    void (*made)(void *ctx, unsigned gpu);
    /* This one was destroyed. */
    void (*gone)(void *ctx, unsigned gpu, uint32_t gi, uint32_t ci);
    void *ctx;
};

/* NULL is no guard. */
int gs_guard_mark(const struct gs_guard *guard, struct gs_inventory_gpu *gpu, struct gs_err *err);
void gs_guard_made(const struct gs_guard *guard, unsigned gpu);
void gs_guard_gone(const struct gs_guard *guard, unsigned gpu, uint32_t gi, uint32_t ci);
