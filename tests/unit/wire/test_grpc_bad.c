/* Sessions of gRPC against peers that do not behave. */
#include "unit/wire/grpc_raw.h"

#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/grpc_frame.h"

/* Our side: what it was told. */
static struct {
    struct gs_grpc_session *session;
    struct gs_grpc_account account;
    struct gs_grpc_stream *last;
    unsigned n_requests;
    unsigned n_messages;
    unsigned n_ended;
    enum gs_grpc_status status;
    char text[GS_GRPC_STATUS_TEXT_MAX];
} ours;

static struct raw raw;
static struct gs_err err;

static void on_request(void *ctx, struct gs_grpc_stream *stream, struct gs_view path,
                       struct gs_view message)
{
    (void)ctx;
    (void)path;
    (void)message;
    ours.n_requests++;
    ours.last = stream;
}

static void on_message(void *ctx, struct gs_grpc_stream *stream, struct gs_view message)
{
    (void)ctx;
    (void)stream;
    (void)message;
    ours.n_messages++;
}

static void on_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                     const char *text)
{
    (void)ctx;
    (void)stream;
    ours.n_ended++;
    ours.status = status;
    memcpy(ours.text, text, strlen(text) + 1);
}

static void begin(bool server)
{
    static const struct gs_grpc_events events = {
        .request = on_request, .message = on_message, .ended = on_ended};
    const struct gs_grpc_config config = {
        .server = server, .events = &events, .account = &ours.account};
    memset(&ours, 0, sizeof(ours));
    err = (struct gs_err){.code = GS_OK};
    ours.account.max = 64 << 20;
    ours.session = gs_grpc_session_new(&config);
    assert_non_null(ours.session);
    raw_init(&raw, !server);
}

static void end(void)
{
    gs_grpc_session_free(ours.session);
    assert_int_equal(ours.account.used, 0);
    raw_done(&raw);
}

