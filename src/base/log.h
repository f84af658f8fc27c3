/* log: what our daemons say, one line a fact, to stderr.
 *
 *     time=2026-11-22T11:32:32.123Z level=info msg="GPU 0: 2 slices made, 1 removed in 1.4 s"
 *     {"time":"2026-11-22T11:32:32.123Z","level":"info","msg":"..."}
 *
 * A line is one write, so that lines of threads do not mix. Only programs log, where they handle
 * what happened; libraries give errors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gs_log_format { GS_LOG_KEY_VALUE, GS_LOG_JSON };
enum gs_log_level { GS_LOG_ERROR, GS_LOG_WARNING, GS_LOG_INFO, GS_LOG_DEBUG };

/* Says levels up to `most`. `json`: the second form. Not while other threads log. */
void gs_log_init(enum gs_log_level most, bool json);

void gs_log(enum gs_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define gs_log_debug(...) gs_log(GS_LOG_DEBUG, __VA_ARGS__)
#define gs_log_info(...) gs_log(GS_LOG_INFO, __VA_ARGS__)
#define gs_log_warning(...) gs_log(GS_LOG_WARNING, __VA_ARGS__)
#define gs_log_error(...) gs_log(GS_LOG_ERROR, __VA_ARGS__)

/* One line without its newline. Pure; for gs_log and its tests. `at_ms`: since the epoch. False:
 * it did not fit and was cut. */
bool gs_log_format(char *ret_text, size_t size, bool json, uint64_t at_ms, enum gs_log_level level,
                   const char *msg);

/* "2026-11-22T11:32:32.123Z" of milliseconds since the epoch. */
enum { GS_LOG_TIME_MAX = 40 };
void gs_log_format_time(uint64_t at_ms, char ret_text[GS_LOG_TIME_MAX]);

/* `text` between quotes, as JSON has it and key=value lines take it: control characters, and what
 * could make a terminal or a reader of lines see something that is not there, are escaped; bytes
 * that are not UTF-8 become '?'. Cut behind a whole character where it does not fit into `size`
 * bytes, of which 16 are the least. */
void gs_log_format_quoted(const char *text, char *ret_text, size_t size);
