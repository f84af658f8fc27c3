/* Pods that the API server lets pass and that we do not reckon with: they harm nobody, themselves
 * neither. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "unit/controller/world.h"

#define ONES "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6"

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

/* A pod with our gate, or bound to `node`; limits of its container, more of its annotations. */
static void give(const char *name, const char *node, const char *limits, const char *annotations)
{
    char text[2000];
    snprintf(text, sizeof(text),
             "{'metadata':{'namespace':'d','name':'%s','uid':'u-%s','creationTimestamp':"
             "'2026-01-01T00:00:00Z','annotations':{%s}},'spec':{%s%s%s'containers':[{'name':'c',"
             "'resources':{'limits':{%s}}}]},'status':{'phase':'Pending'}}",
             name, name, annotations, node == NULL ? "" : "'nodeName':'", node == NULL ? "" : node,
             node == NULL ? "'schedulingGates':[{'name':'gpuslice.dev/slice'}]," : "',", limits);
    world_pod_text(&world, text, false);
}

static void odd_pods__whom_we_do_not_decide_for_loses_the_gate(void **state)
{
    static const struct {
        const char *limits;
        const char *annotations;
    } pods[] = {
        {"'nvidia.com/mig-1g.5gb':1,'nvidia.com/mig-2g.10gb.shared':1", ""},
        {"'nvidia.com/mig-1g.5gb':1,'nvidia.com/gpu.shared':1", ""},
        {"'nvidia.com/mig-1g.5gb':100000", ""},
        {"'nvidia.com/mig-1g.5gb':1,'cpu':'2000000'", ""},
        {"'nvidia.com/mig-1g.5gb':1,'memory':'2Pi'", ""},
        {"'nvidia.com/mig-1g.5gb':1,'nvidia.com/mig-1g.10gb':1,'nvidia.com/mig-1g.12gb':1,"
         "'nvidia.com/mig-2g.10gb':1,'nvidia.com/mig-2g.20gb':1,'nvidia.com/mig-3g.20gb':1,"
         "'nvidia.com/mig-3g.40gb':1,'nvidia.com/mig-4g.20gb':1,'nvidia.com/mig-7g.40gb':1",
         ""},
        {"'nvidia.com/mig-1g.5gb':1", "'gpuslice.dev/warm':'pool'"},
        {"'cpu':'1'", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
        world_node(&world, "n1", ONES, 1);
        give("a", NULL, pods[i].limits, pods[i].annotations);
        world_run(&world);
        if (!did("lift d/a") || !did("say d/a NotHeld") || did("book d/a n1")) {
            fail_msg("%s %s: %s", pods[i].limits, pods[i].annotations, world.acts);
        }
        world_free(&world);
        world_new(&world);
    }
}

static void odd_pods__a_note_that_is_none_hides_no_pod(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@0!v,3g.20gb@4", 1);
    give("v", "n1", "'nvidia.com/mig-3g.20gb':1", "'gpuslice.dev/booked':'a\\u0001b'");
    give("a", NULL, "'nvidia.com/mig-3g.20gb':1", "'gpuslice.dev/moving':'\\u0001'");
    world_run(&world);
    assert_true(did("book d/a n1"));
    give("b", NULL, "'nvidia.com/mig-3g.20gb':1", "");
    world_run(&world);
    assert_false(did("book d/b n1"));
}

static void odd_pods__one_with_such_a_note_goes_as_others_do(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@0,3g.20gb@4", 1);
    give("v", "n1", "'nvidia.com/mig-3g.20gb':1", "");
    give("w", "n1", "'nvidia.com/mig-3g.20gb':1", "");
    give("v", "n1", "'nvidia.com/mig-3g.20gb':1", "'gpuslice.dev/warm':'\\n'");
    world_pod_text(&world,
                   "{'metadata':{'namespace':'d','name':'v','uid':'u-v','annotations':{"
                   "'gpuslice.dev/warm':'\\n'}},'spec':{'nodeName':'n1','containers':[{'name':"
                   "'c'}]},'status':{'phase':'Running'}}",
                   true);
    give("a", NULL, "'nvidia.com/mig-3g.20gb':1", "");
    world_run(&world);
    assert_true(did("book d/a n1"));
}

/* What it asks for cannot be read; that it holds a slice its node tells. */
static void odd_pods__a_slice_of_a_pod_that_cannot_be_read_is_given_to_nobody(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@0!odd,3g.20gb@4", 1);
    give("odd", "n1", "'nvidia.com/mig-3g.20gb':1,'cpu':'2000000'", "");
    assert_int_equal(gs_store_find_node(&world.store, "n1")->n_pods, 1);
    give("a", NULL, "'nvidia.com/mig-3g.20gb':1", "");
    give("b", NULL, "'nvidia.com/mig-3g.20gb':1", "");
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_false(did("book d/b n1"));
}

static void odd_pods__names_that_no_gpu_has_are_not_remembered(void **state)
{
    char limits[100];
    char name[20];
    (void)state;
    world_node(&world, "n1", ONES, 1);
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof(name), "junk-%d", i);
        snprintf(limits, sizeof(limits), "'nvidia.com/mig-1g.%dgb':1", 100 + i);
        give(name, i % 2 == 0 ? "n1" : NULL, limits, "");
    }
    give("a", NULL, "'nvidia.com/mig-1g.5gb':1", "");
    world_run(&world);
    assert_non_null(strstr(world.acts, "d/a"));
    assert_int_equal(gs_store_find_pod(&world.store, "d/a")->n_wants, 1);
    assert_true(world.store.n_resources <= 2);
}

/* A rule that we do not look at: it is not booked there again and again. */
static void odd_pods__where_a_booking_failed_another_node_is_tried(void **state)
{
    const struct world_pod nominated = {
        .name = "a", .profile = "1g.5gb", .unschedulable = true, .nominated = "n1"};
    const struct world_pod open = {.name = "a", .profile = "1g.5gb", .unschedulable = true};
    (void)state;
    world_node(&world, "n1", "1g.5gb@0", 1);
    world_node(&world, "n2", ONES, 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .gated = true});
    world_run(&world);
    assert_true(did("book d/a n1"));
    world_pod(&world, &nominated);
    world.now_us += 20000000;
    world_run(&world);
    world.now_us += 121000000;
    world_node(&world, "n1", "1g.5gb@0", 1);
    world_node(&world, "n2", ONES, 1);
    world_run(&world);
    assert_true(did("say d/a BookingEnded"));
    world_pod(&world, &open);
    world.now_us += 6000000;
    world_run(&world);
    assert_true(did("book d/a n2"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(odd_pods__whom_we_do_not_decide_for_loses_the_gate),
        CASE(odd_pods__a_note_that_is_none_hides_no_pod),
        CASE(odd_pods__one_with_such_a_note_goes_as_others_do),
        CASE(odd_pods__a_slice_of_a_pod_that_cannot_be_read_is_given_to_nobody),
        CASE(odd_pods__names_that_no_gpu_has_are_not_remembered),
        CASE(odd_pods__where_a_booking_failed_another_node_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
