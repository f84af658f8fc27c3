#include "core/bitset.h"

#include <assert.h>

bool gs_bitset_init(struct gs_bitset *set, struct gs_arena *arena, uint32_t size)
{
    assert(size <= GS_BITSET_MAX);
    *set = (struct gs_bitset){.n_levels = 0};
    /* One bit more than there are numbers on each level, so that gs_bitset_from can step behind
     * the last one without looking where the level ends. */
    size_t words = size;
    do {
        words = words / 64 + 1;
        uint64_t *level = GS_ARENA_NEW(arena, uint64_t, words);
        if (level == NULL) {
            return false;
        }
        set->level[set->n_levels++] = level;
    } while (words > 1);
    return true;
}

/* Up, to the first word with a member at or behind `from`; then down along the lowest bits. */
uint32_t gs_bitset_from(const struct gs_bitset *set, uint32_t from)
{
    uint32_t at = from;
    for (unsigned l = 0; l < set->n_levels; l++) {
        uint64_t word = set->level[l][at >> 6] >> (at & 63u);
        if (word != 0) {
            at += (uint32_t)__builtin_ctzll(word);
            while (l-- > 0) {
                at = at << 6 | (uint32_t)__builtin_ctzll(set->level[l][at]);
            }
            return at;
        }
        at = (at >> 6) + 1;
    }
    return GS_BITSET_NONE;
}
