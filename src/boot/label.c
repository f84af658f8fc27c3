#include "boot/label.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "boot/base64.h"

enum { DEPTH_MAX = 3 /* encoded parts within each other */ };

/* One text while it is looked into. */
struct looking {
    struct gs_boot_label *label;
    struct gs_arena *arena;
    const char *name;
    unsigned depth;
    unsigned line;
    bool mime;
    bool base64; /* the headers that are being read announce a body in it */
};

int gs_boot_label_check_key(const char *key, struct gs_err *err)
{
    size_t n = strlen(key);
    size_t good = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-");
    if (n > 0 && n <= GS_BOOT_LABEL_KEY_MAX && good == n) {
        return 0;
    }
    return gs_fail(err, GS_INVALID,
                   "found \"%.80s\"; expected the key of a label, as nvidia.com/mig.config", key);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_value(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

static void drop(struct gs_view *v, size_t n)
{
    v->p += n;
    v->n -= n;
}

static bool skip_blanks(struct gs_view *v)
{
    size_t n = 0;
    while (n < v->n && is_blank(v->p[n])) {
        n++;
    }
    drop(v, n);
    return n > 0;
}

/* A quote, or one that is escaped as in a string of JSON. */
static bool skip_quote(struct gs_view *v)
{
    size_t n = 0;
    while (n < v->n && v->p[n] == '\\') {
        n++;
    }
    if (n < v->n && (v->p[n] == '"' || v->p[n] == '\'')) {
        drop(v, n + 1);
        return true;
    }
    return false;
}

/* The part of a line before its comment: a # behind a blank that is not in quotes. */
static struct gs_view before_comment(struct gs_view line)
{
    char quote = 0;
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (c == '#' && quote == 0 && (i == 0 || is_blank(line.p[i - 1]))) {
            return (struct gs_view){.p = line.p, .n = i};
        }
        if (c == quote) {
            quote = 0;
        } else if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        }
    }
    return line;
}

enum found { NOT_A_LABEL, WITHOUT_VALUE, WITH_VALUE, NOT_A_VALUE };

static enum found judge_end(struct gs_view value, struct gs_view rest)
{
    static const char variables[] = {'$', '%', '{', '<'};
    static const char enders[] = " \t\r,;\"'\\)}]&|<>`";
    bool ends = rest.n == 0 || memchr(enders, rest.p[0], sizeof(enders)) != NULL;
    if (value.n == 0) {
        /* in front of anything else it is a pattern that somebody looks for */
        struct gs_view behind = rest;
        while (gs_view_skip(&behind, "\\")) {
        }
        if (behind.n > 0 && memchr(variables, behind.p[0], sizeof(variables)) != NULL) {
            return NOT_A_VALUE;
        }
        bool escapes = behind.n > 0 && behind.n < rest.n;
        return ends && !escapes ? WITHOUT_VALUE : NOT_A_LABEL;
    }
    if (ends) {
        return WITH_VALUE;
    }
    static const char *const effects[] = {":NoSchedule", ":PreferNoSchedule", ":NoExecute"};
    for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
        struct gs_view taint = rest;
        if (gs_view_skip(&taint, effects[i])) {
            return NOT_A_LABEL;
        }
    }
    return NOT_A_VALUE;
}

/* What stands behind the key. */
static enum found read_value(struct gs_view v, struct gs_view *ret_value)
{
    bool quoted = skip_quote(&v);
    bool apart = skip_blanks(&v);
    if (v.n == 0 || (v.p[0] != '=' && v.p[0] != ':')) {
        return NOT_A_LABEL;
    }
    bool colon = v.p[0] == ':';
    drop(&v, 1);
    if (colon && !quoted && v.n > 0 && !is_blank(v.p[0]) && v.p[0] != '\r') {
        return NOT_A_LABEL; /* a taint without a value: KEY:NoSchedule */
    }
    if (quoted || apart || colon) {
        skip_blanks(&v);
    }
    skip_quote(&v);
    size_t n = 0;
    while (n < v.n && is_value(v.p[n])) {
        n++;
    }
    *ret_value = (struct gs_view){.p = v.p, .n = n};
    drop(&v, n);
    return judge_end(*ret_value, v);
}

