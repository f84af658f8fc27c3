/* nvml_abi: the binary interface of libnvidia-ml.so.1, in our own words.
 *
 * Numbers, handles and structures that cross the border between a program and NVIDIA's management
 * library on 64-bit Linux (LP64; x86-64 and aarch64 agree). Used from both sides: by the GPU port,
 * which calls the library, and by the simulated driver, which is one. Nothing here is linked:
 * functions are found with dlsym, by the names that NVIDIA gave them.
 *
 * Structures and members carry NVML's names in our spelling (nvmlGpuInstanceInfo_t.profileId is
 * struct nvml_gi_info .profile_id); constants have NVML's own. Every size and each offset behind a
 * hole is asserted below: a change that would break the ABI does not compile. Versioned structures
 * hold `version` first, made by NVML_VERSION; the two of GPM hold the plain number 1 instead.
 * All functions return int (enum nvml_return) and use the platform's C calling convention.
 * Source: NVML API reference, API version 13. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What every function returns. New drivers may return numbers that are not here. */
enum nvml_return {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_ALREADY_INITIALIZED = 5,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_INSUFFICIENT_POWER = 8,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_IRQ_ISSUE = 11,
    NVML_ERROR_LIBRARY_NOT_FOUND = 12,
    NVML_ERROR_FUNCTION_NOT_FOUND = 13,
    NVML_ERROR_CORRUPTED_INFOROM = 14,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_RESET_REQUIRED = 16,
    NVML_ERROR_OPERATING_SYSTEM = 17,
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
    NVML_ERROR_IN_USE = 19,
    NVML_ERROR_MEMORY = 20,
    NVML_ERROR_NO_DATA = 21,
    NVML_ERROR_VGPU_ECC_NOT_SUPPORTED = 22,
    NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
    NVML_ERROR_FREQ_NOT_SUPPORTED = 24,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_DEPRECATED = 26,
    NVML_ERROR_NOT_READY = 27,
    NVML_ERROR_GPU_NOT_FOUND = 28,
    NVML_ERROR_INVALID_STATE = 29,
    NVML_ERROR_RESET_TYPE_NOT_SUPPORTED = 30,
    NVML_ERROR_UNKNOWN = 999
};

/* Handles. Opaque; a MIG device is an nvml_device too (nvmlDeviceIsMigDeviceHandle tells). */
struct nvml_device;
struct nvml_gi; /* nvmlGpuInstance_t */
struct nvml_ci; /* nvmlComputeInstance_t */
struct nvml_event_set;
struct nvml_gpm_sample;

/* The first word of a versioned structure. */
#define NVML_VERSION(size, v) ((uint32_t)((size) | ((uint32_t)(v) << 24)))

enum {
    NVML_INIT_FLAG_NO_GPUS = 1,
    NVML_INIT_FLAG_NO_ATTACH = 2,

    NVML_DEVICE_UUID_BUFFER_SIZE = 80,
    NVML_DEVICE_UUID_V2_BUFFER_SIZE = 96,
    NVML_DEVICE_NAME_BUFFER_SIZE = 64,
    NVML_DEVICE_NAME_V2_BUFFER_SIZE = 96,
    NVML_DEVICE_SERIAL_BUFFER_SIZE = 30,
    NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE = 32,
    NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE = 16,
    NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE = 80,
    NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE = 80,

    NVML_DEVICE_MIG_DISABLE = 0,
    NVML_DEVICE_MIG_ENABLE = 1,

    NVML_DEVICE_ARCH_AMPERE = 7,
    NVML_DEVICE_ARCH_ADA = 8,
    NVML_DEVICE_ARCH_HOPPER = 9,
    NVML_DEVICE_ARCH_BLACKWELL = 10,
    NVML_DEVICE_ARCH_RUBIN = 13
};

#define NVML_DEVICE_ARCH_UNKNOWN 0xFFFFFFFFu
#define NVML_VALUE_NOT_AVAILABLE UINT64_MAX /* (unsigned long long)-1, of used memory */
#define NVML_NO_INSTANCE 0xFFFFFFFFu        /* gpu_instance_id, compute_instance_id: none */

