/* random: a small seeded generator, the same numbers on every machine.
 *
 * xoshiro256** 1.0 (Blackman and Vigna, prng.di.unimi.it), its state filled by splitmix64 as they
 * advise. For simulations; not for secrets. */
#pragma once

#include <stdint.h>

struct gs_random {
    uint64_t s[4];
};

/* Every seed is fine, 0 too. */
void gs_random_init(struct gs_random *random, uint64_t seed);

static inline uint64_t gs_random_u64(struct gs_random *random)
{
    uint64_t *s = random->s;
    uint64_t scrambled = s[1] * 5;
    scrambled = (scrambled << 7 | scrambled >> 57) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = s[3] << 45 | s[3] >> 19;
    return scrambled;
}

/* 0 to `n` - 1; `n` is at least 1. The bias is below n / 2^32. */
static inline uint32_t gs_random_below(struct gs_random *random, uint32_t n)
{
    return (uint32_t)((gs_random_u64(random) >> 32) * n >> 32);
}

/* Exponential with mean 1; never 0. */
double gs_random_exp(struct gs_random *random);
