#include "core/plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "core/plan/work.h"

/* ------------------------------------------------------------------ tables */

enum { TABLES_MAX = 256 }; /* models of the catalogue */

struct gs_plan_tables {
    struct gs_arena *arena;
    struct {
        const struct gs_model *model;
        const struct gs_statetable *table;
    } items[TABLES_MAX];
    unsigned n;
};

struct gs_plan_tables *gs_plan_tables_new(struct gs_arena *arena)
{
    struct gs_plan_tables *tables = GS_ARENA_NEW(arena, struct gs_plan_tables, 1);
    if (tables != NULL) {
        tables->arena = arena;
    }
    return tables;
}

int gs_plan_table(struct gs_plan_tables *tables, const struct gs_model *model,
                  const struct gs_statetable **ret, struct gs_err *err)
{
    for (unsigned i = 0; i < tables->n; i++) {
        if (tables->items[i].model == model) {
            *ret = tables->items[i].table;
            return 0;
        }
    }
    if (tables->n == TABLES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d GPU models in one plan", TABLES_MAX);
    }
    int r = gs_statetable_new(tables->arena, model, GS_ALL_PROFILES, ret, err);
    if (r == 0) {
        tables->items[tables->n].model = model;
        tables->items[tables->n++].table = *ret;
    }
    return r;
}

/* ------------------------------------------------------------------ shared steps */

int gs_plan_no_memory(struct gs_planner *planner)
{
    return gs_fail(planner->err, GS_NO_MEMORY, "no memory for a plan of %zu kinds of items",
                   planner->input->n_items);
}

int gs_plan_leave_out(struct gs_planner *planner, uint32_t item, int64_t count, const char *reason)
{
    const char *kept = gs_arena_text(planner->arena, reason, strlen(reason));
    if (kept == NULL || !gs_arena_room(planner->arena, &planner->unplaced, &planner->cap_unplaced,
                                       planner->n_unplaced, sizeof(*planner->unplaced))) {
        return gs_plan_no_memory(planner);
    }
    planner->unplaced[planner->n_unplaced++] =
        (struct gs_plan_unplaced){.item = item, .count = count, .reason = kept};
    return 0;
}

void gs_plan_add_reason(struct gs_plan_reasons *reasons, const char *who, const struct gs_err *why)
{
    enum { REASONS_MAX = 3 };
    char line[sizeof(why->msg) + 80];
    snprintf(line, sizeof(line), "%s: %s", who, why->msg);
    if (strstr(reasons->text, line) != NULL) {
        return;
    }
    size_t used = strlen(reasons->text);
    if (reasons->n < REASONS_MAX && used + strlen(line) + 3 < sizeof(reasons->text)) {
        snprintf(reasons->text + used, sizeof(reasons->text) - used, "%s%s", used == 0 ? "" : "; ",
                 line);
    }
    reasons->n++;
}

int64_t gs_plan_parts_of(const struct gs_item *item)
{
    int64_t fewest = INT64_MAX;
    for (size_t a = 0; a < item->n_alternatives; a++) {
        int64_t parts = 0;
        for (size_t w = 0; w < item->alternatives[a].n_wants; w++) {
            parts += item->alternatives[a].wants[w].count;
        }
        fewest = parts < fewest ? parts : fewest;
    }
    return fewest;
}

struct gs_plan_layout gs_plan_new_layout(const struct gs_target *target,
                                         const struct gs_statetable *table,
                                         const struct gs_pack_layout *layout)
{
    struct gs_plan_layout made = {
        .model = target->model,
        .gpu_name = target->gpu_name,
        .whole = layout->whole,
        .count = layout->count,
    };
    if (!layout->whole) {
        int multiset = gs_statetable_multiset(table, layout->counts);
        memcpy(made.counts, layout->counts, sizeof(made.counts));
        made.table = table;
        made.state = multiset < 0 ? 0 : table->multisets[multiset].state;
    }
    return made;
}

/* ------------------------------------------------------------------ GPUs that are there */

