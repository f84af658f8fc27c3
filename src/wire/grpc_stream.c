#include "wire/grpc_session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

enum { KEPT = 16384 }; /* bytes of memory that wait for the next message */

/* Memory */

static void init(struct gs_grpc_stream *stream)
{
    size_t message_max = stream->session->config.message_max;
    gs_grpc_inflow_init(&stream->in, message_max);
    gs_buf_init(&stream->out, GS_GRPC_MESSAGE_MAX + GS_GRPC_QUEUE_MAX + GS_GRPC_PREFIX);
    gs_buf_init(&stream->text, (size_t)3 * GS_GRPC_STATUS_TEXT_MAX);
}

static void done(struct gs_grpc_stream *stream)
{
    gs_grpc_inflow_done(&stream->in);
    gs_buf_done(&stream->out);
    gs_buf_done(&stream->text);
    free(stream);
}

/* Makes a used stream as a new one, but for the memory of its buffers. */
static void clear(struct gs_grpc_stream *stream)
{
    struct gs_grpc_inflow in = stream->in;
    struct gs_buf out = stream->out;
    struct gs_buf text = stream->text;
    gs_grpc_inflow_next(&in);
    gs_buf_reset(&out);
    gs_buf_reset(&text);
    *stream =
        (struct gs_grpc_stream){.session = stream->session, .in = in, .out = out, .text = text};
}

struct gs_grpc_stream *gs_grpc_stream_new(struct gs_grpc_session *session, int32_t id)
{
    struct gs_grpc_stream *stream = session->spare;
    if (stream != NULL) {
        session->spare = NULL;
        clear(stream);
    } else {
        stream = calloc(1, sizeof(*stream));
        if (stream == NULL) {
            return NULL;
        }
        stream->session = session;
        init(stream);
    }
    stream->id = id;
    stream->deadline_us = UINT64_MAX;
    stream->since_us = session->now_us;
    stream->next = session->first;
    if (session->first != NULL) {
        session->first->prev = stream;
    }
    session->first = stream;
    session->n_streams++;
    return stream;
}

void gs_grpc_stream_free(struct gs_grpc_stream *stream)
{
    struct gs_grpc_session *session = stream->session;
    *(stream->prev == NULL ? &session->first : &stream->prev->next) = stream->next;
    if (stream->next != NULL) {
        stream->next->prev = stream->prev;
    }
    session->n_streams--;
    session->n_doomed -= stream->doomed ? 1 : 0;
    gs_grpc_stream_discharge(stream, stream->charged);
    if (session->spare == NULL && stream->out.cap <= KEPT && stream->in.body.cap <= KEPT) {
        session->spare = stream;
    } else {
        done(stream);
    }
}

void gs_grpc_streams_done(struct gs_grpc_session *session)
{
    for (struct gs_grpc_stream *next, *stream = session->first; stream != NULL; stream = next) {
        next = stream->next;
        gs_grpc_stream_free(stream);
    }
    if (session->spare != NULL) {
        done(GS_TAKE(session->spare));
    }
}

bool gs_grpc_stream_charge(struct gs_grpc_stream *stream, size_t n)
{
    struct gs_grpc_session *session = stream->session;
    struct gs_grpc_account *account = session->config.account;
    if (n > GS_GRPC_SESSION_BYTES - session->charged) {
        return false;
    }
    if (account != NULL && account->used + n > account->max &&
        session->charged + n > GS_GRPC_SESSION_SURE) {
        return false;
    }
    stream->charged += n;
    session->charged += n;
    if (account != NULL) {
        account->used += n;
    }
    return true;
}

void gs_grpc_stream_discharge(struct gs_grpc_stream *stream, size_t n)
{
    struct gs_grpc_session *session = stream->session;
    assert(n <= stream->charged);
    stream->charged -= n;
    session->charged -= n;
    if (session->config.account != NULL) {
        session->config.account->used -= n;
    }
}

/* The queue */

static size_t queued(const struct gs_grpc_stream *stream)
{
    return stream->out.len - stream->out_sent;
}

