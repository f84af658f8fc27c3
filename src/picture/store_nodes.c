/* The nodes of the store, from Node objects. */
#include "picture/store_nodes.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "picture/store_shape.h"
#include "wire/kubejson.h"

#define NODE_BYTES_MAX ((size_t)4 << 20)
#define HOLD_KEY "karpenter.sh/do-not-disrupt"
#define HELD_BY_US_KEY "gpuslice.dev/held"

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
    uint32_t seat = 0;
    bool seated = node != NULL && copy != NULL && gs_places_sit(&store->places, &seat);
    if (!seated || !gs_map_put(&store->nodes, copy, node)) {
        if (seated) {
            gs_places_leave(&store->places, seat);
        }
        free(copy);
        free(node);
        return NULL;
    }
    node->seat = seat;
    node->name = copy;
    node->store = store;
    node->slicepool = "";
    return node;
}

void gs_store_node_hide(struct gs_store_node *node)
{
    node->known = false;
    (void)gs_places_show(&node->store->places, node->seat, NULL, NULL); /* needs no memory */
}

void gs_store_node_free(struct gs_store_node *node)
{
    gs_store_gpus_free(node);
    free(node->kept);
    free(node->slices);
    free(node->name);
    free(node);
}

/* ---- those that are gone ---- */

enum { GONE_MIN = 1024 };

bool gs_store_is_littered(const struct gs_store *store)
{
    return store->n_gone >= GONE_MIN && store->n_gone > store->nodes.n / 2;
}

static bool is_gone(const struct gs_store_node *node)
{
    return !node->known && !node->has_gpus && node->pods == NULL && node->wishes == NULL &&
           !node->wishing && !node->holding && !node->dirty;
}

/* Pods remember by name where they were not taken. */
static void forget_failures(struct gs_store *store)
{
    for (struct gs_store_waiting *one = store->waiting; one != NULL; one = one->next) {
        one->n_failed_on = 0;
    }
}

void gs_store_forget(struct gs_store *store, void (*before)(void *ctx, struct gs_store_node *node),
                     void *ctx)
{
    size_t at = 0;
    size_t n = 0;
    struct gs_store_node **gone = malloc((store->nodes.n + 1) * sizeof(struct gs_store_node *));
    if (gone == NULL) {
        return; /* the next time */
    }
    for (struct gs_store_node *node; (node = gs_map_next(&store->nodes, &at)) != NULL;) {
        if (is_gone(node)) {
            gone[n++] = node;
        }
    }
    forget_failures(store);
    for (size_t i = 0; i < n; i++) {
        before(ctx, gone[i]);
        (void)gs_map_take(&store->nodes, gone[i]->name);
        gs_places_leave(&store->places, gone[i]->seat);
        gs_store_node_free(gone[i]);
    }
    free(gone);
    store->n_gone = 0;
    store->forgets++;
}

/* ---- what is kept of a Node: in one piece of memory, as there may be thousands ---- */

struct keeping {
    char *at; /* NULL: only the room is counted */
    size_t n;
};

static const char *keep_text(struct keeping *keeping, const char *text)
{
    size_t n = strlen(text) + 1;
    char *here = keeping->at;
    keeping->n += n;
    if (here != NULL) {
        memcpy(here, text, n);
        keeping->at += n;
    }
    return here;
}

/* Copies the texts of `from` into those of `to`; without room it only counts. */
static void keep_facts(struct keeping *keeping, const struct gs_kubenode *from, const char *uid,
                       struct gs_store_node *node, struct gs_label *labels, struct gs_taint *taints,
                       struct gs_store_other *others)
{
    const struct gs_label none = {.key = ""};
    const struct gs_taint no_taint = {.key = ""};
    for (size_t i = 0; i < from->facts.n_labels; i++) {
        struct gs_label kept = none;
        kept.key = keep_text(keeping, from->facts.labels[i].key);
        kept.value = keep_text(keeping, from->facts.labels[i].value);
        if (labels != NULL) {
            labels[i] = kept;
        }
    }
    for (size_t i = 0; i < from->facts.n_taints; i++) {
        struct gs_taint kept = no_taint;
        kept.key = keep_text(keeping, from->facts.taints[i].key);
        kept.value = keep_text(keeping, from->facts.taints[i].value);
        kept.effect = keep_text(keeping, from->facts.taints[i].effect);
        if (taints != NULL) {
            taints[i] = kept;
        }
    }
    for (size_t i = 0; i < from->n_others; i++) {
        const struct gs_store_other kept = {.name = keep_text(keeping, from->others[i].name),
                                            .there = from->others[i].amount};
        if (others != NULL) {
            others[i] = kept;
        }
    }
    node->uid = keep_text(keeping, uid);
    node->node.product = keep_text(keeping, from->product);
    node->node.instance_type = keep_text(keeping, from->instance_type);
}

