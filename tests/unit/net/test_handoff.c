/* Threads that meet on a loop. */
#include "unit/check.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "net/handoff.h"

struct world {
    sd_event *event;
    struct gs_handoff *handoff;
    int (*work)(struct world *world);
    int result;
    pthread_t loop;
    unsigned ran;
    bool on_loop;
    struct gs_await *await; /* kept, to be ended later */
    bool given_up;
};

static void end_loop(void *ctx)
{
    struct world *world = ctx;
    sd_event_exit(world->event, 0);
}

static void *work(void *ctx)
{
    struct world *world = ctx;
    world->result = world->work(world);
    gs_handoff_call(world->handoff, end_loop, world);
    return NULL;
}

/* Runs `work` beside a loop and gives its result. */
static int beside_a_loop(struct world *world)
{
    pthread_t thread;
    assert_true(sd_event_new(&world->event) >= 0);
    assert_int_equal(gs_handoff_new(world->event, &world->handoff, NULL), 0);
    world->loop = pthread_self();
    assert_int_equal(pthread_create(&thread, NULL, work, world), 0);
    assert_int_equal(sd_event_loop(world->event), 0);
    pthread_join(thread, NULL);
    gs_handoff_free(world->handoff);
    sd_event_unref(world->event);
    return world->result;
}

static void count(void *ctx)
{
    struct world *world = ctx;
    world->on_loop = pthread_equal(pthread_self(), world->loop) != 0;
    world->ran++;
}

static int call_often(struct world *world)
{
    for (unsigned i = 0; i < 1000; i++) {
        gs_handoff_call(world->handoff, count, world);
        if (world->ran != i + 1) {
            return -1;
        }
    }
    return 0;
}

static void handoff__a_call_has_run_on_the_loop_when_it_returns(void **state)
{
    (void)state;
    struct world world = {.work = call_often};
    assert_int_equal(beside_a_loop(&world), 0);
    assert_true(world.on_loop);
}

static int post_often(struct world *world)
{
    for (unsigned i = 0; i < 100; i++) {
        gs_handoff_post(world->handoff, count, world);
    }
    return 0;
}

static void handoff__posts_run_before_a_later_call(void **state)
{
    (void)state;
    struct world world = {.work = post_often};
    assert_int_equal(beside_a_loop(&world), 0);
    assert_int_equal(world.ran, 100);
}

static void end_at_once(void *ctx, struct gs_await *await)
{
    (void)ctx;
    gs_await_end(await, 7, NULL);
}

static void keep(void *ctx, struct gs_await *await)
{
    struct world *world = ctx;
    world->await = await;
}

static void give_up(void *ctx)
{
    struct world *world = ctx;
    world->given_up = true;
}

static int await_one(struct world *world)
{
    return gs_await_run(world->handoff, end_at_once, give_up, world, 1000000, NULL);
}

static void handoff__an_await_gives_the_result_it_ended_with(void **state)
{
    (void)state;
    struct world world = {.work = await_one};
    assert_int_equal(beside_a_loop(&world), 7);
    assert_false(world.given_up);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct world *world = ctx;
    (void)source;
    (void)usec;
    const struct gs_err err = {.code = GS_IO, .msg = "the API said no"};
    gs_await_end(world->await, GS_IO, &err);
    return 0;
}

static void end_in_10_ms(void *ctx, struct gs_await *await)
{
    struct world *world = ctx;
    world->await = await;
    sd_event_add_time_relative(world->event, NULL, CLOCK_MONOTONIC, 10000, 1, on_timer, world);
}

static int await_an_error(struct world *world)
{
    struct gs_err err = {.code = GS_OK};
    int r = gs_await_run(world->handoff, end_in_10_ms, give_up, world, 10000000, &err);
    return r == GS_IO && strcmp(err.msg, "the API said no") == 0 ? 1 : r;
}

static void handoff__an_await_brings_the_error_over(void **state)
{
    (void)state;
    struct world world = {.work = await_an_error};
    assert_int_equal(beside_a_loop(&world), 1);
}

static int await_nobody(struct world *world)
{
    return gs_await_run(world->handoff, keep, give_up, world, 20000, NULL);
}

static void handoff__an_await_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    struct world world = {.work = await_nobody};
    assert_int_equal(beside_a_loop(&world), GS_LIMIT);
    assert_true(world.given_up);
}

static void keep_and_close(void *ctx, struct gs_await *await)
{
    struct world *world = ctx;
    world->await = await;
    gs_handoff_close(world->handoff);
}

static int await_the_end(struct world *world)
{
    return gs_await_run(world->handoff, keep_and_close, give_up, world, 60000000, NULL);
}

static void handoff__closing_ends_who_waits(void **state)
{
    (void)state;
    struct world world = {.work = await_the_end};
    assert_int_equal(beside_a_loop(&world), GS_BUSY);
    assert_true(world.given_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handoff__a_call_has_run_on_the_loop_when_it_returns),
        cmocka_unit_test(handoff__posts_run_before_a_later_call),
        cmocka_unit_test(handoff__an_await_gives_the_result_it_ended_with),
        cmocka_unit_test(handoff__an_await_brings_the_error_over),
        cmocka_unit_test(handoff__an_await_that_takes_too_long_is_given_up),
        cmocka_unit_test(handoff__closing_ends_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
