#include "cli/cluster/gates.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cluster/commands.h"
#include "wire/kubepatch.h"
#include "wire/kubewait.h"

enum { AT_ONCE = 16, TRIES_MAX = 5, BODY_BYTES_MAX = 4096 };
#define ARENA_BYTES_MAX ((size_t)1 << 30)

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the pods at the gate");
}

void gs_gates_init(struct gs_gates *gates, struct gs_link *link)
{
    *gates = (struct gs_gates){.link = link};
    gs_arena_init(&gates->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
}

void gs_gates_done(struct gs_gates *gates)
{
    for (size_t i = 0; i < gates->n; i++) {
        gs_link_drop(&gates->pods[i]->request);
    }
    gs_arena_done(&gates->arena);
}

/* ---- which pods ---- */

/* Where our gate is among its gates; false: it has none of ours. */
static bool find_gate(const json_t *object, size_t *ret)
{
    const json_t *gates = json_object_get(json_object_get(object, "spec"), "schedulingGates");
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(gates, i), "name"));
        if (name != NULL && strcmp(name, GS_KUBEWAIT_GATE) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static int keep(struct gs_gates *gates, const char *name_space, const char *name,
                struct gs_gates_pod **ret, struct gs_err *err)
{
    struct gs_gates_pod *pod = GS_ARENA_NEW(&gates->arena, struct gs_gates_pod, 1);
    if (pod == NULL || !gs_arena_room(&gates->arena, &gates->pods, &gates->cap, gates->n,
                                      sizeof(struct gs_gates_pod *))) {
        return no_memory(err);
    }
    pod->of = gates;
    pod->name_space = gs_arena_text(&gates->arena, name_space, strlen(name_space));
    pod->name = gs_arena_text(&gates->arena, name, strlen(name));
    if (pod->name_space == NULL || pod->name == NULL) {
        return no_memory(err);
    }
    (void)snprintf(pod->path, sizeof(pod->path), "/api/v1/namespaces/%s/pods/%s", pod->name_space,
                   pod->name);
    gates->pods[gates->n++] = pod;
    *ret = pod;
    return 0;
}

static void on_begin(void *ctx)
{
    struct gs_gates *gates = ctx;
    gates->n = 0;
    gates->read = 0;
}

static int take_pod(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct gs_gates *gates = ctx;
    const json_t *metadata = json_object_get(object, "metadata");
    const char *name = json_string_value(json_object_get(metadata, "name"));
    const char *space = json_string_value(json_object_get(metadata, "namespace"));
    struct gs_gates_pod *pod;
    size_t at = 0;
    gates->read++;
    if (name == NULL || space == NULL || !gs_is_object_name(name) || !gs_is_object_name(space) ||
        !find_gate(object, &at)) {
        return 0;
    }
    int r = keep(gates, space, name, &pod, err);
    if (r == 0) {
        pod->at = at;
        pod->gated = true;
    }
    return r;
}

int gs_gates_find(struct gs_gates *gates, const char *name_space, struct gs_err *err)
{
    char path[400] = "/api/v1/pods";
    if (name_space[0] != '\0') {
        if (!gs_is_object_name(name_space)) {
            return gs_fail(err, GS_INVALID, "\"%.100s\" is no name of a namespace", name_space);
        }
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", name_space);
    }
    struct gs_link_list list = {
        .kind = "Pod", .path = path, .begin = on_begin, .take = take_pod, .ctx = gates};
    gs_link_begin_list(gates->link, &list);
    int r = gs_link_wait(gates->link, err);
    if (r == 0 && list.result != 0) {
        *err = list.err;
        r = list.result;
    }
    return r;
}

int gs_gates_add(struct gs_gates *gates, const char *name_space, const char *name,
                 struct gs_err *err)
{
    struct gs_gates_pod *pod = NULL;
    if (!gs_is_object_name(name_space) || !gs_is_object_name(name)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.100s/%.100s\" is no pod; expected NAMESPACE/POD, or POD with "
                       "--namespace",
                       name_space, name);
    }
    int r = keep(gates, name_space, name, &pod, err);
    if (r < 0) {
        return r;
    }
    gates->read++;
    pod->request = (struct gs_link_request){.method = "GET", .path = pod->path};
    gs_link_begin(gates->link, &pod->request);
    r = gs_link_wait(gates->link, err);
    if (r == 0 && pod->request.result != 0) {
        *err = pod->request.err;
        return pod->request.result;
    }
    pod->gated = find_gate(pod->request.object, &pod->at);
    gs_link_drop(&pod->request);
    return r;
}

/* ---- off they go ---- */

static void lift(struct gs_gates_pod *pod);

static void end(struct gs_gates_pod *pod)
{
    struct gs_gates *gates = pod->of;
    gates->ended++;
    if (gates->progress != NULL) {
        gates->progress(gates);
    }
}

/* What it is now: another may have been faster, or its gates stand in another order. */
static void on_read(struct gs_link_request *request)
{
    struct gs_gates_pod *pod = request->ctx;
    bool gated = request->result == 0 && find_gate(request->object, &pod->at);
    pod->gone = !gated && (request->result == 0 || request->result == GS_NOT_FOUND);
    pod->err = request->err;
    gs_link_drop(request);
    if (gated) {
        lift(pod);
    } else {
        end(pod);
    }
}

static void on_lifted(struct gs_link_request *request)
{
    struct gs_gates_pod *pod = request->ctx;
    /* 409, 422: it is not as it was when it was read */
    bool changed = request->result == GS_BUSY || request->result == GS_INVALID;
    pod->lifted = request->result == 0;
    pod->gone = request->result == GS_NOT_FOUND;
    pod->err = request->err;
    gs_link_drop(request);
    if (changed && pod->tries < TRIES_MAX) {
        pod->request = (struct gs_link_request){
            .method = "GET", .path = pod->path, .done = on_read, .ctx = pod};
        gs_link_begin(pod->of->link, &pod->request);
        if (pod->request.result == 0) {
            return;
        }
    }
    end(pod);
}

static void lift(struct gs_gates_pod *pod)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    gs_buf_init(&body, BODY_BYTES_MAX);
    json_t *gate = json_pack("{s:s}", "name", GS_KUBEWAIT_GATE);
    int r = gate == NULL
                ? no_memory(&pod->err)
                : gs_kubepatch_remove("/spec/schedulingGates", pod->at, gate, &body, &pod->err);
    json_decref(gate);
    pod->tries++;
    pod->request = (struct gs_link_request){
        .method = "PATCH",
        .path = pod->path,
        .type = GS_KUBEPATCH_JSON,
        .body = {.p = gs_buf_text(&body), .n = body.len},
        .done = on_lifted,
        .ctx = pod,
    };
    if (r == 0) {
        gs_link_begin(pod->of->link, &pod->request);
        r = pod->request.result;
        pod->err = pod->request.err;
    }
    if (r != 0) {
        end(pod);
    }
}

int gs_gates_lift(struct gs_gates *gates, struct gs_err *err)
{
    size_t next = 0;
    int r = 0;
    gates->ended = 0;
    while (r == 0 && (next < gates->n || gates->link->under_way > 0)) {
        while (next < gates->n && gates->link->under_way < AT_ONCE) {
            struct gs_gates_pod *pod = gates->pods[next++];
            if (pod->gated) {
                lift(pod);
            }
        }
        r = gates->link->under_way > 0 ? gs_link_turn(gates->link, err) : 0;
    }
    return r;
}
