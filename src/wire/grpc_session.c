#include "wire/grpc_session.h"

#include <stdlib.h>

#include "base/cleanup.h"

enum { WINDOW = 1 << 20 }; /* bytes that a peer may send ahead, of a call and of all */
static const uint64_t stall_us = (uint64_t)GS_GRPC_STALL_S * 1000000;

static struct gs_view view_of(const uint8_t *bytes, size_t n)
{
    return (struct gs_view){(const char *)bytes, n};
}

void gs_grpc_check(struct gs_grpc_session *session, int h2_result)
{
    session->failed = session->failed || nghttp2_is_fatal(h2_result);
}

/* What nghttp2 tells */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct gs_grpc_session *session = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct gs_grpc_stream *stream = gs_grpc_stream_new(session, frame->hd.stream_id);
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* this call is reset, the rest goes on */
    }
    return nghttp2_session_set_stream_user_data(h2, stream->id, stream);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    const struct gs_grpc_session *session = ctx;
    struct gs_grpc_stream *stream = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    (void)flags;
    if (stream == NULL || frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (!session->config.server) {
        gs_grpc_response_header(stream, view_of(name, name_n), view_of(value, value_n));
    } else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) { /* a client's trailers say nothing */
        gs_grpc_request_header(stream, view_of(name, name_n), view_of(value, value_n));
    }
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n,
                   void *ctx)
{
    const struct gs_grpc_session *session = ctx;
    struct gs_grpc_stream *stream = nghttp2_session_get_stream_user_data(h2, id);
    (void)flags;
    if (stream == NULL) {
        return 0;
    }
    if (session->config.server) {
        gs_grpc_request_data(stream, view_of(bytes, n));
    } else {
        gs_grpc_response_data(stream, view_of(bytes, n));
    }
    return 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    const struct gs_grpc_session *session = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct gs_grpc_stream *stream = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    if (!session->config.server) {
        if (frame->hd.type == NGHTTP2_HEADERS) {
            gs_grpc_response_head(stream);
        }
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        gs_grpc_request_head(stream);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        gs_grpc_request_end(stream);
    }
    return 0;
}

/* A call was answered before its client had sent all of it: it need not go on. */
static void note_answered(struct gs_grpc_session *session, const nghttp2_frame *frame)
{
    const struct gs_grpc_stream *stream =
        nghttp2_session_get_stream_user_data(session->h2, frame->hd.stream_id);
    if (session->config.server && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        stream != NULL && !stream->peer_done) {
        gs_grpc_check(session, nghttp2_submit_rst_stream(session->h2, NGHTTP2_FLAG_NONE, stream->id,
                                                         NGHTTP2_NO_ERROR));
    }
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct gs_grpc_session *session = ctx;
    (void)h2;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        note_answered(session, frame);
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        session->fault = frame->goaway.error_code;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t h2_code, void *ctx)
{
    const struct gs_grpc_session *session = ctx;
    struct gs_grpc_stream *stream = nghttp2_session_get_stream_user_data(h2, id);
    if (stream == NULL) {
        return 0;
    }
    if (session->config.server) {
        gs_grpc_stream_tell(stream, GS_GRPC_CANCELLED, "the client cancelled the call");
    } else {
        gs_grpc_response_closed(stream, h2_code);
    }
    gs_grpc_stream_free(stream);
    return 0;
}

/* Making one */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) == 0) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    }
    return callbacks;
}

static int make_h2(struct gs_grpc_session *session)
{
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *options = NULL;
    int r = callbacks == NULL ? NGHTTP2_ERR_NOMEM : nghttp2_option_new(&options);
    if (r == 0) {
        nghttp2_option_set_no_closed_streams(options, 1);
        nghttp2_option_set_no_http_messaging(options, session->config.server);
        r = session->config.server
                ? nghttp2_session_server_new2(&session->h2, callbacks, session, options)
                : nghttp2_session_client_new2(&session->h2, callbacks, session, options);
    }
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    return r;
}