static void run(void)
{
    if (raw_run(&raw, ours.session, 0, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

#define POST ":method", "POST", ":scheme", "http"
#define PATH ":path", "/v1.Test/Do"
#define TYPE "content-type", "application/grpc"
#define BYTES(text) ((struct gs_view){(text), sizeof(text) - 1})
#define EMPTY BYTES("\0\0\0\0\0")

/* Requests */

#define TEN(text) text text text text text text text text text text
#define LONG TEN(TEN("0123456789"))

/* Calls with these headers and one empty message. */
static const struct {
    const char *what;
    const char *headers[2 * RAW_HEADERS_MAX];
    const char *http;    /* NULL: it is served */
    const char *status;  /* "": the stream is reset */
    const char *message; /* how grpc-message begins */
} heads[] = {
    {"plain", {POST, PATH, TYPE}, NULL, NULL, NULL},
    {"a bare path as authority",
     {POST, PATH, TYPE, ":authority", "/var/lib/x.sock"},
     NULL,
     NULL,
     NULL},
    {"two authorities", {POST, PATH, TYPE, ":authority", "a", ":authority", "b"}, NULL, NULL, NULL},
    {"with proto", {POST, PATH, "content-type", "application/grpc+proto"}, NULL, NULL, NULL},
    {"with a parameter", {POST, PATH, "content-type", "application/grpc;x=y"}, NULL, NULL, NULL},
    {"identity", {POST, PATH, TYPE, "grpc-encoding", "identity"}, NULL, NULL, NULL},
    {"with a timeout", {POST, PATH, TYPE, "grpc-timeout", "30S"}, NULL, NULL, NULL},
    {"Upper-Case", {POST, PATH, TYPE, "X-Thing", "1"}, NULL, NULL, NULL},
    {"GET", {":method", "GET", PATH, TYPE}, "405", "13", "found another HTTP method"},
    {"no type", {POST, PATH}, "415", "3", "found another content-type"},
    {"another type", {POST, PATH, "content-type", "application/json"}, "415", "3", "found another"},
    {"nearly the type", {POST, PATH, "content-type", "application/grpcx"}, "415", "3", "found"},
    {"gzip", {POST, PATH, TYPE, "grpc-encoding", "gzip"}, "200", "12", "found a compressed call"},
    {"a bad timeout", {POST, PATH, TYPE, "grpc-timeout", "soon"}, "200", "13", "found a malformed"},
    {"a long path", {POST, ":path", "/" LONG, TYPE}, "200", "12", "found a method of more than"},
    {"no path", {POST, TYPE}, "", "", ""},
    {"no method", {PATH, TYPE}, "", "", ""},
    {"two paths", {POST, PATH, PATH, TYPE}, "", "", ""},
    {"two methods", {POST, PATH, ":method", "POST", TYPE}, "", "", ""},
    {"no headers at all", {NULL}, "", "", ""},
};

static void check_head(size_t i)
{
    unsigned before = ours.n_requests;
    raw.answer = (struct raw_answer){.n_data = 0};
    raw_call(&raw, heads[i].headers, EMPTY, true);
    run();
    const struct raw_answer *answer = &raw.answer;
    bool served = ours.n_requests == before + 1;
    if (served) {
        gs_grpc_stream_finish(ours.last, GS_GRPC_OK, NULL, 0);
        run();
    }
    const char *http = heads[i].http == NULL ? "" : heads[i].http;
    if (served != (heads[i].http == NULL)) {
        fail_msg("%s: %s", heads[i].what, served ? "served" : "not served");
    }
    if (served) {
        assert_string_equal(answer->grpc_status, "0");
        return;
    }
    if (strcmp(answer->http_status, http) != 0 ||
        strcmp(answer->grpc_status, heads[i].status) != 0 ||
        strncmp(answer->grpc_message, heads[i].message, strlen(heads[i].message)) != 0) {
        fail_msg("%s: found HTTP %s, grpc-status %s, \"%s\"", heads[i].what, answer->http_status,
                 answer->grpc_status, answer->grpc_message);
    }
    assert_true(answer->closed);
    if (*heads[i].status == '\0') {
        assert_int_equal(answer->h2_code, NGHTTP2_PROTOCOL_ERROR);
    }
}

static void grpc_server__serves_or_refuses_by_what_the_headers_say(void **state)
{
    (void)state;
    begin(true);
    for (size_t i = 0; i < GS_ARRAY_LEN(heads); i++) {
        check_head(i);
    }
    assert_int_equal(ours.n_ended, 0);
    end();
}

static void grpc_server__refuses_a_call_with_too_many_headers(void **state)
{
    (void)state;
    static char value[GS_GRPC_HEADERS_MAX];
    const char *headers[2 * RAW_HEADERS_MAX] = {"x-long", value, POST, PATH, TYPE};
    memset(value, 'x', sizeof(value) - 1);
    begin(true);
    raw_call(&raw, headers, EMPTY, true);
    run();
    assert_int_equal(ours.n_requests, 0);
    assert_string_equal(raw.answer.grpc_status, "8");
    check_head(0); /* and goes on */
    end();
}

/* Bodies; the status with which each is refused. */
static void grpc_server__refuses_what_is_not_one_message(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct gs_view body;
        bool ends;
        const char *status;
        const char *message;
    } bodies[] = {
        {"nothing", {"", 0}, true, "13", "found no message; expected one"},
        {"a part of a prefix", BYTES("\0\0\0"), true, "13", "the request ended within a message"},
        {"a part of a message", BYTES("\0\0\0\0\5abc"), true, "13", "the request ended within"},
        {"two messages", BYTES("\0\0\0\0\1a\0\0\0\0\1b"), true, "13",
         "found more than one message"},
        {"a byte too many", BYTES("\0\0\0\0\1ab"), false, "13", "found more than one message"},
        {"compressed", BYTES("\1\0\0\0\1a"), false, "12", "found a compressed message"},
        {"flags", BYTES("\x80\0\0\0\1a"), false, "13", "found a message with flags 0x80"},
        {"too long", BYTES("\0\0\x40\0\1"), false, "8",
         "found a message of 4194305 bytes; expected 4194304 at most"},
    };
    static const char *const headers[2 * RAW_HEADERS_MAX] = {POST, PATH, TYPE};
    begin(true);
    for (size_t i = 0; i < GS_ARRAY_LEN(bodies); i++) {
        raw.answer = (struct raw_answer){.n_data = 0};
        raw_call(&raw, headers, bodies[i].body, bodies[i].ends);
        run();
        const struct raw_answer *answer = &raw.answer;
        if (strcmp(answer->grpc_status, bodies[i].status) != 0 ||
            strncmp(answer->grpc_message, bodies[i].message, strlen(bodies[i].message)) != 0) {
            fail_msg("%s: found %s \"%s\"", bodies[i].what, answer->grpc_status,
                     answer->grpc_message);
        }
        /* A client that had more to say is told that nobody listens. */
        assert_true(answer->closed);
        assert_int_equal(answer->h2_code, NGHTTP2_NO_ERROR);
    }
    assert_int_equal(ours.n_requests, 0);
    end();
}

static void grpc_server__takes_a_request_that_ends_in_trailers(void **state)
{
    (void)state;
    static const char *const headers[2 * RAW_HEADERS_MAX] = {POST, PATH, TYPE};
    static const char *const trailers[2 * RAW_HEADERS_MAX] = {"x-end", "1", ":path", "/other"};
    begin(true);
    int32_t id = raw_call(&raw, headers, EMPTY, false);
    run();
    assert_int_equal(ours.n_requests, 0);
    raw_headers_send(&raw, id, trailers, true);
    run();
    assert_int_equal(ours.n_requests, 1);
    end();
    assert_int_equal(ours.n_ended, 1);
}

static void grpc_server__holds_a_bounded_number_of_bytes_of_requests(void **state)
{
    (void)state;
    static const char *const headers[2 * RAW_HEADERS_MAX] = {POST, PATH, TYPE};
    const size_t n = GS_GRPC_MESSAGE_MAX + GS_GRPC_PREFIX - 1; /* one byte is still to come */
    char *body = calloc(1, n);
    memcpy(body, "\0\0\x40\0\0", GS_GRPC_PREFIX);
    begin(true);
    for (unsigned i = 0; i < 10; i++) {
        raw.answer = (struct raw_answer){.n_data = 0};
        raw_call(&raw, headers, (struct gs_view){body, n}, false);
        run();
        assert_true(ours.account.used <= GS_GRPC_SESSION_BYTES);
        assert_string_equal(raw.answer.grpc_status, i < 4 ? "" : "8");
    }
    assert_int_equal(ours.n_requests, 0);
    end();
    free(body);
}

static void grpc_server__forgets_a_request_that_does_not_go_on(void **state)
{
    (void)state;
    static const char *const headers[2 * RAW_HEADERS_MAX] = {POST, PATH, TYPE};
    const uint64_t limit_us = (uint64_t)GS_GRPC_STALL_S * 1000000;
    begin(true);
    raw_call(&raw, headers, BYTES("\0\0\0\0\7abc"), false);
    run();
    assert_int_equal(gs_grpc_session_deadline(ours.session), limit_us);
    gs_grpc_session_expire(ours.session, limit_us);
    run();
    assert_true(raw.answer.closed);
    assert_int_equal(raw.answer.h2_code, NGHTTP2_CANCEL);
    assert_int_equal(ours.n_ended, 0); /* nobody knew of it */
    assert_int_equal(gs_grpc_session_deadline(ours.session), UINT64_MAX);
    end();
}

static void grpc_server__ends_a_connection_that_is_not_http2(void **state)
{
    (void)state;
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00",
                                        "PRI * HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < GS_ARRAY_LEN(texts); i++) {
        begin(true);
        assert_int_equal(gs_grpc_session_recv(ours.session, gs_view(texts[i]), 0, &err),
                         GS_INVALID);
        assert_non_null(strstr(err.msg, "found bytes that are not HTTP/2"));
        end();
    }
}

/* A frame of any kind, after the greeting. */
static int give_frame(const char *head, const char *payload, size_t n)
{
    struct gs_view frame = {head, 9};
    int r = gs_grpc_session_recv(ours.session, frame, 0, &err);
    frame = (struct gs_view){payload, n};
    return r < 0 || n == 0 ? r : gs_grpc_session_recv(ours.session, frame, 0, &err);
}

/* Each ends the connection with GOAWAY. */
static void grpc_server__says_goodbye_after_broken_frames(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct gs_view frame;
    } bad[] = {
        {"a frame too long", BYTES("\x10\0\0\0\0\0\0\0\1")},
        {"DATA without a stream", BYTES("\0\0\0\0\0\0\0\0\0")},
        {"DATA of a stream that is idle", BYTES("\0\0\0\0\0\0\0\0\7")},
        {"HEADERS of an even stream", BYTES("\0\0\0\1\5\0\0\0\2")},
        {"HEADERS that do not unpack", BYTES("\0\0\2\1\5\0\0\0\1\xff\xff")},
        {"CONTINUATION of nothing", BYTES("\0\0\0\x9\4\0\0\0\1")},
        {"a PING of 7 bytes", BYTES("\0\0\7\6\0\0\0\0\0"
                                    "1234567")},
        {"a window of nothing", BYTES("\0\0\4\x8\0\0\0\0\0\0\0\0\0")},
        {"a window too wide", BYTES("\0\0\4\x8\0\0\0\0\0\x7f\xff\xff\xff")},
        {"SETTINGS of 5 bytes", BYTES("\0\0\5\4\0\0\0\0\0"
                                      "12345")},
        {"PUSH_PROMISE", BYTES("\0\0\4\5\4\0\0\0\1\0\0\0\2")},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        begin(true);
        run();
        int r = gs_grpc_session_recv(ours.session, bad[i].frame, 0, &err);
        assert_true(r == 0 || r == GS_INVALID);
        raw_take(&raw, ours.session, 0, &err);
        if (raw.n_goaway != 1 || !gs_grpc_session_is_over(ours.session)) {
            fail_msg("%s: found %u GOAWAY, %s", bad[i].what, raw.n_goaway,
                     gs_grpc_session_is_over(ours.session) ? "over" : "not over");
        }
        end();
    }
}

