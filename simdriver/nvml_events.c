/* Events: XIDs, with the instance where they happened, and changes of what is cut. */
#include <string.h>

#include "simdriver/nvml.h"
#include "simdriver/nvml_pool.h"

enum { SETS_MAX = 256 };

/* What a set waits for. Events from before a GPU was registered are none of its. */
struct event_set {
    uint64_t types[SIM_GPUS_MAX];
    uint64_t since[SIM_GPUS_MAX];
    uint64_t seen; /* the last event that was given out */
};

static uint64_t generations[SETS_MAX];
static struct event_set sets[SETS_MAX];
static struct nvml_pool pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .kind = NVML_OWN_EVENT_SET,
    .generations = generations,
    .entries = sets,
    .entry_size = sizeof(sets[0]),
    .n = SETS_MAX,
};

#define TYPES_SUPPORTED                                                                            \
    ((uint64_t)(NVML_EVENT_SINGLE_BIT_ECC | NVML_EVENT_DOUBLE_BIT_ECC | NVML_EVENT_PSTATE |        \
                NVML_EVENT_XID_CRITICAL | NVML_EVENT_CLOCK | NVML_EVENT_MIG_CONFIG_CHANGE))

NVML_API(nvmlDeviceGetSupportedEventTypes, struct nvml_device *device, uint64_t *types)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, types != NULL);
    *types = TYPES_SUPPORTED;
    return NVML_SUCCESS;
}

NVML_API(nvmlEventSetCreate, struct nvml_event_set **set)
{
    NVML_SYSTEM(at, set != NULL);
    struct nvml_event_set *made = nvml_pool_take(&pool);
    if (made == NULL) {
        return NVML_ERROR_MEMORY;
    }
    *set = made;
    return NVML_SUCCESS;
}

NVML_API(nvmlEventSetFree, struct nvml_event_set *set)
{
    NVML_SYSTEM(at, true);
    return nvml_pool_give(&pool, set);
}

/* Events are registered on GPUs, not on MIG devices. */
NVML_API(nvmlDeviceRegisterEvents, struct nvml_device *device, uint64_t types,
         struct nvml_event_set *set)
{
    NVML_DEVICE(at, device, NVML_ON_BOARD, true);
    if (types & ~TYPES_SUPPORTED) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    struct event_set *found = nvml_pool_lock(&pool, set);
    if (found == NULL) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    if (found->types[at.index] == 0) {
        found->since[at.index] = at.machine->next_event - 1;
    }
    found->types[at.index] |= types;
    nvml_pool_unlock(&pool);
    return NVML_SUCCESS;
}

/* Gives the next event out. False: there is none yet. */
static bool take_event(const struct sim_machine *machine, struct event_set *set,
                       struct nvml_event_data *ret)
{
    for (;;) {
        const struct sim_event *event = sim_event_next(machine, set->seen, set->types);
        if (event == NULL) {
            return false;
        }
        set->seen = event->seq;
        if (event->seq > set->since[event->gpu]) {
            *ret = (struct nvml_event_data){.device = nvml_handle_gpu(machine, event->gpu),
                                            .event_type = event->type,
                                            .event_data = event->data,
                                            .gpu_instance_id = event->gi,
                                            .compute_instance_id = event->ci};
            return true;
        }
    }
}

static bool has_lost_gpu(const struct sim_machine *machine, const struct event_set *set)
{
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        if (set->types[i] != 0 && machine->gpus[i].lost) {
            return true;
        }
    }
    return false;
}

/* One look. NVML_ERROR_TIMEOUT: nothing there. The set is looked up anew each time: another thread
 * may have freed it. */
static int look(struct nvml_at *at, const char *function, const struct nvml_event_set *set,
                struct nvml_event_data *ret)
{
    int r = nvml_at_hold(at, function);
    if (r == NVML_SUCCESS) {
        struct event_set *found = nvml_pool_lock(&pool, set);
        if (found == NULL) {
            r = NVML_ERROR_INVALID_ARGUMENT;
        } else {
            r = take_event(at->machine, found, ret) ? NVML_SUCCESS
                : has_lost_gpu(at->machine, found)  ? NVML_ERROR_GPU_IS_LOST
                                                    : NVML_ERROR_TIMEOUT;
            nvml_pool_unlock(&pool);
        }
    }
    nvml_at_release(at);
    return r;
}

/* How long one wait lasts before it is seen whether the library was shut down meanwhile. */
enum { SLICE_MS = 100 };

static int wait_event(const char *function, const struct nvml_event_set *set,
                      struct nvml_event_data *ret, uint32_t timeout_ms)
{
    NVML_AT_(at, nvml_at_begin(function), true);
    uint64_t end = nvml_boot_us() + (uint64_t)timeout_ms * 1000;
    for (;;) {
        uint64_t seq = sim_store_seq(at.store);
        int r = look(&at, function, set, ret);
        if (r != NVML_ERROR_TIMEOUT) {
            return r;
        }
        uint64_t now = nvml_boot_us();
        if (now >= end) {
            return NVML_ERROR_TIMEOUT;
        }
        if (!nvml_session_is_open(at.session)) {
            return NVML_ERROR_UNINITIALIZED;
        }
        uint64_t left_ms = (end - now + 999) / 1000;
        sim_store_wait(at.store, seq, left_ms < SLICE_MS ? (unsigned)left_ms : SLICE_MS);
    }
}

/* The structure of this function's time ends before the instances. */
NVML_API(nvmlEventSetWait, struct nvml_event_set *set, struct nvml_event_data *data,
         uint32_t timeout_ms)
{
    struct nvml_event_data found;
    int r =
        data == NULL ? NVML_ERROR_INVALID_ARGUMENT : wait_event(__func__, set, &found, timeout_ms);
    if (r == NVML_SUCCESS) {
        memcpy(data, &found, offsetof(struct nvml_event_data, gpu_instance_id));
    }
    return r;
}

NVML_API(nvmlEventSetWait_v2, struct nvml_event_set *set, struct nvml_event_data *data,
         uint32_t timeout_ms)
{
    struct nvml_event_data found;
    int r =
        data == NULL ? NVML_ERROR_INVALID_ARGUMENT : wait_event(__func__, set, &found, timeout_ms);
    if (r == NVML_SUCCESS) {
        *data = found;
    }
    return r;
}
