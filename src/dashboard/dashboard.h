/* dashboard: serves the documents of a board and the pages over them: routes, who may see what,
 * events. Read-only: GET and HEAD. Belongs to the loop. docs/internals/dashboard.md. */
#pragma once

#include <systemd/sd-event.h>

#include "board/board.h"
#include "cluster/kube.h"
#include "dashboard/door.h"

struct gs_dashboard;

enum {
    GS_DASHBOARD_CONNECTIONS = 256,
    GS_DASHBOARD_WATCHERS = 64 /* that follow events at a time */
};

/* Somebody who waits for a document that is worked out beside the loop. */
struct gs_dashboard_job {
    /* 0: the document; else why there is none, in words. */
    void (*done)(void *ctx, int result, struct gs_view text);
    void *ctx;
    struct gs_dashboard_job *next; /* whoever works it out */
};

/* A question about what was, which is answered elsewhere. */
struct gs_dashboard_past {
    const char *path; /* "/api/v1/history?series=..."; as long as it is asked */
    /* 200: the document; else why there is none, in words. */
    void (*done)(void *ctx, unsigned status, struct gs_view text);
    void *ctx;
    void *answer; /* whoever answers it */
};

struct gs_dashboard_options {
    sd_event *event;
    struct gs_board *board;       /* belongs to the caller, who changes it on the same loop */
    const struct gs_store *store; /* the pods that wait; NULL: there is no cluster */
    /* money/better; NULL: nobody works it out. `done` comes once, now or later; not after `forget`.
     */
    void (*better)(void *ctx, struct gs_dashboard_job *job);
    void (*forget)(void *ctx, struct gs_dashboard_job *job);
    void *better_ctx;
    /* history, cost; NULL: nobody keeps them. `done` comes once, now or later; not after the
     * other. */
    void (*ask_past)(void *ctx, struct gs_dashboard_past *past);
    void (*forget_past)(void *ctx, struct gs_dashboard_past *past);
    void *past_ctx;
    bool (*decides)(void *ctx); /* the store's decisions are ours; NULL: they are not */
    void *ctx;
    struct gs_kube *kube;    /* who says what a token is worth; NULL: */
    const char *token;       /* the one that is let in */
    const char *hosts;       /* as of struct gs_door_options */
    struct gs_view tls_cert; /* PEM; empty: plain HTTP */
    struct gs_view tls_key;
};

/* Serves on `fd`, which becomes the dashboard's in every case. Texts are copied. GS_INVALID: a host
 * or certificate that is none; GS_NO_MEMORY, GS_IO. */
int gs_dashboard_new(int fd, const struct gs_dashboard_options *options, struct gs_dashboard **ret,
                     struct gs_err *err);
void gs_dashboard_free(struct gs_dashboard *dashboard);

/* As gs_http_server_show. */
int gs_dashboard_show(struct gs_dashboard *dashboard, struct gs_view tls_cert,
                      struct gs_view tls_key, struct gs_err *err);

/* As of gs_door_code, for `token` of the options. */
int gs_dashboard_code(struct gs_dashboard *dashboard, char ret_code[GS_DOOR_ID_TEXT],
                      struct gs_err *err);

/* The port. With `token` of the options /open/TOKEN is open as long as the dashboard is served. */
unsigned gs_dashboard_port(const struct gs_dashboard *dashboard);

/* What every answer says of what its pages may do. */
extern const struct gs_http_header gs_dashboard_headers[];
extern const size_t gs_dashboard_n_headers;

/* Appends its metrics in Prometheus' text. NULL is fine. */
void gs_dashboard_write_metrics(const struct gs_dashboard *dashboard, struct gs_buf *page);
