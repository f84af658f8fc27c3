#include "core/plan/nodes.h"

#include <stdlib.h>
#include <string.h>

static int list_served(struct gs_nodes_work *w, const struct gs_fleet_load *load,
                       const struct gs_plan_served **ret, size_t *ret_n)
{
    const struct gs_nodes_shape *shape = &w->shapes[load->shape];
    struct gs_plan_served *served =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_served, shape->n_uses);
    if (served == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    size_t n = 0;
    for (size_t u = 0; u < shape->n_uses; u++) {
        if (load->x[u] > 0) {
            served[n++] = (struct gs_plan_served){
                .item = w->item_of[shape->uses[u].kind],
                .alternative = shape->uses[u].alternative,
                .model = shape->target.model,
                .gpu_name = shape->target.gpu_name,
                .count = load->x[u],
            };
        }
    }
    *ret = served;
    *ret_n = n;
    return 0;
}

static int new_nodes(struct gs_nodes_work *w, const struct gs_fleet_load *load,
                     struct gs_plan_nodes *ret)
{
    const struct gs_nodes_shape *shape = &w->shapes[load->shape];
    const struct gs_pack_layout *cut;
    size_t n;
    int r = gs_fleet_layouts(w->planner->arena, &w->spec, load, &cut, &n, w->planner->err);
    if (r < 0) {
        return r;
    }
    struct gs_plan_layout *layouts = GS_ARENA_NEW(w->planner->arena, struct gs_plan_layout, n);
    if (layouts == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (size_t i = 0; i < n; i++) {
        layouts[i] = gs_plan_new_layout(&shape->target, shape->pools[cut[i].pool].table, &cut[i]);
    }
    *ret = (struct gs_plan_nodes){
        .offer = shape->offer, .count = load->count, .layouts = layouts, .n_layouts = n};
    return list_served(w, load, &ret->served, &ret->n_served);
}

/* Gives each GPU of one node what a load puts onto its pool. */
static int fill_gpus(struct gs_nodes_work *w, const struct gs_existing_node *node,
                     const struct gs_pack_layout *cut, size_t n, struct gs_plan_existing *ret)
{
    struct gs_plan_gpus_there there;
    struct gs_plan_added *added =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_added, node->n_gpus);
    struct gs_pack_layout *left = GS_ARENA_NEW(w->planner->arena, struct gs_pack_layout, n);
    int r = gs_plan_pools_of(w->planner, node, &there);
    if (r < 0 || added == NULL || left == NULL) {
        return r < 0 ? r : gs_plan_no_memory(w->planner);
    }
    if (n > 0) {
        memcpy(left, cut, n * sizeof(*left));
    }
    for (unsigned g = 0; g < node->n_gpus; g++) {
        for (size_t i = 0; i < n; i++) {
            if (left[i].pool == there.pool_of[g] && left[i].count > 0) {
                left[i].count--;
                added[g].whole = left[i].whole;
                memcpy(added[g].counts, left[i].counts, sizeof(added[g].counts));
                break;
            }
        }
    }
    ret->added = added;
    return 0;
}

static int existing_node(struct gs_nodes_work *w, const struct gs_fleet_load *load, uint32_t index,
                         struct gs_plan_existing *ret)
{
    const struct gs_existing_node *node = &w->input->existing[index];
    const struct gs_pack_layout *cut;
    size_t n;
    *ret = (struct gs_plan_existing){.node = node};
    int r = list_served(w, load, &ret->served, &ret->n_served);
    if (r == 0 && node->layout_known) {
        r = gs_fleet_layouts(w->planner->arena, &w->spec, load, &cut, &n, w->planner->err);
        r = r < 0 ? r : fill_gpus(w, node, cut, n, ret);
    }
    return r;
}

static int compare_layouts(const void *a, const void *b)
{
    const struct gs_plan_layout *x = a;
    const struct gs_plan_layout *y = b;
    int names = strcmp(x->gpu_name, y->gpu_name);
    if (names != 0) {
        return names;
    }
    if (x->whole != y->whole) {
        return x->whole ? 1 : -1;
    }
    return -memcmp(x->counts, y->counts, sizeof(x->counts));
}

/* All new GPUs that are cut or used whole, alike ones together. */
static int sum_layouts(struct gs_nodes_work *w)
{
    struct gs_plan *plan = w->planner->plan;
    size_t n = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        n += plan->nodes[i].n_layouts;
    }
    struct gs_plan_layout *all = GS_ARENA_NEW(w->planner->arena, struct gs_plan_layout, n);
    if (all == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    n = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        for (size_t k = 0; k < plan->nodes[i].n_layouts; k++) {
            all[n] = plan->nodes[i].layouts[k];
            all[n++].count *= plan->nodes[i].count;
        }
    }
    if (n > 1) {
        qsort(all, n, sizeof(*all), compare_layouts);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && compare_layouts(&all[kept - 1], &all[i]) == 0) {
            all[kept - 1].count += all[i].count;
        } else {
            all[kept++] = all[i];
        }
    }
    plan->layouts = all;
    plan->n_layouts = kept;
    return 0;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct gs_plan_nodes *x = a;
    const struct gs_plan_nodes *y = b;
    if (x->offer != y->offer) {
        return x->offer < y->offer ? -1 : 1;
    }
    return (x->count < y->count) - (x->count > y->count);
}

static int compare_existing(const void *a, const void *b)
{
    const struct gs_plan_existing *x = a;
    const struct gs_plan_existing *y = b;
    return (x->node > y->node) - (x->node < y->node); /* of one array */
}

