/* prose: paragraphs and comments, held against the claims. */
#pragma once

#include "lint/report.h"

/* All of a piece of prose: paragraphs, list items, headings. */
void gs_lint_prose(struct gs_lint_work *work, const struct gs_lint_piece *piece);

/* The comments of a script, a YAML or a TOML piece: "#" at the beginning of a line, or behind a
 * blank and outside of quotes. */
void gs_lint_comments(struct gs_lint_work *work, const struct gs_lint_piece *piece);
