/* shown: the controller's dashboard: what is watched as a board, served over HTTPS.
 *
 * Every replica serves; only the one that decides knows why pods wait. The certificate is of a CA
 * of our own that lives as long as the program: who comes through the API server's proxy is not
 * asked to believe it. Belongs to the loop. docs/internals/dashboard.md. */
#pragma once

#include "cluster/kube.h"
#include "picture/feed.h"

struct gs_shown;
struct gs_buf;

struct gs_shown_options {
    struct gs_kube *kube;
    const struct gs_store *store;
    const char *address;    /* as of gs_http_listen_tcp */
    const char *names;      /* that it is reached by, between commas; "" */
    const char *name_space; /* ours */
    const char *region;     /* whose prices count; "": as nodes are labelled */
    const char *history;    /* as of struct gs_past_options, and so are: */
    const char *history_token;
    const char *history_ca;
    const char *prometheus;
    bool (*decides)(void *ctx);
    void *ctx;
};

/* GS_INVALID: an address or a name that is none; GS_IO, GS_NO_MEMORY. */
int gs_shown_new(const struct gs_shown_options *options, struct gs_shown **ret, struct gs_err *err);
void gs_shown_free(struct gs_shown *shown);

/* What has to be shown to it. */
struct gs_feed_tap gs_shown_tap(struct gs_shown *shown);

/* Appends its metrics in Prometheus' text. NULL is fine. */
void gs_shown_write_metrics(const struct gs_shown *shown, struct gs_buf *page);
