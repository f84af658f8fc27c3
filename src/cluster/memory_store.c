#include "cluster/memory_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { OBJECT_BYTES_MAX = 4 << 20 };

/* ---- nodes ---- */

static void free_node(struct gs_memory_node *node)
{
    gs_arena_done(&node->arena);
    free(node);
}

/* The place of the node; n_nodes: there is none. */
static size_t place_of(const struct gs_memory_store *store, const char *name)
{
    size_t i = 0;
    while (i < store->n_nodes && strcmp(store->nodes[i]->node.name, name) != 0) {
        i++;
    }
    return i;
}

const struct gs_cluster_node *gs_memory_store_find(const struct gs_memory_store *store,
                                                   const char *name)
{
    size_t i = place_of(store, name);
    return i == store->n_nodes ? NULL : &store->nodes[i]->node;
}

/* Brings the pairs of a node into the order of their keys; the arrays are the arena's. */
static int sort_pairs(struct gs_arena *arena, struct gs_cluster_node *node, struct gs_err *err)
{
    struct gs_cluster_pairs *all[] = {&node->labels, &node->annotations, &node->capacity,
                                      &node->allocatable};
    const struct gs_cluster_pairs none = {.n = 0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(all); i++) {
        const struct gs_cluster_pairs given = *all[i];
        r = gs_memory_store_merge(arena, &none, &given, all[i], err);
    }
    return r;
}

static int new_node(struct gs_memory_store *store, const struct gs_cluster_node *node,
                    const char *uid, struct gs_memory_node **ret, struct gs_err *err)
{
    char version[24];
    char made_uid[64];
    struct gs_cluster_node named = *node;
    struct gs_memory_node *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return gs_cluster_no_memory(err);
    }
    snprintf(version, sizeof(version), "%" PRIu64, store->version + 1);
    snprintf(made_uid, sizeof(made_uid), "00000000-0000-0000-0000-%012" PRIu64, store->version + 1);
    named.resource_version = version;
    named.uid = node->uid != NULL && node->uid[0] != '\0' ? node->uid
                : uid != NULL                             ? uid
                                                          : made_uid;
    gs_arena_init(&made->arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = sort_pairs(&made->arena, &named, err);
    r = r == 0 ? gs_cluster_node_copy(&made->arena, &named, &made->node, err) : r;
    if (r != 0) {
        free_node(made);
        return r;
    }
    store->version++;
    *ret = made;
    return 0;
}

int gs_memory_store_put_node(struct gs_memory_store *store, const struct gs_cluster_node *node,
                             struct gs_err *err)
{
    struct gs_memory_node *made = NULL;
    size_t i = place_of(store, node->name);
    if (i == GS_MEMORY_NODES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d nodes", GS_MEMORY_NODES_MAX);
    }
    bool there = i < store->n_nodes;
    int r = new_node(store, node, there ? store->nodes[i]->node.uid : NULL, &made, err);
    if (r != 0) {
        return r;
    }
    if (there) {
        free_node(store->nodes[i]);
    } else {
        store->n_nodes++;
    }
    store->nodes[i] = made;
    return 0;
}

bool gs_memory_store_remove_node(struct gs_memory_store *store, const char *name)
{
    size_t i = place_of(store, name);
    if (i == store->n_nodes) {
        return false;
    }
    free_node(store->nodes[i]);
    store->nodes[i] = store->nodes[--store->n_nodes];
    return true;
}

/* ---- pods ---- */

static void free_pod(struct gs_memory_pod *pod)
{
    gs_arena_done(&pod->arena);
    free(pod);
}

static size_t pod_place_of(const struct gs_memory_store *store, const char *name_space,
                           const char *name)
{
    size_t i = 0;
    while (i < store->n_pods && (strcmp(store->pods[i]->pod.name_space, name_space) != 0 ||
                                 strcmp(store->pods[i]->pod.name, name) != 0)) {
        i++;
    }
    return i;
}

