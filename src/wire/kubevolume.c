#include "wire/kubevolume.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubeconstraint.h"
#include "wire/kubejson.h"

#define BIND_COMPLETED "pv.kubernetes.io/bind-completed"
#define SELECTED_NODE "volume.kubernetes.io/selected-node"
#define CLASS_OF_OLD                                                                               \
    "volume.beta.kubernetes.io/storage-class" /* comes before spec.storageClassName */
#define NO_PROVISIONER "kubernetes.io/no-provisioner"
#define ZONES_BETWEEN "__" /* of a volume in several zones */

/* metadata and spec, and the name of the object. */
struct parts {
    json_t *metadata;
    json_t *spec;
    const char *name;
};

static int read_parts(const json_t *object, const char *kind, struct gs_arena *arena,
                      struct parts *ret, struct gs_err *err)
{
    int r = gs_kubejson_object(object, "metadata", &ret->metadata, err);
    r = r == 0 ? gs_kubejson_object(object, "spec", &ret->spec, err) : r;
    r = r == 0 ? gs_kubejson_copy(ret->metadata, "name", arena, &ret->name, err) : r;
    if (r == 0 && !gs_kubejson_is_name(ret->name)) {
        r = gs_fail(err, GS_INVALID,
                    "a %s named \"%.100s\"; expected lower-case letters, digits, '-' and '.'", kind,
                    ret->name);
    }
    return r;
}

/* A text that names another object: "" or a name. */
static int read_name(const json_t *object, const char *key, struct gs_arena *arena,
                     const char **ret, struct gs_err *err)
{
    int r = gs_kubejson_copy(object, key, arena, ret, err);
    return r == 0 && (*ret)[0] != '\0' && !gs_kubejson_is_name(*ret)
               ? gs_fail(err, GS_INVALID, "%s is \"%.100s\"; expected the name of an object", key,
                         *ret)
               : r;
}

/* ---- claims ---- */

static int read_modes(const json_t *spec, struct gs_kubevolume_claim *claim, struct gs_err *err)
{
    json_t *modes = NULL;
    int r = gs_kubejson_array(spec, "accessModes", &modes, err);
    for (size_t i = 0; r == 0 && i < json_array_size(modes); i++) {
        const char *mode = json_string_value(json_array_get(modes, i));
        claim->one_pod |= mode != NULL && strcmp(mode, "ReadWriteOncePod") == 0;
    }
    return r;
}

/* As of a pod's ephemeral volume: its controller is the pod. */
static int read_owner(const json_t *metadata, struct gs_arena *arena,
                      struct gs_kubevolume_claim *claim, struct gs_err *err)
{
    json_t *owners = NULL;
    claim->owner = "";
    int r = gs_kubejson_array(metadata, "ownerReferences", &owners, err);
    for (size_t i = 0; r == 0 && i < json_array_size(owners); i++) {
        const json_t *owner = json_array_get(owners, i);
        if (json_is_true(json_object_get(owner, "controller"))) {
            return gs_kubejson_copy(owner, "uid", arena, &claim->owner, err);
        }
    }
    return r;
}

static int read_class_name(const struct parts *parts, const json_t *annotations,
                           struct gs_arena *arena, const char **ret, struct gs_err *err)
{
    bool old = json_object_get(annotations, CLASS_OF_OLD) != NULL;
    return old ? read_name(annotations, CLASS_OF_OLD, arena, ret, err)
               : read_name(parts->spec, "storageClassName", arena, ret, err);
}

