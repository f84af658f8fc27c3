/* cluster_memory: a cluster of a few objects in memory, for tests and dry runs.
 *
 * The test plays the rest of the world: it puts and takes nodes and pods, makes the cluster
 * unreachable or operations fail, and reads what was changed. Operations end from the loop, as
 * those of a server do. */
#pragma once

#include <systemd/sd-event.h>

#include "cluster/cluster.h"

/* GS_NO_MEMORY, GS_IO. */
int gs_cluster_memory_open(sd_event *event, struct gs_cluster *ret, struct gs_err *err);

/* What follows is for clusters in memory only. */

/* Puts the node as it is given, or changes it to that; uid "" and resource_version are made.
 * GS_NO_MEMORY; GS_LIMIT: more than 64 nodes. */
int gs_cluster_memory_put_node(struct gs_cluster *cluster, const struct gs_cluster_node *node,
                               struct gs_err *err);
void gs_cluster_memory_remove_node(struct gs_cluster *cluster, const char *name);

/* The node as it is now; valid until the next change of it. NULL: none. */
const struct gs_cluster_node *gs_cluster_memory_node(const struct gs_cluster *cluster,
                                                     const char *name);

/* Puts a pod, or changes the one of that namespace and name. GS_NO_MEMORY; GS_LIMIT: 10,000. */
int gs_cluster_memory_put_pod(struct gs_cluster *cluster, const struct gs_cluster_pod *pod,
                              struct gs_err *err);
void gs_cluster_memory_remove_pod(struct gs_cluster *cluster, const char *name_space,
                                  const char *name);

/* The nth event that was posted, as it is now; NULL: no more. */
const struct gs_cluster_event *gs_cluster_memory_event(const struct gs_cluster *cluster, size_t n);

/* Not reachable: operations wait for it until their limit, watches say so. */
void gs_cluster_memory_reach(struct gs_cluster *cluster, bool reachable);

/* Operations take so long from now on. */
void gs_cluster_memory_delay(struct gs_cluster *cluster, uint64_t delay_us);

/* The next operation that changes something ends with this code, nothing changed. */
void gs_cluster_memory_fail_next(struct gs_cluster *cluster, const struct gs_err *err);

/* Called before each operation that changes something is carried out, with its name
 * ("change_status"): here a test does what races with it. NULL: none. */
void gs_cluster_memory_hook(struct gs_cluster *cluster,
                            void (*hook)(void *ctx, struct gs_cluster *cluster, const char *what),
                            void *ctx);
