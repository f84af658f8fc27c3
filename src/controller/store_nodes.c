/* The nodes of the store: Node and GpuNode, and the wishes that are on their way. */
#include "controller/store_nodes.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"

#define NODE_BYTES_MAX ((size_t)4 << 20)
#define STARTUP_TAINT "gpuslice.dev/startup"
#define HOLD_KEY "karpenter.sh/do-not-disrupt"
#define HELD_BY_US_KEY "gpuslice.dev/held"
#define WISH_BYTES_MAX ((size_t)64 << 10)
#define WISH_SHOWS_US                                                                              \
    10000000ull /* what was sent and is not in the watch by then was not taken                     \
                 */

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a node");
}

struct gs_store_node *gs_store_node_named(struct gs_store *store, const char *name)
{
    struct gs_store_node *node = gs_map_find(&store->nodes, name);
    if (node != NULL) {
        return node;
    }
    node = calloc(1, sizeof(*node));
    char *copy = strdup(name);
    if (node == NULL || copy == NULL || !gs_map_put(&store->nodes, copy, node)) {
        free(copy);
        free(node);
        return NULL;
    }
    node->name = copy;
    node->store = store;
    node->slicepool = "";
    gs_arena_init(&node->arena, &gs_alloc_heap, NODE_BYTES_MAX);
    gs_arena_init(&node->gpu_arena, &gs_alloc_heap, NODE_BYTES_MAX);
    return node;
}

static void free_wish(struct gs_store_wish *wish)
{
    gs_arena_done(&wish->arena);
    free(wish);
}

void gs_store_node_free(struct gs_store_node *node)
{
    while (node->wishes != NULL) {
        struct gs_store_wish *next = node->wishes->next;
        free_wish(node->wishes);
        node->wishes = next;
    }
    gs_arena_done(&node->arena);
    gs_arena_done(&node->gpu_arena);
    free(node->name);
    free(node);
}

/* ---- Node ---- */

static const char *label_of(const struct gs_kubenode *node, const char *key)
{
    for (size_t i = 0; i < node->facts.n_labels; i++) {
        if (strcmp(node->facts.labels[i].key, key) == 0) {
            return node->facts.labels[i].value;
        }
    }
    return "";
}

static bool is_ready(const json_t *object)
{
    const json_t *list = json_object_get(json_object_get(object, "status"), "conditions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        const char *status = json_string_value(json_object_get(one, "status"));
        if (type != NULL && strcmp(type, "Ready") == 0) {
            return status != NULL && strcmp(status, "True") == 0;
        }
    }
    return false;
}

/* A node that Karpenter made is not to be touched before it has called it initialized. */
static bool is_starting(const struct gs_kubenode *node)
{
    for (size_t i = 0; i < node->facts.n_taints; i++) {
        if (strcmp(node->facts.taints[i].key, STARTUP_TAINT) == 0) {
            return true;
        }
    }
    return label_of(node, "karpenter.sh/nodepool")[0] != '\0' &&
           strcmp(label_of(node, "karpenter.sh/initialized"), "true") != 0;
}

static void read_rest(struct gs_store_node *node, const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *annotations = json_object_get(metadata, "annotations");
    node->deleting = json_object_get(metadata, "deletionTimestamp") != NULL;
    node->held = json_object_get(annotations, HOLD_KEY) != NULL;
    node->held_by_us = json_object_get(annotations, HELD_BY_US_KEY) != NULL;
    node->ready = is_ready(object);
    node->starting = is_starting(&node->node);
    node->slicepool = label_of(&node->node, "gpuslice.dev/slicepool");
}

int gs_store_node(struct gs_store *store, const struct json_t *object, bool gone,
                  struct gs_err *err)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
    if (name == NULL || !gs_kubejson_is_name(name)) {
        store->refused++;
        return gs_fail(err, GS_INVALID, "a node without a name; expected metadata.name");
    }
    struct gs_store_node *node = gs_store_node_named(store, name);
    if (node == NULL) {
        return no_memory(err);
    }
    store->changed = true;
    gs_store_touch(node);
    node->known = false;
    if (gone) {
        return 0;
    }
    gs_arena_done(&node->arena);
    int r = gs_kubenode_parse(object, &node->arena, &node->node, err);
    r = r == 0 ? gs_kubejson_copy(json_object_get(object, "metadata"), "uid", &node->arena,
                                  &node->uid, err)
               : r;
    if (r != 0) {
        store->refused++;
        return r;
    }
    read_rest(node, object);
    node->known = true;
    node->seen = true;
    return 0;
}

/* ---- GpuNode ---- */

static const struct gs_gpunode_gpu *gpu_of(const struct gs_gpunode *gpus, const char *uuid)
{
    for (unsigned i = 0; i < gpus->n_gpus; i++) {
        if (strcmp(gpus->gpus[i].uuid, uuid) == 0) {
            return &gpus->gpus[i];
        }
    }
    return NULL;
}

static bool is_answered(const struct gs_gpunode *gpus, const struct gs_gpunode_wish *wish)
{
    const struct gs_gpunode_gpu *gpu = gpu_of(gpus, wish->uuid);
    return gpu == NULL ||
           (strcmp(gpu->decision.id, wish->id) == 0 && gpu->decision.result != GS_GPUNODE_NONE &&
            gpu->decision.result != GS_GPUNODE_RUNNING);
}

