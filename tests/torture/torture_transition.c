#include "torture/torture.h"

#include "core/catalog.h"
#include "core/choose.h"
#include "core/transition.h"

static int index_transitions(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A30-24GB"), &model, NULL), 0);
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    const struct gs_statetable *table;
    struct gs_transition_index index = {.table = NULL};
    int r = gs_statetable_new(&arena, model, GS_ALL_PROFILES, &table, err);
    if (r == 0) {
        r = gs_transition_index_init(&arena, table, &index, err);
        assert_true((r == 0) == (index.table != NULL));
    }
    gs_arena_done(&arena);
    return r;
}

static int choose_slices(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A30-24GB"), &model, NULL), 0);
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    const uint64_t rates[GS_PROFILES_MAX] = {100};
    const struct gs_choose_need need = {
        .profiles = GS_CHOOSE_ANY,
        .rate_milli = 950,
        .rates_milli = rates,
    };
    struct gs_choose_mix mix = {.rate_milli = 0};
    int r = gs_choose_slices(&arena, model, &need, &mix, err);
    assert_true((r == 0) == (mix.rate_milli == 1000));
    gs_arena_done(&arena);
    return r;
}

static void torture__transition_index_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(index_transitions, 1) >= 3);
}

static void torture__choose_survives_each_failed_request(void **state)
{
    (void)state;
    assert_int_equal(torture_arena(choose_slices, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__transition_index_survives_each_failed_request),
        cmocka_unit_test(torture__choose_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
