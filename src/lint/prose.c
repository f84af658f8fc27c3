#include "lint/prose.h"

#include <ctype.h>

#include "base/cleanup.h"
#include "lint/claims.h"
#include "lint/phrase.h"

static void report(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                   const struct gs_lint_words *words, const struct gs_lint_claim *claim,
                   uint32_t first, uint32_t last)
{
    if (claim->part == GS_LINT_CLAIM_SENTENCE) {
        gs_lint_words_sentence(words, last, &first, &last);
    }
    uint32_t start, end;
    gs_lint_words_range(words, first, last, &start, &end);
    gs_lint_find(work, claim->rule, piece, start, end, "%s", claim->instead);
    gs_lint_replace(work, piece, start, end, claim->instead);
}

/* "Karpenter does not automatically provision ..." says what is so. Of the sentence what stands
 * before the claim's end is looked at. */
static bool is_denied(const struct gs_lint_words *words, const char *phrase, uint32_t last)
{
    static const char *const denials[] = {"not",   "never", "cannot", "doesn't", "don't",  "can't",
                                          "won't", "isn't", "aren't", "no",      "nothing"};
    struct gs_view own = gs_view(phrase);
    uint32_t first, end;
    gs_lint_words_sentence(words, last, &first, &end);
    for (uint32_t i = first; i <= last && !gs_view_skip(&own, "not "); i++) {
        struct gs_view word = {words->text.p + words->items[i].start,
                               words->items[i].end - words->items[i].start};
        for (size_t d = 0; d < GS_ARRAY_LEN(denials); d++) {
            if (gs_view_eq_nocase(word, denials[d])) {
                return true;
            }
        }
    }
    return false;
}

/* Each claim once a paragraph: the next is found when this one is corrected. */
static void check_words(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                        const struct gs_lint_words *words)
{
    for (size_t i = 0; i < gs_lint_n_claims && words->n > 1; i++) {
        uint32_t first, last;
        if (gs_lint_phrase_find(words, gs_lint_claims[i].phrase, 0, &first, &last) &&
            !is_denied(words, gs_lint_claims[i].phrase, last)) {
            report(work, piece, words, &gs_lint_claims[i], first, last);
        }
    }
}

static void check_range(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                        uint32_t start, uint32_t end)
{
    struct gs_lint_words words;
    while (work->facts->slicing && start < end) {
        start = gs_lint_words_read(piece->text, start, end, &words);
        check_words(work, piece, &words);
    }
}

static bool is_item(struct gs_view line)
{
    if (line.n > 1 && strchr("-*+", line.p[0]) != NULL && line.p[1] == ' ') {
        return true;
    }
    size_t n = 0;
    while (n < line.n && n < 4 && isdigit((unsigned char)line.p[n])) {
        n++;
    }
    return n > 0 && n + 1 < line.n && strchr(".)", line.p[n]) != NULL && line.p[n + 1] == ' ';
}

static bool is_alone(struct gs_view line)
{
    return line.p[0] == '#' || line.p[0] == '|' || line.p[0] == '>';
}

void gs_lint_prose(struct gs_lint_work *work, const struct gs_lint_piece *piece)
{
    uint32_t start = 0; /* of the paragraph at hand; equal to the line's start: none is open */
    for (uint32_t i = 0; i < piece->n_lines; i++) {
        struct gs_view line = gs_view_trim(gs_lint_piece_line_text(piece, i));
        uint32_t at = piece->lines[i].at;
        uint32_t next = piece->lines[i + 1].at;
        bool breaks = line.n == 0 || is_item(line) || is_alone(line);
        if (breaks && start < at) {
            check_range(work, piece, start, at);
        }
        start = breaks ? at : start;
        if (line.n == 0 || is_alone(line)) {
            check_range(work, piece, at, next);
            start = next;
        }
    }
    check_range(work, piece, start, (uint32_t)piece->text.n);
}

/* Where the comment of a line begins; its end: there is none. */
static uint32_t comment_at(struct gs_view line)
{
    char quote = 0;
    for (uint32_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if ((c == '"' || c == '\'') && (i == 0 || strchr(" =[{(,", line.p[i - 1]) != NULL)) {
            quote = c;
        } else if (c == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t')) {
            return i;
        }
    }
    return (uint32_t)line.n;
}

void gs_lint_comments(struct gs_lint_work *work, const struct gs_lint_piece *piece)
{
    for (uint32_t i = 0; i < piece->n_lines; i++) {
        struct gs_view line = gs_lint_piece_line_text(piece, i);
        uint32_t at = comment_at(line);
        if (at < line.n && !(at == 0 && line.n > 1 && line.p[1] == '!')) {
            check_range(work, piece, piece->lines[i].at + at + 1,
                        piece->lines[i].at + (uint32_t)line.n);
        }
    }
}
