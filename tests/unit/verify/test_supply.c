/* Whether the GPUs of a node hold slices: against a search of all ways, one GPU after another. */
#include <stdlib.h>
#include <string.h>

#include "unit/check.h"
#include "unit/core/tables.h"

#include "verify/supply.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

/* Every addition on every GPU in turn. */
static bool all_ways(const struct gs_supply_target *target, size_t pool, uint64_t gpu,
                     const uint64_t need[GS_PROFILES_MAX])
{
    uint64_t open = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        open += need[p];
    }
    if (open == 0 || pool == target->n_pools) {
        return open == 0;
    }
    if (gpu == target->pools[pool].limit) {
        return all_ways(target, pool + 1, 0, need);
    }
    for (unsigned c = 0; c < target->pools[pool].n_additions; c++) {
        uint64_t rest[GS_PROFILES_MAX];
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            uint64_t gives = target->pools[pool].additions[c].counts[p];
            rest[p] = need[p] > gives ? need[p] - gives : 0;
        }
        if (all_ways(target, pool, gpu + 1, rest)) {
            return true;
        }
    }
    return all_ways(target, pool, gpu + 1, need);
}

static void supply__holds_what_a_search_of_all_ways_finds(void **state)
{
    (void)state;
    uint64_t seed = take_seed();
    static const char *const layouts[] = {"", "3g.20gb@4!", "1g.5gb@6!", "2g.10gb@0!,1g.5gb@4!"};
    size_t n_yes = 0;
    for (unsigned round = 0; round < 1500; round++) {
        struct gs_arena_mark mark = gs_arena_mark(&arena);
        const struct gs_model *model = gs_problem_model("A100-40GB");
        struct gs_problem_gpu gpus[3] = {{.mig = true}, {.mig = true}, {.mig = true}};
        struct gs_problem_node node = {.existing = true,
                                       .gpu = model->id,
                                       .model = model,
                                       .gpus = 1 + random_below(&seed, 3),
                                       .layout_known = true,
                                       .list = gpus};
        for (unsigned g = 0; g < node.gpus; g++) {
            assert_int_equal(
                gs_cut_parse(model, layouts[random_below(&seed, 4)], &gpus[g].cut, NULL), 0);
        }
        struct gs_supply_target target;
        assert_int_equal(gs_supply_node(&arena, &node, &target, NULL), 0);
        uint64_t need[GS_PROFILES_MAX] = {0};
        uint32_t wanted = 0;
        for (unsigned k = 1 + random_below(&seed, 4 * node.gpus); k > 0; k--) {
            unsigned p = random_below(&seed, model->n_profiles);
            need[p]++;
            wanted |= 1u << p;
        }
        assert_int_equal(gs_supply_list_additions(&arena, &target, wanted, NULL), 0);
        bool all = all_ways(&target, 0, 0, need);
        n_yes += all;
        enum gs_supply_verdict expected = all ? GS_SUPPLY_YES : GS_SUPPLY_NO;
        assert_int_equal(gs_supply_holds(&arena, &target, need, 0), expected);
        uint8_t slices[GS_PROFILES_MAX];
        uint8_t left[3];
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            slices[p] = (uint8_t)need[p];
        }
        for (size_t i = 0; i < target.n_pools; i++) {
            left[i] = (uint8_t)target.pools[i].limit;
        }
        assert_int_equal(gs_supply_walk(&arena, &target, slices, left), expected);
        gs_arena_rewind(&arena, mark);
    }
    assert_in_range(n_yes, 150, 1350); /* both answers were tested */
}

