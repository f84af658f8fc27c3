/* kube_call: operations of the port under way at an API server. Of cluster_kube.c and its
 * neighbours only. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "cluster/cluster_ops.h"
#include "cluster/kube.h"
#include "cluster/kube_list.h"

enum { GS_KUBE_CALL_BYTES_MAX = 16 << 20 };

struct gs_cluster_kube {
    struct gs_kube *kube;
    struct gs_cluster_call *calls;
    struct gs_cluster_watch *watches;
};

/* Pods of one of the two lists of list_pods. */
struct gs_kube_pods {
    struct gs_arena arena;
    struct gs_cluster_pod *at;
    size_t n;
    size_t cap;
};

struct gs_cluster_call {
    struct gs_cluster_call *prev;
    struct gs_cluster_call *next;
    struct gs_cluster_kube *cluster;
    struct gs_arena arena;
    struct gs_kube_call *request; /* one of these two is under way, or none */
    struct gs_kube_list *list;
    const char *node;
    const char *key;   /* of the taint; the prefix of the resources */
    uint64_t end_us;   /* CLOCK_MONOTONIC */
    unsigned rounds;   /* of a change that raced with others */
    const char *event; /* the whole object as JSON */
    struct gs_kube_pods nominated;
    struct gs_kube_pods bound;
    gs_cluster_done *done;
    gs_cluster_node_done *node_done;
    gs_cluster_pods_done *pods_done;
    void *ctx;
};

/* A call that is in the cluster's list; `node` is copied. NULL: no memory. */
struct gs_cluster_call *gs_kube_call_new(struct gs_cluster_kube *cluster, const char *node,
                                         uint64_t limit_us, void *ctx);

/* Cancels what is under way and frees it. */
void gs_kube_call_free(struct gs_cluster_call *call);

/* Ends calls that have a gs_cluster_done, and frees them. */
void gs_kube_call_finish(struct gs_cluster_call *call, int result, const struct gs_err *err);

/* What is left of the call's limit, at least a microsecond. */
uint64_t gs_kube_call_left_us(const struct gs_cluster_call *call);

/* Gives the begun call to the caller, or frees it where beginning has failed with `r`. */
int gs_kube_call_begun(struct gs_cluster_call *call, int r, struct gs_cluster_call **ret_call);

/* As in cluster_ops.h. */
int gs_kube_remove_taint(void *impl, const char *node, const char *key, gs_cluster_done *done,
                         void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);
int gs_kube_list_pods(void *impl, const struct gs_cluster_pods_query *query,
                      gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                      struct gs_err *err);
int gs_kube_watch_node(void *impl, const char *name, const struct gs_cluster_node_sink *sink,
                       struct gs_cluster_watch **ret_watch, struct gs_err *err);
void gs_kube_unwatch(void *impl, struct gs_cluster_watch *watch);
