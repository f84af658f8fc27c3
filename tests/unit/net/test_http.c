/* The client and the server on one loop, and the client against peers that do not keep the rules.
 */
#include "unit/net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "unit/net/certs.h"

enum { WAIT_MS = 10000, LATER_MAX = 128 };

/* A server, a client, and what came of the last request. */
struct world {
    sd_event *event;
    struct gs_http_client *client;
    struct gs_http_server *server;
    struct gs_http_exchange *later[LATER_MAX];
    unsigned n_later;
    unsigned n_gone;
    unsigned n_served;
    struct gs_http_call *call;
    struct gs_http_call *other;
    bool cancel_in_chunk;
    unsigned n_chunks;
    size_t chunk_bytes;
    unsigned n_done;
    bool done;
    int result;
    unsigned status;
    uint64_t retry_after_us;
    char type[100];
    struct gs_buf body;
    struct gs_err err;
};

/* ---- routes ---- */

static void serve_hello(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct world *world = ctx;
    (void)asked;
    world->n_served++;
    gs_http_answer(exchange, 200, "text/plain", gs_view("hello"));
}

static void serve_echo(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    (void)ctx;
    gs_http_answer(exchange, 201, asked->type, asked->body);
}

static void serve_path(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    (void)ctx;
    gs_http_answer(exchange, 200, "text/plain", gs_view(asked->path));
}

static void on_gone(void *ctx)
{
    struct world *world = ctx;
    world->n_gone++;
}

static void serve_later(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct world *world = ctx;
    (void)asked;
    assert_true(world->n_later < LATER_MAX);
    world->later[world->n_later++] = exchange;
    gs_http_later(exchange, on_gone, world);
}

static void serve_later_at_once(void *ctx, struct gs_http_exchange *exchange,
                                const struct gs_http_asked *asked)
{
    (void)asked;
    gs_http_later(exchange, on_gone, ctx);
    gs_http_answer(exchange, 200, "text/plain", gs_view("now"));
}

static void serve_nothing(void *ctx, struct gs_http_exchange *exchange,
                          const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)exchange;
    (void)asked;
}

static void serve_large(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)asked;
    size_t n = 3 << 20;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, 'x', n);
    gs_http_answer(exchange, 200, "text/plain", (struct gs_view){.p = bytes, .n = n});
    free(bytes);
}

/* Its text is the server's, which sends it from where it is. */
static void serve_given(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct gs_buf page;
    (void)ctx;
    gs_buf_init(&page, 1 << 20);
    for (unsigned i = 0; strcmp(asked->path, "/given") == 0 && i < 100000; i++) {
        gs_buf_puts(&page, &"0123456789"[i % 10]);
    }
    gs_http_answer_buf(exchange, 200, "text/plain", &page);
    assert_null(page.text);
    assert_int_equal(page.len, 0);
    gs_buf_puts(&page, "another");
    gs_buf_done(&page);
}

static struct gs_http_server *start_server(struct world *world, int fd,
                                           struct gs_http_server_options options)
{
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/hello", .serve = serve_hello, .ctx = world},
        {.method = "POST", .path = "/echo", .serve = serve_echo, .ctx = world},
        {.method = "GET", .path = "/later", .serve = serve_later, .ctx = world},
        {.method = "GET", .path = "/later-now", .serve = serve_later_at_once, .ctx = world},
        {.method = "GET", .path = "/nothing", .serve = serve_nothing, .ctx = world},
        {.method = "GET", .path = "/large", .serve = serve_large, .ctx = world},
        {.method = "GET", .path = "/given", .serve = serve_given, .ctx = world},
        {.method = "GET", .path = "/given-none", .serve = serve_given, .ctx = world},
        {.method = "GET", .path = "/under/*", .serve = serve_path, .ctx = world},
    };
    struct gs_http_server *server = NULL;
    struct gs_err err = {.msg = ""};
    options.routes = routes;
    options.n_routes = GS_ARRAY_LEN(routes);
    if (gs_http_server_new(world->event, fd, &options, &server, &err) != 0) {
        print_message("%s\n", err.msg);
    }
    assert_non_null(server);
    return server;
}

