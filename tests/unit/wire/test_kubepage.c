/* Lists of the API server in pages, in pieces of any size. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubejson.h"
#include "wire/kubelist.h"

static int take(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct json_t *metadata = NULL;
    const char *name = NULL;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_text(metadata, "name", &name, err) : r;
    gs_buf_printf(ctx, "%s ", name == NULL ? "?" : name);
    return r;
}

static int read_page(const char *text, size_t piece, bool pages, struct gs_buf *names,
                     struct gs_kubelist_page *page, struct gs_err *err)
{
    const struct gs_kubelist_options options = {.label = "/api", .kind = "Pod", .pages = pages};
    const struct gs_kubelist_sink sink = {.take = take, .ctx = names};
    size_t n = strlen(text);
    int r = 0;
    struct gs_kubelist *list = gs_kubelist_new(&options, sink);
    assert_non_null(list);
    gs_buf_reset(names);
    for (size_t i = 0; r == 0 && i < n; i += piece) {
        r = gs_kubelist_feed(list, text + i, n - i < piece ? n - i : piece, err);
    }
    r = r == 0 ? gs_kubelist_end(list, page, err) : r;
    gs_kubelist_free(list);
    return r;
}

#define PAGE(meta)                                                                                 \
    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":" meta                               \
    ",\"items\":[{\"metadata\":{\"name\":\"a\"}},\n {\"metadata\":{\"name\":\"b\"}}]}\n"

static void kubepage__a_page_says_where_it_goes_on(void **state)
{
    static const char text[] =
        PAGE("{\"resourceVersion\":\"77\",\"continue\":\"eyJ2+/=\",\"remainingItemCount\":3}");
    struct gs_buf names;
    (void)state;
    gs_buf_init(&names, 1000);
    for (size_t piece = 1; piece <= sizeof(text); piece += piece < 30 ? 1 : 29) {
        struct gs_kubelist_page page = {.count = 0};
        struct gs_err err = {.msg = ""};
        assert_int_equal(read_page(text, piece, true, &names, &page, &err), 0);
        assert_string_equal(gs_buf_text(&names), "a b ");
        assert_int_equal(page.count, 2);
        assert_string_equal(page.resource_version, "77");
        assert_string_equal(page.next, "eyJ2+/=");
        assert_int_equal(read_page(text, piece, false, &names, &page, &err), GS_INVALID);
        assert_non_null(strstr(err.msg, "one page of several"));
    }
    gs_buf_done(&names);
}

static void kubepage__the_last_page_has_no_next(void **state)
{
    struct gs_kubelist_page page;
    struct gs_buf names;
    (void)state;
    gs_buf_init(&names, 1000);
    assert_int_equal(read_page(PAGE("{\"resourceVersion\":\"8\"}"), 10, true, &names, &page, NULL),
                     0);
    assert_string_equal(page.next, "");
    assert_int_equal(read_page(PAGE("{}"), 10, true, &names, &page, NULL), 0);
    assert_string_equal(page.resource_version, "");
    gs_buf_done(&names);
}

static void kubepage__what_is_no_page_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "{\"kind\":\"NodeList\",\"metadata\":{},\"items\":[]}",
        PAGE("{\"resourceVersion\":\"1\\u0007\"}"),
        PAGE("{\"resourceVersion\":\"12345678901234567890123456789012345678901234567890"
             "123456789012345\"}"),
        "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"a\"}}",
        "{\"kind\":\"Status\",\"code\":500}",
        "404 page not found",
    };
    struct gs_buf names;
    (void)state;
    gs_buf_init(&names, 1000);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_kubelist_page page;
        struct gs_err err = {.msg = ""};
        assert_int_equal(read_page(cases[i], 7, true, &names, &page, &err), GS_INVALID);
        assert_true(err.msg[0] != '\0');
    }
    gs_buf_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubepage__a_page_says_where_it_goes_on),
        cmocka_unit_test(kubepage__the_last_page_has_no_next),
        cmocka_unit_test(kubepage__what_is_no_page_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
