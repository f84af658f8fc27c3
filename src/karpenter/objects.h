/* objects: Karpenter's NodePool and NodeOverlay of a kind of node, as JSON.
 *
 * Complete for a server-side apply by the field manager `gpuslice-controller`. Equal input gives
 * equal objects. Fields: reference of karpenter.sh/v1 NodePool and karpenter.sh/v1alpha1
 * NodeOverlay, Karpenter 1.14. Pure. docs/internals/karpenter.md. */
#pragma once

#include "karpenter/kind.h"
#include "wire/slicepool.h"

struct json_t; /* jansson's */

#define GS_KARPENTER_POOLS_PATH "/apis/karpenter.sh/v1/nodepools"
#define GS_KARPENTER_CLAIMS_PATH "/apis/karpenter.sh/v1/nodeclaims"
#define GS_KARPENTER_OVERLAYS_PATH "/apis/karpenter.sh/v1alpha1/nodeoverlays"

/* Annotations of a NodePool: what is remembered of it. */
#define GS_KARPENTER_FAILED "gpuslice.dev/failed-starts"
#define GS_KARPENTER_CLOSED_UNTIL "gpuslice.dev/closed-until"
#define GS_KARPENTER_LOST "gpuslice.dev/lost-usd"
#define GS_KARPENTER_SCARCE_TRIES "gpuslice.dev/no-capacity-tries"
#define GS_KARPENTER_SCARCE_SINCE "gpuslice.dev/no-capacity-since"
#define GS_KARPENTER_SCARCE_UNTIL "gpuslice.dev/no-capacity-until"

enum {
    GS_KARPENTER_WEIGHT_MAX = 100,          /* of a NodePool */
    GS_KARPENTER_OVERLAY_WEIGHT_MAX = 10000 /* of a NodeOverlay */
};

/* What is remembered of a NodePool in its annotations. */
struct gs_karpenter_record {
    uint32_t failed_starts;  /* in a row */
    uint64_t closed_until_s; /* CLOCK_REALTIME; 0: it is not */
    uint64_t lost_uusd;      /* by these starts */
    uint32_t scarce_tries;   /* launches in a row that found no capacity; 0: the last one did */
    uint64_t scarce_since_s; /* CLOCK_REALTIME: the first of them */
    uint64_t scarce_until_s; /* so long others are bought in its place; 0: never yet */
};

struct gs_karpenter_pool {
    const struct gs_slicepool *owner;
    const struct gs_karpenter_kind *kind;
    uint32_t weight;         /* 1 to GS_KARPENTER_WEIGHT_MAX */
    uint32_t overlay_weight; /* 1 to GS_KARPENTER_OVERLAY_WEIGHT_MAX */
    uint32_t max_nodes;      /* limits.nodes; 0: closed */
    uint32_t replicas; /* where the owner's scaling is static: so many nodes there are to be */
    struct gs_karpenter_record record;
};

/* A new reference; NULL: no memory, or a text that is not UTF-8. */
struct json_t *gs_karpenter_write_pool(const struct gs_karpenter_pool *pool);
struct json_t *gs_karpenter_write_overlay(const struct gs_karpenter_pool *pool);

/* Whether `there` says all that `wanted` says: nothing has to be sent. */
bool gs_karpenter_says(const struct json_t *there, const struct json_t *wanted);
