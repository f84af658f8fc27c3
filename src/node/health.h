/* health: which devices an event makes sick, and when they are well again.
 *
 * Lists of XIDs as NVIDIA's plugin reads them (DP_DISABLE_HEALTHCHECKS, DP_ENABLE_HEALTHCHECKS).
 * Unlike it, every slice of a GPU is found by (gi, ci), one event touches only what it names, and
 * sick is not for ever: docs/internals/node.md has the rules. Pure: time comes with each call. */
#pragma once

#include "base/arena.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"
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

/* Whether an XID makes nothing sick. Enabled wins over disabled, "all" enabled over everything. */
bool gs_health_ignores(const struct gs_health_rules *rules, uint64_t xid);

/* One slice or whole GPU that is not well, and the first event that made it so. */
struct gs_sick {
    struct gs_slice_id slice; /* gi and ci GS_NOT_KNOWN: the whole GPU, all of its slices with it */
    enum gs_gpu_event_kind kind;
    uint64_t data; /* XID, enum gs_gpu_recovery */
    uint64_t since_us;
    uint64_t last_us; /* of the latest event */
};

struct gs_health {
    const struct gs_alloc *source;
    /* The last XID of each GPU instance, and behind them of the whole GPU, whether it matters or
     * not; 0: none since the agent started. */
    uint32_t last_xid[GS_GPUS_MAX][GS_GPU_INSTANCES_MAX + 1];
    unsigned n;
    unsigned cap;
    struct gs_sick *sick;
    uint32_t recovery[GS_GPUS_MAX]; /* enum gs_gpu_recovery, or GS_NOT_KNOWN; of each GPU */
};

void gs_health_init(struct gs_health *health, const struct gs_alloc *source);
void gs_health_done(struct gs_health *health);

/* Takes in what the driver told. *ret_changed: some device became sick that was not.
 * GS_NO_MEMORY: not all of it was kept; treat the GPU as sick. */
int gs_health_event(struct gs_health *health, const struct gs_snapshot *snapshot,
                    const struct gs_health_rules *rules, const struct gs_gpu_event *event,
                    uint64_t now_us, bool *ret_changed, struct gs_err *err);

/* A newer snapshot: what is gone, or was made anew, is dropped. True: something changed. */
bool gs_health_snapshot(struct gs_health *health, const struct gs_snapshot *snapshot);

/* What the driver wants done about a GPU (enum gs_gpu_recovery, GS_NOT_KNOWN), as read from time to
 * time. While it wants something the GPU is sick. GS_NO_MEMORY. */
int gs_health_recovery(struct gs_health *health, const struct gs_snapshot *snapshot,
                       const struct gs_health_rules *rules, unsigned gpu, uint32_t action,
                       uint64_t now_us, bool *ret_changed, struct gs_err *err);

/* Drops what is well again by time. True: something changed. *ret_next_us: when to ask again;
 * UINT64_MAX: no need to. */
bool gs_health_tick(struct gs_health *health, const struct gs_health_rules *rules, uint64_t now_us,
                    uint64_t *ret_next_us);

/* Why a slice or GPU is not well, by the first event that still counts; NULL: it is. A whole GPU
 * that is sick makes its slices sick, and a sick slice its whole GPU where that is asked for (it is
 * one device then). */
const struct gs_sick *gs_health_of(const struct gs_health *health, const struct gs_slice_id *slice);

/* "instance 5/0 of GPU 2: XID 48; unhealthy until ..."; for people. */
void gs_sick_format(const struct gs_health *health, const struct gs_health_rules *rules,
                    const struct gs_sick *sick, char *ret_text, size_t size);
