/* Rounded needs: every row must follow from the need when amounts are whole, and be worth having.
 */
#include "unit/check.h"

#include <stdbool.h>
#include <stdio.h>

#include "core/solve/rounding.h"
#include "sim/random.h"

enum { YIELDS = 3, TIMES = 2000 };

static void rounding__follows_from_the_need_for_whole_numbers(void **state)
{
    (void)state;
    const uint64_t seed = 20261122;
    printf("# seed %llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    for (unsigned t = 0; t < TIMES; t++) {
        int64_t yields[YIELDS];
        for (unsigned i = 0; i < YIELDS; i++) {
            yields[i] = 1 + (int64_t)gs_random_below(&random, 40);
        }
        int64_t need = 1 + (int64_t)gs_random_below(&random, 120);
        int64_t pers[GS_ROUNDINGS_MAX];
        unsigned n = gs_rounding_choose(yields, YIELDS, need, pers);
        assert_true(n <= GS_ROUNDINGS_MAX);
        for (int64_t a = 0; a * yields[0] <= need + 40; a++) {
            for (int64_t b = 0; b * yields[1] <= need + 40; b++) {
                int64_t rest = need - a * yields[0] - b * yields[1];
                int64_t c = rest <= 0 ? 0 : (rest + yields[2] - 1) / yields[2];
                for (unsigned p = 0; p < n; p++) {
                    int64_t sum = a * gs_rounding_value(yields[0], need, pers[p]) +
                                  b * gs_rounding_value(yields[1], need, pers[p]) +
                                  c * gs_rounding_value(yields[2], need, pers[p]);
                    assert_true(sum >= gs_rounding_value(need, need, pers[p]));
                }
            }
        }
    }
}

static void rounding__takes_two_slices_where_one_is_not_enough(void **state)
{
    (void)state;
    const int64_t yields[] = {30};
    int64_t pers[GS_ROUNDINGS_MAX];
    assert_int_equal(gs_rounding_choose(yields, 1, 50, pers), 1);
    assert_int_equal(pers[0], 30); /* x >= 2, and not x >= 5/3 */
    assert_int_equal(gs_rounding_value(30, 50, 30), 1);
    assert_int_equal(gs_rounding_value(50, 50, 30), 2);
}

static void rounding__lets_no_slice_count_for_more_than_the_need(void **state)
{
    (void)state;
    const int64_t yields[] = {10, 1000};
    int64_t pers[GS_ROUNDINGS_MAX];
    unsigned n = gs_rounding_choose(yields, 2, 25, pers);
    assert_true(n > 0);
    bool any = false;
    for (unsigned i = 0; i < n; i++) { /* three small ones or a large one */
        any =
            any || (gs_rounding_value(10, 25, pers[i]) * 3 == gs_rounding_value(25, 25, pers[i]) &&
                    gs_rounding_value(1000, 25, pers[i]) == gs_rounding_value(25, 25, pers[i]));
    }
    assert_true(any);
}

static void rounding__adds_nothing_where_the_need_says_it_all(void **state)
{
    (void)state;
    const int64_t ones[] = {1, 1};
    int64_t pers[GS_ROUNDINGS_MAX];
    assert_int_equal(gs_rounding_choose(ones, 2, 7, pers), 0);
    assert_int_equal(gs_rounding_choose(ones, 0, 7, pers), 0);
}

static void rounding__is_for_few_yields_only(void **state)
{
    (void)state;
    int64_t yields[GS_ROUNDING_YIELDS_MAX + 1];
    int64_t pers[GS_ROUNDINGS_MAX];
    for (unsigned i = 0; i <= GS_ROUNDING_YIELDS_MAX; i++) {
        yields[i] = 100 + i;
    }
    assert_int_equal(gs_rounding_choose(yields, GS_ROUNDING_YIELDS_MAX + 1, 1000, pers), 0);
    assert_true(gs_rounding_choose(yields, GS_ROUNDING_YIELDS_MAX, 1000, pers) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding__follows_from_the_need_for_whole_numbers),
        cmocka_unit_test(rounding__takes_two_slices_where_one_is_not_enough),
        cmocka_unit_test(rounding__lets_no_slice_count_for_more_than_the_need),
        cmocka_unit_test(rounding__adds_nothing_where_the_need_says_it_all),
        cmocka_unit_test(rounding__is_for_few_yields_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
