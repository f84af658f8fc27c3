/* choose: which profile of a model serves a need, and how many slices serve a rate.
 *
 * A need is an amount of memory that every slice must have, and a rate that was measured for each
 * profile. The cost of a slice is its share of the GPU: the larger of its share of the compute
 * slices and its share of the memory units, compared as exact fractions. Then fewer compute slices
 * win, then the name that sorts first as bytes, so that a plain profile comes before its variants.
 * A profile whose memory is not known never serves a need for memory. Pure. */
#pragma once

#include "base/arena.h"
#include "core/model.h"

#define GS_RATE_MILLI_MAX 1000000000000000ull /* a trillion requests a second */

struct gs_choose_need {
    uint32_t profiles;   /* bit p: profile p may be chosen; GS_CHOOSE_ANY: all */
    uint32_t memory_mib; /* of each slice; 0: any */
    uint64_t rate_milli; /* thousandths of a request a second, in all; 0: no rate asked for */
    const uint64_t *rates_milli; /* a profile: what one slice was measured to serve; 0: not
                                    measured, never chosen for a rate. NULL: nothing measured */
};

#define GS_CHOOSE_ANY UINT32_MAX

/* How many of each profile. */
struct gs_choose_mix {
    uint64_t counts[GS_PROFILES_MAX];
    uint64_t compute_slices; /* of all together */
    uint64_t memory_units;
    uint64_t rate_milli; /* what they serve; at least the need's */
};

/* The cheapest single slice that serves the need.
 * GS_INFEASIBLE: none does; the text says what the most is. GS_UNKNOWN: none is known to, and the
 * memory of some is not known; or the model's placements are not. GS_INVALID: a number over its
 * bound. */
int gs_choose_profile(const struct gs_model *model, const struct gs_choose_need *need,
                      unsigned *ret_profile, struct gs_err *err);

/* The slices that serve the rate together, each with the memory asked for: the fewest compute
 * slices; of those the fewest memory units, of those the highest rate. Exact for every rate in
 * the compute slices; in the memory units up to 128 compute slices (or c(c+1), where the model's
 * largest profile has c, if more), beyond which a part is made of the profile with the most rate
 * a compute slice (docs/internals/choose.md). Uses the arena for its work (about 300 KB for A100
 * models) and leaves it as it was. A rate of 0 is served by no slices.
 * Codes as gs_choose_profile, and GS_NO_MEMORY. */
int gs_choose_slices(struct gs_arena *arena, const struct gs_model *model,
                     const struct gs_choose_need *need, struct gs_choose_mix *ret_mix,
                     struct gs_err *err);
