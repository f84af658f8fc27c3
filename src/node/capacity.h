/* capacity: which numbers node.status may show for our resources.
 *
 * Never ahead of the kubelet: a pod that is bound to a number which the kubelet does not have yet
 * fails for good. Ceilings, which a re-cut sets before it takes slices away, hold until it lifts
 * them. */
#pragma once

#include "node/offer.h"

/* One resource as seen from everywhere. Counts are devices as the kubelet counts them: replicas. */
struct gs_capacity_row {
    const char *resource;
    bool ours;          /* it is in the offer, or was: we answer for it */
    uint32_t listed;    /* devices in our list for ListAndWatch, healthy or not */
    uint32_t healthy;   /* of them */
    bool kubelet_known; /* GetAllocatableResources was read since the last list was sent */
    uint32_t kubelet;   /* devices it names */
    uint32_t ceiling;   /* set by a re-cut; UINT32_MAX: none */
    bool in_status;     /* node.status has the resource */
    uint64_t capacity;  /* of node.status now */
    uint64_t allocatable;
};

struct gs_capacity_patch {
    const char *resource;
    uint64_t capacity;
    uint64_t allocatable;
    bool remove; /* the resource goes from node.status altogether */
};

struct gs_capacity {
    unsigned n;
    const struct gs_capacity_patch *at; /* what to write, by resource; only what differs */
    bool settled;                       /* nothing to write and nothing to wait for */
    bool waiting;                       /* the kubelet has not caught up with our lists */
};

/* GS_NO_MEMORY. */
int gs_capacity_new(struct gs_arena *arena, const struct gs_capacity_row *rows, unsigned n_rows,
                    struct gs_capacity *ret, struct gs_err *err);
