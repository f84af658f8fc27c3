/* A map against a plain list, over random puts and takes. */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

enum { KEYS = 400, STEPS = 40000 };

static void map__finds_what_was_put_and_not_taken(void **state)
{
    static char keys[KEYS][16];
    static int values[KEYS];
    const void *there[KEYS] = {NULL};
    struct gs_map map = {.entries = NULL};
    size_t n = 0;
    unsigned seed = 20261122;
    (void)state;
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "ns-%d/pod-%d", i % 7, i);
    }
    for (int step = 0; step < STEPS; step++) {
        int i = rand_r(&seed) % KEYS;
        if (rand_r(&seed) % 2 == 0) {
            assert_true(gs_map_put(&map, keys[i], &values[i]));
            n += there[i] == NULL;
            there[i] = &values[i];
        } else {
            assert_ptr_equal(gs_map_take(&map, keys[i]), there[i]);
            n -= there[i] != NULL;
            there[i] = NULL;
        }
        assert_int_equal(map.n, n);
        int k = rand_r(&seed) % KEYS;
        assert_ptr_equal(gs_map_find(&map, keys[k]), there[k]);
    }
    for (int i = 0; i < KEYS; i++) {
        assert_ptr_equal(gs_map_find(&map, keys[i]), there[i]);
    }
    gs_map_done(&map);
}

static void map__gives_each_value_once(void **state)
{
    static int values[100];
    static char keys[100][8];
    struct gs_map map = {.entries = NULL};
    size_t at = 0;
    int seen = 0;
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        assert_true(gs_map_put(&map, keys[i], &values[i]));
    }
    for (int *value; (value = gs_map_next(&map, &at)) != NULL; seen++) {
        assert_int_equal((*value)++, 0);
    }
    assert_int_equal(seen, 100);
    gs_map_done(&map);
}

static void map__an_empty_one_has_nothing(void **state)
{
    struct gs_map map = {.entries = NULL};
    size_t at = 0;
    (void)state;
    assert_null(gs_map_find(&map, "a"));
    assert_null(gs_map_take(&map, "a"));
    assert_null(gs_map_next(&map, &at));
    gs_map_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map__finds_what_was_put_and_not_taken),
        cmocka_unit_test(map__gives_each_value_once),
        cmocka_unit_test(map__an_empty_one_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
