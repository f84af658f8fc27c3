/* Slices that make way by having their pod start elsewhere. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "unit/controller/world.h"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_new(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(&world);
    return 0;
}

static bool did(const char *line)
{
    const char *at = strstr(world.acts, line);
    size_t n = strlen(line);
    return at != NULL && (at == world.acts || at[-1] == '\n') && at[n] == '\n';
}

static const struct world_pod victim = {
    .name = "v", .profile = "1g.5gb", .node = "n1", .owner = "web", .may_move = true, .age_s = 30};
static const struct world_pod waits = {
    .name = "w", .profile = "3g.20gb", .gated = true, .age_s = 20};
static const struct world_pod successor = {
    .name = "s", .profile = "1g.5gb", .gated = true, .owner = "web", .may_move = true};

/* Where `v` has the 1g that stands in the way of a 3g, and the 4g beside it cannot move. */
static void give_blocked(const char *node)
{
    char other[40];
    char slices[80];
    snprintf(other, sizeof(other), "o-%s", node);
    snprintf(slices, sizeof(slices), "4g.20gb@0!%s,1g.5gb@4!%s", other,
             strcmp(node, "n1") == 0 || strncmp(node, "never", 5) == 0 ? "v" : "v2");
    world_node(&world, node, slices, 1);
    world_pod(&world,
              &(struct world_pod){.name = other, .profile = "4g.20gb", .node = node, .age_s = 40});
}

/* A node that is full of small ones but for one slice. */
static void give_room(const char *node)
{
    char name[40];
    char slices[400];
    size_t n = 0;
    snprintf(name, sizeof(name), "six-%s", node);
    for (int i = 0; i < 6; i++) {
        n += (size_t)snprintf(slices + n, sizeof(slices) - n, "1g.5gb@%d!%s,", i, name);
    }
    snprintf(slices + n, sizeof(slices) - n, "1g.5gb@6");
    world_node(&world, node, slices, 1);
    world_pod(&world,
              &(struct world_pod){
                  .name = name, .profile = "1g.5gb", .count = 6, .node = node, .age_s = 40});
}

static void give_all(void)
{
    give_blocked("n1");
    give_room("n2");
    world_pod(&world, &victim);
    world_pod(&world, &waits);
}

/* Another one that could be moved. */
static void give_other(void)
{
    struct world_pod other = victim;
    other.name = "v2";
    other.node = "n3";
    other.owner = "web2";
    give_blocked("n3");
    world_pod(&world, &other);
}

/* As it is after the eviction: the note is on the pod that waits, the other one ends. */
static void show_note(void)
{
    struct world_pod noted = waits;
    noted.moving = world.note;
    world_pod(&world, &noted);
}

static void show_end(void)
{
    struct world_pod ending = victim;
    ending.deleting = true;
    world_pod(&world, &ending);
}

static void answer(enum gs_act_move_end end)
{
    gs_pass_moved(world.pass,
                  &(struct gs_act_moved){.uid = "u-v", .end = end, .why = "budget web is used up"});
}

static void moves__a_slice_in_the_way_moves_where_there_is_room(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    assert_true(did("move d/v d/w"));
    assert_true(did("say d/w Moving"));
    assert_true(did("tell d/v MovesAway"));
    assert_true(did("hold n1"));
    assert_true(did("hold n2"));
    assert_false(did("lift d/w"));
    assert_non_null(strstr(world.note, "\"to\":\"n2\""));
    answer(GS_ACT_MOVED);
    show_note();
    show_end();
    world_run(&world); /* it ends: nothing is done meanwhile */
    assert_string_equal(world.acts, "");
    world_pod_gone(&world, "v", "1g.5gb");
    world_node(&world, "n1", "4g.20gb@0!o-n1,1g.5gb@4", 2);
    world_run(&world);
    assert_true(did("wish n1"));
    assert_non_null(strstr(world_wishes(&world, "n1"), "3g.20gb@4"));
}

static void moves__room_is_made_before_anybody_ends(void **state)
{
    char id[GS_GPUNODE_ID_MAX + 1];
    (void)state;
    give_blocked("n1");
    world_node(&world, "n2", "4g.20gb@0!p,2g.10gb@4,1g.5gb@6!q", 7);
    world_pod(&world, &(struct world_pod){.name = "p", .profile = "4g.20gb", .node = "n2"});
    world_pod(&world, &(struct world_pod){.name = "q", .profile = "1g.5gb", .node = "n2"});
    world_pod(&world, &victim);
    world_pod(&world, &waits);
    world_pod(&world, &(struct world_pod){
                          .name = "young", .profile = "1g.5gb", .gated = true, .age_s = 10});
    world_run(&world);
    assert_true(did("wish n2"));
    assert_true(did("say d/w RecutForMove"));
    assert_false(did("move d/v d/w"));
    const struct gs_store_node *node = gs_store_find_node(&world.store, "n2");
    assert_int_equal(node->wishes->wish.n_pods, 3); /* `young` has the other half */
    snprintf(id, sizeof(id), "%s", node->wishes->wish.id);
    world_node_answers(&world, "n2", "4g.20gb@0!p,1g.5gb@4,1g.5gb@5,1g.5gb@6!q", 8, id, "Done");
    world_run(&world);
    assert_true(did("move d/v d/w"));
    assert_true(did("book d/young n2"));
}

