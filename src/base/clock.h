/* clock: what time it is, as one number. Nothing pure uses it: what decides is told the time. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t gs_clock_us(clockid_t clock)
{
    struct timespec now = {.tv_sec = 0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Microseconds on a clock that only goes forward; it stands while the machine is suspended. */
static inline uint64_t gs_now_us(void)
{
    return gs_clock_us(CLOCK_MONOTONIC);
}

/* Microseconds since 1970, as the machine believes. */
static inline uint64_t gs_date_us(void)
{
    return gs_clock_us(CLOCK_REALTIME);
}
