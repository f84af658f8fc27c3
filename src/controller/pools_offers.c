#include <stdio.h>
#include <string.h>

#include "cloud/offers.h"
#include "controller/pools_work.h"

enum { LABELS_MAX = GS_SLICEPOOL_LABELS_MAX + 24 };

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

static void leave_out(struct gs_pools_owner *owner, const char *why)
{
    size_t n = strlen(owner->left_out);
    snprintf(owner->left_out + n, sizeof(owner->left_out) - n, "%s%s", n == 0 ? "" : "; ", why);
}

/* ---- what a node of it would carry ---- */

static void put_label(struct gs_label *labels, size_t *n, const char *key, const char *value)
{
    size_t i = 0;
    while (i < *n && strcmp(labels[i].key, key) != 0) {
        i++;
    }
    if (i == LABELS_MAX) {
        return;
    }
    labels[i] = (struct gs_label){.key = key, .value = value};
    *n += i == *n;
}

static void drop_label(struct gs_label *labels, size_t *n, const char *key)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(labels[i].key, key) == 0) {
            labels[i] = labels[--*n];
            return;
        }
    }
}

/* The instance type's labels, the SlicePool's and ours; which capacity type and zone it will be is
 * known only where there is one. */
static int put_facts(struct gs_pools_owner *owner, struct gs_offer *offer, struct gs_err *err)
{
    const struct gs_slicepool *pool = &owner->pool;
    const struct gs_node_facts *plain = offer->facts;
    struct gs_node_facts *facts = GS_ARENA_NEW(&owner->arena, struct gs_node_facts, 1);
    struct gs_label *labels = GS_ARENA_NEW(&owner->arena, struct gs_label, LABELS_MAX);
    size_t n = 0;
    if (facts == NULL || labels == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of SlicePool %s", pool->name);
    }
    for (size_t i = 0; i < plain->n_labels; i++) {
        put_label(labels, &n, plain->labels[i].key, plain->labels[i].value);
    }
    drop_label(labels, &n, "karpenter.sh/capacity-type");
    if (pool->n_capacity_types == 1) {
        put_label(labels, &n, "karpenter.sh/capacity-type", pool->capacity_types[0]);
    }
    if (pool->n_zones == 1) {
        put_label(labels, &n, "topology.kubernetes.io/zone", pool->zones[0]);
    }
    for (unsigned i = 0; i < pool->n_labels; i++) {
        put_label(labels, &n, pool->labels[i].key, pool->labels[i].value);
    }
    put_label(labels, &n, GS_KARPENTER_POOL_LABEL, pool->name);
    *facts = (struct gs_node_facts){
        .labels = labels, .n_labels = n, .taints = pool->taints, .n_taints = pool->n_taints};
    offer->facts = facts;
    return 0;
}

/* ---- what it may be cut into ---- */

static bool put_profiles(struct gs_pools_owner *owner, struct gs_offer *offer)
{
    const struct gs_slicepool *pool = &owner->pool;
    offer->profiles = 0;
    for (unsigned i = 0; i < pool->n_profiles && offer->model != NULL; i++) {
        int p = gs_model_profile_index(offer->model, &pool->profiles[i]);
        offer->profiles |= p < 0 ? 0 : (uint16_t)(1u << p);
    }
    return pool->n_profiles == 0 || offer->model == NULL || offer->profiles != 0;
}

static int make_offer(struct gs_pools *pools, struct gs_pools_owner *owner, const char *type,
                      struct gs_err *err)
{
    const struct gs_instance *instance;
    struct gs_offer *offer = &owner->offers[owner->n_offers];
    struct gs_err why;
    char text[300];
    int r = gs_instance_find(gs_view(type), &instance, &why);
    r = r == 0 ? gs_offer_of_instance(&owner->arena, instance, gs_view(pools->region),
                                      &gs_node_overhead_default, offer, &why)
               : r;
    if (r == GS_NO_MEMORY) {
        *err = why;
        return r;
    }
    if (r != 0) {
        leave_out(owner, why.msg);
        return 0;
    }
    if (!put_profiles(owner, offer)) {
        snprintf(text, sizeof(text), "the GPUs of %s (%s) have none of the profiles", type,
                 offer->gpu_name);
        leave_out(owner, text);
        return 0;
    }
    r = put_facts(owner, offer, err);
    owner->n_offers += r == 0;
    return r;
}

int gs_pools_make_offers(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_err *err)
{
    const struct gs_slicepool *pool = &owner->pool;
    int r = 0;
    owner->n_offers = 0;
    owner->left_out[0] = '\0';
    if (pools->region[0] == '\0') {
        leave_out(owner, "in which region prices are to be looked up is not known: no node has the "
                         "label topology.kubernetes.io/region; start the controller with --region");
        return 0;
    }
    for (unsigned i = 0; r == 0 && i < pool->n_instance_types; i++) {
        r = make_offer(pools, owner, pool->instance_types[i], err);
    }
    owner->stale = r != 0;
    return r;
}
