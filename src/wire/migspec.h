/* migspec: what a mig-parted configuration or checkpoint asks of one GPU, as plain values.
 *
 * A configuration names kinds of slices and how many; where they go is for partition/ to choose. A
 * checkpoint (`gs_mig_state`) names every place. Source of the formats: NVIDIA/mig-parted
 * api/spec/v1 and pkg/types/mig_state.go, in docs/mig-parted.md. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/profile_name.h"

enum {
    GS_MIG_COUNTS_MAX = 64, /* kinds of slices asked of one GPU */
    GS_MIG_STATE_GPUS_MAX = 32,
    GS_MIG_STATE_GIS_MAX = 15,
    GS_MIG_STATE_CIS_MAX = 8
};

/* So many MIG devices of a kind; 1c.3g.20gb is a compute instance inside a 3g.20gb. */
struct gs_mig_count {
    struct gs_profile_name name;
    uint32_t count; /* 1 to 255 */
};

/* What a configuration asks of one GPU. */
struct gs_mig_wish {
    bool named; /* some entry selects it; otherwise it keeps what it has */
    bool mig_enabled;
    unsigned n; /* 0 with mig_enabled: cut on, nothing cut */
    struct gs_mig_count slices[GS_MIG_COUNTS_MAX];
};

struct gs_mig_state_ci {
    uint32_t profile; /* NVML_COMPUTE_INSTANCE_PROFILE_*, "ProfileID" of the file */
    uint32_t engine_profile;
};

struct gs_mig_state_gi {
    uint32_t profile; /* NVML_GPU_INSTANCE_PROFILE_*, not the driver's id */
    uint32_t start;   /* memory units */
    uint32_t size;
    unsigned n_cis;
    struct gs_mig_state_ci cis[GS_MIG_STATE_CIS_MAX];
};

/* What one GPU has, or had when a checkpoint was written. */
struct gs_mig_state {
    char uuid[96];
    bool mig_enabled;
    unsigned n_gis;
    struct gs_mig_state_gi gis[GS_MIG_STATE_GIS_MAX];
};
