#include "controller/leader.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "wire/kubejson.h"
#include "wire/kubepatch.h"

#define PODS "/api/v1/namespaces/%s/pods"
#define LABELLED "?labelSelector=gpuslice.dev%%2Fleader&limit=100"
#define EVERY_US 60000000ull
#define AGAIN_FIRST_US 1000000ull
#define LIMIT_US 10000000ull
#define ACCURACY_US 100000ull

enum { NAME_MAX_BYTES = 254, PATH_MAX_BYTES = 1024, BODY_MAX = 4096 };

struct gs_leader {
    struct gs_kube *kube;
    sd_event_source *timer;
    struct gs_kube_call *request;
    char name_space[NAME_MAX_BYTES];
    char pod[NAME_MAX_BYTES];
    bool leads;
    unsigned failed; /* in a row */
    char why[300];   /* of the last failure that was said */
};

/* What has to be done next, of what the API server shows. */
struct labels {
    bool ours;
    char other[NAME_MAX_BYTES]; /* one of them; "": none */
};

static void look_in(struct gs_leader *leader, uint64_t wait_us)
{
    (void)sd_event_source_set_time_relative(leader->timer, wait_us);
    (void)sd_event_source_set_enabled(leader->timer, SD_EVENT_ONESHOT);
}

static void end_well(struct gs_leader *leader)
{
    leader->failed = 0;
    leader->why[0] = '\0';
    if (leader->leads) {
        look_in(leader, EVERY_US);
    }
}

static void end_badly(struct gs_leader *leader, const char *why)
{
    if (strncmp(leader->why, why, sizeof(leader->why) - 1) != 0) {
        gs_log_warning("label " GS_LEADER_LABEL " of pod %s/%s: %s", leader->name_space,
                       leader->pod, why);
        (void)snprintf(leader->why, sizeof(leader->why), "%s", why);
    }
    look_in(leader, gs_kube_backoff(leader->kube, leader->failed++, AGAIN_FIRST_US, EVERY_US));
}

static void begin(struct gs_leader *leader, const struct gs_kube_request *request)
{
    struct gs_err err = {.code = GS_OK};
    if (gs_kube_begin(leader->kube, request, &leader->request, &err) != 0) {
        end_badly(leader, err.msg);
    }
}

/* ---- one pod's label ---- */

static void on_written(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_leader *leader = ctx;
    (void)answer;
    (void)status;
    leader->request = NULL;
    if (result == 0) {
        look_in(leader, 0); /* at what is left to do */
    } else {
        end_badly(leader, err->msg);
    }
}

static void write_label(struct gs_leader *leader, const char *pod, const char *value)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    struct gs_err err = {.code = GS_OK};
    json_t *patch = NULL;
    char path[PATH_MAX_BYTES];
    gs_buf_init(&body, BODY_MAX);
    (void)snprintf(path, sizeof(path), PODS "/%s", leader->name_space, pod);
    int r = gs_kubepatch_set(&patch, "metadata", "labels", GS_LEADER_LABEL, value, &err);
    r = r == 0 ? gs_kubepatch_write(patch, &body, &err) : r;
    gs_kubepatch_drop(&patch);
    if (r != 0) {
        end_badly(leader, err.msg);
        return;
    }
    const struct gs_kube_request request = {.method = "PATCH",
                                            .path = path,
                                            .type = GS_KUBEPATCH_MERGE,
                                            .body = {.p = gs_buf_text(&body), .n = body.len},
                                            .limit_us = LIMIT_US,
                                            .done = on_written,
                                            .ctx = leader};
    begin(leader, &request);
}

/* ---- who has it ---- */

static int read_labels(const struct gs_leader *leader, struct gs_view body, struct labels *ret,
                       struct gs_err *err)
{
    json_t *items = NULL;
    json_t *list = json_loadb(body.p, body.n, GS_KUBEJSON_LOAD, NULL);
    int r = gs_kubejson_array(list, "items", &items, err);
    for (size_t i = 0; r == 0 && i < json_array_size(items); i++) {
        const char *name = NULL;
        const char *value = NULL;
        json_t *metadata = NULL;
        json_t *labels = NULL;
        r = gs_kubejson_object(json_array_get(items, i), "metadata", &metadata, err);
        r = r == 0 ? gs_kubejson_text(metadata, "name", &name, err) : r;
        r = r == 0 ? gs_kubejson_object(metadata, "labels", &labels, err) : r;
        r = r == 0 ? gs_kubejson_text(labels, GS_LEADER_LABEL, &value, err) : r;
        if (r != 0 || name == NULL || !gs_kubejson_is_name(name)) {
            continue;
        }
        if (strcmp(name, leader->pod) == 0) {
            ret->ours = value != NULL && strcmp(value, "true") == 0;
        } else {
            (void)snprintf(ret->other, sizeof(ret->other), "%s", name);
        }
    }
    json_decref(list);
    return r;
}

static void on_list(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_leader *leader = ctx;
    struct labels labels = {.ours = false};
    struct gs_err why = {.code = GS_OK};
    (void)status;
    leader->request = NULL;
    if (result == 0) {
        result = read_labels(leader, answer->body, &labels, &why);
        err = &why;
    }
    if (result != 0) {
        end_badly(leader, err->msg);
    } else if (leader->leads && labels.other[0] != '\0') {
        write_label(leader, labels.other, NULL);
    } else if (leader->leads != labels.ours) {
        write_label(leader, leader->pod, leader->leads ? "true" : NULL);
    } else {
        end_well(leader);
    }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_leader *leader = ctx;
    char path[PATH_MAX_BYTES];
    (void)source;
    (void)usec;
    (void)snprintf(path, sizeof(path), PODS LABELLED, leader->name_space);
    const struct gs_kube_request request = {
        .method = "GET", .path = path, .limit_us = LIMIT_US, .done = on_list, .ctx = leader};
    if (leader->request == NULL) { /* else its end leads to the next look */
        begin(leader, &request);
    }
    return 0;
}

/* ---- all ---- */

/* A request under way is of what was before. */
void gs_leader_set(struct gs_leader *leader, bool leads)
{
    leader->leads = leads;
    if (leader->request != NULL) {
        gs_kube_cancel(leader->request);
        leader->request = NULL;
    }
    look_in(leader, 0);
}

int gs_leader_new(struct gs_kube *kube, const char *name_space, const char *pod,
                  struct gs_leader **ret, struct gs_err *err)
{
    struct gs_leader *leader = calloc(1, sizeof(*leader));
    if (leader == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the leader's label");
    }
    leader->kube = kube;
    int n = snprintf(leader->name_space, NAME_MAX_BYTES, "%s", name_space);
    int m = snprintf(leader->pod, NAME_MAX_BYTES, "%s", pod);
    int r = n < NAME_MAX_BYTES && m < NAME_MAX_BYTES
                ? 0
                : gs_fail(err, GS_INVALID, "a name of the controller's pod of more than 253 bytes");
    if (r == 0) {
        int s = sd_event_add_time_relative(gs_kube_event(kube), &leader->timer, CLOCK_MONOTONIC, 0,
                                           ACCURACY_US, on_timer, leader);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        free(leader);
        return r;
    }
    *ret = leader;
    return 0;
}

void gs_leader_free(struct gs_leader *leader)
{
    if (leader == NULL) {
        return;
    }
    if (leader->request != NULL) {
        gs_kube_cancel(leader->request);
    }
    sd_event_source_disable_unref(leader->timer);
    free(leader);
}
