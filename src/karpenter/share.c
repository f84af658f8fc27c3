#include "karpenter/share.h"

enum { SLACK_MAX = 8, LIMIT_MAX = 1000000 };

static uint64_t more(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Saturates: a limit that is passed leaves nothing. */
static void take(struct gs_karpenter_caps *left, uint64_t nodes, uint32_t gpus, uint64_t uusd)
{
    if (left->gpus != UINT64_MAX) {
        left->gpus = less(left->gpus, nodes * gpus);
    }
    if (left->uusd != UINT64_MAX) {
        left->uusd = uusd != 0 && nodes > UINT64_MAX / uusd ? 0 : less(left->uusd, nodes * uusd);
    }
}

static bool has_room(const struct gs_karpenter_caps *left, const struct gs_karpenter_share *pool)
{
    return left->gpus >= pool->gpus && left->uusd >= pool->uusd;
}

static uint32_t target_of(const struct gs_karpenter_share *pool)
{
    uint64_t target = (uint64_t)pool->there + pool->planned;
    return target > LIMIT_MAX ? LIMIT_MAX : (uint32_t)target;
}

/* One node each in turn, until all have their target or nothing is left. */
static bool raise(const struct gs_karpenter_share *pools, size_t n, const uint32_t *targets,
                  struct gs_karpenter_caps *left, uint32_t *limits)
{
    bool whole = true;
    for (bool again = true; again;) {
        again = false;
        whole = true;
        for (size_t i = 0; i < n; i++) {
            bool wants = limits[i] < targets[i];
            /* what is there, or may be, is counted already */
            bool counted = wants && limits[i] < more(pools[i].there, pools[i].limit);
            if (wants && (counted || has_room(left, &pools[i]))) {
                if (!counted) {
                    take(left, 1, pools[i].gpus, pools[i].uusd);
                }
                limits[i]++;
                again = true;
            }
            whole = whole && limits[i] >= targets[i];
        }
    }
    return whole;
}

static struct gs_karpenter_caps reserve(const struct gs_karpenter_share *pools, size_t n,
                                        const struct gs_karpenter_caps *caps, bool limits)
{
    struct gs_karpenter_caps left = *caps;
    for (size_t i = 0; i < n; i++) {
        uint64_t nodes = limits ? more(pools[i].there, pools[i].limit) : pools[i].there;
        take(&left, nodes, pools[i].gpus, pools[i].uusd);
    }
    return left;
}

/* More than the limits allow, as they stand: they were lowered, or nodes came from elsewhere. */
static bool is_beyond(const struct gs_karpenter_share *pools, size_t n,
                      const struct gs_karpenter_caps *caps)
{
    uint64_t gpus = 0;
    uint64_t uusd = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t nodes = more(pools[i].there, pools[i].limit);
        gpus += nodes * pools[i].gpus;
        uusd += pools[i].uusd != 0 && nodes > UINT64_MAX / 1024 / pools[i].uusd
                    ? UINT64_MAX / 1024
                    : nodes * pools[i].uusd;
    }
    return gpus > caps->gpus || uusd > caps->uusd;
}

bool gs_karpenter_share(const struct gs_karpenter_share *pools, size_t n,
                        const struct gs_karpenter_caps *caps, uint32_t *ret_limits)
{
    uint32_t targets[GS_KARPENTER_SHARES_MAX] = {0};
    struct gs_karpenter_caps left = reserve(pools, n, caps, true);
    bool beyond = is_beyond(pools, n, caps);
    n = n > GS_KARPENTER_SHARES_MAX ? GS_KARPENTER_SHARES_MAX : n;
    for (size_t i = 0; i < n; i++) {
        bool wanted = pools[i].may_open && pools[i].planned > 0;
        targets[i] = wanted ? target_of(&pools[i]) : 0;
        ret_limits[i] = 0;
        if (!beyond && (wanted || (pools[i].may_open && pools[i].keeps))) {
            ret_limits[i] = pools[i].limit;
        } else if (wanted) { /* what is there stays allowed */
            ret_limits[i] = pools[i].there < targets[i] ? pools[i].there : targets[i];
        }
    }
    bool whole = !beyond && raise(pools, n, targets, &left, ret_limits);
    if (!whole) { /* room that nobody needs is given back, for the next step */
        for (size_t i = 0; i < n; i++) {
            ret_limits[i] = ret_limits[i] > targets[i] ? targets[i] : ret_limits[i];
        }
        return false;
    }
    for (size_t i = 0; i < n; i++) { /* some more, so that not each pod changes a NodePool */
        bool raised = ret_limits[i] > pools[i].limit;
        targets[i] += raised ? (pools[i].planned < SLACK_MAX ? pools[i].planned : SLACK_MAX) : 0;
    }
    (void)raise(pools, n, targets, &left, ret_limits);
    return true;
}

uint32_t gs_karpenter_left(const struct gs_karpenter_share *pools, size_t n,
                           const struct gs_karpenter_caps *caps, uint32_t gpus, uint64_t uusd)
{
    struct gs_karpenter_caps left = reserve(pools, n, caps, false);
    uint64_t nodes = UINT32_MAX;
    if (left.gpus != UINT64_MAX && gpus > 0 && left.gpus / gpus < nodes) {
        nodes = left.gpus / gpus;
    }
    if (left.uusd != UINT64_MAX && uusd > 0 && left.uusd / uusd < nodes) {
        nodes = left.uusd / uusd;
    }
    return (uint32_t)nodes;
}
