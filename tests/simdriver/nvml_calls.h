/* nvml_calls: the functions of a libnvidia-ml.so.1 as a client finds them, by dlopen and dlsym. */
#pragma once

#include "gpu/nvml_abi.h"

struct nvml_device;

/* Handles are void * here: tests hand over what is no handle of the right kind. */
#define NVML_CALLS(X)                                                                              \
    X(nvmlInit, (void))                                                                            \
    X(nvmlInit_v2, (void))                                                                         \
    X(nvmlInitWithFlags, (uint32_t))                                                               \
    X(nvmlShutdown, (void))                                                                        \
    X(nvmlSystemGetDriverVersion, (char *, uint32_t))                                              \
    X(nvmlSystemGetNVMLVersion, (char *, uint32_t))                                                \
    X(nvmlSystemGetCudaDriverVersion, (int *))                                                     \
    X(nvmlSystemGetProcessName, (uint32_t, char *, uint32_t))                                      \
    X(nvmlDeviceGetCount, (uint32_t *))                                                            \
    X(nvmlDeviceGetCount_v2, (uint32_t *))                                                         \
    X(nvmlDeviceGetHandleByIndex_v2, (uint32_t, void **))                                          \
    X(nvmlDeviceGetHandleByUUID, (const char *, void **))                                          \
    X(nvmlDeviceGetHandleByUUIDV, (const void *, void **))                                         \
    X(nvmlDeviceGetHandleBySerial, (const char *, void **))                                        \
    X(nvmlDeviceGetHandleByPciBusId_v2, (const char *, void **))                                   \
    X(nvmlDeviceGetName, (void *, char *, uint32_t))                                               \
    X(nvmlDeviceGetUUID, (void *, char *, uint32_t))                                               \
    X(nvmlDeviceGetSerial, (void *, char *, uint32_t))                                             \
    X(nvmlDeviceGetIndex, (void *, uint32_t *))                                                    \
    X(nvmlDeviceGetMinorNumber, (void *, uint32_t *))                                              \
    X(nvmlDeviceGetArchitecture, (void *, uint32_t *))                                             \
    X(nvmlDeviceGetPciInfo, (void *, void *))                                                      \
    X(nvmlDeviceGetPciInfo_v2, (void *, void *))                                                   \
    X(nvmlDeviceGetPciInfo_v3, (void *, void *))                                                   \
    X(nvmlDeviceGetMemoryInfo, (void *, struct nvml_memory *))                                     \
    X(nvmlDeviceGetMemoryInfo_v2, (void *, struct nvml_memory_v2 *))                               \
    X(nvmlDeviceGetAttributes, (void *, void *))                                                   \
    X(nvmlDeviceGetAttributes_v2, (void *, void *))                                                \
    X(nvmlDeviceGetComputeRunningProcesses, (void *, uint32_t *, void *))                          \
    X(nvmlDeviceGetComputeRunningProcesses_v3, (void *, uint32_t *, void *))                       \
    X(nvmlDeviceGetUtilizationRates, (void *, struct nvml_utilization *))                          \
    X(nvmlDeviceGetDecoderUtilization, (void *, uint32_t *, uint32_t *))                           \
    X(nvmlDeviceGetProcessUtilization, (void *, void *, uint32_t *, uint64_t))                     \
    X(nvmlDeviceGetPowerUsage, (void *, uint32_t *))                                               \
    X(nvmlDeviceGetTemperature, (void *, uint32_t, uint32_t *))                                    \
    X(nvmlDeviceGetClockInfo, (void *, uint32_t, uint32_t *))                                      \
    X(nvmlDeviceGetTotalEnergyConsumption, (void *, uint64_t *))                                   \
    X(nvmlDeviceGetTotalEccErrors, (void *, uint32_t, uint32_t, uint64_t *))                       \
    X(nvmlDeviceGetComputeMode, (void *, uint32_t *))                                              \
    X(nvmlDeviceGetAccountingMode, (void *, uint32_t *))                                           \
    X(nvmlDeviceGetFanSpeed, (void *, uint32_t *))                                                 \
    X(nvmlDeviceGetFieldValues, (void *, int, struct nvml_field_value *))                          \
    X(nvmlDeviceGetGpuFabricInfoV, (void *, void *))                                               \
    X(nvmlDeviceGetNvLinkState, (void *, uint32_t, uint32_t *))                                    \
    X(nvmlDeviceGetP2PStatus, (void *, void *, uint32_t, uint32_t *))                              \
    X(nvmlDeviceGetTopologyCommonAncestor, (void *, void *, uint32_t *))                           \
    X(nvmlDeviceSetMigMode, (void *, uint32_t, int *))                                             \
    X(nvmlDeviceGetMigMode, (void *, uint32_t *, uint32_t *))                                      \
    X(nvmlDeviceGetGpuInstanceProfileInfo, (void *, uint32_t, struct nvml_gi_profile_info *))      \
    X(nvmlDeviceGetGpuInstanceProfileInfoV, (void *, uint32_t, void *))                            \
    X(nvmlDeviceGetGpuInstanceProfileInfoByIdV, (void *, uint32_t, void *))                        \
    X(nvmlDeviceGetGpuInstancePossiblePlacements, (void *, uint32_t, void *, uint32_t *))          \
    X(nvmlDeviceGetGpuInstancePossiblePlacements_v2, (void *, uint32_t, void *, uint32_t *))       \
    X(nvmlDeviceGetGpuInstanceRemainingCapacity, (void *, uint32_t, uint32_t *))                   \
    X(nvmlDeviceCreateGpuInstance, (void *, uint32_t, void **))                                    \
    X(nvmlDeviceCreateGpuInstanceWithPlacement,                                                    \
      (void *, uint32_t, const struct nvml_placement *, void **))                                  \
    X(nvmlGpuInstanceDestroy, (void *))                                                            \
    X(nvmlDeviceGetGpuInstances, (void *, uint32_t, void **, uint32_t *))                          \
    X(nvmlDeviceGetGpuInstanceById, (void *, uint32_t, void **))                                   \
    X(nvmlGpuInstanceGetInfo, (void *, struct nvml_gi_info *))                                     \
    X(nvmlGpuInstanceGetComputeInstanceProfileInfo, (void *, uint32_t, uint32_t, void *))          \
    X(nvmlGpuInstanceGetComputeInstanceProfileInfoV, (void *, uint32_t, uint32_t, void *))         \
    X(nvmlGpuInstanceGetComputeInstancePossiblePlacements, (void *, uint32_t, void *, uint32_t *)) \
    X(nvmlGpuInstanceGetComputeInstanceRemainingCapacity, (void *, uint32_t, uint32_t *))          \
    X(nvmlGpuInstanceCreateComputeInstance, (void *, uint32_t, void **))                           \
    X(nvmlGpuInstanceCreateComputeInstanceWithPlacement,                                           \
      (void *, uint32_t, const struct nvml_placement *, void **))                                  \
    X(nvmlComputeInstanceDestroy, (void *))                                                        \
    X(nvmlGpuInstanceGetComputeInstances, (void *, uint32_t, void **, uint32_t *))                 \
    X(nvmlGpuInstanceGetComputeInstanceById, (void *, uint32_t, void **))                          \
    X(nvmlComputeInstanceGetInfo, (void *, struct nvml_ci_info *))                                 \
    X(nvmlComputeInstanceGetInfo_v2, (void *, struct nvml_ci_info *))                              \
    X(nvmlDeviceIsMigDeviceHandle, (void *, uint32_t *))                                           \
    X(nvmlDeviceGetGpuInstanceId, (void *, uint32_t *))                                            \
    X(nvmlDeviceGetComputeInstanceId, (void *, uint32_t *))                                        \
    X(nvmlDeviceGetMaxMigDeviceCount, (void *, uint32_t *))                                        \
    X(nvmlDeviceGetMigDeviceHandleByIndex, (void *, uint32_t, void **))                            \
    X(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, (void *, void **))                             \
    X(nvmlDeviceGetSupportedEventTypes, (void *, uint64_t *))                                      \
    X(nvmlEventSetCreate, (void **))                                                               \
    X(nvmlEventSetFree, (void *))                                                                  \
    X(nvmlDeviceRegisterEvents, (void *, uint64_t, void *))                                        \
    X(nvmlEventSetWait, (void *, struct nvml_event_data *, uint32_t))                              \
    X(nvmlEventSetWait_v2, (void *, struct nvml_event_data *, uint32_t))                           \
    X(nvmlGpmQueryDeviceSupport, (void *, struct nvml_gpm_support *))                              \
    X(nvmlGpmSampleAlloc, (void **))                                                               \
    X(nvmlGpmSampleFree, (void *))                                                                 \
    X(nvmlGpmSampleGet, (void *, void *))                                                          \
    X(nvmlGpmMigSampleGet, (void *, uint32_t, void *))                                             \
    X(nvmlGpmMetricsGet, (struct nvml_gpm_metrics_get *))                                          \
    X(nvmlUnitGetCount, (uint32_t *))                                                              \
    X(nvmlVgpuTypeGetName, (uint32_t, char *, uint32_t *))

/* NULL where the library lacks it. */
struct nvml_calls {
    const char *(*nvmlErrorString)(int);
#define NVML_CALL(name, arguments) int(*name) arguments;
    NVML_CALLS(NVML_CALL)
#undef NVML_CALL
};
