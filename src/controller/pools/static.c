/* NodePools that do not scale by themselves: `spec.replicas`, which we set.
 *
 * For clusters without NodeOverlay. More replicas are nodes that Karpenter makes. Fewer would have
 * it choose which node goes, and what is empty when it looks need not be empty when it acts. So
 * replicas are never below the nodes there are: a node that is empty for long enough is cordoned;
 * when that shows and nothing has come, we delete its NodeClaim, and then replicas follow.
 * Meanwhile limits.nodes, which counts nodes that end too, lets Karpenter make no other in its
 * place. */
#include <string.h>

#include "controller/pools/work.h"

/* The scheduler may bind a pod by what it knew before. */
#define CORDON_SHOWS_US 2000000ull

void gs_pools_set_replicas(struct gs_pools_part *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct gs_pools_part *part = parts[i];
        uint32_t room = part->max_nodes > part->there ? part->max_nodes - part->there : 0;
        uint32_t more = part->planned > part->soon ? part->planned - part->soon : 0;
        more = part->closed[0] != '\0' ? 0 : more < room ? more : room;
        part->replicas = part->active + more;
    }
}

static void look_again(struct gs_pools *pools, uint64_t at_us)
{
    pools->due_us = at_us < pools->due_us ? at_us : pools->due_us;
}

static void look_at_node(struct gs_pools *pools, const struct gs_pools_part *part,
                         struct gs_pools_claim *claim, const struct gs_store_node *node)
{
    uint64_t rest_us = (uint64_t)part->of->pool.empty_after_s * 1000000;
    bool leaving = node->leaving;
    bool needed = part->planned > 0 || !gs_pools_is_empty(node);
    claim->cordoned_us = !leaving                  ? 0
                         : claim->cordoned_us != 0 ? claim->cordoned_us
                                                   : pools->now_us;
    if (needed) {
        claim->empty_us = 0;
        if (leaving) {
            gs_pools_cordon(pools, claim, false);
        }
        return;
    }
    claim->empty_us = claim->empty_us == 0 ? pools->now_us : claim->empty_us;
    if (!leaving && pools->now_us < claim->empty_us + rest_us) {
        look_again(pools, claim->empty_us + rest_us);
    } else if (!leaving) {
        gs_pools_cordon(pools, claim, true);
    } else if (pools->now_us < claim->cordoned_us + CORDON_SHOWS_US) {
        look_again(pools, claim->cordoned_us + CORDON_SHOWS_US);
    } else if (part->has.max_nodes <= part->there) {
        gs_pools_drop_claim(pools, claim);
    }
}

void gs_pools_look_at_empty(struct gs_pools *pools)
{
    size_t at = 0;
    for (struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        const struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
        const struct gs_store_node *node =
            claim->has.node[0] == '\0' ? NULL
                                       : gs_store_find_node(pools->options.store, claim->has.node);
        if (part != NULL && part->of != NULL && !part->of->pool.deleting &&
            part->of->unread[0] == '\0' && node != NULL &&
            part->of->pool.scaling == GS_SLICEPOOL_STATIC && node->known && !node->deleting &&
            claim->has.initialized && !claim->has.deleting && !claim->ending &&
            !gs_pools_is_cordoned(node)) {
            look_at_node(pools, part, claim, node);
        }
    }
}
