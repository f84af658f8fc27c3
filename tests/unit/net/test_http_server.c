/* What a server bears of its clients, and where it listens. */
#include "unit/net/http_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* ---- connections ---- */

static void http__connections_beyond_the_bound_wait_for_their_turn(void **state)
{
    struct world world;
    int fds[100];
    (void)state;
    world_begin_with(&world,
                     (struct gs_http_server_options){.max_connections = 4, .idle_limit_s = 1});
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        fds[i] = raw_connect(gs_http_server_port(world.server));
        if (i % 10 == 0) {
            loop_for(world.event, 1);
        }
    }
    struct gs_http_request request = world_get(&world, world_url(&world, "/hello"));
    request.connect_limit_us = 500000;
    request.total_limit_us = 500000;
    assert_int_not_equal(world_ask(&world, &request), 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    assert_int_equal(world_ask_for(&world, "/hello"), 0);
    world_end(&world);
}

static void http__a_connection_that_says_nothing_is_closed(void **state)
{
    struct world world;
    char byte;
    (void)state;
    world_begin_with(&world, (struct gs_http_server_options){.idle_limit_s = 1});
    int fd = raw_connect(gs_http_server_port(world.server));
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    loop_for(world.event, 300);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    for (unsigned i = 0; i < 40 && recv(fd, &byte, 1, 0) < 0; i++) {
        loop_for(world.event, 100);
    }
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    world_end(&world);
}

/* A byte now and then, and never a whole request. */
static void http__a_connection_that_takes_its_time_is_closed(void **state)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: ";
    struct world world;
    (void)state;
    world_begin_with(&world, (struct gs_http_server_options){.idle_limit_s = 2});
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
    world_end(&world);
}

/* All places are taken by connections that take their time: somebody new is served all the same. */
static void http__who_has_waited_longest_makes_room(void **state)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nX-A: ";
    struct world world;
    int fds[4];
    (void)state;
    world_begin_with(&world,
                     (struct gs_http_server_options){.max_connections = 4, .idle_limit_s = 30});
    for (unsigned i = 0; i < GS_ARRAY_LEN(fds); i++) { /* one address gets half of the places */
        fds[i] = raw_connect_from(2 + i / 2, gs_http_server_port(world.server));
        assert_int_equal(send(fds[i], head, strlen(head), MSG_NOSIGNAL), strlen(head));
    }
    loop_for(world.event, 1200);
    struct gs_http_request request = world_get(&world, world_url(&world, "/hello"));
    request.connect_limit_us = 8000000;
    request.total_limit_us = 8000000;
    assert_int_equal(world_ask(&world, &request), 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    world_end(&world);
}

/* Twice as many as there are places, all of one address and all waiting with half a request. */
static void http__half_requests_of_this_machine_shut_nobody_out(void **state)
{
    enum { PLACES = 16, HALVES = 2 * PLACES };
    static const char head[] = "GET /hello HTTP/1.1\r\nX-A: ";
    struct world world;
    int fds[HALVES];
    (void)state;
    world_begin_with(
        &world, (struct gs_http_server_options){.max_connections = PLACES, .idle_limit_s = 30});
    for (unsigned i = 0; i < HALVES; i++) {
        fds[i] = raw_connect(gs_http_server_port(world.server));
        assert_int_equal(send(fds[i], head, strlen(head), MSG_NOSIGNAL), strlen(head));
    }
    struct gs_http_request request = world_get(&world, world_url(&world, "/hello"));
    request.connect_limit_us = 25000000;
    request.total_limit_us = 25000000; /* without room that is made, 30 s and more */
    assert_int_equal(world_ask(&world, &request), 0);
    assert_int_equal(world.status, 200);
    for (size_t i = 0; i < GS_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    world_end(&world);
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
    world_begin(&world);
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
    world_end(&world);
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
    world_begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        int fd = raw_connect(gs_http_server_port(world.server));
        assert_int_equal(send(fd, cases[i], strlen(cases[i]), MSG_NOSIGNAL), strlen(cases[i]));
        loop_for(world.event, 5);
        close(fd);
    }
    assert_int_equal(world_ask_for(&world, "/hello"), 0);
    assert_int_equal(world.status, 200);
    world_end(&world);
}

static void http__headers_without_end_are_refused(void **state)
{
    struct world world;
    static char flood[64 << 10];
    char answer[200] = "";
    (void)state;
    world_begin(&world);
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
    assert_int_equal(world_ask_for(&world, "/hello"), 0);
    world_end(&world);
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
    world_begin(&world);
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
        world_start_server(&world, fd, (struct gs_http_server_options){.max_body = 0});
    assert_int_equal(gs_http_server_port(local), 0);
    struct gs_http_request request = world_get(&world, "http://gpuslice/hello");
    request.unix_socket = socket_path;
    assert_int_equal(world_ask(&world, &request), 0);
    assert_string_equal(gs_buf_text(&world.body), "hello");
    gs_http_server_free(local);
    assert_int_equal(world_ask(&world, &request), GS_IO);
    assert_int_equal(unlink(socket_path), 0);
    assert_int_equal(world_ask(&world, &request), GS_IO);
    int file = open(socket_path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_int_equal(gs_http_listen_unix(socket_path, 0600, &fd, &err), GS_INVALID);
    unlink(socket_path);
    rmdir(path);
    world_end(&world);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
