/* fill: the least excess of any choice of columns that keeps within a few capacities, exactly.
 *
 * What a leaf's multipliers prove is reached where each column is at the cheaper end of its range
 * and each row that has a multiplier is met without anything left over. A choice costs more by its
 * excess:
 *     sum over columns of (d >= 0 ? d (x - lo) : -d (hi - x)) + sum over capacities of (price left)
 * For some rows, *capacities*, of which no column gives any, the least excess of all whole x can be
 * found by going through them, column by column, and keeping of those that leave as much of each
 * capacity only one with the least excess. */
#pragma once

#include "base/arena.h"
#include "verify/bound.h"

/* What is larger than this need not fit a sum of 128 bits. */
#define GS_FILL_ROOM_MAX ((__int128)1 << 120)

struct gs_fill_col {
    __int128 d;
    int64_t lo;
    int64_t hi;
    int64_t takes[GS_BOUND_CAPACITIES]; /* of one, 0 or more */
};

struct gs_fill {
    const struct gs_fill_col *cols;
    size_t n_cols;
    int64_t capacity[GS_BOUND_CAPACITIES];
    int64_t price[GS_BOUND_CAPACITIES]; /* 0 or more */
};

/* What choices of an excess up to `room` (0 to GS_FILL_ROOM_MAX) there are: *ret_any and the least
 * of them. Looks at no more than *looks partial choices and takes them off it. GS_LIMIT: that was
 * not enough. GS_NO_MEMORY. `scratch` is rewound. */
int gs_fill_least(struct gs_arena *scratch, const struct gs_fill *fill, __int128 room,
                  uint64_t *looks, bool *ret_any, __int128 *ret_least, struct gs_err *err);
