/* Requests of the client and answers of the server, at once and later. */
#include "unit/net/http_world.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* ---- requests ---- */

static void http__a_request_is_answered(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    assert_int_equal(world_ask_for(&world, "/hello?a=b"), 0);
    assert_int_equal(world.status, 200);
    assert_string_equal(world.type, "text/plain");
    assert_string_equal(gs_buf_text(&world.body), "hello");
    world_end(&world);
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
    world_begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_http_request request = world_get(&world, world_url(&world, cases[i].path));
        request.method = cases[i].method;
        assert_int_equal(world_ask(&world, &request), 0);
        if (world.status != cases[i].status) {
            print_message("%s %s: %u\n", cases[i].method, cases[i].path, world.status);
        }
        assert_int_equal(world.status, cases[i].status);
    }
    world_end(&world);
}

static void http__a_path_is_decoded(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    assert_int_equal(world_ask_for(&world, "/under/a%20b/c"), 0);
    assert_string_equal(gs_buf_text(&world.body), "/under/a b/c");
    world_end(&world);
}

static void http__bodies_go_both_ways(void **state)
{
    struct world world;
    (void)state;
    world_begin_with(&world, (struct gs_http_server_options){.max_body = 2 << 20});
    size_t n = 2 << 20;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(i * 7);
    }
    static const char *const headers[] = {"Content-Type: application/x-test"};
    struct gs_http_request request = world_get(&world, world_url(&world, "/echo"));
    request.method = "POST";
    request.headers = headers;
    request.n_headers = 1;
    for (size_t size = 0; size <= n; size = size == 0 ? 1 : size * 2) {
        request.body = (struct gs_view){.p = bytes, .n = size};
        assert_int_equal(world_ask(&world, &request), 0);
        assert_int_equal(world.status, 201);
        assert_string_equal(world.type, "application/x-test");
        assert_int_equal(world.body.len, size);
        assert_memory_equal(gs_buf_text(&world.body), bytes, size);
    }
    request.body = (struct gs_view){.p = bytes, .n = n};
    request.url = world_url(&world, "/echo");
    free(bytes);
    world_end(&world);
}

static void http__an_answer_takes_the_text_of_a_buffer(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/given"));
    assert_int_equal(world_ask(&world, &request), 0);
    assert_int_equal(world.status, 200);
    assert_int_equal(world.body.len, 550000);
    assert_memory_equal(world.body.text + 55, "0123456789123456789", 19);
    request.url = world_url(&world, "/given-none");
    assert_int_equal(world_ask(&world, &request), 0);
    assert_int_equal(world.status, 200);
    assert_int_equal(world.body.len, 0);
    world_end(&world);
}

static void http__a_body_that_is_too_large_is_refused(void **state)
{
    static char bytes[1001];
    struct world world;
    (void)state;
    world_begin_with(&world, (struct gs_http_server_options){.max_body = 1000});
    struct gs_http_request request = world_get(&world, world_url(&world, "/echo"));
    request.method = "POST";
    request.body = (struct gs_view){.p = bytes, .n = 1000};
    assert_int_equal(world_ask(&world, &request), 0);
    assert_int_equal(world.status, 201);
    request.body.n = 1001;
    assert_int_equal(world_ask(&world, &request), 0);
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
    world_end(&world);
}

static void http__an_answer_beyond_its_bound_is_a_limit(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/large"));
    request.max_body = 1 << 20;
    assert_int_equal(world_ask(&world, &request), GS_LIMIT);
    assert_non_null(strstr(world.err.msg, "more than 1048576 bytes"));
    request.max_body = 3 << 20;
    assert_int_equal(world_ask(&world, &request), 0);
    assert_int_equal(world.body.len, 3 << 20);
    world_end(&world);
}

/* ---- later ---- */

static void http__answers_may_come_later_in_any_order(void **state)
{
    struct world world;
    enum { N = 30 };
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/later"));
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    }
    world_wait_for_later(&world, N);
    assert_int_equal(world.n_done, 0);
    for (unsigned i = 0; i < N; i++) {
        gs_http_answer(world.later[(i * 7) % N], 200, "text/plain", gs_view("late"));
    }
    while (world.n_done < N) {
        world.done = false;
        loop_until(world.event, &world.done, WORLD_WAIT_MS);
        assert_int_equal(world.status, 200);
    }
    world_end(&world);
}

