/* pack_mixes: a first packing where needs are served by slices of unequal yield; used by core/pack
 * alone.
 *
 * How many slices of each kind serve a need is decided badly by a relaxation, which takes five
 * thirds of a slice. Here each need gets one use for every *mix* of slices that serves it and from
 * which none can be left out; one whole mix is taken. There are few for needs of up to a dozen
 * slices, the program over them has hardly a gap, and its solution is one of the program proper,
 * which then only has to prove it. Pure; memory from an arena. */
#pragma once

#include "core/pack.h"

/* *ret_x: a solution of `program`, which is made from spec, a column each; NULL when none was
 * found, for there are too many mixes or the search was cut short. Kinds with roundings are those
 * with mixes. GS_NO_MEMORY. */
int gs_pack_mixes(struct gs_arena *arena, const struct gs_program_spec *spec,
                  const struct gs_program *program, int64_t step, const int64_t **ret_x,
                  int64_t *ret_value, struct gs_err *err);
