/* kubegpu: what a pod's "nvidia.com/gpu" means.
 *
 * On most nodes it counts whole GPUs. Where the device plugin runs with MIG strategy single it
 * counts slices of the one profile that the node is cut into, and its label
 * nvidia.com/gpu.product ends in "-MIG-<profile>". The demand knows slices and whole GPUs only, so
 * an item that can run on nothing but such nodes becomes one that asks for slices, and is kept on
 * such nodes; items that ask for slices by name are kept off them. */
#pragma once

#include "core/demand.h"
#include "wire/kubenode.h"

/* Stands on every node of strategy single in a plan, and only there: items that ask for slices by
 * name do not tolerate it. No such taint is on the real node. */
extern const struct gs_taint gs_kubegpu_single_taint;

struct gs_kubegpu_nodes {
    const struct gs_kubenode *const *nodes;
    size_t n_nodes;
};

/* *ret: the item as the planner is to see it. It borrows from `item` and the arena. Of an item
 * that could run on whole GPUs and on slices, whole GPUs are planned: *ret_also_slices.
 * A product label in its node selector also names the model of its wants.
 * GS_UNSUPPORTED: it asks for shares of GPUs, or for slices of a model that is not known.
 * GS_LIMIT: more kinds of slices fit than an item may have alternatives. GS_NO_MEMORY. */
int gs_kubegpu_settle(const struct gs_item *item, const struct gs_kubegpu_nodes *nodes,
                      struct gs_arena *arena, struct gs_item *ret, bool *ret_also_slices,
                      struct gs_err *err);
