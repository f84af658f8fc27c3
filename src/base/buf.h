/* buf: a growing text with a mandatory bound and a sticky failure.
 *
 * Writers do not check each call: after the first failure all later ones do nothing, and
 * gs_buf_ok tells at the end. The text is always terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct gs_buf {
    char *text; /* NULL while nothing was written */
    size_t len;
    size_t cap;
    size_t max; /* largest len allowed */
    bool failed;
};

void gs_buf_init(struct gs_buf *buf, size_t max);
void gs_buf_done(struct gs_buf *buf);

void gs_buf_put(struct gs_buf *buf, const char *bytes, size_t n);
void gs_buf_puts(struct gs_buf *buf, const char *text);
void gs_buf_printf(struct gs_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes memory for a text of `n` bytes at once. Where there is none, or that is more than may be,
 * it is as if this were not called. */
void gs_buf_expect(struct gs_buf *buf, size_t n);

/* Empties the text, keeps its memory and clears a failure. */
void gs_buf_reset(struct gs_buf *buf);

/* What a part that was written apart has failed at, the whole has failed at. */
static inline void gs_buf_need(struct gs_buf *whole, const struct gs_buf *part)
{
    whole->failed |= part->failed;
}

static inline bool gs_buf_ok(const struct gs_buf *buf)
{
    return !buf->failed;
}

/* Never NULL. */
static inline const char *gs_buf_text(const struct gs_buf *buf)
{
    return buf->text == NULL ? "" : buf->text;
}
