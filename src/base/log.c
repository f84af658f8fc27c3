#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/view.h"

enum { MESSAGE_MAX = 1024, QUOTED_MAX = 2 * MESSAGE_MAX + 16, LINE_MAX_BYTES = QUOTED_MAX + 128 };

static struct {
    enum gs_log_level most;
    bool json;
} settings = {.most = GS_LOG_INFO};

void gs_log_init(enum gs_log_level most, bool json)
{
    settings.most = most;
    settings.json = json;
}

static const char *level_name(enum gs_log_level level)
{
    switch (level) {
    case GS_LOG_DEBUG:
        return "debug";
    case GS_LOG_INFO:
        return "info";
    case GS_LOG_WARNING:
        return "warning";
    case GS_LOG_ERROR:
        return "error";
    }
    return "";
}

void gs_log_format_time(uint64_t at_ms, char ret_text[GS_LOG_TIME_MAX])
{
    struct tm tm;
    time_t seconds = (time_t)(at_ms / 1000);
    gmtime_r(&seconds, &tm);
    size_t n = strftime(ret_text, GS_LOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text + n, GS_LOG_TIME_MAX - n, ".%03uZ", (unsigned)(at_ms % 1000));
}

void gs_log_format_quoted(const char *text, char *ret_text, size_t size)
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

bool gs_log_format(char *ret_text, size_t size, bool json, uint64_t at_ms, enum gs_log_level level,
                   const char *msg)
{
    char when[GS_LOG_TIME_MAX];
    char quoted[QUOTED_MAX];
    gs_log_format_time(at_ms, when);
    gs_log_format_quoted(msg, quoted, sizeof(quoted));
    int wrote =
        snprintf(ret_text, size,
                 json ? "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":%s}" : "time=%s level=%s msg=%s",
                 when, level_name(level), quoted);
    return wrote >= 0 && (size_t)wrote < size;
}

void gs_log(enum gs_log_level level, const char *fmt, ...)
{
    if (level > settings.most) {
        return;
    }
    char msg[MESSAGE_MAX];
    char line[LINE_MAX_BYTES];
    struct timespec now;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    clock_gettime(CLOCK_REALTIME, &now);
    gs_log_format(line, sizeof(line) - 1, settings.json,
                  (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, level, msg);
    size_t n = strlen(line);
    line[n++] = '\n';
    (void)!write(STDERR_FILENO, line, n);
}
