#include "cluster/memory_calls.h"

#include <stdlib.h>
#include <string.h>

#include "base/view.h"
#include "wire/quantity.h"

enum { CALL_BYTES_MAX = 16 << 20, TIMER_ACCURACY_US = 1000, LABEL_VALUE_MAX = 63 };

enum kind { GET_NODE, CHANGE_NODE, CHANGE_STATUS, REMOVE_TAINT, LIST_PODS, POST_EVENT };

static const char *const kind_names[] = {
    [GET_NODE] = "get_node",           [CHANGE_NODE] = "change_node",
    [CHANGE_STATUS] = "change_status", [REMOVE_TAINT] = "remove_taint",
    [LIST_PODS] = "list_pods",         [POST_EVENT] = "post_event",
};

struct gs_cluster_call {
    struct gs_cluster_call *prev;
    struct gs_cluster_call *next;
    struct gs_memory *memory;
    sd_event_source *timer;
    uint64_t end_us; /* CLOCK_MONOTONIC */
    struct gs_arena arena;
    enum kind kind;
    const char *name; /* of the node */
    const char *key;  /* of the taint; the prefix of the resources */
    struct gs_cluster_pairs pairs[2];
    struct gs_cluster_event event;
    gs_cluster_done *done;
    gs_cluster_node_done *node_done;
    gs_cluster_pods_done *pods_done;
    void *ctx;
};

/* ---- what operations do ---- */

/* A label's value as the API server takes it. */
static bool is_label_value(const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(value);
    return n == 0 || (n <= LABEL_VALUE_MAX && strspn(value, plain) == n &&
                      strchr("-_.", value[0]) == NULL && strchr("-_.", value[n - 1]) == NULL);
}

static int change_node_now(struct gs_cluster_call *call, struct gs_cluster_node *node,
                           struct gs_err *err)
{
    for (size_t i = 0; i < call->pairs[0].n; i++) {
        const char *value = call->pairs[0].at[i].value;
        if (value != NULL && !is_label_value(value)) {
            return gs_fail(err, GS_INVALID, "label %s: \"%.80s\" is no value of a label",
                           call->pairs[0].at[i].key, value);
        }
    }
    int r = gs_memory_store_merge(&call->arena, &node->labels, &call->pairs[0], &node->labels, err);
    return r == 0 ? gs_memory_store_merge(&call->arena, &node->annotations, &call->pairs[1],
                                          &node->annotations, err)
                  : r;
}

static int check_amounts(const struct gs_cluster_pairs *pairs, struct gs_err *err)
{
    uint64_t amount;
    for (size_t i = 0; i < pairs->n; i++) {
        const char *value = pairs->at[i].value;
        int r = value == NULL ? 0
                              : gs_quantity_parse(gs_view(value), GS_QUANTITY_MILLI, UINT64_MAX,
                                                  &amount, err);
        if (r == GS_INVALID) {
            return gs_wrap(err, r, "resource %s", pairs->at[i].key);
        }
    }
    return 0;
}

static int change_status_now(struct gs_cluster_call *call, struct gs_cluster_node *node,
                             struct gs_err *err)
{
    int r = check_amounts(&call->pairs[0], err);
    r = r == 0 ? check_amounts(&call->pairs[1], err) : r;
    r = r == 0 ? gs_memory_store_merge(&call->arena, &node->capacity, &call->pairs[0],
                                       &node->capacity, err)
               : r;
    return r == 0 ? gs_memory_store_merge(&call->arena, &node->allocatable, &call->pairs[1],
                                          &node->allocatable, err)
                  : r;
}

static int remove_taint_now(struct gs_cluster_call *call, struct gs_cluster_node *node,
                            struct gs_err *err)
{
    struct gs_cluster_taint *left =
        GS_ARENA_NEW(&call->arena, struct gs_cluster_taint, node->n_taints);
    if (left == NULL) {
        return gs_cluster_no_memory(err);
    }
    size_t n = 0;
    for (size_t i = 0; i < node->n_taints; i++) {
        if (strcmp(node->taints[i].key, call->key) != 0) {
            left[n++] = node->taints[i];
        }
    }
    node->taints = left;
    node->n_taints = n;
    return 0;
}

