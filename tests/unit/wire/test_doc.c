#include "unit/wire/bad_input.h"

#include <stdio.h>
#include <stdlib.h>

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static const struct gs_doc_node *read_text(const char *text)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_doc_node *root = NULL;
    struct gs_err err = {0};
    int r = gs_doc_read(&arena, &input, &root, &err);
    if (r < 0) {
        fail_msg("%s", err.msg);
    }
    return root;
}

static void check_tree(const char *text)
{
    const struct gs_doc_node *root = read_text(text);
    assert_int_equal(root->kind, GS_DOC_MAP);
    assert_int_equal(root->n, 3);
    const struct gs_doc_node *a = gs_doc_find(root, "a");
    assert_int_equal(a->kind, GS_DOC_SCALAR);
    assert_true(gs_view_eq(a->text, "1"));
    assert_false(a->quoted);
    const struct gs_doc_node *list = gs_doc_find(root, "b");
    assert_int_equal(list->kind, GS_DOC_LIST);
    assert_int_equal(list->n, 2);
    assert_true(gs_view_eq(list->first->text, "x y"));
    assert_true(gs_view_eq(list->first->key, "b"));
    assert_int_equal(list->first->next->kind, GS_DOC_MAP);
    assert_true(gs_doc_find(list->first->next, "k")->quoted);
    assert_null(list->first->next->next);
    assert_int_equal(gs_doc_find(root, "c")->n, 0);
    assert_null(gs_doc_find(root, "d"));
}

static void doc__reads_yaml_and_json_to_the_same_tree(void **state)
{
    (void)state;
    check_tree("a: 1\nb:\n- x y\n- k: \"v\"\nc: {}\n");
    check_tree("---\n# words\na: 1\nb: ['x y', {k: 'v'}]\nc: []\n...\n");
    check_tree("{\"a\": 1, \"b\": [\"x y\", {\"k\": \"v\"}], \"c\": {}}");
    check_tree("{\"a\":1,\n\t\"b\":[\"x y\",\n\t{\"k\":\"v\"}],\"c\":{}}\r\n");
    check_tree("\xEF\xBB\xBF"
               "a: 1\r\nb:\r\n- x y\r\n- k: \"v\"\r\nc: {}\r\n");
}

static void doc__knows_the_line_of_every_node(void **state)
{
    (void)state;
    const struct gs_doc_node *root = read_text("# one\na: 1\n\nb:\n- x\n- y: {z: 1}\n");
    assert_int_equal(root->line, 2);
    assert_int_equal(gs_doc_find(root, "a")->line, 2);
    const struct gs_doc_node *list = gs_doc_find(root, "b");
    assert_int_equal(list->first->line, 5);
    assert_int_equal(gs_doc_find(list->first->next, "y")->line, 6);
}

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_doc_node *root;
    return gs_doc_read(&arena, &input, &root, err);
}

static const struct bad_input bad[] = {
    {"", "f.yaml:1: the document is empty; expected a test document"},
    {"   \n\n", "f.yaml:3: the document is empty"},
    {"# only words\n", "f.yaml:2: the document is empty"},
    {"---\n", "f.yaml:2: the document is empty"},
    {"a: 1\n~: 2\n",
     "f.yaml:2: found a key that YAML reads as nothing (~, null) or as a merge (<<);"},
    {"null: 1\n", "f.yaml:1: found a key that YAML reads as nothing"},
    {"?\n: 1\n", "f.yaml:1: found a key that YAML reads as nothing"},
    {"<<: {a: 1}\n", "f.yaml:1: found a key that YAML reads as nothing (~, null) or as a merge"},
    {"a: 1\na: 2\n", "f.yaml:2: found key \"a\" again (first in line 1)"},
    {"{\"a\": 1,\n\"b\": {\"c\": 1, \"c\": 2}}", "f.yaml:2: found key \"c\" again"},
    {"a: 1\nb: &x 2\n", "f.yaml:2: found an anchor (&name) or a tag (!type)"},
    {"a: [1]\nb: *x\n", "f.yaml:2: found an alias (*name)"},
    {"a: !!int 2\n", "f.yaml:1: found an anchor (&name) or a tag (!type)"},
    {"a: ! 2\n", "f.yaml:1: found an anchor"},
    {"a: &x [1]\n", "f.yaml:1: found an anchor"},
    {"&x a: 1\n", "f.yaml:1: found an anchor"},
    {"--- !m\na: 1\n", "f.yaml:1: found an anchor"},
    {"a: 1\n---\na: 2\n", "f.yaml:2: found a second document; expected one document"},
    {"a: 1\n...\n---\n", "f.yaml:3: found a second document"},
    {"{\"a\": 1}\n{\"a\": 2}\n", "f.yaml:2: not valid YAML"},
    {"{\"a\": 1}}", "f.yaml:1: not valid YAML"},
    {"{\"a\": 1", "f.yaml:2: not valid YAML"},
    {"{\"a\": \"x}", "f.yaml:1: not valid YAML: "},
    {"a:\n  - 1\n - 2\n", "f.yaml:3: not valid YAML"},
    {"a: 1\n\tb: 2\n", "f.yaml:2: not valid YAML"},
    {"a: \"\\0\"\n", "f.yaml:1: found a control character or line break"},
    {"a: |\n  x\n  y\n", "f.yaml:1: found a control character or line break"},
    {"\"a\\n\": 1\n", "f.yaml:1: found a control character or line break"},
    {"? [a]\n: 1\n", "f.yaml:1: found a key that is a list or a map"},
    {"a: \x01\n", "f.yaml:1: not valid YAML: control characters are not allowed"},
    {"a: \xff\xfe\n", "f.yaml:1: not valid YAML: invalid leading UTF-8 octet"},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     "f.yaml:1: found more than 32 levels"},
};

