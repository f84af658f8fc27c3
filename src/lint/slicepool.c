#include "lint/slicepool.h"

#include <ctype.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/near.h"

#define VERSION "gpuslice.dev/v1alpha1"

/* As deploy/crds/slicepools.yaml has them; a test compares. */
static const struct {
    const char *under;
    const char *names[20];
} fields[] = {
    {"", {"apiVersion", "kind", "metadata", "spec", "status"}},
    {"spec",
     {"nodeClassRef", "instanceTypes", "capacityTypes", "spotPercent", "zones", "profiles",
      "limits", "moves", "recut", "scaling", "warm", "labels", "taints", "emptyAfter", "startLimit",
      "expireAfter"}},
    {"spec.nodeClassRef", {"group", "kind", "name"}},
    {"spec.limits", {"gpus", "usdPerHour"}},
    {"spec.taints", {"key", "value", "effect"}},
};

static const struct {
    const char *field;
    const char *words[4];
} choices[] = {
    {"capacityTypes", {"reserved", "spot", "on-demand"}},
    {"moves", {"never", "optIn"}},
    {"recut", {"anyProfile", "profiles"}},
    {"scaling", {"overlay", "static"}},
};

const char *const *gs_lint_slicepool_fields(const char *under)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].under, under) == 0) {
            return fields[i].names;
        }
    }
    return NULL;
}

bool gs_lint_same_letters(struct gs_view text, const char *name)
{
    size_t i = 0;
    for (;; i++, name++) {
        while (i < text.n && !isalnum((unsigned char)text.p[i])) {
            i++;
        }
        while (*name != '\0' && !isalnum((unsigned char)*name)) {
            name++;
        }
        if (i == text.n || *name == '\0') {
            return i == text.n && *name == '\0';
        }
        if (tolower((unsigned char)text.p[i]) != tolower((unsigned char)*name)) {
            return false;
        }
    }
}

/* ---- fields ---- */

/* The only name that was meant; NULL: it may have been another. */
static const char *meant(struct gs_view text, const char *const *names)
{
    struct gs_near near = GS_NEAR_INIT(text);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (gs_lint_same_letters(text, names[i])) {
            return names[i];
        }
        gs_near_offer(&near, names[i]);
    }
    bool one = near.n > 0 && near.distances[0] <= 2 && near.distances[0] * 3 <= text.n &&
               (near.n == 1 || near.distances[1] > near.distances[0]);
    return one ? near.names[0] : NULL;
}

static const char *list_of(struct gs_lint_work *work, const char *const *names)
{
    char text[400];
    size_t n = 0;
    for (size_t i = 0; names[i] != NULL && n < sizeof(text); i++) {
        int k = snprintf(text + n, sizeof(text) - n, "%s%s", i == 0 ? "" : ", ", names[i]);
        n += k > 0 ? (size_t)k : 0;
    }
    return gs_lint_printf(work, "%s", text);
}

static void check_fields(const struct gs_lint_slicepool *pool, const struct gs_lint_node *map,
                         const char *const *names)
{
    const struct gs_lint_node *one = map != NULL && map->kind == GS_LINT_MAP ? map->first : NULL;
    for (; one != NULL; one = one->next) {
        size_t i = 0;
        while (names[i] != NULL && !gs_view_eq(one->key, names[i])) {
            i++;
        }
        if (names[i] != NULL) {
            continue;
        }
        const char *name = meant(one->key, names);
        if (name == NULL || gs_lint_get(map, name) != NULL) {
            gs_lint_find_node(pool->work, GS_LINT_POOL_FIELD, pool->piece, one, "one of %s",
                              list_of(pool->work, names));
            continue;
        }
        char mark = pool->piece->text.p[one->key_start];
        const char *quote = mark == '"' ? "\"" : mark == '\'' ? "'" : "";
        gs_lint_find_node(pool->work, GS_LINT_POOL_FIELD, pool->piece, one, "%s", name);
        gs_lint_replace(pool->work, pool->piece, one->key_start, one->key_end,
                        gs_lint_printf(pool->work, "%s%s%s", quote, name, quote));
    }
}

