#include "unit/check.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "core/model.h"
#include "term/exit.h"
#include "term/output.h"

/* What a YAML reader makes of a plain scalar: YAML 1.1's types (yaml.org/type) and 1.2's core
 * schema together, written independently of the encoder. */
static const char *const not_text[] = {
    "^(~|null|Null|NULL|)$",
    "^(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$",
    "^[-+]?0b[0-1_]+$",
    "^[-+]?0o?[0-7_]+$",
    "^[-+]?(0|[1-9][0-9_]*)$",
    "^[-+]?[0-9][0-9_]*$",
    "^[-+]?0x[0-9a-fA-F_]+$",
    "^[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+$",
    "^[-+]?([0-9][0-9_]*)?\\.[0-9_]*([eE][-+]?[0-9]+)?$",
    "^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?$",
    "^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*$",
    "^[-+]?\\.(inf|Inf|INF)$",
    "^\\.(nan|NaN|NAN)$",
    "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$",
    "^(<<|=)$",
};

static regex_t resolver[GS_ARRAY_LEN(not_text)];

static int compile_resolver(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(not_text); i++) {
        assert_int_equal(regcomp(&resolver[i], not_text[i], REG_EXTENDED | REG_NOSUB), 0);
    }
    return 0;
}

static int free_resolver(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(not_text); i++) {
        regfree(&resolver[i]);
    }
    return 0;
}

static bool reads_as_text(const char *plain)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(not_text); i++) {
        if (regexec(&resolver[i], plain, 0, NULL, 0) == 0) {
            return false;
        }
    }
    return true;
}

static json_t *tree_of_node(yaml_document_t *document, const yaml_node_t *node);

static json_t *tree_of_scalar(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || reads_as_text(text)) {
        return json_string(text);
    }
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

static json_t *tree_of_mapping(yaml_document_t *document, const yaml_node_t *node)
{
    json_t *tree = json_object();
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        json_t *key = tree_of_node(document, yaml_document_get_node(document, pair->key));
        json_t *value = tree_of_node(document, yaml_document_get_node(document, pair->value));
        assert_true(json_is_string(key));
        json_object_set_new(tree, json_string_value(key), value);
        json_decref(key);
    }
    return tree;
}

static json_t *tree_of_node(yaml_document_t *document, const yaml_node_t *node)
{
    assert_non_null(node);
    if (node->type == YAML_SCALAR_NODE) {
        return tree_of_scalar(node);
    }
    if (node->type == YAML_MAPPING_NODE) {
        return tree_of_mapping(document, node);
    }
    json_t *tree = json_array();
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        json_array_append_new(tree,
                              tree_of_node(document, yaml_document_get_node(document, *item)));
    }
    return tree;
}

static json_t *read_yaml(const struct gs_buf *text)
{
    yaml_parser_t parser;
    yaml_document_t document;
    assert_int_equal(yaml_parser_initialize(&parser), 1);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->text, text->len);
    assert_int_equal(yaml_parser_load(&parser, &document), 1);
    json_t *tree = tree_of_node(&document, yaml_document_get_root_node(&document));
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return tree;
}

static void assert_same_both_ways(json_t *tree)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 1 << 20);
    gs_yaml_encode(tree, &text);
    assert_true(gs_buf_ok(&text));
    json_t *from_yaml = read_yaml(&text);
    if (!json_equal(tree, from_yaml)) {
        print_error("read back as another tree:\n%s\n", gs_buf_text(&text));
    }
    assert_true(json_equal(tree, from_yaml));
    json_decref(from_yaml);
    gs_buf_reset(&text);
    gs_json_encode(tree, &text);
    assert_true(gs_buf_ok(&text));
    json_t *from_json = json_loadb(text.text, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_equal(tree, from_json));
    json_decref(from_json);
}

