/* fit_work: parts of the search that fit.c and blockers.c share. Private to both. */
#pragma once

#include <limits.h>

#include "partition/fit.h"

enum { GS_FIT_NEVER = INT_MIN }; /* a value: something busy would have to go */

/* The memory units that an instance covers. */
uint16_t gs_fit_units(const struct gs_gpu_instance *gi);

/* The instances of a profile that a state keeps. */
unsigned gs_fit_kept(const struct gs_fit *fit, uint16_t state, unsigned profile,
                     uint8_t list[GS_GPU_INSTANCES_MAX]);

/* Which of them becomes which wanted one; the value of that, or GS_FIT_NEVER. */
int gs_fit_assign(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t state,
                  unsigned profile, int8_t *becomes);

/* The states that have what is wanted, in the order in which they are liked: *ret_states up to
 * *ret_n of them. `one`: memory for one that is made up. */
void gs_fit_candidates(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t *one,
                       const uint16_t **ret_states, unsigned *ret_n);
