#include "verify/proof.h"

#include <string.h>

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the program of a certificate");
}

/* ------------------------------------------------------------------ uses */

uint64_t gs_proof_amount(const struct gs_proof *proof, uint32_t item, unsigned amount)
{
    const struct gs_problem_item *it = &proof->problem->items[item];
    switch (amount) {
    case GS_PROOF_CPU:
        return it->cpu_milli;
    case GS_PROOF_MEMORY:
        return it->memory_bytes / proof->memory_unit;
    default:
        return 1; /* pods */
    }
}

int gs_proof_add_uses(struct gs_proof *proof, uint32_t item, uint32_t target, struct gs_err *err)
{
    const struct gs_problem_item *it = &proof->problem->items[item];
    const struct gs_supply_target *on = &proof->targets[target];
    for (uint32_t w = 0; w < it->n_ways; w++) {
        struct gs_proof_use use = {.item = item, .way = w, .target = target};
        if (!gs_problem_resolve(it, &it->ways[w], &on->of, &use.asked, NULL) ||
            (!proof->one_node && !gs_supply_may_give(on, &use.asked))) {
            continue;
        }
        if (!gs_arena_room(proof->arena, &proof->uses, &proof->cap_uses, proof->n_uses,
                           sizeof(*proof->uses))) {
            return no_memory(err);
        }
        proof->uses[proof->n_uses++] = use;
    }
    return 0;
}

static bool gives_profile(const struct gs_supply_target *target, unsigned profile)
{
    bool gives = target->free_slices[profile] > 0;
    for (size_t i = 0; i < target->n_pools && !gives; i++) {
        for (unsigned c = 0; c < target->pools[i].n_additions && !gives; c++) {
            gives = target->pools[i].additions[c].counts[profile] > 0;
        }
    }
    return gives;
}

static bool gives_whole(const struct gs_supply_target *target)
{
    bool gives = target->free_gpus > 0;
    for (size_t i = 0; i < target->n_pools; i++) {
        gives = gives || target->pools[i].whole;
    }
    return gives;
}

static bool gives_parts(const struct gs_supply_target *target, const struct gs_problem_asked *asked)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (asked->slices[p] > 0 && !gives_profile(target, p)) {
            return false;
        }
    }
    return asked->gpus == 0 || gives_whole(target);
}

int gs_proof_list_additions(struct gs_proof *proof, struct gs_err *err)
{
    uint32_t *wanted = GS_ARENA_NEW(proof->arena, uint32_t, proof->n_targets);
    if (wanted == NULL) {
        return no_memory(err);
    }
    for (size_t u = 0; u < proof->n_uses; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            wanted[proof->uses[u].target] |= proof->uses[u].asked.slices[p] > 0 ? 1u << p : 0;
        }
    }
    for (size_t t = 0; t < proof->n_targets; t++) {
        int r = gs_supply_list_additions(proof->arena, &proof->targets[t], wanted[t], err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t u = 0; u < proof->n_uses; u++) {
        struct gs_proof_use *use = &proof->uses[u];
        use->hi = gives_parts(&proof->targets[use->target], &use->asked) ? use->hi : 0;
    }
    return 0;
}

/* ------------------------------------------------------------------ names of rows */

/* GPUs by their name; on one node there are no others. */
static int target_named(const struct gs_proof *proof, const struct gs_field *at, const char *key,
                        uint32_t *ret_target, struct gs_err *err)
{
    *ret_target = 0;
    if (proof->one_node) {
        return 0;
    }
    const char *name;
    int r = gs_field_text(at, key, &name, err);
    if (r < 0) {
        return r;
    }
    for (uint32_t t = 0; t < proof->n_targets; t++) {
        if (strcmp(proof->targets[t].of.gpu, name) == 0) {
            *ret_target = t;
            return 0;
        }
    }
    return gs_field_fail(at, err, "there are no GPUs of the name %s in the problem", name);
}

/* `busy` null: new GPUs; a text: GPUs that are there with these slices in use. */
static int pool_named(const struct gs_proof *proof, const struct gs_field *at, const char *key,
                      uint32_t target, size_t *ret_pool, struct gs_err *err)
{
    const struct gs_supply_target *on = &proof->targets[target];
    const char *busy;
    int r = gs_field_maybe_text(at, key, &busy, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < on->n_pools; i++) {
        char text[GS_CUT_TEXT_MAX] = "";
        if (on->of.model != NULL) {
            gs_cut_format(on->of.model, &on->pools[i].busy, text);
        }
        if (busy == NULL ? on->pools[i].fresh : !on->pools[i].fresh && strcmp(busy, text) == 0) {
            *ret_pool = i;
            return 0;
        }
    }
    return gs_field_fail(at, err, "there are no %s%s%s of %s in the problem",
                         busy == NULL ? "new GPUs" : "GPUs with \"", busy == NULL ? "" : busy,
                         busy == NULL ? "" : "\" in use", on->of.gpu);
}

