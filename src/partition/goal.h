/* goal: what a configuration asks of one GPU.
 *
 * A configuration counts MIG devices. Compute instances smaller than their GPU instance can be
 * shared out over GPU instances in several ways; the one is taken for which the GPU as it is
 * changes least, so that a GPU that has what is asked stays as it is. Pure; no allocation. */
#pragma once

#include "partition/geometry.h"

/* Of ways that keep as many compute instances, the one with the fewest GPU instances. Where what is
 * in use leaves no way at all: few GPU instances, in which compute instances that are in use come
 * first. GS_NOT_FOUND as gs_geometry_profile_find; GS_INFEASIBLE: more than a GPU holds;
 * GS_INVALID: a compute instance of a size that such GPU instances do not have. */
int gs_goal_from_wish(const struct gs_geometry *cut, const struct gs_mig_wish *wish,
                      struct gs_geometry_goal *ret_goal, struct gs_err *err);