/* nvmlDeviceGetGpuInstanceProfileInfo*: the `profile` argument. Not the profile's id. */
enum nvml_gi_profile {
    NVML_GPU_INSTANCE_PROFILE_1_SLICE = 0,
    NVML_GPU_INSTANCE_PROFILE_2_SLICE = 1,
    NVML_GPU_INSTANCE_PROFILE_3_SLICE = 2,
    NVML_GPU_INSTANCE_PROFILE_4_SLICE = 3,
    NVML_GPU_INSTANCE_PROFILE_7_SLICE = 4,
    NVML_GPU_INSTANCE_PROFILE_8_SLICE = 5,
    NVML_GPU_INSTANCE_PROFILE_6_SLICE = 6,
    NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV1 = 7, /* +me */
    NVML_GPU_INSTANCE_PROFILE_2_SLICE_REV1 = 8, /* +me */
    NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV2 = 9, /* twice the memory */
    NVML_GPU_INSTANCE_PROFILE_1_SLICE_GFX = 10,
    NVML_GPU_INSTANCE_PROFILE_2_SLICE_GFX = 11,
    NVML_GPU_INSTANCE_PROFILE_4_SLICE_GFX = 12,
    NVML_GPU_INSTANCE_PROFILE_1_SLICE_NO_ME = 13,
    NVML_GPU_INSTANCE_PROFILE_2_SLICE_NO_ME = 14,
    NVML_GPU_INSTANCE_PROFILE_1_SLICE_ALL_ME = 15,
    NVML_GPU_INSTANCE_PROFILE_2_SLICE_ALL_ME = 16,
    NVML_GPU_INSTANCE_PROFILE_3_SLICE_GFX = 17,
    NVML_GPU_INSTANCE_PROFILE_COUNT = 18 /* grows with releases: ask until INVALID_ARGUMENT */
};

/* nvmlGpuInstanceGetComputeInstanceProfileInfo*: the `profile` argument. Mind the order. */
enum nvml_ci_profile {
    NVML_COMPUTE_INSTANCE_PROFILE_1_SLICE = 0,
    NVML_COMPUTE_INSTANCE_PROFILE_2_SLICE = 1,
    NVML_COMPUTE_INSTANCE_PROFILE_3_SLICE = 2,
    NVML_COMPUTE_INSTANCE_PROFILE_4_SLICE = 3,
    NVML_COMPUTE_INSTANCE_PROFILE_7_SLICE = 4,
    NVML_COMPUTE_INSTANCE_PROFILE_8_SLICE = 5,
    NVML_COMPUTE_INSTANCE_PROFILE_6_SLICE = 6,
    NVML_COMPUTE_INSTANCE_PROFILE_1_SLICE_REV1 = 7,
    NVML_COMPUTE_INSTANCE_PROFILE_7_SLICE_NVL = 8,
    NVML_COMPUTE_INSTANCE_PROFILE_COUNT = 9,

    NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED = 0 /* the only one */
};

/* Bits of `capabilities`. */
enum {
    NVML_GPU_INSTANCE_PROFILE_CAPS_P2P = 1,
    NVML_GPU_INSTANCE_PROFILE_CAPS_GFX = 2,
    NVML_COMPUTE_INSTANCE_PROFILE_CAPS_GFX = 1
};

/* Bits of nvmlEventData_t.eventType. */
enum {
    NVML_EVENT_SINGLE_BIT_ECC = 0x1,
    NVML_EVENT_DOUBLE_BIT_ECC = 0x2,
    NVML_EVENT_PSTATE = 0x4,
    NVML_EVENT_XID_CRITICAL = 0x8,
    NVML_EVENT_CLOCK = 0x10,
    NVML_EVENT_POWER_SOURCE = 0x80,
    NVML_EVENT_MIG_CONFIG_CHANGE = 0x100,
    NVML_EVENT_GPU_RECOVERY_ACTION = 0x8000
};

/* nvmlDeviceGetClockInfo. */
enum { NVML_CLOCK_GRAPHICS = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2, NVML_CLOCK_VIDEO = 3 };

enum { NVML_TEMPERATURE_GPU = 0 }; /* nvmlDeviceGetTemperature: the sensor */

/* Field GET_GPU_RECOVERY_ACTION: what the driver wants done. */
enum {
    NVML_GPU_RECOVERY_ACTION_NONE = 0,
    NVML_GPU_RECOVERY_ACTION_GPU_RESET = 1,
    NVML_GPU_RECOVERY_ACTION_NODE_REBOOT = 2,
    NVML_GPU_RECOVERY_ACTION_DRAIN_P2P = 3,
    NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET = 4,
    NVML_GPU_RECOVERY_ACTION_RECOVER_IMEX_DOMAIN = 5
};

