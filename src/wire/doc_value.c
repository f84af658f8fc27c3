#include <stdarg.h>
#include <stdio.h>

#include "wire/doc.h"

int(gs_doc_fail)(const struct gs_doc_node *at, struct gs_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)gs_vfail(err, GS_INVALID, fmt, ap);
    va_end(ap);
    return gs_wrap(err, GS_INVALID, "%s:%u", at->label, at->line);
}

/* What to call a node in a message. */
static struct gs_view name_of(const struct gs_doc_node *node)
{
    return node->key.n == 0 ? gs_view("the document") : node->key;
}

int gs_doc_wrap(const struct gs_doc_node *at, int code, struct gs_err *err)
{
    struct gs_view name = name_of(at);
    code = code == GS_NO_MEMORY || code == GS_UNKNOWN ? code : GS_INVALID;
    (void)gs_wrap(err, code, "%s:%u: %.*s", at->label, at->line, GS_VIEW_ARGS(name));
    if (err != NULL) {
        err->code = (enum gs_code)code;
    }
    return code;
}

static const char *kind_name(enum gs_doc_kind kind, bool json)
{
    switch (kind) {
    case GS_DOC_MAP:
        return json ? "an object ({\"key\": value})" : "a map (key: value)";
    case GS_DOC_LIST:
        return json ? "an array" : "a list";
    case GS_DOC_SCALAR:
        return "a single value";
    }
    return "";
}

static int fail_found(const struct gs_doc_node *node, const char *expected, struct gs_err *err)
{
    struct gs_view name = name_of(node);
    if (gs_doc_is_null(node)) {
        return gs_doc_fail(node, err, "%.*s: found nothing; expected %s", GS_VIEW_ARGS(name),
                           expected);
    }
    if (node->kind != GS_DOC_SCALAR) {
        return gs_doc_fail(node, err, "%.*s: found %s; expected %s", GS_VIEW_ARGS(name),
                           kind_name(node->kind, node->json), expected);
    }
    return gs_doc_fail(node, err, "%.*s: found \"%.*s\"%s; expected %s", GS_VIEW_ARGS(name),
                       GS_VIEW_ARGS(node->text), node->quoted ? " in quotes" : "", expected);
}

int gs_doc_expect(const struct gs_doc_node *node, enum gs_doc_kind kind, struct gs_err *err)
{
    return node->kind == kind ? 0 : fail_found(node, kind_name(kind, node->json), err);
}

static bool is_one_of(struct gs_view key, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (gs_view_eq(key, keys[i])) {
            return true;
        }
    }
    return false;
}

