/* program: GPUs, slices and items as rows and columns of an integer program.
 *
 * The same rows serve two questions. *Packing* asks for the fewest GPUs that hold a demand: new
 * GPUs have a cost, needs are met. A *node* asks what the most valuable load of one node is: items
 * have a value, GPUs and other amounts a limit. Variables:
 *     A[u]     items served by use u
 *     X[p,c]   GPUs of pool p that are cut as column c
 *     W[p]     GPUs of pool p that are used whole
 * Rows, all of the form >= :
 *     slices   a (target, profile): sum(counts X) + free  >= sum(slices A)
 *     whole    a target:            sum(W) + free         >= sum(gpus A)
 *     pool     a limited pool:      count >= sum(X) + W
 *     amount   a resource:          capacity >= sum(amount A)
 *     need     a kind:              sum(yield A) >= need, or most >= sum(A)
 *     room     of a node's GPUs:    memory units of all >= sum(units A), and so compute slices.
 *                                   It follows from slices, whole and pool, and says in one row
 *                                   most of what those say together. Of each GPU as many count as
 *                                   some column of its pool takes, or all if it may be used whole
 *     rounded  a kind and a part p: sum(ceil(yield / p) A) >= ceil(need / p) (core/solve/rounding)
 * Pure; memory from an arena. */
#pragma once

#include "core/pool.h"
#include "core/solve/ip.h"
#include "core/use.h"

struct gs_program_target {
    const struct gs_pool *pools;
    unsigned n_pools;
    const int64_t *pool_costs;             /* a pool: of one GPU; NULL: nothing */
    uint32_t free_slices[GS_PROFILES_MAX]; /* slices there for the taking */
    uint32_t free_gpus;
};

/* An amount that items take and a node has: CPU, memory, pods. */
struct gs_program_resource {
    const int64_t *amounts; /* a kind: of one item */
    int64_t capacity;
};

/* A need once more, counted in parts of which those begun count whole. */
struct gs_program_rounding {
    uint32_t kind;
    int64_t per; /* of one part */
};

struct gs_program_spec {
    const struct gs_program_target *targets;
    unsigned n_targets;
    const struct gs_use *uses; /* use.target is an index into targets */
    unsigned n_uses;
    const int64_t *yields; /* a use: how much of the need one item serves; NULL: 1 each */
    const int64_t *values; /* a use: what one item is worth; NULL: nothing */
    unsigned n_kinds;
    const int64_t *needs; /* a kind: at least so much; NULL: no such rows */
    const int64_t *most;  /* a kind: at most so many, INT64_MAX: no such row; NULL: no such rows */
    bool rooms;           /* rows for the room of all GPUs; of a single target */
    const struct gs_program_rounding *roundings; /* with needs and yields */
    unsigned n_roundings;
    const struct gs_program_resource *resources;
    unsigned n_resources;
};

enum gs_program_what { GS_PROGRAM_USE, GS_PROGRAM_CUT, GS_PROGRAM_WHOLE };

struct gs_program_col {
    enum gs_program_what what;
    uint32_t use;    /* USE */
    uint32_t target; /* CUT, WHOLE */
    uint32_t pool;
    uint32_t column; /* CUT */
};

enum gs_program_row_what {
    GS_PROGRAM_SLICES,
    GS_PROGRAM_GPUS,
    GS_PROGRAM_POOL,
    GS_PROGRAM_AMOUNT,
    GS_PROGRAM_NEED,
    GS_PROGRAM_MOST,
    GS_PROGRAM_ROOM,
    GS_PROGRAM_ROUNDED
};

enum gs_program_room { GS_PROGRAM_UNITS, GS_PROGRAM_COMPUTE, GS_PROGRAM_ROOMS };

struct gs_program_row {
    enum gs_program_row_what what;
    uint32_t index;   /* target, resource, kind, room or rounding */
    uint32_t profile; /* SLICES: profile; POOL: pool */
};

struct gs_program {
    struct gs_ip ip;
    const struct gs_program_col *cols; /* a column of ip; uses come first, in their order */
    const struct gs_program_row *rows; /* a row of ip */
};

/* Builds the program. Variables get upper bounds from the needs, counts and capacities; a use
 * that nothing bounds is bounded by `items_max`. GS_NO_MEMORY. */
int gs_program_new(struct gs_arena *arena, const struct gs_program_spec *spec, int64_t items_max,
                   struct gs_program *ret, struct gs_err *err);
