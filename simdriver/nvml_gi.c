/* GPU instances: kinds, places, and those that are there. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "simdriver/nvml.h"

/* ---- Kinds ---- */

/* P2P is off inside MIG on all GPUs of the catalogue. */
static void fill_v1(const struct sim_gi_profile *profile, struct nvml_gi_profile_info *ret)
{
    *ret = (struct nvml_gi_profile_info){
        .id = profile->id,
        .is_p2p_supported = 0,
        .slice_count = profile->compute_slices,
        .instance_count = profile->max_instances,
        .multiprocessor_count = profile->sm_count,
        .copy_engine_count = profile->engines[GS_ENGINE_COPY],
        .decoder_count = profile->engines[GS_ENGINE_DECODER],
        .encoder_count = profile->engines[GS_ENGINE_ENCODER],
        .jpeg_count = profile->engines[GS_ENGINE_JPEG],
        .ofa_count = profile->engines[GS_ENGINE_OFA],
        .memory_size_mb = profile->memory_mib,
    };
}

static void fill_v2(const struct sim_gi_profile *profile, struct nvml_gi_profile_info_v2 *ret)
{
    *ret = (struct nvml_gi_profile_info_v2){
        .version = NVML_GI_PROFILE_INFO_V2,
        .id = profile->id,
        .slice_count = profile->compute_slices,
        .instance_count = profile->max_instances,
        .multiprocessor_count = profile->sm_count,
        .copy_engine_count = profile->engines[GS_ENGINE_COPY],
        .decoder_count = profile->engines[GS_ENGINE_DECODER],
        .encoder_count = profile->engines[GS_ENGINE_ENCODER],
        .jpeg_count = profile->engines[GS_ENGINE_JPEG],
        .ofa_count = profile->engines[GS_ENGINE_OFA],
        .memory_size_mb = profile->memory_mib,
    };
    snprintf(ret->name, sizeof(ret->name), "MIG %s", profile->name);
}

static void fill_v3(const struct sim_gi_profile *profile, struct nvml_gi_profile_info_v3 *ret)
{
    *ret = (struct nvml_gi_profile_info_v3){
        .version = NVML_GI_PROFILE_INFO_V3,
        .id = profile->id,
        .slice_count = profile->compute_slices,
        .instance_count = profile->max_instances,
        .multiprocessor_count = profile->sm_count,
        .copy_engine_count = profile->engines[GS_ENGINE_COPY],
        .decoder_count = profile->engines[GS_ENGINE_DECODER],
        .encoder_count = profile->engines[GS_ENGINE_ENCODER],
        .jpeg_count = profile->engines[GS_ENGINE_JPEG],
        .ofa_count = profile->engines[GS_ENGINE_OFA],
        .memory_size_mb = profile->memory_mib,
        .capabilities = profile->gfx ? NVML_GPU_INSTANCE_PROFILE_CAPS_GFX : 0,
    };
    snprintf(ret->name, sizeof(ret->name), "MIG %s", profile->name);
}

/* By the version word that the caller wrote. The third version came with driver 535. */
static int check_version(const struct nvml_at *at, uint32_t version)
{
    bool known = version == NVML_GI_PROFILE_INFO_V2 ||
                 (version == NVML_GI_PROFILE_INFO_V3 && at->machine->driver_major >= 535);
    return known ? NVML_SUCCESS : NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
}

static void fill_versioned(const struct sim_gi_profile *profile, void *ret)
{
    uint32_t version;
    memcpy(&version, ret, sizeof(version));
    if (version == NVML_GI_PROFILE_INFO_V2) {
        fill_v2(profile, ret);
    } else {
        fill_v3(profile, ret);
    }
}

NVML_API(nvmlDeviceGetGpuInstanceProfileInfo, struct nvml_device *device, uint32_t profile,
         struct nvml_gi_profile_info *info)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, info != NULL);
    struct sim_gi_profile found;
    int r = sim_gi_profile(at.machine, at.index, profile, &found);
    if (r == SIM_OK) {
        fill_v1(&found, info);
    }
    return r;
}

NVML_API(nvmlDeviceGetGpuInstanceProfileInfoV, struct nvml_device *device, uint32_t profile,
         uint32_t *info)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, info != NULL);
    struct sim_gi_profile found;
    int r = check_version(&at, *info);
    if (r == NVML_SUCCESS) {
        r = sim_gi_profile(at.machine, at.index, profile, &found);
    }
    if (r == NVML_SUCCESS) {
        fill_versioned(&found, info);
    }
    return r;
}

NVML_API(nvmlDeviceGetGpuInstanceProfileInfoByIdV, struct nvml_device *device, uint32_t id,
         uint32_t *info)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, info != NULL);
    struct sim_gi_profile found;
    int r = check_version(&at, *info);
    if (r == NVML_SUCCESS) {
        r = sim_gi_profile_by_id(at.machine, at.index, id, &found);
    }
    if (r == NVML_SUCCESS) {
        fill_versioned(&found, info);
    }
    return r;
}

/* ---- Places ---- */

int nvml_give_placements(uint32_t starts, uint32_t size, struct nvml_placement *placements,
                         uint32_t *count)
{
    assert(count != NULL);
    uint32_t n = (uint32_t)__builtin_popcount(starts);
    if (placements == NULL) {
        *count = n;
        return NVML_SUCCESS;
    }
    struct nvml_placement all[32];
    n = 0;
    for (uint32_t start = 0; start < 32; start++) {
        if (starts >> start & 1) {
            all[n++] = (struct nvml_placement){.start = start, .size = size};
        }
    }
    return nvml_copy_list(placements, count, all, n, sizeof(all[0]));
}

