#include "net/grpc_link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wire/grpc_bytes.h"

enum {
    RECEIVED_MAX = 64 * 1024, /* bytes taken from the socket at a time */
    GATHERED_MAX = 32 * 1024, /* bytes of small frames that leave together */
    UNSENT_MAX = 256 * 1024   /* bytes that the socket did not take; what comes behind them waits in
                                 the session */
};

struct gs_grpc_link {
    sd_event *event;
    int fd;
    sd_event_source *io;
    sd_event_source *later;
    sd_event_source *timer; /* NULL until a call has a limit */
    struct gs_grpc_session *session;
    struct gs_buf unsent;
    size_t unsent_at;
    uint64_t last_us;
    uint64_t timer_us; /* UINT64_MAX: off */
    unsigned busy;     /* inside of the session */
    bool waits_to_write;
    bool dead; /* to be given back as soon as it is not busy */
    void (*down)(void *ctx, int r, const struct gs_err *err);
    void *ctx;
};

uint64_t gs_grpc_link_now(const struct gs_grpc_link *link)
{
    uint64_t now_us = 0;
    sd_event_now(link->event, CLOCK_MONOTONIC, &now_us);
    return now_us;
}

struct gs_grpc_session *gs_grpc_link_session(const struct gs_grpc_link *link)
{
    return link->session;
}

uint64_t gs_grpc_link_last_us(const struct gs_grpc_link *link)
{
    return link->last_us;
}

/* Sending */

static size_t unsent(const struct gs_grpc_link *link)
{
    return link->unsent.len - link->unsent_at;
}

/* Sends what it can of both parts; *ret_n is how much. */
static int send_parts(const struct gs_grpc_link *link, struct gs_view a, struct gs_view b,
                      size_t *ret_n, struct gs_err *err)
{
    struct iovec parts[] = {{gs_grpc_bytes(a.p), a.n}, {gs_grpc_bytes(b.p), b.n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = b.n > 0 ? 2 : 1};
    ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        return gs_fail_errno(err, errno, "sending");
    }
    *ret_n = n < 0 ? 0 : (size_t)n;
    return 0;
}

/* Keeps what the socket did not take of two parts of which it took `n` bytes. */
static int keep_rest(struct gs_grpc_link *link, struct gs_view a, struct gs_view b, size_t n,
                     struct gs_err *err)
{
    size_t of_a = n < a.n ? n : a.n;
    size_t of_b = n - of_a;
    gs_buf_put(&link->unsent, a.p + of_a, a.n - of_a);
    if (b.n > 0) {
        gs_buf_put(&link->unsent, b.p + of_b, b.n - of_b);
    }
    return gs_buf_ok(&link->unsent) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for bytes to send");
}

static int send_unsent(struct gs_grpc_link *link, struct gs_err *err)
{
    size_t n = 0;
    const struct gs_view rest = {link->unsent.text + link->unsent_at, unsent(link)};
    int r = send_parts(link, rest, (struct gs_view){NULL, 0}, &n, err);
    link->unsent_at += n;
    if (unsent(link) == 0) {
        gs_buf_done(&link->unsent);
        link->unsent_at = 0;
    }
    return r;
}

/* Collects frames into `room` until there are no more, or one does not fit, which is *ret_rest. */
static int gather(struct gs_grpc_link *link, char room[GATHERED_MAX], size_t *ret_n,
                  struct gs_view *ret_rest, struct gs_err *err)
{
    const uint64_t now_us = gs_grpc_link_now(link);
    size_t n = 0;
    for (;;) {
        struct gs_view frame;
        int r = gs_grpc_session_pull(link->session, now_us, &frame, err);
        if (r < 0) {
            return r;
        }
        if (frame.n == 0 || frame.n > GATHERED_MAX - n) {
            *ret_rest = frame;
            *ret_n = n;
            return 0;
        }
        memcpy(room + n, frame.p, frame.n);
        n += frame.n;
    }
}

static int send_all(struct gs_grpc_link *link, struct gs_err *err)
{
    char room[GATHERED_MAX];
    int r = unsent(link) > 0 ? send_unsent(link, err) : 0;
    while (r == 0 && unsent(link) == 0) {
        struct gs_view gathered = {room, 0};
        struct gs_view rest;
        size_t n = 0;
        r = gather(link, room, &gathered.n, &rest, err);
        if (r < 0 || gathered.n + rest.n == 0) {
            break;
        }
        r = send_parts(link, gathered, rest, &n, err);
        if (r == 0 && n < gathered.n + rest.n) {
            r = keep_rest(link, gathered, rest, n, err);
        }
    }
    return r;
}

