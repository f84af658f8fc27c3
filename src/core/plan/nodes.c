#include "core/plan/nodes.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* ------------------------------------------------------------------ units */

/* The largest unit in which every item's memory is whole: nothing is lost when what nodes have is
 * rounded down to it, and small numbers keep the simplex exact. */
static int64_t memory_unit(const struct gs_plan_input *input)
{
    uint64_t unit = 0;
    for (size_t i = 0; i < input->n_items; i++) {
        unit = gs_greatest_divisor(unit, input->items[i].memory_bytes);
    }
    return unit == 0 ? 1 : (int64_t)unit;
}

static int64_t price_step(const struct gs_plan_input *input)
{
    uint64_t step = 0;
    for (size_t i = 0; i < input->n_offers; i++) {
        step = gs_greatest_divisor(step, input->offers[i].price_uusd);
    }
    return step == 0 ? 1 : (int64_t)step;
}

/* ------------------------------------------------------------------ shapes */

static int shape_of_offer(struct gs_nodes_work *w, const struct gs_offer *offer,
                          struct gs_nodes_shape *shape, struct gs_fleet_shape *fleet)
{
    struct gs_pool *pool = GS_ARENA_NEW(w->planner->arena, struct gs_pool, 1);
    if (pool == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    *pool = (struct gs_pool){.whole = true,
                             .cut = offer->model != NULL && offer->model->placements_known,
                             .count = offer->gpus};
    int r = pool->cut
                ? gs_plan_table(w->planner->tables, offer->model, &pool->table, w->planner->err)
                : 0;
    *shape = (struct gs_nodes_shape){
        .offer = offer,
        .facts = offer->facts,
        .target = {pool->cut ? offer->model : NULL, offer->gpu_name, offer->gpu_memory_mib},
        .pools = pool,
    };
    *fleet = (struct gs_fleet_shape){
        .cost = (int64_t)offer->price_uusd,
        .limit = offer->max_nodes,
        .target = {.n_pools = offer->gpus > 0},
        .cpu_milli = (int64_t)offer->cpu_milli,
        .memory = (int64_t)(offer->memory_bytes / (uint64_t)w->memory_unit),
        .pods = offer->pods,
    };
    return r;
}

static int shape_of_existing(struct gs_nodes_work *w, const struct gs_existing_node *node,
                             struct gs_nodes_shape *shape, struct gs_fleet_shape *fleet)
{
    struct gs_plan_gpus_there there = {0};
    *fleet = (struct gs_fleet_shape){
        .limit = 1,
        .cpu_milli = (int64_t)node->cpu_milli,
        .memory = (int64_t)(node->memory_bytes / (uint64_t)w->memory_unit),
        .pods = node->pods,
    };
    int r = 0;
    if (node->layout_known) {
        r = gs_plan_pools_of(w->planner, node, &there);
        fleet->target.n_pools = there.n_pools;
    } else {
        memcpy(fleet->target.free_slices, node->free_slices, sizeof(node->free_slices));
        fleet->target.free_gpus = node->free_gpus;
    }
    *shape = (struct gs_nodes_shape){
        .facts = node->facts,
        .target = {node->model, node->gpu_name, node->gpu_memory_mib},
        .pools = there.pools,
    };
    return r;
}

static bool pools_are_alike(const struct gs_pool *a, const struct gs_pool *b, unsigned n)
{
    for (unsigned p = 0; p < n; p++) {
        if (a[p].table != b[p].table || a[p].busy != b[p].busy || a[p].count != b[p].count ||
            a[p].whole != b[p].whole || a[p].cut != b[p].cut) {
            return false;
        }
    }
    return true;
}

static bool uses_are_alike(const struct gs_nodes_shape *a, const struct gs_nodes_shape *b)
{
    return a->n_uses == b->n_uses &&
           (a->n_uses == 0 || memcmp(a->uses, b->uses, a->n_uses * sizeof(*a->uses)) == 0);
}

/* Existing nodes with the same room for the same items are one shape. */
static bool shapes_are_alike(const struct gs_nodes_work *w, unsigned s, unsigned t)
{
    const struct gs_fleet_shape *a = &w->fleet_shapes[s];
    const struct gs_fleet_shape *b = &w->fleet_shapes[t];
    const struct gs_nodes_shape *x = &w->shapes[s];
    const struct gs_nodes_shape *y = &w->shapes[t];
    return x->offer == NULL && y->offer == NULL && x->target.model == y->target.model &&
           strcmp(x->target.gpu_name, y->target.gpu_name) == 0 && a->cpu_milli == b->cpu_milli &&
           a->memory == b->memory && a->pods == b->pods && a->target.n_pools == b->target.n_pools &&
           memcmp(a->target.free_slices, b->target.free_slices, sizeof(b->target.free_slices)) ==
               0 &&
           a->target.free_gpus == b->target.free_gpus &&
           pools_are_alike(x->pools, y->pools, a->target.n_pools) && uses_are_alike(x, y);
}

/* ------------------------------------------------------------------ the problem */

static int make_room(struct gs_nodes_work *w)
{
    struct gs_arena *arena = w->planner->arena;
    size_t n = w->input->n_offers + w->input->n_existing;
    if (n == 0) {
        return gs_fail(w->planner->err, GS_INVALID, "no kind of node to plan with");
    }
    if (n > GS_FLEET_SHAPES_MAX) {
        return gs_fail(w->planner->err, GS_LIMIT,
                       "%zu kinds of nodes and existing nodes are more than one plan takes (%d)", n,
                       GS_FLEET_SHAPES_MAX);
    }
    if (w->input->n_items > GS_PLAN_KINDS_MAX) {
        return gs_fail(w->planner->err, GS_LIMIT,
                       "%zu different kinds of items are more than one plan takes (%d); items "
                       "whose requests are equal are one kind",
                       w->input->n_items, GS_PLAN_KINDS_MAX);
    }
    w->shapes = GS_ARENA_NEW(arena, struct gs_nodes_shape, n);
    w->fleet_shapes = GS_ARENA_NEW(arena, struct gs_fleet_shape, n);
    w->item_of = GS_ARENA_NEW(arena, uint32_t, w->input->n_items);
    w->needs = GS_ARENA_NEW(arena, int64_t, w->input->n_items);
    w->cpu_milli = GS_ARENA_NEW(arena, int64_t, w->input->n_items);
    w->memory = GS_ARENA_NEW(arena, int64_t, w->input->n_items);
    bool ok = w->shapes != NULL && w->fleet_shapes != NULL && w->item_of != NULL &&
              w->needs != NULL && w->cpu_milli != NULL && w->memory != NULL;
    return ok ? 0 : gs_plan_no_memory(w->planner);
}

static int list_shapes(struct gs_nodes_work *w)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->input->n_offers; i++) {
        r = shape_of_offer(w, &w->input->offers[i], &w->shapes[w->n_shapes],
                           &w->fleet_shapes[w->n_shapes]);
        w->n_shapes++;
    }
    for (uint32_t i = 0; r == 0 && i < w->input->n_existing; i++) {
        struct gs_nodes_shape *shape = &w->shapes[w->n_shapes];
        r = shape_of_existing(w, &w->input->existing[i], shape, &w->fleet_shapes[w->n_shapes]);
        shape->existing = GS_ARENA_NEW(w->planner->arena, uint32_t, w->input->n_existing);
        if (shape->existing == NULL) {
            return gs_plan_no_memory(w->planner);
        }
        shape->existing[shape->n_existing++] = i;
        w->n_shapes++;
    }
    return r;
}

