/* memory_store: the objects of a cluster in memory. Of cluster_memory.c and its neighbours only. */
#pragma once

#include "cluster/cluster_memory.h"
#include "cluster/cluster_ops.h"

enum { GS_MEMORY_NODES_MAX = 64, GS_MEMORY_PODS_MAX = 10000, GS_MEMORY_EVENTS_MAX = 1000 };

/* An object and the arena that it lives in. */
struct gs_memory_node {
    struct gs_arena arena;
    struct gs_cluster_node node;
};

struct gs_memory_pod {
    struct gs_arena arena;
    struct gs_cluster_pod pod;
};

struct gs_memory_event {
    struct gs_arena arena;
    struct gs_cluster_event event;
};

struct gs_memory_store {
    struct gs_memory_node *nodes[GS_MEMORY_NODES_MAX];
    size_t n_nodes;
    struct gs_memory_pod **pods;
    size_t n_pods;
    struct gs_memory_event *events[GS_MEMORY_EVENTS_MAX];
    size_t n_events;
    uint64_t version; /* the last resourceVersion that was given out */
};

void gs_memory_store_done(struct gs_memory_store *store);

const struct gs_cluster_node *gs_memory_store_find(const struct gs_memory_store *store,
                                                   const char *name);

/* Puts or replaces; uid and version are made. GS_NO_MEMORY, GS_LIMIT. */
int gs_memory_store_put_node(struct gs_memory_store *store, const struct gs_cluster_node *node,
                             struct gs_err *err);
bool gs_memory_store_remove_node(struct gs_memory_store *store, const char *name);
int gs_memory_store_put_pod(struct gs_memory_store *store, const struct gs_cluster_pod *pod,
                            struct gs_err *err);
void gs_memory_store_remove_pod(struct gs_memory_store *store, const char *name_space,
                                const char *name);
int gs_memory_store_put_event(struct gs_memory_store *store, const struct gs_cluster_event *event,
                              struct gs_err *err);

/* `into` with the change applied, by key; the array is the arena's, the texts are borrowed. */
int gs_memory_store_merge(struct gs_arena *arena, const struct gs_cluster_pairs *into,
                          const struct gs_cluster_pairs *change, struct gs_cluster_pairs *ret,
                          struct gs_err *err);
