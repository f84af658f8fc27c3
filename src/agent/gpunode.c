#include "agent/gpunode.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "agent/gpunode_work.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "cluster/cluster_kube.h"
#include "wire/kubejson.h"

#define OBJECT_BYTES_MAX ((size_t)4 << 20)

enum {
    GATHER_US = 100 * 1000,       /* changes that come together are written together */
    BEAT_US = 45 * 1000 * 1000,   /* written anew although nothing has changed */
    LIMIT_US = 10 * 1000 * 1000,  /* of one write */
    SETTLE_US = 5 * 1000 * 1000,  /* until node.status shows what was cut */
    RETRY_FIRST_US = 1000 * 1000, /* after a write that failed */
    RETRY_MOST_US = 60 * 1000 * 1000,
    PATH_BYTES = 512
};

#define APPLY_PATCH "application/apply-patch+yaml"

/* ---- When ---- */

static void turn(struct gs_agentnode *node);

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_agentnode *node = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    node->timer = NULL;
    node->timer_us = UINT64_MAX;
    turn(node);
    return 0;
}

/* The earliest of what was asked for counts. */
static void turn_at(struct gs_agentnode *node, uint64_t at_us)
{
    if (node->timer != NULL && node->timer_us <= at_us) {
        return;
    }
    sd_event_source_disable_unref(node->timer);
    node->timer = NULL;
    node->timer_us = UINT64_MAX;
    if (sd_event_add_time(node->agent->event, &node->timer, CLOCK_MONOTONIC, at_us, 1000, on_timer,
                          node) >= 0) {
        node->timer_us = at_us;
    } else {
        node->timer = NULL;
    }
}

void gs_agentnode_touch(struct gs_agentnode *node, bool at_once)
{
    node->dirty = true;
    if (node->tries == 0) { /* else a retry is due */
        turn_at(node, gs_now_us() + (at_once ? 0 : GATHER_US));
    }
}

static int on_unsettled(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_agentnode *node = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    node->settle = NULL;
    gs_agentnode_settled(node); /* the controller counts by node.status itself */
    return 0;
}

void gs_agentnode_await_settled(struct gs_agentnode *node)
{
    bool any = false;
    for (unsigned i = 0; i < node->n_gpus; i++) {
        any = any || node->gpus[i].carried_out;
    }
    sd_event_source_disable_unref(node->settle);
    node->settle = NULL;
    if (any && sd_event_add_time_relative(node->agent->event, &node->settle, CLOCK_MONOTONIC,
                                          SETTLE_US, 1000, on_unsettled, node) < 0) {
        node->settle = NULL;
        gs_agentnode_settled(node);
    }
}

/* ---- What the server says ---- */

