/* The client against peers that do not keep the rules. */
#include "unit/net/http_world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

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
    world_begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct raw_peer peer;
        raw_peer_start(&peer, world.event, gs_view(cases[i].bytes), cases[i].hold);
        struct gs_http_request request = world_get(&world, world_url_of("http", peer.port, "/x"));
        request.total_limit_us = 150000;
        int r = world_ask(&world, &request);
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
    world_end(&world);
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
    world_begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct raw_peer peer;
        raw_peer_start(&peer, world.event, gs_view("HTTP/1.1 204 No Content\r\n\r\n"), true);
        struct gs_http_request request = world_get(&world, world_url_of("http", peer.port, "/"));
        assert_int_equal(world_ask(&world, &request), 0);
        peer.bytes = gs_view("");
        peer.hold = false;
        request.method = cases[i].method;
        assert_int_equal(world_ask(&world, &request), GS_IO);
        assert_int_equal(world.err.sys_errno, ECONNRESET);
        assert_int_equal(peer.n_accepted, cases[i].connections);
        raw_peer_stop(&peer);
    }
    world_end(&world);
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
    world_begin(&world);
    struct gs_http_server *server =
        world_start_server(&world, fd, (struct gs_http_server_options){.max_body = 0});
    snprintf(where, sizeof(where), "http://[::1]:%u/hello", gs_http_server_port(server));
    struct gs_http_request request = world_get(&world, where);
    assert_int_equal(world_ask(&world, &request), 0);
    assert_string_equal(gs_buf_text(&world.body), "hello");
    gs_http_client_forget(world.client);
    loop_for(world.event, 5);
    gs_http_server_free(server);
    world_end(&world);
}

static void http__headers_of_an_answer_have_a_bound(void **state)
{
    struct world world;
    struct gs_buf flood;
    struct raw_peer peer;
    (void)state;
    world_begin(&world);
    gs_buf_init(&flood, 1 << 20);
    gs_buf_puts(&flood, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < 4000; i++) {
        gs_buf_printf(&flood, "X-Number-%u: something\r\n", i);
    }
    raw_peer_start(&peer, world.event, (struct gs_view){.p = flood.text, .n = flood.len}, true);
    struct gs_http_request request = world_get(&world, world_url_of("http", peer.port, "/"));
    assert_int_equal(world_ask(&world, &request), GS_LIMIT);
    raw_peer_stop(&peer);
    gs_buf_done(&flood);
    world_end(&world);
}

static void http__nobody_there_is_said_with_its_errno(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    int fd = listen_anywhere();
    struct gs_http_request request = world_get(&world, world_url(&world, "/hello"));
    char nobody[60];
    struct sockaddr_storage at;
    socklen_t n = sizeof(at);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    close(fd);
    snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%u/",
             (unsigned)(((unsigned char *)&at)[2] << 8 | ((unsigned char *)&at)[3]));
    request.url = nobody;
    assert_int_equal(world_ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, ECONNREFUSED);
    assert_int_equal(world.status, 0);
    request.url = "http://no-such-name.invalid/";
    assert_int_equal(world_ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, EHOSTUNREACH);
    world_end(&world);
}

static void http__a_stream_that_falls_silent_is_ended(void **state)
{
    struct world world;
    struct raw_peer peer;
    (void)state;
    world_begin(&world);
    raw_peer_start(&peer, world.event,
                   gs_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
                   true);
    struct gs_http_request request = world_get(&world, world_url_of("http", peer.port, "/"));
    request.total_limit_us = GS_HTTP_NO_LIMIT;
    request.idle_limit_us = 100000;
    assert_int_equal(world_ask(&world, &request), GS_LIMIT);
    assert_non_null(strstr(world.err.msg, "nothing came within 0.1 s"));
    assert_int_equal(world.status, 200);
    raw_peer_stop(&peer);
    world_end(&world);
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
    world_begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_http_request request = cases[i];
        struct gs_err err = {.msg = ""};
        request.method = "GET";
        request.on_done = world_on_done;
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
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__what_a_broken_peer_sends_ends_the_request_with_its_reason),
        cmocka_unit_test(http__only_what_can_be_done_twice_is_asked_again),
        cmocka_unit_test(http__an_address_of_ipv6_is_reached),
        cmocka_unit_test(http__headers_of_an_answer_have_a_bound),
        cmocka_unit_test(http__nobody_there_is_said_with_its_errno),
        cmocka_unit_test(http__a_stream_that_falls_silent_is_ended),
        cmocka_unit_test(http__what_cannot_be_asked_is_refused_at_once),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