static void doc__refuses_what_has_no_one_meaning(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

static int parse_json(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_doc_node *root;
    input.label = "stdin";
    int r = gs_doc_read(&arena, &input, &root, err);
    return r < 0 ? r : gs_doc_expect(root, GS_DOC_MAP, err);
}

static const struct bad_input bad_json[] = {
    {"{\"a\": 1 \"b\": 2}",
     "stdin:1: not valid JSON: did not find expected ',' or '}' in an object"},
    {"\n {\"a\": [1,, 2]}", "stdin:2: not valid JSON: found none where a value belongs"},
    {"\xEF\xBB\xBF{\"a\": @}", "stdin:1: not valid JSON: found a character that begins none"},
    {"{\"a\": \"x}", "stdin:1: not valid JSON: found unexpected end of stream in a text"},
    {"{\"a\": 1}\n{\"a\": 2}", "stdin:2: not valid JSON: found more behind the end of the value"},
    {"{\"a\": *b}", "stdin:1: found a *, which begins no value"},
    {"{\"a\": !b 1}", "stdin:1: found a & or !, which begins no value"},
    {"{[1]: 1}", "stdin:1: found a key that is an array or an object"},
    {"[1]", "stdin:1: the document: found an array; expected an object ({\"key\": value})"},
    {"a: [1\n", "stdin:2: not valid YAML: did not find expected ',' or ']' while parsing a flow"},
    {"", "stdin:1: the document is empty"},
};

static void doc__speaks_of_json_where_it_reads_json(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad_json, parse_json);
    struct gs_doc_input input = text_input("a: [1\n");
    const struct gs_doc_node *root;
    struct gs_err err;
    input.label = "f.json"; /* the name goes before what the text looks like */
    assert_int_equal(gs_doc_read(&arena, &input, &root, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "f.json:2: not valid JSON: "));
}

static void doc__refuses_bytes_that_end_in_the_middle_of_a_letter(void **state)
{
    (void)state;
    struct gs_doc_input input = text_input("a: \xe2\x82");
    const struct gs_doc_node *root;
    assert_int_equal(gs_doc_read(&arena, &input, &root, NULL), GS_INVALID);
}

static void doc__refuses_a_value_or_map_that_is_too_large(void **state)
{
    (void)state;
    char *text = malloc(GS_DOC_GAP_MAX * 2 + 100);
    struct gs_err err = {0};
    assert_non_null(text);
    memset(text, 'x', GS_DOC_SCALAR_MAX + 1);
    strcpy(text + GS_DOC_SCALAR_MAX + 1, "");
    assert_int_equal(parse(text, &err), GS_LIMIT);
    assert_string_equal(err.msg, "f.yaml:1: found a value of 65537 bytes; expected 65536 at most");
    size_t used = 0;
    for (int i = 0; i <= GS_DOC_KEYS_MAX; i++) {
        used += (size_t)snprintf(text + used, 20, "k%d: 1\n", i);
    }
    assert_int_equal(parse(text, &err), GS_LIMIT);
    assert_string_equal(err.msg, "f.yaml:1025: found more than 1024 keys in one map");
    /* A value that goes on and on is not gathered to its end. */
    memset(text, 'x', GS_DOC_GAP_MAX * 2);
    strcpy(text + GS_DOC_GAP_MAX * 2, "\n");
    text[0] = '"';
    assert_int_equal(parse(text, &err), GS_LIMIT);
    assert_non_null(strstr(err.msg, "f.yaml:1: more than 1048576 bytes without a value ending"));
    free(text);
}

