/* knapsack: the least costly choice of items within a few capacities, exactly.
 *
 * A choice takes each item lo to hi times and no more of any amount than there is. What it costs
 * is counted from below: an item has a cost d for each time that it is taken, an amount has a price
 * for each unit that is left over, and the *excess* of a choice is what it costs beyond the choice
 * in which each item is at the cheaper end of its range and nothing is left over:
 *     sum over items of (d >= 0 ? d (x - lo) : -d (hi - x)) + sum(price (capacity - taken))
 * With prices from a relaxation all but few choices have a large excess, so that those within a
 * small room can be gone through: item by item, the dear ones first, keeping of those that leave
 * the same of all amounts the one with the least excess. Pure; memory from an arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum { GS_KNAPSACK_AMOUNTS = 4, GS_KNAPSACK_LOOKS_MAX = 4000000 };

/* Costs, prices and room are at most so large. */
#define GS_KNAPSACK_COST_MAX ((int64_t)1 << 61)

struct gs_knapsack_item {
    int64_t amounts[GS_KNAPSACK_AMOUNTS]; /* of one, 0 or more */
    int64_t cost;                         /* d */
    int64_t lo;                           /* 0 or more */
    int64_t hi;                           /* finite; below lo: there is no choice */
};

struct gs_knapsack {
    const struct gs_knapsack_item *items;
    unsigned n_items;
    int64_t capacities[GS_KNAPSACK_AMOUNTS];
    int64_t prices[GS_KNAPSACK_AMOUNTS]; /* 0 or more */
};

struct gs_knapsack_result {
    bool found;     /* a choice */
    int64_t excess; /* of it */
    int64_t shown; /* no choice has less: equal to excess or above the room, when the search was not
                      cut short */
    size_t looks;  /* partial choices that were looked at */
};

/* Looks for the choice of least excess, of which only one of `room` (0 or more) or less is wanted,
 * at `looks` partial choices at most (1 to GS_KNAPSACK_LOOKS_MAX). x (an item) gets it. False: no
 * memory. */
bool gs_knapsack_solve(const struct gs_knapsack *knapsack, int64_t room, size_t looks,
                       struct gs_arena *scratch, int64_t *x, struct gs_knapsack_result *ret);
