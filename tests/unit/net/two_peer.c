#include "unit/net/two_peer.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* One request and its answer. */
struct two_stream {
    struct two_stream *next;
    char path[64];
    struct gs_buf body; /* what was sent, then what is answered */
    size_t sent;
};

struct two_connection {
    struct two_peer *peer;
    unsigned index;
    int fd;
    sd_event_source *source;
    gnutls_session_t tls;
    bool open;
    nghttp2_session *two;
    struct gs_buf out;
    size_t sent;
    bool cut;  /* closes when everything has gone out */
    bool deaf; /* reads nothing any more, and says nothing new */
    struct two_stream *streams;
};

static void drop(struct two_connection *connection)
{
    struct two_peer *peer = connection->peer;
    peer->connections[connection->index] = NULL;
    for (unsigned i = 0; i < peer->n_held; i++) {
        if (peer->held[i].connection == connection) {
            peer->held[i].connection = NULL;
        }
    }
    sd_event_source_disable_unref(connection->source);
    if (connection->two != NULL) {
        nghttp2_session_del(connection->two);
    }
    while (connection->streams != NULL) {
        struct two_stream *stream = connection->streams;
        connection->streams = stream->next;
        gs_buf_done(&stream->body);
        free(stream);
    }
    gnutls_deinit(connection->tls);
    close(connection->fd);
    gs_buf_done(&connection->out);
    free(connection);
}

/* ---- answers ---- */

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *to, size_t size, uint32_t *flags,
                    nghttp2_data_source *source, void *ctx)
{
    struct two_connection *connection = ctx;
    struct two_stream *stream = source->ptr;
    (void)session;
    (void)id;
    size_t n = stream->body.len - stream->sent;
    n = n > size ? size : n;
    memcpy(to, gs_buf_text(&stream->body) + stream->sent, n);
    stream->sent += n;
    if (connection->cut) { /* the end never comes */
        return n == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)n;
    }
    if (stream->sent == stream->body.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = strlen(value)};
}

static void respond(struct two_connection *connection, int32_t id, const char *status)
{
    struct two_stream *stream = nghttp2_session_get_stream_user_data(connection->two, id);
    nghttp2_nv fields[] = {field(":status", status), field("content-type", "text/plain"),
                           field("retry-after", "7")};
    const nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = give};
    nghttp2_submit_response(connection->two, id, fields, GS_ARRAY_LEN(fields),
                            strcmp(status, "204") == 0 ? NULL : &body);
}

static void say(struct two_stream *stream, const char *text)
{
    gs_buf_reset(&stream->body);
    gs_buf_puts(&stream->body, text);
}

static void flood(struct two_connection *connection, int32_t id)
{
    static char value[2001]; /* goes once, and is meant each time */
    nghttp2_nv fields[40] = {field(":status", "200")};
    memset(value, 'x', sizeof(value) - 1);
    for (size_t i = 1; i < GS_ARRAY_LEN(fields); i++) {
        fields[i] = field("x-flood", value);
    }
    nghttp2_submit_response(connection->two, id, fields, GS_ARRAY_LEN(fields), NULL);
}

/* Frames that want an answer each, more than anybody has to remember. */
static void put_pings(struct two_connection *connection)
{
    for (unsigned i = 0; i < 400000; i++) {
        gs_buf_put(&connection->out, "\0\0\x08\x06\0\0\0\0\0pingpong", 17);
    }
    connection->deaf = true;
}

/* Bytes of a frame that do not keep the rules of a body, or do not come to an end. */
static bool answer_badly(struct two_connection *connection, int32_t id, struct two_stream *stream)
{
    const nghttp2_nv status = field(":status", "200");
    const nghttp2_nv with_length[] = {status, field("content-length", "9")};
    const nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = give};
    if (strcmp(stream->path, "/part") == 0) { /* "no error", and yet it was not all */
        nghttp2_submit_headers(connection->two, 0, id, NULL, &status, 1, NULL);
        nghttp2_submit_rst_stream(connection->two, 0, id, NGHTTP2_NO_ERROR);
    } else if (strcmp(stream->path, "/short") == 0) {
        say(stream, "hello");
        nghttp2_submit_response(connection->two, id, with_length, 2, &body);
    } else if (strcmp(stream->path, "/half") == 0) {
        gs_buf_put(&connection->out, "\0\0\x20\x01\x04\0\0", 7);
        connection->deaf = true;
    } else if (strcmp(stream->path, "/pings") == 0) {
        put_pings(connection);
    } else if (strcmp(stream->path, "/below") == 0 && connection->peer->n_refused++ == 0) {
        nghttp2_submit_goaway(connection->two, 0, id - 2, NGHTTP2_NO_ERROR, NULL, 0);
    } else {
        return false;
    }
    return true;
}

