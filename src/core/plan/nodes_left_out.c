#include <string.h>

#include "core/plan/nodes.h"

/* Items for which limits leave no room. Who stays out is decided first, quickly: items that are not
 * spare have their places before spare ones are looked at. Then what has a place is planned anew,
 * so that the bound is one for what is planned. After each step every item without a place is tried
 * in the room that is left, so that what is said to have none has none in the plan. That another
 * choice would leave out fewer is not ruled out. */

struct leaving {
    struct gs_nodes_work *w;
    int64_t *asked; /* a kind */
    int64_t *left;  /* a kind: without a place, of w->needs */
    struct gs_fleet_load *start;
    size_t n_start;
};

static int take_start(struct leaving *l)
{
    const struct gs_fleet *fleet = &l->w->fleet;
    l->start = GS_ARENA_NEW(l->w->planner->arena, struct gs_fleet_load, fleet->n_loads);
    if (l->start == NULL) {
        return gs_plan_no_memory(l->w->planner);
    }
    if (fleet->n_loads > 0) {
        memcpy(l->start, fleet->loads, fleet->n_loads * sizeof(*l->start));
    }
    l->n_start = fleet->n_loads;
    return 0;
}

static int solve(struct leaving *l, const struct gs_fleet_options *like)
{
    struct gs_nodes_work *w = l->w;
    struct gs_fleet_options options = *like;
    options.start = l->start;
    options.n_start = l->n_start;
    return gs_fleet_solve(w->planner->arena, &w->spec, &options, &w->fleet, w->planner->err);
}

/* A quick fleet for w->needs, and what has room in it; l->left are those that have not. */
static int decide(struct leaving *l)
{
    enum { PASSES = 3 };
    struct gs_nodes_work *w = l->w;
    static const struct gs_fleet_options quick = {.effort = 0};
    bool any = true;
    int r = 0;
    for (unsigned pass = 0; r == 0 && any && pass < PASSES; pass++) {
        r = solve(l, &quick);
        if (r == 0) {
            memcpy(l->left, w->fleet.unserved, w->n_kinds * sizeof(*l->left));
            r = gs_nodes_top_up(w, l->left, &any);
        }
        r = r < 0 ? r : take_start(l);
    }
    return r;
}

static void drop_left(struct leaving *l)
{
    for (unsigned k = 0; k < l->w->n_kinds; k++) {
        l->w->needs[k] -= l->left[k];
    }
}

/* Everything but what is spare, then spare items beside it. */
static int decide_in_turn(struct leaving *l)
{
    struct gs_nodes_work *w = l->w;
    bool any = false;
    for (unsigned k = 0; k < w->n_kinds; k++) {
        bool spare = w->input->items[w->item_of[k]].spare;
        any = any || spare;
        w->needs[k] = spare ? 0 : l->asked[k];
    }
    int r = decide(l);
    if (r < 0 || !any) {
        drop_left(l);
        return r;
    }
    drop_left(l);
    for (unsigned k = 0; k < w->n_kinds; k++) {
        w->needs[k] += w->input->items[w->item_of[k]].spare ? l->asked[k] : 0;
    }
    r = decide(l);
    drop_left(l);
    return r;
}

/* A fleet for what has a place. It may be another than the one before and have room for more; after
 * some turns the one before is taken. */
static int plan_rest(struct leaving *l, const struct gs_fleet_options *options)
{
    enum { TURNS = 4 };
    struct gs_nodes_work *w = l->w;
    struct gs_fleet_options last = {.certificate = options->certificate};
    bool any = true;
    int r = 0;
    for (unsigned turn = 0; r == 0 && any; turn++) {
        bool is_last = turn == TURNS;
        r = solve(l, is_last ? &last : options);
        if (r < 0) {
            return r;
        }
        if (is_last) {
            w->fleet.loads = l->start;
            w->fleet.n_loads = l->n_start;
            w->fleet.value = gs_nodes_cost(w);
            return 0;
        }
        r = gs_nodes_prefer_existing(w);
        for (unsigned k = 0; k < w->n_kinds; k++) {
            l->left[k] = l->asked[k] - w->needs[k];
        }
        r = r < 0 ? r : gs_nodes_top_up(w, l->left, &any);
        for (unsigned k = 0; k < w->n_kinds; k++) {
            w->needs[k] = l->asked[k] - l->left[k];
        }
        r = r < 0 ? r : take_start(l);
    }
    return r;
}

int gs_nodes_leave_out(struct gs_nodes_work *w, const struct gs_fleet_options *options)
{
    struct leaving l = {
        .w = w,
        .asked = GS_ARENA_NEW(w->planner->arena, int64_t, w->n_kinds),
        .left = GS_ARENA_NEW(w->planner->arena, int64_t, w->n_kinds),
    };
    if (l.asked == NULL || l.left == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    memcpy(l.asked, w->needs, w->n_kinds * sizeof(*l.asked));
    int r = decide_in_turn(&l);
    r = r < 0 ? r : plan_rest(&l, options);
    for (unsigned k = 0; k < w->n_kinds && r == 0; k++) {
        int64_t left = l.asked[k] - w->needs[k];
        r = left == 0 ? 0
                      : gs_plan_leave_out(w->planner, w->item_of[k], left,
                                          "the nodes that there are, or may be bought, have no "
                                          "room left for it");
    }
    return r;
}