static int profile_named(const struct gs_proof *proof, const struct gs_field *at, uint32_t target,
                         unsigned *ret_profile, struct gs_err *err)
{
    const struct gs_model *model = proof->targets[target].of.model;
    const char *name;
    int r = gs_field_text(at, "slices", &name, err);
    if (r == 0 && model == NULL) {
        return gs_field_fail(at, err, "GPUs that cannot be cut have no slices");
    }
    r = r < 0 ? r : gs_model_profile_find(model, gs_view(name), ret_profile, err);
    return r == 0 || r == GS_INVALID ? r : gs_field_wrap(at, GS_INVALID, err);
}

static const char *const amount_names[GS_PROOF_AMOUNTS] = {
    [GS_PROOF_CPU] = "cpu_milli", [GS_PROOF_MEMORY] = "memory", [GS_PROOF_PODS] = "pods"};

static int amount_row(struct gs_proof *proof, const struct gs_field *at, int64_t **ret_row,
                      int64_t *ret_rhs, struct gs_err *err)
{
    const char *name;
    int r = gs_field_text(at, "amount", &name, err);
    for (unsigned a = 0; r == 0 && proof->one_node && a < GS_PROOF_AMOUNTS; a++) {
        if (strcmp(name, amount_names[a]) == 0) {
            *ret_row = &proof->amount_row[a];
            *ret_rhs = -(int64_t)proof->capacity[a];
            return 0;
        }
    }
    return r < 0 ? r : gs_field_fail(at, err, "no amount \"%s\" binds here", name);
}

static int need_row(struct gs_proof *proof, const struct gs_field *at, int64_t **ret_row,
                    int64_t *ret_rhs, struct gs_err *err)
{
    uint32_t item;
    int r = gs_field_index(at, "need", proof->problem->n_items, "items", &item, err);
    if (r < 0) {
        return r;
    }
    if (proof->needs == NULL || proof->needs[item] == GS_PROOF_NO_NEED) {
        return gs_field_fail(at, err, "item %u has no row here", item);
    }
    *ret_row = &proof->need_row[item];
    *ret_rhs = (int64_t)proof->needs[item];
    return 0;
}

static int most_row(struct gs_proof *proof, const struct gs_field *at, int64_t **ret_row,
                    int64_t *ret_rhs, struct gs_err *err)
{
    uint32_t item;
    int r = gs_field_index(at, "most", proof->problem->n_items, "items", &item, err);
    if (r < 0) {
        return r;
    }
    if (proof->most == NULL) {
        return gs_field_fail(at, err, "no row says how many are served at most here");
    }
    *ret_row = &proof->most_row[item];
    *ret_rhs = -(int64_t)proof->most[item];
    return 0;
}

static int supply_row(struct gs_proof *proof, const struct gs_field *at, int64_t **ret_row,
                      int64_t *ret_rhs, struct gs_err *err)
{
    uint32_t target;
    bool gpus = gs_field_has(at, "gpus");
    int r = target_named(proof, at, gpus ? "gpus" : "model", &target, err);
    if (r < 0) {
        return r;
    }
    const struct gs_supply_target *on = &proof->targets[target];
    if (gs_field_has(at, "slices")) {
        unsigned profile = 0;
        r = profile_named(proof, at, target, &profile, err);
        *ret_row = &proof->slice_row[target * GS_PROFILES_MAX + profile];
        *ret_rhs = -(int64_t)on->free_slices[profile];
        return r;
    }
    if (gpus) {
        *ret_row = &proof->gpu_row[target];
        *ret_rhs = -(int64_t)on->free_gpus;
        return 0;
    }
    size_t pool = 0;
    r = pool_named(proof, at, "pool", target, &pool, err);
    if (r == 0 && on->pools[pool].limit == GS_SUPPLY_NO_LIMIT) {
        return gs_field_fail(at, err, "this pool has no limit");
    }
    if (r == 0) {
        *ret_row = &proof->pool_row[proof->first_pool[target] + pool];
        *ret_rhs = -(int64_t)on->pools[pool].limit;
    }
    return r;
}

static int read_row(struct gs_proof *proof, const struct gs_field *at, int64_t index,
                    int64_t *ret_rhs, struct gs_err *err)
{
    int64_t *row = NULL;
    int r = gs_field_has(at, "need")     ? need_row(proof, at, &row, ret_rhs, err)
            : gs_field_has(at, "most")   ? most_row(proof, at, &row, ret_rhs, err)
            : gs_field_has(at, "amount") ? amount_row(proof, at, &row, ret_rhs, err)
                                         : supply_row(proof, at, &row, ret_rhs, err);
    if (r < 0) {
        return r;
    }
    if (*row >= 0) {
        return gs_field_fail(at, err, "it is the same row as rows[%lld]", (long long)*row);
    }
    *row = index;
    return 0;
}