static int listen_anywhere(void)
{
    int fd = -1;
    assert_int_equal(gs_http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
    return fd;
}

static void begin_with(struct world *world, struct gs_http_server_options options)
{
    *world = (struct world){.n_done = 0};
    gs_buf_init(&world->body, 8 << 20);
    assert_true(sd_event_new(&world->event) >= 0);
    assert_int_equal(gs_http_client_new(world->event, &world->client, NULL), 0);
    world->server = start_server(world, listen_anywhere(), options);
}

static void begin(struct world *world)
{
    begin_with(world, (struct gs_http_server_options){.max_body = 0});
}

static void end(struct world *world)
{
    gs_http_client_free(world->client);
    gs_http_server_free(world->server);
    gs_buf_done(&world->body);
    sd_event_unref(world->event);
}

/* ---- requests ---- */

static void on_done(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err)
{
    struct world *world = ctx;
    world->n_done++;
    world->done = true;
    world->result = result;
    world->status = answer == NULL ? 0 : answer->status;
    assert_true((err != NULL) == (result != 0));
    if (err != NULL) {
        world->err = *err;
        assert_int_equal(err->code, result);
        assert_true(err->msg[0] != '\0');
    }
    if (answer != NULL) {
        snprintf(world->type, sizeof(world->type), "%.*s", GS_VIEW_ARGS(answer->type));
        world->retry_after_us = answer->retry_after_us;
        gs_buf_reset(&world->body);
        gs_buf_put(&world->body, answer->body.p, answer->body.n);
    }
}

static const char *url_of(const char *scheme, unsigned port, const char *path)
{
    static char urls[4][200];
    static unsigned next;
    char *url = urls[next++ % 4];
    snprintf(url, sizeof(urls[0]), "%s://127.0.0.1:%u%s", scheme, port, path);
    return url;
}

static const char *url(struct world *world, const char *path)
{
    return url_of("http", gs_http_server_port(world->server), path);
}

static struct gs_http_request get(struct world *world, const char *where)
{
    return (struct gs_http_request){
        .method = "GET", .url = where, .on_done = on_done, .ctx = world};
}

/* Does the request, and gives its result. */
static int ask(struct world *world, const struct gs_http_request *request)
{
    struct gs_err err = {.msg = ""};
    world->done = false;
    int r = gs_http_begin(world->client, request, &world->call, &err);
    if (r != 0) {
        print_message("%s\n", err.msg);
    }
    assert_int_equal(r, 0);
    assert_false(world->done);
    loop_until(world->event, &world->done, WAIT_MS);
    if (world->result != 0 && getenv("GS_SHOW") != NULL) {
        print_message("%d (%d): %s\n", world->result, world->err.sys_errno, world->err.msg);
    }
    return world->result;
}

static int ask_for(struct world *world, const char *path)
{
    struct gs_http_request request = get(world, url(world, path));
    return ask(world, &request);
}

static void http__a_request_is_answered(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(ask_for(&world, "/hello?a=b"), 0);
    assert_int_equal(world.status, 200);
    assert_string_equal(world.type, "text/plain");
    assert_string_equal(gs_buf_text(&world.body), "hello");
    end(&world);
}

static void http__statuses_are_answers_not_errors(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        unsigned status;
    } cases[] = {
        {"GET", "/hello", 200}, {"HEAD", "/hello", 200},      {"GET", "/", 404},
        {"GET", "/hell", 404},  {"GET", "/hello/", 404},      {"POST", "/hello", 405},
        {"GET", "/echo", 405},  {"DELETE", "/hello", 405},    {"GET", "/nothing", 500},
        {"GET", "/under", 404}, {"GET", "/under/a%20b", 200}, {"GET", "/later-now", 200},
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_http_request request = get(&world, url(&world, cases[i].path));
        request.method = cases[i].method;
        assert_int_equal(ask(&world, &request), 0);
        if (world.status != cases[i].status) {
            print_message("%s %s: %u\n", cases[i].method, cases[i].path, world.status);
        }
        assert_int_equal(world.status, cases[i].status);
    }
    end(&world);
}

static void http__a_path_is_decoded(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(ask_for(&world, "/under/a%20b/c"), 0);
    assert_string_equal(gs_buf_text(&world.body), "/under/a b/c");
    end(&world);
}

static void http__bodies_go_both_ways(void **state)
{
    struct world world;
    (void)state;
    begin_with(&world, (struct gs_http_server_options){.max_body = 2 << 20});
    size_t n = 2 << 20;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(i * 7);
    }
    static const char *const headers[] = {"Content-Type: application/x-test"};
    struct gs_http_request request = get(&world, url(&world, "/echo"));
    request.method = "POST";
    request.headers = headers;
    request.n_headers = 1;
    for (size_t size = 0; size <= n; size = size == 0 ? 1 : size * 2) {
        request.body = (struct gs_view){.p = bytes, .n = size};
        assert_int_equal(ask(&world, &request), 0);
        assert_int_equal(world.status, 201);
        assert_string_equal(world.type, "application/x-test");
        assert_int_equal(world.body.len, size);
        assert_memory_equal(gs_buf_text(&world.body), bytes, size);
    }
    request.body = (struct gs_view){.p = bytes, .n = n};
    request.url = url(&world, "/echo");
    free(bytes);
    end(&world);
}

static void http__an_answer_takes_the_text_of_a_buffer(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/given"));
    assert_int_equal(ask(&world, &request), 0);
    assert_int_equal(world.status, 200);
    assert_int_equal(world.body.len, 550000);
    assert_memory_equal(world.body.text + 55, "0123456789123456789", 19);
    request.url = url(&world, "/given-none");
    assert_int_equal(ask(&world, &request), 0);
    assert_int_equal(world.status, 200);
    assert_int_equal(world.body.len, 0);
    end(&world);
}

static void http__a_body_that_is_too_large_is_refused(void **state)
{
    static char bytes[1001];
    struct world world;
    (void)state;
    begin_with(&world, (struct gs_http_server_options){.max_body = 1000});
    struct gs_http_request request = get(&world, url(&world, "/echo"));
    request.method = "POST";
    request.body = (struct gs_view){.p = bytes, .n = 1000};
    assert_int_equal(ask(&world, &request), 0);
    assert_int_equal(world.status, 201);
    request.body.n = 1001;
    assert_int_equal(ask(&world, &request), 0);
    assert_int_equal(world.status, 413);
    /* Of no length that was said before. */
    char answer[200] = "";
    int fd = raw_connect(gs_http_server_port(world.server));
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n";
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
    assert_int_equal(send(fd, "\r\n0\r\n\r\n", 7, MSG_NOSIGNAL), 7);
    loop_for(world.event, 50);
    assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_true(strncmp(answer, "HTTP/1.1 413", 12) == 0);
    close(fd);
    end(&world);
}

