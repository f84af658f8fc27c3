#include "net/http_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP connection");
}

/* ---- the end ---- */

void gs_http_conn_close(struct gs_http_conn *conn)
{
    if (conn->state != GS_HTTP_GONE) {
        conn->state = GS_HTTP_GONE;
        gs_http_link_close(conn->link);
        gs_http_client_look(conn->client);
    }
}

/* Closes it, and tells its calls why. */
static void end(struct gs_http_conn *conn, const struct gs_err *why)
{
    gs_http_conn_close(conn);
    gs_http_client_end_calls(conn, why);
}

void gs_http_conn_free(struct gs_http_conn *conn, struct gs_trust **trusts)
{
    gs_http_link_free(conn->link);
    if (conn->two != NULL) {
        nghttp2_session_del(conn->two);
    }
    gs_trust_put(trusts, conn->where.trust);
    free((char *)(uintptr_t)conn->where.unix_socket);
    free(conn->one);
    free(conn);
}

/* ---- HTTP/1 ---- */

/* The call's answer is whole: the connection is free for another, if both sides want that. */
static void end_one(struct gs_http_conn *conn, bool more_came)
{
    struct gs_http_call *call = conn->call;
    conn->call = NULL;
    conn->n_calls--;
    conn->used = true;
    conn->idle_us = gs_now_us();
    call->conn = NULL;
    if (!conn->one->head.keep_alive || more_came || gs_http_link_waiting(conn->link) > 0) {
        gs_http_conn_close(conn);
    }
    gs_http_client_look(conn->client);
    gs_http_call_end(call);
}

/* Something was told by the reader. False: the call is gone, or its answer is whole. */
static bool take_one(struct gs_http_conn *conn, enum gs_http1_event event, struct gs_view bytes,
                     bool more_came)
{
    struct gs_http_call *call = conn->call;
    switch (event) {
    case GS_HTTP1_MORE:
        return true;
    case GS_HTTP1_HEAD:
        call->head = conn->one->head;
        return gs_http_call_take_head(call);
    case GS_HTTP1_BODY:
        return gs_http_call_take_bytes(call, bytes);
    case GS_HTTP1_END:
        end_one(conn, more_came);
        return false;
    }
    return true;
}

static void got_one(struct gs_http_conn *conn, struct gs_view bytes)
{
    enum gs_http1_event event = GS_HTTP1_HEAD;
    if (conn->call == NULL) { /* nobody has asked */
        gs_http_conn_close(conn);
        return;
    }
    conn->call->heard = true;
    conn->call->last_us = gs_now_us();
    while (event != GS_HTTP1_MORE) {
        struct gs_view piece = {.p = NULL};
        struct gs_err err;
        int r = gs_http1_next(conn->one, &bytes, &event, &piece, &err);
        if (r != 0) {
            struct gs_err why = {.code = r == GS_LIMIT ? GS_LIMIT : GS_IO,
                                 .sys_errno = r == GS_LIMIT ? 0 : EPROTO};
            snprintf(why.msg, sizeof(why.msg), "the answer is not HTTP: %.500s", err.msg);
            end(conn, r == GS_LIMIT ? &err : &why);
            return;
        }
        if (!take_one(conn, event, piece, bytes.n > 0)) {
            return;
        }
    }
}

static void put_head(struct gs_buf *out, const struct gs_http_call *call)
{
    gs_buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", call->method, call->target,
                  call->authority);
    for (size_t i = 0; i < call->n_headers; i++) {
        gs_buf_printf(out, "%s\r\n", call->headers[i]);
    }
    if (call->body.p != NULL) {
        gs_buf_printf(out, "Content-Length: %zu\r\n", call->body.n);
    }
    gs_buf_puts(out, "\r\n");
    gs_buf_put(out, call->body.p == NULL ? "" : call->body.p, call->body.n);
}

static int carry_one(struct gs_http_conn *conn, struct gs_http_call *call, struct gs_err *err)
{
    struct gs_buf out;
    gs_buf_init(&out, GS_HTTP_LINK_OUT_MAX);
    put_head(&out, call);
    int r = gs_buf_ok(&out)
                ? gs_http_link_send(conn->link, (struct gs_view){.p = out.text, .n = out.len}, err)
                : no_memory(err);
    gs_buf_done(&out);
    if (r == 0) {
        gs_http1_begin(conn->one, strcmp(call->method, "HEAD") == 0);
        conn->call = call;
    }
    return r;
}

/* ---- the link ---- */

