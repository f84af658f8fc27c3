/* gpu_env: which machine's GPUs a program works on, as its environment says.
 *
 * GPUSLICE_SIM=DIR is a simulated machine: its library is the one in ../lib beside the program,
 * where there is one, its nvidia-smi the one in DIR, and its /dev, /proc, /sys and driver files are
 * those below DIR/root. GPUSLICE_NVML is the driver's library itself, before all others.
 * GPUSLICE_DRIVER_ROOT is where the driver is mounted (a container's view of it), else "/". */
#pragma once

#include "gpu/driver_files.h"
#include "gpu/gpu.h"

/* For --help of programs that look at GPUs. */
#define GS_GPU_ENV_HELP                                                                            \
    "GPUSLICE_SIM names the folder of a simulated machine to work on, GPUSLICE_DRIVER_ROOT the "   \
    "folder where the driver is mounted, GPUSLICE_NVML its library."

/* To be closed with gs_gpu_close; each call opens another session. Errors as gs_gpu_nvml_open, with
 * what to do without a GPU; GS_NOT_FOUND too where GPUSLICE_SIM names no machine. */
int gs_gpu_env_open(struct gs_gpus *ret, struct gs_err *err);

/* Where the files of that machine are. GS_LIMIT: a path is too long. */
int gs_gpu_env_roots(struct gs_machine_roots *ret, struct gs_err *err);