static void http__an_answer_beyond_its_bound_is_a_limit(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/large"));
    request.max_body = 1 << 20;
    assert_int_equal(ask(&world, &request), GS_LIMIT);
    assert_non_null(strstr(world.err.msg, "more than 1048576 bytes"));
    request.max_body = 3 << 20;
    assert_int_equal(ask(&world, &request), 0);
    assert_int_equal(world.body.len, 3 << 20);
    end(&world);
}

/* ---- later ---- */

static void wait_for_later(struct world *world, unsigned n)
{
    for (unsigned ms = 0; ms < WAIT_MS && world->n_later < n; ms += 5) {
        loop_for(world->event, 5);
    }
    assert_int_equal(world->n_later, n);
}

static void http__answers_may_come_later_in_any_order(void **state)
{
    struct world world;
    enum { N = 30 };
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/later"));
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    }
    wait_for_later(&world, N);
    assert_int_equal(world.n_done, 0);
    for (unsigned i = 0; i < N; i++) {
        gs_http_answer(world.later[(i * 7) % N], 200, "text/plain", gs_view("late"));
    }
    while (world.n_done < N) {
        world.done = false;
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_equal(world.status, 200);
    }
    end(&world);
}

static void http__a_text_that_is_answered_ends_with_the_end_of_a_line(void **state)
{
    static const struct {
        const char *text;
        const char *body;
    } cases[] = {{"no", "no\n"}, {"no\n", "no\n"}, {"a\nb", "a\nb\n"}, {"", "\n"}};
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/later"));
    for (unsigned i = 0; i < GS_ARRAY_LEN(cases); i++) {
        world.done = false;
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
        wait_for_later(&world, i + 1);
        gs_http_answer_text(world.later[i], 404, cases[i].text);
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_equal(world.status, 404);
        assert_string_equal(world.type, GS_HTTP_TEXT);
        assert_string_equal(gs_buf_text(&world.body), cases[i].body);
    }
    end(&world);
}

static void http__who_waits_when_the_server_ends_gets_503(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/later"));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    }
    wait_for_later(&world, 3);
    gs_http_server_free(world.server);
    world.server = NULL;
    assert_int_equal(world.n_gone, 3);
    while (world.n_done < 3) {
        world.done = false;
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_equal(world.result, 0);
        assert_int_equal(world.status, 503);
    }
    end(&world);
}

static void http__a_client_that_has_left_does_not_hurt_a_late_answer(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/later"));
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    wait_for_later(&world, 1);
    gs_http_cancel(world.call);
    loop_for(world.event, 20);
    gs_http_answer(world.later[0], 200, "text/plain", gs_view("late"));
    loop_for(world.event, 20);
    assert_int_equal(world.n_done, 0);
    assert_int_equal(ask_for(&world, "/hello"), 0);
    end(&world);
}

/* ---- connections ---- */

static void http__connections_beyond_the_bound_wait_for_their_turn(void **state)
{
    struct world world;
    int fds[100];
    (void)state;
    begin_with(&world, (struct gs_http_server_options){.max_connections = 4, .idle_limit_s = 1});
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        fds[i] = raw_connect(gs_http_server_port(world.server));
        if (i % 10 == 0) {
            loop_for(world.event, 1);
        }
    }
    struct gs_http_request request = get(&world, url(&world, "/hello"));
    request.connect_limit_us = 500000;
    request.total_limit_us = 500000;
    assert_int_not_equal(ask(&world, &request), 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    assert_int_equal(ask_for(&world, "/hello"), 0);
    end(&world);
}

static void http__a_connection_that_says_nothing_is_closed(void **state)
{
    struct world world;
    char byte;
    (void)state;
    begin_with(&world, (struct gs_http_server_options){.idle_limit_s = 1});
    int fd = raw_connect(gs_http_server_port(world.server));
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    loop_for(world.event, 300);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    for (unsigned i = 0; i < 40 && recv(fd, &byte, 1, 0) < 0; i++) {
        loop_for(world.event, 100);
    }
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    end(&world);
}

/* A byte now and then, and never a whole request. */
static void http__a_connection_that_takes_its_time_is_closed(void **state)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: ";
    struct world world;
    (void)state;
    begin_with(&world, (struct gs_http_server_options){.idle_limit_s = 2});
    int fd = raw_connect(gs_http_server_port(world.server));
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    bool open = true;
    unsigned tenths = 0;
    for (; tenths < 100 && open; tenths++) {
        loop_for(world.event, 100);
        open = send(fd, "a", 1, MSG_NOSIGNAL) == 1;
    }
    assert_false(open);
    assert_in_range(tenths, 15, 60);
    close(fd);
    end(&world);
}

/* All places are taken by connections that take their time: somebody new is served all the same. */
static void http__who_has_waited_longest_makes_room(void **state)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nX-A: ";
    struct world world;
    int fds[4];
    (void)state;
    begin_with(&world, (struct gs_http_server_options){.max_connections = 4, .idle_limit_s = 30});
    for (unsigned i = 0; i < GS_ARRAY_LEN(fds); i++) { /* one address gets half of the places */
        fds[i] = raw_connect_from(2 + i / 2, gs_http_server_port(world.server));
        assert_int_equal(send(fds[i], head, strlen(head), MSG_NOSIGNAL), strlen(head));
    }
    loop_for(world.event, 1200);
    struct gs_http_request request = get(&world, url(&world, "/hello"));
    request.connect_limit_us = 8000000;
    request.total_limit_us = 8000000;
    assert_int_equal(ask(&world, &request), 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    end(&world);
}

