/* draw: one GPU as a bar across its memory units, in ASCII.
 *
 *     0   1   2   3   4   5   6   7
 *     |1g |1g!|2g.10gb|1g.10gb| . | x |
 *
 * A slice is labelled by as much of its name as fits and carries `!` when it is in use; a free
 * unit is `.`, a free unit that no slice can take any more is `x`. */
#pragma once

#include "base/buf.h"
#include "core/layout.h"

/* The numbers of the memory units, to stand above bars of this model. Its placements are known. */
void gs_draw_ruler(const struct gs_model *model, struct gs_buf *out);

/* One bar; no newline. `stranded`: bit u, free unit u can not be taken. */
void gs_draw_bar(const struct gs_model *model, const struct gs_layout *layout, uint16_t stranded,
                 struct gs_buf *out);
