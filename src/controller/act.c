#include "controller/act.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "wire/kubeevent.h"
#include "wire/kubepatch.h"

#define APPLY_TYPE "application/apply-patch+yaml"
#define BODY_BYTES_MAX ((size_t)1 << 20)
#define LIMIT_US 10000000ull
#define SETTLES_US 5000000ull
#define REPEAT_US                                                                                  \
    30000000ull /* the same Event of a pod, or another one while little has changed                \
                 */

enum { PATH_BYTES_MAX = 700, KEY_BYTES_MAX = 2 * 254, EVENTS_UNDER_WAY_MAX = 64 };

enum kind { BOOK_NOMINATE, BOOK_LIFT, LIFT, CLEAR, WISH, EVICT, HOLD, EVENT };

/* A request under way. The object is found again by its name: it may be gone meanwhile. */
struct call {
    struct call *next;
    struct call *prev;
    struct gs_act *act;
    struct gs_kube_call *request;
    enum kind kind;
    char key[KEY_BYTES_MAX]; /* of the pod, or the node's name */
    char uid[64];            /* of the pod */
    char node[254];
};

struct gs_act {
    struct gs_act_options options;
    struct call *calls;
    struct gs_act_counts counts;
    unsigned events_under_way;
    uint64_t event_number;
};

static void drop(json_t **value)
{
    json_decref(*value);
}
#define AUTO_JSON GS_CLEANUP(drop) json_t *

static uint64_t now_on(const struct gs_act *act, clockid_t clock)
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

static void free_call(struct call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        call->act->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    call->act->events_under_way -= call->kind == EVENT;
    free(call);
}

void gs_act_free(struct gs_act *act)
{
    if (act == NULL) {
        return;
    }
    while (act->calls != NULL) {
        gs_kube_cancel(act->calls->request);
        free_call(act->calls);
    }
    free(act);
}

struct gs_act_counts gs_act_counts(const struct gs_act *act)
{
    return act->counts;
}

/* ---- requests ---- */

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err);

