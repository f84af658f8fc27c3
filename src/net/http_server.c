#include "net/http_server.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "net/http_identity.h"
#include "net/http_slow.h"
#include "net/http_stream.h"

enum {
    CONNECTIONS_DEFAULT = 64,
    IDLE_S_DEFAULT = 30,
    BODY_DEFAULT = 64 << 10,
    DRAIN_MAX = 1 << 20, /* of a body that is not wanted: read, so that the answer arrives */
    CONNECTION_BYTES = 16 << 10, /* of a request's line and headers */
    TIMER_ACCURACY_US = 1000,
    RUNS_AT_END = 8
};

/* ---- one request ---- */

static enum MHD_Result refuse(const struct gs_http_exchange *exchange)
{
    unsigned status = exchange->refusal;
    const char *text = status == MHD_HTTP_NOT_FOUND            ? "there is nothing at this path\n"
                       : status == MHD_HTTP_METHOD_NOT_ALLOWED ? "this method is not served here\n"
                       : status == MHD_HTTP_BAD_REQUEST        ? exchange->why
                                                               : "the body is too large\n";
    const struct gs_http_header header = exchange->ends
                                             ? (struct gs_http_header){"Connection", "close"}
                                             : (struct gs_http_header){"Allow", exchange->allow};
    const struct gs_http_reply reply = {.status = status,
                                        .type = "text/plain",
                                        .body = gs_view(text),
                                        .lasts = true,
                                        .headers = &header,
                                        .n_headers = header.value != NULL};
    return gs_http_queue(exchange->server, exchange->connection, &reply);
}

/* The body that is announced; UINT64_MAX: more than can be. */
static uint64_t announced(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n = 0;
    bool fits = length == NULL || gs_view_is_u64(gs_view(length), UINT64_MAX, &n);
    return fits ? n : UINT64_MAX;
}

static struct gs_http_exchange *new_exchange(struct gs_http_server *server,
                                             struct MHD_Connection *connection, const char *method,
                                             const char *path)
{
    struct gs_http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return NULL;
    }
    exchange->path = strdup(path);
    if (exchange->path == NULL || strlen(method) >= GS_HTTP_METHOD_MAX) {
        free(exchange->path);
        free(exchange);
        return NULL;
    }
    memcpy(exchange->method, method, strlen(method) + 1);
    exchange->server = server;
    exchange->connection = connection;
    gs_buf_init(&exchange->body, server->max_body);
    return exchange;
}

/* The head has come. */
static enum MHD_Result begin(struct gs_http_server *server, struct MHD_Connection *connection,
                             const char *method, const char *path, bool has_nul,
                             void **ret_exchange)
{
    struct gs_http_exchange *exchange = new_exchange(server, connection, method, path);
    if (exchange == NULL) {
        return MHD_NO;
    }
    *ret_exchange = exchange;
    gs_http_find_route(exchange);
    gs_http_doubt(exchange, has_nul);
    uint64_t n = announced(connection);
    if (exchange->route != NULL && n > server->max_body) {
        exchange->route = NULL;
        exchange->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
    }
    if (exchange->route == NULL && (n > DRAIN_MAX || exchange->ends)) {
        exchange->state = GS_HTTP_ANSWERED;
        return refuse(exchange);
    }
    return MHD_YES;
}

static enum MHD_Result take(struct gs_http_exchange *exchange, const char *bytes, size_t n)
{
    if (exchange->route != NULL) {
        gs_buf_put(&exchange->body, bytes, n);
        if (!gs_buf_ok(&exchange->body)) {
            exchange->route = NULL;
            exchange->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
        }
        return MHD_YES;
    }
    exchange->n_drained += n;
    return exchange->n_drained > DRAIN_MAX ? MHD_NO : MHD_YES;
}

static void remember(struct gs_http_exchange *exchange)
{
    struct gs_http_server *server = exchange->server;
    exchange->next = server->waiting;
    if (exchange->next != NULL) {
        exchange->next->prev = exchange;
    }
    server->waiting = exchange;
}

static enum MHD_Result serve(struct gs_http_exchange *exchange)
{
    const char *type = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_CONTENT_TYPE);
    const struct gs_http_asked asked = {
        .method = exchange->method,
        .path = exchange->path,
        .type = type == NULL ? "" : type,
        .body = {.p = gs_buf_text(&exchange->body), .n = exchange->body.len},
    };
    exchange->state = GS_HTTP_SERVING;
    exchange->route->serve(exchange->route->ctx, exchange, &asked);
    if (exchange->state == GS_HTTP_LATER) {
        remember(exchange);
        exchange->suspended = true;
        MHD_suspend_connection(exchange->connection);
        return MHD_YES;
    }
    if (exchange->state == GS_HTTP_SERVING) {
        gs_http_answer(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain",
                       gs_view("no answer\n"));
    }
    return exchange->queued ? MHD_YES : MHD_NO;
}

