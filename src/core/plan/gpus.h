/* gpus: the fewest GPUs; used by plan/gpus.c and plan/gpus_answer.c alone. */
#pragma once

#include "core/plan/work.h"

/* The fewest GPUs: every model is a target, every kind of item or service a need. */
struct gs_gpus_work {
    struct gs_planner *planner;
    const struct gs_plan_input *input;

    /* a target: a model, or a GPU that cannot be cut; the last one is "left out" */
    struct gs_target *targets;
    struct gs_program_target *pools;
    struct gs_pool **own_pools; /* a target: its pools, writable */
    bool *unlimited;            /* a target: new GPUs may be had */
    unsigned n_targets;
    unsigned cap_pools; /* of each target */

    /* a kind of the program */
    uint32_t *item_of; /* its first item; services behind items */
    int64_t *needs;
    unsigned n_kinds;
    uint32_t *kind_of; /* an item: its kind, or UINT32_MAX when it has no place */
    bool decided;      /* gs_gpus_leave_out: what comes after is by searches that were cut short */

    struct gs_use *uses;
    int64_t *yields;
    size_t n_uses;
    size_t cap_uses;
    size_t cap_yields;

    struct gs_program_rounding *roundings; /* of services */
    unsigned n_roundings;
};

/* The target of GPUs of this name, made when it is new. */
unsigned gs_gpus_target(struct gs_gpus_work *w, const struct gs_model *model, const char *gpu_name,
                        uint32_t gpu_memory_mib);

/* Packs within the work that the question allows. */
int gs_gpus_pack(const struct gs_gpus_work *w, const struct gs_program_spec *spec,
                 struct gs_pack *ret);

/* plan/gpus_left_out.c */

/* Needs less of what `pack` leaves out, or of what has to give way to it. *ret_any: it leaves out
 * something, and the rest is to be planned anew. */
int gs_gpus_leave_out(struct gs_gpus_work *w, const struct gs_program_spec *spec,
                      const struct gs_pack *pack, bool *ret_any);

/* Names the items that are needed no more; spare ones first. */
int gs_gpus_note_left_out(struct gs_gpus_work *w, const int64_t *asked);

/* plan/gpus_prefer.c: the same new GPUs with less on them and more on those that are there.
 * *ret_found: there is such a packing; *ret_pack has then what is served and cut, in the terms of
 * *ret_two. */
int gs_gpus_prefer_existing(const struct gs_gpus_work *w, const struct gs_pack *pack,
                            struct gs_gpus_work *ret_two, struct gs_pack *ret_pack,
                            bool *ret_found);

/* Fills the plan from the packing of `spec`. */
int gs_gpus_answer(struct gs_gpus_work *w, const struct gs_program_spec *spec,
                   const struct gs_pack *pack);
