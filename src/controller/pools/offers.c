#include <stdio.h>
#include <string.h>

#include "cloud/pooloffers.h"
#include "controller/pools/work.h"

/* What an option says, else what the first node says that has the label. */
void gs_pools_find_region(struct gs_pools *pools)
{
    size_t at = 0;
    char region[sizeof(pools->region)];
    snprintf(region, sizeof(region), "%s", pools->options.region);
    const struct gs_store_node *node;
    while (region[0] == '\0' && (node = gs_map_next(&pools->options.store->nodes, &at)) != NULL) {
        for (size_t i = 0; node->known && i < node->node.facts.n_labels; i++) {
            const struct gs_label *label = &node->node.facts.labels[i];
            if (strcmp(label->key, "topology.kubernetes.io/region") == 0) {
                snprintf(region, sizeof(region), "%s", label->value);
            }
        }
    }
    if (region[0] != '\0' && strcmp(region, pools->region) != 0) {
        memcpy(pools->region, region, sizeof(region));
        at = 0;
        for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
            owner->stale = true;
        }
    }
}

int gs_pools_make_offers(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_err *err)
{
    struct gs_pooloffers made;
    if (owner->unread[0] != '\0') {
        owner->n_offers = 0;
        owner->left_out[0] = owner->unmade[0] = '\0';
        owner->stale = false;
        return 0;
    }
    int r = gs_pooloffers_make(&owner->arena, &owner->pool, gs_view(pools->region), &made, err);
    owner->n_offers = made.n;
    memcpy(owner->offers, made.at, made.n * sizeof(made.at[0]));
    snprintf(owner->left_out, sizeof(owner->left_out), "%s", made.left_out);
    snprintf(owner->unmade, sizeof(owner->unmade), "%s", made.unmade);
    owner->stale = r != 0 || pools->region[0] == '\0';
    return r;
}
