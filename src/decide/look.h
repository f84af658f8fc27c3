/* look: how one node stands to one pod, by the rules of the decision. Pure; for texts and tables of
 * people who ask why. */
#pragma once

#include "decide/decide.h"

enum gs_look_what {
    GS_LOOK_FREE,     /* has what it asks for free */
    GS_LOOK_COMES,    /* a re-cut under way, or its start, brings it */
    GS_LOOK_RECUT,    /* idle slices can make way */
    GS_LOOK_OTHER,    /* cannot have such slices or GPUs at all */
    GS_LOOK_UNUSABLE, /* not ready, ending, starting */
    GS_LOOK_SMALL,    /* `because`: CPU, memory or room for one pod more */
    GS_LOOK_BARRED,   /* `because`: the label or taint */
    GS_LOOK_SILENT,   /* it would have to be re-cut, and cannot be now: its agent does not answer */
    GS_LOOK_BOUND,    /* idle slices could make way, but its SlicePool does not allow it */
    GS_LOOK_IN_USE,   /* slices in use stand in the way, fewest on `gpu`: `slices` */
    GS_LOOK_KEPT,     /* what would do is kept for pods that go first */
    GS_LOOK_FULL      /* everything is in use or promised */
};

struct gs_look {
    enum gs_look_what what;
    const char *because; /* NULL: none; lives as long as pod and node */
    uint32_t gpu;        /* IN_USE; RECUT: the first that is re-cut */
    uint32_t slices;     /* IN_USE: bit s, slice s of that GPU is in the way */
    bool borrowed;       /* FREE, RECUT: kept for another pod and lent */
};

/* Looks at the cluster's node `node` alone. Codes of gs_decide. */
int gs_look(struct gs_decider *decider, const struct gs_decide_cluster *cluster,
            const struct gs_decide_pod *pod, uint32_t node, struct gs_look *ret,
            struct gs_err *err);
