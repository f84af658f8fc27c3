/* warm: slices that are to be free at any time, for pods that have not come yet.
 *
 * After all pods of a pass were decided: what is free and coming on the nodes of a SlicePool is set
 * aside for it, idle slices that nobody needs are cut anew for the rest, and what is missing still
 * is told. Part of the pass; belongs to the loop. docs/internals/controller.md, Warm slices. */
#pragma once

#include "picture/take.h"

enum { GS_WARM_MAX = 256, GS_WARM_RECUTS_MAX = 16 /* of one pass */ };

struct gs_warm {
    const char *pool; /* SlicePool */
    struct gs_profile_name profile;
    uint32_t count;
};

struct gs_warm_options {
    struct gs_nodes_view *view;
    struct gs_decider *decider;
    uint64_t real_us;
    /* GPUs of the node of the view are to be re-cut. */
    int (*recut)(void *ctx, uint32_t node, const struct gs_decision *decision, const char *why,
                 struct gs_err *err);
    void *ctx;
};

/* Marks nodes that have such slices (gs_view_node.warm). ret_missing: of each so many are neither
 * there nor coming. GS_NO_MEMORY, GS_LIMIT. */
int gs_warm_keep(const struct gs_warm_options *options, const struct gs_warm *list, size_t n,
                 uint32_t *ret_missing, struct gs_err *err);
