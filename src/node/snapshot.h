/* snapshot: what the GPUs of a node are and are cut into at one moment, as the agent offers them.
 *
 * Plain values in one arena, made by the worker (agent/survey) and never changed after. Slices are
 * MIG devices: a compute instance in a GPU instance. They are told apart by identity, not by UUID:
 * a MIG UUID is an address and may come back for another slice (mig-hardware.md, 2). What the
 * driver does not tell is GS_NOT_KNOWN or "". */
#pragma once

#include "core/profile_name.h"
#include "gpu/gpu.h"

enum { GS_SNAPSHOT_SLICES_MAX = GS_GPUS_MAX * GS_GPU_INSTANCES_MAX * GS_COMPUTE_INSTANCES_MAX };

/* One slice for as long as it exists. */
struct gs_slice_id {
    uint32_t gpu; /* the driver's index */
    uint32_t gi;  /* GS_NOT_KNOWN, as ci: the whole GPU */
    uint32_t ci;
    uint64_t generation; /* counts up with each slice that is seen for the first time */
};

/* nvmlDeviceAttributes_t of a MIG device. */
struct gs_slice_attributes {
    uint32_t sm_count;
    uint32_t gpu_slices;     /* G */
    uint32_t compute_slices; /* C */
    uint64_t memory_mib;     /* UINT64_MAX: not known */
    uint32_t engines[GS_ENGINES];
};

struct gs_snapshot_slice {
    struct gs_slice_id id;
    char uuid[GS_GPU_UUID_MAX];     /* "MIG-..." */
    uint32_t index;                 /* of NVML's list of MIG devices, which has holes */
    struct gs_profile_name profile; /* with its compute slices: 1c.2g.10gb */
    uint32_t start;                 /* of the GPU instance; memory units */
    uint32_t size;
    struct gs_slice_attributes attributes;
    uint32_t gi_minor; /* of /dev/nvidia-caps/nvidia-cap<n>; GS_NOT_KNOWN: the driver lists none */
    uint32_t ci_minor;
};

struct gs_snapshot_gpu {
    struct gs_gpu facts;
    uint64_t generation; /* as of struct gs_slice_id */
    bool lost;          /* fell off the bus, or the driver is gone; what is above was read before */
    int32_t numa_node;  /* negative: none */
    uint32_t pci_class; /* "0x030200" of sysfs, as a number; GS_NOT_KNOWN */
    char fabric_cluster[40]; /* UUID of the NVLink fabric's cluster; "": not attached */
    uint32_t fabric_clique;
    const struct gs_model *model; /* of the catalogue; NULL: not in it */
    unsigned first;               /* its slices, in the order of their starts, then CI ids */
    unsigned n;
};

struct gs_snapshot {
    uint64_t number; /* counts up */
    struct gs_gpu_driver driver;
    unsigned n_gpus;
    const struct gs_snapshot_gpu *gpus; /* by index */
    unsigned n_slices;
    const struct gs_snapshot_slice *slices; /* by GPU */
};

/* It is what its slices are; else it is one device. */
static inline bool gs_snapshot_is_cut(const struct gs_snapshot_gpu *gpu)
{
    return gpu->facts.mode == GS_MIG_ON;
}

static inline bool gs_slice_id_eq(const struct gs_slice_id *a, const struct gs_slice_id *b)
{
    return a->gpu == b->gpu && a->gi == b->gi && a->ci == b->ci && a->generation == b->generation;
}
