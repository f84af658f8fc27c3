/* The knapsack of core/solve/knapsack against trying every choice. */
#include "unit/check.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "core/solve/knapsack.h"
#include "sim/random.h"

enum { ITEMS_MAX = 5, TIMES = 20000, LOOKS = 200000 };

struct drawn {
    struct gs_knapsack_item items[ITEMS_MAX];
    struct gs_knapsack knapsack;
};

static void draw(struct gs_random *random, struct drawn *ret)
{
    *ret = (struct drawn){.knapsack.n_items = gs_random_below(random, ITEMS_MAX + 1)};
    ret->knapsack.items = ret->items;
    for (unsigned i = 0; i < ret->knapsack.n_items; i++) {
        struct gs_knapsack_item *item = &ret->items[i];
        for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
            item->amounts[a] = gs_random_below(random, 3) == 0 ? 0 : gs_random_below(random, 30);
        }
        item->cost = (int64_t)gs_random_below(random, 60) - 12;
        item->lo = gs_random_below(random, 8) == 0 ? gs_random_below(random, 3) : 0;
        item->hi = item->lo + gs_random_below(random, 6);
        item->hi += gs_random_below(random, 4) == 0 ? 9 : 0;
    }
    for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
        ret->knapsack.capacities[a] = gs_random_below(random, 150);
        ret->knapsack.prices[a] = gs_random_below(random, 5);
    }
}

/* The excess of a choice; -1: it takes more than there is. */
static int64_t excess_of(const struct gs_knapsack *knapsack, const int64_t *x)
{
    int64_t excess = 0;
    for (unsigned i = 0; i < knapsack->n_items; i++) {
        const struct gs_knapsack_item *item = &knapsack->items[i];
        excess +=
            item->cost >= 0 ? item->cost * (x[i] - item->lo) : -item->cost * (item->hi - x[i]);
    }
    for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
        int64_t left = knapsack->capacities[a];
        for (unsigned i = 0; i < knapsack->n_items; i++) {
            left -= knapsack->items[i].amounts[a] * x[i];
        }
        if (left < 0) {
            return -1;
        }
        excess += knapsack->prices[a] * left;
    }
    return excess;
}

static int64_t least_of_all(const struct gs_knapsack *knapsack, int64_t *x, unsigned i)
{
    if (i == knapsack->n_items) {
        return excess_of(knapsack, x);
    }
    int64_t least = -1;
    for (x[i] = knapsack->items[i].lo; x[i] <= knapsack->items[i].hi; x[i]++) {
        int64_t excess = least_of_all(knapsack, x, i + 1);
        least = excess >= 0 && (least < 0 || excess < least) ? excess : least;
    }
    return least;
}

static void knapsack__finds_what_trying_every_choice_finds(void **state)
{
    (void)state;
    const uint64_t seed = 20261122;
    printf("# seed %llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 26);
    unsigned found = 0;
    unsigned within = 0;
    for (unsigned t = 0; t < TIMES; t++) {
        struct drawn drawn;
        draw(&random, &drawn);
        int64_t x[ITEMS_MAX + 1] = {0};
        int64_t least = least_of_all(&drawn.knapsack, x, 0);
        int64_t room = gs_random_below(&random, 900);
        struct gs_knapsack_result result;
        assert_true(gs_knapsack_solve(&drawn.knapsack, room, LOOKS, &arena, x, &result));
        bool any = least >= 0 && least <= room;
        if (any) {
            assert_true(result.found);
            assert_int_equal(result.excess, least);
            assert_int_equal(result.shown, least);
            assert_int_equal(excess_of(&drawn.knapsack, x), least);
        } else {
            assert_int_equal(result.shown, room + 1);
            assert_true(!result.found || excess_of(&drawn.knapsack, x) == result.excess);
        }
        found += any;
        within += least >= 0;
    }
    assert_true(found > TIMES / 4 && within > found);
}

static void knapsack__takes_large_numbers_without_a_choice_for_each(void **state)
{
    (void)state;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 26);
    const struct gs_knapsack_item items[] = {
        {.cost = -3, .hi = INT64_MAX / 4},                      /* takes nothing: all of them */
        {.amounts = {1000000007, 3}, .cost = 5, .hi = 1 << 30}, /* gains */
        {.amounts = {7, 1}, .cost = GS_KNAPSACK_COST_MAX, .hi = 1 << 30},
    };
    const struct gs_knapsack knapsack = {.items = items,
                                         .n_items = 3,
                                         .capacities = {(int64_t)1 << 60, (int64_t)1 << 40},
                                         .prices = {1, 0}};
    int64_t x[3];
    struct gs_knapsack_result result;
    assert_true(gs_knapsack_solve(&knapsack, (int64_t)1 << 60, LOOKS, &arena, x, &result));
    assert_true(result.found);
    assert_int_equal(x[0], INT64_MAX / 4);
    assert_int_equal(x[1], 1 << 30);
    assert_int_equal(x[2], 0);
}

static void knapsack__says_what_it_has_shown_when_cut_short(void **state)
{
    (void)state;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 28);
    struct gs_knapsack_item items[12];
    for (unsigned i = 0; i < 12; i++) {
        items[i] = (struct gs_knapsack_item){
            .amounts = {1 + (1 << i), 1 + (1 << (11 - i))}, .cost = 1 + (int64_t)i, .hi = 1 << 20};
    }
    const struct gs_knapsack knapsack = {
        .items = items, .n_items = 12, .capacities = {1 << 24, 1 << 24}, .prices = {1000, 1000}};
    int64_t x[12];
    struct gs_knapsack_result result;
    assert_true(gs_knapsack_solve(&knapsack, (int64_t)1 << 40, LOOKS, &arena, x, &result));
    assert_true(result.looks <= LOOKS + 1);
    assert_true(!result.found || result.shown <= result.excess);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knapsack__finds_what_trying_every_choice_finds),
        cmocka_unit_test(knapsack__takes_large_numbers_without_a_choice_for_each),
        cmocka_unit_test(knapsack__says_what_it_has_shown_when_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
