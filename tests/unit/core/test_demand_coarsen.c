#include "unit/check.h"

#include "core/demand.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static struct gs_demand *demand_of(unsigned kinds)
{
    static const struct gs_want want = {.whole_gpu = true, .count = 1};
    static const struct gs_alternative alternative = {.wants = &want, .n_wants = 1};
    struct gs_demand *demand = gs_demand_new(&arena);
    assert_non_null(demand);
    for (unsigned i = 0; i < kinds; i++) {
        struct gs_item item = {.name = "",
                               .count = 1 + i % 3,
                               .cpu_milli = 1000 + 7 * i,
                               .memory_bytes = (1ull << 30) + (uint64_t)i * 12345678,
                               .alternatives = &alternative,
                               .n_alternatives = 1};
        assert_int_equal(gs_demand_add(demand, &item, NULL), 0);
    }
    return demand;
}

static void demand_coarsen__returns_a_demand_of_few_kinds_as_it_is(void **state)
{
    (void)state;
    struct gs_demand *demand = demand_of(20);
    const struct gs_demand *coarse;
    unsigned percent = 99;
    assert_int_equal(gs_demand_coarsen(&arena, demand, 20, &coarse, &percent, NULL), 0);
    assert_ptr_equal(coarse, demand);
    assert_int_equal(percent, 0);
}

static void demand_coarsen__rounds_up_and_says_by_how_much(void **state)
{
    (void)state;
    struct gs_demand *demand = demand_of(2000);
    const struct gs_demand *coarse;
    unsigned percent;
    size_t n;
    assert_int_equal(gs_demand_coarsen(&arena, demand, 100, &coarse, &percent, NULL), 0);
    const struct gs_item *rough = gs_demand_items(coarse, &n);
    assert_true(n <= 100 && n > 10);
    assert_true(percent > 0 && percent <= 100);
    assert_int_equal(gs_demand_total(coarse), gs_demand_total(demand));
    /* No request got smaller, none grew by more than it says: the sums tell, and so does the
     * largest of each. */
    uint64_t before = 0;
    uint64_t after = 0;
    for (size_t i = 0; i < n; i++) {
        after += rough[i].cpu_milli * rough[i].count;
    }
    const struct gs_item *exact = gs_demand_items(demand, &n);
    for (size_t i = 0; i < n; i++) {
        before += exact[i].cpu_milli * exact[i].count;
    }
    assert_true(after >= before && after * 100 <= before * (100 + percent));
}

static void demand_coarsen__gives_up_where_items_differ_otherwise(void **state)
{
    (void)state;
    static struct gs_want wants[40];
    static struct gs_alternative alternatives[40];
    struct gs_demand *demand = gs_demand_new(&arena);
    for (unsigned i = 0; i < 40; i++) {
        wants[i] = (struct gs_want){.whole_gpu = true, .count = 1 + i};
        alternatives[i] = (struct gs_alternative){.wants = &wants[i], .n_wants = 1};
        struct gs_item item = {
            .name = "", .count = 1, .alternatives = &alternatives[i], .n_alternatives = 1};
        assert_int_equal(gs_demand_add(demand, &item, NULL), 0);
    }
    const struct gs_demand *coarse = NULL;
    unsigned percent;
    assert_int_equal(gs_demand_coarsen(&arena, demand, 39, &coarse, &percent, NULL), GS_LIMIT);
    assert_null(coarse);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(demand_coarsen__returns_a_demand_of_few_kinds_as_it_is),
        TEST(demand_coarsen__rounds_up_and_says_by_how_much),
        TEST(demand_coarsen__gives_up_where_items_differ_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