/* ------------------------------------------------------------------ the program */

static int64_t *no_rows(struct gs_proof *proof, size_t n)
{
    int64_t *rows = GS_ARENA_NEW(proof->arena, int64_t, n);
    if (rows != NULL) {
        memset(rows, 0xFF, n * sizeof(*rows));
    }
    return rows;
}

static int make_room(struct gs_proof *proof, struct gs_err *err)
{
    size_t n_pools = 0;
    proof->first_pool = GS_ARENA_NEW(proof->arena, size_t, proof->n_targets);
    for (size_t t = 0; t < proof->n_targets && proof->first_pool != NULL; t++) {
        proof->first_pool[t] = n_pools;
        n_pools += proof->targets[t].n_pools;
    }
    proof->slice_row = no_rows(proof, proof->n_targets * GS_PROFILES_MAX);
    proof->gpu_row = no_rows(proof, proof->n_targets);
    proof->pool_row = no_rows(proof, n_pools);
    proof->need_row = no_rows(proof, proof->problem->n_items);
    proof->most_row = no_rows(proof, proof->problem->n_items);
    proof->pool_col = GS_ARENA_NEW(proof->arena, size_t, n_pools);
    memset(proof->amount_row, 0xFF, sizeof(proof->amount_row));
    return proof->first_pool == NULL || proof->slice_row == NULL || proof->gpu_row == NULL ||
                   proof->pool_row == NULL || proof->need_row == NULL || proof->most_row == NULL ||
                   proof->pool_col == NULL
               ? no_memory(err)
               : 0;
}

static void add_use_col(struct gs_proof *proof, const struct gs_proof_use *use)
{
    struct gs_bound *bound = &proof->bound;
    const struct gs_problem_item *item = &proof->problem->items[use->item];
    gs_bound_add_col(bound, use->cost, use->hi);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        gs_bound_add_entry(bound, proof->slice_row[use->target * GS_PROFILES_MAX + p],
                           -(int64_t)use->asked.slices[p]);
    }
    gs_bound_add_entry(bound, proof->gpu_row[use->target], -(int64_t)use->asked.gpus);
    gs_bound_add_entry(bound, proof->need_row[use->item], (int64_t)item->ways[use->way].yield);
    gs_bound_add_entry(bound, proof->most_row[use->item], -1);
    for (unsigned a = 0; proof->one_node && a < GS_PROOF_AMOUNTS; a++) {
        gs_bound_add_entry(bound, proof->amount_row[a],
                           -(int64_t)gs_proof_amount(proof, use->item, a));
    }
}

/* No better plan has more GPUs of a target than slices and GPUs that may be asked for there. */
static int64_t parts_asked(const struct gs_proof *proof, size_t target)
{
    int64_t sum = 0;
    for (size_t u = 0; u < proof->n_uses; u++) {
        const struct gs_proof_use *use = &proof->uses[u];
        if (use->target != target) {
            continue;
        }
        int64_t parts = use->asked.gpus;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            parts += use->asked.slices[p];
        }
        if (__builtin_mul_overflow(parts, use->hi, &parts) ||
            __builtin_add_overflow(sum, parts, &sum)) {
            return INT64_MAX;
        }
    }
    return sum;
}

static void add_pool_cols(struct gs_proof *proof, size_t t, size_t i, int64_t asked)
{
    struct gs_bound *bound = &proof->bound;
    const struct gs_supply_pool *pool = &proof->targets[t].pools[i];
    int64_t row = proof->pool_row[proof->first_pool[t] + i];
    int64_t hi = (uint64_t)asked < pool->limit ? asked : (int64_t)pool->limit;
    proof->pool_col[proof->first_pool[t] + i] = bound->n_cols;
    for (unsigned c = 0; c < pool->n_additions; c++) {
        gs_bound_add_col(bound, pool->fresh, hi);
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            gs_bound_add_entry(bound, proof->slice_row[t * GS_PROFILES_MAX + p],
                               pool->additions[c].counts[p]);
        }
        gs_bound_add_entry(bound, row, -1);
    }
    if (pool->whole) {
        gs_bound_add_col(bound, pool->fresh, hi);
        gs_bound_add_entry(bound, proof->gpu_row[t], 1);
        gs_bound_add_entry(bound, row, -1);
    }
}

