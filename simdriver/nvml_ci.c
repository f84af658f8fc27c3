/* Compute instances: kinds, places, and those that are in a GPU instance. */
#include <stdio.h>
#include <string.h>

#include "simdriver/nvml.h"

/* ---- Kinds ---- */

static struct nvml_ci_profile_info info_of(const struct sim_ci_profile *profile)
{
    return (struct nvml_ci_profile_info){
        .id = profile->id,
        .slice_count = profile->compute_slices,
        .instance_count = profile->max_instances,
        .multiprocessor_count = profile->sm_count,
        .shared_copy_engine_count = profile->engines[GS_ENGINE_COPY],
        .shared_decoder_count = profile->engines[GS_ENGINE_DECODER],
        .shared_encoder_count = profile->engines[GS_ENGINE_ENCODER],
        .shared_jpeg_count = profile->engines[GS_ENGINE_JPEG],
        .shared_ofa_count = profile->engines[GS_ENGINE_OFA],
    };
}

NVML_API(nvmlGpuInstanceGetComputeInstanceProfileInfo, struct nvml_gi *gi, uint32_t profile,
         uint32_t engines, struct nvml_ci_profile_info *info)
{
    NVML_GI(at, gi, info != NULL);
    struct sim_ci_profile found;
    int r = sim_ci_profile(at.machine, at.index, at.gi, profile, engines, &found);
    if (r == SIM_OK) {
        *info = info_of(&found);
    }
    return r;
}

/* The third version is the second with capabilities at its end; it came with driver 545. */
static void fill_versioned(const struct sim_ci_profile *profile, uint32_t version, void *ret)
{
    struct nvml_ci_profile_info_v3 full = {.version = version, .info = info_of(profile)};
    snprintf(full.name, sizeof(full.name), "MIG %s", profile->name);
    full.capabilities = profile->gfx ? NVML_COMPUTE_INSTANCE_PROFILE_CAPS_GFX : 0;
    memcpy(ret, &full, version & 0xFFFFFF);
}

