/* pack_plainly: a packing for programs so large that the search for the fewest GPUs ends before it
 * has found any; used by core/pack alone.
 *
 * Each need is served by the one use that takes the least of a GPU; then each target by itself is a
 * small program over its slices, whatever the number of kinds. Pure; memory from an arena. */
#pragma once

#include "core/pack.h"

/* *ret_x: a solution of `program`, which is made from spec, a column each; NULL when some kind has
 * no use on GPUs without limit. GS_NO_MEMORY. */
int gs_pack_plainly(struct gs_arena *arena, const struct gs_program_spec *spec,
                    const struct gs_program *program, int64_t step, const int64_t **ret_x,
                    int64_t *ret_value, struct gs_err *err);
