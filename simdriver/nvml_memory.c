/* Memory, and who uses it. */
#include <string.h>

#include "simdriver/nvml.h"

#define MIB (UINT64_C(1) << 20)

struct amount { /* bytes */
    uint64_t total, reserved, used;
};

/* Of a MIG device: its GPU instance's memory, which all compute instances in it share. Of a GPU
 * with MIG on: the sum over all of it, which is only for who may see every instance. */
static int memory_of(const struct nvml_at *at, struct amount *ret)
{
    if (at->gi != SIM_NONE) {
        struct sim_gi_profile profile;
        sim_gi_profile_of(at->machine, at->index, at->gi, &profile);
        ret->total = profile.memory_mib * MIB;
        ret->reserved = 0;
    } else if (at->gpu->mode && nvml_is_unprivileged()) {
        return NVML_ERROR_NO_PERMISSION;
    } else {
        ret->total = sim_gpu_memory_mib(at->gpu) * MIB;
        ret->reserved = sim_gpu_reserved_mib(at->gpu) * MIB;
    }
    ret->used = sim_used_mib(at->machine, at->index, at->gi, SIM_NONE) * MIB;
    if (ret->used > ret->total - ret->reserved) {
        ret->used = ret->total - ret->reserved;
    }
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetMemoryInfo, struct nvml_device *device, struct nvml_memory *memory)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, memory != NULL);
    struct amount found;
    int r = memory_of(&at, &found);
    if (r == NVML_SUCCESS) { /* what the driver keeps counts as used here */
        memory->total = found.total;
        memory->used = found.used + found.reserved;
        memory->free = memory->total - memory->used;
    }
    return r;
}

NVML_API(nvmlDeviceGetMemoryInfo_v2, struct nvml_device *device, struct nvml_memory_v2 *memory)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, memory != NULL);
    if (memory->version != NVML_MEMORY_V2) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    struct amount found;
    int r = memory_of(&at, &found);
    if (r == NVML_SUCCESS) {
        memory->total = found.total;
        memory->reserved = found.reserved;
        memory->used = found.used;
        memory->free = found.total - found.reserved - found.used;
    }
    return r;
}

/* The window is the memory's size, rounded up to a power of two; a MIG device has its share. */
NVML_API(nvmlDeviceGetBAR1MemoryInfo, struct nvml_device *device, struct nvml_bar1_memory *memory)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, memory != NULL);
    struct amount found;
    int r = memory_of(&at, &found);
    if (r != NVML_SUCCESS) {
        return r;
    }
    uint64_t window = MIB;
    while (window < found.total) {
        window *= 2;
    }
    memory->total = window;
    memory->used = MIB + found.used / 1024;
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
}

/* ---- Processes ---- */

enum kind { COMPUTE = 0, GRAPHICS = 1, MPS = 2 };

/* Those on the device; nothing simulated draws, and MPS's clients are its server's business. */
static uint32_t collect(const struct nvml_at *at, enum kind kind,
                        struct nvml_process_info ret[SIM_HOLDERS])
{
    uint32_t n = 0;
    for (unsigned i = 0; i < SIM_HOLDERS && kind == COMPUTE; i++) {
        const struct sim_holder *holder = &at->machine->holders[i];
        if (holder->pid != 0 && holder->gpu == at->index &&
            (at->gi == SIM_NONE || (holder->gi == at->gi && holder->ci == at->ci))) {
            ret[n++] = (struct nvml_process_info){.pid = holder->pid,
                                                  .used_gpu_memory = holder->memory_mib * MIB,
                                                  .gpu_instance_id = holder->gi,
                                                  .compute_instance_id = holder->ci};
        }
    }
    return n;
}

/* A call that lists processes: those that are gone are forgotten first. */
static struct nvml_at begin_list(const char *function, struct nvml_device *device, bool fits)
{
    struct nvml_at at = nvml_at_begin(function);
    if (at.code == NVML_SUCCESS) {
        sim_store_prune(at.store);
        at.code = nvml_at_hold(&at, function);
    }
    if (at.code == NVML_SUCCESS) {
        at.code =
            fits ? nvml_resolve_device(&at, device, NVML_ON_ANY) : NVML_ERROR_INVALID_ARGUMENT;
    }
    if (at.code == NVML_SUCCESS && at.gi == SIM_NONE && at.gpu->mode && nvml_is_unprivileged()) {
        at.code = NVML_ERROR_NO_PERMISSION;
    }
    return at;
}

/* Functions without a suffix know no instances. */
static int give_v1(uint32_t *count, struct nvml_process_info_v1 *ret,
                   const struct nvml_process_info *from, uint32_t n)
{
    struct nvml_process_info_v1 old[SIM_HOLDERS];
    for (uint32_t i = 0; i < n; i++) {
        old[i].pid = from[i].pid;
        old[i].used_gpu_memory = from[i].used_gpu_memory;
    }
    return nvml_copy_list(ret, count, old, n, sizeof(old[0]));
}

static int list(const char *function, struct nvml_device *device, enum kind kind, uint32_t *count,
                void *ret, bool old)
{
    NVML_AT_(at, begin_list(function, device, count != NULL), count != NULL);
    struct nvml_process_info found[SIM_HOLDERS];
    uint32_t n = collect(&at, kind, found);
    return old ? give_v1(count, ret, found, n)
               : nvml_copy_list(ret, count, found, n, sizeof(found[0]));
}

#define PROCESSES(name, kind)                                                                      \
    NVML_API(name, struct nvml_device *device, uint32_t *count, struct nvml_process_info *ret)     \
    {                                                                                              \
        return list(__func__, device, kind, count, ret, false);                                    \
    }
#define PROCESSES_V1(name, kind)                                                                   \
    NVML_API(name, struct nvml_device *device, uint32_t *count, struct nvml_process_info_v1 *ret)  \
    {                                                                                              \
        return list(__func__, device, kind, count, ret, true);                                     \
    }

PROCESSES_V1(nvmlDeviceGetComputeRunningProcesses, COMPUTE)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, COMPUTE)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, COMPUTE)
PROCESSES_V1(nvmlDeviceGetGraphicsRunningProcesses, GRAPHICS)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, GRAPHICS)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, GRAPHICS)
PROCESSES_V1(nvmlDeviceGetMPSComputeRunningProcesses, MPS)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v2, MPS)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, MPS)

NVML_API(nvmlDeviceGetRunningProcessDetailList, struct nvml_device *device,
         struct nvml_process_detail_list *ret)
{
    NVML_AT_(at, begin_list(__func__, device, ret != NULL), ret != NULL);
    if (ret->version != NVML_VERSION(sizeof(*ret), 1)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    if (ret->mode > MPS) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    struct nvml_process_info found[SIM_HOLDERS];
    struct nvml_process_detail details[SIM_HOLDERS];
    uint32_t n = collect(&at, (enum kind)ret->mode, found);
    for (uint32_t i = 0; i < n; i++) {
        details[i] = (struct nvml_process_detail){
            .pid = found[i].pid,
            .used_gpu_memory = found[i].used_gpu_memory,
            .gpu_instance_id = found[i].gpu_instance_id,
            .compute_instance_id = found[i].compute_instance_id,
            .used_cc_protected_memory = 0,
        };
    }
    return nvml_copy_list(ret->processes, &ret->n, details, n, sizeof(details[0]));
}