static int busy_state(struct gs_planner *planner, const struct gs_existing_node *node, unsigned gpu,
                      const struct gs_statetable *table, uint16_t *ret)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < node->gpus[gpu].n_slices; i++) {
        const struct gs_existing_slice *slice = &node->gpus[gpu].slices[i];
        int at = gs_statetable_placement(table, slice->placement.profile, slice->placement.start);
        if (at < 0) {
            return gs_fail(planner->err, GS_INVALID,
                           "node %s, GPU %u: a slice at memory unit %u stands where a %s has none",
                           node->name, gpu, slice->placement.start, table->model->id);
        }
        set |= slice->in_use ? 1ull << at : 0;
    }
    *ret = gs_statetable_find(table, set);
    if (*ret == GS_STATE_NONE) {
        return gs_fail(planner->err, GS_INVALID,
                       "node %s, GPU %u: its slices do not fit together on a %s", node->name, gpu,
                       table->model->id);
    }
    return 0;
}

/* What one GPU is, as a pool of one. */
static int pool_of_gpu(struct gs_planner *planner, const struct gs_existing_node *node,
                       unsigned gpu, struct gs_pool *ret)
{
    const struct gs_existing_gpu *there = &node->gpus[gpu];
    *ret = (struct gs_pool){.count = 1};
    if (!there->mig && there->whole_in_use) {
        return 0;
    }
    if (there->model == NULL || !there->model->placements_known) {
        ret->whole = true;
        return 0;
    }
    ret->cut = true;
    int r = gs_plan_table(planner->tables, there->model, &ret->table, planner->err);
    if (r == 0 && there->mig) {
        r = busy_state(planner, node, gpu, ret->table, &ret->busy);
    }
    ret->whole = ret->busy == 0;
    return r;
}

int gs_plan_pools_of(struct gs_planner *planner, const struct gs_existing_node *node,
                     struct gs_plan_gpus_there *ret)
{
    struct gs_plan_gpus_there there = {
        .pools = GS_ARENA_NEW(planner->arena, struct gs_pool, node->n_gpus),
        .pool_of = GS_ARENA_NEW(planner->arena, uint32_t, node->n_gpus),
    };
    if (there.pools == NULL || there.pool_of == NULL) {
        return gs_plan_no_memory(planner);
    }
    for (unsigned g = 0; g < node->n_gpus; g++) {
        struct gs_pool pool;
        int r = pool_of_gpu(planner, node, g, &pool);
        if (r < 0) {
            return r;
        }
        there.pool_of[g] = UINT32_MAX;
        if (!pool.whole && !pool.cut) {
            continue;
        }
        unsigned p = 0;
        while (p < there.n_pools &&
               (there.pools[p].table != pool.table || there.pools[p].busy != pool.busy)) {
            p++;
        }
        if (p == there.n_pools) {
            there.pools[there.n_pools++] = pool;
        } else {
            there.pools[p].count++;
        }
        there.pool_of[g] = p;
    }
    *ret = there;
    return 0;
}

/* ------------------------------------------------------------------ the plan */

int gs_plan_make(struct gs_arena *arena, const struct gs_plan_input *input, struct gs_plan *ret,
                 struct gs_err *err)
{
    struct gs_plan plan = {.goal = input->goal, .gpus_bound = -1, .baseline_uusd = -1};
    struct gs_planner planner = {
        .arena = arena, .tables = input->tables, .input = input, .plan = &plan, .err = err};
    if (planner.tables == NULL) {
        planner.tables = gs_plan_tables_new(arena);
        if (planner.tables == NULL) {
            return gs_plan_no_memory(&planner);
        }
    }
    int r = input->goal == GS_PLAN_GPUS ? gs_plan_gpus(&planner) : gs_plan_nodes(&planner);
    if (r < 0) {
        return r;
    }
    plan.proven = plan.bound == plan.value;
    plan.unplaced = planner.unplaced;
    plan.n_unplaced = planner.n_unplaced;
    plan.unchecked = planner.unchecked;
    plan.n_unchecked = planner.n_unchecked;
    *ret = plan;
    return 0;
}
