#include "cluster/cluster_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/memory_calls.h"

struct gs_cluster_watch {
    struct gs_cluster_watch *prev;
    struct gs_cluster_watch *next;
    struct gs_memory *memory;
    sd_event_source *source;
    char name[GS_CLUSTER_NAME_MAX];
    struct gs_cluster_node_sink sink;
    bool told_reach; /* the sink knows the state that `reachable` has */
    bool told_node;
    bool delivering;
    bool dead; /* ended from the sink's own function */
};

uint64_t gs_memory_now(struct gs_memory *memory, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(memory->event, clock, &at);
    return at;
}

/* ---- watches ---- */

static void free_watch(struct gs_cluster_watch *watch)
{
    *(watch->prev == NULL ? &watch->memory->watches : &watch->prev->next) = watch->next;
    if (watch->next != NULL) {
        watch->next->prev = watch->prev;
    }
    sd_event_source_disable_unref(watch->source);
    free(watch);
}

static void tell(struct gs_cluster_watch *watch)
{
    struct gs_memory *memory = watch->memory;
    if (!watch->told_reach) {
        const struct gs_err why = {.code = GS_IO, .msg = "the cluster in memory is unreachable"};
        const struct gs_cluster_reach reach = {.reachable = !memory->unreachable,
                                               .since_us = memory->since_us,
                                               .why = memory->unreachable ? &why : NULL};
        watch->told_reach = true;
        watch->sink.reach(watch->sink.ctx, &reach);
    }
    if (!watch->dead && !watch->told_node && !memory->unreachable) {
        watch->told_node = true;
        watch->sink.node(watch->sink.ctx, gs_memory_store_find(&memory->store, watch->name));
    }
}

static int on_watch(sd_event_source *source, void *ctx)
{
    struct gs_cluster_watch *watch = ctx;
    (void)source;
    watch->delivering = true;
    tell(watch);
    watch->delivering = false;
    if (watch->dead) {
        free_watch(watch);
    }
    return 0;
}

static void wake(struct gs_cluster_watch *watch)
{
    sd_event_source_set_enabled(watch->source, SD_EVENT_ONESHOT);
}

static void wake_watches_of(struct gs_memory *memory, const char *name)
{
    for (struct gs_cluster_watch *watch = memory->watches; watch != NULL; watch = watch->next) {
        if (strcmp(watch->name, name) == 0) {
            watch->told_node = false;
            wake(watch);
        }
    }
}

int gs_memory_put_node(struct gs_memory *memory, const struct gs_cluster_node *node,
                       struct gs_err *err)
{
    char name[GS_CLUSTER_NAME_MAX]; /* what is there goes, and its texts may be the node's */
    snprintf(name, sizeof(name), "%s", node->name);
    int r = gs_memory_store_put_node(&memory->store, node, err);
    if (r == 0) {
        wake_watches_of(memory, name);
    }
    return r;
}

static int watch_node(void *impl, const char *name, const struct gs_cluster_node_sink *sink,
                      struct gs_cluster_watch **ret_watch, struct gs_err *err)
{
    struct gs_memory *memory = impl;
    struct gs_cluster_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return gs_cluster_no_memory(err);
    }
    int r = sd_event_add_defer(memory->event, &watch->source, on_watch, watch);
    if (r < 0) {
        free(watch);
        return gs_fail_errno(err, -r, "adding an event source");
    }
    memcpy(watch->name, name, strlen(name) + 1);
    watch->memory = memory;
    watch->sink = *sink;
    watch->next = memory->watches;
    if (watch->next != NULL) {
        watch->next->prev = watch;
    }
    memory->watches = watch;
    *ret_watch = watch;
    return 0;
}

static void unwatch(void *impl, struct gs_cluster_watch *watch)
{
    (void)impl;
    watch->dead = true;
    if (!watch->delivering) {
        free_watch(watch);
    }
}

/* ---- the cluster ---- */

