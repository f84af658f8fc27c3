/* The kinds of instances that a driver offers. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"
#include "gpu/profile_rule.h"

/* How far to ask where a driver knows no end; eight times what NVML numbers today. */
enum { ASK_MAX = 128, PLACEMENTS_ASK = 64, UNITS_MAX = 32, SLICES_MAX = 32 };

/* One profile as the newest structure tells it. Older ones lack the name. */
struct told {
    uint32_t id;
    uint32_t slices;
    uint32_t max_instances;
    uint32_t sm_count;
    uint32_t engines[GS_ENGINES];
    uint64_t memory_mib;
    char name[96];
};

#define TOLD_FROM(info)                                                                            \
    (struct told)                                                                                  \
    {                                                                                              \
        .id = (info).id, .slices = (info).slice_count, .max_instances = (info).instance_count,     \
        .sm_count = (info).multiprocessor_count,                                                   \
        .engines = {[GS_ENGINE_COPY] = (info).copy_engine_count,                                   \
                    [GS_ENGINE_DECODER] = (info).decoder_count,                                    \
                    [GS_ENGINE_ENCODER] = (info).encoder_count,                                    \
                    [GS_ENGINE_JPEG] = (info).jpeg_count,                                          \
                    [GS_ENGINE_OFA] = (info).ofa_count},                                           \
        .memory_mib = (info).memory_size_mb                                                        \
    }

static int ask_v3(const struct gs_nvml_lib *lib, struct nvml_device *device, unsigned profile,
                  struct told *ret)
{
    struct nvml_gi_profile_info_v3 info = {.version = NVML_GI_PROFILE_INFO_V3};
    int code = GS_NVML(lib, gi_profile_v, device, profile, &info);
    if (code == NVML_SUCCESS) {
        *ret = TOLD_FROM(info);
        gs_nvml_text(ret->name, sizeof(ret->name), info.name, sizeof(info.name));
    }
    return code;
}

static int ask_v2(const struct gs_nvml_lib *lib, struct nvml_device *device, unsigned profile,
                  struct told *ret)
{
    struct nvml_gi_profile_info_v2 info = {.version = NVML_GI_PROFILE_INFO_V2};
    int code = GS_NVML(lib, gi_profile_v, device, profile, &info);
    if (code == NVML_SUCCESS) {
        *ret = TOLD_FROM(info);
        gs_nvml_text(ret->name, sizeof(ret->name), info.name, sizeof(info.name));
    }
    return code;
}

static int ask_v1(const struct gs_nvml_lib *lib, struct nvml_device *device, unsigned profile,
                  struct told *ret)
{
    struct nvml_gi_profile_info info = {0};
    int code = GS_NVML(lib, gi_profile, device, profile, &info);
    if (code == NVML_SUCCESS) {
        *ret = TOLD_FROM(info);
    }
    return code;
}

/* The newest structure that the driver takes. A driver that lacks one of them says so with
 * FUNCTION_NOT_FOUND or ARGUMENT_VERSION_MISMATCH; some say INVALID_ARGUMENT, which also ends the
 * list, so the word of the plain function decides that. */
static int ask(const struct gs_nvml_lib *lib, struct nvml_device *device, unsigned profile,
               struct told *ret)
{
    int code = ask_v3(lib, device, profile, ret);
    if (code != NVML_SUCCESS && code != NVML_ERROR_NOT_SUPPORTED &&
        code != NVML_ERROR_FUNCTION_NOT_FOUND && code != NVML_ERROR_INVALID_ARGUMENT) {
        code = ask_v2(lib, device, profile, ret);
    }
    if (code != NVML_SUCCESS && code != NVML_ERROR_NOT_SUPPORTED) {
        code = ask_v1(lib, device, profile, ret);
    }
    return code;
}

/* Bounds and alignment of what the driver tells; one placement that we cannot hold and none is. */
static void take_placements(const struct nvml_placement *placements, unsigned n,
                            struct gs_gpu_profile *profile)
{
    uint32_t starts = 0;
    uint32_t size = n > 0 ? placements[0].size : 0;
    for (unsigned i = 0; i < n; i++) {
        if (placements[i].size != size || size == 0 || size > UNITS_MAX ||
            placements[i].start > UNITS_MAX - size) {
            return;
        }
        starts |= UINT32_C(1) << placements[i].start;
    }
    profile->starts = starts;
    profile->size = size;
}

