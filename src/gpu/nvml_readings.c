/* What GPUs and slices are like right now. */
#include <string.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"

/* One GPU being read: the first code that says that it is gone ends all that follows. */
struct reader {
    struct gs_nvml_session *session;
    struct nvml_device *device;
    int gone; /* NVML's code; NVML_SUCCESS: it is there */
};

static bool told(struct reader *reader, int code)
{
    if (reader->gone == NVML_SUCCESS && gs_nvml_is_gone(code)) {
        reader->gone = code;
    }
    return code == NVML_SUCCESS;
}

/* Whether the function gave what it has; nothing is asked of a GPU that is gone. */
#define TOLD(reader, function, ...)                                                                \
    ((reader)->gone == NVML_SUCCESS &&                                                             \
     told((reader), GS_NVML(&(reader)->session->lib, function, (reader)->device, __VA_ARGS__)))

static uint32_t percent(bool is_told, unsigned value)
{
    return is_told && value <= 100 ? value : GS_NOT_KNOWN;
}

static void read_clocks(struct reader *reader, struct gs_gpu_readings *ret)
{
    unsigned value = 0;
    if (TOLD(reader, clock, NVML_CLOCK_SM, &value)) {
        ret->sm_clock_mhz = value;
    }
    if (TOLD(reader, clock, NVML_CLOCK_MEM, &value)) {
        ret->memory_clock_mhz = value;
    }
    if (TOLD(reader, temperature, NVML_TEMPERATURE_GPU, &value)) {
        ret->temperature_c = value;
    }
    if (TOLD(reader, power, &value)) {
        ret->power_mw = value;
    }
    if (TOLD(reader, pcie_replays, &value)) {
        ret->pcie_replays = value;
    }
    uint64_t millijoules = 0;
    if (TOLD(reader, energy, &millijoules)) {
        ret->energy_mj = millijoules;
    }
}

static void read_utilization(struct reader *reader, struct gs_gpu_readings *ret)
{
    struct nvml_utilization load = {0};
    unsigned value = 0;
    unsigned period = 0;
    bool is_told = TOLD(reader, utilization, &load);
    ret->gpu_percent = percent(is_told, load.gpu);
    ret->memory_percent = percent(is_told, load.memory);
    is_told = TOLD(reader, encoder, &value, &period);
    ret->encoder_percent = percent(is_told, value);
    is_told = TOLD(reader, decoder, &value, &period);
    ret->decoder_percent = percent(is_told, value);
}

static void read_rows(struct reader *reader, struct gs_gpu_readings *ret)
{
    unsigned corrected = 0;
    unsigned uncorrected = 0;
    unsigned pending = 0;
    unsigned failed = 0;
    if (TOLD(reader, remapped, &corrected, &uncorrected, &pending, &failed)) {
        ret->remapped_correctable = corrected;
        ret->remapped_uncorrectable = uncorrected;
        ret->remap_pending = pending != 0;
        ret->remap_failure = failed != 0;
    }
}

/* UINT64_MAX: not told, or no whole number. */
static uint64_t field(const struct nvml_field_value *value)
{
    if (value->nvml_return != NVML_SUCCESS) {
        return UINT64_MAX;
    }
    switch (value->value_type) {
    case NVML_VALUE_TYPE_UNSIGNED_INT:
        return value->value.ui;
    case NVML_VALUE_TYPE_UNSIGNED_LONG:
    case NVML_VALUE_TYPE_UNSIGNED_LONG_LONG:
        return value->value.ull;
    case NVML_VALUE_TYPE_SIGNED_INT:
        return value->value.si >= 0 ? (uint64_t)value->value.si : UINT64_MAX;
    case NVML_VALUE_TYPE_SIGNED_LONG_LONG:
        return value->value.sll >= 0 ? (uint64_t)value->value.sll : UINT64_MAX;
    case NVML_VALUE_TYPE_UNSIGNED_SHORT:
        return value->value.us;
    default:
        return UINT64_MAX;
    }
}

static uint32_t small_field(const struct nvml_field_value *value)
{
    uint64_t found = field(value);
    return found < GS_NOT_KNOWN ? (uint32_t)found : GS_NOT_KNOWN;
}

