/* open: the GPUs of this machine, as every command that looks at them opens them.
 *
 * The environment says which: GPUSLICE_SIM=DIR is a simulated machine, whose library is the one
 * that stands in ../lib beside this program, where there is one, and whose nvidia-smi is the one in
 * DIR; GPUSLICE_NVML is the driver's library itself, before all others; GPUSLICE_DRIVER_ROOT is
 * where the driver is mounted (a container's view of it), else "/". */
#pragma once

#include "gpu/gpu.h"

/* For --help of those commands. */
#define GS_GPUOPEN_HELP                                                                            \
    "GPUSLICE_SIM names the folder of a simulated machine to work on, GPUSLICE_DRIVER_ROOT the "   \
    "folder where the driver is mounted, GPUSLICE_NVML its library."

/* To be closed with gs_gpu_close. Errors as gs_gpu_nvml_open, with what to do without a GPU;
 * GS_NOT_FOUND too where GPUSLICE_SIM names no machine. */
int gs_gpuopen(struct gs_gpus *ret, struct gs_err *err);