enum nvml_virtualization { /* hosts have more */
                           NVML_GPU_VIRTUALIZATION_MODE_NONE = 0,
                           NVML_GPU_VIRTUALIZATION_MODE_PASSTHROUGH = 1,
                           NVML_GPU_VIRTUALIZATION_MODE_VGPU = 2
};

/* Memory slices for a GPU instance, compute slices for a compute instance. */
struct nvml_placement {
    uint32_t start;
    uint32_t size;
};

struct nvml_gi_profile_info {
    uint32_t id;
    uint32_t is_p2p_supported;
    uint32_t slice_count;
    uint32_t instance_count; /* at most, on an empty GPU */
    uint32_t multiprocessor_count;
    uint32_t copy_engine_count;
    uint32_t decoder_count;
    uint32_t encoder_count;
    uint32_t jpeg_count;
    uint32_t ofa_count;
    uint64_t memory_size_mb; /* MiB, as all of NVML's MB */
};

struct nvml_gi_profile_info_v2 {
    uint32_t version; /* NVML_GI_PROFILE_INFO_V2 */
    uint32_t id;
    uint32_t is_p2p_supported;
    uint32_t slice_count;
    uint32_t instance_count;
    uint32_t multiprocessor_count;
    uint32_t copy_engine_count;
    uint32_t decoder_count;
    uint32_t encoder_count;
    uint32_t jpeg_count;
    uint32_t ofa_count;
    uint64_t memory_size_mb;
    char name[96];
};

struct nvml_gi_profile_info_v3 { /* as v2, without is_p2p_supported */
    uint32_t version;            /* NVML_GI_PROFILE_INFO_V3 */
    uint32_t id;
    uint32_t slice_count;
    uint32_t instance_count;
    uint32_t multiprocessor_count;
    uint32_t copy_engine_count;
    uint32_t decoder_count;
    uint32_t encoder_count;
    uint32_t jpeg_count;
    uint32_t ofa_count;
    uint64_t memory_size_mb;
    char name[96];
    uint32_t capabilities;
};

struct nvml_gi_info {
    struct nvml_device *device; /* the GPU */
    uint32_t id;
    uint32_t profile_id;
    struct nvml_placement placement;
};

struct nvml_ci_profile_info {
    uint32_t id;
    uint32_t slice_count;
    uint32_t instance_count;
    uint32_t multiprocessor_count;
    uint32_t shared_copy_engine_count;
    uint32_t shared_decoder_count;
    uint32_t shared_encoder_count;
    uint32_t shared_jpeg_count;
    uint32_t shared_ofa_count;
};

struct nvml_ci_profile_info_v2 {
    uint32_t version; /* NVML_CI_PROFILE_INFO_V2 */
    struct nvml_ci_profile_info info;
    char name[96];
};

struct nvml_ci_profile_info_v3 {
    uint32_t version; /* NVML_CI_PROFILE_INFO_V3 */
    struct nvml_ci_profile_info info;
    char name[96];
    uint32_t capabilities;
};

#define NVML_GI_PROFILE_INFO_V2 NVML_VERSION(sizeof(struct nvml_gi_profile_info_v2), 2)
#define NVML_GI_PROFILE_INFO_V3 NVML_VERSION(sizeof(struct nvml_gi_profile_info_v3), 3)
#define NVML_CI_PROFILE_INFO_V2 NVML_VERSION(sizeof(struct nvml_ci_profile_info_v2), 2)
#define NVML_CI_PROFILE_INFO_V3 NVML_VERSION(sizeof(struct nvml_ci_profile_info_v3), 3)

/* nvmlComputeInstanceGetInfo (R450) fills all but the placement. */
struct nvml_ci_info {
    struct nvml_device *device; /* v2: the MIG device, the source of its UUID; before: the GPU */
    struct nvml_gi *gpu_instance;
    uint32_t id;
    uint32_t profile_id;
    struct nvml_placement placement;
};

struct nvml_attributes { /* nvmlDeviceGetAttributes_v2; MIG devices only */
    uint32_t multiprocessor_count;
    uint32_t shared_copy_engine_count;
    uint32_t shared_decoder_count;
    uint32_t shared_encoder_count;
    uint32_t shared_jpeg_count;
    uint32_t shared_ofa_count;
    uint32_t gpu_instance_slice_count;
    uint32_t compute_instance_slice_count;
    uint64_t memory_size_mb;
};

/* nvmlDeviceGetPciInfo_v3. The older functions fill a part: _v2 up to pci_subsystem_id, the first
 * up to pci_device_id. */
