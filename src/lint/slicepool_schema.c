/* What the schema of SlicePools refuses. */
#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "core/profile_name.h"
#include "lint/slicepool.h"

enum {
    PATH_MAX_BYTES = 64,
    LABEL_KEY_MAX = 317,
    POOL_NAME_MAX = 63,
    TEN_YEARS_S = 315360000,
    ALIKE_MAX = 64 /* keys of a map, items of a list, among which two alike are looked for */
};

/* ---- what a scalar is ---- */

enum plain { IS_TEXT, IS_NULL, IS_TRUTH, IS_NUMBER };

static bool is_one_of(struct gs_view text, const char *const *words)
{
    while (*words != NULL && !gs_view_eq(text, *words)) {
        words++;
    }
    return *words != NULL;
}

/* "yes", "Yes", "YES", not "yEs". */
static bool is_evenly_cased(struct gs_view text)
{
    for (size_t i = 1; i < text.n; i++) {
        bool upper = isupper((unsigned char)text.p[i]) != 0;
        if (upper != (isupper((unsigned char)text.p[1]) != 0) ||
            (upper && !isupper((unsigned char)text.p[0]))) {
            return false;
        }
    }
    return true;
}

/* As clients of Kubernetes read plain scalars: by YAML 1.1. */
static enum plain plain_of(const struct gs_lint_node *node, double *ret)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const truths[] = {"true", "false", "yes", "no", "on", "off", "y", "n", NULL};
    static const char *const odd[] = {".inf", "-.inf", "+.inf", ".nan", NULL};
    char lower[48];
    size_t n = 0;
    *ret = -1;
    if (!node->plain || node->text.n >= sizeof(lower)) {
        return IS_TEXT;
    }
    for (size_t i = 0; i < node->text.n; i++) {
        if (node->text.p[i] != '_') {
            lower[n++] = (char)tolower((unsigned char)node->text.p[i]);
        }
    }
    lower[n] = '\0';
    if (is_one_of(node->text, nulls)) {
        return IS_NULL;
    }
    if (n == 0 || node->text.p[0] == '_') {
        return IS_TEXT;
    }
    if (is_one_of(gs_view(lower), truths) && is_evenly_cased(node->text)) {
        return IS_TRUTH;
    }
    if (is_one_of(gs_view(lower), odd)) {
        return IS_NUMBER;
    }
    bool based = lower[0] == '0' && n > 2 && strchr("xob", lower[1]) != NULL;
    if (strspn(lower, "0123456789+-.e") != n && !based) {
        return IS_TEXT;
    }
    char *end;
    double value = based ? (double)strtoll(lower + 2, &end,
                                           lower[1] == 'x'   ? 16
                                           : lower[1] == 'o' ? 8
                                                             : 2)
                   : lower[0] == '0' && strspn(lower, "01234567") == n
                       ? (double)strtoll(lower, &end, 8)
                       : strtod(lower, &end);
    *ret = *end == '\0' ? value : -1;
    return *end == '\0' ? IS_NUMBER : IS_TEXT;
}

static bool matches(struct gs_lint_work *work, struct gs_view text, const char *pattern)
{
    regex_t re;
    if (memchr(text.p, '\0', text.n) != NULL) {
        return false;
    }
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        work->failed = true; /* of memory: the patterns are those above */
        return true;
    }
    bool is = regexec(&re, text.p, 0, NULL, 0) == 0;
    regfree(&re);
    return is && memchr(text.p, '\n', text.n) == NULL;
}

/* Of a text that has its form. */
static bool duration_is_within(struct gs_view text, uint64_t least_s)
{
    uint64_t sum = 0;
    uint64_t count;
    while (gs_view_u64(&text, 999999, &count) && text.n > 0) {
        sum += count * (text.p[0] == 'h' ? 3600 : text.p[0] == 'm' ? 60 : 1);
        text.p++;
        text.n--;
    }
    return sum >= least_s && sum <= TEN_YEARS_S;
}

static bool text_fits(struct gs_lint_work *work, const struct gs_lint_schema *row,
                      struct gs_view text)
{
    bool expiry = strcmp(row->path, "spec.expireAfter") == 0;
    if (expiry && gs_view_eq(text, "Never")) {
        return true;
    }
    if (text.n < row->min || text.n > row->max || !matches(work, text, row->pattern)) {
        return false;
    }
    return strcmp(row->pattern, GS_LINT_DURATION_PATTERN) != 0 ||
           (text.n > 0 &&
            duration_is_within(text, strcmp(row->path, "spec.emptyAfter") == 0 ? 0 : 1));
}

/* ---- findings ---- */

/* The key alone, so that what is under it can be told too. */
static void find_key(const struct gs_lint_slicepool *pool, enum gs_lint_rule_id rule,
                     const struct gs_lint_node *node, const char *instead)
{
    uint32_t from = gs_lint_node_from(node);
    uint32_t to = node->key.p != NULL ? node->key_end : node->end;
    if (node->key.p == NULL && !node->flow && node->kind == GS_LINT_MAP && node->first != NULL) {
        to = node->first->key_end;
    }
    gs_lint_find(pool->work, rule, pool->piece, from, to, "%s", instead);
}