static void grpc_server__skips_frames_of_unknown_kinds(void **state)
{
    (void)state;
    begin(true);
    run();
    assert_int_equal(give_frame("\0\0\5\x7f\xff\0\0\0\1", "12345", 5), 0);
    check_head(0);
    end();
}

static void grpc_server__ends_who_asks_and_does_not_listen(void **state)
{
    (void)state;
    begin(true);
    run();
    int r = 0;
    unsigned n = 0;
    for (; r == 0 && n < 100000; n++) {
        r = give_frame("\0\0\x8\6\0\0\0\0\0", "12345678", 8);
    }
    assert_int_equal(r, GS_LIMIT);
    assert_true(n <= GS_GRPC_FRAMES_MAX + 1);
    assert_string_equal(err.msg, "the other side sends frames and does not read the answers");
    end();
}

static void grpc_server__answers_pings(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(nghttp2_submit_ping(raw.h2, NGHTTP2_FLAG_NONE, (const uint8_t *)"12345678"),
                     0);
    run();
    assert_int_equal(raw.n_pings, 1);
    end();
}

static void grpc_server__takes_so_many_calls_at_a_time(void **state)
{
    (void)state;
    static const char *const headers[2 * RAW_HEADERS_MAX] = {POST, PATH, TYPE};
    begin(true);
    for (unsigned i = 0; i < GS_GRPC_STREAMS_MAX + 20; i++) {
        raw_call(&raw, headers, EMPTY, false);
    }
    run();
    assert_int_equal(raw.n_closed, 20);
    assert_int_equal(raw.answer.h2_code, NGHTTP2_REFUSED_STREAM);
    end();
}

