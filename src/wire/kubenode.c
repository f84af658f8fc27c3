#include "wire/kubenode.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/catalog.h"
#include "wire/kubeconstraint.h"
#include "wire/kubejson.h"

enum { COUNT_MAX = 1000000 }; /* of pods, GPUs or shares of one node */

static const char cordon_key[] = "node.kubernetes.io/unschedulable";

static bool cut_end(struct gs_view *v, const char *end)
{
    size_t n = strlen(end);
    if (v->n < n || memcmp(v->p + v->n - n, end, n) != 0) {
        return false;
    }
    v->n -= n;
    return true;
}

struct gs_kubenode_product gs_kubenode_product(struct gs_view label)
{
    static const char mark[] = "-MIG-";
    struct gs_kubenode_product product = {.name = label, .means = GS_KUBENODE_WHOLE};
    bool shared = cut_end(&product.name, "-SHARED");
    const char *cut = memmem(product.name.p, product.name.n, mark, sizeof(mark) - 1);
    if (cut != NULL) {
        /* Written as in a resource name, with a dot for the plus. */
        char resource[GS_PROFILE_NAME_MAX + 5];
        size_t before = (size_t)(cut - product.name.p);
        size_t n = product.name.n - before - (sizeof(mark) - 1);
        snprintf(resource, sizeof(resource), "mig-%.*s",
                 n > GS_PROFILE_NAME_MAX ? GS_PROFILE_NAME_MAX : (int)n, cut + sizeof(mark) - 1);
        bool is_profile =
            n <= GS_PROFILE_NAME_MAX &&
            gs_profile_name_from_resource(gs_view(resource), &product.profile, NULL) == 0;
        product.name.n = before;
        product.means = is_profile ? GS_KUBENODE_SLICE : GS_KUBENODE_SHARE;
    }
    if (shared) {
        product.means = GS_KUBENODE_SHARE;
    }
    return product;
}

/* ---- labels and taints ---- */

const char *gs_kubenode_label(const struct gs_kubenode *node, const char *key)
{
    const char *value = gs_node_label(&node->facts, key);
    return value == NULL ? "" : value;
}

bool gs_kubenode_is_ready(const json_t *object, const char **ret_message)
{
    const json_t *list = json_object_get(json_object_get(object, "status"), "conditions");
    const char *message = NULL;
    bool ready = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        const char *status = json_string_value(json_object_get(one, "status"));
        if (type != NULL && strcmp(type, "Ready") == 0) {
            message = json_string_value(json_object_get(one, "message"));
            ready = status != NULL && strcmp(status, "True") == 0;
            break;
        }
    }
    if (ret_message != NULL) {
        *ret_message = message == NULL ? "" : message;
    }
    return ready;
}

bool gs_kubenode_is_starting(const struct gs_kubenode *node)
{
    for (size_t i = 0; i < node->facts.n_taints; i++) {
        if (strcmp(node->facts.taints[i].key, GS_KUBENODE_STARTUP_TAINT) == 0) {
            return true;
        }
    }
    return gs_kubenode_label(node, "karpenter.sh/nodepool")[0] != '\0' &&
           strcmp(gs_kubenode_label(node, "karpenter.sh/initialized"), "true") != 0;
}

static int read_labels(const json_t *metadata, struct gs_arena *arena, struct gs_kubenode *node,
                       struct gs_err *err)
{
    json_t *object = NULL;
    int r = gs_kubejson_object(metadata, "labels", &object, err);
    size_t n = 0;
    struct gs_label *labels = GS_ARENA_NEW(arena, struct gs_label, json_object_size(object));
    if (r == 0 && labels == NULL) {
        return gs_kubejson_no_memory(err);
    }
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        struct gs_label *label = &labels[n++];
        if (!gs_kubejson_is_printable(key)) {
            return gs_fail(err, GS_INVALID, "a label has a control character");
        }
        label->key = gs_arena_text(arena, key, strlen(key));
        r = gs_kubejson_copy(object, key, arena, &label->value, err);
        if (r != 0 || label->key == NULL) {
            return r != 0 ? gs_wrap(err, r, "labels") : gs_kubejson_no_memory(err);
        }
    }
    node->facts.labels = labels;
    node->facts.n_labels = n;
    node->facts.labels_complete = true;
    return r;
}

