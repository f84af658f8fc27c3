#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/log.h"
#include "controller/pools/work.h"

#define BODY_BYTES_MAX ((size_t)1 << 20)
enum { READY, OPEN, STARTS, CAPACITY, WARM };
static const char *const types[GS_POOLS_CONDITIONS] = {[READY] = "Ready",
                                                       [OPEN] = "Open",
                                                       [STARTS] = "NodesStart",
                                                       [CAPACITY] = "Capacity",
                                                       [WARM] = "Warm"};

static void say(struct gs_pools *pools, struct gs_pools_owner *owner, unsigned which, bool is_true,
                const char *reason, const char *message)
{
    struct gs_pools_said *said = &owner->said[which];
    if (said->since_us == 0 || said->is_true != is_true) {
        said->since_us = pools->real_us;
    }
    said->is_true = is_true;
    snprintf(said->reason, sizeof(said->reason), "%s", reason);
    snprintf(said->message, sizeof(said->message), "%s", message);
}

/* ---- Ready: all that it asks for can be done ---- */

static const struct gs_pools_stream *unreachable(const struct gs_pools *pools,
                                                 const struct gs_pools_owner *owner)
{
    for (unsigned i = 0; i < GS_POOLS_NEEDED; i++) {
        if (i == GS_POOLS_OVERLAYS && owner->pool.scaling == GS_SLICEPOOL_STATIC) {
            continue;
        }
        if (!pools->streams[i].listed || !pools->streams[i].reachable) {
            return &pools->streams[i];
        }
    }
    return NULL;
}

/* The first part that Karpenter cannot work with; false: none. */
static bool say_refused(struct gs_pools *pools, struct gs_pools_owner *owner,
                        struct gs_pools_part *const *parts, size_t n)
{
    const struct gs_slicepool_class *class = &owner->pool.node_class;
    char text[GS_POOLS_TEXT_MAX];
    for (size_t i = 0; i < n; i++) {
        struct gs_pools_part *part = parts[i];
        const char *reason = "NodePoolNotReady";
        if (part->overlay != NULL && part->valid.current && !part->valid.is_true &&
            part->valid.reason[0] != '\0') {
            reason = "NodeOverlayRefused";
            snprintf(text, sizeof(text), "NodeOverlay %s: %s: %s", part->name, part->valid.reason,
                     part->valid.message);
        } else if (gs_pools_is_refused(part)) {
            snprintf(text, sizeof(text), "NodePool %s: %s", part->name, gs_pools_why_refused(part));
        } else if (gs_pools_is_unseen(pools, part)) {
            snprintf(text, sizeof(text),
                     "NodePool %s: Karpenter has not looked at it: does it run, and does it know "
                     "the kind of spec.nodeClassRef, %.63s of %.253s?",
                     part->name, class->kind, class->group);
        } else {
            continue;
        }
        say(pools, owner, READY, false, reason, text);
        return true;
    }
    return false;
}

static void say_ready(struct gs_pools *pools, struct gs_pools_owner *owner,
                      struct gs_pools_part *const *parts, size_t n)
{
    char text[GS_POOLS_TEXT_MAX];
    const struct gs_pools_stream *stream = unreachable(pools, owner);
    if (owner->unread[0] != '\0') {
        say(pools, owner, READY, false, "SpecNotUnderstood", owner->unread);
    } else if (stream != NULL) {
        say(pools, owner, READY, false, "KarpenterNotThere", stream->why);
    } else if (gs_pools_too_old(pools, owner) != NULL) {
        const struct gs_pools_karpenter *old = gs_pools_too_old(pools, owner);
        snprintf(
            text, sizeof(text),
            "Karpenter %s (pod %.300s) buys from NodePools that are closed, whole GPUs and "
            "beyond the limits: expected 1.11 or newer, or scaling: static; no NodePool is made "
            "meanwhile",
            old->version.text, old->pod);
        say(pools, owner, READY, false, "KarpenterTooOld", text);
    } else if (owner->unmade[0] != '\0') {
        snprintf(text, sizeof(text), "spec.profiles: %.500s%s%.300s", owner->unmade,
                 owner->left_out[0] == '\0' ? "" : ". ", owner->left_out);
        say(pools, owner, READY, false, "ProfilesLeftOut", text);
    } else if (owner->left_out[0] != '\0') {
        say(pools, owner, READY, false, "InstanceTypesLeftOut", owner->left_out);
    } else if (owner->refused != NULL) {
        snprintf(text, sizeof(text), "NodePool %s: %s", owner->refused->name,
                 gs_pools_why_refused(owner->refused));
        say(pools, owner, READY, false, "NodeClassNotReady", text);
    } else if (!say_refused(pools, owner, parts, n)) {
        say(pools, owner, READY, true, "AllUnderstood", "");
    }
}