/* In the place of an exchange until the head has come: the target has a %00, at which
 * libmicrohttpd's path would end. */
static struct gs_http_exchange has_nul;

/* libmicrohttpd: the line of a request has come. */
static void *on_target(void *ctx, const char *target, struct MHD_Connection *connection)
{
    (void)ctx;
    (void)connection;
    return strstr(target, "%00") == NULL ? NULL : &has_nul;
}

/* libmicrohttpd: the head of a request has come, a piece of its body, or its end. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n, void **per_request)
{
    struct gs_http_exchange *exchange = *per_request;
    (void)version;
    if (exchange == NULL || exchange == &has_nul) {
        *per_request = NULL;
        return begin(ctx, connection, method, path, exchange != NULL, per_request);
    }
    if (exchange->state != GS_HTTP_READING) {
        return MHD_NO; /* it was answered, and there was no memory for that */
    }
    if (*n > 0) {
        enum MHD_Result more = take(exchange, bytes, *n);
        *n = 0;
        return more;
    }
    gs_http_slow_came(((struct gs_http_server *)ctx)->slow, connection);
    if (exchange->route == NULL) {
        exchange->state = GS_HTTP_ANSWERED;
        return refuse(exchange);
    }
    return serve(exchange);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **per_request,
                         enum MHD_RequestTerminationCode why)
{
    struct gs_http_exchange *exchange = *per_request;
    struct gs_http_server *server = ctx;
    (void)why;
    gs_http_slow_waits(server->slow, connection);
    if (exchange != NULL && exchange != &has_nul) {
        if (exchange->stream != NULL) {
            gs_http_stream_closed(exchange->stream);
        }
        gs_buf_done(&exchange->body);
        free(exchange->path);
        free(exchange);
        *per_request = NULL;
    }
}

void gs_http_poke(struct gs_http_server *server)
{
    sd_event_source_set_time_relative(server->timer, 0);
    sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

/* ---- the loop ---- */

/* Whether there is room again for connections. libmicrohttpd listens again only when it is run
 * once more, and says nothing of that. */
static bool has_room_again(struct gs_http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    bool was_full = server->full;
    server->full = info != NULL && info->num_connections >= server->max_connections;
    gs_http_slow_full(server->slow, server->full);
    return was_full && !server->full;
}

static void run(struct gs_http_server *server)
{
    MHD_UNSIGNED_LONG_LONG in_ms;
    do {
        MHD_run(server->daemon);
    } while (has_room_again(server));
    if (MHD_get_timeout(server->daemon, &in_ms) != MHD_YES) {
        sd_event_source_set_enabled(server->timer, SD_EVENT_OFF);
        return;
    }
    sd_event_source_set_time_relative(server->timer, (uint64_t)in_ms * 1000);
    sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    (void)source;
    (void)fd;
    (void)revents;
    run(ctx);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    (void)source;
    (void)usec;
    run(ctx);
    return 0;
}

static int join_loop(struct gs_http_server *server, sd_event *event, struct gs_err *err)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        return gs_fail(err, GS_UNSUPPORTED, "libmicrohttpd has no epoll on this machine");
    }
    int r = sd_event_add_io(event, &server->io, info->epoll_fd, EPOLLIN, on_io, server);
    r = r < 0 ? r
              : sd_event_add_time_relative(event, &server->timer, CLOCK_MONOTONIC, 0,
                                           TIMER_ACCURACY_US, on_timer, server);
    return r < 0 ? gs_fail_errno(err, -r, "adding an event source for HTTP") : 0;
}

/* ---- the server ---- */

/* libmicrohttpd: a connection begins or ends. It keeps the identity that it begins with. */
static void on_connection(void *ctx, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    const struct gs_http_server *server = ctx;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        gs_http_slow_waits(server->slow, connection);
        *context = server->identity == NULL ? NULL : gs_http_identity_keep(server->identity);
        return;
    }
    gs_http_slow_gone(server->slow, connection);
    gs_http_identity_put(*context); /* NULL is fine */
    *context = NULL;
}

