/* share: how many nodes each NodePool of a SlicePool may have, within the SlicePool's limits.
 *
 * What NodePools may have all together never goes beyond the limits, whichever of them Karpenter
 * scales first: a limit that Karpenter may still know counts as well as the new one, so that room
 * goes from one pool to another in two steps. Pure. docs/internals/karpenter.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GS_KARPENTER_SHARES_MAX = 512 }; /* NodePools of one SlicePool */

struct gs_karpenter_share {
    uint32_t gpus;    /* of a node */
    uint64_t uusd;    /* an hour, of a node */
    uint32_t there;   /* nodes, those on their way too */
    uint32_t limit;   /* limits.nodes as it stands */
    uint32_t planned; /* more nodes that it should get */
    bool may_open;    /* false: no node may be bought from it */
    bool keeps;       /* not wanted now, but stays open if nobody else needs the room */
};

struct gs_karpenter_caps {
    uint64_t gpus; /* UINT64_MAX: no limit */
    uint64_t uusd;
};

/* New limits, 0: closed. `pools` in the order in which they are to be
 * served, GS_KARPENTER_SHARES_MAX at most. True: each wanted
 * pool has got all that is planned; false: a limit of the SlicePool stands in the way, or room
 * comes free only with the next step. */
bool gs_karpenter_share(const struct gs_karpenter_share *pools, size_t n,
                        const struct gs_karpenter_caps *caps, uint32_t *ret_limits);

/* So many more nodes of a kind are within what is left of the limits beside the nodes that are
 * there. */
uint32_t gs_karpenter_left(const struct gs_karpenter_share *pools, size_t n,
                           const struct gs_karpenter_caps *caps, uint32_t gpus, uint64_t uusd);
