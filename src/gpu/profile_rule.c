#include "gpu/profile_rule.h"

#include <stdio.h>

#include "gpu/nvml_abi.h"

void gs_profile_rule_name(uint32_t compute_slices, uint32_t memory_mib, uint64_t gpu_bytes,
                          const char *attrs, char *ret_name, size_t size)
{
    ret_name[0] = '\0';
    uint64_t bytes = (uint64_t)memory_mib << 20;
    /* 2^60 bytes keep every product below 2^64 */
    if (gpu_bytes == 0 || gpu_bytes >= (uint64_t)1 << 60 || memory_mib == UINT32_MAX ||
        bytes > gpu_bytes || compute_slices == 0 || compute_slices > 99) {
        return;
    }
    uint64_t eighths = (bytes * 8 + gpu_bytes - 1) / gpu_bytes;
    uint64_t gib = (gpu_bytes + ((uint64_t)1 << 30) - 1) >> 30;
    snprintf(ret_name, size, "%ug.%llugb%s", compute_slices,
             (unsigned long long)((eighths * gib + 4) / 8), attrs);
}

const char *gs_profile_rule_attrs(uint32_t nvml_profile)
{
    static const char *const attrs[NVML_GPU_INSTANCE_PROFILE_COUNT] = {
        [NVML_GPU_INSTANCE_PROFILE_1_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_2_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_3_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_4_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_7_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_8_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_6_SLICE] = "",
        [NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV1] = "+me",
        [NVML_GPU_INSTANCE_PROFILE_2_SLICE_REV1] = "+me",
        [NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV2] = "",
        [NVML_GPU_INSTANCE_PROFILE_1_SLICE_GFX] = "+gfx",
        [NVML_GPU_INSTANCE_PROFILE_2_SLICE_GFX] = "+gfx",
        [NVML_GPU_INSTANCE_PROFILE_4_SLICE_GFX] = "+gfx",
        [NVML_GPU_INSTANCE_PROFILE_1_SLICE_NO_ME] = "-me",
        [NVML_GPU_INSTANCE_PROFILE_2_SLICE_NO_ME] = "-me",
        [NVML_GPU_INSTANCE_PROFILE_1_SLICE_ALL_ME] = "+me.all",
        [NVML_GPU_INSTANCE_PROFILE_2_SLICE_ALL_ME] = "+me.all",
        [NVML_GPU_INSTANCE_PROFILE_3_SLICE_GFX] = "+gfx",
    };
    return nvml_profile < NVML_GPU_INSTANCE_PROFILE_COUNT ? attrs[nvml_profile] : NULL;
}