static void list_kinds(struct gs_nodes_work *w)
{
    for (uint32_t i = 0; i < w->input->n_items; i++) {
        const struct gs_item *item = &w->input->items[i];
        w->item_of[i] = i;
        w->needs[i] = (int64_t)item->count;
        w->cpu_milli[i] = (int64_t)item->cpu_milli;
        w->memory[i] = (int64_t)(item->memory_bytes / (uint64_t)w->memory_unit);
    }
    w->n_kinds = (unsigned)w->input->n_items;
}

/* Joins existing nodes that are alike; shapes nobody can use go. */
static void join_shapes(struct gs_nodes_work *w)
{
    unsigned kept = 0;
    for (unsigned s = 0; s < w->n_shapes; s++) {
        unsigned like = 0;
        while (like < kept && !shapes_are_alike(w, like, s)) {
            like++;
        }
        if (w->shapes[s].n_uses == 0) {
            continue;
        }
        if (like < kept) {
            w->shapes[like].existing[w->shapes[like].n_existing++] = w->shapes[s].existing[0];
            w->fleet_shapes[like].limit++;
        } else {
            w->shapes[kept] = w->shapes[s];
            w->fleet_shapes[kept++] = w->fleet_shapes[s];
        }
    }
    w->n_shapes = kept;
}

