/* health: which devices an event makes sick, and when they are well again.
 *
 * Lists of XIDs as NVIDIA's plugin reads them (DP_DISABLE_HEALTHCHECKS, DP_ENABLE_HEALTHCHECKS).
 * Unlike it, every slice of a GPU is found by (gi, ci), one event touches only what it names, and
 * sick is not for ever: docs/internals/node.md has the rules. Pure: time comes with each call. */
#pragma once

#include "base/arena.h"
#include "node/snapshot.h"
#include "wire/agentconfig.h"

enum { GS_HEALTH_XIDS_MAX = 256 };

struct gs_health_rules {
    bool all_disabled; /* "all" or "xids" */
    bool all_enabled;
    unsigned n_disabled; /* those built in among them */
    unsigned n_enabled;
    uint64_t disabled[GS_HEALTH_XIDS_MAX];
    uint64_t enabled[GS_HEALTH_XIDS_MAX];
    uint64_t recover_after_us; /* UINT64_MAX: never by time */
};

/* Never fails: entries that are no number are passed over, as by NVIDIA's; beyond the bound too. */
void gs_health_rules_init(struct gs_health_rules *ret, const struct gs_agentconfig *config);

/* Whether an XID makes nothing sick. Enabled wins over disabled, a number over "all". */
bool gs_health_ignores(const struct gs_health_rules *rules, uint64_t xid);

enum gs_health_cause {
    GS_HEALTH_XID,
    GS_HEALTH_DOUBLE_BIT_ECC,  /* told by an event of its own where no XID comes with it */
    GS_HEALTH_RECOVERY_ACTION, /* the driver wants a reset or a reboot of the GPU */
    GS_HEALTH_UNREADABLE,      /* the driver failed for this GPU or slice */
    GS_HEALTH_CAUSES
};

/* NVML's nvmlDeviceGpuRecoveryAction_t. */
enum gs_recovery_action {
    GS_RECOVERY_NONE,
    GS_RECOVERY_GPU_RESET,
    GS_RECOVERY_NODE_REBOOT,
    GS_RECOVERY_DRAIN_P2P,
    GS_RECOVERY_DRAIN_AND_RESET,
    GS_RECOVERY_UNKNOWN = 255 /* the driver does not tell */
};

struct gs_health_event {
    unsigned gpu; /* the driver's index; GS_NOT_KNOWN: the driver does not say which */
    uint32_t gi;  /* GS_NOT_KNOWN: the whole GPU */
    uint32_t ci;
    enum gs_health_cause cause;
    uint64_t value; /* XID, or enum gs_recovery_action */
    uint64_t now_us;
};

/* One slice or whole GPU that is not well. */
struct gs_sick {
    struct gs_slice_id slice;
    enum gs_health_cause cause; /* of the first event */
    uint64_t value;
    uint64_t since_us;
    uint64_t last_us; /* of the latest event */
};

struct gs_health {
    const struct gs_alloc *source;
    unsigned n; /* by GPU, then gi, ci */
    unsigned cap;
    struct gs_sick *sick;
    uint8_t recovery[GS_GPUS_MAX]; /* enum gs_recovery_action of each GPU */
};

void gs_health_init(struct gs_health *health, const struct gs_alloc *source);
void gs_health_done(struct gs_health *health);

/* Takes an event in. *ret_changed: some device became sick that was not. GS_NO_MEMORY. */
int gs_health_event(struct gs_health *health, const struct gs_snapshot *snapshot,
                    const struct gs_health_rules *rules, const struct gs_health_event *event,
                    bool *ret_changed, struct gs_err *err);

/* A newer snapshot: what is gone or was made anew is dropped. True: something changed. */
bool gs_health_snapshot(struct gs_health *health, const struct gs_snapshot *snapshot);

/* What the driver says is to be done with a GPU; asked from time to time, or an event said so. */
void gs_health_recovery(struct gs_health *health, unsigned gpu, enum gs_recovery_action action);

/* Drops what is well again by time. True: something changed. *ret_next_us: when to ask again;
 * UINT64_MAX: never. */
bool gs_health_tick(struct gs_health *health, const struct gs_health_rules *rules, uint64_t now_us,
                    uint64_t *ret_next_us);

/* Why a slice is not well; NULL: it is. A whole GPU that is sick makes its slices sick. */
const struct gs_sick *gs_health_of(const struct gs_health *health, const struct gs_slice_id *slice);

/* "XID 48 on GPU 2, instance 5/0; well again when ..." into `ret_text`. */
void gs_sick_format(const struct gs_health *health, const struct gs_sick *sick, char *ret_text,
                    size_t size);
