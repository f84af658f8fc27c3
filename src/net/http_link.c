#include "net/http_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/resolve.h"

enum {
    PIECE = 16 << 10,
    READS_AT_ONCE = 16,  /* before others have their turn */
    KEEP_OUT = 64 << 10, /* memory of the waiting bytes that is kept */
    UNHEARD_MS = 20000,  /* a server that has vanished is noticed so soon */
    PROBE_AFTER_S = 15,
    PROBE_EVERY_S = 5,
    PATIENCE_MS = 2000, /* with an address that says nothing, while there is another */
    PROBES = 4,
    WARNINGS_MAX = 8 /* of TLS in one handshake */
};

enum state { RESOLVING, CONNECTING, SHAKING_HANDS, OPEN, CLOSED };

struct gs_http_link {
    struct gs_http_link_options options;
    enum state state;
    struct gs_resolve *resolve;
    struct gs_addresses addresses;
    unsigned next_address;
    int fd;
    sd_event_source *io;
    sd_event_source *patience;
    sd_event_source *later; /* what gs_http_link_new found must not be told from inside */
    gnutls_session_t tls;
    struct gs_buf out;
    size_t sent; /* of out */
};

/* ---- the end ---- */

static void drop_socket(struct gs_http_link *link)
{
    link->io = sd_event_source_disable_unref(link->io);
    if (link->tls != NULL) {
        gnutls_deinit(link->tls);
        link->tls = NULL;
    }
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
}

void gs_http_link_close(struct gs_http_link *link)
{
    if (link->state == CLOSED) {
        return;
    }
    if (link->state == OPEN && link->tls != NULL) {
        (void)gnutls_bye(link->tls, GNUTLS_SHUT_WR); /* what does not go out at once does not */
    }
    link->state = CLOSED;
    gs_resolve_cancel(link->resolve);
    link->resolve = NULL;
    link->later = sd_event_source_disable_unref(link->later);
    link->patience = sd_event_source_disable_unref(link->patience);
    drop_socket(link);
}

void gs_http_link_free(struct gs_http_link *link)
{
    if (link != NULL) {
        gs_http_link_close(link);
        gs_buf_done(&link->out);
        free(link);
    }
}

static void end(struct gs_http_link *link, const struct gs_err *err)
{
    static const struct gs_err in_order = {.code = GS_OK};
    gs_http_link_close(link);
    link->options.ended(link->options.ctx, err == NULL ? &in_order : err);
}

/* The errno is told, with the system's text where the caller has none. */
static void end_errno(struct gs_http_link *link, int e, const char *what)
{
    struct gs_err err;
    gs_fail_errno(&err, e, "%s", what);
    end(link, &err);
}

static void end_tls(struct gs_http_link *link, int e, int code, const char *what)
{
    struct gs_err err;
    gs_fail(&err, GS_IO, "%s: %s", what, gnutls_strerror(code));
    err.sys_errno = e;
    end(link, &err);
}

/* ---- connecting ---- */

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx);

static void set_options(int fd)
{
    static const int on = 1;
    static const int after_s = PROBE_AFTER_S;
    static const int every_s = PROBE_EVERY_S;
    static const int probes = PROBES;
    static const unsigned unheard_ms = UNHEARD_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &after_s, sizeof(after_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
}

/* 0 or an errno. */
static int connect_to(struct gs_http_link *link, const struct sockaddr *at, socklen_t size)
{
    link->fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0) {
        return errno;
    }
    if (at->sa_family != AF_UNIX) {
        set_options(link->fd);
    }
    if (connect(link->fd, at, size) < 0 && errno != EINPROGRESS) {
        return errno;
    }
    int r = sd_event_add_io(link->options.event, &link->io, link->fd, EPOLLOUT, on_io, link);
    link->state = CONNECTING;
    return r < 0 ? -r : 0;
}

static void try_next(struct gs_http_link *link, int e);

static int on_patience(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_http_link *link = ctx;
    (void)source;
    (void)usec;
    if (link->state == CONNECTING) {
        try_next(link, ETIMEDOUT);
    }
    return 0;
}

/* The last address has as long as the owner's limit lets it. 0 or an errno. */
static int be_patient(struct gs_http_link *link)
{
    link->patience = sd_event_source_disable_unref(link->patience);
    if (link->next_address == link->addresses.n) {
        return 0;
    }
    int r = sd_event_add_time_relative(link->options.event, &link->patience, CLOCK_MONOTONIC,
                                       PATIENCE_MS * 1000ull, 0, on_patience, link);
    return r < 0 ? -r : 0;
}

/* Tries the next address, or tells why there is no connection. */
static void try_next(struct gs_http_link *link, int e)
{
    while (link->next_address < link->addresses.n) {
        unsigned i = link->next_address++;
        drop_socket(link);
        e = connect_to(link, (const struct sockaddr *)&link->addresses.list[i].at,
                       link->addresses.list[i].size);
        e = e == 0 ? be_patient(link) : e;
        if (e == 0) {
            return;
        }
    }
    end_errno(link, e, "connecting");
}

