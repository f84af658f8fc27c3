#include <string.h>

#include "core/plan/gpus.h"
#include "core/solve/rounding.h"

/* ------------------------------------------------------------------ targets */

unsigned gs_gpus_target(struct gs_gpus_work *w, const struct gs_model *model, const char *gpu_name,
                        uint32_t gpu_memory_mib)
{
    for (unsigned t = 0; t < w->n_targets; t++) {
        if (strcmp(w->targets[t].gpu_name, gpu_name) == 0) {
            return t;
        }
    }
    w->targets[w->n_targets] =
        (struct gs_target){.model = model, .gpu_name = gpu_name, .gpu_memory_mib = gpu_memory_mib};
    return w->n_targets++;
}

/* Joins pools that are alike; there is room for one pool a GPU. */
static void add_pool(struct gs_gpus_work *w, unsigned target, const struct gs_pool *pool)
{
    struct gs_program_target *pools = &w->pools[target];
    for (unsigned p = 0; p < pools->n_pools; p++) {
        struct gs_pool *there = &w->own_pools[target][p];
        if (there->count != GS_POOL_NO_LIMIT && there->table == pool->table &&
            there->busy == pool->busy) {
            there->count += pool->count;
            return;
        }
    }
    w->own_pools[target][pools->n_pools++] = *pool;
}

static int add_new_gpus(struct gs_gpus_work *w, const struct gs_model *model)
{
    unsigned t = gs_gpus_target(w, model, model->id, model->memory_mib);
    struct gs_pool pool = {.whole = true, .cut = true, .count = GS_POOL_NO_LIMIT};
    int r = gs_plan_table(w->planner->tables, model, &pool.table, w->planner->err);
    if (r == 0 && !w->unlimited[t]) {
        w->unlimited[t] = true;
        add_pool(w, t, &pool);
    }
    return r;
}

static int add_existing(struct gs_gpus_work *w, const struct gs_existing_node *node)
{
    unsigned t = gs_gpus_target(w, node->model, node->gpu_name, node->gpu_memory_mib);
    if (!node->layout_known) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            w->pools[t].free_slices[p] += node->free_slices[p];
        }
        w->pools[t].free_gpus += node->free_gpus;
        return 0;
    }
    struct gs_plan_gpus_there there;
    int r = gs_plan_pools_of(w->planner, node, &there);
    for (unsigned p = 0; r == 0 && p < there.n_pools; p++) {
        add_pool(w, t, &there.pools[p]);
    }
    return r;
}

