/* What the driver tells unasked. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"

/* What is asked for, where the GPU can tell it. */
static const uint64_t wanted = NVML_EVENT_XID_CRITICAL | NVML_EVENT_SINGLE_BIT_ECC |
                               NVML_EVENT_DOUBLE_BIT_ECC | NVML_EVENT_MIG_CONFIG_CHANGE |
                               NVML_EVENT_GPU_RECOVERY_ACTION;

struct watch {
    struct nvml_event_set *set;
    uint64_t epoch; /* of the session when it was opened: handles live no longer than that */
    unsigned n_gpus;
    struct watched {
        struct nvml_device *device;
        char uuid[GS_GPU_UUID_MAX];
        bool registered;
        bool lost; /* and not told yet */
    } gpus[GS_GPUS_MAX];
};

static const struct gs_gpu_event nothing = {.kind = GS_GPU_EVENT_NONE,
                                            .gpu = GS_NOT_KNOWN,
                                            .data = UINT64_MAX,
                                            .gi = GS_NOT_KNOWN,
                                            .ci = GS_NOT_KNOWN};

/* NVML's code: GPUs that have no events, and lost ones, are left out without one. */
static int register_gpu(struct gs_nvml_session *session, struct watch *watch,
                        struct watched *watched)
{
    uint64_t types = 0;
    int code = GS_NVML(&session->lib, event_types, watched->device, &types);
    if (code == NVML_SUCCESS && (types & wanted) != 0) {
        code = GS_NVML(&session->lib, event_register, watched->device, types & wanted, watch->set);
        watched->registered = code == NVML_SUCCESS;
    }
    bool fatal = gs_nvml_is_gone(code) && code != NVML_ERROR_GPU_IS_LOST;
    return fatal ? code : NVML_SUCCESS;
}

static int register_all(struct gs_nvml_session *session, struct watch *watch, struct gs_err *err)
{
    int code = GS_NVML(&session->lib, event_set, &watch->set);
    if (code != NVML_SUCCESS) {
        watch->set = NULL;
        return gs_nvml_fail(&session->lib, code, err, "watching for the driver's events");
    }
    for (unsigned i = 0; i < watch->n_gpus; i++) {
        if (watch->gpus[i].device != NULL) {
            code = register_gpu(session, watch, &watch->gpus[i]);
        }
        if (code != NVML_SUCCESS) {
            return gs_nvml_fail(&session->lib, code, err, "GPU %u: watching for its events", i);
        }
    }
    return 0;
}

/* Device and UUID of each GPU; without them it is left out, as it is lost. */
static int list_gpus(struct gs_nvml_session *session, struct watch *watch, struct gs_err *err)
{
    unsigned n = 0;
    int code = session->lib.device_count(&n);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "counting GPUs");
    }
    watch->n_gpus = n < GS_GPUS_MAX ? n : GS_GPUS_MAX;
    for (unsigned i = 0; i < watch->n_gpus; i++) {
        struct watched *watched = &watch->gpus[i];
        char uuid[NVML_DEVICE_UUID_V2_BUFFER_SIZE] = "";
        if (gs_nvml_device(session, i, &watched->device, NULL) < 0 ||
            GS_NVML(&session->lib, uuid, watched->device, uuid, sizeof(uuid)) != NVML_SUCCESS) {
            watched->device = NULL;
            continue;
        }
        gs_nvml_text(watched->uuid, sizeof(watched->uuid), uuid, sizeof(uuid));
    }
    return 0;
}

static void drop_set(struct gs_nvml_session *session, struct watch *watch)
{
    /* a set of a session that has ended died with it */
    if (watch->set != NULL && session->open && watch->epoch == session->epoch) {
        GS_NVML(&session->lib, event_free, watch->set);
    }
    watch->set = NULL;
}

void gs_nvml_watch_close(void *impl, void *watch)
{
    drop_set(impl, watch);
    free(watch);
}

