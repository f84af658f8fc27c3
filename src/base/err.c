#define GS_ERR_ITSELF
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t size, int wanted)
{
    if (wanted >= 0 && (size_t)wanted >= size) {
        memcpy(text + size - 4, "...", 4);
    }
}

__attribute__((format(printf, 2, 0))) static void write_text(struct gs_err *err, const char *fmt,
                                                             va_list ap)
{
    mark_cut(err->msg, sizeof(err->msg), vsnprintf(err->msg, sizeof(err->msg), fmt, ap));
}

int gs_vfail(struct gs_err *err, enum gs_code code, const char *fmt, va_list ap)
{
    if (err != NULL) {
        write_text(err, fmt, ap);
        err->code = code;
        err->sys_errno = 0;
    }
    return code;
}

int gs_fail(struct gs_err *err, enum gs_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)gs_vfail(err, code, fmt, ap);
    va_end(ap);
    return code;
}

int gs_fail_errno(struct gs_err *err, int e, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        write_text(err, fmt, ap);
        va_end(ap);
        size_t used = strlen(err->msg);
        size_t room = sizeof(err->msg) - used;
        const char *said = strerrordesc_np(e);
        int n = said != NULL ? snprintf(err->msg + used, room, ": %s", said)
                             : snprintf(err->msg + used, room, ": errno %d", e);
        mark_cut(err->msg, sizeof(err->msg), n + (int)used);
        err->code = GS_IO;
        err->sys_errno = e;
    }
    return GS_IO;
}

int gs_wrap(struct gs_err *err, int code, const char *fmt, ...)
{
    if (err != NULL) {
        char inner[sizeof(err->msg)];
        memcpy(inner, err->msg, sizeof(inner));
        va_list ap;
        va_start(ap, fmt);
        write_text(err, fmt, ap);
        va_end(ap);
        size_t used = strlen(err->msg);
        mark_cut(err->msg, sizeof(err->msg),
                 snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", inner) + (int)used);
    }
    return code;
}
