#include "karpenter/limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/slicepool.h"

static bool is_beyond(uint64_t cap, uint64_t has, uint64_t more)
{
    return cap != UINT64_MAX && more > (cap > has ? cap - has : 0);
}

bool gs_karpenter_say_limits(const struct gs_karpenter_caps *caps,
                             const struct gs_karpenter_sum *has,
                             const struct gs_karpenter_sum *more, char ret[GS_KARPENTER_LIMITS_MAX])
{
    bool gpus = is_beyond(caps->gpus, has->gpus, more->gpus);
    bool usd = is_beyond(caps->uusd, has->uusd, more->uusd);
    char cap[GS_SLICEPOOL_USD_MAX];
    char there[GS_SLICEPOOL_USD_MAX];
    char needed[GS_SLICEPOOL_USD_MAX];
    size_t n = 0;
    ret[0] = '\0';
    if (gpus) {
        n = (size_t)snprintf(ret, GS_KARPENTER_LIMITS_MAX,
                             "limits.gpus is %" PRIu64 ", %" PRIu64
                             " are there or on their way, %" PRIu64 " more are needed",
                             caps->gpus, has->gpus, more->gpus);
    }
    if (usd) {
        gs_slicepool_usd_format(caps->uusd, cap);
        gs_slicepool_usd_format(has->uusd, there);
        gs_slicepool_usd_format(more->uusd, needed);
        snprintf(ret + n, GS_KARPENTER_LIMITS_MAX - n,
                 "%slimits.usdPerHour is %s, what is there or on its way costs %s, %s more are "
                 "needed",
                 gpus ? "; " : "", cap, there, needed);
    }
    return gpus || usd;
}