static void doc__refuses_a_file_that_is_too_large_before_reading_it(void **state)
{
    (void)state;
    struct gs_err err = {0};
    const struct gs_doc_node *root;
    struct gs_doc_input input = text_input("a: 1\n");
    input.size = 4ull << 30;
    assert_int_equal(gs_doc_read(&arena, &input, &root, &err), GS_LIMIT);
    assert_string_equal(err.msg, "f.yaml: 4294967296 bytes are too many; expected a test document "
                                 "in 1073741824 at most");
    input.size = 0;
    input.max_bytes = 4;
    assert_int_equal(gs_doc_read(&arena, &input, &root, &err), GS_LIMIT);
    assert_string_equal(err.msg,
                        "f.yaml: more than 4 bytes; expected a test document in so many at most");
    input.max_bytes = 5;
    assert_int_equal(gs_doc_read(&arena, &input, &root, &err), 0);
}

/* Hands out a text in pieces of one byte, then fails or ends. */
struct dribble {
    const char *text;
    int end;
};

static int dribble(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct dribble *from = ctx;
    assert_true(size > 0);
    *ret_n = *from->text == '\0' ? 0 : 1;
    if (*ret_n == 1) {
        *(char *)bytes = *from->text++;
        return 0;
    }
    return from->end == 0 ? 0 : gs_fail(err, GS_IO, "the disk is gone");
}

static void doc__reads_through_a_callback_and_gives_back_its_error(void **state)
{
    (void)state;
    struct gs_err err = {0};
    const struct gs_doc_node *root;
    struct dribble from = {.text = "a: 1\n"};
    struct gs_doc_input input = {.label = "f", .what = "x", .read = dribble, .ctx = &from};
    assert_int_equal(gs_doc_read(&arena, &input, &root, &err), 0);
    assert_true(gs_view_eq(gs_doc_find(root, "a")->text, "1"));
    from = (struct dribble){.text = "a: 1\n", .end = GS_IO};
    assert_int_equal(gs_doc_read(&arena, &input, &root, &err), GS_IO);
    assert_string_equal(err.msg, "the disk is gone");
}

/* ---- streaming ---- */

struct seen {
    char text[200];
    unsigned n;
    unsigned stop_at;
    size_t most_bytes;
};

static int note(void *ctx, const struct gs_doc_node *node, struct gs_err *err)
{
    struct seen *seen = ctx;
    seen->n++;
    seen->most_bytes = arena.used_bytes > seen->most_bytes ? arena.used_bytes : seen->most_bytes;
    if (seen->n == seen->stop_at) {
        return gs_doc_fail(node, err, "enough");
    }
    size_t used = strlen(seen->text);
    if (used < 100) {
        snprintf(seen->text + used, sizeof(seen->text) - used, "%u:%.*s ", node->line,
                 GS_VIEW_ARGS(node->kind == GS_DOC_SCALAR ? node->text : gs_view("tree")));
    }
    return 0;
}

static const char *const streams[] = {
    "- a\n- {b: 1}\n- c\n",
    "items:\n- a\n- b: 1\n- c\n",
    "{\"items\": [\"a\",\n {\"b\": [1]},\n \"c\"]}",
};
static const char *const streamed[] = {
    "1:a 2:tree 3:c ",
    "2:a 3:tree 4:c ",
    "1:a 2:tree 3:c ",
};

static void doc__streams_a_bare_list_or_the_list_under_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct seen seen = {0};
        struct gs_doc_input input = text_input(streams[i]);
        assert_int_equal(gs_doc_stream(&arena, &input, "items", note, &seen, NULL), 0);
        assert_string_equal(seen.text, streamed[i]);
    }
}

static int stream(const char *text, struct gs_err *err)
{
    struct seen seen = {0};
    struct gs_doc_input input = text_input(text);
    return gs_doc_stream(&arena, &input, "items", note, &seen, err);
}

