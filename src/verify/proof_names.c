#include <string.h>

#include "verify/proof.h"

/* The names of a certificate: rows and columns by what they stand for. */

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the program of a certificate");
}

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

/* ------------------------------------------------------------------ rows */

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

static const char *const amount_names[GS_PROOF_CAPACITIES] = {
    [GS_PROOF_CPU] = "cpu_milli",
    [GS_PROOF_MEMORY] = "memory",
    [GS_PROOF_PODS] = "pods",
    [GS_PROOF_UNITS] = "memory_units",
    [GS_PROOF_COMPUTE] = "compute_slices",
};

static int amount_row(struct gs_proof *proof, const struct gs_field *at, int64_t **ret_row,
                      int64_t *ret_rhs, struct gs_err *err)
{
    const char *name;
    int r = gs_field_text(at, "amount", &name, err);
    for (unsigned a = 0; r == 0 && proof->one_node && a < GS_PROOF_CAPACITIES; a++) {
        if (strcmp(name, amount_names[a]) == 0) {
            *ret_row = &proof->amount_row[a];
            *ret_rhs = -(int64_t)proof->capacity[a];
            return 0;
        }
    }
    return r < 0 ? r : gs_field_fail(at, err, "no amount \"%s\" binds here", name);
}

/* Each rounding is a row of its own; one that is there twice is of no harm. */
static int rounded_row(struct gs_proof *proof, const struct gs_field *at, uint32_t item,
                       int64_t **ret_row, int64_t *ret_rhs, struct gs_err *err)
{
    struct gs_proof_rounding rounding = {.row = -1, .next = proof->first_rounding[item]};
    int r = gs_field_u64(at, "per", 1, GS_PROBLEM_NEED_MAX, &rounding.per, err);
    if (r < 0) {
        return r;
    }
    if (!gs_arena_room(proof->arena, &proof->roundings, &proof->cap_roundings, proof->n_roundings,
                       sizeof(*proof->roundings))) {
        return no_memory(err);
    }
    proof->roundings[proof->n_roundings++] = rounding;
    proof->first_rounding[item] = proof->n_roundings;
    *ret_row = &proof->roundings[proof->n_roundings - 1].row;
    *ret_rhs = (int64_t)gs_proof_parts(proof->needs[item], rounding.per);
    return 0;
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
    if (gs_field_has(at, "per")) {
        return rounded_row(proof, at, item, ret_row, ret_rhs, err);
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

int gs_proof_read_row(struct gs_proof *proof, const struct gs_field *at, int64_t index,
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

/* ------------------------------------------------------------------ columns */

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
