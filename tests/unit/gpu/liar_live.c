/* The liar's readings, activity and events. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/nvml_abi.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int nvmlDeviceGetIndex(struct nvml_device *device, unsigned *index);
EXPORT int nvmlDeviceGetAttributes_v2(struct nvml_device *mig, struct nvml_attributes *ret);
EXPORT int nvmlDeviceGetGpuFabricInfoV(struct nvml_device *device,
                                       struct nvml_fabric_info_v2 *info);
EXPORT int nvmlGpuInstanceGetComputeInstanceById(struct nvml_gi *gi, unsigned id,
                                                 struct nvml_ci **ci);
EXPORT int nvmlDeviceGetUtilizationRates(struct nvml_device *device, struct nvml_utilization *ret);
EXPORT int nvmlDeviceGetClockInfo(struct nvml_device *device, unsigned type, unsigned *mhz);
EXPORT int nvmlDeviceGetTemperature(struct nvml_device *device, unsigned sensor, unsigned *ret);
EXPORT int nvmlDeviceGetFieldValues(struct nvml_device *device, int n,
                                    struct nvml_field_value *values);
EXPORT int nvmlGpmQueryDeviceSupport(struct nvml_device *device, struct nvml_gpm_support *support);
EXPORT int nvmlGpmSampleAlloc(struct nvml_gpm_sample **sample);
EXPORT int nvmlGpmSampleFree(struct nvml_gpm_sample *sample);
EXPORT int nvmlGpmSampleGet(struct nvml_device *device, struct nvml_gpm_sample *sample);
EXPORT int nvmlGpmMetricsGet(struct nvml_gpm_metrics_get *get);
EXPORT int nvmlDeviceGetSupportedEventTypes(struct nvml_device *device, uint64_t *types);
EXPORT int nvmlEventSetCreate(struct nvml_event_set **set);
EXPORT int nvmlEventSetFree(struct nvml_event_set *set);
EXPORT int nvmlDeviceRegisterEvents(struct nvml_device *device, uint64_t types,
                                    struct nvml_event_set *set);
EXPORT int nvmlEventSetWait_v2(struct nvml_event_set *set, struct nvml_event_data *data,
                               unsigned limit_ms);
/* Samples and sets that were made and not given back, for tests. */
EXPORT int liar_kept(void);

static int kept;

static bool lies(const char *what)
{
    const char *lie = getenv("LIE");
    return lie != NULL && strcmp(lie, what) == 0;
}

int liar_kept(void)
{
    return kept;
}

int nvmlDeviceGetIndex(struct nvml_device *device, unsigned *index)
{
    (void)device;
    *index = lies("MIG index 4 billion") ? UINT32_MAX : 0;
    return NVML_SUCCESS;
}

int nvmlDeviceGetAttributes_v2(struct nvml_device *mig, struct nvml_attributes *ret)
{
    (void)mig;
    *ret = (struct nvml_attributes){
        .multiprocessor_count = 14,
        .gpu_instance_slice_count = lies("slices 4 billion") ? UINT32_MAX - 1 : 1,
        .compute_instance_slice_count = lies("slices 4 billion") ? UINT32_MAX - 1 : 1,
        .memory_size_mb = 1000};
    return lies("no attributes") ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
}

int nvmlDeviceGetGpuFabricInfoV(struct nvml_device *device, struct nvml_fabric_info_v2 *info)
{
    (void)device;
    info->state = lies("fabric in progress") ? NVML_GPU_FABRIC_STATE_IN_PROGRESS
                                             : NVML_GPU_FABRIC_STATE_COMPLETED;
    info->status = lies("fabric that failed") ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
    memset(info->cluster_uuid, lies("fabric of zeros") ? 0 : 0xab, sizeof(info->cluster_uuid));
    info->clique_id = 7;
    return NVML_SUCCESS;
}