static int read_placements(struct gs_nvml_session *session, unsigned gpu,
                           struct nvml_device *device, struct gs_gpu_profile *profile,
                           struct gs_err *err)
{
    struct nvml_placement placements[PLACEMENTS_ASK] = {0};
    unsigned n = PLACEMENTS_ASK;
    int code = GS_NVML(&session->lib, gi_placements, device, profile->profile_id, placements, &n);
    if (code == NVML_ERROR_NO_PERMISSION || code == NVML_ERROR_NOT_SUPPORTED ||
        code == NVML_ERROR_FUNCTION_NOT_FOUND) {
        return 0; /* not told */
    }
    if (code == NVML_ERROR_INSUFFICIENT_SIZE || (code == NVML_SUCCESS && n > PLACEMENTS_ASK)) {
        return gs_fail(err, GS_IO,
                       "GPU %u: the driver tells of %u placements of profile %u; %d are the most "
                       "we take",
                       gpu, n, profile->profile_id, PLACEMENTS_ASK);
    }
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: placements of profile %u", gpu,
                            profile->profile_id);
    }
    take_placements(placements, n, profile);
    return 0;
}

/* The driver's own name, which nvidia-smi prints with "MIG " before it. */
static const char *plain_name(const struct told *told)
{
    return strncmp(told->name, "MIG ", 4) == 0 ? told->name + 4 : told->name;
}

/* By the rule; what the rule does not know (the memory of the GPU, a number newer than this
 * program) is taken from the driver's own name. */
static void give_name(const struct told *told, uint64_t gpu_bytes, struct gs_gpu_profile *profile)
{
    const char *own = plain_name(told);
    const char *gb = strstr(own, "gb");
    const char *attrs = gs_profile_rule_attrs(profile->profile);
    if (attrs == NULL) {
        attrs = gb != NULL ? gb + 2 : NULL;
    }
    if (attrs != NULL) {
        gs_profile_rule_name(profile->compute_slices, profile->memory_mib, gpu_bytes, attrs,
                             profile->name, sizeof(profile->name));
    }
    if (profile->name[0] == '\0') {
        snprintf(profile->name, sizeof(profile->name), "%.*s", (int)sizeof(profile->name) - 1, own);
    }
}

static struct gs_gpu_profile profile_from(const struct told *told, unsigned profile,
                                          uint64_t gpu_bytes)
{
    struct gs_gpu_profile ret = {
        .profile = profile,
        .profile_id = told->id,
        .compute_slices = told->slices,
        .max_instances = told->max_instances,
        .sm_count = told->sm_count,
        .memory_mib = told->memory_mib < GS_NOT_KNOWN ? (uint32_t)told->memory_mib : GS_NOT_KNOWN};
    memcpy(ret.engines, told->engines, sizeof(ret.engines));
    give_name(told, gpu_bytes, &ret);
    return ret;
}

static int add_profile(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                       const struct gs_gpu_profile *profile, struct gs_err *err)
{
    struct gs_nvml_gpu *known = &session->gpus[gpu];
    if (known->n_profiles == GS_GPU_PROFILES_MAX) {
        return gs_fail(err, GS_LIMIT, "GPU %u: the driver offers more than %d profiles", gpu,
                       GS_GPU_PROFILES_MAX);
    }
    struct gs_gpu_profile *at = &known->profiles[known->n_profiles];
    *at = *profile;
    int r = read_placements(session, gpu, device, at, err);
    known->n_profiles += r == 0 ? 1 : 0;
    return r;
}

