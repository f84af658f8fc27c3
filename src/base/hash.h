/* hash: FNV-1a, of 32 and of 64 bits. For short keys and for "is it the same as before", where two
 * texts with one hash do no harm; not against who chooses the texts. Stable: names of objects end
 * in it. Source: Fowler, Noll, Vo; draft-eastlake-fnv. */
#pragma once

#include <stddef.h>
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

#define GS_HASH64_EMPTY 14695981039346656037u
#define GS_HASH64_PRIME 1099511628211u

/* The same of 64 bits. */
static inline uint64_t gs_hash64_on(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * GS_HASH64_PRIME;
    }
    return hash;
}

static inline uint64_t gs_hash64_bytes_on(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ at[i]) * GS_HASH64_PRIME;
    }
    return hash;
}

/* For who takes the lower bits, as a table of 2^n slots: all bits count in them. */
static inline uint64_t gs_hash64_fold(uint64_t hash)
{
    return hash ^ hash >> 32;
}