/* Twice as many as there are places, all of one address and all waiting with half a request. */
static void http__half_requests_of_this_machine_shut_nobody_out(void **state)
{
    enum { PLACES = 16, HALVES = 2 * PLACES };
    static const char head[] = "GET /hello HTTP/1.1\r\nX-A: ";
    struct world world;
    int fds[HALVES];
    (void)state;
    begin_with(&world,
               (struct gs_http_server_options){.max_connections = PLACES, .idle_limit_s = 30});
    for (unsigned i = 0; i < HALVES; i++) {
        fds[i] = raw_connect(gs_http_server_port(world.server));
        assert_int_equal(send(fds[i], head, strlen(head), MSG_NOSIGNAL), strlen(head));
    }
    struct gs_http_request request = get(&world, url(&world, "/hello"));
    request.connect_limit_us = 25000000;
    request.total_limit_us = 25000000; /* without room that is made, 30 s and more */
    assert_int_equal(ask(&world, &request), 0);
    assert_int_equal(world.status, 200);
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    end(&world);
}

/* RFC 9112, 3.2 and 6.3: which of the two is meant nobody knows; nor what follows a NUL. */
static void http__two_hosts_two_lengths_and_a_nul_are_refused(void **state)
{
    static const struct {
        const char *request;
        const char *answer;
    } cases[] = {
        {"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nhOST: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"},
        {"GET /nowhere HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
         "HTTP/1.1 400"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n"
         "Connection: close\r\n\r\nhi",
         "HTTP/1.1 400"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 50\r\n\r\nhi",
         "HTTP/1.1 400"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\ncontent-length: 2\r\n\r\nhi",
         "HTTP/1.1 400"},
        {"GET /hello%00 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"},
        {"GET /hello%00/more HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"},
        {"GET /hello?a=b%00c HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"},
        {"GET /hello%2500 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404"},
        {"GET /hello%00 HTTP/1.1\r\nbroken", ""}, /* its head never comes */
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char answer[512] = "";
        size_t n = 0;
        int fd = raw_connect(gs_http_server_port(world.server));
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(send(fd, cases[i].request, strlen(cases[i].request), MSG_NOSIGNAL),
                         strlen(cases[i].request));
        for (unsigned k = 0; k < 2000 && n < strlen(cases[i].answer); k++) {
            loop_for(world.event, 5);
            ssize_t got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0);
            n += got > 0 ? (size_t)got : 0;
        }
        answer[n] = '\0';
        if (strncmp(answer, cases[i].answer, strlen(cases[i].answer)) != 0) {
            fail_msg("case %zu: expected %s, got %s", i, cases[i].answer, answer);
        }
        close(fd);
    }
    end(&world);
}

static void http__bytes_that_are_no_request_are_answered_or_closed(void **state)
{
    static const char *const cases[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /hello\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "AVERYLONGMETHOD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /hello HTTP/1.1\r\n: a\r\n\r\n",
        "GET /%ff%fe/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        int fd = raw_connect(gs_http_server_port(world.server));
        assert_int_equal(send(fd, cases[i], strlen(cases[i]), MSG_NOSIGNAL), strlen(cases[i]));
        loop_for(world.event, 5);
        close(fd);
    }
    assert_int_equal(ask_for(&world, "/hello"), 0);
    assert_int_equal(world.status, 200);
    end(&world);
}

static void http__headers_without_end_are_refused(void **state)
{
    struct world world;
    static char flood[64 << 10];
    char answer[200] = "";
    (void)state;
    begin(&world);
    memset(flood, 'a', sizeof(flood));
    int fd = raw_connect(gs_http_server_port(world.server));
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    (void)!send(fd, "GET /hello HTTP/1.1\r\nHost: ", 27, MSG_NOSIGNAL);
    for (unsigned i = 0; i < 20; i++) {
        (void)!send(fd, flood, sizeof(flood), MSG_NOSIGNAL);
        loop_for(world.event, 1);
    }
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    assert_true(n <= 0 || strncmp(answer, "HTTP/1.1 4", 10) == 0);
    close(fd);
    assert_int_equal(ask_for(&world, "/hello"), 0);
    end(&world);
}

/* ---- unix sockets and addresses ---- */

