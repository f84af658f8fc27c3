/* grpc: gRPC on one connection, both roles, sans-I/O: bytes come in and events go out; calls go in
 * and bytes come out.
 *
 * HTTP/2 is nghttp2's. The rest is here: messages out of DATA frames, headers and trailers, status,
 * deadlines, cancelling, and the bounds below. A server takes one request a call and answers with
 * any number of messages. Compression is refused. What of a call is bad ends that call with a
 * status; what of a connection is bad ends the connection.
 *
 * A server does not have nghttp2 check HTTP headers: grpc-go sends a socket's path as :authority,
 * which is no authority, and nghttp2 would reset each such call. What matters is checked here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "wire/grpc_status.h"

enum {
    GS_GRPC_STREAMS_MAX = 128,        /* calls of one connection at a time */
    GS_GRPC_HEADERS_MAX = 16384,      /* bytes of the headers of a call, counted as HPACK does */
    GS_GRPC_PATH_MAX = 256,           /* bytes of a method's path */
    GS_GRPC_QUEUE_MAX = 4 << 20,      /* bytes that a client may leave unread of one call; a message
                                         alone may be larger */
    GS_GRPC_SESSION_SURE = 64 << 10,  /* bytes that a connection has whatever others hold */
    GS_GRPC_SESSION_BYTES = 20 << 20, /* of messages, both ways, of one connection */
    GS_GRPC_FRAMES_MAX = 2048,        /* frames about frames that a peer may leave unread */
    GS_GRPC_STALL_S = 30              /* how long a peer may owe us bytes, or leave them unread */
};

struct gs_grpc_session;
struct gs_grpc_stream;

/* What happens. Not from inside any function but recv, pull, expire, stop and free. */
struct gs_grpc_events {
    /* Server: a call has come with its whole request. The views live until this returns. */
    void (*request)(void *ctx, struct gs_grpc_stream *stream, struct gs_view path,
                    struct gs_view message);
    /* Client: an answer, or one of several. */
    void (*message)(void *ctx, struct gs_grpc_stream *stream, struct gs_view message);
    /* The call is over, and the stream with it. Server: it was cancelled, its time is over, the
     * client reads too slowly; not after gs_grpc_stream_finish. Client: exactly once a call.
     * `text` says more, "" where there is nothing to say. */
    void (*ended)(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                  const char *text);
};

/* Bytes of messages that several sessions may hold together, beside what each is sure of. Buffers
 * grow by doubling: twice as much memory may be in use. */
struct gs_grpc_account {
    size_t used;
    size_t max;
};

struct gs_grpc_config {
    bool server;
    size_t message_max; /* bytes of a message that is received; 0: GS_GRPC_MESSAGE_MAX */
    const struct gs_grpc_events *events;
    void *ctx;
    struct gs_grpc_account *account; /* shared, borrowed; NULL: the session's own bound is enough */
};

/* The config is copied. NULL: no memory. */
struct gs_grpc_session *gs_grpc_session_new(const struct gs_grpc_config *config);

/* Ends every call that is open, with UNAVAILABLE. NULL is fine. Not from inside an event. */
void gs_grpc_session_free(struct gs_grpc_session *session);

/* Takes all of the bytes. An error ends the connection: GS_INVALID (the peer does not speak
 * HTTP/2), GS_LIMIT (it leaves too much unread), GS_NO_MEMORY. `now_us` is any clock that does not
 * go back. */
int gs_grpc_session_recv(struct gs_grpc_session *session, struct gs_view bytes, uint64_t now_us,
                         struct gs_err *err);

/* The next bytes to send; n is 0: there are none now. They live until the next call with this
 * session. Errors as of gs_grpc_session_recv. */
int gs_grpc_session_pull(struct gs_grpc_session *session, uint64_t now_us, struct gs_view *ret,
                         struct gs_err *err);

/* Nothing more is to be sent or received: the connection is to be closed. */
bool gs_grpc_session_is_over(const struct gs_grpc_session *session);

/* Which error of HTTP/2 this side ended the connection for, by its name; NULL: for none. */
const char *gs_grpc_session_fault(const struct gs_grpc_session *session);

/* Calls that have begun and are neither finished nor ended. */
unsigned gs_grpc_session_calls(const struct gs_grpc_session *session);

/* When gs_grpc_session_expire is to be called next; UINT64_MAX: no need. */
uint64_t gs_grpc_session_deadline(const struct gs_grpc_session *session);

/* Ends calls whose deadline has passed, and those whose peer keeps us waiting. */
void gs_grpc_session_expire(struct gs_grpc_session *session, uint64_t now_us);

/* Ends every open call; there are no events after those, and the account is not used any more. What
 * is pulled then ends in GOAWAY. May be called from inside an event. */
void gs_grpc_session_stop(struct gs_grpc_session *session);

/* Client: begins a call. `path` has up to GS_GRPC_PATH_MAX bytes, the request is copied. timeout_us
 * 0: none. GS_LIMIT: the path or the request is too long, or too many calls are open.
 * GS_NO_MEMORY. */
int gs_grpc_session_call(struct gs_grpc_session *session, const char *path, struct gs_view request,
                         uint64_t timeout_us, uint64_t now_us, struct gs_grpc_stream **ret,
                         struct gs_err *err);

/* Client: ends the call; no event follows. */
void gs_grpc_stream_cancel(struct gs_grpc_stream *stream);

/* Server: queues an answer, which is copied. GS_LIMIT: a message larger than GS_GRPC_MESSAGE_MAX,
 * which changes nothing; or more than the bounds above is unread, or there is no memory
 * (GS_NO_MEMORY): then the event `ended` follows. */
int gs_grpc_stream_send(struct gs_grpc_stream *stream, struct gs_view message, uint64_t now_us);

/* Server: ends the call behind what was sent. The stream is gone for the caller. `text` may be
 * NULL. */
void gs_grpc_stream_finish(struct gs_grpc_stream *stream, enum gs_grpc_status status,
                           const char *text, uint64_t now_us);

/* A pointer of the caller's, NULL at first. */
void gs_grpc_stream_set(struct gs_grpc_stream *stream, void *of_the_caller);
void *gs_grpc_stream_get(const struct gs_grpc_stream *stream);
