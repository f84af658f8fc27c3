#include "torture/torture.h"

#include "base/buf.h"

static int fill_arena(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    gs_arena_init(&arena, source, 1 << 20);
    uint32_t *numbers = NULL;
    size_t cap = 0;
    bool ok = true;
    for (size_t i = 0; i < 100 && ok; i++) {
        ok = gs_arena_room(&arena, &numbers, &cap, i, sizeof(*numbers));
        if (ok) {
            numbers[i] = (uint32_t)i;
        }
    }
    struct gs_arena_mark mark = gs_arena_mark(&arena);
    ok = ok && gs_arena_text(&arena, "gone at the rewind", 18) != NULL;
    gs_arena_rewind(&arena, mark);
    for (size_t i = 0; i < 100 && ok; i++) {
        assert_int_equal(numbers[i], i);
    }
    gs_arena_done(&arena);
    return ok ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for numbers");
}

static int fill_buf(struct gs_err *err)
{
    struct gs_buf buf;
    gs_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < 1000; i++) {
        gs_buf_printf(&buf, "%u,", i);
    }
    bool ok = gs_buf_ok(&buf);
    gs_buf_done(&buf);
    return ok ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for text");
}

static void torture__arena_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(fill_arena, 1) >= 6); /* 8, 16, ... 128 numbers, and the text */
}

static void torture__buf_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(fill_buf, 1) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__arena_survives_each_failed_request),
        cmocka_unit_test(torture__buf_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
