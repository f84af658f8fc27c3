#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "controller/pools/supply.h"
#include "controller/pools/work.h"
#include "unit/controller/world.h"

static enum gs_admit_supply ask(const struct world *world, const struct gs_pools *pools,
                                const char *profile)
{
    struct gs_profile_name name;
    assert_int_equal(gs_profile_name_parse(gs_view(profile), &name, NULL), 0);
    return gs_supply_of(&world->store, pools, &name);
}

static void supply__a_node_that_is_there_has_what_its_gpus_can_be_cut_into(void **state)
{
    struct world world = {.pass = NULL};
    (void)state;
    world_new(&world);
    assert_int_equal(ask(&world, NULL, "3g.20gb"), GS_ADMIT_SUPPLY_UNKNOWN);
    world_node(&world, "n1", "1g.5gb@0,1g.5gb@1!", 1); /* an A100-40GB */
    assert_int_equal(ask(&world, NULL, "1g.5gb"), GS_ADMIT_SUPPLY_YES);
    assert_int_equal(ask(&world, NULL, "3g.20gb"), GS_ADMIT_SUPPLY_YES);
    assert_int_equal(ask(&world, NULL, "3g.40gb"), GS_ADMIT_SUPPLY_UNKNOWN);
    world_node_gone(&world, "n1");
    assert_int_equal(ask(&world, NULL, "1g.5gb"), GS_ADMIT_SUPPLY_UNKNOWN);
    world_free(&world);
}

static void supply__without_a_node_slice_pools_tell(void **state)
{
    static const char *const p4d[] = {"p4d.24xlarge"};
    static const char *const unknown[] = {"p4d.24xlarge", "x9.large"};
    static const struct gs_profile_name small = {
        .compute_slices = 1, .gpu_slices = 1, .memory_gb = 5};
    static const struct {
        const char *what;
        const char *const *types;
        unsigned n_types;
        bool lists; /* 1g.5gb */
        bool deleting;
        bool unlisted; /* the SlicePools were not read yet */
        const char *profile;
        enum gs_admit_supply supply;
    } cases[] = {
        {"its GPUs have it", p4d, 1, false, false, false, "3g.20gb", GS_ADMIT_SUPPLY_UNKNOWN},
        {"its GPUs lack it", p4d, 1, false, false, false, "3g.40gb", GS_ADMIT_SUPPLY_NO},
        {"it lists it", p4d, 1, true, false, false, "1g.5gb", GS_ADMIT_SUPPLY_UNKNOWN},
        {"it does not list it", p4d, 1, true, false, false, "3g.20gb", GS_ADMIT_SUPPLY_NO},
        {"it is being deleted", p4d, 1, false, true, false, "3g.20gb", GS_ADMIT_SUPPLY_NO},
        {"a type of which we know nothing", unknown, 2, false, false, false, "3g.40gb",
         GS_ADMIT_SUPPLY_UNKNOWN},
        {"pools that were not read", p4d, 1, false, false, true, "3g.40gb",
         GS_ADMIT_SUPPLY_UNKNOWN},
    };
    struct world world = {.pass = NULL};
    (void)state;
    world_new(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_pools pools = {.region = ""};
        struct gs_pools_owner owner = {.pool = {.name = "p",
                                                .instance_types = cases[i].types,
                                                .n_instance_types = cases[i].n_types,
                                                .profiles = &small,
                                                .n_profiles = cases[i].lists,
                                                .deleting = cases[i].deleting}};
        pools.streams[GS_POOLS_SLICEPOOLS].listed = !cases[i].unlisted;
        assert_true(gs_map_put(&pools.owners, owner.pool.name, &owner));
        if (ask(&world, &pools, cases[i].profile) != cases[i].supply) {
            print_message("%s\n", cases[i].what);
            fail();
        }
        gs_map_done(&pools.owners);
    }
    struct gs_pools none = {.region = ""};
    none.streams[GS_POOLS_SLICEPOOLS].listed = true;
    assert_int_equal(ask(&world, &none, "3g.40gb"), GS_ADMIT_SUPPLY_UNKNOWN);
    world_free(&world);
}

static void supply__a_node_whose_slicepool_bounds_it_is_cut_into_no_more(void **state)
{
    static const struct gs_profile_name small = {
        .compute_slices = 1, .gpu_slices = 1, .memory_gb = 5};
    static const char *const p4d[] = {"p4d.24xlarge"};
    static const struct {
        enum gs_slicepool_recut recut;
        const char *profile;
        enum gs_admit_supply supply;
    } cases[] = {
        {GS_SLICEPOOL_RECUT_ANY, "2g.10gb", GS_ADMIT_SUPPLY_YES},
        {GS_SLICEPOOL_RECUT_PROFILES, "2g.10gb", GS_ADMIT_SUPPLY_NO},
        {GS_SLICEPOOL_RECUT_PROFILES, "1g.5gb", GS_ADMIT_SUPPLY_YES},
        {GS_SLICEPOOL_RECUT_PROFILES, "3g.20gb", GS_ADMIT_SUPPLY_YES}, /* it is there */
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct world world = {.pass = NULL};
        struct gs_pools pools = {.region = ""};
        struct gs_pools_owner owner = {.pool = {.name = "gpus",
                                                .instance_types = p4d,
                                                .n_instance_types = 1,
                                                .profiles = &small,
                                                .n_profiles = 1,
                                                .recut = cases[i].recut}};
        world_new(&world);
        world_node(&world, "n1", "3g.20gb@0", 1);
        world_node_of(&world, "n1", "gpus");
        pools.streams[GS_POOLS_SLICEPOOLS].listed = true;
        assert_true(gs_map_put(&pools.owners, owner.pool.name, &owner));
        if (ask(&world, &pools, cases[i].profile) != cases[i].supply) {
            fail_msg("case %zu", i);
        }
        gs_map_done(&pools.owners);
        world_free(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(supply__a_node_that_is_there_has_what_its_gpus_can_be_cut_into),
        cmocka_unit_test(supply__without_a_node_slice_pools_tell),
        cmocka_unit_test(supply__a_node_whose_slicepool_bounds_it_is_cut_into_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