static const struct bad_input bad_streams[] = {
    {"", "f.yaml:1: the document is empty"},
    {"a", "f.yaml:1: found a single value; expected a test document"},
    {"{}", "f.yaml:1: found a map without its list; expected items"},
    {"item:\n- 1\n", "f.yaml:1: found key \"item\"; expected the key items only"},
    {"items: 3\n", "f.yaml:1: found a value that is no list"},
    {"items:\n", "f.yaml:1: found a value that is no list"},
    {"items: {a: 1}\n", "f.yaml:1: found a value that is no list"},
    {"items: []\nmore: 1\n", "f.yaml:2: found a key behind the list"},
    {"items: []\nitems: []\n", "f.yaml:2: found a key behind the list"},
    {"? [items]\n: []\n", "f.yaml:1: found a key that is a list"},
    {"items:\n- 1\n---\nitems:\n- 2\n", "f.yaml:3: found a second document"},
    {"items:\n- 1\n- {a: 1, a: 2}\n", "f.yaml:3: found key \"a\" again"},
    {"items: [1, 2", "f.yaml:2: not valid YAML"},
};

static void doc__refuses_a_stream_that_is_no_list(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad_streams, stream);
}

static void doc__ends_the_stream_when_the_caller_has_enough(void **state)
{
    (void)state;
    struct seen seen = {.stop_at = 2};
    struct gs_err err;
    struct gs_doc_input input = text_input("- a\n- b\n- {c\n");
    assert_int_equal(gs_doc_stream(&arena, &input, "items", note, &seen, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:2: enough");
    assert_int_equal(seen.n, 2);
}

/* A list without end, from nowhere. */
static int many(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    unsigned *left = ctx;
    (void)err;
    static const char line[] = "- {name: x, profile: 1g.5gb, cpu: 500m}\n";
    *ret_n = 0;
    while (*left > 0 && size - *ret_n >= sizeof(line) - 1) {
        memcpy((char *)bytes + *ret_n, line, sizeof(line) - 1);
        *ret_n += sizeof(line) - 1;
        --*left;
    }
    return 0;
}

static void doc__streams_many_elements_in_the_memory_of_one(void **state)
{
    (void)state;
    unsigned left = 50000;
    struct seen seen = {0};
    struct gs_doc_input input = {.label = "f", .what = "x", .read = many, .ctx = &left};
    assert_int_equal(gs_doc_stream(&arena, &input, "items", note, &seen, NULL), 0);
    assert_int_equal(seen.n, 50000);
    assert_true(seen.most_bytes < 64 * 1024);
}

/* ---- getters ---- */

static const struct gs_doc_node *value(const char *text)
{
    char doc[200];
    snprintf(doc, sizeof(doc), "k: %s\n", text);
    return gs_doc_find(read_text(doc), "k");
}

static const char *const not_integers[] = {
    "010", "00", "0x1f", "0o17", "1e3",   "1_000", "+1",  "-1",     "1.0",  "1.",
    "yes", "",   "~",    "null", "\"1\"", "'1'",   "[1]", "{a: 1}", "1:30", "18446744073709551616",
    "101", "x",  "1 2",  ".inf",
};

static void doc__takes_plain_decimal_integers_only(void **state)
{
    (void)state;
    uint64_t got;
    struct gs_err err;
    assert_int_equal(gs_doc_u64(value("0"), 0, 100, &got, &err), 0);
    assert_int_equal(got, 0);
    assert_int_equal(gs_doc_u64(value("100"), 0, 100, &got, &err), 0);
    assert_int_equal(got, 100);
    for (size_t i = 0; i < sizeof(not_integers) / sizeof(not_integers[0]); i++) {
        got = 77;
        assert_int_equal(gs_doc_u64(value(not_integers[i]), 0, 100, &got, &err), GS_INVALID);
        assert_int_equal(got, 77);
    }
    assert_int_equal(gs_doc_u64(value("2"), 3, 9, &got, &err), GS_INVALID);
    assert_string_equal(err.msg,
                        "f.yaml:1: k: found \"2\"; expected a plain decimal integer from 3 to 9");
    assert_int_equal(gs_doc_u64(value("'5'"), 3, 9, &got, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: k: found \"5\" in quotes; expected a plain decimal "
                                 "integer from 3 to 9");
    assert_int_equal(gs_doc_u64(value("~"), 3, 9, &got, &err), GS_INVALID);
    assert_string_equal(err.msg,
                        "f.yaml:1: k: found nothing; expected a plain decimal integer from 3 to 9");
}

static void doc__takes_decimals_exactly(void **state)
{
    (void)state;
    uint64_t got;
    struct gs_err err;
    assert_int_equal(gs_doc_fixed(value("21.957642"), 6, 1000000000, &got, &err), 0);
    assert_int_equal(got, 21957642);
    assert_int_equal(gs_doc_fixed(value("0.5"), 6, 1000000000, &got, &err), 0);
    assert_int_equal(got, 500000);
    static const char *const wrong[] = {"1.1234567", "1e3",   "-1",   "01.5",
                                        ".5",        "\"1\"", "1001", ""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gs_doc_fixed(value(wrong[i]), 6, 1000000000, &got, &err), GS_INVALID);
    }
}

static void doc__keeps_text_that_looks_like_something_else(void **state)
{
    (void)state;
    struct gs_view got;
    static const char *const texts[] = {"010", "yes", "1e3", "no", "0x1f", "1:30", "true"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(gs_doc_text(value(texts[i]), 10, &got, NULL), 0);
        assert_true(gs_view_eq(got, texts[i]));
    }
    struct gs_err err;
    assert_int_equal(gs_doc_text(value("\"null\""), 10, &got, NULL), 0);
    assert_int_equal(gs_doc_text(value("null"), 10, &got, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: k: found nothing; expected text");
    assert_int_equal(gs_doc_text(value("\"\""), 10, &got, &err), GS_INVALID);
    assert_int_equal(gs_doc_text(value("[a]"), 10, &got, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: k: found a list; expected text");
    assert_int_equal(gs_doc_text(value("abcdefghijk"), 10, &got, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: k: found text of 11 bytes; expected 10 at most");
}

static void doc__takes_true_and_false_and_no_other_boolean(void **state)
{
    (void)state;
    bool got = false;
    assert_int_equal(gs_doc_bool(value("true"), &got, NULL), 0);
    assert_true(got);
    assert_int_equal(gs_doc_bool(value("false"), &got, NULL), 0);
    assert_false(got);
    static const char *const wrong[] = {"yes", "on", "True", "1", "\"true\"", "", "[true]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gs_doc_bool(value(wrong[i]), &got, NULL), GS_INVALID);
    }
}

static void doc__names_the_keys_that_a_map_may_have(void **state)
{
    (void)state;
    static const char *const keys[] = {"name", "count"};
    struct gs_err err;
    const struct gs_doc_node *found;
    const struct gs_doc_node *root = read_text("name: a\ncont: 3\n");
    assert_int_equal(gs_doc_expect_keys(root, keys, 2, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:2: found key \"cont\"; expected one of name, count");
    assert_int_equal(gs_doc_expect_keys(read_text("name: a\n"), keys, 2, &err), 0);
    assert_int_equal(gs_doc_expect_keys(read_text("[name]"), keys, 2, &err), GS_INVALID);
    assert_string_equal(err.msg,
                        "f.yaml:1: the document: found a list; expected a map (key: value)");
    assert_int_equal(gs_doc_need(root, "count", &found, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: found no key \"count\"; expected it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(doc__reads_yaml_and_json_to_the_same_tree),
        TEST(doc__knows_the_line_of_every_node),
        TEST(doc__refuses_what_has_no_one_meaning),
        TEST(doc__speaks_of_json_where_it_reads_json),
        TEST(doc__refuses_bytes_that_end_in_the_middle_of_a_letter),
        TEST(doc__refuses_a_value_or_map_that_is_too_large),
        TEST(doc__refuses_a_file_that_is_too_large_before_reading_it),
        TEST(doc__reads_through_a_callback_and_gives_back_its_error),
        TEST(doc__streams_a_bare_list_or_the_list_under_a_key),
        TEST(doc__refuses_a_stream_that_is_no_list),
        TEST(doc__ends_the_stream_when_the_caller_has_enough),
        TEST(doc__streams_many_elements_in_the_memory_of_one),
        TEST(doc__takes_plain_decimal_integers_only),
        TEST(doc__takes_decimals_exactly),
        TEST(doc__keeps_text_that_looks_like_something_else),
        TEST(doc__takes_true_and_false_and_no_other_boolean),
        TEST(doc__names_the_keys_that_a_map_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
