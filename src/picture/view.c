#include "picture/view.h"

#include <stdlib.h>
#include <string.h>

#define SILENT_US 180000000ull
#define SILENCE_EVERY_US 10000000ull

void gs_nodes_view_init(struct gs_nodes_view *view, struct gs_store *store,
                        struct gs_decider *decider)
{
    *view = (struct gs_nodes_view){.store = store, .decider = decider, .silent_us = SILENT_US};
}

void gs_nodes_view_done(struct gs_nodes_view *view)
{
    for (size_t i = 0; i < view->n; i++) {
        free(view->more[i].gpus);
    }
    free(view->nodes);
    free(view->more);
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the view of the cluster's nodes");
}

struct gs_decide_node *gs_nodes_view_of(const struct gs_nodes_view *view,
                                        const struct gs_store_node *node)
{
    return node->number == 0 ? NULL : &view->nodes[node->number - 1];
}

/* ---- GPUs ---- */

static bool is_open(const struct gs_store_node *node, const struct gs_store_gpu *gpu)
{
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        if (strcmp(wish->wish.uuid, gpu->uuid) == 0) {
            return false;
        }
    }
    return gpu->healthy && gpu->mig;
}

static void see_slice(const struct gs_store_slice *slice, const struct gs_model *model,
                      struct gs_decide_gpu *gpu)
{
    if (slice->profile == GS_STORE_NO_PROFILE || gpu->n_slices == GS_MEMORY_UNITS_MAX) {
        gpu->open = false; /* something that we cannot reckon with */
        return;
    }
    gpu->slices[gpu->n_slices++] = (struct gs_decide_slice){
        .placement = {.profile = slice->profile,
                      .start = slice->start,
                      .span = gs_profile_span(&model->profiles[slice->profile], slice->start)},
        .state = slice->state == GS_GPUNODE_FREE && slice->plain ? GS_DECIDE_IDLE : GS_DECIDE_FIXED,
        .pod = GS_DECIDE_NONE,
    };
}

/* Room for as many as the node has. */
static int make_room(struct gs_view_node *more, struct gs_err *err)
{
    unsigned n = more->of->n_gpus;
    if (n <= more->cap_gpus) {
        return 0;
    }
    struct gs_decide_gpu *gpus = calloc(n, sizeof(*gpus));
    if (gpus == NULL) {
        return no_memory(err);
    }
    free(more->gpus);
    more->gpus = gpus;
    more->cap_gpus = n;
    return 0;
}

static void see_gpus(struct gs_view_node *more, const struct gs_model *model)
{
    const struct gs_store_node *node = more->of;
    more->n_gpus = 0;
    for (unsigned i = 0; i < node->n_gpus; i++) {
        const struct gs_store_gpu *from = &node->gpus[i];
        struct gs_decide_gpu *gpu = &more->gpus[more->n_gpus++];
        *gpu = (struct gs_decide_gpu){
            .model = model,
            .mig = from->mig,
            .whole_free = !from->mig && !from->whole_held,
            .open = model != NULL && is_open(node, from),
            .kept_for = gpu->kept_for,
        };
        for (unsigned k = 0; model != NULL && k < from->n_slices; k++) {
            see_slice(&from->slices[k], model, gpu);
        }
    }
}

/* ---- what is promised ---- */

void gs_nodes_view_recut(struct gs_decide_node *node, const uint32_t there[GS_PROFILES_MAX],
                         const uint8_t wanted[GS_PROFILES_MAX])
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        node->coming[p] += gs_nodes_view_less(wanted[p], there[p]);
        node->free[p] = gs_nodes_view_less(node->free[p], gs_nodes_view_less(there[p], wanted[p]));
    }
}

/* What the hardware has of each profile and gives away, or is about to. */
static void count_hardware(const struct gs_store_node *node, uint32_t ret[GS_PROFILES_MAX])
{
    for (unsigned i = 0; i < node->n_gpus; i++) {
        for (unsigned k = 0; k < node->gpus[i].n_slices; k++) {
            const struct gs_store_slice *slice = &node->gpus[i].slices[k];
            bool counts = slice->plain && slice->state != GS_GPUNODE_LEAVING &&
                          slice->state != GS_GPUNODE_SICK;
            if (slice->profile != GS_STORE_NO_PROFILE && counts) {
                ret[slice->profile]++;
            }
        }
    }
}

/* Whether a pod of the node that the store has read may be the one that holds it. */
static bool is_known_holder(const struct gs_store_node *node, uint32_t holder)
{
    for (const struct gs_store_pod *pod = node->pods; pod != NULL; pod = pod->next) {
        if (pod->n_wants > 0 && pod->holder == holder) {
            return true;
        }
    }
    return false;
}

/* Slices that a pod holds of which the store does not know that it takes them: one that could not
 * be read, or one that has just ended and whose slice the kubelet has not back yet. */
