/* Pods with volumes, in a pass. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/controller/world.h"
#include "unit/picture/volumes_objects.h"

#define ONES "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6"
/* A better choice: it is used already. */
#define ONE_LEFT "1g.5gb@0,1g.5gb@1!,1g.5gb@2!,1g.5gb@3!,1g.5gb@4!,1g.5gb@5!,1g.5gb@6!"
#define DATA(more)                                                                                 \
    "{'metadata':{'name':'data'," VOLUMES_BOUND "},'spec':{'volumeName':'pv'" more "}}"
#define ON_NODE(name)                                                                              \
    "{'metadata':{'name':'pv'},'spec':{'nodeAffinity':{'required':{'nodeSelectorTerms':[{"         \
    "'matchExpressions':[{'key':'kubernetes.io/hostname','operator':'In','values':['" name         \
    "']}]}]}}}}"
#define OPEN "{'metadata':{'name':'data'},'spec':{'storageClassName':'fast'}}"
#define AT_ONCE "{'metadata':{'name':'fast'},'provisioner':'x','volumeBindingMode':'Immediate'}"

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

static const char *why(const char *key)
{
    return gs_store_find_pod(&world.store, key)->waiting->why;
}

static void know(const struct volumes_object *objects, size_t n)
{
    world.objects = objects;
    world.n_objects = n;
}

/* A pod with the claim "data" that asks for a slice; `node`: bound there, NULL: it has the gate,
 * "": it waits without. */
static void give(const char *name, const char *profile, const char *node, const char *spec)
{
    char text[1500];
    char bound[100] = "'schedulingGates':[{'name':'gpuslice.dev/slice'}],";
    bool free = node != NULL && node[0] == '\0';
    if (node != NULL) {
        snprintf(bound, sizeof(bound), free ? "%s" : "'nodeName':'%s',", node);
    }
    snprintf(text, sizeof(text),
             "{'metadata':{'namespace':'d','name':'%s','uid':'u-%s','creationTimestamp':"
             "'2026-01-01T00:00:00Z'},'spec':{%s%s'volumes':[{'name':'v','persistentVolumeClaim':{"
             "'claimName':'data'}}],'containers':[{'name':'c','resources':{'requests':{"
             "'nvidia.com/mig-%s':'1'}}}]},'status':{'phase':'%s'%s}}",
             name, name, bound, spec, profile, node == NULL || free ? "Pending" : "Running",
             free ? ",'conditions':[{'type':'PodScheduled','status':'False','reason':"
                    "'Unschedulable'}]"
                  : "");
    world_pod_text(&world, text, false);
}

static void volumes__are_where_the_pod_is_booked(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), DATA("")},
                                                    {VOLUMES_PV("pv"), ON_NODE("n2")}};
    (void)state;
    know(objects, 2);
    world_node(&world, "n1", ONE_LEFT, 1);
    world_node(&world, "n2", ONES, 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    assert_true(did("book d/a n2"));
    assert_string_equal(why("d/a"), "node n2 has what it asks for free: 1g.5gb; its volume data is "
                                    "on node n2");
}

static void volumes__are_where_idle_slices_make_way(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), DATA("")},
                                                    {VOLUMES_PV("pv"), ON_NODE("n2")}};
    (void)state;
    know(objects, 2);
    world_node(&world, "n1", "3g.20gb@0", 1); /* has it free */
    world_node(&world, "n2", ONES, 1);
    give("a", "3g.20gb", NULL, "");
    world_run(&world);
    assert_true(did("wish n2"));
    assert_false(did("wish n1"));
    assert_non_null(strstr(why("d/a"), "1 not allowed by its volumes"));
    assert_non_null(strstr(why("d/a"), "; its volume data is on node n2"));
}

static void volumes__of_a_full_node_get_no_new_node(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), DATA("")},
                                                    {VOLUMES_PV("pv"), ON_NODE("n2")}};
    (void)state;
    know(objects, 2);
    world.sells = true;
    world_node(&world, "n1", ONES, 1);
    world_node(&world, "n2", "7g.40gb@0!", 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    assert_int_equal(world.wanted, 0);
    assert_true(did("say d/a NoSlice"));
    assert_true(did("lift d/a"));
}

static void volumes__that_are_not_bound_are_waited_for_and_then_booked(void **state)
{
    static const struct volumes_object before[] = {{VOLUMES_PVC("data"), OPEN},
                                                   {VOLUMES_CLASS("fast"), AT_ONCE}};
    static const struct volumes_object then[] = {{VOLUMES_PVC("data"), DATA("")},
                                                 {VOLUMES_PV("pv"), ON_NODE("n1")}};
    (void)state;
    know(before, 2);
    world.sells = true;
    world_node(&world, "n1", ONES, 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    assert_true(did("say d/a WaitsForVolume"));
    assert_false(did("lift d/a"));
    assert_null(strstr(world.acts, "book"));
    assert_int_equal(world.wanted, 0);
    assert_non_null(strstr(why("d/a"), "PersistentVolumeClaim data is not bound to a volume yet"));
    assert_true(world.again_us <= world.now_us + 500000);
    know(then, 2);
    world_run(&world);
    assert_true(did("book d/a n1"));
}

static void volumes__that_are_not_bound_hold_the_gate_for_a_time_only(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), OPEN},
                                                    {VOLUMES_CLASS("fast"), AT_ONCE}};
    (void)state;
    know(objects, 2);
    world_node(&world, "n1", ONES, 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    world.now_us += 29000000;
    world_run(&world);
    assert_false(did("lift d/a"));
    world.now_us += 1000000;
    world_run(&world);
    assert_true(did("lift d/a"));
    give("a", "1g.5gb", "", ""); /* without the gate it is not booked, either */
    world_run(&world);
    assert_null(strstr(world.acts, "book"));
    assert_int_equal(world.looks, 1);
}

