#include "node/health.h"

#include <stdio.h>
#include <string.h>

enum { SICK_MAX = GS_SNAPSHOT_SLICES_MAX + GS_GPUS_MAX, XID_DOUBLE_BIT_ECC = 48 };

/* What a program did wrong and not the GPU (nvidia-node-stack 1.1): graphics engine exception,
 * memory page fault, stopped processing, clean-up after other errors, video processor exception,
 * context switch time-out. */
static const uint64_t built_in[] = {13, 31, 43, 45, 68, 109};

/* ---- rules ---- */

static bool has(const uint64_t *xids, unsigned n, uint64_t xid)
{
    for (unsigned i = 0; i < n; i++) {
        if (xids[i] == xid) {
            return true;
        }
    }
    return false;
}

static void keep_xid(uint64_t *xids, unsigned *n, uint64_t xid)
{
    if (*n < GS_HEALTH_XIDS_MAX && !has(xids, *n, xid)) {
        xids[(*n)++] = xid;
    }
}

/* A comma list; with "all" or "xids" in it nothing else counts. */
static void read_xids(const char *text, uint64_t *xids, unsigned *n, bool *ret_all)
{
    struct gs_view rest = gs_view(text);
    *ret_all = false;
    while (rest.p != NULL) {
        struct gs_view item = gs_view_trim(gs_view_split(&rest, ','));
        uint64_t xid;
        if (gs_view_eq_nocase(item, "all") || gs_view_eq_nocase(item, "xids")) {
            *ret_all = true;
            *n = 0;
            return;
        }
        if (gs_view_is_u64(item, UINT64_MAX - 1, &xid)) {
            keep_xid(xids, n, xid);
        }
    }
}

void gs_health_rules_init(struct gs_health_rules *ret, const struct gs_agentconfig *config)
{
    *ret = (struct gs_health_rules){.n_disabled = 0};
    read_xids(config->health_disabled, ret->disabled, &ret->n_disabled, &ret->all_disabled);
    read_xids(config->health_enabled, ret->enabled, &ret->n_enabled, &ret->all_enabled);
    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
        keep_xid(ret->disabled, &ret->n_disabled, built_in[i]);
    }
    ret->recover_after_us =
        config->recover_after_s == 0 ? UINT64_MAX : config->recover_after_s * 1000000;
}

bool gs_health_ignores(const struct gs_health_rules *rules, uint64_t xid)
{
    if (rules->all_enabled || has(rules->enabled, rules->n_enabled, xid)) {
        return false;
    }
    return rules->all_disabled || has(rules->disabled, rules->n_disabled, xid);
}

/* Whether nothing at all is to be acted on but a GPU that is lost. */
static bool is_off(const struct gs_health_rules *rules)
{
    return rules->all_disabled && !rules->all_enabled && rules->n_enabled == 0;
}

/* ---- the sick ---- */

void gs_health_init(struct gs_health *health, const struct gs_alloc *source)
{
    *health = (struct gs_health){.source = source};
    for (unsigned g = 0; g < GS_GPUS_MAX; g++) {
        health->recovery[g] = GS_NOT_KNOWN;
    }
}

void gs_health_done(struct gs_health *health)
{
    if (health->sick != NULL) {
        health->source->put(health->source->ctx, health->sick, health->cap * sizeof(*health->sick));
    }
    health->sick = NULL;
    health->n = 0;
    health->cap = 0;
}

static bool make_room(struct gs_health *health)
{
    if (health->n < health->cap) {
        return true;
    }
    unsigned cap = health->cap == 0 ? 8 : health->cap * 2;
    if (health->n >= SICK_MAX) {
        return false;
    }
    struct gs_sick *wider = health->source->get(health->source->ctx, cap * sizeof(*wider));
    if (wider == NULL) {
        return false;
    }
    if (health->n > 0) {
        memcpy(wider, health->sick, health->n * sizeof(*wider));
    }
    unsigned n = health->n;
    gs_health_done(health);
    health->sick = wider;
    health->cap = cap;
    health->n = n;
    return true;
}

static void drop(struct gs_health *health, unsigned i)
{
    health->n--;
    memmove(&health->sick[i], &health->sick[i + 1], (health->n - i) * sizeof(*health->sick));
}

