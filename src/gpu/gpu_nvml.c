#include "gpu/gpu_nvml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"

int gs_nvml_begin(struct gs_nvml_session *session, struct gs_err *err)
{
    if (session->open) {
        return 0;
    }
    int code = session->lib.init();
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "starting the NVIDIA driver's library");
    }
    session->open = true;
    gs_nvml_forget(session);
    return 0;
}

void gs_nvml_end(struct gs_nvml_session *session)
{
    if (session->open) {
        gs_nvml_activity_done(session);
        session->lib.shutdown();
        session->open = false;
    }
    gs_nvml_forget(session);
}

void gs_nvml_forget(struct gs_nvml_session *session)
{
    session->epoch++;
    gs_nvml_activity_done(session);
    for (unsigned i = 0; i < GS_GPUS_MAX; i++) {
        if (session->gpus[i].device != NULL) { /* pages of GPUs that are not there stay untouched */
            memset(&session->gpus[i], 0, sizeof(session->gpus[i]));
        }
    }
}

void gs_nvml_text(char *ret, size_t size, char *from, size_t from_size)
{
    from[from_size - 1] = '\0';
    size_t n = strlen(from);
    n = n < size ? n : size - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)from[i];
        ret[i] = c < 0x20 || c == 0x7f ? '?' : from[i];
    }
    ret[n] = '\0';
}

static int count_gpus(struct gs_nvml_session *session, unsigned *ret, struct gs_err *err)
{
    unsigned n = 0;
    int r = gs_nvml_begin(session, err);
    if (r < 0) {
        return r;
    }
    int code = session->lib.device_count(&n);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "counting GPUs");
    }
    if (n > GS_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "the driver tells of %u GPUs; %d are the most we take", n,
                       GS_GPUS_MAX);
    }
    *ret = n;
    return 0;
}

int gs_nvml_device(struct gs_nvml_session *session, unsigned gpu, struct nvml_device **ret,
                   struct gs_err *err)
{
    int r = gs_nvml_begin(session, err);
    if (r < 0) {
        return r;
    }
    if (gpu < GS_GPUS_MAX && session->gpus[gpu].device != NULL) {
        *ret = session->gpus[gpu].device;
        return 0;
    }
    unsigned n = 0;
    if ((r = count_gpus(session, &n, err)) < 0) {
        return r;
    }
    if (gpu >= n) {
        return gs_fail(err, GS_NOT_FOUND, "there is no GPU %u; the driver lists %u", gpu, n);
    }
    struct nvml_device *device = NULL;
    int code = session->lib.device_by_index(gpu, &device);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u", gpu);
    }
    session->gpus[gpu].device = device;
    *ret = device;
    return 0;
}

int gs_nvml_may_change(const struct gs_nvml_session *session, struct gs_err *err)
{
    if (session->lib.gi_create != NULL) {
        return 0;
    }
    return gs_fail(err, GS_UNSUPPORTED,
                   "driver %s cannot create GPU instances at a given place "
                   "(nvmlDeviceCreateGpuInstanceWithPlacement, from R460 on), so nothing is "
                   "changed; install a newer driver",
                   session->driver_version[0] != '\0' ? session->driver_version
                                                      : "of this machine");
}

