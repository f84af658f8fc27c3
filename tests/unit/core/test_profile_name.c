#include "unit/check.h"

#include <string.h>

#include "core/profile_name.h"

/* Form only: whether a GPU has the profile is another question. */
static const char *const well_formed[] = {
    "1g.5gb",     "7g.40gb",     "1c.1g.5gb+me",   "1c.3g.20gb",   "2c.7g.40gb",
    "0g.0gb",     "1g.5gb+me",   "1g.24gb+me.all", "1g.24gb-me",   "2g.48gb+gfx",
    "1g.0gb+gfx", "4g.96gb+gfx", "1g.5gb+me,gfx",  "1g.5gb+a1.b2",
};
static const char *const malformed[] = {
    "",           "1g",         "5gb",        "1g.5",       "g.5gb",
    "1g.gb",      "1g5gb",      "1g.5gb+",    "1g.5gb-",    "1g.5gb+1me",
    "1g.5gb+.me", "1g.5gb+me.", "1g.5gb+me,", "1g.5gb+,me", "1g.5gb+me,me",
    "1g.5gb+me ", " 1g.5gb",    "1g.5gb+m e", "1g.5gb+a-b", "1g.5gb+me-x",
    "1c.g.5gb",   "2c.1g.5gb",  "-1g.5gb",    "1.5g.5gb",   "1g.5gb+m_e",
    "1g.5GB",     "1G.5gb",     "1g.5gb\n",   "99999g.5gb", "1c1g.5gb",
    "1g.5gb+me,", "c.1g.5gb",   "1g.5gb me",  "1g.5gb.me",  "9999999999999999999999g.1gb",
};

static void profile_name__reads_and_writes_nvidias_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(well_formed) / sizeof(well_formed[0]); i++) {
        struct gs_profile_name name;
        char text[GS_PROFILE_NAME_MAX + 1];
        assert_int_equal(gs_profile_name_parse(gs_view(well_formed[i]), &name, NULL), 0);
        gs_profile_name_format(&name, text);
        /* C equal to G is not printed. */
        assert_string_equal(text, i == 2 ? "1g.5gb+me" : well_formed[i]);
    }
}

static void profile_name__says_that_a_compute_instance_is_too_large(void **state)
{
    (void)state;
    struct gs_profile_name name;
    struct gs_err err;
    assert_int_equal(gs_profile_name_parse(gs_view("3c.2g.5gb"), &name, &err), GS_INVALID);
    assert_string_equal(err.msg, "\"3c.2g.5gb\" is a compute instance of 3 compute slices in a GPU "
                                 "instance of 2; expected 2 at most");
}

static void profile_name__refuses_what_the_grammar_does_not_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        struct gs_profile_name name = {.gpu_slices = 77};
        struct gs_err err;
        assert_int_equal(gs_profile_name_parse(gs_view(malformed[i]), &name, &err), GS_INVALID);
        assert_int_equal(name.gpu_slices, 77);
    }
}

static const struct {
    const char *resource, *name;
} resources[] = {
    {"nvidia.com/mig-1g.5gb", "1g.5gb"},         {"nvidia.com/mig-1g.10gb.me", "1g.10gb+me"},
    {"mig-1g.24gb.me.all", "1g.24gb+me.all"},    {"mig-2g.48gb.gfx", "2g.48gb+gfx"},
    {"nvidia.com/mig-1g.24gb-me", "1g.24gb-me"},
};

static void profile_name__goes_to_a_resource_name_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        struct gs_profile_name name;
        char text[GS_PROFILE_NAME_MAX + 5];
        assert_int_equal(gs_profile_name_from_resource(gs_view(resources[i].resource), &name, NULL),
                         0);
        gs_profile_name_format(&name, text);
        assert_string_equal(text, resources[i].name);
        gs_profile_name_resource(&name, text);
        struct gs_view plain = gs_view(resources[i].resource);
        gs_view_skip(&plain, "nvidia.com/");
        assert_true(gs_view_eq(plain, text));
    }
    struct gs_profile_name name;
    assert_int_equal(gs_profile_name_from_resource(gs_view("nvidia.com/gpu"), &name, NULL),
                     GS_NOT_FOUND);
    assert_int_equal(
        gs_profile_name_from_resource(gs_view("nvidia.com/mig-1g.5gb.shared"), &name, NULL),
        GS_UNSUPPORTED);
    assert_int_equal(gs_profile_name_from_resource(gs_view("nvidia.com/mig-5gb"), &name, NULL),
                     GS_INVALID);
}

static void profile_name__is_read_in_every_spelling(void **state)
{
    (void)state;
    static const char *const spellings[] = {"1g.10gb+me", "1g.10gb.me", "mig-1g.10gb.me",
                                            "nvidia.com/mig-1g.10gb.me", "1c.1g.10gb.me"};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        struct gs_profile_name name;
        char text[GS_PROFILE_NAME_MAX + 1];
        assert_int_equal(gs_profile_name_read(gs_view(spellings[i]), &name, NULL), 0);
        gs_profile_name_format(&name, text);
        assert_string_equal(text, "1g.10gb+me");
    }
    struct gs_profile_name name;
    struct gs_err err;
    assert_int_equal(gs_profile_name_read(gs_view("1g.5gb.1"), &name, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "\"1g.5gb.1\" is not a MIG profile name"));
    assert_int_equal(gs_profile_name_read(gs_view("1g.5gb.shared"), &name, &err), GS_INVALID);
    assert_int_equal(gs_profile_name_read(gs_view("nvidia.com/1g.5gb"), &name, &err), GS_INVALID);
    assert_int_equal(gs_profile_name_read(gs_view("mig-1g.5gb.shared"), &name, &err),
                     GS_UNSUPPORTED);
}

static void profile_name__compares_attributes_in_any_order(void **state)
{
    (void)state;
    struct gs_profile_name a;
    struct gs_profile_name b;
    assert_int_equal(gs_profile_name_parse(gs_view("1g.5gb+me,gfx"), &a, NULL), 0);
    assert_int_equal(gs_profile_name_parse(gs_view("1g.5gb+gfx,me"), &b, NULL), 0);
    assert_true(gs_profile_name_eq(&a, &b));
    assert_int_equal(gs_profile_name_parse(gs_view("1g.5gb+gfx"), &b, NULL), 0);
    assert_false(gs_profile_name_eq(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profile_name__reads_and_writes_nvidias_grammar),
        cmocka_unit_test(profile_name__refuses_what_the_grammar_does_not_have),
        cmocka_unit_test(profile_name__says_that_a_compute_instance_is_too_large),
        cmocka_unit_test(profile_name__goes_to_a_resource_name_and_back),
        cmocka_unit_test(profile_name__is_read_in_every_spelling),
        cmocka_unit_test(profile_name__compares_attributes_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
