/* grpc_socket: unix sockets at paths, for grpc_server and grpc_client. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"

/* A socket that listens, and its file. */
struct gs_grpc_socket {
    int fd;
    dev_t dev; /* of the file that was made */
    ino_t ino;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

/* Codes of gs_grpc_server_new. */
int gs_grpc_socket_listen(const char *path, struct gs_grpc_socket *ret, struct gs_err *err);

/* Closes it, and removes the file where it is still its own. */
void gs_grpc_socket_done(struct gs_grpc_socket *sock);

bool gs_grpc_socket_in_place(const struct gs_grpc_socket *sock);

/* A connected socket that does not block. GS_IO: nobody serves there, with the reason. GS_BUSY: so
 * many wait for it that no more may. GS_LIMIT: the path is too long for a socket. */
int gs_grpc_socket_connect(const char *path, int *ret_fd, struct gs_err *err);
