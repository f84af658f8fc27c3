#include "trace/order.h"

struct gs_order_slot {
    struct gs_trace_ask ask;
    uint32_t count; /* times that it is still to be handed out */
};

bool gs_order_init(struct gs_order *order, struct gs_arena *arena, uint32_t cap)
{
    *order = (struct gs_order){.cap = cap, .last_us = GS_TRACE_NO_TIME};
    order->heap = gs_arena_get_raw(arena, cap, sizeof(*order->heap));
    order->slots = gs_arena_get_raw(arena, cap, sizeof(*order->slots));
    order->free = gs_arena_get_raw(arena, cap, sizeof(*order->free));
    if (order->heap == NULL || order->slots == NULL || order->free == NULL) {
        return false;
    }
    return true;
}

static bool is_before(const struct gs_order_key *a, const struct gs_order_key *b)
{
    return a->arrive_us != b->arrive_us ? a->arrive_us < b->arrive_us : a->came < b->came;
}

bool gs_order_put(struct gs_order *order, const struct gs_trace_ask *ask, uint32_t count)
{
    if (order->last_us != GS_TRACE_NO_TIME && ask->arrive_us < order->last_us) {
        return false;
    }
    /* Slots are taken in order at first, so that no more of them is touched than was needed. */
    uint32_t slot = order->n_free > 0 ? order->free[--order->n_free] : order->n;
    order->slots[slot] = (struct gs_order_slot){.ask = *ask, .count = count};
    struct gs_order_key key = {.arrive_us = ask->arrive_us, .came = order->came++, .slot = slot};
    uint32_t at = order->n++;
    while (at > 0 && is_before(&key, &order->heap[(at - 1) / 2])) {
        order->heap[at] = order->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    order->heap[at] = key;
    return true;
}

/* Takes the first key out of the heap. */
static void drop_first(struct gs_order *order)
{
    struct gs_order_key key = order->heap[--order->n];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= order->n) {
            break;
        }
        if (child + 1 < order->n && is_before(&order->heap[child + 1], &order->heap[child])) {
            child++;
        }
        if (!is_before(&order->heap[child], &key)) {
            break;
        }
        order->heap[at] = order->heap[child];
        at = child;
    }
    order->heap[at] = key;
}

bool gs_order_take(struct gs_order *order, struct gs_trace_ask *ret)
{
    if (order->n == 0) {
        return false;
    }
    uint32_t slot = order->heap[0].slot;
    *ret = order->slots[slot].ask;
    order->last_us = ret->arrive_us;
    if (--order->slots[slot].count == 0) {
        drop_first(order);
        order->free[order->n_free++] = slot;
    }
    return true;
}
