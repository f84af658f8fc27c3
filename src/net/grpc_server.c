#include "net/grpc_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/grpc_link.h"
#include "net/grpc_socket.h"

enum {
    ACCEPTED_MAX = 16,    /* connections taken in one turn of the loop */
    BYTES_MAX = 16 << 20, /* of messages of all connections, both ways */
    PAUSE_US = 100 * 1000 /* without taking any, when there are no more descriptors */
};

struct connection {
    struct gs_grpc_server *server;
    struct gs_grpc_link *link;
    struct connection *next;
    struct connection *prev;
};

struct gs_grpc_call {
    struct gs_grpc_link *link;
    struct gs_grpc_stream *stream;
    const struct gs_grpc_method *method;
    bool ending; /* `ended` is being told */
    void *of_the_caller;
};

struct gs_grpc_server {
    sd_event *event;
    struct gs_grpc_service service;
    struct gs_grpc_socket socket;
    sd_event_source *listening;
    sd_event_source *pause;
    struct gs_grpc_account account;
    struct connection *first;
    unsigned n;
};

/* Calls */

static const struct gs_grpc_method *find_method(const struct gs_grpc_service *service,
                                                struct gs_view path)
{
    for (size_t i = 0; i < service->n; i++) {
        if (gs_view_eq(path, service->methods[i].path)) {
            return &service->methods[i];
        }
    }
    return NULL;
}

static void refuse(const struct connection *connection, struct gs_grpc_stream *stream,
                   enum gs_grpc_status status, const char *text)
{
    gs_grpc_stream_finish(stream, status, text, gs_grpc_link_now(connection->link));
}

static void on_request(void *ctx, struct gs_grpc_stream *stream, struct gs_view path,
                       struct gs_view message)
{
    const struct connection *connection = ctx;
    const struct gs_grpc_service *service = &connection->server->service;
    const struct gs_grpc_method *method = find_method(service, path);
    if (method == NULL) {
        char text[GS_GRPC_PATH_MAX + 40];
        snprintf(text, sizeof(text), "there is no method %.*s here", (int)path.n, path.p);
        refuse(connection, stream, GS_GRPC_UNIMPLEMENTED, text);
        return;
    }
    struct gs_grpc_call *call = malloc(sizeof(*call));
    if (call == NULL) {
        refuse(connection, stream, GS_GRPC_RESOURCE_EXHAUSTED, "no memory for a call");
        return;
    }
    *call = (struct gs_grpc_call){.link = connection->link, .stream = stream, .method = method};
    gs_grpc_stream_set(stream, call);
    method->begin(service->ctx, call, message); /* the server may be gone when this returns */
}

static void on_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                     const char *text)
{
    const struct connection *connection = ctx;
    struct gs_grpc_call *call = gs_grpc_stream_get(stream);
    (void)status;
    (void)text;
    if (call->method->ended != NULL) {
        call->ending = true;
        call->method->ended(connection->server->service.ctx, call);
    }
    free(call);
}

int gs_grpc_send(struct gs_grpc_call *call, struct gs_view message)
{
    int r = gs_grpc_stream_send(call->stream, message, gs_grpc_link_now(call->link));
    gs_grpc_link_poke(call->link);
    return r;
}

void gs_grpc_finish(struct gs_grpc_call *call, enum gs_grpc_status status, const char *message)
{
    if (call->ending) {
        return;
    }
    gs_grpc_stream_finish(call->stream, status, message, gs_grpc_link_now(call->link));
    gs_grpc_link_poke(call->link);
    free(call);
}

void gs_grpc_call_set(struct gs_grpc_call *call, void *of_the_caller)
{
    call->of_the_caller = of_the_caller;
}

void *gs_grpc_call_get(const struct gs_grpc_call *call)
{
    return call->of_the_caller;
}

/* Connections */

static void drop(struct connection *connection)
{
    struct gs_grpc_server *server = connection->server;
    gs_grpc_link_free(connection->link);
    *(connection->prev == NULL ? &server->first : &connection->prev->next) = connection->next;
    if (connection->next != NULL) {
        connection->next->prev = connection->prev;
    }
    server->n--;
    free(connection);
}

