#include "wire/kubewait.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/kubejson.h"
#include "wire/kubemove.h"
#include "wire/kubetime.h"

enum { LIST_BYTES_MAX = 256 << 10, NOTE_BYTES_MAX = 2048, SCHEDULER_MAX = 253 };

/* The list as compact text in the arena; "[]" for none, NULL for one that is too long. */
static int dump(const json_t *list, struct gs_arena *arena, const char **ret, struct gs_err *err)
{
    static const char none[] = "[]";
    if (list == NULL) {
        *ret = none;
        return 0;
    }
    size_t size = json_dumpb(list, NULL, 0, JSON_COMPACT);
    if (size == 0) {
        return gs_kubejson_no_memory(err);
    }
    if (size > LIST_BYTES_MAX) {
        *ret = NULL;
        return 0;
    }
    char *text = gs_arena_get(arena, size + 1, 1);
    if (text == NULL) {
        return gs_kubejson_no_memory(err);
    }
    (void)json_dumpb(list, text, size, JSON_COMPACT);
    *ret = text;
    return 0;
}

static int read_gates(const json_t *spec, struct gs_arena *arena, struct gs_kubewait *ret,
                      struct gs_err *err)
{
    json_t *gates = NULL;
    int r = gs_kubejson_array(spec, "schedulingGates", &gates, err);
    if (r != 0 || json_array_size(gates) == 0) {
        ret->others = "[]";
        return r;
    }
    json_t *others = json_array();
    for (size_t i = 0; others != NULL && i < json_array_size(gates); i++) {
        json_t *gate = json_array_get(gates, i);
        const char *name = json_string_value(json_object_get(gate, "name"));
        bool ours = name != NULL && strcmp(name, GS_KUBEWAIT_GATE) == 0;
        ret->gated |= ours;
        ret->n_others += !ours;
        if (!ours && json_array_append(others, gate) != 0) {
            json_decref(others);
            others = NULL;
        }
    }
    r = others == NULL ? gs_kubejson_no_memory(err) : dump(others, arena, &ret->others, err);
    json_decref(others);
    return r;
}

static int read_preferred(const json_t *spec, struct gs_arena *arena, struct gs_kubewait *ret,
                          struct gs_err *err)
{
    json_t *affinity = NULL;
    json_t *of_nodes = NULL;
    json_t *list = NULL;
    int r = gs_kubejson_object(spec, "affinity", &affinity, err);
    r = r == 0 ? gs_kubejson_object(affinity, "nodeAffinity", &of_nodes, err) : r;
    r = r == 0 ? gs_kubejson_array(of_nodes, "preferredDuringSchedulingIgnoredDuringExecution",
                                   &list, err)
               : r;
    return r == 0 ? dump(list, arena, &ret->preferred, err) : r;
}

/* The API server lets any text pass. */
static int read_scheduler(const json_t *spec, struct gs_arena *arena, struct gs_kubewait *ret,
                          struct gs_err *err)
{
    const char *name = json_string_value(json_object_get(spec, "schedulerName"));
    name = name == NULL || name[0] == '\0'                                   ? "default-scheduler"
           : strlen(name) <= SCHEDULER_MAX && gs_kubejson_is_printable(name) ? name
                                                                             : "(an odd name)";
    ret->scheduler = gs_arena_text(arena, name, strlen(name));
    return ret->scheduler == NULL ? gs_kubejson_no_memory(err) : 0;
}

static int read_status(const json_t *status, struct gs_arena *arena, struct gs_kubewait *ret,
                       struct gs_err *err)
{
    json_t *conditions = NULL;
    int r = gs_kubejson_copy(status, "nominatedNodeName", arena, &ret->nominated, err);
    r = r == 0 ? gs_kubejson_array(status, "conditions", &conditions, err) : r;
    for (size_t i = 0; r == 0 && i < json_array_size(conditions); i++) {
        const json_t *one = json_array_get(conditions, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        const char *reason = json_string_value(json_object_get(one, "reason"));
        if (type != NULL && strcmp(type, "PodScheduled") == 0) {
            ret->unschedulable = reason != NULL && strcmp(reason, "Unschedulable") == 0;
        }
    }
    return r;
}

static bool says(const json_t *annotations, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(annotations, key));
    return text != NULL && (value == NULL || strcmp(text, value) == 0);
}

/* An annotation that only we write: one line, not long. */
static int read_ours(const json_t *annotations, const char *key, struct gs_arena *arena,
                     const char **ret, struct gs_err *err)
{
    const json_t *value = json_object_get(annotations, key);
    const char *text = json_string_value(value);
    bool is_ours = text != NULL && strlen(text) <= NOTE_BYTES_MAX &&
                   strlen(text) == json_string_length(value) && gs_kubejson_is_printable(text);
    *ret = is_ours ? gs_arena_text(arena, text, strlen(text)) : "";
    return *ret == NULL ? gs_kubejson_no_memory(err) : 0;
}

static int read_metadata(const json_t *metadata, struct gs_arena *arena, struct gs_kubewait *ret,
                         struct gs_err *err)
{
    json_t *annotations = NULL;
    const char *created = NULL;
    int r = gs_kubejson_copy(metadata, "uid", arena, &ret->uid, err);
    r = r == 0 ? gs_kubejson_copy(metadata, "resourceVersion", arena, &ret->resource_version, err)
               : r;
    r = r == 0 ? gs_kubejson_text(metadata, "creationTimestamp", &created, err) : r;
    if (r == 0 && created != NULL) {
        r = gs_kubetime_parse(gs_view(created), &ret->created_us, err);
    }
    r = r == 0 ? gs_kubejson_object(metadata, "annotations", &annotations, err) : r;
    r = r == 0 ? read_ours(annotations, GS_KUBEWAIT_BOOKED, arena, &ret->booked, err) : r;
    r = r == 0 ? read_ours(annotations, GS_KUBEMOVE_NOTE, arena, &ret->moving, err) : r;
    r = r == 0 ? read_ours(annotations, GS_KUBEWAIT_WARM, arena, &ret->warm, err) : r;
    if (r == 0) {
        ret->may_move = says(annotations, GS_KUBEWAIT_MOVE, "allow");
        ret->stays = says(annotations, "karpenter.sh/do-not-disrupt", NULL);
    }
    return r;
}

int gs_kubewait_parse(const struct json_t *pod, struct gs_arena *arena, struct gs_kubewait *ret,
                      struct gs_err *err)
{
    json_t *metadata = NULL;
    json_t *spec = NULL;
    json_t *status = NULL;
    *ret = (struct gs_kubewait){.uid = NULL};
    int r = gs_kubejson_object(pod, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_object(pod, "spec", &spec, err) : r;
    r = r == 0 ? gs_kubejson_object(pod, "status", &status, err) : r;
    r = r == 0 ? read_metadata(metadata, arena, ret, err) : r;
    r = r == 0 ? read_gates(spec, arena, ret, err) : r;
    r = r == 0 ? read_preferred(spec, arena, ret, err) : r;
    r = r == 0 ? read_scheduler(spec, arena, ret, err) : r;
    return r == 0 ? read_status(status, arena, ret, err) : r;
}
