#include "sim/random.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = *x += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

void gs_random_init(struct gs_random *random, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        random->s[i] = splitmix64(&seed);
    }
}

double gs_random_exp(struct gs_random *random)
{
    /* 53 bits and a half: uniform within (0, 1), so that the logarithm is finite and not 0. */
    double u = ((double)(gs_random_u64(random) >> 11) + 0.5) * 0x1p-53;
    return -log(u);
}