/* Moves what is unread to the front once that is less work than what was read. */
static void close_up(struct gs_grpc_stream *stream)
{
    size_t rest = queued(stream);
    if (stream->out_sent <= rest) {
        return;
    }
    memmove(stream->out.text, stream->out.text + stream->out_sent, rest);
    stream->out.len = rest;
    stream->out_sent = 0;
}

int gs_grpc_stream_queue(struct gs_grpc_stream *stream, struct gs_view message)
{
    unsigned char prefix[GS_GRPC_PREFIX];
    size_t n = message.n + GS_GRPC_PREFIX;
    size_t before = queued(stream);
    if ((before > 0 && before + n > GS_GRPC_QUEUE_MAX) || !gs_grpc_stream_charge(stream, n)) {
        return GS_LIMIT;
    }
    close_up(stream);
    size_t len = stream->out.len;
    gs_grpc_prefix_write((uint32_t)message.n, prefix);
    gs_buf_put(&stream->out, (const char *)prefix, GS_GRPC_PREFIX);
    gs_buf_put(&stream->out, message.p, message.n);
    if (!gs_buf_ok(&stream->out)) {
        stream->out.len = len;
        stream->out.failed = false;
        gs_grpc_stream_discharge(stream, n);
        return GS_NO_MEMORY;
    }
    return 0;
}

void gs_grpc_stream_drop_queue(struct gs_grpc_stream *stream)
{
    gs_grpc_stream_discharge(stream, queued(stream));
    gs_buf_done(&stream->out);
    stream->out_sent = 0;
}

/* The trailers of a call: its status. */
static int submit_trailers(struct gs_grpc_stream *stream)
{
    char number[12];
    snprintf(number, sizeof(number), "%u", (unsigned)stream->status);
    const nghttp2_nv trailers[] = {gs_grpc_head_make("grpc-status", number),
                                   gs_grpc_head_make("grpc-message", gs_buf_text(&stream->text))};
    return nghttp2_submit_trailer(stream->session->h2, stream->id, trailers,
                                  stream->text.len > 0 ? 2 : 1);
}

