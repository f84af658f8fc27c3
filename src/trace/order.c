#include "trace/order.h"

struct gs_order_slot {
    struct gs_trace_ask ask;
    uint32_t count; /* times that it is still to be handed out */
};

bool gs_order_init(struct gs_order *order, struct gs_arena *arena, uint32_t cap)
{
    *order = (struct gs_order){.cap = cap, .last_us = GS_TRACE_NO_TIME};
    order->ring = gs_arena_get_raw(arena, cap, sizeof(*order->ring));
    order->heap = gs_arena_get_raw(arena, cap, sizeof(*order->heap));
    order->slots = gs_arena_get_raw(arena, cap, sizeof(*order->slots));
    order->free = gs_arena_get_raw(arena, cap, sizeof(*order->free));
    return order->ring != NULL && order->heap != NULL && order->slots != NULL &&
           order->free != NULL;
}

static bool is_before(const struct gs_order_key *a, const struct gs_order_key *b)
{
    return a->arrive_us != b->arrive_us ? a->arrive_us < b->arrive_us : a->came < b->came;
}

static struct gs_order_key *ring_key(const struct gs_order *order, uint32_t i)
{
    return &order->ring[(order->ring_at + i) & (order->cap - 1)];
}

static void push_heap(struct gs_order *order, struct gs_order_key key)
{
    uint32_t at = order->n_heap++;
    while (at > 0 && is_before(&key, &order->heap[(at - 1) / 2])) {
        order->heap[at] = order->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    order->heap[at] = key;
}

static void pop_heap(struct gs_order *order)
{
    struct gs_order_key key = order->heap[--order->n_heap];
    uint32_t at = 0;
    for (uint32_t child = 1; child < order->n_heap; child = at * 2 + 1) {
        if (child + 1 < order->n_heap && is_before(&order->heap[child + 1], &order->heap[child])) {
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

bool gs_order_put(struct gs_order *order, const struct gs_trace_ask *ask, uint32_t count)
{
    if (order->last_us != GS_TRACE_NO_TIME && ask->arrive_us < order->last_us) {
        return false;
    }
    /* Slots are taken in order at first, so that no more of them is touched than was needed. */
    uint32_t slot =
        order->n_free > 0 ? order->free[--order->n_free] : order->n_ring + order->n_heap;
    order->slots[slot] = (struct gs_order_slot){.ask = *ask, .count = count};
    struct gs_order_key key = {.arrive_us = ask->arrive_us, .came = order->came++, .slot = slot};
    if (order->n_ring == 0 || !is_before(&key, ring_key(order, order->n_ring - 1))) {
        *ring_key(order, order->n_ring) = key;
        order->n_ring++;
    } else {
        push_heap(order, key);
    }
    return true;
}

bool gs_order_take(struct gs_order *order, struct gs_trace_ask *ret)
{
    if (order->n_ring + order->n_heap == 0) {
        return false;
    }
    bool from_ring =
        order->n_heap == 0 || (order->n_ring > 0 && is_before(ring_key(order, 0), &order->heap[0]));
    uint32_t slot = from_ring ? ring_key(order, 0)->slot : order->heap[0].slot;
    *ret = order->slots[slot].ask;
    order->last_us = ret->arrive_us;
    if (--order->slots[slot].count > 0) {
        order->slots[slot].ask.rows = 0; /* the first has stood for them */
        return true;
    }
    order->free[order->n_free++] = slot;
    if (from_ring) {
        order->ring_at = (order->ring_at + 1) & (order->cap - 1);
        order->n_ring--;
    } else {
        pop_heap(order);
    }
    return true;
}
