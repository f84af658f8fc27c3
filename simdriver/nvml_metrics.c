/* Readings of the whole board: power, heat, clocks, activity, errors. What MIG takes away says
 * NOT_SUPPORTED, for the cut GPU as for its MIG devices. */
#include <string.h>

#include "simdriver/nvml.h"
#include "simdriver/nvml_board.h"

/* Functions that differ in name and in one number only. */
#define READING(name, on, type, value)                                                             \
    NVML_API(name, struct nvml_device *device, __typeof__(type) *ret)                              \
    {                                                                                              \
        NVML_DEVICE(at, device, (on), ret != NULL);                                                \
        *ret = (type)(value);                                                                      \
        return NVML_SUCCESS;                                                                       \
    }

static uint32_t load_of(const struct nvml_at *at)
{
    return nvml_board_load(at->machine, at->index, SIM_NONE, SIM_NONE);
}

/* ---- Power and energy ---- */

#define MILLIWATTS(watts) ((uint32_t)(watts)*1000u)

READING(nvmlDeviceGetPowerUsage, NVML_ON_BOARD, uint32_t,
        nvml_board_milliwatts(at.machine, at.index))
READING(nvmlDeviceGetPowerManagementMode, NVML_ON_BOARD, uint32_t, 1)
READING(nvmlDeviceGetPowerManagementLimit, NVML_ON_BOARD, uint32_t,
        MILLIWATTS(nvml_board(at.gpu)->watts_max))
READING(nvmlDeviceGetPowerManagementDefaultLimit, NVML_ON_BOARD, uint32_t,
        MILLIWATTS(nvml_board(at.gpu)->watts_max))
READING(nvmlDeviceGetEnforcedPowerLimit, NVML_ON_BOARD, uint32_t,
        MILLIWATTS(nvml_board(at.gpu)->watts_max))
READING(nvmlDeviceGetPowerState, NVML_ON_BOARD, uint32_t, 0)
READING(nvmlDeviceGetPerformanceState, NVML_ON_BOARD, uint32_t, 0)
READING(nvmlDeviceGetPowerSource, NVML_ON_BOARD, uint32_t, 0)
READING(nvmlDeviceGetTotalEnergyConsumption, NVML_ON_BOARD, uint64_t,
        nvml_board_millijoules(at.machine, at.index, nvml_boot_us()))

NVML_API(nvmlDeviceGetPowerManagementLimitConstraints, struct nvml_device *device, uint32_t *least,
         uint32_t *most)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, least != NULL && most != NULL);
    *least = MILLIWATTS(nvml_board(at.gpu)->watts_min);
    *most = MILLIWATTS(nvml_board(at.gpu)->watts_max);
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetSupportedPerformanceStates, struct nvml_device *device, uint32_t *states,
         uint32_t size)
{
    enum { UNKNOWN = 32 };
    NVML_DEVICE(at, device, NVML_ON_BOARD, states != NULL);
    if (size < 16 * sizeof(*states)) {
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    for (unsigned i = 0; i < 16; i++) {
        states[i] = i == 0 ? 0 : UNKNOWN;
    }
    return NVML_SUCCESS;
}

/* ---- Heat ---- */

NVML_API(nvmlDeviceGetTemperature, struct nvml_device *device, uint32_t sensor, uint32_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL && sensor == 0);
    *ret = nvml_board_celsius(at.machine, at.index);
    return NVML_SUCCESS;
}

struct temperature {
    uint32_t version;
    uint32_t sensor;
    int32_t celsius;
};

NVML_API(nvmlDeviceGetTemperatureV, struct nvml_device *device, struct temperature *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL);
    if (ret->version != NVML_VERSION(sizeof(*ret), 1)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    if (ret->sensor != 0) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    ret->celsius = (int32_t)nvml_board_celsius(at.machine, at.index);
    return NVML_SUCCESS;
}

/* Shutdown, slowdown, memory, GPU; acoustic ones are of cards with fans. */
static const uint32_t thresholds[] = {92, 89, 95, 85};

NVML_API(nvmlDeviceGetTemperatureThreshold, struct nvml_device *device, uint32_t type,
         uint32_t *ret)
{
    enum { TYPES = 8 };
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL && type < TYPES);
    if (type >= GS_ARRAY_LEN(thresholds)) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    *ret = thresholds[type];
    return NVML_SUCCESS;
}

