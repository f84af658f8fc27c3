#include "core/demand.h"

/* Rounding up to this many bits behind the leading one: 6.25 % at the most, 12.5 %, ... */
enum { FIRST_BITS = 4 };

/* The least number not below `value` that has its lowest ones cut off. */
static uint64_t round_up(uint64_t value, unsigned bits)
{
    if (value >> bits <= 1) {
        return value;
    }
    unsigned drop = 63u - (unsigned)__builtin_clzll(value) - bits;
    uint64_t unit = 1ull << drop;
    return (value + unit - 1) & ~(unit - 1);
}

static uint64_t within(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

static int add_rounded(struct gs_demand *coarse, const struct gs_item *items, size_t n,
                       unsigned bits, size_t max_kinds, struct gs_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct gs_item item = items[i];
        item.cpu_milli = within(round_up(item.cpu_milli, bits), GS_CPU_MILLI_MAX);
        item.memory_bytes = within(round_up(item.memory_bytes, bits), GS_MEMORY_BYTES_MAX);
        int r = gs_demand_add(coarse, &item, err);
        if (r < 0) {
            return r;
        }
        size_t kinds;
        gs_demand_items(coarse, &kinds);
        if (kinds > max_kinds) {
            return GS_LIMIT;
        }
    }
    return 0;
}

int gs_demand_coarsen(struct gs_arena *arena, const struct gs_demand *demand, size_t max_kinds,
                      const struct gs_demand **ret, unsigned *ret_percent, struct gs_err *err)
{
    size_t n;
    const struct gs_item *items = gs_demand_items(demand, &n);
    if (n <= max_kinds) {
        *ret = demand;
        *ret_percent = 0;
        return 0;
    }
    for (unsigned bits = FIRST_BITS + 1; bits-- > 0;) {
        struct gs_arena_mark mark = gs_arena_mark(arena);
        struct gs_demand *coarse = gs_demand_new(arena);
        if (coarse == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for a demand of %zu kinds", n);
        }
        int r = add_rounded(coarse, items, n, bits, max_kinds, err);
        if (r == 0) {
            *ret = coarse;
            *ret_percent = (100u + (1u << bits) - 1) >> bits;
        }
        if (r != GS_LIMIT) {
            return r;
        }
        gs_arena_rewind(arena, mark);
    }
    return gs_fail(err, GS_LIMIT,
                   "%zu different kinds of items, and more than %zu even with CPU and memory "
                   "rounded up to powers of two; plan for a part of them at a time",
                   n, max_kinds);
}
