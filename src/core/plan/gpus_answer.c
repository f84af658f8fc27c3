#include "core/plan/gpus.h"

#include <string.h>

static int64_t count_in_plan(const struct gs_gpus_work *w, uint32_t item)
{
    int64_t count = (int64_t)w->input->items[item].count;
    for (size_t i = 0; i < w->planner->n_unplaced; i++) {
        if (w->planner->unplaced[i].item == item) {
            count -= w->planner->unplaced[i].count;
        }
    }
    return count;
}

/* Hands what a kind's uses serve to its items, in their order. */
static int list_served(struct gs_gpus_work *w, const struct gs_pack *pack)
{
    size_t n_items = w->input->n_items + w->input->n_services;
    struct gs_plan_served *served =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_served, n_items + w->n_uses);
    int64_t *left = GS_ARENA_NEW(w->planner->arena, int64_t, w->n_uses);
    if (served == NULL || left == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    memcpy(left, pack->served, w->n_uses * sizeof(*left));
    size_t n = 0;
    for (uint32_t i = 0; i < n_items; i++) {
        bool service = i >= w->input->n_items;
        int64_t want = service ? INT64_MAX : count_in_plan(w, i);
        for (size_t u = 0; u < w->n_uses && w->kind_of[i] != UINT32_MAX && want > 0; u++) {
            if (w->uses[u].kind != w->kind_of[i] || left[u] == 0 ||
                w->uses[u].target == w->n_targets) {
                continue;
            }
            int64_t count = left[u] < want ? left[u] : want;
            left[u] -= count;
            want -= service ? 0 : count;
            const struct gs_target *target = &w->targets[w->uses[u].target];
            if (n > 0 && served[n - 1].item == i &&
                served[n - 1].alternative == w->uses[u].alternative &&
                strcmp(served[n - 1].gpu_name, target->gpu_name) == 0) {
                served[n - 1].count += count; /* there, and bought */
                continue;
            }
            served[n++] = (struct gs_plan_served){
                .item = i,
                .alternative = w->uses[u].alternative,
                .model = target->model,
                .gpu_name = target->gpu_name,
                .count = count,
            };
        }
    }
    w->planner->plan->served = served;
    w->planner->plan->n_served = n;
    return 0;
}

