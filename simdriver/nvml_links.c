/* What connects the GPUs: PCI Express, NVLink, the fabric, the host's topology. */
#include <stdio.h>
#include <string.h>

#include "simdriver/nvml.h"
#include "simdriver/nvml_board.h"

/* ---- PCI Express ---- */

enum { LANES = 16 };

static int give(struct nvml_at at, uint32_t value, uint32_t *ret)
{
    if (at.code == NVML_SUCCESS && ret != NULL) {
        *ret = value;
    }
    int code = at.code;
    nvml_at_end(&at);
    return code;
}

/* A reading that is the same for every card. */
#define CONSTANT(name, value)                                                                      \
    NVML_API(name, struct nvml_device *device, uint32_t *ret)                                      \
    {                                                                                              \
        return give(nvml_at_device(__func__, device, NVML_ON_BOARD, ret != NULL), (value), ret);   \
    }

#define PCIE_GENERATION(name)                                                                      \
    NVML_API(name, struct nvml_device *device, uint32_t *ret)                                      \
    {                                                                                              \
        NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL);                                       \
        *ret = nvml_board(at.gpu)->pcie_generation;                                                \
        return NVML_SUCCESS;                                                                       \
    }

PCIE_GENERATION(nvmlDeviceGetMaxPcieLinkGeneration)
PCIE_GENERATION(nvmlDeviceGetCurrPcieLinkGeneration)
PCIE_GENERATION(nvmlDeviceGetGpuMaxPcieLinkGeneration)
CONSTANT(nvmlDeviceGetMaxPcieLinkWidth, LANES)
CONSTANT(nvmlDeviceGetCurrPcieLinkWidth, LANES)
CONSTANT(nvmlDeviceGetPcieReplayCounter, 0)

/* Megabits a second and lane. */
static uint32_t lane_speed(const struct sim_gpu *gpu)
{
    return 1000u << nvml_board(gpu)->pcie_generation;
}

NVML_API(nvmlDeviceGetPcieSpeed, struct nvml_device *device, uint32_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL);
    *ret = lane_speed(at.gpu);
    return NVML_SUCCESS;
}

/* As a number of its own: 1 is 2.5 GT/s, 5 is 32. */
NVML_API(nvmlDeviceGetPcieLinkMaxSpeed, struct nvml_device *device, uint32_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL);
    *ret = nvml_board(at.gpu)->pcie_generation;
    return NVML_SUCCESS;
}

/* KB/s over the last 20 ms: a busy GPU keeps a hundredth of its link busy. */
NVML_API(nvmlDeviceGetPcieThroughput, struct nvml_device *device, uint32_t counter, uint32_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL && counter <= 1);
    uint32_t load = nvml_board_load(at.machine, at.index, SIM_NONE, SIM_NONE);
    *ret = lane_speed(at.gpu) * LANES / 8 * 10 * load / 100;
    return NVML_SUCCESS;
}

/* ---- NVLink: every link of a card goes to a switch of its node ---- */

static struct nvml_at at_link(const char *function, struct nvml_device *device, uint32_t link,
                              bool fits)
{
    struct nvml_at at = nvml_at_device(function, device, NVML_ON_BOARD, fits);
    if (at.code == NVML_SUCCESS) {
        uint32_t links = nvml_board(at.gpu)->nvlinks;
        at.code = links == 0     ? NVML_ERROR_NOT_SUPPORTED
                  : link < links ? NVML_SUCCESS
                                 : NVML_ERROR_INVALID_ARGUMENT;
    }
    return at;
}

#define NVML_LINK(at, device, link, fits)                                                          \
    NVML_AT_(at, at_link(__func__, (device), (link), (fits)), (fits))

NVML_API(nvmlDeviceGetNvLinkState, struct nvml_device *device, uint32_t link, uint32_t *active)
{
    NVML_LINK(at, device, link, active != NULL);
    *active = !at.gpu->mode; /* links are down while the GPU is cut */
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetNvLinkVersion, struct nvml_device *device, uint32_t link, uint32_t *version)
{
    NVML_LINK(at, device, link, version != NULL);
    *version = nvml_board(at.gpu)->nvlink_version;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetNvLinkCapability, struct nvml_device *device, uint32_t link,
         uint32_t capability, uint32_t *has)
{
    enum { SLI_BRIDGE = 4, CAPABILITIES = 6 };
    NVML_LINK(at, device, link, has != NULL && capability < CAPABILITIES);
    *has = capability != SLI_BRIDGE;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetNvLinkErrorCounter, struct nvml_device *device, uint32_t link,
         uint32_t counter, uint64_t *count)
{
    NVML_LINK(at, device, link, count != NULL && counter < 5);
    *count = 0;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetNvLinkRemoteDeviceType, struct nvml_device *device, uint32_t link,
         uint32_t *type)
{
    enum { SWITCH = 2 };
    NVML_LINK(at, device, link, type != NULL);
    *type = SWITCH;
    return NVML_SUCCESS;
}