static int start(struct gs_http_server *server, int fd,
                 const struct gs_http_server_options *options, struct gs_err *err)
{
    unsigned idle_s = options->idle_limit_s == 0 ? IDLE_S_DEFAULT : options->idle_limit_s;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)gs_http_identity_show},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none = {MHD_OPTION_END, 0, NULL};
    bool with_tls = server->identity != NULL;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (with_tls ? MHD_USE_TLS : 0);
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, server->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        server->one_machine ? 0 : (server->max_connections + 1) / 2, MHD_OPTION_CONNECTION_TIMEOUT,
        idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_ARRAY,
        with_tls ? tls : &none, MHD_OPTION_END);
    return server->daemon != NULL ? 0 : gs_fail(err, GS_IO, "libmicrohttpd does not start");
}

static int start_with_keys(struct gs_http_server *server, int *fd,
                           const struct gs_http_server_options *options, struct gs_err *err)
{
    int r = 0;
    if (options->tls_cert.n > 0 || options->tls_key.n > 0) {
        r = gs_http_identity_new(options->tls_cert, options->tls_key, &server->identity, err);
    }
    r = r == 0 ? start(server, *fd, options, err) : r;
    if (r == 0) {
        *fd = -1; /* libmicrohttpd's */
    }
    return r;
}

int gs_http_server_show(struct gs_http_server *server, struct gs_view tls_cert,
                        struct gs_view tls_key, struct gs_err *err)
{
    struct gs_http_identity *identity;
    int r = gs_http_identity_new(tls_cert, tls_key, &identity, err);
    if (r == 0) {
        gs_http_identity_put(server->identity);
        server->identity = identity;
    }
    return r;
}

static int make(sd_event *event, int *fd, const struct gs_http_server_options *options,
                struct gs_http_server **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_http_server_freep) struct gs_http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP server");
    }
    server->routes = calloc(options->n_routes + 1, sizeof(*server->routes));
    if (server->routes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP server");
    }
    if (options->n_routes > 0) {
        memcpy(server->routes, options->routes, options->n_routes * sizeof(*server->routes));
    }
    server->n_routes = options->n_routes;
    server->max_body = options->max_body == 0 ? BODY_DEFAULT : options->max_body;
    server->max_connections =
        options->max_connections == 0 ? CONNECTIONS_DEFAULT : options->max_connections;
    server->headers = options->headers;
    server->n_headers = options->n_headers;
    server->port = gs_http_where(*fd, &server->one_machine);
    unsigned idle_s = options->idle_limit_s == 0 ? IDLE_S_DEFAULT : options->idle_limit_s;
    uint64_t limit_us = 1000000ull * (idle_s < IDLE_S_DEFAULT ? idle_s : IDLE_S_DEFAULT);
    int r = gs_http_slow_new(event, limit_us, server->max_connections, &server->slow, err);
    r = r == 0 ? start_with_keys(server, fd, options, err) : r;
    r = r == 0 ? join_loop(server, event, err) : r;
    if (r != 0) {
        return r;
    }
    *ret = GS_TAKE(server);
    return 0;
}

int gs_http_server_new(sd_event *event, int fd, const struct gs_http_server_options *options,
                       struct gs_http_server **ret, struct gs_err *err)
{
    int r = make(event, &fd, options, ret, err);
    if (fd >= 0) {
        close(fd);
    }
    return r;
}

/* libmicrohttpd must have no suspended connection when it stops. */
static void end_waiting(struct gs_http_server *server)
{
    while (server->waiting != NULL) {
        struct gs_http_exchange *exchange = server->waiting;
        exchange->gone(exchange->gone_ctx);
        gs_http_answer(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain",
                       gs_view("the program is ending\n"));
    }
    while (server->streams != NULL) {
        gs_http_stream_stop(server->streams);
    }
    for (unsigned i = 0; i < RUNS_AT_END; i++) {
        MHD_run(server->daemon);
    }
}

void gs_http_server_free(struct gs_http_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->daemon != NULL) {
        sd_event_source_disable_unref(server->io);
        end_waiting(server);
        sd_event_source_disable_unref(server->timer);
        MHD_stop_daemon(server->daemon);
    }
    gs_http_slow_free(server->slow);
    gs_http_identity_put(server->identity);
    free(server->routes);
    free(server);
}

void gs_http_server_freep(struct gs_http_server **server)
{
    gs_http_server_free(*server);
}

unsigned gs_http_server_port(const struct gs_http_server *server)
{
    return server->port;
}
