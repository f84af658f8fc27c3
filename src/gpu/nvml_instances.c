/* What is cut into a GPU, and cutting. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"

/* Handles asked for at once. Drivers do not say how many they will write beyond the profile's
 * count, which some get wrong (A30): room for more than a GPU can have. */
enum { HANDLES = 64 };

static int lying(struct gs_err *err, unsigned gpu, const char *what, uint64_t told, unsigned most)
{
    return gs_fail(err, GS_IO, "GPU %u: the driver tells %s %llu; %u is the most there can be", gpu,
                   what, (unsigned long long)told, most);
}

static int read_ci_uuid(struct gs_nvml_session *session, unsigned gpu, uint32_t gi,
                        struct nvml_device *mig, struct gs_compute_instance *ret,
                        struct gs_err *err)
{
    char uuid[NVML_DEVICE_UUID_V2_BUFFER_SIZE] = "";
    int code =
        mig == NULL ? NVML_ERROR_NOT_FOUND : GS_NVML(&session->lib, uuid, mig, uuid, sizeof(uuid));
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u, compute instance %u: reading the UUID", gpu,
                            gi, ret->id);
    }
    gs_nvml_text(ret->uuid, sizeof(ret->uuid), uuid, sizeof(uuid));
    return 0;
}

static void name_ci_profile(const struct gs_nvml_ci_kinds *kinds, struct gs_compute_instance *ret)
{
    ret->profile = GS_NOT_KNOWN;
    for (unsigned i = 0; i < kinds->n; i++) {
        if (kinds->at[i].profile_id == ret->profile_id) {
            ret->profile = kinds->at[i].profile;
            ret->size = ret->size == GS_NOT_KNOWN ? kinds->at[i].compute_slices : ret->size;
        }
    }
}

static int read_ci(struct gs_nvml_session *session, unsigned gpu, uint32_t gi, struct nvml_ci *ci,
                   const struct gs_nvml_ci_kinds *kinds, struct gs_compute_instance *ret,
                   struct gs_err *err)
{
    struct nvml_ci_info info = {.placement = {GS_NOT_KNOWN, GS_NOT_KNOWN}};
    bool has_mig = session->lib.ci_info != NULL;
    int code =
        has_mig ? session->lib.ci_info(ci, &info) : GS_NVML(&session->lib, ci_info_v1, ci, &info);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u: reading a compute instance", gpu, gi);
    }
    if (info.id >= GS_COMPUTE_INSTANCES_MAX) {
        return lying(err, gpu, "compute instance id", info.id, GS_COMPUTE_INSTANCES_MAX - 1);
    }
    *ret = (struct gs_compute_instance){.id = info.id,
                                        .profile_id = info.profile_id,
                                        .start = info.placement.start,
                                        .size = info.placement.size};
    name_ci_profile(kinds, ret);
    struct nvml_device *mig =
        has_mig ? info.device
                : gs_nvml_find_mig(session, session->gpus[gpu].device, gi, info.id, NULL);
    return read_ci_uuid(session, gpu, gi, mig, ret, err);
}

/* By id; one that is listed under two profiles counts once. */
static int insert_ci(unsigned gpu, struct gs_gpu_instance *gi, const struct gs_compute_instance *ci,
                     struct gs_err *err)
{
    unsigned at = 0;
    while (at < gi->n_compute && gi->compute[at].id < ci->id) {
        at++;
    }
    if (at < gi->n_compute && gi->compute[at].id == ci->id) {
        return 0;
    }
    if (gi->n_compute == GS_COMPUTE_INSTANCES_MAX) {
        return lying(err, gpu, "compute instances of one GPU instance", gi->n_compute + 1u,
                     GS_COMPUTE_INSTANCES_MAX);
    }
    memmove(&gi->compute[at + 1], &gi->compute[at], (gi->n_compute - at) * sizeof(*ci));
    gi->compute[at] = *ci;
    gi->n_compute++;
    return 0;
}

static int read_cis_of_kind(struct gs_nvml_session *session, unsigned gpu, struct nvml_gi *gi,
                            const struct gs_nvml_ci_kinds *kinds, uint32_t profile_id,
                            struct gs_gpu_instance *ret, struct gs_err *err)
{
    struct nvml_ci *cis[HANDLES] = {NULL};
    unsigned n = HANDLES;
    int code = GS_NVML(&session->lib, ci_list, gi, profile_id, cis, &n);
    if (code == NVML_ERROR_NOT_SUPPORTED || (code == NVML_SUCCESS && n == 0)) {
        return 0;
    }
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u: listing compute instances of profile %u", gpu,
                            ret->id, profile_id);
    }
    if (n > HANDLES) {
        return lying(err, gpu, "compute instances", n, HANDLES);
    }
    for (unsigned i = 0; i < n; i++) {
        struct gs_compute_instance ci;
        int r = read_ci(session, gpu, ret->id, cis[i], kinds, &ci, err);
        if (r < 0 || (r = insert_ci(gpu, ret, &ci, err)) < 0) {
            return r;
        }
    }
    return 0;
}