/* A GpuNode that cannot be read is as if it said nothing: the schema keeps such ones out. */
static int take_object(struct gs_agentnode *node, const json_t *json, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_gpunode object;
    gs_arena_init(&arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = gs_gpunode_parse(json, &arena, &object, err);
    if (r == 0) {
        gs_agentnode_look(node);
        gs_agentnode_take(node, &object);
    }
    gs_arena_done(&arena);
    return r;
}

static int on_object(void *ctx, const json_t *json, bool gone, struct gs_err *err)
{
    struct gs_agentnode *node = ctx;
    if (gone) {
        node->there = false; /* somebody removed it, or the garbage collector with an old node */
        gs_agentnode_touch(node, false);
        return 0;
    }
    node->listed = true;
    int r = take_object(node, json, err);
    if (r == 0) {
        gs_agentnode_heed(node);
    }
    return r;
}

static void on_listing(void *ctx)
{
    struct gs_agentnode *node = ctx;
    node->listed = false;
}

/* What is not in the list was removed while nobody watched. */
static void on_listed(void *ctx)
{
    struct gs_agentnode *node = ctx;
    if (!node->listed) {
        node->there = false;
        gs_agentnode_touch(node, false);
    }
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct gs_agentnode *node = ctx;
    node->watched = reach->reachable;
    if (!reach->reachable) {
        gs_trouble_bad(&node->agent->troubles, GS_TROUBLE_GPUNODE, "NotWatched", reach->why->msg);
    } else if (node->tries == 0) {
        gs_trouble_good(&node->agent->troubles, GS_TROUBLE_GPUNODE);
    }
}

static void watch(struct gs_agentnode *node)
{
    char selector[PATH_BYTES];
    struct gs_err err;
    snprintf(selector, sizeof(selector), "fieldSelector=metadata.name%%3D%s",
             node->agent->node_name);
    const struct gs_kube_watch_options options = {.path = GS_GPUNODE_PATH,
                                                  .selector = selector,
                                                  .kind = "GpuNode",
                                                  .listing = on_listing,
                                                  .listed = on_listed,
                                                  .object = on_object,
                                                  .reach = on_reach,
                                                  .ctx = node};
    if (gs_kube_watch_begin(node->kube, &options, &node->watch, &err) < 0) {
        node->watch = NULL;
        gs_log_error("watching the GpuNode: %s", err.msg);
    }
}

/* ---- Writing ---- */

static void say_failed(struct gs_agentnode *node, int result, const struct gs_err *err)
{
    char text[1000]; /* the trouble keeps what fits */
    bool forbidden = result == GS_IO && (err->sys_errno == EPERM || err->sys_errno == EACCES);
    if (!node->there && result == GS_NOT_FOUND) {
        snprintf(text, sizeof(text),
                 "the cluster has no GpuNodes: apply deploy/crds/gpunodes.yaml, or install the "
                 "chart, if gpuslice-controller is to cut this node (%s)",
                 err->msg);
    } else {
        snprintf(text, sizeof(text), "%s%s", err->msg,
                 forbidden ? "; deploy/rbac-agent.yaml has the rights that it needs" : "");
    }
    gs_trouble_bad(&node->agent->troubles, GS_TROUBLE_GPUNODE,
                   !node->there && result == GS_NOT_FOUND ? "NotInstalled"
                   : forbidden                            ? "Forbidden"
                                                          : "NotWritten",
                   text);
}

static void retry_later(struct gs_agentnode *node, int result, const struct gs_err *err)
{
    if (node->there && result == GS_NOT_FOUND) {
        node->there = false; /* it was removed, and the watch has not said so yet */
    } else {
        say_failed(node, result, err);
    }
    node->dirty = true;
    turn_at(node, gs_now_us() +
                      gs_kube_backoff(node->kube, node->tries++, RETRY_FIRST_US, RETRY_MOST_US));
}

static void on_written(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_agentnode *node = ctx;
    (void)answer;
    (void)status;
    node->call = NULL;
    if (result < 0) {
        retry_later(node, result, err);
        return;
    }
    node->tries = 0;
    node->written_print = node->sent_print;
    node->written_us = gs_now_us();
    if (node->watched) {
        gs_trouble_good(&node->agent->troubles, GS_TROUBLE_GPUNODE);
    }
    turn_at(node, node->dirty ? node->written_us : node->written_us + BEAT_US);
}

static void on_created(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_agentnode *node = ctx;
    struct gs_err ours = {.code = GS_OK};
    (void)status;
    node->call = NULL;
    if (result == 0) {
        GS_AUTO_JSON json = json_loadb(answer->body.p, answer->body.n, GS_KUBEJSON_LOAD, NULL);
        result = take_object(node, json, &ours);
        err = &ours;
    }
    if (result < 0) {
        retry_later(node, result, err);
        return;
    }
    node->tries = 0;
    node->there = true;
    node->dirty = true;
    node->written_us = 0; /* whatever was written before, this object does not have it */
    if (node->watch == NULL) {
        watch(node);
    }
    turn(node);
}

typedef void call_done(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err);

static int apply(struct gs_agentnode *node, const char *below, const struct gs_gpunode *object,
                 call_done *done, struct gs_err *err)
{
    char path[PATH_BYTES];
    struct gs_buf body;
    gs_buf_init(&body, OBJECT_BYTES_MAX);
    int r = gs_gpunode_write_status(object, &body, err);
    snprintf(path, sizeof(path), GS_GPUNODE_PATH "/%s%s?fieldManager=gpuslice-agent&force=true",
             node->agent->node_name, below);
    const struct gs_kube_request request = {
        .method = "PATCH",
        .path = path,
        .type = APPLY_PATCH,
        .body = {.p = gs_buf_text(&body), .n = body.len},
        .limit_us = LIMIT_US,
        .done = done,
        .ctx = node,
    };
    r = r < 0 ? r : gs_kube_begin(node->kube, &request, &node->call, err);
    gs_buf_done(&body);
    return r;
}

/* The object, owned by the node; its status stays as it is, and comes back. */
static int create(struct gs_agentnode *node, struct gs_err *err)
{
    const struct gs_gpunode object = {.name = node->agent->node_name, .node_uid = node->node_uid};
    return apply(node, "", &object, on_created, err);
}

/* What it would say, but for the moment. */
static int print_of(const struct gs_gpunode *object, uint64_t *ret, struct gs_err *err)
{
    struct gs_buf body;
    struct gs_gpunode timeless = *object;
    timeless.seen_us = 0;
    gs_buf_init(&body, OBJECT_BYTES_MAX);
    int r = gs_gpunode_write_status(&timeless, &body, err);
    *ret = gs_hash64_bytes_on(GS_HASH64_EMPTY, gs_buf_text(&body), body.len);
    gs_buf_done(&body);
    return r;
}

static int write_status(struct gs_agentnode *node, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_gpunode object;
    uint64_t print = 0;
    gs_arena_init(&arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    gs_agentnode_look(node);
    int r = gs_agentnode_make(node, gs_date_us(), &arena, &object, err);
    r = r < 0 ? r : print_of(&object, &print, err);
    uint64_t next_us = node->written_us + BEAT_US;
    bool written = node->written_us != 0 && gs_now_us() < next_us;
    node->dirty = false;
    if (r == 0 && written && print == node->written_print) {
        turn_at(node, next_us);
    } else if (r == 0) {
        node->sent_print = print;
        r = apply(node, "/status", &object, on_written, err);
    }
    gs_arena_done(&arena);
    return r;
}

static void turn(struct gs_agentnode *node)
{
    struct gs_err err;
    if (node->call != NULL || node->node_uid[0] == '\0' ||
        gs_offering_box(node->agent->offering) == NULL) {
        return;
    }
    int r = node->there ? write_status(node, &err) : create(node, &err);
    if (r < 0) {
        retry_later(node, r, &err);
    }
}

/* ---- What happens ---- */

void gs_agentnode_node(struct gs_agentnode *node, const char *uid)
{
    if (node == NULL || strcmp(node->node_uid, uid == NULL ? "" : uid) == 0) {
        return;
    }
    snprintf(node->node_uid, sizeof(node->node_uid), "%s", uid == NULL ? "" : uid);
    node->there = false; /* another node of the same name owns it */
    gs_agentnode_touch(node, true);
}

void gs_agentnode_update(struct gs_agentnode *node)
{
    if (node != NULL) {
        gs_agentnode_look(node);
        gs_agentnode_touch(node, false);
        gs_agentnode_heed(node);
    }
}

void gs_agentnode_found(struct gs_agentnode *node)
{
    if (node != NULL) {
        node->n_found++;
        gs_agentnode_update(node);
    }
}

void gs_agentnode_granted(struct gs_agentnode *node)
{
    if (node != NULL) {
        gs_agentnode_update(node);
        gs_monitor_now(node->agent->monitor); /* who it is */
    }
}

/* A pod came or went. */
static int on_pods(sd_event_source *source, const struct inotify_event *event, void *ctx)
{
    struct gs_agentnode *node = ctx;
    (void)source;
    (void)event;
    if (node->agent->monitor != NULL) {
        gs_monitor_now(node->agent->monitor);
    }
    return 0;
}

/* Without it holders are seen at the readings of the monitor, which come anyway. */
static void watch_pods(struct gs_agentnode *node)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/pods", node->agent->config->kubelet_root);
    int r = sd_event_add_inotify(node->agent->event, &node->pods, path,
                                 IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR, on_pods, node);
    if (r < 0) {
        node->pods = NULL;
        gs_log_debug("%s cannot be watched: %s", path, strerror(-r));
    }
}

int gs_agentnode_new(struct gs_agent *agent, struct gs_agentnode **ret, struct gs_err *err)
{
    struct gs_kube *kube = gs_cluster_kube_of(&agent->cluster);
    *ret = NULL;
    if (kube == NULL) {
        return 0;
    }
    struct gs_agentnode *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the GpuNode");
    }
    node->agent = agent;
    node->kube = kube;
    node->timer_us = UINT64_MAX;
    gs_arena_init(&node->spec_arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    watch_pods(node);
    *ret = node;
    return 0;
}

void gs_agentnode_free(struct gs_agentnode *node)
{
    if (node == NULL) {
        return;
    }
    if (node->call != NULL) {
        gs_kube_cancel(node->call);
    }
    gs_kube_watch_end(node->watch);
    sd_event_source_disable_unref(node->timer);
    sd_event_source_disable_unref(node->settle);
    sd_event_source_disable_unref(node->pods);
    gs_arena_done(&node->spec_arena);
    free(node);
}
