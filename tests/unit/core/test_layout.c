#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "core/catalog.h"
#include "core/layout.h"

static const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static const struct {
    const char *model, *text, *canonical;
} placed[] = {
    {"A100-40GB", "", ""},
    {"A100-40GB", " \t\n", ""},
    {"A100-40GB", "3g.20gb@4!,1g.5gb@0", "1g.5gb@0,3g.20gb@4!"},
    {"A100-40GB", " 3g.20gb @ 4 ! , 1g.5gb@0 ", "1g.5gb@0,3g.20gb@4!"},
    {"A100-40GB", "1c.1g.5gb@6", "1g.5gb@6"},
    {"A100-40GB", "4g.20gb@0,3g.20gb@4", "4g.20gb@0,3g.20gb@4"},
    {"A100-40GB", "1g.10gb@6,1g.5gb+me@0!,2g.10gb@2", "1g.5gb+me@0!,2g.10gb@2,1g.10gb@6"},
    {"A100-40GB", "1g.5gb@6,1g.5gb@5,1g.5gb@4,1g.5gb@3,1g.5gb@2,1g.5gb@1,1g.5gb@0",
     "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6"},
    {"RTX-PRO-6000-96GB", "1g.24gb-me@9,1g.24gb+me.all@0!", "1g.24gb+me.all@0!,1g.24gb-me@9"},
    {"A30-24GB", "2g.12gb+me@2,2g.12gb@0", "2g.12gb@0,2g.12gb+me@2"},
};

static void layout__reads_placements_and_writes_them_by_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(placed) / sizeof(placed[0]); i++) {
        const struct gs_model *model = model_named(placed[i].model);
        struct gs_layout layout;
        char text[GS_LAYOUT_TEXT_MAX + 1];
        assert_int_equal(gs_layout_parse(model, gs_view(placed[i].text), &layout, NULL), 0);
        gs_layout_format(model, &layout, text);
        assert_string_equal(text, placed[i].canonical);
        assert_int_equal(gs_layout_parse(model, gs_view(text), &layout, NULL), 0);
        gs_layout_format(model, &layout, text);
        assert_string_equal(text, placed[i].canonical);
    }
}

/* What each message must hold: the part, what was found, what was expected. */
static const struct {
    const char *model, *text;
    int code;
    const char *says[3];
} refused_placed[] = {
    {"A100-40GB",
     "1g.5gb@0,3g.20gb@2",
     GS_INVALID,
     {"part 2", "\"3g.20gb@2\"", "unit 0 or 4, not at 2"}},
    {"A100-40GB", "2g.10gb@6", GS_INVALID, {"part 1", "0, 2 or 4", "not at 6"}},
    {"A100-40GB", "4g.20gb@4", GS_INVALID, {"part 1", "unit 0, not at 4"}},
    {"A100-40GB", "1g.5gb@7", GS_INVALID, {"0, 1, 2, 3, 4, 5 or 6, not at 7"}},
    {"A100-40GB", "1g.5gb@200", GS_INVALID, {"not at 200"}},
    {"A100-40GB",
     "3g.20gb@4,1g.5gb@5",
     GS_INVALID,
     {"part 2", "overlaps the 3g.20gb at 4", "units 4 to 7"}},
    {"A100-40GB",
     "1g.5gb@5,1g.5gb@5",
     GS_INVALID,
     {"part 2", "overlaps the 1g.5gb at 5", "5 to 5"}},
    {"A100-40GB",
     "1g.5gb+me@0,1g.5gb+me@1",
     GS_INFEASIBLE,
     {"part 2", "1 of 1g.5gb+me at most", "2 are asked"}},
    {"A100-40GB",
     "4g.20gb@0,2g.10gb@4,1g.10gb@6,1g.5gb@3",
     GS_INVALID,
     {"part 4", "overlaps the 4g.20gb at 0"}},
    {"A30-24GB",
     "1g.6gb+me@0,2g.12gb+me@2",
     GS_INFEASIBLE,
     {"part 2", "1 JPEG engines", "2 are asked"}},
    {"RTX-PRO-6000-96GB",
     "1g.24gb+me.all@0,1g.24gb@3",
     GS_INFEASIBLE,
     {"part 2", "4 decoders", "5 are asked"}},
    {"A100-40GB", "3g.40gb@0", GS_NOT_FOUND, {"part 1", "no profile 3g.40gb", "it has 1g.5gb"}},
    {"A100-40GB", "1c.3g.20gb@0", GS_INVALID, {"part 1", "compute instance", "expected 3g.20gb"}},
    {"A100-40GB", "2c.3g.20gb+me@0", GS_INVALID, {"compute instance", "expected 3g.20gb+me"}},
    {"A100-40GB", "3g.20gb", GS_INVALID, {"part 1", "no start", "3g.20gb@4"}},
    {"A100-40GB", "3g.20gb=1", GS_INVALID, {"part 1", "no start"}},
    {"A100-40GB", "3g.20gb@", GS_INVALID, {"\"\" is not a start", "0 to 7"}},
    {"A100-40GB", "3g.20gb@!", GS_INVALID, {"\"!\" is not a start"}},
    {"A100-40GB", "3g.20gb@4!!", GS_INVALID, {"\"4!!\" is not a start"}},
    {"A100-40GB", "3g.20gb@-4", GS_INVALID, {"\"-4\" is not a start"}},
    {"A100-40GB", "3g.20gb@04", GS_INVALID, {"\"04\" is not a start"}},
    {"A100-40GB", "3g.20gb@4@4", GS_INVALID, {"\"4@4\" is not a start"}},
    {"A100-40GB", "3g.20gb@18446744073709551620", GS_INVALID, {"is not a start"}},
    {"A100-40GB", "3g.20gb@4,", GS_INVALID, {"part 2", "empty", "3g.20gb@4"}},
    {"A100-40GB", ",", GS_INVALID, {"part 1", "empty"}},
    {"A100-40GB", "1g.5gb@0,,1g.5gb@1", GS_INVALID, {"part 2", "empty"}},
    {"A100-40GB", "small@0", GS_INVALID, {"not a MIG profile name"}},
    {"A100-40GB", "1g.5gb+me,gfx@0", GS_NOT_FOUND, {"part 1", "no profile 1g.5gb+me,gfx"}},
    {"RTX-PRO-5000-48GB", "", GS_UNKNOWN, {"RTX-PRO-5000-48GB", "not known"}},
};