static int driver(void *impl, struct gs_gpu_driver *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    int r = gs_nvml_begin(session, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_driver driver = {.cuda_version = GS_NOT_KNOWN,
                                   .can_place = session->lib.gi_create != NULL,
                                   .can_place_compute = session->lib.ci_create_at != NULL};
    memcpy(driver.driver_version, session->driver_version, sizeof(driver.driver_version));
    char text[NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE] = "";
    if (GS_NVML(&session->lib, nvml_version, text, sizeof(text)) == NVML_SUCCESS) {
        gs_nvml_text(driver.nvml_version, sizeof(driver.nvml_version), text, sizeof(text));
    }
    int cuda = 0;
    if (GS_NVML(&session->lib, cuda_version, &cuda) == NVML_SUCCESS && cuda > 0) {
        driver.cuda_version = (uint32_t)cuda;
    }
    *ret = driver;
    return 0;
}

static int count(void *impl, unsigned *ret, struct gs_err *err)
{
    return count_gpus(impl, ret, err);
}

static enum gs_mig_mode mode_of(unsigned value)
{
    return value == NVML_DEVICE_MIG_ENABLE ? GS_MIG_ON : GS_MIG_OFF;
}

int gs_nvml_mode(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                 enum gs_mig_mode *ret_mode, enum gs_mig_mode *ret_pending, struct gs_err *err)
{
    unsigned current = 0;
    unsigned pending = 0;
    int code = GS_NVML(&session->lib, mig_mode, device, &current, &pending);
    if (code == NVML_ERROR_NOT_SUPPORTED || code == NVML_ERROR_FUNCTION_NOT_FOUND) {
        *ret_mode = GS_MIG_NOT_CAPABLE;
        *ret_pending = GS_MIG_NOT_CAPABLE;
        return 0;
    }
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: reading the MIG mode", gpu);
    }
    if (current > NVML_DEVICE_MIG_ENABLE || pending > NVML_DEVICE_MIG_ENABLE) {
        gs_fail(err, GS_IO, "GPU %u: the driver tells MIG mode %u, pending %u; 0 and 1 are known",
                gpu, current, pending);
        return GS_IO;
    }
    *ret_mode = mode_of(current);
    *ret_pending = mode_of(pending);
    return 0;
}

uint64_t gs_nvml_memory(struct gs_nvml_session *session, struct nvml_device *device)
{
    struct nvml_memory memory = {0};
    bool told = GS_NVML(&session->lib, memory, device, &memory) == NVML_SUCCESS;
    return told && memory.total > 0 ? memory.total : UINT64_MAX;
}

static void read_pci(struct gs_nvml_session *session, struct nvml_device *device,
                     struct gs_gpu *ret)
{
    /* older drivers fill the beginning only */
    struct nvml_pci_info pci = {.pci_device_id = GS_NOT_KNOWN, .pci_subsystem_id = GS_NOT_KNOWN};
    if (GS_NVML(&session->lib, pci, device, &pci) != NVML_SUCCESS) {
        return;
    }
    ret->pci_device_id = pci.pci_device_id;
    ret->pci_subsystem_id = pci.pci_subsystem_id;
    gs_nvml_text(ret->pci_bus_id, sizeof(ret->pci_bus_id), pci.bus_id, sizeof(pci.bus_id));
    if (ret->pci_bus_id[0] == '\0') {
        snprintf(ret->pci_bus_id, sizeof(ret->pci_bus_id), "%08X:%02X:%02X.0", pci.domain,
                 pci.bus & 0xff, pci.device & 0xff);
    }
}

static void read_texts(struct gs_nvml_session *session, struct nvml_device *device,
                       struct gs_gpu *ret)
{
    char text[NVML_DEVICE_NAME_V2_BUFFER_SIZE] = "";
    if (GS_NVML(&session->lib, name, device, text, sizeof(text)) == NVML_SUCCESS) {
        gs_nvml_text(ret->name, sizeof(ret->name), text, sizeof(text));
    }
    memset(text, 0, sizeof(text));
    if (GS_NVML(&session->lib, serial, device, text, NVML_DEVICE_SERIAL_BUFFER_SIZE) ==
        NVML_SUCCESS) {
        gs_nvml_text(ret->serial, sizeof(ret->serial), text, sizeof(text));
    }
}

/* Field 184 says it; before, it is a matter of the generation. Where neither is told: needed. */
static bool needs_reset(struct gs_nvml_session *session, struct nvml_device *device,
                        uint32_t architecture)
{
    struct nvml_field_value value = {.field_id = NVML_FI_DEV_IS_RESETLESS_MIG_SUPPORTED,
                                     .nvml_return = NVML_ERROR_UNKNOWN};
    if (GS_NVML(&session->lib, field_values, device, 1, &value) == NVML_SUCCESS &&
        value.nvml_return == NVML_SUCCESS && value.value_type == NVML_VALUE_TYPE_UNSIGNED_INT) {
        return value.value.ui == 0;
    }
    return architecture == GS_NOT_KNOWN || architecture < NVML_DEVICE_ARCH_HOPPER;
}

