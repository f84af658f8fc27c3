/* The lines of the agent's log. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define AT_MS 1795347152123ull /* 2026-11-22T11:32:32.123Z */

static void log__is_keys_and_values(void **state)
{
    (void)state;
    char line[256];
    assert_true(gs_log_format(line, sizeof(line), false, AT_MS, GS_LOG_INFO, "GPU 0: done"));
    assert_string_equal(line, "time=2026-11-22T11:32:32.123Z level=info msg=\"GPU 0: done\"");
}

static void log__is_json_on_demand(void **state)
{
    (void)state;
    char line[256];
    assert_true(gs_log_format(line, sizeof(line), true, AT_MS, GS_LOG_WARNING, "a \"b\" \\"));
    assert_string_equal(line, "{\"time\":\"2026-11-22T11:32:32.123Z\",\"level\":\"warning\","
                              "\"msg\":\"a \\\"b\\\" \\\\\"}");
}

static void log__shows_control_characters_as_what_they_are(void **state)
{
    (void)state;
    char line[256];
    assert_true(gs_log_format(line, sizeof(line), false, AT_MS, GS_LOG_ERROR, "a\nb\x1b[2J\xff"));
    assert_string_equal(line, "time=2026-11-22T11:32:32.123Z level=error "
                              "msg=\"a\\u000ab\\u001b[2J?\"");
}

static void log__cuts_what_is_too_long(void **state)
{
    (void)state;
    char line[64];
    assert_false(gs_log_format(line, sizeof(line), false, AT_MS, GS_LOG_INFO,
                               "a text that does not fit into so short a line"));
    assert_int_equal(strlen(line), sizeof(line) - 1);
}

static void log__quotes_what_fits_and_ends_with_a_quote(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *expected;
    } cases[] = {
        {"", 16, "\"\""},
        {"GPU \"0\"", 64, "\"GPU \\\"0\\\"\""},
        {"a\xc3\xa4\xe2\x80\xae!", 64, "\"a\xc3\xa4\\u202e!\""},
        {"\xff\xc3", 64, "\"??\""},
        {"0123456789", 16, "\"0123456\""},
        {"\x1b\x1b\x1b", 16, "\"\\u001b\\u001b\""},
        {"\"\"\"\"\"\"", 16, "\"\\\"\\\"\\\"\\\"\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        gs_log_format_quoted(cases[i].text, text, cases[i].size);
        assert_string_equal(text, cases[i].expected);
        assert_true(strlen(text) < cases[i].size);
    }
}

/* As long as a message of gs_log can be. */
static void log__cuts_no_message_whose_quotes_are_escaped(void **state)
{
    (void)state;
    char msg[1024];
    char line[4096];
    memset(msg, '"', sizeof(msg) - 1);
    msg[sizeof(msg) - 1] = '\0';
    assert_true(gs_log_format(line, sizeof(line), false, AT_MS, GS_LOG_INFO, msg));
    const char *quoted = strstr(line, "msg=");
    assert_non_null(quoted);
    assert_int_equal(strlen(quoted), strlen("msg=\"\"") + 2 * (sizeof(msg) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log__is_keys_and_values),
        cmocka_unit_test(log__is_json_on_demand),
        cmocka_unit_test(log__shows_control_characters_as_what_they_are),
        cmocka_unit_test(log__cuts_what_is_too_long),
        cmocka_unit_test(log__quotes_what_fits_and_ends_with_a_quote),
        cmocka_unit_test(log__cuts_no_message_whose_quotes_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
