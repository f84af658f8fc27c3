#include "unit/net/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

void loop_until(sd_event *event, const bool *flag, unsigned limit_ms)
{
    uint64_t end_us = now_us() + (uint64_t)limit_ms * 1000;
    for (uint64_t now; !*flag && (now = now_us()) < end_us;) {
        assert_true(sd_event_run(event, end_us - now) >= 0);
    }
    if (!*flag) {
        print_message("nothing happened within %u ms\n", limit_ms);
    }
    assert_true(*flag);
}

void loop_for(sd_event *event, unsigned ms)
{
    uint64_t end_us = now_us() + (uint64_t)ms * 1000;
    for (uint64_t now; (now = now_us()) < end_us;) {
        assert_true(sd_event_run(event, end_us - now) >= 0);
    }
}

static void drop(struct raw_peer *peer, unsigned i)
{
    if (peer->open[i] >= 0) {
        peer->readers[i] = sd_event_source_disable_unref(peer->readers[i]);
        close(peer->open[i]);
        peer->open[i] = -1;
    }
}

static int on_bytes(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct raw_peer *peer = ctx;
    char asked[4096];
    unsigned i = 0;
    (void)source;
    (void)revents;
    while (peer->open[i] != fd) {
        i++;
    }
    if (recv(fd, asked, sizeof(asked), 0) <= 0) {
        drop(peer, i);
        return 0;
    }
    (void)!send(fd, peer->bytes.p, peer->bytes.n, MSG_NOSIGNAL);
    if (!peer->hold) {
        drop(peer, i);
    }
    return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct raw_peer *peer = ctx;
    (void)source;
    (void)revents;
    unsigned i = peer->n_accepted++;
    assert_true(i < 1200);
    peer->open[i] = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(peer->open[i] >= 0);
    assert_true(sd_event_add_io(peer->event, &peer->readers[i], peer->open[i], EPOLLIN, on_bytes,
                                peer) >= 0);
    return 0;
}

void raw_peer_start(struct raw_peer *peer, sd_event *event, struct gs_view bytes, bool hold)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    *peer = (struct raw_peer){.event = event, .bytes = bytes, .hold = hold};
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(bind(peer->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(peer->fd, 64), 0);
    assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&at, &n), 0);
    peer->port = ntohs(at.sin_port);
    assert_true(sd_event_add_io(event, &peer->source, peer->fd, EPOLLIN, on_connection, peer) >= 0);
}

void raw_peer_stop(struct raw_peer *peer)
{
    for (unsigned i = 0; i < peer->n_accepted; i++) {
        drop(peer, i);
    }
    sd_event_source_disable_unref(peer->source);
    close(peer->fd);
}

int raw_connect(unsigned port)
{
    return raw_connect_from(1, port);
}

int raw_connect_from(unsigned number, unsigned port)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr = {.s_addr = htonl(0x7f000000u + number)}};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}
