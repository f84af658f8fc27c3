#include "unit/check.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

static void err__keeps_the_code_and_the_text(void **state)
{
    (void)state;
    struct gs_err err = {.sys_errno = 99};
    assert_int_equal(gs_fail(&err, GS_BUSY, "GPU %s: instance %d", "GPU-1", 3), GS_BUSY);
    assert_int_equal(err.code, GS_BUSY);
    assert_int_equal(err.sys_errno, 0);
    assert_string_equal(err.msg, "GPU GPU-1: instance 3");
}

static void err__may_be_null_everywhere(void **state)
{
    (void)state;
    assert_int_equal(gs_fail(NULL, GS_LIMIT, "x"), GS_LIMIT);
    assert_int_equal(gs_fail_errno(NULL, ENOENT, "x"), GS_IO);
    assert_int_equal(gs_wrap(NULL, GS_BUSY, "x"), GS_BUSY);
}

static void err__appends_what_the_system_said(void **state)
{
    (void)state;
    struct gs_err err;
    assert_int_equal(gs_fail_errno(&err, ENOENT, "opening %s", "plan.yaml"), GS_IO);
    assert_int_equal(err.code, GS_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_string_equal(err.msg, "opening plan.yaml: No such file or directory");
}

static void err__names_an_errno_that_the_system_does_not_know(void **state)
{
    (void)state;
    struct gs_err err;
    assert_int_equal(gs_fail_errno(&err, 99999, "opening %s", "plan.yaml"), GS_IO);
    assert_string_equal(err.msg, "opening plan.yaml: errno 99999");
}

static void err__puts_context_before_the_text(void **state)
{
    (void)state;
    struct gs_err err;
    int r = gs_fail(&err, GS_INVALID, "line %d: expected a number", 7);
    r = gs_wrap(&err, r, "reading %s", "demand.yaml");
    assert_int_equal(r, GS_INVALID);
    assert_int_equal(err.code, GS_INVALID);
    assert_string_equal(err.msg, "reading demand.yaml: line 7: expected a number");
}

static void expect_cut(const struct gs_err *err)
{
    assert_int_equal(strlen(err->msg), sizeof(err->msg) - 1);
    assert_string_equal(err->msg + sizeof(err->msg) - 4, "...");
}

static void err__marks_a_text_that_was_cut(void **state)
{
    (void)state;
    char full[sizeof(((struct gs_err *)NULL)->msg)];
    memset(full, 'x', sizeof(full) - 1);
    full[sizeof(full) - 1] = '\0';
    struct gs_err err;
    gs_fail(&err, GS_INVALID, "%s", full);
    assert_string_equal(err.msg, full); /* just fits: not cut */
    gs_fail(&err, GS_INVALID, "%sy", full);
    expect_cut(&err);
    gs_fail_errno(&err, ENOENT, "%s", full);
    expect_cut(&err);
    gs_fail_errno(&err, ENOENT, "%sy", full);
    expect_cut(&err);
    gs_fail(&err, GS_INVALID, "%s", full);
    gs_wrap(&err, GS_INVALID, "reading");
    assert_memory_equal(err.msg, "reading: xxx", 12);
    expect_cut(&err);
    gs_wrap(&err, GS_INVALID, "%sy", full);
    expect_cut(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err__keeps_the_code_and_the_text),
        cmocka_unit_test(err__may_be_null_everywhere),
        cmocka_unit_test(err__appends_what_the_system_said),
        cmocka_unit_test(err__names_an_errno_that_the_system_does_not_know),
        cmocka_unit_test(err__puts_context_before_the_text),
        cmocka_unit_test(err__marks_a_text_that_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
