/* guide: a file cut into pieces. */
#pragma once

#include "lint/piece.h"
#include "lint/tree.h"

/* A piece, and what it was read as. */
struct gs_lint_part {
    struct gs_lint_piece piece;
    struct gs_lint_docs docs; /* of a YAML piece */
    bool declared;            /* its language was said, not guessed */
};

struct gs_lint_parts {
    struct gs_lint_part *items;
    size_t n;
    bool more; /* than are looked at */
};

/* Cuts by the file's name (.md, .yaml, .sh, .toml ...), else by its content. GS_NO_MEMORY. */
int gs_lint_guide_cut(struct gs_arena *arena, const char *label, struct gs_view file,
                      struct gs_lint_parts *ret);

/* A block scalar of a YAML piece as a piece of its own: a script or TOML, by its first line; else
 * GS_LINT_OTHER. GS_NO_MEMORY. */
int gs_lint_guide_inner(struct gs_arena *arena, struct gs_view file,
                        const struct gs_lint_piece *piece, const struct gs_lint_node *node,
                        struct gs_lint_piece *ret);