static void http__a_unix_socket_serves_with_its_rights_and_replaces_a_dead_one(void **state)
{
    struct world world;
    struct stat st;
    struct gs_err err;
    char path[] = "/tmp/gs-http-XXXXXX";
    char socket_path[64];
    int fd = -1;
    (void)state;
    begin(&world);
    assert_non_null(mkdtemp(path));
    snprintf(socket_path, sizeof(socket_path), "%s/s", path);
    assert_int_equal(gs_http_listen_unix(socket_path, 0600, &fd, NULL), 0);
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(gs_http_listen_unix(socket_path, 0600, &fd, &err), GS_BUSY);
    close(fd);
    assert_int_equal(gs_http_listen_unix(socket_path, 0666, &fd, NULL), 0);
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    struct gs_http_server *local =
        start_server(&world, fd, (struct gs_http_server_options){.max_body = 0});
    assert_int_equal(gs_http_server_port(local), 0);
    struct gs_http_request request = get(&world, "http://gpuslice/hello");
    request.unix_socket = socket_path;
    assert_int_equal(ask(&world, &request), 0);
    assert_string_equal(gs_buf_text(&world.body), "hello");
    gs_http_server_free(local);
    assert_int_equal(ask(&world, &request), GS_IO);
    assert_int_equal(unlink(socket_path), 0);
    assert_int_equal(ask(&world, &request), GS_IO);
    int file = open(socket_path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_int_equal(gs_http_listen_unix(socket_path, 0600, &fd, &err), GS_INVALID);
    unlink(socket_path);
    rmdir(path);
    end(&world);
}

static void http__addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *address;
        int result;
    } cases[] = {
        {"127.0.0.1:0", 0},
        {"[::1]:0", 0},
        {":0", 0},
        {"127.0.0.1", GS_INVALID},
        {"::1:80", GS_INVALID},
        {"localhost:80", GS_INVALID},
        {"127.0.0.1:", GS_INVALID},
        {"127.0.0.1:65536", GS_INVALID},
        {"[::1:80", GS_INVALID},
        {"", GS_INVALID},
        {"192.0.2.1:0", GS_IO /* not ours */},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        int fd = -1;
        struct gs_err err = {.msg = ""};
        int r = gs_http_listen_tcp(cases[i].address, &fd, &err);
        if (r != cases[i].result && !(r == GS_IO && err.sys_errno == EADDRNOTAVAIL)) {
            print_message("%s: %d %s\n", cases[i].address, r, err.msg);
            assert_int_equal(r, cases[i].result);
        }
        if (r == 0) {
            close(fd);
        }
    }
    int fd = listen_anywhere();
    int again = -1;
    char taken[40];
    struct gs_err err;
    struct sockaddr_storage at;
    socklen_t n = sizeof(at);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    snprintf(taken, sizeof(taken), "127.0.0.1:%u",
             (unsigned)(((unsigned char *)&at)[2] << 8 | ((unsigned char *)&at)[3]));
    assert_int_equal(gs_http_listen_tcp(taken, &again, &err), GS_IO);
    assert_int_equal(err.sys_errno, EADDRINUSE);
    close(fd);
}

/* ---- peers that do not keep the rules ---- */

static void http__what_a_broken_peer_sends_ends_the_request_with_its_reason(void **state)
{
    static const struct {
        const char *bytes;
        bool hold;
        int result;
        int sys_errno;
    } cases[] = {
        {"", false, GS_IO, ECONNRESET},
        {"", true, GS_LIMIT, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false, GS_IO, ECONNRESET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true, GS_LIMIT, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, GS_IO,
         ECONNRESET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, GS_IO, EPROTO},
        {"220 mail.example.com ESMTP\r\n", false, GS_IO, EPROTO},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, 0, 0},
        {"HTTP/1.0 200 OK\r\n\r\nhello", false, 0, 0},
        {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", true, 0, 0},
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct raw_peer peer;
        raw_peer_start(&peer, world.event, gs_view(cases[i].bytes), cases[i].hold);
        struct gs_http_request request = get(&world, url_of("http", peer.port, "/x"));
        request.total_limit_us = 150000;
        int r = ask(&world, &request);
        if (r != cases[i].result || (r == GS_IO && world.err.sys_errno != cases[i].sys_errno)) {
            print_message("case %zu: %d %s (%d)\n", i, r, world.err.msg, world.err.sys_errno);
        }
        assert_int_equal(r, cases[i].result);
        if (r == GS_IO) {
            assert_int_equal(world.err.sys_errno, cases[i].sys_errno);
        }
        raw_peer_stop(&peer);
    }
    assert_int_equal(world.status, 503);
    assert_int_equal(world.retry_after_us, 7000000);
    end(&world);
}

/* The connection has carried a request before, and is closed without an answer to the next. */
static void http__only_what_can_be_done_twice_is_asked_again(void **state)
{
    static const struct {
        const char *method;
        unsigned connections;
    } cases[] = {{"GET", 2}, {"PUT", 2}, {"DELETE", 2}, {"POST", 1}, {"PATCH", 1}};
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct raw_peer peer;
        raw_peer_start(&peer, world.event, gs_view("HTTP/1.1 204 No Content\r\n\r\n"), true);
        struct gs_http_request request = get(&world, url_of("http", peer.port, "/"));
        assert_int_equal(ask(&world, &request), 0);
        peer.bytes = gs_view("");
        peer.hold = false;
        request.method = cases[i].method;
        assert_int_equal(ask(&world, &request), GS_IO);
        assert_int_equal(world.err.sys_errno, ECONNRESET);
        assert_int_equal(peer.n_accepted, cases[i].connections);
        raw_peer_stop(&peer);
    }
    end(&world);
}

static void http__an_address_of_ipv6_is_reached(void **state)
{
    struct world world;
    char where[60];
    int fd = -1;
    (void)state;
    if (gs_http_listen_tcp("[::1]:0", &fd, NULL) != 0) {
        print_message("skipped: there is no IPv6 here\n");
        skip();
    }
    begin(&world);
    struct gs_http_server *server =
        start_server(&world, fd, (struct gs_http_server_options){.max_body = 0});
    snprintf(where, sizeof(where), "http://[::1]:%u/hello", gs_http_server_port(server));
    struct gs_http_request request = get(&world, where);
    assert_int_equal(ask(&world, &request), 0);
    assert_string_equal(gs_buf_text(&world.body), "hello");
    gs_http_client_forget(world.client);
    loop_for(world.event, 5);
    gs_http_server_free(server);
    end(&world);
}

