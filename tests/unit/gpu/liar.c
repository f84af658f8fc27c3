/* A driver library that lies as the environment variable LIE says, and else has two small GPUs. It
 * fills what it may fill and no more: an honest caller's bounds are what is tried. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu/nvml_abi.h"

#define EXPORT __attribute__((visibility("default")))

/* Declared here, as the ABI header declares no functions: they are found by name. */
EXPORT int nvmlInit_v2(void);
EXPORT int nvmlShutdown(void);
EXPORT const char *nvmlErrorString(int code);
EXPORT int nvmlSystemGetDriverVersion(char *text, unsigned size);
EXPORT int nvmlDeviceGetCount_v2(unsigned *n);
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct nvml_device **device);
EXPORT int nvmlDeviceGetName(struct nvml_device *device, char *text, unsigned size);
EXPORT int nvmlDeviceGetUUID(struct nvml_device *device, char *text, unsigned size);
EXPORT int nvmlDeviceGetPciInfo_v3(struct nvml_device *device, struct nvml_pci_info *info);
EXPORT int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *memory);
EXPORT int nvmlDeviceGetMigMode(struct nvml_device *device, unsigned *current, unsigned *pending);
EXPORT int nvmlDeviceSetMigMode(struct nvml_device *device, unsigned mode, int *status);
EXPORT int nvmlDeviceGetGpuInstanceProfileInfoV(struct nvml_device *device, unsigned profile,
                                                struct nvml_gi_profile_info_v3 *info);
EXPORT int nvmlDeviceGetGpuInstanceProfileInfo(struct nvml_device *device, unsigned profile,
                                               struct nvml_gi_profile_info *info);
EXPORT int nvmlDeviceGetGpuInstancePossiblePlacements_v2(struct nvml_device *device, unsigned id,
                                                         struct nvml_placement *placements,
                                                         unsigned *n);
EXPORT int nvmlDeviceCreateGpuInstanceWithPlacement(struct nvml_device *device, unsigned id,
                                                    const struct nvml_placement *placement,
                                                    struct nvml_gi **gi);
EXPORT int nvmlDeviceGetGpuInstances(struct nvml_device *device, unsigned id, struct nvml_gi **gis,
                                     unsigned *n);
EXPORT int nvmlDeviceGetGpuInstanceById(struct nvml_device *device, unsigned id,
                                        struct nvml_gi **gi);
EXPORT int nvmlGpuInstanceGetInfo(struct nvml_gi *gi, struct nvml_gi_info *info);
EXPORT int nvmlGpuInstanceGetComputeInstanceProfileInfo(struct nvml_gi *gi, unsigned profile,
                                                        unsigned engine,
                                                        struct nvml_ci_profile_info *info);
EXPORT int nvmlGpuInstanceGetComputeInstancePossiblePlacements(struct nvml_gi *gi, unsigned id,
                                                               struct nvml_placement *placements,
                                                               unsigned *n);
EXPORT int nvmlGpuInstanceCreateComputeInstance(struct nvml_gi *gi, unsigned id,
                                                struct nvml_ci **ci);
EXPORT int nvmlGpuInstanceGetComputeInstances(struct nvml_gi *gi, unsigned id, struct nvml_ci **cis,
                                              unsigned *n);
EXPORT int nvmlComputeInstanceGetInfo_v2(struct nvml_ci *ci, struct nvml_ci_info *info);
EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(struct nvml_device *device, unsigned *n,
                                                   struct nvml_process_info *list);

static bool lies(const char *what)
{
    const char *lie = getenv("LIE");
    return lie != NULL && strcmp(lie, what) == 0;
}

/* Handles are addresses of nothing but themselves. */
static char handles[64];
#define HANDLE(type, n) ((struct type *)(void *)&handles[n])

int nvmlInit_v2(void)
{
    return lies("no driver") ? NVML_ERROR_DRIVER_NOT_LOADED : NVML_SUCCESS;
}

int nvmlShutdown(void)
{
    return NVML_SUCCESS;
}

const char *nvmlErrorString(int code)
{
    static char text[5000];
    (void)code;
    memset(text, 'x', sizeof(text) - 1);
    return lies("no words") ? NULL : text;
}

/* Text that fills its room to the last byte, without an end. */
static void endless(char *text, unsigned size)
{
    memset(text, '\x1b', size);
}