static void connect_unix(struct gs_http_link *link)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(link->options.unix_socket);
    int e = ENAMETOOLONG;
    if (n < sizeof(at.sun_path)) {
        memcpy(at.sun_path, link->options.unix_socket, n + 1);
        e = connect_to(link, (struct sockaddr *)&at, sizeof(at));
    }
    if (e != 0) {
        end_errno(link, e, link->options.unix_socket);
    }
}

static void on_resolved(void *ctx, const struct gs_addresses *addresses, const struct gs_err *err)
{
    struct gs_http_link *link = ctx;
    link->resolve = NULL;
    if (err != NULL) {
        end(link, err);
        return;
    }
    link->addresses = *addresses;
    try_next(link, EHOSTUNREACH);
}

/* The first step from the loop, so that even a refusal is told from there. */
static int on_later(sd_event_source *source, void *ctx)
{
    struct gs_http_link *link = ctx;
    (void)source;
    link->later = sd_event_source_disable_unref(link->later);
    if (link->options.unix_socket != NULL) {
        connect_unix(link);
    } else {
        try_next(link, EHOSTUNREACH);
    }
    return 0;
}

/* ---- TLS ---- */

static void tell_opened(struct gs_http_link *link)
{
    gnutls_datum_t protocol = {.size = 0};
    bool http2 = link->tls != NULL &&
                 gnutls_alpn_get_selected_protocol(link->tls, &protocol) == 0 &&
                 protocol.size == 2 && memcmp(protocol.data, "h2", 2) == 0;
    link->state = OPEN;
    sd_event_source_set_io_events(link->io, EPOLLIN);
    link->options.opened(link->options.ctx, http2);
}

/* The server is not who it must be: GnuTLS says why in words. */
static void end_untrusted(struct gs_http_link *link)
{
    struct gs_err err;
    gnutls_datum_t said = {.data = NULL};
    unsigned status = gnutls_session_get_verify_cert_status(link->tls);
    (void)gnutls_certificate_verification_status_print(
        status, gnutls_certificate_type_get2(link->tls, GNUTLS_CTYPE_SERVER), &said, 0);
    struct gs_view why = gs_view_trim(said.data == NULL ? gs_view("its certificate is not trusted")
                                                        : gs_view((const char *)said.data));
    gs_fail(&err, GS_IO, "the server is not who it must be: %.*s", GS_VIEW_ARGS(why));
    err.sys_errno = EKEYREJECTED;
    gnutls_free(said.data);
    end(link, &err);
}

static bool is_warning(int r)
{
    return r < 0 && r != GNUTLS_E_AGAIN && r != GNUTLS_E_INTERRUPTED &&
           gnutls_error_is_fatal(r) == 0;
}

static void shake_hands(struct gs_http_link *link)
{
    int r = gnutls_handshake(link->tls);
    for (unsigned i = 0; i < WARNINGS_MAX && is_warning(r); i++) {
        r = gnutls_handshake(link->tls);
    }
    if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
        bool writes = gnutls_record_get_direction(link->tls) == 1;
        sd_event_source_set_io_events(link->io, writes ? EPOLLOUT : EPOLLIN);
    } else if (r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR || r == GNUTLS_E_CERTIFICATE_ERROR) {
        end_untrusted(link);
    } else if (r == GNUTLS_E_PREMATURE_TERMINATION || r == GNUTLS_E_PULL_ERROR ||
               r == GNUTLS_E_PUSH_ERROR) {
        end_tls(link, ECONNRESET, r, "the TLS handshake");
    } else if (r < 0) {
        end_tls(link, EPROTO, r, "the TLS handshake");
    } else {
        tell_opened(link);
    }
}

static void begin_tls(struct gs_http_link *link)
{
    struct gs_err err;
    if (gs_trust_session(link->options.trust, link->options.host, &link->tls, &err) != 0) {
        end(link, &err);
        return;
    }
    gnutls_transport_set_int(link->tls, link->fd);
    gnutls_handshake_set_timeout(link->tls, 0); /* the owner has limits of its own */
    link->state = SHAKING_HANDS;
    shake_hands(link);
}

static void on_connected(struct gs_http_link *link)
{
    int e = 0;
    socklen_t n = sizeof(e);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0) {
        e = errno;
    }
    if (e != 0) {
        try_next(link, e);
    } else if (link->options.trust != NULL) {
        begin_tls(link);
    } else {
        tell_opened(link);
    }
}

/* ---- bytes ---- */

/* As write(2): -1 with EAGAIN. */
static ssize_t write_some(struct gs_http_link *link, const char *p, size_t n)
{
    if (link->tls == NULL) {
        return send(link->fd, p, n, MSG_NOSIGNAL);
    }
    ssize_t r = gnutls_record_send(link->tls, p, n);
    if (r >= 0) {
        return r;
    }
    errno = r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED ? EAGAIN : ECONNRESET;
    return -1;
}

