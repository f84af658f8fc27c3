#include "net/grpc_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { WAITING_MAX = 128 }; /* connections that were not taken yet */

static int make_address(const char *path, struct sockaddr_un *ret, struct gs_err *err)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(ret->sun_path)) {
        return gs_fail(err, GS_LIMIT, "%s: found a path of %zu bytes; a socket takes 1 to %zu",
                       path, n, sizeof(ret->sun_path) - 1);
    }
    memcpy(ret->sun_path, path, n);
    return 0;
}

static int make_socket(int *ret_fd, struct gs_err *err)
{
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *ret_fd < 0 ? gs_fail_errno(err, errno, "making a socket") : 0;
}

int gs_grpc_socket_connect(const char *path, int *ret_fd, struct gs_err *err)
{
    struct sockaddr_un address;
    int fd = -1;
    int r = make_address(path, &address, err);
    if (r < 0 || (r = make_socket(&fd, err)) < 0) {
        return r;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int e = errno;
    close(fd);
    return e == EAGAIN ? gs_fail(err, GS_BUSY, "%s: too many wait to be served there", path)
                       : gs_fail_errno(err, e, "%s", path);
}

/* Makes sure that nothing is at the path, or that what is there may go, and then it does. */
static int clear_path(const char *path, struct gs_err *err)
{
    struct stat st;
    struct gs_err why;
    int fd = -1;
    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 0 : gs_fail_errno(err, errno, "%s", path);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return gs_fail(err, GS_INVALID,
                       "%s: found something that is not a socket; move it away, or serve at "
                       "another path",
                       path);
    }
    int r = gs_grpc_socket_connect(path, &fd, &why);
    if (r == 0) {
        close(fd);
    }
    if (r == 0 || r == GS_BUSY) {
        return gs_fail(err, GS_BUSY, "%s: another process serves there; end it first", path);
    }
    if (why.sys_errno == ENOENT) {
        return 0;
    }
    if (why.sys_errno != ECONNREFUSED) { /* not ours to judge: no right to, another type */
        return gs_fail_errno(err, why.sys_errno, "%s: looking who serves there", path);
    }
    return unlink(path) == 0 || errno == ENOENT
               ? 0
               : gs_fail_errno(err, errno, "%s: removing a socket that nobody serves", path);
}

/* Binds with mode 0600 from the first moment: a socket's file gets the mode of the socket. */
static int bind_at(int fd, const struct sockaddr_un *address, struct gs_err *err)
{
    const char *path = address->sun_path;
    if (fchmod(fd, 0600) < 0) {
        return gs_fail_errno(err, errno, "%s: setting the mode", path);
    }
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        return errno == EADDRINUSE ? gs_fail(err, GS_BUSY, "%s: another process made it", path)
                                   : gs_fail_errno(err, errno, "%s", path);
    }
    return 0;
}

int gs_grpc_socket_listen(const char *path, struct gs_grpc_socket *ret, struct gs_err *err)
{
    struct sockaddr_un address;
    struct stat st;
    int fd = -1;
    int r = make_address(path, &address, err);
    if (r < 0 || (r = clear_path(path, err)) < 0 || (r = make_socket(&fd, err)) < 0) {
        return r;
    }
    r = bind_at(fd, &address, err);
    if (r < 0) {
        close(fd);
        return r;
    }
    if (listen(fd, WAITING_MAX) < 0 || lstat(path, &st) < 0) {
        r = gs_fail_errno(err, errno, "%s", path);
        unlink(path);
        close(fd);
        return r;
    }
    *ret = (struct gs_grpc_socket){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    memcpy(ret->path, address.sun_path, sizeof(ret->path));
    return 0;
}

bool gs_grpc_socket_in_place(const struct gs_grpc_socket *sock)
{
    struct stat st;
    return lstat(sock->path, &st) == 0 && st.st_dev == sock->dev && st.st_ino == sock->ino;
}

void gs_grpc_socket_done(struct gs_grpc_socket *sock)
{
    if (gs_grpc_socket_in_place(sock)) {
        unlink(sock->path);
    }
    close(sock->fd);
}