static void yaml__quotes_text_that_would_be_read_as_something_else(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "~",
        "null",
        "Null",
        "true",
        "TRUE",
        "no",
        "No",
        "off",
        "y",
        "N",
        "1",
        "-1",
        "+1",
        "0",
        "007",
        "0x1F",
        "0o17",
        "0b11",
        "1_000",
        "1.5",
        ".5",
        "5.",
        "1e3",
        "1E-3",
        "-.inf",
        ".NaN",
        "12:30",
        "190:20:30.15",
        "2026-11-22",
        "2026-11-22T10:00:00Z",
        "<<",
        "=",
        "- a",
        "-",
        "a: b",
        "a #b",
        "#b",
        "@x",
        "`x",
        "%x",
        "!x",
        "&x",
        "*x",
        "|",
        ">",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "?",
        "? x",
        ":",
        " lead",
        "trail ",
        "two\nlines",
        "tab\tin",
        "\033[31m",
        "ümlaut",
        "日本",
        "\xf0\x9f\x98\x80",
        "---",
        "...",
        "1g.5gb",
        "1g.5gb+me",
        "key:",
        "a,b",
        "null and",
        "3e",
        "e3",
        "1g",
        "nvidia.com/mig-1g.5gb",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\357\273\277bom",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(texts); i++) {
        json_t *tree = json_pack("{s:s, s:[s]}", "value", texts[i], "list", texts[i]);
        json_object_set_new(tree, texts[i], json_integer(1));
        assert_same_both_ways(tree);
        json_decref(tree);
    }
}

static void yaml__leaves_profile_names_and_words_unquoted(void **state)
{
    (void)state;
    static const char *const plain[] = {"1g.5gb",    "1g.5gb+me",    "7g.40gb",
                                        "A100-40GB", "p4d.24xlarge", "nvidia.com/mig-1g.5gb",
                                        "us-east-1", "two words"};
    for (size_t i = 0; i < GS_ARRAY_LEN(plain); i++) {
        json_t *tree = json_pack("{s:s}", "k", plain[i]);
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, 1000);
        gs_yaml_encode(tree, &text);
        char expected[100];
        snprintf(expected, sizeof(expected), "k: %s\n", plain[i]);
        assert_string_equal(gs_buf_text(&text), expected);
        json_decref(tree);
    }
}

static unsigned long long seed;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % below;
}

/* Short texts of the letters that YAML gives a meaning. */
static json_t *random_text(void)
{
    static const char letters[] = "0123456789abefnosuxyTZ.,:;-+_~'\"#&*!|>%@`{}[]?<= \n\t";
    char text[7];
    size_t n = draw(sizeof(text));
    for (size_t i = 0; i < n; i++) {
        text[i] = letters[draw(sizeof(letters) - 1)];
    }
    return json_stringn(text, n);
}

static json_t *random_tree(unsigned depth)
{
    json_t *tree;
    switch (draw(depth > 4 ? 5 : 8)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(draw(2));
    case 2:
        return json_integer((json_int_t)draw(1u << 31) - (1 << 30));
    case 3:
        return json_real(draw(1000000) / 1000.0);
    case 4:
        return random_text();
    case 5:
    case 6:
        tree = json_array();
        for (unsigned n = draw(4); n > 0; n--) {
            json_array_append_new(tree, random_tree(depth + 1));
        }
        return tree;
    default:
        tree = json_object();
        for (unsigned n = draw(4); n > 0; n--) {
            json_t *key = random_text();
            json_object_set_new(tree, json_string_value(key), random_tree(depth + 1));
            json_decref(key);
        }
        return tree;
    }
}

static void documents__are_read_back_as_the_same_tree(void **state)
{
    (void)state;
    seed = (unsigned long long)time(NULL);
    print_message("seed %llu\n", seed);
    for (int i = 0; i < 5000; i++) {
        json_t *tree = json_object();
        json_object_set_new(tree, "root", random_tree(0));
        assert_same_both_ways(tree);
        json_decref(tree);
    }
}

static void json__keeps_the_order_of_keys_and_short_decimals(void **state)
{
    (void)state;
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_text(&result, result.root, "zebra", "bad \xff byte");
    gs_result_fixed(&result, result.root, "cost", 32772600, 6);
    gs_result_fixed(&result, result.root, "round", 3000000, 6);
    gs_result_known(&result, result.root, "unknown", GS_NOT_KNOWN);
    gs_result_known(&result, result.root, "known", 0);
    gs_result_text(&result, result.root, "nothing", NULL);
    gs_result_number(&result, result.root, "large", INT64_MAX);
    json_t *list = gs_result_array(&result, result.root, "apple");
    gs_result_bool(&result, list, NULL, true);
    gs_result_null(&result, gs_result_object(&result, list, NULL), "x");
    assert_true(gs_result_ok(&result));
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 10000);
    gs_json_encode(result.root, &text);
    assert_string_equal(gs_buf_text(&text), "{\n"
                                            "  \"zebra\": \"bad ? byte\",\n"
                                            "  \"cost\": 32.7726,\n"
                                            "  \"round\": 3.0,\n"
                                            "  \"unknown\": null,\n"
                                            "  \"known\": 0,\n"
                                            "  \"nothing\": null,\n"
                                            "  \"large\": 9223372036854775807,\n"
                                            "  \"apple\": [\n"
                                            "    true,\n"
                                            "    {\n"
                                            "      \"x\": null\n"
                                            "    }\n"
                                            "  ]\n"
                                            "}\n");
}