static void answer(struct two_connection *connection, int32_t id, struct two_stream *stream)
{
    struct two_peer *peer = connection->peer;
    unsigned n = 0;
    peer->n_asked++;
    if (strcmp(stream->path, "/hold") == 0) {
        assert_true(peer->n_held < TWO_HELD_MAX);
        peer->held[peer->n_held].connection = connection;
        peer->held[peer->n_held++].stream = id;
        return;
    }
    if (strcmp(stream->path, "/reset") == 0) {
        nghttp2_submit_rst_stream(connection->two, 0, id, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    if (strcmp(stream->path, "/refuse") == 0 && peer->n_refused++ == 0) {
        nghttp2_submit_rst_stream(connection->two, 0, id, NGHTTP2_REFUSED_STREAM);
        return;
    }
    if (strcmp(stream->path, "/flood") == 0) {
        flood(connection, id);
        return;
    }
    if (answer_badly(connection, id, stream)) {
        return;
    }
    if (strcmp(stream->path, "/garbage") == 0) {
        gs_buf_put(&connection->out, "\0\0\x08\x00\x09\0\0\0\x01nonsense", 17);
        return;
    }
    if (strcmp(stream->path, "/hints") == 0) {
        nghttp2_nv hints[] = {field(":status", "103"), field("link", "</a>")};
        nghttp2_submit_headers(connection->two, 0, id, NULL, hints, GS_ARRAY_LEN(hints), NULL);
    }
    if (strcmp(stream->path, "/goaway") == 0) {
        nghttp2_submit_goaway(connection->two, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
    }
    if (sscanf(stream->path, "/large/%u", &n) == 1) {
        gs_buf_reset(&stream->body);
        for (unsigned i = 0; i < n; i++) {
            char c = (char)('a' + i % 26);
            gs_buf_put(&stream->body, &c, 1);
        }
    } else if (strcmp(stream->path, "/echo") != 0) {
        say(stream, strcmp(stream->path, "/empty") == 0 ? "" : "hello");
    }
    connection->cut = connection->cut || strcmp(stream->path, "/cut") == 0;
    respond(connection, id, strcmp(stream->path, "/empty") == 0 ? "204" : "200");
}

/* ---- what comes ---- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct two_connection *connection = ctx;
    struct two_stream *stream = calloc(1, sizeof(*stream));
    assert_non_null(stream);
    stream->next = connection->streams;
    connection->streams = stream;
    gs_buf_init(&stream->body, 8 << 20);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *ctx)
{
    struct two_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;
    (void)ctx;
    if (n_name == 5 && memcmp(name, ":path", 5) == 0) {
        snprintf(stream->path, sizeof(stream->path), "%.*s", (int)n_value, (const char *)value);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t n, void *ctx)
{
    struct two_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    (void)flags;
    (void)ctx;
    gs_buf_put(&stream->body, (const char *)bytes, n);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct two_connection *connection = ctx;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        connection->peer->n_reset++;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
        answer(connection, frame->hd.stream_id,
               nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
    }
    return 0;
}

/* ---- the connection ---- */

/* False: it is gone. */
static bool flush(struct two_connection *connection)
{
    const uint8_t *bytes;
    ssize_t n;
    while (!connection->deaf && (n = nghttp2_session_mem_send(connection->two, &bytes)) > 0) {
        gs_buf_put(&connection->out, (const char *)bytes, (size_t)n);
    }
    while (connection->sent < connection->out.len) {
        n = gnutls_record_send(connection->tls, connection->out.text + connection->sent,
                               connection->out.len - connection->sent);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
            sd_event_source_set_io_events(connection->source,
                                          connection->deaf ? EPOLLOUT : EPOLLIN | EPOLLOUT);
            return true;
        }
        if (n < 0) {
            drop(connection);
            return false;
        }
        connection->sent += (size_t)n;
    }
    connection->sent = 0;
    gs_buf_reset(&connection->out);
    sd_event_source_set_io_events(connection->source, connection->deaf ? 0 : EPOLLIN);
    if (connection->cut || (nghttp2_session_want_read(connection->two) == 0 &&
                            nghttp2_session_want_write(connection->two) == 0)) {
        drop(connection);
        return false;
    }
    return true;
}

static void begin_two(struct two_connection *connection)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    const struct two_peer *peer = connection->peer;
    const nghttp2_settings_entry settings[] = {
        {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, .value = peer->shut ? 0 : 65535},
        {.settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
         .value = peer->busy ? 0 : peer->max_streams},
    };
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    assert_int_equal(nghttp2_option_new(&option), 0);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    assert_int_equal(nghttp2_session_server_new2(&connection->two, callbacks, connection, option),
                     0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(connection->two, 0, settings,
                            peer->max_streams == 0 && !peer->busy ? 1 : 2);
    connection->open = true;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct two_connection *connection = ctx;
    char bytes[16384];
    ssize_t n = 0;
    (void)source;
    (void)fd;
    if (connection->deaf && (revents & (EPOLLHUP | EPOLLERR)) != 0) {
        drop(connection);
        return 0;
    }
    if (!connection->open) {
        int r = gnutls_handshake(connection->tls);
        if (r < 0 && gnutls_error_is_fatal(r) != 0) {
            drop(connection);
            return 0;
        }
        if (r < 0) {
            return 0;
        }
        begin_two(connection);
    }
    while (!connection->deaf &&
           (n = gnutls_record_recv(connection->tls, bytes, sizeof(bytes))) > 0) {
        if (nghttp2_session_mem_recv(connection->two, (const uint8_t *)bytes, (size_t)n) < 0) {
            drop(connection);
            return 0;
        }
    }
    if (!connection->deaf && n != GNUTLS_E_AGAIN && n != GNUTLS_E_INTERRUPTED) {
        drop(connection);
        return 0;
    }
    (void)flush(connection);
    return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct two_peer *peer = ctx;
    unsigned i = 0;
    static const gnutls_datum_t h2 = {.data = (unsigned char *)(uintptr_t) "h2", .size = 2};
    (void)source;
    (void)revents;
    while (peer->connections[i] != NULL) {
        i++;
    }
    assert_true(i < TWO_PEERS_MAX);
    struct two_connection *connection = calloc(1, sizeof(*connection));
    assert_non_null(connection);
    connection->peer = peer;
    connection->index = i;
    connection->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(connection->fd >= 0);
    gs_buf_init(&connection->out, 64 << 20);
    gnutls_init(&connection->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(connection->tls);
    gnutls_credentials_set(connection->tls, GNUTLS_CRD_CERTIFICATE, peer->credentials);
    gnutls_alpn_set_protocols(connection->tls, &h2, 1, 0);
    gnutls_transport_set_int(connection->tls, connection->fd);
    assert_true(sd_event_add_io(peer->event, &connection->source, connection->fd, EPOLLIN, on_io,
                                connection) >= 0);
    peer->connections[i] = connection;
    peer->n_accepted++;
    return 0;
}

static void load_keys(struct two_peer *peer)
{
    struct cert server;
    gnutls_certificate_credentials_t credentials;
    cert_make(&(struct cert_plan){.name = "CA", .days = 10}, &peer->ca);
    cert_make(
        &(struct cert_plan){.name = "two", .address = "127.0.0.1", .days = 5, .by = &peer->ca},
        &server);
    const gnutls_datum_t cert = {.data = (unsigned char *)server.pem,
                                 .size = (unsigned)strlen(server.pem)};
    const gnutls_datum_t key = {.data = (unsigned char *)server.key,
                                .size = (unsigned)strlen(server.key)};
    assert_true(gnutls_certificate_allocate_credentials(&credentials) >= 0);
    assert_true(
        gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM) >= 0);
    peer->credentials = credentials;
}

void two_peer_start(struct two_peer *peer, sd_event *event, unsigned max_streams)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    *peer = (struct two_peer){.event = event, .max_streams = max_streams};
    load_keys(peer);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(bind(peer->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(peer->fd, 64), 0);
    assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&at, &n), 0);
    peer->port = ntohs(at.sin_port);
    assert_true(sd_event_add_io(event, &peer->source, peer->fd, EPOLLIN, on_connection, peer) >= 0);
}

void two_peer_stop(struct two_peer *peer)
{
    for (unsigned i = 0; i < TWO_PEERS_MAX; i++) {
        if (peer->connections[i] != NULL) {
            drop(peer->connections[i]);
        }
    }
    sd_event_source_disable_unref(peer->source);
    close(peer->fd);
    gnutls_certificate_free_credentials(peer->credentials);
}

void two_peer_answer(struct two_peer *peer, unsigned held)
{
    struct two_connection *connection = peer->held[held].connection;
    assert_non_null(connection);
    struct two_stream *stream =
        nghttp2_session_get_stream_user_data(connection->two, peer->held[held].stream);
    say(stream, "held");
    respond(connection, peer->held[held].stream, "200");
    (void)flush(connection);
}