static int fail_value(const struct looking *looking, struct gs_view at, struct gs_err *err)
{
    char text[80];
    size_t n = 0;
    while (n < at.n && n + 1 < sizeof(text) && !isspace((unsigned char)at.p[n])) {
        text[n] = isprint((unsigned char)at.p[n]) ? at.p[n] : '?';
        n++;
    }
    text[n] = '\0';
    return gs_fail(
        err, GS_INVALID,
        "%s:%u: found \"%s\"; expected the value of a label behind %s: up to %d letters, "
        "digits, '.', '_' and '-', with a letter or digit at both ends (what a shell "
        "puts there is not known here: give --layout instead)",
        looking->name, looking->line, text, looking->label->key, GS_BOOT_LABEL_VALUE_MAX);
}

static int keep(const struct looking *looking, struct gs_view at, struct gs_view value,
                struct gs_err *err)
{
    struct gs_boot_label *label = looking->label;
    if (value.n > GS_BOOT_LABEL_VALUE_MAX || !isalnum((unsigned char)value.p[0]) ||
        !isalnum((unsigned char)value.p[value.n - 1])) {
        return fail_value(looking, at, err);
    }
    if (label->value[0] == '\0') {
        memcpy(label->value, value.p, value.n);
        label->value[value.n] = '\0';
        snprintf(label->place, sizeof(label->place), "%s:%u", looking->name, looking->line);
    } else if (!gs_view_eq(value, label->value)) {
        return gs_fail(err, GS_AMBIGUOUS,
                       "%s:%u: the label %s is %.*s, and %s at %s; expected one value",
                       looking->name, looking->line, label->key, GS_VIEW_ARGS(value), label->value,
                       label->place);
    }
    return 0;
}

static int look_behind(const struct looking *looking, struct gs_view at, struct gs_err *err)
{
    struct gs_boot_label *label = looking->label;
    struct gs_view behind = at;
    struct gs_view value = {.n = 0};
    drop(&behind, strlen(label->key));
    switch (read_value(behind, &value)) {
    case NOT_A_LABEL:
        return 0;
    case WITHOUT_VALUE:
        snprintf(label->empty_place, sizeof(label->empty_place), "%s:%u", looking->name,
                 looking->line);
        return 0;
    case WITH_VALUE:
        return keep(looking, at, value, err);
    case NOT_A_VALUE:
        return fail_value(looking, at, err);
    }
    return 0;
}

static int look_into_line(const struct looking *looking, struct gs_view line, struct gs_err *err)
{
    const char *key = looking->label->key;
    size_t n = strlen(key);
    line = before_comment(line);
    struct gs_view rest = line;
    int r = 0;
    while (r == 0 && rest.n >= n) {
        const char *at = memmem(rest.p, rest.n, key, n);
        if (at == NULL) {
            break;
        }
        drop(&rest, (size_t)(at - rest.p));
        if (at == line.p || (!is_value(at[-1]) && at[-1] != '/')) {
            r = look_behind(looking, rest, err);
        }
        drop(&rest, 1);
    }
    return r;
}

/* ---- MIME ---- */

static int look(struct gs_view text, const char *name, unsigned depth, struct gs_arena *arena,
                struct gs_boot_label *label, struct gs_err *err);

static bool starts_with_nocase(struct gs_view v, const char *text)
{
    size_t n = strlen(text);
    return v.n >= n && strncasecmp(v.p, text, n) == 0;
}

/* Its first headers, up to an empty line, say that it has parts. */
static bool is_mime(struct gs_view text)
{
    struct gs_view rest = text;
    while (rest.p != NULL) {
        struct gs_view line = gs_view_trim(gs_view_split(&rest, '\n'));
        if (line.n == 0) {
            return false;
        }
        if (starts_with_nocase(line, "content-type:")) {
            drop(&line, strlen("content-type:"));
            return starts_with_nocase(gs_view_trim(line), "multipart/");
        }
    }
    return false;
}

