#include "cluster/cluster_kube.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cluster/kube_call.h"
#include "cluster/kube_decode.h"
#include "wire/kubeevent.h"
#include "wire/kubejson.h"
#include "wire/kubepatch.h"

enum { PATH_MAX_BYTES = 600, BODY_MAX = 1 << 20 };

/* ---- a node ---- */

static void on_node(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    struct gs_err ours = {.code = GS_OK};
    struct gs_cluster_node node;
    (void)status;
    call->request = NULL;
    if (result == 0) {
        GS_AUTO_JSON object = json_loadb(answer->body.p, answer->body.n, GS_KUBEJSON_LOAD, NULL);
        result = !json_is_object(object)
                     ? gs_fail(&ours, GS_INVALID, "node %s: the API server's answer is not JSON",
                               call->node)
                     : gs_kube_decode_node(object, &call->arena, &node, &ours);
        err = &ours;
    }
    call->node_done(call->ctx, result, result == 0 ? &node : NULL, result == 0 ? NULL : err);
    gs_kube_call_free(call);
}

static int get_node(void *impl, const char *name, gs_cluster_node_done *done, void *ctx,
                    struct gs_cluster_call **ret_call, struct gs_err *err)
{
    char path[PATH_MAX_BYTES];
    struct gs_cluster_call *call = gs_kube_call_new(impl, name, 0, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->node_done = done;
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", name);
    const struct gs_kube_request request = {
        .method = "GET", .path = path, .done = on_node, .ctx = call};
    return gs_kube_call_begun(
        call, gs_kube_begin(call->cluster->kube, &request, &call->request, err), ret_call);
}

/* ---- changes ---- */

static void on_changed(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    (void)answer;
    (void)status;
    call->request = NULL;
    gs_kube_call_finish(call, result, err);
}

static int put_pairs(json_t **patch, const char *part, const char *map,
                     const struct gs_cluster_pairs *pairs, struct gs_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < pairs->n; i++) {
        r = gs_kubepatch_set(patch, part, map, pairs->at[i].key, pairs->at[i].value, err);
    }
    return r;
}

static int send_patch(struct gs_cluster_call *call, const char *below, const char *type,
                      const json_t *patch, struct gs_err *err)
{
    char path[PATH_MAX_BYTES];
    struct gs_buf body;
    gs_buf_init(&body, BODY_MAX);
    int r = gs_kubepatch_write(patch, &body, err);
    snprintf(path, sizeof(path), "/api/v1/nodes/%s%s", call->node, below);
    const struct gs_kube_request request = {
        .method = "PATCH",
        .path = path,
        .type = type,
        .body = {.p = gs_buf_text(&body), .n = body.len},
        .limit_us = gs_kube_call_left_us(call),
        .done = on_changed,
        .ctx = call,
    };
    r = r == 0 ? gs_kube_begin(call->cluster->kube, &request, &call->request, err) : r;
    gs_buf_done(&body);
    return r;
}

static int change_node(void *impl, const struct gs_cluster_node_change *change,
                       gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                       struct gs_err *err)
{
    GS_AUTO_JSON patch = NULL;
    struct gs_cluster_call *call = gs_kube_call_new(impl, change->node, change->limit_us, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    int r = put_pairs(&patch, "metadata", "labels", &change->labels, err);
    r = r == 0 ? put_pairs(&patch, "metadata", "annotations", &change->annotations, err) : r;
    r = r == 0 ? send_patch(call, "", GS_KUBEPATCH_MERGE, patch, err) : r;
    return gs_kube_call_begun(call, r, ret_call);
}

static int change_status(void *impl, const struct gs_cluster_status_change *change,
                         gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                         struct gs_err *err)
{
    GS_AUTO_JSON patch = NULL;
    struct gs_cluster_call *call = gs_kube_call_new(impl, change->node, change->limit_us, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    int r = put_pairs(&patch, "status", "capacity", &change->capacity, err);
    r = r == 0 ? put_pairs(&patch, "status", "allocatable", &change->allocatable, err) : r;
    r = r == 0 ? send_patch(call, "/status", GS_KUBEPATCH_STRATEGIC, patch, err) : r;
    return gs_kube_call_begun(call, r, ret_call);
}

/* ---- events ---- */

static int create_event(struct gs_cluster_call *call, struct gs_err *err);

/* An event that is there already was created by a try whose answer was lost. One that is to be
 * counted up and is not there (they live for an hour) is created. */
static void on_event(void *ctx, int result, const struct gs_kube_answer *answer,
                     const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    struct gs_err ours = {.code = GS_OK};
    (void)answer;
    (void)status;
    call->request = NULL;
    if (result == GS_NOT_FOUND && call->rounds == 0) {
        call->rounds++;
        result = create_event(call, &ours);
        if (result == 0) {
            return;
        }
        err = &ours;
    }
    gs_kube_call_finish(call, result == GS_BUSY ? 0 : result, err);
}

static int send_event(struct gs_cluster_call *call, const char *method, const char *below,
                      const char *type, struct gs_view body, struct gs_err *err)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof(path), "%s%s", GS_KUBEEVENT_PATH, below);
    const struct gs_kube_request request = {
        .method = method,
        .path = path,
        .type = type,
        .body = body,
        .limit_us = gs_kube_call_left_us(call),
        .done = on_event,
        .ctx = call,
    };
    return gs_kube_begin(call->cluster->kube, &request, &call->request, err);
}