static ssize_t read_out(nghttp2_session *h2, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
                        nghttp2_data_source *source, void *ctx)
{
    struct gs_grpc_stream *stream = source->ptr;
    struct gs_grpc_session *session = ctx;
    (void)h2;
    (void)id;
    n = n < queued(stream) ? n : queued(stream);
    if (n > 0) {
        memcpy(to, stream->out.text + stream->out_sent, n);
        stream->out_sent += n;
        stream->since_us = session->now_us;
        gs_grpc_stream_discharge(stream, n);
    }
    if (queued(stream) > 0) {
        return (ssize_t)n;
    }
    stream->out_sent = 0;
    if (stream->out.cap > KEPT) {
        gs_buf_done(&stream->out);
    } else {
        gs_buf_reset(&stream->out);
    }
    if (!session->config.server) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (stream->finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        gs_grpc_check(session, submit_trailers(stream));
    } else if (n == 0) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

nghttp2_data_provider gs_grpc_stream_provider(struct gs_grpc_stream *stream)
{
    return (nghttp2_data_provider){.source.ptr = stream, .read_callback = read_out};
}

/* Sees to it that nghttp2 asks for what was queued. */
static void announce(struct gs_grpc_stream *stream)
{
    struct gs_grpc_session *session = stream->session;
    if (!stream->submitted) {
        const nghttp2_nv headers[] = {gs_grpc_head_make(":status", "200"),
                                      gs_grpc_head_make("content-type", "application/grpc")};
        const nghttp2_data_provider provider = gs_grpc_stream_provider(stream);
        stream->submitted = true;
        gs_grpc_check(session, nghttp2_submit_response(session->h2, stream->id, headers,
                                                       GS_ARRAY_LEN(headers), &provider));
    } else if (stream->deferred) {
        stream->deferred = false;
        gs_grpc_check(session, nghttp2_session_resume_data(session->h2, stream->id));
    }
}

int gs_grpc_stream_send(struct gs_grpc_stream *stream, struct gs_view message, uint64_t now_us)
{
    if (message.n > GS_GRPC_MESSAGE_MAX || stream->finished || stream->doomed) {
        return GS_LIMIT;
    }
    if (queued(stream) == 0) {
        stream->since_us = now_us;
    }
    int r = gs_grpc_stream_queue(stream, message);
    if (r < 0) {
        stream->doomed = true;
        stream->session->n_doomed++;
        return r;
    }
    announce(stream);
    return 0;
}

/* Ends */

static void note_finished(struct gs_grpc_stream *stream)
{
    stream->session->n_calls -= stream->told && !stream->finished ? 1 : 0;
    stream->finished = true;
}

static void submit_status_only(struct gs_grpc_stream *stream, const char *http_status)
{
    char number[12];
    snprintf(number, sizeof(number), "%u", (unsigned)stream->status);
    const nghttp2_nv headers[] = {gs_grpc_head_make(":status", http_status),
                                  gs_grpc_head_make("content-type", "application/grpc"),
                                  gs_grpc_head_make("grpc-accept-encoding", "identity"),
                                  gs_grpc_head_make("grpc-status", number),
                                  gs_grpc_head_make("grpc-message", gs_buf_text(&stream->text))};
    stream->submitted = true;
    gs_grpc_check(stream->session, nghttp2_submit_response(stream->session->h2, stream->id, headers,
                                                           stream->text.len > 0 ? 5 : 4, NULL));
}

/* A text that does not fit into memory is left out: the status is what matters. */
static void set_status(struct gs_grpc_stream *stream, enum gs_grpc_status status, const char *text)
{
    stream->status = status;
    gs_buf_reset(&stream->text);
    if (text != NULL) {
        gs_grpc_text_encode(text, &stream->text);
    }
    if (!gs_buf_ok(&stream->text)) {
        gs_buf_reset(&stream->text);
    }
}

void gs_grpc_stream_finish(struct gs_grpc_stream *stream, enum gs_grpc_status status,
                           const char *text, uint64_t now_us)
{
    if (stream->finished) {
        return;
    }
    stream->since_us = now_us;
    note_finished(stream);
    if (stream->doomed) { /* the next pull resets it, and has nobody to tell */
        return;
    }
    set_status(stream, status, text);
    if (stream->submitted) {
        announce(stream);
    } else {
        submit_status_only(stream, "200");
    }
}

void gs_grpc_stream_tell(struct gs_grpc_stream *stream, enum gs_grpc_status status,
                         const char *text)
{
    const struct gs_grpc_config *config = &stream->session->config;
    bool tells = stream->told && !stream->finished && !stream->session->stopped;
    note_finished(stream);
    if (tells) {
        config->events->ended(config->ctx, stream, status, text);
    }
}

void gs_grpc_stream_refuse(struct gs_grpc_stream *stream, const char *http_status,
                           enum gs_grpc_status status, const char *text)
{
    assert(!stream->submitted);
    gs_grpc_stream_tell(stream, status, text);
    stream->discards = true;
    gs_grpc_inflow_next(&stream->in);
    gs_grpc_stream_discharge(stream, stream->charged);
    set_status(stream, status, text);
    submit_status_only(stream, http_status);
}

void gs_grpc_stream_reset(struct gs_grpc_stream *stream, uint32_t h2_code,
                          enum gs_grpc_status status, const char *text)
{
    struct gs_grpc_session *session = stream->session;
    if (stream->dropped) {
        return;
    }
    stream->dropped = true;
    stream->discards = true;
    gs_grpc_check(session,
                  nghttp2_submit_rst_stream(session->h2, NGHTTP2_FLAG_NONE, stream->id, h2_code));
    gs_grpc_stream_drop_queue(stream);
    gs_grpc_stream_tell(stream, status, text);
}

void gs_grpc_stream_cancel(struct gs_grpc_stream *stream)
{
    note_finished(stream);
    gs_grpc_stream_reset(stream, NGHTTP2_CANCEL, GS_GRPC_CANCELLED, "");
}

bool gs_grpc_stream_waits(const struct gs_grpc_stream *stream)
{
    bool is_server = stream->session->config.server;
    return !stream->dropped &&
           (queued(stream) > 0 || stream->finished || (is_server && !stream->peer_done));
}

void gs_grpc_stream_set(struct gs_grpc_stream *stream, void *of_the_caller)
{
    stream->user = of_the_caller;
}

void *gs_grpc_stream_get(const struct gs_grpc_stream *stream)
{
    return stream->user;
}