static int change(struct gs_cluster_call *call, struct gs_err *err)
{
    struct gs_memory *memory = call->memory;
    if (memory->hook != NULL) {
        memory->hook(memory->hook_ctx, &memory->self, kind_names[call->kind]);
    }
    if (memory->fail_next.code != GS_OK) {
        if (err != NULL) {
            *err = memory->fail_next;
        }
        memory->fail_next = (struct gs_err){.code = GS_OK};
        return err->code;
    }
    if (call->kind == POST_EVENT) {
        return gs_memory_store_put_event(&memory->store, &call->event, err);
    }
    const struct gs_cluster_node *found = gs_memory_store_find(&memory->store, call->name);
    if (found == NULL) {
        return gs_fail(err, GS_NOT_FOUND, "nodes \"%s\" not found", call->name);
    }
    struct gs_cluster_node node = *found;
    int r = call->kind == CHANGE_NODE     ? change_node_now(call, &node, err)
            : call->kind == CHANGE_STATUS ? change_status_now(call, &node, err)
                                          : remove_taint_now(call, &node, err);
    return r == 0 ? gs_memory_put_node(memory, &node, err) : r;
}

static void get_now(struct gs_cluster_call *call)
{
    struct gs_err err;
    const struct gs_cluster_node *node = gs_memory_store_find(&call->memory->store, call->name);
    if (node == NULL) {
        int r = gs_fail(&err, GS_NOT_FOUND, "nodes \"%s\" not found", call->name);
        call->node_done(call->ctx, r, NULL, &err);
        return;
    }
    call->node_done(call->ctx, 0, node, NULL);
}

static bool asks_for(const struct gs_cluster_pod *pod, const char *prefix)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < pod->n_asks; i++) {
        if (strncmp(pod->asks[i].resource, prefix, n) == 0) {
            return true;
        }
    }
    return false;
}

static void list_now(struct gs_cluster_call *call)
{
    const struct gs_memory_store *store = &call->memory->store;
    struct gs_err err;
    struct gs_cluster_pod *pods = GS_ARENA_NEW(&call->arena, struct gs_cluster_pod, store->n_pods);
    size_t n = 0;
    for (size_t i = 0; pods != NULL && i < store->n_pods; i++) {
        const struct gs_cluster_pod *pod = &store->pods[i]->pod;
        bool here = strcmp(pod->node, call->name) == 0 ||
                    (pod->node[0] == '\0' && strcmp(pod->nominated_node, call->name) == 0);
        if (here && asks_for(pod, call->key)) {
            pods[n++] = *pod;
        }
    }
    if (pods == NULL || n > GS_CLUSTER_PODS_MAX) {
        int r = pods == NULL ? gs_cluster_no_memory(&err)
                             : gs_fail(&err, GS_LIMIT, "more than %d pods of node %s",
                                       GS_CLUSTER_PODS_MAX, call->name);
        call->pods_done(call->ctx, r, NULL, 0, &err);
        return;
    }
    call->pods_done(call->ctx, 0, pods, n, NULL);
}

/* ---- calls ---- */

static void free_call(struct gs_cluster_call *call)
{
    sd_event_source_disable_unref(call->timer);
    gs_arena_done(&call->arena);
    free(call);
}

static void unlink_call(struct gs_cluster_call *call)
{
    *(call->prev == NULL ? &call->memory->calls : &call->prev->next) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
}

static void end_unreached(struct gs_cluster_call *call)
{
    struct gs_err err;
    int r = gs_fail(&err, GS_LIMIT, "%s: the cluster in memory was unreachable until the limit",
                    kind_names[call->kind]);
    if (call->kind == GET_NODE) {
        call->node_done(call->ctx, r, NULL, &err);
    } else if (call->kind == LIST_PODS) {
        call->pods_done(call->ctx, r, NULL, 0, &err);
    } else {
        call->done(call->ctx, r, &err);
    }
}

static void carry_out(struct gs_cluster_call *call)
{
    struct gs_err err = {.code = GS_OK};
    if (call->kind == GET_NODE) {
        get_now(call);
    } else if (call->kind == LIST_PODS) {
        list_now(call);
    } else {
        int r = change(call, &err);
        call->done(call->ctx, r, r == 0 ? NULL : &err);
    }
}

static int on_call(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_cluster_call *call = ctx;
    if (call->memory->unreachable && usec < call->end_us) {
        sd_event_source_set_time(source, call->end_us);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
    }
    unlink_call(call);
    if (call->memory->unreachable) {
        end_unreached(call);
    } else {
        carry_out(call);
    }
    free_call(call);
    return 0;
}