static int make_room(struct gs_gpus_work *w)
{
    struct gs_arena *arena = w->planner->arena;
    size_t most = w->input->n_models + w->input->n_existing + 1;
    w->cap_pools = 2;
    for (size_t i = 0; i < w->input->n_existing; i++) {
        w->cap_pools += w->input->existing[i].n_gpus;
    }
    w->targets = GS_ARENA_NEW(arena, struct gs_target, most);
    w->pools = GS_ARENA_NEW(arena, struct gs_program_target, most);
    w->own_pools = GS_ARENA_NEW(arena, struct gs_pool *, most);
    w->unlimited = GS_ARENA_NEW(arena, bool, most);
    if (w->targets == NULL || w->pools == NULL || w->own_pools == NULL || w->unlimited == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (size_t t = 0; t < most; t++) {
        w->own_pools[t] = GS_ARENA_NEW(arena, struct gs_pool, w->cap_pools);
        if (w->own_pools[t] == NULL) {
            return gs_plan_no_memory(w->planner);
        }
    }
    return 0;
}

static int list_targets(struct gs_gpus_work *w)
{
    int r = make_room(w);
    for (size_t i = 0; r == 0 && i < w->input->n_models; i++) {
        r = add_new_gpus(w, w->input->models[i]);
    }
    for (size_t i = 0; r == 0 && i < w->input->n_existing; i++) {
        r = add_existing(w, &w->input->existing[i]);
    }
    return r;
}

/* ------------------------------------------------------------------ kinds and uses */

static bool same_wants(const struct gs_want *a, const struct gs_want *b)
{
    return a->whole_gpu == b->whole_gpu && a->model == b->model && a->count == b->count &&
           (a->gpu_name == b->gpu_name || (a->gpu_name != NULL && b->gpu_name != NULL &&
                                           strcmp(a->gpu_name, b->gpu_name) == 0)) &&
           (a->whole_gpu || gs_profile_name_eq(&a->profile, &b->profile));
}

/* Whether two items ask for the same of GPUs, whatever else they ask for. */
static bool same_gpus(const struct gs_item *a, const struct gs_item *b)
{
    if (a->gpu_memory_mib != b->gpu_memory_mib || a->n_alternatives != b->n_alternatives) {
        return false;
    }
    for (size_t i = 0; i < a->n_alternatives; i++) {
        const struct gs_alternative *x = &a->alternatives[i];
        const struct gs_alternative *y = &b->alternatives[i];
        if (x->n_wants != y->n_wants) {
            return false;
        }
        for (size_t k = 0; k < x->n_wants; k++) {
            if (!same_wants(&x->wants[k], &y->wants[k])) {
                return false;
            }
        }
    }
    return true;
}

static int add_use(struct gs_gpus_work *w, const struct gs_use *use, int64_t yield)
{
    struct gs_arena *arena = w->planner->arena;
    if (!gs_arena_room(arena, &w->uses, &w->cap_uses, w->n_uses, sizeof(*w->uses)) ||
        !gs_arena_room(arena, &w->yields, &w->cap_yields, w->n_uses, sizeof(*w->yields))) {
        return gs_plan_no_memory(w->planner);
    }
    w->uses[w->n_uses] = *use;
    w->yields[w->n_uses++] = yield;
    return 0;
}

/* A use that costs more than anything else, for kinds that only limited GPUs can serve. */
static int add_left_out_use(struct gs_gpus_work *w, uint32_t kind)
{
    struct gs_use use = {
        .kind = kind, .alternative = UINT32_MAX, .target = w->n_targets, .gpus = 1};
    return add_use(w, &use, 1);
}

/* Whether the GPUs of a target could ever hold the use; new ones hold whatever a profile is. */
static bool may_hold(const struct gs_gpus_work *w, const struct gs_use *use)
{
    const struct gs_program_target *pools = &w->pools[use->target];
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        bool cut = pools->free_slices[p] > 0;
        for (unsigned i = 0; i < pools->n_pools && !cut; i++) {
            cut = w->own_pools[use->target][i].cut;
        }
        if (use->slices[p] > 0 && !cut) {
            return false;
        }
    }
    return true;
}

static bool has_free_slices(const struct gs_program_target *pools)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (pools->free_slices[p] > 0) {
            return true;
        }
    }
    return false;
}

/* Of the uses from `first` on, those of one kind, drops what another one on the same target
 * covers; where slices are there for the taking, each profile is worth something of its own. */
static void drop_covered(struct gs_gpus_work *w, size_t first)
{
    for (size_t u = first; u < w->n_uses;) {
        unsigned t = w->uses[u].target;
        bool covered = false;
        for (size_t v = first; v < w->n_uses && !covered; v++) {
            covered = u != v && w->uses[v].target == t && w->targets[t].model != NULL &&
                      !has_free_slices(&w->pools[t]) &&
                      gs_use_is_covered(w->targets[t].model, &w->uses[u], &w->uses[v]);
        }
        if (covered) {
            w->n_uses--;
            memmove(&w->uses[u], &w->uses[u + 1], (w->n_uses - u) * sizeof(*w->uses));
        } else {
            u++;
        }
    }
}

static int uses_of_item(struct gs_gpus_work *w, uint32_t kind, uint32_t index,
                        struct gs_plan_reasons *reasons, bool *ret_unlimited)
{
    const struct gs_item *item = &w->input->items[index];
    size_t before = w->n_uses;
    *ret_unlimited = false;
    for (uint32_t a = 0; a < item->n_alternatives; a++) {
        for (unsigned t = 0; t < w->n_targets; t++) {
            struct gs_use use;
            struct gs_err why;
            if (gs_use_resolve(item, &item->alternatives[a], &w->targets[t], &use, &why) < 0) {
                gs_plan_add_reason(reasons, w->targets[t].gpu_name, &why);
                continue;
            }
            use.kind = kind;
            use.alternative = a;
            use.target = t;
            if (!may_hold(w, &use)) {
                continue;
            }
            *ret_unlimited = *ret_unlimited || w->unlimited[t];
            int r = add_use(w, &use, 1);
            if (r < 0) {
                return r;
            }
        }
    }
    drop_covered(w, before);
    return w->n_uses > before ? 0 : GS_NOT_FOUND;
}

