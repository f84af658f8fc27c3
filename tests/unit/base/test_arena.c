#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* Remembers what it handed out. */
struct ledger {
    unsigned gets;
    size_t live_bytes;
};

static void *ledger_get(void *ctx, size_t size)
{
    struct ledger *ledger = ctx;
    ledger->gets++;
    ledger->live_bytes += size;
    void *block = malloc(size);
    assert_non_null(block);
    memset(block, 0xA5, size);
    return block;
}

static void ledger_put(void *ctx, void *block, size_t size)
{
    struct ledger *ledger = ctx;
    ledger->live_bytes -= size;
    free(block);
}

static struct gs_alloc ledger_source(struct ledger *ledger)
{
    return (struct gs_alloc){.get = ledger_get, .put = ledger_put, .ctx = ledger};
}

static void arena__hands_out_zeroed_aligned_memory_that_does_not_overlap(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct gs_alloc source = ledger_source(&ledger);
    struct gs_arena arena;
    gs_arena_init(&arena, &source, 1 << 20);
    unsigned char *got[200];
    for (unsigned i = 0; i < 200; i++) {
        got[i] = gs_arena_get(&arena, i + 1, 3);
        assert_non_null(got[i]);
        assert_int_equal((uintptr_t)got[i] % _Alignof(max_align_t), 0);
        for (unsigned k = 0; k < 3 * (i + 1); k++) {
            assert_int_equal(got[i][k], 0);
        }
        memset(got[i], (int)i, 3 * (i + 1));
    }
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(got[i][0], i);
        assert_int_equal(got[i][3 * (i + 1) - 1], i);
    }
    gs_arena_done(&arena);
    assert_int_equal(ledger.live_bytes, 0);
}

static void arena__asks_the_source_seldom(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct gs_alloc source = ledger_source(&ledger);
    struct gs_arena arena;
    gs_arena_init(&arena, &source, 64 << 20);
    for (unsigned i = 0; i < 100000; i++) {
        assert_non_null(gs_arena_get(&arena, 1, 16));
    }
    assert_true(ledger.gets <= 8); /* 1.6 MB in blocks that double from 16 KB */
    assert_int_equal(ledger.live_bytes, arena.used_bytes);
    gs_arena_done(&arena);
}

static void arena__gives_each_request_its_own_block_when_the_source_is_exact(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct gs_alloc source = ledger_source(&ledger);
    source.exact = true;
    struct gs_arena arena;
    gs_arena_init(&arena, &source, 1 << 20);
    for (unsigned i = 0; i < 10; i++) {
        assert_non_null(gs_arena_get(&arena, 1, 16));
    }
    assert_int_equal(ledger.gets, 10);
    gs_arena_done(&arena);
    assert_int_equal(ledger.live_bytes, 0);
}

static const struct {
    size_t count, size;
} too_much[] = {
    {1, (1 << 20) + 1}, {1 << 20, 2},  {SIZE_MAX, 2},      {SIZE_MAX / 2 + 1, 2},
    {1, SIZE_MAX},      {SIZE_MAX, 1}, {1, SIZE_MAX - 16}, {1, SIZE_MAX - 48},
};

static void arena__refuses_what_passes_its_bound_or_overflows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(too_much) / sizeof(too_much[0]); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
        assert_null(gs_arena_get(&arena, too_much[i].count, too_much[i].size));
        assert_int_equal(arena.used_bytes, 0);
        assert_non_null(gs_arena_get(&arena, 1, 8)); /* a refusal does not stick */
        gs_arena_done(&arena);
    }
}

static void arena__never_takes_more_than_its_bound(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 100000);
    unsigned n = 0;
    while (gs_arena_get(&arena, 1, 1000) != NULL) {
        n++;
        assert_true(arena.used_bytes <= 100000);
    }
    assert_true(n >= 16); /* the first block at least */
    gs_arena_done(&arena);
}

static void arena__yields_a_pointer_for_zero_bytes(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_non_null(gs_arena_get(&arena, 0, 8));
    assert_non_null(gs_arena_get(&arena, 8, 0));
    gs_arena_done(&arena);
}

static void arena__copies_text_and_terminates_it(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_string_equal(gs_arena_text(&arena, "1g.5gb, 2g.10gb", 6), "1g.5gb");
    assert_string_equal(gs_arena_text(&arena, NULL, 0), "");
    assert_null(gs_arena_text(&arena, "x", SIZE_MAX));
    gs_arena_done(&arena);
}

