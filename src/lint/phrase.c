#include "lint/phrase.h"

#include <ctype.h>

/* Bytes of what stands at `at` where it is an en dash, or a letter beyond ASCII; else 0. */
static size_t wide(struct gs_view text, uint32_t at, uint32_t end)
{
    uint32_t c;
    if ((unsigned char)text.p[at] < 0x80) {
        return 0;
    }
    size_t n = gs_view_character((struct gs_view){text.p + at, end - at}, &c);
    return n == 0 ? 1 : n;
}

static bool is_digit(struct gs_view text, uint32_t at, uint32_t end)
{
    return at < end && text.p[at] >= '0' && text.p[at] <= '9';
}

static bool in_word(struct gs_view text, uint32_t at, uint32_t start, uint32_t end)
{
    unsigned char c = (unsigned char)text.p[at];
    if (c == '-') { /* "30-50" is three words, "gpu-operator" is one */
        return !(at > start && is_digit(text, at - 1, end) && is_digit(text, at + 1, end));
    }
    return c < 0x80 && (isalnum(c) || strchr("._/+=@'", c) != NULL) && c != '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether what begins at `at` is a new sentence, or nothing. */
static bool new_sentence(struct gs_view text, uint32_t at, uint32_t end, bool capital)
{
    while (at < end && strchr("*`_)\"'", text.p[at]) != NULL) {
        at++;
    }
    if (at >= end) {
        return true;
    }
    if (!is_blank(text.p[at])) {
        return false;
    }
    while (at < end && (is_blank(text.p[at]) || strchr("*`_(\"'", text.p[at]) != NULL)) {
        at++;
    }
    return at >= end || !capital || isupper((unsigned char)text.p[at]);
}

static void end_sentence(struct gs_lint_words *words, uint32_t at, uint32_t end, bool capital)
{
    if (words->n > 0 && new_sentence(words->text, at, end, capital)) {
        words->items[words->n - 1].ends = true;
    }
}

/* The word at `at`; returns where it ends. */
static uint32_t take_word(struct gs_lint_words *words, uint32_t at, uint32_t end)
{
    struct gs_view text = words->text;
    uint32_t start = at;
    while (at < end && in_word(text, at, start, end)) {
        at++;
    }
    uint32_t stop = at;
    while (stop > start && strchr("._/+=@'-", text.p[stop - 1]) != NULL) {
        stop--;
    }
    while (start < stop && strchr("_'.", text.p[start]) != NULL) {
        start++;
    }
    if (start == stop) {
        return at;
    }
    words->items[words->n++] = (struct gs_lint_word){.start = start, .end = stop};
    if (stop < at && text.p[stop] == '.') {
        /* "e.g." and "1.34." end a sentence only where a capital follows */
        end_sentence(words, at, end, memchr(text.p + start, '.', stop - start) != NULL);
    }
    return at;
}

uint32_t gs_lint_words_read(struct gs_view text, uint32_t start, uint32_t end,
                            struct gs_lint_words *ret)
{
    ret->text = text;
    ret->n = 0;
    uint32_t at = start;
    while (at < end && ret->n < GS_LINT_WORDS_MAX) {
        size_t n = wide(text, at, end);
        if (n > 0) {
            ret->items[ret->n++] = (struct gs_lint_word){.start = at, .end = at + (uint32_t)n};
            at += (uint32_t)n;
        } else if (text.p[at] != '-' && in_word(text, at, start, end)) {
            at = take_word(ret, at, end);
        } else if (text.p[at] == '%' || (text.p[at] == '-' && !in_word(text, at, start, end))) {
            ret->items[ret->n++] = (struct gs_lint_word){.start = at, .end = at + 1};
            at++;
        } else {
            bool broken = text.p[at] == '\n' && at > start + 1 && text.p[at - 1] == ' ' &&
                          text.p[at - 2] == ' '; /* two blanks at a line's end: a new line */
            if (broken && ret->n > 0) {
                ret->items[ret->n - 1].ends = true;
            }
            if (strchr(".!?:", text.p[at]) != NULL) {
                end_sentence(ret, at + 1, end, false);
            }
            at++;
        }
    }
    return at;
}

/* Whether `word` is what one alternative says. */
static bool fits(struct gs_view word, struct gs_view want)
{
    if (want.n == 1 && want.p[0] == '#') {
        uint64_t ignored;
        return gs_view_is_u64(word, UINT64_MAX, &ignored);
    }
    if (want.n == 1 && want.p[0] == '-' && word.n == 3) {
        return memcmp(word.p, "\xE2\x80\x93", 3) == 0;
    }
    bool open = want.n > 1 && want.p[want.n - 1] == '*';
    size_t n = open ? want.n - 1 : want.n;
    if (open ? word.n < n : word.n != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (tolower((unsigned char)word.p[i]) != (unsigned char)want.p[i]) {
            return false;
        }
    }
    return true;
}

static bool fits_any(const struct gs_lint_words *words, uint32_t at, struct gs_view wants)
{
    const struct gs_lint_word *word = &words->items[at];
    struct gs_view text = {words->text.p + word->start, word->end - word->start};
    while (wants.p != NULL) {
        if (fits(text, gs_view_split(&wants, '|'))) {
            return true;
        }
    }
    return false;
}

struct match {
    const struct gs_lint_words *words;
    uint32_t first, last; /* in brackets */
    bool bracketed;
};

static bool follow(struct match *match, struct gs_view phrase, uint32_t at);

static bool follow_gap(struct match *match, struct gs_view phrase, uint32_t at, bool across)
{
    for (uint32_t i = at; i <= at + GS_LINT_GAP_MAX && i <= match->words->n; i++) {
        if (!across && i > 0 && match->words->items[i - 1].ends) {
            return false;
        }
        if (follow(match, phrase, i)) {
            return true;
        }
    }
    return false;
}

/* The rest of the phrase, from word `at` on. Its depth is the number of its items. */
static bool follow(struct match *match, struct gs_view phrase, uint32_t at)
{
    if (phrase.p == NULL) {
        match->last = match->bracketed ? match->last : at - 1;
        return true;
    }
    struct gs_view item = gs_view_split(&phrase, ' ');
    if (gs_view_eq(item, "[")) {
        bool found = follow(match, phrase, at);
        match->first = found ? at : match->first;
        return found;
    }
    if (gs_view_eq(item, "]")) {
        match->bracketed = true;
        match->last = at - 1;
        if (follow(match, phrase, at)) {
            match->last = at - 1;
            return true;
        }
        match->bracketed = false;
        return false;
    }
    if (gs_view_eq(item, "$")) {
        bool end = at > 0 && (at == match->words->n || match->words->items[at - 1].ends);
        return end && follow(match, phrase, at);
    }
    if (gs_view_eq(item, "~") || gs_view_eq(item, "~~")) {
        return follow_gap(match, phrase, at, item.n == 2);
    }
    return at < match->words->n && fits_any(match->words, at, item) &&
           follow(match, phrase, at + 1);
}

bool gs_lint_phrase_find(const struct gs_lint_words *words, const char *phrase, uint32_t from,
                         uint32_t *ret_first, uint32_t *ret_last)
{
    for (uint32_t at = from; at < words->n; at++) {
        struct match match = {.words = words, .first = at};
        if (follow(&match, gs_view(phrase), at)) {
            *ret_first = match.first;
            *ret_last = match.last;
            return true;
        }
    }
    return false;
}

void gs_lint_words_sentence(const struct gs_lint_words *words, uint32_t at, uint32_t *ret_first,
                            uint32_t *ret_last)
{
    uint32_t first = at;
    while (first > 0 && !words->items[first - 1].ends) {
        first--;
    }
    uint32_t last = at;
    while (last + 1 < words->n && !words->items[last].ends) {
        last++;
    }
    *ret_first = first;
    *ret_last = last;
}

static unsigned count(struct gs_view text, uint32_t start, uint32_t end, char c)
{
    unsigned n = 0;
    for (uint32_t i = start; i < end; i++) {
        n += text.p[i] == c ? 1 : 0;
    }
    return n;
}

void gs_lint_words_range(const struct gs_lint_words *words, uint32_t first, uint32_t last,
                         uint32_t *ret_start, uint32_t *ret_end)
{
    struct gs_view text = words->text;
    uint32_t start = words->items[first].start;
    uint32_t end = words->items[last].end;
    uint32_t from = first > 0 ? words->items[first - 1].end : 0;
    uint32_t to = last + 1 < words->n ? words->items[last + 1].start : (uint32_t)text.n;
    for (bool grown = true; grown;) {
        grown = false;
        char next = end < to ? text.p[end] : ' ';
        char before = start > from ? text.p[start - 1] : ' ';
        bool odd_next = (next == '*' || next == '`') && count(text, start, end, next) % 2 == 1;
        bool pair_next = next == '*' && end + 1 < to && text.p[end + 1] == '*' &&
                         count(text, start, end, '*') % 4 == 2;
        bool odd_before =
            (before == '*' || before == '`') && count(text, start, end, before) % 2 == 1;
        bool pair_before = before == '*' && start > from + 1 && text.p[start - 2] == '*' &&
                           count(text, start, end, '*') % 4 == 2;
        if (odd_next || pair_next ||
            (next == ')' && count(text, start, end, '(') > count(text, start, end, ')'))) {
            end += pair_next ? 2 : 1;
            grown = true;
        } else if (odd_before || pair_before ||
                   (before == '(' && count(text, start, end, ')') > count(text, start, end, '('))) {
            start -= pair_before ? 2 : 1;
            grown = true;
        } else if (before != ' ' && before == next && (before == '*' || before == '`')) {
            start--;
            end++;
            grown = true;
        }
    }
    *ret_start = start;
    *ret_end = end;
}
