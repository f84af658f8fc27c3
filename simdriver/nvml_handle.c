#include <string.h>

#include "simdriver/nvml.h"

/* From the top: 16 bits that no address of user space has; 3 of kind; then for what the machine has
 * GPU (4), GI (4), CI (3) and a generation (34); for what this process has an index (16) and a
 * generation (29). */
enum { KIND_GPU = 1, KIND_MIG = 2, KIND_GI = 3, KIND_CI = 4 };
#define TAG (UINT64_C(0x4E56) << 48)
#define GENERATION_MASK ((UINT64_C(1) << 34) - 1)
#define OWN_GENERATION_MASK ((UINT64_C(1) << 29) - 1)

/* A handle has the type of a pointer, and is none. */
static void *handle_of(uint64_t bits)
{
    void *handle;
    memcpy(&handle, &bits, sizeof(handle));
    return handle;
}

static void *encode(uint64_t kind, unsigned gpu, uint32_t gi, uint32_t ci, uint64_t generation)
{
    uint64_t bits = TAG | kind << 45 | (uint64_t)gpu << 41 | (uint64_t)gi << 37 |
                    (uint64_t)ci << 34 | (generation & GENERATION_MASK);
    return handle_of(bits);
}

struct parts {
    uint64_t kind, generation;
    unsigned gpu;
    uint32_t gi, ci;
};

static bool decode(const void *handle, struct parts *ret)
{
    uint64_t bits = (uintptr_t)handle;
    if (bits >> 48 != TAG >> 48) {
        return false;
    }
    *ret = (struct parts){.kind = bits >> 45 & 7,
                          .gpu = (unsigned)(bits >> 41 & 15),
                          .gi = (uint32_t)(bits >> 37 & 15),
                          .ci = (uint32_t)(bits >> 34 & 7),
                          .generation = bits & GENERATION_MASK};
    return true;
}

/* A GPU is the same as long as its driver is loaded. */
static uint64_t gpu_generation(const struct sim_machine *machine)
{
    return (machine->boots + machine->loads) & GENERATION_MASK;
}

struct nvml_device *nvml_handle_gpu(const struct sim_machine *machine, unsigned gpu)
{
    return encode(KIND_GPU, gpu, 0, 0, gpu_generation(machine));
}

struct nvml_device *nvml_handle_mig(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                                    uint32_t ci)
{
    return encode(KIND_MIG, gpu, gi, ci, machine->gpus[gpu].gis[gi].cis[ci].generation);
}

struct nvml_gi *nvml_handle_gi(const struct sim_machine *machine, unsigned gpu, uint32_t gi)
{
    return encode(KIND_GI, gpu, gi, 0, machine->gpus[gpu].gis[gi].generation);
}

struct nvml_ci *nvml_handle_ci(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                               uint32_t ci)
{
    return encode(KIND_CI, gpu, gi, ci, machine->gpus[gpu].gis[gi].cis[ci].generation);
}

void *nvml_handle_own(enum nvml_own kind, uint32_t index, uint64_t generation)
{
    return handle_of(TAG | (uint64_t)kind << 45 | (uint64_t)(index & 0xFFFF) << 29 |
                     (generation & OWN_GENERATION_MASK));
}

bool nvml_own_of(const void *handle, enum nvml_own kind, uint32_t *ret_index,
                 uint64_t *ret_generation)
{
    uint64_t bits = (uintptr_t)handle;
    if (bits >> 48 != TAG >> 48 || (bits >> 45 & 7) != (uint64_t)kind) {
        return false;
    }
    *ret_index = (uint32_t)(bits >> 29 & 0xFFFF);
    *ret_generation = bits & OWN_GENERATION_MASK;
    return true;
}

static bool names_gpu(const struct sim_machine *machine, const struct parts *parts)
{
    return parts->kind == KIND_GPU && parts->gpu < machine->n_gpus && parts->gi == 0 &&
           parts->ci == 0 && parts->generation == gpu_generation(machine);
}

static bool names_gi(const struct sim_machine *machine, const struct parts *parts)
{
    const struct sim_gi *gi = sim_gi_get(machine, parts->gpu, parts->gi);
    return parts->kind == KIND_GI && gi != NULL && parts->ci == 0 &&
           (gi->generation & GENERATION_MASK) == parts->generation;
}

static bool names_ci(const struct sim_machine *machine, const struct parts *parts, uint64_t kind)
{
    const struct sim_ci *ci = sim_ci_get(machine, parts->gpu, parts->gi, parts->ci);
    return parts->kind == kind && ci != NULL &&
           (ci->generation & GENERATION_MASK) == parts->generation;
}

/* Writes into `at` what the handle names. */
static int take(struct nvml_at *at, const struct parts *parts, uint32_t gi, uint32_t ci)
{
    at->index = parts->gpu;
    at->gpu = &at->machine->gpus[parts->gpu];
    at->gi = gi;
    at->ci = ci;
    return at->gpu->lost ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

int nvml_resolve_device(struct nvml_at *at, const struct nvml_device *device, enum nvml_on on)
{
    struct parts parts;
    if (!decode(device, &parts)) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    if (names_ci(at->machine, &parts, KIND_MIG)) {
        switch (on) {
        case NVML_ON_ANY:
        case NVML_ON_MIG:
            return take(at, &parts, parts.gi, parts.ci);
        case NVML_ON_GPU:
            return NVML_ERROR_INVALID_ARGUMENT;
        case NVML_ON_BOARD:
        case NVML_ON_WHOLE:
            return NVML_ERROR_NOT_SUPPORTED;
        }
    }
    if (!names_gpu(at->machine, &parts) || on == NVML_ON_MIG) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    int r = take(at, &parts, SIM_NONE, SIM_NONE);
    return r == NVML_SUCCESS && on == NVML_ON_WHOLE && at->gpu->mode ? NVML_ERROR_NOT_SUPPORTED : r;
}

int nvml_resolve_gi(struct nvml_at *at, const struct nvml_gi *gi)
{
    struct parts parts;
    if (!decode(gi, &parts) || !names_gi(at->machine, &parts)) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    return take(at, &parts, parts.gi, SIM_NONE);
}

int nvml_resolve_ci(struct nvml_at *at, const struct nvml_ci *ci)
{
    struct parts parts;
    if (!decode(ci, &parts) || !names_ci(at->machine, &parts, KIND_CI)) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    return take(at, &parts, parts.gi, parts.ci);
}