static void leave_to_strangers(const struct gs_store_node *node, uint32_t ret[GS_PROFILES_MAX])
{
    for (unsigned i = 0; i < node->n_gpus; i++) {
        for (unsigned k = 0; k < node->gpus[i].n_slices; k++) {
            const struct gs_store_slice *slice = &node->gpus[i].slices[k];
            if (slice->profile != GS_STORE_NO_PROFILE && slice->plain &&
                slice->state == GS_GPUNODE_HELD && slice->holder != 0 &&
                !is_known_holder(node, slice->holder)) {
                ret[slice->profile] = gs_nodes_view_less(ret[slice->profile], 1);
            }
        }
    }
}

/* A wish under way. */
static void count_wish(const struct gs_store_node *node, const struct gs_gpunode_wish *wish,
                       const struct gs_model *model, struct gs_decide_node *ret)
{
    struct gs_layout layout;
    uint8_t wanted[GS_PROFILES_MAX] = {0};
    uint32_t there[GS_PROFILES_MAX] = {0};
    const struct gs_store_gpu *gpu = gs_store_gpu_of(node, wish->uuid);
    if (gpu == NULL || gs_layout_parse(model, gs_view(wish->layout), &layout, NULL) != 0) {
        return;
    }
    gs_layout_counts(&layout, wanted);
    for (unsigned k = 0; k < gpu->n_slices; k++) {
        if (gpu->slices[k].profile != GS_STORE_NO_PROFILE) {
            there[gpu->slices[k].profile]++;
        }
    }
    gs_nodes_view_recut(ret, there, wanted);
}

/* What comes belongs to the pods that it was wished for, while they wait; or to the successor of
 * one that is to be moved here, while that one is where it was. */
static void reserve_coming(const struct gs_store_node *node, const struct gs_gpunode_wish *wish,
                           const struct gs_model *model, struct gs_decide_node *ret)
{
    const struct gs_store *store = node->store;
    for (unsigned i = 0; i < wish->n_pods; i++) {
        const struct gs_store_pod *pod = gs_store_pod_of(store, &wish->pods[i]);
        bool waits = pod != NULL && pod->waiting != NULL && pod->nominated == NULL;
        bool moves = pod != NULL && pod->kin != NULL && pod->node != node;
        if (!waits && !moves) {
            continue;
        }
        for (unsigned k = 0; k < pod->n_wants; k++) {
            int profile = gs_model_profile_index(model, &store->resources[pod->wants[k].resource]);
            if (pod->wants[k].resource != 0 && profile >= 0) {
                ret->coming[profile] =
                    gs_nodes_view_less(ret->coming[profile], pod->wants[k].count);
            }
        }
    }
}

/* A profile of the model by the store's number of its resource; -1: none. */
static void map_profiles(const struct gs_store *store, const struct gs_model *model,
                         int8_t ret[GS_STORE_RESOURCES_MAX])
{
    for (unsigned i = 1; i < store->n_resources; i++) {
        ret[i] = (int8_t)gs_model_profile_index(model, &store->resources[i]);
    }
}

static void see_amounts(const struct gs_nodes_view *view, struct gs_view_node *more,
                        const struct gs_model *model, bool heard, struct gs_decide_node *ret)
{
    struct gs_store_taken taken[GS_STORE_RESOURCES_MAX];
    int8_t profiles[GS_STORE_RESOURCES_MAX];
    uint32_t hardware[GS_PROFILES_MAX] = {0};
    const struct gs_store_node *node = more->of;
    gs_store_taken(node, taken);
    ret->free_gpus = node->node.gpu_means == GS_KUBENODE_WHOLE
                         ? gs_nodes_view_less(node->node.gpus, taken[0].all)
                         : 0;
    if (model == NULL) {
        return;
    }
    for (size_t i = 0; i < node->node.n_slices; i++) {
        int profile = gs_model_profile_index(model, &node->node.slices[i].profile);
        if (profile >= 0 && !node->node.slices[i].shared) {
            ret->free[profile] = (uint32_t)node->node.slices[i].count;
        }
    }
    count_hardware(node, hardware);
    for (unsigned p = 0; p < model->n_profiles; p++) {
        ret->coming[p] = gs_nodes_view_less(hardware[p], ret->free[p]);
    }
    map_profiles(view->store, model, profiles);
    for (unsigned i = 1; i < view->store->n_resources; i++) {
        if (profiles[i] >= 0) {
            ret->free[profiles[i]] = gs_nodes_view_less(ret->free[profiles[i]], taken[i].all);
        }
    }
    if (heard) {
        leave_to_strangers(node, ret->free);
    }
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        count_wish(node, &wish->wish, model, ret);
    }
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        reserve_coming(node, &wish->wish, model, ret);
    }
}

/* ---- a node ---- */

static const struct gs_model *model_of(const struct gs_store_node *node)
{
    for (unsigned i = 1; i < node->n_gpus; i++) {
        if (node->gpus[i].model != node->gpus[0].model) {
            return NULL; /* of several models: not planned with */
        }
    }
    return node->n_gpus > 0 ? node->gpus[0].model : node->node.model;
}

