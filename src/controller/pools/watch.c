/* Lists and watches of SlicePools and of Karpenter's kinds. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "controller/pools/work.h"
#include "wire/kubeevent.h"

#define OURS "labelSelector=gpuslice.dev%2Fslicepool"
#define NO_CAPACITY "fieldSelector=reason%3DInsufficientCapacityError%2Cregarding.kind%3DNodeClaim"
enum { PAGE = 250 };

static const struct source {
    const char *kind;
    const char *path;
    const char *selector;
} sources[GS_POOLS_KINDS] = {
    [GS_POOLS_SLICEPOOLS] = {"SlicePool", GS_SLICEPOOL_PATH, ""},
    [GS_POOLS_NODEPOOLS] = {"NodePool", GS_KARPENTER_POOLS_PATH, OURS},
    [GS_POOLS_OVERLAYS] = {"NodeOverlay", GS_KARPENTER_OVERLAYS_PATH, ""},
    [GS_POOLS_CLAIMS] = {"NodeClaim", GS_KARPENTER_CLAIMS_PATH, OURS},
    [GS_POOLS_EVENTS] = {"Event", GS_KUBEEVENT_PATH, NO_CAPACITY},
};

static void on_listing(void *ctx)
{
    const struct gs_pools_stream *stream = ctx;
    struct gs_pools *pools = stream->pools;
    size_t at = 0;
    for (struct gs_pools_owner *one; (one = gs_map_next(&pools->owners, &at)) != NULL;) {
        one->seen = one->seen && stream->kind != GS_POOLS_SLICEPOOLS;
    }
    at = 0;
    for (struct gs_pools_part *one; (one = gs_map_next(&pools->parts, &at)) != NULL;) {
        one->pool_seen = one->pool_seen && stream->kind != GS_POOLS_NODEPOOLS;
        one->overlay_seen = one->overlay_seen && stream->kind != GS_POOLS_OVERLAYS;
    }
    at = 0;
    for (struct gs_pools_claim *one; (one = gs_map_next(&pools->claims, &at)) != NULL;) {
        one->seen = one->seen && stream->kind != GS_POOLS_CLAIMS;
    }
}

/* One that was not in the list; NULL: none. Taking it out ends a walk, so that one begins anew. */
static struct gs_pools_owner *unseen_owner(const struct gs_pools *pools)
{
    size_t at = 0;
    struct gs_pools_owner *one;
    while ((one = gs_map_next(&pools->owners, &at)) != NULL && one->seen) {
    }
    return one;
}

static struct gs_pools_claim *unseen_claim(const struct gs_pools *pools)
{
    size_t at = 0;
    struct gs_pools_claim *one;
    while ((one = gs_map_next(&pools->claims, &at)) != NULL && one->seen) {
    }
    return one;
}

static struct gs_pools_part *unseen_part(const struct gs_pools *pools, bool overlay)
{
    size_t at = 0;
    struct gs_pools_part *one;
    while ((one = gs_map_next(&pools->parts, &at)) != NULL &&
           (overlay ? one->overlay_seen || one->overlay == NULL
                    : one->pool_seen || one->pool == NULL)) {
    }
    return one;
}

static void drop_unseen_parts(struct gs_pools *pools, bool overlay)
{
    for (struct gs_pools_part *part; (part = unseen_part(pools, overlay)) != NULL;) {
        json_t **object = overlay ? &part->overlay : &part->pool;
        json_decref(*object);
        *object = NULL;
        if (overlay) {
            part->overlay_weight = 0;
            part->valid.current = false;
        }
        gs_pools_forget_part(pools, part);
    }
}

static void on_listed(void *ctx)
{
    struct gs_pools_stream *stream = ctx;
    struct gs_pools *pools = stream->pools;
    stream->listed = true;
    stream->heard = true;
    switch (stream->kind) {
    case GS_POOLS_SLICEPOOLS:
        for (struct gs_pools_owner *one; (one = unseen_owner(pools)) != NULL;) {
            gs_pools_forget_owner(pools, one->pool.name);
        }
        break;
    case GS_POOLS_CLAIMS:
        for (struct gs_pools_claim *one; (one = unseen_claim(pools)) != NULL;) {
            gs_pools_forget_claim(pools, one, false);
        }
        break;
    case GS_POOLS_NODEPOOLS:
    case GS_POOLS_OVERLAYS:
        drop_unseen_parts(pools, stream->kind == GS_POOLS_OVERLAYS);
        break;
    case GS_POOLS_EVENTS:
    case GS_POOLS_KINDS:
        break;
    }
    pools->options.changed(pools->options.ctx);
}

static int on_object(void *ctx, const struct json_t *object, bool gone, struct gs_err *err)
{
    struct gs_pools_stream *stream = ctx;
    struct gs_pools *pools = stream->pools;
    int r = gs_pools_take(pools, stream->kind, object, gone, err);
    if (r == GS_INVALID || r == GS_LIMIT) {
        gs_log_warning("a %s is left out: %s", sources[stream->kind].kind, err->msg);
        r = 0;
    }
    if (stream->listed) {
        pools->options.changed(pools->options.ctx);
    }
    return r;
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct gs_pools_stream *stream = ctx;
    const char *kind = sources[stream->kind].kind;
    stream->reachable = reach->reachable;
    stream->heard = stream->heard || !reach->reachable;
    if (reach->reachable) {
        gs_log_info("%s objects are watched", kind);
        return;
    }
    snprintf(stream->why, sizeof(stream->why), "%s objects cannot be watched: %.500s", kind,
             reach->why->msg);
    gs_log_warning("%s", stream->why);
    stream->pools->options.changed(stream->pools->options.ctx);
}

int gs_pools_watch(struct gs_pools *pools, struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < GS_POOLS_KINDS; i++) {
        struct gs_pools_stream *stream = &pools->streams[i];
        *stream = (struct gs_pools_stream){.pools = pools, .kind = (enum gs_pools_kind)i};
        snprintf(stream->why, sizeof(stream->why), "%s objects were not listed yet",
                 sources[i].kind);
        const struct gs_kube_watch_options options = {
            .path = sources[i].path,
            .selector = sources[i].selector,
            .kind = sources[i].kind,
            .page = PAGE,
            .listing = on_listing,
            .listed = on_listed,
            .object = on_object,
            .reach = on_reach,
            .ctx = stream,
        };
        r = gs_kube_watch_begin(pools->options.kube, &options, &stream->watch, err);
    }
    return r;
}

void gs_pools_unwatch(struct gs_pools *pools)
{
    for (unsigned i = 0; i < GS_POOLS_KINDS; i++) {
        gs_kube_watch_end(pools->streams[i].watch);
    }
    gs_pools_forget_all(pools);
}

bool gs_pools_are_settled(const struct gs_pools *pools)
{
    bool settled = true;
    for (unsigned i = 0; i < GS_POOLS_NEEDED; i++) {
        settled = settled && pools->streams[i].heard;
    }
    return settled;
}

bool gs_pools_are_whole(const struct gs_pools *pools, bool overlays)
{
    bool whole = true;
    for (unsigned i = 0; i < GS_POOLS_NEEDED; i++) {
        bool needed = overlays || i != GS_POOLS_OVERLAYS;
        whole = whole && (!needed || (pools->streams[i].listed && pools->streams[i].reachable));
    }
    return whole;
}
