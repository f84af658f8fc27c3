/* Sessions of gRPC: two of ours against each other. */
#include "unit/wire/grpc_pair.h"

#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define PATH "/v1.Test/Do"

static struct pair pair; /* large, and one at a time */

static int set_up(void **state)
{
    (void)state;
    pair_init(&pair);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_done(&pair);
    return 0;
}

static void grpc__a_call_is_answered(void **state)
{
    (void)state;
    pair.server.serve = pair_echo;
    const struct pair_call *call = pair_call(&pair, PATH, gs_view("hello"), 0);
    pair_run(&pair);
    assert_int_equal(pair.server.n, 1);
    assert_string_equal(pair.server.calls[0].path, PATH);
    assert_int_equal(call->n_messages, 1);
    assert_string_equal(call->last, "hello");
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->status, GS_GRPC_OK);
    assert_string_equal(call->text, "");
    assert_int_equal(pair.server.calls[0].n_ended, 0); /* it finished it itself */
}

static void grpc__an_empty_message_is_a_message(void **state)
{
    (void)state;
    pair.server.serve = pair_echo;
    const struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    assert_int_equal(call->n_messages, 1);
    assert_int_equal(call->last_n, 0);
    assert_int_equal(call->status, GS_GRPC_OK);
}

static void grpc__a_call_has_any_number_of_answers(void **state)
{
    (void)state;
    pair.server.serve = pair_thrice;
    const struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    assert_int_equal(call->n_messages, 3);
    assert_string_equal(call->last, "c");
    assert_int_equal(call->status, GS_GRPC_OK);
}

static void grpc__a_status_arrives_with_its_text(void **state)
{
    (void)state;
    pair.server.serve = pair_refuse;
    const struct pair_call *call = pair_call(&pair, PATH, gs_view("x"), 0);
    pair_run(&pair);
    assert_int_equal(call->n_messages, 0);
    assert_int_equal(call->status, GS_GRPC_NOT_FOUND);
    assert_string_equal(call->text, "there is no \xc3\xbc");
}

static void grpc__a_status_may_follow_answers(void **state)
{
    (void)state;
    struct pair_call *call = pair_call(&pair, PATH, gs_view("x"), 0);
    pair_run(&pair);
    struct gs_grpc_stream *stream = pair.server.calls[0].stream;
    assert_int_equal(gs_grpc_stream_send(stream, gs_view("one"), 0), 0);
    pair_run(&pair);
    assert_int_equal(call->n_messages, 1);
    assert_int_equal(call->n_ended, 0);
    assert_int_equal(gs_grpc_session_calls(pair.server.session), 1);
    gs_grpc_stream_finish(stream, GS_GRPC_ABORTED, "enough", 0);
    assert_int_equal(gs_grpc_session_calls(pair.server.session), 0);
    pair_run(&pair);
    assert_int_equal(call->status, GS_GRPC_ABORTED);
    assert_string_equal(call->text, "enough");
}

static void grpc__a_stream_of_answers_goes_on_for_long(void **state)
{
    (void)state;
    struct pair_call *call = pair_call(&pair, PATH, gs_view("x"), 0);
    pair_run(&pair);
    for (unsigned i = 0; i < 3000; i++) {
        char text[3000];
        memset(text, 'x', sizeof(text));
        const struct gs_view message = {text, i};
        assert_int_equal(gs_grpc_stream_send(pair.server.calls[0].stream, message, 0), 0);
        if (i % 7 == 0) { /* one at a time, and several at once */
            pair_run(&pair);
        }
    }
    pair_run(&pair);
    assert_int_equal(call->n_messages, 3000);
    assert_int_equal(call->last_n, 2999);
}

