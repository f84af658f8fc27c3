/* Taking taints away. A patch names the taint that it removes and where it stands; if another
 * program has moved it meanwhile, the server refuses, and we look again. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cluster/kube_call.h"
#include "wire/kubejson.h"
#include "wire/kubepatch.h"

enum { ROUNDS_MAX = 8, PATH_MAX_BYTES = 300 };

static void on_node(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err);

static int request(struct gs_cluster_call *call, const char *method, struct gs_view patch,
                   struct gs_err *err)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", call->node);
    const struct gs_kube_request request = {
        .method = method,
        .path = path,
        .type = patch.p == NULL ? NULL : GS_KUBEPATCH_JSON,
        .body = patch,
        .limit_us = gs_kube_call_left_us(call),
        .done = on_node,
        .ctx = call,
    };
    return gs_kube_begin(call->cluster->kube, &request, &call->request, err);
}

static int remove_at(struct gs_cluster_call *call, size_t index, const json_t *taint,
                     struct gs_err *err)
{
    struct gs_buf patch;
    gs_buf_init(&patch, 64 << 10);
    int r = gs_kubepatch_remove("/spec/taints", index, taint, &patch, err);
    r = r == 0 ? request(call, "PATCH", (struct gs_view){.p = patch.text, .n = patch.len}, err) : r;
    gs_buf_done(&patch);
    return r;
}

/* Removes the first taint of the key. *ret_none: there is none. */
static int remove_first(struct gs_cluster_call *call, struct gs_view body, bool *ret_none,
                        struct gs_err *err)
{
    json_t *spec = NULL;
    json_t *taints = NULL;
    GS_AUTO_JSON node = json_loadb(body.p, body.n, GS_KUBEJSON_LOAD, NULL);
    *ret_none = false;
    if (!json_is_object(node)) {
        return gs_fail(err, GS_INVALID, "node %s: the API server's answer is not JSON", call->node);
    }
    int r = gs_kubejson_object(node, "spec", &spec, err);
    r = r == 0 ? gs_kubejson_array(spec, "taints", &taints, err) : r;
    for (size_t i = 0; r == 0 && i < json_array_size(taints); i++) {
        const json_t *taint = json_array_get(taints, i);
        const char *key = json_string_value(json_object_get(taint, "key"));
        if (key != NULL && strcmp(key, call->key) == 0) {
            return remove_at(call, i, taint, err);
        }
    }
    *ret_none = r == 0;
    return r;
}

static void on_node(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_cluster_call *call = ctx;
    struct gs_err ours = {.code = GS_OK};
    bool none = false;
    (void)status;
    call->request = NULL;
    call->rounds++;
    int r = 0;
    if (result == 0) {
        r = remove_first(call, answer->body, &none, &ours);
    } else if ((result == GS_INVALID || result == GS_BUSY) && call->rounds < ROUNDS_MAX) {
        /* The list has changed under us: look again. */
        r = request(call, "GET", (struct gs_view){.p = NULL}, &ours);
    } else {
        gs_kube_call_finish(call, result, err);
        return;
    }
    if (r == 0 && !none && call->rounds >= ROUNDS_MAX) {
        r = gs_fail(&ours, GS_BUSY, "node %s: its taints changed %d times while %s was to go",
                    call->node, ROUNDS_MAX, call->key);
    }
    if (r != 0 || none) {
        gs_kube_call_finish(call, r, &ours);
    }
}

int gs_kube_remove_taint(void *impl, const char *node, const char *key, gs_cluster_done *done,
                         void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err)
{
    struct gs_cluster_call *call = gs_kube_call_new(impl, node, 0, ctx);
    if (call == NULL) {
        return gs_cluster_no_memory(err);
    }
    call->done = done;
    call->key = gs_arena_text(&call->arena, key, strlen(key));
    int r = call->key == NULL ? gs_cluster_no_memory(err)
                              : request(call, "GET", (struct gs_view){.p = NULL}, err);
    return gs_kube_call_begun(call, r, ret_call);
}