/* False: nothing was begun, and that was said. */
static bool send_text(struct call *call, const char *method, const char *path, const char *type,
                      struct gs_view body)
{
    struct gs_err err = {.code = GS_OK};
    const struct gs_kube_request request = {
        .method = method,
        .path = path,
        .type = type,
        .body = body,
        .limit_us = LIMIT_US,
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

/* The same; `body` NULL: there was no memory for it. */
static bool send(struct call *call, const char *method, const char *path, const char *type,
                 const json_t *body)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    bool begun = text != NULL && send_text(call, method, path, type, gs_view(text));
    if (text == NULL) {
        call->act->counts.failed++;
        gs_log_warning("%s %s: no memory for a request", method, path);
    }
    free(text);
    return begun;
}

static struct call *new_call(struct gs_act *act, enum kind kind, const char *key, const char *uid)
{
    struct call *call = calloc(1, sizeof(*call));
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
    act->events_under_way += kind == EVENT;
    return call;
}

/* "/api/v1/namespaces/NS/pods/NAME" and what follows. */
static void pod_path(const char *key, const char *end, char ret[PATH_BYTES_MAX])
{
    const char *slash = strchr(key, '/');
    snprintf(ret, PATH_BYTES_MAX, "/api/v1/namespaces/%.*s/pods/%s%s", (int)(slash - key), key,
             slash + 1, end);
}

/* The pod of a call, if it still is that one and waits. */
static struct gs_store_pod *pod_of(const struct call *call)
{
    struct gs_store_pod *pod = gs_store_find_pod(call->act->options.store, call->key);
    return pod != NULL && pod->waiting != NULL && strcmp(pod->uid, call->uid) == 0 ? pod : NULL;
}

static void begin_with(struct gs_act *act, struct gs_store_pod *pod)
{
    pod->waiting->acting = true;
    pod->waiting->settles_us = now_on(act, CLOCK_MONOTONIC) + LIMIT_US + SETTLES_US;
}

/* It is left to the watch to show what was done; or it is decided anew. */
static void end_with(struct gs_act *act, struct gs_store_pod *pod, bool ok)
{
    pod->waiting->acting = false;
    pod->waiting->settles_us = ok ? now_on(act, CLOCK_MONOTONIC) + SETTLES_US : 0;
    if (!ok) {
        gs_store_nominate(pod, NULL);
    }
}

/* ---- a booking, and the gate ---- */

static json_t *preferred_with(const struct gs_store_waiting *waiting, const char *node)
{
    json_t *list = json_loads(waiting->wait.preferred, 0, NULL);
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
static bool send_lift(struct call *call, struct gs_store_pod *pod, const char *node)
{
    const struct gs_kubewait *wait = &pod->waiting->wait;
    char path[PATH_BYTES_MAX];
    pod_path(pod->key, "", path);
    json_t *spec = json_pack("{s:o*}", "schedulingGates", json_loads(wait->others, 0, NULL));
    if (spec != NULL && node != NULL) {
        json_t *affinity = json_pack("{s:{s:o}}", "nodeAffinity",
                                     "preferredDuringSchedulingIgnoredDuringExecution",
                                     preferred_with(pod->waiting, node));
        if (affinity != NULL) {
            (void)json_object_set_new(spec, "affinity", affinity);
        }
    }
    AUTO_JSON patch = json_pack("{s:{s:s}, s:o}", "metadata", "uid", wait->uid, "spec", spec);
    return send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch);
}

void gs_act_book(struct gs_act *act, struct gs_store_pod *pod, struct gs_store_node *node)
{
    char path[PATH_BYTES_MAX];
    struct call *call = new_call(act, BOOK_NOMINATE, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    pod_path(pod->key, "/status", path);
    snprintf(call->node, sizeof(call->node), "%s", node->name);
    AUTO_JSON patch =
        json_pack("{s:{s:s, s:{s:s}}, s:{s:s}}", "metadata", "uid", pod->uid, "annotations",
                  GS_KUBEWAIT_BOOKED, node->name, "status", "nominatedNodeName", node->name);
    gs_store_nominate(pod, node);
    begin_with(act, pod);
    if (!send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch)) {
        free_call(call);
        end_with(act, pod, false);
    }
}

void gs_act_lift(struct gs_act *act, struct gs_store_pod *pod)
{
    struct call *call = new_call(act, LIFT, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    begin_with(act, pod);
    if (!send_lift(call, pod, NULL)) {
        free_call(call);
        end_with(act, pod, false);
    }
}

void gs_act_clear(struct gs_act *act, struct gs_store_pod *pod)
{
    char path[PATH_BYTES_MAX];
    struct call *call = new_call(act, CLEAR, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    pod_path(pod->key, "/status", path);
    AUTO_JSON patch = json_pack("{s:{s:s, s:{s:n}}, s:{s:n}}", "metadata", "uid", pod->uid,
                                "annotations", GS_KUBEWAIT_BOOKED, "status", "nominatedNodeName");
    gs_store_nominate(pod, NULL);
    begin_with(act, pod);
    if (!send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch)) {
        free_call(call);
        end_with(act, pod, false);
    }
}

/* The nomination stands; now the gate. */
static bool book_goes_on(struct call *call)
{
    struct gs_store_pod *pod = pod_of(call);
    if (pod == NULL || !pod->waiting->wait.gated) {
        return false;
    }
    call->kind = BOOK_LIFT;
    return send_lift(call, pod, call->node);
}

/* ---- nodes ---- */

void gs_act_wish(struct gs_act *act, struct gs_store_node *node)
{
    struct gs_gpunode_wish wishes[GS_GPUNODE_GPUS_MAX];
    struct gs_gpunode object = {.name = node->name, .wishes = wishes};
    struct gs_err err = {.code = GS_OK};
    char path[PATH_BYTES_MAX];
    struct gs_buf body;
    for (struct gs_store_wish *wish = node->wishes;
         wish != NULL && object.n_wishes < GS_GPUNODE_GPUS_MAX; wish = wish->next) {
        wishes[object.n_wishes++] = wish->wish;
        wish->sent = true;
    }
    object.resource_version = node->gpus_version;
    struct call *call = new_call(act, WISH, node->name, "");
    gs_buf_init(&body, BODY_BYTES_MAX);
    snprintf(path, sizeof(path), GS_GPUNODE_PATH "/%s?fieldManager=gpuslice-controller&force=true",
             node->name);
    if (call != NULL && gs_gpunode_write_spec(&object, &body, &err) != 0) {
        gs_log_warning("node %s: %s", node->name, err.msg);
    } else if (call != NULL) {
        node->wishing = send_text(call, "PATCH", path, APPLY_TYPE, gs_view(gs_buf_text(&body)));
    }
    gs_buf_done(&body);
    if (call != NULL && !node->wishing) {
        free_call(call);
    }
}

/* What was sent and not taken is not under way; pods that it was for are decided anew. */
static void wish_failed(struct call *call)
{
    struct gs_store_node *node = gs_store_find_node(call->act->options.store, call->key);
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
    char path[PATH_BYTES_MAX];
    struct call *call = new_call(act, HOLD, node->name, "");
    if (call == NULL) {
        return;
    }
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", node->name);
    AUTO_JSON patch = json_pack("{s:{s:s, s:{s:s?, s:s?}}}", "metadata", "uid", node->uid,
                                "annotations", "karpenter.sh/do-not-disrupt", hold ? "true" : NULL,
                                "gpuslice.dev/held", hold ? "true" : NULL);
    node->holding = true;
    if (!send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch)) {
        free_call(call);
        node->holding = false;
    }
}

void gs_act_evict(struct gs_act *act, const struct gs_store_pod *victim, struct gs_store_pod *waits)
{
    char path[PATH_BYTES_MAX];
    struct call *call = new_call(act, EVICT, waits->key, waits->uid);
    if (call == NULL) {
        return;
    }
    pod_path(victim->key, "/eviction", path);
    const char *slash = strchr(victim->key, '/');
    AUTO_JSON body = json_pack("{s:s, s:s, s:{s:s, s:s%}, s:{s:{s:s}}}", "apiVersion", "policy/v1",
                               "kind", "Eviction", "metadata", "name", slash + 1, "namespace",
                               victim->key, (size_t)(slash - victim->key), "deleteOptions",
                               "preconditions", "uid", victim->uid);
    begin_with(act, waits);
    if (!send(call, "POST", path, "application/json", body)) {
        free_call(call);
        end_with(act, waits, false);
    }
}

/* ---- Events ---- */

static uint32_t hash_of(const char *a, const char *b)
{
    uint32_t hash = 2166136261u;
    for (; *a != '\0'; a++) {
        hash = (hash ^ (unsigned char)*a) * 16777619u;
    }
    for (; *b != '\0'; b++) {
        hash = (hash ^ (unsigned char)*b) * 16777619u;
    }
    return hash;
}

void gs_act_say(struct gs_act *act, struct gs_store_pod *pod, bool warning, const char *reason,
                const char *action, const char *text)
{
    struct gs_store_waiting *waiting = pod->waiting;
    uint64_t now = now_on(act, CLOCK_MONOTONIC);
    uint32_t said = hash_of(reason, text);
    bool often = waiting->said_us != 0 && now < waiting->said_us + REPEAT_US;
    /* Another reason is news at once; another text for the same reason is not. */
    if (said == waiting->said || (often && hash_of(reason, "") == waiting->said_reason) ||
        act->events_under_way >= EVENTS_UNDER_WAY_MAX) {
        return;
    }
    struct call *call = new_call(act, EVENT, pod->key, pod->uid);
    if (call == NULL) {
        return;
    }
    waiting->said = said;
    waiting->said_reason = hash_of(reason, "");
    waiting->said_us = now;
    char name[300];
    char path[PATH_BYTES_MAX];
    uint64_t at = now_on(act, CLOCK_REALTIME);
    snprintf(name, sizeof(name), "%.200s.%" PRIx64 ".%" PRIx64, waiting->pod.name, at,
             ++act->event_number);
    const struct gs_kubeevent event = {
        .name = name,
        .kind = "Pod",
        .name_space = waiting->pod.name_space,
        .node = waiting->pod.name,
        .node_uid = pod->uid,
        .controller = "gpuslice.dev/controller",
        .instance = act->options.instance,
        .reason = reason,
        .action = action,
        .note = text,
        .warning = warning,
        .count = 1,
        .first_us = at,
        .last_us = at,
    };
    struct gs_err err = {.code = GS_OK};
    struct gs_buf body;
    gs_buf_init(&body, 16 << 10);
    gs_kubeevent_path(&event, path, sizeof(path));
    bool begun = gs_kubeevent_write(&event, &body, &err) == 0 &&
                 send_text(call, "POST", path, "application/json", gs_view(gs_buf_text(&body)));
    gs_buf_done(&body);
    act->counts.events += begun;
    if (!begun) {
        free_call(call);
    }
}

/* ---- ends ---- */

static void count(struct gs_act *act, enum kind kind, bool ok)
{
    struct gs_act_counts *counts = &act->counts;
    if (!ok) {
        counts->failed++;
        return;
    }
    switch (kind) {
    case BOOK_NOMINATE:
    case BOOK_LIFT:
        counts->booked++;
        break;
    case LIFT:
        counts->lifted++;
        break;
    case CLEAR:
        counts->cleared++;
        break;
    case WISH:
        counts->wished++;
        break;
    case EVICT:
        counts->evicted++;
        break;
    case HOLD:
    case EVENT:
        break;
    }
}

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct call *call = ctx;
    struct gs_act *act = call->act;
    bool ok = result == 0;
    (void)answer;
    (void)status;
    call->request = NULL;
    if (ok && call->kind == BOOK_NOMINATE && book_goes_on(call)) {
        return;
    }
    count(act, call->kind, ok);
    if (!ok && call->kind != EVENT) {
        gs_log_info("%s: not done: %s", call->key, err->msg);
    }
    struct gs_store_node *node = gs_store_find_node(act->options.store, call->key);
    struct gs_store_pod *pod = pod_of(call);
    if (call->kind == WISH) {
        if (node != NULL) {
            node->wishing = false;
        }
        if (!ok) {
            wish_failed(call);
        }
    } else if (call->kind == HOLD) {
        if (node != NULL) {
            node->holding = false;
        }
    } else if (call->kind != EVENT && pod != NULL) {
        end_with(act, pod, ok);
    }
    bool event = call->kind == EVENT;
    free_call(call);
    if (!event) {
        act->options.store->changed = true;
        act->options.again(act->options.ctx);
    }
}
