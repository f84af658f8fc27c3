/* recuts: where a slice is cut so that the fewest idle ones go, as the controller cuts.
 *
 * Where slices stay cut when their job has gone, a GPU is of a *class*: what is there (a state of
 * core/statetable) and which of it is in use. For each profile all classes are ranked once: by the
 * idle slices that have to go, then by what the policy says of the place, as in src/decide. Then a
 * decision is a find-first-set, as in core/online. Used by sim/fleet. docs/internals/simulate.md.
 */
#pragma once

#include "core/bitset.h"
#include "core/online.h"

/* Constant once made. */
struct gs_sim_recut_table {
    const struct gs_policy_table *decisions;
    uint32_t n_classes;
    const uint32_t *first;    /* [what is there, a state]: its class with nothing in use */
    const uint32_t *rank;     /* [class * n_profiles + profile]: in the profile's order, or none */
    const uint32_t *by_rank;  /* [profile * n_classes + rank]: a class */
    const uint8_t *placement; /* [class * n_profiles + profile]: where it is cut */
};

/* A GPU in the list of its class. */
struct gs_sim_recut_link {
    uint32_t next, before, class;
};

/* One replay's GPUs. Their memory is the arena's. */
struct gs_sim_recuts {
    const struct gs_sim_recut_table *table; /* NULL: not used */
    struct gs_bitset has[GS_PROFILES_MAX];  /* ranks of which there is a GPU */
    uint32_t *head, *tail;                  /* a class; the GPU longest in it first */
    struct gs_sim_recut_link *links;        /* a GPU */
    uint32_t cap;
};

/* 4,377 classes and 0.2 MB for the five plain profiles of an A100. `decisions` must outlive it.
 * GS_NO_MEMORY. */
int gs_sim_recut_table_new(struct gs_arena *arena, const struct gs_policy_table *decisions,
                           const struct gs_sim_recut_table **ret_table, struct gs_err *err);

/* Without a GPU, for GPUs below `cap`. False: no memory. */
bool gs_sim_recuts_init(struct gs_sim_recuts *recuts, struct gs_arena *arena,
                        const struct gs_sim_recut_table *table, uint32_t cap);

/* `there`: the state of its slices, `used` of those in use. A GPU may be filed anew. */
void gs_sim_recuts_file(struct gs_sim_recuts *recuts, uint32_t gpu, uint16_t there, uint16_t used);

/* It is not to be cut. */
void gs_sim_recuts_drop(struct gs_sim_recuts *recuts, uint32_t gpu);

/* The place where the fewest idle slices go. False: no GPU has room. */
bool gs_sim_recuts_find(const struct gs_sim_recuts *recuts, unsigned profile,
                        struct gs_slot *ret_slot);

/* GPUs have new numbers, `cap` of them: those that are filed stay so, in the same order. `scratch`:
 * room for two numbers a GPU. False: no memory. */
bool gs_sim_recuts_renumber(struct gs_sim_recuts *recuts, struct gs_arena *arena,
                            const uint32_t *new_gpu, uint32_t cap, uint32_t *scratch);