/* Up to driver 450 *count is only written: the caller's array is large enough for all. */
static int placements_of(struct nvml_at at, uint32_t id, struct nvml_placement *placements,
                         uint32_t *count, bool bounded)
{
    int code = at.code;
    if (code == NVML_SUCCESS && nvml_is_unprivileged()) {
        code = NVML_ERROR_NO_PERMISSION;
    }
    struct sim_gi_profile profile;
    if (code == NVML_SUCCESS) {
        code = sim_gi_profile_by_id(at.machine, at.index, id, &profile);
    }
    if (code == NVML_SUCCESS && count != NULL) {
        uint32_t all = 32;
        code =
            nvml_give_placements(profile.starts, profile.size, placements, bounded ? count : &all);
        if (!bounded) {
            *count = all;
        }
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetGpuInstancePossiblePlacements, struct nvml_device *device, uint32_t id,
         struct nvml_placement *placements, uint32_t *count)
{
    return placements_of(nvml_at_device(__func__, device, NVML_ON_GPU, count != NULL), id,
                         placements, count, false);
}

NVML_API(nvmlDeviceGetGpuInstancePossiblePlacements_v2, struct nvml_device *device, uint32_t id,
         struct nvml_placement *placements, uint32_t *count)
{
    return placements_of(nvml_at_device(__func__, device, NVML_ON_GPU, count != NULL), id,
                         placements, count, true);
}

NVML_API(nvmlDeviceGetGpuInstanceRemainingCapacity, struct nvml_device *device, uint32_t id,
         uint32_t *count)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, count != NULL);
    NVML_PRIVILEGED();
    return sim_gi_remaining(at.machine, at.index, id, count);
}

/* ---- Instances ---- */

static int create(struct nvml_at *at, uint32_t id, uint32_t start, uint32_t size,
                  struct nvml_gi **ret)
{
    uint32_t gi;
    int r = sim_gi_create(at->change, at->index, id, start, size, &gi);
    struct nvml_gi *handle = r == SIM_OK ? nvml_handle_gi(at->change, at->index, gi) : NULL;
    r = nvml_changed(at, r);
    if (r == NVML_SUCCESS) {
        *ret = handle;
    }
    return r;
}

NVML_API(nvmlDeviceCreateGpuInstance, struct nvml_device *device, uint32_t id, struct nvml_gi **gi)
{
    NVML_CHANGE_DEVICE(at, device, gi != NULL, SIM_DELAY_CREATE_GI);
    return create(&at, id, SIM_NONE, 0, gi);
}

NVML_API(nvmlDeviceCreateGpuInstanceWithPlacement, struct nvml_device *device, uint32_t id,
         const struct nvml_placement *placement, struct nvml_gi **gi)
{
    bool fits = placement != NULL && gi != NULL && placement->start < SIM_NONE;
    NVML_CHANGE_DEVICE(at, device, fits, SIM_DELAY_CREATE_GI);
    return create(&at, id, placement->start, placement->size, gi);
}

NVML_API(nvmlGpuInstanceDestroy, struct nvml_gi *gi)
{
    NVML_CHANGE_GI(at, gi, true, SIM_DELAY_DESTROY_GI);
    return nvml_changed(&at, sim_gi_destroy(at.change, at.index, at.gi));
}

/* The caller's array has room for as many as the kind's instance_count says. */
NVML_API(nvmlDeviceGetGpuInstances, struct nvml_device *device, uint32_t id,
         struct nvml_gi **instances, uint32_t *count)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, instances != NULL && count != NULL);
    NVML_PRIVILEGED();
    if (!at.gpu->mode) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    struct sim_gi_profile profile;
    int r = sim_gi_profile_by_id(at.machine, at.index, id, &profile);
    if (r != SIM_OK) {
        return r;
    }
    uint32_t n = 0;
    for (uint32_t gi = 0; gi < SIM_GIS; gi++) {
        if (at.gpu->gis[gi].present && at.gpu->gis[gi].profile == profile.index &&
            n < profile.max_instances) {
            instances[n++] = nvml_handle_gi(at.machine, at.index, gi);
        }
    }
    *count = n;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetGpuInstanceById, struct nvml_device *device, uint32_t id, struct nvml_gi **gi)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, gi != NULL);
    NVML_PRIVILEGED();
    if (!at.gpu->mode) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    if (sim_gi_get(at.machine, at.index, id) == NULL) {
        return NVML_ERROR_NOT_FOUND;
    }
    *gi = nvml_handle_gi(at.machine, at.index, id);
    return NVML_SUCCESS;
}

NVML_API(nvmlGpuInstanceGetInfo, struct nvml_gi *gi, struct nvml_gi_info *info)
{
    NVML_GI(at, gi, info != NULL);
    struct sim_gi_profile profile;
    sim_gi_profile_of(at.machine, at.index, at.gi, &profile);
    const struct sim_gi *found = &at.gpu->gis[at.gi];
    *info = (struct nvml_gi_info){
        .device = nvml_handle_gpu(at.machine, at.index),
        .id = at.gi,
        .profile_id = profile.id,
        .placement = {.start = found->start, .size = found->size},
    };
    return NVML_SUCCESS;
}
