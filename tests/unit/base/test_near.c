#include "unit/check.h"

#include "base/near.h"

static const struct {
    const char *a, *b;
    unsigned distance;
} distances[] = {
    {"", "", 0},
    {"", "abc", 3},
    {"abc", "", 3},
    {"1g.5gb", "1g.5gb", 0},
    {"1g.5gb", "1g.6gb", 1},
    {"1g5gb", "1g.5gb", 1},
    {"kitten", "sitting", 3},
    {"L4", "l40s", 2},
    {"p4d.24XLARGE", "p4d.24xlarge", 0},
};

static void near__counts_letters_to_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
        assert_int_equal(gs_near_distance(gs_view(distances[i].a), distances[i].b),
                         distances[i].distance);
        assert_int_equal(gs_near_distance(gs_view(distances[i].b), distances[i].a),
                         distances[i].distance);
    }
}

static void near__lists_the_nearest_first_and_each_once(void **state)
{
    (void)state;
    struct gs_near near = GS_NEAR_INIT(gs_view("1g.6gb"));
    static const char *const names[] = {"2g.10gb", "1g.5gb", "7g.40gb", "1g.6gb+me",
                                        "1g.8gb",  "1g.5gb", "1g.6gb"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gs_near_offer(&near, names[i]);
    }
    char text[200];
    gs_near_format(&near, text, sizeof(text));
    assert_string_equal(text, "; near names: 1g.6gb, 1g.5gb, 1g.8gb, 1g.6gb+me");
}

static void near__keeps_the_best_when_there_are_too_many(void **state)
{
    (void)state;
    struct gs_near near = GS_NEAR_INIT(gs_view("abcdefghi"));
    static const char *const names[] = {"abcdefgxx", "abcdefgyy", "abcdefgzz", "abcdefghx",
                                        "abcdefghy", "abcdefghz", "abcdefghi"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gs_near_offer(&near, names[i]);
    }
    char text[200];
    gs_near_format(&near, text, sizeof(text));
    assert_string_equal(text,
                        "; near names: abcdefghi, abcdefghx, abcdefghy, abcdefghz, abcdefgxx");
    char small[20];
    gs_near_format(&near, small, sizeof(small));
    assert_string_equal(small, "; near names: abcde");
}

static void near__says_nothing_when_nothing_is_near(void **state)
{
    (void)state;
    struct gs_near near = GS_NEAR_INIT(gs_view("potato"));
    gs_near_offer(&near, "1g.5gb");
    char text[10] = "x";
    gs_near_format(&near, text, sizeof(text));
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near__counts_letters_to_change),
        cmocka_unit_test(near__lists_the_nearest_first_and_each_once),
        cmocka_unit_test(near__keeps_the_best_when_there_are_too_many),
        cmocka_unit_test(near__says_nothing_when_nothing_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