struct nvml_pci_info {
    char bus_id_legacy[16]; /* "0000:07:00.0" */
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t pci_device_id;    /* device << 16 | vendor */
    uint32_t pci_subsystem_id; /* likewise */
    char bus_id[32];           /* "00000000:07:00.0" */
};

struct nvml_pci_info_ext {
    uint32_t version; /* NVML_VERSION(sizeof, 1) */
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t pci_device_id;
    uint32_t pci_subsystem_id;
    uint32_t base_class;
    uint32_t sub_class;
    char bus_id[32];
};

struct nvml_memory { /* bytes */
    uint64_t total;
    uint64_t free;
    uint64_t used;
};

struct nvml_memory_v2 { /* bytes */
    uint32_t version;   /* NVML_MEMORY_V2 */
    uint64_t total;
    uint64_t reserved;
    uint64_t free;
    uint64_t used;
};

#define NVML_MEMORY_V2 NVML_VERSION(sizeof(struct nvml_memory_v2), 2)

struct nvml_bar1_memory { /* bytes; total, free, used */
    uint64_t total;
    uint64_t free;
    uint64_t used;
};

struct nvml_utilization { /* percent */
    uint32_t gpu;
    uint32_t memory;
};

struct nvml_process_info { /* functions with _v2 and _v3 */
    uint32_t pid;
    uint64_t used_gpu_memory; /* bytes, or NVML_VALUE_NOT_AVAILABLE */
    uint32_t gpu_instance_id; /* or NVML_NO_INSTANCE */
    uint32_t compute_instance_id;
};

struct nvml_process_info_v1 { /* functions without a suffix */
    uint32_t pid;
    uint64_t used_gpu_memory;
};

struct nvml_process_detail {
    uint32_t pid;
    uint64_t used_gpu_memory;
    uint32_t gpu_instance_id;
    uint32_t compute_instance_id;
    uint64_t used_cc_protected_memory;
};

struct nvml_process_detail_list {
    uint32_t version; /* NVML_VERSION(sizeof, 1) */
    uint32_t mode;    /* 0 compute, 1 graphics, 2 MPS */
    uint32_t n;       /* in: room; out: processes */
    struct nvml_process_detail *processes;
};

struct nvml_event_data { /* nvmlEventSetWait_v2; before: without the instances */
    struct nvml_device *device;
    uint64_t event_type;
    uint64_t event_data; /* the XID */
    uint32_t gpu_instance_id;
    uint32_t compute_instance_id;
};

union nvml_value {
    double d;
    int32_t si;
    uint32_t ui;
    uint64_t ul;
    uint64_t ull;
    int64_t sll;
    uint16_t us;
};

enum nvml_value_type {
    NVML_VALUE_TYPE_DOUBLE = 0,
    NVML_VALUE_TYPE_UNSIGNED_INT = 1,
    NVML_VALUE_TYPE_UNSIGNED_LONG = 2,
    NVML_VALUE_TYPE_UNSIGNED_LONG_LONG = 3,
    NVML_VALUE_TYPE_SIGNED_LONG_LONG = 4,
    NVML_VALUE_TYPE_SIGNED_INT = 5,
    NVML_VALUE_TYPE_UNSIGNED_SHORT = 6
};

struct nvml_field_value {
    uint32_t field_id;
    uint32_t scope_id;
    int64_t timestamp;    /* microseconds since 1970 */
    int64_t latency_usec; /* of the reading */
    int32_t value_type;   /* enum nvml_value_type */
    int32_t nvml_return;  /* the others are valid when 0 */
    union nvml_value value;
};

/* Field ids that are of use to a slicer and its monitor. */
enum nvml_field {
    NVML_FI_DEV_ECC_CURRENT = 1,
    NVML_FI_DEV_ECC_PENDING = 2,
    NVML_FI_DEV_MEMORY_TEMP = 82,
    NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION = 83,
    NVML_FI_DEV_NVLINK_LINK_COUNT = 91,
    NVML_FI_DEV_PCIE_REPLAY_COUNTER = 94,
    NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX = 138, /* KiB; the scope is a link, or UINT32_MAX: all */
    NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX = 139,
    NVML_FI_DEV_REMAPPED_COR = 142,
    NVML_FI_DEV_REMAPPED_UNC = 143,
    NVML_FI_DEV_REMAPPED_PENDING = 144,
    NVML_FI_DEV_REMAPPED_FAILURE = 145,
    NVML_FI_DEV_IS_RESETLESS_MIG_SUPPORTED = 184,
    NVML_FI_DEV_POWER_AVERAGE = 185,
    NVML_FI_DEV_POWER_INSTANT = 186,
    NVML_FI_DEV_POWER_MIN_LIMIT = 187,
    NVML_FI_DEV_POWER_MAX_LIMIT = 188,
    NVML_FI_DEV_POWER_DEFAULT_LIMIT = 189,
    NVML_FI_DEV_POWER_CURRENT_LIMIT = 190,
    NVML_FI_DEV_IS_MIG_MODE_INDEPENDENT_MIG_QUERY_CAPABLE = 199,
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION = 230
};

