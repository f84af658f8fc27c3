#include "net/http_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { WAITING_DEFAULT = 1 << 20, BLOCK = 32 << 10, ROOM_FIRST = 4 << 10 };

/* ---- its place among the server's ---- */

static void join(struct gs_http_stream *stream)
{
    struct gs_http_server *server = stream->exchange->server;
    stream->next = server->streams;
    if (stream->next != NULL) {
        stream->next->prev = stream;
    }
    server->streams = stream;
}

static void leave(struct gs_http_stream *stream)
{
    struct gs_http_server *server = stream->exchange->server;
    if (stream->prev == NULL && server->streams != stream) {
        return; /* it has left already */
    }
    *(stream->prev == NULL ? &server->streams : &stream->prev->next) = stream->next;
    if (stream->next != NULL) {
        stream->next->prev = stream->prev;
    }
    stream->prev = stream->next = NULL;
}

static void go_on(struct gs_http_stream *stream)
{
    if (stream->suspended) {
        stream->suspended = false;
        MHD_resume_connection(stream->exchange->connection);
    }
    gs_http_poke(stream->exchange->server);
}

void gs_http_stream_closed(struct gs_http_stream *stream)
{
    void (*gone)(void *ctx) = stream->gone;
    void *ctx = stream->ctx;
    leave(stream);
    stream->exchange->stream = NULL;
    free(stream->bytes);
    free(stream);
    if (gone != NULL) {
        gone(ctx);
    }
}

/* Nothing of the caller's is called any more; the connection frees the stream. */
static void let_go(struct gs_http_stream *stream)
{
    stream->gone = NULL;
    stream->ended = true;
    go_on(stream);
}

/* Does not wait for a reader that does not read. */
static void cut_off(struct gs_http_stream *stream)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(stream->exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL) {
        (void)shutdown(info->connect_fd, SHUT_RDWR);
    }
    let_go(stream);
}

void gs_http_stream_stop(struct gs_http_stream *stream)
{
    void (*gone)(void *ctx) = stream->gone;
    void *ctx = stream->ctx;
    leave(stream);
    let_go(stream);
    if (gone != NULL) {
        gone(ctx);
    }
}

/* ---- bytes ---- */

/* libmicrohttpd: the socket takes bytes. */
static ssize_t on_read(void *ctx, uint64_t pos, char *room, size_t max)
{
    struct gs_http_stream *stream = ctx;
    size_t n = stream->n < max ? stream->n : max;
    (void)pos;
    if (n > 0) {
        memcpy(room, stream->bytes + stream->sent, n);
        stream->sent += n;
        stream->n -= n;
        return (ssize_t)n;
    }
    if (stream->ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    stream->sent = 0;
    stream->suspended = true;
    MHD_suspend_connection(stream->exchange->connection);
    return 0;
}

static bool make_room(struct gs_http_stream *stream, size_t more)
{
    if (stream->n + more > stream->max) {
        return false;
    }
    if (stream->sent > 0 && stream->sent + stream->n + more > stream->cap) {
        memmove(stream->bytes, stream->bytes + stream->sent, stream->n);
        stream->sent = 0;
    }
    if (stream->sent + stream->n + more <= stream->cap) {
        return true;
    }
    size_t cap = stream->cap < ROOM_FIRST ? ROOM_FIRST : stream->cap * 2;
    while (cap < stream->n + more) {
        cap *= 2;
    }
    char *grown = realloc(stream->bytes, cap);
    if (grown == NULL) {
        return false;
    }
    stream->bytes = grown;
    stream->cap = cap;
    return true;
}

bool gs_http_stream_put(struct gs_http_stream *stream, struct gs_view bytes)
{
    assert(!stream->ended);
    if (!make_room(stream, bytes.n)) {
        cut_off(stream);
        return false;
    }
    if (bytes.n > 0) {
        memcpy(stream->bytes + stream->sent + stream->n, bytes.p, bytes.n);
        stream->n += bytes.n;
        go_on(stream);
    }
    return true;
}

size_t gs_http_stream_waiting(const struct gs_http_stream *stream)
{
    return stream->n;
}

void gs_http_stream_end(struct gs_http_stream *stream)
{
    if (stream != NULL) {
        let_go(stream);
    }
}

/* ---- begin ---- */

static enum MHD_Result queue(struct gs_http_exchange *exchange, struct gs_http_stream *stream,
                             const struct gs_http_stream_options *options)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, stream, NULL);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result done =
        gs_http_add_headers(exchange->server, response, options->headers, options->n_headers);
    if (done == MHD_YES) {
        done = MHD_add_response_header(response, "Content-Type", options->type);
    }
    done = done == MHD_YES ? MHD_queue_response(exchange->connection, MHD_HTTP_OK, response) : done;
    MHD_destroy_response(response);
    return done;
}

struct gs_http_stream *gs_http_stream_begin(struct gs_http_exchange *exchange,
                                            const struct gs_http_stream_options *options)
{
    struct gs_http_stream *stream = calloc(1, sizeof(*stream));
    assert(exchange->state == GS_HTTP_SERVING || exchange->state == GS_HTTP_LATER);
    exchange->state = GS_HTTP_ANSWERED;
    exchange->queued = false;
    if (stream != NULL) {
        stream->exchange = exchange;
        stream->max = options->max_waiting == 0 ? WAITING_DEFAULT : options->max_waiting;
        stream->gone = options->gone;
        stream->ctx = options->ctx;
        exchange->queued = queue(exchange, stream, options) == MHD_YES;
    }
    if (stream != NULL && exchange->queued) {
        exchange->stream = stream;
        join(stream);
    } else {
        free(stream);
        stream = NULL;
    }
    gs_http_exchange_resume(exchange);
    return stream;
}
