/* NodePools that Karpenter does not work with: its node class is not there or not ready, for the
 * most part. Karpenter buys nothing from them, whatever waits. */
#include <stdio.h>

#include "controller/pools/work.h"

#define LOOKS_US 60000000ull /* by then Karpenter has looked at a new NodePool */

bool gs_pools_is_refused(const struct gs_pools_part *part)
{
    return part->pool != NULL && part->has.ready.is_false && part->judged;
}

void gs_pools_find_refused(struct gs_pools *pools)
{
    size_t at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        owner->refused = NULL;
    }
    at = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        bool by_class = part->pool != NULL && part->has.node_class.is_false && part->judged &&
                        !part->has.deleting;
        if (by_class && part->known && part->of != NULL && part->of->refused == NULL) {
            part->of->refused = part;
        }
    }
}

/* Its words, and what they are about. */
const char *gs_pools_why_refused(struct gs_pools_part *part)
{
    const struct gs_slicepool_class *class = &part->of->pool.node_class;
    const struct gs_karpenter_condition *why = &part->has.ready;
    if (part->has.node_class.is_false) {
        why = &part->has.node_class;
        snprintf(part->refusal, sizeof(part->refusal),
                 "Karpenter cannot use %.63s %.120s (spec.nodeClassRef): %s: %s", class->kind,
                 class->name, why->reason, why->message);
    } else {
        snprintf(part->refusal, sizeof(part->refusal), "Karpenter's NodePool is not ready: %s: %s",
                 why->reason, why->message);
    }
    return part->refusal;
}

bool gs_pools_is_unseen(struct gs_pools *pools, const struct gs_pools_part *part)
{
    const struct gs_karpenter_condition *ready = &part->has.ready;
    uint64_t due_us = part->has.created_us + LOOKS_US;
    if (part->pool == NULL || part->has.deleting || ready->is_true || ready->is_false) {
        return false;
    }
    if (pools->real_us < due_us) {
        gs_pools_look_again(pools, pools->now_us + (due_us - pools->real_us));
        return false;
    }
    return true;
}
