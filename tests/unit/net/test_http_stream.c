/* Answers that go on, and what a request and an answer carry beside path and body. */
#include "unit/net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "net/http_server.h"

enum { STREAM_MAX = 64 << 10 };

struct world {
    sd_event *event;
    struct gs_http_server *server;
    struct gs_http_stream *stream;
    struct gs_http_exchange *later;
    unsigned n_gone;
    int fd; /* of the raw client */
    struct gs_buf got;
};

static void on_gone(void *ctx)
{
    struct world *world = ctx;
    world->n_gone++;
    world->stream = NULL;
}

static void begin_stream(struct world *world, struct gs_http_exchange *exchange)
{
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"}};
    const struct gs_http_stream_options options = {.type = "text/event-stream",
                                                   .headers = headers,
                                                   .n_headers = 1,
                                                   .max_waiting = STREAM_MAX,
                                                   .gone = on_gone,
                                                   .ctx = world};
    world->stream = gs_http_stream_begin(exchange, &options);
    assert_non_null(world->stream);
}

static void serve_stream(void *ctx, struct gs_http_exchange *exchange,
                         const struct gs_http_asked *asked)
{
    (void)asked;
    begin_stream(ctx, exchange);
}

static void on_late_gone(void *ctx)
{
    (void)ctx;
}

static void serve_late(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    struct world *world = ctx;
    (void)asked;
    world->later = exchange;
    gs_http_later(exchange, on_late_gone, world);
}

/* Says what it was asked. */
static void serve_asked(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    char text[512];
    const char *cookie = gs_http_asked_header(exchange, "cookie");
    const char *a = gs_http_asked_query(exchange, "a");
    static const struct gs_http_header headers[] = {{"ETag", "\"1\""}};
    (void)ctx;
    snprintf(text, sizeof(text), "%s cookie=%.100s a=%.100s hosts=%u", asked->method,
             cookie == NULL ? "none" : cookie, a == NULL ? "none" : a,
             gs_http_asked_count(exchange, "host"));
    const struct gs_http_reply reply = {.status = 200,
                                        .type = "text/plain",
                                        .body = gs_view(text),
                                        .headers = headers,
                                        .n_headers = 1};
    gs_http_reply(exchange, &reply);
}