static int read_cis(struct gs_nvml_session *session, unsigned gpu, struct nvml_gi *gi,
                    unsigned profile, struct gs_gpu_instance *ret, struct gs_err *err)
{
    const struct gs_nvml_ci_kinds *kinds = NULL;
    int r = gs_nvml_ci_kinds(session, gpu, ret->id, gi, profile, &kinds, err);
    for (unsigned i = 0; r == 0 && i < kinds->n; i++) {
        r = read_cis_of_kind(session, gpu, gi, kinds, kinds->at[i].profile_id, ret, err);
    }
    return r;
}

/* The facts of a GI without its CIs. */
static int read_gi(struct gs_nvml_session *session, unsigned gpu, struct nvml_gi *gi,
                   struct gs_gpu_instance *ret, struct gs_err *err)
{
    struct nvml_gi_info info = {0};
    int code = GS_NVML(&session->lib, gi_info, gi, &info);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: reading a GPU instance", gpu);
    }
    if (info.id >= GS_GPU_INSTANCES_MAX) {
        return lying(err, gpu, "GPU instance id", info.id, GS_GPU_INSTANCES_MAX - 1);
    }
    if (info.placement.size == 0 || info.placement.size > 32 ||
        info.placement.start > 32 - info.placement.size) {
        return lying(err, gpu, "the end of a placement",
                     (uint64_t)info.placement.start + info.placement.size, 32);
    }
    *ret = (struct gs_gpu_instance){.id = info.id,
                                    .profile = GS_NOT_KNOWN,
                                    .profile_id = info.profile_id,
                                    .start = info.placement.start,
                                    .size = info.placement.size};
    return 0;
}

/* Index of the profile with this id among those remembered, or -1. */
static int profile_index(const struct gs_nvml_gpu *known, uint32_t profile_id)
{
    for (unsigned i = 0; i < known->n_profiles; i++) {
        if (known->profiles[i].profile_id == profile_id) {
            return (int)i;
        }
    }
    return -1;
}

static int insert_gi(unsigned gpu, struct gs_gpu_instances *all, const struct gs_gpu_instance *gi,
                     struct gs_err *err)
{
    for (unsigned i = 0; i < all->n; i++) {
        if (all->at[i].id == gi->id) {
            return 0;
        }
    }
    if (all->n == GS_GPU_INSTANCES_MAX) {
        return lying(err, gpu, "GPU instances", all->n + 1u, GS_GPU_INSTANCES_MAX);
    }
    unsigned at = all->n++;
    for (; at > 0 && all->at[at - 1].start > gi->start; at--) {
        all->at[at] = all->at[at - 1];
    }
    all->at[at] = *gi;
    return 0;
}

static int read_gis_of_kind(struct gs_nvml_session *session, unsigned gpu,
                            struct nvml_device *device, unsigned index,
                            struct gs_gpu_instances *ret, struct gs_err *err)
{
    const struct gs_gpu_profile *profile = &session->gpus[gpu].profiles[index];
    struct nvml_gi *gis[HANDLES] = {NULL};
    unsigned n = HANDLES;
    int code = GS_NVML(&session->lib, gi_list, device, profile->profile_id, gis, &n);
    if (code == NVML_ERROR_NOT_SUPPORTED || (code == NVML_SUCCESS && n == 0)) {
        return 0;
    }
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u: listing GPU instances of profile %u (%s)", gpu,
                            profile->profile_id, profile->name);
    }
    if (n > HANDLES) {
        return lying(err, gpu, "GPU instances", n, HANDLES);
    }
    for (unsigned i = 0; i < n; i++) {
        struct gs_gpu_instance gi;
        int r = read_gi(session, gpu, gis[i], &gi, err);
        if (r < 0 || (r = read_cis(session, gpu, gis[i], index, &gi, err)) < 0) {
            return r;
        }
        gi.profile = profile->profile;
        if ((r = insert_gi(gpu, ret, &gi, err)) < 0) {
            return r;
        }
    }
    return 0;
}

int gs_nvml_instances(void *impl, unsigned gpu, struct gs_gpu_instances *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    enum gs_mig_mode mode;
    enum gs_mig_mode pending;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0 || (r = gs_nvml_mode(session, gpu, device, &mode, &pending, err)) < 0) {
        return r;
    }
    struct gs_gpu_instances all = {.n = 0};
    if (mode == GS_MIG_ON && (r = gs_nvml_profiles(session, gpu, err)) < 0) {
        return r;
    }
    for (unsigned i = 0; mode == GS_MIG_ON && i < session->gpus[gpu].n_profiles; i++) {
        if ((r = read_gis_of_kind(session, gpu, device, i, &all, err)) < 0) {
            return r;
        }
    }
    *ret = all;
    return 0;
}

