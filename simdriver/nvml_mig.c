/* MIG mode, and MIG devices as programs walk them. */
#include <string.h>
#include <unistd.h>

#include "simdriver/nvml.h"

NVML_API(nvmlDeviceSetMigMode, struct nvml_device *device, uint32_t mode, int *status)
{
    bool fits = status != NULL && mode <= NVML_DEVICE_MIG_ENABLE;
    NVML_CHANGE_DEVICE(at, device, fits, SIM_DELAY_SET_MODE);
    int active = NVML_SUCCESS;
    int r = sim_mode_set(at.change, at.index, mode, (uint32_t)getpid(), &active);
    r = nvml_changed(&at, r);
    if (r == NVML_SUCCESS) {
        *status = active;
    }
    return r;
}

NVML_API(nvmlDeviceGetMigMode, struct nvml_device *device, uint32_t *current, uint32_t *pending)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, current != NULL && pending != NULL);
    if (sim_gpu_model(at.gpu)->n_profiles == 0) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    *current = at.gpu->mode;
    *pending = at.gpu->pending;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceIsMigDeviceHandle, struct nvml_device *device, uint32_t *is_mig)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, is_mig != NULL);
    *is_mig = at.gi != SIM_NONE;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetGpuInstanceId, struct nvml_device *device, uint32_t *id)
{
    NVML_DEVICE(at, device, NVML_ON_MIG, id != NULL);
    *id = at.gi;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetComputeInstanceId, struct nvml_device *device, uint32_t *id)
{
    NVML_DEVICE(at, device, NVML_ON_MIG, id != NULL);
    *id = at.ci;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetMaxMigDeviceCount, struct nvml_device *device, uint32_t *count)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, count != NULL);
    *count = sim_mig_max(at.machine, at.index);
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetMigDeviceHandleByIndex, struct nvml_device *device, uint32_t index,
         struct nvml_device **mig)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, mig != NULL);
    if (!at.gpu->mode) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    uint32_t gi;
    uint32_t ci;
    int r = sim_mig_at(at.machine, at.index, index, &gi, &ci);
    if (r == SIM_OK) {
        *mig = nvml_handle_mig(at.machine, at.index, gi, ci);
    }
    return r;
}

NVML_API(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, struct nvml_device *mig,
         struct nvml_device **device)
{
    NVML_DEVICE(at, mig, NVML_ON_MIG, device != NULL);
    *device = nvml_handle_gpu(at.machine, at.index);
    return NVML_SUCCESS;
}

/* ---- Attributes: what a MIG device has ---- */

static int fill_attributes(const struct nvml_at *at, struct nvml_attributes *ret)
{
    struct sim_gi_profile gi;
    struct sim_ci_profile ci;
    sim_gi_profile_of(at->machine, at->index, at->gi, &gi);
    int r = sim_ci_profile(at->machine, at->index, at->gi, at->gpu->gis[at->gi].cis[at->ci].profile,
                           NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &ci);
    if (r != SIM_OK) {
        return r;
    }
    *ret = (struct nvml_attributes){
        .multiprocessor_count = ci.sm_count,
        .shared_copy_engine_count = ci.engines[GS_ENGINE_COPY],
        .shared_decoder_count = ci.engines[GS_ENGINE_DECODER],
        .shared_encoder_count = ci.engines[GS_ENGINE_ENCODER],
        .shared_jpeg_count = ci.engines[GS_ENGINE_JPEG],
        .shared_ofa_count = ci.engines[GS_ENGINE_OFA],
        .gpu_instance_slice_count = gi.compute_slices,
        .compute_instance_slice_count = ci.compute_slices,
        .memory_size_mb = gi.memory_mib,
    };
    return NVML_SUCCESS;
}

/* Writes the first `n` bytes: the structure of driver 450 ends before the slices. A GPU that is
 * not cut has no attributes of this kind. */
static int attributes(struct nvml_at at, struct nvml_attributes *ret, size_t n)
{
    int code = at.code;
    if (code == NVML_SUCCESS && ret != NULL) {
        struct nvml_attributes found;
        code = at.gi == SIM_NONE ? NVML_ERROR_NOT_SUPPORTED : fill_attributes(&at, &found);
        if (code == NVML_SUCCESS) {
            memcpy(ret, &found, n);
        }
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetAttributes, struct nvml_device *device, struct nvml_attributes *ret)
{
    return attributes(nvml_at_device(__func__, device, NVML_ON_ANY, ret != NULL), ret,
                      offsetof(struct nvml_attributes, gpu_instance_slice_count));
}

NVML_API(nvmlDeviceGetAttributes_v2, struct nvml_device *device, struct nvml_attributes *ret)
{
    return attributes(nvml_at_device(__func__, device, NVML_ON_ANY, ret != NULL), ret,
                      sizeof(*ret));
}
