#include "wire/kubeletcheckpoint.h"

#include <jansson.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"

static void release_json(json_t **value)
{
    json_decref(*value);
}

/* The ids that a reading has collected. */
struct ids {
    struct gs_arena *arena;
    size_t n;
    size_t cap;
    const char **list;
};

static int copy_text(struct gs_arena *arena, const char *text, const char *what, const char **ret,
                     struct gs_err *err)
{
    size_t n = strlen(text);
    if (n > GS_KUBELET_CHECKPOINT_TEXT_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: found %zu bytes; expected %d at most", what, n,
                       GS_KUBELET_CHECKPOINT_TEXT_MAX);
    }
    *ret = gs_arena_text(arena, text, n);
    return *ret == NULL ? gs_kubejson_no_memory(err) : 0;
}

static int add_id(struct ids *ids, const json_t *id, struct gs_err *err)
{
    const char *text = json_string_value(id);
    if (text == NULL || json_string_length(id) != strlen(text) || !gs_kubejson_is_printable(text)) {
        return gs_fail(err, GS_INVALID, "a device id is %s; expected plain text",
                       text == NULL ? gs_kubejson_type(id) : "a text with control characters");
    }
    if (ids->n == GS_KUBELET_CHECKPOINT_IDS_MAX) {
        return gs_fail(err, GS_LIMIT, "found more than %d device ids; expected that at most",
                       GS_KUBELET_CHECKPOINT_IDS_MAX);
    }
    if (!gs_arena_room(ids->arena, &ids->list, &ids->cap, ids->n, sizeof(*ids->list))) {
        return gs_kubejson_no_memory(err);
    }
    return copy_text(ids->arena, text, "a device id", &ids->list[ids->n++], err);
}

/* `list` may be null, as Go writes an empty one. */
static int add_ids(struct ids *ids, const json_t *list, const char *what, struct gs_err *err)
{
    size_t at;
    json_t *id;
    int r = 0;
    if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
        return gs_fail(err, GS_INVALID, "%s is %s; expected an array of device ids", what,
                       gs_kubejson_type(list));
    }
    json_array_foreach(list, at, id)
    {
        r = r < 0 ? r : add_id(ids, id, err);
    }
    return r;
}

/* {"<NUMA node>": [ids]}, or the ids alone. */
static int read_device_ids(struct ids *ids, json_t *value, struct gs_err *err)
{
    const char *node;
    json_t *list;
    int r = 0;
    if (!json_is_object(value)) {
        return add_ids(ids, value, "\"DeviceIDs\"", err);
    }
    json_object_foreach(value, node, list)
    {
        r = r < 0 ? r : add_ids(ids, list, "the list of a NUMA node", err);
    }
    return r;
}

static int read_name(struct gs_arena *arena, const json_t *entry, const char *key, const char **ret,
                     struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(entry, key, &text, err);
    if (r == 0 && (text == NULL || *text == '\0')) {
        return gs_fail(err, GS_INVALID, "there is no \"%s\"; expected a name", key);
    }
    return r < 0 ? r : copy_text(arena, text, key, ret, err);
}

static int read_grant(struct gs_arena *arena, const json_t *entry, struct gs_kubelet_grant *grant,
                      struct gs_err *err)
{
    struct ids ids = {.arena = arena};
    int r = 0;
    if (!json_is_object(entry)) {
        return gs_fail(err, GS_INVALID, "found %s; expected an object", gs_kubejson_type(entry));
    }
    if ((r = read_name(arena, entry, "PodUID", &grant->pod_uid, err)) < 0 ||
        (r = read_name(arena, entry, "ContainerName", &grant->container, err)) < 0 ||
        (r = read_name(arena, entry, "ResourceName", &grant->resource, err)) < 0 ||
        (r = read_device_ids(&ids, json_object_get(entry, "DeviceIDs"), err)) < 0) {
        return r;
    }
    grant->n_ids = (unsigned)ids.n;
    grant->ids = ids.list;
    return 0;
}

