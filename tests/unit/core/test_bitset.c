#include "unit/core/tables.h"

#include <stdlib.h>

#include "core/bitset.h"

static const uint32_t sizes[] = {1, 2, 63, 64, 65, 127, 128, 4031, 4032, 4096, 4097, 70000, 262145};

static uint32_t slow_from(const bool *members, uint32_t size, uint32_t from)
{
    while (from < size && !members[from]) {
        from++;
    }
    return from < size ? from : GS_BITSET_NONE;
}

static void bitset__answers_as_an_array_of_flags_does(void **state)
{
    (void)state;
    uint64_t seed = take_seed();
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        uint32_t size = sizes[k];
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
        bool *members = GS_ARENA_NEW(&arena, bool, size);
        struct gs_bitset set;
        assert_true(gs_bitset_init(&set, &arena, size));
        assert_int_equal(gs_bitset_first(&set), GS_BITSET_NONE);
        for (unsigned step = 0; step < 4000; step++) {
            uint32_t member = random_below(&seed, size);
            /* Few members for a while, then many: both kinds of empty word come up. */
            bool add = random_below(&seed, 8) < (step / 500 % 2 == 0 ? 3u : 6u);
            members[member] = add;
            (add ? gs_bitset_add : gs_bitset_drop)(&set, member);
            if (step % 16 == 0) {
                uint32_t from = random_below(&seed, size + 1);
                assert_int_equal(gs_bitset_first(&set), slow_from(members, size, 0));
                assert_int_equal(gs_bitset_from(&set, from), slow_from(members, size, from));
            }
        }
        gs_arena_done(&arena);
    }
}

static void bitset__has_nothing_behind_its_last_number(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
        struct gs_bitset set;
        assert_true(gs_bitset_init(&set, &arena, sizes[k]));
        gs_bitset_add(&set, sizes[k] - 1);
        assert_int_equal(gs_bitset_first(&set), sizes[k] - 1);
        assert_int_equal(gs_bitset_from(&set, sizes[k] - 1), sizes[k] - 1);
        assert_int_equal(gs_bitset_from(&set, sizes[k]), GS_BITSET_NONE);
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bitset__answers_as_an_array_of_flags_does),
        cmocka_unit_test(bitset__has_nothing_behind_its_last_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
