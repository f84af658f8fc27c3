#include "unit/check.h"

#include <stdbool.h>

#include "base/view.h"

static void view__compares_with_text(void **state)
{
    (void)state;
    assert_true(gs_view_eq(gs_view("1g.5gb"), "1g.5gb"));
    assert_false(gs_view_eq(gs_view("1g.5gb"), "1g.5g"));
    assert_false(gs_view_eq(gs_view("1g.5g"), "1g.5gb"));
    assert_false(gs_view_eq(gs_view("1G.5GB"), "1g.5gb"));
    assert_true(gs_view_eq_nocase(gs_view("1G.5GB"), "1g.5gb"));
    assert_false(gs_view_eq_nocase(gs_view("1G.5GBx"), "1g.5gb"));
    assert_true(gs_view_eq((struct gs_view){.p = NULL, .n = 0}, ""));
    assert_true(gs_view_eq((struct gs_view){.p = "1g.5gb+me", .n = 6}, "1g.5gb"));
}

static void view__trims_blanks_at_both_ends_only(void **state)
{
    (void)state;
    assert_true(gs_view_eq(gs_view_trim(gs_view(" \t a b\r\n")), "a b"));
    assert_true(gs_view_eq(gs_view_trim(gs_view("a")), "a"));
    assert_int_equal(gs_view_trim(gs_view(" \t\r\n")).n, 0);
    assert_int_equal(gs_view_trim(gs_view("")).n, 0);
}

static const struct {
    const char *text, *parts[5];
} splits[] = {
    {"", {""}}, {"a", {"a"}}, {"a,b", {"a", "b"}}, {",", {"", ""}}, {"a,,b,", {"a", "", "b", ""}},
};

static void view__splits_into_every_part_even_an_empty_last_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
        struct gs_view rest = gs_view(splits[i].text);
        size_t n = 0;
        while (rest.p != NULL) {
            assert_true(n < 4);
            assert_true(gs_view_eq(gs_view_split(&rest, ','), splits[i].parts[n]));
            n++;
        }
        assert_null(splits[i].parts[n]);
    }
}

static void view__skips_a_prefix_or_stays(void **state)
{
    (void)state;
    struct gs_view v = gs_view("mig-1g");
    assert_true(gs_view_skip(&v, "mig-"));
    assert_true(gs_view_eq(v, "1g"));
    assert_false(gs_view_skip(&v, "1g."));
    assert_true(gs_view_eq(v, "1g"));
    assert_true(gs_view_skip(&v, ""));
}

static const struct {
    const char *text;
    uint64_t max;
    bool ok;
    uint64_t value;
} wholes[] = {
    {"0", 0, true, 0},
    {"007", 7, true, 7},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"99999999999999999999999999", UINT64_MAX, false, 0},
    {"8", 7, false, 0},
    {"", 7, false, 0},
    {"-1", 7, false, 0},
    {"+1", 7, false, 0},
    {" 1", 7, false, 0},
    {"1 ", 7, false, 0},
    {"1.0", 7, false, 0},
    {"0x1", 7, false, 0},
};

static void view__reads_a_number_that_is_the_whole_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        uint64_t got = 4711;
        bool ok = gs_view_is_u64(gs_view(wholes[i].text), wholes[i].max, &got);
        assert_int_equal(ok, wholes[i].ok);
        assert_int_equal(got, ok ? wholes[i].value : 4711);
    }
}

static void view__reads_digits_from_the_front_and_leaves_the_rest(void **state)
{
    (void)state;
    struct gs_view v = gs_view("12g.5gb");
    uint64_t got = 0;
    assert_true(gs_view_u64(&v, 99, &got));
    assert_int_equal(got, 12);
    assert_true(gs_view_eq(v, "g.5gb"));
    assert_false(gs_view_u64(&v, 99, &got));
    assert_true(gs_view_eq(v, "g.5gb"));
    v = gs_view("100g");
    assert_false(gs_view_u64(&v, 99, &got));
    assert_true(gs_view_eq(v, "100g"));
}

static const struct {
    const char *text;
    unsigned places;
    uint64_t max;
    bool ok;
    uint64_t value;
} fixeds[] = {
    {"1", 3, 9000, true, 1000},
    {"1.5", 3, 9000, true, 1500},
    {"0.001", 3, 9000, true, 1},
    {"9.000", 3, 9000, true, 9000},
    {"9.001", 3, 9000, false, 0},
    {"9001", 3, 9000, false, 0},
    {"1.0001", 3, 9000, false, 0},
    {"1.", 3, 9000, false, 0},
    {".5", 3, 9000, false, 0},
    {"1.5x", 3, 9000, false, 0},
    {"1.x", 3, 9000, false, 0},
    {"1x", 3, 9000, false, 0},
    {"-1.5", 3, 9000, false, 0},
    {"1e3", 3, 9000, false, 0},
    {"", 3, 9000, false, 0},
    {"7", 0, 7, true, 7},
    {"7.0", 0, 7, false, 0},
    {"18446744073709551615", 9, UINT64_MAX, false, 0},
    {"18446744073.709551615", 9, UINT64_MAX, true, UINT64_MAX},
    {"18446744073.709551616", 9, UINT64_MAX, false, 0},
};

static void view__reads_a_decimal_as_an_integer_of_its_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fixeds) / sizeof(fixeds[0]); i++) {
        uint64_t got = 4711;
        bool ok = gs_view_is_fixed(gs_view(fixeds[i].text), fixeds[i].places, fixeds[i].max, &got);
        assert_int_equal(ok, fixeds[i].ok);
        assert_int_equal(got, ok ? fixeds[i].value : 4711);
    }
}

static const struct {
    const char *text;
    bool control;
} texts[] = {
    {"", false},
    {"node-1", false},
    {"tab\t", false}, /* allowed below */
    {"line\n", true},
    {"\033[31m", true},
    {"\177", true},
    {"\302\233"
     "31m",
     true}, /* U+009B, an escape in one character */
    {"n\233"
     "31m",
     true},              /* the same as a byte */
    {"\302\240", false}, /* U+00A0 */
    {"K\303\266ln", false},
    {"\342\200\256", true},  /* U+202E turns text around */
    {"\342\200\250", true},  /* U+2028 ends a line */
    {"\346\234\233", false}, /* U+671B, whose last byte alone would be U+009B */
};

static void view__finds_what_a_terminal_would_not_show_as_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(gs_view_has_control(gs_view(texts[i].text), "\t"), texts[i].control);
    }
    assert_true(gs_view_has_control(gs_view("tab\t"), ""));
    assert_true(gs_view_has_control((struct gs_view){"a\0b", 3}, "\t"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view__compares_with_text),
        cmocka_unit_test(view__trims_blanks_at_both_ends_only),
        cmocka_unit_test(view__splits_into_every_part_even_an_empty_last_one),
        cmocka_unit_test(view__skips_a_prefix_or_stays),
        cmocka_unit_test(view__reads_a_number_that_is_the_whole_text),
        cmocka_unit_test(view__reads_digits_from_the_front_and_leaves_the_rest),
        cmocka_unit_test(view__finds_what_a_terminal_would_not_show_as_text),
        cmocka_unit_test(view__reads_a_decimal_as_an_integer_of_its_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
