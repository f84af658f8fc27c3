#include "boot/toolkit.h"

#include <ctype.h>
#include <stdio.h>

enum { DEPTH_MAX = 64 /* lists and tables within each other */ };

/* Where the reading is. */
struct toml {
    struct gs_view text;
    const char *name;
    size_t at;
    unsigned line;
    struct gs_err *err;
};

static int next(const struct toml *toml)
{
    return toml->at < toml->text.n ? (unsigned char)toml->text.p[toml->at] : -1;
}

static bool looks_at(const struct toml *toml, const char *text)
{
    size_t n = strlen(text);
    return toml->text.n - toml->at >= n && memcmp(toml->text.p + toml->at, text, n) == 0;
}

static void move(struct toml *toml, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        toml->line += toml->text.p[toml->at++] == '\n' ? 1 : 0;
    }
}

static int fail(const struct toml *toml, const char *expected)
{
    int c = next(toml);
    char found[40];
    if (c < 0) {
        snprintf(found, sizeof(found), "the end of the file");
    } else if (c == '\n' || c == '\r') {
        snprintf(found, sizeof(found), "the end of the line");
    } else if (isprint(c)) {
        snprintf(found, sizeof(found), "'%c'", c);
    } else {
        snprintf(found, sizeof(found), "byte 0x%02x", (unsigned)c);
    }
    return gs_fail(toml->err, GS_INVALID, "%s:%u: found %s; expected %s (the file is not changed)",
                   toml->name, toml->line, found, expected);
}

static void skip_blanks(struct toml *toml)
{
    while (next(toml) == ' ' || next(toml) == '\t') {
        move(toml, 1);
    }
}

/* Up to its line end. */
static void skip_comment(struct toml *toml)
{
    while (next(toml) >= 0 && next(toml) != '\n') {
        move(toml, 1);
    }
}

/* A string in quotes of this kind, which the reading stands at. */
static int skip_string(struct toml *toml, char quote)
{
    const char three[4] = {quote, quote, quote, '\0'};
    bool lines = looks_at(toml, three);
    move(toml, lines ? 3 : 1);
    for (;;) {
        int c = next(toml);
        if (c < 0 || (c == '\n' && !lines)) {
            return fail(toml, "the end of a text in quotes");
        }
        if (c == '\\' && quote == '"') {
            move(toml, 1);
            if (next(toml) < 0) {
                return fail(toml, "the end of a text in quotes");
            }
            move(toml, 1);
        } else if (c == quote && (!lines || looks_at(toml, three))) {
            move(toml, lines ? 3 : 1);
            break;
        } else {
            move(toml, 1);
        }
    }
    /* of up to five quotes the last three end it */
    for (unsigned i = 0; lines && i < 2 && next(toml) == quote; i++) {
        move(toml, 1);
    }
    return 0;
}

/* A list or an inline table, whatever is in it. */
static int skip_nested(struct toml *toml)
{
    char ends[DEPTH_MAX];
    unsigned depth = 0;
    int r = 0;
    do {
        int c = next(toml);
        if (c < 0) {
            return fail(toml, "the end of a list or table");
        }
        if (c == '"' || c == '\'') {
            r = skip_string(toml, (char)c);
            continue;
        }
        if (c == '#') {
            skip_comment(toml);
            continue;
        }
        if (c == '[' || c == '{') {
            if (depth == DEPTH_MAX) {
                return fail(toml, "fewer lists within each other");
            }
            ends[depth++] = c == '[' ? ']' : '}';
        } else if (c == ']' || c == '}') {
            if (depth == 0 || ends[--depth] != c) {
                return fail(toml, "the other bracket");
            }
        }
        move(toml, 1);
    } while (r == 0 && depth > 0);
    return r;
}

/* A number, a boolean, a date: what is left of the line. */
static int skip_plain(struct toml *toml)
{
    size_t from = toml->at;
    size_t end = from;
    while (next(toml) >= 0 && strchr("\r\n#,=\"'[]{}", next(toml)) == NULL) {
        bool blank = next(toml) == ' ' || next(toml) == '\t';
        move(toml, 1);
        end = blank ? end : toml->at;
    }
    toml->at = end;
    return end > from ? 0 : fail(toml, "a value");
}

static int skip_value(struct toml *toml)
{
    int c = next(toml);
    if (c == '"' || c == '\'') {
        return skip_string(toml, (char)c);
    }
    return c == '[' || c == '{' ? skip_nested(toml) : skip_plain(toml);
}

/* One part of a key, without its quotes. */
static int read_part(struct toml *toml, struct gs_view *ret)
{
    size_t from = toml->at;
    int c = next(toml);
    if (c == '"' || c == '\'') {
        int r = skip_string(toml, (char)c);
        *ret = (struct gs_view){.p = toml->text.p + from + 1, .n = toml->at - from - 2};
        return r;
    }
    while (isalnum(next(toml)) || next(toml) == '_' || next(toml) == '-') {
        move(toml, 1);
    }
    *ret = (struct gs_view){.p = toml->text.p + from, .n = toml->at - from};
    return ret->n > 0 ? 0 : fail(toml, "a key, a comment or a table in brackets");
}