static int greet(const struct gs_grpc_session *session)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GS_GRPC_HEADERS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        session->config.server
            ? (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, GS_GRPC_STREAMS_MAX}
            : (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    int r =
        nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, settings, GS_ARRAY_LEN(settings));
    return r < 0 ? r
                 : nghttp2_session_set_local_window_size(session->h2, NGHTTP2_FLAG_NONE, 0, WINDOW);
}

struct gs_grpc_session *gs_grpc_session_new(const struct gs_grpc_config *config)
{
    struct gs_grpc_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return NULL;
    }
    session->config = *config;
    if (session->config.message_max == 0) {
        session->config.message_max = GS_GRPC_MESSAGE_MAX;
    }
    if (make_h2(session) < 0 || greet(session) < 0) {
        nghttp2_session_del(session->h2);
        free(session);
        return NULL;
    }
    return session;
}

static void tell_all(struct gs_grpc_session *session, const char *text)
{
    for (struct gs_grpc_stream *stream = session->first; stream != NULL; stream = stream->next) {
        gs_grpc_stream_tell(stream, GS_GRPC_UNAVAILABLE, text);
    }
}

void gs_grpc_session_free(struct gs_grpc_session *session)
{
    if (session == NULL) {
        return;
    }
    tell_all(session, "the connection is gone");
    nghttp2_session_del(session->h2);
    gs_grpc_streams_done(session);
    free(session);
}

void gs_grpc_session_stop(struct gs_grpc_session *session)
{
    if (session->stopped) {
        return;
    }
    tell_all(session, "this side is ending");
    session->stopped = true;
    if (session->config.account != NULL) {
        session->config.account->used -= session->charged;
        session->config.account = NULL;
    }
    gs_grpc_check(session, nghttp2_session_terminate_session(session->h2, NGHTTP2_NO_ERROR));
}

/* Bytes */

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a gRPC connection");
}

static int fail_h2(ssize_t h2_result, struct gs_err *err)
{
    if (h2_result == NGHTTP2_ERR_NOMEM) {
        return no_memory(err);
    }
    if (h2_result == NGHTTP2_ERR_FLOODED) {
        return gs_fail(err, GS_LIMIT, "the other side sends frames and does not read the answers");
    }
    return gs_fail(err, GS_INVALID, "found bytes that are not HTTP/2: %s",
                   nghttp2_strerror((int)h2_result));
}

int gs_grpc_session_recv(struct gs_grpc_session *session, struct gs_view bytes, uint64_t now_us,
                         struct gs_err *err)
{
    session->now_us = now_us;
    ssize_t n = nghttp2_session_mem_recv(session->h2, (const uint8_t *)bytes.p, bytes.n);
    if (n < 0) {
        return fail_h2(n, err);
    }
    if (session->failed) {
        return no_memory(err);
    }
    if (nghttp2_session_get_outbound_queue_size(session->h2) > GS_GRPC_FRAMES_MAX) {
        return fail_h2(NGHTTP2_ERR_FLOODED, err);
    }
    return 0;
}

static void end_doomed(struct gs_grpc_session *session)
{
    for (struct gs_grpc_stream *stream = session->first; stream != NULL; stream = stream->next) {
        if (stream->doomed) {
            stream->doomed = false;
            session->n_doomed--;
            gs_grpc_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM, GS_GRPC_RESOURCE_EXHAUSTED,
                                 "the client leaves too much unread");
        }
    }
}

int gs_grpc_session_pull(struct gs_grpc_session *session, uint64_t now_us, struct gs_view *ret,
                         struct gs_err *err)
{
    const uint8_t *bytes = NULL;
    session->now_us = now_us;
    if (session->n_doomed > 0) {
        end_doomed(session);
    }
    ssize_t n = nghttp2_session_mem_send(session->h2, &bytes);
    if (n < 0) {
        return fail_h2(n, err);
    }
    if (session->failed) {
        return no_memory(err);
    }
    *ret = view_of(bytes, (size_t)n);
    return 0;
}

bool gs_grpc_session_is_over(const struct gs_grpc_session *session)
{
    return nghttp2_session_want_read(session->h2) == 0 &&
           nghttp2_session_want_write(session->h2) == 0;
}

const char *gs_grpc_session_fault(const struct gs_grpc_session *session)
{
    return session->fault == NGHTTP2_NO_ERROR ? NULL : nghttp2_http2_strerror(session->fault);
}

