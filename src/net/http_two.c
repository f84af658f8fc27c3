/* HTTP/2 on a connection: nghttp2 has the frames, we have the calls. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/http_conn.h"

enum {
    STREAM_WINDOW = 1 << 20,
    CONNECTION_WINDOW = 4 << 20,
    STREAMS_MAX = 100,
    OUT_PAUSE = 256 << 10, /* bytes that wait: nghttp2 keeps the rest, and ends floods */
    STREAMS_BLIND = 8,     /* at most, before the server has said how many it takes */
    FIELDS_MAX = GS_HTTP_HEADERS_MAX + 6,
    NAME_MAX_BYTES = 128
};

static struct gs_http_call *call_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

/* Takes the call from its stream: whatever comes on it still is nobody's. */
static void let_go(struct gs_http_conn *conn, struct gs_http_call *call)
{
    (void)nghttp2_session_set_stream_user_data(conn->two, call->stream, NULL);
    call->stream = 0;
    call->conn = NULL;
    conn->n_calls--;
    conn->used = true;
    conn->idle_us = gs_now_us();
    gs_http_client_look(conn->client);
}

static void end_all(struct gs_http_conn *conn, enum gs_code code, int e, const char *text)
{
    struct gs_err why;
    gs_fail(&why, code, "%s", text);
    why.sys_errno = e;
    gs_http_conn_close(conn);
    gs_http_client_end_calls(conn, &why);
}

/* ---- what comes ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct gs_http_call *call = call_of(session, frame->hd.stream_id);
    (void)ctx;
    if (call != NULL && !call->told_head) {
        call->head = (struct gs_http1_head){.status = 0};
    }
    return 0;
}

static void read_field(struct gs_http_call *call, struct gs_view name, struct gs_view value)
{
    uint64_t n;
    if (gs_view_eq(name, ":status") && gs_view_is_u64(value, 599, &n)) {
        call->head.status = (unsigned)n;
    } else if (gs_view_eq(name, "content-type")) {
        size_t size = value.n < GS_HTTP1_TYPE_MAX ? value.n : GS_HTTP1_TYPE_MAX - 1;
        memcpy(call->head.type, value.p, size);
        call->head.type[size] = '\0';
    } else if (gs_view_eq(name, "content-encoding")) {
        call->head.packed = gs_view_eq_nocase(value, "gzip");
    } else if (gs_view_eq(name, "retry-after") && gs_view_is_u64(value, UINT32_MAX, &n)) {
        call->head.retry_s = n > GS_HTTP1_RETRY_MAX_S ? GS_HTTP1_RETRY_MAX_S : (uint32_t)n;
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *ctx)
{
    struct gs_http_conn *conn = ctx;
    struct gs_http_call *call = call_of(session, frame->hd.stream_id);
    (void)flags;
    if (call == NULL) {
        return 0;
    }
    call->head_bytes += n_name + n_value;
    if (call->head_bytes > GS_HTTP_HEAD_MAX) {
        struct gs_err why;
        gs_fail(&why, GS_LIMIT, "headers of more than %zu bytes; expected fewer", GS_HTTP_HEAD_MAX);
        gs_http_conn_drop(conn, call);
        gs_http_call_fail(call, &why);
        return 0;
    }
    if (!call->told_head) {
        read_field(call, (struct gs_view){.p = (const char *)name, .n = n_name},
                   (struct gs_view){.p = (const char *)value, .n = n_value});
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct gs_http_conn *conn = ctx;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        conn->goodbye = true;
        conn->retired = true; /* what it carries goes on */
        return 0;
    }
    if (frame->hd.type == NGHTTP2_SETTINGS) {
        conn->settled = true;
        gs_http_client_look(conn->client);
        return 0;
    }
    struct gs_http_call *call = call_of(session, frame->hd.stream_id);
    bool says = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (call == NULL || !says) {
        return 0;
    }
    call->heard = true;
    call->last_us = gs_now_us();
    call->whole = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !call->told_head && call->head.status >= 200) {
        (void)gs_http_call_take_head(call);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t n, void *ctx)
{
    struct gs_http_call *call = call_of(session, stream);
    (void)flags;
    (void)ctx;
    if (call != NULL) {
        call->last_us = gs_now_us();
        (void)gs_http_call_take_bytes(call, (struct gs_view){.p = (const char *)bytes, .n = n});
    }
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t stream, uint32_t code, void *ctx)
{
    struct gs_http_conn *conn = ctx;
    struct gs_http_call *call = call_of(session, stream);
    struct gs_err why;
    if (call == NULL) {
        return 0;
    }
    let_go(conn, call);
    if (code == NGHTTP2_NO_ERROR && call->told_head && call->whole) {
        gs_http_call_end(call);
        return 0;
    }
    gs_fail(&why, GS_IO, "the server has ended the request: %s", nghttp2_http2_strerror(code));
    why.sys_errno = code == NGHTTP2_PROTOCOL_ERROR ? EPROTO : ECONNRESET;
    gs_http_call_lost(call, code == NGHTTP2_REFUSED_STREAM, &why);
    return 0;
}

