/* diff: what changed between two texts, as `diff -u` writes it. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/view.h"

/* Appends the difference; nothing where there is none. Lines that begin and end both texts are set
 * aside, and the rest is compared by the fewest edits up to a bound, beyond which it stands as one
 * block. GS_NO_MEMORY. */
int gs_lint_diff(struct gs_arena *arena, const char *label, struct gs_view before,
                 struct gs_view after, struct gs_buf *out);