static void check_all_fields(const struct gs_lint_slicepool *pool, const struct gs_lint_node *root)
{
    const struct gs_lint_node *taints = gs_lint_get(pool->spec, "taints");
    check_fields(pool, root, gs_lint_slicepool_fields(""));
    check_fields(pool, pool->spec, gs_lint_slicepool_fields("spec"));
    check_fields(pool, gs_lint_get(pool->spec, "nodeClassRef"),
                 gs_lint_slicepool_fields("spec.nodeClassRef"));
    check_fields(pool, gs_lint_get(pool->spec, "limits"), gs_lint_slicepool_fields("spec.limits"));
    for (const struct gs_lint_node *one = taints == NULL ? NULL : taints->first; one != NULL;
         one = one->next) {
        check_fields(pool, one, gs_lint_slicepool_fields("spec.taints"));
    }
}

/* ---- values that are words ---- */

static void check_word(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                       const char *const *words)
{
    const char *right = NULL;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (node->kind != GS_LINT_SCALAR || gs_view_eq(node->text, words[i])) {
            return;
        }
        right = gs_lint_same_letters(node->text, words[i]) ? words[i] : right;
    }
    if (right == NULL) {
        gs_lint_find_node(pool->work, GS_LINT_POOL_VALUE, pool->piece, node, "one of %s",
                          list_of(pool->work, words));
        return;
    }
    gs_lint_find_node(pool->work, GS_LINT_POOL_VALUE, pool->piece, node, "%s", right);
    gs_lint_set(pool->work, pool->piece, node, right);
}

static void check_words(const struct gs_lint_slicepool *pool)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(choices); i++) {
        const struct gs_lint_node *node = gs_lint_get(pool->spec, choices[i].field);
        const struct gs_lint_node *one =
            node != NULL && node->kind == GS_LINT_LIST ? node->first : node;
        for (; one != NULL; one = one == node ? NULL : one->next) {
            check_word(pool, one, choices[i].words);
        }
    }
}

/* Dollars are a text in the schema, so that no digit is lost. */
static void check_dollars(const struct gs_lint_slicepool *pool)
{
    const struct gs_lint_node *usd = gs_lint_at(pool->spec, "limits", "usdPerHour", NULL);
    uint64_t value;
    if (usd != NULL && usd->kind == GS_LINT_SCALAR && !usd->quoted &&
        gs_view_is_fixed(usd->text, 6, UINT64_MAX / 2, &value)) {
        const char *quoted = gs_lint_printf(pool->work, "\"%.*s\"", GS_VIEW_ARGS(usd->text));
        gs_lint_find_node(pool->work, GS_LINT_POOL_VALUE, pool->piece, usd, "usdPerHour: %s",
                          quoted);
        gs_lint_replace(pool->work, pool->piece, usd->start, usd->end, quoted);
    }
}

/* ---- the object ---- */

/* A kind of another group may have the same name. */
static bool is_ours(const struct gs_lint_node *root)
{
    struct gs_view api = gs_lint_text(root, "apiVersion");
    return gs_view_eq(gs_lint_text(root, "kind"), "SlicePool") &&
           (api.n == 0 || gs_view_skip(&api, "gpuslice"));
}

void gs_lint_slicepool(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *root)
{
    if (root->kind != GS_LINT_MAP || !is_ours(root)) {
        return;
    }
    struct gs_lint_slicepool pool = {
        .work = work, .piece = piece, .spec = gs_lint_get(root, "spec")};
    const struct gs_lint_node *version = gs_lint_get(root, "apiVersion");
    const struct gs_lint_node *types = gs_lint_get(pool.spec, "instanceTypes");
    const struct gs_lint_node *one =
        types != NULL && types->kind == GS_LINT_LIST ? types->first : NULL;
    for (; one != NULL && pool.n_types < GS_LINT_TYPES_MAX; one = one->next) {
        if (one->kind == GS_LINT_SCALAR) {
            pool.types[pool.n_types++] = one->text.p;
        }
    }
    if (version != NULL && !gs_view_eq(version->text, VERSION)) {
        gs_lint_find_node(work, GS_LINT_POOL_VERSION, piece, version, "%s", VERSION);
        gs_lint_set(work, piece, version, VERSION);
    }
    check_all_fields(&pool, root);
    check_words(&pool);
    check_dollars(&pool);
    gs_lint_slicepool_asks(&pool);
}
