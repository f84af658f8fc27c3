/* settle_state: a slice on its way from one state to another, as it is now, and how far the work on
 * it had come. Private to settle.h. Pure. */
#pragma once

#include "partition/settle.h"

/* A compute instance of the lists. */
struct gs_settle_part {
    uint8_t profile;
    uint8_t start;
    bool there;
    uint32_t id;
    bool busy;
};

struct gs_settle_parts {
    unsigned n;
    struct gs_settle_part at[GS_COMPUTE_INSTANCES_MAX];
};

/* A slice as it is, by what its change says of each compute instance. */
struct gs_settle_state {
    bool there;
    uint32_t gi;
    struct gs_settle_parts kept; /* in both lists */
    struct gs_settle_parts gone; /* in `was` alone, in the order in which they go */
    struct gs_settle_parts come; /* in `shall` alone, in the order in which they come */
    unsigned others;             /* in neither */
    unsigned done_gone; /* so many of `gone`, and of `come`, had been dealt with for sure */
    unsigned done_come;
    unsigned may_gone; /* and so many at most */
    unsigned may_come;
    bool sure; /* false: it is not known how far the steps had come */
};

void gs_settle_read(const struct gs_inventory_gpu *gpu, const struct gs_settle_slice *slice,
                    struct gs_settle_state *ret);

/* How many of these, from the `from`-th up to before the `to`-th, are there. */
unsigned gs_settle_count(const struct gs_settle_parts *parts, unsigned from, unsigned to);

bool gs_settle_is_as_it_was(const struct gs_settle_state *state,
                            const struct gs_settle_slice *slice);
bool gs_settle_is_as_it_shall_be(const struct gs_settle_state *state,
                                 const struct gs_settle_slice *slice);

/* What the steps before the last one did is undone in part, as when a kill ends an undoing: that
 * goes in reverse order. It is to be undone wholly then. */
bool gs_settle_is_on_its_way_back(const struct gs_settle_state *state);
