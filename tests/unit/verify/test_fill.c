/* The least excess within capacities, against trying every choice. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sim/random.h"
#include "verify/fill.h"

enum { COLS_MAX = 5, TIMES = 20000, LOOKS = 1000000 };

struct drawn {
    struct gs_fill_col cols[COLS_MAX];
    struct gs_fill fill;
};

static void draw(struct gs_random *random, struct drawn *ret)
{
    *ret = (struct drawn){.fill.n_cols = gs_random_below(random, COLS_MAX + 1)};
    ret->fill.cols = ret->cols;
    for (size_t j = 0; j < ret->fill.n_cols; j++) {
        struct gs_fill_col *col = &ret->cols[j];
        for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
            col->takes[a] = gs_random_below(random, 3) == 0 ? 0 : gs_random_below(random, 30);
        }
        col->d = (int64_t)gs_random_below(random, 60) - 12;
        col->lo = gs_random_below(random, 8) == 0 ? gs_random_below(random, 3) : 0;
        col->hi = col->lo + gs_random_below(random, 6) + (gs_random_below(random, 4) == 0 ? 9 : 0);
    }
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        ret->fill.capacity[a] = gs_random_below(random, 150);
        ret->fill.price[a] = gs_random_below(random, 5);
    }
}

/* -1: more than there is. */
static int64_t excess_of(const struct gs_fill *fill, const int64_t *x)
{
    int64_t excess = 0;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        int64_t left = fill->capacity[a];
        for (size_t j = 0; j < fill->n_cols; j++) {
            left -= fill->cols[j].takes[a] * x[j];
        }
        if (left < 0) {
            return -1;
        }
        excess += fill->price[a] * left;
    }
    for (size_t j = 0; j < fill->n_cols; j++) {
        int64_t d = (int64_t)fill->cols[j].d;
        excess += d >= 0 ? d * (x[j] - fill->cols[j].lo) : -d * (fill->cols[j].hi - x[j]);
    }
    return excess;
}

static int64_t least_of_all(const struct gs_fill *fill, int64_t *x, size_t j)
{
    if (j == fill->n_cols) {
        return excess_of(fill, x);
    }
    int64_t least = -1;
    for (x[j] = fill->cols[j].lo; x[j] <= fill->cols[j].hi; x[j]++) {
        int64_t excess = least_of_all(fill, x, j + 1);
        least = excess >= 0 && (least < 0 || excess < least) ? excess : least;
    }
    return least;
}

static void fill__finds_the_least_that_trying_every_choice_finds(void **state)
{
    (void)state;
    const uint64_t seed = 20261122;
    printf("# seed %llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 26);
    unsigned found = 0;
    for (unsigned t = 0; t < TIMES; t++) {
        struct drawn drawn;
        draw(&random, &drawn);
        int64_t x[COLS_MAX + 1] = {0};
        int64_t least = least_of_all(&drawn.fill, x, 0);
        int64_t room = gs_random_below(&random, 900);
        uint64_t looks = LOOKS;
        bool any;
        __int128 excess = 0;
        assert_int_equal(gs_fill_least(&arena, &drawn.fill, room, &looks, &any, &excess, NULL), 0);
        assert_true(looks <= LOOKS);
        assert_int_equal(any, least >= 0 && least <= room);
        if (any) {
            assert_int_equal((int64_t)excess, least);
            found++;
        }
    }
    assert_true(found > TIMES / 4 && found < TIMES * 9 / 10);
}

/* What a file may say: many columns, no end to what may be taken, and prices that rule nothing out.
 */
static void fill__ends_where_there_is_too_much_to_look_at(void **state)
{
    (void)state;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 30);
    struct gs_fill_col cols[40];
    for (unsigned j = 0; j < 40; j++) {
        cols[j] = (struct gs_fill_col){.hi = (int64_t)1 << 50,
                                       .takes = {1000 + 7 * j, 9000 - 11 * j, 1, 1}};
    }
    const struct gs_fill fill = {.cols = cols,
                                 .n_cols = 40,
                                 .capacity = {(int64_t)1 << 60, (int64_t)1 << 60, 1 << 30, 1 << 30},
                                 .price = {1, 1, 1, 1}};
    uint64_t looks = LOOKS;
    bool any;
    __int128 excess;
    struct gs_err err;
    assert_int_equal(gs_fill_least(&arena, &fill, GS_FILL_ROOM_MAX, &looks, &any, &excess, &err),
                     GS_LIMIT);
    assert_int_equal(looks, 0);
    assert_non_null(strstr(err.msg, "more loads than can be checked"));
}

static void fill__takes_numbers_that_do_not_multiply(void **state)
{
    (void)state;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 26);
    const struct gs_fill_col cols[] = {
        {.d = (__int128)1 << 120, .hi = INT64_MAX / 2, .takes = {INT64_MAX, 0, 0, 1}},
        {.d = -((__int128)1 << 120), .hi = INT64_MAX / 2, .takes = {1, INT64_MAX, 0, 0}},
    };
    const struct gs_fill fill = {.cols = cols,
                                 .n_cols = 2,
                                 .capacity = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
                                 .price = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}};
    uint64_t looks = LOOKS;
    bool any;
    __int128 excess;
    assert_int_equal(gs_fill_least(&arena, &fill, GS_FILL_ROOM_MAX, &looks, &any, &excess, NULL),
                     0);
    assert_false(any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill__finds_the_least_that_trying_every_choice_finds),
        cmocka_unit_test(fill__ends_where_there_is_too_much_to_look_at),
        cmocka_unit_test(fill__takes_numbers_that_do_not_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
