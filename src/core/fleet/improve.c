#include <string.h>

#include "core/fleet/work.h"

/* A cheaper kind of node for what a load serves: loads are cut back to what is asked for after they
 * were chosen, and what is left may fit a smaller node. */

/* Whether one node of the shape serves these items (a kind); fills in how. */
static int serves_all(struct gs_fleet_work *work, unsigned shape, const int64_t *items,
                      int64_t *ret_x, bool *ret_serves)
{
    enum { SEARCH_NODES = 60 };
    struct gs_fleet_node *node = &work->nodes[shape];
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    int64_t all = 0;
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        work->prices[k] = items[k] > 0;
        all += items[k];
    }
    gs_fleet_node_limit(node, items);
    struct gs_fleet_priced priced;
    int r = gs_fleet_node_price(node, work->scratch, work->prices, all - 1, SEARCH_NODES, false,
                                &priced, work->err);
    *ret_serves = r == 0 && priced.found;
    if (*ret_serves) {
        memcpy(ret_x, priced.x, node->program.ip.n_cols * sizeof(*ret_x));
    }
    gs_fleet_node_limit(node, work->spec->needs);
    gs_arena_rewind(work->scratch, mark);
    return r;
}

static void items_of(const struct gs_fleet_work *work, const struct gs_fleet_load *load,
                     int64_t *ret)
{
    const struct gs_fleet_shape *shape = &work->spec->shapes[load->shape];
    memset(ret, 0, work->spec->n_kinds * sizeof(*ret));
    for (unsigned u = 0; u < shape->n_uses; u++) {
        ret[shape->uses[u].kind] += load->x[u];
    }
}

static int improve_load(struct gs_fleet_work *work, struct gs_fleet_load *load)
{
    const struct gs_fleet_spec *spec = work->spec;
    int64_t *items = GS_ARENA_NEW(work->scratch, int64_t, spec->n_kinds);
    if (items == NULL) {
        return gs_fleet_no_memory(work);
    }
    items_of(work, load, items);
    int r = 0;
    for (unsigned t = 0; t < spec->n_shapes && r == 0; t++) {
        if (spec->shapes[t].limit != GS_FLEET_NO_LIMIT ||
            spec->shapes[t].cost >= spec->shapes[load->shape].cost) {
            continue;
        }
        int64_t *x = GS_ARENA_NEW(work->arena, int64_t, work->nodes[t].program.ip.n_cols);
        bool serves = false;
        r = x == NULL ? gs_fleet_no_memory(work) : serves_all(work, t, items, x, &serves);
        if (serves) {
            work->value -= load->count * (spec->shapes[load->shape].cost - spec->shapes[t].cost);
            load->shape = t;
            load->x = x;
        }
    }
    return r;
}

int gs_fleet_improve(struct gs_fleet_work *work)
{
    int r = 0;
    for (size_t i = 0; i < work->n_loads && r == 0; i++) {
        struct gs_arena_mark mark = gs_arena_mark(work->scratch);
        r = improve_load(work, &work->loads[i]);
        gs_arena_rewind(work->scratch, mark);
    }
    return r;
}