static void close_memory(void *impl)
{
    struct gs_memory *memory = impl;
    while (memory->calls != NULL) {
        gs_memory_cancel(memory, memory->calls);
    }
    while (memory->watches != NULL) {
        free_watch(memory->watches);
    }
    gs_memory_store_done(&memory->store);
    sd_event_unref(memory->event);
    free(memory);
}

static const struct gs_cluster_ops ops = {
    .name = "memory",
    .close = close_memory,
    .get_node = gs_memory_get_node,
    .change_node = gs_memory_change_node,
    .change_status = gs_memory_change_status,
    .remove_taint = gs_memory_remove_taint,
    .list_pods = gs_memory_list_pods,
    .post_event = gs_memory_post_event,
    .cancel = gs_memory_cancel,
    .watch_node = watch_node,
    .unwatch = unwatch,
};

int gs_cluster_memory_open(sd_event *event, struct gs_cluster *ret, struct gs_err *err)
{
    struct gs_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return gs_cluster_no_memory(err);
    }
    memory->event = sd_event_ref(event);
    memory->since_us = gs_memory_now(memory, CLOCK_REALTIME);
    memory->self = (struct gs_cluster){.ops = &ops, .impl = memory};
    *ret = memory->self;
    return 0;
}

int gs_cluster_memory_put_node(struct gs_cluster *cluster, const struct gs_cluster_node *node,
                               struct gs_err *err)
{
    return gs_memory_put_node(cluster->impl, node, err);
}

void gs_cluster_memory_remove_node(struct gs_cluster *cluster, const char *name)
{
    struct gs_memory *memory = cluster->impl;
    if (gs_memory_store_remove_node(&memory->store, name)) {
        wake_watches_of(memory, name);
    }
}

const struct gs_cluster_node *gs_cluster_memory_node(const struct gs_cluster *cluster,
                                                     const char *name)
{
    const struct gs_memory *memory = cluster->impl;
    return gs_memory_store_find(&memory->store, name);
}

int gs_cluster_memory_put_pod(struct gs_cluster *cluster, const struct gs_cluster_pod *pod,
                              struct gs_err *err)
{
    struct gs_memory *memory = cluster->impl;
    return gs_memory_store_put_pod(&memory->store, pod, err);
}

void gs_cluster_memory_remove_pod(struct gs_cluster *cluster, const char *name_space,
                                  const char *name)
{
    struct gs_memory *memory = cluster->impl;
    gs_memory_store_remove_pod(&memory->store, name_space, name);
}

const struct gs_cluster_event *gs_cluster_memory_event(const struct gs_cluster *cluster, size_t n)
{
    const struct gs_memory *memory = cluster->impl;
    return n < memory->store.n_events ? &memory->store.events[n]->event : NULL;
}

void gs_cluster_memory_reach(struct gs_cluster *cluster, bool reachable)
{
    struct gs_memory *memory = cluster->impl;
    if (memory->unreachable == !reachable) {
        return;
    }
    memory->unreachable = !reachable;
    memory->since_us = gs_memory_now(memory, CLOCK_REALTIME);
    for (struct gs_cluster_watch *watch = memory->watches; watch != NULL; watch = watch->next) {
        watch->told_reach = false;
        wake(watch);
    }
    if (reachable) {
        gs_memory_resume_calls(memory);
    }
}

void gs_cluster_memory_delay(struct gs_cluster *cluster, uint64_t delay_us)
{
    struct gs_memory *memory = cluster->impl;
    memory->delay_us = delay_us;
}

void gs_cluster_memory_fail_next(struct gs_cluster *cluster, const struct gs_err *err)
{
    struct gs_memory *memory = cluster->impl;
    memory->fail_next = *err;
}

void gs_cluster_memory_hook(struct gs_cluster *cluster,
                            void (*hook)(void *ctx, struct gs_cluster *cluster, const char *what),
                            void *ctx)
{
    struct gs_memory *memory = cluster->impl;
    memory->hook = hook;
    memory->hook_ctx = ctx;
}
