/* nodes: the cheapest nodes; used by plan/nodes*.c alone. */
#pragma once

#include "core/plan/work.h"

/* A kind of node in the plan's words. */
struct gs_nodes_shape {
    const struct gs_offer *offer; /* NULL: existing nodes that are alike */
    uint32_t *existing;           /* their indices in the input */
    size_t n_existing;
    const struct gs_node_facts *facts; /* of the offer, or of the first existing node */
    struct gs_target target;
    struct gs_pool *pools; /* of one node */
    struct gs_use *uses;
    size_t n_uses;
    size_t cap_uses;
};

struct gs_nodes_work {
    struct gs_planner *planner;
    const struct gs_plan_input *input;
    struct gs_nodes_shape *shapes;
    struct gs_fleet_shape *fleet_shapes;
    unsigned n_shapes;
    uint32_t *item_of; /* a kind: its item */
    int64_t *needs;
    int64_t *cpu_milli;
    int64_t *memory; /* in units of memory_unit bytes */
    int64_t memory_unit;
    unsigned n_kinds;
    bool *held; /* an item of the input: to nodes that are known to carry its labels */
    struct gs_fleet_spec spec;
    struct gs_fleet fleet;
};

/* plan/nodes_uses.c */

/* Adds to shape `s` the ways in which item `kind` can use such a node; where there is none, why is
 * added to *reasons. */
int gs_nodes_add_uses(struct gs_nodes_work *w, unsigned s, uint32_t kind,
                      struct gs_plan_reasons *reasons);

/* Lists the columns of its pools that its uses can want, and gives both to the fleet's shape. */
int gs_nodes_list_columns(struct gs_nodes_work *w, unsigned s);

/* Drops uses of which not even one fits on an empty node; why is added to `reasons`, a kind each.
 */
int gs_nodes_keep_fitting_uses(struct gs_nodes_work *w, unsigned s,
                               struct gs_plan_reasons *reasons);

/* plan/nodes_labels.c */

/* Makes `held`: items whose labels are known of some node that is there. */
int gs_nodes_hold(struct gs_nodes_work *w);

/* Lets items go that have no place although they are held, and takes back what was left out and
 * noted; false: there is none, or each asks for one node by its name. */
bool gs_nodes_let_go(struct gs_nodes_work *w);

/* Whether the item may run on a node (`there`: one that is there) at all. GS_NOT_FOUND: not. */
int gs_nodes_may_run(struct gs_nodes_work *w, uint32_t index, bool there, const char *name,
                     const struct gs_node_facts *facts, struct gs_err *why);

/* plan/nodes_prefer.c: moves items from new nodes onto those that are there, as many as they have
 * room for. The fleet then costs no more. */
int gs_nodes_prefer_existing(struct gs_nodes_work *w);

/* Puts items that have no place into the room that is left in the fleet's nodes, and in those that
 * limits allow beside them; spare ones last. `left`, a kind: those without a place, before and
 * after. */
int gs_nodes_top_up(struct gs_nodes_work *w, int64_t *left, bool *ret_any);

/* What the nodes of the fleet cost. */
int64_t gs_nodes_cost(const struct gs_nodes_work *w);

/* plan/nodes_left_out.c: a fleet where limits leave no room for all; less are needed then, and the
 * others have no place in the plan. */
int gs_nodes_leave_out(struct gs_nodes_work *w, const struct gs_fleet_options *options);

/* Fills the plan from the fleet. */
int gs_nodes_answer(struct gs_nodes_work *w);

/* What a GPU of its own for every slice would take, on new nodes alone. */
int gs_nodes_baseline(struct gs_nodes_work *w);
