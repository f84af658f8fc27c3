/* online_load: a full fleet under steady work, to measure how fast online placement is.
 *
 * Slices are released at random and others placed, so that the fleet stays at a given occupancy.
 * The same seed gives the same work. The clock is the caller's: time gs_online_load_run. */
#pragma once

#include "core/online.h"

enum { GS_ONLINE_LOAD_GPUS_MAX = 1 << 20, GS_ONLINE_LOAD_WEIGHT_MAX = 1 << 20 };

struct gs_online_load_options {
    const struct gs_policy_table *decisions;
    uint32_t weights[GS_PROFILES_MAX]; /* a profile's share of the requests, relative */
    uint32_t gpus;                     /* 1 to GS_ONLINE_LOAD_GPUS_MAX */
    unsigned occupancy_permille;       /* of all compute slices; 1 to 1000 */
    uint64_t seed;
};

struct gs_online_load_count {
    uint64_t placements;
    uint64_t releases;
    uint64_t blocked; /* requests without a place; another is drawn then */
};

struct gs_online_load;

/* Fills a fleet and turns its slices over three times, so that it is as worn as it will stay.
 * GS_INVALID: an option out of its range. GS_INFEASIBLE: the occupancy cannot be reached with
 * these profiles. GS_NO_MEMORY. */
int gs_online_load_new(struct gs_arena *arena, const struct gs_online_load_options *options,
                       struct gs_online_load **ret_load, struct gs_err *err);

/* Goes on until so many placements and releases together are done; adds to *count. */
void gs_online_load_run(struct gs_online_load *load, uint64_t operations,
                        struct gs_online_load_count *count);

/* Compute slices in use now, of all. Stays within one GPU of what was asked for, unless requests
 * are blocked many times in a row: look at it before and after. */
unsigned gs_online_load_permille(const struct gs_online_load *load);