int gs_kubevolume_claim(const struct json_t *object, struct gs_arena *arena,
                        struct gs_kubevolume_claim *ret, struct gs_err *err)
{
    struct gs_kubevolume_claim claim = {.bound = false};
    struct parts parts = {.name = NULL};
    json_t *annotations = NULL;
    json_t *status = NULL;
    const char *phase = NULL;
    const char *deleted = NULL;
    int r = read_parts(object, "PersistentVolumeClaim", arena, &parts, err);
    r = r == 0 ? gs_kubejson_object(parts.metadata, "annotations", &annotations, err) : r;
    r = r == 0 ? gs_kubejson_object(object, "status", &status, err) : r;
    r = r == 0 ? gs_kubejson_text(status, "phase", &phase, err) : r;
    r = r == 0 ? gs_kubejson_text(parts.metadata, "deletionTimestamp", &deleted, err) : r;
    r = r == 0 ? read_name(parts.spec, "volumeName", arena, &claim.volume, err) : r;
    r = r == 0 ? read_class_name(&parts, annotations, arena, &claim.class, err) : r;
    r = r == 0 ? read_name(annotations, SELECTED_NODE, arena, &claim.node, err) : r;
    r = r == 0 ? read_owner(parts.metadata, arena, &claim, err) : r;
    r = r == 0 ? read_modes(parts.spec, &claim, err) : r;
    if (r == 0) {
        claim.name = parts.name;
        claim.bound =
            claim.volume[0] != '\0' && json_object_get(annotations, BIND_COMPLETED) != NULL;
        claim.lost = phase != NULL && strcmp(phase, "Lost") == 0;
        claim.deleting = deleted != NULL;
        *ret = claim;
    }
    return r;
}

/* ---- bounds ---- */

static int check_terms(const struct gs_term *terms, size_t n, struct gs_err *err)
{
    if (n > GS_KUBEVOLUME_TERMS_MAX) {
        return gs_fail(err, GS_INVALID, "%zu terms; expected at most %d", n,
                       GS_KUBEVOLUME_TERMS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (terms[i].n_requirements > GS_KUBEVOLUME_REQUIREMENTS_MAX) {
            return gs_fail(err, GS_INVALID, "%zu requirements in a term; expected at most %d",
                           terms[i].n_requirements, GS_KUBEVOLUME_REQUIREMENTS_MAX);
        }
        for (size_t k = 0; k < terms[i].n_requirements; k++) {
            if (terms[i].requirements[k].n_values > GS_KUBEVOLUME_VALUES_MAX) {
                return gs_fail(err, GS_INVALID, "%zu values; expected at most %d",
                               terms[i].requirements[k].n_values, GS_KUBEVOLUME_VALUES_MAX);
            }
        }
    }
    return 0;
}

/* ---- volumes ---- */

/* "a__b": of both zones. */
static int split_zones(const char *text, struct gs_arena *arena, struct gs_requirement *ret,
                       struct gs_err *err)
{
    size_t n = 1;
    for (const char *at = text; (at = strstr(at, ZONES_BETWEEN)) != NULL; at += 2) {
        n++;
    }
    const char **values = GS_ARENA_NEW(arena, const char *, n);
    if (values == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *end = strstr(text, ZONES_BETWEEN);
        size_t size = end == NULL ? strlen(text) : (size_t)(end - text);
        values[i] = gs_arena_text(arena, text, size);
        if (values[i] == NULL) {
            return gs_kubejson_no_memory(err);
        }
        text += end == NULL ? size : size + 2;
    }
    ret->op = GS_LABEL_IN;
    ret->values = values;
    ret->n_values = n;
    return 0;
}

/* Labels of old names are those of the new ones, which every node has. */
static int read_zones(const json_t *metadata, struct gs_arena *arena, struct gs_term *ret,
                      struct gs_err *err)
{
    static const struct {
        const char *label;
        const char *of_nodes;
    } keys[] = {
        {"topology.kubernetes.io/zone", "topology.kubernetes.io/zone"},
        {"topology.kubernetes.io/region", "topology.kubernetes.io/region"},
        {"failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"},
        {"failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"},
    };
    json_t *labels = NULL;
    size_t n = 0;
    struct gs_requirement *all = NULL;
    int r = gs_kubejson_object(metadata, "labels", &labels, err);
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(keys); i++) {
        const char *text = NULL;
        r = gs_kubejson_text(labels, keys[i].label, &text, err);
        if (r != 0 || text == NULL) {
            continue;
        }
        all = all == NULL ? GS_ARENA_NEW(arena, struct gs_requirement, GS_ARRAY_LEN(keys)) : all;
        if (all == NULL) {
            return gs_kubejson_no_memory(err);
        }
        all[n].key = keys[i].of_nodes;
        r = split_zones(text, arena, &all[n++], err);
    }
    *ret = (struct gs_term){.requirements = all, .n_requirements = n};
    return r == 0 ? check_terms(ret, 1, err) : r;
}