/* Whether some device becomes sick with it: all of a GPU do, unless the whole of it is sick. */
static bool is_well(const struct gs_health *health, const struct gs_slice_id *slice)
{
    for (unsigned i = 0; i < health->n; i++) {
        const struct gs_slice_id *sick = &health->sick[i].slice;
        if ((sick->gpu == slice->gpu && sick->gi == GS_NOT_KNOWN) || gs_slice_id_eq(sick, slice)) {
            return false;
        }
    }
    return true;
}

/* Makes one slice or GPU sick, or notes that it is so still. */
static int mark(struct gs_health *health, const struct gs_slice_id *slice,
                const struct gs_gpu_event *event, uint64_t now_us, bool *changed,
                struct gs_err *err)
{
    for (unsigned i = 0; i < health->n; i++) {
        struct gs_sick *sick = &health->sick[i];
        /* one entry a reason that ends in its own way */
        bool same = sick->kind == event->kind ||
                    (sick->kind != GS_GPU_EVENT_LOST && sick->kind != GS_GPU_EVENT_RECOVERY &&
                     event->kind != GS_GPU_EVENT_LOST && event->kind != GS_GPU_EVENT_RECOVERY);
        if (same && gs_slice_id_eq(&sick->slice, slice)) {
            sick->last_us = now_us > sick->last_us ? now_us : sick->last_us;
            return 0;
        }
    }
    bool was_well = is_well(health, slice);
    if (!make_room(health)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the health of GPU %u", slice->gpu);
    }
    health->sick[health->n++] = (struct gs_sick){
        .slice = *slice,
        .kind = event->kind,
        .data = event->data,
        .since_us = now_us,
        .last_us = now_us,
    };
    *changed = *changed || was_well;
    return 0;
}

static int mark_gpu(struct gs_health *health, const struct gs_snapshot_gpu *gpu,
                    const struct gs_gpu_event *event, uint64_t now_us, bool *changed,
                    struct gs_err *err)
{
    const struct gs_slice_id whole = {.gpu = gpu->facts.index,
                                      .gi = GS_NOT_KNOWN,
                                      .ci = GS_NOT_KNOWN,
                                      .generation = gpu->generation};
    return mark(health, &whole, event, now_us, changed, err);
}

/* The slices of one GPU that the event names. */
static int mark_slices(struct gs_health *health, const struct gs_snapshot *snapshot,
                       const struct gs_snapshot_gpu *gpu, const struct gs_gpu_event *event,
                       uint64_t now_us, bool *changed, struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < gpu->n; i++) {
        const struct gs_slice_id *id = &snapshot->slices[gpu->first + i].id;
        if (id->gi == event->gi && (event->ci == GS_NOT_KNOWN || event->ci == id->ci)) {
            r = mark(health, id, event, now_us, changed, err);
        }
    }
    return r;
}

/* Whether the event says that something is not well. */
static bool matters(const struct gs_health_rules *rules, const struct gs_gpu_event *event)
{
    switch (event->kind) {
    case GS_GPU_EVENT_XID:
        return !gs_health_ignores(rules, event->data);
    case GS_GPU_EVENT_ECC_DOUBLE:
        return !gs_health_ignores(rules, XID_DOUBLE_BIT_ECC);
    case GS_GPU_EVENT_RECOVERY:
        return event->data != GS_RECOVERY_NONE && !is_off(rules);
    case GS_GPU_EVENT_LOST:
        return true;
    case GS_GPU_EVENT_NONE:
    case GS_GPU_EVENT_ECC_SINGLE:
    case GS_GPU_EVENT_MIG_CHANGE:
        return false;
    }
    return false;
}

/* What monitoring shows as the last error, of the instance or of the whole GPU. */
static void note_xid(struct gs_health *health, const struct gs_gpu_event *event)
{
    if (event->kind != GS_GPU_EVENT_XID || event->gpu >= GS_GPUS_MAX) {
        return;
    }
    unsigned gi = event->gi < GS_GPU_INSTANCES_MAX ? event->gi : GS_GPU_INSTANCES_MAX;
    health->last_xid[event->gpu][gi] =
        event->data > UINT32_MAX ? UINT32_MAX : (uint32_t)event->data;
}