static int uses_of_service(struct gs_gpus_work *w, uint32_t kind,
                           const struct gs_plan_service *service)
{
    size_t before = w->n_uses;
    for (uint32_t o = 0; o < service->n_options; o++) {
        for (unsigned t = 0; t < w->n_targets; t++) {
            if (w->targets[t].model == service->options[o].model && w->unlimited[t]) {
                struct gs_use use = {.kind = kind, .alternative = o, .target = t};
                use.slices[service->options[o].profile] = 1;
                int r = add_use(w, &use, service->options[o].yield);
                if (r < 0) {
                    return r;
                }
            }
        }
    }
    return w->n_uses > before ? 0 : GS_NOT_FOUND;
}

static uint32_t kind_like(const struct gs_gpus_work *w, uint32_t index)
{
    for (uint32_t k = 0; k < w->n_kinds; k++) {
        if (same_gpus(&w->input->items[w->item_of[k]], &w->input->items[index])) {
            return k;
        }
    }
    return UINT32_MAX;
}

static int too_many_kinds(struct gs_gpus_work *w)
{
    return gs_fail(w->planner->err, GS_LIMIT,
                   "more than %d kinds of items that ask for different GPUs; one plan takes no "
                   "more",
                   GS_PLAN_KINDS_MAX);
}

static int add_item(struct gs_gpus_work *w, uint32_t index)
{
    int64_t count = (int64_t)w->input->items[index].count;
    uint32_t kind = kind_like(w, index);
    if (kind != UINT32_MAX) {
        w->needs[kind] += count;
        w->kind_of[index] = kind;
        return 0;
    }
    if (w->n_kinds == GS_PLAN_KINDS_MAX) {
        return too_many_kinds(w);
    }
    struct gs_plan_reasons reasons = {0};
    bool unlimited;
    int r = uses_of_item(w, w->n_kinds, index, &reasons, &unlimited);
    if (r == GS_NOT_FOUND) {
        return gs_plan_leave_out(w->planner, index, count, reasons.text);
    }
    if (r == 0 && !unlimited) {
        r = add_left_out_use(w, w->n_kinds);
    }
    w->kind_of[index] = w->n_kinds;
    w->item_of[w->n_kinds] = index;
    w->needs[w->n_kinds++] = count;
    return r;
}

static int add_service(struct gs_gpus_work *w, uint32_t index)
{
    const struct gs_plan_service *service = &w->input->services[index];
    uint32_t item = (uint32_t)w->input->n_items + index;
    if (w->n_kinds == GS_PLAN_KINDS_MAX) {
        return too_many_kinds(w);
    }
    int r = uses_of_service(w, w->n_kinds, service);
    if (r == GS_NOT_FOUND) {
        return gs_plan_leave_out(
            w->planner, item, 1,
            "no slice of the models planned with is known to serve it in time");
    }
    w->kind_of[item] = w->n_kinds;
    w->item_of[w->n_kinds] = item;
    w->needs[w->n_kinds++] = service->need;
    return r;
}

static int list_kinds(struct gs_gpus_work *w)
{
    size_t n = w->input->n_items + w->input->n_services;
    w->item_of = GS_ARENA_NEW(w->planner->arena, uint32_t, GS_PLAN_KINDS_MAX);
    w->needs = GS_ARENA_NEW(w->planner->arena, int64_t, GS_PLAN_KINDS_MAX);
    w->kind_of = GS_ARENA_NEW(w->planner->arena, uint32_t, n);
    if (w->item_of == NULL || w->needs == NULL || w->kind_of == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    memset(w->kind_of, 0xFF, n * sizeof(*w->kind_of));
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < w->input->n_items; i++) {
        r = add_item(w, i);
    }
    for (uint32_t i = 0; r == 0 && i < w->input->n_services; i++) {
        r = add_service(w, i);
    }
    return r;
}

/* ------------------------------------------------------------------ the program */

