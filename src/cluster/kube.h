/* kube: requests to a Kubernetes API server, as somebody it knows, tried again where that helps.
 *
 * Below the port (cluster.h) and beside it: what the port does not have is asked through this. One
 * connection is shared where the server speaks HTTP/2. A token that was not taken (401) is renewed
 * once. Statuses of failure become codes, with the server's own words. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"
#include "wire/kubestatus.h"

struct gs_kube;
struct gs_kube_call; /* a request under way */

enum { GS_KUBE_PATH_MAX = 8192 };
#define GS_KUBE_FOREVER UINT64_MAX

struct gs_kube_options {
    sd_event *event;
    const char *kubeconfig; /* as in cluster_kube.h */
    bool several;           /* `kubeconfig` is a list of files, as $KUBECONFIG has it */
    const char *context;
    const char *service_account;
    const char *user_agent;
};

struct gs_kube_answer {
    unsigned status;
    struct gs_view body; /* empty with on_chunk */
    struct gs_view type; /* Content-Type; empty: none */
    bool packed;         /* the body is gzip's */
};

struct gs_kube_request {
    const char *method; /* "GET" */
    const char *path; /* "/api/v1/nodes/a?..."; what is no plain text in it is %-encoded already */
    const char *type; /* of the body */
    const char *header;  /* one more, "Name: value", for who stands behind the server; NULL: none */
    struct gs_view body; /* p NULL: none */
    uint64_t limit_us;   /* all tries; 0: 15 s; GS_KUBE_FOREVER: a stream */
    uint64_t idle_us;    /* nothing came: the try has failed; 0: a part of the limit */
    bool once;           /* not tried again, whatever happens */
    bool packs;          /* the answer may come packed (gzip), and is handed out as it is */
    size_t max_body;     /* 0: GS_HTTP_BODY_DEFAULT */

    /* With both: a stream. The server has said yes; and pieces of its answer. What was begun to be
     * handed out is not tried again. Codes as in http_client.h. */
    void (*on_open)(void *ctx);
    int (*on_chunk)(void *ctx, struct gs_view bytes, struct gs_err *err);

    /* 0, or as cluster.h says. `status`: what the server said where `result` is its no (code 0:
     * it was not the server). */
    void (*done)(void *ctx, int result, const struct gs_kube_answer *answer,
                 const struct gs_kubestatus *status, const struct gs_err *err);
    void *ctx;
};

/* Codes of gs_cluster_kube_open. */
int gs_kube_new(const struct gs_kube_options *options, struct gs_kube **ret, struct gs_err *err);
void gs_kube_free(struct gs_kube *kube);

sd_event *gs_kube_event(struct gs_kube *kube);

/* For messages: "https://10.0.0.1:6443"; and the namespace of the kubeconfig's context, or "". */
const char *gs_kube_server(const struct gs_kube *kube);
const char *gs_kube_namespace(const struct gs_kube *kube);

/* Begins a request; everything is copied. `done` comes from the loop, exactly once, unless it is
 * cancelled. GS_INVALID: a path that is too long; GS_NO_MEMORY. */
int gs_kube_begin(struct gs_kube *kube, const struct gs_kube_request *request,
                  struct gs_kube_call **ret_call, struct gs_err *err);

/* From callbacks too, its own included, but not from its `done`. */
void gs_kube_cancel(struct gs_kube_call *call);

/* A wait before try `n` (0: the first that is repeated): from `first_us` doubling up to `most_us`,
 * half of it by chance, so that many clients do not come back together. */
uint64_t gs_kube_backoff(struct gs_kube *kube, unsigned n, uint64_t first_us, uint64_t most_us);

/* Appends a value of a query, %-encoded. */
struct gs_buf;
void gs_kube_put_escaped(struct gs_buf *out, const char *value);
