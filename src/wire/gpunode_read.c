#include <jansson.h>
#include <string.h>

#include "core/layout.h"
#include "wire/gpunode_names.h"
#include "wire/kubefield.h"
#include "wire/kubejson.h"
#include "wire/kubetime.h"

enum {
    UUID_MAX = 96,
    UID_MAX = 128,
    NAME_MAX_BYTES = 253,
    MODEL_MAX = 64,
    PRODUCT_MAX = 128,
    LAYOUT_MAX = GS_LAYOUT_TEXT_MAX,
    VERSION_MAX = 64,
    CONDITION_TYPE_MAX = 316,
    CONDITION_MESSAGE_MAX = 32768
};

/* One of the names of a table. */
static int choice(const json_t *object, const char *key, const char *const *names, unsigned n,
                  unsigned *ret, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    for (unsigned i = 0; r == 0 && text != NULL && i < n; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = i;
            return 0;
        }
    }
    return r != 0 ? r
                  : gs_fail(err, GS_INVALID, "\"%s\" is \"%.40s\"; expected \"%s\" to \"%s\"", key,
                            text == NULL ? "" : text, names[0], names[n - 1]);
}

static int read_pod(const json_t *object, struct gs_arena *arena, struct gs_gpunode_pod *ret,
                    struct gs_err *err)
{
    int r = gs_kubefield_need(object, "namespace", NAME_MAX_BYTES, arena, &ret->name_space, err);
    r = r < 0 ? r : gs_kubefield_need(object, "name", NAME_MAX_BYTES, arena, &ret->name, err);
    return r < 0 ? r : gs_kubefield_text(object, "uid", UID_MAX, arena, &ret->uid, err);
}

/* ---- status ---- */

static int read_holder(const json_t *slice, struct gs_arena *arena, struct gs_gpunode_pod *ret,
                       struct gs_err *err)
{
    json_t *holder = NULL;
    *ret = (struct gs_gpunode_pod){.name_space = "", .name = "", .uid = ""};
    int r = gs_kubejson_object(slice, "holder", &holder, err);
    r = r < 0 || holder == NULL ? r : read_pod(holder, arena, ret, err);
    return r < 0 ? gs_wrap(err, r, "holder") : 0;
}

static int read_slice(const json_t *object, struct gs_arena *arena, void *item, struct gs_err *err)
{
    struct gs_gpunode_slice *slice = item;
    uint64_t start = UINT64_MAX;
    uint64_t size = 0;
    unsigned state = 0;
    int r = gs_kubefield_profile(object, "profile", &slice->profile, err);
    r = r < 0 ? r : gs_kubejson_number(object, "start", GS_MEMORY_UNITS_MAX - 1, &start, err);
    r = r < 0 ? r : gs_kubejson_number(object, "size", GS_MEMORY_UNITS_MAX, &size, err);
    r = r < 0 ? r : choice(object, "state", gs_gpunode_states, GS_GPUNODE_STATES, &state, err);
    r = r < 0 ? r : gs_kubejson_bool(object, "plain", &slice->plain, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "resource", NAME_MAX_BYTES, arena, &slice->resource, err);
    r = r < 0 ? r : gs_kubefield_text(object, "uuid", UUID_MAX, arena, &slice->uuid, err);
    r = r < 0 ? r : read_holder(object, arena, &slice->holder, err);
    if (r == 0 && (start == UINT64_MAX || size == 0 || start + size > GS_MEMORY_UNITS_MAX)) {
        return gs_fail(err, GS_INVALID, "\"start\" and \"size\" have to lie within %d memory units",
                       GS_MEMORY_UNITS_MAX);
    }
    slice->start = (uint8_t)start;
    slice->size = (uint8_t)size;
    slice->state = (enum gs_gpunode_slice_state)state;
    return r;
}

static int read_decision(const json_t *gpu, struct gs_arena *arena, struct gs_gpunode_decision *ret,
                         struct gs_err *err)
{
    json_t *object = NULL;
    const char *id = "";
    unsigned result = GS_GPUNODE_NONE;
    *ret = (struct gs_gpunode_decision){.message = ""};
    int r = gs_kubejson_object(gpu, "decision", &object, err);
    if (r < 0 || object == NULL) {
        return r;
    }
    r = gs_kubefield_text(object, "id", GS_GPUNODE_ID_MAX, arena, &id, err);
    r = r < 0 ? r : choice(object, "result", gs_gpunode_results, GS_GPUNODE_RESULTS, &result, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "message", GS_GPUNODE_MESSAGE_MAX, arena, &ret->message,
                                  err);
    r = r < 0 ? r : gs_kubefield_time(object, "at", &ret->at_us, err);
    ret->result = (enum gs_gpunode_result)result;
    memcpy(ret->id, id, strlen(id) + 1);
    return r < 0 ? gs_wrap(err, r, "decision") : 0;
}

