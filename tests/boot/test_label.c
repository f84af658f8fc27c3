#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "boot/label.h"

#define KEY "nvidia.com/mig.config"

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

static int find(const char *text, struct gs_boot_label *label, struct gs_err *err)
{
    *label = (struct gs_boot_label){.key = KEY};
    int r = gs_boot_label_look(gs_view(text), "user-data", &arena, label, err);
    return r < 0 ? r : gs_boot_label_end(label, err);
}

static void expect(const char *text, const char *value, const char *place)
{
    struct gs_boot_label label;
    struct gs_err err = {.code = GS_OK};
    int r = find(text, &label, &err);
    if (r < 0 || strcmp(label.value, value) != 0 || strcmp(label.place, place) != 0) {
        fail_msg("expected %s at %s; found %d \"%s\" at \"%s\" (%s) in\n%s", value, place, r,
                 label.value, label.place, err.msg, text);
    }
}

/* Every way in which texts that a node boots with say a label. */
static void label__is_found_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } cases[] = {
        {"--node-labels=a=b," KEY "=all-1g.5gb", 1},
        {"--node-labels=" KEY "=all-1g.5gb,a=b", 1},
        {"--node-labels " KEY "=all-1g.5gb --v=2", 1},
        {"#!/bin/bash\nset -e\n/etc/eks/bootstrap.sh c --kubelet-extra-args "
         "'--node-labels=a=b," KEY "=all-1g.5gb --max-pods=110'\n",
         3},
        {"NODEADM_KUBELET_ARGS=--v=2 --node-labels=" KEY "=all-1g.5gb\n", 1},
        {"kubelet \\\n--node-labels=" KEY "=all-1g.5gb \\\n--v=2\n", 2},
        {"kubelet --node-labels=" KEY "=all-1g.5gb\\\n", 1},
        {"spec:\n  kubelet:\n    flags:\n    - --node-labels=\"karpenter.sh/capacity-type=spot," KEY
         "=all-1g.5gb\"\n",
         4},
        {"{\"flags\":[\"--node-labels=\\\"a=b," KEY "=all-1g.5gb\\\"\",\"--v=2\"]}", 1},
        {"{\"labels\": {\"" KEY "\": \"all-1g.5gb\"}}", 1},
        {"{\"labels\":{\"" KEY "\":\"all-1g.5gb\"}}", 1},
        {"\"{\\\"" KEY "\\\":\\\"all-1g.5gb\\\"}\"", 1},
        {"labels:\n  " KEY ": all-1g.5gb\n", 2},
        {"labels:\n  " KEY ": \"all-1g.5gb\" # ours\n", 2},
        {"labels: {" KEY ": all-1g.5gb}\n", 1},
        {"[settings.kubernetes.node-labels]\n\"" KEY "\" = \"all-1g.5gb\"\n", 2},
        {"node-label:\n  - \"" KEY "=all-1g.5gb\"\n", 2},
        {"args=(--node-labels=" KEY "=all-1g.5gb)\n", 1},
        {"A='" KEY "=all-1g.5gb';B=c\n", 1},
        {"A=\"--node-labels=" KEY "='all-1g.5gb'\"\n", 1},
        {"--node-labels=" KEY "=all-1g.5gb\r\n--v=2\r\n", 1},
        {KEY "=all-1g.5gb\n" KEY "=all-1g.5gb\n", 1},
        {"x." KEY "=other\n" KEY "=all-1g.5gb", 2},
        {"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"//\"\n\n--//\n"
         "Content-Type: application/node.eks.aws\n\nflags:\n- --node-labels=" KEY
         "=all-1g.5gb\n--//--\n",
         8},
        {"Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Transfer-Encoding: 7bit\n\n" KEY
         "=all-1g.5gb\n--B--\n",
         6},
        {"printf \"it's\" # no comment: " KEY "=all-1g.5gb\n" KEY "=all-1g.5gb", 2},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char place[40];
        snprintf(place, sizeof(place), "user-data:%u", cases[i].line);
        expect(cases[i].text, "all-1g.5gb", place);
    }
}

/* "- --node-labels=a=b,nvidia.com/mig.config=all-balanced\n" */
#define ENCODED "LSAtLW5vZGUtbGFiZWxzPWE9Yixu\ndmlkaWEuY29tL21pZy5jb25maWc9YWxsLWJhbGFuY2VkCg==\n"

