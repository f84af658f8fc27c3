/* pools: SlicePools to Karpenter's NodePools and NodeOverlays, and back.
 *
 * The market of the passes: it says what may be bought, is told which pods need a node, and at the
 * end of each pass makes, opens, closes and removes NodePools, ends nodes that never start, and
 * writes how each SlicePool stands. All of it follows from API objects. Where Karpenter's kinds are
 * not there it says so in the SlicePools, and nothing else is held up. Belongs to the loop.
 * docs/internals/karpenter.md. */
#pragma once

#include "cluster/kube.h"
#include "controller/pass/pass.h"

struct gs_pools;

struct gs_pools_options {
    struct gs_kube *kube;
    const struct gs_store *store;
    const char *region;         /* whose prices count; "": as the nodes' labels say */
    const char *instance;       /* who we are in Events */
    const char *name_space;     /* where stand-ins for warm slices are */
    void (*changed)(void *ctx); /* a pass is due */
    void *ctx;
};

struct gs_pools_counts {
    uint64_t slicepools;
    uint64_t nodepools;
    uint64_t open;
    uint64_t claims;
    uint64_t requests; /* begun */
    uint64_t failed;
    uint64_t ended; /* NodeClaims whose nodes never started */
};

/* GS_NO_MEMORY. */
int gs_pools_new(const struct gs_pools_options *options, struct gs_pools **ret, struct gs_err *err);
void gs_pools_free(struct gs_pools *pools);

/* Of each kind it is known what there is, or that it cannot be known now: before that nobody is
 * told that nothing can be bought. */
bool gs_pools_are_settled(const struct gs_pools *pools);

/* Pods as the watch shows them: which Karpenter runs is known by its own. */
struct json_t;
void gs_pools_begin_pods(struct gs_pools *pools); /* a list of all begins */
void gs_pools_end_pods(struct gs_pools *pools);
void gs_pools_see_pod(struct gs_pools *pools, const struct json_t *pod, bool gone);

struct gs_pass_market gs_pools_market(struct gs_pools *pools);
struct gs_pools_counts gs_pools_counts(const struct gs_pools *pools);
