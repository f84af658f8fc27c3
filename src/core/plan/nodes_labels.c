#include <string.h>

#include "core/plan/nodes.h"

/* On which nodes an item may run, when not every label is known. New nodes may carry any label that
 * nobody has told of. An item that asks for one is *held* to nodes known to carry it, as long as
 * there are such nodes and they have room; otherwise it may go onto new ones, and that is noted. */

static bool stays_elsewhere(const struct gs_item *item, bool there, const char *name)
{
    return item->bound_node != NULL && (!there || strcmp(item->bound_node, name) != 0);
}

/* Some node that is there is known to be what the item asks for. */
static bool has_known_node(const struct gs_nodes_work *w, const struct gs_item *item)
{
    for (size_t i = 0; i < w->input->n_existing; i++) {
        const struct gs_existing_node *node = &w->input->existing[i];
        if (!stays_elsewhere(item, true, node->name) &&
            gs_constraint_check(item->constraint, node->facts, NULL) == GS_VERDICT_YES) {
            return true;
        }
    }
    return false;
}

int gs_nodes_hold(struct gs_nodes_work *w)
{
    w->held = GS_ARENA_NEW(w->planner->arena, bool, w->input->n_items);
    if (w->held == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (size_t i = 0; i < w->input->n_items; i++) {
        const struct gs_item *item = &w->input->items[i];
        w->held[i] = item->constraint != NULL && has_known_node(w, item);
    }
    return 0;
}

/* No other node has the name of one that is there. */
static bool names_a_node(const char *key)
{
    return strcmp(key, "metadata.name") == 0 || strcmp(key, "kubernetes.io/hostname") == 0;
}

static bool asks_for_one_node(const struct gs_nodes_work *w, const struct gs_item *item)
{
    for (size_t i = 0; i < w->input->n_offers; i++) {
        const char *because = "";
        enum gs_verdict verdict =
            gs_constraint_check(item->constraint, w->input->offers[i].facts, &because);
        if (verdict == GS_VERDICT_UNKNOWN && names_a_node(because)) {
            return true;
        }
    }
    return false;
}

bool gs_nodes_let_go(struct gs_nodes_work *w)
{
    struct gs_planner *planner = w->planner;
    bool any = false;
    for (size_t i = 0; i < planner->n_unplaced; i++) {
        uint32_t item = planner->unplaced[i].item;
        if (w->held[item] && !asks_for_one_node(w, &w->input->items[item])) {
            w->held[item] = false;
            any = true;
        }
    }
    if (any) {
        planner->n_unplaced = 0;
        planner->n_unchecked = 0;
    }
    return any;
}

static int note_unchecked(struct gs_nodes_work *w, uint32_t item, const char *node, const char *key)
{
    struct gs_planner *planner = w->planner;
    if (!gs_arena_room(planner->arena, &planner->unchecked, &planner->cap_unchecked,
                       planner->n_unchecked, sizeof(*planner->unchecked))) {
        return gs_plan_no_memory(planner);
    }
    planner->unchecked[planner->n_unchecked++] =
        (struct gs_plan_unchecked){.item = item, .offer = node, .key = key};
    return 0;
}

int gs_nodes_may_run(struct gs_nodes_work *w, uint32_t index, bool there, const char *name,
                     const struct gs_node_facts *facts, struct gs_err *why)
{
    const struct gs_item *item = &w->input->items[index];
    if (stays_elsewhere(item, there, name)) {
        return gs_fail(why, GS_NOT_FOUND, "it must stay on node %s", item->bound_node);
    }
    const char *because = "";
    switch (gs_constraint_check(item->constraint, facts, &because)) {
    case GS_VERDICT_YES:
        return 0;
    case GS_VERDICT_NO:
        return gs_fail(why, GS_NOT_FOUND, "its selector, affinity or taints rule it out (%s)",
                       because);
    case GS_VERDICT_UNKNOWN:
        return w->held[index]
                   ? gs_fail(why, GS_NOT_FOUND,
                             "whether it will carry the label %s is not known, and other nodes do",
                             because)
                   : note_unchecked(w, index, name, because);
    }
    return 0;
}
