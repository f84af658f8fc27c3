#include "controller/pools/supply.h"

#include <string.h>

#include "cloud/instances.h"
#include "controller/pools/work.h"
#include "core/catalog.h"

enum { MODELS_MAX = 128 };

/* The models that have a profile. */
struct makers {
    const struct gs_model *models[MODELS_MAX];
    size_t n;
};

static void find_makers(const struct gs_profile_name *profile, struct makers *ret)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    ret->n = 0;
    for (size_t i = 0; i < n && ret->n < MODELS_MAX; i++) {
        if (gs_model_profile_index(&models[i], profile) >= 0) {
            ret->models[ret->n++] = &models[i];
        }
    }
}

static bool is_maker(const struct makers *makers, const struct gs_model *model)
{
    for (size_t i = 0; i < makers->n; i++) {
        if (makers->models[i] == model) {
            return true;
        }
    }
    return false;
}

/* Whether re-cuts of the node may make it, by its SlicePool. */
static bool may_make(const struct gs_pools *pools, const struct gs_store_node *node,
                     const struct gs_profile_name *profile)
{
    const struct gs_pools_owner *owner =
        pools == NULL ? NULL : gs_map_find(&pools->owners, node->slicepool);
    return owner == NULL || owner->pool.recut == GS_SLICEPOOL_RECUT_ANY ||
           gs_slicepool_lists(&owner->pool, profile);
}

static bool can_have(const struct gs_pools *pools, const struct gs_store_node *node,
                     const struct gs_profile_name *profile, const struct makers *makers)
{
    bool makes = may_make(pools, node, profile);
    for (size_t i = 0; i < node->node.n_slices; i++) {
        if ((makes || node->node.slices[i].count > 0) && !node->node.slices[i].shared &&
            gs_profile_name_eq(&node->node.slices[i].profile, profile)) {
            return true;
        }
    }
    for (unsigned i = 0; makes && i < node->n_gpus; i++) {
        if (is_maker(makers, node->gpus[i].model)) {
            return true;
        }
    }
    return false;
}

/* What a SlicePool may buy. A type that our table lacks may have any GPU. */
static enum gs_admit_supply supply_of_pool(const struct gs_slicepool *pool,
                                           const struct gs_profile_name *profile)
{
    enum gs_admit_supply found = GS_ADMIT_SUPPLY_NO;
    if (pool->deleting || !gs_slicepool_lists(pool, profile)) {
        return GS_ADMIT_SUPPLY_NO;
    }
    for (unsigned i = 0; i < pool->n_instance_types; i++) {
        const struct gs_instance *instance;
        if (gs_instance_find(gs_view(pool->instance_types[i]), &instance, NULL) != 0) {
            found = GS_ADMIT_SUPPLY_UNKNOWN;
            continue;
        }
        const struct gs_model *model = gs_instance_gpu(instance).model;
        if (model != NULL && gs_model_profile_index(model, profile) >= 0) {
            return GS_ADMIT_SUPPLY_UNKNOWN; /* no node has it yet */
        }
    }
    return found;
}

static enum gs_admit_supply supply_of_pools(const struct gs_pools *pools,
                                            const struct gs_profile_name *profile)
{
    const struct gs_pools_owner *owner;
    size_t at = 0;
    if (pools == NULL || !pools->streams[GS_POOLS_SLICEPOOLS].listed || pools->owners.n == 0) {
        return GS_ADMIT_SUPPLY_UNKNOWN; /* whoever else starts nodes here, we do not know of it */
    }
    while ((owner = gs_map_next(&pools->owners, &at)) != NULL) {
        if (supply_of_pool(&owner->pool, profile) != GS_ADMIT_SUPPLY_NO) {
            return GS_ADMIT_SUPPLY_UNKNOWN;
        }
    }
    return GS_ADMIT_SUPPLY_NO;
}

enum gs_admit_supply gs_supply_of(const struct gs_store *store, const struct gs_pools *pools,
                                  const struct gs_profile_name *profile)
{
    const struct gs_store_node *node;
    struct makers makers;
    size_t at = 0;
    find_makers(profile, &makers);
    while ((node = gs_map_next(&store->nodes, &at)) != NULL) {
        if (node->known && can_have(pools, node, profile, &makers)) {
            return GS_ADMIT_SUPPLY_YES;
        }
    }
    return supply_of_pools(pools, profile);
}