NVML_API(nvmlGpuInstanceGetComputeInstanceProfileInfoV, struct nvml_gi *gi, uint32_t profile,
         uint32_t engines, uint32_t *info)
{
    NVML_GI(at, gi, info != NULL);
    uint32_t version = *info;
    if (version != NVML_CI_PROFILE_INFO_V2 &&
        (version != NVML_CI_PROFILE_INFO_V3 || at.machine->driver_major < 545)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    struct sim_ci_profile found;
    int r = sim_ci_profile(at.machine, at.index, at.gi, profile, engines, &found);
    if (r == SIM_OK) {
        fill_versioned(&found, version, info);
    }
    return r;
}

/* ---- Places ---- */

NVML_API(nvmlGpuInstanceGetComputeInstancePossiblePlacements, struct nvml_gi *gi, uint32_t id,
         struct nvml_placement *placements, uint32_t *count)
{
    NVML_GI(at, gi, count != NULL);
    NVML_PRIVILEGED();
    struct sim_ci_profile profile;
    int r = sim_ci_profile_by_id(at.machine, at.index, at.gi, id, &profile);
    return r == SIM_OK ? nvml_give_placements(profile.starts, profile.size, placements, count) : r;
}

NVML_API(nvmlGpuInstanceGetComputeInstanceRemainingCapacity, struct nvml_gi *gi, uint32_t id,
         uint32_t *count)
{
    NVML_GI(at, gi, count != NULL);
    NVML_PRIVILEGED();
    return sim_ci_remaining(at.machine, at.index, at.gi, id, count);
}

/* ---- Instances ---- */

static int create(struct nvml_at *at, uint32_t id, uint32_t start, uint32_t size,
                  struct nvml_ci **ret)
{
    uint32_t ci;
    int r = sim_ci_create(at->change, at->index, at->gi, id, start, size, &ci);
    struct nvml_ci *handle = r == SIM_OK ? nvml_handle_ci(at->change, at->index, at->gi, ci) : NULL;
    r = nvml_changed(at, r);
    if (r == NVML_SUCCESS) {
        *ret = handle;
    }
    return r;
}

NVML_API(nvmlGpuInstanceCreateComputeInstance, struct nvml_gi *gi, uint32_t id, struct nvml_ci **ci)
{
    NVML_CHANGE_GI(at, gi, ci != NULL, SIM_DELAY_CREATE_CI);
    return create(&at, id, SIM_NONE, 0, ci);
}

NVML_API(nvmlGpuInstanceCreateComputeInstanceWithPlacement, struct nvml_gi *gi, uint32_t id,
         const struct nvml_placement *placement, struct nvml_ci **ci)
{
    bool fits = placement != NULL && ci != NULL && placement->start < SIM_NONE;
    NVML_CHANGE_GI(at, gi, fits, SIM_DELAY_CREATE_CI);
    return create(&at, id, placement->start, placement->size, ci);
}

NVML_API(nvmlComputeInstanceDestroy, struct nvml_ci *ci)
{
    NVML_CHANGE_CI(at, ci, true, SIM_DELAY_DESTROY_CI);
    return nvml_changed(&at, sim_ci_destroy(at.change, at.index, at.gi, at.ci));
}

static uint32_t profile_id_of(const struct nvml_at *at, uint32_t ci)
{
    struct sim_ci_profile profile;
    int r = sim_ci_profile(at->machine, at->index, at->gi, at->gpu->gis[at->gi].cis[ci].profile,
                           NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &profile);
    return r == SIM_OK ? profile.id : SIM_NONE;
}

/* The caller's array has room for as many as the kind's instance_count says. */
NVML_API(nvmlGpuInstanceGetComputeInstances, struct nvml_gi *gi, uint32_t id,
         struct nvml_ci **instances, uint32_t *count)
{
    NVML_GI(at, gi, instances != NULL && count != NULL);
    NVML_PRIVILEGED();
    struct sim_ci_profile profile;
    int r = sim_ci_profile_by_id(at.machine, at.index, at.gi, id, &profile);
    if (r != SIM_OK) {
        return r;
    }
    uint32_t n = 0;
    for (uint32_t ci = 0; ci < SIM_CIS && n < profile.max_instances; ci++) {
        if (at.gpu->gis[at.gi].cis[ci].present && profile_id_of(&at, ci) == id) {
            instances[n++] = nvml_handle_ci(at.machine, at.index, at.gi, ci);
        }
    }
    *count = n;
    return NVML_SUCCESS;
}

NVML_API(nvmlGpuInstanceGetComputeInstanceById, struct nvml_gi *gi, uint32_t id,
         struct nvml_ci **ci)
{
    NVML_GI(at, gi, ci != NULL);
    NVML_PRIVILEGED();
    if (sim_ci_get(at.machine, at.index, at.gi, id) == NULL) {
        return NVML_ERROR_NOT_FOUND;
    }
    *ci = nvml_handle_ci(at.machine, at.index, at.gi, id);
    return NVML_SUCCESS;
}

static struct nvml_ci_info describe(const struct nvml_at *at)
{
    const struct sim_ci *found = &at->gpu->gis[at->gi].cis[at->ci];
    return (struct nvml_ci_info){
        .device = nvml_handle_gpu(at->machine, at->index),
        .gpu_instance = nvml_handle_gi(at->machine, at->index, at->gi),
        .id = at->ci,
        .profile_id = profile_id_of(at, at->ci),
        .placement = {.start = found->start, .size = found->size},
    };
}

NVML_API(nvmlComputeInstanceGetInfo, struct nvml_ci *ci, struct nvml_ci_info *info)
{
    NVML_CI(at, ci, info != NULL);
    struct nvml_ci_info found = describe(&at);
    memcpy(info, &found, offsetof(struct nvml_ci_info, placement));
    return NVML_SUCCESS;
}

NVML_API(nvmlComputeInstanceGetInfo_v2, struct nvml_ci *ci, struct nvml_ci_info *info)
{
    NVML_CI(at, ci, info != NULL);
    *info = describe(&at);
    info->device = nvml_handle_mig(at.machine, at.index, at.gi, at.ci);
    return NVML_SUCCESS;
}
