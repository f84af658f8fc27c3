/* take: what a decision takes off the view, so that the next one of the same pass does not promise
 * it again.
 *
 * The controller and `gpuslice why` decide pod after pod over one view; both write each answer into
 * it by these. Nodes that are touched are seen anew at the next refresh. */
#pragma once

#include "picture/view.h"

/* The waiting pod as `decide` wants it; its texts are the store's. */
struct gs_decide_pod gs_take_ask(const struct gs_store_pod *pod);

/* Whether the scheduler takes the pod nowhere now because of its volumes, and why; false: nothing
 * that is known stands in the way. */
bool gs_take_is_nowhere(const struct gs_store_pod *pod, char *ret, size_t size);

/* What was decided is told with where the pod's volumes are, as far as that bears on it. */
void gs_take_words(const struct gs_store_pod *pod, struct gs_decision *decision);

/* Its slices are booked on that node of the view. */
void gs_take_booking(struct gs_nodes_view *view, const struct gs_store_pod *pod, uint32_t node);

/* What comes on that node is promised to it. */
void gs_take_coming(struct gs_nodes_view *view, const struct gs_store_pod *pod, uint32_t node);

/* GPUs of that node are re-cut for it: what is new and the pod's may not make way any more; pods
 * that come later may add to the same re-cut. GS_LIMIT, GS_NO_MEMORY. */
int gs_take_recut(struct gs_nodes_view *view, const struct gs_store_pod *pod, uint32_t node,
                  const struct gs_decide_recut *recuts, unsigned n, struct gs_err *err);

/* The same for somebody who asks for `want` and is not there yet. */
int gs_take_room(struct gs_nodes_view *view, const struct gs_want *want, uint32_t node,
                 const struct gs_decide_recut *recuts, unsigned n, struct gs_err *err);

/* A free slice of that node is somebody's who is not there yet. False: none is free. */
bool gs_take_reserve(struct gs_nodes_view *view, uint32_t node,
                     const struct gs_profile_name *slice);

/* GPUs are kept for a pod that waits, as the decision says. True: some are. */
bool gs_take_keep(struct gs_nodes_view *view, const struct gs_decide_pod *ask,
                  const struct gs_decision *decision);