struct margin {
    uint32_t version;
    int32_t celsius;
};

NVML_API(nvmlDeviceGetMarginTemperature, struct nvml_device *device, struct margin *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL);
    if (ret->version != NVML_VERSION(sizeof(*ret), 1)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    ret->celsius = (int32_t)thresholds[3] - (int32_t)nvml_board_celsius(at.machine, at.index);
    return NVML_SUCCESS;
}

READING(nvmlDeviceGetNumFans, NVML_ON_BOARD, uint32_t, 0)

/* ---- Clocks ---- */

enum { GRAPHICS, SM, MEMORY, VIDEO, CLOCKS };

static uint32_t clock_of(const struct nvml_board *board, uint32_t type, bool fastest)
{
    uint32_t sm = fastest ? board->sm_mhz_max : board->sm_mhz_idle;
    return type == MEMORY ? board->memory_mhz : type == VIDEO ? sm * 9 / 10 : sm;
}

NVML_API(nvmlDeviceGetClockInfo, struct nvml_device *device, uint32_t type, uint32_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL && type < CLOCKS);
    *ret = clock_of(nvml_board(at.gpu), type, load_of(&at) != 0);
    return NVML_SUCCESS;
}

static int fastest(struct nvml_at at, uint32_t type, uint32_t *ret)
{
    int code = at.code;
    if (code == NVML_SUCCESS) {
        *ret = clock_of(nvml_board(at.gpu), type, true);
    }
    nvml_at_end(&at);
    return code;
}

#define FASTEST(name)                                                                              \
    NVML_API(name, struct nvml_device *device, uint32_t type, uint32_t *ret)                       \
    {                                                                                              \
        bool fits = ret != NULL && type < CLOCKS;                                                  \
        return fastest(nvml_at_device(__func__, device, NVML_ON_BOARD, fits), type, ret);          \
    }

FASTEST(nvmlDeviceGetMaxClockInfo)
FASTEST(nvmlDeviceGetApplicationsClock)
FASTEST(nvmlDeviceGetDefaultApplicationsClock)
FASTEST(nvmlDeviceGetMaxCustomerBoostClock)

NVML_API(nvmlDeviceGetClock, struct nvml_device *device, uint32_t type, uint32_t which,
         uint32_t *ret)
{
    enum { CURRENT = 0, KINDS = 4 };
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL && type < CLOCKS && which < KINDS);
    *ret = clock_of(nvml_board(at.gpu), type, which != CURRENT || load_of(&at) != 0);
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetSupportedMemoryClocks, struct nvml_device *device, uint32_t *count,
         uint32_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, count != NULL);
    uint32_t mhz = nvml_board(at.gpu)->memory_mhz;
    return nvml_copy_list(ret, count, &mhz, 1, sizeof(mhz));
}

/* Steps of 15 MHz, fastest first. */
NVML_API(nvmlDeviceGetSupportedGraphicsClocks, struct nvml_device *device, uint32_t memory_mhz,
         uint32_t *count, uint32_t *ret)
{
    enum { STEP = 15, STEPS_MAX = 256 };
    NVML_DEVICE(at, device, NVML_ON_BOARD, count != NULL);
    const struct nvml_board *board = nvml_board(at.gpu);
    if (memory_mhz != board->memory_mhz) {
        return NVML_ERROR_NOT_FOUND;
    }
    uint32_t steps[STEPS_MAX];
    uint32_t n = 0;
    for (uint32_t mhz = board->sm_mhz_max; mhz >= board->sm_mhz_idle && n < STEPS_MAX;
         mhz -= STEP) {
        steps[n++] = mhz;
    }
    return nvml_copy_list(ret, count, steps, n, sizeof(steps[0]));
}

#define REASON_IDLE 1u
#define REASONS_KNOWN 0x1FFu

READING(nvmlDeviceGetCurrentClocksThrottleReasons, NVML_ON_BOARD, uint64_t,
        load_of(&at) == 0 ? REASON_IDLE : 0)
READING(nvmlDeviceGetCurrentClocksEventReasons, NVML_ON_BOARD, uint64_t,
        load_of(&at) == 0 ? REASON_IDLE : 0)