static void arena__rewinds_to_a_mark_and_gives_the_same_memory_again(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 8 << 20);
    uint32_t *kept = GS_ARENA_NEW(&arena, uint32_t, 1);
    assert_non_null(kept);
    *kept = 77;
    struct gs_arena_mark mark = gs_arena_mark(&arena);
    unsigned char *first = gs_arena_get(&arena, 100, 1);
    assert_non_null(first);
    memset(first, 0xFF, 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_non_null(gs_arena_get(&arena, 10000, 1));
    }
    gs_arena_rewind(&arena, mark);
    unsigned char *again = gs_arena_get(&arena, 100, 1);
    assert_ptr_equal(again, first);
    assert_int_equal(again[99], 0); /* zeroed although it was written before */
    assert_int_equal(*kept, 77);
    gs_arena_done(&arena);
}

static void arena__keeps_one_spare_block_for_a_loop_that_rewinds(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct gs_alloc source = ledger_source(&ledger);
    struct gs_arena arena;
    gs_arena_init(&arena, &source, 1 << 20);
    struct gs_arena_mark mark = gs_arena_mark(&arena);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned char *got = gs_arena_get(&arena, 1, 30000);
        assert_non_null(got);
        assert_int_equal(got[29999], 0);
        memset(got, 0xFF, 30000);
        gs_arena_rewind(&arena, mark);
    }
    assert_int_equal(ledger.gets, 1);
    assert_int_equal(ledger.live_bytes, arena.used_bytes);
    assert_true(arena.used_bytes < 31000);
    gs_arena_done(&arena);
    assert_int_equal(ledger.live_bytes, 0);
}

static void arena__gives_the_spare_block_back_rather_than_refuse(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 100000);
    struct gs_arena_mark mark = gs_arena_mark(&arena);
    assert_non_null(gs_arena_get(&arena, 1, 60000));
    gs_arena_rewind(&arena, mark);
    assert_non_null(gs_arena_get(&arena, 1, 90000));
    assert_true(arena.used_bytes <= 100000);
    gs_arena_done(&arena);
}

static void arena__keeps_nothing_back_when_the_source_is_exact(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct gs_alloc source = ledger_source(&ledger);
    source.exact = true;
    struct gs_arena arena;
    gs_arena_init(&arena, &source, 1 << 20);
    struct gs_arena_mark mark = gs_arena_mark(&arena);
    assert_non_null(gs_arena_get(&arena, 1, 100));
    gs_arena_rewind(&arena, mark);
    assert_int_equal(arena.used_bytes, 0);
    assert_int_equal(ledger.live_bytes, 0);
    gs_arena_done(&arena); /* fine on one that holds nothing */
}

static void arena__keeps_the_elements_of_an_array_that_grows(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    uint64_t *items = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_true(gs_arena_room(&arena, &items, &cap, i, sizeof(*items)));
        items[i] = i * i;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(items[i], i * i);
    }
    uint64_t *before = items;
    arena.max_bytes = arena.used_bytes;
    assert_false(gs_arena_room(&arena, &items, &cap, cap, 1 << 16));
    assert_ptr_equal(items, before);
    gs_arena_done(&arena);
}

static void arena__writes_what_printf_would(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 16);
    assert_string_equal(gs_arena_printf(&arena, "%s-%u", "a", 7u), "a-7");
    assert_string_equal(gs_arena_printf(&arena, "%s", ""), "");
    char *wide = gs_arena_printf(&arena, "%*d", 20000, 1);
    assert_int_equal(strlen(wide), 20000);
    arena.max_bytes = arena.used_bytes;
    assert_null(gs_arena_printf(&arena, "%*d", 60000, 1));
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena__hands_out_zeroed_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(arena__asks_the_source_seldom),
        cmocka_unit_test(arena__gives_each_request_its_own_block_when_the_source_is_exact),
        cmocka_unit_test(arena__refuses_what_passes_its_bound_or_overflows),
        cmocka_unit_test(arena__never_takes_more_than_its_bound),
        cmocka_unit_test(arena__yields_a_pointer_for_zero_bytes),
        cmocka_unit_test(arena__copies_text_and_terminates_it),
        cmocka_unit_test(arena__rewinds_to_a_mark_and_gives_the_same_memory_again),
        cmocka_unit_test(arena__keeps_one_spare_block_for_a_loop_that_rewinds),
        cmocka_unit_test(arena__gives_the_spare_block_back_rather_than_refuse),
        cmocka_unit_test(arena__keeps_nothing_back_when_the_source_is_exact),
        cmocka_unit_test(arena__keeps_the_elements_of_an_array_that_grows),
        cmocka_unit_test(arena__writes_what_printf_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
