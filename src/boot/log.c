#include "boot/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/view.h"

enum { MESSAGE_MAX = 1024, QUOTED_MAX = 2 * MESSAGE_MAX, LINE_MAX_BYTES = QUOTED_MAX + 128 };

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

void gs_boot_format_time(uint64_t at_ms, char ret_text[GS_BOOT_TIME_MAX])
{
    struct tm tm;
    time_t seconds = (time_t)(at_ms / 1000);
    gmtime_r(&seconds, &tm);
    size_t n = strftime(ret_text, GS_BOOT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text + n, GS_BOOT_TIME_MAX - n, ".%03uZ", (unsigned)(at_ms % 1000));
}

void gs_boot_format_quoted(const char *text, char *ret_text, size_t size)
{
    size_t used = 0;
    struct gs_view rest = gs_view(text);
    ret_text[used++] = '"';
    while (rest.n > 0 && used + 8 < size) {
        uint32_t c = 0;
        size_t n = gs_view_character(rest, &c);
        if (n == 0) {
            ret_text[used++] = '?';
            n = 1;
        } else if (c == '"' || c == '\\') {
            ret_text[used++] = '\\';
            ret_text[used++] = (char)c;
        } else if (gs_character_is_control(c)) {
            used += (size_t)snprintf(ret_text + used, size - used, "\\u%04x", (unsigned)c & 0xffff);
        } else {
            memcpy(ret_text + used, rest.p, n);
            used += n;
        }
        rest.p += n;
        rest.n -= n;
    }
    ret_text[used++] = '"';
    ret_text[used] = '\0';
}

static const char *level_name(enum gs_boot_level level)
{
    switch (level) {
    case GS_BOOT_DEBUG:
        return "debug";
    case GS_BOOT_INFO:
        return "info";
    case GS_BOOT_WARNING:
        return "warning";
    case GS_BOOT_ERROR:
        return "error";
    }
    return "";
}

void gs_boot_log(enum gs_boot_level level, const char *fmt, ...)
{
    char msg[MESSAGE_MAX];
    char quoted[QUOTED_MAX];
    char when[GS_BOOT_TIME_MAX];
    char line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    gs_boot_format_quoted(msg, quoted, sizeof(quoted));
    gs_boot_format_time(gs_boot_now_ms(), when);
    int n =
        snprintf(line, sizeof(line), "time=%s level=%s msg=%s\n", when, level_name(level), quoted);
    (void)!write(STDERR_FILENO, line, (size_t)n); /* one write, so that lines do not mix */
}