/* A request that cannot go out any more: the server has said goodbye meanwhile. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *ctx)
{
    struct gs_http_conn *conn = ctx;
    struct gs_err why;
    (void)session;
    struct gs_http_call *call =
        frame->hd.type == NGHTTP2_HEADERS ? gs_http_client_find(conn, frame->hd.stream_id) : NULL;
    if (call != NULL) {
        gs_fail(&why, GS_IO, "HTTP/2: %s", nghttp2_strerror(code));
        why.sys_errno = ECONNRESET;
        conn->retired = true;
        let_go(conn, call);
        gs_http_call_lost(call, true, &why);
    }
    return 0;
}

/* ---- what goes ---- */

void gs_http_two_send(struct gs_http_conn *conn)
{
    while (conn->state == GS_HTTP_TWO && gs_http_link_waiting(conn->link) < OUT_PAUSE) {
        struct gs_err err;
        const uint8_t *bytes = NULL;
        conn->feeding = true; /* streams may end here too, and whoever hears that may ask more */
        ssize_t n = nghttp2_session_mem_send(conn->two, &bytes);
        conn->feeding = false;
        if (n == 0) {
            break;
        }
        int r = n < 0
                    ? gs_fail(&err, GS_NO_MEMORY, "%s", nghttp2_strerror((int)n))
                    : gs_http_link_send(conn->link,
                                        (struct gs_view){.p = (const char *)bytes, .n = (size_t)n},
                                        &err);
        if (r != 0) {
            end_all(conn, (enum gs_code)r, 0, err.msg);
        }
    }
    if (conn->state == GS_HTTP_TWO && nghttp2_session_want_read(conn->two) == 0 &&
        nghttp2_session_want_write(conn->two) == 0) {
        end_all(conn, GS_IO, conn->goodbye ? ECONNRESET : EPROTO,
                conn->goodbye ? "the server has ended the connection"
                              : "the server does not keep to the rules of HTTP/2");
    }
}

