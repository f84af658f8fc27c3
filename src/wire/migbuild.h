/* migbuild: configurations for what the GPUs of a node offer, as mig-parted's generate-config.
 *
 * all-disabled, all-enabled, all-balanced (two 1g, a 2g and a 3g on GPUs of seven compute slices;
 * two 1g and a 2g on those of four) and all-<profile> for each profile, with as many slices as a
 * GPU takes. Filters stand only where the GPUs are of several makes. Rule: mig-parted,
 * pkg/mig/builder. Pure. */
#pragma once

#include "wire/migwrite.h"

enum {
    GS_MIGBUILD_GPUS_MAX = 32,
    GS_MIGBUILD_PROFILES_MAX = 32,                 /* of one GPU */
    GS_MIGBUILD_NAME_MAX = GS_PROFILE_NAME_MAX + 5 /* "all-1g.10gb.me" */
};

/* A kind of slice, and how many of it one GPU takes. */
struct gs_migbuild_profile {
    struct gs_profile_name name;
    uint32_t count; /* 1 to GS_MIGCONFIG_COUNT_MAX */
};

/* One GPU that can be cut; a GPU that offers nothing counts for nothing. */
struct gs_migbuild_gpu {
    uint32_t pci_device_id;
    unsigned n;                                 /* up to GS_MIGBUILD_PROFILES_MAX */
    const struct gs_migbuild_profile *profiles; /* in NVML's order */
};

/* The configurations, in the arena. GS_UNKNOWN as gs_migexport; GS_LIMIT; GS_NO_MEMORY. */
int gs_migbuild(struct gs_arena *arena, const struct gs_migbuild_gpu *gpus, unsigned n,
                const struct gs_migwrite_choice **ret, unsigned *ret_n, struct gs_err *err);
