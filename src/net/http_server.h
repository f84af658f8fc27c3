/* http_server: answers HTTP requests on a loop, on one listening socket.
 *
 * A server has a table of routes. A route's function looks at the request and answers at once, or
 * says that it will answer later. Bodies, connections and times have bounds; what does not fit is
 * answered by the server itself: 400, 404, 405, 413. HTTP/1.1 (which probes, Prometheus and the API
 * server speak), TLS where a certificate is given. One loop, one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"

/* Content-Type of a text for people, and of what Prometheus reads. */
#define GS_HTTP_TEXT "text/plain; charset=utf-8"
#define GS_HTTP_METRICS "text/plain; version=0.0.4; charset=utf-8"

struct gs_buf;
struct gs_http_server;
struct gs_http_exchange; /* one request that waits for its answer */
struct gs_http_stream;   /* an answer that goes on */

struct gs_http_header {
    const char *name;
    const char *value;
};

/* A request as a route's function sees it; valid until the answer. */
struct gs_http_asked {
    const char *method;
    const char *path;    /* decoded, without the query */
    const char *type;    /* Content-Type; "": none */
    struct gs_view body; /* whole */
};

struct gs_http_route {
    const char *method; /* "GET" serves HEAD too */
    const char *path;   /* exact, or with "/" and a star at its end: all beneath */

    /* Calls gs_http_answer, or gs_http_later; a function that does neither has answered 500. */
    void (*serve)(void *ctx, struct gs_http_exchange *exchange, const struct gs_http_asked *asked);
    void *ctx;
};

struct gs_http_server_options {
    const struct gs_http_route *routes; /* copied; the texts are borrowed */
    size_t n_routes;
    unsigned max_connections; /* 0: 64; one more waits in the socket's queue. One address gets half
                                 of them, where others than this machine can ask */
    unsigned idle_limit_s;    /* a connection without a byte; 0: 30 */
    size_t max_body;          /* bytes; 0: 64 KiB */
    struct gs_view tls_cert;  /* PEM; empty: plain HTTP */
    struct gs_view tls_key;
    const struct gs_http_header *headers; /* of every answer; borrowed, with its texts */
    size_t n_headers;
};

/* A listening socket at "ADDRESS:PORT", "[ADDRESS]:PORT" or ":PORT" (all addresses); port 0: any.
 * Addresses are numbers. GS_INVALID: not of that form; GS_IO: it is in use, or not ours. */
int gs_http_listen_tcp(const char *address, int *ret_fd, struct gs_err *err);

/* A listening socket at `path` with the rights `mode`. A socket that nobody listens on is replaced.
 * GS_BUSY: somebody listens there; GS_INVALID: too long; GS_IO. */
int gs_http_listen_unix(const char *path, unsigned mode, int *ret_fd, struct gs_err *err);

/* Serves on `fd`, which becomes the server's in every case. GS_NO_MEMORY; GS_INVALID: a certificate
 * or key that is not one; GS_IO. */
int gs_http_server_new(sd_event *event, int fd, const struct gs_http_server_options *options,
                       struct gs_http_server **ret, struct gs_err *err);

/* Shows this certificate (PEM) to who connects from now on; open connections keep theirs and live
 * on. Of a server that was made with one. As it is on failure: GS_INVALID: a certificate or key
 * that is not one; GS_NO_MEMORY. */
int gs_http_server_show(struct gs_http_server *server, struct gs_view tls_cert,
                        struct gs_view tls_key, struct gs_err *err);

/* Who waits for a late answer gets 503, after the call of its `gone`. NULL is fine. Not from a
 * route's function. */
void gs_http_server_free(struct gs_http_server *server);
void gs_http_server_freep(struct gs_http_server **server);

/* The port that it listens on; 0: a unix socket. */
unsigned gs_http_server_port(const struct gs_http_server *server);

/* Answers, exactly once; the exchange is gone then. `type` as of Content-Type, "" for none;
 * `body` is copied.
 * A client that has gone in the meantime, or no memory, is not the caller's concern. */
void gs_http_answer(struct gs_http_exchange *exchange, unsigned status, const char *type,
                    struct gs_view body);

/* The same with the text of a buffer, which it takes: the buffer is empty then. */
void gs_http_answer_buf(struct gs_http_exchange *exchange, unsigned status, const char *type,
                        struct gs_buf *body);

/* The same with a text for people, of type GS_HTTP_TEXT; where its last line has no end it gets
 * one. */
void gs_http_answer_text(struct gs_http_exchange *exchange, unsigned status, const char *text);

/* The same with headers beside Content-Type. With status 304 the body must be empty. */
struct gs_http_reply {
    unsigned status;
    const char *type;
    struct gs_view body;
    bool lasts; /* the body outlives the server: it is not copied */
    bool given; /* nor is this one: it is of malloc, and ours to free from now on */
    const struct gs_http_header *headers;
    size_t n_headers;
};
void gs_http_reply(struct gs_http_exchange *exchange, const struct gs_http_reply *reply);

/* From a route's function: a header of the request (upper and lower case alike), or an argument of
 * its query, decoded. Of several with one name the first; NULL: there is none. */
const char *gs_http_asked_header(const struct gs_http_exchange *exchange, const char *name);
const char *gs_http_asked_query(const struct gs_http_exchange *exchange, const char *name);

/* How many headers of this name there are. Of Host never more than one: such a request is refused
 * (400) before it comes to a route. */
unsigned gs_http_asked_count(const struct gs_http_exchange *exchange, const char *name);

/* From a route's function: gs_http_answer comes later. `gone` is called where it cannot any more,
 * because the server is freed; the exchange is gone then. */
void gs_http_later(struct gs_http_exchange *exchange, void (*gone)(void *ctx), void *ctx);

/* Of an exchange that is answered later already: `gone` and `ctx` take the place of those that were
 * given. */
void gs_http_still_later(struct gs_http_exchange *exchange, void (*gone)(void *ctx), void *ctx);

/* ---- answers that go on ---- */

struct gs_http_stream_options {
    const char *type;
    const struct gs_http_header *headers;
    size_t n_headers;
    size_t max_waiting; /* bytes that may wait for a slow reader; 0: 1 MiB */
    /* The reader has gone, or the server ends; the stream is gone then. Not after
     * gs_http_stream_end, and not where gs_http_stream_put says false. */
    void (*gone)(void *ctx);
    void *ctx;
};

/* In place of gs_http_answer, from a route's function or later: answers 200, and pieces follow
 * (HTTP/1.1: in chunks). NULL: no memory; the exchange is gone, too, its connection is closed. */
struct gs_http_stream *gs_http_stream_begin(struct gs_http_exchange *exchange,
                                            const struct gs_http_stream_options *options);

/* Sends a piece, now or as soon as it can be; it is copied. False: the reader is so slow that more
 * would wait than may, or there is no memory: the connection is closed, and the stream is gone. Not
 * from `gone`. */
bool gs_http_stream_put(struct gs_http_stream *stream, struct gs_view bytes);

/* Bytes that wait to be sent. */
size_t gs_http_stream_waiting(const struct gs_http_stream *stream);

/* What waits is sent; the stream is gone for the caller. NULL is fine. */
void gs_http_stream_end(struct gs_http_stream *stream);
