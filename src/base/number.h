/* number: small things about whole numbers that the standard library lacks. */
#pragma once

#include <stdint.h>

/* The greatest number that divides both; of 0 and a it is a. */
static inline uint64_t gs_greatest_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}