static int create_event(struct gs_cluster_call *call, struct gs_err *err)
{
    call->rounds = 1;
    return send_event(call, "POST", "", "application/json", gs_view(call->event), err);
}

static int update_event(struct gs_cluster_call *call, const struct gs_kubeevent *event,
                        struct gs_err *err)
{
    char below[GS_CLUSTER_NAME_MAX + 1];
    struct gs_buf patch;
    gs_buf_init(&patch, BODY_MAX);
    snprintf(below, sizeof(below), "/%s", event->name);
    int r = gs_kubeevent_write_series(event, &patch, err);
    r = r == 0 ? send_event(call, "PATCH", below, GS_KUBEPATCH_MERGE,
                            (struct gs_view){.p = patch.text, .n = patch.len}, err)
               : r;
    gs_buf_done(&patch);
    return r;
}

static int keep_event(struct gs_cluster_call *call, const struct gs_kubeevent *event,
                      struct gs_err *err)
{
    struct gs_buf whole;
    gs_buf_init(&whole, BODY_MAX);
    int r = gs_kubeevent_write(event, &whole, err);
    if (r == 0) {
        call->event = gs_arena_text(&call->arena, whole.text, whole.len);
        r = call->event == NULL ? gs_cluster_no_memory(err) : 0;
    }
    gs_buf_done(&whole);
    return r;
}

static int post_event(void *impl, const struct gs_cluster_event *event, gs_cluster_done *done,
                      void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err)
{
    const struct gs_kubeevent ours = {
        .name = event->name,
        .node = event->node,
        .node_uid = event->node_uid,
        .controller = event->controller,
        .instance = event->instance,
        .reason = event->reason,
        .action = event->action,
        .note = event->note,
        .warning = event->warning,
        .count = event->count,
        .first_us = event->first_us,
        .last_us = event->last_us,
    };
    struct gs_cluster_call *call = gs_kube_call_new(impl, event->node, 0, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    int r = keep_event(call, &ours, err);
    if (r == 0) {
        r = event->count > 1 ? update_event(call, &ours, err) : create_event(call, err);
    }
    return gs_kube_call_begun(call, r, ret_call);
}

/* ---- the cluster ---- */

static void cancel(void *impl, struct gs_cluster_call *call)
{
    (void)impl;
    gs_kube_call_free(call);
}

static void close_kube(void *impl)
{
    struct gs_cluster_kube *cluster = impl;
    while (cluster->calls != NULL) {
        gs_kube_call_free(cluster->calls);
    }
    while (cluster->watches != NULL) {
        gs_kube_unwatch(cluster, cluster->watches);
    }
    gs_kube_free(cluster->kube);
    free(cluster);
}

static const struct gs_cluster_ops ops = {
    .name = "kube",
    .close = close_kube,
    .get_node = get_node,
    .change_node = change_node,
    .change_status = change_status,
    .remove_taint = gs_kube_remove_taint,
    .list_pods = gs_kube_list_pods,
    .post_event = post_event,
    .cancel = cancel,
    .watch_node = gs_kube_watch_node,
    .unwatch = gs_kube_unwatch,
};

int gs_cluster_kube_open(const struct gs_cluster_kube_options *options, struct gs_cluster *ret,
                         struct gs_err *err)
{
    struct gs_cluster_kube *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return gs_cluster_no_memory(err);
    }
    const struct gs_kube_options who = {
        .event = options->event,
        .kubeconfig = options->kubeconfig,
        .context = options->context,
        .service_account = options->service_account,
        .user_agent = options->user_agent,
    };
    int r = gs_kube_new(&who, &cluster->kube, err);
    if (r != 0) {
        free(cluster);
        return r;
    }
    *ret = (struct gs_cluster){.ops = &ops, .impl = cluster};
    return 0;
}

struct gs_kube *gs_cluster_kube_of(const struct gs_cluster *cluster)
{
    const struct gs_cluster_kube *kube = cluster->impl;
    return cluster->ops == &ops ? kube->kube : NULL;
}
