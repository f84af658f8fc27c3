/* The checker's own reading of the catalogue against core's state tables: written apart, equal. */
#include <string.h>

#include "unit/check.h"

#include "core/catalog.h"
#include "core/layout.h"
#include "core/pool.h"
#include "verify/cut.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static const struct gs_model *model_named(const char *id)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view(id), &model, NULL), 0);
    return model;
}

/* The placements of a state as a cut, all in use. False: one does not fit, says the cut. */
static bool cut_of(const struct gs_statetable *table, uint64_t set, struct gs_cut *ret)
{
    *ret = (struct gs_cut){.n = 0};
    for (; set != 0; set &= set - 1) {
        const struct gs_placement *at = &table->placements[__builtin_ctzll(set)];
        if (gs_cut_add(table->model, ret, at->profile, at->start, true, NULL) < 0) {
            return false;
        }
    }
    return true;
}

static void each_model(void (*test)(const struct gs_statetable *table))
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t m = 0; m < n; m++) {
        if (!models[m].placements_known) {
            continue;
        }
        struct gs_arena_mark mark = gs_arena_mark(&arena);
        const struct gs_statetable *table;
        assert_int_equal(gs_statetable_new(&arena, &models[m], GS_ALL_PROFILES, &table, NULL), 0);
        test(table);
        gs_arena_rewind(&arena, mark);
    }
}

/* From every state, a placement can be added here exactly when the table has such a state. */
static void same_states(const struct gs_statetable *table)
{
    for (unsigned s = 0; s < table->n_states; s++) {
        struct gs_cut cut;
        assert_true(cut_of(table, table->sets[s], &cut));
        for (unsigned i = 0; i < table->n_placements; i++) {
            struct gs_cut more = cut;
            bool fits = gs_cut_add(table->model, &more, table->placements[i].profile,
                                   table->placements[i].start, false, NULL) == 0;
            bool known = table->next[(size_t)s * table->n_placements + i] != GS_STATE_NONE;
            assert_int_equal(fits, known);
            assert_int_equal(more.n, cut.n + fits);
        }
    }
}

static void cut__knows_the_states_of_every_model(void **state)
{
    (void)state;
    each_model(same_states);
}

static bool has_counts(const struct gs_cut_addition *all, unsigned n, const uint8_t *counts)
{
    for (unsigned i = 0; i < n; i++) {
        if (memcmp(all[i].counts, counts, GS_PROFILES_MAX) == 0) {
            return true;
        }
    }
    return false;
}

static void same_additions_to(const struct gs_statetable *table, uint16_t busy, uint32_t wanted)
{
    struct gs_arena_mark mark = gs_arena_mark(&arena);
    struct gs_pool pool = {.table = table, .busy = busy, .cut = true, .count = 1};
    assert_int_equal(gs_pool_list_columns(&pool, &arena, wanted, NULL), 0);
    struct gs_cut cut;
    assert_true(cut_of(table, table->sets[busy], &cut));
    const struct gs_cut_addition *all;
    unsigned n;
    assert_int_equal(gs_cut_additions(&arena, table->model, &cut, wanted, &all, &n, NULL), 0);
    assert_int_equal(n, pool.n_columns);
    for (unsigned c = 0; c < n; c++) {
        assert_true(has_counts(all, n, pool.columns[c].counts));
    }
    gs_arena_rewind(&arena, mark);
}

/* Every choice of profiles on the empty GPU; a spread of busy states. */
static void same_additions(const struct gs_statetable *table)
{
    uint32_t choices = 1u << table->model->n_profiles;
    uint32_t step = choices > 300 ? 37 : 3;
    for (uint32_t wanted = 1; wanted < choices; wanted += step) {
        same_additions_to(table, 0, wanted);
    }
    for (unsigned s = 0; s < table->n_states; s += 61) {
        same_additions_to(table, (uint16_t)s, choices - 1);
        same_additions_to(table, (uint16_t)s, 0x15 & (choices - 1));
    }
}

static void cut__lists_the_additions_that_the_planner_cuts(void **state)
{
    (void)state;
    each_model(same_additions);
}

static void cut__reads_what_layouts_are_written_as(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *text;
        const char *says; /* NULL: read */
    } cases[] = {
        {"A100-40GB", "", NULL},
        {"A100-40GB", "3g.20gb@4!,1g.5gb@0", NULL},
        {"A100-40GB", "1g.5gb+me@0,1g.5gb@6!", NULL},
        {"RTX-PRO-6000-96GB", "1g.24gb+me@0,1g.24gb+gfx@3", NULL},
        {"A100-40GB", "3g.20gb", "is no slice"},
        {"A100-40GB", "3g.20gb@", "has no start"},
        {"A100-40GB", "3g.20gb@4 ,1g.5gb@0", "goes on behind a slice"},
        {"A100-40GB", "1g.5gb+me@0,1g.5gb+me@1", "more of this profile than the GPU holds"},
        {"A100-40GB", "4g.20gb@0,4g.20gb@4", "may not start there"},
        {"A100-40GB", "1g.10gb@6,3g.20gb@4", "overlaps"},
        {"A100-40GB", "1g.6gb@0", "A100-40GB has no profile 1g.6gb"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gs_model *model = model_named(cases[i].model);
        struct gs_cut cut;
        struct gs_err err = {0};
        int r = gs_cut_parse(model, cases[i].text, &cut, &err);
        struct gs_layout layout;
        bool people = gs_layout_parse(model, gs_view(cases[i].text), &layout, NULL) == 0;
        /* What people write may have blanks, a plan has none. */
        assert_true(people == (r == 0) || strchr(cases[i].text, ' ') != NULL);
        if (cases[i].says == NULL) {
            char text[GS_CUT_TEXT_MAX];
            struct gs_cut again;
            assert_int_equal(r, 0);
            gs_cut_format(model, &cut, text);
            assert_int_equal(gs_cut_parse(model, text, &again, NULL), 0);
            assert_int_equal(again.n, cut.n);
        } else if (r == 0 || strstr(err.msg, cases[i].says) == NULL) {
            fail_msg("\"%s\": expected \"%s\", got \"%s\"", cases[i].text, cases[i].says, err.msg);
        }
    }
}

static void cut__keeps_slices_in_use_where_they_are(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    struct gs_cut cut;
    struct gs_err err = {0};
    assert_int_equal(gs_cut_parse(model, "3g.20gb@4!,1g.5gb@0", &cut, &err), 0);
    unsigned p1, p3;
    assert_int_equal(gs_model_profile_find(model, gs_view("1g.5gb"), &p1, NULL), 0);
    assert_int_equal(gs_model_profile_find(model, gs_view("3g.20gb"), &p3, NULL), 0);
    assert_int_equal(gs_cut_remove(model, &cut, p3, 4, &err), GS_INVALID);
    assert_string_equal(err.msg, "3g.20gb@4 is in use");
    assert_int_equal(gs_cut_remove(model, &cut, p1, 1, &err), GS_INVALID);
    assert_int_equal(gs_cut_remove(model, &cut, p1, 0, &err), 0);
    assert_int_equal(cut.n, 1);
    struct gs_cut busy = gs_cut_busy(&cut);
    assert_int_equal(busy.n, 1);
    uint8_t counts[GS_PROFILES_MAX];
    gs_cut_counts(&cut, true, counts);
    assert_int_equal(counts[p3], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut__knows_the_states_of_every_model),
        cmocka_unit_test(cut__lists_the_additions_that_the_planner_cuts),
        cmocka_unit_test(cut__reads_what_layouts_are_written_as),
        cmocka_unit_test(cut__keeps_slices_in_use_where_they_are),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