static void assert_says(const char *msg, const char *const says[3])
{
    for (unsigned i = 0; i < 3 && says[i] != NULL; i++) {
        if (strstr(msg, says[i]) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", msg, says[i]);
        }
    }
}

static void layout__says_which_slice_is_wrong_and_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused_placed) / sizeof(refused_placed[0]); i++) {
        struct gs_layout layout = {.n_slices = 77};
        struct gs_err err = {.msg = ""};
        int r = gs_layout_parse(model_named(refused_placed[i].model),
                                gs_view(refused_placed[i].text), &layout, &err);
        if (r != refused_placed[i].code) {
            fail_msg("\"%s\": %d, \"%s\"", refused_placed[i].text, r, err.msg);
        }
        assert_int_equal(layout.n_slices, 77);
        assert_says(err.msg, refused_placed[i].says);
    }
}

static const struct {
    const char *text, *canonical;
} counted[] = {
    {"", ""},
    {"3g.20gb=1,2g.10gb=2", "2g.10gb=2,3g.20gb=1"},
    {"3g.20gb", "3g.20gb=1"},
    {" 2g.10gb = 2 , 1g.5gb ,1g.5gb=3", "1g.5gb=4,2g.10gb=2"},
    {"1g.5gb=0,7g.40gb", "7g.40gb=1"},
    {"1g.5gb=255", "1g.5gb=255"},
};

static void layout__reads_counts_and_adds_up_a_name_that_comes_again(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        uint8_t counts[GS_PROFILES_MAX];
        char text[GS_LAYOUT_TEXT_MAX + 1];
        assert_int_equal(gs_layout_counts_parse(model, gs_view(counted[i].text), counts, NULL), 0);
        gs_layout_counts_format(model, counts, text);
        assert_string_equal(text, counted[i].canonical);
    }
}

static const struct {
    const char *text;
    int code;
    const char *says[3];
} refused_counted[] = {
    {"3g.20gb=1,2g.10gb@2", GS_INVALID, {"part 2", "has a start", "3g.20gb=1"}},
    {"3g.20gb=", GS_INVALID, {"part 1", "\"\" is not a count", "0 to 255"}},
    {"3g.20gb=-1", GS_INVALID, {"\"-1\" is not a count"}},
    {"3g.20gb=256", GS_INVALID, {"\"256\" is not a count"}},
    {"3g.20gb=99999999999999999999", GS_INVALID, {"is not a count"}},
    {"3g.20gb=1.5", GS_INVALID, {"is not a count"}},
    {"3g.20gb=200,3g.20gb=56", GS_INVALID, {"part 2", "256 of 3g.20gb", "255 at most"}},
    {"=3", GS_INVALID, {"part 1", "not a MIG profile name"}},
    {"all", GS_INVALID, {"not a MIG profile name"}},
    {"1c.3g.20gb=1", GS_INVALID, {"compute instance", "expected 3g.20gb"}},
    {"1g.6gb=1", GS_NOT_FOUND, {"part 1", "no profile 1g.6gb"}},
    {"1g.5gb=1,", GS_INVALID, {"part 2", "empty", "3g.20gb=1"}},
};

static void layout__says_which_count_is_wrong_and_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused_counted) / sizeof(refused_counted[0]); i++) {
        uint8_t counts[GS_PROFILES_MAX] = {77};
        struct gs_err err = {.msg = ""};
        int r = gs_layout_counts_parse(model_named("A100-40GB"), gs_view(refused_counted[i].text),
                                       counts, &err);
        if (r != refused_counted[i].code) {
            fail_msg("\"%s\": %d, \"%s\"", refused_counted[i].text, r, err.msg);
        }
        assert_int_equal(counts[0], 77);
        assert_says(err.msg, refused_counted[i].says);
    }
}

