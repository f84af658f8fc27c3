#include "controller/act/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "wire/kubejson.h"
#include "wire/kubemove.h"
#include "wire/kubepatch.h"

#define APPLY_TYPE "application/apply-patch+yaml"
#define BODY_BYTES_MAX ((size_t)1 << 20)
#define LIMIT_US 10000000ull
#define SETTLES_US 5000000ull
/* What was refused is not asked again before something has changed, or this has passed: while a
 * watch is away we would ask the same for ever. */
#define REFUSED_US 1000000ull
#define REFUSED_POD_US 250000ull
enum { DOUBLINGS_MAX = 7 }; /* of that, when it goes on */

uint64_t gs_act_now(const struct gs_act *act, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(act->options.kube), clock, &at);
    return at;
}

int gs_act_new(const struct gs_act_options *options, struct gs_act **ret, struct gs_err *err)
{
    struct gs_act *act = calloc(1, sizeof(*act));
    if (act == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the controller");
    }
    act->options = *options;
    *ret = act;
    return 0;
}

void gs_act_call_free(struct gs_act_call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        call->act->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    call->act->events_under_way -= call->kind == GS_ACT_EVENT;
    free(call);
}

void gs_act_free(struct gs_act *act)
{
    if (act == NULL) {
        return;
    }
    while (act->calls != NULL) {
        gs_kube_cancel(act->calls->request);
        gs_act_call_free(act->calls);
    }
    free(act);
}

bool gs_act_decides(const struct gs_act *act)
{
    return act->options.decides(act->options.ctx);
}

struct gs_act_counts gs_act_counts(const struct gs_act *act)
{
    return act->counts;
}

/* ---- requests ---- */

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err);

bool gs_act_send_text(struct gs_act_call *call, const char *method, const char *path,
                      const char *type, struct gs_view body)
{
    struct gs_err err = {.code = GS_OK};
    const struct gs_kube_request request = {
        .method = method,
        .path = path,
        .type = type,
        .body = body,
        .limit_us = LIMIT_US,
        .once =
            call->kind == GS_ACT_MOVE_EVICT, /* a budget that says no is not asked again at once */
        .done = on_done,
        .ctx = call,
    };
    int r = gs_kube_begin(call->act->options.kube, &request, &call->request, &err);
    call->act->counts.requests += r == 0;
    if (r != 0) {
        call->act->counts.failed++;
        gs_log_warning("%s %s: %s", method, path, err.msg);
    }
    return r == 0;
}

bool gs_act_send(struct gs_act_call *call, const char *method, const char *path, const char *type,
                 const json_t *body)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    bool begun = text != NULL && gs_act_send_text(call, method, path, type, gs_view(text));
    if (text == NULL) {
        call->act->counts.failed++;
        gs_log_warning("%s %s: no memory for a request", method, path);
    }
    free(text);
    return begun;
}

struct gs_act_call *gs_act_call(struct gs_act *act, enum gs_act_kind kind, const char *key,
                                const char *uid)
{
    size_t more = kind == GS_ACT_MOVE_NOTE ? sizeof(struct gs_kubemove) : 0;
    struct gs_act_call *call = calloc(1, sizeof(*call) + more);
    if (call == NULL) {
        gs_log_error("no memory for a request");
        return NULL;
    }
    call->act = act;
    call->kind = kind;
    snprintf(call->key, sizeof(call->key), "%s", key);
    snprintf(call->uid, sizeof(call->uid), "%s", uid);
    call->next = act->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    act->calls = call;
    act->events_under_way += kind == GS_ACT_EVENT;
    return call;
}

void gs_act_pod_path(const char *key, const char *end, char ret[GS_ACT_PATH_BYTES_MAX])
{
    const char *slash = strchr(key, '/');
    snprintf(ret, GS_ACT_PATH_BYTES_MAX, "/api/v1/namespaces/%.*s/pods/%s%s", (int)(slash - key),
             key, slash + 1, end);
}

