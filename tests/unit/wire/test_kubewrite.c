/* What is sent to the API server, and what it says when it says no. */
#include "unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "wire/kubeevent.h"
#include "wire/kubepatch.h"
#include "wire/kubestatus.h"

static void kubepatch__fields_are_set_and_taken_away(void **state)
{
    struct json_t *patch = NULL;
    struct gs_buf text;
    (void)state;
    gs_buf_init(&text, 1000);
    assert_int_equal(gs_kubepatch_write(NULL, &text, NULL), 0);
    assert_string_equal(gs_buf_text(&text), "{}");
    gs_buf_reset(&text);
    assert_int_equal(gs_kubepatch_set(&patch, "metadata", "labels", "b", "1", NULL), 0);
    assert_int_equal(gs_kubepatch_set(&patch, "metadata", "labels", "a.b/c", NULL, NULL), 0);
    assert_int_equal(gs_kubepatch_set(&patch, "metadata", "annotations", "x\"y", "\n\\", NULL), 0);
    assert_int_equal(gs_kubepatch_set(&patch, "status", "capacity", "gpu", "7", NULL), 0);
    assert_int_equal(gs_kubepatch_set(&patch, "status", "capacity", "gpu", "8", NULL), 0);
    assert_int_equal(gs_kubepatch_write(patch, &text, NULL), 0);
    assert_string_equal(gs_buf_text(&text),
                        "{\"metadata\":{\"annotations\":{\"x\\\"y\":\"\\n\\\\\"},"
                        "\"labels\":{\"a.b/c\":null,\"b\":\"1\"}},"
                        "\"status\":{\"capacity\":{\"gpu\":\"8\"}}}");
    assert_int_equal(gs_kubepatch_set(&patch, "metadata", "labels", "a", "\xff", NULL), GS_INVALID);
    assert_int_equal(gs_kubepatch_set(&patch, "metadata", "labels", "\xc3", "a", NULL), GS_INVALID);
    gs_kubepatch_drop(&patch);
    gs_buf_done(&text);
}

static void kubepatch__a_patch_beyond_the_buffer_is_a_limit(void **state)
{
    struct json_t *patch = NULL;
    struct gs_buf text;
    (void)state;
    gs_buf_init(&text, 20);
    assert_int_equal(gs_kubepatch_set(&patch, "metadata", "labels", "a", "b", NULL), 0);
    assert_int_not_equal(gs_kubepatch_write(patch, &text, NULL), 0);
    gs_kubepatch_drop(&patch);
    gs_buf_done(&text);
}

static void kubepatch__an_element_goes_only_if_it_is_the_one(void **state)
{
    struct gs_buf text;
    json_t *taint = json_pack("{s:s, s:s}", "key", "a", "effect", "NoSchedule");
    (void)state;
    gs_buf_init(&text, 1000);
    assert_int_equal(gs_kubepatch_remove("/spec/taints", 3, taint, &text, NULL), 0);
    assert_string_equal(gs_buf_text(&text),
                        "[{\"op\":\"test\",\"path\":\"/spec/taints/3\",\"value\":"
                        "{\"effect\":\"NoSchedule\",\"key\":\"a\"}},"
                        "{\"op\":\"remove\",\"path\":\"/spec/taints/3\"}]");
    json_decref(taint);
    gs_buf_done(&text);
}

static const struct gs_kubeevent event = {
    .name = "n.1",
    .node = "n",
    .node_uid = "",
    .controller = "gpuslice.dev/agent",
    .instance = "n",
    .reason = "Busy",
    .action = "Recut",
    .note = "it is \"busy\"",
    .warning = true,
    .count = 1,
    .first_us = 1795350896700001,
    .last_us = 1795350900000000,
};

static void kubeevent__a_whole_event_has_all_that_the_api_wants(void **state)
{
    struct gs_buf text;
    (void)state;
    gs_buf_init(&text, 4000);
    assert_int_equal(gs_kubeevent_write(&event, &text, NULL), 0);
    assert_string_equal(
        gs_buf_text(&text),
        "{\"action\":\"Recut\",\"apiVersion\":\"events.k8s.io/v1\","
        "\"eventTime\":\"2026-11-22T12:34:56.700001Z\",\"kind\":\"Event\","
        "\"metadata\":{\"name\":\"n.1\",\"namespace\":\"default\"},\"note\":\"it is \\\"busy\\\"\","
        "\"reason\":\"Busy\",\"regarding\":{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n\","
        "\"uid\":\"n\"},\"reportingController\":\"gpuslice.dev/agent\","
        "\"reportingInstance\":\"n\",\"type\":\"Warning\"}");
    gs_buf_done(&text);
}