/* The taint follows the mark within moments; a list taken in between must not differ. */
static void add_cordon(struct gs_kubenode *node, struct gs_taint *spare)
{
    for (size_t i = 0; i < node->facts.n_taints; i++) {
        if (strcmp(node->facts.taints[i].key, cordon_key) == 0) {
            return;
        }
    }
    *spare = (struct gs_taint){.key = cordon_key, .value = "", .effect = "NoSchedule"};
    node->facts.n_taints++;
}

static int read_taints(const json_t *spec, struct gs_arena *arena, struct gs_kubenode *node,
                       struct gs_err *err)
{
    json_t *list = NULL;
    int r = gs_kubejson_array(spec, "taints", &list, err);
    r = r == 0 ? gs_kubejson_bool(spec, "unschedulable", &node->cordoned, err) : r;
    size_t n = json_array_size(list);
    struct gs_taint *taints = GS_ARENA_NEW(arena, struct gs_taint, n + 1);
    if (r == 0 && taints == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = gs_kubeconstraint_taint(json_array_get(list, i), arena, &taints[i], err);
    }
    if (r != 0) {
        return gs_wrap(err, r, "taints");
    }
    node->facts.taints = taints;
    node->facts.n_taints = n;
    if (node->cordoned) {
        add_cordon(node, &taints[n]);
    }
    return 0;
}

/* ---- allocatable ---- */

/* A label of feature discovery, "nvidia.com/gpu" or "nvidia.com/mig-1g.5gb" and its suffix. */
static bool is_shared(const struct gs_kubenode *node, const char *resource)
{
    char key[2 * GS_PROFILE_NAME_MAX];
    snprintf(key, sizeof(key), "%s.sharing-strategy", resource);
    const char *strategy = gs_kubenode_label(node, key);
    return strategy[0] != '\0' && strcmp(strategy, "none") != 0;
}

static int add_slices(struct gs_kubenode *node, const char *name, const json_t *value,
                      struct gs_err *err)
{
    if (node->n_slices == GS_KUBENODE_SLICES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d different slice resources",
                       GS_KUBENODE_SLICES_MAX);
    }
    struct gs_kubenode_slices *slices = &node->slices[node->n_slices];
    struct gs_view plain = gs_view(name);
    slices->shared = cut_end(&plain, ".shared") || is_shared(node, name);
    int r = gs_profile_name_from_resource(plain, &slices->profile, err);
    r = r == 0 ? gs_kubejson_count(value, COUNT_MAX, &slices->count, err) : r;
    node->n_slices += r == 0;
    return r;
}

/* `others` has room for all that the node has. */
static int add_other(struct gs_kubenode *node, struct gs_kubeamount *others, const char *name,
                     const json_t *value, struct gs_arena *arena, struct gs_err *err)
{
    uint64_t amount = 0;
    bool odd = gs_kubejson_amount(value, GS_QUANTITY_UNIT, UINT64_MAX, &amount, NULL) != 0;
    if (odd || amount == 0 || !gs_kubejson_is_printable(name)) {
        return 0; /* as if it were not there: nothing of it can be had */
    }
    const char *copy = gs_arena_text(arena, name, strlen(name));
    if (copy == NULL) {
        return gs_kubejson_no_memory(err);
    }
    others[node->n_others++] = (struct gs_kubeamount){.name = copy, .amount = amount};
    return 0;
}

static int read_amount(struct gs_kubenode *node, struct gs_kubeamount *others, const char *name,
                       const json_t *value, struct gs_arena *arena, struct gs_err *err)
{
    if (strcmp(name, "cpu") == 0) {
        return gs_kubejson_amount(value, GS_QUANTITY_MILLI, GS_CPU_MILLI_MAX, &node->cpu_milli,
                                  err);
    }
    if (strcmp(name, "memory") == 0) {
        return gs_kubejson_amount(value, GS_QUANTITY_UNIT, GS_MEMORY_BYTES_MAX, &node->memory_bytes,
                                  err);
    }
    if (strcmp(name, "pods") == 0) {
        return gs_kubejson_count(value, COUNT_MAX, &node->pods, err);
    }
    if (strcmp(name, "nvidia.com/gpu") == 0) {
        return gs_kubejson_count(value, COUNT_MAX, &node->gpus, err);
    }
    return strncmp(name, "nvidia.com/mig-", 15) == 0
               ? add_slices(node, name, value, err)
               : add_other(node, others, name, value, arena, err);
}

