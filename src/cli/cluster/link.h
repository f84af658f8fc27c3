/* link: the commands' connection to a cluster: options, requests that end, errors that say what to
 * do.
 *
 * A command opens a link, begins what it asks for, and turns the loop until all of it has ended.
 * Every request has a limit. ^C ends the program at once: nothing here is done by halves, as each
 * change is one request. */
#pragma once

#include <jansson.h>

#include "cluster/kube.h"
#include "term/options.h"

struct gs_link_args {
    const char *kubeconfig;
    const char *context;
    uint64_t timeout_s;
};
enum { GS_LINK_TIMEOUT_S = 30, GS_LINK_TIMEOUT_MAX_S = 3600, GS_LINK_NAMESPACE_MAX = 254 };

/* The rows that every command on a cluster has. `field`: its struct gs_link_args. */
#define GS_LINK_OPTIONS(type, field)                                                               \
    {.group = "Which cluster",                                                                     \
     .name = "kubeconfig",                                                                         \
     .arg = "FILE",                                                                                \
     GS_TO_TEXT(type, field.kubeconfig),                                                           \
     .complete = GS_COMPLETE_FILE,                                                                 \
     .help = "as kubectl's; without it $KUBECONFIG, ~/.kube/config, or the account of the pod "    \
             "that this runs in"},                                                                 \
        {.name = "context",                                                                        \
         .arg = "NAME",                                                                            \
         GS_TO_TEXT(type, field.context),                                                          \
         .help = "of the kubeconfig; without it the current one"},                                 \
    {                                                                                              \
        .name = "request-timeout", .arg = "SECONDS",                                               \
        GS_TO_NUMBER(type, field.timeout_s, GS_LINK_TIMEOUT_MAX_S), .min = 1,                      \
        .help = "so long each request may take, with all its pages"                                \
    }

struct gs_link {
    sd_event *event;
    struct gs_kube *kube;
    uint64_t limit_us;
    unsigned under_way; /* requests and lists */
    bool in_pod;        /* by the account of the pod that this runs in */
    char where[4096];   /* the kubeconfig, or "the account of this pod", for messages */
    char name_space[GS_LINK_NAMESPACE_MAX]; /* of the context or the pod; "default" */
};

/* Reads who and where; speaks to nobody yet. As gs_cluster_kube_open; GS_NOT_FOUND: there is no
 * kubeconfig and this is no pod. */
int gs_link_open(struct gs_link *link, const struct gs_link_args *args, struct gs_err *err);
void gs_link_close(struct gs_link *link);

/* Turns the loop until nothing is under way; once. GS_IO: the loop broke. */
int gs_link_wait(struct gs_link *link, struct gs_err *err);
int gs_link_turn(struct gs_link *link, struct gs_err *err);

/* Says why, with what can be done about it as a second line; returns the exit status. */
int gs_link_failed(const struct gs_link *link, const struct gs_err *err);

/* What can be done about it; NULL: nothing that we know. */
const char *gs_link_advice(const struct gs_err *err);

/* ---- a list ---- */

struct gs_link_list {
    const char *kind; /* "Pod" */
    const char *path; /* "/api/v1/pods" */
    const char *selector;
    void (*begin)(void *ctx); /* what was taken before does not count; may be NULL */
    int (*take)(void *ctx, const struct json_t *object, struct gs_err *err);
    void *ctx;
    struct gs_link *link; /* from here on: ours */
    int result;
    unsigned status; /* of the API server where it said no; 0: it did not come to that */
    struct gs_err err;
    uint64_t objects;
};

/* Begins it; the result is in the list after gs_link_wait. */
void gs_link_begin_list(struct gs_link *link, struct gs_link_list *list);

/* ---- a request ---- */

struct gs_link_request {
    const char *method; /* "GET" */
    const char *path;
    const char *type;                              /* of the body; NULL: none */
    struct gs_view body;                           /* copied */
    void (*done)(struct gs_link_request *request); /* it has ended; may begin others; may be NULL */
    void *ctx;
    struct gs_link *link; /* from here on: ours */
    int result;
    unsigned status;
    struct gs_err err;
    json_t *object; /* the answer; gs_link_drop gives it back */
};

void gs_link_begin(struct gs_link *link, struct gs_link_request *request);
void gs_link_drop(struct gs_link_request *request);
