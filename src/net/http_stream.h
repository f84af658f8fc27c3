/* http_stream: an HTTP server's exchanges, and answers that go on. Of http_server.c and its
 * neighbours http_answer.c, http_asked.c, http_listen.c and http_stream.c only. */
#pragma once

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "base/buf.h"
#include "net/http_server.h"

enum { GS_HTTP_METHOD_MAX = 8 };

enum gs_http_exchange_state { GS_HTTP_READING, GS_HTTP_SERVING, GS_HTTP_LATER, GS_HTTP_ANSWERED };

struct gs_http_exchange {
    struct gs_http_server *server;
    struct MHD_Connection *connection;
    struct gs_http_exchange *prev; /* among those that are answered later */
    struct gs_http_exchange *next;
    const struct gs_http_route *route; /* NULL: it is refused */
    unsigned refusal;
    const char *why;   /* of a refusal that is 400 */
    const char *allow; /* a method that the path has, where the refusal is 405 */
    size_t n_drained;
    enum gs_http_exchange_state state;
    bool suspended; /* libmicrohttpd waits for the late answer */
    bool queued;    /* it has the answer */
    bool ends;      /* with its connection: where its body ends is in doubt */
    struct gs_buf body;
    char *path;
    char method[GS_HTTP_METHOD_MAX];
    struct gs_http_stream *stream; /* its answer is one; NULL: not, or it is over */
    void (*gone)(void *ctx);
    void *gone_ctx;
};

struct gs_http_server {
    struct MHD_Daemon *daemon;
    sd_event_source *io;
    sd_event_source *timer;
    struct gs_http_route *routes;
    size_t n_routes;
    size_t max_body;
    struct gs_http_exchange *waiting;
    struct gs_http_stream *streams;
    const struct gs_http_header *headers; /* of every answer */
    size_t n_headers;
    struct gs_http_slow *slow;
    struct gs_http_identity *identity; /* of connections to come; NULL: plain HTTP */
    unsigned max_connections;
    bool full; /* no more connections are accepted */
    unsigned port;
    bool one_machine; /* all who ask are of this one, and have one address */
};

/* An answer that goes on: what waits to be sent, in a ring that grows to its bound. */
struct gs_http_stream {
    struct gs_http_exchange *exchange;
    struct gs_http_stream *prev; /* of the server */
    struct gs_http_stream *next;
    char *bytes;
    size_t n; /* that wait */
    size_t cap;
    size_t max;
    size_t sent;    /* of bytes, at their front */
    bool suspended; /* libmicrohttpd waits for more */
    bool ended;     /* what waits is sent, and then it is over */
    void (*gone)(void *ctx);
    void *ctx;
};

/* The connection goes on at the loop's next turn. */
void gs_http_poke(struct gs_http_server *server);

/* It is answered: a connection that waited for that goes on. */
void gs_http_exchange_resume(struct gs_http_exchange *exchange);

/* Gives libmicrohttpd the answer. */
enum MHD_Result gs_http_queue(const struct gs_http_server *server,
                              struct MHD_Connection *connection, const struct gs_http_reply *reply);

/* Adds the server's headers and these. */
enum MHD_Result gs_http_add_headers(const struct gs_http_server *server,
                                    struct MHD_Response *response,
                                    const struct gs_http_header *headers, size_t n);

/* The connection is gone: who feeds the stream is told. */
void gs_http_stream_closed(struct gs_http_stream *stream);

/* The server ends: what is suspended goes on, and ends. */
void gs_http_stream_stop(struct gs_http_stream *stream);

/* http_asked.c: sets the exchange's route, or why there is none. */
void gs_http_find_route(struct gs_http_exchange *exchange);

/* http_asked.c: a request that can be meant in two ways is refused with 400, and why. */
void gs_http_doubt(struct gs_http_exchange *exchange, bool has_nul);

/* http_listen.c: the port of a listening socket, 0 of a unix one; and whether all who ask there are
 * of this machine. */
unsigned gs_http_where(int fd, bool *ret_one_machine);