static int read_allocatable(const json_t *object, struct gs_kubenode *node, struct gs_arena *arena,
                            struct gs_err *err)
{
    json_t *status = NULL;
    json_t *amounts = NULL;
    int r = gs_kubejson_object(object, "status", &status, err);
    r = r == 0 ? gs_kubejson_object(status, "allocatable", &amounts, err) : r;
    if (r == 0 && amounts == NULL) {
        return gs_fail(err, GS_INVALID, "no status.allocatable; expected it");
    }
    struct gs_kubeamount *others =
        GS_ARENA_NEW(arena, struct gs_kubeamount, json_object_size(amounts));
    if (r == 0 && others == NULL) {
        return gs_kubejson_no_memory(err);
    }
    node->others = others;
    const char *name;
    json_t *value;
    json_object_foreach(amounts, name, value)
    {
        r = r == 0 ? read_amount(node, others, name, value, arena, err) : r;
        if (r != 0) {
            return gs_wrap(err, r, "allocatable \"%.100s\"",
                           gs_kubejson_is_printable(name) ? name : "");
        }
    }
    return r;
}

static int read_gpu(struct gs_kubenode *node, struct gs_arena *arena, struct gs_err *err)
{
    struct gs_kubenode_product product =
        gs_kubenode_product(gs_view(gs_kubenode_label(node, "nvidia.com/gpu.product")));
    node->product = gs_arena_text(arena, product.name.p, product.name.n);
    if (node->product == NULL) {
        return gs_kubejson_no_memory(err);
    }
    node->gpu_means = is_shared(node, "nvidia.com/gpu") ? GS_KUBENODE_SHARE : product.means;
    node->single = product.profile;
    if (product.name.n > 0) {
        /* Not in the catalogue: stays NULL. */
        gs_catalog_find(product.name, &node->model, NULL);
    }
    return 0;
}

/* ---- the node ---- */

static int read_name(const json_t *metadata, struct gs_arena *arena, struct gs_kubenode *node,
                     struct gs_err *err)
{
    int r = gs_kubejson_copy(metadata, "name", arena, &node->name, err);
    if (r == 0 && node->name[0] == '\0') {
        return gs_fail(err, GS_INVALID, "a node without a name; expected metadata.name");
    }
    if (r == 0 && !gs_kubejson_is_name(node->name)) {
        return gs_fail(err, GS_INVALID,
                       "a node named \"%.100s\"; expected lower-case letters, digits, '-' and "
                       "'.', 253 at most",
                       node->name);
    }
    node->facts.name = node->name;
    return r;
}

int gs_kubenode_parse(const struct json_t *object, struct gs_arena *arena, struct gs_kubenode *ret,
                      struct gs_err *err)
{
    struct gs_kubenode node = {
        .slices = GS_ARENA_NEW(arena, struct gs_kubenode_slices, GS_KUBENODE_SLICES_MAX)};
    json_t *metadata = NULL;
    json_t *spec = NULL;
    if (node.slices == NULL) {
        return gs_kubejson_no_memory(err);
    }
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? read_name(metadata, arena, &node, err) : r;
    if (r != 0) {
        return r;
    }
    r = gs_kubejson_object(object, "spec", &spec, err);
    r = r == 0 ? read_labels(metadata, arena, &node, err) : r;
    r = r == 0 ? read_taints(spec, arena, &node, err) : r;
    r = r == 0 ? read_allocatable(object, &node, arena, err) : r;
    r = r == 0 ? read_gpu(&node, arena, err) : r;
    if (r != 0) {
        return gs_wrap(err, r, "node %s", node.name);
    }
    node.instance_type = gs_kubenode_label(&node, "node.kubernetes.io/instance-type");
    *ret = node;
    return 0;
}
