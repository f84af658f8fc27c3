/* shell: scripts and the commands of guides, as words with their places.
 *
 * No expansion: a word is what stands there. Lines that end with a backslash go on; commands end at
 * ; | & and line ends; quotes keep blanks. Here-documents are read over. */
#pragma once

#include "lint/report.h"

enum { GS_LINT_COMMAND_WORDS_MAX = 64 };

struct gs_lint_command {
    struct gs_view words[GS_LINT_COMMAND_WORDS_MAX]; /* of the piece's text, quotes included */
    uint32_t n;
    uint32_t first_line, last_line; /* of the line it is on, all commands of that line included */
    uint32_t end;                   /* bytes of the piece: behind its last word */
};

/* The next command at or behind *at, which then is behind it. False: none. */
bool gs_lint_command_next(const struct gs_lint_piece *piece, uint32_t *at,
                          struct gs_lint_command *ret);

/* Checks the commands of a script. */
void gs_lint_shell(struct gs_lint_work *work, const struct gs_lint_piece *piece);
