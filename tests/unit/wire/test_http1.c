/* Answers of HTTP/1 servers, and addresses. */
#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/http1.h"
#include "wire/url.h"

/* What was told, in a line: "200 keep text/plain;body;end rest=3". */
static int read_answer(const char *text, size_t n, size_t piece, bool no_body, char *told,
                       size_t size, struct gs_err *err)
{
    struct gs_http1 *reader = malloc(sizeof(*reader));
    struct gs_buf body;
    int r = 0;
    bool ended = false;
    size_t rest = 0;
    assert_non_null(reader);
    gs_buf_init(&body, 1 << 20);
    gs_http1_begin(reader, no_body);
    told[0] = '\0';
    for (size_t i = 0; r == 0 && !ended && i < n; i += piece) {
        struct gs_view in = {.p = text + i, .n = n - i < piece ? n - i : piece};
        enum gs_http1_event event = GS_HTTP1_HEAD;
        while (r == 0 && !ended && event != GS_HTTP1_MORE) {
            struct gs_view bytes = {.n = 0};
            r = gs_http1_next(reader, &in, &event, &bytes, err);
            if (r == 0 && event == GS_HTTP1_HEAD) {
                snprintf(told, size, "%u %s%s%s;", reader->head.status,
                         reader->head.keep_alive ? "keep " : "close ", reader->head.type,
                         reader->head.retry_s > 0 ? " retry" : "");
            }
            gs_buf_put(&body, bytes.p == NULL ? "" : bytes.p, bytes.n);
            ended = event == GS_HTTP1_END;
        }
        rest = in.n + (n - i < piece ? 0 : n - i - piece);
    }
    if (r == 0 && !ended) {
        r = gs_http1_eof(reader, err);
        ended = r == 0;
        rest = 0;
    }
    size_t at = strlen(told);
    snprintf(told + at, size - at, "%s;%s", gs_buf_text(&body), ended ? "end" : "");
    at = strlen(told);
    if (rest > 0) {
        snprintf(told + at, size - at, " rest=%zu", rest);
    }
    gs_buf_done(&body);
    free(reader);
    return r;
}

#define OK "HTTP/1.1 200 OK\r\n"

static void http1__answers_are_read_in_pieces_of_any_size(void **state)
{
    static const struct {
        const char *text;
        const char *told;
    } cases[] = {
        {OK "Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
         "200 keep text/plain;hello;end"},
        {OK "content-length:5\r\n\r\nhelloxyz", "200 keep ;hello;end rest=3"},
        {OK "Content-Length: 0\r\n\r\n", "200 keep ;;end"},
        {"HTTP/1.1 204\r\n\r\n", "204 keep ;;end"},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "304 keep ;;end"},
        {OK "Connection: close\r\n\r\nall of it", "200 close ;all of it;end"},
        {OK "Content-Length: 2\r\nConnection: upgrade, Close\r\n\r\nhi", "200 close ;hi;end"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 close ;hi;end"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
         "200 keep ;hi;end"},
        {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200 keep ;hello;end"},
        {OK "Transfer-Encoding: Chunked\r\n\r\n"
            "3;ext=\"x\"\r\nhel\r\n00A\r\nlo you two\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
         "200 keep ;hello you two;end"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: "
         "9\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi",
         "200 keep ;hi;end"},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
         "429 keep  retry;;end"},
        {"HTTP/1.1 503 x\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
         "503 keep ;;end"},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "200 keep ;hi;end"},
        {OK "X: a\tb \xc3\xa4\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
         "200 keep ;hi;end"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].text);
        for (size_t piece = 1; piece <= n; piece++) {
            char told[300];
            struct gs_err err = {.msg = ""};
            int r = read_answer(cases[i].text, n, piece, false, told, sizeof(told), &err);
            if (r != 0 || strcmp(told, cases[i].told) != 0) {
                print_message("case %zu in pieces of %zu: %d %s; %s\n", i, piece, r, err.msg, told);
                fail();
            }
        }
    }
}

static void http1__an_answer_to_head_has_no_body(void **state)
{
    char told[100];
    (void)state;
    static const char text[] = OK "Content-Length: 5\r\n\r\n";
    assert_int_equal(read_answer(text, strlen(text), 3, true, told, sizeof(told), NULL), 0);
    assert_string_equal(told, "200 keep ;;end");
}

