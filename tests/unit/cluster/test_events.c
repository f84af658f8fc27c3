/* Events: counted, limited, and never in anybody's way. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "cluster/cluster_memory.h"
#include "cluster/events.h"
#include "unit/net/loop.h"

struct world {
    sd_event *event;
    struct gs_cluster cluster;
    struct gs_events *events;
};

static void begin(struct world *world, const char *node)
{
    assert_true(sd_event_new(&world->event) >= 0);
    assert_int_equal(gs_cluster_memory_open(world->event, &world->cluster, NULL), 0);
    const struct gs_events_options options = {
        .event = world->event,
        .cluster = world->cluster,
        .node = node,
        .controller = "gpuslice.dev/agent",
        .instance = "host",
        .repeat_us = 300000,
        .refill_us = 400000,
    };
    assert_int_equal(gs_events_new(&options, &world->events, NULL), 0);
}

static void end(struct world *world)
{
    gs_events_free(world->events);
    gs_cluster_close(&world->cluster);
    sd_event_unref(world->event);
}

static size_t count(struct world *world)
{
    size_t n = 0;
    while (gs_cluster_memory_event(&world->cluster, n) != NULL) {
        n++;
    }
    return n;
}

static void events__an_event_says_who_and_what(void **state)
{
    struct world world;
    (void)state;
    begin(&world, "n");
    gs_events_know_uid(world.events, "u-1");
    gs_events_post(world.events, true, "SliceBusy", "Recut", "slice %d is busy", 3);
    loop_for(world.event, 20);
    const struct gs_cluster_event *event = gs_cluster_memory_event(&world.cluster, 0);
    assert_non_null(event);
    assert_true(strncmp(event->name, "n.", 2) == 0);
    assert_string_equal(event->node, "n");
    assert_string_equal(event->node_uid, "u-1");
    assert_string_equal(event->controller, "gpuslice.dev/agent");
    assert_string_equal(event->instance, "host");
    assert_string_equal(event->reason, "SliceBusy");
    assert_string_equal(event->action, "Recut");
    assert_string_equal(event->note, "slice 3 is busy");
    assert_true(event->warning);
    assert_int_equal(event->count, 1);
    assert_true(event->first_us > 1700000000000000);
    assert_int_equal(gs_events_counts(world.events).posted, 1);
    end(&world);
}

static void events__the_same_again_is_counted_and_told_later(void **state)
{
    struct world world;
    (void)state;
    begin(&world, "n");
    for (unsigned i = 0; i < 50; i++) {
        gs_events_post(world.events, false, "Recut", "Recut", "the same");
        loop_for(world.event, 1);
    }
    assert_int_equal(count(&world), 1);
    assert_int_equal(gs_cluster_memory_event(&world.cluster, 0)->count, 1);
    loop_for(world.event, 450);
    assert_int_equal(gs_cluster_memory_event(&world.cluster, 0)->count, 50);
    const struct gs_events_counts counts = gs_events_counts(world.events);
    assert_int_equal(counts.posted, 1);
    assert_int_equal(counts.repeated, 49);
    const struct gs_cluster_event *event = gs_cluster_memory_event(&world.cluster, 0);
    assert_true(event->last_us > event->first_us);
    end(&world);
}

static void events__others_are_others(void **state)
{
    struct world world;
    (void)state;
    begin(&world, "n");
    gs_events_post(world.events, false, "A", "Recut", "x");
    gs_events_post(world.events, true, "A", "Recut", "x");
    gs_events_post(world.events, true, "B", "Recut", "x");
    gs_events_post(world.events, true, "B", "Boot", "x");
    gs_events_post(world.events, true, "B", "Boot", "y");
    loop_for(world.event, 20);
    assert_int_equal(count(&world), 5);
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(gs_cluster_memory_event(&world.cluster, i)->name,
                                    gs_cluster_memory_event(&world.cluster, k)->name);
        }
    }
    end(&world);
}

static void events__too_many_at_once_are_dropped_and_counted(void **state)
{
    struct world world;
    (void)state;
    begin(&world, "n");
    for (unsigned i = 0; i < 100; i++) {
        gs_events_post(world.events, false, "A", "B", "number %u", i);
    }
    loop_for(world.event, 20);
    assert_int_equal(count(&world), 10);
    assert_int_equal(gs_events_counts(world.events).dropped, 90);
    loop_for(world.event, 500); /* one more may come now */
    gs_events_post(world.events, false, "A", "B", "late");
    gs_events_post(world.events, false, "A", "B", "too late");
    loop_for(world.event, 20);
    assert_int_equal(count(&world), 11);
    assert_int_equal(gs_events_counts(world.events).dropped, 91);
    end(&world);
}

