#include "picture/bound.h"

#include <string.h>

static uint16_t profiles_of(const struct gs_slicepool *pool, const struct gs_model *model)
{
    uint16_t mask = 0;
    for (unsigned i = 0; i < pool->n_profiles; i++) {
        int p = gs_model_profile_index(model, &pool->profiles[i]);
        mask = (uint16_t)(mask | (p < 0 ? 0u : 1u << p));
    }
    return mask;
}

void gs_bound_nodes(struct gs_nodes_view *view,
                    const struct gs_slicepool *(*pool_of)(void *ctx, const char *name), void *ctx)
{
    const struct gs_slicepool *pool = NULL;
    for (size_t i = 0; i < view->n; i++) {
        struct gs_decide_node *node = &view->nodes[i];
        const struct gs_store_node *of = view->more[i].of;
        const char *name = of->known ? of->slicepool : "";
        if (pool == NULL || strcmp(pool->name, name) != 0) { /* most nodes are of one pool */
            pool = name[0] == '\0' ? NULL : pool_of(ctx, name);
        }
        bool bound = pool != NULL && pool->recut == GS_SLICEPOOL_RECUT_PROFILES &&
                     pool->n_profiles > 0 && node->model != NULL;
        node->bound_by = bound ? of->slicepool : NULL;
        node->recut_to = bound ? profiles_of(pool, node->model) : 0;
    }
}