/* ---- Open, NodesStart ---- */

static void say_open(struct gs_pools *pools, struct gs_pools_owner *owner,
                     struct gs_pools_part *const *parts, size_t n)
{
    char limits[GS_KARPENTER_LIMITS_MAX];
    char text[GS_POOLS_TEXT_MAX];
    uint32_t nodes = 0;
    for (unsigned i = 0; i < owner->n_offers; i++) {
        nodes = owner->offers[i].max_nodes > nodes ? owner->offers[i].max_nodes : nodes;
    }
    for (size_t i = 0; i < n; i++) {
        if (parts[i]->planned > 0 && parts[i]->closed[0] != '\0' && parts[i]->pool != NULL &&
            nodes > 0) {
            snprintf(text, sizeof(text), "NodePool %s: %s", parts[i]->name, parts[i]->closed);
            say(pools, owner, OPEN, false, "PoolClosed", text);
            return;
        }
    }
    if (nodes > 0) {
        bool all = !gs_pools_say_short(owner, parts, n, limits);
        snprintf(text, sizeof(text), "but not for all that waits: %s", limits);
        if (all) {
            gs_pools_say_futile(pools, owner, text, sizeof(text));
        }
        say(pools, owner, OPEN, true, all ? "WithinLimits" : "LimitsNear", text);
    } else if (owner->unread[0] != '\0') {
        say(pools, owner, OPEN, false, "SpecNotUnderstood",
            "its spec cannot be read, so no node is bought: see Ready");
    } else if (owner->refused != NULL) {
        say(pools, owner, OPEN, false, "NodeClassNotReady", gs_pools_why_refused(owner->refused));
    } else if (owner->n_offers == 0) {
        say(pools, owner, OPEN, false, "NothingToBuy",
            "there is no instance type to buy: see Ready");
    } else if (owner->pool.deleting) {
        say(pools, owner, OPEN, false, "Deleting", "it is being deleted");
    } else if (!gs_pools_serve(pools, owner)) {
        say(pools, owner, OPEN, false, owner->said[READY].reason,
            "no node can be bought: see Ready");
    } else if (gs_pools_say_spent(owner, parts, n, limits)) {
        say(pools, owner, OPEN, false, "LimitsReached", limits);
    } else {
        say(pools, owner, OPEN, false, "NodesDoNotStart",
            "its nodes do not start, and it rests before the next try: see NodesStart");
    }
}

static void say_starts(struct gs_pools *pools, struct gs_pools_owner *owner,
                       struct gs_pools_part *const *parts, size_t n)
{
    const struct gs_pools_part *worst = NULL;
    uint64_t lost_uusd = 0;
    for (size_t i = 0; i < n; i++) {
        lost_uusd += parts[i]->record.lost_uusd;
        if (parts[i]->record.failed_starts > (worst == NULL ? 0 : worst->record.failed_starts)) {
            worst = parts[i];
        }
    }
    char usd[GS_SLICEPOOL_USD_MAX];
    char text[GS_POOLS_TEXT_MAX];
    gs_slicepool_usd_format(lost_uusd, usd);
    if (worst == NULL) {
        snprintf(text, sizeof(text), "%s%s%s",
                 lost_uusd == 0 ? "" : "failed starts have cost about ", lost_uusd == 0 ? "" : usd,
                 lost_uusd == 0 ? "" : " USD");
        say(pools, owner, STARTS, true, "NodesStart", text);
        return;
    }
    snprintf(text, sizeof(text),
             "NodePool %s: %" PRIu32 " starts in a row have failed; failed starts have cost about "
             "%s USD at the price on demand. See the Events of its NodeClaims%s",
             worst->name, worst->record.failed_starts, usd,
             worst->record.failed_starts >= 3
                 ? "; it is closed for a while and then tried with one "
                   "node"
                 : "");
    say(pools, owner, STARTS, false,
        worst->record.failed_starts >= 3 ? "ThreeStartsFailed" : "StartFailed", text);
}