static void on_opened(void *ctx, bool http2)
{
    struct gs_http_conn *conn = ctx;
    struct gs_err err = {.code = GS_OK};
    int r = 0;
    if (http2) {
        conn->state = GS_HTTP_TWO;
        r = gs_http_two_begin(conn, &err);
    } else {
        conn->state = GS_HTTP_ONE;
        conn->one = malloc(sizeof(*conn->one));
        r = conn->one == NULL ? no_memory(&err) : 0;
    }
    if (r != 0) {
        end(conn, &err);
        return;
    }
    conn->idle_us = gs_now_us();
    gs_http_client_start_calls(conn);
}

static void on_got(void *ctx, struct gs_view bytes)
{
    struct gs_http_conn *conn = ctx;
    if (conn->state == GS_HTTP_ONE) {
        got_one(conn, bytes);
    } else if (conn->state == GS_HTTP_TWO) {
        gs_http_two_got(conn, bytes);
    }
}

static void on_drained(void *ctx)
{
    struct gs_http_conn *conn = ctx;
    if (conn->state == GS_HTTP_TWO) {
        gs_http_two_send(conn);
    }
}

/* An answer may end with its connection (HTTP/1.0). */
static void on_ended(void *ctx, const struct gs_err *err)
{
    struct gs_http_conn *conn = ctx;
    struct gs_err why = *err;
    bool in_order = err->code == GS_OK;
    if (in_order) {
        gs_fail(&why, GS_IO, "the server has closed the connection");
        why.sys_errno = ECONNRESET;
    }
    if (in_order && conn->state == GS_HTTP_ONE && conn->call != NULL && conn->call->told_head &&
        gs_http1_eof(conn->one, &why) == 0) {
        conn->one->head.keep_alive = false;
        end_one(conn, false);
        return;
    }
    end(conn, &why);
}

/* ---- calls ---- */

bool gs_http_conn_has_room(const struct gs_http_conn *conn)
{
    if (conn->retired) {
        return false;
    }
    switch (conn->state) {
    case GS_HTTP_CONNECTING: /* it may turn out to speak HTTP/2; without TLS it will not */
        return conn->where.trust != NULL || conn->n_calls == 0;
    case GS_HTTP_ONE:
        return conn->n_calls == 0;
    case GS_HTTP_TWO:
        return gs_http_two_has_room(conn);
    case GS_HTTP_GONE:
        break;
    }
    return false;
}

void gs_http_conn_carry(struct gs_http_conn *conn, struct gs_http_call *call)
{
    struct gs_err err = {.code = GS_OK};
    if (call->conn == NULL) {
        call->conn = conn;
        conn->n_calls++;
    }
    if (conn->state == GS_HTTP_CONNECTING) {
        return; /* gs_http_client_start_calls comes */
    }
    gs_http_call_opened(call, conn->used);
    int r = conn->state == GS_HTTP_ONE ? carry_one(conn, call, &err)
                                       : gs_http_two_carry(conn, call, &err);
    if (r != 0) {
        call->conn = NULL;
        conn->n_calls--;
        gs_http_call_fail(call, &err);
    }
}

void gs_http_conn_drop(struct gs_http_conn *conn, struct gs_http_call *call)
{
    call->conn = NULL;
    conn->n_calls--;
    if (conn->state == GS_HTTP_TWO) {
        gs_http_two_drop(conn, call);
        return;
    }
    bool carried = conn->call == call;
    conn->call = carried ? NULL : conn->call;
    if (carried || conn->n_calls == 0) {
        gs_http_conn_close(conn);
    }
}

/* ---- begin ---- */

int gs_http_conn_new(struct gs_http_client *client, sd_event *event,
                     const struct gs_http_where *where, struct gs_http_conn **ret,
                     struct gs_err *err)
{
    struct gs_http_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        return no_memory(err);
    }
    conn->client = client;
    conn->where = *where;
    snprintf(conn->host, sizeof(conn->host), "%s", where->host);
    conn->where.host = conn->host;
    conn->where.unix_socket = where->unix_socket == NULL ? NULL : strdup(where->unix_socket);
    const struct gs_http_link_options options = {
        .event = event,
        .host = conn->host,
        .port = where->port,
        .unix_socket = conn->where.unix_socket,
        .trust = where->trust,
        .opened = on_opened,
        .got = on_got,
        .drained = on_drained,
        .ended = on_ended,
        .ctx = conn,
    };
    int r = where->unix_socket != NULL && conn->where.unix_socket == NULL
                ? no_memory(err)
                : gs_http_link_new(&options, &conn->link, err);
    if (r != 0) {
        free((char *)(uintptr_t)conn->where.unix_socket);
        free(conn);
        return r;
    }
    if (conn->where.trust != NULL) {
        gs_trust_keep(conn->where.trust);
    }
    *ret = conn;
    return 0;
}