static void grpc__thousands_of_calls_leave_nothing_behind(void **state)
{
    (void)state;
    pair.server.serve = pair_echo;
    for (unsigned i = 0; i < 5000; i++) {
        const struct pair_call *call = pair_call(&pair, PATH, gs_view("again"), 0);
        pair_run(&pair);
        assert_int_equal(call->status, GS_GRPC_OK);
        assert_string_equal(call->last, "again");
        pair.client.n = 0;
        pair.server.n = 0;
    }
    assert_int_equal(pair.account.used, 0);
}

static void grpc__a_message_of_4_mib_goes_both_ways(void **state)
{
    (void)state;
    const size_t n = GS_GRPC_MESSAGE_MAX;
    char *bytes = calloc(1, n + 1);
    const struct gs_view message = {bytes, n};
    struct pair_call *call = pair_call(&pair, PATH, message, 0);
    pair_run(&pair);
    assert_int_equal(pair.server.calls[0].last_n, n);
    assert_int_equal(gs_grpc_stream_send(pair.server.calls[0].stream, message, 0), 0);
    gs_grpc_stream_finish(pair.server.calls[0].stream, GS_GRPC_OK, NULL, 0);
    pair_run(&pair);
    assert_int_equal(call->n_messages, 1);
    assert_int_equal(call->last_n, n);
    assert_int_equal(call->status, GS_GRPC_OK);
    free(bytes);
}

static void grpc__a_larger_message_is_not_sent(void **state)
{
    (void)state;
    char *bytes = calloc(1, GS_GRPC_MESSAGE_MAX + 1);
    const struct gs_view message = {bytes, GS_GRPC_MESSAGE_MAX + 1};
    struct gs_grpc_stream *stream;
    struct gs_err err = {0};
    assert_int_equal(gs_grpc_session_call(pair.client.session, PATH, message, 0, 0, &stream, &err),
                     GS_LIMIT);
    struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    stream = pair.server.calls[0].stream;
    assert_int_equal(gs_grpc_stream_send(stream, message, 0), GS_LIMIT);
    assert_int_equal(gs_grpc_stream_send(stream, gs_view("small"), 0), 0); /* it goes on */
    pair_run(&pair);
    assert_string_equal(call->last, "small");
    free(bytes);
}

static void grpc__bytes_may_come_in_pieces_of_any_size(void **state)
{
    (void)state;
    const char *given = getenv("GPUSLICE_SEED");
    uint64_t seed = given == NULL ? 20240613 : strtoull(given, NULL, 10);
    printf("# seed %llu\n", (unsigned long long)seed);
    pair.server.serve = pair_thrice;
    for (unsigned i = 0; i < 40; i++) {
        pair.seed = seed + i;
        char request[2000];
        memset(request, 'a', sizeof(request));
        struct pair_call *first = pair_call(&pair, PATH, (struct gs_view){request, 50 * i}, 0);
        struct pair_call *second = pair_call(&pair, PATH, gs_view(""), 1000000);
        pair_run(&pair);
        assert_int_equal(first->n_messages, 3);
        assert_int_equal(second->n_messages, 3);
        assert_int_equal(first->status, GS_GRPC_OK);
        assert_int_equal(second->status, GS_GRPC_OK);
        pair.client.n = 0;
        pair.server.n = 0;
    }
}

static void grpc__a_cancelled_call_ends_at_the_server(void **state)
{
    (void)state;
    struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    assert_int_equal(gs_grpc_stream_send(pair.server.calls[0].stream, gs_view("a"), 0), 0);
    pair_run(&pair);
    gs_grpc_stream_cancel(call->stream);
    pair_run(&pair);
    assert_int_equal(call->n_ended, 0);
    assert_int_equal(pair.server.calls[0].n_ended, 1);
    assert_int_equal(pair.server.calls[0].status, GS_GRPC_CANCELLED);
    pair.server.serve = pair_echo;
    const struct pair_call *next = pair_call(&pair, PATH, gs_view("on"), 0);
    pair_run(&pair);
    assert_string_equal(next->last, "on");
}