static void label__is_found_in_base64(void **state)
{
    (void)state;
    expect(ENCODED, "all-balanced", "user-data:1");
    expect("MIME-Version: 1.0\r\nContent-Type: Multipart/mixed; boundary=\"B\"\r\n\r\n"
           "--B\r\ncontent-transfer-encoding: BASE64\r\n\r\n" ENCODED "--B--\r\n",
           "all-balanced", "user-data:7, decoded:1");
    /* behind such a part all goes on, and lines are counted on */
    expect("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Transfer-Encoding: base64\n\n"
           "aGVsbG8=\n--B\n\n" KEY "=all-1g.5gb\n",
           "all-1g.5gb", "user-data:9");
    /* said to be base64, and is not */
    expect("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Transfer-Encoding: base64\n\n"
           "- --node-labels=" KEY "=all-1g.5gb\n--B--\n",
           "all-1g.5gb", "user-data:6");
}

static void label__what_is_none_is_passed_over(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "#!/bin/bash\necho hello\n",
        "# " KEY "=all-1g.5gb\n",
        "   # --node-labels=" KEY "=all-1g.5gb\n",
        "--v=2 # --node-labels=" KEY "=all-1g.5gb\n",
        "a: \"b\" # " KEY ": all-1g.5gb\n",
        "--node-labels=x" KEY "=all-1g.5gb",
        "--node-labels=x." KEY "=all-1g.5gb",
        "--node-labels=x/" KEY "=all-1g.5gb",
        "--node-labels=" KEY ".state=success",
        "--node-labels=" KEY "-x=success",
        "gpuslice-boot --label " KEY " --label-file f\n",
        "kubectl label node n " KEY "-\n",
        "--register-with-taints=" KEY "=all-1g.5gb:NoSchedule",
        "--register-with-taints=" KEY ":NoSchedule",
        "grep -o '" KEY "=[^,\"]*' f\n",
        "sed 's/.*" KEY "=\\([^,]*\\).*/\\1/' f\n",
        "[ \"$key\" == " KEY " ]\n",
        "AAAA\nBBBB\n",
        "Content-Transfer-Encoding: quoted-printable\n",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(texts); i++) {
        struct gs_boot_label label;
        struct gs_err err = {.code = GS_OK};
        int r = find(texts[i], &label, &err);
        if (r != GS_NOT_FOUND || err.code != GS_OK) {
            fail_msg("found %d \"%s\" (%s) in \"%s\"", r, label.value, err.msg, texts[i]);
        }
    }
}

static void label__what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *says;
    } cases[] = {
        {KEY "=a\n" KEY "=b\n", GS_AMBIGUOUS,
         "user-data:2: the label " KEY " is b, and a at user-data:1; expected one value"},
        {"--node-labels=" KEY "=a," KEY "=b", GS_AMBIGUOUS, "expected one value"},
        {KEY "=\n", GS_INVALID, "user-data:1: the label " KEY " has no value"},
        {"labels:\n  " KEY ":\n", GS_INVALID, "user-data:2: the label " KEY " has no value"},
        {KEY "=\"\"\n", GS_INVALID, "has no value"},
        {"\n" KEY "=${LAYOUT}\n", GS_INVALID, "user-data:2: found \"" KEY "=${LAYOUT}\""},
        {KEY "=$LAYOUT,a=b\n", GS_INVALID, "give --layout instead"},
        {KEY "=all-$X\n", GS_INVALID, "found \"" KEY "=all-$X\""},
        {KEY "={{ .Layout }}\n", GS_INVALID, "found"},
        {"printf '" KEY "=%s' x", GS_INVALID, "found"},
        {KEY "=all-1g.5gb+me", GS_INVALID, "up to 63 letters"},
        {KEY "=all-1g.5gb.", GS_INVALID, "with a letter or digit at both ends"},
        {KEY "=-a", GS_INVALID, "with a letter or digit at both ends"},
        {KEY "=a23456789012345678901234567890123456789012345678901234567890abcd", GS_INVALID,
         "up to 63 letters"},
        {"\x1f\x8b\x08", GS_UNSUPPORTED, "user-data is compressed (gzip)"},
        {"H4sIAAAA", GS_UNSUPPORTED, "is compressed (gzip)"},
        {"Content-Type: multipart/mixed\n\n--B\nContent-Transfer-Encoding: quoted-printable\n",
         GS_UNSUPPORTED, "user-data:4: a part is encoded as \"quoted-printable\""},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_boot_label label;
        struct gs_err err = {.code = GS_OK};
        int r = find(cases[i].text, &label, &err);
        if (r != cases[i].code || strstr(err.msg, cases[i].says) == NULL) {
            fail_msg("expected %d \"%s\"; found %d \"%s\" of \"%s\"", cases[i].code, cases[i].says,
                     r, err.msg, cases[i].text);
        }
    }
}

