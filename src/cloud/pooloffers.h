/* pooloffers: what a SlicePool may buy, as the planner's offers. Pure. */
#pragma once

#include "cloud/offers.h"
#include "wire/slicepool.h"

enum { GS_POOLOFFERS_TEXT_MAX = 900 };

struct gs_pooloffers {
    struct gs_offer at[GS_SLICEPOOL_TYPES_MAX]; /* max_nodes: no limit was looked at */
    unsigned n;
    char left_out[GS_POOLOFFERS_TEXT_MAX]; /* instance types without an offer, and why; "": none */
    char unmade[GS_POOLOFFERS_TEXT_MAX];   /* profiles that none of them makes, and what they make;
                                              "":   none */
};

/* Offers of the pool's instance types in the region ("": not known, then there are none), with what
 * they may be cut into and the labels and taints of the pool's nodes. Borrows from the pool; the
 * rest lives in the arena. GS_NO_MEMORY. */
int gs_pooloffers_make(struct gs_arena *arena, const struct gs_slicepool *pool,
                       struct gs_view region, struct gs_pooloffers *ret, struct gs_err *err);
