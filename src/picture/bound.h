/* bound: what SlicePools allow of re-cuts of their nodes (spec.recut), written into the view. */
#pragma once

#include "picture/view.h"
#include "wire/slicepool.h"

/* `pool_of`: the SlicePool of that name, NULL: there is none. To be called before decisions: a
 * SlicePool may have changed where no node has. What is written borrows from the store. */
void gs_bound_nodes(struct gs_nodes_view *view,
                    const struct gs_slicepool *(*pool_of)(void *ctx, const char *name), void *ctx);