int nvmlSystemGetDriverVersion(char *text, unsigned size)
{
    if (lies("endless texts")) {
        endless(text, size);
    } else {
        snprintf(text, size, "999.1");
    }
    return NVML_SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = lies("4 billion GPUs") ? UINT32_MAX : 2;
    return NVML_SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct nvml_device **device)
{
    *device = HANDLE(nvml_device, index);
    return lies("new code") ? 4242 : NVML_SUCCESS;
}

int nvmlDeviceGetName(struct nvml_device *device, char *text, unsigned size)
{
    (void)device;
    if (lies("endless texts")) {
        endless(text, size);
    } else {
        snprintf(text, size, "NVIDIA Liar");
    }
    return NVML_SUCCESS;
}

int nvmlDeviceGetUUID(struct nvml_device *device, char *text, unsigned size)
{
    if (lies("endless texts")) {
        endless(text, size);
    } else {
        snprintf(text, size, "GPU-liar-%d", (int)((char *)(void *)device - handles));
    }
    return NVML_SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(struct nvml_device *device, struct nvml_pci_info *info)
{
    bool endless_text = lies("endless texts");
    *info =
        (struct nvml_pci_info){.bus = 7, .device = (uint32_t)((char *)(void *)device - handles)};
    memset(info->bus_id, endless_text ? 'z' : 0, sizeof(info->bus_id));
    return NVML_SUCCESS;
}

int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *memory)
{
    (void)device;
    *memory =
        (struct nvml_memory){.total = lies("all the memory") ? UINT64_MAX - 1 : UINT64_C(8) << 30};
    return lies("no memory") ? NVML_ERROR_NO_PERMISSION : NVML_SUCCESS;
}

int nvmlDeviceGetMigMode(struct nvml_device *device, unsigned *current, unsigned *pending)
{
    (void)device;
    *current = lies("third mode") ? 2 : 1;
    *pending = 1;
    return NVML_SUCCESS;
}

int nvmlDeviceSetMigMode(struct nvml_device *device, unsigned mode, int *status)
{
    (void)device;
    (void)mode;
    *status = 4242;
    return NVML_SUCCESS;
}

/* One honest profile, 1g of an eighth, with number 0; what follows is a matter of the lie. */
static int profile_code(unsigned profile)
{
    if (profile == 0 || lies("endless profiles")) {
        return NVML_SUCCESS;
    }
    return lies("endless holes") ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_INVALID_ARGUMENT;
}

int nvmlDeviceGetGpuInstanceProfileInfoV(struct nvml_device *device, unsigned profile,
                                         struct nvml_gi_profile_info_v3 *info)
{
    (void)device;
    if (info->version != NVML_GI_PROFILE_INFO_V3) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    info->id = profile;
    info->slice_count = lies("huge numbers") ? UINT32_MAX : 1;
    info->instance_count = lies("huge counts") ? UINT32_MAX : 8;
    info->multiprocessor_count = 14;
    info->memory_size_mb = lies("huge memory") ? UINT64_MAX : 1000;
    memset(info->name, 'n', sizeof(info->name));
    if (!lies("endless texts")) {
        snprintf(info->name, sizeof(info->name), "MIG 1g.99gb");
    }
    return profile_code(profile);
}

int nvmlDeviceGetGpuInstanceProfileInfo(struct nvml_device *device, unsigned profile,
                                        struct nvml_gi_profile_info *info)
{
    (void)device;
    *info = (struct nvml_gi_profile_info){.id = profile, .slice_count = 1, .instance_count = 8};
    return profile_code(profile);
}

