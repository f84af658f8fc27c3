/* gpu_nvml: the GPUs of this machine through NVIDIA's driver library.
 *
 * libnvidia-ml.so.1 is loaded at run time and its functions are looked up by name, so that one
 * program works with drivers from R450 on and starts without any. A driver that cannot create GPU
 * instances where we say (before R470) is only looked at: every change is GS_UNSUPPORTED, with the
 * reason. The session (nvmlInit) stays open until close; it holds the driver, so a reset closes it
 * meanwhile. What the driver tells is checked before it is believed: counts, ids, sizes and texts
 * have bounds, and a driver that passes them is an error (GS_IO), never a crash. */
#pragma once

#include "gpu/gpu.h"

struct gs_gpu_nvml_options {
    const char *library; /* a file or a name; NULL: below `root`, else "libnvidia-ml.so.1" */
    const char *root;    /* where the driver is mounted ("/run/nvidia/driver"); NULL or "/": here */
    const char *smi;     /* nvidia-smi, for resets; NULL: below `root`, else on PATH */
    unsigned reset_limit_s; /* how long nvidia-smi may take; 0: 300 */
};

/* `options` is copied; NULL: all as said above. GS_NOT_FOUND: there is no such library.
 * GS_UNSUPPORTED: it is not NVML. GS_IO: the driver does not start (ENODEV: it is not loaded).
 * GS_LIMIT: a path over 4,095 bytes. GS_NO_MEMORY. */
int gs_gpu_nvml_open(const struct gs_gpu_nvml_options *options, struct gs_gpus *ret,
                     struct gs_err *err);