int nvmlGpuInstanceGetComputeInstanceById(struct nvml_gi *gi, unsigned id, struct nvml_ci **ci)
{
    *ci = (struct nvml_ci *)(void *)gi;
    return id == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

int nvmlDeviceGetUtilizationRates(struct nvml_device *device, struct nvml_utilization *ret)
{
    (void)device;
    ret->gpu = lies("mad percents") ? 4000000000u : 40;
    ret->memory = lies("mad percents") ? 101 : 20;
    return NVML_SUCCESS;
}

int nvmlDeviceGetClockInfo(struct nvml_device *device, unsigned type, unsigned *mhz)
{
    (void)device;
    *mhz = type == NVML_CLOCK_SM ? 1410 : 1215;
    return lies("lost while it is read") && type == NVML_CLOCK_MEM ? NVML_ERROR_GPU_IS_LOST
                                                                   : NVML_SUCCESS;
}

int nvmlDeviceGetTemperature(struct nvml_device *device, unsigned sensor, unsigned *ret)
{
    (void)device;
    (void)sensor;
    *ret = 41;
    return NVML_SUCCESS;
}

int nvmlDeviceGetFieldValues(struct nvml_device *device, int n, struct nvml_field_value *values)
{
    (void)device;
    for (int i = 0; i < n; i++) {
        values[i].nvml_return = NVML_SUCCESS;
        values[i].value_type = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        values[i].value.ull = 5;
        if (lies("fields of other types")) {
            values[i].value_type = (int[]){NVML_VALUE_TYPE_DOUBLE, NVML_VALUE_TYPE_SIGNED_INT,
                                           NVML_VALUE_TYPE_SIGNED_LONG_LONG, 99}[i & 3];
            values[i].value.sll = -1;
        }
    }
    return lies("no fields") ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

int nvmlGpmQueryDeviceSupport(struct nvml_device *device, struct nvml_gpm_support *support)
{
    (void)device;
    support->is_supported_device = 1;
    return NVML_SUCCESS;
}

int nvmlGpmSampleAlloc(struct nvml_gpm_sample **sample)
{
    static char samples[64];
    if (lies("no samples")) {
        return NVML_ERROR_MEMORY;
    }
    *sample = (struct nvml_gpm_sample *)(void *)&samples[kept++ & 63];
    return NVML_SUCCESS;
}

int nvmlGpmSampleFree(struct nvml_gpm_sample *sample)
{
    (void)sample;
    kept--;
    return NVML_SUCCESS;
}

int nvmlGpmSampleGet(struct nvml_device *device, struct nvml_gpm_sample *sample)
{
    (void)device;
    (void)sample;
    return NVML_SUCCESS;
}

int nvmlGpmMetricsGet(struct nvml_gpm_metrics_get *get)
{
    for (unsigned i = 0; i < get->n_metrics; i++) {
        get->metrics[i].nvml_return = lies("no metric") ? NVML_ERROR_NO_DATA : NVML_SUCCESS;
        get->metrics[i].value = lies("NaN percent")        ? NAN
                                : lies("infinite percent") ? INFINITY
                                : lies("negative percent") ? -1
                                : lies("200 percent")      ? 200
                                : lies("101 percent")      ? 101
                                                           : 50;
    }
    return lies("no metrics") ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
}

int nvmlDeviceGetSupportedEventTypes(struct nvml_device *device, uint64_t *types)
{
    (void)device;
    *types = lies("no types") ? 0 : UINT64_MAX;
    return NVML_SUCCESS;
}

int nvmlEventSetCreate(struct nvml_event_set **set)
{
    static char sets[64];
    if (lies("no sets")) {
        return NVML_ERROR_MEMORY;
    }
    *set = (struct nvml_event_set *)(void *)&sets[kept++ & 63];
    return NVML_SUCCESS;
}

int nvmlEventSetFree(struct nvml_event_set *set)
{
    (void)set;
    kept--;
    return NVML_SUCCESS;
}

int nvmlDeviceRegisterEvents(struct nvml_device *device, uint64_t types, struct nvml_event_set *set)
{
    uint64_t asked = NVML_EVENT_XID_CRITICAL | NVML_EVENT_SINGLE_BIT_ECC |
                     NVML_EVENT_DOUBLE_BIT_ECC | NVML_EVENT_MIG_CONFIG_CHANGE |
                     NVML_EVENT_GPU_RECOVERY_ACTION;
    (void)device;
    (void)set;
    return types == asked ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

int nvmlEventSetWait_v2(struct nvml_event_set *set, struct nvml_event_data *data, unsigned limit_ms)
{
    static char nobody[64];
    (void)set;
    (void)limit_ms;
    if (lies("lost, and every GPU answers")) {
        return NVML_ERROR_GPU_IS_LOST;
    }
    if (lies("driver gone")) {
        return NVML_ERROR_DRIVER_NOT_LOADED;
    }
    *data = (struct nvml_event_data){.device = (struct nvml_device *)(void *)&nobody[9],
                                     .event_type = NVML_EVENT_XID_CRITICAL,
                                     .event_data = 79,
                                     .gpu_instance_id = 3,
                                     .compute_instance_id = 1};
    if (lies("instances 4 billion less one")) {
        data->gpu_instance_id = UINT32_MAX - 1;
    }
    if (lies("compute instance 8")) {
        data->compute_instance_id = 8;
    }
    if (lies("event of no kind")) {
        data->event_type = 0x20;
    }
    if (lies("recovery")) {
        data->event_type = NVML_EVENT_GPU_RECOVERY_ACTION;
        data->event_data = NVML_GPU_RECOVERY_ACTION_GPU_RESET;
    }
    if (lies("ECC")) {
        data->event_type = NVML_EVENT_DOUBLE_BIT_ECC;
    }
    return NVML_SUCCESS;
}