int gs_memory_store_put_pod(struct gs_memory_store *store, const struct gs_cluster_pod *pod,
                            struct gs_err *err)
{
    size_t i = pod_place_of(store, pod->name_space, pod->name);
    if (i == GS_MEMORY_PODS_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d pods", GS_MEMORY_PODS_MAX);
    }
    struct gs_memory_pod *made = calloc(1, sizeof(*made));
    struct gs_memory_pod **pods = realloc(store->pods, (store->n_pods + 1) * sizeof(*pods));
    if (pods != NULL) {
        store->pods = pods;
    }
    if (made == NULL || pods == NULL) {
        free(made);
        return gs_cluster_no_memory(err);
    }
    gs_arena_init(&made->arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = gs_cluster_pod_copy(&made->arena, pod, &made->pod, err);
    if (r != 0) {
        free_pod(made);
        return r;
    }
    if (i < store->n_pods) {
        free_pod(store->pods[i]);
    } else {
        store->n_pods++;
    }
    store->pods[i] = made;
    return 0;
}

void gs_memory_store_remove_pod(struct gs_memory_store *store, const char *name_space,
                                const char *name)
{
    size_t i = pod_place_of(store, name_space, name);
    if (i < store->n_pods) {
        free_pod(store->pods[i]);
        store->pods[i] = store->pods[--store->n_pods];
    }
}

/* ---- events ---- */

static void free_event(struct gs_memory_event *event)
{
    gs_arena_done(&event->arena);
    free(event);
}

int gs_memory_store_put_event(struct gs_memory_store *store, const struct gs_cluster_event *event,
                              struct gs_err *err)
{
    size_t i = 0;
    while (i < store->n_events && strcmp(store->events[i]->event.name, event->name) != 0) {
        i++;
    }
    if (i == GS_MEMORY_EVENTS_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d events", GS_MEMORY_EVENTS_MAX);
    }
    struct gs_memory_event *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return gs_cluster_no_memory(err);
    }
    gs_arena_init(&made->arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = gs_cluster_event_copy(&made->arena, event, &made->event, err);
    if (r != 0) {
        free_event(made);
        return r;
    }
    if (i < store->n_events) {
        free_event(store->events[i]);
    } else {
        store->n_events++;
    }
    store->events[i] = made;
    return 0;
}

/* ---- all ---- */

int gs_memory_store_merge(struct gs_arena *arena, const struct gs_cluster_pairs *into,
                          const struct gs_cluster_pairs *change, struct gs_cluster_pairs *ret,
                          struct gs_err *err)
{
    struct gs_cluster_pair *at = GS_ARENA_NEW(arena, struct gs_cluster_pair, into->n + change->n);
    if (at == NULL) {
        return gs_cluster_no_memory(err);
    }
    size_t n = 0;
    for (size_t i = 0; i < into->n; i++) {
        at[n++] = into->at[i];
    }
    for (size_t i = 0; i < change->n; i++) {
        size_t k = 0;
        while (k < n && strcmp(at[k].key, change->at[i].key) < 0) {
            k++;
        }
        bool there = k < n && strcmp(at[k].key, change->at[i].key) == 0;
        if (change->at[i].value == NULL) {
            n -= there;
            memmove(&at[k], &at[k + there], (n - k) * sizeof(*at));
            continue;
        }
        memmove(&at[k + 1], &at[k + there], (n - k - there) * sizeof(*at));
        n += !there;
        at[k] = change->at[i];
    }
    *ret = (struct gs_cluster_pairs){.at = at, .n = n};
    return 0;
}

void gs_memory_store_done(struct gs_memory_store *store)
{
    for (size_t i = 0; i < store->n_nodes; i++) {
        free_node(store->nodes[i]);
    }
    for (size_t i = 0; i < store->n_pods; i++) {
        free_pod(store->pods[i]);
    }
    for (size_t i = 0; i < store->n_events; i++) {
        free_event(store->events[i]);
    }
    free(store->pods);
    *store = (struct gs_memory_store){.n_nodes = 0};
}