/* ---- Capacity ---- */

static void say_capacity(struct gs_pools *pools, struct gs_pools_owner *owner,
                         struct gs_pools_part *const *parts, size_t n)
{
    char text[GS_POOLS_TEXT_MAX];
    if (!gs_pools_say_scarce(pools, owner, parts, n, text)) {
        say(pools, owner, CAPACITY, true, "NothingMissing", "");
        return;
    }
    say(pools, owner, CAPACITY, false, "NoCapacity", text);
    if (owner->scarce_news && !owner->gathering) {
        owner->scarce_news = false;
        gs_pools_warn(pools, owner, "NoCapacity", "Buy", text);
    }
}

/* ---- Warm: only where slices are to be kept free ---- */

static void say_warm(struct gs_pools *pools, struct gs_pools_owner *owner,
                     struct gs_pools_part *const *parts, size_t n)
{
    char text[GS_POOLS_TEXT_MAX];
    bool coming;
    if (owner->pool.n_warm == 0 || owner->pool.deleting) {
        owner->said[WARM].since_us = 0;
    } else if (!gs_pools_say_cold(owner, parts, n, text, &coming)) {
        say(pools, owner, WARM, true, "AllThere", "");
    } else {
        say(pools, owner, WARM, false, coming ? "Coming" : "OutOfReach", text);
    }
}

/* ---- the object ---- */

static uint32_t hash_of(const struct gs_buf *text)
{
    return gs_hash_on(GS_HASH_EMPTY, gs_buf_text(text)) | 1u; /* 0 is none */
}

static int write_status(const struct gs_pools *pools, struct gs_pools_owner *owner,
                        struct gs_pools_part *const *parts, size_t n, struct gs_buf *out,
                        struct gs_err *err)
{
    struct gs_gpunode_condition conditions[GS_POOLS_CONDITIONS];
    struct gs_slicepool_part said[GS_KARPENTER_SHARES_MAX];
    struct gs_slicepool_status status = {.name = owner->pool.name,
                                         .observed_generation = owner->pool.generation,
                                         .conditions = conditions,
                                         .parts = said,
                                         .n_parts = (unsigned)n};
    if (pools->now_us >= pools->old_crd_until_us) {
        status.region = pools->region;
        status.controller = GS_VERSION;
    }
    for (unsigned i = 0; i < GS_POOLS_CONDITIONS; i++) {
        const struct gs_pools_said *is = &owner->said[i];
        if (is->since_us != 0) {
            conditions[status.n_conditions++] =
                (struct gs_gpunode_condition){.type = types[i],
                                              .is_true = is->is_true,
                                              .reason = is->reason,
                                              .message = is->message,
                                              .since_us = is->since_us};
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct gs_pools_part *part = parts[i];
        said[i] = (struct gs_slicepool_part){.name = part->name,
                                             .instance_type = part->kind.offer->name,
                                             .layout = part->kind.layout,
                                             .nodes = part->there,
                                             .open = part->closed[0] == '\0',
                                             .reason = part->closed};
        status.gpus += (uint64_t)part->there * part->kind.offer->gpus;
        status.uusd += part->there * part->kind.offer->price_uusd;
    }
    return gs_slicepool_write_status(&status, out, err);
}

void gs_pools_say(struct gs_pools *pools, struct gs_pools_owner *owner)
{
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    struct gs_err err;
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    size_t n = gs_pools_parts_of(pools, owner, parts);
    say_ready(pools, owner, parts, n);
    say_open(pools, owner, parts, n);
    say_starts(pools, owner, parts, n);
    say_capacity(pools, owner, parts, n);
    say_warm(pools, owner, parts, n);
    gs_buf_init(&body, BODY_BYTES_MAX);
    if (write_status(pools, owner, parts, n, &body, &err) != 0) {
        gs_log_warning("SlicePool %s: %s", owner->pool.name, err.msg);
        return;
    }
    uint32_t hash = hash_of(&body);
    if (hash != owner->written && !owner->writing && pools->now_us >= owner->retry_us) {
        owner->written = hash;
        gs_pools_send_status(pools, owner, &body);
    }
}
