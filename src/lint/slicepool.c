#include "lint/slicepool.h"

#include <ctype.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/near.h"

enum { ALIKE_MAX = 64 }; /* siblings among which a correction is compared */

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

const char *gs_lint_slicepool_words(struct gs_lint_work *work, const char *const *names)
{
    char text[400];
    size_t n = 0;
    for (size_t i = 0; names[i] != NULL && n < sizeof(text); i++) {
        int k = snprintf(text + n, sizeof(text) - n, "%s%s", i == 0 ? "" : ", ", names[i]);
        n += k > 0 ? (size_t)k : 0;
    }
    return gs_lint_printf(work, "%s", text);
}

/* Whether it would stand twice: another has it, or has been corrected to it. */
static bool is_taken(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                     const char *value, bool key)
{
    const struct gs_lint_node *one = node->parent->first;
    if (node->parent->n > ALIKE_MAX) {
        return true;
    }
    for (; one != NULL; one = one->next) {
        if (one != node &&
            (gs_view_eq(key ? one->key : one->text, value) ||
             gs_lint_becomes(pool->work, pool->piece, key ? one->key_start : one->start, value))) {
            return true;
        }
    }
    return false;
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
        if (names[i] != NULL || (one->kind == GS_LINT_ALIAS && gs_view_eq(one->key, "<<"))) {
            continue;
        }
        const char *name = meant(one->key, names);
        if (name == NULL || gs_lint_get(map, name) != NULL) {
            gs_lint_find_node(pool->work, GS_LINT_POOL_FIELD, pool->piece, one, "one of %s",
                              gs_lint_slicepool_words(pool->work, names));
            continue;
        }
        char mark = pool->piece->text.p[one->key_start];
        const char *quote = mark == '"' ? "\"" : mark == '\'' ? "'" : "";
        gs_lint_find_node(pool->work, GS_LINT_POOL_FIELD, pool->piece, one, "%s", name);
        if (!one->key_anchored && !is_taken(pool, one, name, true)) {
            gs_lint_replace(pool->work, pool->piece, one->key_start, one->key_end,
                            gs_lint_printf(pool->work, "%s%s%s", quote, name, quote));
        }
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

/* ---- values ---- */

void gs_lint_slicepool_set(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                           const char *value)
{
    bool item = node->parent != NULL && node->parent->kind == GS_LINT_LIST;
    if (!item || !is_taken(pool, node, value, false)) {
        gs_lint_set(pool->work, pool->piece, node, value);
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

static void check_one(struct gs_lint_work *work, const struct gs_lint_piece *piece,
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
    gs_lint_slicepool_check(&pool, root);
    gs_lint_slicepool_asks(&pool);
}

void gs_lint_slicepool(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *root)
{
    struct gs_view kind = gs_lint_text(root, "kind");
    check_one(work, piece, root);
    if (gs_view_eq(kind, "List") || gs_view_eq(kind, "SlicePoolList")) {
        const struct gs_lint_node *items = gs_lint_get(root, "items");
        for (const struct gs_lint_node *one =
                 items != NULL && items->kind == GS_LINT_LIST ? items->first : NULL;
             one != NULL; one = one->next) {
            check_one(work, piece, one);
        }
    }
}
