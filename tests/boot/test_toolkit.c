#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "boot/toolkit.h"

#define KEY GS_BOOT_TOOLKIT_KEY

static int edit(const char *text, struct gs_buf *out, bool *changed, struct gs_err *err)
{
    gs_buf_init(out, 1 << 20);
    return gs_boot_toolkit_edit(gs_view(text), "config.toml", out, changed, err);
}

/* What it becomes, and that this stays as it is. NULL: it is fine already. */
static void expect(const char *text, const char *becomes)
{
    struct gs_buf out;
    struct gs_err err = {.code = GS_OK};
    bool changed = becomes == NULL;
    int r = edit(text, &out, &changed, &err);
    if (r < 0 || changed != (becomes != NULL) ||
        strcmp(gs_buf_text(&out), becomes == NULL ? "" : becomes) != 0) {
        fail_msg("expected\n%s\nfound %d (%s)\n%s", becomes == NULL ? "no change" : becomes, r,
                 err.msg, gs_buf_text(&out));
    }
    if (becomes != NULL) {
        expect(gs_buf_text(&out), NULL);
    }
    gs_buf_done(&out);
}

/* The file as nvidia-container-toolkit 1.17 installs it, cut short. */
#define REST                                                                                       \
    "disable-require = false\nsupported-driver-capabilities = \"compat32,compute,utility\"\n"      \
    "#swarm-resource = \"DOCKER_RESOURCE_GPU\"\n\n[nvidia-container-cli]\n#debug = \"/var/log/x\"" \
    "\nenvironment = []\nload-kmods = true\n\n[nvidia-container-runtime]\nmode = \"auto\"\n"       \
    "runtimes = [\"runc\", \"crun\"]\n\n[nvidia-container-runtime.modes.cdi]\n"                    \
    "annotation-prefixes = [\"cdi.k8s.io/\"]\n"

static void toolkit__the_shipped_file_gets_a_line_behind_its_comment(void **state)
{
    (void)state;
    expect("#accept-nvidia-visible-devices-as-volume-mounts = false\n#" KEY " = true\n" REST,
           "#accept-nvidia-visible-devices-as-volume-mounts = false\n#" KEY " = true\n" KEY
           " = false\n" REST);
}

static void toolkit__only_the_value_is_replaced(void **state)
{
    (void)state;
    static const char *const around[][2] = {
        {KEY " = ", "\n" REST},
        {"a = 1\n  " KEY "=", " # why\n" REST},
        {"\"" KEY "\"\t=\t", ""},
        {"'" KEY "' = ", "\r\nb = 2\r\n"},
        {"\xef\xbb\xbf" KEY " = ", "\n"},
        {"s = \"\"\"\n" KEY " = true\n\"\"\"\n" KEY " = ", "\n"},
        {"s = '''\n" KEY " = true\n''''\nt = \"\"\"a\\\"\"\"\"\"\n" KEY " = ", "\n"},
        {"l = [ # \" [\n  \"]\", '#', [1, 2], {a = \"}\"},\n]\n" KEY " = ",
         "\n[t]\n" KEY " = true\n"},
        {"t = {a = [1, 2], b = \"c\"} # d\nd = 1979-05-27 07:32:00\nf = -1.5e3\n" KEY " = ", "\n"},
        {"nvidia." KEY " = true\na.b . \"c\" = 1\n" KEY " = ", "\n"},
        {"s = \"a\\\\\"\n" KEY " = ", "\n"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(around); i++) {
        char was[2048];
        char shall[2048];
        snprintf(was, sizeof(was), "%strue%s", around[i][0], around[i][1]);
        snprintf(shall, sizeof(shall), "%sfalse%s", around[i][0], around[i][1]);
        expect(was, shall);
        expect(shall, NULL);
    }
}

static void toolkit__a_line_is_added_where_the_key_is_not_set(void **state)
{
    (void)state;
    expect("", KEY " = false\n");
    expect("\n", KEY " = false\n\n");
    expect("[t]\na = 1\n", KEY " = false\n[t]\na = 1\n");
    expect("a = 1", KEY " = false\na = 1");
    expect("a = 1\r\n[t]\r\n", KEY " = false\r\na = 1\r\n[t]\r\n");
    expect("\xef\xbb\xbf[t]\n", "\xef\xbb\xbf" KEY " = false\n[t]\n");
    /* in a table it is another key */
    expect("[t]\n" KEY " = true\n", KEY " = false\n[t]\n" KEY " = true\n");
    expect("x." KEY " = true\n", KEY " = false\nx." KEY " = true\n");
    /* in a text, or as a part of another comment, it is none */
    expect("s = \"" KEY " = true\"\n", KEY " = false\ns = \"" KEY " = true\"\n");
    expect("a = 1 #" KEY " = true\n[t]\n", KEY " = false\na = 1 #" KEY " = true\n[t]\n");
    expect("# see " KEY " = true\n", KEY " = false\n# see " KEY " = true\n");
    expect("a = 1\n#" KEY " = true", "a = 1\n#" KEY " = true\n" KEY " = false\n");
    expect("a = 1\r\n# " KEY "=true\r\n[t]\r\n",
           "a = 1\r\n# " KEY "=true\r\n" KEY " = false\r\n[t]\r\n");
}

static void toolkit__what_is_no_toml_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {KEY " = \"true\"\n", "is \"true\"; expected true or false"},
        {KEY " = 1\n", "is 1; expected true or false"},
        {KEY " = true\n" KEY " = true\n", "config.toml:2: " KEY " is set a second time"},
        {KEY " = true false\n", "is true false; expected true or false"},
        {KEY "\n", "config.toml:1: found the end of the line; expected = behind the key"},
        {KEY " =\n", "found the end of the line; expected a value"},
        {"a = 1\n= 2\n", "config.toml:2: found '='; expected a key"},
        {"a = \"b\n", "expected the end of a text in quotes"},
        {"a = 'b", "found the end of the file; expected the end of a text in quotes"},
        {"a = \"b\\", "expected the end of a text in quotes"},
        {"a = \"\"\"\nb", "config.toml:2: found the end of the file"},
        {"a = [1, {2]}\n", "found ']'; expected the other bracket"},
        {"a = [1\n[t]\n", "expected the end of a list or table"},
        {"a = 'b' c\n", "found 'c'; expected the end of the line behind a value"},
        {"a. = 1\n", "expected a key"},
        {"{\"json\": true}\n", "config.toml:1: found '{'; expected a key"},
        {"\x01", "found byte 0x01"},
        {"a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
         "expected fewer lists within each other"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_buf out;
        struct gs_err err = {.code = GS_OK};
        bool changed = false;
        int r = edit(cases[i].text, &out, &changed, &err);
        if (r != GS_INVALID || strstr(err.msg, cases[i].says) == NULL || out.len > 0) {
            fail_msg("expected \"%s\"; found %d \"%s\"", cases[i].says, r, err.msg);
        }
        gs_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toolkit__the_shipped_file_gets_a_line_behind_its_comment),
        cmocka_unit_test(toolkit__only_the_value_is_replaced),
        cmocka_unit_test(toolkit__a_line_is_added_where_the_key_is_not_set),
        cmocka_unit_test(toolkit__what_is_no_toml_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