static void on_down(void *ctx, int r, const struct gs_err *err)
{
    (void)r;
    (void)err;
    drop(ctx);
}

/* The one without calls from which nothing came for the longest time; NULL: none is without. */
static struct connection *idlest(const struct gs_grpc_server *server)
{
    struct connection *found = NULL;
    for (struct connection *c = server->first; c != NULL; c = c->next) {
        if (gs_grpc_session_calls(gs_grpc_link_session(c->link)) == 0 &&
            (found == NULL || gs_grpc_link_last_us(c->link) < gs_grpc_link_last_us(found->link))) {
            found = c;
        }
    }
    return found;
}

static bool make_room(struct gs_grpc_server *server)
{
    if (server->n < GS_GRPC_CONNECTIONS_MAX) {
        return true;
    }
    struct connection *victim = idlest(server);
    if (victim != NULL) {
        drop(victim);
    }
    return victim != NULL;
}

/* Takes the descriptor. A connection that there is no room for is closed: its client tries again.
 */
static void add_connection(struct gs_grpc_server *server, int fd)
{
    static const struct gs_grpc_events events = {.request = on_request, .ended = on_ended};
    struct connection *connection = make_room(server) ? calloc(1, sizeof(*connection)) : NULL;
    const struct gs_grpc_config config = {
        .server = true, .events = &events, .ctx = connection, .account = &server->account};
    if (connection == NULL || gs_grpc_link_new(server->event, fd, &config, on_down, connection,
                                               &connection->link, NULL) < 0) {
        free(connection);
        close(fd);
        return;
    }
    connection->server = server;
    connection->next = server->first;
    if (server->first != NULL) {
        server->first->prev = connection;
    }
    server->first = connection;
    server->n++;
    gs_grpc_link_poke(connection->link);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *ctx)
{
    const struct gs_grpc_server *server = ctx;
    (void)source;
    (void)usec;
    sd_event_source_set_enabled(server->listening, SD_EVENT_ON);
    return 0;
}

/* No descriptor or memory is left: asking again at once would only take the processor. */
static void pause_listening(struct gs_grpc_server *server)
{
    sd_event_source_set_enabled(server->listening, SD_EVENT_OFF);
    sd_event_source_disable_unref(server->pause);
    server->pause = NULL;
    if (sd_event_add_time_relative(server->event, &server->pause, CLOCK_MONOTONIC, PAUSE_US, 0,
                                   on_pause_over, server) < 0) {
        sd_event_source_set_enabled(server->listening, SD_EVENT_ON);
    }
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct gs_grpc_server *server = ctx;
    (void)source;
    (void)revents;
    for (unsigned i = 0; i < ACCEPTED_MAX; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted >= 0) {
            add_connection(server, accepted);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_listening(server);
        }
        break;
    }
    return 0;
}

/* The server */

int gs_grpc_server_new(sd_event *event, const char *socket_path,
                       const struct gs_grpc_service *service, struct gs_grpc_server **ret,
                       struct gs_err *err)
{
    struct gs_grpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a gRPC server");
    }
    server->service = *service;
    server->account.max = BYTES_MAX;
    int r = gs_grpc_socket_listen(socket_path, &server->socket, err);
    if (r < 0) {
        free(server);
        return r;
    }
    r = sd_event_add_io(event, &server->listening, server->socket.fd, EPOLLIN, on_connection,
                        server);
    if (r < 0) {
        gs_grpc_socket_done(&server->socket);
        free(server);
        return gs_fail_errno(err, -r, "adding an event source");
    }
    server->event = sd_event_ref(event);
    *ret = server;
    return 0;
}

void gs_grpc_server_free(struct gs_grpc_server *server)
{
    if (server == NULL) {
        return;
    }
    sd_event_source_disable_unref(server->listening);
    sd_event_source_disable_unref(server->pause);
    for (struct connection *next, *c = server->first; c != NULL; c = next) {
        next = c->next;
        drop(c);
    }
    gs_grpc_socket_done(&server->socket);
    sd_event_unref(server->event);
    free(server);
}

bool gs_grpc_server_in_place(const struct gs_grpc_server *server)
{
    return gs_grpc_socket_in_place(&server->socket);
}