static void layout__is_bounded_in_length(void **state)
{
    (void)state;
    static char blanks[GS_LAYOUT_INPUT_MAX + 1];
    memset(blanks, ' ', sizeof(blanks));
    struct gs_layout layout;
    struct gs_view fits = {.p = blanks, .n = GS_LAYOUT_INPUT_MAX};
    struct gs_view longer = {.p = blanks, .n = GS_LAYOUT_INPUT_MAX + 1};
    const struct gs_model *model = model_named("A100-40GB");
    assert_int_equal(gs_layout_parse(model, fits, &layout, NULL), 0);
    assert_int_equal(gs_layout_parse(model, longer, &layout, NULL), GS_LIMIT);
}

static void layout__takes_a_goal_for_placed_when_it_has_a_start(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    int three = gs_model_profile_index(model, &(struct gs_profile_name){3, 3, 20, 0, ""});
    assert_true(three >= 0);
    struct gs_layout_goal goal;
    assert_int_equal(gs_layout_goal_parse(model, gs_view("3g.20gb@4,1g.5gb@0"), &goal, NULL), 0);
    assert_true(goal.placed);
    assert_int_equal(goal.layout.n_slices, 2);
    assert_int_equal(goal.counts[three], 1);
    assert_int_equal(gs_layout_goal_parse(model, gs_view("3g.20gb=2"), &goal, NULL), 0);
    assert_false(goal.placed);
    assert_int_equal(goal.counts[three], 2);
    assert_int_equal(gs_layout_goal_parse(model, gs_view(""), &goal, NULL), 0);
    assert_false(goal.placed);
    assert_int_equal(goal.counts[three], 0);
    struct gs_err err;
    assert_int_equal(gs_layout_goal_parse(model, gs_view("3g.20gb@4!"), &goal, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "3g.20gb@4 is marked in use"));
    assert_int_equal(goal.counts[three], 0);
}

/* The messages of the limits and the yes or no of the model must be of one mind. */
static void layout__names_a_broken_limit_exactly_when_one_is_broken(void **state)
{
    (void)state;
    size_t n_models;
    const struct gs_model *models = gs_catalog(&n_models);
    unsigned long broken = 0;
    unsigned long kept = 0;
    for (size_t m = 0; m < n_models; m++) {
        for (unsigned a = 0; a < models[m].n_profiles; a++) {
            for (unsigned b = 0; b < models[m].n_profiles; b++) {
                for (unsigned n = 0; n < 64 && models[m].placements_known; n++) {
                    uint8_t counts[GS_PROFILES_MAX] = {0};
                    counts[a] = (uint8_t)(n % 8);
                    counts[b] = (uint8_t)(counts[b] + n / 8);
                    bool within = gs_model_counts_within_limits(&models[m], counts);
                    int r = gs_layout_check_counts(&models[m], counts, NULL);
                    assert_int_equal(r, within ? 0 : GS_INFEASIBLE);
                    broken += !within;
                    kept += within;
                }
            }
        }
    }
    assert_true(broken > 1000 && kept > 1000);
}

static void layout__is_a_state_of_the_table_and_back(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A30-24GB");
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    const struct gs_statetable *table;
    assert_int_equal(gs_statetable_new(&arena, model, GS_ALL_PROFILES, &table, NULL), 0);
    for (unsigned s = 0; s < table->n_states; s++) {
        struct gs_layout layout;
        struct gs_layout again;
        char text[GS_LAYOUT_TEXT_MAX + 1];
        uint16_t found;
        uint64_t in_use;
        uint64_t every_other = table->sets[s] & 0x5555555555555555ull;
        gs_layout_from_set(table, table->sets[s], every_other, &layout);
        gs_layout_format(model, &layout, text);
        assert_int_equal(gs_layout_parse(model, gs_view(text), &again, NULL), 0);
        assert_int_equal(gs_layout_state(table, &again, &found, &in_use, NULL), 0);
        assert_int_equal(found, s);
        assert_true(in_use == every_other);
    }
    const struct gs_statetable *whole_only;
    assert_int_equal(gs_statetable_new(&arena, model, 1u << 4, &whole_only, NULL), 0);
    struct gs_layout layout;
    struct gs_err err;
    uint16_t found;
    uint64_t in_use;
    assert_int_equal(gs_layout_parse(model, gs_view("1g.6gb@0"), &layout, NULL), 0);
    assert_int_equal(gs_layout_state(whole_only, &layout, &found, &in_use, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "1g.6gb@0 takes no part"));
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout__reads_placements_and_writes_them_by_start),
        cmocka_unit_test(layout__says_which_slice_is_wrong_and_what_was_expected),
        cmocka_unit_test(layout__reads_counts_and_adds_up_a_name_that_comes_again),
        cmocka_unit_test(layout__says_which_count_is_wrong_and_what_was_expected),
        cmocka_unit_test(layout__is_bounded_in_length),
        cmocka_unit_test(layout__takes_a_goal_for_placed_when_it_has_a_start),
        cmocka_unit_test(layout__names_a_broken_limit_exactly_when_one_is_broken),
        cmocka_unit_test(layout__is_a_state_of_the_table_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