static void moves__who_must_not_be_moved_stays(void **state)
{
    static const struct {
        const char *what;
        struct world_pod pod;
    } rows[] = {
        {"no annotation", {.owner = "web", .age_s = 30}},
        {"do-not-disrupt", {.owner = "web", .may_move = true, .stays = true, .age_s = 30}},
        {"nobody makes another", {.may_move = true, .age_s = 30}},
        {"of a DaemonSet", {.owner = "DaemonSet/web", .may_move = true, .age_s = 30}},
        {"a static pod", {.owner = "Node/n1", .may_move = true, .age_s = 30}},
        {"it has just come", {.owner = "web", .may_move = true, .age_s = 0}},
        {"goes first", {.owner = "web", .may_move = true, .priority = 1, .age_s = 30}},
        {"it ends by itself", {.owner = "web", .may_move = true, .deleting = true, .age_s = 30}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world_pod pod = rows[i].pod;
        pod.name = "v";
        pod.profile = "1g.5gb";
        pod.node = "n1";
        give_all();
        world_pod(&world, &pod);
        world_run(&world);
        if (strstr(world.acts, "move ") != NULL || !did("lift d/w")) {
            fail_msg("%s: %s", rows[i].what, world.acts);
        }
        world_free(&world);
        world_new(&world);
    }
}

static void moves__nodes_that_do_not_opt_in_are_left_alone(void **state)
{
    static const char *const names[] = {"never1", "n1"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world_pod pod = victim;
        pod.node = names[i];
        give_blocked(names[i]);
        give_room("n2");
        world_pod(&world, &pod);
        world_pod(&world, &waits);
        if (i == 1) {
            world_node_held(&world, "n1");
        }
        world_run(&world);
        assert_null(strstr(world.acts, "move "));
        assert_true(did("lift d/w"));
        world_free(&world);
        world_new(&world);
    }
}

static void moves__a_refusal_is_said_and_asked_again_later(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    answer(GS_ACT_MOVE_REFUSED);
    assert_true(did("say d/w MoveRefused"));
    world.now_us += 6000000;
    world_run(&world);
    assert_null(strstr(world.acts, "move "));
    assert_true(did("lift d/w"));
    struct world_pod open = waits;
    open.gated = false;
    open.unschedulable = true;
    world.now_us += 31000000;
    world_node(&world, "n1", "4g.20gb@0!o-n1,1g.5gb@4!v", 1);
    world_pod(&world, &open);
    world_run(&world);
    assert_true(did("move d/v d/w"));
}

static void moves__the_successor_gets_the_room_that_was_made(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    answer(GS_ACT_MOVED);
    show_note();
    show_end();
    give_room("n0"); /* would be taken first, by its name */
    world_pod(&world,
              &(struct world_pod){.name = "x", .profile = "1g.5gb", .gated = true, .age_s = 10});
    world_pod(&world, &successor);
    world_run(&world);
    assert_true(did("book d/x n0"));
    assert_true(did("book d/s n2"));
}

/* Somebody who asked nobody has taken it. */
static void moves__room_that_is_gone_is_not_booked(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    answer(GS_ACT_MOVED);
    show_note();
    show_end();
    world_pod(&world, &(struct world_pod){.name = "fast", .profile = "1g.5gb", .node = "n2"});
    world_pod(&world, &successor);
    world_run(&world);
    assert_false(did("book d/s n2"));
}

/* Anybody may write what looks like one. */
static void moves__a_note_where_nothing_may_move_is_none(void **state)
{
    static const char *const froms[] = {"n1", "never1", "nowhere"};
    static char forged[4096];
    (void)state;
    for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
        give_all();
        give_blocked("never1");
        world_run(&world);
        const char *from = strstr(world.note, "\"from\":\"n1\"");
        assert_non_null(from);
        snprintf(forged, sizeof(forged), "%.*s\"from\":\"%s\"%s", (int)(from - world.note),
                 world.note, froms[i], from + strlen("\"from\":\"n1\""));
        world_restart(&world);
        struct world_pod noted = waits;
        noted.moving = forged;
        world_pod(&world, &noted);
        show_end();
        world_pod(&world, &(struct world_pod){
                              .name = "x", .profile = "1g.5gb", .gated = true, .age_s = 10});
        world_run(&world);
        assert_int_equal(did("book d/x n2"), i > 0);
        world_free(&world);
        world_new(&world);
    }
}