/* Six switches, on buses where no GPU is. */
static int remote_pci(struct nvml_at at, uint32_t link, struct nvml_pci_info *ret, size_t n)
{
    int code = at.code;
    if (code == NVML_SUCCESS && ret != NULL) {
        struct nvml_pci_info info = {.bus = 0xE0 + link % 6, .pci_device_id = 0x22A310DE};
        snprintf(info.bus_id_legacy, sizeof(info.bus_id_legacy), "0000:%02X:00.0", info.bus & 0xFF);
        snprintf(info.bus_id, sizeof(info.bus_id), "00000000:%02X:00.0", info.bus & 0xFF);
        memcpy(ret, &info, n);
    }
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlDeviceGetNvLinkRemotePciInfo, struct nvml_device *device, uint32_t link,
         struct nvml_pci_info *ret)
{
    return remote_pci(at_link(__func__, device, link, ret != NULL), link, ret,
                      offsetof(struct nvml_pci_info, bus_id));
}

NVML_API(nvmlDeviceGetNvLinkRemotePciInfo_v2, struct nvml_device *device, uint32_t link,
         struct nvml_pci_info *ret)
{
    return remote_pci(at_link(__func__, device, link, ret != NULL), link, ret, sizeof(*ret));
}

/* ---- Fabric ---- */

/* The cluster that the GPU's fabric belongs to: none unless it spans nodes; made from the UUID of
 * the first GPU, so that all of a machine agree. */
static void cluster_uuid(const struct nvml_at *at, uint8_t ret[16])
{
    memset(ret, 0, 16);
    if (!nvml_board(at->gpu)->multi_node) {
        return;
    }
    const char *text = at->machine->gpus[0].uuid;
    for (unsigned i = 0; text[i] != '\0'; i++) {
        ret[i % 16] = (uint8_t)(ret[i % 16] * 31 + (unsigned char)text[i]);
    }
}

/* The fabric came with Hopper. A cut GPU is not part of it. */
static int fabric(const struct nvml_at *at, struct nvml_fabric_info_v3 *ret)
{
    const struct nvml_board *board = nvml_board(at->gpu);
    if (board->architecture < NVML_DEVICE_ARCH_HOPPER) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    memset(ret, 0, sizeof(*ret));
    ret->state = NVML_GPU_FABRIC_STATE_NOT_SUPPORTED;
    if (board->fabric) {
        ret->state =
            at->gpu->mode ? NVML_GPU_FABRIC_STATE_NOT_STARTED : NVML_GPU_FABRIC_STATE_COMPLETED;
        cluster_uuid(at, ret->cluster_uuid);
        ret->clique_id = board->multi_node ? 1 : 0;
        ret->health_mask = 2u | 2u << 2 | 2u << 4 | 2u << 6; /* each: "not so" */
        ret->health_summary = 1;
    }
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetGpuFabricInfo, struct nvml_device *device, struct nvml_fabric_info *info)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, info != NULL);
    struct nvml_fabric_info_v3 found;
    int r = fabric(&at, &found);
    if (r == NVML_SUCCESS) {
        memcpy(info->cluster_uuid, found.cluster_uuid, sizeof(info->cluster_uuid));
        info->status = found.status;
        info->clique_id = found.clique_id;
        info->state = found.state;
    }
    return r;
}

/* The second version is the beginning of the third, but for what lies in its last hole. */
NVML_API(nvmlDeviceGetGpuFabricInfoV, struct nvml_device *device, uint32_t *info)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, info != NULL);
    uint32_t version = *info;
    if (version != NVML_FABRIC_INFO_V2 &&
        (version != NVML_FABRIC_INFO_V3 || at.machine->driver_major < 580)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    struct nvml_fabric_info_v3 found;
    int r = fabric(&at, &found);
    if (r == NVML_SUCCESS) {
        found.version = version;
        memcpy(info, &found, version & 0xFFFFFF);
    }
    return r;
}
_Static_assert(offsetof(struct nvml_fabric_info_v2, health_mask) ==
                   offsetof(struct nvml_fabric_info_v3, health_mask),
               "the second version begins as the third");