static void grpc__a_deadline_ends_a_call_that_is_not_answered(void **state)
{
    (void)state;
    struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 200000);
    pair_run(&pair);
    assert_int_equal(gs_grpc_session_deadline(pair.server.session), pair.now_us + 200000);
    pair.now_us += 199999;
    gs_grpc_session_expire(pair.server.session, pair.now_us);
    assert_int_equal(pair.server.calls[0].n_ended, 0);
    pair.now_us += 1;
    gs_grpc_session_expire(pair.server.session, pair.now_us);
    assert_int_equal(pair.server.calls[0].n_ended, 1);
    assert_int_equal(pair.server.calls[0].status, GS_GRPC_DEADLINE_EXCEEDED);
    pair_run(&pair);
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->status, GS_GRPC_DEADLINE_EXCEEDED);
    assert_string_equal(call->text, "the call's time is over");
    assert_int_equal(gs_grpc_session_deadline(pair.server.session), UINT64_MAX);
}

static void grpc__a_deadline_ends_a_stream_of_answers_too(void **state)
{
    (void)state;
    struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 200000);
    pair_run(&pair);
    assert_int_equal(gs_grpc_stream_send(pair.server.calls[0].stream, gs_view("a"), 0), 0);
    pair_run(&pair);
    pair.now_us += 200000;
    gs_grpc_session_expire(pair.server.session, pair.now_us);
    assert_int_equal(pair.server.calls[0].status, GS_GRPC_DEADLINE_EXCEEDED);
    gs_grpc_session_expire(pair.client.session, pair.now_us);
    assert_int_equal(call->status, GS_GRPC_DEADLINE_EXCEEDED);
    pair_run(&pair);
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(pair.server.calls[0].n_ended, 1);
}

static void grpc__a_call_in_time_has_no_deadline_any_more(void **state)
{
    (void)state;
    pair.server.serve = pair_echo;
    pair_call(&pair, PATH, gs_view("x"), 200000);
    pair_run(&pair);
    assert_int_equal(gs_grpc_session_deadline(pair.server.session), UINT64_MAX);
    assert_int_equal(gs_grpc_session_deadline(pair.client.session), UINT64_MAX);
}

