#include "unit/check.h"

#include <math.h>

#include "sim/random.h"

/* Values that tests of other implementations hold the authors' code to (rand_xoshiro, Rosetta). */
static void random__gives_the_numbers_of_its_authors_code(void **state)
{
    (void)state;
    struct gs_random random = {.s = {1, 2, 3, 4}};
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240};
    for (unsigned k = 0; k < 4; k++) {
        assert_true(gs_random_u64(&random) == want[k]);
    }
    gs_random_init(&random, 1234567);
    static const uint64_t seeded[] = {6457827717110365317u, 3203168211198807973u,
                                      9817491932198370423u, 4593380528125082431u};
    for (unsigned k = 0; k < 4; k++) {
        assert_true(random.s[k] == seeded[k]);
    }
}

static void random__stays_below_and_reaches_every_number(void **state)
{
    (void)state;
    struct gs_random random;
    gs_random_init(&random, 1);
    unsigned seen[7] = {0};
    for (unsigned k = 0; k < 7000; k++) {
        uint32_t drawn = gs_random_below(&random, 7);
        assert_true(drawn < 7);
        seen[drawn]++;
    }
    for (unsigned k = 0; k < 7; k++) {
        assert_in_range(seen[k], 850, 1150);
    }
    assert_int_equal(gs_random_below(&random, 1), 0);
}

static void random__exponential_has_mean_and_deviation_one(void **state)
{
    (void)state;
    struct gs_random random;
    gs_random_init(&random, 1);
    double sum = 0;
    double squares = 0;
    enum { N = 200000 };
    for (unsigned k = 0; k < N; k++) {
        double drawn = gs_random_exp(&random);
        assert_true(drawn > 0 && isfinite(drawn));
        sum += drawn;
        squares += drawn * drawn;
    }
    double mean = sum / N;
    assert_true(fabs(mean - 1.0) < 0.01);
    assert_true(fabs(sqrt(squares / N - mean * mean) - 1.0) < 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random__gives_the_numbers_of_its_authors_code),
        cmocka_unit_test(random__stays_below_and_reaches_every_number),
        cmocka_unit_test(random__exponential_has_mean_and_deviation_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
