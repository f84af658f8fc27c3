#include <string.h>

#include "core/fleet/work.h"

/* How a load is looked for; more patiently as finding one gets harder. */
struct patience {
    unsigned margin; /* a load is wanted that is worth more than its node costs by this part, as a
                        shift: with all that the bound loses as much */
    size_t nodes;    /* of the search */
    size_t looks;    /* of a search that fills CPU and memory exactly; 0: another search */
};

enum { EXACT = 28 /* no more than rounding */, FIRST_FILL = 2, LATE_LEVEL = 3 };

/* The last levels are for plans that were easy until then: where the optimum is not far. */
static uint64_t spent_before(unsigned level)
{
    return level == LATE_LEVEL + 1 ? GS_FLEET_SPENT_MAX / 2 : GS_FLEET_SPENT_MAX / 8;
}

static const struct patience patience_levels[] = {
    {EXACT, 12, 0},  {EXACT, 60, 0},  {10, 1, 6000},
    {11, 60, 30000}, {12, 60, 30000}, {EXACT, 200, 10000},
};

/* A load is worth adding when it beats its node's cost by more than the margin. */
static int64_t asked_worth(const struct gs_fleet_work *work, unsigned shape, unsigned level)
{
    int64_t cost = work->spec->shapes[shape].cost * work->price_scale + work->limit_prices[shape];
    return cost + (cost > 0 ? cost >> patience_levels[level].margin : 0);
}

void gs_fleet_spend(struct gs_fleet_work *work, unsigned shape, size_t nodes)
{
    enum { PIVOTS = 8 }; /* of one node, about */
    const struct gs_ip *ip = &work->nodes[shape].program.ip;
    work->spent += (uint64_t)nodes * PIVOTS * ip->n_rows * ip->n_cols;
}

static int price_shape(struct gs_fleet_work *work, unsigned shape, unsigned level, bool *ret_added)
{
    struct gs_fleet_node *node = &work->nodes[shape];
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    struct gs_fleet_priced priced;
    const struct patience *patience = &patience_levels[level];
    int64_t asked = asked_worth(work, shape, level);
    int r = patience->looks > 0
                ? gs_fleet_node_fill(node, work->scratch, work->arena, work->prices, asked,
                                     patience->nodes, patience->looks, false, &priced, work->err)
                : gs_fleet_node_price(node, work->scratch, work->prices, asked, patience->nodes,
                                      false, &priced, work->err);
    if (r < 0) {
        return r;
    }
    work->worths[shape] = priced.bound;
    work->searched += priced.nodes;
    gs_fleet_spend(work, shape, priced.nodes);
    work->spent += priced.cells;
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
        __int128 cost = (__int128)shape->cost * work->price_scale;
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
                        (__int128)spec->shapes[t].cost * work->price_scale;
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

/* One round over all shapes, beginning where the last load was found. Once there is one, the others
 * need no patience: prices will have changed before they are asked again. Returns loads added, or a
 * negative code. */
static int generate_once(struct gs_fleet_work *work, unsigned level, bool only_open,
                         bool *ret_closed)
{
    int added = 0;
    unsigned begin = work->last_found;
    *ret_closed = true;
    for (unsigned i = 0; i < work->spec->n_shapes; i++) {
        unsigned t = (begin + i) % work->spec->n_shapes;
        bool one = false;
        if (only_open && work->worths[t] <= asked_worth(work, t, level)) {
            continue;
        }
        int r = price_shape(work, t, added > 0 && level > FIRST_FILL ? FIRST_FILL : level, &one);
        if (r < 0) {
            return r;
        }
        added += one;
        work->last_found = one ? t : work->last_found;
        *ret_closed = *ret_closed && work->worths[t] <= asked_worth(work, t, level);
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
            gs_fleet_master_prices(&work->master, work->price_scale, work->prices,
                                   work->limit_prices);
        }
        bool closed;
        int added = generate_once(work, level, only_open, &closed);
        if (added < 0) {
            return added;
        }
        work->rounds++;
        if (bounding) {
            note_bound(work);
        }
        bool late = bounding && work->spent > GS_FLEET_SPENT_MAX;
        only_open = added == 0 || late;
        if (!only_open) {
            continue;
        }
        bool exact = patience_levels[level].margin == EXACT;
        if (level >= patience || (exact && closed) || (late && level >= LATE_LEVEL)) {
            return 0;
        }
        level = late && level < LATE_LEVEL ? LATE_LEVEL : level + 1;
        if (level > LATE_LEVEL && work->spent > spent_before(level)) {
            return 0;
        }
    }
    return 0;
}
