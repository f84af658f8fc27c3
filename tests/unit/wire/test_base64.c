#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "wire/base64.h"

static void base64__texts_become_bytes(void **state)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYmFy", "foobar"},
        {" Zm\n9v\r\nYm Fy\n", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
        {"Z", NULL},
        {"Zg", NULL},
        {"Zg=", NULL},
        {"Zg===", NULL},
        {"Z===", NULL},
        {"====", NULL},
        {"Zg==Zg==", NULL},
        {"Zm9-", NULL},
        {"Zm9\"", NULL},
        {"Zm=v", NULL},
    };
    struct gs_arena arena;
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 16);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_view got = {.n = 99};
        struct gs_err err = {.msg = ""};
        int r = gs_base64_decode(gs_view(cases[i].text), &arena, &got, &err);
        if (r != (cases[i].bytes == NULL ? GS_INVALID : 0)) {
            print_message("\"%s\": %d %s\n", cases[i].text, r, err.msg);
            fail();
        }
        if (r == 0) {
            assert_int_equal(got.n, strlen(cases[i].bytes));
            assert_memory_equal(got.p, cases[i].bytes, got.n);
            assert_int_equal(got.p[got.n], 0);
        }
    }
    gs_arena_done(&arena);
}

static void base64__bytes_become_texts(void **state)
{
    static const struct {
        const char *bytes;
        const char *text;
    } cases[] = {
        {"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "+/+/"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 64);
        gs_base64_write(gs_view(cases[i].bytes), &out);
        assert_string_equal(gs_buf_text(&out), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64__texts_become_bytes),
        cmocka_unit_test(base64__bytes_become_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