READING(nvmlDeviceGetSupportedClocksThrottleReasons, NVML_ON_BOARD, uint64_t, REASONS_KNOWN)
READING(nvmlDeviceGetSupportedClocksEventReasons, NVML_ON_BOARD, uint64_t, REASONS_KNOWN)

struct violation {
    uint64_t reference_us;
    uint64_t violated_ns;
};

NVML_API(nvmlDeviceGetViolationStatus, struct nvml_device *device, uint32_t policy,
         struct violation *ret)
{
    bool fits = ret != NULL && (policy < 6 || policy == 10 || policy == 11);
    NVML_DEVICE(at, device, NVML_ON_BOARD, fits);
    ret->reference_us = nvml_boot_us();
    ret->violated_ns = 0;
    return NVML_SUCCESS;
}

/* ---- Activity: nothing of this while MIG is on ---- */

NVML_API(nvmlDeviceGetUtilizationRates, struct nvml_device *device, struct nvml_utilization *ret)
{
    NVML_DEVICE(at, device, NVML_ON_WHOLE, ret != NULL);
    ret->gpu = load_of(&at);
    ret->memory = ret->gpu / 2;
    return NVML_SUCCESS;
}

/* Media engines rest: holders compute. */
#define ENGINE(name)                                                                               \
    NVML_API(name, struct nvml_device *device, uint32_t *percent, uint32_t *period_us)             \
    {                                                                                              \
        NVML_DEVICE(at, device, NVML_ON_WHOLE, percent != NULL && period_us != NULL);              \
        *percent = 0;                                                                              \
        *period_us = 167000;                                                                       \
        return NVML_SUCCESS;                                                                       \
    }

ENGINE(nvmlDeviceGetEncoderUtilization)
ENGINE(nvmlDeviceGetDecoderUtilization)
ENGINE(nvmlDeviceGetJpgUtilization)
ENGINE(nvmlDeviceGetOfaUtilization)

NVML_API(nvmlDeviceGetEncoderStats, struct nvml_device *device, uint32_t *sessions, uint32_t *fps,
         uint32_t *latency)
{
    NVML_DEVICE(at, device, NVML_ON_WHOLE, sessions != NULL && fps != NULL && latency != NULL);
    *sessions = 0;
    *fps = 0;
    *latency = 0;
    return NVML_SUCCESS;
}

struct process_sample {
    uint32_t pid;
    uint64_t timestamp_us;
    uint32_t sm, memory, encoder, decoder; /* percent */
};
_Static_assert(sizeof(struct process_sample) == 32, "nvmlProcessUtilizationSample_t");

NVML_API(nvmlDeviceGetProcessUtilization, struct nvml_device *device, struct process_sample *ret,
         uint32_t *count, uint64_t last_seen_us)
{
    NVML_DEVICE(at, device, NVML_ON_WHOLE, count != NULL);
    struct process_sample samples[SIM_HOLDERS];
    uint64_t now = nvml_now_us();
    uint32_t n = 0;
    for (unsigned i = 0; i < SIM_HOLDERS && last_seen_us < now; i++) {
        const struct sim_holder *holder = &at.machine->holders[i];
        if (holder->pid != 0 && holder->gpu == at.index) {
            samples[n++] = (struct process_sample){.pid = holder->pid,
                                                   .timestamp_us = now,
                                                   .sm = holder->busy_percent,
                                                   .memory = holder->busy_percent / 2};
        }
    }
    if (n == 0) {
        return NVML_ERROR_NOT_FOUND;
    }
    return nvml_copy_list(ret, count, samples, n, sizeof(samples[0]));
}

struct sample {
    uint64_t timestamp_us;
    union nvml_value value;
};

