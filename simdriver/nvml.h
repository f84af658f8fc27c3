/* nvml: what the exported functions of the simulated libnvidia-ml.so.1 share: the session, handles,
 * and the frame of a call.
 *
 * A function is written as
 *
 *     NVML_API(nvmlDeviceGetMinorNumber, struct nvml_device *device, uint32_t *minor)
 *     {
 *         NVML_DEVICE(at, device, NVML_ON_GPU, minor != NULL);
 *         *minor = at.gpu->minor;
 *         return NVML_SUCCESS;
 *     }
 *
 * where NVML_DEVICE returns from the function with NVML's code when there is no session, the
 * machine's driver lacks the function, a fault says so, an argument is wrong, or the handle is none
 * (in this order), and else holds the machine's state still until the function returns. */
#pragma once

#include "base/cleanup.h"
#include "gpu/nvml_abi.h"
#include "simdriver/fault.h"
#include "simdriver/machine.h"
#include "simdriver/nvml_symbols.h"
#include "simdriver/store.h"

/* An exported function: all return enum nvml_return. */
#define NVML_API(name, ...)                                                                        \
    int name(__VA_ARGS__);                                                                         \
    int name(__VA_ARGS__)

/* The last driver whose functions this build of the library exports, 0xFFFF: all of them. Each
 * shared object has its own (nvml_build.c). */
uint32_t nvml_build_driver(void);

/* ---- The session of this process ---- */

/* nvmlInit and nvmlShutdown. */
int nvml_session_begin(const char *function, uint32_t flags);
int nvml_session_end(const char *function);

/* False: the library was shut down, or begun anew, since. */
struct nvml_session;
bool nvml_session_is_open(const struct nvml_session *session);

/* Whether this client is to be treated as one that may not change anything: GPUSLICE_SIM_USER is
 * "unprivileged", or "real" and its effective user is not root. Else every client is root. */
bool nvml_is_unprivileged(void);

/* ---- Handles ----
 *
 * Not pointers but numbers that no pointer of a process has: kind, place and generation of what
 * they name. So a wrong handle cannot crash anything, and one to an instance that is gone fits
 * nothing, even when another has its ids. */

struct nvml_device *nvml_handle_gpu(const struct sim_machine *machine, unsigned gpu);
struct nvml_device *nvml_handle_mig(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                                    uint32_t ci);
struct nvml_gi *nvml_handle_gi(const struct sim_machine *machine, unsigned gpu, uint32_t gi);
struct nvml_ci *nvml_handle_ci(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                               uint32_t ci);

/* Handles of things of this process alone (event sets, samples): an index below 2^16 and a
 * generation. */
enum nvml_own { NVML_OWN_EVENT_SET = 5, NVML_OWN_SAMPLE = 6 };
void *nvml_handle_own(enum nvml_own kind, uint32_t index, uint64_t generation);
/* False: it is none of that kind. */
bool nvml_own_of(const void *handle, enum nvml_own kind, uint32_t *ret_index,
                 uint64_t *ret_generation);

/* ---- The frame of a call ---- */

/* What a device handle has to be. */
enum nvml_on {
    NVML_ON_ANY,   /* GPU or MIG device */
    NVML_ON_GPU,   /* a GPU; a MIG device: INVALID_ARGUMENT */
    NVML_ON_BOARD, /* a reading of the whole board; a MIG device: NOT_SUPPORTED */
    NVML_ON_WHOLE, /* likewise, and NOT_SUPPORTED too while MIG is on */
    NVML_ON_MIG    /* a MIG device; a GPU: INVALID_ARGUMENT */
};

/* A call under way, and what its handle names. */
struct nvml_at {
    int code; /* 0, or what the function has to return at once */
    struct sim_call call;
    struct nvml_session *session; /* kept open until nvml_at_end */
    struct sim_store *store;
    const struct sim_machine *machine; /* held still until nvml_at_end; NULL: not held */
    struct sim_machine *change;        /* in a change: what to change */
    const struct sim_gpu *gpu;
    unsigned index; /* of the GPU */
    uint32_t gi;    /* SIM_NONE: the whole GPU */
    uint32_t ci;
};

/* Each begins a call and resolves a handle; `fits`: the other arguments are right (else
 * INVALID_ARGUMENT). All must be ended. */
struct nvml_at nvml_at_system(const char *function, bool fits);
struct nvml_at nvml_at_device(const char *function, struct nvml_device *device, enum nvml_on on,
                              bool fits);