static struct gs_cluster_call *new_call(struct gs_memory *memory, enum kind kind, uint64_t limit_us,
                                        void *ctx)
{
    struct gs_cluster_call *call = calloc(1, sizeof(*call));
    if (call != NULL) {
        call->memory = memory;
        call->kind = kind;
        call->ctx = ctx;
        call->end_us = gs_memory_now(memory, CLOCK_MONOTONIC) +
                       (limit_us == 0 ? GS_CLUSTER_LIMIT_DEFAULT_US : limit_us);
        gs_arena_init(&call->arena, &gs_alloc_heap, CALL_BYTES_MAX);
    }
    return call;
}

/* Starts the call, or frees it where making it has failed with `r`. */
static int start(struct gs_cluster_call *call, int r, struct gs_cluster_call **ret_call,
                 struct gs_err *err)
{
    struct gs_memory *memory = call->memory;
    if (r == 0) {
        int s = sd_event_add_time_relative(memory->event, &call->timer, CLOCK_MONOTONIC,
                                           memory->delay_us, TIMER_ACCURACY_US, on_call, call);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        free_call(call);
        return r;
    }
    call->next = memory->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    memory->calls = call;
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return 0;
}

static int keep(struct gs_cluster_call *call, const char *text, const char **ret,
                struct gs_err *err)
{
    *ret = gs_arena_text(&call->arena, text, strlen(text));
    return *ret == NULL ? gs_cluster_no_memory(err) : 0;
}

int gs_memory_get_node(void *impl, const char *name, gs_cluster_node_done *done, void *ctx,
                       struct gs_cluster_call **ret_call, struct gs_err *err)
{
    struct gs_cluster_call *call = new_call(impl, GET_NODE, 0, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->node_done = done;
    return start(call, keep(call, name, &call->name, err), ret_call, err);
}

static int begin_change(void *impl, enum kind kind, const char *node,
                        const struct gs_cluster_pairs *first, const struct gs_cluster_pairs *second,
                        uint64_t limit_us, gs_cluster_done *done, void *ctx,
                        struct gs_cluster_call **ret_call, struct gs_err *err)
{
    struct gs_cluster_call *call = new_call(impl, kind, limit_us, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    int r = keep(call, node, &call->name, err);
    r = r == 0 ? gs_cluster_pairs_copy(&call->arena, first, &call->pairs[0], err) : r;
    r = r == 0 ? gs_cluster_pairs_copy(&call->arena, second, &call->pairs[1], err) : r;
    return start(call, r, ret_call, err);
}

int gs_memory_change_node(void *impl, const struct gs_cluster_node_change *what,
                          gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                          struct gs_err *err)
{
    return begin_change(impl, CHANGE_NODE, what->node, &what->labels, &what->annotations,
                        what->limit_us, done, ctx, ret_call, err);
}

int gs_memory_change_status(void *impl, const struct gs_cluster_status_change *what,
                            gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                            struct gs_err *err)
{
    return begin_change(impl, CHANGE_STATUS, what->node, &what->capacity, &what->allocatable,
                        what->limit_us, done, ctx, ret_call, err);
}

int gs_memory_remove_taint(void *impl, const char *node, const char *key, gs_cluster_done *done,
                           void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err)
{
    struct gs_cluster_call *call = new_call(impl, REMOVE_TAINT, 0, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    int r = keep(call, node, &call->name, err);
    r = r == 0 ? keep(call, key, &call->key, err) : r;
    return start(call, r, ret_call, err);
}

int gs_memory_list_pods(void *impl, const struct gs_cluster_pods_query *query,
                        gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                        struct gs_err *err)
{
    struct gs_cluster_call *call = new_call(impl, LIST_PODS, query->limit_us, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->pods_done = done;
    int r = keep(call, query->node, &call->name, err);
    r = r == 0 ? keep(call, query->resources, &call->key, err) : r;
    return start(call, r, ret_call, err);
}

int gs_memory_post_event(void *impl, const struct gs_cluster_event *event, gs_cluster_done *done,
                         void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err)
{
    struct gs_cluster_call *call = new_call(impl, POST_EVENT, 0, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    return start(call, gs_cluster_event_copy(&call->arena, event, &call->event, err), ret_call,
                 err);
}

void gs_memory_cancel(void *impl, struct gs_cluster_call *call)
{
    (void)impl;
    unlink_call(call);
    free_call(call);
}

void gs_memory_resume_calls(struct gs_memory *memory)
{
    for (struct gs_cluster_call *call = memory->calls; call != NULL; call = call->next) {
        sd_event_source_set_time_relative(call->timer, memory->delay_us);
        sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
    }
}