static void http__a_text_that_is_answered_ends_with_the_end_of_a_line(void **state)
{
    static const struct {
        const char *text;
        const char *body;
    } cases[] = {{"no", "no\n"}, {"no\n", "no\n"}, {"a\nb", "a\nb\n"}, {"", "\n"}};
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/later"));
    for (unsigned i = 0; i < GS_ARRAY_LEN(cases); i++) {
        world.done = false;
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
        world_wait_for_later(&world, i + 1);
        gs_http_answer_text(world.later[i], 404, cases[i].text);
        loop_until(world.event, &world.done, WORLD_WAIT_MS);
        assert_int_equal(world.status, 404);
        assert_string_equal(world.type, GS_HTTP_TEXT);
        assert_string_equal(gs_buf_text(&world.body), cases[i].body);
    }
    world_end(&world);
}

static void http__who_waits_when_the_server_ends_gets_503(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/later"));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    }
    world_wait_for_later(&world, 3);
    gs_http_server_free(world.server);
    world.server = NULL;
    assert_int_equal(world.n_gone, 3);
    while (world.n_done < 3) {
        world.done = false;
        loop_until(world.event, &world.done, WORLD_WAIT_MS);
        assert_int_equal(world.result, 0);
        assert_int_equal(world.status, 503);
    }
    world_end(&world);
}

static void http__a_client_that_has_left_does_not_hurt_a_late_answer(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/later"));
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    world_wait_for_later(&world, 1);
    gs_http_cancel(world.call);
    loop_for(world.event, 20);
    gs_http_answer(world.later[0], 200, "text/plain", gs_view("late"));
    loop_for(world.event, 20);
    assert_int_equal(world.n_done, 0);
    assert_int_equal(world_ask_for(&world, "/hello"), 0);
    world_end(&world);
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
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/large"));
    request.on_chunk = on_chunk;
    world.done = false;
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    loop_until(world.event, &world.done, WORLD_WAIT_MS);
    assert_int_equal(world.result, 0);
    assert_int_equal(world.body.len, 0); /* not collected beside */
    assert_int_equal(world.chunk_bytes, 3 << 20);
    assert_true(world.n_chunks > 10);
    world_end(&world);
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
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/large"));
    request.on_chunk = refuse_chunk;
    assert_int_equal(world_ask(&world, &request), GS_INVALID);
    assert_non_null(strstr(world.err.msg, "I do not like it"));
    assert_int_equal(world.status, 200);
    world_end(&world);
}

static void http__a_cancelled_request_never_ends(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/hello"));
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    gs_http_cancel(world.call); /* before it began */
    loop_for(world.event, 20);
    assert_int_equal(world.n_served, 0);
    request.url = world_url(&world, "/later");
    assert_int_equal(gs_http_begin(world.client, &request, &world.other, NULL), 0);
    world_wait_for_later(&world, 1);
    request.url = world_url(&world, "/large");
    request.on_chunk = on_chunk;
    world.cancel_in_chunk = true; /* itself and the other one, from inside */
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    loop_for(world.event, 100);
    assert_null(world.call);
    assert_int_equal(world.n_done, 0);
    gs_http_answer(world.later[0], 200, "text/plain", gs_view(""));
    loop_for(world.event, 20);
    assert_int_equal(world.n_done, 0);
    assert_int_equal(world_ask_for(&world, "/hello"), 0);
    world_end(&world);
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
    struct gs_http_request request = world_get(world, world_url(world, "/hello"));
    request.on_done = begin_next;
    assert_int_equal(gs_http_begin(world->client, &request, NULL, NULL), 0);
}

static void http__a_request_may_begin_the_next_and_forget_connections(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/hello"));
    request.on_done = begin_next;
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    loop_until(world.event, &world.done, WORLD_WAIT_MS);
    assert_int_equal(world.n_served, 20);
    world_end(&world);
}

static void http__freeing_the_client_drops_what_is_under_way(void **state)
{
    struct world world;
    (void)state;
    world_begin(&world);
    struct gs_http_request request = world_get(&world, world_url(&world, "/later"));
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
        loop_for(world.event, 5);
    }
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    gs_http_client_free(world.client);
    world.client = NULL;
    loop_for(world.event, 10);
    assert_int_equal(world.n_done, 0);
    world_end(&world);
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
        cmocka_unit_test(http__pieces_are_handed_out_as_they_come),
        cmocka_unit_test(http__a_refused_piece_ends_the_request_with_its_code),
        cmocka_unit_test(http__a_cancelled_request_never_ends),
        cmocka_unit_test(http__a_request_may_begin_the_next_and_forget_connections),
        cmocka_unit_test(http__freeing_the_client_drops_what_is_under_way),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