static int keep_shapes(struct gs_nodes_work *w)
{
    struct gs_plan *plan = w->planner->plan;
    struct gs_plan_shape *shapes =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_shape, w->n_shapes);
    if (shapes == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (unsigned s = 0; s < w->n_shapes; s++) {
        shapes[s] = (struct gs_plan_shape){
            .offer = w->shapes[s].offer,
            .existing = w->shapes[s].existing,
            .n_existing = w->shapes[s].n_existing,
        };
    }
    plan->shapes = shapes;
    plan->kinds = w->item_of;
    plan->n_kinds = w->n_kinds;
    plan->fleet_spec = w->spec;
    plan->fleet = w->fleet;
    plan->memory_unit = w->memory_unit;
    plan->has_proof = w->fleet.has_proof && w->n_kinds > 0;
    return 0;
}

static int list_nodes(struct gs_nodes_work *w)
{
    struct gs_plan *plan = w->planner->plan;
    struct gs_plan_nodes *nodes =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_nodes, w->fleet.n_loads);
    struct gs_plan_existing *existing =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_existing, w->input->n_existing);
    size_t *used = GS_ARENA_NEW(w->planner->arena, size_t, w->n_shapes);
    if (nodes == NULL || existing == NULL || used == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    int r = 0;
    for (size_t i = 0; i < w->fleet.n_loads && r == 0; i++) {
        const struct gs_fleet_load *load = &w->fleet.loads[i];
        const struct gs_nodes_shape *shape = &w->shapes[load->shape];
        if (shape->offer != NULL) {
            r = new_nodes(w, load, &nodes[plan->n_nodes++]);
            plan->gpus_used += load->count * shape->offer->gpus;
            continue;
        }
        for (int64_t c = 0; c < load->count && r == 0; c++) {
            uint32_t index = shape->existing[used[load->shape]++];
            r = existing_node(w, load, index, &existing[plan->n_existing++]);
        }
    }
    if (plan->n_nodes > 1) {
        qsort(nodes, plan->n_nodes, sizeof(*nodes), compare_nodes);
    }
    if (plan->n_existing > 1) {
        qsort(existing, plan->n_existing, sizeof(*existing), compare_existing);
    }
    plan->nodes = nodes;
    plan->existing = existing;
    return r;
}

int gs_nodes_answer(struct gs_nodes_work *w)
{
    w->planner->plan->value = w->fleet.value;
    w->planner->plan->bound = w->fleet.bound;
    int r = list_nodes(w);
    r = r < 0 ? r : sum_layouts(w);
    return r < 0 ? r : keep_shapes(w);
}

/* ------------------------------------------------------------------ a GPU of its own */

static bool same_use(const struct gs_use *a, const struct gs_use *b)
{
    return a->kind == b->kind && a->gpus == b->gpus;
}

/* The shape with whole GPUs in place of slices. */
static int whole_shape(struct gs_nodes_work *w, unsigned s, struct gs_fleet_shape *ret)
{
    const struct gs_nodes_shape *shape = &w->shapes[s];
    struct gs_use *uses = GS_ARENA_NEW(w->planner->arena, struct gs_use, shape->n_uses);
    struct gs_pool *pool = GS_ARENA_NEW(w->planner->arena, struct gs_pool, 1);
    if (uses == NULL || pool == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    unsigned n = 0;
    for (size_t u = 0; u < shape->n_uses; u++) {
        struct gs_use use = {
            .kind = shape->uses[u].kind,
            .alternative = shape->uses[u].alternative,
            .gpus = shape->uses[u].gpus,
        };
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            use.gpus += shape->uses[u].slices[p];
        }
        if (use.gpus <= shape->offer->gpus && (n == 0 || !same_use(&uses[n - 1], &use))) {
            uses[n++] = use;
        }
    }
    *pool = (struct gs_pool){.whole = true, .count = shape->offer->gpus};
    *ret = w->fleet_shapes[s];
    ret->limit = GS_FLEET_NO_LIMIT;
    ret->target = (struct gs_program_target){.pools = pool, .n_pools = 1};
    ret->uses = uses;
    ret->n_uses = n;
    return 0;
}

int gs_nodes_baseline(struct gs_nodes_work *w)
{
    struct gs_plan *plan = w->planner->plan;
    struct gs_fleet_shape *shapes =
        GS_ARENA_NEW(w->planner->arena, struct gs_fleet_shape, w->n_shapes);
    if (shapes == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    struct gs_fleet_spec spec = w->spec;
    spec.shapes = shapes;
    spec.n_shapes = 0;
    int r = 0;
    for (unsigned s = 0; s < w->n_shapes && r == 0; s++) {
        if (w->shapes[s].offer != NULL) {
            r = whole_shape(w, s, &shapes[spec.n_shapes++]);
        }
    }
    plan->has_baseline = true;
    for (unsigned k = 0; k < w->n_kinds; k++) {
        plan->baseline_gpus += w->needs[k] * gs_plan_parts_of(&w->input->items[w->item_of[k]]);
    }
    if (r < 0 || spec.n_shapes == 0) {
        return r;
    }
    struct gs_fleet fleet;
    const struct gs_fleet_options options = {.effort = 0};
    r = gs_fleet_solve(w->planner->arena, &spec, &options, &fleet, w->planner->err);
    if (r == 0 && fleet.found) {
        plan->baseline_uusd = fleet.value;
    }
    return r;
}