static const struct gs_http_header always[] = {{"X-Always", "yes"}};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    int fd = -1;
    assert_non_null(world);
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/stream", .serve = serve_stream, .ctx = world},
        {.method = "GET", .path = "/late", .serve = serve_late, .ctx = world},
        {.method = "GET", .path = "/asked", .serve = serve_asked, .ctx = world},
    };
    const struct gs_http_server_options options = {.routes = routes,
                                                   .n_routes = GS_ARRAY_LEN(routes),
                                                   .idle_limit_s = 3,
                                                   .headers = always,
                                                   .n_headers = 1};
    assert_true(sd_event_new(&world->event) >= 0);
    assert_int_equal(gs_http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
    assert_int_equal(gs_http_server_new(world->event, fd, &options, &world->server, NULL), 0);
    gs_buf_init(&world->got, 64 << 20);
    world->fd = raw_connect(gs_http_server_port(world->server));
    assert_true(fcntl(world->fd, F_SETFL, O_NONBLOCK) == 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    gs_http_server_free(world->server);
    if (world->fd >= 0) {
        close(world->fd);
    }
    gs_buf_done(&world->got);
    sd_event_unref(world->event);
    free(world);
    return 0;
}

static void say(const struct world *world, const char *text)
{
    assert_int_equal(send(world->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Turns the loop and takes what comes, until `text` has come. */
static void await(struct world *world, const char *text)
{
    char bytes[65536];
    for (unsigned i = 0; i < 500 && strstr(gs_buf_text(&world->got), text) == NULL; i++) {
        loop_for(world->event, 10);
        ssize_t n = recv(world->fd, bytes, sizeof(bytes), 0);
        if (n > 0) {
            gs_buf_put(&world->got, bytes, (size_t)n);
        }
    }
    if (strstr(gs_buf_text(&world->got), text) == NULL) {
        fail_msg("\"%s\" did not come, but: %.500s", text, gs_buf_text(&world->got));
    }
}

static bool is_closed(struct world *world)
{
    char byte;
    for (unsigned i = 0; i < 500; i++) {
        loop_for(world->event, 10);
        ssize_t n = recv(world->fd, &byte, 1, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
    }
    return false;
}

static void stream__pieces_come_as_they_are_put(void **state)
{
    struct world *world = *state;
    say(world, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "\r\n\r\n");
    assert_non_null(strstr(world->got.text, "Transfer-Encoding: chunked"));
    assert_non_null(strstr(world->got.text, "text/event-stream"));
    assert_non_null(strstr(world->got.text, "Cache-Control: no-store"));
    assert_non_null(strstr(world->got.text, "X-Always: yes"));
    assert_true(gs_http_stream_put(world->stream, gs_view("data: one\n\n")));
    await(world, "data: one\n\n");
    loop_for(world->event, 50);
    assert_true(gs_http_stream_put(world->stream, gs_view("data: two\n\n")));
    assert_true(gs_http_stream_put(world->stream, gs_view("data: three\n\n")));
    await(world, "data: three\n\n");
    gs_http_stream_end(world->stream);
    await(world, "\r\n0\r\n\r\n");
    assert_int_equal(world->n_gone, 0);
    /* the connection serves on */
    gs_buf_reset(&world->got);
    say(world, "GET /asked HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "hosts=1");
}

static void stream__may_begin_late(void **state)
{
    struct world *world = *state;
    say(world, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < 500 && world->later == NULL; i++) {
        loop_for(world->event, 10);
    }
    begin_stream(world, world->later);
    assert_true(gs_http_stream_put(world->stream, gs_view("late")));
    await(world, "late");
    gs_http_stream_end(world->stream);
    await(world, "\r\n0\r\n\r\n");
}

static void stream__a_reader_that_goes_is_noticed(void **state)
{
    struct world *world = *state;
    say(world, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "\r\n\r\n");
    close(world->fd);
    world->fd = -1;
    for (unsigned i = 0; i < 300 && world->stream != NULL; i++) {
        assert_true(gs_http_stream_put(world->stream, gs_view("ping")));
        loop_for(world->event, 10);
    }
    assert_int_equal(world->n_gone, 1);
}

/* Nothing is read: what waits has a bound, and the connection is closed. */
static void stream__a_slow_reader_is_dropped(void **state)
{
    struct world *world = *state;
    char piece[4096];
    unsigned n = 0;
    memset(piece, 'x', sizeof(piece));
    say(world, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < 500 && world->stream == NULL; i++) {
        loop_for(world->event, 10);
    }
    while (n < 100000 &&
           gs_http_stream_put(world->stream, (struct gs_view){piece, sizeof(piece)})) {
        n++;
        (void)sd_event_run(world->event, 0);
    }
    assert_true(n < 100000);
    assert_int_equal(world->n_gone, 0);
    char bytes[65536];
    bool over = false;
    for (unsigned i = 0; i < 5000 && !over; i++) {
        (void)sd_event_run(world->event, 1000);
        ssize_t k = recv(world->fd, bytes, sizeof(bytes), 0);
        over = k == 0 || (k < 0 && errno != EAGAIN);
    }
    assert_true(over);
}

static void stream__ends_with_its_server(void **state)
{
    struct world *world = *state;
    say(world, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "\r\n\r\n");
    loop_for(world->event, 30); /* it waits for more */
    gs_http_server_free(world->server);
    world->server = NULL;
    assert_int_equal(world->n_gone, 1);
    assert_true(is_closed(world));
}

static void stream__is_not_idle_while_it_waits(void **state)
{
    struct world *world = *state;
    say(world, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "\r\n\r\n");
    loop_for(world->event, 4000); /* the idle limit is 3 s */
    assert_int_equal(world->n_gone, 0);
    assert_true(gs_http_stream_put(world->stream, gs_view("still here")));
    await(world, "still here");
}

static void http__headers_and_arguments_are_there(void **state)
{
    struct world *world = *state;
    say(world, "GET /asked?a=1%202&b HTTP/1.1\r\nHost: a\r\nCOOKIE: x=y\r\n\r\n");
    await(world, "GET cookie=x=y a=1 2 hosts=1");
    assert_non_null(strstr(world->got.text, "ETag: \"1\""));
    assert_non_null(strstr(world->got.text, "X-Always: yes"));
}

static void http__two_hosts_are_refused_with_the_headers_of_all_answers(void **state)
{
    struct world *world = *state;
    say(world, "GET /asked HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n");
    await(world, "more than one Host; expected one");
    assert_non_null(strstr(world->got.text, "HTTP/1.1 400"));
    assert_non_null(strstr(world->got.text, "X-Always: yes"));
    assert_null(strstr(world->got.text, "hosts="));
}

static void http__refusals_have_the_headers_too(void **state)
{
    struct world *world = *state;
    say(world, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "nothing at this path");
    assert_non_null(strstr(world->got.text, "X-Always: yes"));
    gs_buf_reset(&world->got);
    say(world, "DELETE /asked HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "not served here");
    assert_non_null(strstr(world->got.text, "Allow: GET"));
}

static void http__head_has_no_body(void **state)
{
    struct world *world = *state;
    say(world, "HEAD /asked HTTP/1.1\r\nHost: a\r\n\r\n");
    await(world, "\r\n\r\n");
    loop_for(world->event, 30);
    assert_null(strstr(world->got.text, "hosts="));
    assert_non_null(strstr(world->got.text, "ETag"));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(stream__pieces_come_as_they_are_put),
        EACH(stream__may_begin_late),
        EACH(stream__a_reader_that_goes_is_noticed),
        EACH(stream__a_slow_reader_is_dropped),
        EACH(stream__ends_with_its_server),
        EACH(stream__is_not_idle_while_it_waits),
        EACH(http__headers_and_arguments_are_there),
        EACH(http__two_hosts_are_refused_with_the_headers_of_all_answers),
        EACH(http__refusals_have_the_headers_too),
        EACH(http__head_has_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
