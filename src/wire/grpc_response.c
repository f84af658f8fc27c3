/* What a client does with what it receives. */
#include "wire/grpc_session.h"

#include <inttypes.h>
#include <stdio.h>

static void keep_status(struct gs_grpc_head *head, struct gs_view value)
{
    uint64_t number;
    head->has_status = true;
    head->status = gs_view_is_u64(value, GS_GRPC_UNAUTHENTICATED, &number)
                       ? (enum gs_grpc_status)number
                       : GS_GRPC_UNKNOWN;
}

static void keep_text(struct gs_grpc_stream *stream, struct gs_view value)
{
    char text[GS_GRPC_STATUS_TEXT_MAX];
    gs_grpc_text_decode(value, text);
    gs_buf_reset(&stream->text);
    gs_buf_puts(&stream->text, text);
}

void gs_grpc_response_header(struct gs_grpc_stream *stream, struct gs_view name,
                             struct gs_view value)
{
    struct gs_grpc_head *head = &stream->head;
    if (!gs_grpc_head_other(head, name, value)) {
        return;
    }
    if (gs_grpc_head_is(name, ":status")) {
        if (!gs_view_is_u64(value, 999, &head->http_status)) {
            head->http_status = 0;
        }
    } else if (gs_grpc_head_is(name, "grpc-status")) {
        keep_status(head, value);
    } else if (gs_grpc_head_is(name, "grpc-message")) {
        keep_text(stream, value);
    }
}

void gs_grpc_response_head(struct gs_grpc_stream *stream)
{
    struct gs_grpc_head *head = &stream->head;
    char text[80];
    if (head->bytes > GS_GRPC_HEADERS_MAX) {
        gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_INTERNAL,
                             "found too many bytes of headers; expected 16384 at most");
    }
    if (stream->head_seen || (head->http_status >= 100 && head->http_status < 200)) {
        return;
    }
    stream->head_seen = true;
    if (head->http_status != 200) {
        snprintf(text, sizeof(text), "found HTTP status %" PRIu64 "; expected 200",
                 head->http_status);
        gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, gs_grpc_status_of_http(head->http_status),
                             text);
    } else if (!head->is_grpc) {
        gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_UNKNOWN,
                             "found another content-type; expected application/grpc");
    } else if (head->is_compressed) {
        gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_INTERNAL,
                             "found a compressed answer; expected grpc-encoding identity");
    }
}

void gs_grpc_response_data(struct gs_grpc_stream *stream, struct gs_view bytes)
{
    const struct gs_grpc_config *config = &stream->session->config;
    struct gs_err err;
    if (!stream->discards && !gs_grpc_stream_charge(stream, bytes.n)) {
        gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_RESOURCE_EXHAUSTED,
                             "too many bytes of answers are on their way");
    }
    while (bytes.n > 0 && !stream->discards) {
        int r = gs_grpc_inflow_put(&stream->in, &bytes, &err);
        if (r < 0) {
            gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, gs_grpc_head_blame(r), err.msg);
        } else if (r > 0) {
            config->events->message(config->ctx, stream, gs_grpc_inflow_message(&stream->in));
            gs_grpc_stream_discharge(stream, GS_GRPC_PREFIX + stream->in.length);
            gs_grpc_inflow_next(&stream->in);
        }
    }
}

static enum gs_grpc_status status_of_code(uint32_t h2_code)
{
    switch (h2_code) {
    case NGHTTP2_REFUSED_STREAM:
        return GS_GRPC_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return GS_GRPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return GS_GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return GS_GRPC_PERMISSION_DENIED;
    default:
        return GS_GRPC_INTERNAL;
    }
}

void gs_grpc_response_closed(struct gs_grpc_stream *stream, uint32_t h2_code)
{
    char text[120];
    if (stream->head.has_status && gs_grpc_inflow_is_amid(&stream->in)) {
        gs_grpc_stream_tell(stream, GS_GRPC_INTERNAL, "the answer ended within a message");
    } else if (stream->head.has_status) {
        gs_grpc_stream_tell(stream, stream->head.status, gs_buf_text(&stream->text));
    } else {
        snprintf(text, sizeof(text), "the call was ended without a status (HTTP/2: %s)",
                 nghttp2_http2_strerror(h2_code));
        gs_grpc_stream_tell(stream, status_of_code(h2_code), text);
    }
}
