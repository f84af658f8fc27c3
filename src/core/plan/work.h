/* work: what both goals of planning share; used by the plan files alone. */
#pragma once

#include "core/plan/plan.h"

/* Costs more GPUs than any item takes: leaving an item out is the last resort. */
enum { GS_PLAN_LEFT_OUT_COST = 20000, GS_PLAN_KINDS_MAX = GS_FLEET_KINDS_MAX };

struct gs_planner {
    struct gs_arena *arena;
    struct gs_plan_tables *tables;
    const struct gs_plan_input *input;
    struct gs_plan *plan;
    struct gs_err *err;

    struct gs_plan_unplaced *unplaced;
    size_t n_unplaced;
    size_t cap_unplaced;
    struct gs_plan_unchecked *unchecked;
    size_t n_unchecked;
    size_t cap_unchecked;
};

/* Each returns 0 or a negative code with the text. */

int gs_plan_gpus(struct gs_planner *planner);
int gs_plan_nodes(struct gs_planner *planner);

int gs_plan_no_memory(struct gs_planner *planner);
int gs_plan_leave_out(struct gs_planner *planner, uint32_t item, int64_t count, const char *reason);

/* The GPUs of a node that is there as pools, and for each GPU its pool (UINT32_MAX: it can take
 * nothing on). At most one pool a GPU; no columns yet. */
struct gs_plan_gpus_there {
    struct gs_pool *pools;
    unsigned n_pools;
    uint32_t *pool_of; /* a GPU of the node */
};
int gs_plan_pools_of(struct gs_planner *planner, const struct gs_existing_node *node,
                     struct gs_plan_gpus_there *ret);

/* Where the slices of a new GPU go, or a whole one. */
struct gs_plan_layout gs_plan_new_layout(const struct gs_target *target,
                                         const struct gs_statetable *table,
                                         const struct gs_pack_layout *layout);

/* Slices and GPUs that an item takes by the alternative that takes the fewest. */
int64_t gs_plan_parts_of(const struct gs_item *item);

/* "A100-40GB has no profile 1g.6gb; ..." from up to three reasons that differ. */
struct gs_plan_reasons {
    char text[480];
    unsigned n;
};
void gs_plan_add_reason(struct gs_plan_reasons *reasons, const char *who, const struct gs_err *why);
