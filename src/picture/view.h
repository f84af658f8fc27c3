/* view: the store's nodes as `decide` wants them, kept up to date node by node.
 *
 * What is promised is taken off here: requests of pods that are bound or nominated, and wishes
 * under way. Belongs to the loop. docs/internals/controller.md, What is promised. */
#pragma once

#include "decide/decide.h"
#include "picture/store.h"

struct gs_view_node {
    struct gs_store_node *of;
    struct gs_decide_gpu *gpus;
    unsigned n_gpus;
    unsigned cap_gpus;
    uint32_t seat; /* of the node */
    bool marked;   /* slices have numbers of holders (movers.h) */
    bool warm;     /* it has slices that are kept free (controller/pass/warm.h) */
    struct gs_decide_sum sum;
};

struct gs_nodes_view {
    struct gs_store *store;
    struct gs_decider *decider;
    struct gs_decide_node *nodes; /* for struct gs_decide_cluster */
    struct gs_view_node *more;    /* the same order */
    size_t n;
    size_t cap;
    uint64_t silence_us; /* when silent agents are looked for next */
    uint64_t silent_us;  /* an agent that was not seen for so long is not asked to re-cut */
};

void gs_nodes_view_init(struct gs_nodes_view *view, struct gs_store *store,
                        struct gs_decider *decider);
void gs_nodes_view_done(struct gs_nodes_view *view);

/* Nodes that have changed are looked at anew. GS_NO_MEMORY. `now_us`: CLOCK_MONOTONIC. */
int gs_nodes_view_refresh(struct gs_nodes_view *view, uint64_t now_us, struct gs_err *err);

/* a - b, and 0 where there is less. */
static inline uint32_t gs_nodes_view_less(uint64_t a, uint64_t b)
{
    return a > b ? (uint32_t)(a - b) : 0;
}

/* A GPU of the node that has so many slices of each profile is to have so many: what goes is not
 * free any more, what is added is coming. */
void gs_nodes_view_recut(struct gs_decide_node *node, const uint32_t there[GS_PROFILES_MAX],
                         const uint8_t wanted[GS_PROFILES_MAX]);

/* NULL: it has no GPUs that we know. */
struct gs_decide_node *gs_nodes_view_of(const struct gs_nodes_view *view,
                                        const struct gs_store_node *node);