static int list_columns(struct gs_gpus_work *w)
{
    for (unsigned t = 0; t < w->n_targets; t++) {
        uint32_t wanted = 0;
        for (size_t u = 0; u < w->n_uses; u++) {
            for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
                bool asks = w->uses[u].target == t && w->uses[u].slices[p] > 0;
                wanted |= asks ? 1u << p : 0;
            }
        }
        for (unsigned p = 0; p < w->pools[t].n_pools; p++) {
            int r = gs_pool_list_columns(&w->own_pools[t][p], w->planner->arena, wanted,
                                         w->planner->err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* What follows from the needs of services because slices are whole. */
static int list_roundings(struct gs_gpus_work *w)
{
    size_t most = w->input->n_services * GS_ROUNDINGS_MAX;
    w->roundings = GS_ARENA_NEW(w->planner->arena, struct gs_program_rounding, most);
    if (w->roundings == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (uint32_t k = 0; k < w->n_kinds; k++) {
        int64_t yields[GS_ROUNDING_YIELDS_MAX + 1];
        int64_t pers[GS_ROUNDINGS_MAX];
        unsigned n = 0;
        bool service = w->item_of[k] >= w->input->n_items;
        for (size_t u = 0; service && u < w->n_uses && n <= GS_ROUNDING_YIELDS_MAX; u++) {
            if (w->uses[u].kind == k) {
                yields[n++] = w->yields[u];
            }
        }
        unsigned n_pers = gs_rounding_choose(yields, n, w->needs[k], pers);
        for (unsigned i = 0; service && i < n_pers; i++) {
            w->roundings[w->n_roundings++] =
                (struct gs_program_rounding){.kind = k, .per = pers[i]};
        }
    }
    return 0;
}

/* New GPUs cost one each; what is there costs nothing; leaving out costs more than all. */
static int price_pools(struct gs_gpus_work *w)
{
    for (unsigned t = 0; t < w->n_targets; t++) {
        int64_t *costs = GS_ARENA_NEW(w->planner->arena, int64_t, w->cap_pools);
        if (costs == NULL) {
            return gs_plan_no_memory(w->planner);
        }
        for (unsigned p = 0; p < w->pools[t].n_pools; p++) {
            costs[p] = w->own_pools[t][p].count == GS_POOL_NO_LIMIT;
        }
        w->pools[t].pools = w->own_pools[t];
        w->pools[t].pool_costs = costs;
    }
    static const struct gs_pool left_out = {.whole = true, .count = GS_POOL_NO_LIMIT};
    static const int64_t left_out_cost = GS_PLAN_LEFT_OUT_COST;
    w->pools[w->n_targets] =
        (struct gs_program_target){.pools = &left_out, .n_pools = 1, .pool_costs = &left_out_cost};
    return 0;
}

int gs_gpus_pack(const struct gs_gpus_work *w, const struct gs_program_spec *spec,
                 struct gs_pack *ret)
{
    uint64_t work = w->input->quick ? GS_PACK_WORK_QUICK : GS_PACK_WORK_MAX;
    return gs_pack_solve_within(w->planner->arena, spec, 1, work, ret, w->planner->err);
}

static int solve(struct gs_gpus_work *w, struct gs_program_spec *ret_spec, struct gs_pack *ret)
{
    *ret_spec = (struct gs_program_spec){
        .targets = w->pools,
        .n_targets = w->n_targets + 1,
        .uses = w->uses,
        .n_uses = (unsigned)w->n_uses,
        .yields = w->yields,
        .n_kinds = w->n_kinds,
        .needs = w->needs,
        .roundings = w->roundings,
        .n_roundings = w->n_roundings,
    };
    int64_t *asked = GS_ARENA_NEW(w->planner->arena, int64_t, w->n_kinds);
    if (asked == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    if (w->n_kinds > 0) {
        memcpy(asked, w->needs, w->n_kinds * sizeof(*asked));
    }
    bool again = true;
    int r = 0;
    while (r == 0 && again) {
        r = gs_gpus_pack(w, ret_spec, ret);
        if (r == 0 && !ret->found) {
            return gs_fail(w->planner->err, GS_LIMIT,
                           "the search for a packing was cut short; ask for fewer kinds at once");
        }
        r = r < 0 ? r : gs_gpus_leave_out(w, ret_spec, ret, &again);
    }
    return r < 0 ? r : gs_gpus_note_left_out(w, asked);
}

int gs_plan_gpus(struct gs_planner *planner)
{
    struct gs_gpus_work w = {.planner = planner, .input = planner->input};
    if (planner->input->n_models == 0) {
        return gs_fail(planner->err, GS_INVALID, "no GPU model to plan with");
    }
    int r = list_targets(&w);
    r = r < 0 ? r : list_kinds(&w);
    r = r < 0 ? r : list_columns(&w);
    r = r < 0 ? r : list_roundings(&w);
    r = r < 0 ? r : price_pools(&w);
    struct gs_program_spec spec;
    struct gs_pack pack;
    r = r < 0 ? r : solve(&w, &spec, &pack);
    return r < 0 ? r : gs_gpus_answer(&w, &spec, &pack);
}
