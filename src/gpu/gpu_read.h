/* gpu_read: what GPUs and their slices are like right now: MIG devices, fabric, readings.
 *
 * Part of the port of gpu.h: the same handles, the same codes, both implementations. Each value
 * that the driver does not tell, or that the GPU does not have, is GS_NOT_KNOWN (32 bits) or
 * UINT64_MAX (64 bits), and never makes the call fail: only a GPU or instance that is not there, or
 * a driver that is gone, does. */
#pragma once

#include "gpu/gpu.h"

enum { GS_SAMPLE_GAP_MS = 100 }; /* NVML's least time between two samples of activity */

/* A compute instance as clients of the driver see it (nvmlDeviceAttributes_t). */
struct gs_mig_device {
    uint32_t index; /* in NVML's list of the GPU's MIG devices, which has holes; "m" of "g:m" */
    uint32_t sm_count;
    uint32_t gpu_slices;     /* G, of its GPU instance */
    uint32_t compute_slices; /* C */
    uint64_t memory_mib;
    uint32_t engines[GS_ENGINES];
};

/* The NVLink fabric that GPUs of several machines share (GB200 and the like). */
struct gs_gpu_fabric {
    char cluster[40]; /* UUID, "3f2a…"; "": not attached (yet) */
    uint32_t clique;
};

/* What the driver wants done about a GPU (from R570 on). Numbers that are newer are kept. */
enum gs_gpu_recovery {
    GS_RECOVERY_NONE,
    GS_RECOVERY_RESET,
    GS_RECOVERY_REBOOT,
    GS_RECOVERY_DRAIN_P2P,
    GS_RECOVERY_DRAIN_AND_RESET,
    GS_RECOVERY_IMEX_DOMAIN
};

/* Of a whole GPU, cut or not. There is no power or temperature of a slice. */
struct gs_gpu_readings {
    uint32_t sm_clock_mhz;
    uint32_t memory_clock_mhz;
    uint32_t temperature_c;
    uint32_t memory_temperature_c;
    uint32_t power_mw;
    uint64_t energy_mj;    /* since the driver was loaded */
    uint32_t pcie_replays; /* since then, too */
    uint32_t
        gpu_percent; /* of the time that it was busy, as the three below; not while it is cut */
    uint32_t memory_percent;
    uint32_t encoder_percent;
    uint32_t decoder_percent;
    uint64_t fb_total_bytes;
    uint64_t fb_free_bytes;
    uint64_t fb_used_bytes;        /* without what is reserved, where the driver tells them apart */
    uint64_t fb_reserved_bytes;    /* from R510 on */
    uint32_t remapped_correctable; /* rows of memory */
    uint32_t remapped_uncorrectable;
    uint32_t remap_pending; /* 0 or 1 */
    uint32_t remap_failure; /* 0 or 1 */
    uint32_t recovery;      /* enum gs_gpu_recovery */
    uint64_t nvlink_tx_kib; /* over all links, since the driver was loaded */
    uint64_t nvlink_rx_kib;
};

/* Of a slice (a GPU instance), or of a whole GPU. Activity is that between this call and the one
 * before it, in parts of a million: 1,000,000 is busy all the time with all its slices. */
struct gs_slice_readings {
    uint64_t fb_total_bytes; /* of its first compute instance: all of a GPU instance share it */
    uint64_t fb_free_bytes;
    uint64_t fb_used_bytes;
    uint64_t fb_reserved_bytes;
    uint32_t interval_ms; /* that the activity is of; GS_NOT_KNOWN: there is none, nor below */
    uint32_t graphics_ppm;
    uint32_t sm_ppm;
    uint32_t occupancy_ppm;
    uint32_t tensor_ppm;
    uint32_t dram_ppm;
    uint64_t pcie_tx_bytes_per_s; /* of a whole GPU only */
    uint64_t pcie_rx_bytes_per_s;
};

/* The MIG device of a compute instance. GS_NOT_FOUND: there is none (any more). */
int gs_gpu_mig_device(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci,
                      struct gs_mig_device *ret, struct gs_err *err);

/* Not attached, and drivers and GPUs without a fabric: cluster "", clique GS_NOT_KNOWN. */
int gs_gpu_fabric(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_fabric *ret,
                  struct gs_err *err);

int gs_gpu_read(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_readings *ret,
                struct gs_err *err);

/* Reads a GPU instance, or with GS_NOT_KNOWN the whole GPU. The activity needs GPM (Hopper and
 * later, not in a vGPU) and an earlier call with this handle: samples are kept in it. A call less
 * than GS_SAMPLE_GAP_MS after the last gives that one's activity again. `generation` tells slices
 * apart that had the same id one after the other: with another number than last time the samples
 * begin anew, as two samples of different instances make nonsense. Values that cannot be (over 100
 * percent and some slack) are left out, too, and the samples begin anew. */
int gs_gpu_read_slice(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint64_t generation,
                      struct gs_slice_readings *ret, struct gs_err *err);
