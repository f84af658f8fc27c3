/* Readings by number: nvmlDeviceGetFieldValues. */
#include "simdriver/nvml.h"
#include "simdriver/nvml_board.h"

/* One more than the last field that a driver knows. */
static const struct {
    uint16_t driver, fields;
} known[] = {{450, 146}, {470, 161}, {525, 170}, {530, 173}, {535, 197}, {550, 200},
             {555, 223}, {560, 230}, {570, 269}, {575, 274}, {590, 289}, {595, 303}};

static uint32_t fields_of(uint32_t driver_major)
{
    uint32_t fields = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(known); i++) {
        if (known[i].driver <= driver_major) {
            fields = known[i].fields;
        }
    }
    return fields;
}

static int give_ui(struct nvml_field_value *ret, uint32_t value)
{
    ret->value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
    ret->value.ui = value;
    return NVML_SUCCESS;
}

static int give_ull(struct nvml_field_value *ret, uint64_t value)
{
    ret->value_type = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
    ret->value.ull = value;
    return NVML_SUCCESS;
}

static int read_power(const struct nvml_at *at, struct nvml_field_value *ret)
{
    enum { MODULE = 1 }; /* scope: GPU 0, module 1, memory 2 */
    const struct nvml_board *board = nvml_board(at->gpu);
    switch (ret->field_id) {
    case NVML_FI_DEV_POWER_AVERAGE:
    case NVML_FI_DEV_POWER_INSTANT:
        return ret->scope_id > MODULE ? NVML_ERROR_NOT_SUPPORTED
                                      : give_ui(ret, nvml_board_milliwatts(at->machine, at->index));
    case NVML_FI_DEV_POWER_MIN_LIMIT:
        return give_ui(ret, board->watts_min * 1000u);
    default:
        return give_ui(ret, board->watts_max * 1000u);
    }
}

static int read_board(const struct nvml_at *at, struct nvml_field_value *ret)
{
    const struct nvml_board *board = nvml_board(at->gpu);
    switch (ret->field_id) {
    case NVML_FI_DEV_ECC_CURRENT:
    case NVML_FI_DEV_ECC_PENDING:
        return give_ui(ret, 1);
    case NVML_FI_DEV_MEMORY_TEMP:
        return give_ui(ret, nvml_board_celsius(at->machine, at->index) + 4);
    case NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION:
        return give_ull(ret, nvml_board_millijoules(at->machine, at->index, nvml_boot_us()));
    case NVML_FI_DEV_NVLINK_LINK_COUNT:
        return give_ui(ret, board->nvlinks);
    case NVML_FI_DEV_PCIE_REPLAY_COUNTER:
    case NVML_FI_DEV_REMAPPED_COR:
    case NVML_FI_DEV_REMAPPED_UNC:
    case NVML_FI_DEV_REMAPPED_PENDING:
    case NVML_FI_DEV_REMAPPED_FAILURE:
        return give_ui(ret, 0);
    case NVML_FI_DEV_GET_GPU_RECOVERY_ACTION: /* what is simulated passes without one */
        return give_ui(ret, NVML_GPU_RECOVERY_ACTION_NONE);
    case NVML_FI_DEV_IS_RESETLESS_MIG_SUPPORTED:
        return give_ui(ret, board->architecture >= NVML_DEVICE_ARCH_HOPPER);
    case NVML_FI_DEV_IS_MIG_MODE_INDEPENDENT_MIG_QUERY_CAPABLE:
        return give_ui(ret, 1);
    case NVML_FI_DEV_POWER_AVERAGE:
    case NVML_FI_DEV_POWER_INSTANT:
    case NVML_FI_DEV_POWER_MIN_LIMIT:
    case NVML_FI_DEV_POWER_MAX_LIMIT:
    case NVML_FI_DEV_POWER_DEFAULT_LIMIT:
    case NVML_FI_DEV_POWER_CURRENT_LIMIT:
        return read_power(at, ret);
    default:
        return NVML_ERROR_NOT_SUPPORTED;
    }
}

/* The call succeeds where each field says for itself how it went. */
NVML_API(nvmlDeviceGetFieldValues, struct nvml_device *device, int n,
         struct nvml_field_value *values)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, values != NULL && n > 0);
    uint32_t fields = fields_of(at.machine->driver_major);
    for (int i = 0; i < n; i++) {
        values[i].timestamp = (int64_t)nvml_now_us();
        values[i].latency_usec = 0;
        bool is_field = values[i].field_id != 0 && values[i].field_id < fields;
        values[i].nvml_return =
            is_field ? read_board(&at, &values[i]) : NVML_ERROR_INVALID_ARGUMENT;
    }
    return NVML_SUCCESS;
}