/* Asks for each number until the driver says that it has no more. */
static int list_profiles(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                         struct gs_err *err)
{
    uint64_t gpu_bytes = gs_nvml_memory(session, device);
    for (unsigned profile = 0; profile < ASK_MAX; profile++) {
        struct told told = {0};
        int code = ask(&session->lib, device, profile, &told);
        if (code == NVML_ERROR_INVALID_ARGUMENT) {
            break;
        }
        if (code == NVML_ERROR_NOT_SUPPORTED ||
            (code == NVML_SUCCESS && (told.slices == 0 || told.slices > SLICES_MAX))) {
            continue;
        }
        if (code != NVML_SUCCESS) {
            return gs_nvml_fail(&session->lib, code, err, "GPU %u: profile %u", gpu, profile);
        }
        struct gs_gpu_profile found = profile_from(&told, profile, gpu_bytes);
        int r = add_profile(session, gpu, device, &found, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

void gs_nvml_note_make(struct gs_nvml_session *session, const struct gs_gpu *gpu)
{
    struct gs_nvml_make *make = &session->gpus[gpu->index].make;
    memset(make, 0, sizeof(*make)); /* compared byte by byte */
    memcpy(make->name, gpu->name, strlen(gpu->name));
    make->pci_device_id = gpu->pci_device_id;
    make->pci_subsystem_id = gpu->pci_subsystem_id;
    make->memory_bytes = gpu->memory_bytes;
    make->mode = gpu->mode;
    make->known = gpu->name[0] != '\0' && gpu->pci_device_id != GS_NOT_KNOWN &&
                  gpu->pci_subsystem_id != GS_NOT_KNOWN && gpu->memory_bytes != UINT64_MAX;
}

/* Another GPU of the same make, from the `from`-th on, whose profiles are known; NULL: none. */
static const struct gs_nvml_gpu *of_the_same_make(const struct gs_nvml_session *session,
                                                  unsigned gpu, unsigned *from)
{
    const struct gs_nvml_make *make = &session->gpus[gpu].make;
    for (; make->known && *from < GS_GPUS_MAX; (*from)++) {
        const struct gs_nvml_gpu *other = &session->gpus[*from];
        if (*from != gpu && other->profiles_known &&
            memcmp(&other->make, make, sizeof(*make)) == 0) {
            (*from)++;
            return other;
        }
    }
    return NULL;
}

int gs_nvml_profiles(struct gs_nvml_session *session, unsigned gpu, struct gs_err *err)
{
    struct nvml_device *device = NULL;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0 || session->gpus[gpu].profiles_known) {
        return r;
    }
    enum gs_mig_mode mode;
    enum gs_mig_mode pending;
    if ((r = gs_nvml_mode(session, gpu, device, &mode, &pending, err)) < 0) {
        return r;
    }
    struct gs_nvml_gpu *known = &session->gpus[gpu];
    unsigned from = 0;
    const struct gs_nvml_gpu *other =
        mode == known->make.mode ? of_the_same_make(session, gpu, &from) : NULL;
    if (other != NULL) {
        memcpy(known->profiles, other->profiles, sizeof(known->profiles));
        known->n_profiles = other->n_profiles;
        known->profiles_known = true;
        return 0;
    }
    known->n_profiles = 0;
    if (mode != GS_MIG_NOT_CAPABLE && (r = list_profiles(session, gpu, device, err)) < 0) {
        return r;
    }
    if (mode == GS_MIG_OFF && known->n_profiles == 0) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "GPU %u: driver %s tells no profiles while MIG is off; turn it on first",
                       gpu, session->driver_version);
    }
    known->profiles_known = true;
    return 0;
}

static int ask_ci(struct gs_nvml_session *session, struct nvml_gi *gi, unsigned profile,
                  struct gs_nvml_ci_kinds *kinds)
{
    struct nvml_ci_profile_info info = {0};
    int code = GS_NVML(&session->lib, ci_profile, gi, profile,
                       NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &info);
    if (code == NVML_SUCCESS && info.slice_count > 0 && info.slice_count <= SLICES_MAX) {
        kinds->at[kinds->n++] = (struct gs_compute_profile){.profile = profile,
                                                            .profile_id = info.id,
                                                            .compute_slices = info.slice_count,
                                                            .max_instances = info.instance_count,
                                                            .sm_count = info.multiprocessor_count};
    }
    return code;
}