static void supply__counts_whole_gpus_and_what_is_advertised(void **state)
{
    (void)state;
    const struct gs_model *model = gs_problem_model("A100-40GB");
    const struct gs_problem_node offer = {
        .gpu = model->id, .model = model, .gpus = 2, .max_nodes = GS_PROBLEM_NO_LIMIT};
    struct gs_supply_target target;
    uint64_t need[GS_PROFILES_MAX] = {7}; /* 1g.5gb */
    assert_int_equal(gs_supply_node(&arena, &offer, &target, NULL), 0);
    assert_int_equal(gs_supply_list_additions(&arena, &target, 1, NULL), 0);
    assert_int_equal(gs_supply_holds(&arena, &target, need, 1), GS_SUPPLY_YES);
    assert_int_equal(gs_supply_holds(&arena, &target, need, 2), GS_SUPPLY_NO);
    need[0] = 8;
    assert_int_equal(gs_supply_holds(&arena, &target, need, 1), GS_SUPPLY_NO);
    target.free_gpus = 1;
    target.free_slices[0] = 1;
    assert_int_equal(gs_supply_holds(&arena, &target, need, 2), GS_SUPPLY_YES);

    const struct gs_problem_node plain = {.gpu = "L4", .gpus = 1};
    assert_int_equal(gs_supply_node(&arena, &plain, &target, NULL), 0);
    assert_int_equal(gs_supply_holds(&arena, &target, need, 0), GS_SUPPLY_NO);
    need[0] = 0;
    assert_int_equal(gs_supply_holds(&arena, &target, need, 1), GS_SUPPLY_YES);
}

/* Sixteen GPUs, nearly all of them different, and a little more asked for than they have. */
static void supply__decides_what_a_full_node_does_not_hold(void **state)
{
    (void)state;
    static const char *const layouts[16] = {
        "4g.20gb@0!,1g.5gb+me@4!",
        "1g.5gb+me@0!,3g.20gb@4!",
        "2g.10gb@0!,2g.10gb@4!",
        "1g.10gb@2!,1g.10gb@4!",
        "1g.5gb+me@5!",
        "1g.10gb@2!,1g.10gb@6!",
        "1g.5gb+me@3!,1g.5gb@6!",
        "1g.10gb@6!",
        "2g.10gb@0!,1g.5gb+me@5!",
        "7g.40gb@0!",
        "2g.10gb@2!,1g.5gb@4!",
        "1g.5gb+me@4!,1g.5gb@6!",
        "1g.5gb@0!,1g.10gb@2!",
        "7g.40gb@0!",
        "7g.40gb@0!",
        "1g.10gb@2!,1g.5gb+me@4!",
    };
    static const struct {
        const char *profile;
        uint64_t n;
    } asked[] = {{"1g.5gb", 16}, {"1g.10gb", 9}, {"2g.10gb", 6}, {"3g.20gb", 3}, {"1g.5gb+me", 4}};
    const struct gs_model *model = gs_problem_model("A100-40GB");
    struct gs_problem_gpu gpus[16] = {{.mig = true}};
    struct gs_problem_node node = {.existing = true,
                                   .gpu = model->id,
                                   .model = model,
                                   .gpus = 16,
                                   .layout_known = true,
                                   .list = gpus};
    for (unsigned g = 0; g < 16; g++) {
        gpus[g].mig = true;
        assert_int_equal(gs_cut_parse(model, layouts[g], &gpus[g].cut, NULL), 0);
    }
    uint64_t need[GS_PROFILES_MAX] = {0};
    uint32_t wanted = 0;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        unsigned p;
        assert_int_equal(gs_model_profile_find(model, gs_view(asked[i].profile), &p, NULL), 0);
        need[p] = asked[i].n;
        wanted |= 1u << p;
    }
    struct gs_supply_target target;
    assert_int_equal(gs_supply_node(&arena, &node, &target, NULL), 0);
    assert_int_equal(gs_supply_list_additions(&arena, &target, wanted, NULL), 0);
    assert_int_equal(gs_supply_holds(&arena, &target, need, 0), GS_SUPPLY_NO);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        need[p] /= 2;
    }
    assert_int_equal(gs_supply_holds(&arena, &target, need, 0), GS_SUPPLY_YES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(supply__holds_what_a_search_of_all_ways_finds),
        cmocka_unit_test(supply__decides_what_a_full_node_does_not_hold),
        cmocka_unit_test(supply__counts_whole_gpus_and_what_is_advertised),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