struct gs_store_pod *gs_act_pod(const struct gs_act_call *call)
{
    struct gs_store_pod *pod = gs_store_find_pod(call->act->options.store, call->key);
    return pod != NULL && pod->waiting != NULL && strcmp(pod->uid, call->uid) == 0 ? pod : NULL;
}

void gs_act_begin(struct gs_act *act, struct gs_store_pod *pod)
{
    pod->waiting->acting = true;
    pod->waiting->settles_us = gs_act_now(act, CLOCK_MONOTONIC) + LIMIT_US + SETTLES_US;
}

void gs_act_end(struct gs_act *act, struct gs_store_pod *pod, bool ok)
{
    struct gs_store_waiting *waiting = pod->waiting;
    unsigned doublings = waiting->n_failures < DOUBLINGS_MAX ? waiting->n_failures : DOUBLINGS_MAX;
    waiting->acting = false;
    waiting->n_failures = ok ? 0 : waiting->n_failures + 1;
    waiting->settles_us =
        gs_act_now(act, CLOCK_MONOTONIC) + (ok ? SETTLES_US : REFUSED_POD_US << doublings);
    if (!ok) {
        gs_store_nominate(pod, NULL);
    }
}

/* ---- a booking, and the gate ---- */

/* NULL: no memory, or there are so many already that one more says nothing. */
static json_t *preferred_with(const struct gs_store_waiting *waiting, const char *node)
{
    const char *there = waiting->wait.preferred;
    json_t *list = there == NULL ? NULL : json_loads(there, GS_KUBEJSON_LOAD, NULL);
    json_t *ours =
        json_pack("{s:i, s:{s:[{s:s, s:s, s:[s]}]}}", "weight", 100, "preference", "matchFields",
                  "key", "metadata.name", "operator", "In", "values", node);
    if (list == NULL || ours == NULL || json_array_append_new(list, ours) != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Ours goes from the pod's gates; `node`: with a preference for that node. */
static bool send_lift(struct gs_act_call *call, struct gs_store_pod *pod, const char *node)
{
    const struct gs_kubewait *wait = &pod->waiting->wait;
    char path[GS_ACT_PATH_BYTES_MAX];
    gs_act_pod_path(pod->key, "", path);
    /* in a list that is too long ours is named */
    bool by_name = wait->others == NULL;
    json_t *gates = by_name
                        ? json_pack("[{s:s, s:s}]", "$patch", "delete", "name", GS_KUBEWAIT_GATE)
                        : json_loads(wait->others, GS_KUBEJSON_LOAD, NULL);
    json_t *spec = json_pack("{s:o*}", "schedulingGates", gates);
    if (spec != NULL && node != NULL) {
        json_t *affinity = json_pack("{s:{s:o}}", "nodeAffinity",
                                     "preferredDuringSchedulingIgnoredDuringExecution",
                                     preferred_with(pod->waiting, node));
        if (affinity != NULL) {
            (void)json_object_set_new(spec, "affinity", affinity);
        }
    }
    GS_ACT_JSON patch = json_pack("{s:{s:s}, s:o}", "metadata", "uid", wait->uid, "spec", spec);
    return gs_act_send(call, "PATCH", path, by_name ? GS_KUBEPATCH_STRATEGIC : GS_KUBEPATCH_MERGE,
                       patch);
}

void gs_act_book(struct gs_act *act, struct gs_store_pod *pod, struct gs_store_node *node)
{
    char path[GS_ACT_PATH_BYTES_MAX];
    struct gs_act_call *call = gs_act_call(act, GS_ACT_BOOK_NOMINATE, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    gs_act_pod_path(pod->key, "/status", path);
    snprintf(call->node, sizeof(call->node), "%s", node->name);
    GS_ACT_JSON patch = json_pack("{s:{s:s, s:{s:s, s:n}}, s:{s:s}}", "metadata", "uid", pod->uid,
                                  "annotations", GS_KUBEWAIT_BOOKED, node->name, GS_KUBEMOVE_NOTE,
                                  "status", "nominatedNodeName", node->name);
    gs_store_nominate(pod, node);
    gs_act_begin(act, pod);
    if (!gs_act_send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch)) {
        gs_act_call_free(call);
        gs_act_end(act, pod, false);
    }
}

void gs_act_lift(struct gs_act *act, struct gs_store_pod *pod)
{
    struct gs_act_call *call = gs_act_call(act, GS_ACT_LIFT, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    gs_act_begin(act, pod);
    if (!send_lift(call, pod, NULL)) {
        gs_act_call_free(call);
        gs_act_end(act, pod, false);
    }
}

void gs_act_clear(struct gs_act *act, struct gs_store_pod *pod)
{
    char path[GS_ACT_PATH_BYTES_MAX];
    struct gs_act_call *call = gs_act_call(act, GS_ACT_CLEAR, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    gs_act_pod_path(pod->key, "/status", path);
    GS_ACT_JSON patch = json_pack("{s:{s:s, s:{s:n}}, s:{s:n}}", "metadata", "uid", pod->uid,
                                  "annotations", GS_KUBEWAIT_BOOKED, "status", "nominatedNodeName");
    gs_store_nominate(pod, NULL);
    gs_act_begin(act, pod);
    if (!gs_act_send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch)) {
        gs_act_call_free(call);
        gs_act_end(act, pod, false);
    }
}

/* The nomination stands; now the gate. */
static bool book_goes_on(struct gs_act_call *call)
{
    struct gs_store_pod *pod = gs_act_pod(call);
    if (pod == NULL || !pod->waiting->wait.gated || !gs_act_decides(call->act)) {
        return false;
    }
    call->kind = GS_ACT_BOOK_LIFT;
    return send_lift(call, pod, call->node);
}

/* ---- nodes ---- */

void gs_act_wish(struct gs_act *act, struct gs_store_node *node)
{
    struct gs_gpunode_wish wishes[GS_GPUNODE_GPUS_MAX];
    struct gs_gpunode object = {.name = node->name, .wishes = wishes};
    struct gs_err err = {.code = GS_OK};
    char path[GS_ACT_PATH_BYTES_MAX];
    struct gs_buf body;
    for (struct gs_store_wish *wish = node->wishes;
         wish != NULL && object.n_wishes < GS_GPUNODE_GPUS_MAX; wish = wish->next) {
        wishes[object.n_wishes++] = wish->wish;
        wish->sent = true;
    }
    object.resource_version = node->gpus_version;
    struct gs_act_call *call = gs_act_call(act, GS_ACT_WISH, node->name, "");
    gs_buf_init(&body, BODY_BYTES_MAX);
    snprintf(path, sizeof(path), GS_GPUNODE_PATH "/%s?fieldManager=gpuslice-controller&force=true",
             node->name);
    if (call != NULL && gs_gpunode_write_spec(&object, &body, &err) != 0) {
        gs_log_warning("node %s: %s", node->name, err.msg);
    } else if (call != NULL) {
        node->wishing =
            gs_act_send_text(call, "PATCH", path, APPLY_TYPE, gs_view(gs_buf_text(&body)));
    }
    gs_buf_done(&body);
    if (call != NULL && !node->wishing) {
        gs_act_call_free(call);
    }
}

/* What was sent and not taken is not under way; pods that it was for are decided anew. */
static void wish_failed(struct gs_act_call *call)
{
    struct gs_store_node *node = gs_store_find_node(call->act->options.store, call->key);
    if (node != NULL) {
        node->wish_after_us = gs_act_now(call->act, CLOCK_MONOTONIC) + REFUSED_US;
    }
    for (bool more = node != NULL; more;) {
        more = false;
        for (struct gs_store_wish *wish = node->wishes; wish != NULL && !more; wish = wish->next) {
            if (!wish->shows) {
                gs_store_unwish(node, wish->wish.id);
                more = true;
            }
        }
    }
}

void gs_act_hold(struct gs_act *act, struct gs_store_node *node, bool hold)
{
    char path[GS_ACT_PATH_BYTES_MAX];
    struct gs_act_call *call = gs_act_call(act, GS_ACT_HOLD, node->name, "");
    if (call == NULL) {
        return;
    }
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", node->name);
    GS_ACT_JSON patch = json_pack("{s:{s:s, s:{s:s?, s:s?}}}", "metadata", "uid", node->uid,
                                  "annotations", "karpenter.sh/do-not-disrupt",
                                  hold ? "true" : NULL, "gpuslice.dev/held", hold ? "true" : NULL);
    node->holding = true;
    if (!gs_act_send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch)) {
        gs_act_call_free(call);
        node->holding = false;
    }
}

/* ---- ends ---- */

static void count(struct gs_act *act, enum gs_act_kind kind, bool ok)
{
    struct gs_act_counts *counts = &act->counts;
    if (!ok) {
        counts->failed++;
        return;
    }
    switch (kind) {
    case GS_ACT_BOOK_NOMINATE:
    case GS_ACT_BOOK_LIFT:
        counts->booked++;
        break;
    case GS_ACT_LIFT:
        counts->lifted++;
        break;
    case GS_ACT_CLEAR:
        counts->cleared++;
        break;
    case GS_ACT_WISH:
        counts->wished++;
        break;
    case GS_ACT_MOVE_NOTE: /* end_move counts them */
    case GS_ACT_MOVE_EVICT:
    case GS_ACT_MOVE_UNNOTE:
    case GS_ACT_HOLD:
    case GS_ACT_EVENT:
        break;
    }
}

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_act_call *call = ctx;
    struct gs_act *act = call->act;
    bool ok = result == 0;
    (void)answer;
    call->request = NULL;
    if ((ok && call->kind == GS_ACT_BOOK_NOMINATE && book_goes_on(call)) ||
        (ok && call->kind == GS_ACT_MOVE_NOTE && gs_act_move_goes_on(call))) {
        return;
    }
    bool moves = call->kind == GS_ACT_MOVE_NOTE || call->kind == GS_ACT_MOVE_EVICT;
    ok = ok && call->kind != GS_ACT_MOVE_NOTE;
    if (moves && gs_act_move_ends(call, ok, status, err)) {
        return;
    }
    count(act, call->kind, ok);
    if (!ok && call->kind != GS_ACT_EVENT && err != NULL) {
        gs_log_info("%s: not done: %s", call->key, err->msg);
    }
    struct gs_store_node *node = gs_store_find_node(act->options.store, call->key);
    struct gs_store_pod *pod = gs_act_pod(call);
    if (call->kind == GS_ACT_WISH) {
        if (node != NULL) {
            node->wishing = false;
        }
        if (!ok) {
            wish_failed(call);
        }
    } else if (call->kind == GS_ACT_HOLD) {
        if (node != NULL) { /* while Nodes are not watched it does not show */
            node->holding = false;
            node->hold_after_us = gs_act_now(act, CLOCK_MONOTONIC) + REFUSED_US;
        }
    } else if (call->kind != GS_ACT_EVENT && pod != NULL) {
        gs_act_end(act, pod, ok);
        pod->waiting->lifted = ok && call->kind == GS_ACT_LIFT;
        /* what a move is waited for with shows on another pod */
        pod->waiting->settles_us = moves ? 0 : pod->waiting->settles_us;
    }
    bool event = call->kind == GS_ACT_EVENT;
    gs_act_call_free(call);
    if (!event) {
        act->options.store->changed = true;
        act->options.again(act->options.ctx);
    }
}
