#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/view.h"

enum { LINE_MAX_BYTES = 2048 };

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

/* Quotes and backslashes, and what could make a terminal or a reader of lines see something that
 * is not there. Bytes that are not UTF-8 become '?'. */
static size_t put_quoted(char *to, size_t size, const char *text)
{
    size_t used = 0;
    struct gs_view rest = gs_view(text);
    while (rest.n > 0 && used + 8 < size) {
        uint32_t c = 0;
        size_t n = gs_view_character(rest, &c);
        if (n == 0) {
            to[used++] = '?';
            n = 1;
        } else if (c == '"' || c == '\\') {
            to[used++] = '\\';
            to[used++] = (char)c;
        } else if (gs_character_is_control(c)) {
            used += (size_t)snprintf(to + used, size - used, "\\u%04x", (unsigned)(c & 0xffff));
        } else {
            memcpy(to + used, rest.p, n);
            used += n;
        }
        rest.p += n;
        rest.n -= n;
    }
    to[used] = '\0';
    return used;
}

bool gs_log_format(char *ret_text, size_t size, bool json, uint64_t at_ms, enum gs_log_level level,
                   const char *msg)
{
    struct tm tm;
    time_t seconds = (time_t)(at_ms / 1000);
    char when[32];
    char quoted[LINE_MAX_BYTES - 128];
    gmtime_r(&seconds, &tm);
    size_t n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(when + n, sizeof(when) - n, ".%03uZ", (unsigned)(at_ms % 1000));
    put_quoted(quoted, sizeof(quoted), msg);
    int wrote = snprintf(ret_text, size,
                         json ? "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"%s\"}"
                              : "time=%s level=%s msg=\"%s\"",
                         when, level_name(level), quoted);
    return wrote >= 0 && (size_t)wrote < size;
}

void gs_log(enum gs_log_level level, const char *fmt, ...)
{
    if (level > settings.most) {
        return;
    }
    char msg[1024];
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
