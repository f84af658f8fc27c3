#include <string.h>

#include "verify/proof.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the program of a certificate");
}

enum { ROUNDINGS_MAX = 64 }; /* of one item */

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
    proof->first_rounding = GS_ARENA_NEW(proof->arena, size_t, proof->problem->n_items);
    proof->roundings = NULL;
    proof->n_roundings = 0;
    proof->cap_roundings = 0;
    proof->pool_col = GS_ARENA_NEW(proof->arena, size_t, n_pools);
    memset(proof->amount_row, 0xFF, sizeof(proof->amount_row));
    return proof->first_pool == NULL || proof->slice_row == NULL || proof->gpu_row == NULL ||
                   proof->pool_row == NULL || proof->need_row == NULL || proof->most_row == NULL ||
                   proof->first_rounding == NULL || proof->pool_col == NULL
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
    for (size_t i = proof->first_rounding[use->item]; i != 0; i = proof->roundings[i - 1].next) {
        uint64_t most = gs_proof_parts(proof->needs[use->item], proof->roundings[i - 1].per);
        uint64_t parts = gs_proof_parts(item->ways[use->way].yield, proof->roundings[i - 1].per);
        gs_bound_add_entry(bound, proof->roundings[i - 1].row,
                           (int64_t)(parts < most ? parts : most));
    }
    for (unsigned a = 0; proof->one_node && a < GS_PROOF_CAPACITIES; a++) {
        gs_bound_add_entry(bound, proof->amount_row[a], -(int64_t)gs_proof_takes(proof, use, a));
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

/* Pods bind nothing that is worth going through: of them there is one an item. */
static void set_capacities(struct gs_proof *proof)
{
    static const unsigned capacities[GS_BOUND_CAPACITIES] = {GS_PROOF_CPU, GS_PROOF_MEMORY,
                                                             GS_PROOF_UNITS, GS_PROOF_COMPUTE};
    proof->bound.has_capacities = proof->one_node;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        proof->bound.capacity_row[a] = proof->amount_row[capacities[a]];
    }
}

int gs_proof_build(struct gs_proof *proof, const struct gs_field *at, struct gs_err *err)
{
    struct gs_field list;
    size_t n;
    size_t most = proof->n_targets * (GS_PROFILES_MAX + 2 + GS_PROBLEM_NODES_MAX * 16) +
                  ROUNDINGS_MAX * proof->problem->n_items + GS_PROOF_CAPACITIES;
    int r = gs_field_list(at, "rows", most, &list, &n, err);
    r = r < 0 ? r : make_room(proof, err);
    int64_t *rhs = r < 0 ? NULL : GS_ARENA_NEW(proof->arena, int64_t, n);
    if (r == 0 && rhs == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field row = gs_field_item(&list, i);
        r = gs_proof_read_row(proof, &row, (int64_t)i, &rhs[i], err);
    }
    if (r < 0) {
        return r;
    }
    proof->bound = (struct gs_bound){.arena = proof->arena, .n_rows = (uint32_t)n, .rhs = rhs};
    set_capacities(proof);
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
