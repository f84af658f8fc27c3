#include <string.h>

#include "core/fleet_work.h"

/* Nodes that one search for a load may look at; more as finding one gets harder. */
enum { MOST_PATIENT = 2000 };
static const size_t patience_nodes[] = {12, 60, 400, MOST_PATIENT};

/* A load is worth adding when it beats its node's cost by more than rounding. */
static int64_t asked_worth(const struct gs_fleet_work *work, unsigned shape)
{
    int64_t cost =
        work->spec->shapes[shape].cost * GS_FLEET_PRICE_SCALE + work->limit_prices[shape];
    return cost + (cost > 0 ? cost >> 28 : 0);
}

void gs_fleet_spend(struct gs_fleet_work *work, unsigned shape, size_t nodes)
{
    enum { PIVOTS = 8 }; /* of one node, about */
    const struct gs_ip *ip = &work->nodes[shape].program.ip;
    work->spent += (uint64_t)nodes * PIVOTS * ip->n_rows * ip->n_cols;
}

static int price_shape(struct gs_fleet_work *work, unsigned shape, size_t max_nodes,
                       bool *ret_added)
{
    struct gs_fleet_node *node = &work->nodes[shape];
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    struct gs_fleet_priced priced;
    bool last = max_nodes >= MOST_PATIENT;
    int r = (last ? gs_fleet_node_bound : gs_fleet_node_price)(node, work->scratch, work->prices,
                                                               asked_worth(work, shape), max_nodes,
                                                               false, &priced, work->err);
    if (r < 0) {
        return r;
    }
    work->worths[shape] = priced.bound;
    work->searched += priced.nodes;
    gs_fleet_spend(work, shape, priced.nodes);
    *ret_added = priced.found &&
                 gs_fleet_master_add(&work->master, shape, priced.x, node->program.ip.n_cols);
    gs_arena_rewind(work->scratch, mark);
    return 0;
}

/* The least factor by which all prices must shrink so that no load of an unlimited shape is worth
 * more than its node costs: as worth / cost of the worst shape. */
static void worst_shape(const struct gs_fleet_work *work, __int128 *ret_worth, __int128 *ret_cost)
{
    *ret_worth = 1;
    *ret_cost = 1;
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        const struct gs_fleet_shape *shape = &work->spec->shapes[t];
        __int128 cost = (__int128)shape->cost * GS_FLEET_PRICE_SCALE;
        if (work->most[t] == GS_FLEET_NO_LIMIT && work->worths[t] * *ret_cost > *ret_worth * cost) {
            *ret_worth = work->worths[t];
            *ret_cost = cost;
        }
    }
}

/* Every kind's price, shrunk, and what the bounds on shapes then cost or earn, make a bound
 * (Farley). */
static void note_bound(struct gs_fleet_work *work)
{
    const struct gs_fleet_spec *spec = work->spec;
    __int128 worth;
    __int128 cost;
    worst_shape(work, &worth, &cost);
    __int128 sum = 0;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        sum += work->prices[k] * cost / worth * spec->needs[k];
    }
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        __int128 over = (work->worths[t] * cost + worth - 1) / worth -
                        (__int128)spec->shapes[t].cost * GS_FLEET_PRICE_SCALE;
        sum -= over * (over > 0 ? work->most[t] : work->least[t]);
    }
    int64_t bound = gs_fleet_bound_of(work, sum);
    if (bound <= work->bound) {
        return;
    }
    work->bound = bound;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        work->best_prices[k] = (int64_t)(work->prices[k] * cost / worth);
    }
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        work->best_worths[t] = (int64_t)((work->worths[t] * cost + worth - 1) / worth);
    }
}

/* One round over all shapes. Returns loads added, or a negative code. */
static int generate_once(struct gs_fleet_work *work, size_t max_nodes, bool only_open,
                         bool *ret_closed)
{
    int added = 0;
    *ret_closed = true;
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        bool one = false;
        if (only_open && work->worths[t] <= asked_worth(work, t)) {
            continue;
        }
        int r = price_shape(work, t, max_nodes, &one);
        if (r < 0) {
            return r;
        }
        added += one;
        *ret_closed = *ret_closed && work->worths[t] <= asked_worth(work, t);
    }
    return added;
}

int gs_fleet_generate(struct gs_fleet_work *work, unsigned rounds_max, unsigned patience,
                      bool bounding)
{
    unsigned level = 0;
    bool only_open = false;
    for (unsigned round = 0; round < rounds_max; round++) {
        if (!only_open) {
            if (!gs_fleet_master_solve(&work->master)) {
                return 0;
            }
            const struct gs_lp *lp = &work->master.lp;
            work->spent += (uint64_t)lp->pivots * lp->n_rows * (lp->n_rows + lp->n_cols);
            work->master.lp.pivots = 0;
            gs_fleet_master_prices(&work->master, GS_FLEET_PRICE_SCALE, work->prices,
                                   work->limit_prices);
        }
        bool closed;
        int added = generate_once(work, patience_nodes[level], only_open, &closed);
        if (added < 0) {
            return added;
        }
        work->rounds++;
        if (bounding) {
            note_bound(work);
        }
        /* Past the work that a plan is allowed, one last round shows what it can. */
        bool late = work->spent > GS_FLEET_SPENT_MAX && bounding && level >= 2;
        only_open = added == 0 || late;
        if (only_open) {
            if (closed || level == patience) {
                return 0;
            }
            level = late ? patience : level + 1;
        }
    }
    return 0;
}
