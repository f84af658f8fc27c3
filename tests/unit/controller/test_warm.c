/* Slices that a SlicePool keeps free. */
#include "unit/check.h"

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

static void keep(const char *profile, uint32_t count)
{
    struct gs_warm *warm = &world.warm[world.n_warm];
    *warm = (struct gs_warm){.pool = "gpus", .count = count};
    world.missing[world.n_warm++] = 99;
    assert_int_equal(gs_profile_name_parse(gs_view(profile), &warm->profile, NULL), 0);
}

static void give(const char *name, const char *slices, unsigned revision)
{
    world_node(&world, name, slices, revision);
    world_node_of(&world, name, "gpus");
}

static void warm__what_is_free_is_held(void **state)
{
    (void)state;
    give("n1", ONES, 1);
    keep("1g.5gb", 4);
    world_run(&world);
    assert_string_equal(world.acts, "hold n1\n");
    assert_int_equal(world.missing[0], 0);
}

static void warm__a_node_that_is_not_needed_may_go(void **state)
{
    (void)state;
    give("n1", ONES, 1);
    give("n2", "1g.5gb@0!x,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4", 1);
    world_pod(&world, &(struct world_pod){.name = "x", .profile = "1g.5gb", .node = "n2"});
    keep("1g.5gb", 4);
    world_run(&world);
    assert_string_equal(world.acts, "hold n2\n"); /* it stays anyway */
}

static void warm__idle_slices_are_cut_for_it(void **state)
{
    (void)state;
    give("n1", "3g.20gb@0,3g.20gb@4", 7);
    keep("1g.5gb", 2);
    world_run(&world);
    assert_true(did("wish n1"));
    assert_true(did("hold n1"));
    assert_int_equal(world.missing[0], 0);
    const struct gs_store_node *node = gs_store_find_node(&world.store, "n1");
    assert_int_equal(node->wishes->wish.n_pods, 0);
    assert_string_equal(node->wishes->wish.reason, "SlicePool gpus keeps 2 1g.5gb free");
    world_run(&world); /* under way: it is not wished again */
    assert_string_equal(world.acts, "");
    assert_int_equal(world.missing[0], 0);
}

static void warm__one_profile_is_not_cut_for_another(void **state)
{
    (void)state;
    give("n1", "3g.20gb@0,3g.20gb@4", 7);
    keep("3g.20gb", 2);
    keep("1g.5gb", 1);
    world_run(&world);
    assert_string_equal(world_wishes(&world, "n1"), "");
    assert_int_equal(world.missing[0], 0);
    assert_int_equal(world.missing[1], 1);
}

static void warm__what_is_missing_is_told(void **state)
{
    (void)state;
    give("n1", "4g.20gb@0!x,1g.5gb@4", 1);
    world_node(&world, "n2", ONES, 1); /* of nobody */
    world_pod(&world, &(struct world_pod){.name = "x", .profile = "4g.20gb", .node = "n1"});
    keep("1g.5gb", 20);
    world_run(&world);
    assert_int_equal(world.missing[0], 17); /* one is there, two fit beside it */
    assert_true(did("wish n1"));
    assert_false(did("hold n2"));
}

static void warm__pods_go_first(void **state)
{
    (void)state;
    give("n1", "1g.5gb@0", 1);
    keep("1g.5gb", 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .gated = true});
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_true(did("wish n1")); /* another one is cut in what is empty */
    assert_int_equal(world.missing[0], 0);
}

static void warm__a_pod_has_them_cut_anew(void **state)
{
    (void)state;
    give("n1", ONES, 1);
    keep("1g.5gb", 7);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "7g.40gb", .gated = true});
    world_run(&world);
    assert_true(did("wish n1"));
    assert_non_null(strstr(world_wishes(&world, "n1"), "7g.40gb@0 on 1 for d/a"));
    assert_int_equal(world.missing[0], 7);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(warm__what_is_free_is_held),       CASE(warm__a_node_that_is_not_needed_may_go),
        CASE(warm__idle_slices_are_cut_for_it), CASE(warm__one_profile_is_not_cut_for_another),
        CASE(warm__what_is_missing_is_told),    CASE(warm__pods_go_first),
        CASE(warm__a_pod_has_them_cut_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
