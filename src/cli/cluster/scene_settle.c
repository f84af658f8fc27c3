/* What follows from all objects of a scene: prices, what may be bought, who holds what. */
#include <stdio.h>
#include <string.h>

#include "cli/cluster/scene.h"
#include "karpenter/limits.h"
#include "picture/bound.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the cluster");
}

static bool is_said(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void find_region(struct gs_scene *scene)
{
    const struct gs_store_node *node;
    size_t at = 0;
    struct gs_region_sources sources = {.given = scene->asked_region, .env = scene->env_region};
    for (size_t i = 0; i < scene->n_pools; i++) {
        const struct gs_slicepool_status *status = &scene->pools[i]->status;
        sources.controller = is_said(sources.controller) ? sources.controller : status->region;
    }
    sources.controller_spoke = gs_scene_controller(scene) != NULL;
    while (sources.node == NULL && (node = gs_map_next(&scene->store.nodes, &at)) != NULL) {
        const char *label = gs_kubenode_label(&node->node, "topology.kubernetes.io/region");
        sources.node = node->known && is_said(label) ? label : NULL;
    }
    scene->region = gs_region_choose(&sources);
}

/* Nodes of the pool that are on their way, of that instance type: a pod that waits for one of them
 * still needs a node, and no limit is in its way. */
static uint32_t count_coming(const struct gs_scene *scene, const struct gs_scene_pool *pool,
                             const char *type)
{
    uint32_t n = 0;
    for (size_t i = 0; i < scene->n_claims; i++) {
        const struct gs_karpenter_claim_seen *claim = scene->claims[i];
        for (unsigned k = 0; k < pool->status.n_parts; k++) {
            const struct gs_slicepool_part *part = &pool->status.parts[k];
            n += !claim->initialized && !claim->deleting && strcmp(part->name, claim->pool) == 0 &&
                 strcmp(part->instance_type, type) == 0;
        }
    }
    return n;
}

static bool says(const struct gs_slicepool_status *status, const char *type, const char *reason)
{
    for (unsigned i = 0; i < status->n_conditions; i++) {
        const struct gs_gpunode_condition *one = &status->conditions[i];
        if (strcmp(one->type, type) == 0 && !one->is_true && strcmp(one->reason, reason) == 0) {
            return true;
        }
    }
    return false;
}

/* What the pool's limits leave, by what its status says is used. */
static uint32_t count_left(const struct gs_scene_pool *pool, const struct gs_offer *offer)
{
    const struct gs_slicepool *spec = &pool->spec;
    uint64_t gpus = spec->gpus_limit == UINT64_MAX
                        ? UINT32_MAX
                        : gs_nodes_view_less(spec->gpus_limit, pool->status.gpus) /
                              (offer->gpus == 0 ? 1 : offer->gpus);
    uint64_t uusd = spec->uusd_limit == UINT64_MAX || offer->price_uusd == 0 ? UINT32_MAX
                    : spec->uusd_limit <= pool->status.uusd
                        ? 0
                        : (spec->uusd_limit - pool->status.uusd) / offer->price_uusd;
    bool works = !spec->deleting && spec->scaling == GS_SLICEPOOL_OVERLAY &&
                 !says(&pool->status, "Ready", "KarpenterNotThere") &&
                 !says(&pool->status, "Ready", "KarpenterTooOld") &&
                 !says(&pool->status, "Open", "NodeClassNotReady");
    for (unsigned k = 0; k < pool->status.n_parts; k++) { /* three starts have failed */
        const struct gs_slicepool_part *part = &pool->status.parts[k];
        works = works && !(strcmp(part->instance_type, offer->name) == 0 && !part->open &&
                           strncmp(part->reason, "its nodes do not start", 22) == 0);
    }
    uint64_t left = gpus < uusd ? gpus : uusd;
    return !works ? 0 : left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

/* Which limits leave nothing of the offer, for decisions to say. False: no memory. */
static bool note_spent(struct gs_scene *scene, const struct gs_scene_pool *pool,
                       struct gs_offer *offer)
{
    const struct gs_karpenter_caps caps = {.gpus = pool->spec.gpus_limit,
                                           .uusd = pool->spec.uusd_limit};
    const struct gs_karpenter_sum has = {.gpus = pool->status.gpus, .uusd = pool->status.uusd};
    const struct gs_karpenter_sum more = {.gpus = offer->gpus, .uusd = offer->price_uusd};
    char text[GS_KARPENTER_LIMITS_MAX];
    if (offer->max_nodes > 0 || !gs_karpenter_say_limits(&caps, &has, &more, text)) {
        return true;
    }
    offer->no_more = gs_arena_printf(&scene->arena, "SlicePool %s: %s", pool->spec.name, text);
    return offer->no_more != NULL;
}

static int make_offers(struct gs_scene *scene, struct gs_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < scene->n_pools; i++) {
        struct gs_scene_pool *pool = scene->pools[i];
        int r = gs_pooloffers_make(&scene->arena, &pool->spec, gs_view(scene->region.name),
                                   &pool->offers, err);
        if (r != 0) {
            return r;
        }
        for (unsigned k = 0; k < pool->offers.n; k++) {
            struct gs_offer *offer = &pool->offers.at[k];
            uint32_t left = count_left(pool, offer);
            uint32_t coming = count_coming(scene, pool, offer->name);
            offer->max_nodes = left < UINT32_MAX - coming ? left + coming : UINT32_MAX;
            if (!note_spent(scene, pool, offer)) {
                return no_memory(err);
            }
        }
        n += pool->offers.n;
    }
    scene->offers = GS_ARENA_NEW(&scene->arena, struct gs_offer, n);
    if (scene->offers == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < scene->n_pools; i++) {
        for (unsigned k = 0; k < scene->pools[i]->offers.n; k++) {
            scene->offers[scene->n_offers++] = scene->pools[i]->offers.at[k];
        }
    }
    return 0;
}

/* Who holds the slices of a node's GPUs, by name. */
static int name_holders(struct gs_scene *scene, struct gs_view_node *more,
                        const struct gs_gpunode *gpus, struct gs_err *err)
{
    for (unsigned g = 0; g < more->n_gpus && g < gpus->n_gpus; g++) {
        struct gs_decide_gpu *gpu = &more->gpus[g];
        for (unsigned k = 0; k < gpus->gpus[g].n_slices; k++) {
            const struct gs_gpunode_slice *slice = &gpus->gpus[g].slices[k];
            for (unsigned s = 0; slice->holder.name[0] != '\0' && s < gpu->n_slices; s++) {
                if (gpu->slices[s].placement.start != slice->start ||
                    gpu->slices[s].pod != GS_DECIDE_NONE) {
                    continue;
                }
                if (!gs_arena_room(&scene->arena, &scene->holders, &scene->cap_holders,
                                   scene->n_holders, sizeof(*scene->holders))) {
                    return no_memory(err);
                }
                const char *name = gs_arena_printf(&scene->arena, "%s/%s", slice->holder.name_space,
                                                   slice->holder.name);
                if (name == NULL) {
                    return no_memory(err);
                }
                gpu->slices[s].pod = (uint32_t)scene->n_holders;
                scene->holders[scene->n_holders++] = (struct gs_decide_pod){.name = name};
            }
        }
    }
    return 0;
}

static const struct gs_slicepool *pool_named(void *ctx, const char *name)
{
    const struct gs_scene *scene = ctx;
    for (size_t i = 0; i < scene->n_pools; i++) {
        if (strcmp(scene->pools[i]->spec.name, name) == 0) {
            return &scene->pools[i]->spec;
        }
    }
    return NULL;
}

static bool may_leave(void *ctx, const struct gs_store_node *node)
{
    const struct gs_slicepool *pool = pool_named(ctx, node->slicepool);
    return pool != NULL && pool->moves == GS_SLICEPOOL_MOVES_OPT_IN;
}

/* Those that may be moved first: their numbers are the movers'. */
static int find_movers(struct gs_scene *scene, struct gs_err *err)
{
    const struct gs_movers_rules rules = {.node = may_leave, .ctx = scene};
    int r = gs_movers_find(&scene->movers, &scene->view, &rules, err);
    for (size_t i = 0; r == 0 && i < scene->movers.n; i++) {
        if (!gs_arena_room(&scene->arena, &scene->holders, &scene->cap_holders, scene->n_holders,
                           sizeof(*scene->holders))) {
            return no_memory(err);
        }
        scene->holders[scene->n_holders++] = scene->movers.holders[i];
    }
    return r;
}

static int begin_view(struct gs_scene *scene, struct gs_err *err)
{
    scene->decider = gs_decider_new(&scene->decider_arena);
    if (scene->decider == NULL) {
        return no_memory(err);
    }
    gs_nodes_view_init(&scene->view, &scene->store, scene->decider);
    gs_rules_init(&scene->rules, &scene->store, &scene->view);
    return 0;
}

static int settle(struct gs_scene *scene, struct gs_err *err)
{
    int r = gs_nodes_view_refresh(&scene->view, scene->at_us, err);
    scene->rules.n_expected = 0;
    gs_bound_nodes(&scene->view, pool_named, scene);
    r = r == 0 ? find_movers(scene, err) : r;
    for (size_t i = 0; r == 0 && i < scene->view.n; i++) {
        const struct gs_gpunode *gpus = gs_scene_gpus(scene, scene->view.nodes[i].name);
        r = gpus == NULL ? 0 : name_holders(scene, &scene->view.more[i], gpus, err);
    }
    find_region(scene);
    return r == 0 ? make_offers(scene, err) : r;
}

int gs_scene_settle(struct gs_scene *scene, struct gs_err *err)
{
    gs_store_listed(&scene->store, GS_STORE_NODES);
    gs_store_listed(&scene->store, GS_STORE_GPUNODES);
    scene->at_us = scene->real_us;
    int r = begin_view(scene, err);
    return r == 0 ? settle(scene, err) : r;
}

/* ---- a scene that lasts ---- */

int gs_scene_last(struct gs_scene *scene, struct gs_err *err)
{
    return begin_view(scene, err);
}

void gs_scene_forget(struct gs_scene *scene)
{
    gs_movers_done(&scene->movers);
    scene->pools = NULL;
    scene->n_pools = scene->cap_pools = 0;
    scene->claims = NULL;
    scene->n_claims = scene->cap_claims = 0;
    scene->programs = NULL;
    scene->n_programs = scene->cap_programs = 0;
    scene->offers = NULL;
    scene->n_offers = 0;
    scene->holders = NULL;
    scene->n_holders = scene->cap_holders = 0;
    scene->lease = (struct gs_kubelease){.name = ""};
}

/* What decisions have taken off the picture the last time is there again. */
int gs_scene_resettle(struct gs_scene *scene, uint64_t at_us, struct gs_err *err)
{
    scene->at_us = at_us;
    for (size_t i = 0; i < scene->view.n; i++) {
        gs_store_touch(scene->view.more[i].of);
    }
    return settle(scene, err);
}