void gs_http_two_got(struct gs_http_conn *conn, struct gs_view bytes)
{
    conn->feeding = true;
    ssize_t n = nghttp2_session_mem_recv(conn->two, (const uint8_t *)bytes.p, bytes.n);
    conn->feeding = false;
    if (n < 0 && conn->state == GS_HTTP_TWO) {
        end_all(conn, n == NGHTTP2_ERR_NOMEM ? GS_NO_MEMORY : GS_IO,
                n == NGHTTP2_ERR_NOMEM ? 0 : EPROTO, nghttp2_strerror((int)n));
        return;
    }
    gs_http_two_send(conn);
}

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct gs_http_call *call = call_of(session, stream);
    (void)source;
    (void)ctx;
    if (call == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t n = call->body.n - call->n_sent;
    n = n > size ? size : n;
    memcpy(to, call->body.p + call->n_sent, n);
    call->n_sent += n;
    if (call->n_sent == call->body.n) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static nghttp2_nv field(struct gs_view name, struct gs_view value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p,
                        .namelen = name.n,
                        .value = (uint8_t *)(uintptr_t)value.p,
                        .valuelen = value.n,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

/* "Accept: x" as a field; names are in small letters here. False: it has no place in HTTP/2. */
static bool put_header(const char *line, char name[NAME_MAX_BYTES], nghttp2_nv *ret)
{
    struct gs_view value = gs_view(line);
    struct gs_view given = gs_view_split(&value, ':');
    if (given.n >= NAME_MAX_BYTES || gs_view_eq_nocase(given, "Connection") ||
        gs_view_eq_nocase(given, "Host") || gs_view_eq_nocase(given, "Transfer-Encoding")) {
        return false;
    }
    for (size_t i = 0; i < given.n; i++) {
        char c = given.p[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    *ret = field((struct gs_view){.p = name, .n = given.n}, gs_view_trim(value));
    return true;
}

int gs_http_two_carry(struct gs_http_conn *conn, struct gs_http_call *call, struct gs_err *err)
{
    nghttp2_nv fields[FIELDS_MAX];
    char names[GS_HTTP_HEADERS_MAX][NAME_MAX_BYTES];
    char length[24];
    size_t n = 0;
    const nghttp2_data_provider body = {.read_callback = give_body};
    fields[n++] = field(gs_view(":method"), gs_view(call->method));
    fields[n++] = field(gs_view(":scheme"), gs_view("https"));
    fields[n++] = field(gs_view(":authority"), gs_view(call->authority));
    fields[n++] = field(gs_view(":path"), gs_view(call->target));
    for (size_t i = 0; i < call->n_headers; i++) {
        n += put_header(call->headers[i], names[i], &fields[n]);
    }
    if (call->body.p != NULL) {
        snprintf(length, sizeof(length), "%zu", call->body.n);
        fields[n++] = field(gs_view("content-length"), gs_view(length));
    }
    call->n_sent = 0;
    int32_t stream = nghttp2_submit_request(conn->two, NULL, fields, n,
                                            call->body.p == NULL ? NULL : &body, call);
    if (stream < 0) {
        return stream == NGHTTP2_ERR_NOMEM
                   ? gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP/2 stream")
                   : gs_fail(err, GS_IO, "HTTP/2: %s", nghttp2_strerror(stream));
    }
    call->stream = stream;
    if (!conn->feeding) {
        gs_http_two_send(conn);
    }
    return 0;
}

void gs_http_two_drop(struct gs_http_conn *conn, struct gs_http_call *call)
{
    (void)nghttp2_session_set_stream_user_data(conn->two, call->stream, NULL);
    (void)nghttp2_submit_rst_stream(conn->two, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    call->stream = 0;
    conn->used = true;
    conn->idle_us = gs_now_us();
    gs_http_client_look(conn->client);
    if (!conn->feeding) {
        gs_http_two_send(conn);
    }
}

bool gs_http_two_has_room(const struct gs_http_conn *conn)
{
    uint32_t most =
        nghttp2_session_get_remote_settings(conn->two, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    most = most > STREAMS_MAX ? STREAMS_MAX : most;
    most = conn->settled ? most : conn->guess;
    return conn->n_calls < most && nghttp2_session_check_request_allowed(conn->two) != 0;
}

bool gs_http_two_is_soon(const struct gs_http_conn *conn)
{
    return conn->state == GS_HTTP_TWO && !conn->retired && (!conn->settled || conn->n_calls == 0) &&
           nghttp2_session_check_request_allowed(conn->two) != 0;
}

unsigned gs_http_two_guess(const struct gs_http_conn *other)
{
    uint32_t most = STREAMS_BLIND;
    if (other != NULL && other->state == GS_HTTP_TWO && other->settled) {
        most = nghttp2_session_get_remote_settings(other->two,
                                                   NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    }
    return most > STREAMS_BLIND ? STREAMS_BLIND : most;
}

/* ---- begin ---- */

static void drop_callbacks(nghttp2_session_callbacks **callbacks)
{
    nghttp2_session_callbacks_del(*callbacks);
}

int gs_http_two_begin(struct gs_http_conn *conn, struct gs_err *err)
{
    static const nghttp2_settings_entry settings[] = {
        {.settings_id = NGHTTP2_SETTINGS_ENABLE_PUSH, .value = 0},
        {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, .value = STREAM_WINDOW},
        {.settings_id = NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, .value = GS_HTTP_HEAD_MAX},
    };
    GS_CLEANUP(drop_callbacks) nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for HTTP/2");
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    if (nghttp2_session_client_new(&conn->two, callbacks, conn) != 0 ||
        nghttp2_submit_settings(conn->two, NGHTTP2_FLAG_NONE, settings, GS_ARRAY_LEN(settings)) !=
            0 ||
        nghttp2_session_set_local_window_size(conn->two, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) !=
            0) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for HTTP/2");
    }
    gs_http_two_send(conn);
    return 0;
}
