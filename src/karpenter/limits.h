/* limits: which limits of a SlicePool stand in the way of more nodes, in words. Pure. */
#pragma once

#include "karpenter/share.h"

enum { GS_KARPENTER_LIMITS_MAX = 240 };

struct gs_karpenter_sum {
    uint64_t gpus;
    uint64_t uusd; /* an hour */
};

/* "limits.gpus is 64, 60 are there or on their way, 8 more are needed"; of dollars likewise, and
 * both where both are in the way. `has`: what is there or on its way. False: neither is in the way;
 * ret is "" then. */
bool gs_karpenter_say_limits(const struct gs_karpenter_caps *caps,
                             const struct gs_karpenter_sum *has,
                             const struct gs_karpenter_sum *more,
                             char ret[GS_KARPENTER_LIMITS_MAX]);
