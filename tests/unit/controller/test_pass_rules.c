/* Rules of pods that hang on other pods and other resources, in a pass. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "unit/controller/world.h"

#define ONES "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6"
#define ONE_LEFT "1g.5gb@0,1g.5gb@1!,1g.5gb@2!,1g.5gb@3!,1g.5gb@4!,1g.5gb@5!,1g.5gb@6!"
#define REQUIRED "'requiredDuringSchedulingIgnoredDuringExecution'"
#define APART(key)                                                                                 \
    "'affinity':{'podAntiAffinity':{" REQUIRED ":[{'topologyKey':'" key                            \
    "','labelSelector':{'matchLabels':{'app':'web'}}}]}},"
#define BESIDE                                                                                     \
    "'affinity':{'podAffinity':{" REQUIRED ":[{'topologyKey':'kubernetes.io/hostname',"            \
    "'labelSelector':{'matchLabels':{'app':'web'}}}]}},"

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

/* A gated pod for a 1g.5gb, with more in its spec and its requests; `node`: bound there. */
static void give(const char *name, const char *app, const char *node, const char *spec,
                 const char *requests)
{
    char text[2000];
    char bound[100] = "'schedulingGates':[{'name':'gpuslice.dev/slice'}],";
    if (node != NULL) {
        snprintf(bound, sizeof(bound), "'nodeName':'%s',", node);
    }
    snprintf(text, sizeof(text),
             "{'metadata':{'namespace':'d','name':'%s','uid':'u-%s','creationTimestamp':"
             "'2026-01-01T00:00:00Z','labels':{'app':'%s'}},'spec':{%s%s'containers':[{'name':'c',"
             "'resources':{'requests':{'nvidia.com/mig-1g.5gb':'1'%s}}}]},'status':{'phase':'%s'}}",
             name, name, app, bound, spec, requests, node == NULL ? "Pending" : "Running");
    world_pod_text(&world, text, false);
}

static void rules__pods_that_are_to_be_apart_are_booked_apart(void **state)
{
    (void)state;
    world_node(&world, "n1", ONE_LEFT, 1);
    world_node(&world, "n2", ONES, 1);
    give("a", "web", NULL, APART("kubernetes.io/hostname"), "");
    give("b", "web", NULL, APART("kubernetes.io/hostname"), "");
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_true(did("book d/b n2"));
}

static void rules__those_that_are_there_keep_others_off(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    world_node(&world, "n2", "1g.5gb@0", 1);
    give("old", "db", "n1", APART("kubernetes.io/hostname"), "");
    give("a", "web", NULL, "", "");
    world_run(&world);
    assert_true(did("book d/a n2"));
}

static void rules__who_has_no_node_for_its_rules_alone_is_bought_one(void **state)
{
    (void)state;
    world.sells = true;
    world_node(&world, "n1", ONES, 1);
    give("old", "web", "n1", "", "");
    give("a", "web", NULL, APART("kubernetes.io/hostname"), "");
    world_run(&world);
    assert_true(did("say d/a NeedsNode"));
    assert_int_equal(world.wanted, 1);
    assert_non_null(strstr(gs_store_find_pod(&world.store, "d/a")->waiting->why,
                           "1 not allowed by its required pod anti-affinity"));
}

static void rules__a_node_that_is_cut_for_one_is_not_for_another_that_is_to_be_apart(void **state)
{
    (void)state;
    world_node(&world, "n1", "7g.40gb@0", 1);
    world_node(&world, "n2", "7g.40gb@0", 1);
    give("a", "web", NULL, APART("kubernetes.io/hostname"), "");
    give("b", "web", NULL, APART("kubernetes.io/hostname"), "");
    world_run(&world);
    assert_true(did("wish n1"));
    assert_true(did("wish n2"));
    assert_null(strstr(world_wishes(&world, "n1"), "d/b"));
}