static void result__fails_for_a_number_that_json_cannot_hold(void **state)
{
    (void)state;
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_number(&result, result.root, "n", (uint64_t)INT64_MAX + 1);
    assert_false(gs_result_ok(&result));
}

/* Requests for memory until one is refused. */
static unsigned allowed;

static void *limited_malloc(size_t size)
{
    return allowed == 0 ? NULL : (allowed--, malloc(size));
}

static void build_some(struct gs_result *result)
{
    gs_result_init(result);
    json_t *list = gs_result_array(result, result->root, "list");
    for (int i = 0; i < 12; i++) {
        json_t *item = gs_result_object(result, list, NULL);
        gs_result_text(result, item, "name", "1g.5gb");
        gs_result_number(result, gs_result_array(result, item, "starts"), NULL, 4);
        gs_result_fixed(result, item, "cost", 15, 1);
    }
}

static void result__says_when_memory_ran_out_wherever_it_did(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (unsigned n = 0;; n++) {
        struct gs_result result;
        allowed = n;
        json_set_alloc_funcs(limited_malloc, free);
        build_some(&result);
        bool ok = gs_result_ok(&result);
        bool enough = allowed > 0;
        json_set_alloc_funcs(malloc, free);
        gs_result_done(&result);
        if (enough) {
            assert_true(ok);
            break;
        }
        failed += ok ? 0 : 1;
    }
    assert_true(failed > 100); /* requests that were refused, each noticed */
}

static void encoders__fail_a_buffer_that_is_too_small(void **state)
{
    (void)state;
    struct gs_result result;
    build_some(&result);
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 50);
    gs_json_encode(result.root, &text);
    assert_false(gs_buf_ok(&text));
    gs_buf_reset(&text);
    gs_yaml_encode(result.root, &text);
    assert_false(gs_buf_ok(&text));
    struct gs_err err;
    assert_int_equal(gs_output_text(&text, &err), GS_NO_MEMORY);
    result.failed = true;
    assert_int_equal(gs_output_result(&result, GS_FORMAT_JSON, &err), GS_NO_MEMORY);
    gs_result_done(&result);
}

static void exit__has_a_status_for_every_code(void **state)
{
    (void)state;
    static const struct {
        enum gs_code code;
        int status;
    } cases[] = {
        {GS_INVALID, 3},     {GS_NOT_FOUND, 3},  {GS_AMBIGUOUS, 3}, {GS_LIMIT, 3},
        {GS_IO, 3},          {GS_INFEASIBLE, 1}, {GS_BUSY, 1},      {GS_UNKNOWN, 1},
        {GS_UNSUPPORTED, 3}, {GS_NO_MEMORY, 4},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_err err;
        gs_fail(&err, cases[i].code, "case %zu", i);
        assert_int_equal(gs_exit_failed(&err), cases[i].status);
        assert_int_equal(gs_exit_usage(&err), 2);
    }
    struct gs_err err;
    assert_int_equal(gs_exit_output(gs_fail(&err, GS_IO, "disk"), &err), 4);
    assert_int_equal(gs_exit_output(0, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml__quotes_text_that_would_be_read_as_something_else),
        cmocka_unit_test(yaml__leaves_profile_names_and_words_unquoted),
        cmocka_unit_test(documents__are_read_back_as_the_same_tree),
        cmocka_unit_test(json__keeps_the_order_of_keys_and_short_decimals),
        cmocka_unit_test(result__fails_for_a_number_that_json_cannot_hold),
        cmocka_unit_test(result__says_when_memory_ran_out_wherever_it_did),
        cmocka_unit_test(encoders__fail_a_buffer_that_is_too_small),
        cmocka_unit_test(exit__has_a_status_for_every_code),
    };
    return cmocka_run_group_tests(tests, compile_resolver, free_resolver);
}