static void events__what_the_cluster_does_not_take_is_tried_when_it_comes_again(void **state)
{
    const struct gs_err no = {.code = GS_IO, .msg = "no"};
    struct world world;
    (void)state;
    begin(&world, "n");
    gs_cluster_memory_fail_next(&world.cluster, &no);
    gs_events_post(world.events, false, "A", "B", "x");
    loop_for(world.event, 20);
    assert_int_equal(gs_events_counts(world.events).failed, 1);
    assert_int_equal(count(&world), 0);
    gs_events_post(world.events, false, "A", "B", "x");
    loop_for(world.event, 20);
    assert_int_equal(count(&world), 1);
    end(&world);
}

static void events__more_kinds_than_are_kept_do_no_harm(void **state)
{
    struct world world;
    (void)state;
    begin(&world, "n");
    for (unsigned i = 0; i < 45; i++) {
        gs_events_post(world.events, false, "A", "B", "number %u", i);
        loop_for(world.event, 60);
    }
    const struct gs_events_counts counts = gs_events_counts(world.events);
    assert_int_equal(counts.posted + counts.dropped, 45);
    assert_int_equal(count(&world), counts.posted);
    end(&world);
}

static void events__long_texts_are_cut_at_whole_characters(void **state)
{
    struct world world;
    char text[3000];
    char node[254];
    (void)state;
    memset(node, 'n', 253);
    node[220] = '.';
    node[253] = '\0';
    begin(&world, node);
    for (unsigned i = 0; i + 1 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa4", 2);
    }
    text[0] = 'a';
    text[1] = '\xff';
    text[sizeof(text) - 2] = '\0';
    gs_events_post(world.events, false, "A", "B", "%s", text);
    loop_for(world.event, 20);
    const struct gs_cluster_event *event = gs_cluster_memory_event(&world.cluster, 0);
    assert_non_null(event);
    assert_int_equal(strlen(event->note), 1022);
    assert_true(strncmp(event->note, "a?\xc3\xa4", 4) == 0);
    assert_in_range(strlen(event->name), 220, 253);
    end(&world);
}

static void events__ending_while_they_are_on_their_way_is_fine(void **state)
{
    struct world world;
    (void)state;
    begin(&world, "n");
    gs_cluster_memory_delay(&world.cluster, 50000);
    gs_events_post(world.events, false, "A", "B", "x");
    gs_events_post(world.events, false, "A", "B", "y");
    gs_events_free(world.events);
    world.events = NULL;
    loop_for(world.event, 100);
    assert_int_equal(count(&world), 0);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events__an_event_says_who_and_what),
        cmocka_unit_test(events__the_same_again_is_counted_and_told_later),
        cmocka_unit_test(events__others_are_others),
        cmocka_unit_test(events__too_many_at_once_are_dropped_and_counted),
        cmocka_unit_test(events__what_the_cluster_does_not_take_is_tried_when_it_comes_again),
        cmocka_unit_test(events__more_kinds_than_are_kept_do_no_harm),
        cmocka_unit_test(events__long_texts_are_cut_at_whole_characters),
        cmocka_unit_test(events__ending_while_they_are_on_their_way_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
