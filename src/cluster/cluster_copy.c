#include "cluster/cluster_ops.h"

#include <string.h>

/* Copies until there is no memory any more, which sticks: one check at the end. */
struct copier {
    struct gs_arena *arena;
    bool failed;
};

static const char *text(struct copier *copier, const char *from)
{
    const char *copy = from == NULL ? "" : gs_arena_text(copier->arena, from, strlen(from));
    copier->failed = copier->failed || copy == NULL;
    return copy;
}

/* A value may be NULL: taken away. */
static struct gs_cluster_pairs pairs(struct copier *copier, const struct gs_cluster_pairs *from)
{
    struct gs_cluster_pair *at = GS_ARENA_NEW(copier->arena, struct gs_cluster_pair, from->n);
    if (at == NULL) {
        copier->failed = true;
        return (struct gs_cluster_pairs){.n = 0};
    }
    for (size_t i = 0; i < from->n; i++) {
        at[i].key = text(copier, from->at[i].key);
        at[i].value = from->at[i].value == NULL ? NULL : text(copier, from->at[i].value);
    }
    return (struct gs_cluster_pairs){.at = at, .n = from->n};
}

static int end(const struct copier *copier, struct gs_err *err)
{
    return copier->failed ? gs_cluster_no_memory(err) : 0;
}

int gs_cluster_pairs_copy(struct gs_arena *arena, const struct gs_cluster_pairs *from,
                          struct gs_cluster_pairs *ret, struct gs_err *err)
{
    struct copier copier = {.arena = arena};
    *ret = pairs(&copier, from);
    return end(&copier, err);
}

int gs_cluster_node_copy(struct gs_arena *arena, const struct gs_cluster_node *node,
                         struct gs_cluster_node *ret, struct gs_err *err)
{
    struct copier copier = {.arena = arena};
    struct gs_cluster_taint *taints = GS_ARENA_NEW(arena, struct gs_cluster_taint, node->n_taints);
    if (taints == NULL) {
        return gs_cluster_no_memory(err);
    }
    for (size_t i = 0; i < node->n_taints; i++) {
        taints[i] = (struct gs_cluster_taint){.key = text(&copier, node->taints[i].key),
                                              .value = text(&copier, node->taints[i].value),
                                              .effect = text(&copier, node->taints[i].effect)};
    }
    *ret = (struct gs_cluster_node){
        .name = text(&copier, node->name),
        .uid = text(&copier, node->uid),
        .resource_version = text(&copier, node->resource_version),
        .deleting = node->deleting,
        .unschedulable = node->unschedulable,
        .labels = pairs(&copier, &node->labels),
        .annotations = pairs(&copier, &node->annotations),
        .capacity = pairs(&copier, &node->capacity),
        .allocatable = pairs(&copier, &node->allocatable),
        .taints = taints,
        .n_taints = node->n_taints,
    };
    return end(&copier, err);
}

int gs_cluster_pod_copy(struct gs_arena *arena, const struct gs_cluster_pod *pod,
                        struct gs_cluster_pod *ret, struct gs_err *err)
{
    struct copier copier = {.arena = arena};
    struct gs_cluster_amount *asks = GS_ARENA_NEW(arena, struct gs_cluster_amount, pod->n_asks);
    if (asks == NULL) {
        return gs_cluster_no_memory(err);
    }
    for (size_t i = 0; i < pod->n_asks; i++) {
        asks[i].resource = text(&copier, pod->asks[i].resource);
        asks[i].count = pod->asks[i].count;
    }
    *ret = (struct gs_cluster_pod){
        .uid = text(&copier, pod->uid),
        .name_space = text(&copier, pod->name_space),
        .name = text(&copier, pod->name),
        .node = text(&copier, pod->node),
        .nominated_node = text(&copier, pod->nominated_node),
        .phase = pod->phase,
        .deleting = pod->deleting,
        .priority = pod->priority,
        .asks = asks,
        .n_asks = pod->n_asks,
    };
    return end(&copier, err);
}

int gs_cluster_event_copy(struct gs_arena *arena, const struct gs_cluster_event *event,
                          struct gs_cluster_event *ret, struct gs_err *err)
{
    struct copier copier = {.arena = arena};
    *ret = (struct gs_cluster_event){
        .name = text(&copier, event->name),
        .node = text(&copier, event->node),
        .node_uid = text(&copier, event->node_uid),
        .controller = text(&copier, event->controller),
        .instance = text(&copier, event->instance),
        .reason = text(&copier, event->reason),
        .action = text(&copier, event->action),
        .note = text(&copier, event->note),
        .warning = event->warning,
        .count = event->count,
        .first_us = event->first_us,
        .last_us = event->last_us,
    };
    return end(&copier, err);
}
