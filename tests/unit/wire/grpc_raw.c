#include "unit/wire/grpc_raw.h"

#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "wire/grpc_bytes.h"

static void keep(char *to, size_t size, const uint8_t *value, size_t n)
{
    snprintf(to, size, "%.*s", (int)n, (const char *)value);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t n, uint8_t flags, void *ctx)
{
    struct raw_answer *answer = &((struct raw *)ctx)->answer;
    const struct gs_view key = {(const char *)name, name_n};
    (void)h2;
    (void)frame;
    (void)flags;
    if (gs_view_eq(key, ":status")) {
        keep(answer->http_status, sizeof(answer->http_status), value, n);
    } else if (gs_view_eq(key, "content-type")) {
        keep(answer->content_type, sizeof(answer->content_type), value, n);
    } else if (gs_view_eq(key, "grpc-status")) {
        keep(answer->grpc_status, sizeof(answer->grpc_status), value, n);
    } else if (gs_view_eq(key, "grpc-message")) {
        keep(answer->grpc_message, sizeof(answer->grpc_message), value, n);
    }
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n,
                   void *ctx)
{
    (void)h2;
    (void)flags;
    (void)id;
    (void)bytes;
    ((struct raw *)ctx)->answer.n_data += n;
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct raw *raw = ctx;
    (void)h2;
    raw->n_goaway += frame->hd.type == NGHTTP2_GOAWAY ? 1 : 0;
    raw->n_pings += frame->hd.type == NGHTTP2_PING ? 1 : 0;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        raw->answer.ended = true;
    }
    return 0;
}

static int on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *ctx)
{
    struct raw *raw = ctx;
    (void)h2;
    (void)id;
    raw->n_closed++;
    raw->answer.closed = true;
    raw->answer.h2_code = code;
    return 0;
}

void raw_init(struct raw *raw, bool server)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    memset(raw, 0, sizeof(*raw));
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    assert_int_equal(nghttp2_option_new(&option), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, 1000);
    int r = server ? nghttp2_session_server_new2(&raw->h2, callbacks, raw, option)
                   : nghttp2_session_client_new2(&raw->h2, callbacks, raw, option);
    assert_int_equal(r, 0);
    assert_int_equal(nghttp2_submit_settings(raw->h2, NGHTTP2_FLAG_NONE, NULL, 0), 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
}

void raw_done(struct raw *raw)
{
    nghttp2_session_del(raw->h2);
}

static size_t make_list(const char *const *headers, nghttp2_nv list[RAW_HEADERS_MAX])
{
    size_t n = 0;
    for (; headers[2 * n] != NULL; n++) {
        assert_true(n < RAW_HEADERS_MAX);
        list[n] = (nghttp2_nv){.name = gs_grpc_bytes(headers[2 * n]),
                               .namelen = strlen(headers[2 * n]),
                               .value = gs_grpc_bytes(headers[2 * n + 1]),
                               .valuelen = strlen(headers[2 * n + 1])};
    }
    return n;
}

void raw_headers_send(struct raw *raw, int32_t id, const char *const *headers, bool ends)
{
    nghttp2_nv list[RAW_HEADERS_MAX];
    size_t n = make_list(headers, list);
    assert_int_equal(nghttp2_submit_headers(raw->h2,
                                            ends ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, id,
                                            NULL, list, n, NULL),
                     0);
}

static ssize_t read_body(nghttp2_session *h2, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
                         nghttp2_data_source *source, void *ctx)
{
    struct raw *raw = ctx;
    size_t rest = raw->body.n - raw->body_sent;
    (void)h2;
    (void)id;
    (void)source;
    n = n < rest ? n : rest;
    memcpy(to, raw->body.p + raw->body_sent, n);
    raw->body_sent += n;
    *flags |= n == rest ? NGHTTP2_DATA_FLAG_EOF : 0;
    *flags |= n == rest && !raw->body_ends ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0;
    return (ssize_t)n;
}

static nghttp2_data_provider provide(struct raw *raw, struct gs_view bytes, bool ends)
{
    raw->body = bytes;
    raw->body_sent = 0;
    raw->body_ends = ends;
    return (nghttp2_data_provider){.read_callback = read_body};
}

int32_t raw_call(struct raw *raw, const char *const *headers, struct gs_view body, bool ends)
{
    nghttp2_nv list[RAW_HEADERS_MAX];
    size_t n = make_list(headers, list);
    const nghttp2_data_provider provider = provide(raw, body, ends);
    int32_t id = nghttp2_submit_request(raw->h2, NULL, list, n, &provider, NULL);
    assert_true(id > 0);
    return id;
}

void raw_data_send(struct raw *raw, int32_t id, struct gs_view bytes, bool ends)
{
    const nghttp2_data_provider provider = provide(raw, bytes, ends);
    assert_int_equal(
        nghttp2_submit_data(raw->h2, ends ? NGHTTP2_FLAG_END_STREAM : 0, id, &provider), 0);
}

int raw_give(struct raw *raw, struct gs_grpc_session *session, uint64_t now_us, struct gs_err *err)
{
    for (;;) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(raw->h2, &bytes);
        assert_true(n >= 0);
        if (n == 0) {
            return 0;
        }
        int r = gs_grpc_session_recv(session, (struct gs_view){(const char *)bytes, (size_t)n},
                                     now_us, err);
        if (r < 0) {
            return r;
        }
    }
}

int raw_take(struct raw *raw, struct gs_grpc_session *session, uint64_t now_us, struct gs_err *err)
{
    for (;;) {
        struct gs_view bytes;
        int r = gs_grpc_session_pull(session, now_us, &bytes, err);
        if (r < 0 || bytes.n == 0) {
            return r;
        }
        assert_true(nghttp2_session_mem_recv(raw->h2, (const uint8_t *)bytes.p, bytes.n) >= 0);
    }
}

int raw_run(struct raw *raw, struct gs_grpc_session *session, uint64_t now_us, struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; i < 2000 && r == 0; i++) { /* rounds: a window at a time */
        r = raw_give(raw, session, now_us, err);
        r = r < 0 ? r : raw_take(raw, session, now_us, err);
        if (nghttp2_session_want_write(raw->h2) == 0) {
            break;
        }
    }
    return r;
}
