#include "boot/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t gs_boot_now_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t gs_boot_clock_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
