/* base64: the standard alphabet (RFC 4648, section 4), to bytes and back. Pure. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

/* The bytes of `text`, blanks and line breaks between its characters allowed; in the arena, with a
 * zero byte behind them that does not count. GS_INVALID: another character, or padding that is
 * wrong; GS_NO_MEMORY. */
int gs_base64_decode(struct gs_view text, struct gs_arena *arena, struct gs_view *ret,
                     struct gs_err *err);

/* Appends the bytes as one line. */
void gs_base64_write(struct gs_view bytes, struct gs_buf *out);