static const struct gs_gpunode_wish *wish_of(const struct gs_gpunode *gpus, const char *id)
{
    for (unsigned i = 0; i < gpus->n_wishes; i++) {
        if (strcmp(gpus->wishes[i].id, id) == 0) {
            return &gpus->wishes[i];
        }
    }
    return NULL;
}

static bool copy_texts(struct gs_arena *arena, const char **const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *texts[i] = gs_arena_text(arena, *texts[i], strlen(*texts[i]));
        if (*texts[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool copy_wish(struct gs_arena *arena, struct gs_gpunode_wish *wish)
{
    const char **const texts[] = {&wish->id, &wish->uuid, &wish->layout, &wish->reason};
    struct gs_gpunode_pod *pods = GS_ARENA_NEW(arena, struct gs_gpunode_pod, wish->n_pods);
    bool ok = pods != NULL && copy_texts(arena, texts, GS_ARRAY_LEN(texts));
    for (unsigned i = 0; ok && i < wish->n_pods; i++) {
        const char **const of_pod[] = {&pods[i].name_space, &pods[i].name, &pods[i].uid};
        pods[i] = wish->pods[i];
        ok = copy_texts(arena, of_pod, GS_ARRAY_LEN(of_pod));
    }
    wish->pods = pods;
    return ok;
}

static void take_out(struct gs_store_node *node, struct gs_store_wish **at)
{
    struct gs_store_wish *wish = *at;
    *at = wish->next;
    node->store->n_wishes--;
    free_wish(wish);
}

void gs_store_unwish(struct gs_store_node *node, const char *id)
{
    gs_store_touch(node);
    for (struct gs_store_wish **at = &node->wishes; *at != NULL;) {
        if (strcmp((*at)->wish.id, id) == 0) {
            take_out(node, at);
        } else {
            at = &(*at)->next;
        }
    }
}

int gs_store_wish(struct gs_store_node *node, const struct gs_gpunode_wish *wish, uint64_t now_us,
                  struct gs_err *err)
{
    struct gs_store_wish *ours = calloc(1, sizeof(*ours));
    if (ours == NULL) {
        return no_memory(err);
    }
    gs_arena_init(&ours->arena, &gs_alloc_heap, WISH_BYTES_MAX);
    ours->wish = *wish;
    ours->since_us = now_us;
    if (!copy_wish(&ours->arena, &ours->wish)) {
        free_wish(ours);
        return no_memory(err);
    }
    for (struct gs_store_wish **at = &node->wishes; *at != NULL;) {
        if (strcmp((*at)->wish.uuid, wish->uuid) == 0) {
            take_out(node, at);
        } else {
            at = &(*at)->next;
        }
    }
    gs_store_touch(node);
    ours->next = node->wishes;
    node->wishes = ours;
    node->store->n_wishes++;
    return 0;
}

/* Wishes that are still open: what the object has and the agent has not answered, and what was
 * sent and does not show yet. */
static int settle_wishes(struct gs_store_node *node, uint64_t now_us, struct gs_err *err)
{
    const struct gs_gpunode *gpus = &node->gpus;
    for (struct gs_store_wish **at = &node->wishes; *at != NULL;) {
        struct gs_store_wish *wish = *at;
        bool stands = wish_of(gpus, wish->wish.id) != NULL;
        bool late = !stands && (wish->shows || now_us >= wish->since_us + WISH_SHOWS_US);
        wish->shows |= stands;
        if (late || is_answered(gpus, &wish->wish)) {
            take_out(node, at);
        } else {
            at = &wish->next;
        }
    }
    int r = 0;
    for (unsigned i = 0; r == 0 && i < gpus->n_wishes; i++) {
        bool known = false;
        for (const struct gs_store_wish *one = node->wishes; one != NULL; one = one->next) {
            known |= strcmp(one->wish.uuid, gpus->wishes[i].uuid) == 0;
        }
        if (!known && !is_answered(gpus, &gpus->wishes[i])) {
            r = gs_store_wish(node, &gpus->wishes[i], now_us, err);
            if (r == 0) {
                node->wishes->shows = true;
            }
        }
    }
    return r;
}

int gs_store_gpunode(struct gs_store *store, const struct json_t *object, bool gone,
                     uint64_t now_us, struct gs_err *err)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
    if (name == NULL || !gs_kubejson_is_name(name)) {
        store->refused++;
        return gs_fail(err, GS_INVALID, "a GpuNode without a name; expected metadata.name");
    }
    struct gs_store_node *node = gs_store_node_named(store, name);
    if (node == NULL) {
        return no_memory(err);
    }
    store->changed = true;
    gs_store_touch(node);
    node->has_gpus = false;
    if (gone) {
        return 0;
    }
    gs_arena_done(&node->gpu_arena);
    int r = gs_gpunode_parse(object, &node->gpu_arena, &node->gpus, err);
    if (r != 0) {
        store->refused++;
        return r;
    }
    node->has_gpus = true;
    node->gpu_seen = true;
    node->gpus_at_us = now_us;
    return settle_wishes(node, now_us, err);
}