/* An instance that is gone takes its last error with it. */
static void forget_xids(struct gs_health *health, const struct gs_snapshot *snapshot)
{
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        uint32_t there = 0;
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            there |= snapshot->slices[i].id.gi < 32 ? 1u << snapshot->slices[i].id.gi : 0;
        }
        for (unsigned gi = 0; gi < GS_GPU_INSTANCES_MAX && gpu->facts.index < GS_GPUS_MAX; gi++) {
            if ((there >> gi & 1u) == 0) {
                health->last_xid[gpu->facts.index][gi] = 0;
            }
        }
    }
}

int gs_health_event(struct gs_health *health, const struct gs_snapshot *snapshot,
                    const struct gs_health_rules *rules, const struct gs_gpu_event *event,
                    uint64_t now_us, bool *ret_changed, struct gs_err *err)
{
    int r = 0;
    *ret_changed = false;
    note_xid(health, event);
    if (event->kind == GS_GPU_EVENT_RECOVERY && event->gpu < GS_GPUS_MAX) {
        health->recovery[event->gpu] =
            event->data > UINT32_MAX ? GS_NOT_KNOWN : (uint32_t)event->data;
    }
    for (unsigned g = 0; r == 0 && matters(rules, event) && g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        bool whole = event->gi == GS_NOT_KNOWN || event->kind == GS_GPU_EVENT_LOST ||
                     event->kind == GS_GPU_EVENT_RECOVERY;
        if (event->gpu != GS_NOT_KNOWN && event->gpu != gpu->facts.index) {
            continue;
        }
        r = whole ? mark_gpu(health, gpu, event, now_us, ret_changed, err)
                  : mark_slices(health, snapshot, gpu, event, now_us, ret_changed, err);
    }
    return r;
}

/* ---- and when they are well again ---- */

static bool is_there(const struct gs_snapshot *snapshot, const struct gs_sick *sick)
{
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        if (gpu->facts.index != sick->slice.gpu) {
            continue;
        }
        if (sick->slice.gi == GS_NOT_KNOWN) {
            return gpu->generation == sick->slice.generation &&
                   (sick->kind != GS_GPU_EVENT_LOST || gpu->lost);
        }
        for (unsigned i = 0; i < gpu->n; i++) {
            if (gs_slice_id_eq(&snapshot->slices[gpu->first + i].id, &sick->slice)) {
                return true;
            }
        }
    }
    return false;
}

bool gs_health_snapshot(struct gs_health *health, const struct gs_snapshot *snapshot)
{
    unsigned before = health->n;
    forget_xids(health, snapshot);
    for (unsigned i = health->n; i > 0; i--) {
        if (!is_there(snapshot, &health->sick[i - 1])) {
            drop(health, i - 1);
        }
    }
    return health->n != before;
}

int gs_health_recovery(struct gs_health *health, const struct gs_snapshot *snapshot,
                       const struct gs_health_rules *rules, unsigned gpu, uint32_t action,
                       uint64_t now_us, bool *ret_changed, struct gs_err *err)
{
    const struct gs_gpu_event event = {.kind = GS_GPU_EVENT_RECOVERY,
                                       .gpu = gpu,
                                       .gi = GS_NOT_KNOWN,
                                       .ci = GS_NOT_KNOWN,
                                       .data = action};
    *ret_changed = false;
    if (gpu >= GS_GPUS_MAX || action == GS_NOT_KNOWN) {
        if (gpu < GS_GPUS_MAX) {
            health->recovery[gpu] = action;
        }
        return 0;
    }
    for (unsigned i = health->n; action == GS_RECOVERY_NONE && i > 0; i--) {
        const struct gs_sick *sick = &health->sick[i - 1];
        if (sick->kind == GS_GPU_EVENT_RECOVERY && sick->slice.gpu == gpu) {
            drop(health, i - 1);
            *ret_changed = true;
        }
    }
    bool marked = false;
    int r = gs_health_event(health, snapshot, rules, &event, now_us, &marked, err);
    *ret_changed = *ret_changed || marked;
    return r;
}

/* The driver says that its GPU needs nothing done, and the event was none that only that ends. */
static bool ends_by_time(const struct gs_health *health, const struct gs_health_rules *rules,
                         const struct gs_sick *sick)
{
    return rules->recover_after_us != UINT64_MAX && sick->kind != GS_GPU_EVENT_LOST &&
           sick->kind != GS_GPU_EVENT_RECOVERY &&
           health->recovery[sick->slice.gpu] == GS_RECOVERY_NONE;
}