struct nvml_at nvml_at_gi(const char *function, struct nvml_gi *gi, bool fits);
struct nvml_at nvml_at_ci(const char *function, struct nvml_ci *ci, bool fits);

/* As nvml_at_*, for a change: at.change is the machine, which nobody else changes meanwhile; takes
 * as long as `what` takes, and forgets dead processes, before. Privileged. */
struct nvml_at nvml_change_device(const char *function, struct nvml_device *device, bool fits,
                                  enum sim_delay what);
struct nvml_at nvml_change_gi(const char *function, struct nvml_gi *gi, bool fits,
                              enum sim_delay what);
struct nvml_at nvml_change_ci(const char *function, struct nvml_ci *ci, bool fits,
                              enum sim_delay what);

/* What nvml_at_* do first (session, fault) and then (hold the machine, or open a change, and check
 * that it has the function), for calls that do something in between. */
struct nvml_at nvml_at_begin(const char *function);
int nvml_at_hold(struct nvml_at *at, const char *function);
int nvml_at_open(struct nvml_at *at, const char *function);

/* Look a handle up in a machine that is held, into `at`. INVALID_ARGUMENT: none, or of something
 * that is gone. GPU_IS_LOST. */
int nvml_resolve_device(struct nvml_at *at, const struct nvml_device *device, enum nvml_on on);
int nvml_resolve_gi(struct nvml_at *at, const struct nvml_gi *gi);
int nvml_resolve_ci(struct nvml_at *at, const struct nvml_ci *ci);

/* Ends a change: it is kept when `code` is 0. Gives `code` back. */
int nvml_changed(struct nvml_at *at, int code);

/* Gives the machine back; at.machine is NULL then. An open change is abandoned. */
void nvml_at_release(struct nvml_at *at);
void nvml_at_end(struct nvml_at *at);

/* `fits` is looked at in the call, so that codes come in their order, and again here, where who
 * reads the function (an analyzer too) sees it. */
#define NVML_AT_(at, expression, fits)                                                             \
    GS_CLEANUP(nvml_at_end) struct nvml_at at = expression;                                        \
    if (at.code != NVML_SUCCESS) {                                                                 \
        return at.code;                                                                            \
    }                                                                                              \
    if (!(fits)) {                                                                                 \
        return NVML_ERROR_INVALID_ARGUMENT;                                                        \
    }
#define NVML_SYSTEM(at, fits) NVML_AT_(at, nvml_at_system(__func__, (fits)), (fits))
#define NVML_DEVICE(at, device, on, fits)                                                          \
    NVML_AT_(at, nvml_at_device(__func__, (device), (on), (fits)), (fits))
#define NVML_GI(at, gi, fits) NVML_AT_(at, nvml_at_gi(__func__, (gi), (fits)), (fits))
#define NVML_CI(at, ci, fits) NVML_AT_(at, nvml_at_ci(__func__, (ci), (fits)), (fits))
#define NVML_CHANGE_DEVICE(at, device, fits, what)                                                 \
    NVML_AT_(at, nvml_change_device(__func__, (device), (fits), (what)), (fits))
#define NVML_CHANGE_GI(at, gi, fits, what)                                                         \
    NVML_AT_(at, nvml_change_gi(__func__, (gi), (fits), (what)), (fits))
#define NVML_CHANGE_CI(at, ci, fits, what)                                                         \
    NVML_AT_(at, nvml_change_ci(__func__, (ci), (fits), (what)), (fits))

/* Returns NO_PERMISSION for a client that is not root. */
#define NVML_PRIVILEGED()                                                                          \
    if (nvml_is_unprivileged()) {                                                                  \
        return NVML_ERROR_NO_PERMISSION;                                                           \
    }

/* ---- Small things ---- */

/* Copies a text with its NUL. INSUFFICIENT_SIZE: `size` is too small; nothing was written. */
int nvml_copy_text(char *ret, uint32_t size, const char *text);

/* For lists: *count says how much room `items` has and then how many there are.
 * INSUFFICIENT_SIZE: more than the room. */
int nvml_copy_list(void *items, uint32_t *count, const void *from, uint32_t n, size_t item);

/* Gives the placements at `starts` (bit u: unit u) of this size. `placements` NULL: how many there
 * are. INSUFFICIENT_SIZE: *count is too little room. */
int nvml_give_placements(uint32_t starts, uint32_t size, struct nvml_placement *placements,
                         uint32_t *count);

/* Microseconds: since 1970, and since the host's boot. */
uint64_t nvml_now_us(void);
uint64_t nvml_boot_us(void);
