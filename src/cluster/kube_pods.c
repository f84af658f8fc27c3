/* The pods that are bound to a node or nominated to it: two lists. The nominated ones come first: a
 * pod that is bound in between is in the second, and one that is in both counts once. */
#include <stdio.h>
#include <string.h>

#include "cluster/kube_call.h"
#include "cluster/kube_decode.h"

enum { SELECTOR_MAX = 512 };

/* ---- one list ---- */

static void empty(struct gs_kube_pods *pods)
{
    gs_arena_done(&pods->arena);
    pods->at = NULL;
    pods->n = 0;
    pods->cap = 0;
}

/* Keeps the pod if it asks for any of the resources. */
static int keep(struct gs_cluster_call *call, struct gs_kube_pods *pods,
                const struct json_t *object, struct gs_err *err)
{
    struct gs_cluster_pod pod;
    struct gs_arena_mark mark = gs_arena_mark(&pods->arena);
    int r = gs_kube_decode_pod(object, call->key, &pods->arena, &pod, err);
    if (r != 0) {
        return r;
    }
    if (pod.n_asks == 0) {
        gs_arena_rewind(&pods->arena, mark);
        return 0;
    }
    if (pods->n == GS_CLUSTER_PODS_MAX) {
        return gs_fail(err, GS_LIMIT, "node %s: more than %d pods that ask for %s", call->node,
                       GS_CLUSTER_PODS_MAX, call->key);
    }
    if (!gs_arena_room(&pods->arena, &pods->at, &pods->cap, pods->n, sizeof(*pods->at))) {
        return gs_cluster_no_memory(err);
    }
    pods->at[pods->n++] = pod;
    return 0;
}

static void on_begin_nominated(void *ctx)
{
    struct gs_cluster_call *call = ctx;
    empty(&call->nominated);
}

static int on_nominated(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    return keep(call, &call->nominated, object, err);
}

static void on_begin_bound(void *ctx)
{
    struct gs_cluster_call *call = ctx;
    empty(&call->bound);
}

static int on_bound(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    return keep(call, &call->bound, object, err);
}

/* ---- both ---- */

static void finish(struct gs_cluster_call *call, int result, const struct gs_err *err)
{
    call->pods_done(call->ctx, result, result == 0 ? call->bound.at : NULL,
                    result == 0 ? call->bound.n : 0, result == 0 ? NULL : err);
    gs_kube_call_free(call);
}

static bool is_bound(const struct gs_kube_pods *bound, size_t n, const char *uid)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(bound->at[i].uid, uid) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the nominated ones that are bound nowhere to the bound ones. */
static int join(struct gs_cluster_call *call, struct gs_err *err)
{
    struct gs_kube_pods *bound = &call->bound;
    size_t n_bound = bound->n;
    for (size_t i = 0; i < call->nominated.n; i++) {
        const struct gs_cluster_pod *pod = &call->nominated.at[i];
        if (pod->node[0] != '\0' || is_bound(bound, n_bound, pod->uid)) {
            continue;
        }
        if (bound->n == GS_CLUSTER_PODS_MAX) {
            return gs_fail(err, GS_LIMIT, "node %s: more than %d pods that ask for %s", call->node,
                           GS_CLUSTER_PODS_MAX, call->key);
        }
        if (!gs_arena_room(&bound->arena, &bound->at, &bound->cap, bound->n, sizeof(*bound->at))) {
            return gs_cluster_no_memory(err);
        }
        bound->at[bound->n++] = *pod;
    }
    return 0;
}

static void on_all_bound(void *ctx, int result, const char *version,
                         const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    struct gs_err ours = {.code = GS_OK};
    (void)version;
    (void)status;
    call->list = NULL;
    if (result == 0) {
        result = join(call, &ours);
        err = &ours;
    }
    finish(call, result, err);
}

static void on_all_nominated(void *ctx, int result, const char *version,
                             const struct gs_kubestatus *status, const struct gs_err *err);

static int begin_list(struct gs_cluster_call *call, bool nominated, struct gs_err *err)
{
    char selector[SELECTOR_MAX];
    snprintf(selector, sizeof(selector), "fieldSelector=%s%%3D%s",
             nominated ? "status.nominatedNodeName" : "spec.nodeName", call->node);
    const struct gs_kube_list_options options = {
        .path = "/api/v1/pods",
        .selector = selector,
        .kind = "Pod",
        .limit_us = gs_kube_call_left_us(call),
        .begin = nominated ? on_begin_nominated : on_begin_bound,
        .take = nominated ? on_nominated : on_bound,
        .done = nominated ? on_all_nominated : on_all_bound,
        .ctx = call,
    };
    return gs_kube_list_begin(call->cluster->kube, &options, &call->list, err);
}

static void on_all_nominated(void *ctx, int result, const char *version,
                             const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    struct gs_err ours = {.code = GS_OK};
    (void)version;
    (void)status;
    call->list = NULL;
    if (result == 0) {
        result = begin_list(call, false, &ours);
        err = &ours;
    }
    if (result != 0) {
        finish(call, result, err);
    }
}

int gs_kube_list_pods(void *impl, const struct gs_cluster_pods_query *query,
                      gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                      struct gs_err *err)
{
    struct gs_cluster_call *call = gs_kube_call_new(impl, query->node, query->limit_us, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->pods_done = done;
    call->key = gs_arena_text(&call->arena, query->resources, strlen(query->resources));
    int r = call->key == NULL ? gs_cluster_no_memory(err) : begin_list(call, true, err);
    return gs_kube_call_begun(call, r, ret_call);
}
