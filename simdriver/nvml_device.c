/* Which devices there are, and who they are. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "simdriver/nvml.h"
#include "simdriver/nvml_board.h"

/* ---- Handles by what names them ---- */

static int device_count(struct nvml_at at, uint32_t *ret)
{
    if (at.code == NVML_SUCCESS && ret != NULL) {
        *ret = at.machine->n_gpus;
    }
    int code = at.code;
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetCount, uint32_t *count)
{
    return device_count(nvml_at_system(__func__, count != NULL), count);
}

NVML_API(nvmlDeviceGetCount_v2, uint32_t *count)
{
    return device_count(nvml_at_system(__func__, count != NULL), count);
}

static int give_gpu(const struct nvml_at *at, unsigned gpu, struct nvml_device **ret)
{
    assert(ret != NULL);
    if (at->machine->gpus[gpu].lost) {
        return NVML_ERROR_GPU_IS_LOST;
    }
    *ret = nvml_handle_gpu(at->machine, gpu);
    return NVML_SUCCESS;
}

/* With a call begun; ends it. */
static int device_by_index(struct nvml_at at, uint32_t index, struct nvml_device **ret)
{
    int code = at.code;
    if (code == NVML_SUCCESS) {
        code = index < at.machine->n_gpus ? give_gpu(&at, index, ret) : NVML_ERROR_INVALID_ARGUMENT;
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetHandleByIndex, uint32_t index, struct nvml_device **device)
{
    return device_by_index(nvml_at_system(__func__, device != NULL), index, device);
}

NVML_API(nvmlDeviceGetHandleByIndex_v2, uint32_t index, struct nvml_device **device)
{
    return device_by_index(nvml_at_system(__func__, device != NULL), index, device);
}

NVML_API(nvmlDeviceGetHandleBySerial, const char *serial, struct nvml_device **device)
{
    NVML_SYSTEM(at, serial != NULL && device != NULL);
    for (unsigned i = 0; i < at.machine->n_gpus; i++) {
        if (strcmp(at.machine->gpus[i].serial, serial) == 0) {
            return give_gpu(&at, i, device);
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

static int by_uuid(const struct nvml_at *at, const char *uuid, struct nvml_device **ret)
{
    for (unsigned i = 0; i < at->machine->n_gpus; i++) {
        if (strcasecmp(at->machine->gpus[i].uuid, uuid) == 0) {
            return give_gpu(at, i, ret);
        }
    }
    uint32_t gpu;
    uint32_t gi;
    uint32_t ci;
    if (sim_mig_find(at->machine, uuid, &gpu, &gi, &ci) != SIM_OK) {
        return NVML_ERROR_NOT_FOUND;
    }
    if (at->machine->gpus[gpu].lost) {
        return NVML_ERROR_GPU_IS_LOST;
    }
    *ret = nvml_handle_mig(at->machine, gpu, gi, ci);
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetHandleByUUID, const char *uuid, struct nvml_device **device)
{
    NVML_SYSTEM(at, uuid != NULL && device != NULL);
    return by_uuid(&at, uuid, device);
}

/* A UUID as text, or its 16 bytes (which MIG devices share with no GPU). */
struct uuid_by_type {
    uint32_t version;
    uint32_t type; /* 1 text, 2 bytes */
    union {
        char text[41];
        uint8_t bytes[16];
    } value;
};
_Static_assert(sizeof(struct uuid_by_type) == 52, "nvmlUUID_v1_t");

static int by_bytes(const struct nvml_at *at, const uint8_t *b, struct nvml_device **ret)
{
    char text[64];
    int r = NVML_ERROR_NOT_FOUND;
    static const char *const kinds[] = {"GPU", "MIG"};
    for (size_t i = 0; i < GS_ARRAY_LEN(kinds) && r == NVML_ERROR_NOT_FOUND; i++) {
        snprintf(text, sizeof(text),
                 "%s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 kinds[i], b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                 b[12], b[13], b[14], b[15]);
        r = by_uuid(at, text, ret);
    }
    return r;
}

NVML_API(nvmlDeviceGetHandleByUUIDV, const struct uuid_by_type *uuid, struct nvml_device **device)
{
    NVML_SYSTEM(at, uuid != NULL && device != NULL);
    if (uuid->version != NVML_VERSION(sizeof(*uuid), 1)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    if (uuid->type == 2) {
        return by_bytes(&at, uuid->value.bytes, device);
    }
    if (uuid->type != 1 || memchr(uuid->value.text, '\0', sizeof(uuid->value.text)) == NULL) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    return by_uuid(&at, uuid->value.text, device);
}

/* A hexadecimal number of 1 to `digits` digits; moves *text behind it. */
static bool read_hex(const char **text, unsigned digits, uint32_t *ret)
{
    size_t n = strspn(*text, "0123456789abcdefABCDEF");
    *ret = (uint32_t)strtoul(*text, NULL, 16);
    *text += n;
    return n > 0 && n <= digits;
}

/* "[domain:]bus:device[.0]". */
static bool read_bus_id(const char *text, uint32_t *ret_domain, uint32_t *ret_bus,
                        uint32_t *ret_device)
{
    bool has_domain = strchr(text, ':') != strrchr(text, ':');
    *ret_domain = 0;
    if (has_domain && (!read_hex(&text, 8, ret_domain) || *text++ != ':')) {
        return false;
    }
    return read_hex(&text, 2, ret_bus) && *text++ == ':' && read_hex(&text, 2, ret_device) &&
           (*text == '\0' || strcmp(text, ".0") == 0);
}

static int by_bus_id(struct nvml_at at, const char *bus_id, struct nvml_device **ret)
{
    int code = at.code;
    uint32_t domain = 0;
    uint32_t bus = 0;
    uint32_t device = 0;
    if (code == NVML_SUCCESS && bus_id != NULL && !read_bus_id(bus_id, &domain, &bus, &device)) {
        code = NVML_ERROR_INVALID_ARGUMENT;
    }
    if (code == NVML_SUCCESS) {
        code = NVML_ERROR_NOT_FOUND;
        for (unsigned i = 0; i < at.machine->n_gpus; i++) {
            const struct sim_gpu *gpu = &at.machine->gpus[i];
            if (gpu->pci_domain == domain && gpu->pci_bus == bus && gpu->pci_device == device) {
                code = give_gpu(&at, i, ret);
            }
        }
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetHandleByPciBusId, const char *bus_id, struct nvml_device **device)
{
    return by_bus_id(nvml_at_system(__func__, bus_id != NULL && device != NULL), bus_id, device);
}

NVML_API(nvmlDeviceGetHandleByPciBusId_v2, const char *bus_id, struct nvml_device **device)
{
    return by_bus_id(nvml_at_system(__func__, bus_id != NULL && device != NULL), bus_id, device);
}

/* ---- Names and numbers ---- */

/* "NVIDIA A100-SXM4-40GB MIG 1g.5gb", with the compute instance's own name. */
NVML_API(nvmlDeviceGetName, struct nvml_device *device, char *name, uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, name != NULL);
    if (at.gi == SIM_NONE) {
        return nvml_copy_text(name, length, at.gpu->name);
    }
    struct sim_ci_profile profile;
    int r = sim_ci_profile(at.machine, at.index, at.gi, at.gpu->gis[at.gi].cis[at.ci].profile, 0,
                           &profile);
    if (r != SIM_OK) {
        return r;
    }
    char text[192];
    snprintf(text, sizeof(text), "%s MIG %s", at.gpu->name, profile.name);
    return nvml_copy_text(name, length, text);
}

NVML_API(nvmlDeviceGetUUID, struct nvml_device *device, char *uuid, uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, uuid != NULL);
    if (at.gi == SIM_NONE) {
        return nvml_copy_text(uuid, length, at.gpu->uuid);
    }
    char text[SIM_MIG_UUID_MAX];
    sim_mig_uuid(at.machine, at.index, at.gi, at.ci, text);
    return nvml_copy_text(uuid, length, text);
}

/* Of a MIG device: its index among those of its GPU. */
NVML_API(nvmlDeviceGetIndex, struct nvml_device *device, uint32_t *index)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, index != NULL);
    *index = at.gi == SIM_NONE ? at.index : at.gpu->gis[at.gi].cis[at.ci].mig_index;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetMinorNumber, struct nvml_device *device, uint32_t *minor)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, minor != NULL);
    *minor = at.gpu->minor;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetSerial, struct nvml_device *device, char *serial, uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, serial != NULL);
    return nvml_copy_text(serial, length, at.gpu->serial);
}

