/* pack: the fewest GPUs for a demand, with proof.
 *
 * Which use serves how many items, and how many GPUs of each pool are cut how: an exact integer
 * program over the pools' columns (a few dozen for any model), however many slices are asked for.
 * Nodes are not its business: see core/fleet. Pure; memory from an arena. */
#pragma once

#include "core/solve/program.h"

/* GPUs of one pool that are cut alike. */
struct gs_pack_layout {
    uint32_t target;
    uint32_t pool;
    bool whole;                      /* used uncut */
    uint8_t counts[GS_PROFILES_MAX]; /* slices to add; all are asked for by some item */
    int64_t count;                   /* GPUs */
};

struct gs_pack {
    bool found;            /* false: the pools cannot hold the demand */
    int64_t value;         /* sum of the pools' costs: GPUs, when each new one costs 1 */
    int64_t bound;         /* no plan costs less; equal to value: proven */
    const int64_t *served; /* a use: items */
    const struct gs_pack_layout *layouts; /* ordered by target, pool, whole, counts descending */
    size_t n_layouts;
    struct gs_program program; /* what was solved ... */
    struct gs_ip_tree tree;    /* ... and the proof of the bound */
};

/* `spec` with needs and pool costs (see core/solve/program.h); values, most and resources unused.
 * `step`: every cost is a multiple of it. GS_NO_MEMORY. */
int gs_pack_solve(struct gs_arena *arena, const struct gs_program_spec *spec, int64_t step,
                  struct gs_pack *ret, struct gs_err *err);

/* The same within so much work (as gs_ip_options.max_work). */
int gs_pack_solve_within(struct gs_arena *arena, const struct gs_program_spec *spec, int64_t step,
                         uint64_t max_work, struct gs_pack *ret, struct gs_err *err);

/* Work of about half a second, for a plan that need not be proven, and for one of some seconds. */
#define GS_PACK_WORK_QUICK 1000000000ull
#define GS_PACK_WORK_MAX 8000000000ull

/* Turns a solution x of a program into what is cut: whole GPUs and columns, cut back to the slices
 * that `served` items use. GS_NO_MEMORY. */
int gs_pack_layouts(struct gs_arena *arena, const struct gs_program_spec *spec,
                    const struct gs_program *program, const int64_t *x,
                    const struct gs_pack_layout **ret_layouts, size_t *ret_n, struct gs_err *err);

/* The fewest GPUs for counts of the five plain profiles (1g, 2g, 3g, 4g, 7g) of an A100-class
 * GPU, in constant time (dynamic-slicing.md 3.2). */
struct gs_pack_plain {
    uint64_t n1, n2, n3, n4, n7; /* up to 2^60 each */
};
uint64_t gs_pack_closed_form(const struct gs_pack_plain *counts);

/* Whether the model's plain profiles are placed as on an A100, so that the closed form holds;
 * ret_profiles gets the indices of 1g, 2g, 3g, 4g and 7g. */
bool gs_pack_has_closed_form(const struct gs_model *model, unsigned ret_profiles[5]);