static void read_fields(struct reader *reader, struct gs_gpu_readings *ret)
{
    enum { MEMORY_TEMP, RECOVERY, NVLINK_TX, NVLINK_RX, FIELDS };
    struct nvml_field_value values[FIELDS] = {
        [MEMORY_TEMP] = {.field_id = NVML_FI_DEV_MEMORY_TEMP},
        [RECOVERY] = {.field_id = NVML_FI_DEV_GET_GPU_RECOVERY_ACTION},
        [NVLINK_TX] = {.field_id = NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, .scope_id = UINT32_MAX},
        [NVLINK_RX] = {.field_id = NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX, .scope_id = UINT32_MAX}};
    for (unsigned i = 0; i < FIELDS; i++) {
        values[i].nvml_return = NVML_ERROR_UNKNOWN;
    }
    if (TOLD(reader, field_values, FIELDS, values)) {
        ret->memory_temperature_c = small_field(&values[MEMORY_TEMP]);
        ret->recovery = small_field(&values[RECOVERY]);
        ret->nvlink_tx_kib = field(&values[NVLINK_TX]);
        ret->nvlink_rx_kib = field(&values[NVLINK_RX]);
    }
}

/* Of a GPU or a MIG device. The older function counts what the driver keeps as used. */
static void read_memory(struct reader *reader, uint64_t *ret_total, uint64_t *ret_free,
                        uint64_t *ret_used, uint64_t *ret_reserved)
{
    struct nvml_memory_v2 memory = {.version = NVML_MEMORY_V2};
    struct nvml_memory old = {0};
    if (TOLD(reader, memory_v2, &memory)) {
        *ret_reserved = memory.reserved;
    } else if (TOLD(reader, memory, &old)) {
        memory.total = old.total;
        memory.free = old.free;
        memory.used = old.used;
    } else {
        return;
    }
    *ret_total = memory.total;
    *ret_free = memory.free;
    *ret_used = memory.used;
}

int gs_nvml_read(void *impl, unsigned gpu, struct gs_gpu_readings *ret, struct gs_err *err)
{
    struct reader reader = {.session = impl};
    int r = gs_nvml_device(reader.session, gpu, &reader.device, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_readings found;
    memset(&found, 0xff, sizeof(found)); /* GS_NOT_KNOWN, UINT64_MAX */
    read_clocks(&reader, &found);
    read_utilization(&reader, &found);
    read_rows(&reader, &found);
    read_fields(&reader, &found);
    read_memory(&reader, &found.fb_total_bytes, &found.fb_free_bytes, &found.fb_used_bytes,
                &found.fb_reserved_bytes);
    if (reader.gone != NVML_SUCCESS) {
        return gs_nvml_fail(&reader.session->lib, reader.gone, err, "GPU %u: reading it", gpu);
    }
    *ret = found;
    return 0;
}

/* That the GI is there: by id, or where that takes more rights than there are, by its devices. */
static int check_gi(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                    uint32_t gi, struct gs_err *err)
{
    struct nvml_gi *handle = NULL;
    int r = gs_nvml_gi(session, gpu, gi, &handle, err);
    bool denied = r == GS_IO && gs_nvml_find_mig(session, device, gi, GS_NOT_KNOWN, NULL) != NULL;
    return denied ? 0 : r;
}

int gs_nvml_read_slice(void *impl, unsigned gpu, uint32_t gi, uint64_t generation,
                       struct gs_slice_readings *ret, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0 || (gi != GS_NOT_KNOWN && (r = check_gi(session, gpu, device, gi, err)) < 0)) {
        return r;
    }
    struct gs_slice_readings found;
    memset(&found, 0xff, sizeof(found));
    struct reader reader = {.session = session, .device = device};
    if (gi != GS_NOT_KNOWN) {
        reader.device = gs_nvml_mig_of_gi(session, gpu, device, gi);
    }
    if (reader.device != NULL) {
        read_memory(&reader, &found.fb_total_bytes, &found.fb_free_bytes, &found.fb_used_bytes,
                    &found.fb_reserved_bytes);
    }
    if (reader.gone == NVML_SUCCESS) {
        reader.gone = gs_nvml_activity(session, gpu, gi, generation, &found);
    }
    if (reader.gone != NVML_SUCCESS) {
        return gs_nvml_fail(&session->lib, reader.gone, err, "GPU %u: reading it", gpu);
    }
    *ret = found;
    return 0;
}