static void http__headers_of_an_answer_have_a_bound(void **state)
{
    struct world world;
    struct gs_buf flood;
    struct raw_peer peer;
    (void)state;
    begin(&world);
    gs_buf_init(&flood, 1 << 20);
    gs_buf_puts(&flood, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < 4000; i++) {
        gs_buf_printf(&flood, "X-Number-%u: something\r\n", i);
    }
    raw_peer_start(&peer, world.event, (struct gs_view){.p = flood.text, .n = flood.len}, true);
    struct gs_http_request request = get(&world, url_of("http", peer.port, "/"));
    assert_int_equal(ask(&world, &request), GS_LIMIT);
    raw_peer_stop(&peer);
    gs_buf_done(&flood);
    end(&world);
}

static void http__nobody_there_is_said_with_its_errno(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    int fd = listen_anywhere();
    struct gs_http_request request = get(&world, url(&world, "/hello"));
    char nobody[60];
    struct sockaddr_storage at;
    socklen_t n = sizeof(at);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    close(fd);
    snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%u/",
             (unsigned)(((unsigned char *)&at)[2] << 8 | ((unsigned char *)&at)[3]));
    request.url = nobody;
    assert_int_equal(ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, ECONNREFUSED);
    assert_int_equal(world.status, 0);
    request.url = "http://no-such-name.invalid/";
    assert_int_equal(ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, EHOSTUNREACH);
    end(&world);
}

static void http__a_stream_that_falls_silent_is_ended(void **state)
{
    struct world world;
    struct raw_peer peer;
    (void)state;
    begin(&world);
    raw_peer_start(&peer, world.event,
                   gs_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
                   true);
    struct gs_http_request request = get(&world, url_of("http", peer.port, "/"));
    request.total_limit_us = GS_HTTP_NO_LIMIT;
    request.idle_limit_us = 100000;
    assert_int_equal(ask(&world, &request), GS_LIMIT);
    assert_non_null(strstr(world.err.msg, "nothing came within 0.1 s"));
    assert_int_equal(world.status, 200);
    raw_peer_stop(&peer);
    end(&world);
}

static void http__what_cannot_be_asked_is_refused_at_once(void **state)
{
    static const char *const bad_header[] = {"no colon"};
    static const char *const our_header[] = {"transfer-encoding: chunked"};
    static const char *const evil_header[] = {"X: a\r\nY: b"};
    static const struct gs_http_tls half = {.cert_file = "/dev/null"};
    static const struct gs_http_tls nowhere = {.ca_file = "/no/such.pem"};
    static const struct gs_http_tls no_pem = {.ca = {.p = "not PEM", .n = 7}};
    static const struct gs_http_tls odd_name = {.server_name = "a b"};
    const struct gs_http_request cases[] = {
        {.url = "ftp://127.0.0.1/"},
        {.url = "127.0.0.1"},
        {.url = ""},
        {.url = "http://a b/"},
        {.url = "http://127.0.0.1:99999/"},
        {.url = "http://127.0.0.1/\r\nX: y"},
        {.url = "https://127.0.0.1/"},
        {.url = "http://127.0.0.1/", .headers = bad_header, .n_headers = 1},
        {.url = "http://127.0.0.1/", .headers = evil_header, .n_headers = 1},
        {.url = "http://127.0.0.1/", .headers = our_header, .n_headers = 1},
        {.url = "http://127.0.0.1/", .bearer = ""},
        {.url = "http://127.0.0.1/", .bearer = "a\nb"},
        {.url = "https://127.0.0.1/", .tls = &half},
        {.url = "https://127.0.0.1/", .tls = &nowhere},
        {.url = "https://127.0.0.1/", .tls = &no_pem},
        {.url = "https://127.0.0.1/", .tls = &odd_name},
        {.url = "http://user@127.0.0.1/"},
        {.url = "http://127.0.0.1/a b"},
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_http_request request = cases[i];
        struct gs_err err = {.msg = ""};
        request.method = "GET";
        request.on_done = on_done;
        request.ctx = &world;
        int r = gs_http_begin(world.client, &request, NULL, &err);
        if (r != GS_INVALID) {
            print_message("case %zu: %d\n", i, r);
        }
        assert_int_equal(r, GS_INVALID);
        assert_true(err.msg[0] != '\0');
    }
    loop_for(world.event, 10);
    assert_int_equal(world.n_done, 0);
    end(&world);
}

/* ---- cancelling, and beginning from callbacks ---- */

static int on_chunk(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err)
{
    struct world *world = ctx;
    (void)err;
    assert_int_equal(status, 200);
    world->n_chunks++;
    world->chunk_bytes += bytes.n;
    if (world->cancel_in_chunk) {
        gs_http_cancel(GS_TAKE(world->call));
        if (world->other != NULL) {
            gs_http_cancel(GS_TAKE(world->other));
        }
    }
    return 0;
}

static void http__pieces_are_handed_out_as_they_come(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/large"));
    request.on_chunk = on_chunk;
    world.done = false;
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    loop_until(world.event, &world.done, WAIT_MS);
    assert_int_equal(world.result, 0);
    assert_int_equal(world.body.len, 0); /* not collected beside */
    assert_int_equal(world.chunk_bytes, 3 << 20);
    assert_true(world.n_chunks > 10);
    end(&world);
}

static int refuse_chunk(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err)
{
    (void)ctx;
    (void)status;
    (void)bytes;
    return gs_fail(err, GS_INVALID, "I do not like it");
}