/* Items without any use are left out, and the kinds of the others numbered anew. */
static int drop_hopeless(struct gs_nodes_work *w, const struct gs_plan_reasons *reasons)
{
    uint32_t *number = GS_ARENA_NEW(w->planner->arena, uint32_t, w->n_kinds);
    bool *served = GS_ARENA_NEW(w->planner->arena, bool, w->n_kinds);
    if (number == NULL || served == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (unsigned s = 0; s < w->n_shapes; s++) {
        for (size_t u = 0; u < w->shapes[s].n_uses; u++) {
            served[w->shapes[s].uses[u].kind] = true;
        }
    }
    unsigned kept = 0;
    for (unsigned k = 0; k < w->n_kinds; k++) {
        if (!served[k]) {
            int r = gs_plan_leave_out(w->planner, w->item_of[k], w->needs[k], reasons[k].text);
            if (r < 0) {
                return r;
            }
            continue;
        }
        number[k] = kept;
        w->item_of[kept] = w->item_of[k];
        w->needs[kept] = w->needs[k];
        w->cpu_milli[kept] = w->cpu_milli[k];
        w->memory[kept++] = w->memory[k];
    }
    w->n_kinds = kept;
    for (unsigned s = 0; s < w->n_shapes; s++) {
        for (size_t u = 0; u < w->shapes[s].n_uses; u++) {
            w->shapes[s].uses[u].kind = number[w->shapes[s].uses[u].kind];
        }
    }
    return 0;
}

static int list_uses(struct gs_nodes_work *w)
{
    struct gs_plan_reasons *reasons =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_reasons, w->n_kinds);
    if (reasons == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    int r = 0;
    for (unsigned s = 0; r == 0 && s < w->n_shapes; s++) {
        for (uint32_t k = 0; r == 0 && k < w->n_kinds; k++) {
            r = gs_nodes_add_uses(w, s, k, &reasons[k]);
        }
        r = r < 0 ? r : gs_nodes_list_columns(w, s);
        r = r < 0 ? r : gs_nodes_keep_fitting_uses(w, s, reasons);
    }
    if (r == 0) {
        join_shapes(w);
        r = drop_hopeless(w, reasons);
    }
    return r;
}

/* ------------------------------------------------------------------ the fleet */

static int solve(struct gs_nodes_work *w)
{
    bool *spare = GS_ARENA_NEW(w->planner->arena, bool, w->n_kinds);
    if (spare == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (unsigned k = 0; k < w->n_kinds; k++) {
        spare[k] = w->input->items[w->item_of[k]].spare;
    }
    w->spec = (struct gs_fleet_spec){
        .n_kinds = w->n_kinds,
        .needs = w->needs,
        .cpu_milli = w->cpu_milli,
        .memory = w->memory,
        .shapes = w->fleet_shapes,
        .n_shapes = w->n_shapes,
        .step = price_step(w->input),
        .spare = spare,
    };
    const struct gs_fleet_options options = {
        .effort = w->input->quick ? 0 : 1,
        .certificate = w->input->certificate || !w->input->quick,
    };
    int r = gs_fleet_solve(w->planner->arena, &w->spec, &options, &w->fleet, w->planner->err);
    if (r < 0) {
        return r;
    }
    return w->fleet.found ? gs_nodes_prefer_existing(w) : gs_nodes_leave_out(w, &options);
}

static int set_up(struct gs_nodes_work *w)
{
    w->memory_unit = memory_unit(w->input);
    int r = make_room(w);
    r = r < 0 ? r : list_shapes(w);
    if (r == 0) {
        list_kinds(w);
        r = list_uses(w);
    }
    return r;
}

/* Items that are held to nodes known to carry their labels, and find no place there, are let go,
 * and all is planned anew. */
static int plan_held(struct gs_nodes_work *w)
{
    int r = gs_nodes_hold(w);
    bool again = true;
    while (r == 0 && again) {
        r = set_up(w);
        r = r < 0 ? r : solve(w);
        again = r == 0 && gs_nodes_let_go(w);
        if (again) {
            *w = (struct gs_nodes_work){.planner = w->planner, .input = w->input, .held = w->held};
        }
    }
    return r;
}

int gs_plan_nodes(struct gs_planner *planner)
{
    struct gs_nodes_work w = {.planner = planner, .input = planner->input};
    int r = plan_held(&w);
    r = r < 0 ? r : gs_nodes_answer(&w);
    if (r == 0 && planner->input->baseline) {
        r = gs_nodes_baseline(&w);
    }
    planner->plan->held = w.held;
    return r;
}