static int list_layouts(struct gs_gpus_work *w, const struct gs_pack *pack)
{
    struct gs_plan *plan = w->planner->plan;
    struct gs_plan_layout *layouts =
        GS_ARENA_NEW(w->planner->arena, struct gs_plan_layout, pack->n_layouts);
    if (layouts == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    size_t n = 0;
    for (size_t i = 0; i < pack->n_layouts; i++) {
        const struct gs_pack_layout *layout = &pack->layouts[i];
        const struct gs_pool *pool = &w->own_pools[layout->target][layout->pool];
        if (pool->count == GS_POOL_NO_LIMIT) {
            layouts[n++] = gs_plan_new_layout(&w->targets[layout->target], pool->table, layout);
            plan->gpus_used += layout->count;
        }
    }
    plan->layouts = layouts;
    plan->n_layouts = n;
    return 0;
}

/* What is still to be put onto GPUs that are there. */
struct spread {
    struct gs_pack_layout *layouts; /* counts go down */
    size_t n;
    uint32_t (*free_slices)[GS_PROFILES_MAX]; /* a target: taken from nodes without a layout */
    uint32_t *free_gpus;
};

static int take_on(struct gs_gpus_work *w, struct spread *spread,
                   const struct gs_existing_node *node, struct gs_plan_added *added, bool *ret_any)
{
    unsigned t = gs_gpus_target(w, node->model, node->gpu_name, node->gpu_memory_mib);
    struct gs_plan_gpus_there there;
    int r = gs_plan_pools_of(w->planner, node, &there);
    for (unsigned g = 0; r == 0 && g < node->n_gpus; g++) {
        if (there.pool_of[g] == UINT32_MAX) {
            continue;
        }
        const struct gs_pool *own = &there.pools[there.pool_of[g]];
        for (size_t i = 0; i < spread->n; i++) {
            struct gs_pack_layout *layout = &spread->layouts[i];
            const struct gs_pool *pool = &w->own_pools[layout->target][layout->pool];
            if (layout->target == t && layout->count > 0 && pool->count != GS_POOL_NO_LIMIT &&
                pool->table == own->table && pool->busy == own->busy) {
                layout->count--;
                added[g].whole = layout->whole;
                memcpy(added[g].counts, layout->counts, sizeof(added[g].counts));
                *ret_any = true;
                break;
            }
        }
    }
    return r;
}

static int list_existing(struct gs_gpus_work *w, const struct gs_pack *pack)
{
    struct gs_arena *arena = w->planner->arena;
    struct gs_plan *plan = w->planner->plan;
    struct spread spread = {
        .layouts = GS_ARENA_NEW(arena, struct gs_pack_layout, pack->n_layouts),
        .n = pack->n_layouts,
    };
    struct gs_plan_existing *existing =
        GS_ARENA_NEW(arena, struct gs_plan_existing, w->input->n_existing);
    if (spread.layouts == NULL || existing == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    if (pack->n_layouts > 0) {
        memcpy(spread.layouts, pack->layouts, pack->n_layouts * sizeof(*spread.layouts));
    }
    for (size_t i = 0; i < w->input->n_existing; i++) {
        const struct gs_existing_node *node = &w->input->existing[i];
        struct gs_plan_added *added = GS_ARENA_NEW(arena, struct gs_plan_added, node->n_gpus);
        bool any = false;
        int r = added == NULL ? gs_plan_no_memory(w->planner)
                              : (node->layout_known ? take_on(w, &spread, node, added, &any) : 0);
        if (r < 0) {
            return r;
        }
        if (any) {
            existing[plan->n_existing++] = (struct gs_plan_existing){.node = node, .added = added};
        }
    }
    plan->existing = existing;
    return 0;
}

static void keep_proof(struct gs_gpus_work *w, const struct gs_program_spec *spec,
                       const struct gs_pack *pack)
{
    struct gs_plan *plan = w->planner->plan;
    plan->has_proof = w->input->certificate;
    plan->kinds = w->item_of;
    plan->n_kinds = w->n_kinds;
    plan->pack_spec = *spec;
    plan->pack_targets = w->targets;
    plan->pack = *pack;
}

/* The fewest whole GPUs that serve it: a GPU that is not cut serves what its best slice does. */
static int64_t gpus_of_service(const struct gs_gpus_work *w, uint32_t item)
{
    uint32_t kind = w->kind_of[item];
    int64_t best = 0;
    for (size_t u = 0; u < w->n_uses && kind != UINT32_MAX; u++) {
        best = w->uses[u].kind == kind && w->yields[u] > best ? w->yields[u] : best;
    }
    return best == 0 ? 0 : (w->needs[kind] + best - 1) / best;
}

static void note_baseline(struct gs_gpus_work *w)
{
    struct gs_plan *plan = w->planner->plan;
    plan->has_baseline = w->input->baseline;
    for (uint32_t i = 0; i < w->input->n_items; i++) {
        plan->baseline_gpus += count_in_plan(w, i) * gs_plan_parts_of(&w->input->items[i]);
    }
    for (uint32_t i = 0; i < w->input->n_services; i++) {
        plan->baseline_gpus += gpus_of_service(w, (uint32_t)w->input->n_items + i);
    }
}

int gs_gpus_answer(struct gs_gpus_work *w, const struct gs_program_spec *spec,
                   const struct gs_pack *pack)
{
    struct gs_gpus_work two;
    struct gs_pack preferred;
    bool found;
    int r = gs_gpus_prefer_existing(w, pack, &two, &preferred, &found);
    struct gs_gpus_work *how = r == 0 && found ? &two : w;
    const struct gs_pack *what = r == 0 && found ? &preferred : pack;
    r = r < 0 ? r : list_served(how, what);
    r = r < 0 ? r : list_layouts(how, what);
    r = r < 0 ? r : list_existing(how, what);
    if (r == 0) {
        struct gs_plan *plan = w->planner->plan;
        plan->value = plan->gpus_used < pack->value ? plan->gpus_used : pack->value;
        plan->bound = pack->bound;
        plan->gpus_bound = pack->bound;
        keep_proof(w, spec, pack);
        note_baseline(w);
    }
    return r;
}
