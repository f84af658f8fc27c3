#include "cluster/kube_decode.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cluster/cluster_ops.h"
#include "wire/kubeask.h"
#include "wire/kubejson.h"

/* ---- pairs ---- */

static int by_key(const void *a, const void *b)
{
    const struct gs_cluster_pair *x = a;
    const struct gs_cluster_pair *y = b;
    return strcmp(x->key, y->key);
}

/* Values may have line breaks: annotations are whole documents at times. */
static int copy_pair(const char *key, const json_t *value, struct gs_arena *arena,
                     struct gs_cluster_pair *ret, struct gs_err *err)
{
    if (!json_is_string(value)) {
        return gs_fail(err, GS_INVALID, "\"%.100s\" is %s; expected a string",
                       gs_kubejson_is_printable(key) ? key : "?", gs_kubejson_type(value));
    }
    ret->key = gs_arena_text(arena, key, strlen(key));
    ret->value = gs_arena_text(arena, json_string_value(value), json_string_length(value));
    return ret->key == NULL || ret->value == NULL ? gs_cluster_no_memory(err) : 0;
}

static int read_pairs(const json_t *object, const char *field, struct gs_arena *arena,
                      struct gs_cluster_pairs *ret, struct gs_err *err)
{
    json_t *map = NULL;
    int r = gs_kubejson_object(object, field, &map, err);
    struct gs_cluster_pair *at =
        r == 0 ? GS_ARENA_NEW(arena, struct gs_cluster_pair, json_object_size(map)) : NULL;
    if (at == NULL) {
        return r == 0 ? gs_cluster_no_memory(err) : r;
    }
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value)
    {
        r = copy_pair(key, value, arena, &at[n++], err);
        if (r != 0) {
            return gs_wrap(err, r, "\"%s\"", field);
        }
    }
    qsort(at, n, sizeof(*at), by_key);
    *ret = (struct gs_cluster_pairs){.at = at, .n = n};
    return 0;
}

/* ---- nodes ---- */

static int read_taints(const json_t *spec, struct gs_arena *arena, struct gs_cluster_node *node,
                       struct gs_err *err)
{
    json_t *list = NULL;
    int r = gs_kubejson_array(spec, "taints", &list, err);
    struct gs_cluster_taint *taints =
        r == 0 ? GS_ARENA_NEW(arena, struct gs_cluster_taint, json_array_size(list)) : NULL;
    if (taints == NULL) {
        return r == 0 ? gs_cluster_no_memory(err) : r;
    }
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_object(one)) {
            return gs_fail(err, GS_INVALID, "a taint is %s; expected an object",
                           gs_kubejson_type(one));
        }
        r = gs_kubejson_copy(one, "key", arena, &taints[i].key, err);
        r = r == 0 ? gs_kubejson_copy(one, "value", arena, &taints[i].value, err) : r;
        r = r == 0 ? gs_kubejson_copy(one, "effect", arena, &taints[i].effect, err) : r;
    }
    node->taints = taints;
    node->n_taints = json_array_size(list);
    return r;
}

static int read_deleting(const json_t *metadata, bool *ret, struct gs_err *err)
{
    const char *when = NULL;
    int r = gs_kubejson_text(metadata, "deletionTimestamp", &when, err);
    *ret = when != NULL && when[0] != '\0';
    return r;
}

static int read_node_metadata(const json_t *object, struct gs_arena *arena,
                              struct gs_cluster_node *node, struct gs_err *err)
{
    json_t *metadata = NULL;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_copy(metadata, "name", arena, &node->name, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "uid", arena, &node->uid, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "resourceVersion", arena, &node->resource_version, err)
               : r;
    r = r == 0 ? read_deleting(metadata, &node->deleting, err) : r;
    r = r == 0 ? read_pairs(metadata, "labels", arena, &node->labels, err) : r;
    r = r == 0 ? read_pairs(metadata, "annotations", arena, &node->annotations, err) : r;
    if (r == 0 && !gs_kubejson_is_name(node->name)) {
        return gs_fail(err, GS_INVALID, "a node named \"%.100s\"; expected a name", node->name);
    }
    return r;
}

int gs_kube_decode_node(const struct json_t *object, struct gs_arena *arena,
                        struct gs_cluster_node *ret, struct gs_err *err)
{
    struct gs_cluster_node node = {.name = ""};
    json_t *spec = NULL;
    json_t *status = NULL;
    int r = read_node_metadata(object, arena, &node, err);
    r = r == 0 ? gs_kubejson_object(object, "spec", &spec, err) : r;
    r = r == 0 ? gs_kubejson_object(object, "status", &status, err) : r;
    r = r == 0 ? gs_kubejson_bool(spec, "unschedulable", &node.unschedulable, err) : r;
    r = r == 0 ? read_taints(spec, arena, &node, err) : r;
    r = r == 0 ? read_pairs(status, "capacity", arena, &node.capacity, err) : r;
    r = r == 0 ? read_pairs(status, "allocatable", arena, &node.allocatable, err) : r;
    if (r != 0) {
        return gs_wrap(err, r, "node %s", node.name);
    }
    *ret = node;
    return 0;
}