static void rules__another_resource_must_be_left_on_the_node(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    give("a", "web", NULL, "", ",'vpc.amazonaws.com/efa':'1'");
    world_run(&world);
    assert_false(did("book d/a n1"));
    assert_non_null(strstr(gs_store_find_pod(&world.store, "d/a")->waiting->why,
                           "1 too full: vpc.amazonaws.com/efa"));
}

/* The scheduler counts a pod that is booked as there only once it is bound. */
static void rules__pods_that_are_booked_are_waited_for(void **state)
{
    (void)state;
    world.sells = true;
    world_node(&world, "n1", ONES, 1);
    give("a", "web", NULL, "", "");
    give("b", "api", NULL, BESIDE, "");
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_true(did("say d/b WaitsForPods"));
    assert_false(did("lift d/b"));
    assert_int_equal(world.wanted, 0);
    give("a", "web", "n1", "", "");
    world_run(&world);
    assert_true(did("book d/b n1"));
}

static void rules__pods_that_are_booked_are_not_waited_for_for_ever(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    give("a", "web", NULL, "", "");
    give("b", "api", NULL, BESIDE, "");
    world_run(&world);
    assert_true(did("say d/b WaitsForPods"));
    world.now_us += 10000000;
    world_run(&world);
    assert_true(did("lift d/b"));
}

/* Volumes may be tied to a node, which is not looked at. */
static void rules__that_are_not_obeyed_are_named(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    give("a", "web", NULL, APART("zone"), ",'vpc.amazonaws.com/efa':'1','hugepages-2Mi':'2Mi'");
    give("b", "web", NULL, "'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'c'}}],",
         "");
    give("c", "web", NULL,
         "'affinity':{'podAntiAffinity':{" REQUIRED ":[{'topologyKey':'zone','labelSelector':{},"
         "'namespaceSelector':{'matchLabels':{'team':'x'}}}]}},",
         "");
    assert_int_equal(gs_store_unobeyed(gs_store_find_pod(&world.store, "d/a")), 0);
    assert_int_equal(gs_store_unobeyed(gs_store_find_pod(&world.store, "d/b")),
                     1u << GS_UNOBEYED_VOLUMES);
    assert_int_equal(gs_store_unobeyed(gs_store_find_pod(&world.store, "d/c")),
                     1u << GS_UNOBEYED_POD_ANTI_AFFINITY);
}

static void rules__of_another_scheduler_are_its_own_and_nothing_is_booked(void **state)
{
    (void)state;
    world_node(&world, "n1", ONE_LEFT, 1);
    give("a", "web", NULL, "'schedulerName':'volcano',", "");
    world_run(&world);
    assert_true(did("say d/a NotBooked"));
    assert_true(did("lift d/a"));
    assert_null(strstr(world.acts, "book "));
    give("b", "web", NULL, "'schedulerName':'default-scheduler',", "");
    world_run(&world);
    assert_true(did("book d/b n1")); /* nothing was kept for the other */
}

static void rules__of_another_scheduler_a_re_cut_is_made_too(void **state)
{
    (void)state;
    world_node(&world, "n1", "7g.40gb@0", 1);
    give("a", "web", NULL, "'schedulerName':'volcano',", "");
    world_run(&world);
    assert_true(did("wish n1"));
    assert_true(did("say d/a Recutting"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rules__pods_that_are_to_be_apart_are_booked_apart),
        CASE(rules__those_that_are_there_keep_others_off),
        CASE(rules__who_has_no_node_for_its_rules_alone_is_bought_one),
        CASE(rules__a_node_that_is_cut_for_one_is_not_for_another_that_is_to_be_apart),
        CASE(rules__another_resource_must_be_left_on_the_node),
        CASE(rules__pods_that_are_booked_are_waited_for),
        CASE(rules__pods_that_are_booked_are_not_waited_for_for_ever),
        CASE(rules__that_are_not_obeyed_are_named),
        CASE(rules__of_another_scheduler_are_its_own_and_nothing_is_booked),
        CASE(rules__of_another_scheduler_a_re_cut_is_made_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
