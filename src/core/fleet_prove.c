#include <string.h>

#include "core/fleet_work.h"

enum { PROOF_NODES = 20000, SHRINK_TIMES = 4 };

/* Shows that no load of the shape is worth more than its node; of a limited shape, how much more.
 * *ret_worth is what was shown. */
static int prove_shape(struct gs_fleet_work *work, unsigned shape,
                       struct gs_fleet_shape_proof *proof, int64_t *ret_worth)
{
    int64_t cost = work->spec->shapes[shape].cost * GS_FLEET_PRICE_SCALE;
    struct gs_fleet_priced priced;
    int r = gs_fleet_node_price(&work->nodes[shape], work->arena, work->best_prices, cost,
                                PROOF_NODES, true, &priced, work->err);
    if (r < 0) {
        return r;
    }
    work->searched += priced.nodes;
    bool limited = work->spec->shapes[shape].limit != GS_FLEET_NO_LIMIT;
    proof->tree = priced.tree;
    proof->limit_price = limited && priced.bound > cost ? priced.bound - cost : 0;
    *ret_worth = priced.bound;
    return 0;
}

/* Makes all prices smaller by cost / worth. */
static void shrink(struct gs_fleet_work *work, int64_t cost, int64_t worth)
{
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        work->best_prices[k] = (int64_t)((__int128)work->best_prices[k] * cost / worth);
    }
}

static int prove_shapes(struct gs_fleet_work *work, struct gs_fleet_shape_proof *proofs,
                        bool *ret_shrunk)
{
    *ret_shrunk = false;
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        const struct gs_fleet_shape *shape = &work->spec->shapes[t];
        int64_t cost = shape->cost * GS_FLEET_PRICE_SCALE;
        int64_t worth;
        int r = prove_shape(work, t, &proofs[t], &worth);
        if (r < 0) {
            return r;
        }
        if (shape->limit == GS_FLEET_NO_LIMIT && worth > cost) {
            shrink(work, cost, worth);
            *ret_shrunk = true;
        }
    }
    return 0;
}

static int64_t bound_of_prices(const struct gs_fleet_work *work,
                               const struct gs_fleet_shape_proof *proofs)
{
    __int128 sum = 0;
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        sum += (__int128)work->best_prices[k] * work->spec->needs[k];
    }
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        const struct gs_fleet_shape *shape = &work->spec->shapes[t];
        if (shape->limit != GS_FLEET_NO_LIMIT) {
            sum -= (__int128)proofs[t].limit_price * shape->limit;
        }
    }
    __int128 unit = (__int128)GS_FLEET_PRICE_SCALE * work->spec->step;
    return sum <= 0 ? 0 : (int64_t)((sum + unit - 1) / unit) * work->spec->step;
}

int gs_fleet_prove(struct gs_fleet_work *work, struct gs_fleet_proof *proof)
{
    struct gs_fleet_shape_proof *proofs =
        GS_ARENA_NEW(work->arena, struct gs_fleet_shape_proof, work->spec->n_shapes);
    if (proofs == NULL) {
        return gs_fleet_no_memory(work);
    }
    if (work->best_prices[0] < 0) {
        memset(work->best_prices, 0, work->spec->n_kinds * sizeof(*work->best_prices));
    }
    bool shrunk = true;
    for (unsigned i = 0; i < SHRINK_TIMES && shrunk; i++) {
        struct gs_arena_mark mark = gs_arena_mark(work->arena);
        int r = prove_shapes(work, proofs, &shrunk);
        if (r < 0) {
            return r;
        }
        if (shrunk && i + 1 < SHRINK_TIMES) {
            gs_arena_rewind(work->arena, mark);
        }
    }
    if (shrunk) {
        /* The searches were cut short each time: prices of nothing prove nothing, truly. */
        memset(work->best_prices, 0, work->spec->n_kinds * sizeof(*work->best_prices));
        int r = prove_shapes(work, proofs, &shrunk);
        if (r < 0) {
            return r;
        }
    }
    *proof = (struct gs_fleet_proof){
        .price_scale = GS_FLEET_PRICE_SCALE,
        .prices = work->best_prices,
        .shapes = proofs,
        .price_bound = bound_of_prices(work, proofs),
    };
    work->bound = proof->price_bound;
    return 0;
}