struct nvml_gpm_metric {
    uint32_t metric_id;
    int32_t nvml_return;
    double value;
    char *short_name; /* owned by the library */
    char *long_name;
    char *unit;
};

enum {
    NVML_GPM_VERSION = 1,         /* `version` of both GPM structures: no size in it */
    NVML_GPM_METRICS_ROOM = 333,  /* metrics[] of NVIDIA's own declaration, API version 13 */
    NVML_GPM_SAMPLE_GAP_MS = 100, /* between two samples, at least */

    NVML_GPM_METRIC_GRAPHICS_UTIL = 1, /* percent, as all up to 13 */
    NVML_GPM_METRIC_SM_UTIL = 2,
    NVML_GPM_METRIC_SM_OCCUPANCY = 3,
    NVML_GPM_METRIC_INTEGER_UTIL = 4,
    NVML_GPM_METRIC_ANY_TENSOR_UTIL = 5,
    NVML_GPM_METRIC_DRAM_BW_UTIL = 10,
    NVML_GPM_METRIC_FP64_UTIL = 11,
    NVML_GPM_METRIC_FP32_UTIL = 12,
    NVML_GPM_METRIC_FP16_UTIL = 13,
    NVML_GPM_METRIC_PCIE_TX_PER_SEC = 20, /* MiB/s */
    NVML_GPM_METRIC_PCIE_RX_PER_SEC = 21,
    NVML_GPM_METRIC_NVDEC_0_UTIL = 30,
    NVML_GPM_METRIC_NVJPG_0_UTIL = 40,
    NVML_GPM_METRIC_NVOFA_0_UTIL = 50
};

struct nvml_gpm_metrics_get {
    uint32_t version; /* NVML_GPM_VERSION */
    uint32_t n_metrics;
    struct nvml_gpm_sample *sample1;
    struct nvml_gpm_sample *sample2;
    struct nvml_gpm_metric metrics[NVML_GPM_METRICS_ROOM]; /* n_metrics are read and written */
};

struct nvml_gpm_support {
    uint32_t version; /* NVML_GPM_VERSION */
    uint32_t is_supported_device;
};

enum {
    NVML_GPU_FABRIC_STATE_NOT_SUPPORTED = 0,
    NVML_GPU_FABRIC_STATE_NOT_STARTED = 1,
    NVML_GPU_FABRIC_STATE_IN_PROGRESS = 2,
    NVML_GPU_FABRIC_STATE_COMPLETED = 3
};

struct nvml_fabric_info {
    uint8_t cluster_uuid[16];
    int32_t status; /* of the registration, enum nvml_return */
    uint32_t clique_id;
    uint8_t state;
};

struct nvml_fabric_info_v2 {
    uint32_t version; /* NVML_FABRIC_INFO_V2 */
    uint8_t cluster_uuid[16];
    int32_t status;
    uint32_t clique_id;
    uint8_t state;
    uint32_t health_mask;
};

struct nvml_fabric_info_v3 {
    uint32_t version; /* NVML_FABRIC_INFO_V3 */
    uint8_t cluster_uuid[16];
    int32_t status;
    uint32_t clique_id;
    uint8_t state;
    uint32_t health_mask;
    uint8_t health_summary;
};

#define NVML_FABRIC_INFO_V2 NVML_VERSION(sizeof(struct nvml_fabric_info_v2), 2)
#define NVML_FABRIC_INFO_V3 NVML_VERSION(sizeof(struct nvml_fabric_info_v3), 3)

