/* clock: the time, for those of this room that wait or say when something was. */
#pragma once

#include <stdint.h>

/* Milliseconds since the epoch, and of a clock that only goes forward. */
uint64_t gs_boot_now_ms(void);
uint64_t gs_boot_clock_ms(void);