int gs_doc_expect_keys(const struct gs_doc_node *node, const char *const *keys, size_t n,
                       struct gs_err *err)
{
    int r = gs_doc_expect(node, GS_DOC_MAP, err);
    if (r < 0) {
        return r;
    }
    for (const struct gs_doc_node *child = node->first; child != NULL; child = child->next) {
        if (is_one_of(child->key, keys, n)) {
            continue;
        }
        char list[320] = "";
        size_t used = 0;
        for (size_t i = 0; i < n && used + 1 < sizeof(list); i++) {
            int wrote =
                snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", keys[i]);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
        return gs_doc_fail(child, err, "found key \"%.*s\"; expected one of %s",
                           GS_VIEW_ARGS(child->key), list);
    }
    return 0;
}

const struct gs_doc_node *gs_doc_find(const struct gs_doc_node *map, const char *key)
{
    const struct gs_doc_node *child = map->first;
    while (child != NULL && !gs_view_eq(child->key, key)) {
        child = child->next;
    }
    return child;
}

int gs_doc_need(const struct gs_doc_node *map, const char *key, const struct gs_doc_node **ret,
                struct gs_err *err)
{
    *ret = gs_doc_find(map, key);
    if (*ret == NULL) {
        return gs_doc_fail(map, err, "found no key \"%s\"; expected it", key);
    }
    return 0;
}

int gs_doc_list(const struct gs_doc_node *root, const char *key, uint32_t max,
                const struct gs_doc_node **ret, struct gs_err *err)
{
    int r = 0;
    *ret = root;
    if (root->kind == GS_DOC_MAP) {
        r = gs_doc_expect_keys(root, &key, 1, err);
        r = r < 0 ? r : gs_doc_need(root, key, ret, err);
    }
    if (r == 0) {
        r = gs_doc_expect(*ret, GS_DOC_LIST, err);
    }
    if (r == 0 && ((*ret)->n == 0 || (*ret)->n > max)) {
        r = gs_doc_fail(*ret, err, "%s: found %u; expected 1 to %u", key, (*ret)->n, max);
    }
    return r;
}

bool gs_doc_is_null(const struct gs_doc_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    return node->kind == GS_DOC_SCALAR && !node->quoted &&
           is_one_of(node->text, nulls, sizeof(nulls) / sizeof(nulls[0]));
}

int gs_doc_text(const struct gs_doc_node *node, size_t max, struct gs_view *ret, struct gs_err *err)
{
    if (node->kind != GS_DOC_SCALAR || gs_doc_is_null(node) || node->text.n == 0) {
        return fail_found(node, "text", err);
    }
    if (node->text.n > max) {
        struct gs_view name = name_of(node);
        return gs_doc_fail(node, err, "%.*s: found text of %zu bytes; expected %zu at most",
                           GS_VIEW_ARGS(name), node->text.n, max);
    }
    *ret = node->text;
    return 0;
}

int gs_doc_copy(const struct gs_doc_node *node, size_t max, struct gs_arena *arena,
                const char **ret, struct gs_err *err)
{
    struct gs_view text = {0};
    int r = gs_doc_text(node, max, &text, err);
    if (r < 0) {
        return r;
    }
    *ret = gs_arena_text(arena, text.p, text.n);
    return *ret == NULL ? gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory to hold the document",
                                  node->label, node->line)
                        : 0;
}

/* A number with a zero in front is eight-based to some readers of YAML and ten-based to others. */
static bool is_ambiguous(struct gs_view text)
{
    return text.n > 1 && text.p[0] == '0' && text.p[1] >= '0' && text.p[1] <= '9';
}

int gs_doc_u64(const struct gs_doc_node *node, uint64_t min, uint64_t max, uint64_t *ret,
               struct gs_err *err)
{
    uint64_t value;
    if (node->kind != GS_DOC_SCALAR || node->quoted || is_ambiguous(node->text) ||
        !gs_view_is_u64(node->text, max, &value) || value < min) {
        char expected[120];
        snprintf(expected, sizeof(expected), "a plain decimal integer from %llu to %llu",
                 (unsigned long long)min, (unsigned long long)max);
        return fail_found(node, expected, err);
    }
    *ret = value;
    return 0;
}

int gs_doc_fixed(const struct gs_doc_node *node, unsigned places, uint64_t max, uint64_t *ret,
                 struct gs_err *err)
{
    uint64_t value;
    if (node->kind != GS_DOC_SCALAR || node->quoted || is_ambiguous(node->text) ||
        !gs_view_is_fixed(node->text, places, max, &value)) {
        uint64_t unit = 1;
        for (unsigned i = 0; i < places; i++) {
            unit *= 10;
        }
        char expected[120];
        snprintf(expected, sizeof(expected),
                 "a plain decimal number from 0 to %llu with %u digits behind the point at most",
                 (unsigned long long)(max / unit), places);
        return fail_found(node, expected, err);
    }
    *ret = value;
    return 0;
}

int gs_doc_bool(const struct gs_doc_node *node, bool *ret, struct gs_err *err)
{
    bool yes = node->kind == GS_DOC_SCALAR && gs_view_eq(node->text, "true");
    bool no = node->kind == GS_DOC_SCALAR && gs_view_eq(node->text, "false");
    if (node->quoted || (!yes && !no)) {
        return fail_found(node, "true or false", err);
    }
    *ret = yes;
    return 0;
}
