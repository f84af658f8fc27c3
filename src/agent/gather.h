/* gather: finds out who holds which slice, from everybody who knows. On the worker's thread.
 *
 * The kubelet (pod-resources and its checkpoint), the API server, the pods' folders, the grants
 * that the loop has just given, and the driver's processes. What does not answer makes busy what it
 * might have named (node/holding); nothing here fails for that. */
#pragma once

#include "agent/box.h"
#include "cluster/cluster.h"
#include "net/handoff.h"
#include "node/holding.h"

/* Where to ask. */
struct gs_gather {
    struct gs_handoff *handoff;
    sd_event *event; /* of the loop; used there only */
    struct gs_gpus *gpus;
    const struct gs_agentconfig *config;
    struct gs_cluster *cluster; /* NULL: there is no API server to ask */
    const char *node_name;
    /* On the loop's thread: the grants in flight, copied into the arena. False: no memory. */
    bool (*grants)(void *ctx, struct gs_arena *arena, struct gs_holding_input *input);
    /* Likewise: what the kubelet has of grants given before `started_us` (CLOCK_MONOTONIC): these
     * are in flight no more. */
    void (*seen)(void *ctx, const struct gs_holding_input *input, uint64_t started_us);
    void *ctx;
};

/* `offer` is of the snapshot whose slices are asked about. All lives in the arena. GS_NO_MEMORY,
 * GS_LIMIT; GS_BUSY: the program is ending. */
int gs_gather(const struct gs_gather *gather, const struct gs_offer *offer, struct gs_arena *arena,
              struct gs_holding *ret, struct gs_err *err);

/* The devices of a resource that the kubelet may grant now. */
int gs_gather_allocatable(const struct gs_gather *gather, struct gs_arena *arena,
                          struct gs_podres_allocatable *ret, struct gs_err *err);

/* How many of each resource the live pods ask for that are bound to this node or nominated to it,
 * by a consistent read. */
struct gs_gather_ask {
    const char *resource;
    uint64_t count;
};

int gs_gather_asks(const struct gs_gather *gather, struct gs_arena *arena,
                   const struct gs_gather_ask **ret, unsigned *ret_n, struct gs_err *err);
