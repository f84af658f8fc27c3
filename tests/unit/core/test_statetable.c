#include "unit/check.h"

#include "core/catalog.h"
#include "core/statetable.h"

static const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static uint32_t profile_mask(const struct gs_model *model, const char *names)
{
    uint32_t mask = 0;
    struct gs_view rest = gs_view(names);
    while (rest.p != NULL) {
        unsigned index;
        assert_int_equal(gs_model_profile_find(model, gs_view_split(&rest, ','), &index, NULL), 0);
        mask |= 1u << index;
    }
    return mask;
}

/* Numbers of NVIDIA's figures and of mig-hardware.md 1.4 and 1.5. */
static const struct known_size {
    const char *model;
    const char *profiles; /* NULL: all */
    unsigned states, multisets, maximal, full;
} known_sizes[] = {
    {"A100-40GB", "1g.5gb,2g.10gb,3g.20gb,4g.20gb,7g.40gb", 298, 38, 12, 19},
    {"A100-40GB", "1g.5gb,1g.10gb,2g.10gb,3g.20gb,4g.20gb,7g.40gb", 723, 78, 28, 78},
    {"A100-40GB", NULL, 2319, 128, 44, 239},
    {"H100-80GB-SXM5", "1g.10gb,2g.20gb,3g.40gb,4g.40gb,7g.80gb", 298, 38, 12, 19},
    {"B200-180GB", NULL, 2319, 128, 44, 239},
    {"A30-24GB", "1g.6gb,2g.12gb,4g.24gb", 26, 10, 4, 5},
    {"A30-24GB", NULL, 76, 20, 8, 17},
    {"RTX-PRO-6000-96GB", "1g.24gb,2g.48gb,4g.96gb", 26, 10, 4, 5},
    {"RTX-PRO-6000-96GB", NULL, 717, 115, 64, 302},
};

static void statetable__has_the_sizes_that_nvidias_figures_give(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(known_sizes) / sizeof(known_sizes[0]); k++) {
        const struct known_size *want = &known_sizes[k];
        const struct gs_model *model = model_named(want->model);
        uint32_t mask = want->profiles ? profile_mask(model, want->profiles) : GS_ALL_PROFILES;
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        const struct gs_statetable *table;
        assert_int_equal(gs_statetable_new(&arena, model, mask, &table, NULL), 0);
        unsigned maximal = 0;
        unsigned full = 0;
        for (unsigned m = 0; m < table->n_multisets; m++) {
            maximal += table->multisets[m].maximal;
        }
        for (unsigned s = 0; s < table->n_states; s++) {
            full += gs_statetable_is_full(table, (uint16_t)s);
        }
        assert_int_equal(table->n_states, want->states);
        assert_int_equal(table->n_multisets, want->multisets);
        assert_int_equal(maximal, want->maximal);
        assert_int_equal(full, want->full);
        gs_arena_done(&arena);
    }
}

static void statetable__refuses_a_model_whose_placements_are_unknown(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *table = NULL;
    struct gs_err err;
    int r =
        gs_statetable_new(&arena, model_named("RTX-PRO-5000-48GB"), GS_ALL_PROFILES, &table, &err);
    assert_int_equal(r, GS_UNKNOWN);
    assert_null(table);
    gs_arena_done(&arena);
}

static void statetable__cuts_a_3g_where_it_keeps_room_for_a_4g(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *table;
    assert_int_equal(gs_statetable_new(&arena, model, GS_ALL_PROFILES, &table, NULL), 0);
    unsigned three;
    assert_int_equal(gs_model_profile_find(model, gs_view("3g.20gb"), &three, NULL), 0);
    uint8_t counts[GS_PROFILES_MAX] = {0};
    counts[three] = 1;
    int m = gs_statetable_multiset(table, counts);
    assert_true(m >= 0);
    uint64_t set = table->sets[table->multisets[m].state];
    assert_int_equal(table->placements[__builtin_ctzll(set)].start, 4);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statetable__has_the_sizes_that_nvidias_figures_give),
        cmocka_unit_test(statetable__refuses_a_model_whose_placements_are_unknown),
        cmocka_unit_test(statetable__cuts_a_3g_where_it_keeps_room_for_a_4g),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
