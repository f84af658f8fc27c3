/* pool: GPUs that are alike, and what may be cut into each of them.
 *
 * A pool is a number of GPUs of one model in one state: new and empty ones, or GPUs of a node that
 * is there, with slices in use that must stay. What one of them can take on top is a short list of
 * *columns*: counts of each profile, only those that no other column contains. Packing and fleet
 * planning choose how many GPUs get which column. Pure; memory from an arena. */
#pragma once

#include "core/statetable.h"

#define GS_POOL_NO_LIMIT UINT32_MAX

struct gs_pool_column {
    uint8_t counts[GS_PROFILES_MAX]; /* slices that can be added to one GPU */
};

struct gs_pool {
    const struct gs_statetable *table; /* NULL: GPUs that cannot be cut */
    uint16_t busy;                     /* the state of the slices in use; 0: none */
    bool whole;                        /* a GPU of it may also be used uncut */
    bool cut;                          /* it may be cut; false: only used uncut */
    uint32_t count;                    /* GPUs of it, or GS_POOL_NO_LIMIT */
    const struct gs_pool_column *columns;
    unsigned n_columns; /* 0 when nothing can be added */
};

/* Fills columns and n_columns from table, busy and cut: the maximal ones among those that use only
 * profiles of `wanted` (bit p: profile p), in a fixed order. GS_NO_MEMORY. */
int gs_pool_list_columns(struct gs_pool *pool, struct gs_arena *arena, uint32_t wanted,
                         struct gs_err *err);
