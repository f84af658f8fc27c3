#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "karpenter/share.h"
#include "karpenter/weights.h"

enum { POOLS = 12, ROUNDS = 20000, STEPS = 6 };

struct world {
    struct gs_karpenter_share pools[POOLS];
    size_t n;
    struct gs_karpenter_caps caps;
};

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static void make_world(struct world *world)
{
    world->n = 1 + below(POOLS);
    world->caps = (struct gs_karpenter_caps){.gpus = below(4) == 0 ? UINT64_MAX : below(200),
                                             .uusd = below(4) == 0 ? UINT64_MAX : below(200) * 10};
    for (size_t i = 0; i < world->n; i++) {
        world->pools[i] = (struct gs_karpenter_share){.gpus = 1u << below(4),
                                                      .uusd = 1 + below(100),
                                                      .planned = below(3) == 0 ? below(12) : 0,
                                                      .may_open = below(5) != 0,
                                                      .keeps = below(2) == 0};
    }
}

static void sums(const struct world *world, uint64_t *ret_gpus, uint64_t *ret_uusd)
{
    *ret_gpus = *ret_uusd = 0;
    for (size_t i = 0; i < world->n; i++) {
        *ret_gpus += (uint64_t)world->pools[i].there * world->pools[i].gpus;
        *ret_uusd += world->pools[i].there * world->pools[i].uusd;
    }
}

/* Karpenter at its worst: of limits that it may know, old or new, each pool is filled up. */
static void fill(struct world *world, const uint32_t *limits)
{
    for (size_t i = 0; i < world->n; i++) {
        struct gs_karpenter_share *pool = &world->pools[i];
        uint32_t known = below(2) == 0 ? pool->limit : limits[i];
        if (below(2) == 0 && known > pool->there) {
            pool->there += 1 + below(known - pool->there);
        }
    }
}

static void share__limits_are_never_passed_whatever_karpenter_does(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        uint32_t limits[POOLS];
        make_world(&world);
        for (int step = 0; step < STEPS; step++) {
            uint64_t gpus;
            uint64_t uusd;
            (void)gs_karpenter_share(world.pools, world.n, &world.caps, limits);
            for (size_t i = 0; i < world.n; i++) {
                assert_true(world.pools[i].may_open || limits[i] == 0);
            }
            fill(&world, limits);
            for (size_t i = 0; i < world.n; i++) {
                world.pools[i].limit = limits[i];
            }
            sums(&world, &gpus, &uusd);
            assert_true(gpus <= world.caps.gpus);
            assert_true(uusd <= world.caps.uusd);
            for (size_t i = 0; i < world.n; i++) { /* some go, others are wanted */
                world.pools[i].there -= below(world.pools[i].there + 1);
                world.pools[i].planned = below(3) == 0 ? below(12) : 0;
                world.pools[i].may_open = below(5) != 0;
            }
        }
    }
}

static void share__what_is_wanted_gets_a_node_after_two_steps_if_limits_allow_it(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        uint32_t limits[POOLS];
        make_world(&world);
        for (int step = 0; step < 3; step++) {
            (void)gs_karpenter_share(world.pools, world.n, &world.caps, limits);
            for (size_t i = 0; i < world.n; i++) {
                world.pools[i].limit = limits[i];
            }
        }
        for (size_t i = 0; i < world.n; i++) {
            const struct gs_karpenter_share *pool = &world.pools[i];
            bool alone =
                gs_karpenter_left(world.pools, world.n, &world.caps, pool->gpus, pool->uusd) > 0;
            uint64_t gpus = 0;
            uint64_t uusd = 0;
            for (size_t k = 0; k < world.n; k++) {
                gpus += (uint64_t)limits[k] * world.pools[k].gpus;
                uusd += (uint64_t)limits[k] * world.pools[k].uusd;
            }
            bool room =
                gpus + pool->gpus <= world.caps.gpus && uusd + pool->uusd <= world.caps.uusd;
            if (alone && room && pool->may_open && pool->planned > 0) {
                assert_true(limits[i] > 0);
            }
        }
    }
}

static void share__a_pool_that_keeps_its_room_gives_it_to_one_that_needs_it(void **state)
{
    (void)state;
    struct gs_karpenter_share pools[] = {
        {.gpus = 8, .limit = 2, .may_open = true, .keeps = true},
        {.gpus = 8, .planned = 1, .may_open = true},
    };
    const struct gs_karpenter_caps caps = {.gpus = 16, .uusd = UINT64_MAX};
    uint32_t limits[2];
    assert_false(gs_karpenter_share(pools, 2, &caps, limits));
    assert_true(limits[0] == 0 && limits[1] == 0);
    pools[0].limit = limits[0];
    assert_true(gs_karpenter_share(pools, 2, &caps, limits));
    assert_true(limits[0] == 0 && limits[1] == 2);
    pools[1].limit = limits[1];
    pools[1].there = 1;
    pools[1].planned = 0;
    pools[1].keeps = true;
    assert_true(gs_karpenter_share(pools, 2, &caps, limits));
    assert_true(limits[1] == 2);
}

static void weights__fall_along_the_order_and_are_all_different(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t weights[GS_KARPENTER_WEIGHT_MAX];
        size_t n = 1 + below(GS_KARPENTER_WEIGHT_MAX - 1);
        for (size_t i = 0; i < n; i++) {
            weights[i] = below(2) == 0 ? 0 : below(101);
        }
        gs_karpenter_weigh(weights, n);
        for (size_t i = 0; i < n; i++) {
            assert_in_range(weights[i], 1, GS_KARPENTER_WEIGHT_MAX);
            assert_true(i == 0 || weights[i] < weights[i - 1]);
        }
    }
}

static void weights__stay_where_a_new_pool_fits_between(void **state)
{
    (void)state;
    uint32_t weights[] = {80, 0, 20};
    gs_karpenter_weigh(weights, 3);
    assert_true(weights[0] == 80 && weights[1] == 50 && weights[2] == 20);
}

static void weights__of_overlays_are_never_the_same(void **state)
{
    (void)state;
    struct gs_karpenter_taken taken = {.bits = {1}};
    bool seen[GS_KARPENTER_OVERLAY_WEIGHT_MAX + 1] = {false};
    for (int i = 0; i < GS_KARPENTER_OVERLAY_WEIGHT_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p-%d", i % 7);
        uint32_t weight = gs_karpenter_overlay_weight(&taken, name);
        assert_in_range(weight, 1, GS_KARPENTER_OVERLAY_WEIGHT_MAX);
        assert_false(seen[weight]);
        seen[weight] = true;
    }
    assert_int_equal(gs_karpenter_overlay_weight(&taken, "one more"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share__limits_are_never_passed_whatever_karpenter_does),
        cmocka_unit_test(share__what_is_wanted_gets_a_node_after_two_steps_if_limits_allow_it),
        cmocka_unit_test(share__a_pool_that_keeps_its_room_gives_it_to_one_that_needs_it),
        cmocka_unit_test(weights__fall_along_the_order_and_are_all_different),
        cmocka_unit_test(weights__stay_where_a_new_pool_fits_between),
        cmocka_unit_test(weights__of_overlays_are_never_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