bool gs_health_tick(struct gs_health *health, const struct gs_health_rules *rules, uint64_t now_us,
                    uint64_t *ret_next_us)
{
    unsigned before = health->n;
    *ret_next_us = UINT64_MAX;
    for (unsigned i = health->n; i > 0; i--) {
        const struct gs_sick *sick = &health->sick[i - 1];
        if (!ends_by_time(health, rules, sick)) {
            continue;
        }
        uint64_t end_us = sick->last_us > UINT64_MAX - rules->recover_after_us
                              ? UINT64_MAX
                              : sick->last_us + rules->recover_after_us;
        if (end_us <= now_us) {
            drop(health, i - 1);
        } else if (end_us < *ret_next_us) {
            *ret_next_us = end_us;
        }
    }
    return health->n != before;
}

const struct gs_sick *gs_health_of(const struct gs_health *health, const struct gs_slice_id *slice)
{
    for (unsigned i = 0; i < health->n; i++) {
        const struct gs_slice_id *sick = &health->sick[i].slice;
        bool part =
            sick->gpu == slice->gpu && (sick->gi == GS_NOT_KNOWN || slice->gi == GS_NOT_KNOWN);
        if (part || gs_slice_id_eq(sick, slice)) {
            return &health->sick[i];
        }
    }
    return NULL;
}

/* ---- in words ---- */

static void format_cause(const struct gs_sick *sick, char *text, size_t size)
{
    static const char *const actions[] = {
        [GS_RECOVERY_NONE] = "nothing",
        [GS_RECOVERY_RESET] = "a reset of the GPU",
        [GS_RECOVERY_REBOOT] = "a reboot of the node",
        [GS_RECOVERY_DRAIN_P2P] = "its peer-to-peer traffic drained",
        [GS_RECOVERY_DRAIN_AND_RESET] = "the GPU drained and reset",
        [GS_RECOVERY_IMEX_DOMAIN] = "its IMEX domain restarted",
    };
    switch (sick->kind) {
    case GS_GPU_EVENT_LOST:
        snprintf(text, size, "it fell off the bus");
        return;
    case GS_GPU_EVENT_RECOVERY:
        if (sick->data < sizeof(actions) / sizeof(actions[0])) {
            snprintf(text, size, "the driver wants %s", actions[sick->data]);
        } else {
            snprintf(text, size, "the driver wants recovery action %llu",
                     (unsigned long long)sick->data);
        }
        return;
    case GS_GPU_EVENT_ECC_DOUBLE:
        snprintf(text, size, "an ECC error that could not be corrected");
        return;
    case GS_GPU_EVENT_XID:
    case GS_GPU_EVENT_NONE:
    case GS_GPU_EVENT_ECC_SINGLE:
    case GS_GPU_EVENT_MIG_CHANGE:
        snprintf(text, size, "XID %llu", (unsigned long long)sick->data);
        return;
    }
}

void gs_sick_format(const struct gs_health *health, const struct gs_health_rules *rules,
                    const struct gs_sick *sick, char *ret_text, size_t size)
{
    char cause[100];
    char who[80];
    char end[120] = "until the GPU is reset or the slice is made anew";
    format_cause(sick, cause, sizeof(cause));
    if (sick->slice.gi == GS_NOT_KNOWN) {
        snprintf(who, sizeof(who), "GPU %u", sick->slice.gpu);
    } else {
        snprintf(who, sizeof(who), "instance %u/%u of GPU %u", sick->slice.gi, sick->slice.ci,
                 sick->slice.gpu);
    }
    if (sick->kind == GS_GPU_EVENT_LOST) {
        snprintf(end, sizeof(end), "until it is there again");
    } else if (sick->kind == GS_GPU_EVENT_RECOVERY) {
        snprintf(end, sizeof(end), "until that is done");
    } else if (ends_by_time(health, rules, sick)) {
        snprintf(end, sizeof(end), "until %llu s without an event have passed",
                 (unsigned long long)(rules->recover_after_us / 1000000));
    } else if (sick->slice.gi == GS_NOT_KNOWN) {
        snprintf(end, sizeof(end), "until the GPU is reset");
    }
    snprintf(ret_text, size, "%s: %s; unhealthy %s", who, cause, end);
}
