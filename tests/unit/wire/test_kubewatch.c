#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubewatch.h"

struct told {
    struct gs_buf text;
    int refuse_at; /* the nth event; 0: none */
    int n;
};

static int take(void *ctx, const struct gs_kubewatch_event *event, struct gs_err *err)
{
    static const char *const types[] = {"added", "modified", "deleted", "bookmark", "error"};
    struct told *told = ctx;
    if (++told->n == told->refuse_at) {
        return gs_fail(err, GS_BUSY, "enough");
    }
    gs_buf_printf(&told->text, "%s", types[event->type]);
    if (event->type == GS_KUBEWATCH_ERROR) {
        gs_buf_printf(&told->text, " %u %s %s;", event->status.code, event->status.reason,
                      event->status.message);
        return 0;
    }
    assert_true((event->object == NULL) == (event->type == GS_KUBEWATCH_BOOKMARK));
    gs_buf_printf(&told->text, " %s;", event->resource_version);
    return 0;
}

/* Feeds `text` in pieces of `piece` bytes. */
static int feed(const char *text, size_t piece, struct told *told, struct gs_err *err)
{
    int r = 0;
    size_t n = strlen(text);
    told->n = 0;
    gs_buf_init(&told->text, 1 << 16);
    struct gs_kubewatch *watch =
        gs_kubewatch_new((struct gs_kubewatch_sink){.take = take, .ctx = told});
    assert_non_null(watch);
    for (size_t i = 0; r == 0 && i < n; i += piece) {
        r = gs_kubewatch_feed(watch, text + i, n - i < piece ? n - i : piece, err);
    }
    gs_kubewatch_free(watch);
    return r;
}

#define OBJECT(version) "{\"kind\":\"Node\",\"metadata\":{\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, version) "{\"type\":\"" type "\",\"object\":" OBJECT(version) "}\n"

static void kubewatch__events_come_line_by_line_in_pieces_of_any_size(void **state)
{
    static const char text[] =
        EVENT("ADDED", "1") "\n" EVENT("MODIFIED", "2") " \t\r\n" EVENT("DELETED", "3") EVENT(
            "BOOKMARK",
            "12345678901234567890") "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\","
                                    "\"message\":\"too old\"}}\n";
    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece += piece < 40 ? 1 : 37) {
        struct told told = {.n = 0};
        assert_int_equal(feed(text, piece, &told, NULL), 0);
        assert_string_equal(gs_buf_text(&told.text),
                            "added 1;modified 2;deleted 3;bookmark 12345678901234567890;"
                            "error 410 Expired too old;");
        gs_buf_done(&told.text);
    }
}

static void kubewatch__a_line_without_its_end_is_not_an_event_yet(void **state)
{
    struct told told = {.n = 0};
    (void)state;
    assert_int_equal(feed("{\"type\":\"ADDED\",\"object\":" OBJECT("1") "}", 7, &told, NULL), 0);
    assert_int_equal(told.n, 0);
    gs_buf_done(&told.text);
}

static void kubewatch__lines_that_are_no_events_are_refused(void **state)
{
    static const char *const cases[] = {
        "garbage\n",
        "[]\n",
        "{}\n",
        "\"ADDED\"\n",
        "{\"type\":\"ADDED\"}\n",
        "{\"type\":\"ADDED\",\"object\":null}\n",
        "{\"type\":\"ADDED\",\"object\":[]}\n",
        "{\"type\":\"added\",\"object\":" OBJECT("1") "}\n",
        "{\"type\":1,\"object\":" OBJECT("1") "}\n",
        "{\"object\":" OBJECT("1") "}\n",
        "{\"type\":\"ADDED\",\"object\":{}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"\"}}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":1}}}\n",
        (EVENT("ADDED", "1") "{\"type\":\n"),
        "{\"type\":\"BOOKMARK\",\"object\":{}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":"
        "\"12345678901234567890123456789012345678901234567890123456789012345\"}}}\n",
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct told told = {.n = 0};
        struct gs_err err = {.msg = ""};
        int r = feed(cases[i], 5, &told, &err);
        if (r != GS_INVALID || strncmp(err.msg, "the watch: ", 11) != 0) {
            print_message("case %zu: %d %s\n", i, r, err.msg);
            fail();
        }
        gs_buf_done(&told.text);
    }
}

static void kubewatch__an_error_may_say_nothing_of_itself(void **state)
{
    struct told told = {.n = 0};
    (void)state;
    assert_int_equal(
        feed("{\"type\":\"ERROR\",\"object\":{\"code\":\"x\",\"message\":7}}\n", 100, &told, NULL),
        0);
    assert_string_equal(gs_buf_text(&told.text), "error 0  ;");
    gs_buf_done(&told.text);
}

static void kubewatch__the_sink_may_end_it(void **state)
{
    struct told told = {.refuse_at = 2};
    struct gs_err err;
    (void)state;
    assert_int_equal(
        feed(EVENT("ADDED", "1") EVENT("ADDED", "2") EVENT("ADDED", "3"), 1000, &told, &err),
        GS_BUSY);
    assert_string_equal(gs_buf_text(&told.text), "added 1;");
    gs_buf_done(&told.text);
}

/* As the API server sends it, where somebody has written it. */
static void kubewatch__a_text_with_nul_ends_nothing(void **state)
{
    static const char text[] =
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":"
        "\"1\",\"annotations\":{\"a\":\"x\\u0000y\"}}}}\n" EVENT("ADDED", "2");
    struct told told = {.n = 0};
    (void)state;
    assert_int_equal(feed(text, 7, &told, NULL), 0);
    assert_string_equal(gs_buf_text(&told.text), "added 1;added 2;");
    gs_buf_done(&told.text);
}

static void kubewatch__a_line_has_a_bound(void **state)
{
    enum { PIECE = 1 << 20 };
    static char blank[PIECE];
    struct told told = {.n = 0};
    struct gs_err err = {.msg = ""};
    int r = 0;
    (void)state;
    memset(blank, 'x', sizeof(blank));
    struct gs_kubewatch *watch =
        gs_kubewatch_new((struct gs_kubewatch_sink){.take = take, .ctx = &told});
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(gs_kubewatch_feed(watch, blank, PIECE, NULL), 0);
    }
    r = gs_kubewatch_feed(watch, blank, 1, &err);
    assert_int_equal(r, GS_LIMIT);
    gs_kubewatch_reset(watch); /* a new stream: as if nothing had been */
    gs_buf_init(&told.text, 1 << 10);
    assert_int_equal(
        gs_kubewatch_feed(watch, EVENT("ADDED", "1"), strlen(EVENT("ADDED", "1")), NULL), 0);
    assert_string_equal(gs_buf_text(&told.text), "added 1;");
    gs_buf_done(&told.text);
    gs_kubewatch_free(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubewatch__events_come_line_by_line_in_pieces_of_any_size),
        cmocka_unit_test(kubewatch__a_line_without_its_end_is_not_an_event_yet),
        cmocka_unit_test(kubewatch__lines_that_are_no_events_are_refused),
        cmocka_unit_test(kubewatch__an_error_may_say_nothing_of_itself),
        cmocka_unit_test(kubewatch__the_sink_may_end_it),
        cmocka_unit_test(kubewatch__a_text_with_nul_ends_nothing),
        cmocka_unit_test(kubewatch__a_line_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