static void kubeevent__seen_again_it_is_a_series(void **state)
{
    struct gs_buf text;
    struct gs_kubeevent again = event;
    (void)state;
    again.count = 12;
    again.node_uid = "u-1";
    gs_buf_init(&text, 4000);
    assert_int_equal(gs_kubeevent_write_series(&again, &text, NULL), 0);
    assert_string_equal(gs_buf_text(&text),
                        "{\"series\":{\"count\":12,"
                        "\"lastObservedTime\":\"2026-11-22T12:35:00.000000Z\"}}");
    gs_buf_reset(&text);
    assert_int_equal(gs_kubeevent_write(&again, &text, NULL), 0);
    assert_non_null(strstr(gs_buf_text(&text), "\"uid\":\"u-1\""));
    assert_non_null(strstr(gs_buf_text(&text), "\"series\":{\"count\":12,"));
    again.note = "\xff";
    assert_int_equal(gs_kubeevent_write(&again, &text, NULL), GS_INVALID);
    gs_buf_done(&text);
}

static void kubestatus__a_refusal_is_read_whatever_it_looks_like(void **state)
{
    static const struct {
        const char *body;
        unsigned code;
        uint32_t retry_s;
        const char *reason;
        const char *message;
    } cases[] = {
        {"{\"kind\":\"Status\",\"code\":429,\"reason\":\"TooManyRequests\",\"message\":\"slow "
         "down\",\"details\":{\"retryAfterSeconds\":3}}",
         429, 3, "TooManyRequests", "slow down"},
        {"", 0, 0, "", ""},
        {"null", 0, 0, "", "null"},
        {"404 page not found\n", 0, 0, "", "404 page not found"},
        {"<html>\x1b[31m\nno</html>", 0, 0, "", "<html>?[31m no</html>"},
        {"{\"code\":\"x\",\"message\":[],\"details\":7}", 0, 0, "",
         "{\"code\":\"x\",\"message\":[],\"details\":7}"},
        {"{\"code\":99999,\"message\":\"m\",\"details\":{\"retryAfterSeconds\":-5}}", 0, 0, "",
         "m"},
        {"{\"message\":\"m\",\"details\":{\"retryAfterSeconds\":99999999}}", 0, 3600, "", "m"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_kubestatus status;
        gs_kubestatus_read(gs_view(cases[i].body), &status);
        assert_int_equal(status.code, cases[i].code);
        assert_int_equal(status.retry_s, cases[i].retry_s);
        assert_string_equal(status.reason, cases[i].reason);
        assert_string_equal(status.message, cases[i].message);
    }
    struct gs_kubestatus status;
    static char flood[5000];
    memset(flood, 'a', sizeof(flood) - 1);
    gs_kubestatus_read(gs_view(flood), &status);
    assert_int_equal(strlen(status.message), sizeof(status.message) - 1);
}

static void kubestatus__statuses_have_codes(void **state)
{
    static const struct {
        unsigned status;
        int code;
        int sys_errno;
        bool passing;
    } cases[] = {
        {200, 0, 0, false},
        {201, 0, 0, false},
        {301, GS_IO, EPROTO, false},
        {400, GS_INVALID, 0, false},
        {401, GS_IO, EPERM, false},
        {403, GS_IO, EPERM, false},
        {404, GS_NOT_FOUND, 0, false},
        {409, GS_BUSY, 0, false},
        {410, GS_IO, ESTALE, false},
        {413, GS_LIMIT, 0, false},
        {415, GS_INVALID, 0, false},
        {422, GS_INVALID, 0, false},
        {429, GS_IO, EAGAIN, true},
        {500, GS_IO, EAGAIN, true},
        {501, GS_IO, EPROTO, false},
        {503, GS_IO, EAGAIN, true},
        {504, GS_IO, EAGAIN, true},
        {505, GS_IO, EPROTO, false},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        int e = -1;
        assert_int_equal(gs_kubestatus_code(cases[i].status, &e), cases[i].code);
        assert_int_equal(e, cases[i].sys_errno);
        assert_int_equal(gs_kubestatus_is_passing(cases[i].status), cases[i].passing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubepatch__fields_are_set_and_taken_away),
        cmocka_unit_test(kubepatch__a_patch_beyond_the_buffer_is_a_limit),
        cmocka_unit_test(kubepatch__an_element_goes_only_if_it_is_the_one),
        cmocka_unit_test(kubeevent__a_whole_event_has_all_that_the_api_wants),
        cmocka_unit_test(kubeevent__seen_again_it_is_a_series),
        cmocka_unit_test(kubestatus__a_refusal_is_read_whatever_it_looks_like),
        cmocka_unit_test(kubestatus__statuses_have_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
