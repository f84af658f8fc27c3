#include "picture/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cluster/kube_watch.h"

enum { PAGE = 500 };

static const struct source {
    const char *kind;
    const char *path;
} sources[GS_FEEDS] = {
    [GS_STORE_PODS] = {"Pod", "/api/v1/pods"},
    [GS_STORE_NODES] = {"Node", "/api/v1/nodes"},
    [GS_STORE_GPUNODES] = {"GpuNode", GS_GPUNODE_PATH},
};

struct stream {
    struct gs_feed *feed;
    enum gs_store_kind kind;
    struct gs_kube_watch *watch;
    struct gs_feed_state state;
};

struct gs_feed {
    struct gs_feed_options options;
    struct gs_feed_tap tap;
    struct stream streams[GS_FEEDS];
};

static uint64_t now_us(const struct gs_feed *feed)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(feed->options.kube), CLOCK_MONOTONIC, &at);
    return at;
}

static void on_listing(void *ctx)
{
    struct stream *stream = ctx;
    const struct gs_feed_tap *tap = &stream->feed->tap;
    gs_store_listing(stream->feed->options.store, stream->kind);
    if (tap->listing != NULL) {
        tap->listing(tap->ctx, stream->kind);
    }
}

static void on_listed(void *ctx)
{
    struct stream *stream = ctx;
    stream->state.listed = true;
    gs_store_listed(stream->feed->options.store, stream->kind);
    const struct gs_feed_tap *tap = &stream->feed->tap;
    if (tap->listed != NULL) {
        tap->listed(tap->ctx, stream->kind);
    }
    stream->feed->options.changed(stream->feed->options.ctx);
}

/* An object that cannot be read is left out, and said; the others count. */
static int on_object(void *ctx, const struct json_t *object, bool gone, struct gs_err *err)
{
    struct stream *stream = ctx;
    struct gs_feed *feed = stream->feed;
    struct gs_store *store = feed->options.store;
    int r = 0;
    stream->state.objects++;
    switch (stream->kind) {
    case GS_STORE_PODS:
        r = gs_store_pod(store, object, gone, now_us(feed), err);
        break;
    case GS_STORE_NODES:
        r = gs_store_node(store, object, gone, err);
        break;
    case GS_STORE_GPUNODES:
        r = gs_store_gpunode(store, object, gone, now_us(feed), err);
        break;
    }
    if (r == GS_INVALID || r == GS_LIMIT) {
        gs_log_warning("%s is left out: %s", stream->state.kind, err->msg);
        r = 0;
    }
    if (feed->tap.object != NULL) {
        feed->tap.object(feed->tap.ctx, stream->kind, object, gone);
    }
    if (store->changed && stream->state.listed) {
        feed->options.changed(feed->options.ctx);
    }
    return r;
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct stream *stream = ctx;
    stream->state.reachable = reach->reachable;
    stream->state.since_us = reach->since_us;
    stream->state.why = reach->reachable ? (struct gs_err){.code = GS_OK} : *reach->why;
    if (reach->reachable) {
        gs_log_info("%s objects are watched", stream->state.kind);
    } else {
        gs_log_warning("%s objects cannot be watched: %s", stream->state.kind, reach->why->msg);
    }
}

static int open_stream(struct gs_feed *feed, unsigned i, struct gs_err *err)
{
    struct stream *stream = &feed->streams[i];
    *stream = (struct stream){
        .feed = feed, .kind = (enum gs_store_kind)i, .state = {.kind = sources[i].kind}};
    const struct gs_kube_watch_options options = {
        .path = sources[i].path,
        .selector = "",
        .kind = sources[i].kind,
        .page = PAGE,
        .listing = on_listing,
        .listed = on_listed,
        .object = on_object,
        .reach = on_reach,
        .ctx = stream,
    };
    return gs_kube_watch_begin(feed->options.kube, &options, &stream->watch, err);
}

int gs_feed_new(const struct gs_feed_options *options, struct gs_feed **ret, struct gs_err *err)
{
    struct gs_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the watches");
    }
    feed->options = *options;
    feed->tap = options->tap == NULL ? (struct gs_feed_tap){.ctx = NULL} : *options->tap;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < GS_FEEDS; i++) {
        r = open_stream(feed, i, err);
    }
    if (r != 0) {
        gs_feed_free(feed);
        return r;
    }
    *ret = feed;
    return 0;
}

void gs_feed_free(struct gs_feed *feed)
{
    if (feed != NULL) {
        for (unsigned i = 0; i < GS_FEEDS; i++) {
            gs_kube_watch_end(feed->streams[i].watch);
        }
        free(feed);
    }
}

const struct gs_feed_state *gs_feed_state(const struct gs_feed *feed, unsigned i)
{
    return &feed->streams[i].state;
}

bool gs_feed_is_whole(const struct gs_feed *feed)
{
    bool whole = true;
    for (unsigned i = 0; i < GS_FEEDS; i++) {
        whole &= feed->streams[i].state.listed;
    }
    return whole;
}