static void read_numbers(struct gs_nvml_session *session, struct nvml_device *device,
                         struct gs_gpu *ret)
{
    unsigned number = 0;
    if (GS_NVML(&session->lib, minor, device, &number) == NVML_SUCCESS) {
        ret->minor = number;
    }
    if (GS_NVML(&session->lib, architecture, device, &number) == NVML_SUCCESS) {
        ret->architecture = number; /* NVML's own "unknown" is GS_NOT_KNOWN */
    }
    if (GS_NVML(&session->lib, virtualization, device, &number) == NVML_SUCCESS) {
        ret->virtualization = number;
    }
    int major = 0;
    int minor = 0;
    if (GS_NVML(&session->lib, compute_capability, device, &major, &minor) == NVML_SUCCESS &&
        major > 0 && minor >= 0) {
        ret->compute_major = (uint32_t)major;
        ret->compute_minor = (uint32_t)minor;
    }
    ret->memory_bytes = gs_nvml_memory(session, device);
}

static int get(void *impl, unsigned gpu, struct gs_gpu *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    struct gs_gpu got = {.index = gpu,
                         .pci_device_id = GS_NOT_KNOWN,
                         .pci_subsystem_id = GS_NOT_KNOWN,
                         .minor = GS_NOT_KNOWN,
                         .architecture = GS_NOT_KNOWN,
                         .compute_major = GS_NOT_KNOWN,
                         .compute_minor = GS_NOT_KNOWN,
                         .virtualization = GS_NOT_KNOWN};
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0) {
        return r;
    }
    /* the UUID is what a GPU is known by: without it there is nothing to say */
    char uuid[NVML_DEVICE_UUID_V2_BUFFER_SIZE] = "";
    int code = GS_NVML(&session->lib, uuid, device, uuid, sizeof(uuid));
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: reading the UUID", gpu);
    }
    gs_nvml_text(got.uuid, sizeof(got.uuid), uuid, sizeof(uuid));
    if ((r = gs_nvml_mode(session, gpu, device, &got.mode, &got.pending, err)) < 0) {
        return r;
    }
    read_texts(session, device, &got);
    read_pci(session, device, &got);
    read_numbers(session, device, &got);
    if (got.mode != GS_MIG_NOT_CAPABLE) {
        got.mode_change_needs_reset = needs_reset(session, device, got.architecture);
    }
    unsigned most = 0;
    if (got.mode == GS_MIG_ON && GS_NVML(&session->lib, mig_max, device, &most) == NVML_SUCCESS) {
        got.max_mig_devices = most;
    }
    gs_nvml_note_make(session, &got);
    *ret = got;
    return 0;
}

static int profiles(void *impl, unsigned gpu, struct gs_gpu_profile *ret, unsigned *ret_n,
                    struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    int r = gs_nvml_profiles(session, gpu, err);
    if (r < 0) {
        return r;
    }
    const struct gs_nvml_gpu *known = &session->gpus[gpu];
    memcpy(ret, known->profiles, known->n_profiles * sizeof(*ret));
    *ret_n = known->n_profiles;
    return 0;
}

static int set_mode(void *impl, unsigned gpu, enum gs_mig_mode mode, enum gs_mig_activation *ret,
                    struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    int r = gs_nvml_may_change(session, err);
    if (r < 0 || (r = gs_nvml_device(session, gpu, &device, err)) < 0) {
        return r;
    }
    unsigned wanted = mode == GS_MIG_ON ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
    int status = NVML_SUCCESS;
    int code = GS_NVML(&session->lib, set_mig_mode, device, wanted, &status);
    /* the call may unbind and reset the GPU: every handle may be stale, whatever it says */
    gs_nvml_forget(session);
    if (code != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, code, err, "GPU %u: turning MIG %s", gpu,
                            mode == GS_MIG_ON ? "on" : "off");
    }
    *ret = status == NVML_SUCCESS ? GS_MIG_ACTIVE : GS_MIG_PENDING_RESET;
    return 0;
}

static void close_session(void *impl)
{
    struct gs_nvml_session *session = impl;
    gs_nvml_end(session);
    gs_nvml_lib_close(&session->lib);
    free(session);
}