static int read_gpu(const json_t *object, struct gs_arena *arena, void *item, struct gs_err *err)
{
    struct gs_gpunode_gpu *gpu = item;
    struct gs_kubefield_list slices = {
        .key = "slices", .size = sizeof(*gpu->slices), .max = GS_MEMORY_UNITS_MAX, read_slice};
    uint64_t index = 0;
    int r = gs_kubefield_need(object, "uuid", UUID_MAX, arena, &gpu->uuid, err);
    r = r < 0 ? r : gs_kubejson_number(object, "index", GS_GPUNODE_GPUS_MAX - 1, &index, err);
    r = r < 0 ? r : gs_kubefield_text(object, "model", MODEL_MAX, arena, &gpu->model, err);
    r = r < 0 ? r : gs_kubefield_text(object, "product", PRODUCT_MAX, arena, &gpu->product, err);
    r = r < 0 ? r : gs_kubejson_bool(object, "mig", &gpu->mig, err);
    r = r < 0 ? r : gs_kubejson_bool(object, "held", &gpu->whole_held, err);
    r = r < 0 ? r : gs_kubejson_bool(object, "healthy", &gpu->healthy, err);
    r = r < 0
            ? r
            : gs_kubejson_number(object, "revision", GS_GPUNODE_REVISION_MAX, &gpu->revision, err);
    r = r < 0 ? r : gs_kubefield_list(object, &slices, arena, err);
    r = r < 0 ? r : read_decision(object, arena, &gpu->decision, err);
    if (r == 0 && gpu->revision == 0) {
        return gs_fail(err, GS_INVALID, "no \"revision\"; expected 1 or more");
    }
    gpu->index = (unsigned)index;
    gpu->slices = slices.items;
    gpu->n_slices = slices.n;
    return r;
}

int gs_gpunode_read_condition(const json_t *object, struct gs_arena *arena, void *item,
                              struct gs_err *err)
{
    struct gs_gpunode_condition *condition = item;
    const char *status = NULL;
    int r = gs_kubefield_need(object, "type", CONDITION_TYPE_MAX, arena, &condition->type, err);
    r = r < 0 ? r : gs_kubejson_text(object, "status", &status, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "reason", GS_GPUNODE_MESSAGE_MAX, arena,
                                  &condition->reason, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "message", CONDITION_MESSAGE_MAX, arena,
                                  &condition->message, err);
    r = r < 0 ? r : gs_kubefield_time(object, "lastTransitionTime", &condition->since_us, err);
    condition->is_true = status != NULL && strcmp(status, "True") == 0;
    return r;
}

/* The server keeps lists in the order of who wrote them. */
static void sort_by_index(struct gs_gpunode_gpu *gpus, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct gs_gpunode_gpu gpu = gpus[i];
        unsigned k = i;
        for (; k > 0 && gpus[k - 1].index > gpu.index; k--) {
            gpus[k] = gpus[k - 1];
        }
        gpus[k] = gpu;
    }
}

static int check_gpus(const struct gs_gpunode *node, struct gs_err *err)
{
    for (unsigned i = 0; i < node->n_gpus; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (strcmp(node->gpus[i].uuid, node->gpus[k].uuid) == 0) {
                return gs_fail(err, GS_INVALID, "GPU %s is listed twice", node->gpus[i].uuid);
            }
        }
    }
    return 0;
}

static int read_status(const json_t *object, struct gs_arena *arena, struct gs_gpunode *node,
                       struct gs_err *err)
{
    json_t *status = NULL;
    struct gs_kubefield_list gpus = {
        .key = "gpus", .size = sizeof(*node->gpus), .max = GS_GPUNODE_GPUS_MAX, read_gpu};
    struct gs_kubefield_list conditions = {.key = "conditions",
                                           .size = sizeof(*node->conditions),
                                           .max = GS_GPUNODE_CONDITIONS_MAX,
                                           gs_gpunode_read_condition};
    int r = gs_kubejson_object(object, "status", &status, err);
    r = r < 0 ? r : gs_kubefield_text(status, "agent", VERSION_MAX, arena, &node->agent, err);
    r = r < 0 ? r : gs_kubefield_time(status, "seen", &node->seen_us, err);
    r = r < 0 ? r : gs_kubefield_list(status, &gpus, arena, err);
    r = r < 0 ? r : gs_kubefield_list(status, &conditions, arena, err);
    sort_by_index(gpus.items, gpus.n);
    node->gpus = gpus.items;
    node->n_gpus = gpus.n;
    node->conditions = conditions.items;
    node->n_conditions = conditions.n;
    r = r < 0 ? r : check_gpus(node, err);
    return r < 0 ? gs_wrap(err, r, "status") : 0;
}

