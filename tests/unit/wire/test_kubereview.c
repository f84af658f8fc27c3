#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubereview.h"

#define AUDIENCE "gpuslice-dashboard"
#define REVIEW(status) "{\"kind\":\"TokenReview\",\"status\":" status "}"
#define USER                                                                                       \
    "\"user\":{\"username\":\"eve\",\"uid\":\"1\",\"groups\":[\"g\"],\"extra\":{\"k\":[\"v\"]}}"

struct row {
    const char *answer;
    int result;
    bool good;
};

static void kubereview__a_token_is_good_for_its_audience_alone(void **state)
{
    static const struct row rows[] = {
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE "\"]," USER "}"), 0, true},
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"other\"]," USER "}"), 0, false},
        {REVIEW("{\"authenticated\":true," USER "}"), 0, false},
        {REVIEW("{\"authenticated\":true,\"audiences\":\"" AUDIENCE "\"," USER "}"), 0, false},
        {REVIEW("{\"authenticated\":false,\"audiences\":[\"" AUDIENCE "\"]," USER "}"), 0, false},
        {REVIEW("{}"), 0, false},
        {REVIEW("{\"error\":\"no\"}"), 0, false},
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE "\"]}"), GS_INVALID, false},
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE "\"],\"user\":{}}"),
         GS_INVALID, false},
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE
                "\"],\"user\":{\"username\":\"\"}}"),
         GS_INVALID, false},
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE
                "\"],\"user\":{\"username\":\"e\",\"groups\":[1]}}"),
         GS_INVALID, false},
        {REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE
                "\"],\"user\":{\"username\":\"e\",\"extra\":{\"k\":\"v\"}}}"),
         GS_INVALID, false},
        {REVIEW("{\"authenticated\":1}"), GS_INVALID, false},
        {"{\"kind\":\"TokenReview\"}", GS_INVALID, false},
        {"{\"kind\":\"Status\",\"status\":{}}", GS_INVALID, false},
        {"[]", GS_INVALID, false},
        {"", GS_INVALID, false},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        struct gs_err err = {.msg = ""};
        char *user = NULL;
        bool good = false;
        int r = gs_kubereview_read_token(gs_view(rows[i].answer), AUDIENCE, &good, &user, &err);
        if (r != rows[i].result || good != rows[i].good || good != (user != NULL)) {
            fail_msg("%s: %d %d %s", rows[i].answer, r, good, err.msg);
        }
        free(user);
    }
}

/* Who the token belongs to is asked about with all that is known of them. */
static void kubereview__a_user_goes_into_an_access_review_whole(void **state)
{
    static const struct gs_kubereview_access access = {
        .verb = "list", .group = "", .resource = "pods", .name_space = "a"};
    struct gs_buf out;
    char *user = NULL;
    bool good = false;
    (void)state;
    gs_buf_init(&out, 4096);
    assert_int_equal(
        gs_kubereview_read_token(
            gs_view(REVIEW("{\"authenticated\":true,\"audiences\":[\"" AUDIENCE "\"]," USER "}")),
            AUDIENCE, &good, &user, NULL),
        0);
    assert_int_equal(gs_kubereview_write_access(user, &access, &out, NULL), 0);
    json_t *found = json_loadb(out.text, out.len, 0, NULL);
    json_t *wanted =
        json_loads("{\"user\":\"eve\",\"uid\":\"1\",\"groups\":[\"g\"],\"extra\":{\"k\":[\"v\"]},"
                   "\"resourceAttributes\":{\"verb\":\"list\",\"group\":\"\",\"resource\":\"pods\","
                   "\"namespace\":\"a\"}}",
                   0, NULL);
    assert_true(json_equal(json_object_get(found, "spec"), wanted));
    json_decref(found);
    json_decref(wanted);
    free(user);
    gs_buf_done(&out);
}

static void kubereview__a_denial_wins(void **state)
{
    static const struct row rows[] = {
        {"{\"kind\":\"SubjectAccessReview\",\"status\":{\"allowed\":true}}", 0, true},
        {"{\"kind\":\"SubjectAccessReview\",\"status\":{\"allowed\":false}}", 0, false},
        {"{\"kind\":\"SubjectAccessReview\",\"status\":{\"allowed\":true,\"denied\":true}}", 0,
         false},
        {"{\"kind\":\"SubjectAccessReview\",\"status\":{}}", 0, false},
        {"{\"kind\":\"SubjectAccessReview\",\"status\":{\"allowed\":\"yes\"}}", GS_INVALID, false},
        {"{\"kind\":\"SubjectAccessReview\"}", GS_INVALID, false},
        {"{\"kind\":\"TokenReview\",\"status\":{\"allowed\":true}}", GS_INVALID, false},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        bool allowed = false;
        assert_int_equal(gs_kubereview_read_access(gs_view(rows[i].answer), &allowed, NULL),
                         rows[i].result);
        assert_int_equal(allowed, rows[i].good);
    }
}

static void kubereview__a_token_is_written_as_text(void **state)
{
    struct gs_buf out;
    (void)state;
    gs_buf_init(&out, 4096);
    assert_int_equal(gs_kubereview_write_token("a\",\"x\":\"", AUDIENCE, &out, NULL), 0);
    json_t *found = json_loadb(out.text, out.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(found, "spec"), "token")),
                        "a\",\"x\":\"");
    json_decref(found);
    gs_buf_reset(&out);
    assert_int_equal(gs_kubereview_write_token("\xff", AUDIENCE, &out, NULL), GS_INVALID);
    gs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubereview__a_token_is_good_for_its_audience_alone),
        cmocka_unit_test(kubereview__a_user_goes_into_an_access_review_whole),
        cmocka_unit_test(kubereview__a_denial_wins),
        cmocka_unit_test(kubereview__a_token_is_written_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
