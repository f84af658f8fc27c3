/* base64: reads base64 (RFC 4648) with line breaks and blanks anywhere, as MIME has it. Pure. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

/* The bytes, in the arena. GS_INVALID: it is not base64 (err untouched). GS_NO_MEMORY. */
int gs_boot_base64_decode(struct gs_view text, struct gs_arena *arena, struct gs_view *ret,
                          struct gs_err *err);
