#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gs_buf_init(struct gs_buf *buf, size_t max)
{
    *buf = (struct gs_buf){.max = max};
}

void gs_buf_done(struct gs_buf *buf)
{
    free(buf->text);
    *buf = (struct gs_buf){.max = buf->max};
}

void gs_buf_reset(struct gs_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->text != NULL) {
        buf->text[0] = '\0';
    }
}

/* Makes room for `n` more bytes and the terminator. */
static bool reserve(struct gs_buf *buf, size_t n)
{
    if (buf->failed || n > buf->max - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + n + 1;
    if (need <= buf->cap) {
        return true;
    }
    size_t cap = buf->cap < 128 ? 256 : buf->cap * 2;
    if (cap < need) {
        cap = need;
    }
    char *text = realloc(buf->text, cap);
    if (text == NULL) {
        buf->failed = true;
        return false;
    }
    buf->text = text;
    buf->cap = cap;
    return true;
}

void gs_buf_put(struct gs_buf *buf, const char *bytes, size_t n)
{
    if (reserve(buf, n)) {
        if (n > 0) {
            memcpy(buf->text + buf->len, bytes, n);
        }
        buf->len += n;
        buf->text[buf->len] = '\0';
    }
}

void gs_buf_puts(struct gs_buf *buf, const char *text)
{
    gs_buf_put(buf, text, strlen(text));
}

void gs_buf_expect(struct gs_buf *buf, size_t n)
{
    char *text = n < buf->max && n >= buf->cap ? realloc(buf->text, n + 1) : NULL;
    if (text != NULL) {
        text[buf->len] = '\0';
        buf->text = text;
        buf->cap = n + 1;
    }
}

/* Most texts fit into the room that is there, and are written once. */
void gs_buf_printf(struct gs_buf *buf, const char *fmt, ...)
{
    size_t room = buf->cap - buf->len;
    va_list ap;
    if (buf->failed) {
        return;
    }
    va_start(ap, fmt);
    int n = vsnprintf(room == 0 ? NULL : buf->text + buf->len, room, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(buf, (size_t)n)) {
        buf->failed = true;
        if (room > 0) {
            buf->text[buf->len] = '\0';
        }
        return;
    }
    if ((size_t)n >= room) {
        va_start(ap, fmt);
        vsnprintf(buf->text + buf->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    buf->len += (size_t)n;
}
