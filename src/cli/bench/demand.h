/* demand: seeded demands for the benchmarks. The same seed makes the same demand. All of
 * it lives in the arena. */
#pragma once

#include "cloud/offers.h"
#include "core/plan/plan.h"
#include "sim/random.h"

/* Fills items and n_items of the input: `total` slices of some profiles, one slice an item. */
int gs_cmd_bench_demand_slices(struct gs_arena *arena, const struct gs_model *model,
                               const unsigned *profiles, unsigned n_profiles,
                               const uint32_t *weights, uint64_t total, struct gs_plan_input *ret,
                               struct gs_err *err);

/* `kinds` different items of 1 to 3 profiles of the model, 1 to 4 slices of each, `total` items in
 * all (at least one of each kind). */
int gs_cmd_bench_demand_bundles(struct gs_arena *arena, const struct gs_model *model,
                                unsigned kinds, uint64_t total, uint64_t seed,
                                struct gs_plan_input *ret, struct gs_err *err);

/* Items with CPU and memory for a fleet (300 kinds at most); every fifth kind may run as something
 * else too. Each asks for a quarter to twice the CPU, and likewise the memory, that go with its
 * slices on a node, so that about half of the nodes that are bought are full of those before their
 * GPUs are. */
int gs_cmd_bench_demand_fleet(struct gs_arena *arena, unsigned kinds, uint64_t total, uint64_t seed,
                              struct gs_plan_input *ret, struct gs_err *err);