static void refuse(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                   const char *instead)
{
    gs_lint_find_node(pool->work, GS_LINT_POOL_VALUE, pool->piece, node, "%s", instead);
}

/* Another scalar in its place, told with its key. */
static void refuse_and_set(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                           const char *value)
{
    refuse(pool, node,
           node->key.p == NULL
               ? value
               : gs_lint_printf(pool->work, "%.*s: %s", GS_VIEW_ARGS(node->key), value));
    if (!node->anchored) {
        gs_lint_replace(pool->work, pool->piece, node->start, node->end, value);
    }
}

static void check_word(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                       const struct gs_lint_schema *row)
{
    const char *right = NULL;
    for (size_t i = 0; row->words[i] != NULL; i++) {
        if (gs_view_eq(node->text, row->words[i])) {
            return;
        }
        right = gs_lint_same_letters(node->text, row->words[i]) ? row->words[i] : right;
    }
    if (right == NULL) {
        gs_lint_find_node(pool->work, GS_LINT_POOL_VALUE, pool->piece, node, "one of %s",
                          gs_lint_slicepool_words(pool->work, row->words));
        return;
    }
    refuse(pool, node, right);
    gs_lint_slicepool_set(pool, node, right);
}

/* slicepool_asks.c tells of a profile that is none. */
static bool asks_tells(const struct gs_lint_schema *row, const struct gs_lint_node *node)
{
    struct gs_profile_name name;
    return row->pattern != NULL && strcmp(row->pattern, GS_LINT_PROFILE_PATTERN) == 0 &&
           gs_profile_name_parse(node->text, &name, NULL) < 0;
}

static void check_text(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                       const struct gs_lint_schema *row)
{
    double number;
    enum plain is = plain_of(node, &number);
    if (row->words[0] != NULL && is != IS_NULL) {
        check_word(pool, node, row);
    } else if (is == IS_TRUTH || is == IS_NUMBER) {
        if (row->pattern != NULL && strcmp(row->pattern, GS_LINT_PROFILE_PATTERN) != 0 &&
            text_fits(pool->work, row, node->text)) {
            refuse_and_set(pool, node,
                           gs_lint_printf(pool->work, "\"%.*s\"", GS_VIEW_ARGS(node->text)));
        } else if (!asks_tells(row, node)) {
            refuse(pool, node, row->expected);
        }
    } else if (is == IS_NULL && !row->has_default) {
        refuse(pool, node,
               row->words[0] != NULL
                   ? gs_lint_printf(pool->work, "one of %s",
                                    gs_lint_slicepool_words(pool->work, row->words))
                   : row->expected);
    } else if (is == IS_TEXT && !asks_tells(row, node) && !text_fits(pool->work, row, node->text)) {
        refuse(pool, node, row->expected);
    }
}

static void check_number(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                         const struct gs_lint_schema *row)
{
    double value;
    uint64_t whole;
    enum plain is = plain_of(node, &value);
    if (is == IS_NUMBER && value >= (double)row->min && value <= (double)row->max &&
        value == (double)(uint64_t)value) {
        return;
    }
    if (node->quoted && gs_view_is_integer(node->text, row->max, &whole) && whole >= row->min) {
        refuse_and_set(pool, node, gs_lint_printf(pool->work, "%.*s", GS_VIEW_ARGS(node->text)));
        return;
    }
    refuse(pool, node, row->expected);
}

/* ---- maps and lists ---- */

/* Labels that other programs set, and keys that are none. */
static void check_label(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node)
{
    static const char *const owned[] = {"gpuslice.dev/", "karpenter.sh/", "nvidia.com/"};
    for (size_t i = 0; i < GS_ARRAY_LEN(owned); i++) {
        struct gs_view key = node->key;
        if (gs_view_skip(&key, owned[i])) {
            refuse(pool, node,
                   "no label of gpuslice.dev, karpenter.sh and nvidia.com: the programs that own "
                   "them set them");
            return;
        }
    }
    if (node->key.n > LABEL_KEY_MAX || !matches(pool->work, node->key, GS_LINT_KEY_PATTERN)) {
        find_key(pool, GS_LINT_POOL_VALUE, node, "a name such as team or example.com/team");
    }
}

static bool same(struct gs_view a, struct gs_view b)
{
    return a.n == b.n && a.n > 0 && memcmp(a.p, b.p, a.n) == 0;
}

/* Two keys, or two texts of a list, that are one. */
static void check_alike(const struct gs_lint_slicepool *pool, const struct gs_lint_node *parent)
{
    bool list = parent->kind == GS_LINT_LIST;
    unsigned n = 0;
    for (const struct gs_lint_node *one = parent->first; one != NULL && n < ALIKE_MAX;
         one = one->next, n++) {
        const struct gs_lint_node *other = parent->first;
        while (other != one &&
               !(list ? same(other->text, one->text) : same(other->key, one->key))) {
            other = other->next;
        }
        if (other != one) {
            find_key(pool, GS_LINT_POOL_TWICE, one, "it once");
        }
    }
}

