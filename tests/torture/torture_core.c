#include "torture/torture.h"

#include "core/catalog.h"
#include "core/statetable.h"

static int build_statetable(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    const struct gs_statetable *table = NULL;
    int r = gs_statetable_new(&arena, model, GS_ALL_PROFILES, &table, err);
    assert_true((r == 0) == (table != NULL)); /* outputs are written on success only */
    gs_arena_done(&arena);
    return r;
}

static void torture__statetable_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(build_statetable, 1) >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__statetable_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
