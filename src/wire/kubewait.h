/* kubewait: how a pod stands with the scheduler: what holds it back, where it is expected, who may
 * move it. Beside kubepod.h, which says what it asks for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct json_t; /* jansson's */

struct gs_kubewait {
    const char *uid;
    const char *resource_version;
    uint64_t created_us; /* CLOCK_REALTIME */
    bool gated;          /* our gate is there */
    const char *others;  /* the other gates as a JSON list: "[]"; NULL: too long a list */
    unsigned n_others;
    const char *preferred; /* spec.affinity.nodeAffinity.preferred... as a JSON list: "[]"; NULL:
                              too long a list */
    const char *scheduler; /* who places it: "default-scheduler" */
    bool unschedulable;    /* the scheduler found no node */
    const char *nominated; /* status.nominatedNodeName; "": none */
    const char *booked;    /* our annotation: the node that we have nominated it to; "": none */
    const char *moving;    /* our note of the move that is made for it (kubemove.h); "": none */
    const char *warm; /* it stands in for slices that this SlicePool keeps free; "": it does not */
    bool may_move;    /* its owner lets us evict it */
    bool stays;       /* karpenter.sh/do-not-disrupt */
};

/* The gate, and our annotations on pods. */
#define GS_KUBEWAIT_GATE "gpuslice.dev/slice"
#define GS_KUBEWAIT_BOOKED "gpuslice.dev/booked"
#define GS_KUBEWAIT_MOVE "gpuslice.dev/move"
#define GS_KUBEWAIT_WARM "gpuslice.dev/warm"

/* All of the result lives in the arena. What is none of ours in our annotations, as a user may
 * write there what he likes, is taken as absent: he must not be able to hide a pod. GS_INVALID: not
 * what the API server lets pass; GS_NO_MEMORY. */
int gs_kubewait_parse(const struct json_t *pod, struct gs_arena *arena, struct gs_kubewait *ret,
                      struct gs_err *err);
