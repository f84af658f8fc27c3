/* lasted: how long nodes took from their NodeClaim until Karpenter called them initialized, by
 * instance type: what who waits for one may expect. Of starts that were seen from before their end.
 * Lives in memory; bounded: the last starts of the types that came last. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { GS_POOLS_LASTED_TYPES = 32, GS_POOLS_LASTED_STARTS = 15 };

struct gs_pools_lasted_type {
    char name[64]; /* "p4d.24xlarge" */
    uint32_t seconds[GS_POOLS_LASTED_STARTS];
    unsigned n;
    unsigned next;
};

/* All zero: empty. */
struct gs_pools_lasted {
    struct gs_pools_lasted_type types[GS_POOLS_LASTED_TYPES];
    unsigned n;
    unsigned next;
};

void gs_pools_lasted_add(struct gs_pools_lasted *lasted, const char *type, uint64_t took_us);

/* The median of them, the lower of two. False: none was seen. */
bool gs_pools_lasted_median(const struct gs_pools_lasted *lasted, const char *type,
                            uint32_t *ret_s);
