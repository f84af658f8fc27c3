#include "unit/wire/bad_input.h"

#include <stdlib.h>

#include "wire/csv.h"

static void csv__reads_fields_quotes_and_both_line_ends(void **state)
{
    (void)state;
    struct gs_csv csv;
    bool more;
    static const char text[] = "\xEF\xBB\xBF"
                               "a,b,c\r\n"
                               "\r\n  \n"
                               " x y , \"1,2\" ,\"say \"\"hi\"\"\"\n"
                               ",\"\",\t z\n"
                               "last,,";
    static const struct {
        unsigned line;
        const char *fields[3];
    } rows[] = {{1, {"a", "b", "c"}},
                {4, {"x y", "1,2", "say \"hi\""}},
                {5, {"", "", "z"}},
                {6, {"last", "", ""}}};
    assert_int_equal(gs_csv_init(&csv, "f.csv", gs_view(text), NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(gs_csv_next(&csv, &more, NULL), 0);
        assert_true(more);
        assert_int_equal(csv.line, rows[i].line);
        assert_int_equal(csv.n, 3);
        for (size_t f = 0; f < 3; f++) {
            assert_true(gs_view_eq(csv.fields[f], rows[i].fields[f]));
        }
    }
    assert_int_equal(gs_csv_next(&csv, &more, NULL), 0);
    assert_false(more);
}

static int parse(const char *text, struct gs_err *err)
{
    static const char *const header[] = {"a", "b"};
    struct gs_csv csv;
    bool more = true;
    int r = gs_csv_init(&csv, "f.yaml", gs_view(text), err);
    if (r == 0) {
        r = gs_csv_expect_header(&csv, header, 2, err);
    }
    while (r == 0 && more) {
        r = gs_csv_next_of(&csv, 2, &more, err);
    }
    return r;
}

static const struct bad_input bad[] = {
    {"", "f.yaml:1: found nothing; expected the header a,b"},
    {"\n\n", "f.yaml:2: found nothing; expected the header a,b"},
    {"b,a\n", "f.yaml:1: found another header; expected the header a,b"},
    {"a\n", "f.yaml:1: found another header"},
    {"a,b,\n", "f.yaml:1: found another header"},
    {"A,b\n", "f.yaml:1: found another header"},
    {"a,b\n1\n", "f.yaml:2: found 1 fields; expected 2"},
    {"a,b\n1,2\n1,2,3\n", "f.yaml:3: found 3 fields; expected 2"},
    {"a,b\n1,\"2\n", "f.yaml:2: found a quote that does not end"},
    {"a,b\n1,\"2\n3\"\n", "f.yaml:2: found a quote that does not end"},
    {"a,b\n1,\"2\" x\n", "f.yaml:2: found \" x\" behind a quoted field; expected a comma"},
    {"a,b\n1,x\"2\"\n", "f.yaml:2: found a quote within \"x\"2\"\""},
    {"a,b\n1,\x01\n", "f.yaml:2: found a control character"},
    {"a,b\r1,2\r", "f.yaml:1: found a control character"},
    {"a,b\n1,2,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n", "f.yaml:2: found more than 32 fields"},
};

static void csv__refuses_what_is_no_table(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

static void csv__refuses_a_line_without_end_and_a_huge_table(void **state)
{
    (void)state;
    char *line = malloc(GS_CSV_LINE_MAX + 3);
    struct gs_err err;
    struct gs_csv csv;
    assert_non_null(line);
    memset(line, 'x', GS_CSV_LINE_MAX + 2);
    line[GS_CSV_LINE_MAX + 2] = '\0';
    assert_int_equal(parse(line, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: found a line of 4098 bytes; expected 4096 at most");
    struct gs_view huge = {.p = line, .n = GS_CSV_BYTES_MAX + 1};
    assert_int_equal(gs_csv_init(&csv, "f.csv", huge, NULL), GS_LIMIT);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv__reads_fields_quotes_and_both_line_ends),
        cmocka_unit_test(csv__refuses_what_is_no_table),
        cmocka_unit_test(csv__refuses_a_line_without_end_and_a_huge_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
