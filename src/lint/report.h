/* report: where rules put what they find, and how it is to be corrected.
 *
 * No function here fails by itself: want of memory sticks in `failed` and is looked at once, at the
 * end. An edit belongs to the finding that was made last, which it marks as corrected. */
#pragma once

#include "lint/facts.h"
#include "lint/lint.h"
#include "lint/piece.h"
#include "lint/tree.h"

/* Bytes of one text that is made: more than a file can ask for, so that what fails is memory. */
enum { GS_LINT_TEXT_MAX = 4 * GS_LINT_BYTES_MAX };

struct gs_lint_work {
    struct gs_arena *arena;
    const struct gs_lint_file *file;
    const struct gs_lint_facts *facts;
    struct gs_lint_finding *findings;
    size_t n_findings, cap_findings;
    struct gs_lint_edit *edits;
    size_t n_edits, cap_edits;
    bool more;   /* findings than are kept */
    bool kept;   /* the last finding was */
    bool failed; /* no memory */
};

/* What is wrong from byte `start` of the piece to `end`; the format says what to write there. */
void gs_lint_find(struct gs_lint_work *work, enum gs_lint_rule_id rule,
                  const struct gs_lint_piece *piece, uint32_t start, uint32_t end,
                  const char *instead, ...) __attribute__((format(printf, 6, 7)));

/* At a node: its key and the first line of its value. */
void gs_lint_find_node(struct gs_lint_work *work, enum gs_lint_rule_id rule,
                       const struct gs_lint_piece *piece, const struct gs_lint_node *node,
                       const char *instead, ...) __attribute__((format(printf, 5, 6)));

/* Puts `text` in the place of these bytes of the piece; its further lines get the piece's blanks.
 */
void gs_lint_replace(struct gs_lint_work *work, const struct gs_lint_piece *piece, uint32_t start,
                     uint32_t end, const char *text);

/* Puts `text`, whole lines, in the place of the lines `first` up to and without `last`. Without
 * text the lines go. */
void gs_lint_replace_lines(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                           uint32_t first, uint32_t last, const char *text);

/* Puts another value in the place of a scalar, in quotes of the same kind where it has any. Where
 * an anchor or a tag stands before it nothing is done: an alias elsewhere would lose what it is. */
void gs_lint_set(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                 const struct gs_lint_node *node, const char *value);

/* Whether an edit so far puts `text`, or that in quotes, at byte `at` of the piece. */
bool gs_lint_becomes(const struct gs_lint_work *work, const struct gs_lint_piece *piece,
                     uint32_t at, const char *text);

/* Takes an entry of a map, or an element of a list, away. Where it is the only one, or has an
 * anchor, nothing is done: false. */
bool gs_lint_drop(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                  const struct gs_lint_node *node);

/* Puts `text`, lines as of a map without indentation, behind the last entry of a block map. False:
 * the map is in braces, or empty. */
bool gs_lint_add(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                 const struct gs_lint_node *map, const char *text);

/* gs_arena_printf; on failure "" and `failed`. */
const char *gs_lint_printf(struct gs_lint_work *work, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