NVML_API(nvmlDeviceGetModuleId, struct nvml_device *device, uint32_t *id)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, id != NULL);
    *id = at.index + 1;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetBoardId, struct nvml_device *device, uint32_t *id)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, id != NULL);
    *id = at.gpu->pci_domain << 16 | at.gpu->pci_bus << 8 | at.gpu->pci_device << 3;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetMultiGpuBoard, struct nvml_device *device, uint32_t *multi)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, multi != NULL);
    *multi = 0;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetBrand, struct nvml_device *device, int *brand)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, brand != NULL);
    enum { TESLA = 2 };
    /* "NVIDIA" as a brand came with driver 460. */
    *brand = at.machine->driver_major < 460 ? TESLA : nvml_board(at.gpu)->brand;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetArchitecture, struct nvml_device *device, uint32_t *architecture)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, architecture != NULL);
    *architecture = nvml_board(at.gpu)->architecture;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetCudaComputeCapability, struct nvml_device *device, int *major, int *minor)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, major != NULL && minor != NULL);
    *major = nvml_board(at.gpu)->compute_major;
    *minor = nvml_board(at.gpu)->compute_minor;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetBoardPartNumber, struct nvml_device *device, char *number, uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, number != NULL);
    char text[32];
    snprintf(text, sizeof(text), "900-2%04X-0000-000", at.gpu->pci_subsystem_id >> 16);
    return nvml_copy_text(number, length, text);
}

