/* memory_calls: the operations of a cluster in memory. Of cluster_memory.c only. */
#pragma once

#include <systemd/sd-event.h>

#include "cluster/memory_store.h"

struct gs_memory {
    struct gs_cluster self;
    sd_event *event;
    struct gs_memory_store store;
    struct gs_cluster_call *calls;
    struct gs_cluster_watch *watches;
    bool unreachable;
    uint64_t since_us; /* CLOCK_REALTIME */
    uint64_t delay_us;
    struct gs_err fail_next; /* code GS_OK: none */
    void (*hook)(void *ctx, struct gs_cluster *cluster, const char *what);
    void *hook_ctx;
};

/* The clock of the loop. */
uint64_t gs_memory_now(struct gs_memory *memory, clockid_t clock);

/* Puts the node, which may be one that is there with something changed, and tells the watches. */
int gs_memory_put_node(struct gs_memory *memory, const struct gs_cluster_node *node,
                       struct gs_err *err);

/* Sends the calls on their way that waited for the cluster to be reachable. */
void gs_memory_resume_calls(struct gs_memory *memory);

/* As in cluster_ops.h. */
int gs_memory_get_node(void *impl, const char *name, gs_cluster_node_done *done, void *ctx,
                       struct gs_cluster_call **ret_call, struct gs_err *err);
int gs_memory_change_node(void *impl, const struct gs_cluster_node_change *what,
                          gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                          struct gs_err *err);
int gs_memory_change_status(void *impl, const struct gs_cluster_status_change *what,
                            gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                            struct gs_err *err);
int gs_memory_remove_taint(void *impl, const char *node, const char *key, gs_cluster_done *done,
                           void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);
int gs_memory_list_pods(void *impl, const struct gs_cluster_pods_query *query,
                        gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                        struct gs_err *err);
int gs_memory_post_event(void *impl, const struct gs_cluster_event *event, gs_cluster_done *done,
                         void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);
void gs_memory_cancel(void *impl, struct gs_cluster_call *call);