int gs_kubevolume_volume(const struct json_t *object, struct gs_arena *arena,
                         struct gs_kubevolume *ret, struct gs_err *err)
{
    struct gs_kubevolume volume = {.n_terms = 0};
    struct parts parts = {.name = NULL};
    json_t *affinity = NULL;
    json_t *required = NULL;
    int r = read_parts(object, "PersistentVolume", arena, &parts, err);
    r = r == 0 ? gs_kubejson_object(parts.spec, "nodeAffinity", &affinity, err) : r;
    r = r == 0 ? gs_kubejson_object(affinity, "required", &required, err) : r;
    r = r == 0 && required != NULL
            ? gs_kubeconstraint_terms(required, arena, &volume.terms, &volume.n_terms, err)
            : r;
    r = r == 0 ? check_terms(volume.terms, volume.n_terms, err) : r;
    r = r == 0 ? read_zones(parts.metadata, arena, &volume.zones, err) : r;
    if (r == 0) {
        volume.name = parts.name;
        *ret = volume;
    }
    return r;
}

/* ---- classes ---- */

static int read_topology(const json_t *object, struct gs_arena *arena, struct gs_term *ret,
                         struct gs_err *err)
{
    json_t *list = NULL;
    int r = gs_kubejson_array(object, "matchLabelExpressions", &list, err);
    size_t n = json_array_size(list);
    struct gs_requirement *all = GS_ARENA_NEW(arena, struct gs_requirement, n);
    if (r == 0 && all == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = gs_kubeconstraint_one_of(json_array_get(list, i), arena, &all[i], err);
    }
    *ret = (struct gs_term){.requirements = all, .n_requirements = n};
    return r;
}

static int read_topologies(const json_t *object, struct gs_arena *arena,
                           struct gs_kubevolume_class *class, struct gs_err *err)
{
    json_t *list = NULL;
    int r = gs_kubejson_array(object, "allowedTopologies", &list, err);
    size_t n = json_array_size(list);
    struct gs_term *terms = GS_ARENA_NEW(arena, struct gs_term, n);
    if (r == 0 && terms == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = read_topology(json_array_get(list, i), arena, &terms[i], err);
    }
    class->terms = terms;
    class->n_terms = n;
    return r == 0 ? check_terms(terms, n, err) : r;
}

int gs_kubevolume_class(const struct json_t *object, struct gs_arena *arena,
                        struct gs_kubevolume_class *ret, struct gs_err *err)
{
    struct gs_kubevolume_class class = {.n_terms = 0};
    struct parts parts = {.name = NULL};
    const char *mode = NULL;
    const char *provisioner = NULL;
    int r = read_parts(object, "StorageClass", arena, &parts, err);
    r = r == 0 ? gs_kubejson_text(object, "volumeBindingMode", &mode, err) : r;
    r = r == 0 ? gs_kubejson_text(object, "provisioner", &provisioner, err) : r;
    r = r == 0 ? read_topologies(object, arena, &class, err) : r;
    if (r == 0) {
        class.name = parts.name;
        class.waits = mode != NULL && strcmp(mode, "WaitForFirstConsumer") == 0;
        class.makes = provisioner != NULL && provisioner[0] != '\0' &&
                      strcmp(provisioner, NO_PROVISIONER) != 0;
        *ret = class;
    }
    return r;
}