static int see_node(struct gs_nodes_view *view, size_t i, uint64_t now_us, struct gs_err *err)
{
    struct gs_view_node *more = &view->more[i];
    struct gs_store_node *node = more->of;
    const struct gs_model *model = node->known ? model_of(node) : NULL;
    struct gs_decide_node *ret = &view->nodes[i];
    *ret = (struct gs_decide_node){.name = node->name, .facts = &node->node.facts};
    more->n_gpus = 0;
    if (!node->known) {
        return 0;
    }
    int r = make_room(more, err);
    if (r != 0) {
        return r;
    }
    see_gpus(more, model);
    ret->model = model;
    ret->gpus = more->gpus;
    ret->n_gpus = more->n_gpus;
    ret->cpu_milli = gs_nodes_view_less(node->node.cpu_milli, node->cpu_milli);
    ret->memory_bytes = node->node.memory_bytes > node->memory_bytes
                            ? node->node.memory_bytes - node->memory_bytes
                            : 0;
    ret->pods = gs_nodes_view_less(node->node.pods, node->n_pods);
    ret->usable = node->ready && !node->deleting && !node->starting;
    bool heard = node->has_gpus && now_us < node->gpus_at_us + view->silent_us;
    ret->recuttable = ret->usable && model != NULL && heard;
    see_amounts(view, more, model, heard, ret);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        ret->coming[p] = node->deleting   ? 0
                         : node->starting ? ret->coming[p] + ret->free[p]
                                          : ret->coming[p];
    }
    ret->sum = &more->sum;
    return gs_decide_sum(view->decider, model, more->gpus, more->n_gpus, &more->sum, err);
}

static bool has_gpus(const struct gs_store_node *node)
{
    return node->has_gpus || (node->known && (node->node.n_slices > 0 || node->node.gpus > 0));
}

static int add_node(struct gs_nodes_view *view, struct gs_store_node *node, struct gs_err *err)
{
    if (view->n == view->cap) {
        size_t cap = view->cap == 0 ? 16 : 2 * view->cap;
        struct gs_decide_node *nodes = reallocarray(view->nodes, cap, sizeof(*nodes));
        view->nodes = nodes != NULL ? nodes : view->nodes;
        struct gs_view_node *more = reallocarray(view->more, cap, sizeof(*more));
        view->more = more != NULL ? more : view->more;
        if (nodes == NULL || more == NULL) {
            return no_memory(err);
        }
        view->cap = cap;
        for (size_t i = 0; i < view->n; i++) {
            view->nodes[i].sum = &view->more[i].sum;
        }
    }
    view->more[view->n] = (struct gs_view_node){.of = node, .seat = node->seat};
    node->number = (uint32_t)++view->n;
    return 0;
}

/* Agents that were heard of too long ago: looked for now and then, as nothing tells of it. */
static void look_for_silent(struct gs_nodes_view *view, uint64_t now_us)
{
    if (now_us < view->silence_us) {
        return;
    }
    view->silence_us = now_us + SILENCE_EVERY_US;
    for (size_t i = 0; i < view->n; i++) {
        if (view->nodes[i].recuttable && now_us >= view->more[i].of->gpus_at_us + view->silent_us) {
            gs_store_touch(view->more[i].of);
        }
    }
}

/* The last one takes its place. */
static void drop_node(void *ctx, struct gs_store_node *node)
{
    struct gs_nodes_view *view = ctx;
    if (node->number == 0) {
        return;
    }
    size_t i = node->number - 1;
    size_t last = --view->n;
    free(view->more[i].gpus);
    if (i != last) {
        view->nodes[i] = view->nodes[last];
        view->more[i] = view->more[last];
        view->nodes[i].sum = &view->more[i].sum;
        view->more[i].of->number = (uint32_t)i + 1;
    }
    node->number = 0;
}

/* It is no node that a pod could be told of. */
static bool is_gone(const struct gs_store_node *node)
{
    return !node->known && node->pods == NULL && node->wishes == NULL;
}

static int look_at(struct gs_nodes_view *view, struct gs_store_node *node, uint64_t now_us,
                   struct gs_err *err)
{
    if (is_gone(node)) {
        drop_node(view, node);
        return 0;
    }
    int r = node->number == 0 && has_gpus(node) ? add_node(view, node, err) : 0;
    return r == 0 && node->number != 0 ? see_node(view, node->number - 1, now_us, err) : r;
}

int gs_nodes_view_refresh(struct gs_nodes_view *view, uint64_t now_us, struct gs_err *err)
{
    int r = 0;
    look_for_silent(view, now_us);
    while (r == 0 && view->store->dirty != NULL) {
        struct gs_store_node *node = view->store->dirty;
        r = look_at(view, node, now_us, err);
        if (r == 0) {
            view->store->dirty = node->next_dirty;
            node->dirty = false;
        }
    }
    if (r == 0 && gs_store_is_littered(view->store)) {
        gs_store_forget(view->store, drop_node, view);
    }
    return r;
}
