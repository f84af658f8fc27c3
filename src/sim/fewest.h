/* fewest: the exact fewest GPUs for what runs now, with free repacking.
 *
 * Where the five plain profiles of an A100-class GPU are all that runs, the closed form, in
 * constant time; else the integer program of core/pack, whose answers are remembered. */
#pragma once

#include "core/pack.h"

struct gs_sim_fewest;

/* `profiles`: bit p: profile p may occur. Memory for one run, which the arena keeps: some KB, or
 * 1 MB from the first time that the program is needed on. `work` is for solving; it is rewound each
 * time.
 * GS_NO_MEMORY. */
int gs_sim_fewest_new(struct gs_arena *arena, struct gs_arena *work, const struct gs_model *model,
                      uint32_t profiles, struct gs_sim_fewest **ret, struct gs_err *err);

/* One slice of a profile more (by = 1) or less (-1). */
void gs_sim_fewest_slice(struct gs_sim_fewest *fewest, unsigned profile, int by);

/* So many whole GPUs more or, below 0, less. */
void gs_sim_fewest_whole(struct gs_sim_fewest *fewest, int by);

/* The fewest GPUs for what there is now. GS_NO_MEMORY; GS_UNKNOWN: the model has no placements;
 * GS_LIMIT: too many layouts, or the program was not solved to its
 * end, so that nothing is proven. */
int gs_sim_fewest_gpus(struct gs_sim_fewest *fewest, uint64_t *ret_gpus, struct gs_err *err);