static void grpc__a_client_that_does_not_read_is_ended(void **state)
{
    (void)state;
    static const char text[1000];
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    struct pair_call *call = &pair.server.calls[0];
    int r = 0;
    unsigned sent = 0;
    for (; r == 0 && sent < 10000; sent++) {
        r = gs_grpc_stream_send(call->stream, (struct gs_view){text, sizeof(text)}, 0);
    }
    assert_int_equal(r, GS_LIMIT);
    assert_int_equal(sent, GS_GRPC_QUEUE_MAX / (sizeof(text) + 5) + 1);
    assert_true(pair.account.used <= GS_GRPC_QUEUE_MAX);
    assert_int_equal(call->n_ended, 0); /* not from inside of it */
    assert_int_equal(gs_grpc_stream_send(call->stream, gs_view("x"), 0), GS_LIMIT);
    pair_run(&pair);
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->status, GS_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(pair.client.calls[0].status, GS_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(pair.account.used, 0);
}

static void grpc__a_slow_call_may_be_finished_before_its_end_is_told(void **state)
{
    (void)state;
    static const char text[1 << 19];
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    struct pair_call *call = &pair.server.calls[0];
    while (gs_grpc_stream_send(call->stream, (struct gs_view){text, sizeof(text)}, 0) == 0) {
    }
    gs_grpc_stream_finish(call->stream, GS_GRPC_OK, NULL, 0);
    pair_run(&pair);
    assert_int_equal(call->n_ended, 0);
    assert_int_equal(pair.client.calls[0].status, GS_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(gs_grpc_session_calls(pair.server.session), 0);
}

/* The answer is on its way, and the client takes none of it. */
static void grpc__what_is_left_unread_for_long_is_forgotten(void **state)
{
    (void)state;
    static const char text[1 << 19];
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    struct gs_grpc_stream *stream = pair.server.calls[0].stream;
    uint64_t limit_us = (uint64_t)GS_GRPC_STALL_S * 1000000;
    assert_int_equal(gs_grpc_stream_send(stream, (struct gs_view){text, sizeof(text)}, pair.now_us),
                     0);
    gs_grpc_stream_finish(stream, GS_GRPC_OK, NULL, pair.now_us);
    assert_int_equal(gs_grpc_session_deadline(pair.server.session), pair.now_us + limit_us);
    pair.now_us += limit_us - 1;
    gs_grpc_session_expire(pair.server.session, pair.now_us);
    assert_true(pair.account.used > 0);
    pair.now_us += 1;
    gs_grpc_session_expire(pair.server.session, pair.now_us);
    assert_int_equal(pair.account.used, 0);
    assert_int_equal(gs_grpc_session_deadline(pair.server.session), UINT64_MAX);
    pair_run(&pair);
    assert_int_equal(pair.client.calls[0].n_ended, 1);
}

static void grpc__a_stream_that_is_read_may_be_quiet_for_days(void **state)
{
    (void)state;
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    struct gs_grpc_stream *stream = pair.server.calls[0].stream;
    for (unsigned day = 0; day < 3; day++) {
        assert_int_equal(gs_grpc_stream_send(stream, gs_view("list"), pair.now_us), 0);
        pair_run(&pair);
        assert_int_equal(gs_grpc_session_deadline(pair.server.session), UINT64_MAX);
        pair.now_us += 86400000000;
        gs_grpc_session_expire(pair.server.session, pair.now_us);
    }
    assert_int_equal(pair.client.calls[0].n_messages, 3);
    assert_int_equal(pair.client.calls[0].n_ended, 0);
}

static void grpc__a_client_has_so_many_calls_and_no_more(void **state)
{
    (void)state;
    struct gs_grpc_stream *stream;
    struct gs_err err = {0};
    for (unsigned i = 0; i < GS_GRPC_STREAMS_MAX; i++) {
        pair_call(&pair, PATH, gs_view(""), 0);
    }
    assert_int_equal(
        gs_grpc_session_call(pair.client.session, PATH, gs_view(""), 0, 0, &stream, &err),
        GS_LIMIT);
    assert_string_equal(err.msg, "found 128 open calls; expected less than 128");
    pair_run(&pair);
    assert_int_equal(gs_grpc_session_calls(pair.server.session), GS_GRPC_STREAMS_MAX);
}

static void grpc__stopping_ends_every_call_and_then_the_connection(void **state)
{
    (void)state;
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    gs_grpc_session_stop(pair.server.session);
    assert_int_equal(pair.server.calls[0].n_ended, 1);
    assert_int_equal(pair.server.calls[1].n_ended, 1);
    assert_int_equal(pair.server.calls[0].status, GS_GRPC_UNAVAILABLE);
    assert_false(gs_grpc_session_is_over(pair.server.session));
    pair_run(&pair);
    assert_true(gs_grpc_session_is_over(pair.server.session));
}

static void grpc__freeing_tells_a_client_of_its_calls(void **state)
{
    (void)state;
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    gs_grpc_session_free(pair.client.session);
    pair.client.session = NULL;
    assert_int_equal(pair.client.calls[0].n_ended, 1);
    assert_int_equal(pair.client.calls[0].status, GS_GRPC_UNAVAILABLE);
}

static void stop_from_inside(struct pair_side *side, struct pair_call *call)
{
    (void)call;
    gs_grpc_session_stop(side->session);
}

static void grpc__a_session_may_be_stopped_by_what_it_serves(void **state)
{
    (void)state;
    pair.server.serve = stop_from_inside;
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_call(&pair, PATH, gs_view(""), 0); /* arrives after the stop */
    pair_run(&pair);
    assert_int_equal(pair.server.n, 1);
    assert_int_equal(pair.server.calls[0].n_ended, 1);
}

static void cancel_all(struct pair_side *side, struct pair_call *call)
{
    (void)side;
    pair_thrice(side, call);
    gs_grpc_stream_cancel(pair.client.calls[0].stream);
}

static void grpc__a_call_cancelled_as_it_is_answered_hears_nothing(void **state)
{
    (void)state;
    pair.server.serve = cancel_all;
    const struct pair_call *call = pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    assert_int_equal(call->n_messages, 0);
    assert_int_equal(call->n_ended, 0);
}

static void grpc__an_account_bounds_all_of_a_servers_connections(void **state)
{
    (void)state;
    static const char text[600000];
    pair.account.max = 1000000;
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_call(&pair, PATH, gs_view(""), 0);
    pair_run(&pair);
    const struct gs_view large = {text, sizeof(text)};
    assert_int_equal(gs_grpc_stream_send(pair.server.calls[0].stream, large, 0), 0);
    assert_int_equal(gs_grpc_stream_send(pair.server.calls[1].stream, large, 0), GS_LIMIT);
    pair_run(&pair);
    assert_int_equal(pair.client.calls[0].n_messages, 1);
    assert_int_equal(pair.server.calls[1].n_ended, 1);
}

static void grpc__a_connection_is_sure_of_a_few_bytes(void **state)
{
    (void)state;
    static const char text[60000];
    pair.account.used = pair.account.max; /* others hold all */
    pair.server.serve = pair_echo;
    const struct pair_call *call = pair_call(&pair, PATH, gs_view("small"), 0);
    const struct pair_call *large = pair_call(&pair, PATH, (struct gs_view){text, sizeof(text)}, 0);
    pair_run(&pair);
    assert_int_equal(call->status, GS_GRPC_OK);
    assert_int_equal(large->status, GS_GRPC_OK);
    static const char more[GS_GRPC_SESSION_SURE + 1];
    large = pair_call(&pair, PATH, (struct gs_view){more, sizeof(more)}, 0);
    pair_run(&pair);
    assert_int_equal(large->status, GS_GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(large->text,
                        "too many bytes of requests are on their way; try again later");
    pair.account.used -= pair.account.max;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(grpc__a_call_is_answered),
        CASE(grpc__an_empty_message_is_a_message),
        CASE(grpc__a_call_has_any_number_of_answers),
        CASE(grpc__a_status_arrives_with_its_text),
        CASE(grpc__a_status_may_follow_answers),
        CASE(grpc__a_stream_of_answers_goes_on_for_long),
        CASE(grpc__thousands_of_calls_leave_nothing_behind),
        CASE(grpc__a_message_of_4_mib_goes_both_ways),
        CASE(grpc__a_larger_message_is_not_sent),
        CASE(grpc__bytes_may_come_in_pieces_of_any_size),
        CASE(grpc__a_cancelled_call_ends_at_the_server),
        CASE(grpc__a_deadline_ends_a_call_that_is_not_answered),
        CASE(grpc__a_deadline_ends_a_stream_of_answers_too),
        CASE(grpc__a_call_in_time_has_no_deadline_any_more),
        CASE(grpc__a_client_that_does_not_read_is_ended),
        CASE(grpc__a_slow_call_may_be_finished_before_its_end_is_told),
        CASE(grpc__what_is_left_unread_for_long_is_forgotten),
        CASE(grpc__a_stream_that_is_read_may_be_quiet_for_days),
        CASE(grpc__a_client_has_so_many_calls_and_no_more),
        CASE(grpc__stopping_ends_every_call_and_then_the_connection),
        CASE(grpc__freeing_tells_a_client_of_its_calls),
        CASE(grpc__a_session_may_be_stopped_by_what_it_serves),
        CASE(grpc__a_call_cancelled_as_it_is_answered_hears_nothing),
        CASE(grpc__an_account_bounds_all_of_a_servers_connections),
        CASE(grpc__a_connection_is_sure_of_a_few_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