/* As read(2). */
static ssize_t read_some(struct gs_http_link *link, char *p, size_t n)
{
    if (link->tls == NULL) {
        return recv(link->fd, p, n, 0);
    }
    ssize_t r = gnutls_record_recv(link->tls, p, n);
    if (r >= 0) {
        return r;
    }
    bool waits = r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED;
    /* A cut without TLS's goodbye is what many servers do when they are done. */
    errno = waits                                 ? EAGAIN
            : r == GNUTLS_E_PREMATURE_TERMINATION ? 0
            : gnutls_error_is_fatal((int)r) == 0  ? EAGAIN
            : r == GNUTLS_E_PULL_ERROR            ? ECONNRESET
                                                  : EPROTO;
    return errno == 0 ? 0 : -1;
}

static void want(struct gs_http_link *link)
{
    bool waiting = link->sent < link->out.len;
    sd_event_source_set_io_events(link->io, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Sends what waits. False: the connection is over, and that was told. */
static bool flush(struct gs_http_link *link)
{
    while (link->sent < link->out.len) {
        ssize_t n = write_some(link, link->out.text + link->sent, link->out.len - link->sent);
        if (n < 0 && errno == EAGAIN) {
            want(link);
            return true;
        }
        if (n < 0) {
            end_errno(link, errno, "sending");
            return false;
        }
        link->sent += (size_t)n;
    }
    link->sent = 0;
    if (link->out.cap > KEEP_OUT) {
        gs_buf_done(&link->out);
        gs_buf_init(&link->out, GS_HTTP_LINK_OUT_MAX);
    }
    gs_buf_reset(&link->out);
    want(link);
    link->options.drained(link->options.ctx);
    return link->state == OPEN;
}

static void receive(struct gs_http_link *link)
{
    char piece[PIECE];
    for (unsigned i = 0; link->state == OPEN; i++) {
        /* What TLS has decrypted already wakes nobody: it has to be read to its end. */
        bool pending = link->tls != NULL && gnutls_record_check_pending(link->tls) > 0;
        if (i >= READS_AT_ONCE && !pending) {
            return;
        }
        ssize_t n = read_some(link, piece, sizeof(piece));
        if (n > 0) {
            link->options.got(link->options.ctx, (struct gs_view){.p = piece, .n = (size_t)n});
        } else if (n == 0) {
            end(link, NULL);
        } else if (errno != EAGAIN) {
            end_errno(link, errno, "receiving");
        } else {
            return;
        }
    }
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct gs_http_link *link = ctx;
    (void)source;
    (void)fd;
    if (link->state == CONNECTING) {
        on_connected(link);
    } else if (link->state == SHAKING_HANDS) {
        shake_hands(link);
    } else if (link->state == OPEN) {
        bool alive = (revents & EPOLLOUT) == 0 || flush(link);
        if (alive && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            receive(link);
        }
    }
    return 0;
}

int gs_http_link_send(struct gs_http_link *link, struct gs_view bytes, struct gs_err *err)
{
    if (link->state == CLOSED || bytes.n == 0) {
        return 0;
    }
    gs_buf_put(&link->out, bytes.p, bytes.n);
    if (!gs_buf_ok(&link->out)) {
        return bytes.n > link->out.max - link->out.len
                   ? gs_fail(err, GS_LIMIT, "more than %zu bytes wait to be sent",
                             GS_HTTP_LINK_OUT_MAX)
                   : gs_fail(err, GS_NO_MEMORY, "no memory to send");
    }
    if (link->state == OPEN) {
        sd_event_source_set_io_events(link->io, EPOLLIN | EPOLLOUT);
    }
    return 0;
}

size_t gs_http_link_waiting(const struct gs_http_link *link)
{
    return link->out.len - link->sent;
}

/* ---- begin ---- */

static int begin(struct gs_http_link *link, struct gs_err *err)
{
    const struct gs_http_link_options *options = &link->options;
    if (options->unix_socket == NULL) {
        int r = gs_resolve(options->event, options->host, options->port, on_resolved, link,
                           &link->resolve, &link->addresses, err);
        if (r != 0 || link->resolve != NULL) {
            return r;
        }
    }
    int r = sd_event_add_defer(options->event, &link->later, on_later, link);
    return r < 0 ? gs_fail_errno(err, -r, "adding an event source") : 0;
}

int gs_http_link_new(const struct gs_http_link_options *options, struct gs_http_link **ret,
                     struct gs_err *err)
{
    struct gs_http_link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a connection");
    }
    link->options = *options;
    link->fd = -1;
    gs_buf_init(&link->out, GS_HTTP_LINK_OUT_MAX);
    int r = begin(link, err);
    if (r != 0) {
        gs_http_link_free(link);
        return r;
    }
    *ret = link;
    return 0;
}
