/* gone: devices that are not there any more and that are held, or may be. Each is kept once, in the
 * order in which they came; to add one costs the same however many there are. */
#pragma once

#include "node/offer.h"

struct gs_gone {
    struct gs_arena *arena;
    bool copies; /* texts are copied into the arena; else they are borrowed */
    struct gs_offer_gone *at;
    size_t n;
    size_t cap;
    unsigned *slots; /* 1 + index into `at`, by hash; 0: free */
    size_t n_slots;  /* a power of two, or 0 */
};

/* GS_LIMIT: GS_OFFER_GONE_MAX are there. GS_NO_MEMORY. The list is as it was then. */
int gs_gone_add(struct gs_gone *gone, const struct gs_offer_gone *device, struct gs_err *err);
