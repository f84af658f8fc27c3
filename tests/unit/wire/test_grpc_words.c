/* Status, timeouts and frames: the small parts of gRPC. */
#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "wire/grpc_frame.h"
#include "wire/grpc_status.h"

static void grpc__every_status_has_its_name_and_code(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *name;
        enum gs_code code;
    } cases[] = {
        {0, "OK", GS_OK},
        {3, "INVALID_ARGUMENT", GS_INVALID},
        {4, "DEADLINE_EXCEEDED", GS_LIMIT},
        {5, "NOT_FOUND", GS_NOT_FOUND},
        {8, "RESOURCE_EXHAUSTED", GS_LIMIT},
        {12, "UNIMPLEMENTED", GS_UNSUPPORTED},
        {14, "UNAVAILABLE", GS_IO},
        {16, "UNAUTHENTICATED", GS_IO},
        {17, "UNKNOWN", GS_IO},
        {4000000000u, "UNKNOWN", GS_IO},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        enum gs_grpc_status status = (enum gs_grpc_status)cases[i].number;
        assert_string_equal(gs_grpc_status_name(status), cases[i].name);
        assert_int_equal(gs_grpc_status_code(status), cases[i].code);
    }
}

static void grpc__every_code_has_a_status(void **state)
{
    (void)state;
    for (int code = GS_UNSUPPORTED; code < GS_OK; code++) {
        assert_int_not_equal(gs_grpc_status_of(code), GS_GRPC_OK);
    }
    assert_int_equal(gs_grpc_status_of(0), GS_GRPC_OK);
    assert_int_equal(gs_grpc_status_of(-999), GS_GRPC_UNKNOWN);
}

static void grpc__texts_are_encoded_and_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *plain;
        const char *encoded;
    } cases[] = {
        {"", ""},
        {"no device 3", "no device 3"},
        {"100% \xc3\xbc", "100%25 %C3%BC"},
        {"~ !", "~ !"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char back[GS_GRPC_STATUS_TEXT_MAX];
        struct gs_buf out;
        gs_buf_init(&out, 100);
        gs_grpc_text_encode(cases[i].plain, &out);
        assert_string_equal(gs_buf_text(&out), cases[i].encoded);
        gs_grpc_text_decode(gs_view(gs_buf_text(&out)), back);
        assert_string_equal(back, cases[i].plain);
        gs_buf_done(&out);
    }
}

static void grpc__a_text_from_outside_is_cut_and_cannot_disturb(void **state)
{
    (void)state;
    char text[GS_GRPC_STATUS_TEXT_MAX];
    char many[3000];
    gs_grpc_text_decode(gs_view("%zz % %0 %00 %1b[2J %0A \x7f"), text);
    assert_string_equal(text, "%zz % %0 ? ?[2J ? ?");
    memset(many, 'x', sizeof(many));
    gs_grpc_text_decode((struct gs_view){many, sizeof(many)}, text);
    assert_int_equal(strlen(text), GS_GRPC_STATUS_TEXT_MAX - 1);
}

static void grpc__timeouts_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {{"1H", 3600000000}, {"2M", 120000000}, {"99999999S", 99999999000000},
                {"100m", 100000},   {"7u", 7},         {"1n", 1},
                {"1001n", 2},       {"0S", 0}};
    static const char *const bad[] = {"",    "1",   "S",    "1s",   "-1S",       "100000000S",
                                      "1SS", "1 S", "0x1S", "1.5S", "000000001S"};
    uint64_t us = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(good); i++) {
        assert_true(gs_grpc_timeout_parse(gs_view(good[i].text), &us));
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        if (gs_grpc_timeout_parse(gs_view(bad[i]), &us)) {
            fail_msg("%s was read as %llu us", bad[i], (unsigned long long)us);
        }
    }
}