static int read_grants(struct gs_arena *arena, const json_t *data,
                       struct gs_kubelet_checkpoint *ret, struct gs_err *err)
{
    json_t *entries = NULL;
    int r = gs_kubejson_array(data, "PodDeviceEntries", &entries, err);
    size_t n = json_array_size(entries);
    if (r < 0) {
        return r;
    }
    if (n > GS_KUBELET_CHECKPOINT_ENTRIES_MAX) {
        return gs_fail(err, GS_LIMIT, "\"PodDeviceEntries\": found %zu; expected %d at most", n,
                       GS_KUBELET_CHECKPOINT_ENTRIES_MAX);
    }
    struct gs_kubelet_grant *grants = GS_ARENA_NEW(arena, struct gs_kubelet_grant, n);
    if (grants == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        r = read_grant(arena, json_array_get(entries, i), &grants[i], err);
        if (r < 0) {
            return gs_wrap(err, r, "entry %zu of \"PodDeviceEntries\"", i);
        }
    }
    ret->grants = grants;
    ret->n_grants = (unsigned)n;
    return 0;
}

static int read_registered(struct gs_arena *arena, const json_t *data,
                           struct gs_kubelet_checkpoint *ret, struct gs_err *err)
{
    json_t *resources = NULL;
    int r = gs_kubejson_object(data, "RegisteredDevices", &resources, err);
    size_t n = json_object_size(resources);
    if (r < 0) {
        return r;
    }
    if (n > GS_KUBELET_CHECKPOINT_ENTRIES_MAX) {
        return gs_fail(err, GS_LIMIT, "\"RegisteredDevices\": found %zu; expected %d at most", n,
                       GS_KUBELET_CHECKPOINT_ENTRIES_MAX);
    }
    struct gs_kubelet_registered *list = GS_ARENA_NEW(arena, struct gs_kubelet_registered, n);
    if (list == NULL) {
        return gs_kubejson_no_memory(err);
    }
    const char *resource;
    json_t *of_it;
    unsigned at = 0;
    json_object_foreach(resources, resource, of_it)
    {
        struct ids ids = {.arena = arena};
        if (!gs_kubejson_is_printable(resource)) {
            return gs_fail(err, GS_INVALID, "a resource has a control character in its name");
        }
        if ((r = copy_text(arena, resource, "a resource", &list[at].resource, err)) < 0 ||
            (r = add_ids(&ids, of_it, "the list of a resource", err)) < 0) {
            return gs_wrap(err, r, "\"RegisteredDevices\"");
        }
        list[at].n_ids = (unsigned)ids.n;
        list[at++].ids = ids.list;
    }
    ret->registered = list;
    ret->n_registered = at;
    return 0;
}

static int read_root(struct gs_arena *arena, const json_t *root, struct gs_kubelet_checkpoint *ret,
                     struct gs_err *err)
{
    json_t *data = NULL;
    if (!json_is_object(root)) {
        return gs_fail(err, GS_INVALID, "found %s; expected an object with \"Data\"",
                       gs_kubejson_type(root));
    }
    int r = gs_kubejson_object(root, "Data", &data, err);
    if (r == 0 && data == NULL) {
        r = gs_fail(err, GS_INVALID,
                    "there is no \"Data\"; expected the kubelet's record of devices");
    }
    r = r < 0 ? r : read_grants(arena, data, ret, err);
    return r < 0 ? r : read_registered(arena, data, ret, err);
}

int gs_kubelet_checkpoint_parse(struct gs_arena *arena, const char *label, struct gs_view bytes,
                                struct gs_kubelet_checkpoint *ret, struct gs_err *err)
{
    struct gs_kubelet_checkpoint checkpoint = {.n_grants = 0};
    json_error_t why;
    if (bytes.n > GS_KUBELET_CHECKPOINT_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: found %zu bytes; expected %d at most", label, bytes.n,
                       GS_KUBELET_CHECKPOINT_BYTES_MAX);
    }
    GS_CLEANUP(release_json)
    json_t *root = json_loadb(bytes.n == 0 ? "" : bytes.p, bytes.n, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL && json_error_code(&why) == json_error_out_of_memory) {
        return gs_wrap(err, gs_kubejson_no_memory(err), "%s", label);
    }
    if (root == NULL) {
        return gs_fail(err, GS_INVALID, "%s: found no JSON: line %d: %s", label, why.line,
                       why.text);
    }
    int r = read_root(arena, root, &checkpoint, err);
    if (r < 0) {
        return gs_wrap(err, r, "%s", label);
    }
    *ret = checkpoint;
    return 0;
}
