#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubetime.h"

static void kubetime__moments_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:00:00-01:00", UINT64_MAX /* before 1970 as it is written */},
        {"2000-02-29T12:00:00Z", 951825600000000},
        {"2024-02-29T23:59:59.999999999Z", 1709251199999999},
        {"2026-11-22T12:34:56.7Z", 1795350896700000},
        {"2026-11-22T12:34:56-23:59", 1795437236000000},
        {"2016-12-31T23:59:60Z", 1483228800000000}, /* a leap second */
        {"9999-12-31T23:59:59Z", 253402300799000000},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        uint64_t us = UINT64_MAX;
        int r = gs_kubetime_parse(gs_view(cases[i].text), &us, NULL);
        assert_int_equal(r, cases[i].us == UINT64_MAX ? GS_INVALID : 0);
        assert_true(us == cases[i].us);
    }
}

static void kubetime__what_is_no_moment_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "2026-11-22",
        "2026-11-22T12:34:56",
        "2026-11-22 12:34:56Z",
        "2026-11-22t12:34:56Z",
        "2026-11-22T12:34:56z",
        "2026-00-22T12:34:56Z",
        "2026-13-22T12:34:56Z",
        "2026-02-29T12:34:56Z",
        "2100-02-29T12:34:56Z",
        "2026-04-31T12:34:56Z",
        "2026-11-00T12:34:56Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T12:60:00Z",
        "2026-11-22T12:34:61Z",
        "2026-11-22T12:34:56.Z",
        "2026-11-22T12:34:56.1234567890Z",
        "2026-11-22T12:34:56+1:00",
        "2026-11-22T12:34:56+24:00",
        "2026-11-22T12:34:56Zx",
        "26-11-22T12:34:56Z",
        "+026-11-22T12:34:56Z",
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        uint64_t us = 7;
        struct gs_err err = {.msg = ""};
        if (gs_kubetime_parse(gs_view(cases[i]), &us, &err) != GS_INVALID) {
            print_message("%s\n", cases[i]);
            fail();
        }
        assert_true(us == 7 && strstr(err.msg, "expected a moment") != NULL);
    }
}

static void kubetime__what_is_written_is_read_back(void **state)
{
    char text[GS_KUBETIME_MAX];
    (void)state;
    gs_kubetime_format(1795350896700001, text);
    assert_string_equal(text, "2026-11-22T12:34:56.700001Z");
    for (uint64_t us = 0; us < 253402300799999999; us += 86399999937u * 7) {
        uint64_t back = 0;
        gs_kubetime_format(us, text);
        assert_int_equal(gs_kubetime_parse(gs_view(text), &back, NULL), 0);
        assert_true(back == us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubetime__moments_are_read),
        cmocka_unit_test(kubetime__what_is_no_moment_is_refused),
        cmocka_unit_test(kubetime__what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