static void http__a_refused_piece_ends_the_request_with_its_code(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/large"));
    request.on_chunk = refuse_chunk;
    assert_int_equal(ask(&world, &request), GS_INVALID);
    assert_non_null(strstr(world.err.msg, "I do not like it"));
    assert_int_equal(world.status, 200);
    end(&world);
}

static void http__a_cancelled_request_never_ends(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/hello"));
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    gs_http_cancel(world.call); /* before it began */
    loop_for(world.event, 20);
    assert_int_equal(world.n_served, 0);
    request.url = url(&world, "/later");
    assert_int_equal(gs_http_begin(world.client, &request, &world.other, NULL), 0);
    wait_for_later(&world, 1);
    request.url = url(&world, "/large");
    request.on_chunk = on_chunk;
    world.cancel_in_chunk = true; /* itself and the other one, from inside */
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    loop_for(world.event, 100);
    assert_null(world.call);
    assert_int_equal(world.n_done, 0);
    gs_http_answer(world.later[0], 200, "text/plain", gs_view(""));
    loop_for(world.event, 20);
    assert_int_equal(world.n_done, 0);
    assert_int_equal(ask_for(&world, "/hello"), 0);
    end(&world);
}

static void begin_next(void *ctx, int result, const struct gs_http_answer *answer,
                       const struct gs_err *err)
{
    struct world *world = ctx;
    (void)answer;
    (void)err;
    assert_int_equal(result, 0);
    gs_http_client_forget(world->client);
    if (++world->n_done == 20) {
        world->done = true;
        return;
    }
    struct gs_http_request request = get(world, url(world, "/hello"));
    request.on_done = begin_next;
    assert_int_equal(gs_http_begin(world->client, &request, NULL, NULL), 0);
}

static void http__a_request_may_begin_the_next_and_forget_connections(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/hello"));
    request.on_done = begin_next;
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    loop_until(world.event, &world.done, WAIT_MS);
    assert_int_equal(world.n_served, 20);
    end(&world);
}

static void http__freeing_the_client_drops_what_is_under_way(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_http_request request = get(&world, url(&world, "/later"));
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
        loop_for(world.event, 5);
    }
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    gs_http_client_free(world.client);
    world.client = NULL;
    loop_for(world.event, 10);
    assert_int_equal(world.n_done, 0);
    end(&world);
}

/* ---- TLS ---- */

struct tls_world {
    struct world world;
    struct cert ca;
    struct cert other_ca;
    struct cert server;
};

static void begin_tls(struct tls_world *tls, const struct cert_plan *server)
{
    cert_make(&(struct cert_plan){.name = "test CA", .days = 10}, &tls->ca);
    cert_make(&(struct cert_plan){.name = "other CA", .days = 10}, &tls->other_ca);
    struct cert_plan plan = *server;
    plan.name = "server";
    plan.by = &tls->ca;
    cert_make(&plan, &tls->server);
    begin_with(&tls->world, (struct gs_http_server_options){.tls_cert = cert_pem(&tls->server),
                                                            .tls_key = cert_key(&tls->server)});
}

static int ask_tls(struct tls_world *tls, const struct gs_http_tls *how)
{
    struct gs_http_request request =
        get(&tls->world, url_of("https", gs_http_server_port(tls->world.server), "/hello"));
    request.tls = how;
    return ask(&tls->world, &request);
}

static void http__a_server_is_believed_by_its_certificate(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = 5});
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.ca)}), 0);
    assert_string_equal(gs_buf_text(&tls.world.body), "hello");
    gs_http_client_forget(tls.world.client);
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.other_ca)}), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca_file = NULL}), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.insecure = true}), 0);
    end(&tls.world);
}

static void http__another_ca_does_not_get_the_connection_of_the_first(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = 5});
    /* More texts than files are kept: paths come again. */
    for (unsigned i = 0; i < 12; i++) {
        struct cert ca;
        cert_make(&(struct cert_plan){.name = "one of many", .days = 10}, &ca);
        assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.ca)}), 0);
        assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&ca)}), GS_IO);
        assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    }
    end(&tls.world);
}

static void http__a_name_other_than_the_certificates_is_refused(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.dns = "kubernetes.default", .days = 5});
    struct gs_http_tls how = {.ca = cert_pem(&tls.ca)};
    assert_int_equal(ask_tls(&tls, &how), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    how.server_name = "kubernetes.default";
    assert_int_equal(ask_tls(&tls, &how), 0);
    how.server_name = "another.default";
    assert_int_equal(ask_tls(&tls, &how), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    end(&tls.world);
}

static void http__an_expired_certificate_is_refused(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = -1});
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.ca)}), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_non_null(strstr(tls.world.err.msg, "expired"));
    end(&tls.world);
}

static void http__a_certificate_is_swapped_and_open_connections_live_on(void **state)
{
    struct tls_world tls;
    struct cert next;
    struct gs_err err = {.msg = ""};
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = 5});
    cert_make(
        &(struct cert_plan){.name = "next", .address = "127.0.0.1", .days = 5, .by = &tls.other_ca},
        &next);
    const struct gs_http_tls old_ca = {.ca = cert_pem(&tls.ca)};
    const struct gs_http_tls new_ca = {.ca = cert_pem(&tls.other_ca)};
    assert_int_equal(ask_tls(&tls, &old_ca), 0);
    assert_int_equal(
        gs_http_server_show(tls.world.server, cert_pem(&next), cert_key(&tls.server), &err),
        GS_INVALID);
    assert_int_equal(gs_http_server_show(tls.world.server, cert_pem(&next), gs_view(""), &err),
                     GS_INVALID);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(
            gs_http_server_show(tls.world.server, cert_pem(&next), cert_key(&next), &err), 0);
    }
    assert_int_equal(ask_tls(&tls, &old_ca), 0);
    assert_int_equal(ask_tls(&tls, &new_ca), 0);
    gs_http_client_forget(tls.world.client);
    assert_int_equal(ask_tls(&tls, &old_ca), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_int_equal(ask_tls(&tls, &new_ca), 0);
    end(&tls.world);
}

