/* http_call: one request of the HTTP client: what is asked, its limits, and what has come of it. Of
 * http_client.c and its neighbours only. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "net/http_client.h"
#include "net/trust.h"
#include "wire/http1.h"

enum { GS_HTTP_NAME_MAX = 240, GS_HTTP_RESTARTS_MAX = 3 };

struct gs_http_conn;

/* A server, as connections are shared by it. */
struct gs_http_where {
    const char *host;
    unsigned port;
    const char *unix_socket; /* or NULL */
    struct gs_trust *trust;  /* NULL: no TLS */
};

struct gs_http_call {
    struct gs_http_call *prev;
    struct gs_http_call *next;
    struct gs_http_client *client;
    uint64_t number;           /* counts up */
    struct gs_http_conn *conn; /* that carries it, or is to; NULL: it waits for one */
    struct gs_arena arena;     /* what is asked */
    struct gs_http_where where;
    const char *method;
    const char *target;    /* "/api?watch=1" */
    const char *authority; /* "10.0.0.1:6443" */
    const char *const *headers;
    size_t n_headers;
    struct gs_view body;
    sd_event_source *timer;
    uint64_t connect_limit_us;
    uint64_t total_limit_us;
    uint64_t idle_limit_us; /* 0: none */
    uint64_t begin_us;      /* CLOCK_MONOTONIC, as the next */
    uint64_t seek_us;       /* since when it has looked for a connection */
    uint64_t last_us;       /* the last byte came */
    bool opened;            /* it was sent on an open connection */
    bool on_used; /* which had carried another before: the server may just have closed it */
    bool heard;   /* the server has said something */
    bool told_head;
    bool whole; /* HTTP/2: the server has said that this was all */
    unsigned restarts;
    int32_t stream; /* of HTTP/2; 0: none */
    size_t n_sent;  /* of the body, by HTTP/2 */
    struct gs_http1_head head;
    size_t head_bytes;
    struct gs_buf answer;
    void (*on_head)(void *ctx, unsigned status);
    int (*on_chunk)(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err);
    void (*on_done)(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err);
    void *ctx;
    bool *gone; /* set where the call is cancelled inside a function of its caller's; or NULL */
    char name[GS_HTTP_NAME_MAX]; /* "GET https://10.0.0.1:6443/api": for messages */
};

/* Copies the request. Codes of gs_http_begin. */
int gs_http_call_new(const struct gs_http_request *request, struct gs_trust **trusts,
                     struct gs_http_call **ret, struct gs_err *err);
void gs_http_call_free(struct gs_http_call *call, struct gs_trust **trusts);

/* Its limits begin to count. GS_IO. */
int gs_http_call_limit(struct gs_http_call *call, sd_event *event, struct gs_err *err);

/* A connection carries it now. `on_used`: one that has carried others before. */
void gs_http_call_opened(struct gs_http_call *call, bool on_used);

/* ---- for connections: what comes. False: the call is gone. ---- */

/* call->head is there. */
bool gs_http_call_take_head(struct gs_http_call *call);
bool gs_http_call_take_bytes(struct gs_http_call *call, struct gs_view bytes);

/* The answer is whole. The connection has let go of the call. */
void gs_http_call_end(struct gs_http_call *call);

/* It will not be; a connection that carries it still lets go. `why` has code, errno and text. */
void gs_http_call_fail(struct gs_http_call *call, const struct gs_err *why);

/* The connection has ended before the server said a word: the call is tried on another one, if it
 * was the connection's fault; else it fails. */
void gs_http_call_lost(struct gs_http_call *call, bool refused, const struct gs_err *why);