static void watch_for_room(struct gs_grpc_link *link)
{
    bool waits = unsent(link) > 0;
    if (waits != link->waits_to_write) {
        link->waits_to_write = waits;
        sd_event_source_set_io_events(link->io, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

/* Receiving */

static int receive(struct gs_grpc_link *link, bool *ret_closed, struct gs_err *err)
{
    char room[RECEIVED_MAX];
    ssize_t n = recv(link->fd, room, sizeof(room), MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : gs_fail_errno(err, errno, "receiving");
    }
    *ret_closed = n == 0;
    if (n == 0) {
        return 0;
    }
    link->last_us = gs_grpc_link_now(link);
    return gs_grpc_session_recv(link->session, (struct gs_view){room, (size_t)n}, link->last_us,
                                err);
}

/* Turns of the loop */

static void give_back(struct gs_grpc_link *link)
{
    struct gs_err err;
    (void)send_all(link, &err); /* GOAWAY, if there is room */
    sd_event_source_disable_unref(link->io);
    sd_event_source_disable_unref(link->later);
    sd_event_source_disable_unref(link->timer);
    close(link->fd);
    gs_grpc_session_free(link->session);
    gs_buf_done(&link->unsent);
    sd_event_unref(link->event);
    free(link);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx);

static int set_timer(struct gs_grpc_link *link, struct gs_err *err)
{
    uint64_t at_us = gs_grpc_session_deadline(link->session);
    int r = 0;
    if (at_us >= link->timer_us) { /* one that rings too early finds nothing to do */
        return 0;
    }
    if (link->timer == NULL) {
        r = sd_event_add_time(link->event, &link->timer, CLOCK_MONOTONIC, at_us, 1000, on_timer,
                              link);
    } else if ((r = sd_event_source_set_time(link->timer, at_us)) >= 0) {
        r = sd_event_source_set_enabled(link->timer, SD_EVENT_ONESHOT);
    }
    link->timer_us = at_us;
    return r < 0 ? gs_fail_errno(err, -r, "setting a timer") : 0;
}

/* Whether the connection is over, by what the session says; *ret_r is why. */
static bool is_over(const struct gs_grpc_link *link, int *ret_r, struct gs_err *err)
{
    if (unsent(link) > 0 || !gs_grpc_session_is_over(link->session)) {
        return false;
    }
    const char *fault = gs_grpc_session_fault(link->session);
    *ret_r = fault == NULL
                 ? 0
                 : gs_fail(err, GS_INVALID, "the other side does not speak HTTP/2: %s", fault);
    return true;
}

/* What ends each turn. `r` is how it went so far, `over` that the other side has gone. */
static int end_turn(struct gs_grpc_link *link, int r, bool over, struct gs_err *err)
{
    if (r == 0 && !link->dead) {
        r = send_all(link, err);
    }
    if (--link->busy > 0) {
        return 0;
    }
    if (link->dead) {
        give_back(link);
        return 0;
    }
    if (r == 0) {
        over = is_over(link, &r, err) || over;
    }
    if (r == 0 && !over) {
        watch_for_room(link);
        r = set_timer(link, err);
    }
    if (r < 0 || over) {
        sd_event_source_set_enabled(link->io, SD_EVENT_OFF);
        link->down(link->ctx, r, r < 0 ? err : NULL);
    }
    return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct gs_grpc_link *link = ctx;
    struct gs_err err;
    bool closed = false;
    int r = 0;
    (void)source;
    (void)fd;
    link->busy++;
    if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        r = receive(link, &closed, &err);
    }
    return end_turn(link, r, closed, &err);
}

static int on_later(sd_event_source *source, void *ctx)
{
    struct gs_grpc_link *link = ctx;
    struct gs_err err;
    (void)source;
    link->busy++;
    return end_turn(link, 0, false, &err);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_grpc_link *link = ctx;
    struct gs_err err;
    (void)source;
    (void)usec;
    link->timer_us = UINT64_MAX;
    link->busy++;
    gs_grpc_session_expire(link->session, gs_grpc_link_now(link));
    return end_turn(link, 0, false, &err);
}

void gs_grpc_link_poke(struct gs_grpc_link *link)
{
    if (link->busy == 0) {
        sd_event_source_set_enabled(link->later, SD_EVENT_ONESHOT);
    }
}

/* Making one */

static int add_sources(struct gs_grpc_link *link)
{
    int r = sd_event_add_io(link->event, &link->io, link->fd, EPOLLIN, on_io, link);
    return r < 0 ? r : sd_event_add_defer(link->event, &link->later, on_later, link);
}

int gs_grpc_link_new(sd_event *event, int fd, const struct gs_grpc_config *config,
                     void (*down)(void *ctx, int r, const struct gs_err *err), void *ctx,
                     struct gs_grpc_link **ret, struct gs_err *err)
{
    struct gs_grpc_link *link = calloc(1, sizeof(*link));
    struct gs_grpc_session *session = gs_grpc_session_new(config);
    if (link == NULL || session == NULL) {
        gs_grpc_session_free(session);
        free(link);
        return gs_fail(err, GS_NO_MEMORY, "no memory for a gRPC connection");
    }
    *link = (struct gs_grpc_link){.event = sd_event_ref(event),
                                  .fd = fd,
                                  .session = session,
                                  .timer_us = UINT64_MAX,
                                  .down = down,
                                  .ctx = ctx};
    gs_buf_init(&link->unsent, UNSENT_MAX);
    link->last_us = gs_grpc_link_now(link);
    int r = add_sources(link);
    if (r < 0) {
        sd_event_source_disable_unref(link->io);
        sd_event_unref(link->event);
        gs_grpc_session_free(session);
        free(link);
        return gs_fail_errno(err, -r, "adding an event source");
    }
    *ret = link;
    return 0;
}

void gs_grpc_link_free(struct gs_grpc_link *link)
{
    struct gs_err err;
    if (link == NULL || link->dead) {
        return;
    }
    if (link->busy == 0) { /* answers that were given before the end */
        link->busy++;
        (void)send_all(link, &err);
        link->busy--;
    }
    link->dead = true;
    gs_grpc_session_stop(link->session);
    if (link->busy == 0) {
        give_back(link);
    }
}