int gs_nvml_watch_open(void *impl, void **ret_watch, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    int r = gs_nvml_begin(session, err);
    if (r < 0) {
        return r;
    }
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a watch");
    }
    watch->epoch = session->epoch;
    if ((r = list_gpus(session, watch, err)) < 0 || (r = register_all(session, watch, err)) < 0) {
        gs_nvml_watch_close(session, watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

/* Handles are compared first; a driver may give several for one GPU. */
static uint32_t which_gpu(struct gs_nvml_session *session, const struct watch *watch,
                          struct nvml_device *device)
{
    for (unsigned i = 0; i < watch->n_gpus; i++) {
        if (watch->gpus[i].device != NULL && watch->gpus[i].device == device) {
            return i;
        }
    }
    char bytes[NVML_DEVICE_UUID_V2_BUFFER_SIZE] = "";
    char uuid[GS_GPU_UUID_MAX];
    if (GS_NVML(&session->lib, uuid, device, bytes, sizeof(bytes)) != NVML_SUCCESS) {
        return GS_NOT_KNOWN;
    }
    gs_nvml_text(uuid, sizeof(uuid), bytes, sizeof(bytes));
    for (unsigned i = 0; i < watch->n_gpus; i++) {
        if (uuid[0] != '\0' && strcmp(watch->gpus[i].uuid, uuid) == 0) {
            return i;
        }
    }
    return GS_NOT_KNOWN;
}

static enum gs_gpu_event_kind kind_of(uint64_t type)
{
    static const struct {
        uint64_t type;
        enum gs_gpu_event_kind kind;
    } kinds[] = {{NVML_EVENT_XID_CRITICAL, GS_GPU_EVENT_XID},
                 {NVML_EVENT_GPU_RECOVERY_ACTION, GS_GPU_EVENT_RECOVERY},
                 {NVML_EVENT_DOUBLE_BIT_ECC, GS_GPU_EVENT_ECC_DOUBLE},
                 {NVML_EVENT_SINGLE_BIT_ECC, GS_GPU_EVENT_ECC_SINGLE},
                 {NVML_EVENT_MIG_CONFIG_CHANGE, GS_GPU_EVENT_MIG_CHANGE}};
    for (size_t i = 0; i < GS_ARRAY_LEN(kinds); i++) {
        if ((type & kinds[i].type) != 0) {
            return kinds[i].kind;
        }
    }
    return GS_GPU_EVENT_NONE; /* not asked for */
}

static struct gs_gpu_event event_of(struct gs_nvml_session *session, const struct watch *watch,
                                    const struct nvml_event_data *data)
{
    struct gs_gpu_event ret = nothing;
    ret.kind = kind_of(data->event_type);
    if (ret.kind == GS_GPU_EVENT_NONE) {
        return ret;
    }
    ret.gpu = which_gpu(session, watch, data->device);
    if (ret.gpu != GS_NOT_KNOWN) {
        memcpy(ret.uuid, watch->gpus[ret.gpu].uuid, sizeof(ret.uuid));
    }
    ret.gi = data->gpu_instance_id < GS_GPU_INSTANCES_MAX ? data->gpu_instance_id : GS_NOT_KNOWN;
    ret.ci = ret.gi != GS_NOT_KNOWN && data->compute_instance_id < GS_COMPUTE_INSTANCES_MAX
                 ? data->compute_instance_id
                 : GS_NOT_KNOWN;
    if (ret.kind == GS_GPU_EVENT_XID || ret.kind == GS_GPU_EVENT_RECOVERY) {
        ret.data = data->event_data;
    }
    return ret;
}

/* A lost GPU in a set makes every wait fail at once: find it, and go on without it. */
static int find_lost(struct gs_nvml_session *session, struct watch *watch, struct gs_err *err)
{
    bool any = false;
    for (unsigned i = 0; i < watch->n_gpus; i++) {
        struct watched *watched = &watch->gpus[i];
        unsigned value = 0;
        if (watched->registered &&
            GS_NVML(&session->lib, temperature, watched->device, NVML_TEMPERATURE_GPU, &value) ==
                NVML_ERROR_GPU_IS_LOST) {
            watched->lost = true;
            watched->device = NULL;
            any = true;
        }
        watched->registered = false;
    }
    if (!any) {
        return gs_nvml_fail(&session->lib, NVML_ERROR_GPU_IS_LOST, err,
                            "waiting for events, though every GPU answers");
    }
    drop_set(session, watch);
    return register_all(session, watch, err);
}

static bool tell_lost(struct watch *watch, struct gs_gpu_event *ret)
{
    for (unsigned i = 0; i < watch->n_gpus; i++) {
        if (watch->gpus[i].lost) {
            watch->gpus[i].lost = false;
            *ret = nothing;
            ret->kind = GS_GPU_EVENT_LOST;
            ret->gpu = i;
            memcpy(ret->uuid, watch->gpus[i].uuid, sizeof(ret->uuid));
            return true;
        }
    }
    return false;
}

int gs_nvml_watch_next(void *impl, void *opened, unsigned limit_ms, struct gs_gpu_event *ret,
                       struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct watch *watch = opened;
    if (watch->set == NULL || !session->open || watch->epoch != session->epoch) {
        return gs_nvml_fail(&session->lib, NVML_ERROR_UNINITIALIZED, err,
                            "the driver session was ended, and the watch with it");
    }
    if (tell_lost(watch, ret)) {
        return 0;
    }
    struct nvml_event_data data = {.gpu_instance_id = NVML_NO_INSTANCE, /* before R450: not told */
                                   .compute_instance_id = NVML_NO_INSTANCE};
    int code = GS_NVML(&session->lib, event_wait, watch->set, &data, limit_ms);
    if (code == NVML_ERROR_GPU_IS_LOST) {
        int r = find_lost(session, watch, err);
        if (r == 0) {
            tell_lost(watch, ret);
        }
        return r;
    }
    if (code != NVML_SUCCESS && code != NVML_ERROR_TIMEOUT) {
        return gs_nvml_fail(&session->lib, code, err, "waiting for the driver's events");
    }
    *ret = code == NVML_SUCCESS ? event_of(session, watch, &data) : nothing;
    return 0;
}
