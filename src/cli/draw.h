/* draw: one GPU as a bar across its memory units, in ASCII.
 *
 *     0   1   2   3   4   5   6   7
 *     |1g |1g!|2g.10gb|1g.10gb| . | x |
 *
 * A slice is labelled by as much of its name as fits and carries `!` when it is in use; a free
 * unit is `.`, a free unit that no slice can take any more is `x`. Where its compute instances are
 * known and do not fill it by one, they are drawn across it by their share of its compute slices:
 *
 *     |2c.3g.20gb:1c! |2c.3g.20gb: .  |(2g)   |     two parts; one, and room; none */
#pragma once

#include "base/buf.h"
#include "core/layout.h"

/* The numbers of the memory units, to stand above bars of this model. Its placements are known. */
void gs_draw_ruler(const struct gs_model *model, struct gs_buf *out);

enum { GS_DRAW_PARTS_MAX = 16 };

/* The compute instances of one slice, in their order, and what is free between them. */
struct gs_draw_parts {
    unsigned n;
    struct {
        uint8_t slices; /* compute slices */
        bool in_use;
        bool is_free;
    } at[GS_DRAW_PARTS_MAX];
};

/* One bar; no newline. `stranded`: bit u, free unit u can not be taken. */
void gs_draw_bar(const struct gs_model *model, const struct gs_layout *layout, uint16_t stranded,
                 struct gs_buf *out);

/* The same with what is in the slices: `parts` has one entry for each slice of the layout. */
void gs_draw_cut(const struct gs_model *model, const struct gs_layout *layout,
                 const struct gs_draw_parts *parts, uint16_t stranded, struct gs_buf *out);
