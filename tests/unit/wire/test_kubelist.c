#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "unit/wire/kube_input.h"
#include "wire/kubejson.h"

/* Collects the names of the objects: "a b c ". */
static int take_name(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct json_t *metadata = NULL;
    const char *name = NULL;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_text(metadata, "name", &name, err) : r;
    if (r != 0 || name == NULL) {
        return r != 0 ? r : gs_fail(err, GS_INVALID, "no name");
    }
    gs_buf_printf(ctx, "%s ", name);
    return 0;
}

static int read_text(const char *text, size_t n, size_t piece, struct gs_buf *names,
                     uint64_t *count, struct gs_err *err)
{
    struct kube_input input = {.p = text, .n = n, .piece = piece};
    struct gs_kubelist_options options = {.label = "f.json", .kind = "Pod"};
    struct gs_kubelist_sink sink = {.take = take_name, .ctx = names};
    gs_buf_reset(names);
    return gs_kubelist_read(&options, kube_input_source(&input), sink, count, err);
}

#define POD(name) "{\"kind\": \"Pod\", \"metadata\": {\"name\": \"" name "\"}}"

static const struct {
    const char *text, *names;
} good[] = {
    {"\xEF\xBB\xBF{\"items\":[" POD("a") "],\"kind\":\"List\"}", "a "}, /* a byte order mark */
    /* as kubectl prints it: the kind behind the items */
    {"{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n" POD("a") ",\n" POD(
         "b") "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\"resourceVersion\": \"\"}\n}\n",
     "a b "},
    /* as the API server prints it: elements without a kind */
    {"{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"\"},\"items\":[{\"metadata\":{\"name\":"
     "\"a\"}}]}",
     "a "},
    {"{\"items\":[{\"metadata\":{\"name\":\"a\"}}],\"kind\":\"PodList\"}", "a "},
    {POD("only"), "only "},
    {"  \r\n\t" POD("only") "\n\n", "only "},
    {"{\"items\":[],\"kind\":\"List\"}", ""},
    {"{\"items\" : [ ] , \"kind\" : \"List\"}", ""},
    {"{\"kind\":\"PodList\",\"items\":null}", ""},
    /* brackets, quotes and the word items where they mean nothing */
    {"{\"a\":\"items\",\"b\":{\"items\":[1]},\"items\":[" POD("\\\"]}[{") "],\"kind\":\"List\"}",
     "\"]}[{ "},
    /* the API server lets NUL pass: one such object does not end the list */
    {"{\"items\":[{\"metadata\":{\"name\":\"a\",\"x\":\"1\\u00002\"}}," POD(
         "b") "],\"kind\":\"PodList\"}",
     "a b "},
    {"{\"items\":[" POD("back\\\\") "," POD("\\u00e9") "],\"kind\":\"List\"}", "back\\ \u00e9 "},
};

