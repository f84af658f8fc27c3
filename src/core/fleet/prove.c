#include <string.h>

#include "core/fleet/work.h"

enum { PROOF_NODES = 400, PROOF_NODES_LATE = 100, SHRINK_TIMES = 4 };

/* Shows what a load of the shape is worth at most: no more than its node costs, or than what the
 * pricing before found where fewer would do for a bound on the least nodes. */
static int prove_shape(struct gs_fleet_work *work, unsigned shape,
                       struct gs_fleet_shape_proof *proof, int64_t *ret_worth)
{
    int64_t cost = work->spec->shapes[shape].cost * work->price_scale;
    bool less = work->least[shape] > 0 && work->best_worths[shape] < cost;
    int64_t above = less ? work->best_worths[shape] : cost;
    size_t nodes = work->spent < GS_FLEET_SPENT_MAX ? PROOF_NODES : PROOF_NODES_LATE;
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    struct gs_fleet_priced priced;
    int r = gs_fleet_node_bound(&work->nodes[shape], work->scratch, work->arena, work->best_prices,
                                above, nodes, &priced, work->err);
    if (r < 0) {
        return r;
    }
    work->searched += priced.nodes;
    gs_fleet_spend(work, shape, priced.nodes);
    work->spent += priced.cells;
    proof->tree = priced.tree;
    if (!gs_ip_tree_copy(&proof->tree, work->nodes[shape].program.ip.n_rows, work->arena)) {
        return gs_fleet_no_memory(work);
    }
    gs_arena_rewind(work->scratch, mark);
    proof->limit_price = less || priced.bound > cost ? priced.bound - cost : 0;
    *ret_worth = priced.bound;
    return 0;
}

/* Makes all prices smaller by cost / worth, and more each time: what was shown of the worth may be
 * above what is true by the same part again. */
static void shrink(struct gs_fleet_work *work, int64_t cost, int64_t worth, unsigned attempt)
{
    static const int64_t margins[SHRINK_TIMES] = {0, 16, 256, 4096};
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        int64_t price = (int64_t)((__int128)work->best_prices[k] * cost / worth);
        work->best_prices[k] = price - (int64_t)((__int128)price * margins[attempt] / (1 << 16));
    }
}

static int prove_shapes(struct gs_fleet_work *work, struct gs_fleet_shape_proof *proofs,
                        unsigned attempt, bool *ret_shrunk)
{
    *ret_shrunk = false;
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        int64_t cost = work->spec->shapes[t].cost * work->price_scale;
        int64_t worth = 0;
        int r = prove_shape(work, t, &proofs[t], &worth);
        if (r < 0) {
            return r;
        }
        if (work->most[t] == GS_FLEET_NO_LIMIT && worth > cost) {
            shrink(work, cost, worth, attempt);
            *ret_shrunk = true;
        }
    }
    return 0;
}

int64_t gs_fleet_bound_of(const struct gs_fleet_work *work, __int128 sum)
{
    __int128 unit = (__int128)work->price_scale * work->spec->step;
    __int128 bound = sum <= 0 ? 0 : (sum + unit - 1) / unit * work->spec->step;
    __int128 most = INT64_MAX / work->spec->step * work->spec->step;
    return (int64_t)(bound < most ? bound : most);
}

__int128 gs_fleet_price_sum(const struct gs_fleet_work *work, const struct gs_fleet_leaf *leaf)
{
    __int128 sum = 0;
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        sum += (__int128)leaf->prices[k] * work->spec->needs[k];
    }
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        __int128 price = leaf->shapes[t].limit_price;
        sum -= price * (price > 0 ? work->most[t] : work->least[t]);
    }
    return sum;
}

static int prove_with(struct gs_fleet_work *work, struct gs_fleet_shape_proof *proofs)
{
    bool shrunk = true;
    for (unsigned i = 0; i < SHRINK_TIMES && shrunk; i++) {
        struct gs_arena_mark mark = gs_arena_mark(work->arena);
        int r = prove_shapes(work, proofs, i, &shrunk);
        if (r < 0) {
            return r;
        }
        if (shrunk) {
            gs_arena_rewind(work->arena, mark);
        }
    }
    if (!shrunk) {
        return 0;
    }
    /* The searches were cut short each time: prices of nothing prove nothing, truly. */
    memset(work->best_prices, 0, work->spec->n_kinds * sizeof(*work->best_prices));
    return prove_shapes(work, proofs, 0, &shrunk);
}

static bool is_in_range(int64_t number)
{
    return number <= GS_FLEET_NUMBER_MAX && number >= -GS_FLEET_NUMBER_MAX;
}

/* Whether every number of the proof is one that a certificate holds. */
static bool can_be_written(const struct gs_fleet_work *work,
                           const struct gs_fleet_shape_proof *proofs)
{
    bool can = true;
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        can = can && is_in_range(work->best_prices[k]);
    }
    for (unsigned t = 0; t < work->spec->n_shapes && can; t++) {
        const struct gs_ip_tree *tree = &proofs[t].tree;
        can = is_in_range(proofs[t].limit_price) && is_in_range(tree->scale);
        for (size_t i = 0; i < tree->n_leaves * work->nodes[t].program.ip.n_rows && can; i++) {
            can = is_in_range(tree->multipliers[i]);
        }
    }
    return can;
}

int gs_fleet_prove(struct gs_fleet_work *work, struct gs_fleet_leaf *leaf)
{
    unsigned n_kinds = work->spec->n_kinds;
    int64_t *prices = GS_ARENA_NEW(work->arena, int64_t, n_kinds);
    struct gs_fleet_shape_proof *proofs =
        GS_ARENA_NEW(work->arena, struct gs_fleet_shape_proof, work->spec->n_shapes);
    if (proofs == NULL || prices == NULL) {
        return gs_fleet_no_memory(work);
    }
    if (work->bound < 0) {
        memset(work->best_prices, 0, n_kinds * sizeof(*work->best_prices));
        memset(work->best_worths, 0, work->spec->n_shapes * sizeof(*work->best_worths));
    }
    int r = prove_with(work, proofs);
    if (r == 0 && !can_be_written(work, proofs)) {
        memset(work->best_prices, 0, n_kinds * sizeof(*work->best_prices));
        bool shrunk;
        r = prove_shapes(work, proofs, 0, &shrunk);
    }
    if (r < 0) {
        return r;
    }
    memcpy(prices, work->best_prices, n_kinds * sizeof(*prices));
    *leaf = (struct gs_fleet_leaf){.prices = prices, .shapes = proofs};
    __int128 sum = gs_fleet_price_sum(work, leaf);
    leaf->price_bound = gs_fleet_bound_of(work, sum);
    leaf->bound = leaf->price_bound;
    return 0;
}