static int list_ci_kinds(struct gs_nvml_session *session, unsigned gpu, uint32_t gi_id,
                         struct nvml_gi *gi, struct gs_nvml_ci_kinds *kinds, struct gs_err *err)
{
    kinds->n = 0;
    for (unsigned profile = 0; profile < ASK_MAX && kinds->n < GS_COMPUTE_PROFILES_MAX; profile++) {
        int code = ask_ci(session, gi, profile, kinds);
        if (code == NVML_ERROR_INVALID_ARGUMENT) {
            break;
        }
        if (code != NVML_SUCCESS && code != NVML_ERROR_NOT_SUPPORTED) {
            return gs_nvml_fail(&session->lib, code, err,
                                "GPU %u, GPU instance %u: compute instance profile %u", gpu, gi_id,
                                profile);
        }
    }
    kinds->known = true;
    return 0;
}

int gs_nvml_ci_kinds(struct gs_nvml_session *session, unsigned gpu, uint32_t gi_id,
                     struct nvml_gi *gi, unsigned profile, const struct gs_nvml_ci_kinds **ret,
                     struct gs_err *err)
{
    struct gs_nvml_ci_kinds *kinds = &session->gpus[gpu].ci_kinds[profile];
    const struct gs_nvml_gpu *other;
    for (unsigned from = 0;
         !kinds->known && (other = of_the_same_make(session, gpu, &from)) != NULL;) {
        *kinds = other->ci_kinds[profile];
    }
    int r = kinds->known ? 0 : list_ci_kinds(session, gpu, gi_id, gi, kinds, err);
    *ret = kinds;
    return r;
}

/* One that does not lie in the GI, or sizes that differ, and nothing of it is believed. */
static int take_ci_places(unsigned gpu, uint32_t gi_id, const struct nvml_placement *placements,
                          unsigned n, struct gs_compute_places *ret, struct gs_err *err)
{
    struct gs_compute_places places = {.size = n > 0 ? placements[0].size : 0};
    for (unsigned i = 0; i < n; i++) {
        if (placements[i].size != places.size || places.size == 0 || places.size > SLICES_MAX ||
            placements[i].start > SLICES_MAX - places.size) {
            return gs_fail(err, GS_IO,
                           "GPU %u, GPU instance %u: the driver tells a place of %u compute slices "
                           "from %u for a compute instance; %d slices are the most we take",
                           gpu, gi_id, placements[i].size, placements[i].start, SLICES_MAX);
        }
        places.starts |= UINT32_C(1) << placements[i].start;
    }
    if (n == 0) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "GPU %u, GPU instance %u: the driver tells no place for a compute instance",
                       gpu, gi_id);
    }
    *ret = places;
    return 0;
}

int gs_nvml_ci_places(struct gs_nvml_session *session, unsigned gpu, uint32_t gi_id,
                      struct nvml_gi *gi, unsigned profile, unsigned k,
                      const struct gs_compute_places **ret, struct gs_err *err)
{
    struct gs_nvml_ci_kinds *kinds = &session->gpus[gpu].ci_kinds[profile];
    *ret = &kinds->places[k];
    if (kinds->places[k].size != 0) {
        return 0;
    }
    struct nvml_placement placements[PLACEMENTS_ASK] = {0};
    unsigned n = PLACEMENTS_ASK;
    int code = GS_NVML(&session->lib, ci_placements, gi, kinds->at[k].profile_id, placements, &n);
    if (code == NVML_ERROR_INSUFFICIENT_SIZE || (code == NVML_SUCCESS && n > PLACEMENTS_ASK)) {
        return gs_fail(err, GS_IO,
                       "GPU %u, GPU instance %u: the driver tells of %u places of compute instance "
                       "profile %u; %d are the most we take",
                       gpu, gi_id, n, kinds->at[k].profile_id, PLACEMENTS_ASK);
    }
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u: places of compute instance profile %u", gpu,
                            gi_id, kinds->at[k].profile_id);
    }
    return take_ci_places(gpu, gi_id, placements, n, &kinds->places[k], err);
}
