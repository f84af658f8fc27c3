#include "lint/shell.h"

enum { LINES_MAX = 100 }; /* that one command is on */

/* Behind the backslash and the line end at `at`, if they are there. */
static uint32_t over_continuation(struct gs_view text, uint32_t at)
{
    if (at + 1 < text.n && text.p[at] == '\\' && text.p[at + 1] == '\n') {
        return at + 2;
    }
    if (at + 2 < text.n && text.p[at] == '\\' && text.p[at + 1] == '\r' && text.p[at + 2] == '\n') {
        return at + 3;
    }
    return at;
}

static uint32_t over_blanks(struct gs_view text, uint32_t at)
{
    for (;;) {
        uint32_t next = over_continuation(text, at);
        while (next < text.n &&
               (text.p[next] == ' ' || text.p[next] == '\t' || text.p[next] == '\r')) {
            next++;
        }
        if (next == at) {
            return at;
        }
        at = next;
    }
}

static uint32_t over_comment(struct gs_view text, uint32_t at)
{
    while (at < text.n && text.p[at] != '\n') {
        at++;
    }
    return at;
}

static bool is_end(char c)
{
    return c == '\n' || c == ';' || c == '|' || c == '&' || c == '(' || c == ')';
}

/* Behind the word at `at`. */
static uint32_t over_word(struct gs_view text, uint32_t at)
{
    char quote = 0;
    for (; at < text.n; at++) {
        char c = text.p[at];
        if (quote != 0) {
            if (c == '\n') {
                break; /* of text over several lines each is a command; none of ours is so written
                        */
            }
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == ' ' || c == '\t' || c == '\r' || is_end(c) ||
                   over_continuation(text, at) > at) {
            break;
        } else if (c == '\\' && at + 1 < text.n) {
            at++;
        }
    }
    return at < text.n ? at : (uint32_t)text.n;
}

/* Behind the here-document that `word`, "<<END" or "<<'END'", begins. */
static uint32_t over_here(struct gs_view text, uint32_t at, struct gs_view word)
{
    (void)gs_view_skip(&word, "<<");
    (void)gs_view_skip(&word, "-");
    struct gs_view end = word;
    while (end.n > 0 && strchr("'\"\\", end.p[0]) != NULL) {
        end.p++;
        end.n--;
    }
    while (end.n > 0 && strchr("'\"", end.p[end.n - 1]) != NULL) {
        end.n--;
    }
    at = over_comment(text, at);
    while (end.n > 0 && at < text.n) {
        uint32_t start = at + 1;
        uint32_t stop = start <= text.n ? over_comment(text, start) : (uint32_t)text.n;
        struct gs_view line = gs_view_trim((struct gs_view){text.p + start, stop - start});
        at = stop;
        if (line.n == end.n && memcmp(line.p, end.p, end.n) == 0) {
            break;
        }
    }
    return at;
}

static void put_lines(const struct gs_lint_piece *piece, struct gs_lint_command *command)
{
    uint32_t from = (uint32_t)(command->words[0].p - piece->text.p);
    uint32_t first = gs_lint_piece_line(piece, from);
    uint32_t last = gs_lint_piece_line(piece, command->end - 1);
    uint32_t reach = LINES_MAX;
    while (first > 0 && reach-- > 0) {
        struct gs_view before = gs_lint_piece_line_text(piece, first - 1);
        if (before.n == 0 || before.p[before.n - 1] != '\\') {
            break;
        }
        first--;
    }
    reach = LINES_MAX;
    while (last + 1 < piece->n_lines && reach-- > 0) {
        struct gs_view line = gs_lint_piece_line_text(piece, last);
        if (line.n == 0 || line.p[line.n - 1] != '\\') {
            break;
        }
        last++;
    }
    command->first_line = first;
    command->last_line = last;
}

bool gs_lint_command_next(const struct gs_lint_piece *piece, uint32_t *at,
                          struct gs_lint_command *ret)
{
    struct gs_view text = piece->text;
    uint32_t i = *at;
    ret->n = 0;
    while (i < text.n) {
        i = over_blanks(text, i);
        if (i >= text.n) {
            break;
        }
        if (is_end(text.p[i])) {
            i++;
            if (ret->n > 0) {
                break;
            }
            continue;
        }
        if (text.p[i] == '#') {
            i = over_comment(text, i);
            continue;
        }
        uint32_t end = over_word(text, i);
        struct gs_view word = {text.p + i, end - i};
        bool here = word.n > 3 && memcmp(word.p, "<<", 2) == 0 && word.p[2] != '<';
        if (ret->n < GS_LINT_COMMAND_WORDS_MAX) {
            ret->words[ret->n++] = word;
            ret->end = end;
        }
        i = here ? over_here(text, end, word) : end > i ? end : i + 1;
    }
    *at = i;
    if (ret->n > 0) {
        put_lines(piece, ret);
    }
    return ret->n > 0;
}