static void http__a_peer_that_never_shakes_hands_is_given_up(void **state)
{
    struct world world;
    struct raw_peer peer;
    (void)state;
    begin(&world);
    raw_peer_start(&peer, world.event, gs_view(""), true);
    struct gs_http_request request = get(&world, url_of("https", peer.port, "/"));
    struct gs_http_tls tls = {.insecure = true};
    request.tls = &tls;
    request.connect_limit_us = 100000;
    assert_int_equal(ask(&world, &request), GS_LIMIT);
    raw_peer_stop(&peer);
    raw_peer_start(&peer, world.event, gs_view("HTTP/1.1 400 Bad Request\r\n\r\n"), false);
    request.url = url_of("https", peer.port, "/");
    assert_int_equal(ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, EPROTO);
    raw_peer_stop(&peer);
    end(&world);
}

static void http__a_broken_certificate_does_not_start_a_server(void **state)
{
    struct cert ca;
    sd_event *event = NULL;
    struct gs_http_server *server = NULL;
    struct gs_err err;
    (void)state;
    cert_make(&(struct cert_plan){.name = "CA", .days = 10}, &ca);
    assert_true(sd_event_new(&event) >= 0);
    struct gs_http_server_options options = {.tls_cert = cert_pem(&ca)};
    assert_int_equal(gs_http_server_new(event, listen_anywhere(), &options, &server, &err),
                     GS_INVALID);
    options.tls_key = gs_view("not a key");
    assert_int_equal(gs_http_server_new(event, listen_anywhere(), &options, &server, &err),
                     GS_INVALID);
    sd_event_unref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__a_request_is_answered),
        cmocka_unit_test(http__statuses_are_answers_not_errors),
        cmocka_unit_test(http__a_path_is_decoded),
        cmocka_unit_test(http__bodies_go_both_ways),
        cmocka_unit_test(http__an_answer_takes_the_text_of_a_buffer),
        cmocka_unit_test(http__a_body_that_is_too_large_is_refused),
        cmocka_unit_test(http__an_answer_beyond_its_bound_is_a_limit),
        cmocka_unit_test(http__answers_may_come_later_in_any_order),
        cmocka_unit_test(http__a_text_that_is_answered_ends_with_the_end_of_a_line),
        cmocka_unit_test(http__who_waits_when_the_server_ends_gets_503),
        cmocka_unit_test(http__a_client_that_has_left_does_not_hurt_a_late_answer),
        cmocka_unit_test(http__connections_beyond_the_bound_wait_for_their_turn),
        cmocka_unit_test(http__a_connection_that_says_nothing_is_closed),
        cmocka_unit_test(http__a_connection_that_takes_its_time_is_closed),
        cmocka_unit_test(http__who_has_waited_longest_makes_room),
        cmocka_unit_test(http__half_requests_of_this_machine_shut_nobody_out),
        cmocka_unit_test(http__two_hosts_two_lengths_and_a_nul_are_refused),
        cmocka_unit_test(http__bytes_that_are_no_request_are_answered_or_closed),
        cmocka_unit_test(http__headers_without_end_are_refused),
        cmocka_unit_test(http__a_unix_socket_serves_with_its_rights_and_replaces_a_dead_one),
        cmocka_unit_test(http__addresses_are_taken_apart),
        cmocka_unit_test(http__what_a_broken_peer_sends_ends_the_request_with_its_reason),
        cmocka_unit_test(http__only_what_can_be_done_twice_is_asked_again),
        cmocka_unit_test(http__an_address_of_ipv6_is_reached),
        cmocka_unit_test(http__headers_of_an_answer_have_a_bound),
        cmocka_unit_test(http__nobody_there_is_said_with_its_errno),
        cmocka_unit_test(http__a_stream_that_falls_silent_is_ended),
        cmocka_unit_test(http__what_cannot_be_asked_is_refused_at_once),
        cmocka_unit_test(http__pieces_are_handed_out_as_they_come),
        cmocka_unit_test(http__a_refused_piece_ends_the_request_with_its_code),
        cmocka_unit_test(http__a_cancelled_request_never_ends),
        cmocka_unit_test(http__a_request_may_begin_the_next_and_forget_connections),
        cmocka_unit_test(http__freeing_the_client_drops_what_is_under_way),
        cmocka_unit_test(http__a_server_is_believed_by_its_certificate),
        cmocka_unit_test(http__another_ca_does_not_get_the_connection_of_the_first),
        cmocka_unit_test(http__a_name_other_than_the_certificates_is_refused),
        cmocka_unit_test(http__an_expired_certificate_is_refused),
        cmocka_unit_test(http__a_certificate_is_swapped_and_open_connections_live_on),
        cmocka_unit_test(http__a_peer_that_never_shakes_hands_is_given_up),
        cmocka_unit_test(http__a_broken_certificate_does_not_start_a_server),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
