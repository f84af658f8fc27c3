#include "unit/check.h"

#include <string.h>

#include "wire/kubemove.h"

static const char good[] =
    "{\"pod\":\"d/v\",\"uid\":\"u-1\",\"owner\":\"d/ReplicaSet/web\",\"from\":\"n1\",\"gpu\":"
    "\"GPU-1\",\"to\":\"n2\",\"slice\":\"1g.5gb\",\"at\":\"2026-01-02T03:04:05.678901Z\"}";

static void kubemove__a_note_is_read_as_it_was_written(void **state)
{
    struct gs_kubemove move;
    struct gs_buf out;
    (void)state;
    assert_int_equal(gs_kubemove_parse(gs_view(good), &move, NULL), 0);
    assert_string_equal(move.pod, "d/v");
    assert_string_equal(move.uid, "u-1");
    assert_string_equal(move.owner, "d/ReplicaSet/web");
    assert_string_equal(move.from, "n1");
    assert_string_equal(move.gpu, "GPU-1");
    assert_string_equal(move.to, "n2");
    assert_int_equal(move.slice.memory_gb, 5);
    assert_int_equal(move.at_us, 1767323045678901ull);
    gs_buf_init(&out, GS_KUBEMOVE_BYTES_MAX);
    assert_int_equal(gs_kubemove_write(&move, &out, NULL), 0);
    assert_string_equal(gs_buf_text(&out), good);
    gs_buf_done(&out);
}

static void kubemove__what_is_no_note_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "expected a JSON object"},
        {"[]", "expected a JSON object"},
        {"{}", "pod: expected a text of 1 to 507 bytes"},
        {"{\"pod\":7}", "pod"},
        {"{\"pod\":\"v\"}", "expected namespace/name"},
        {"{\"pod\":\"d/../../x\"}", "expected namespace/name"},
        {"{\"pod\":\"d/v\",\"uid\":\"u\",\"owner\":\"o\",\"from\":\"a\",\"gpu\":\"g\",\"to\":\"b\","
         "\"slice\":\"big\",\"at\":\"2026-01-02T03:04:05Z\"}",
         "big"},
        {"{\"pod\":\"d/v\",\"uid\":\"u\",\"owner\":\"o\",\"from\":\"a\",\"gpu\":\"g\",\"to\":\"b\","
         "\"slice\":\"1g.5gb\"}",
         "at: expected a time"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gs_kubemove move = {.at_us = 7};
        struct gs_err err = {.msg = ""};
        assert_int_equal(gs_kubemove_parse(gs_view(rows[i].text), &move, &err), GS_INVALID);
        assert_non_null(strstr(err.msg, rows[i].why));
        assert_int_equal(move.at_us, 7);
    }
}

static void kubemove__a_long_note_is_not_read(void **state)
{
    static char text[GS_KUBEMOVE_BYTES_MAX + 2];
    struct gs_kubemove move;
    (void)state;
    memset(text, ' ', sizeof(text) - 1);
    assert_int_equal(gs_kubemove_parse(gs_view(text), &move, NULL), GS_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubemove__a_note_is_read_as_it_was_written),
        cmocka_unit_test(kubemove__what_is_no_note_is_refused),
        cmocka_unit_test(kubemove__a_long_note_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