static int keep_node(struct gs_store_node *node, const struct gs_kubenode *from, const char *uid,
                     struct gs_err *err)
{
    struct keeping count = {.at = NULL};
    size_t n_labels = from->facts.n_labels * sizeof(struct gs_label);
    size_t n_taints = from->facts.n_taints * sizeof(struct gs_taint);
    size_t n_others = from->n_others * sizeof(struct gs_store_other);
    keep_facts(&count, from, uid, node, NULL, NULL, NULL);
    char *kept = malloc(n_labels + n_taints + n_others + count.n);
    if (kept == NULL) {
        return no_memory(err);
    }
    struct gs_label *labels = (struct gs_label *)(void *)kept;
    struct gs_taint *taints = (struct gs_taint *)(void *)(kept + n_labels);
    struct gs_store_other *others = (struct gs_store_other *)(void *)(kept + n_labels + n_taints);
    struct keeping copy = {.at = kept + n_labels + n_taints + n_others};
    node->node = *from;
    keep_facts(&copy, from, uid, node, labels, taints, others);
    node->node.others = NULL;
    node->others = others;
    node->n_others = from->n_others;
    node->node.name = node->name;
    node->node.facts.name = from->facts.name == NULL ? NULL : node->name;
    node->node.facts.labels = labels;
    node->node.facts.taints = taints;
    free(node->kept);
    node->kept = kept;
    gs_store_shape_recount(node);
    return 0;
}

/* `node->node` has those of `from`, which is about to go. */
static int keep_slices(struct gs_store_node *node, const struct gs_kubenode *from,
                       struct gs_err *err)
{
    size_t n = from->n_slices * sizeof(*from->slices);
    free(node->slices);
    node->slices = n == 0 ? NULL : malloc(n);
    if (node->slices != NULL) {
        memcpy(node->slices, from->slices, n);
    }
    node->node.slices = node->slices;
    node->node.n_slices = node->slices == NULL ? 0 : from->n_slices;
    return n > 0 && node->slices == NULL ? no_memory(err) : 0;
}

static void read_rest(struct gs_store_node *node, const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *annotations = json_object_get(metadata, "annotations");
    node->deleting = json_object_get(metadata, "deletionTimestamp") != NULL;
    node->held = json_object_get(annotations, HOLD_KEY) != NULL;
    node->held_by_us = json_object_get(annotations, HELD_BY_US_KEY) != NULL;
    node->hold_after_us = 0;
    node->leaving = json_object_get(annotations, GS_STORE_LEAVING) != NULL;
    node->ready = gs_kubenode_is_ready(object, NULL);
    node->starting = gs_kubenode_is_starting(&node->node);
    node->slicepool = gs_kubenode_label(&node->node, "gpuslice.dev/slicepool");
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
    store->n_gone += node->known && gone;
    gs_store_node_hide(node);
    if (gone) {
        return 0;
    }
    struct gs_arena scratch;
    struct gs_kubenode read;
    const char *uid = "";
    gs_arena_init(&scratch, &gs_alloc_heap, NODE_BYTES_MAX);
    int r = gs_kubenode_parse(object, &scratch, &read, err);
    r = r == 0 ? gs_kubejson_copy(json_object_get(object, "metadata"), "uid", &scratch, &uid, err)
               : r;
    r = r == 0 ? keep_node(node, &read, uid, err) : r;
    r = r == 0 ? keep_slices(node, &read, err) : r;
    r = r == 0 ? gs_places_show(&store->places, node->seat, &node->node.facts, err) : r;
    gs_arena_done(&scratch);
    if (r != 0) {
        store->refused += r != GS_NO_MEMORY;
        return r;
    }
    read_rest(node, object);
    node->known = true;
    node->seen = true;
    return 0;
}
