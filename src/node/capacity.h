/* capacity: which numbers node.status may show for our resources.
 *
 * Never ahead of the kubelet: a pod that is bound to a number which the kubelet does not have yet
 * fails for good. Down at any time, up only to what the kubelet has. A ceiling, which a re-cut sets
 * before it takes slices away, holds until it is lifted, whatever the kubelet's own beat writes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define GS_CAPACITY_NO_CEILING UINT32_MAX

/* One of our resources as it is seen from everywhere. Counts are devices as the kubelet counts
 * them, each replica one. */
struct gs_capacity_row {
    const char *resource;
    uint32_t listed;    /* in the list that was sent last; 0: it is offered no more */
    uint32_t healthy;   /* of them */
    bool kubelet_known; /* GetAllocatableResources was asked after that list was sent */
    uint32_t kubelet;   /* devices that it names */
    uint32_t ceiling;   /* GS_CAPACITY_NO_CEILING */
    bool forgotten; /* offered no more, its stream has ended, and the kubelet does not answer for
                       it any longer: it may go from node.status */
    bool in_status; /* node.status has it, as below */
    uint64_t capacity;
    uint64_t allocatable;
};

struct gs_capacity_patch {
    const char *resource;
    bool remove; /* from capacity and allocatable; else both are set: */
    uint64_t capacity;
    uint64_t allocatable;
};

struct gs_capacity {
    unsigned n;
    const struct gs_capacity_patch *at; /* what to write, by resource; only what differs */
    bool waiting; /* the kubelet has not caught up with a list: ask it again */
    bool settled; /* list, kubelet and node.status say the same of everything */
};

/* GS_NO_MEMORY. */
int gs_capacity_new(struct gs_arena *arena, const struct gs_capacity_row *rows, unsigned n_rows,
                    struct gs_capacity *ret, struct gs_err *err);