int nvmlDeviceGetGpuInstancePossiblePlacements_v2(struct nvml_device *device, unsigned id,
                                                  struct nvml_placement *placements, unsigned *n)
{
    (void)device;
    (void)id;
    for (unsigned i = 0; i < 8 && i < *n; i++) {
        placements[i] = (struct nvml_placement){.start = i, .size = 1};
    }
    if (lies("placement far away")) {
        placements[3].start = UINT32_MAX;
    }
    if (lies("placement of nothing")) {
        placements[0].size = 0;
    }
    if (lies("placements of two sizes")) {
        placements[5].size = 2;
    }
    *n = lies("a million placements") ? 1000000 : 8;
    return lies("placements too many") ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

int nvmlDeviceCreateGpuInstanceWithPlacement(struct nvml_device *device, unsigned id,
                                             const struct nvml_placement *placement,
                                             struct nvml_gi **gi)
{
    (void)device;
    (void)id;
    (void)placement;
    *gi = HANDLE(nvml_gi, 0);
    return NVML_SUCCESS;
}

int nvmlDeviceGetGpuInstances(struct nvml_device *device, unsigned id, struct nvml_gi **gis,
                              unsigned *n)
{
    (void)device;
    unsigned made = lies("20 instances") ? 20 : lies("the same twice") ? 2 : 1;
    for (unsigned i = 0; i < made && id == 0; i++) {
        gis[i] = HANDLE(nvml_gi, lies("the same twice") ? 0 : i);
    }
    *n = lies("a million instances") ? 1000000 : id == 0 ? made : 0;
    return NVML_SUCCESS;
}

int nvmlDeviceGetGpuInstanceById(struct nvml_device *device, unsigned id, struct nvml_gi **gi)
{
    (void)device;
    *gi = HANDLE(nvml_gi, id & 15);
    return NVML_SUCCESS;
}

int nvmlGpuInstanceGetInfo(struct nvml_gi *gi, struct nvml_gi_info *info)
{
    uint32_t n = (uint32_t)((char *)(void *)gi - handles);
    *info = (struct nvml_gi_info){.device = HANDLE(nvml_device, 0),
                                  .id = lies("id 4 billion") ? UINT32_MAX : n,
                                  .profile_id = lies("strange profile") ? 4711 : 0,
                                  .placement = {.start = n % 8, .size = 1}};
    if (lies("instance far away")) {
        info->placement = (struct nvml_placement){.start = UINT32_MAX, .size = 2};
    }
    if (lies("instance of nothing")) {
        info->placement.size = 0;
    }
    return lies("no info") ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
}

int nvmlGpuInstanceGetComputeInstanceProfileInfo(struct nvml_gi *gi, unsigned profile,
                                                 unsigned engine, struct nvml_ci_profile_info *info)
{
    (void)gi;
    (void)engine;
    *info = (struct nvml_ci_profile_info){
        .id = profile, .slice_count = lies("huge numbers") ? UINT32_MAX : 1, .instance_count = 1};
    return profile == 0 || lies("endless kinds") ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

int nvmlGpuInstanceGetComputeInstancePossiblePlacements(struct nvml_gi *gi, unsigned id,
                                                        struct nvml_placement *placements,
                                                        unsigned *n)
{
    (void)gi;
    (void)id;
    for (unsigned i = 0; i < 4 && i < *n; i++) {
        placements[i] =
            (struct nvml_placement){.start = i, .size = lies("CI places of nothing") ? 0 : 1};
    }
    placements[2].start = lies("CI place far away") ? UINT32_MAX : 2;
    placements[1].size = lies("CI places of two sizes") ? 2 : placements[1].size;
    *n = lies("a million CI places") ? 1000000 : lies("no CI places") ? 0 : 4;
    return lies("CI places too many") ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

int nvmlGpuInstanceCreateComputeInstance(struct nvml_gi *gi, unsigned id, struct nvml_ci **ci)
{
    (void)gi;
    (void)id;
    *ci = HANDLE(nvml_ci, 0);
    return NVML_SUCCESS;
}

int nvmlGpuInstanceGetComputeInstances(struct nvml_gi *gi, unsigned id, struct nvml_ci **cis,
                                       unsigned *n)
{
    (void)gi;
    unsigned made = lies("20 compute instances") ? 20 : 1;
    for (unsigned i = 0; i < made && id == 0; i++) {
        cis[i] = HANDLE(nvml_ci, i);
    }
    *n = lies("a million compute instances") ? 1000000 : id == 0 ? made : 0;
    return NVML_SUCCESS;
}

int nvmlComputeInstanceGetInfo_v2(struct nvml_ci *ci, struct nvml_ci_info *info)
{
    uint32_t n = (uint32_t)((char *)(void *)ci - handles);
    *info = (struct nvml_ci_info){.device = lies("no MIG device") ? NULL : HANDLE(nvml_device, 0),
                                  .id = lies("CI id 4 billion") ? UINT32_MAX : n,
                                  .placement = {.start = UINT32_MAX - 1, .size = UINT32_MAX - 1}};
    return NVML_SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(struct nvml_device *device, unsigned *n,
                                            struct nvml_process_info *list)
{
    static unsigned more;
    (void)device;
    if (lies("a billion processes")) {
        *n = 1000000000;
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    if (lies("more and more processes")) {
        *n += 1 + more++ % 2;
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    if (lies("more than there is room for")) {
        *n += 1;
        return NVML_SUCCESS;
    }
    if (lies("always too small")) {
        *n = 0;
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    for (unsigned i = 0; i < 3; i++) {
        list[i] = (struct nvml_process_info){.pid = lies("one process") ? 1 : i + 1};
    }
    *n = 3;
    return NVML_SUCCESS;
}