static void moves__nobody_else_gets_the_room_that_was_made(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    answer(GS_ACT_MOVED);
    show_note();
    show_end();
    world_pod(&world,
              &(struct world_pod){.name = "x", .profile = "1g.5gb", .gated = true, .age_s = 10});
    world_run(&world);
    assert_false(did("book d/x n2"));
    world_pod(&world, &successor);
    world_run(&world);
    assert_true(did("book d/s n2"));
}

static void moves__another_controller_goes_on_with_what_was_begun(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    assert_true(did("move d/v d/w"));
    show_note();
    show_end();
    give_other();
    world_restart(&world);
    world_run(&world);
    assert_null(strstr(world.acts, "move "));
    assert_false(did("lift d/w"));
    world_pod(&world, &successor);
    world_run(&world);
    assert_true(did("book d/s n2"));
}

static void moves__one_that_was_noted_and_not_asked_for_is_decided_anew(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    show_note(); /* killed before the eviction: the pod runs on */
    world_restart(&world);
    world_run(&world);
    assert_true(did("move d/v d/w"));
}

static void moves__a_move_that_takes_too_long_is_not_waited_for(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    answer(GS_ACT_MOVED);
    show_note();
    show_end();
    world.now_us += 119000000;
    world_run(&world);
    assert_false(did("lift d/w"));
    world.now_us += 2000000;
    world_run(&world);
    assert_true(did("lift d/w"));
    assert_true(did("release n1"));
}

static void moves__not_more_than_so_many_an_hour(void **state)
{
    (void)state;
    give_all();
    world_run(&world);
    assert_true(did("move d/v d/w"));
    answer(GS_ACT_MOVED);
    show_note();
    show_end();
    give_other();
    give_room("n4");
    world_pod(&world,
              &(struct world_pod){.name = "w2", .profile = "3g.20gb", .gated = true, .age_s = 10});
    world_run(&world);
    assert_null(strstr(world.acts, "move "));
    assert_true(did("lift d/w2"));
    const struct gs_store_pod *pod = gs_store_find_pod(&world.store, "d/w2");
    assert_non_null(strstr(pod->waiting->why, "--moves-per-hour"));
}

static void moves__one_of_a_gpu_at_a_time(void **state)
{
    static const char *const names[] = {"v", "v2"};
    (void)state;
    world_node(&world, "n1", "2g.10gb@0!p,1g.5gb@2!v,1g.5gb@4!v2", 1);
    for (unsigned i = 0; i < 2; i++) {
        struct world_pod pod = victim;
        pod.name = names[i];
        world_pod(&world, &pod);
    }
    give_room("n2");
    give_room("n3");
    world_pod(&world,
              &(struct world_pod){
                  .name = "p", .profile = "2g.10gb", .count = 2, .node = "n1", .age_s = 40});
    for (unsigned i = 0; i < 2; i++) {
        world_pod(&world, &(struct world_pod){.name = i == 0 ? "w" : "w2",
                                              .profile = "2g.10gb",
                                              .gated = true,
                                              .age_s = 20 - i});
    }
    world_run(&world);
    const char *first = strstr(world.acts, "move ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "\nmove "));
}

static void moves__a_note_that_is_none_is_passed_over(void **state)
{
    static const char *const notes[] = {
        "x", "{}",
        "{\"pod\":\"d/gone\",\"uid\":\"u\",\"owner\":\"d/ReplicaSet/web\",\"from\":\"n1\",\"gpu\":"
        "\"GPU-n1\",\"to\":\"n2\",\"slice\":\"1g.5gb\",\"at\":\"2099-01-01T00:00:00Z\"}",
        "{\"pod\":\"d/gone\",\"uid\":\"u\",\"owner\":\"d/ReplicaSet/web\",\"from\":\"n1\",\"gpu\":"
        "\"GPU-n1\",\"to\":\"n2\",\"slice\":\"1g.5gb\",\"at\":\"2020-01-01T00:00:00Z\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        struct world_pod pod = waits;
        pod.moving = notes[i];
        give_all();
        world_pod(&world, &pod);
        world_run(&world);
        assert_true(did("move d/v d/w"));
        world_free(&world);
        world_new(&world);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(moves__a_slice_in_the_way_moves_where_there_is_room),
        CASE(moves__room_is_made_before_anybody_ends),
        CASE(moves__who_must_not_be_moved_stays),
        CASE(moves__nodes_that_do_not_opt_in_are_left_alone),
        CASE(moves__a_refusal_is_said_and_asked_again_later),
        CASE(moves__the_successor_gets_the_room_that_was_made),
        CASE(moves__room_that_is_gone_is_not_booked),
        CASE(moves__a_note_where_nothing_may_move_is_none),
        CASE(moves__nobody_else_gets_the_room_that_was_made),
        CASE(moves__another_controller_goes_on_with_what_was_begun),
        CASE(moves__one_that_was_noted_and_not_asked_for_is_decided_anew),
        CASE(moves__a_move_that_takes_too_long_is_not_waited_for),
        CASE(moves__not_more_than_so_many_an_hour),
        CASE(moves__one_of_a_gpu_at_a_time),
        CASE(moves__a_note_that_is_none_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