#define NVML_SIZE_IS(type, n) _Static_assert(sizeof(struct type) == (n), #type)
#define NVML_MEMBER_AT(type, member, n)                                                            \
    _Static_assert(offsetof(struct type, member) == (n), #type "." #member)

_Static_assert(sizeof(void *) == 8 && sizeof(unsigned long) == 8, "LP64");
NVML_SIZE_IS(nvml_placement, 8);
NVML_SIZE_IS(nvml_gi_profile_info, 48);
NVML_MEMBER_AT(nvml_gi_profile_info, memory_size_mb, 40);
NVML_SIZE_IS(nvml_gi_profile_info_v2, 152);
NVML_MEMBER_AT(nvml_gi_profile_info_v2, ofa_count, 40);
NVML_MEMBER_AT(nvml_gi_profile_info_v2, memory_size_mb, 48);
NVML_MEMBER_AT(nvml_gi_profile_info_v2, name, 56);
NVML_SIZE_IS(nvml_gi_profile_info_v3, 152);
NVML_MEMBER_AT(nvml_gi_profile_info_v3, memory_size_mb, 40);
NVML_MEMBER_AT(nvml_gi_profile_info_v3, name, 48);
NVML_MEMBER_AT(nvml_gi_profile_info_v3, capabilities, 144);
_Static_assert(NVML_GI_PROFILE_INFO_V2 == 0x02000098, "version word");
_Static_assert(NVML_GI_PROFILE_INFO_V3 == 0x03000098, "version word");
NVML_SIZE_IS(nvml_gi_info, 24);
NVML_MEMBER_AT(nvml_gi_info, id, 8);
NVML_MEMBER_AT(nvml_gi_info, placement, 16);
NVML_SIZE_IS(nvml_ci_profile_info, 36);
NVML_SIZE_IS(nvml_ci_profile_info_v2, 136);
NVML_MEMBER_AT(nvml_ci_profile_info_v2, name, 40);
NVML_SIZE_IS(nvml_ci_profile_info_v3, 140);
NVML_MEMBER_AT(nvml_ci_profile_info_v3, capabilities, 136);
_Static_assert(NVML_CI_PROFILE_INFO_V2 == 0x02000088, "version word");
_Static_assert(NVML_CI_PROFILE_INFO_V3 == 0x0300008c, "version word");
NVML_SIZE_IS(nvml_ci_info, 32);
NVML_MEMBER_AT(nvml_ci_info, gpu_instance, 8);
NVML_MEMBER_AT(nvml_ci_info, placement, 24);
NVML_SIZE_IS(nvml_attributes, 40);
NVML_MEMBER_AT(nvml_attributes, memory_size_mb, 32);
NVML_SIZE_IS(nvml_pci_info, 68);
NVML_MEMBER_AT(nvml_pci_info, bus_id, 36);
NVML_SIZE_IS(nvml_pci_info_ext, 64);
NVML_SIZE_IS(nvml_memory, 24);
NVML_SIZE_IS(nvml_memory_v2, 40);
NVML_MEMBER_AT(nvml_memory_v2, total, 8);
_Static_assert(NVML_MEMORY_V2 == 0x02000028, "version word");
NVML_SIZE_IS(nvml_utilization, 8);
NVML_SIZE_IS(nvml_process_info, 24);
NVML_MEMBER_AT(nvml_process_info, used_gpu_memory, 8);
NVML_MEMBER_AT(nvml_process_info, gpu_instance_id, 16);
NVML_SIZE_IS(nvml_process_info_v1, 16);
NVML_SIZE_IS(nvml_process_detail, 32);
NVML_SIZE_IS(nvml_process_detail_list, 24);
NVML_SIZE_IS(nvml_event_data, 32);
NVML_MEMBER_AT(nvml_event_data, event_data, 16);
NVML_MEMBER_AT(nvml_event_data, gpu_instance_id, 24);
NVML_SIZE_IS(nvml_field_value, 40);
NVML_MEMBER_AT(nvml_field_value, timestamp, 8);
NVML_MEMBER_AT(nvml_field_value, value_type, 24);
NVML_MEMBER_AT(nvml_field_value, value, 32);
NVML_SIZE_IS(nvml_gpm_metric, 40);
NVML_MEMBER_AT(nvml_gpm_metric, value, 8);
NVML_MEMBER_AT(nvml_gpm_metrics_get, metrics, 24);
NVML_SIZE_IS(nvml_gpm_metrics_get, 13344);
NVML_SIZE_IS(nvml_gpm_support, 8);
NVML_SIZE_IS(nvml_fabric_info, 28);
NVML_SIZE_IS(nvml_fabric_info_v2, 36);
NVML_SIZE_IS(nvml_fabric_info_v3, 40);
NVML_MEMBER_AT(nvml_fabric_info_v3, health_summary, 36);
