/* kubeuse: the nodes of a cluster, what their pods take, and what is left of those with GPUs. */
#pragma once

#include "core/offer.h"
#include "wire/kubegpu.h"
#include "wire/kubenode.h"
#include "wire/kubenotes.h"
#include "wire/kubepod.h"

enum { GS_KUBEUSE_NODES_MAX = 100000 };

struct gs_kubeuse_node;

struct gs_kubeuse {
    struct gs_arena *arena;
    struct gs_kubenotes *notes;
    struct gs_kubeuse_node *nodes;
    size_t n_nodes;
    size_t cap_nodes;
    bool sealed; /* sorted by name; no more nodes come */
};

/* The node is kept and must live as long as the arena; of one without GPUs only the name is
 * copied. GS_LIMIT: too many. GS_NO_MEMORY. */
int gs_kubeuse_add(struct gs_kubeuse *use, const struct gs_kubenode *node, struct gs_err *err);

/* No more nodes. GS_INVALID: one was added twice. */
int gs_kubeuse_seal(struct gs_kubeuse *use, struct gs_err *err);

/* Of the nodes that were sealed; NULL when there is no such node, or `name` is NULL. */
struct gs_kubeuse_node *gs_kubeuse_find(const struct gs_kubeuse *use, const char *name);

/* The pod holds what it asks for there. What the node does not offer at all becomes a note. */
void gs_kubeuse_take(struct gs_kubeuse *use, struct gs_kubeuse_node *node,
                     const struct gs_kubepod *pod);

/* The nodes with GPUs, by name: as they were added, and what is left of them. Where pods hold more
 * than can be allocated, or free GPUs cannot be used, a note says so. GS_NO_MEMORY. */
int gs_kubeuse_gpu_nodes(const struct gs_kubeuse *use, struct gs_kubegpu_nodes *ret,
                         struct gs_err *err);
int gs_kubeuse_left(const struct gs_kubeuse *use, const struct gs_existing_node **ret,
                    size_t *ret_count, struct gs_err *err);
