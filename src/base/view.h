/* view: a borrowed piece of text, and the small parsers that walk over one.
 *
 * A view owns nothing and need not be terminated. Parsers consume from the front and leave the
 * view untouched when they fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gs_view {
    const char *p;
    size_t n;
};

/* For printf: `"%.*s", GS_VIEW_ARGS(v)`; prints 200 bytes at most. */
#define GS_VIEW_ARGS(v) (int)((v).n > 200 ? 200 : (v).n), (v).p

static inline struct gs_view gs_view(const char *text)
{
    return (struct gs_view){.p = text, .n = strlen(text)};
}

bool gs_view_eq(struct gs_view v, const char *text);
bool gs_view_eq_nocase(struct gs_view v, const char *text);

/* Without blanks (space, tab, CR, LF) at both ends. */
struct gs_view gs_view_trim(struct gs_view v);

/* Cuts *rest at the first `sep`: the part before it is returned, *rest becomes what follows.
 * Without `sep` the whole is returned and *rest becomes {NULL, 0}. Loop while (rest.p != NULL). */
struct gs_view gs_view_split(struct gs_view *rest, char sep);

/* Consumes `text` from the front. */
bool gs_view_skip(struct gs_view *v, const char *text);

/* Consumes one or more decimal digits. False: no digit, or more than `max`. */
bool gs_view_u64(struct gs_view *v, uint64_t max, uint64_t *ret);

/* The whole view is one decimal number of at most `max`. */
bool gs_view_is_u64(struct gs_view v, uint64_t max, uint64_t *ret);

/* The same without leading zeros: `010` is 8 or 10, by who reads it. */
bool gs_view_is_integer(struct gs_view v, uint64_t max, uint64_t *ret);

/* The whole view is a decimal with at most `places` digits behind the point; *ret is the value
 * times 10^places. False: anything else, or a result over `max`. `places` is 9 at most. */
bool gs_view_is_fixed(struct gs_view v, unsigned places, uint64_t max, uint64_t *ret);

/* Reads the character of UTF-8 that `v`, which is not empty, begins with, and gives its bytes. 0:
 * it is not UTF-8 (overlong forms and surrogates are not). */
size_t gs_view_character(struct gs_view v, uint32_t *ret);

/* Control characters (C0, DEL, C1), other line ends, and marks that turn the direction of text
 * around: what could make a terminal show something that is not there. */
bool gs_character_is_control(uint32_t c);

/* Whether there is one, but for those of ASCII in `but`. Bytes that are not UTF-8 count as the
 * characters of that number. */
bool gs_view_has_control(struct gs_view v, const char *but);
