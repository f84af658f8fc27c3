/* order: asks that came nearly in order of arrival, handed out in order.
 *
 * Of bounded size: an ask leaves when there is no room for more or no more will come, the earliest
 * first and of equally early ones the one that came first. What comes in order waits in a ring,
 * where it costs nothing; the rest in a heap. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "trace/ask.h"

struct gs_order_slot;
struct gs_order_key {
    int64_t arrive_us;
    uint64_t came;
    uint32_t slot;
};

struct gs_order {
    struct gs_order_key *ring;
    struct gs_order_key *heap;
    struct gs_order_slot *slots;
    uint32_t *free; /* slots that were used and hold nothing */
    uint32_t n_free;
    uint32_t ring_at; /* its first */
    uint32_t n_ring;
    uint32_t n_heap;
    uint32_t cap; /* of ring and heap together */
    uint64_t came;
    int64_t last_us; /* handed out last; GS_TRACE_NO_TIME: none yet */
};

/* False: no memory. `cap` is a power of two. */
bool gs_order_init(struct gs_order *order, struct gs_arena *arena, uint32_t cap);

/* One more, `count` times; there must be room. False: it is earlier than one that has left. */
bool gs_order_put(struct gs_order *order, const struct gs_trace_ask *ask, uint32_t count);

static inline bool gs_order_is_full(const struct gs_order *order)
{
    return order->n_ring + order->n_heap == order->cap;
}

/* The earliest; false: empty. */
bool gs_order_take(struct gs_order *order, struct gs_trace_ask *ret);
