#include "kube/proxy.h"

#include "unit/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void drop_pair(struct proxy *proxy, unsigned i)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    for (unsigned k = 0; k < 2; k++) {
        struct proxy_side *side = &proxy->pairs[i][k];
        if (side->fd >= 0) {
            (void)setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            side->source = sd_event_source_disable_unref(side->source);
            close(side->fd);
            side->fd = -1;
        }
    }
}

void proxy_drop(struct proxy *proxy)
{
    for (unsigned i = 0; i < PROXY_PAIRS_MAX; i++) {
        drop_pair(proxy, i);
    }
}

static struct proxy_side *other(struct proxy_side *side)
{
    struct proxy_side(*pair)[2] = &side->proxy->pairs[side->pair];
    return side == &(*pair)[0] ? &(*pair)[1] : &(*pair)[0];
}

/* What `side` waits for: more to pass on, and room to write what its peer has sent. */
static void arm(struct proxy_side *side)
{
    uint32_t events = 0;
    events |= side->n < sizeof(side->bytes) && !side->proxy->frozen ? EPOLLIN : 0;
    events |= other(side)->n > 0 && !side->proxy->frozen ? EPOLLOUT : 0;
    sd_event_source_set_io_events(side->source, events);
}

static bool pass_on(struct proxy_side *from)
{
    struct proxy_side *to = other(from);
    while (from->n > 0) {
        ssize_t n = send(to->fd, from->bytes, from->n, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN;
        }
        from->n -= (unsigned)n;
        memmove(from->bytes, from->bytes + n, from->n);
    }
    return true;
}

static int on_bytes(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct proxy_side *side = ctx;
    struct proxy *proxy = side->proxy;
    bool good = true;
    (void)source;
    if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && side->n < sizeof(side->bytes)) {
        ssize_t n = recv(fd, side->bytes + side->n, sizeof(side->bytes) - side->n, 0);
        good = n > 0 || (n < 0 && errno == EAGAIN);
        side->n += n > 0 ? (unsigned)n : 0;
    }
    if (proxy->frozen && good) {
        return 0;
    }
    if (!pass_on(side) || !pass_on(other(side)) || !good) {
        drop_pair(proxy, side->pair);
        return 0;
    }
    arm(side);
    arm(other(side));
    return 0;
}

static int connect_to(const char *host, unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, host, &at.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static void add_side(struct proxy *proxy, unsigned i, unsigned k, int fd)
{
    static const int on = 1;
    struct proxy_side *side = &proxy->pairs[i][k];
    *side = (struct proxy_side){.proxy = proxy, .pair = i, .fd = fd};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    assert_true(sd_event_add_io(proxy->event, &side->source, fd, EPOLLIN, on_bytes, side) >= 0);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct proxy *proxy = ctx;
    unsigned i = 0;
    (void)source;
    (void)revents;
    int in = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (in < 0) {
        return 0;
    }
    while (i < PROXY_PAIRS_MAX && proxy->pairs[i][0].fd >= 0) {
        i++;
    }
    int out = i < PROXY_PAIRS_MAX ? connect_to(proxy->host, proxy->to) : -1;
    if (out < 0) {
        close(in);
        return 0;
    }
    proxy->n_accepted++;
    add_side(proxy, i, 0, in);
    add_side(proxy, i, 1, out);
    return 0;
}

static void start_listening(struct proxy *proxy)
{
    static const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)proxy->port),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    proxy->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(proxy->fd >= 0);
    assert_int_equal(setsockopt(proxy->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(proxy->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(proxy->fd, 64), 0);
    assert_int_equal(getsockname(proxy->fd, (struct sockaddr *)&at, &n), 0);
    proxy->port = ntohs(at.sin_port);
    assert_true(sd_event_add_io(proxy->event, &proxy->source, proxy->fd, EPOLLIN, on_connection,
                                proxy) >= 0);
}

static void stop_listening(struct proxy *proxy)
{
    if (proxy->fd >= 0) {
        proxy->source = sd_event_source_disable_unref(proxy->source);
        close(proxy->fd);
        proxy->fd = -1;
    }
}

void proxy_open(struct proxy *proxy, sd_event *event, const char *host, unsigned to)
{
    *proxy = (struct proxy){.event = event, .to = to, .fd = -1};
    snprintf(proxy->host, sizeof(proxy->host), "%s", host);
    proxy->pairs = calloc(PROXY_PAIRS_MAX, sizeof(*proxy->pairs));
    assert_non_null(proxy->pairs);
    for (unsigned i = 0; i < PROXY_PAIRS_MAX; i++) {
        proxy->pairs[i][0].fd = -1;
        proxy->pairs[i][1].fd = -1;
    }
    start_listening(proxy);
}

void proxy_close(struct proxy *proxy)
{
    stop_listening(proxy);
    if (proxy->pairs != NULL) {
        proxy_drop(proxy);
        free(proxy->pairs);
        proxy->pairs = NULL;
    }
}

void proxy_shut(struct proxy *proxy, bool shut)
{
    stop_listening(proxy);
    if (shut) {
        proxy_drop(proxy);
    } else {
        start_listening(proxy);
    }
}

void proxy_freeze(struct proxy *proxy, bool frozen)
{
    proxy->frozen = frozen;
    for (unsigned i = 0; i < PROXY_PAIRS_MAX; i++) {
        if (proxy->pairs[i][0].fd >= 0) {
            arm(&proxy->pairs[i][0]);
            arm(&proxy->pairs[i][1]);
        }
    }
}
