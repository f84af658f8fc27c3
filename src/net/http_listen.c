#include "net/http_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { QUEUE = 128 };

static void drop_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}
#define AUTO_FD GS_CLEANUP(drop_fd) int

/* ---- TCP ---- */

static int bad_address(const char *address, struct gs_err *err)
{
    return gs_fail(err, GS_INVALID,
                   "\"%.100s\": expected ADDRESS:PORT, [ADDRESS]:PORT or :PORT, in numbers",
                   address);
}

/* Cuts "[::1]:9400" into "::1" and "9400". */
static int cut(const char *address, char host[64], char port[8], struct gs_err *err)
{
    struct gs_view rest = gs_view(address);
    const char *colon = strrchr(address, ':');
    uint64_t number;
    if (colon == NULL || !gs_view_is_integer(gs_view(colon + 1), 65535, &number)) {
        return bad_address(address, err);
    }
    rest.n = (size_t)(colon - address);
    if (rest.n >= 2 && rest.p[0] == '[' && rest.p[rest.n - 1] == ']') {
        rest.p++;
        rest.n -= 2;
    } else if (memchr(rest.p, ':', rest.n) != NULL) {
        return bad_address(address, err);
    }
    if (rest.n >= 64) {
        return bad_address(address, err);
    }
    memcpy(host, rest.p, rest.n);
    host[rest.n] = '\0';
    snprintf(port, 8, "%u", (unsigned)number);
    return 0;
}

/* 0 or an errno. */
static int listen_at(const struct addrinfo *at, int *ret_fd)
{
    static const int on = 1;
    static const int off = 0;
    AUTO_FD fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) {
        return errno;
    }
    if (at->ai_family == AF_INET6) {
        /* ":9400" means every address; best effort, as a host may lack IPv4. */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, QUEUE) < 0) {
        return errno;
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int gs_http_listen_tcp(const char *address, int *ret_fd, struct gs_err *err)
{
    char host[64];
    char port[8];
    int r = cut(address, host, port, err);
    if (r != 0) {
        return r;
    }
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_family = host[0] == '\0' ? AF_INET6 : AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *at = NULL;
    if (getaddrinfo(host[0] == '\0' ? "::" : host, port, &hints, &at) != 0) {
        return bad_address(address, err);
    }
    int fd = -1;
    int e = listen_at(at, &fd);
    freeaddrinfo(at);
    if (e == EAFNOSUPPORT && host[0] == '\0') { /* a kernel without IPv6 */
        char any[16];
        snprintf(any, sizeof(any), "0.0.0.0:%s", port);
        return gs_http_listen_tcp(any, ret_fd, err);
    }
    if (e != 0) {
        return gs_fail_errno(err, e, "listening at %s", address);
    }
    *ret_fd = fd;
    return 0;
}

/* ---- unix ---- */

/* What is at the path stands in the way: a socket that nobody listens on is taken away. */
static int make_room(const struct sockaddr_un *at, struct gs_err *err)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0) {
        return errno == ENOENT ? 0 : gs_fail_errno(err, errno, "looking at %s", at->sun_path);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return gs_fail(err, GS_INVALID, "%s is there and is no socket; expected none or a socket",
                       at->sun_path);
    }
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "socket");
    }
    if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED) {
        return gs_fail(err, GS_BUSY, "%s: another process listens there", at->sun_path);
    }
    if (unlink(at->sun_path) < 0 && errno != ENOENT) {
        return gs_fail_errno(err, errno, "removing the socket %s", at->sun_path);
    }
    return 0;
}

int gs_http_listen_unix(const char *path, unsigned mode, int *ret_fd, struct gs_err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(at.sun_path)) {
        return gs_fail(err, GS_INVALID, "\"%.120s\": expected a path of 1 to %zu bytes", path,
                       sizeof(at.sun_path) - 1);
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    int r = make_room(&at, err);
    if (r != 0) {
        return r;
    }
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "socket");
    }
    /* A bind gives the file the socket's own rights, so nobody gets in before they are set; chmod
     * then adds what the umask took. */
    if (fchmod(fd, (mode_t)mode) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        chmod(path, (mode_t)mode) < 0 || listen(fd, QUEUE) < 0) {
        return gs_fail_errno(err, errno, "listening at %s", path);
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

unsigned gs_http_where(int fd, bool *ret_one_machine)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } at = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t n = sizeof(at);
    *ret_one_machine = true;
    if (getsockname(fd, &at.any, &n) < 0) {
        return 0;
    }
    if (at.any.sa_family == AF_INET) {
        *ret_one_machine = ntohl(at.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return ntohs(at.v4.sin_port);
    }
    if (at.any.sa_family == AF_INET6) {
        *ret_one_machine = IN6_IS_ADDR_LOOPBACK(&at.v6.sin6_addr);
        return ntohs(at.v6.sin6_port);
    }
    return 0;
}