/* Whether a field is there, or one whose name is corrected to it, or may come by a merge. */
static bool has_field(const struct gs_lint_node *map, const char *name)
{
    for (const struct gs_lint_node *one = map->first; one != NULL; one = one->next) {
        if (gs_view_eq(one->key, name) || gs_view_eq(one->key, "<<") ||
            gs_lint_same_letters(one->key, name)) {
            return true;
        }
    }
    return false;
}

static void check_needed(const struct gs_lint_slicepool *pool, const struct gs_lint_node *map,
                         const char *path)
{
    const char *lacks = NULL;
    size_t n = strlen(path);
    const struct gs_lint_schema *row;
    for (size_t i = 0; (row = gs_lint_slicepool_schema_row(i)) != NULL; i++) {
        bool below = row->need && strncmp(row->path, path, n) == 0 && row->path[n] == '.';
        const char *name = below ? row->path + n + 1 : "";
        if (below && strpbrk(name, ".[{") == NULL && !has_field(map, name)) {
            lacks = lacks == NULL ? name : gs_lint_printf(pool->work, "%s and %s", lacks, name);
        }
    }
    if (lacks != NULL) {
        find_key(pool, GS_LINT_POOL_LACKS, map, gs_lint_printf(pool->work, "%s in it", lacks));
    }
}

static void check_node(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                       const char *path);

static void check_children(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                           const char *path)
{
    char below[PATH_MAX_BYTES];
    bool labels = strcmp(path, "spec.labels") == 0;
    bool any = labels || strcmp(path, "spec.warm") == 0;
    check_alike(pool, node);
    for (const struct gs_lint_node *one = node->first; one != NULL; one = one->next) {
        if (node->kind == GS_LINT_LIST) {
            snprintf(below, sizeof(below), "%s[]", path);
        } else if (any) {
            snprintf(below, sizeof(below), "%s{}", path);
        } else {
            snprintf(below, sizeof(below), "%s.%.32s", path, one->key.p);
        }
        if (!(one->kind == GS_LINT_ALIAS && gs_view_eq(one->key, "<<"))) {
            if (labels) {
                check_label(pool, one);
            }
            check_node(pool, one, below);
        }
    }
    if (strcmp(path, "spec.taints[]") == 0 &&
        gs_view_eq(gs_lint_text(node, "key"), "gpuslice.dev/startup")) {
        refuse(pool, gs_lint_get(node, "key"),
               "no taint gpuslice.dev/startup: gpuslice sets and removes it itself");
    }
}

static void check_node(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                       const char *path)
{
    static const enum gs_lint_node_kind kinds[] = {[GS_LINT_WANT_MAP] = GS_LINT_MAP,
                                                   [GS_LINT_WANT_LIST] = GS_LINT_LIST,
                                                   [GS_LINT_WANT_TEXT] = GS_LINT_SCALAR,
                                                   [GS_LINT_WANT_NUMBER] = GS_LINT_SCALAR};
    const struct gs_lint_schema *row = gs_lint_slicepool_schema(path);
    double number;
    if (row == NULL || node->kind == GS_LINT_ALIAS || node->tagged) {
        return;
    }
    if (node->kind != kinds[row->want]) {
        bool left_out =
            row->has_default && node->kind == GS_LINT_SCALAR && plain_of(node, &number) == IS_NULL;
        if (!left_out) {
            const char *words = row->words[0] == NULL
                                    ? row->expected
                                    : gs_lint_slicepool_words(pool->work, row->words);
            find_key(pool, GS_LINT_POOL_VALUE, node, words);
        }
        return;
    }
    if (row->want == GS_LINT_WANT_TEXT) {
        check_text(pool, node, row);
    } else if (row->want == GS_LINT_WANT_NUMBER) {
        check_number(pool, node, row);
    } else {
        if (row->want == GS_LINT_WANT_MAP) {
            check_needed(pool, node, path);
        }
        if (node->n < row->min || (row->max > 0 && node->n > row->max)) {
            find_key(pool, GS_LINT_POOL_VALUE, node, row->expected);
        }
        check_children(pool, node, path);
    }
}

void gs_lint_slicepool_check(const struct gs_lint_slicepool *pool, const struct gs_lint_node *root)
{
    const struct gs_lint_node *name = gs_lint_at(root, "metadata", "name", NULL);
    check_alike(pool, root);
    if (pool->spec != NULL) {
        check_node(pool, pool->spec, "spec");
    } else if (!has_field(root, "spec")) {
        find_key(pool, GS_LINT_POOL_LACKS, gs_lint_get(root, "kind"), "spec beside it");
    }
    if (name != NULL && name->kind == GS_LINT_SCALAR && name->text.n > POOL_NAME_MAX) {
        refuse(pool, name, "63 characters at most: it becomes the value of a label");
    }
}