static void kubelist__hands_out_every_object_in_order(void **state)
{
    (void)state;
    struct gs_buf names;
    gs_buf_init(&names, 1000);
    for (size_t i = 0; i < GS_ARRAY_LEN(good); i++) {
        for (size_t piece = 0; piece < 9; piece++) {
            struct gs_err err = {.msg = ""};
            uint64_t count = 77;
            int r = read_text(good[i].text, strlen(good[i].text), piece, &names, &count, &err);
            if (r != 0 || strcmp(gs_buf_text(&names), good[i].names) != 0) {
                fail_msg("row %zu in pieces of %zu: %s (%s)", i, piece, err.msg,
                         gs_buf_text(&names));
            }
            assert_true((count > 0) == (good[i].names[0] != '\0'));
        }
    }
    gs_buf_done(&names);
}

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "f.json:1: empty; expected a List of Pods, as kubectl get -o json prints"},
    {" \n ", "f.json:2: empty; expected a List of Pods, as kubectl get -o json prints"},
    {"\xEF\xBB\xBF", "f.json:1: empty; expected a List of Pods, as kubectl get -o json prints"},
    {"\xEF\xBB{}", "f.json:1: found '{'; expected the rest of a byte order mark"},
    {" \xEF\xBB\xBF{}",
     "f.json:1: found byte 0xef; expected a JSON object, as kubectl get -o json prints"},
    {"apiVersion: v1",
     "f.json:1: found 'a'; expected a JSON object, as kubectl get -o json prints"},
    {"\x1f\x8b",
     "f.json:1: found byte 0x1f; expected a JSON object, as kubectl get -o json prints"},
    {"[" POD("a") "]",
     "f.json:1: found '['; expected a JSON object, as kubectl get -o json prints"},
    {"{}", "f.json:1: expected a List of Pods, found an object without a kind"},
    {"\n{\"kind\":\"Service\"}", "f.json:2: expected a List of Pods, found Service"},
    {"{\"kind\":\"NodeList\",\"items\":[{}]}", "f.json:1: expected a List of Pods, found NodeList"},
    {"{\"items\":[],\"kind\":\"NodeList\"}", "f.json:1: expected a List of Pods, found NodeList"},
    {"{\"kind\":\"PodListing\",\"items\":[]}",
     "f.json:1: expected a List of Pods, found PodListing"},
    {"{\"kind\":\"Li\\u0007st\"}", "f.json:1: expected a List of Pods, found a broken kind"},
    {"{\"items\":[" POD("a") ",\n{\"kind\":\"Node\"}],\"kind\":\"List\"}",
     "f.json:2: items[1] is a Node; expected a List of Pods"},
    {"{\"items\":[\n{\"metadata\":{\"name\":\"a\"}}],\"kind\":\"List\"}",
     "f.json:2: an object without kind; expected a Pod"},
    {"{\"kind\":\"List\"}", "f.json:1: the List has no array \"items\"; expected one"},
    {"{\"kind\":\"List\",\"items\":{}}", "f.json:1: the List has no array \"items\"; expected one"},
    {"{\"items\":[],\n\"kind\":\"List\",\"items\":[]}",
     "f.json:2: a second \"items\"; expected one"},
    {"{\"items\":[1],\"kind\":\"List\"}",
     "f.json:1: found '1'; expected an object as element of \"items\""},
    {"{\"items\":[" POD("a") ",\n],\"kind\":\"List\"}",
     "f.json:2: found ']'; expected an object as element of \"items\""},
    {"{\"items\":[" POD("a") "\n" POD("b") "],\"kind\":\"List\"}",
     "f.json:2: found '{'; expected ',' or ']' behind an element of \"items\""},
    {"{\"items\":[" POD("a") "\n},\"kind\":\"List\"}",
     "f.json:2: found '}'; expected ',' or ']' behind an element of \"items\""},
    {"{\"items\":[" POD("a") "],\"kind\":\"List\"}\n" POD("b"),
     "f.json:2: found '{'; expected the end: one JSON document, not two"},
    {POD("a") "\n---", "f.json:2: found '-'; expected the end: one JSON document, not two"},
    {POD("a") "\n]", "f.json:2: found ']'; expected the end: one JSON document, not two"},
    {"{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"ey\"},\"items\":[]}",
     "f.json:1: the list is one page of several (metadata.continue is set); expected all of it, as "
     "kubectl get prints"},
    {"{\"items\":[],\"kind\":\"PodList\",\"metadata\":{\"continue\":\"ey\"}}",
     "f.json:1: the list is one page of several (metadata.continue is set); expected all of it, as "
     "kubectl get prints"},
    {"{\"items\":[\n" POD("a") ",\n{\"kind\":\n", "f.json:4: the input ends inside items[1], which "
                                                  "begins in line 3"},
    {"{\"items\":[\n" POD("a"), "f.json:2: the input ends inside the object of line 1"},
    {"{\"kind\":\"List\n\"}", "f.json:1: a string is not closed at the end of the line"},
    {"{\"items\":[\n{\"kind\":\"Pod\",\n\"a\":1,\n\"a\":2}],\"kind\":\"List\"}",
     "f.json:4: not valid JSON: duplicate object key near '\"a\"'"},
    {"{\"items\":[\n{\"a\":1 2}],\"kind\":\"List\"}",
     "f.json:2: not valid JSON: '}' expected near '2'"},
    {"{\"items\":[{\"a\":[}]],\"kind\":\"List\"}",
     "f.json:1: not valid JSON: unexpected token near '}'"},
    /* behind the items: the line counts what was cut out */
    {"{\"items\":[\n" POD("a") "\n],\n\"kind\":\n\"List\",\n\"kind\":\"List\"}",
     "f.json:6: not valid JSON: duplicate object key near '\"kind\"'"},
    {"{\"a\":\nbad,\"items\":[]}", "f.json:2: not valid JSON: invalid token near 'bad'"},
    {"{\"items\":[\n" POD("a") ",\n{\"kind\":\"Pod\"}],\"kind\":\"List\"}", "f.json:3: no name"},
    {"{\"items\":[{\"metadata\":7}],\"kind\":\"PodList\"}",
     "f.json:1: \"metadata\" is a number; expected an object"},
    {POD("a\\n"), "f.json:1: \"name\" has a control character; expected plain text"},
};

static void kubelist__refuses_with_line_and_expectation(void **state)
{
    (void)state;
    struct gs_buf names;
    gs_buf_init(&names, 1000);
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        for (size_t piece = 0; piece < 4; piece++) {
            struct gs_err err = {.msg = ""};
            uint64_t count = 77;
            int r = read_text(bad[i].text, strlen(bad[i].text), piece, &names, &count, &err);
            if (r != GS_INVALID || strcmp(err.msg, bad[i].says) != 0) {
                fail_msg("row %zu: %d \"%s\" in place of \"%s\"", i, r, err.msg, bad[i].says);
            }
            assert_true(count == 77);
        }
    }
    gs_buf_done(&names);
}

