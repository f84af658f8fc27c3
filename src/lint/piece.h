/* piece: a part of a file in one language: a YAML block, a script, a paragraph of prose.
 *
 * Its text lacks the blanks that a fence or a block scalar puts before each line; each line knows
 * where it stands in the file. The text is terminated. */
#pragma once

#include "base/arena.h"
#include "base/view.h"

enum gs_lint_kind { GS_LINT_YAML, GS_LINT_SHELL, GS_LINT_TOML, GS_LINT_PROSE, GS_LINT_OTHER };

struct gs_lint_line {
    uint32_t at;    /* offset in the piece */
    uint32_t from;  /* offset in the file of the same byte */
    uint32_t whole; /* offset in the file of the line's first byte, blanks included */
};

struct gs_lint_piece {
    enum gs_lint_kind kind;
    struct gs_view text;
    const struct gs_lint_line *lines; /* one more than there are: the end */
    uint32_t n_lines;
    uint32_t indent; /* blanks before each line */
};

/* The lines of `file` from byte `start` on to `end`, each without up to `indent` blanks before it.
 * GS_NO_MEMORY. */
int gs_lint_piece_make(struct gs_arena *arena, struct gs_view file, uint32_t start, uint32_t end,
                       uint32_t indent, enum gs_lint_kind kind, struct gs_lint_piece *ret);

/* The index of the line that byte `at` of the piece is in. */
uint32_t gs_lint_piece_line(const struct gs_lint_piece *piece, uint32_t at);

/* Where byte `at` of the piece stands in the file. */
uint32_t gs_lint_piece_place(const struct gs_lint_piece *piece, uint32_t at);

/* The text of a line, without its end. */
struct gs_view gs_lint_piece_line_text(const struct gs_lint_piece *piece, uint32_t line);
