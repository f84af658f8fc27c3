/* cluster_ops: what an implementation of the cluster gives. See cluster.h for the meaning of each.
 *
 * Arguments have been checked: names and keys are there and not empty. */
#pragma once

#include "base/arena.h"
#include "cluster/cluster.h"

struct gs_cluster_ops {
    const char *name; /* "kube" */
    void (*close)(void *impl);
    int (*get_node)(void *impl, const char *name, gs_cluster_node_done *done, void *ctx,
                    struct gs_cluster_call **ret_call, struct gs_err *err);
    int (*change_node)(void *impl, const struct gs_cluster_node_change *change,
                       gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                       struct gs_err *err);
    int (*change_status)(void *impl, const struct gs_cluster_status_change *change,
                         gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                         struct gs_err *err);
    int (*remove_taint)(void *impl, const char *node, const char *key, gs_cluster_done *done,
                        void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);
    int (*list_pods)(void *impl, const struct gs_cluster_pods_query *query,
                     gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                     struct gs_err *err);
    int (*post_event)(void *impl, const struct gs_cluster_event *event, gs_cluster_done *done,
                      void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);
    void (*cancel)(void *impl, struct gs_cluster_call *call);
    int (*watch_node)(void *impl, const char *name, const struct gs_cluster_node_sink *sink,
                      struct gs_cluster_watch **ret_watch, struct gs_err *err);
    void (*unwatch)(void *impl, struct gs_cluster_watch *watch);
};

/* Deep copies into the arena; fields that are NULL become "". GS_NO_MEMORY. */
int gs_cluster_node_copy(struct gs_arena *arena, const struct gs_cluster_node *node,
                         struct gs_cluster_node *ret, struct gs_err *err);
int gs_cluster_pod_copy(struct gs_arena *arena, const struct gs_cluster_pod *pod,
                        struct gs_cluster_pod *ret, struct gs_err *err);
int gs_cluster_event_copy(struct gs_arena *arena, const struct gs_cluster_event *event,
                          struct gs_cluster_event *ret, struct gs_err *err);
int gs_cluster_pairs_copy(struct gs_arena *arena, const struct gs_cluster_pairs *pairs,
                          struct gs_cluster_pairs *ret, struct gs_err *err);
int gs_cluster_no_memory(struct gs_err *err);
