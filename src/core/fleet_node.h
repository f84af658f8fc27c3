/* fleet_node: the most valuable load of one node; used by the fleet files alone. */
#pragma once

#include "core/fleet.h"

/* One shape's program. */
struct gs_fleet_node {
    const struct gs_fleet_shape *shape;
    struct gs_program program;
    const int64_t *most; /* a use: its upper bound while needs are not looked at */
    const int *most_row; /* a kind: the row that limits all its uses together, or -1 */
};

/* What the search for a load found. */
struct gs_fleet_priced {
    bool found;       /* a load worth more than asked for */
    int64_t worth;    /* of it */
    const int64_t *x; /* of it; uses come first */
    int64_t bound;    /* no load is worth more */
    struct gs_ip_tree tree;
    size_t nodes;
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

/* As gs_fleet_node_price. When the search is cut short before it has shown that nothing is worth
 * more than `above`, it is asked to show less: nothing worth more than a little above that. Proving
 * the last few hundredths of a percent may take a thousand times the work of the rest. */
int gs_fleet_node_bound(struct gs_fleet_node *node, struct gs_arena *arena, const int64_t *prices,
                        int64_t above, size_t max_nodes, bool want_tree,
                        struct gs_fleet_priced *ret, struct gs_err *err);