/* ---- spec ---- */

static int read_wish_pod(const json_t *object, struct gs_arena *arena, void *item,
                         struct gs_err *err)
{
    return read_pod(object, arena, item, err);
}

static int read_wish(const json_t *object, struct gs_arena *arena, void *item, struct gs_err *err)
{
    struct gs_gpunode_wish *wish = item;
    struct gs_kubefield_list pods = {
        .key = "pods", .size = sizeof(*wish->pods), .max = GS_GPUNODE_PODS_MAX, read_wish_pod};
    int r = gs_kubefield_need(object, "uuid", UUID_MAX, arena, &wish->uuid, err);
    r = r < 0 ? r : gs_kubefield_need(object, "id", GS_GPUNODE_ID_MAX, arena, &wish->id, err);
    r = r < 0
            ? r
            : gs_kubejson_number(object, "basedOn", GS_GPUNODE_REVISION_MAX, &wish->based_on, err);
    r = r < 0 ? r : gs_kubefield_text(object, "layout", LAYOUT_MAX, arena, &wish->layout, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "reason", GS_GPUNODE_MESSAGE_MAX, arena, &wish->reason,
                                  err);
    r = r < 0 ? r : gs_kubefield_list(object, &pods, arena, err);
    if (r == 0 && wish->based_on == 0) {
        return gs_fail(err, GS_INVALID, "no \"basedOn\"; expected 1 or more");
    }
    wish->pods = pods.items;
    wish->n_pods = pods.n;
    return r;
}

static int read_spec(const json_t *object, struct gs_arena *arena, struct gs_gpunode *node,
                     struct gs_err *err)
{
    json_t *spec = NULL;
    struct gs_kubefield_list wishes = {
        .key = "gpus", .size = sizeof(*node->wishes), .max = GS_GPUNODE_GPUS_MAX, read_wish};
    int r = gs_kubejson_object(object, "spec", &spec, err);
    r = r < 0 ? r : gs_kubefield_list(spec, &wishes, arena, err);
    node->wishes = wishes.items;
    node->n_wishes = wishes.n;
    for (unsigned i = 0; r == 0 && i < node->n_wishes; i++) {
        for (unsigned k = 0; r == 0 && k < i; k++) {
            if (strcmp(node->wishes[i].uuid, node->wishes[k].uuid) == 0) {
                r = gs_fail(err, GS_INVALID, "two wishes for GPU %s; expected one",
                            node->wishes[i].uuid);
            }
        }
    }
    return r < 0 ? gs_wrap(err, r, "spec") : 0;
}

/* ---- The object ---- */

static int read_owner(const json_t *metadata, struct gs_arena *arena, struct gs_gpunode *node,
                      struct gs_err *err)
{
    json_t *owners = NULL;
    int r = gs_kubejson_array(metadata, "ownerReferences", &owners, err);
    node->node_uid = "";
    for (size_t i = 0; r == 0 && i < json_array_size(owners); i++) {
        const char *kind = NULL;
        const json_t *owner = json_array_get(owners, i);
        r = gs_kubejson_text(owner, "kind", &kind, err);
        if (r == 0 && kind != NULL && strcmp(kind, "Node") == 0) {
            r = gs_kubefield_text(owner, "uid", UID_MAX, arena, &node->node_uid, err);
        }
    }
    return r;
}

int gs_gpunode_parse(const struct json_t *object, struct gs_arena *arena, struct gs_gpunode *ret,
                     struct gs_err *err)
{
    struct gs_gpunode node = {.n_gpus = 0};
    json_t *metadata = NULL;
    int r = gs_kubefield_head(object, "GpuNode", arena, &metadata, &node.name, err);
    if (r < 0) {
        return r;
    }
    r = gs_kubefield_text(metadata, "uid", UID_MAX, arena, &node.uid, err);
    r = r < 0 ? r
              : gs_kubefield_text(metadata, "resourceVersion", UID_MAX, arena,
                                  &node.resource_version, err);
    r = r < 0 ? r : read_owner(metadata, arena, &node, err);
    r = r < 0 ? r : read_spec(object, arena, &node, err);
    r = r < 0 ? r : read_status(object, arena, &node, err);
    if (r < 0) {
        return gs_wrap(err, r, "GpuNode %s", node.name);
    }
    *ret = node;
    return 0;
}