static const struct gs_gpu_ops nvml_ops = {
    .name = "nvml",
    .close = close_session,
    .driver = driver,
    .count = count,
    .get = get,
    .profiles = profiles,
    .instances = gs_nvml_instances,
    .compute_profiles = gs_nvml_compute_profiles,
    .compute_places = gs_nvml_compute_places,
    .processes = gs_nvml_processes,
    .mig_device = gs_nvml_mig_device,
    .fabric = gs_nvml_fabric,
    .read = gs_nvml_read,
    .read_slice = gs_nvml_read_slice,
    .watch_open = gs_nvml_watch_open,
    .watch_next = gs_nvml_watch_next,
    .watch_close = gs_nvml_watch_close,
    .create = gs_nvml_create,
    .destroy = gs_nvml_destroy,
    .create_compute = gs_nvml_create_compute,
    .destroy_compute = gs_nvml_destroy_compute,
    .set_mode = set_mode,
    .reset = gs_nvml_reset,
};

static int copy_path(char *ret, size_t size, const char *path, const char *what, struct gs_err *err)
{
    size_t n = path == NULL ? 0 : strlen(path);
    if (n >= size) {
        return gs_fail(err, GS_LIMIT, "the path of %s has %zu bytes; %zu are the most", what, n,
                       size - 1);
    }
    memcpy(ret, path == NULL ? "" : path, n + 1);
    return 0;
}

/* Where drivers put their library, below a root that is not this machine's. */
static const char *const library_places[] = {
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib64/libnvidia-ml.so.1",
    "/usr/lib/libnvidia-ml.so.1",
    "/lib64/libnvidia-ml.so.1",
};

static bool has_root(const struct gs_nvml_session *session)
{
    return session->root[0] != '\0' && strcmp(session->root, "/") != 0;
}

static int open_library(struct gs_nvml_session *session, const char *named, struct gs_err *err)
{
    if (named != NULL) {
        return gs_nvml_lib_open(named, &session->lib, err);
    }
    char path[sizeof(session->root) + 64];
    for (size_t i = 0; has_root(session) && i < GS_ARRAY_LEN(library_places); i++) {
        snprintf(path, sizeof(path), "%s%s", session->root, library_places[i]);
        if (access(path, R_OK) == 0) {
            return gs_nvml_lib_open(path, &session->lib, err);
        }
    }
    if (has_root(session)) {
        return gs_fail(err, GS_NOT_FOUND, "there is no libnvidia-ml.so.1 below the driver root %s",
                       session->root);
    }
    return gs_nvml_lib_open("libnvidia-ml.so.1", &session->lib, err);
}

static void read_driver_version(struct gs_nvml_session *session)
{
    char text[NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE] = "";
    if (GS_NVML(&session->lib, driver_version, text, sizeof(text)) == NVML_SUCCESS) {
        gs_nvml_text(session->driver_version, sizeof(session->driver_version), text, sizeof(text));
    }
}

static void close_sessionp(struct gs_nvml_session **session)
{
    if (*session != NULL) {
        close_session(*session);
    }
}

int gs_gpu_nvml_open(const struct gs_gpu_nvml_options *options, struct gs_gpus *ret,
                     struct gs_err *err)
{
    static const struct gs_gpu_nvml_options none = {0};
    const struct gs_gpu_nvml_options *o = options != NULL ? options : &none;
    GS_CLEANUP(close_sessionp)
    struct gs_nvml_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a driver session");
    }
    session->reset_limit_s = o->reset_limit_s != 0 ? o->reset_limit_s : 300;
    int r = copy_path(session->root, sizeof(session->root), o->root, "the driver root", err);
    if (r < 0 ||
        (r = copy_path(session->smi, sizeof(session->smi), o->smi, "nvidia-smi", err)) < 0 ||
        (r = open_library(session, o->library, err)) < 0 || (r = gs_nvml_begin(session, err)) < 0) {
        return r;
    }
    read_driver_version(session);
    *ret = (struct gs_gpus){.ops = &nvml_ops, .impl = GS_TAKE(session)};
    return 0;
}
