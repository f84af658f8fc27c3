/* migexport: what the GPUs of a node are cut into, as one configuration of mig-parted's.
 *
 * GPUs that are cut alike share an entry; `devices: all` where an entry has all GPUs of its makes;
 * a filter only where the GPUs of a node are of several makes and differ. Rule: mig-parted,
 * cmd/nvidia-mig-parted/export/config.go. Pure. */
#pragma once

#include "wire/migwrite.h"

/* One GPU of the node; its number is its place in the list. */
struct gs_migexport_gpu {
    uint32_t pci_device_id;  /* GS_NOT_KNOWN: fine while all GPUs are */
    struct gs_mig_wish have; /* mig_enabled false for a GPU that cannot be cut */
};

/* The configuration `name` for `n` GPUs, in the arena. GS_UNKNOWN: GPUs are of several makes, and
 * not of each one is known which. GS_NO_MEMORY. */
int gs_migexport(struct gs_arena *arena, const char *name, const struct gs_migexport_gpu *gpus,
                 unsigned n, struct gs_migwrite_choice *ret, struct gs_err *err);
