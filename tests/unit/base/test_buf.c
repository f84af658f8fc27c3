#include "unit/check.h"

#include <string.h>

#include "base/buf.h"

static void buf__is_an_empty_text_before_the_first_write(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 10);
    assert_true(gs_buf_ok(&buf));
    assert_string_equal(gs_buf_text(&buf), "");
    gs_buf_put(&buf, NULL, 0);
    assert_string_equal(gs_buf_text(&buf), "");
    gs_buf_done(&buf);
}

static void buf__puts_pieces_one_behind_the_other(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 1 << 16);
    gs_buf_puts(&buf, "layout ");
    gs_buf_put(&buf, "1g.5gb---", 6);
    gs_buf_printf(&buf, "@%u", 4u);
    assert_string_equal(gs_buf_text(&buf), "layout 1g.5gb@4");
    assert_int_equal(buf.len, 15);
    gs_buf_done(&buf);
}

static void buf__grows_by_small_and_by_large_pieces(void **state)
{
    (void)state;
    static char large[5000];
    memset(large, 'x', sizeof(large));
    struct gs_buf buf;
    gs_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < 1000; i++) {
        gs_buf_printf(&buf, "%03u", i);
    }
    gs_buf_put(&buf, large, sizeof(large));
    assert_true(gs_buf_ok(&buf));
    assert_int_equal(buf.len, 8000);
    assert_memory_equal(buf.text + 3 * 567, "567", 3);
    assert_int_equal(buf.text[8000], '\0');
    gs_buf_done(&buf);
}

static void buf__takes_exactly_its_bound_and_no_byte_more(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 8);
    gs_buf_puts(&buf, "12345678");
    assert_true(gs_buf_ok(&buf));
    gs_buf_puts(&buf, "9");
    assert_false(gs_buf_ok(&buf));
    assert_string_equal(gs_buf_text(&buf), "12345678");
    gs_buf_done(&buf);
}

static void buf__writes_nothing_after_a_failure(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 8);
    gs_buf_printf(&buf, "%s", "123456789");
    assert_false(gs_buf_ok(&buf));
    gs_buf_puts(&buf, "1");
    gs_buf_printf(&buf, "%d", 2);
    assert_string_equal(gs_buf_text(&buf), "");
    gs_buf_done(&buf);
}

static void buf__a_text_that_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 8);
    gs_buf_puts(&buf, "12345"); /* there is room for more than may be */
    gs_buf_printf(&buf, "%d", 6789);
    assert_false(gs_buf_ok(&buf));
    assert_string_equal(gs_buf_text(&buf), "12345");
    gs_buf_done(&buf);
    gs_buf_init(&buf, 1000);
    gs_buf_puts(&buf, "1");
    size_t room = buf.cap - 1;
    gs_buf_printf(&buf, "%*d", (int)room, 2); /* one byte more than there is room for */
    assert_int_equal(buf.len, room + 1);
    assert_memory_equal(buf.text + room - 1, " 2", 3);
    gs_buf_done(&buf);
}

static void buf__that_expects_a_length_grows_no_more_up_to_it(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 1000);
    gs_buf_puts(&buf, "12");
    gs_buf_expect(&buf, 900);
    const char *text = buf.text;
    size_t cap = buf.cap;
    while (buf.len < 900) {
        gs_buf_printf(&buf, "%d", 34);
    }
    assert_ptr_equal(buf.text, text);
    assert_int_equal(buf.cap, cap);
    gs_buf_expect(&buf, 10);   /* less than there is */
    gs_buf_expect(&buf, 2000); /* more than may be */
    assert_int_equal(buf.cap, cap);
    assert_true(gs_buf_ok(&buf));
    assert_memory_equal(buf.text, "1234", 4);
    gs_buf_done(&buf);
}

static void buf__can_be_used_again_after_a_reset(void **state)
{
    (void)state;
    struct gs_buf buf;
    gs_buf_init(&buf, 8);
    gs_buf_puts(&buf, "1234");
    gs_buf_puts(&buf, "56789");
    gs_buf_reset(&buf);
    assert_true(gs_buf_ok(&buf));
    assert_string_equal(gs_buf_text(&buf), "");
    gs_buf_puts(&buf, "new");
    assert_string_equal(gs_buf_text(&buf), "new");
    gs_buf_done(&buf);
    assert_string_equal(gs_buf_text(&buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf__is_an_empty_text_before_the_first_write),
        cmocka_unit_test(buf__puts_pieces_one_behind_the_other),
        cmocka_unit_test(buf__grows_by_small_and_by_large_pieces),
        cmocka_unit_test(buf__takes_exactly_its_bound_and_no_byte_more),
        cmocka_unit_test(buf__writes_nothing_after_a_failure),
        cmocka_unit_test(buf__a_text_that_does_not_fit_is_not_begun),
        cmocka_unit_test(buf__that_expects_a_length_grows_no_more_up_to_it),
        cmocka_unit_test(buf__can_be_used_again_after_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
