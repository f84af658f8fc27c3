/* grpc_server: serves gRPC on a unix socket, on the loop.
 *
 * Calls are unary, or one request with a stream of answers. Every call of a connection runs beside
 * the others; nothing here blocks. All functions belong to the loop's thread and may be called from
 * inside `begin` and `ended`, gs_grpc_server_free too. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"
#include "wire/grpc_status.h"

enum { GS_GRPC_CONNECTIONS_MAX = 64 }; /* of one server; the idlest gives way to a new one */

struct gs_grpc_server;

/* A call that was begun and not finished. */
struct gs_grpc_call;

struct gs_grpc_method {
    const char *path; /* "/v1beta1.DevicePlugin/Allocate" */
    /* The whole request is there; the bytes live until this returns. The call goes on until
     * gs_grpc_finish, here or later. */
    void (*begin)(void *ctx, struct gs_grpc_call *call, struct gs_view request);
    /* The client cancelled, its deadline passed, it read too slowly or the connection is gone: the
     * call ends with the return of this function. Never from inside gs_grpc_send and never after
     * gs_grpc_finish. May be NULL. */
    void (*ended)(void *ctx, struct gs_grpc_call *call);
};

/* What is served. Borrowed, methods too, for as long as the server lives. */
struct gs_grpc_service {
    const struct gs_grpc_method *methods;
    size_t n;
    void *ctx;
};

/* Serves at `socket_path` (copied), which gets mode 0600. A socket that is there and that nobody
 * listens on is replaced. GS_BUSY: somebody listens there. GS_INVALID: something else than a socket
 * is there. GS_LIMIT: a path too long for a socket. GS_IO, GS_NO_MEMORY. */
int gs_grpc_server_new(sd_event *event, const char *socket_path,
                       const struct gs_grpc_service *service, struct gs_grpc_server **ret,
                       struct gs_err *err);

/* Ends every call (`ended` runs for each that was not finished) and every connection, and removes
 * the socket's file unless somebody put another one there. NULL is fine. */
void gs_grpc_server_free(struct gs_grpc_server *server);

/* Whether the file at the server's path is still its socket: the kubelet removes all sockets when
 * it starts. */
bool gs_grpc_server_in_place(const struct gs_grpc_server *server);

/* Queues an answer; the bytes are copied, and go out when the loop comes around. GS_LIMIT: more
 * than GS_GRPC_MESSAGE_MAX bytes, or the client has left too much unread and the call is ending.
 * GS_NO_MEMORY: the call is ending. Where it is ending, `ended` follows. */
int gs_grpc_send(struct gs_grpc_call *call, struct gs_view message);

/* Ends the call behind what was sent; `call` is gone. `message` says why where the status is not
 * GS_GRPC_OK; NULL: nothing to say. */
void gs_grpc_finish(struct gs_grpc_call *call, enum gs_grpc_status status, const char *message);

/* A pointer of the caller's, NULL at first. */
void gs_grpc_call_set(struct gs_grpc_call *call, void *of_the_caller);
void *gs_grpc_call_get(const struct gs_grpc_call *call);
