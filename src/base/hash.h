/* hash: FNV-1a of texts, 32 bits. For short keys and for "is it the same as before", where two
 * texts with one hash do no harm; not against who chooses the texts. Stable: names of objects end
 * in it. Source: Fowler, Noll, Vo; draft-eastlake-fnv. */
#pragma once

#include <stdint.h>

#define GS_HASH_EMPTY 2166136261u
#define GS_HASH_PRIME 16777619u

/* The hash of what `hash` is of, and then `text`. */
static inline uint32_t gs_hash_on(uint32_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * GS_HASH_PRIME;
    }
    return hash;
}
