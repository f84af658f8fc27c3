/* What a server does with what it receives. */
#include "wire/grpc_session.h"

#include <stdio.h>

#include "base/cleanup.h"

static void keep_path(struct gs_grpc_head *head, struct gs_view value)
{
    head->is_twice = head->is_twice || head->path_n > 0;
    head->path_n = value.n;
    memcpy(head->path, value.p, value.n < GS_GRPC_PATH_MAX ? value.n : GS_GRPC_PATH_MAX);
}

void gs_grpc_request_header(struct gs_grpc_stream *stream, struct gs_view name,
                            struct gs_view value)
{
    struct gs_grpc_head *head = &stream->head;
    if (!gs_grpc_head_other(head, name, value)) {
        return;
    }
    if (gs_grpc_head_is(name, ":path")) {
        keep_path(head, value);
    } else if (gs_grpc_head_is(name, ":method")) {
        head->is_twice = head->is_twice || head->has_method;
        head->has_method = true;
        head->is_post = gs_grpc_head_is(value, "POST");
    } else if (gs_grpc_head_is(name, "grpc-timeout")) {
        head->has_timeout = gs_grpc_timeout_parse(value, &head->timeout_us);
        head->has_bad_timeout = !head->has_timeout;
    }
}

/* Why these headers are refused; NULL: they are not. */
static const char *fault_of(const struct gs_grpc_head *head, const char **ret_http,
                            enum gs_grpc_status *ret_status)
{
    *ret_http = "200";
    *ret_status = GS_GRPC_INTERNAL;
    if (head->bytes > GS_GRPC_HEADERS_MAX) {
        *ret_status = GS_GRPC_RESOURCE_EXHAUSTED;
        return "found too many bytes of headers; expected 16384 at most";
    }
    if (!head->is_post) {
        *ret_http = "405";
        return "found another HTTP method; expected POST";
    }
    if (!head->is_grpc) {
        *ret_http = "415";
        *ret_status = GS_GRPC_INVALID_ARGUMENT;
        return "found another content-type; expected application/grpc";
    }
    *ret_status = GS_GRPC_UNIMPLEMENTED;
    if (head->is_compressed) {
        return "found a compressed call; expected grpc-encoding identity";
    }
    if (head->path_n > GS_GRPC_PATH_MAX) {
        return "found a method of more than 256 bytes; there is none";
    }
    *ret_status = GS_GRPC_INTERNAL;
    return head->has_bad_timeout ? "found a malformed grpc-timeout; expected digits and a unit"
                                 : NULL;
}

void gs_grpc_request_head(struct gs_grpc_stream *stream)
{
    const struct gs_grpc_head *head = &stream->head;
    const char *http;
    enum gs_grpc_status status;
    bool too_many = head->bytes > GS_GRPC_HEADERS_MAX; /* what is needed may be among the rest */
    if (head->is_twice || (!too_many && (!head->has_method || head->path_n == 0))) {
        gs_grpc_stream_reset(stream, NGHTTP2_PROTOCOL_ERROR, GS_GRPC_INTERNAL, "");
        return;
    }
    const char *fault = fault_of(head, &http, &status);
    if (fault != NULL) {
        gs_grpc_stream_refuse(stream, http, status, fault);
    } else if (head->has_timeout) {
        stream->deadline_us = stream->session->now_us + head->timeout_us;
    }
}

void gs_grpc_request_data(struct gs_grpc_stream *stream, struct gs_view bytes)
{
    struct gs_err err;
    if (stream->discards) {
        return;
    }
    stream->since_us = stream->session->now_us;
    if (!gs_grpc_stream_charge(stream, bytes.n)) {
        gs_grpc_stream_refuse(stream, "200", GS_GRPC_RESOURCE_EXHAUSTED,
                              "too many bytes of requests are on their way; try again later");
        return;
    }
    if (!stream->in.complete) {
        int r = gs_grpc_inflow_put(&stream->in, &bytes, &err);
        if (r < 0) {
            gs_grpc_stream_refuse(stream, "200", gs_grpc_head_blame(r), err.msg);
            return;
        }
    }
    if (bytes.n > 0) {
        gs_grpc_stream_refuse(stream, "200", GS_GRPC_INTERNAL,
                              "found more than one message; expected one");
    }
}

static void hand_over(struct gs_grpc_stream *stream)
{
    struct gs_grpc_session *session = stream->session;
    const struct gs_view path = {stream->head.path, stream->head.path_n};
    stream->told = true;
    session->n_calls++;
    session->config.events->request(session->config.ctx, stream, path,
                                    gs_grpc_inflow_message(&stream->in));
    gs_grpc_stream_discharge(stream, GS_GRPC_PREFIX + stream->in.length);
    gs_grpc_inflow_next(&stream->in);
}

void gs_grpc_request_end(struct gs_grpc_stream *stream)
{
    stream->peer_done = true;
    if (stream->discards) {
        return;
    }
    stream->discards = true;
    if (stream->session->stopped) {
        gs_grpc_stream_refuse(stream, "200", GS_GRPC_UNAVAILABLE, "the server is ending");
    } else if (!stream->in.complete) {
        gs_grpc_stream_refuse(stream, "200", GS_GRPC_INTERNAL,
                              gs_grpc_inflow_is_amid(&stream->in)
                                  ? "the request ended within a message"
                                  : "found no message; expected one");
    } else {
        hand_over(stream);
    }
}
