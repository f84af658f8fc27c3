/* log: what the boot step says, one line a fact, to stderr.
 *
 *     time=2026-11-22T11:32:32.123Z level=info msg="GPU 0: 7x 1g.5gb, as wanted" */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gs_boot_level { GS_BOOT_DEBUG, GS_BOOT_INFO, GS_BOOT_WARNING, GS_BOOT_ERROR };

void gs_boot_log(enum gs_boot_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "2026-11-22T11:32:32.123Z" of milliseconds since the epoch. */
enum { GS_BOOT_TIME_MAX = 40 };
void gs_boot_format_time(uint64_t at_ms, char ret_text[GS_BOOT_TIME_MAX]);

/* `text` between quotes, as JSON has it and key=value lines take it; control characters are
 * escaped, bytes that are not UTF-8 become '?'. Cut where it does not fit. */
void gs_boot_format_quoted(const char *text, char *ret_text, size_t size);

/* Milliseconds since the epoch, and of a clock that only goes forward. */
uint64_t gs_boot_now_ms(void);
uint64_t gs_boot_clock_ms(void);
