/* node: the most valuable load of one node; used by the fleet files alone. */
#pragma once

#include "core/fleet/fleet.h"
#include "core/solve/knapsack.h"

/* One shape's program. */
struct gs_fleet_node {
    const struct gs_fleet_shape *shape;
    struct gs_program program;
    const int64_t *most; /* a use: its upper bound while needs are not looked at */
    const int *most_row; /* a kind: the row that limits all its uses together, or -1 */

    /* the rows that fleet/fill fills exactly: CPU, memory, memory units and compute slices of all
     * GPUs; -1: there is none */
    int filled_row[GS_KNAPSACK_AMOUNTS];

    /* choices of items that CPU and memory allow (fleet/fill) */
    struct gs_fleet_point *points;
    unsigned n_points;
    unsigned next_point; /* the place of the next */
};

/* What the search for a load found. */
struct gs_fleet_priced {
    bool found;       /* a load worth more than asked for */
    int64_t worth;    /* of it */
    const int64_t *x; /* of it; uses come first */
    int64_t bound;    /* no load is worth more */
    struct gs_ip_tree tree;
    size_t nodes;
    uint64_t cells; /* of work beside the nodes, as gs_fleet_work.spent */
};

int gs_fleet_node_new(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                      const struct gs_fleet_shape *shape, struct gs_fleet_node *ret,
                      struct gs_err *err);

/* No load takes more of a kind than `needs` has. */
void gs_fleet_node_limit(struct gs_fleet_node *node, const int64_t *needs);

/* Looks for a load worth more than `above` at these prices (a kind). `max_nodes` bounds the
 * search; the bound holds in any case. */
int gs_fleet_node_price(struct gs_fleet_node *node, struct gs_arena *arena, const int64_t *prices,
                        int64_t above, size_t max_nodes, bool want_tree,
                        struct gs_fleet_priced *ret, struct gs_err *err);

/* As gs_fleet_node_price, by filling CPU and memory exactly (fleet_fill.c): finds and shows what
 * the search for a load misses, a load of few large items. Without a tree the search ends at the
 * first load worth more than `above`. What it learns of the shape is kept in `points`' memory. */
int gs_fleet_node_fill(struct gs_fleet_node *node, struct gs_arena *scratch,
                       struct gs_arena *points, const int64_t *prices, int64_t above,
                       size_t max_nodes, size_t max_looks, bool want_tree,
                       struct gs_fleet_priced *ret, struct gs_err *err);

/* Shows, with a tree, that no load is worth more than `above`, or little more: by one search, and
 * where that is cut short by the other. */
int gs_fleet_node_bound(struct gs_fleet_node *node, struct gs_arena *scratch,
                        struct gs_arena *points, const int64_t *prices, int64_t above,
                        size_t max_nodes, struct gs_fleet_priced *ret, struct gs_err *err);