static int note_encoding(struct looking *looking, struct gs_view line, struct gs_err *err)
{
    static const char header[] = "content-transfer-encoding:";
    if (!looking->mime || !starts_with_nocase(line, header)) {
        return 0;
    }
    drop(&line, sizeof(header) - 1);
    struct gs_view encoding = gs_view_trim(line);
    static const char *const plain[] = {"7bit", "8bit", "binary"};
    looking->base64 = gs_view_eq_nocase(encoding, "base64");
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (gs_view_eq_nocase(encoding, plain[i])) {
            return 0;
        }
    }
    return looking->base64
               ? 0
               : gs_fail(err, GS_UNSUPPORTED,
                         "%s:%u: a part is encoded as \"%.*s\"; expected 7bit, 8bit, binary or "
                         "base64",
                         looking->name, looking->line, GS_VIEW_ARGS(encoding));
}

/* The body that begins at *rest; it ends at a line that begins with two dashes, which no base64
 * does. Where it is not base64 after all it is text like the rest. */
static int look_into_body(struct looking *looking, struct gs_view *rest, struct gs_err *err)
{
    struct gs_view body = {.p = rest->p, .n = 0};
    struct gs_view left = *rest;
    struct gs_view decoded;
    unsigned lines = 0;
    while (left.p != NULL && !(left.n >= 2 && memcmp(left.p, "--", 2) == 0)) {
        gs_view_split(&left, '\n');
        body.n = left.p == NULL ? rest->n : (size_t)(left.p - rest->p);
        lines++;
    }
    looking->base64 = false;
    int r = gs_boot_base64_decode(body, looking->arena, &decoded, err);
    if (r == GS_INVALID) {
        return 0;
    }
    char name[GS_BOOT_LABEL_PLACE_MAX - 16];
    snprintf(name, sizeof(name), "%s:%u, decoded", looking->name, looking->line + 1);
    *rest = left;
    looking->line += lines;
    return r < 0 ? r : look(decoded, name, looking->depth + 1, looking->arena, looking->label, err);
}

static int look(struct gs_view text, const char *name, unsigned depth, struct gs_arena *arena,
                struct gs_boot_label *label, struct gs_err *err)
{
    struct looking looking = {
        .label = label, .arena = arena, .name = name, .depth = depth, .mime = is_mime(text)};
    if (text.n >= 2 && memcmp(text.p, "\x1f\x8b", 2) == 0) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "%s is compressed (gzip); give what it unpacks to: zcat -f, or on EKS "
                       "/run/eks/nodeadm/config.json",
                       name);
    }
    if (depth > DEPTH_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: more than %d encoded parts within each other", name,
                       DEPTH_MAX);
    }
    struct gs_view rest = text;
    int r = 0;
    while (r == 0 && rest.p != NULL) {
        struct gs_view line = gs_view_split(&rest, '\n');
        looking.line++;
        r = note_encoding(&looking, line, err);
        if (r == 0 && looking.base64 && gs_view_trim(line).n == 0 && rest.p != NULL) {
            r = look_into_body(&looking, &rest, err);
        } else if (r == 0) {
            r = look_into_line(&looking, line, err);
        }
    }
    return r;
}

int gs_boot_label_look(struct gs_view text, const char *name, struct gs_arena *arena,
                       struct gs_boot_label *label, struct gs_err *err)
{
    struct gs_view decoded;
    if (text.n > GS_BOOT_LABEL_TEXT_MAX) {
        return gs_fail(err, GS_LIMIT, "%s has %zu bytes; %d are the most", name, text.n,
                       GS_BOOT_LABEL_TEXT_MAX);
    }
    /* a text that is base64 from end to end can hold no label as it is */
    int r = gs_boot_base64_decode(text, arena, &decoded, err);
    if (r == 0 && decoded.n > 0) {
        return look(decoded, name, 1, arena, label, err);
    }
    return r == GS_NO_MEMORY ? r : look(text, name, 0, arena, label, err);
}

int gs_boot_label_end(const struct gs_boot_label *label, struct gs_err *err)
{
    if (label->value[0] != '\0') {
        return 0;
    }
    if (label->empty_place[0] == '\0') {
        return GS_NOT_FOUND;
    }
    return gs_fail(err, GS_INVALID, "%s: the label %s has no value; expected the name of a layout",
                   label->empty_place, label->key);
}