int gs_proof_build(struct gs_proof *proof, const struct gs_field *at, struct gs_err *err)
{
    struct gs_field list;
    size_t n;
    size_t most = proof->n_targets * (GS_PROFILES_MAX + 2 + GS_PROBLEM_NODES_MAX * 16) +
                  proof->problem->n_items + GS_PROOF_AMOUNTS;
    int r = gs_field_list(at, "rows", most, &list, &n, err);
    r = r < 0 ? r : make_room(proof, err);
    int64_t *rhs = r < 0 ? NULL : GS_ARENA_NEW(proof->arena, int64_t, n);
    if (r == 0 && rhs == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field row = gs_field_item(&list, i);
        r = read_row(proof, &row, (int64_t)i, &rhs[i], err);
    }
    if (r < 0) {
        return r;
    }
    proof->bound = (struct gs_bound){.arena = proof->arena, .n_rows = (uint32_t)n, .rhs = rhs};
    for (size_t u = 0; u < proof->n_uses; u++) {
        add_use_col(proof, &proof->uses[u]);
    }
    for (size_t t = 0; t < proof->n_targets; t++) {
        int64_t asked = parts_asked(proof, t);
        for (size_t i = 0; i < proof->targets[t].n_pools; i++) {
            add_pool_cols(proof, t, i, asked);
        }
    }
    return proof->bound.failed ? no_memory(err) : 0;
}

/* ------------------------------------------------------------------ names of columns */

static int find_use(const struct gs_proof *proof, const struct gs_field *at, size_t *ret_col,
                    struct gs_err *err)
{
    uint32_t item, way, target;
    int r = gs_field_index(at, "item", proof->problem->n_items, "items", &item, err);
    r = r < 0 ? r
              : gs_field_index(at, "alternative", proof->problem->items[item].n_ways,
                               "alternatives", &way, err);
    r = r < 0 ? r : target_named(proof, at, "model", &target, err);
    for (size_t u = 0; u < proof->n_uses && r == 0; u++) {
        const struct gs_proof_use *use = &proof->uses[u];
        if (use->item == item && use->way == way && use->target == target) {
            *ret_col = u;
            return 0;
        }
    }
    return r < 0 ? r : gs_field_fail(at, err, "the item cannot be served so");
}

static int find_layout(const struct gs_proof *proof, const struct gs_field *at, size_t *ret_col,
                       struct gs_err *err)
{
    uint32_t target;
    size_t i = 0;
    struct gs_field object;
    uint64_t counts[GS_PROFILES_MAX];
    int r = target_named(proof, at, "model", &target, err);
    r = r < 0 ? r : pool_named(proof, at, "busy", target, &i, err);
    r = r < 0 ? r : gs_field_object(at, "counts", &object, err);
    if (r < 0) {
        return r;
    }
    const struct gs_supply_pool *pool = &proof->targets[target].pools[i];
    r = gs_problem_counts(&object, proof->targets[target].of.model, 255, counts, err);
    for (unsigned c = 0; c < pool->n_additions && r == 0; c++) {
        bool same = true;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            same = same && pool->additions[c].counts[p] == counts[p];
        }
        if (same) {
            *ret_col = proof->pool_col[proof->first_pool[target] + i] + c;
            return 0;
        }
    }
    return r < 0 ? r : gs_field_fail(at, err, "this is no maximal addition to these GPUs");
}

static int find_whole(const struct gs_proof *proof, const struct gs_field *at, size_t *ret_col,
                      struct gs_err *err)
{
    uint32_t target;
    size_t i = 0;
    int r = target_named(proof, at, "model", &target, err);
    r = r < 0 ? r : pool_named(proof, at, "busy", target, &i, err);
    if (r < 0) {
        return r;
    }
    const struct gs_supply_pool *pool = &proof->targets[target].pools[i];
    if (!pool->whole) {
        return gs_field_fail(at, err, "these GPUs cannot be used whole");
    }
    *ret_col = proof->pool_col[proof->first_pool[target] + i] + pool->n_additions;
    return 0;
}

int gs_proof_find(void *ctx, const struct gs_field *split, size_t *ret_col, struct gs_err *err)
{
    const struct gs_proof *proof = ctx;
    static const struct {
        const char *key;
        int (*find)(const struct gs_proof *, const struct gs_field *, size_t *, struct gs_err *);
    } kinds[] = {{"served", find_use}, {"layout", find_layout}, {"whole", find_whole}};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (gs_field_has(split, kinds[k].key)) {
            struct gs_field at;
            int r = gs_field_object(split, kinds[k].key, &at, err);
            return r < 0 ? r : kinds[k].find(proof, &at, ret_col, err);
        }
    }
    return gs_field_fail(split, err, "it names no column; expected served, layout or whole");
}
