/* store_shape: what pods have in common for the rules of others: namespace, labels, and their own
 * rules. Pods of one template share it. Of store*.c only. */
#pragma once

#include "picture/store.h"

/* The shape of the pod that was read, which has one pod more from now on. NULL: no memory. */
struct gs_store_shape *gs_store_shape_of(struct gs_store *store, const struct json_t *object,
                                         const struct gs_kubepod *read, struct gs_err *err);

/* One pod of it goes; `shape` may be NULL. */
void gs_store_shape_leave(struct gs_store *store, struct gs_store_shape *shape);

/* The pod is on its node from now on, bound or nominated; it leaves. */
void gs_store_shape_settle(struct gs_store_pod *pod, struct gs_store_node *node);
void gs_store_shape_unsettle(struct gs_store_pod *pod, struct gs_store_node *node);

/* What the pods of the node take of its other resources, counted anew. */
void gs_store_shape_recount(struct gs_store_node *node);

void gs_store_shapes_done(struct gs_store *store);
