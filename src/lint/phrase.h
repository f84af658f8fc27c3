/* phrase: words of prose, and phrases found among them whatever the markers and line breaks are.
 *
 * A phrase is words in lower case, parted by blanks: `a|b` is either, `cost*` whatever begins so,
 * `#` a number, `~` up to eight words within the sentence, `~~` the same across sentences, `$` the
 * end of a sentence; what is between `[` and `]` is what the phrase is about. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

enum { GS_LINT_WORDS_MAX = 512, GS_LINT_GAP_MAX = 8 };

struct gs_lint_word {
    uint32_t start, end; /* bytes of the text */
    bool ends;           /* a sentence, or a label ("Drivers: ...") */
};

struct gs_lint_words {
    struct gs_view text;
    struct gs_lint_word items[GS_LINT_WORDS_MAX];
    uint32_t n;
};

/* Reads the words of `text` between `start` and `end`, as many as there is room for. Returns where
 * it stopped. */
uint32_t gs_lint_words_read(struct gs_view text, uint32_t start, uint32_t end,
                            struct gs_lint_words *ret);

/* Finds the phrase at or behind word `from`; *ret_first and *ret_last are the words in brackets, or
 * all of it. */
bool gs_lint_phrase_find(const struct gs_lint_words *words, const char *phrase, uint32_t from,
                         uint32_t *ret_first, uint32_t *ret_last);

/* The first and last word of the sentence that word `at` is in. */
void gs_lint_words_sentence(const struct gs_lint_words *words, uint32_t at, uint32_t *ret_first,
                            uint32_t *ret_last);

/* The bytes of these words, and beside them what belongs to markers and brackets that begin or end
 * among them. */
void gs_lint_words_range(const struct gs_lint_words *words, uint32_t first, uint32_t last,
                         uint32_t *ret_start, uint32_t *ret_end);