NVML_API(nvmlDeviceGetVbiosVersion, struct nvml_device *device, char *version, uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, version != NULL);
    return nvml_copy_text(version, length, nvml_board(at.gpu)->vbios);
}

NVML_API(nvmlDeviceGetInforomImageVersion, struct nvml_device *device, char *version,
         uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, version != NULL);
    return nvml_copy_text(version, length, "G000.0200.00.00");
}

NVML_API(nvmlDeviceGetInforomVersion, struct nvml_device *device, uint32_t object, char *version,
         uint32_t length)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, version != NULL && object < 3);
    static const char *const versions[] = {"2.1", "6.16", "1.0"}; /* OEM, ECC, power */
    return nvml_copy_text(version, length, versions[object]);
}

NVML_API(nvmlDeviceGetInforomConfigurationChecksum, struct nvml_device *device, uint32_t *checksum)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, checksum != NULL);
    *checksum = at.gpu->pci_device_id ^ at.gpu->pci_subsystem_id;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceValidateInforom, struct nvml_device *device)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, true);
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetGspFirmwareVersion, struct nvml_device *device, char *version)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, version != NULL);
    return nvml_copy_text(version, 64, at.machine->driver_version);
}

NVML_API(nvmlDeviceGetGspFirmwareMode, struct nvml_device *device, uint32_t *enabled,
         uint32_t *default_mode)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, enabled != NULL && default_mode != NULL);
    *enabled = 1;
    *default_mode = 1;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetNumGpuCores, struct nvml_device *device, uint32_t *cores)
{
    NVML_DEVICE(at, device, NVML_ON_WHOLE, cores != NULL);
    *cores = nvml_board_sms(at.machine, at.index) * nvml_board(at.gpu)->cores_per_sm;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetMemoryBusWidth, struct nvml_device *device, uint32_t *bits)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, bits != NULL);
    *bits = nvml_board(at.gpu)->memory_bus_bits;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetIrqNum, struct nvml_device *device, uint32_t *irq)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, irq != NULL);
    *irq = 128 + at.index;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetBusType, struct nvml_device *device, uint32_t *type)
{
    enum { PCIE = 2 };
    NVML_DEVICE(at, device, NVML_ON_BOARD, type != NULL);
    *type = PCIE;
    return NVML_SUCCESS;
}

/* ---- PCI ---- */

static void fill_pci(const struct sim_gpu *gpu, struct nvml_pci_info *ret)
{
    memset(ret, 0, sizeof(*ret));
    snprintf(ret->bus_id_legacy, sizeof(ret->bus_id_legacy), "%04X:%02X:%02X.0",
             gpu->pci_domain & 0xFFFF, gpu->pci_bus & 0xFF, gpu->pci_device & 0x1F);
    snprintf(ret->bus_id, sizeof(ret->bus_id), "%08X:%02X:%02X.0", gpu->pci_domain, gpu->pci_bus,
             gpu->pci_device);
    ret->domain = gpu->pci_domain;
    ret->bus = gpu->pci_bus;
    ret->device = gpu->pci_device;
    ret->pci_device_id = gpu->pci_device_id;
    ret->pci_subsystem_id = gpu->pci_subsystem_id;
}

/* Writes the first `n` bytes of the structure, which is what older clients have room for. A MIG
 * device tells its GPU's. */