/* "Rapid reset": calls that are cancelled as they are made. The connection may end; memory and work
 * stay bounded. */
static void grpc_server__is_not_kept_busy_by_calls_that_are_cancelled(void **state)
{
    (void)state;
    static const char *const headers[2 * RAW_HEADERS_MAX] = {POST, PATH, TYPE};
    begin(true);
    int r = 0;
    for (unsigned i = 0; r == 0 && i < 20000; i++) {
        int32_t id = raw_call(&raw, headers, EMPTY, false);
        r = raw_give(&raw, ours.session, 0, &err);
        nghttp2_submit_rst_stream(raw.h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        r = r < 0 ? r : raw_give(&raw, ours.session, 0, &err);
    }
    assert_true(r == 0 || r == GS_LIMIT);
    assert_int_equal(ours.n_requests, 0);
    end();
}

/* Answers */

static struct gs_grpc_stream *ask(void)
{
    struct gs_grpc_stream *stream = NULL;
    begin(false);
    assert_int_equal(gs_grpc_session_call(ours.session, "/a/b", gs_view(""), 0, 0, &stream, &err),
                     0);
    run();
    return stream;
}

#define OK200 ":status", "200"

/* Answers of a server: headers, bytes, trailers or a reset, and what a client hears. */
static const struct {
    const char *what;
    const char *headers[2 * RAW_HEADERS_MAX];
    struct gs_view body;
    const char *trailers[2 * RAW_HEADERS_MAX];
    uint32_t reset; /* HTTP/2's code, where it is not 0 */
    enum gs_grpc_status status;
    unsigned n_messages;
    const char *text; /* its beginning */
} answers[] = {
    {"good", {OK200, TYPE}, EMPTY, {"grpc-status", "0"}, 0, GS_GRPC_OK, 1, ""},
    {"two messages",
     {OK200, TYPE},
     BYTES("\0\0\0\0\1a\0\0\0\0\1b"),
     {"grpc-status", "0"},
     0,
     GS_GRPC_OK,
     2,
     ""},
    {"an error",
     {OK200, TYPE, "grpc-status", "5", "grpc-message", "no %25"},
     {0},
     {0},
     0,
     GS_GRPC_NOT_FOUND,
     0,
     "no %"},
    {"an error at the end",
     {OK200, TYPE},
     EMPTY,
     {"grpc-status", "13", "grpc-message", "x"},
     0,
     GS_GRPC_INTERNAL,
     1,
     "x"},
    {"an unknown status", {OK200, TYPE, "grpc-status", "99"}, {0}, {0}, 0, GS_GRPC_UNKNOWN, 0, ""},
    {"no number", {OK200, TYPE, "grpc-status", "x"}, {0}, {0}, 0, GS_GRPC_UNKNOWN, 0, ""},
    {"no status",
     {OK200, TYPE},
     EMPTY,
     {"x", "y"},
     0,
     GS_GRPC_INTERNAL,
     1,
     "the call was ended without a status"},
    {"half a message",
     {OK200, TYPE},
     BYTES("\0\0\0\0\5ab"),
     {"grpc-status", "0"},
     0,
     GS_GRPC_INTERNAL,
     0,
     "the answer ended within a message"},
    {"404",
     {":status", "404", TYPE},
     {0},
     {0},
     0,
     GS_GRPC_UNIMPLEMENTED,
     0,
     "found HTTP status 404; expected 200"},
    {"503",
     {":status", "503", "content-type", "text/html"},
     {0},
     {0},
     0,
     GS_GRPC_UNAVAILABLE,
     0,
     "found HTTP status 503"},
    {"a page",
     {OK200, "content-type", "text/html"},
     BYTES("<html>"),
     {0},
     0,
     GS_GRPC_UNKNOWN,
     0,
     "found another content-type"},
    {"gzip",
     {OK200, TYPE, "grpc-encoding", "gzip"},
     EMPTY,
     {0},
     0,
     GS_GRPC_INTERNAL,
     0,
     "found a compressed answer"},
    {"compressed",
     {OK200, TYPE},
     BYTES("\1\0\0\0\1a"),
     {0},
     0,
     GS_GRPC_UNIMPLEMENTED,
     0,
     "found a compressed message"},
    {"too long",
     {OK200, TYPE},
     BYTES("\0\x7f\0\0\0"),
     {0},
     0,
     GS_GRPC_RESOURCE_EXHAUSTED,
     0,
     "found a message of 2130706432 bytes"},
    {"refused",
     {0},
     {0},
     {0},
     NGHTTP2_REFUSED_STREAM,
     GS_GRPC_UNAVAILABLE,
     0,
     "the call was ended"},
    {"cancelled", {0}, {0}, {0}, NGHTTP2_CANCEL, GS_GRPC_CANCELLED, 0, "the call was ended"},
    {"calm down", {0}, {0}, {0}, NGHTTP2_ENHANCE_YOUR_CALM, GS_GRPC_RESOURCE_EXHAUSTED, 0, "the"},
    {"broken off",
     {OK200, TYPE},
     BYTES("\0\0"),
     {0},
     NGHTTP2_INTERNAL_ERROR,
     GS_GRPC_INTERNAL,
     0,
     "the call was ended without a status (HTTP/2: INTERNAL_ERROR)"},
};

static void give_answer(size_t i)
{
    bool more = answers[i].body.n > 0 || answers[i].reset != 0;
    if (answers[i].headers[0] != NULL) {
        raw_headers_send(&raw, 1, answers[i].headers, !more);
    }
    run();
    if (answers[i].body.n > 0 && !raw.answer.closed) { /* else it has read enough */
        raw_data_send(&raw, 1, answers[i].body, false);
        run();
    }
    if (answers[i].trailers[0] != NULL) {
        raw_headers_send(&raw, 1, answers[i].trailers, true);
    }
    if (answers[i].reset != 0) {
        nghttp2_submit_rst_stream(raw.h2, NGHTTP2_FLAG_NONE, 1, answers[i].reset);
    }
    run();
}

static void grpc_client__hears_of_an_end_by_what_the_answer_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(answers); i++) {
        ask();
        give_answer(i);
        if (ours.n_ended != 1 || ours.status != answers[i].status ||
            ours.n_messages != answers[i].n_messages ||
            strncmp(ours.text, answers[i].text, strlen(answers[i].text)) != 0) {
            fail_msg("%s: found %u ends, %s \"%s\", %u messages", answers[i].what, ours.n_ended,
                     gs_grpc_status_name(ours.status), ours.text, ours.n_messages);
        }
        end();
        assert_int_equal(ours.n_ended, 1);
    }
}

