#include "wire/nodefacts.h"

#include "base/cleanup.h"

static int no_memory(const struct gs_doc_node *at, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory for labels and taints", at->label,
                   at->line);
}

/* A value that may be empty, but not left out: "zone:" is no "zone: ''". */
static int read_value(struct gs_arena *arena, const struct gs_doc_node *node, const char **ret,
                      struct gs_err *err)
{
    if (node->kind == GS_DOC_SCALAR && node->quoted && node->text.n == 0) {
        *ret = "";
        return 0;
    }
    return gs_doc_copy(node, GS_NODEFACTS_VALUE_MAX, arena, ret, err);
}

static int read_label(struct gs_arena *arena, const struct gs_doc_node *node, struct gs_label *ret,
                      struct gs_err *err)
{
    if (node->key.n == 0 || node->key.n > GS_NODEFACTS_KEY_MAX) {
        return gs_doc_fail(node, err, "found a label key of %zu bytes; expected 1 to %d",
                           node->key.n, GS_NODEFACTS_KEY_MAX);
    }
    ret->key = gs_arena_text(arena, node->key.p, node->key.n);
    return ret->key == NULL ? no_memory(node, err) : read_value(arena, node, &ret->value, err);
}

static bool has_label(const struct gs_label *labels, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(labels[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static int read_labels(struct gs_arena *arena, const struct gs_doc_node *map, const char *type,
                       struct gs_node_facts *facts, struct gs_err *err)
{
    static const char type_key[] = "node.kubernetes.io/instance-type";
    const struct gs_doc_node *node = gs_doc_find(map, "labels");
    int r = node == NULL ? 0 : gs_doc_expect(node, GS_DOC_MAP, err);
    if (r < 0) {
        return r;
    }
    size_t n = node == NULL ? 0 : node->n;
    if (n > GS_NODEFACTS_LABELS_MAX) {
        return gs_doc_fail(node, err, "found %zu labels; expected %d at most", n,
                           GS_NODEFACTS_LABELS_MAX);
    }
    struct gs_label *labels = GS_ARENA_NEW(arena, struct gs_label, n + 1);
    if (labels == NULL) {
        return no_memory(map, err);
    }
    const struct gs_doc_node *child = node == NULL ? NULL : node->first;
    for (size_t i = 0; r == 0 && child != NULL; child = child->next) {
        r = read_label(arena, child, &labels[i++], err);
    }
    if (r == 0 && type != NULL && !has_label(labels, n, type_key)) {
        labels[n++] = (struct gs_label){.key = type_key, .value = type};
    }
    facts->labels = labels;
    facts->n_labels = n;
    return r;
}

static int read_effect(const struct gs_doc_node *map, struct gs_taint *ret, struct gs_err *err)
{
    static const char *const effects[] = {"NoSchedule", "NoExecute", "PreferNoSchedule"};
    const struct gs_doc_node *node;
    struct gs_view text;
    int r = gs_doc_need(map, "effect", &node, err);
    if (r < 0 || (r = gs_doc_text(node, GS_NODEFACTS_VALUE_MAX, &text, err)) < 0) {
        return r;
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(effects); i++) {
        if (gs_view_eq(text, effects[i])) {
            ret->effect = effects[i];
            return 0;
        }
    }
    return gs_doc_fail(node, err,
                       "effect: found \"%.*s\"; expected NoSchedule, NoExecute or "
                       "PreferNoSchedule",
                       GS_VIEW_ARGS(text));
}

static int read_taint(struct gs_arena *arena, const struct gs_doc_node *map, struct gs_taint *ret,
                      struct gs_err *err)
{
    static const char *const keys[] = {"key", "value", "effect"};
    const struct gs_doc_node *key;
    int r = gs_doc_expect_keys(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = gs_doc_need(map, "key", &key, err)) < 0 ||
        (r = gs_doc_copy(key, GS_NODEFACTS_KEY_MAX, arena, &ret->key, err)) < 0) {
        return r;
    }
    const struct gs_doc_node *value = gs_doc_find(map, "value");
    ret->value = "";
    if (value != NULL && (r = read_value(arena, value, &ret->value, err)) < 0) {
        return r;
    }
    return read_effect(map, ret, err);
}

static int read_taints(struct gs_arena *arena, const struct gs_doc_node *map,
                       struct gs_node_facts *facts, struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(map, "taints");
    if (node == NULL) {
        return 0;
    }
    int r = gs_doc_expect(node, GS_DOC_LIST, err);
    if (r == 0 && node->n > GS_NODEFACTS_TAINTS_MAX) {
        r = gs_doc_fail(node, err, "found %u taints; expected %d at most", node->n,
                        GS_NODEFACTS_TAINTS_MAX);
    }
    if (r < 0) {
        return r;
    }
    struct gs_taint *taints = GS_ARENA_NEW(arena, struct gs_taint, node->n);
    if (taints == NULL) {
        return no_memory(node, err);
    }
    for (const struct gs_doc_node *child = node->first; r == 0 && child != NULL;
         child = child->next) {
        r = read_taint(arena, child, &taints[facts->n_taints++], err);
    }
    facts->taints = taints;
    return r;
}

int gs_nodefacts_read(struct gs_arena *arena, const struct gs_doc_node *map, const char *name,
                      const char *type, const struct gs_node_facts **ret, struct gs_err *err)
{
    struct gs_node_facts *facts = GS_ARENA_NEW(arena, struct gs_node_facts, 1);
    if (facts == NULL) {
        return no_memory(map, err);
    }
    facts->name = name;
    int r = read_labels(arena, map, type, facts, err);
    if (r < 0 || (r = read_taints(arena, map, facts, err)) < 0) {
        return r;
    }
    *ret = facts;
    return 0;
}
