/* One node, watched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/kube_call.h"
#include "cluster/kube_decode.h"
#include "cluster/kube_watch.h"
#include "wire/kubewatch.h"

enum { SELECTOR_MAX = 512, NODE_BYTES_MAX = 16 << 20 };

struct gs_cluster_watch {
    struct gs_cluster_watch *prev;
    struct gs_cluster_watch *next;
    struct gs_cluster_kube *cluster;
    struct gs_kube_watch *watch;
    struct gs_cluster_node_sink sink;
    char version[GS_KUBEWATCH_VERSION_MAX]; /* that the sink knows; "": it knows of no node */
    bool told;                              /* the sink knows whether there is one */
    bool listed;                            /* the list that runs has shown it */
    bool inside;                            /* the sink's functions are on the stack */
    bool dead;
};

static void free_watch(struct gs_cluster_watch *watch)
{
    *(watch->prev == NULL ? &watch->cluster->watches : &watch->prev->next) = watch->next;
    if (watch->next != NULL) {
        watch->next->prev = watch->prev;
    }
    gs_kube_watch_end(watch->watch);
    free(watch);
}

void gs_kube_unwatch(void *impl, struct gs_cluster_watch *watch)
{
    (void)impl;
    watch->dead = true;
    if (!watch->inside) {
        free_watch(watch);
    }
}

/* The sink's functions are left; they may have ended the watch. */
static void leave(struct gs_cluster_watch *watch)
{
    watch->inside = false;
    if (watch->dead) {
        free_watch(watch);
    }
}

static void tell(struct gs_cluster_watch *watch, const struct gs_cluster_node *node)
{
    const char *version = node == NULL ? "" : node->resource_version;
    if (watch->told && (node == NULL || version[0] != '\0') &&
        strcmp(watch->version, version) == 0) {
        return; /* a new list shows what is known */
    }
    size_t n = strlen(version);
    n = n < sizeof(watch->version) ? n : 0;
    memcpy(watch->version, version, n);
    watch->version[n] = '\0';
    watch->told = true;
    watch->inside = true;
    watch->sink.node(watch->sink.ctx, node);
}

static void on_listing(void *ctx)
{
    struct gs_cluster_watch *watch = ctx;
    watch->listed = false;
}

static void on_listed(void *ctx)
{
    struct gs_cluster_watch *watch = ctx;
    if (!watch->listed) {
        tell(watch, NULL);
        leave(watch);
    }
}

static int on_object(void *ctx, const struct json_t *object, bool gone, struct gs_err *err)
{
    struct gs_cluster_watch *watch = ctx;
    struct gs_cluster_node node;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, NODE_BYTES_MAX);
    int r = gs_kube_decode_node(object, &arena, &node, err);
    if (r == 0) {
        watch->listed = true;
        tell(watch, gone ? NULL : &node);
        leave(watch);
    }
    gs_arena_done(&arena);
    return r;
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct gs_cluster_watch *watch = ctx;
    watch->inside = true;
    watch->sink.reach(watch->sink.ctx, reach);
    leave(watch);
}

int gs_kube_watch_node(void *impl, const char *name, const struct gs_cluster_node_sink *sink,
                       struct gs_cluster_watch **ret_watch, struct gs_err *err)
{
    char selector[SELECTOR_MAX];
    struct gs_cluster_kube *cluster = impl;
    struct gs_cluster_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return gs_cluster_no_memory(err);
    }
    snprintf(selector, sizeof(selector), "fieldSelector=metadata.name%%3D%s", name);
    const struct gs_kube_watch_options options = {
        .path = "/api/v1/nodes",
        .selector = selector,
        .kind = "Node",
        .listing = on_listing,
        .listed = on_listed,
        .object = on_object,
        .reach = on_reach,
        .ctx = watch,
    };
    watch->cluster = cluster;
    watch->sink = *sink;
    int r = gs_kube_watch_begin(cluster->kube, &options, &watch->watch, err);
    if (r != 0) {
        free(watch);
        return r;
    }
    watch->next = cluster->watches;
    if (watch->next != NULL) {
        watch->next->prev = watch;
    }
    cluster->watches = watch;
    *ret_watch = watch;
    return 0;
}
