/* programs: a fleet's demand as integer programs for solvers.
 *
 * The own method (core/fleet) decides load by load. A solver gets one of
 *   totals  nodes of a shape as one number, their GPUs, CPU, memory and pods as sums: small, and a
 *           relaxation, as amounts do not add up across nodes; its optimum bounds every fleet from
 *           below, and is no fleet;
 *   nodes   each node that could be bought on its own: exact, and large. */
#pragma once

#include "core/fleet/fleet.h"

/* Every shape must be without limit. GS_NO_MEMORY. */
int gs_cmd_bench_fleet_totals(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                              struct gs_ip *ret, struct gs_err *err);

/* `value` is what some fleet costs: it bounds how many nodes of a shape can be of use. */
int gs_cmd_bench_fleet_nodes(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                             int64_t value, struct gs_ip *ret, struct gs_err *err);