int gs_nvml_gi(struct gs_nvml_session *session, unsigned gpu, uint32_t gi, struct nvml_gi **ret,
               struct gs_err *err)
{
    struct nvml_device *device = NULL;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0) {
        return r;
    }
    int code = GS_NVML(&session->lib, gi_by_id, device, gi, ret);
    if (code == NVML_SUCCESS) {
        return 0;
    }
    /* an id that no instance can have is, to a driver, a wrong argument */
    code = code == NVML_ERROR_INVALID_ARGUMENT ? NVML_ERROR_NOT_FOUND : code;
    return gs_nvml_fail(&session->lib, code, err, "GPU %u, GPU instance %u", gpu, gi);
}

/* Its facts too, and which of the remembered profiles it is of. */
static int find_gi_kind(struct gs_nvml_session *session, unsigned gpu, uint32_t gi,
                        struct nvml_gi **ret, struct gs_gpu_instance *ret_info, unsigned *ret_index,
                        struct gs_err *err)
{
    int r = gs_nvml_gi(session, gpu, gi, ret, err);
    if (r < 0 || (r = gs_nvml_profiles(session, gpu, err)) < 0 ||
        (r = read_gi(session, gpu, *ret, ret_info, err)) < 0) {
        return r;
    }
    int index = profile_index(&session->gpus[gpu], ret_info->profile_id);
    if (index < 0) {
        return gs_fail(err, GS_IO,
                       "GPU %u, GPU instance %u: has profile %u, which the driver does "
                       "not list",
                       gpu, gi, ret_info->profile_id);
    }
    ret_info->profile = session->gpus[gpu].profiles[index].profile;
    *ret_index = (unsigned)index;
    return 0;
}

static int fail_no_kind(unsigned gpu, uint32_t gi, uint32_t profile_id, struct gs_err *err)
{
    return gs_fail(err, GS_INVALID,
                   "GPU %u, GPU instance %u: the driver lists no compute instance profile %u", gpu,
                   gi, profile_id);
}

int gs_nvml_compute_profiles(void *impl, unsigned gpu, uint32_t gi, struct gs_compute_profile *ret,
                             unsigned *ret_n, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_gi *handle = NULL;
    struct gs_gpu_instance info;
    unsigned index = 0;
    const struct gs_nvml_ci_kinds *kinds = NULL;
    int r = find_gi_kind(session, gpu, gi, &handle, &info, &index, err);
    if (r < 0 || (r = gs_nvml_ci_kinds(session, gpu, gi, handle, index, &kinds, err)) < 0) {
        return r;
    }
    memcpy(ret, kinds->at, kinds->n * sizeof(*ret));
    *ret_n = kinds->n;
    return 0;
}

int gs_nvml_compute_places(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                           struct gs_compute_places *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_gi *handle = NULL;
    struct gs_gpu_instance info;
    unsigned index = 0;
    const struct gs_nvml_ci_kinds *kinds = NULL;
    const struct gs_compute_places *places = NULL;
    int r = find_gi_kind(session, gpu, gi, &handle, &info, &index, err);
    if (r < 0 || (r = gs_nvml_ci_kinds(session, gpu, gi, handle, index, &kinds, err)) < 0) {
        return r;
    }
    unsigned k = 0;
    while (k < kinds->n && kinds->at[k].profile_id != profile_id) {
        k++;
    }
    if (k == kinds->n) {
        return fail_no_kind(gpu, gi, profile_id, err);
    }
    r = gs_nvml_ci_places(session, gpu, gi, handle, index, k, &places, err);
    if (r == 0) {
        *ret = *places;
    }
    return r;
}

int gs_nvml_create(void *impl, unsigned gpu, uint32_t profile_id, uint32_t start, uint32_t size,
                   struct gs_gpu_instance *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    struct nvml_gi *gi = NULL;
    int r = gs_nvml_may_change(session, err);
    if (r < 0 || (r = gs_nvml_device(session, gpu, &device, err)) < 0) {
        return r;
    }
    struct nvml_placement place = {.start = start, .size = size};
    int code = session->lib.gi_create(device, profile_id, &place, &gi);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u: creating a GPU instance of profile %u at memory unit %u", gpu,
                            profile_id, start);
    }
    struct gs_gpu_instance made;
    if ((r = read_gi(session, gpu, gi, &made, err)) < 0) {
        return gs_wrap(err, r, "a GPU instance was created, but cannot be read back");
    }
    if (gs_nvml_profiles(session, gpu, NULL) == 0) {
        int index = profile_index(&session->gpus[gpu], made.profile_id);
        made.profile = index < 0 ? GS_NOT_KNOWN : session->gpus[gpu].profiles[index].profile;
    }
    *ret = made;
    return 0;
}