static void kubelist__a_list_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    struct gs_buf names;
    gs_buf_init(&names, 1000);
    const char *text = good[0].text;
    for (size_t n = 0; n + 2 < strlen(text); n++) { /* the last two: "}\n" */
        struct gs_err err;
        assert_int_equal(read_text(text, n, 0, &names, NULL, &err), GS_INVALID);
    }
    gs_buf_done(&names);
}

/* An endless input: `head` once, then `body` for ever. */
struct endless {
    const char *head, *body;
    uint64_t given;
};

static int endless_read(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct endless *input = ctx;
    (void)err;
    size_t n = 0;
    const char *next = input->given == 0 ? input->head : input->body;
    while (n + strlen(next) <= size) {
        memcpy(bytes + n, next, strlen(next));
        n += strlen(next);
        next = input->body;
    }
    input->given += n;
    *ret_n = n;
    return 0;
}

static const struct {
    const char *head, *body, *says;
} endless[] = {
    {"{\"items\":[",
     "{\"metadata\":{}                                                                         "
     "                                                                                       },\n",
     "more than 5000000 bytes"},
    {" ", " ", "more than 5000000 bytes"},
    {"{", "\"a\":\"b\",", "an object of more than 4194304 bytes; expected a Pod"},
    {"{\"items\":[{", "\"a\":\"b\",", "an object of more than 4194304 bytes; expected a Pod"},
    {"{\"items\":[{\"a\":\"", "aaaa", "an object of more than 4194304 bytes; expected a Pod"},
    {"{\"a\":", "[", "values nested deeper than 100"},
    {"{\"items\":[", "{\"a\":", "values nested deeper than 100"},
};

static int take_nothing(void *ctx, const struct json_t *object, struct gs_err *err)
{
    (void)ctx;
    (void)object;
    (void)err;
    return 0;
}

static void kubelist__input_without_an_end_meets_a_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(endless); i++) {
        struct endless input = {.head = endless[i].head, .body = endless[i].body};
        struct gs_kubelist_options options = {
            .label = "f.json", .kind = "Pod", .max_bytes = 5000000};
        struct gs_err err = {.msg = ""};
        int r = gs_kubelist_read(&options,
                                 (struct gs_kubelist_source){.read = endless_read, .ctx = &input},
                                 (struct gs_kubelist_sink){.take = take_nothing}, NULL, &err);
        assert_int_equal(r, GS_LIMIT);
        if (strstr(err.msg, endless[i].says) == NULL) {
            fail_msg("row %zu: %s", i, err.msg);
        }
        assert_true(input.given <= 5000000 + 64 * 1024);
    }
}

static void kubelist__a_file_known_to_be_too_large_is_not_read(void **state)
{
    (void)state;
    struct endless input = {.head = "{", .body = "{"};
    struct gs_kubelist_options options = {.label = "f.json", .kind = "Pod", .size = 1ull << 32};
    struct gs_err err = {.msg = ""};
    int r =
        gs_kubelist_read(&options, (struct gs_kubelist_source){.read = endless_read, .ctx = &input},
                         (struct gs_kubelist_sink){.take = take_nothing}, NULL, &err);
    assert_int_equal(r, GS_LIMIT);
    assert_string_equal(
        err.msg, "f.json:1: more than 1073741824 bytes; expected a list of at most that size");
    assert_true(input.given == 0);
}

static int failing_read(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    (void)ctx;
    (void)bytes;
    (void)size;
    *ret_n = 0;
    return gs_fail_errno(err, 5, "reading");
}

static void kubelist__says_when_the_source_fails(void **state)
{
    (void)state;
    struct gs_kubelist_options options = {.label = "f.json", .kind = "Pod"};
    struct gs_err err = {.msg = ""};
    int r = gs_kubelist_read(&options, (struct gs_kubelist_source){.read = failing_read},
                             (struct gs_kubelist_sink){.take = take_nothing}, NULL, &err);
    assert_int_equal(r, GS_IO);
    assert_string_equal(err.msg, "f.json: reading: Input/output error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubelist__hands_out_every_object_in_order),
        cmocka_unit_test(kubelist__refuses_with_line_and_expectation),
        cmocka_unit_test(kubelist__a_list_cut_off_anywhere_is_refused),
        cmocka_unit_test(kubelist__input_without_an_end_meets_a_bound),
        cmocka_unit_test(kubelist__a_file_known_to_be_too_large_is_not_read),
        cmocka_unit_test(kubelist__says_when_the_source_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
