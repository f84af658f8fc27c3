/* MIG devices, and the fabric that whole GPUs are attached to. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"

enum { MIG_DEVICES_MAX = 64, SLICES_MAX = 64 };

struct nvml_device *gs_nvml_find_mig(struct gs_nvml_session *session, struct nvml_device *device,
                                     uint32_t gi, uint32_t ci, uint32_t *ret_index)
{
    unsigned n = 0;
    if (GS_NVML(&session->lib, mig_max, device, &n) != NVML_SUCCESS) {
        return NULL;
    }
    for (unsigned i = 0; i < n && i < MIG_DEVICES_MAX; i++) {
        struct nvml_device *mig = NULL;
        unsigned at_gi = 0;
        unsigned at_ci = 0;
        if (GS_NVML(&session->lib, mig_by_index, device, i, &mig) == NVML_SUCCESS &&
            GS_NVML(&session->lib, mig_gi_id, mig, &at_gi) == NVML_SUCCESS &&
            GS_NVML(&session->lib, mig_ci_id, mig, &at_ci) == NVML_SUCCESS && at_gi == gi &&
            (at_ci == ci || ci == GS_NOT_KNOWN)) {
            if (ret_index != NULL) {
                *ret_index = i;
            }
            return mig;
        }
    }
    return NULL;
}

/* NULL: the driver does not give the MIG device with the compute instance (before R460). */
static struct nvml_device *mig_of_ci(struct gs_nvml_session *session, struct nvml_gi *gi,
                                     uint32_t ci, int *ret_code)
{
    struct nvml_ci *handle = NULL;
    struct nvml_ci_info info = {.device = NULL};
    *ret_code = GS_NVML(&session->lib, ci_by_id, gi, ci, &handle);
    if (*ret_code != NVML_SUCCESS || session->lib.ci_info == NULL) {
        return NULL;
    }
    *ret_code = session->lib.ci_info(handle, &info);
    return *ret_code == NVML_SUCCESS ? info.device : NULL;
}

struct nvml_device *gs_nvml_mig_of_gi(struct gs_nvml_session *session, unsigned gpu,
                                      struct nvml_device *device, uint32_t gi)
{
    struct nvml_gi *handle = NULL;
    int r = gs_nvml_gi(session, gpu, gi, &handle, NULL);
    for (uint32_t ci = 0; r == 0 && ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
        int code = NVML_SUCCESS;
        struct nvml_device *mig = mig_of_ci(session, handle, ci, &code);
        if (mig != NULL) {
            return mig;
        }
    }
    /* to look instances up by id takes more rights than to see the devices */
    return gs_nvml_find_mig(session, device, gi, GS_NOT_KNOWN, NULL);
}

static int find_device(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                       uint32_t gi, uint32_t ci, struct nvml_device **ret, uint32_t *ret_index,
                       struct gs_err *err)
{
    struct nvml_gi *handle = NULL;
    int r = gs_nvml_gi(session, gpu, gi, &handle, err);
    if (r < 0) {
        return r;
    }
    int code = NVML_SUCCESS;
    struct nvml_device *mig = mig_of_ci(session, handle, ci, &code);
    code = code == NVML_ERROR_INVALID_ARGUMENT ? NVML_ERROR_NOT_FOUND : code;
    unsigned index = 0;
    if (mig == NULL || GS_NVML(&session->lib, index, mig, &index) != NVML_SUCCESS) {
        mig = code == NVML_SUCCESS ? gs_nvml_find_mig(session, device, gi, ci, &index) : NULL;
        code = code == NVML_SUCCESS && mig == NULL ? NVML_ERROR_NOT_FOUND : code;
    }
    if (mig == NULL) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u, compute instance %u", gpu, gi, ci);
    }
    if (index >= MIG_DEVICES_MAX) {
        return gs_fail(err, GS_IO, "GPU %u: the driver tells MIG device %u; %d is the last we take",
                       gpu, index, MIG_DEVICES_MAX - 1);
    }
    *ret = mig;
    *ret_index = index;
    return 0;
}

static uint32_t bounded(uint32_t value, uint32_t most)
{
    return value <= most ? value : GS_NOT_KNOWN;
}

int gs_nvml_mig_device(void *impl, unsigned gpu, uint32_t gi, uint32_t ci,
                       struct gs_mig_device *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    struct nvml_device *mig = NULL;
    uint32_t index = 0;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0 || (r = find_device(session, gpu, device, gi, ci, &mig, &index, err)) < 0) {
        return r;
    }
    struct nvml_attributes told;
    memset(&told, 0xff, sizeof(told)); /* older drivers fill the beginning only */
    int code = GS_NVML(&session->lib, mig_attributes, mig, &told);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err,
                            "GPU %u, GPU instance %u, compute instance %u: reading its attributes",
                            gpu, gi, ci);
    }
    *ret = (struct gs_mig_device){.index = index,
                                  .sm_count = told.multiprocessor_count,
                                  .gpu_slices = bounded(told.gpu_instance_slice_count, SLICES_MAX),
                                  .compute_slices =
                                      bounded(told.compute_instance_slice_count, SLICES_MAX),
                                  .memory_mib = told.memory_size_mb,
                                  .engines = {[GS_ENGINE_COPY] = told.shared_copy_engine_count,
                                              [GS_ENGINE_DECODER] = told.shared_decoder_count,
                                              [GS_ENGINE_ENCODER] = told.shared_encoder_count,
                                              [GS_ENGINE_JPEG] = told.shared_jpeg_count,
                                              [GS_ENGINE_OFA] = told.shared_ofa_count}};
    return 0;
}

static bool is_attached(const uint8_t cluster[16], int32_t status, uint8_t state)
{
    static const uint8_t none[16];
    return state == NVML_GPU_FABRIC_STATE_COMPLETED && status == NVML_SUCCESS &&
           memcmp(cluster, none, sizeof(none)) != 0;
}

static void format_cluster(const uint8_t bytes[16], char ret[40])
{
    size_t used = 0;
    for (unsigned i = 0; i < 16; i++) {
        const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        used += (size_t)snprintf(ret + used, 40 - used, "%s%02x", dash, bytes[i]);
    }
}

int gs_nvml_fabric(void *impl, unsigned gpu, struct gs_gpu_fabric *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0) {
        return r;
    }
    struct nvml_fabric_info_v2 info = {.version = NVML_FABRIC_INFO_V2};
    int code = GS_NVML(&session->lib, fabric_v, device, &info);
    if (code != NVML_SUCCESS && !gs_nvml_is_gone(code)) { /* drivers 525 to 530 */
        struct nvml_fabric_info old = {.state = NVML_GPU_FABRIC_STATE_NOT_SUPPORTED};
        code = GS_NVML(&session->lib, fabric, device, &old);
        memcpy(info.cluster_uuid, old.cluster_uuid, sizeof(info.cluster_uuid));
        info.status = old.status;
        info.clique_id = old.clique_id;
        info.state = old.state;
    }
    if (gs_nvml_is_gone(code)) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: reading its fabric", gpu);
    }
    struct gs_gpu_fabric found = {.clique = GS_NOT_KNOWN};
    if (code == NVML_SUCCESS && is_attached(info.cluster_uuid, info.status, info.state)) {
        format_cluster(info.cluster_uuid, found.cluster);
        found.clique = info.clique_id;
    }
    *ret = found;
    return 0;
}