static void volumes__of_one_pod_at_a_time_wait_until_it_has_gone(void **state)
{
    static const struct volumes_object objects[] = {
        {VOLUMES_PVC("data"), DATA(",'accessModes':['ReadWriteOncePod']")},
        {VOLUMES_PV("pv"), "{'metadata':{'name':'pv'}}"}};
    (void)state;
    know(objects, 2);
    world_node(&world, "n1", ONES, 1);
    world_node(&world, "n2", ONES, 1);
    give("old", "1g.5gb", "n2", "");
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    assert_true(did("say d/a WaitsForVolume"));
    assert_non_null(strstr(why("d/a"), "pod d/old has it"));
    assert_null(strstr(world.acts, "book"));
    world_pod_gone(&world, "old", "1g.5gb");
    world_run(&world);
    assert_non_null(strstr(world.acts, "book d/a"));
    give("b", "1g.5gb", NULL, ""); /* one that is booked has it too */
    world_run(&world);
    assert_true(did("say d/b WaitsForVolume"));
    assert_null(strstr(world.acts, "book d/b"));
}

/* The scheduler knows, and so does Karpenter: it goes as if it had none, and says so. */
static void volumes__that_may_not_be_read_hold_nobody(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), NULL}};
    (void)state;
    know(objects, 1);
    world_node(&world, "n1", ONES, 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_string_equal(why("d/a"), "node n1 has what it asks for free: 1g.5gb; where its volumes "
                                    "are was not to be read: 403 no right");
}

static void volumes__that_nobody_tells_of_hold_a_pod_for_15_seconds(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), DATA("")}};
    (void)state;
    know(objects, 1);
    world.mute = true;
    world_node(&world, "n1", ONES, 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    assert_string_equal(world.acts, "");
    assert_true(world.again_us <= world.now_us + 15000000);
    world.now_us += 15000000;
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_non_null(strstr(why("d/a"), "; where its volumes are is not known yet"));
}

/* Its own affinity may be narrowed while it has a gate. */
static void volumes__count_beside_what_the_pod_asks_for_now(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), DATA("")},
                                                    {VOLUMES_PV("pv"), ON_NODE("n2")}};
    (void)state;
    know(objects, 2);
    world_node(&world, "n1", ONES, 1);
    world_node(&world, "n2", "7g.40gb@0!", 1);
    give("a", "1g.5gb", NULL, "");
    world_run(&world);
    world.mute = true;
    world.now_us += 60000000;
    world_node(&world, "n2", ONES, 2);
    give("a", "1g.5gb", NULL, "'nodeSelector':{'kubernetes.io/hostname':'n1'},");
    world_run(&world);
    assert_null(strstr(world.acts, "book"));
    world.now_us += 60000000;
    give("a", "1g.5gb", NULL, "'nodeSelector':{'kubernetes.io/hostname':'n2'},");
    world_run(&world);
    assert_true(did("book d/a n2"));
}

static void volumes__that_are_not_bound_keep_a_booking_from_nobody_else(void **state)
{
    static const struct volumes_object objects[] = {{VOLUMES_PVC("data"), OPEN},
                                                    {VOLUMES_CLASS("fast"), AT_ONCE}};
    (void)state;
    know(objects, 2);
    world_node(&world, "n1", ONE_LEFT, 1);
    give("a", "1g.5gb", NULL, "'priority':100,");
    world_pod(&world, &(struct world_pod){.name = "b", .profile = "1g.5gb", .gated = true});
    world_run(&world);
    assert_true(did("book d/b n1"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(volumes__are_where_the_pod_is_booked),
        CASE(volumes__are_where_idle_slices_make_way),
        CASE(volumes__of_a_full_node_get_no_new_node),
        CASE(volumes__that_are_not_bound_are_waited_for_and_then_booked),
        CASE(volumes__that_are_not_bound_hold_the_gate_for_a_time_only),
        CASE(volumes__of_one_pod_at_a_time_wait_until_it_has_gone),
        CASE(volumes__that_may_not_be_read_hold_nobody),
        CASE(volumes__that_nobody_tells_of_hold_a_pod_for_15_seconds),
        CASE(volumes__count_beside_what_the_pod_asks_for_now),
        CASE(volumes__that_are_not_bound_keep_a_booking_from_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