unsigned gs_grpc_session_calls(const struct gs_grpc_session *session)
{
    return session->n_calls;
}

/* Time */

/* When this stream is to be ended; UINT64_MAX: never. */
static uint64_t end_of(const struct gs_grpc_stream *stream)
{
    uint64_t end = gs_grpc_stream_waits(stream) ? stream->since_us + stall_us : UINT64_MAX;
    bool open = stream->told && !stream->finished;
    return open && stream->deadline_us < end ? stream->deadline_us : end;
}

uint64_t gs_grpc_session_deadline(const struct gs_grpc_session *session)
{
    uint64_t first = UINT64_MAX;
    for (const struct gs_grpc_stream *s = session->first; s != NULL; s = s->next) {
        uint64_t end = end_of(s);
        first = end < first ? end : first;
    }
    return first;
}

void gs_grpc_session_expire(struct gs_grpc_session *session, uint64_t now_us)
{
    static const char late[] = "the call's time is over";
    session->now_us = now_us;
    for (struct gs_grpc_stream *stream = session->first; stream != NULL; stream = stream->next) {
        if (end_of(stream) > now_us) {
            continue;
        }
        if (stream->deadline_us > now_us) {
            gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_DEADLINE_EXCEEDED,
                                 "the other side does not go on");
        } else if (stream->submitted || !session->config.server) {
            gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_DEADLINE_EXCEEDED, late);
        } else {
            gs_grpc_stream_refuse(stream, "200", GS_GRPC_DEADLINE_EXCEEDED, late);
        }
    }
}

/* Calls of a client */

static int submit_call(struct gs_grpc_stream *stream, const char *path, uint64_t timeout_us)
{
    struct gs_grpc_session *session = stream->session;
    char timeout[GS_GRPC_TIMEOUT_TEXT_MAX];
    const nghttp2_data_provider provider = gs_grpc_stream_provider(stream);
    gs_grpc_timeout_format(timeout_us, timeout);
    const nghttp2_nv headers[] = {
        gs_grpc_head_make(":method", "POST"),
        gs_grpc_head_make(":scheme", "http"),
        gs_grpc_head_make(":path", path),
        gs_grpc_head_make(":authority", "localhost"),
        gs_grpc_head_make("content-type", "application/grpc"),
        gs_grpc_head_make("te", "trailers"),
        gs_grpc_head_make("grpc-timeout", timeout),
    };
    return nghttp2_submit_request(session->h2, NULL, headers,
                                  GS_ARRAY_LEN(headers) - (timeout_us == 0 ? 1 : 0), &provider,
                                  stream);
}

int gs_grpc_session_call(struct gs_grpc_session *session, const char *path, struct gs_view request,
                         uint64_t timeout_us, uint64_t now_us, struct gs_grpc_stream **ret,
                         struct gs_err *err)
{
    session->now_us = now_us;
    if (strlen(path) > GS_GRPC_PATH_MAX || request.n > GS_GRPC_MESSAGE_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "found a method of %zu bytes and a request of %zu; expected %d and %d at "
                       "most",
                       strlen(path), request.n, GS_GRPC_PATH_MAX, GS_GRPC_MESSAGE_MAX);
    }
    if (session->n_streams >= GS_GRPC_STREAMS_MAX) {
        return gs_fail(err, GS_LIMIT, "found %u open calls; expected less than %d",
                       session->n_streams, GS_GRPC_STREAMS_MAX);
    }
    struct gs_grpc_stream *stream = gs_grpc_stream_new(session, 0);
    if (stream == NULL) {
        return no_memory(err);
    }
    int r = gs_grpc_stream_queue(stream, request);
    if (r == 0) {
        stream->id = submit_call(stream, path, timeout_us);
    }
    if (r < 0 || stream->id < 0) {
        gs_grpc_stream_free(stream);
        return r == GS_LIMIT ? gs_fail(err, r, "too many bytes of requests are on their way")
                             : no_memory(err);
    }
    stream->told = true;
    stream->deadline_us = timeout_us == 0 ? UINT64_MAX : now_us + timeout_us;
    session->n_calls++;
    *ret = stream;
    return 0;
}
