/* bitset: a set of small numbers that knows its lowest member at once.
 *
 * A tree of 64-bit words: a bit of a higher level says that the word below it is not empty, so
 * that the lowest member of 262,144 is three find-first-sets away. Inline, since it is the inner
 * step of every online decision. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define GS_BITSET_NONE UINT32_MAX
enum { GS_BITSET_LEVELS = 5, GS_BITSET_MAX = 1 << 24 };

struct gs_bitset {
    uint64_t *level[GS_BITSET_LEVELS]; /* 0 holds the members; the last one is a single word */
    unsigned n_levels;
};

/* An empty set for the numbers below `size` (GS_BITSET_MAX at most). False: no memory. */
bool gs_bitset_init(struct gs_bitset *set, struct gs_arena *arena, uint32_t size);

/* The lowest member that is not below `from`, or GS_BITSET_NONE. `from` is the size at most. */
uint32_t gs_bitset_from(const struct gs_bitset *set, uint32_t from);

static inline void gs_bitset_add(struct gs_bitset *set, uint32_t member)
{
    for (unsigned l = 0; l < set->n_levels; l++, member >>= 6) {
        uint64_t before = set->level[l][member >> 6];
        set->level[l][member >> 6] = before | 1ull << (member & 63u);
        if (before != 0) {
            return;
        }
    }
}

static inline void gs_bitset_drop(struct gs_bitset *set, uint32_t member)
{
    for (unsigned l = 0; l < set->n_levels; l++, member >>= 6) {
        uint64_t after = set->level[l][member >> 6] & ~(1ull << (member & 63u));
        set->level[l][member >> 6] = after;
        if (after != 0) {
            return;
        }
    }
}

/* The lowest member, or GS_BITSET_NONE. */
static inline uint32_t gs_bitset_first(const struct gs_bitset *set)
{
    uint32_t at = 0;
    for (unsigned l = set->n_levels; l-- > 0;) {
        uint64_t word = set->level[l][at];
        if (word == 0) {
            return GS_BITSET_NONE;
        }
        at = at << 6 | (uint32_t)__builtin_ctzll(word);
    }
    return at;
}