/* The newest reading of each kind; there is no history. */
static int read_sample(const struct nvml_at *at, uint32_t type, union nvml_value *ret)
{
    enum { POWER, UTILIZATION, MEMORY_UTILIZATION, ENCODER, DECODER, SM_CLOCK, MEMORY_CLOCK };
    const struct nvml_board *board = nvml_board(at->gpu);
    switch (type) {
    case POWER:
        ret->ui = nvml_board_milliwatts(at->machine, at->index);
        return NVML_SUCCESS;
    case SM_CLOCK:
        ret->ui = clock_of(board, SM, load_of(at) != 0);
        return NVML_SUCCESS;
    case MEMORY_CLOCK:
        ret->ui = board->memory_mhz;
        return NVML_SUCCESS;
    case UTILIZATION:
    case MEMORY_UTILIZATION:
    case ENCODER:
    case DECODER:
        ret->ui = type == UTILIZATION          ? load_of(at)
                  : type == MEMORY_UTILIZATION ? load_of(at) / 2
                                               : 0;
        return at->gpu->mode ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
    default:
        return NVML_ERROR_NOT_SUPPORTED;
    }
}

NVML_API(nvmlDeviceGetSamples, struct nvml_device *device, uint32_t type, uint64_t last_seen_us,
         uint32_t *value_type, uint32_t *count, struct sample *ret)
{
    enum { TYPES = 10 };
    bool fits = value_type != NULL && count != NULL && type < TYPES;
    NVML_DEVICE(at, device, NVML_ON_BOARD, fits);
    struct sample newest = {.timestamp_us = nvml_now_us()};
    int r = read_sample(&at, type, &newest.value);
    if (r != NVML_SUCCESS) {
        return r;
    }
    if (last_seen_us >= newest.timestamp_us) {
        return NVML_ERROR_NOT_FOUND;
    }
    *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
    if (ret == NULL) {
        *count = 1;
        return NVML_SUCCESS;
    }
    return nvml_copy_list(ret, count, &newest, 1, sizeof(newest));
}

/* ---- Errors: none happen by themselves; XIDs are events ---- */

NVML_API(nvmlDeviceGetEccMode, struct nvml_device *device, uint32_t *current, uint32_t *pending)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, current != NULL && pending != NULL);
    *current = 1;
    *pending = 1;
    return NVML_SUCCESS;
}

READING(nvmlDeviceGetDefaultEccMode, NVML_ON_BOARD, uint32_t, 1)

enum { UNCORRECTED = 1, VOLATILE = 0, DRAM = 2, LOCATIONS = 8 };

NVML_API(nvmlDeviceGetTotalEccErrors, struct nvml_device *device, uint32_t error, uint32_t counter,
         uint64_t *ret)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, ret != NULL && error <= 1 && counter <= 1);
    if (at.gi != SIM_NONE && (error != UNCORRECTED || counter != VOLATILE)) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    *ret = 0;
    return NVML_SUCCESS;
}

/* A MIG device has volatile uncorrected errors of what is not DRAM. */
NVML_API(nvmlDeviceGetMemoryErrorCounter, struct nvml_device *device, uint32_t error,
         uint32_t counter, uint32_t location, uint64_t *ret)
{
    bool fits = ret != NULL && error <= 1 && counter <= 1 && location < LOCATIONS;
    NVML_DEVICE(at, device, NVML_ON_ANY, fits);
    if (at.gi != SIM_NONE && (error != UNCORRECTED || counter != VOLATILE || location == DRAM)) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    *ret = 0;
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetDetailedEccErrors, struct nvml_device *device, uint32_t error,
         uint32_t counter, uint64_t ret[4])
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL && error <= 1 && counter <= 1);
    memset(ret, 0, 4 * sizeof(ret[0]));
    return NVML_SUCCESS;
}

NVML_API(nvmlDeviceGetRemappedRows, struct nvml_device *device, uint32_t *corrected,
         uint32_t *uncorrected, uint32_t *pending, uint32_t *failed)
{
    bool fits = corrected != NULL && uncorrected != NULL && pending != NULL && failed != NULL;
    NVML_DEVICE(at, device, NVML_ON_BOARD, fits);
    *corrected = 0;
    *uncorrected = 0;
    *pending = 0;
    *failed = 0;
    return NVML_SUCCESS;
}

/* Banks by how many of their spare rows are left: max, high, partial, low, none. */
NVML_API(nvmlDeviceGetRowRemapperHistogram, struct nvml_device *device, uint32_t ret[5])
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, ret != NULL);
    memset(ret, 0, 5 * sizeof(ret[0]));
    ret[0] = nvml_board(at.gpu)->memory_bus_bits / 8;
    return NVML_SUCCESS;
}
