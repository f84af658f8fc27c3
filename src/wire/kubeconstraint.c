#include "wire/kubeconstraint.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "wire/kubejson.h"

static const struct {
    const char *text;
    enum gs_label_op op;
    size_t least_values, most_values;
} operators[] = {
    {"In", GS_LABEL_IN, 1, SIZE_MAX},  {"NotIn", GS_LABEL_NOT_IN, 1, SIZE_MAX},
    {"Exists", GS_LABEL_EXISTS, 0, 0}, {"DoesNotExist", GS_LABEL_NOT_EXISTS, 0, 0},
    {"Gt", GS_LABEL_GT, 1, 1},         {"Lt", GS_LABEL_LT, 1, 1},
};

static int require_object(const json_t *value, const char *what, struct gs_err *err)
{
    if (json_is_object(value)) {
        return 0;
    }
    return gs_fail(err, GS_INVALID, "%s is %s; expected an object", what, gs_kubejson_type(value));
}

/* ---- requirements ---- */

static int copy_values(const json_t *list, struct gs_arena *arena, struct gs_requirement *ret,
                       struct gs_err *err)
{
    size_t n = json_array_size(list);
    const char **values = GS_ARENA_NEW(arena, const char *, n);
    for (size_t i = 0; values != NULL && i < n; i++) {
        const char *value = json_string_value(json_array_get(list, i));
        if (value == NULL || !gs_kubejson_is_printable(value)) {
            return gs_fail(err, GS_INVALID, "values[%zu] is %s; expected plain text", i,
                           gs_kubejson_type(json_array_get(list, i)));
        }
        values[i] = gs_arena_text(arena, value, strlen(value));
        if (values[i] == NULL) {
            values = NULL;
        }
    }
    if (values == NULL) {
        return gs_kubejson_no_memory(err);
    }
    ret->values = n == 0 ? NULL : values;
    ret->n_values = n;
    return 0;
}

static int set_operator(const char *text, struct gs_requirement *requirement, struct gs_err *err)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(operators); i++) {
        if (text == NULL || strcmp(text, operators[i].text) != 0) {
            continue;
        }
        if (requirement->n_values < operators[i].least_values ||
            requirement->n_values > operators[i].most_values) {
            return gs_fail(err, GS_INVALID, "operator %s with %zu values; expected %s", text,
                           requirement->n_values,
                           operators[i].most_values == 0   ? "none"
                           : operators[i].most_values == 1 ? "one"
                                                           : "one or more");
        }
        requirement->op = operators[i].op;
        return 0;
    }
    return gs_fail(err, GS_INVALID,
                   "operator \"%.40s\"; expected In, NotIn, Exists, DoesNotExist, Gt or Lt",
                   text == NULL ? "" : text);
}

static int read_requirement(const json_t *object, bool on_field, struct gs_arena *arena,
                            struct gs_requirement *ret, struct gs_err *err)
{
    json_t *values = NULL;
    const char *text = NULL;
    struct gs_requirement requirement = {.on_field = on_field};
    int r = require_object(object, "a match expression", err);
    r = r == 0 ? gs_kubejson_copy(object, "key", arena, &requirement.key, err) : r;
    r = r == 0 ? gs_kubejson_array(object, "values", &values, err) : r;
    r = r == 0 ? gs_kubejson_text(object, "operator", &text, err) : r;
    r = r == 0 ? copy_values(values, arena, &requirement, err) : r;
    r = r == 0 ? set_operator(text, &requirement, err) : r;
    if (r == 0 && on_field && strcmp(requirement.key, "metadata.name") != 0) {
        r = gs_fail(err, GS_INVALID, "matchFields \"%.60s\"; expected metadata.name",
                    requirement.key);
    }
    if (r == 0) {
        *ret = requirement;
    }
    return r;
}

/* ---- terms ---- */

