/* The client over HTTP/2. */
#include "unit/net/two_peer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "net/http_client.h"
#include "unit/net/loop.h"

enum { WAIT_MS = 10000 };

struct world {
    sd_event *event;
    struct two_peer peer;
    struct gs_http_client *client;
    struct gs_http_tls tls;
    unsigned n_done;
    unsigned n_good;
    bool done;
    int result;
    unsigned status;
    uint64_t retry_after_us;
    struct gs_buf body;
    struct gs_err err;
    struct gs_http_call *call;
};

static void begin_with(struct world *world, unsigned max_streams)
{
    *world = (struct world){.n_done = 0};
    gs_buf_init(&world->body, 8 << 20);
    assert_true(sd_event_new(&world->event) >= 0);
    two_peer_start(&world->peer, world->event, max_streams);
    world->tls.ca = cert_pem(&world->peer.ca);
    assert_int_equal(gs_http_client_new(world->event, &world->client, NULL), 0);
}

static void begin(struct world *world)
{
    begin_with(world, 0);
}

static void end(struct world *world)
{
    gs_http_client_free(world->client);
    loop_for(world->event, 5);
    two_peer_stop(&world->peer);
    gs_buf_done(&world->body);
    sd_event_unref(world->event);
}

static void on_done(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err)
{
    struct world *world = ctx;
    world->n_done++;
    world->n_good += result == 0 && answer->status == 200;
    world->done = true;
    world->result = result;
    world->err = err == NULL ? (struct gs_err){.msg = ""} : *err;
    if (answer != NULL) {
        world->status = answer->status;
        world->retry_after_us = answer->retry_after_us;
        gs_buf_reset(&world->body);
        gs_buf_put(&world->body, answer->body.p, answer->body.n);
    }
}

static void begin_get(struct world *world, const char *path)
{
    char url[100];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", world->peer.port, path);
    const struct gs_http_request request = {
        .method = "GET", .url = url, .tls = &world->tls, .on_done = on_done, .ctx = world};
    assert_int_equal(gs_http_begin(world->client, &request, &world->call, NULL), 0);
}

static int get(struct world *world, const char *path)
{
    world->done = false;
    begin_get(world, path);
    loop_until(world->event, &world->done, WAIT_MS);
    if (world->result != 0 && getenv("GS_SHOW") != NULL) {
        print_message("%d (%d) %s\n", world->result, world->err.sys_errno, world->err.msg);
    }
    return world->result;
}

static int get_within(struct world *world, const char *method, const char *path, uint64_t limit_us)
{
    char url[100];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", world->peer.port, path);
    const struct gs_http_request request = {
        .method = method,
        .url = url,
        .tls = &world->tls,
        .body = strcmp(method, "GET") == 0 ? (struct gs_view){.p = NULL} : gs_view("body"),
        .total_limit_us = limit_us,
        .on_done = on_done,
        .ctx = world};
    world->done = false;
    assert_int_equal(gs_http_begin(world->client, &request, NULL, NULL), 0);
    loop_until(world->event, &world->done, WAIT_MS);
    return world->result;
}

static void wait_done(struct world *world, unsigned n)
{
    while (world->n_done < n) {
        world->done = false;
        loop_until(world->event, &world->done, WAIT_MS);
    }
    assert_int_equal(world->n_done, n);
}

static void wait_held(struct world *world, unsigned n)
{
    for (unsigned ms = 0; ms < WAIT_MS && world->peer.n_held < n; ms += 5) {
        loop_for(world->event, 5);
    }
    assert_int_equal(world->peer.n_held, n);
}