/* ---- pods ---- */

static int read_phase(const json_t *status, enum gs_cluster_phase *ret, struct gs_err *err)
{
    static const char *const phases[] = {
        [GS_CLUSTER_PENDING] = "Pending",       [GS_CLUSTER_RUNNING] = "Running",
        [GS_CLUSTER_SUCCEEDED] = "Succeeded",   [GS_CLUSTER_FAILED] = "Failed",
        [GS_CLUSTER_PHASE_UNKNOWN] = "Unknown",
    };
    const char *phase = NULL;
    int r = gs_kubejson_text(status, "phase", &phase, err);
    *ret = GS_CLUSTER_PENDING;
    if (r != 0 || phase == NULL || phase[0] == '\0') {
        return r;
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(phases); i++) {
        if (strcmp(phase, phases[i]) == 0) {
            *ret = (enum gs_cluster_phase)i;
            return 0;
        }
    }
    return gs_fail(err, GS_INVALID,
                   "phase \"%.40s\"; expected Pending, Running, Succeeded, Failed or Unknown",
                   phase);
}

static int read_priority(const json_t *spec, int32_t *ret, struct gs_err *err)
{
    const json_t *priority = json_object_get(spec, "priority");
    json_int_t value = json_integer_value(priority);
    if (priority != NULL && !json_is_null(priority) &&
        (!json_is_integer(priority) || value < INT32_MIN || value > INT32_MAX)) {
        return gs_fail(err, GS_INVALID, "\"priority\" is not a 32-bit number");
    }
    *ret = (int32_t)value;
    return 0;
}

static int read_asks(const json_t *spec, const char *resources, struct gs_arena *arena,
                     struct gs_cluster_pod *pod, struct gs_err *err)
{
    struct gs_kubeask asks[GS_KUBEASK_MAX];
    size_t n = 0;
    int r = gs_kubeask_parse(spec, resources, asks, &n, err);
    struct gs_cluster_amount *kept =
        r == 0 ? GS_ARENA_NEW(arena, struct gs_cluster_amount, n) : NULL;
    if (kept == NULL) {
        return r == 0 ? gs_cluster_no_memory(err) : r;
    }
    for (size_t i = 0; i < n; i++) {
        kept[i].resource = gs_arena_text(arena, asks[i].resource, strlen(asks[i].resource));
        kept[i].count = asks[i].count;
        if (kept[i].resource == NULL) {
            return gs_cluster_no_memory(err);
        }
    }
    pod->asks = kept;
    pod->n_asks = n;
    return 0;
}

static int read_pod_metadata(const json_t *object, struct gs_arena *arena,
                             struct gs_cluster_pod *pod, struct gs_err *err)
{
    json_t *metadata = NULL;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_copy(metadata, "name", arena, &pod->name, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "namespace", arena, &pod->name_space, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "uid", arena, &pod->uid, err) : r;
    r = r == 0 ? read_deleting(metadata, &pod->deleting, err) : r;
    if (r == 0 && (!gs_kubejson_is_name(pod->name) || !gs_kubejson_is_name(pod->name_space) ||
                   pod->uid[0] == '\0')) {
        return gs_fail(err, GS_INVALID,
                       "a pod \"%.100s\" in \"%.100s\" with uid \"%.60s\"; expected all three",
                       pod->name, pod->name_space, pod->uid);
    }
    return r;
}

int gs_kube_decode_pod(const struct json_t *object, const char *resources, struct gs_arena *arena,
                       struct gs_cluster_pod *ret, struct gs_err *err)
{
    struct gs_cluster_pod pod = {.name = "", .name_space = ""};
    json_t *spec = NULL;
    json_t *status = NULL;
    int r = read_pod_metadata(object, arena, &pod, err);
    r = r == 0 ? gs_kubejson_object(object, "spec", &spec, err) : r;
    r = r == 0 ? gs_kubejson_object(object, "status", &status, err) : r;
    r = r == 0 ? gs_kubejson_copy(spec, "nodeName", arena, &pod.node, err) : r;
    r = r == 0 ? gs_kubejson_copy(status, "nominatedNodeName", arena, &pod.nominated_node, err) : r;
    r = r == 0 ? read_phase(status, &pod.phase, err) : r;
    r = r == 0 ? read_priority(spec, &pod.priority, err) : r;
    r = r == 0 ? read_asks(spec, resources, arena, &pod, err) : r;
    if (r != 0) {
        return gs_wrap(err, r, "pod %s/%s", pod.name_space, pod.name);
    }
    *ret = pod;
    return 0;
}