int gs_nvml_destroy(void *impl, unsigned gpu, uint32_t gi, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_gi *handle = NULL;
    int r = gs_nvml_may_change(session, err);
    if (r < 0 || (r = gs_nvml_gi(session, gpu, gi, &handle, err)) < 0) {
        return r;
    }
    int code = GS_NVML(&session->lib, gi_destroy, handle);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: destroying GPU instance %u", gpu,
                            gi);
    }
    return 0;
}

static const struct gs_compute_profile *find_kind(const struct gs_nvml_ci_kinds *kinds,
                                                  uint32_t profile_id)
{
    for (unsigned i = 0; i < kinds->n; i++) {
        if (kinds->at[i].profile_id == profile_id) {
            return &kinds->at[i];
        }
    }
    return NULL;
}

/* Before R525 the driver chooses the place of a CI, and we leave it to it where there is only one:
 * a CI that fills its GI. */
static int check_place(const struct gs_nvml_session *session, const struct gs_compute_profile *kind,
                       struct nvml_placement place, uint32_t of_gi, struct gs_err *err)
{
    if (place.start == GS_NOT_KNOWN || session->lib.ci_create_at != NULL) {
        return 0;
    }
    if (place.start != 0 || place.size != of_gi) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "driver %s cannot create compute instances at a given place "
                       "(nvmlGpuInstanceCreateComputeInstanceWithPlacement, from R525 on)",
                       session->driver_version);
    }
    if (kind->compute_slices != of_gi) {
        return gs_fail(err, GS_INVALID, "a compute instance of %u slices does not take %u",
                       kind->compute_slices, place.size);
    }
    return 0;
}

static int make_ci(struct gs_nvml_session *session, struct nvml_gi *gi, uint32_t profile_id,
                   struct nvml_placement place, struct nvml_ci **ret)
{
    if (place.start == GS_NOT_KNOWN || session->lib.ci_create_at == NULL) {
        return GS_NVML(&session->lib, ci_create, gi, profile_id, ret);
    }
    return session->lib.ci_create_at(gi, profile_id, &place, ret);
}

/* That the driver lists the kind, and can put it there. */
static int check_ci(const struct gs_nvml_session *session, unsigned gpu, uint32_t gi,
                    const struct gs_nvml_ci_kinds *kinds, uint32_t profile_id,
                    struct nvml_placement place, uint32_t of_gi, struct gs_err *err)
{
    const struct gs_compute_profile *kind = find_kind(kinds, profile_id);
    if (kind == NULL) {
        return fail_no_kind(gpu, gi, profile_id, err);
    }
    int r = check_place(session, kind, place, of_gi, err);
    return r < 0 ? gs_wrap(err, r, "GPU %u, GPU instance %u", gpu, gi) : 0;
}

int gs_nvml_create_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                           uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                           struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_gi *handle = NULL;
    struct nvml_ci *ci = NULL;
    struct gs_gpu_instance info;
    unsigned index = 0;
    const struct gs_nvml_ci_kinds *kinds = NULL;
    int r = gs_nvml_may_change(session, err);
    if (r < 0 || (r = find_gi_kind(session, gpu, gi, &handle, &info, &index, err)) < 0 ||
        (r = gs_nvml_ci_kinds(session, gpu, gi, handle, index, &kinds, err)) < 0) {
        return r;
    }
    struct nvml_placement place = {.start = start, .size = size};
    uint32_t of_gi = session->gpus[gpu].profiles[index].compute_slices;
    if ((r = check_ci(session, gpu, gi, kinds, profile_id, place, of_gi, err)) < 0) {
        return r;
    }
    int code = make_ci(session, handle, profile_id, place, &ci);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u: creating a compute instance of profile %u",
                            gpu, gi, profile_id);
    }
    struct gs_compute_instance made;
    if ((r = read_ci(session, gpu, gi, ci, kinds, &made, err)) < 0) {
        return gs_wrap(err, r, "a compute instance was created, but cannot be read back");
    }
    *ret = made;
    return 0;
}

int gs_nvml_destroy_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t ci, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_gi *handle = NULL;
    struct nvml_ci *compute = NULL;
    int r = gs_nvml_may_change(session, err);
    if (r < 0 || (r = gs_nvml_gi(session, gpu, gi, &handle, err)) < 0) {
        return r;
    }
    int code = GS_NVML(&session->lib, ci_by_id, handle, ci, &compute);
    code = code == NVML_ERROR_INVALID_ARGUMENT ? NVML_ERROR_NOT_FOUND : code;
    if (code == NVML_SUCCESS) {
        code = GS_NVML(&session->lib, ci_destroy, compute);
    }
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u: destroying compute instance %u", gpu, gi, ci);
    }
    return 0;
}