static int pci_info(struct nvml_at at, struct nvml_pci_info *ret, size_t n)
{
    int code = at.code;
    if (code == NVML_SUCCESS && ret != NULL) {
        struct nvml_pci_info info;
        fill_pci(at.gpu, &info);
        memcpy(ret, &info, n);
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetPciInfo, struct nvml_device *device, struct nvml_pci_info *info)
{
    return pci_info(nvml_at_device(__func__, device, NVML_ON_ANY, info != NULL), info,
                    offsetof(struct nvml_pci_info, pci_subsystem_id));
}

NVML_API(nvmlDeviceGetPciInfo_v2, struct nvml_device *device, struct nvml_pci_info *info)
{
    return pci_info(nvml_at_device(__func__, device, NVML_ON_ANY, info != NULL), info,
                    offsetof(struct nvml_pci_info, bus_id));
}

NVML_API(nvmlDeviceGetPciInfo_v3, struct nvml_device *device, struct nvml_pci_info *info)
{
    return pci_info(nvml_at_device(__func__, device, NVML_ON_ANY, info != NULL), info,
                    sizeof(*info));
}

NVML_API(nvmlDeviceGetPciInfoExt, struct nvml_device *device, struct nvml_pci_info_ext *info)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, info != NULL);
    if (info->version != NVML_VERSION(sizeof(*info), 1)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    struct nvml_pci_info basic;
    fill_pci(at.gpu, &basic);
    info->domain = basic.domain;
    info->bus = basic.bus;
    info->device = basic.device;
    info->pci_device_id = basic.pci_device_id;
    info->pci_subsystem_id = basic.pci_subsystem_id;
    info->base_class = 3; /* display controller */
    info->sub_class = 2;  /* 3D */
    memcpy(info->bus_id, basic.bus_id, sizeof(info->bus_id));
    return NVML_SUCCESS;
}

/* ---- Where it sits ---- */

/* The host's processors are near every GPU; a GPU's memory is that of its node. */
static int cpu_affinity(struct nvml_at at, uint32_t words, unsigned long *ret)
{
    int code = at.code;
    if (code == NVML_SUCCESS && ret != NULL) {
        long cpus = sysconf(_SC_NPROCESSORS_CONF);
        memset(ret, 0, words * sizeof(*ret));
        for (long i = 0; i < cpus && (unsigned long)i / 64 < words; i++) {
            ret[i / 64] |= 1UL << (i % 64);
        }
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetCpuAffinity, struct nvml_device *device, uint32_t words, unsigned long *set)
{
    return cpu_affinity(nvml_at_device(__func__, device, NVML_ON_BOARD, set != NULL && words != 0),
                        words, set);
}

NVML_API(nvmlDeviceGetCpuAffinityWithinScope, struct nvml_device *device, uint32_t words,
         unsigned long *set, uint32_t scope)
{
    bool fits = set != NULL && words != 0 && scope <= 1;
    return cpu_affinity(nvml_at_device(__func__, device, NVML_ON_BOARD, fits), words, set);
}

NVML_API(nvmlDeviceGetMemoryAffinity, struct nvml_device *device, uint32_t words,
         unsigned long *set, uint32_t scope)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, set != NULL && words != 0 && scope <= 1);
    memset(set, 0, words * sizeof(*set));
    uint32_t node = at.gpu->numa_node < 0 ? 0 : (uint32_t)at.gpu->numa_node;
    if (node / 64 < words) {
        set[node / 64] |= 1UL << (node % 64);
    }
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetVirtualizationMode, struct nvml_device *device, uint32_t *mode)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, mode != NULL);
    *mode =
        at.gpu->vm ? NVML_GPU_VIRTUALIZATION_MODE_PASSTHROUGH : NVML_GPU_VIRTUALIZATION_MODE_NONE;
    return NVML_SUCCESS;
}

/* ---- Modes that the simulation does not change ---- */

NVML_API(nvmlDeviceGetPersistenceMode, struct nvml_device *device, uint32_t *mode)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, mode != NULL);
    *mode = 1;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceSetPersistenceMode, struct nvml_device *device, uint32_t mode)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, mode <= 1);
    NVML_PRIVILEGED();
    return mode == 1 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

NVML_API(nvmlDeviceGetDisplayMode, struct nvml_device *device, uint32_t *mode)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, mode != NULL);
    *mode = 0;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetDisplayActive, struct nvml_device *device, uint32_t *active)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, active != NULL);
    *active = 0;
    return NVML_SUCCESS;
}

/* While MIG is on the mode is one of each MIG device, not of the GPU. */
NVML_API(nvmlDeviceGetComputeMode, struct nvml_device *device, uint32_t *mode)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, mode != NULL);
    if (at.gi == SIM_NONE && at.gpu->mode) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    *mode = 0;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetAccountingMode, struct nvml_device *device, uint32_t *mode)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, mode != NULL);
    *mode = 0;
    return NVML_SUCCESS;
}
