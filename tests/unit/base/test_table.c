#include "unit/check.h"

#include <locale.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"

static const struct gs_column two[] = {{.title = "NAME"}, {.title = "COUNT", .right = true}};

/* Prints a table of `columns` with these cells (ended by NULL). */
static char *printed(const struct gs_column *columns, size_t n_columns, const char *const *cells,
                     unsigned indent)
{
    struct gs_table *table = gs_table_new(columns, n_columns);
    for (size_t i = 0; cells[i] != NULL; i++) {
        gs_table_put(table, cells[i]);
    }
    static struct gs_buf out;
    gs_buf_done(&out);
    gs_buf_init(&out, 10000);
    gs_table_print(table, indent, false, &out);
    assert_true(gs_buf_ok(&out));
    gs_table_free(table);
    return out.text;
}

#define PRINTED(columns, indent, ...)                                                              \
    printed(columns, GS_ARRAY_LEN(columns), (const char *const[]){__VA_ARGS__, NULL}, indent)

static void table__aligns_text_left_and_numbers_right(void **state)
{
    (void)state;
    assert_string_equal(PRINTED(two, 0, "a", "1", "longer", "12345678"), "NAME       COUNT\n"
                                                                         "a              1\n"
                                                                         "longer  12345678\n");
}

static void table__has_no_title_row_when_all_titles_are_empty(void **state)
{
    (void)state;
    static const struct gs_column bare[] = {{.title = ""}, {.title = ""}};
    assert_string_equal(PRINTED(bare, 2, "a", "b", "ccc", "d"), "  a    b\n"
                                                                "  ccc  d\n");
}

static void table__leaves_no_blanks_at_the_end_of_a_line(void **state)
{
    (void)state;
    static const struct gs_column columns[] = {{.title = "A"}, {.title = "B"}, {.title = "LONG"}};
    assert_string_equal(PRINTED(columns, 1, "x", "", "", "", "", "z", "y"), " A  B  LONG\n"
                                                                            " x\n"
                                                                            "       z\n"
                                                                            " y\n");
}

static void table__lines_up_wide_and_combining_characters(void **state)
{
    (void)state;
    assert_string_equal(PRINTED(two, 0, "日本", "1", "e\xcc\x81t\xc3\xa9", "2", "ascii", "3"),
                        "NAME   COUNT\n"
                        "日本       1\n"
                        "e\xcc\x81t\xc3\xa9        2\n"
                        "ascii      3\n");
}

static void table__defuses_what_a_terminal_would_obey(void **state)
{
    (void)state;
    static const char backwards[] = {'\xe2', '\x80', '\xae', 'g', 'n', 'p', '\0'};
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"\033[31mred", "?[31mred"},
        {"two\nlines\ttab\r", "two?lines?tab?"},
        {"\x7f\xc2\x9b", "??"},
        {backwards, "?gnp"},
        {"broken \xff\xc3", "broken ??"},
        {"overlong \xc0\xaf", "overlong ??"},
        {"surrogate \xed\xa0\x80", "surrogate ???"},
        {"cut \xf0\x9f\x98", "cut ???"},
        {"beyond \xf4\x90\x80\x80", "beyond ????"},
        {"fine \xf0\x9f\x98\x80 ö", "fine \xf0\x9f\x98\x80 ö"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 1000);
        gs_text_clean(&out, cases[i].in, strlen(cases[i].in));
        assert_string_equal(gs_buf_text(&out), cases[i].out);
    }
}

static void table__writes_escapes_only_when_styled(void **state)
{
    (void)state;
    struct gs_table *table = gs_table_new(two, GS_ARRAY_LEN(two));
    gs_table_put(table, "a");
    gs_table_style(table, GS_STYLE_BAD);
    gs_table_putf(table, "%d", 7);
    GS_CLEANUP(gs_buf_done) struct gs_buf plain;
    GS_CLEANUP(gs_buf_done) struct gs_buf styled;
    gs_buf_init(&plain, 1000);
    gs_buf_init(&styled, 1000);
    gs_table_print(table, 0, false, &plain);
    gs_table_print(table, 0, true, &styled);
    gs_table_free(table);
    assert_string_equal(gs_buf_text(&plain), "NAME  COUNT\na         7\n");
    assert_string_equal(gs_buf_text(&styled), "\033[1mNAME\033[0m  \033[1mCOUNT\033[0m\n"
                                              "\033[31ma\033[0m         7\n");
}

static void table__counts_rows_begun(void **state)
{
    (void)state;
    struct gs_table *table = gs_table_new(two, GS_ARRAY_LEN(two));
    assert_int_equal(gs_table_rows(table), 0);
    for (int i = 0; i < 3; i++) {
        gs_table_put(table, "x");
    }
    assert_int_equal(gs_table_rows(table), 2);
    gs_table_free(table);
}

static void table__fails_the_buffer_when_there_is_no_table(void **state)
{
    (void)state;
    gs_table_put(NULL, "x");
    gs_table_putf(NULL, "%d", 1);
    gs_table_style(NULL, GS_STYLE_BAD);
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1000);
    gs_table_print(NULL, 0, false, &out);
    assert_false(gs_buf_ok(&out));
}

static void table__fails_the_buffer_when_it_is_too_small(void **state)
{
    (void)state;
    struct gs_table *table = gs_table_new(two, GS_ARRAY_LEN(two));
    gs_table_put(table, "0123456789");
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 15);
    gs_table_print(table, 0, false, &out);
    gs_table_free(table);
    assert_false(gs_buf_ok(&out));
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__aligns_text_left_and_numbers_right),
        cmocka_unit_test(table__has_no_title_row_when_all_titles_are_empty),
        cmocka_unit_test(table__leaves_no_blanks_at_the_end_of_a_line),
        cmocka_unit_test(table__lines_up_wide_and_combining_characters),
        cmocka_unit_test(table__defuses_what_a_terminal_would_obey),
        cmocka_unit_test(table__writes_escapes_only_when_styled),
        cmocka_unit_test(table__counts_rows_begun),
        cmocka_unit_test(table__fails_the_buffer_when_there_is_no_table),
        cmocka_unit_test(table__fails_the_buffer_when_it_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