/* ---- Topology ---- */

enum { INTERNAL = 0, SINGLE = 10, MULTIPLE = 20, HOST_BRIDGE = 30, NODE = 40, SYSTEM = 50 };

static uint32_t distance(const struct sim_gpu *a, const struct sim_gpu *b)
{
    if (a == b) {
        return INTERNAL;
    }
    return a->numa_node == b->numa_node ? NODE : SYSTEM;
}

/* A second GPU's handle, in a call about a first. */
static int second_gpu(const struct nvml_at *at, struct nvml_device *device, unsigned *ret)
{
    struct nvml_at other = *at;
    int r = nvml_resolve_device(&other, device, NVML_ON_GPU);
    *ret = other.index;
    return r;
}

NVML_API(nvmlDeviceGetTopologyCommonAncestor, struct nvml_device *first, struct nvml_device *second,
         uint32_t *level)
{
    NVML_DEVICE(at, first, NVML_ON_GPU, level != NULL);
    unsigned other;
    int r = second_gpu(&at, second, &other);
    if (r == NVML_SUCCESS) {
        *level = distance(at.gpu, &at.machine->gpus[other]);
    }
    return r;
}

NVML_API(nvmlDeviceGetTopologyNearestGpus, struct nvml_device *device, uint32_t level,
         uint32_t *count, struct nvml_device **ret)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, count != NULL && level <= SYSTEM);
    struct nvml_device *found[SIM_GPUS_MAX];
    uint32_t n = 0;
    for (unsigned i = 0; i < at.machine->n_gpus; i++) {
        if (i != at.index && distance(at.gpu, &at.machine->gpus[i]) == level) {
            found[n++] = nvml_handle_gpu(at.machine, i);
        }
    }
    if (ret == NULL) {
        *count = n;
        return NVML_SUCCESS;
    }
    return nvml_copy_list(ret, count, found, n, sizeof(struct nvml_device *));
}

NVML_API(nvmlSystemGetTopologyGpuSet, uint32_t cpu, uint32_t *count, struct nvml_device **ret)
{
    (void)cpu; /* every processor is near every GPU, as nvmlDeviceGetCpuAffinity says */
    NVML_SYSTEM(at, count != NULL);
    struct nvml_device *found[SIM_GPUS_MAX];
    for (unsigned i = 0; i < at.machine->n_gpus; i++) {
        found[i] = nvml_handle_gpu(at.machine, i);
    }
    if (ret == NULL) {
        *count = at.machine->n_gpus;
        return NVML_SUCCESS;
    }
    return nvml_copy_list(ret, count, found, at.machine->n_gpus, sizeof(struct nvml_device *));
}

NVML_API(nvmlDeviceOnSameBoard, struct nvml_device *first, struct nvml_device *second, int *same)
{
    NVML_DEVICE(at, first, NVML_ON_GPU, same != NULL);
    unsigned other;
    int r = second_gpu(&at, second, &other);
    if (r == NVML_SUCCESS) {
        *same = other == at.index;
    }
    return r;
}

/* Through NVLink, or PCI Express on one node; never with a GPU that is cut. */
NVML_API(nvmlDeviceGetP2PStatus, struct nvml_device *first, struct nvml_device *second,
         uint32_t capability, uint32_t *status)
{
    enum { OK = 0, NOT_SUPPORTED = 5, NVLINK = 2, ATOMICS = 3, CAPABILITIES = 5 };
    NVML_DEVICE(at, first, NVML_ON_GPU, status != NULL && capability < CAPABILITIES);
    unsigned other;
    int r = second_gpu(&at, second, &other);
    if (r != NVML_SUCCESS) {
        return r;
    }
    const struct sim_gpu *gpu = &at.machine->gpus[other];
    bool linked = nvml_board(at.gpu)->nvlinks != 0 && nvml_board(gpu)->nvlinks != 0;
    bool near = distance(at.gpu, gpu) <= NODE && capability != NVLINK && capability != ATOMICS;
    *status = !at.gpu->mode && !gpu->mode && (linked || near) ? OK : NOT_SUPPORTED;
    return NVML_SUCCESS;
}