static void grpc_client__waits_for_the_answer_behind_a_hint(void **state)
{
    (void)state;
    static const char *const hint[2 * RAW_HEADERS_MAX] = {":status", "103"};
    ask();
    raw_headers_send(&raw, 1, hint, false);
    run();
    assert_int_equal(ours.n_ended, 0);
    give_answer(0);
    assert_int_equal(ours.n_ended, 1);
    assert_int_equal(ours.status, GS_GRPC_OK);
    end();
}

static void grpc_client__hears_of_a_server_that_goes_away(void **state)
{
    (void)state;
    ask();
    assert_int_equal(nghttp2_submit_goaway(raw.h2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR,
                                           (const uint8_t *)"", 0),
                     0);
    run();
    assert_int_equal(ours.n_ended, 1);
    assert_int_equal(ours.status, GS_GRPC_UNAVAILABLE);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grpc_server__serves_or_refuses_by_what_the_headers_say),
        cmocka_unit_test(grpc_server__refuses_a_call_with_too_many_headers),
        cmocka_unit_test(grpc_server__refuses_what_is_not_one_message),
        cmocka_unit_test(grpc_server__takes_a_request_that_ends_in_trailers),
        cmocka_unit_test(grpc_server__holds_a_bounded_number_of_bytes_of_requests),
        cmocka_unit_test(grpc_server__forgets_a_request_that_does_not_go_on),
        cmocka_unit_test(grpc_server__ends_a_connection_that_is_not_http2),
        cmocka_unit_test(grpc_server__says_goodbye_after_broken_frames),
        cmocka_unit_test(grpc_server__skips_frames_of_unknown_kinds),
        cmocka_unit_test(grpc_server__ends_who_asks_and_does_not_listen),
        cmocka_unit_test(grpc_server__answers_pings),
        cmocka_unit_test(grpc_server__takes_so_many_calls_at_a_time),
        cmocka_unit_test(grpc_server__is_not_kept_busy_by_calls_that_are_cancelled),
        cmocka_unit_test(grpc_client__hears_of_an_end_by_what_the_answer_says),
        cmocka_unit_test(grpc_client__waits_for_the_answer_behind_a_hint),
        cmocka_unit_test(grpc_client__hears_of_a_server_that_goes_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