static void http_two__requests_share_a_connection(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    begin_get(&world, "/hold");
    for (unsigned i = 0; i < 60; i++) {
        begin_get(&world, "/hello");
    }
    wait_done(&world, 60);
    assert_int_equal(world.n_good, 60);
    assert_string_equal(gs_buf_text(&world.body), "hello");
    assert_int_equal(world.retry_after_us, 7000000);
    two_peer_answer(&world.peer, 0);
    wait_done(&world, 61);
    assert_string_equal(gs_buf_text(&world.body), "held");
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__more_than_the_server_takes_at_a_time_is_done_too(void **state)
{
    struct world world;
    (void)state;
    begin_with(&world, 3);
    assert_int_equal(get(&world, "/hello"), 0); /* its limit is known now */
    world.n_done = 0;
    world.n_good = 0;
    for (unsigned i = 0; i < 40; i++) {
        begin_get(&world, i % 2 == 0 ? "/hello" : "/large/50000");
    }
    wait_done(&world, 40);
    assert_int_equal(world.n_good, 40);
    end(&world);
}

static void http_two__bodies_go_both_ways(void **state)
{
    struct world world;
    char url[100];
    (void)state;
    begin(&world);
    size_t n = 3 << 20;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(i * 7);
    }
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/echo", world.peer.port);
    static const char *const headers[] = {"Content-Type: application/x-test", "Connection: close"};
    struct gs_http_request request = {.method = "POST",
                                      .url = url,
                                      .tls = &world.tls,
                                      .headers = headers,
                                      .n_headers = 2,
                                      .on_done = on_done,
                                      .ctx = &world};
    for (size_t size = 0; size <= n; size = size == 0 ? 1 : size * 3) {
        request.body = (struct gs_view){.p = bytes, .n = size};
        world.done = false;
        assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_equal(world.result, 0);
        assert_int_equal(world.body.len, size);
        assert_memory_equal(gs_buf_text(&world.body), bytes, size);
    }
    free(bytes);
    assert_int_equal(get(&world, "/large/2000000"), 0);
    assert_int_equal(world.body.len, 2000000);
    assert_int_equal(get(&world, "/empty"), 0);
    assert_int_equal(world.status, 204);
    assert_int_equal(get(&world, "/hints"), 0);
    assert_int_equal(world.status, 200);
    assert_string_equal(gs_buf_text(&world.body), "hello");
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__a_stream_that_is_reset_or_refused_ends_alone(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    begin_get(&world, "/hold");
    wait_held(&world, 1);
    assert_int_equal(get(&world, "/reset"), GS_IO);
    assert_int_equal(world.err.sys_errno, ECONNRESET);
    assert_non_null(strstr(world.err.msg, "INTERNAL_ERROR"));
    assert_int_equal(get(&world, "/refuse"), 0); /* tried again by itself */
    assert_int_equal(world.peer.n_refused, 2);
    assert_int_equal(get(&world, "/flood"), GS_LIMIT);
    two_peer_answer(&world.peer, 0);
    wait_done(&world, 4);
    assert_string_equal(gs_buf_text(&world.body), "held");
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__after_a_goodbye_the_next_take_another_connection(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    begin_get(&world, "/hold");
    wait_held(&world, 1);
    assert_int_equal(get(&world, "/goaway"), 0);
    assert_int_equal(get(&world, "/hello"), 0);
    assert_int_equal(world.peer.n_accepted, 2);
    two_peer_answer(&world.peer, 0); /* what was begun before goes on */
    wait_done(&world, 3);
    assert_int_equal(world.n_good, 3);
    end(&world);
}

static void http_two__a_connection_that_breaks_ends_what_it_has_begun(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(get(&world, "/cut"), GS_IO);
    assert_int_equal(world.err.sys_errno, ECONNRESET);
    assert_int_equal(get(&world, "/garbage"), GS_IO);
    assert_true(world.err.sys_errno == ECONNRESET || world.err.sys_errno == EPROTO);
    assert_int_equal(get(&world, "/hello"), 0);
    end(&world);
}

static void http_two__what_the_server_has_not_answered_is_asked_again(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(get(&world, "/hello"), 0); /* the connection is an old one */
    begin_get(&world, "/hold");
    wait_held(&world, 1);
    unsigned asked = world.peer.n_asked;
    assert_int_equal(get(&world, "/cut"), GS_IO);
    wait_held(&world, 2); /* on another connection */
    assert_int_equal(world.peer.n_asked, asked + 2);
    two_peer_answer(&world.peer, 1);
    wait_done(&world, 3);
    assert_string_equal(gs_buf_text(&world.body), "held");
    end(&world);
}

static void http_two__a_cancelled_request_is_reset_and_the_others_go_on(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    begin_get(&world, "/hold");
    begin_get(&world, "/hold");
    struct gs_http_call *second = world.call;
    begin_get(&world, "/hold");
    wait_held(&world, 3);
    gs_http_cancel(second);
    loop_for(world.event, 30);
    assert_int_equal(world.peer.n_reset, 1);
    two_peer_answer(&world.peer, 0);
    two_peer_answer(&world.peer, 2);
    wait_done(&world, 2);
    assert_int_equal(world.n_good, 2);
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__forgetting_connections_lets_them_end_what_they_carry(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    begin_get(&world, "/hold");
    wait_held(&world, 1);
    gs_http_client_forget(world.client);
    assert_int_equal(get(&world, "/hello"), 0);
    assert_int_equal(world.peer.n_accepted, 2);
    two_peer_answer(&world.peer, 0);
    wait_done(&world, 2);
    assert_string_equal(gs_buf_text(&world.body), "held");
    end(&world);
}

static int cancel_in_chunk(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err)
{
    struct world *world = ctx;
    (void)status;
    (void)bytes;
    (void)err;
    gs_http_cancel(GS_TAKE(world->call));
    return 0;
}

static void http_two__a_request_may_be_cancelled_inside_its_own_answer(void **state)
{
    struct world world;
    char url[100];
    (void)state;
    begin(&world);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/large/300000", world.peer.port);
    const struct gs_http_request request = {.method = "GET",
                                            .url = url,
                                            .tls = &world.tls,
                                            .on_chunk = cancel_in_chunk,
                                            .on_done = on_done,
                                            .ctx = &world};
    assert_int_equal(gs_http_begin(world.client, &request, &world.call, NULL), 0);
    for (unsigned ms = 0; ms < WAIT_MS && world.call != NULL; ms += 5) {
        loop_for(world.event, 5);
    }
    assert_null(world.call);
    loop_for(world.event, 30);
    assert_int_equal(world.n_done, 0);
    assert_int_equal(get(&world, "/hello"), 0);
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__what_was_not_said_to_be_all_is_no_answer(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(get(&world, "/part"), GS_IO);
    assert_int_equal(get(&world, "/short"), GS_IO);
    assert_int_equal(world.err.sys_errno, EPROTO);
    assert_int_equal(get(&world, "/hello"), 0);
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__a_goodbye_that_leaves_a_request_out_sends_it_elsewhere(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(get(&world, "/hello"), 0);
    assert_int_equal(get_within(&world, "POST", "/below", 0), 0); /* it was not done, surely */
    assert_string_equal(gs_buf_text(&world.body), "hello");
    assert_int_equal(world.peer.n_accepted, 2);
    end(&world);
}

/* Cancels another request and asks one more from where its stream is closed by ourselves. */
struct meddler {
    struct world *world;
    struct gs_http_call *other;
};

static void cancel_other(void *ctx, int result, const struct gs_http_answer *answer,
                         const struct gs_err *err)
{
    struct meddler *meddler = ctx;
    gs_http_cancel(meddler->other);
    begin_get(meddler->world, "/hello");
    (void)answer;
    (void)err;
    assert_int_equal(result, GS_IO);
}

static void http_two__who_hears_of_a_bad_answer_may_cancel_and_ask(void **state)
{
    struct world world;
    char url[100];
    (void)state;
    begin(&world);
    begin_get(&world, "/hold");
    wait_held(&world, 1);
    struct meddler meddler = {.world = &world, .other = world.call};
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/short", world.peer.port);
    const struct gs_http_request request = {
        .method = "GET", .url = url, .tls = &world.tls, .on_done = cancel_other, .ctx = &meddler};
    assert_int_equal(gs_http_begin(world.client, &request, NULL, NULL), 0);
    wait_done(&world, 1);
    assert_int_equal(world.n_good, 1);
    loop_for(world.event, 30);
    assert_int_equal(world.peer.n_reset, 2);
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__a_server_that_does_not_go_on_is_waited_for_within_the_limit(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(get_within(&world, "GET", "/half", 100000), GS_LIMIT);
    end(&world);
    begin(&world);
    world.peer.shut = true;
    assert_int_equal(get(&world, "/hello"), 0); /* its settings are known now */
    assert_int_equal(get_within(&world, "POST", "/echo", 200000), GS_LIMIT);
    assert_int_equal(get_within(&world, "GET", "/hello", 0), 0); /* on the same connection */
    assert_int_equal(world.peer.n_accepted, 1);
    end(&world);
}

static void http_two__a_server_that_takes_no_request_is_not_beset(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    world.peer.busy = true;
    assert_int_equal(get_within(&world, "GET", "/hello", 300000), GS_LIMIT);
    assert_true(world.peer.n_accepted <= 2);
    end(&world);
}

static void http_two__a_flood_of_pings_ends_the_connection(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(get(&world, "/hello"), 0);
    assert_int_equal(get_within(&world, "POST", "/pings", 0), GS_IO);
    assert_non_null(strstr(world.err.msg, "Flooding"));
    assert_int_equal(world.err.sys_errno, EPROTO);
    assert_int_equal(get(&world, "/hello"), 0);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_two__requests_share_a_connection),
        cmocka_unit_test(http_two__more_than_the_server_takes_at_a_time_is_done_too),
        cmocka_unit_test(http_two__bodies_go_both_ways),
        cmocka_unit_test(http_two__a_stream_that_is_reset_or_refused_ends_alone),
        cmocka_unit_test(http_two__after_a_goodbye_the_next_take_another_connection),
        cmocka_unit_test(http_two__a_connection_that_breaks_ends_what_it_has_begun),
        cmocka_unit_test(http_two__what_the_server_has_not_answered_is_asked_again),
        cmocka_unit_test(http_two__a_cancelled_request_is_reset_and_the_others_go_on),
        cmocka_unit_test(http_two__forgetting_connections_lets_them_end_what_they_carry),
        cmocka_unit_test(http_two__a_request_may_be_cancelled_inside_its_own_answer),
        cmocka_unit_test(http_two__what_was_not_said_to_be_all_is_no_answer),
        cmocka_unit_test(http_two__a_goodbye_that_leaves_a_request_out_sends_it_elsewhere),
        cmocka_unit_test(http_two__who_hears_of_a_bad_answer_may_cancel_and_ask),
        cmocka_unit_test(http_two__a_server_that_does_not_go_on_is_waited_for_within_the_limit),
        cmocka_unit_test(http_two__a_server_that_takes_no_request_is_not_beset),
        cmocka_unit_test(http_two__a_flood_of_pings_ends_the_connection),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
