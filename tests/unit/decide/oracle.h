/* oracle: what can be done for a pod, found by trying everything. For clusters of a few GPUs.
 *
 * A node may become every set of legal layouts that keeps what is fixed. Nothing of decide is used
 * but its header. */
#pragma once

#include "unit/check.h"

#include "decide/decide.h"

#define ORACLE_NEVER UINT32_MAX

/* Every slice of every profile that the node would have beyond promises, or less than `free`. */
struct oracle_need {
    uint32_t count[GS_PROFILES_MAX];
    uint32_t gpus;
    bool possible;
};

struct oracle_need oracle_need(const struct gs_decide_pod *pod, const struct gs_model *model);

/* The node is one where the pod may be booked. */
bool oracle_books(const struct gs_decide_node *node, const struct gs_decide_pod *pod);

/* The fewest idle slices that make way on the node; ORACLE_NEVER: they cannot. */
unsigned oracle_recut(const struct gs_statetable *states, const struct gs_decide_node *node,
                      const struct gs_decide_pod *pod);

/* What the recuts make of the node's free slices. Fails the test when a layout is not legal, a
 * fixed slice is lost or moved, a closed or whole GPU is touched, a promised slice is destroyed, or
 * one is made that the node's SlicePool does not allow.
 * Returns how many slices were destroyed. */
unsigned oracle_apply(const struct gs_statetable *states, const struct gs_decide_node *node,
                      const struct gs_decide_recut *recuts, unsigned n_recuts,
                      uint32_t ret_free[GS_PROFILES_MAX]);