static void label__a_value_of_63_bytes_is_the_longest(void **state)
{
    (void)state;
    expect(KEY "=a23456789012345678901234567890123456789012345678901234567890abc,x=y",
           "a23456789012345678901234567890123456789012345678901234567890abc", "user-data:1");
}

static void label__an_empty_one_beside_a_value_is_no_hindrance(void **state)
{
    (void)state;
    expect("grep -q '" KEY "=' file\n--node-labels=" KEY "=all-1g.5gb\n", "all-1g.5gb",
           "user-data:2");
}

static void label__is_one_over_all_files(void **state)
{
    (void)state;
    struct gs_boot_label label = {.key = KEY};
    struct gs_err err;
    assert_int_equal(gs_boot_label_look(gs_view("nothing"), "a", &arena, &label, &err), 0);
    assert_int_equal(gs_boot_label_look(gs_view(KEY "=x"), "b", &arena, &label, &err), 0);
    assert_int_equal(gs_boot_label_look(gs_view(KEY "=x"), "c", &arena, &label, &err), 0);
    assert_int_equal(gs_boot_label_look(gs_view(KEY "=y"), "d", &arena, &label, &err),
                     GS_AMBIGUOUS);
    assert_non_null(strstr(err.msg, "d:1: the label " KEY " is y, and x at b:1"));
    assert_string_equal(label.value, "x");
}

static void label__bytes_that_are_no_text_do_no_harm(void **state)
{
    (void)state;
    static const char bytes[] = "\0\xff" KEY "=a\0\xfe\n\0";
    struct gs_boot_label label = {.key = KEY};
    struct gs_view text = {.p = bytes, .n = sizeof(bytes) - 1};
    assert_int_equal(gs_boot_label_look(text, "f", &arena, &label, NULL), 0);
    assert_string_equal(label.value, "a");
}

static void label__a_text_without_end_is_refused(void **state)
{
    (void)state;
    static char text[GS_BOOT_LABEL_TEXT_MAX + 1];
    struct gs_boot_label label = {.key = KEY};
    memset(text, 'a', sizeof(text));
    struct gs_view view = {.p = text, .n = sizeof(text)};
    assert_int_equal(gs_boot_label_look(view, "f", &arena, &label, NULL), GS_LIMIT);
    view.n--;
    assert_int_equal(gs_boot_label_look(view, "f", &arena, &label, NULL), 0);
}

static void label__its_key_is_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a b", "a=b", "a,b", "\n"};
    char text[GS_BOOT_LABEL_KEY_MAX + 2];
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        assert_int_equal(gs_boot_label_check_key(bad[i], NULL), GS_INVALID);
    }
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(gs_boot_label_check_key(text, NULL), GS_INVALID);
    assert_int_equal(gs_boot_label_check_key(text + 1, NULL), 0);
    assert_int_equal(gs_boot_label_check_key(KEY, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label__is_found_in_every_form),
        cmocka_unit_test(label__is_found_in_base64),
        cmocka_unit_test(label__what_is_none_is_passed_over),
        cmocka_unit_test(label__what_cannot_be_is_refused),
        cmocka_unit_test(label__a_value_of_63_bytes_is_the_longest),
        cmocka_unit_test(label__an_empty_one_beside_a_value_is_no_hindrance),
        cmocka_unit_test(label__is_one_over_all_files),
        cmocka_unit_test(label__bytes_that_are_no_text_do_no_harm),
        cmocka_unit_test(label__a_text_without_end_is_refused),
        cmocka_unit_test(label__its_key_is_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
