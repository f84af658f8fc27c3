/* placed: an order that says of one GPU where every slice is to be. On the worker's thread; pure.
 */
#pragma once

#include "agent/recut.h"
#include "wire/migspec.h"

/* What the order asks of its GPU, `*ret_gpu` of the snapshot. GPU instances that are there already,
 * of that profile and at that place, keep the compute instances that they have. GS_NOT_FOUND: no
 * such GPU, or a profile that it lacks; GS_UNSUPPORTED: it is not cut, and is not cut by such an
 * order; GS_IO: it is lost; codes of gs_layout_parse. */
int gs_placed_read(const struct gs_order *order, const struct gs_snapshot *snapshot,
                   unsigned *ret_gpu, struct gs_mig_state *ret, struct gs_err *err);

/* Whether it is so already. */
bool gs_placed_is_met(const struct gs_snapshot *snapshot, unsigned gpu,
                      const struct gs_mig_state *state);