static void http1__what_is_no_answer_is_refused(void **state)
{
    static const struct {
        const char *text;
        int result;
    } cases[] = {
        {"", GS_IO},
        {OK, GS_IO},
        {OK "Content-Length: 5\r\n\r\nhell", GS_IO},
        {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", GS_IO},
        {"220 mail.example.com ESMTP\r\n", GS_INVALID},
        {"HTTP/2 200\r\n\r\n", GS_INVALID},
        {"HTTP/1.1 20\r\n\r\n", GS_INVALID},
        {"HTTP/1.1 2000\r\n\r\n", GS_INVALID},
        {"HTTP/1.1 099\r\n\r\n", GS_INVALID},
        {"HTTP/1.1 600\r\n\r\n", GS_INVALID},
        {"HTTP/1.1 101 Switching\r\n\r\n", GS_INVALID},
        {OK " folded\r\n\r\n", GS_INVALID},
        {OK "no colon\r\n\r\n", GS_INVALID},
        {OK ": empty\r\n\r\n", GS_INVALID},
        {OK "a b: c\r\n\r\n", GS_INVALID},
        {OK "a : c\r\n\r\n", GS_INVALID},
        {OK "a: \x01\r\n\r\n", GS_INVALID},
        {OK "Content-Length: -1\r\n\r\n", GS_INVALID},
        {OK "Content-Length: 5, 5\r\n\r\n", GS_INVALID},
        {OK "Content-Length: 99999999999999999999\r\n\r\n", GS_INVALID},
        {OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", GS_INVALID},
        {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", GS_INVALID},
        {OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", GS_INVALID},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\n\r\n-5\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\n\r\n5 5\r\nhello\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\n\r\n1234567890123456\r\n", GS_INVALID},
        {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", GS_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].text);
        for (size_t piece = 1; piece <= n + 1; piece += 3) {
            char told[300];
            struct gs_err err = {.msg = ""};
            int r = read_answer(cases[i].text, n, piece, false, told, sizeof(told), &err);
            if (r != cases[i].result || err.msg[0] == '\0') {
                print_message("case %zu: %d %s %s\n", i, r, err.msg, told);
                fail();
            }
            assert_true(r != GS_IO || err.sys_errno == ECONNRESET);
        }
    }
}

static void http1__headers_have_bounds(void **state)
{
    struct gs_buf flood;
    char told[300];
    (void)state;
    gs_buf_init(&flood, 1 << 20);
    gs_buf_puts(&flood, OK "X: ");
    for (unsigned i = 0; i < GS_HTTP1_LINE_MAX; i++) {
        gs_buf_puts(&flood, "y");
    }
    assert_int_equal(read_answer(flood.text, flood.len, 100, false, told, sizeof(told), NULL),
                     GS_LIMIT);
    gs_buf_reset(&flood);
    gs_buf_puts(&flood, OK);
    for (unsigned i = 0; i < 10000; i++) {
        gs_buf_puts(&flood, "X: yyyyyy\r\n");
    }
    assert_int_equal(read_answer(flood.text, flood.len, 999, false, told, sizeof(told), NULL),
                     GS_LIMIT);
    gs_buf_reset(&flood);
    for (unsigned i = 0; i < 5000; i++) {
        gs_buf_puts(&flood, "HTTP/1.1 102 Processing\r\n\r\n");
    }
    assert_int_equal(read_answer(flood.text, flood.len, 999, false, told, sizeof(told), NULL),
                     GS_LIMIT);
    gs_buf_reset(&flood);
    gs_buf_puts(&flood, OK "Transfer-Encoding: chunked\r\n\r\n"); /* many chunks are fine */
    for (unsigned i = 0; i < 20000; i++) {
        gs_buf_puts(&flood, "1\r\ny\r\n");
    }
    gs_buf_puts(&flood, "0\r\n\r\n");
    assert_int_equal(read_answer(flood.text, flood.len, 999, false, told, sizeof(told), NULL), 0);
    gs_buf_done(&flood);
}

/* ---- addresses ---- */

static void url__addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        unsigned port;
        const char *target;
    } cases[] = {
        {"http://a", "a", 80, ""},
        {"https://a", "a", 443, ""},
        {"https://a.b-c_d:6443/x/y?z=%20#f", "a.b-c_d", 6443, "/x/y?z=%20"},
        {"http://10.0.0.1:1/", "10.0.0.1", 1, "/"},
        {"https://[::1]:6443/a", "::1", 6443, "/a"},
        {"https://[fe80::1%eth0]", "fe80::1%eth0", 443, ""},
        {"http://a?b", "a", 80, "?b"},
        {"http://a#b", "a", 80, ""},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_url url;
        char text[100];
        assert_int_equal(gs_url_parse(cases[i].text, &url, NULL), 0);
        snprintf(text, sizeof(text), "%.*s", GS_VIEW_ARGS(url.host));
        assert_string_equal(text, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        snprintf(text, sizeof(text), "%.*s", GS_VIEW_ARGS(url.target));
        assert_string_equal(text, cases[i].target);
        assert_int_equal(url.https, cases[i].text[4] == 's');
        assert_int_equal(url.v6, strchr(cases[i].text, '[') != NULL);
    }
}

static void url__what_is_no_address_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "a",
        "ftp://a",
        "http:/a",
        "http://",
        "http:///x",
        "http://:80",
        "http://a:0",
        "http://a:65536",
        "http://a:x",
        "http://a:",
        "http://u@a",
        "http://a b",
        "http://a/b c",
        "http://a/\n",
        "http://\xc3\xa4",
        "http://[::1",
        "http://[::1]x",
        "http://[]",
        "http://a:1:2",
        "HTTP://a",
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_url url;
        struct gs_err err = {.msg = ""};
        if (gs_url_parse(cases[i], &url, &err) != GS_INVALID) {
            print_message("\"%s\"\n", cases[i]);
            fail();
        }
        assert_non_null(strstr(err.msg, "expected http://HOST"));
        assert_null(strchr(err.msg, '\n'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http1__answers_are_read_in_pieces_of_any_size),
        cmocka_unit_test(http1__an_answer_to_head_has_no_body),
        cmocka_unit_test(http1__what_is_no_answer_is_refused),
        cmocka_unit_test(http1__headers_have_bounds),
        cmocka_unit_test(url__addresses_are_taken_apart),
        cmocka_unit_test(url__what_is_no_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