static void grpc__timeouts_are_written_so_that_they_fit(void **state)
{
    (void)state;
    static const struct {
        uint64_t us;
        const char *text;
    } cases[] = {{0, "0u"},
                 {99999999, "99999999u"},
                 {100000000, "100000m"},
                 {UINT64_C(100000000000), "100000S"},
                 {UINT64_MAX, "99999999S"}};
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char text[GS_GRPC_TIMEOUT_TEXT_MAX];
        uint64_t back = 0;
        gs_grpc_timeout_format(cases[i].us, text);
        assert_string_equal(text, cases[i].text);
        assert_true(gs_grpc_timeout_parse(gs_view(text), &back));
    }
}

static void grpc__messages_come_together_from_pieces_of_any_size(void **state)
{
    (void)state;
    static const char bytes[] = "\0\0\0\0\x03one\0\0\0\0\0\0\0\0\0\x05three";
    static const char *const expected[] = {"one", "", "three"};
    for (size_t piece = 1; piece < sizeof(bytes); piece++) {
        struct gs_grpc_inflow inflow;
        unsigned n = 0;
        gs_grpc_inflow_init(&inflow, 5);
        for (size_t at = 0; at < sizeof(bytes) - 1; at += piece) {
            size_t rest = sizeof(bytes) - 1 - at;
            struct gs_view view = {bytes + at, rest < piece ? rest : piece};
            while (view.n > 0) {
                int r = gs_grpc_inflow_put(&inflow, &view, NULL);
                assert_true(r >= 0);
                if (r == 1) {
                    struct gs_view message = gs_grpc_inflow_message(&inflow);
                    assert_true(n < GS_ARRAY_LEN(expected) && gs_view_eq(message, expected[n]));
                    n++;
                    gs_grpc_inflow_next(&inflow);
                }
            }
        }
        assert_int_equal(n, 3);
        assert_false(gs_grpc_inflow_is_amid(&inflow));
        gs_grpc_inflow_done(&inflow);
    }
}

static void grpc__bad_prefixes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        int code;
        const char *says;
    } bad[] = {
        {"\1\0\0\0\1", GS_UNSUPPORTED, "found a compressed message; expected identity"},
        {"\2\0\0\0\1", GS_INVALID, "found a message with flags 0x02; expected 0"},
        {"\0\0\0\0\6", GS_LIMIT, "found a message of 6 bytes; expected 5 at most"},
        {"\0\xff\xff\xff\xff", GS_LIMIT, "found a message of 4294967295 bytes; expected 5 at most"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_grpc_inflow inflow;
        struct gs_view view = {bad[i].prefix, GS_GRPC_PREFIX};
        struct gs_err err = {0};
        gs_grpc_inflow_init(&inflow, 5);
        assert_int_equal(gs_grpc_inflow_put(&inflow, &view, &err), bad[i].code);
        assert_string_equal(err.msg, bad[i].says);
        gs_grpc_inflow_done(&inflow);
    }
}

static void grpc__a_promised_length_takes_no_memory(void **state)
{
    (void)state;
    struct gs_grpc_inflow inflow;
    struct gs_view view = {"\0\0\x3f\xff\xff"
                           "ab",
                           7};
    gs_grpc_inflow_init(&inflow, GS_GRPC_MESSAGE_MAX);
    assert_int_equal(gs_grpc_inflow_put(&inflow, &view, NULL), 0);
    assert_true(inflow.body.cap < 1024);
    assert_true(gs_grpc_inflow_is_amid(&inflow));
    gs_grpc_inflow_done(&inflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grpc__every_status_has_its_name_and_code),
        cmocka_unit_test(grpc__every_code_has_a_status),
        cmocka_unit_test(grpc__texts_are_encoded_and_decoded),
        cmocka_unit_test(grpc__a_text_from_outside_is_cut_and_cannot_disturb),
        cmocka_unit_test(grpc__timeouts_are_read),
        cmocka_unit_test(grpc__timeouts_are_written_so_that_they_fit),
        cmocka_unit_test(grpc__messages_come_together_from_pieces_of_any_size),
        cmocka_unit_test(grpc__bad_prefixes_are_refused),
        cmocka_unit_test(grpc__a_promised_length_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