static int read_key(struct toml *toml, bool *ret_is_ours)
{
    struct gs_view part;
    int r = read_part(toml, &part);
    *ret_is_ours = r == 0 && gs_view_eq(part, GS_BOOT_TOOLKIT_KEY);
    for (;;) {
        skip_blanks(toml);
        if (r < 0 || next(toml) != '.') {
            break;
        }
        move(toml, 1);
        skip_blanks(toml);
        *ret_is_ours = false;
        r = read_part(toml, &part);
    }
    if (r == 0 && next(toml) != '=') {
        return fail(toml, "= behind the key");
    }
    if (r == 0) {
        move(toml, 1);
        skip_blanks(toml);
    }
    return r;
}

/* What is left of a line behind a value. */
static int end_line(struct toml *toml)
{
    skip_blanks(toml);
    if (next(toml) == '#') {
        skip_comment(toml);
    }
    if (looks_at(toml, "\r\n")) {
        move(toml, 1);
    }
    if (next(toml) < 0) {
        return 0;
    }
    if (next(toml) != '\n') {
        return fail(toml, "the end of the line behind a value");
    }
    move(toml, 1);
    return 0;
}

/* Where the value of the key is, and where a line with it would go. */
struct places {
    bool there;
    size_t from;
    size_t to;
    size_t insert;
    bool behind_comment;
};

/* "#accept-... = true", as the toolkit's own file has it. */
static bool comments_key_out(struct gs_view comment)
{
    while (comment.n > 0 && (comment.p[0] == '#' || comment.p[0] == ' ' || comment.p[0] == '\t')) {
        comment.p++;
        comment.n--;
    }
    if (!gs_view_skip(&comment, GS_BOOT_TOOLKIT_KEY)) {
        return false;
    }
    comment = gs_view_trim(comment);
    return comment.n > 0 && comment.p[0] == '=';
}

static int read_pair(struct toml *toml, struct places *places)
{
    bool ours;
    int r = read_key(toml, &ours);
    size_t from = toml->at;
    r = r < 0 ? r : skip_value(toml);
    if (r < 0) {
        return r;
    }
    if (ours && places->there) {
        return gs_fail(toml->err, GS_INVALID,
                       "%s:%u: " GS_BOOT_TOOLKIT_KEY
                       " is set a second time; expected it once (the file is not changed)",
                       toml->name, toml->line);
    }
    if (ours) {
        places->there = true;
        places->from = from;
        places->to = toml->at;
    }
    return end_line(toml);
}

/* Reads the pairs before the first table: there are none of these keys behind it. */
static int find(struct toml *toml, struct places *places)
{
    if (looks_at(toml, "\xef\xbb\xbf")) {
        move(toml, 3);
    }
    places->insert = toml->at;
    int r = 0;
    while (r == 0) {
        skip_blanks(toml);
        int c = next(toml);
        size_t from = toml->at;
        if (c < 0 || c == '[') {
            break;
        }
        if (c != '#' && c != '\r' && c != '\n') {
            r = read_pair(toml, places);
            continue;
        }
        r = end_line(toml);
        struct gs_view comment = {.p = toml->text.p + from, .n = toml->at - from};
        if (r == 0 && c == '#' && comments_key_out(comment)) {
            places->insert = toml->at;
            places->behind_comment = true;
        }
    }
    return r;
}

static void put_line(struct gs_view text, const struct places *places, struct gs_buf *out)
{
    const char *first = memchr(text.p, '\n', text.n);
    const char *end = first != NULL && first > text.p && first[-1] == '\r' ? "\r\n" : "\n";
    bool torn = places->insert > 0 && places->behind_comment && text.p[places->insert - 1] != '\n';
    gs_buf_put(out, text.p, places->insert);
    gs_buf_printf(out, "%s%s = false%s", torn ? end : "", GS_BOOT_TOOLKIT_KEY, end);
    gs_buf_put(out, text.p + places->insert, text.n - places->insert);
}

int gs_boot_toolkit_edit(struct gs_view text, const char *name, struct gs_buf *out,
                         bool *ret_changed, struct gs_err *err)
{
    struct gs_err local;
    text.p = text.n == 0 ? "" : text.p;
    struct toml toml = {.text = text, .name = name, .line = 1, .err = err == NULL ? &local : err};
    struct places places = {.there = false};
    int r = find(&toml, &places);
    if (r < 0) {
        return r;
    }
    struct gs_view value = {.p = text.p + places.from, .n = places.to - places.from};
    if (places.there && !gs_view_eq(value, "true") && !gs_view_eq(value, "false")) {
        return gs_fail(err, GS_INVALID,
                       "%s: " GS_BOOT_TOOLKIT_KEY
                       " is %.*s; expected true or false (the file is not changed)",
                       name, GS_VIEW_ARGS(value));
    }
    *ret_changed = !places.there || gs_view_eq(value, "true");
    if (*ret_changed && places.there) {
        gs_buf_put(out, text.p, places.from);
        gs_buf_puts(out, "false");
        gs_buf_put(out, text.p + places.to, text.n - places.to);
    } else if (*ret_changed) {
        put_line(text, &places, out);
    }
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory to write %s", name);
}