static int read_requirements(const json_t *list, bool on_field, struct gs_arena *arena,
                             struct gs_requirement *into, struct gs_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        int r = read_requirement(json_array_get(list, i), on_field, arena, &into[i], err);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int read_term(const json_t *object, struct gs_arena *arena, struct gs_term *ret,
                     struct gs_err *err)
{
    json_t *labels = NULL;
    json_t *fields = NULL;
    int r = require_object(object, "a node selector term", err);
    r = r == 0 ? gs_kubejson_array(object, "matchExpressions", &labels, err) : r;
    r = r == 0 ? gs_kubejson_array(object, "matchFields", &fields, err) : r;
    if (r != 0) {
        return r;
    }
    size_t n_labels = json_array_size(labels);
    size_t n = n_labels + json_array_size(fields);
    struct gs_requirement *requirements = GS_ARENA_NEW(arena, struct gs_requirement, n);
    if (requirements == NULL) {
        return gs_kubejson_no_memory(err);
    }
    r = read_requirements(labels, false, arena, requirements, err);
    r = r == 0 ? read_requirements(fields, true, arena, requirements + n_labels, err) : r;
    *ret = (struct gs_term){.requirements = requirements, .n_requirements = n};
    return r;
}

int gs_kubeconstraint_terms(const struct json_t *selector, struct gs_arena *arena,
                            const struct gs_term **ret, size_t *ret_n, struct gs_err *err)
{
    json_t *list = NULL;
    int r = gs_kubejson_array(selector, "nodeSelectorTerms", &list, err);
    if (r != 0) {
        return r;
    }
    size_t n = json_array_size(list);
    if (n == 0) {
        return gs_fail(err, GS_INVALID, "nodeSelectorTerms is empty; expected a term");
    }
    struct gs_term *terms = GS_ARENA_NEW(arena, struct gs_term, n);
    for (size_t i = 0; terms != NULL && r == 0 && i < n; i++) {
        r = read_term(json_array_get(list, i), arena, &terms[i], err);
    }
    *ret = terms;
    *ret_n = n;
    return terms == NULL ? gs_kubejson_no_memory(err) : r;
}

int gs_kubeconstraint_one_of(const struct json_t *object, struct gs_arena *arena,
                             struct gs_requirement *ret, struct gs_err *err)
{
    json_t *values = NULL;
    struct gs_requirement requirement = {.op = GS_LABEL_IN};
    int r = require_object(object, "a label expression", err);
    r = r == 0 ? gs_kubejson_copy(object, "key", arena, &requirement.key, err) : r;
    r = r == 0 ? gs_kubejson_array(object, "values", &values, err) : r;
    r = r == 0 ? copy_values(values, arena, &requirement, err) : r;
    if (r == 0 && requirement.n_values == 0) {
        r = gs_fail(err, GS_INVALID, "label %.60s without values; expected one or more",
                    requirement.key);
    }
    if (r == 0) {
        *ret = requirement;
    }
    return r;
}

static int read_affinity(const json_t *spec, struct gs_arena *arena, struct gs_constraint *ret,
                         struct gs_err *err)
{
    json_t *affinity = NULL;
    json_t *node = NULL;
    json_t *required = NULL;
    int r = gs_kubejson_object(spec, "affinity", &affinity, err);
    r = r == 0 ? gs_kubejson_object(affinity, "nodeAffinity", &node, err) : r;
    r = r == 0 ? gs_kubejson_object(node, "requiredDuringSchedulingIgnoredDuringExecution",
                                    &required, err)
               : r;
    return r != 0 || required == NULL
               ? r
               : gs_kubeconstraint_terms(required, arena, &ret->terms, &ret->n_terms, err);
}

/* ---- node selector ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct gs_requirement *x = a;
    const struct gs_requirement *y = b;
    return strcmp(x->key, y->key);
}

static int read_pair(const char *key, json_t *value, struct gs_arena *arena,
                     struct gs_requirement *ret, struct gs_err *err)
{
    const char *text = json_string_value(value);
    if (text == NULL || !gs_kubejson_is_printable(text) || !gs_kubejson_is_printable(key)) {
        return gs_fail(err, GS_INVALID, "a label of nodeSelector is %s; expected plain text",
                       gs_kubejson_type(value));
    }
    const char **values = GS_ARENA_NEW(arena, const char *, 1);
    const char *own_key = gs_arena_text(arena, key, strlen(key));
    const char *own_text = gs_arena_text(arena, text, strlen(text));
    if (values == NULL || own_key == NULL || own_text == NULL) {
        return gs_kubejson_no_memory(err);
    }
    values[0] = own_text;
    *ret =
        (struct gs_requirement){.key = own_key, .op = GS_LABEL_IN, .values = values, .n_values = 1};
    return 0;
}

/* Labels and their values as requirements, by key. */
static int read_pairs(json_t *pairs, struct gs_arena *arena, struct gs_requirement *into,
                      struct gs_err *err)
{
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(pairs, key, value)
    {
        int r = read_pair(key, value, arena, &into[n++], err);
        if (r != 0) {
            return r;
        }
    }
    if (n > 0) {
        qsort(into, n, sizeof(*into), compare_keys);
    }
    return 0;
}

static int read_selector(const json_t *spec, struct gs_arena *arena, struct gs_constraint *ret,
                         struct gs_err *err)
{
    json_t *pairs = NULL;
    int r = gs_kubejson_object(spec, "nodeSelector", &pairs, err);
    size_t n = json_object_size(pairs);
    if (r != 0 || n == 0) {
        return r;
    }
    struct gs_requirement *requirements = GS_ARENA_NEW(arena, struct gs_requirement, n);
    if (requirements == NULL) {
        return gs_kubejson_no_memory(err);
    }
    r = read_pairs(pairs, arena, requirements, err);
    ret->selector = (struct gs_term){.requirements = requirements, .n_requirements = n};
    return r;
}

int gs_kubeconstraint_labels(const struct json_t *selector, struct gs_arena *arena,
                             struct gs_term *ret, struct gs_err *err)
{
    json_t *pairs = NULL;
    json_t *list = NULL;
    int r = require_object(selector, "a label selector", err);
    r = r == 0 ? gs_kubejson_object(selector, "matchLabels", &pairs, err) : r;
    r = r == 0 ? gs_kubejson_array(selector, "matchExpressions", &list, err) : r;
    if (r != 0) {
        return r;
    }
    size_t n_pairs = json_object_size(pairs);
    size_t n = n_pairs + json_array_size(list);
    struct gs_requirement *requirements = GS_ARENA_NEW(arena, struct gs_requirement, n);
    if (requirements == NULL) {
        return gs_kubejson_no_memory(err);
    }
    r = read_pairs(pairs, arena, requirements, err);
    r = r == 0 ? read_requirements(list, false, arena, requirements + n_pairs, err) : r;
    for (size_t i = n_pairs; r == 0 && i < n; i++) {
        if (requirements[i].op == GS_LABEL_GT || requirements[i].op == GS_LABEL_LT) {
            r = gs_fail(err, GS_INVALID,
                        "operator Gt or Lt in a label selector; expected In, NotIn, Exists or "
                        "DoesNotExist");
        }
    }
    *ret = (struct gs_term){.requirements = requirements, .n_requirements = n};
    return r;
}

/* ---- tolerations and taints ---- */

int gs_kubeconstraint_taint(const struct json_t *taint, struct gs_arena *arena,
                            struct gs_taint *ret, struct gs_err *err)
{
    struct gs_taint got = {.key = NULL};
    int r = require_object(taint, "a taint or toleration", err);
    r = r == 0 ? gs_kubejson_copy(taint, "key", arena, &got.key, err) : r;
    r = r == 0 ? gs_kubejson_copy(taint, "value", arena, &got.value, err) : r;
    r = r == 0 ? gs_kubejson_copy(taint, "effect", arena, &got.effect, err) : r;
    if (r == 0) {
        *ret = got;
    }
    return r;
}

/* *ret_kept false: an operator that compares numbers. */
static int read_toleration(const json_t *object, struct gs_arena *arena, struct gs_toleration *ret,
                           bool *ret_kept, struct gs_err *err)
{
    struct gs_taint like;
    const char *text = NULL;
    int r = gs_kubeconstraint_taint(object, arena, &like, err);
    r = r == 0 ? gs_kubejson_text(object, "operator", &text, err) : r;
    if (r != 0) {
        return r;
    }
    text = text == NULL || text[0] == '\0' ? "Equal" : text;
    bool exists = strcmp(text, "Exists") == 0;
    *ret_kept = exists || strcmp(text, "Equal") == 0;
    if (!*ret_kept && strcmp(text, "Gt") != 0 && strcmp(text, "Lt") != 0) {
        return gs_fail(err, GS_INVALID,
                       "operator \"%.40s\" of a toleration; expected Equal, "
                       "Exists, Gt or Lt",
                       text);
    }
    if (like.key[0] == '\0' && !exists) {
        return gs_fail(err, GS_INVALID, "a toleration without key; expected operator Exists");
    }
    *ret = (struct gs_toleration){.key = like.key,
                                  .value = exists ? "" : like.value,
                                  .effect = like.effect,
                                  .exists = exists};
    return 0;
}

static int read_tolerations(const json_t *spec, struct gs_arena *arena, struct gs_constraint *ret,
                            bool *ret_dropped, struct gs_err *err)
{
    json_t *list = NULL;
    size_t kept = 0;
    int r = gs_kubejson_array(spec, "tolerations", &list, err);
    size_t n = json_array_size(list);
    struct gs_toleration *tolerations = GS_ARENA_NEW(arena, struct gs_toleration, n);
    if (r == 0 && tolerations == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool keep = false;
        r = read_toleration(json_array_get(list, i), arena, &tolerations[kept], &keep, err);
        kept += keep;
        *ret_dropped |= r == 0 && !keep;
    }
    ret->tolerations = tolerations;
    ret->n_tolerations = kept;
    return r;
}

int gs_kubeconstraint_parse(const struct json_t *spec, struct gs_arena *arena,
                            const struct gs_constraint **ret, bool *ret_dropped, struct gs_err *err)
{
    bool dropped = false;
    struct gs_constraint *constraint = GS_ARENA_NEW(arena, struct gs_constraint, 1);
    if (constraint == NULL) {
        return gs_kubejson_no_memory(err);
    }
    int r = read_selector(spec, arena, constraint, err);
    r = r == 0 ? read_affinity(spec, arena, constraint, err) : r;
    r = r == 0 ? read_tolerations(spec, arena, constraint, &dropped, err) : r;
    if (r != 0) {
        return r;
    }
    bool any = constraint->selector.n_requirements > 0 || constraint->n_terms > 0 ||
               constraint->n_tolerations > 0;
    *ret = any ? constraint : NULL;
    *ret_dropped = dropped;
    return 0;
}
