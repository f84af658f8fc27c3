#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dashboard/door.h"

static struct gs_door *new_door(const char *hosts)
{
    const struct gs_door_options options = {.hosts = hosts};
    struct gs_door *door = NULL;
    assert_int_equal(gs_door_new(&options, &door, NULL), 0);
    return door;
}

static void door__knows_its_names_and_loopback(void **state)
{
    static const struct {
        const char *host;
        bool ours;
    } rows[] = {
        {"localhost", true},
        {"LOCALHOST:8080", true},
        {"127.0.0.1", true},
        {"127.255.0.9:1", true},
        {"[::1]", true},
        {"[::1]:65535", true},
        {"gpuslice.example", true},
        {"Gpuslice.Example:443", true},
        {"b.example", true},
        {"", false},
        {":80", false},
        {"localhost.", false},
        {"localhost.evil.example", false},
        {"evil.example", false},
        {"127.0.0.1.evil.example", false},
        {"127.1", false},
        {"2130706433", false},
        {"0.0.0.0", false},
        {"[::]", false},
        {"[::1", false},
        {"[::1]x", false},
        {"[::1]:65536", false},
        {"[::ffff:127.0.0.1]", false},
        {"localhost:", false},
        {"localhost:http", false},
        {"localhost:80:80", false},
        {"evil@localhost", false},
        {"gpuslice.example,b.example", false},
    };
    struct gs_door *door = new_door("gpuslice.example, b.example");
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        if (gs_door_is_ours(door, rows[i].host) != rows[i].ours) {
            fail_msg("%s", rows[i].host);
        }
    }
    gs_door_free(door);
}

static void door__names_have_bounds(void **state)
{
    char longest[400];
    struct gs_door *door = NULL;
    const struct gs_door_options many = {.hosts = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};
    const struct gs_door_options empty = {.hosts = "a,,b"};
    const struct gs_door_options wide = {.hosts = longest};
    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(gs_door_new(&many, &door, NULL), GS_INVALID);
    assert_int_equal(gs_door_new(&empty, &door, NULL), GS_INVALID);
    assert_int_equal(gs_door_new(&wide, &door, NULL), GS_INVALID);
}

static void door__codes_are_few_and_end(void **state)
{
    struct gs_door *door = new_door("");
    char code[GS_DOOR_ID_TEXT];
    char other[GS_DOOR_ID_TEXT];
    struct gs_err err;
    (void)state;
    for (unsigned i = 0; i < GS_DOOR_CODES_MAX; i++) {
        assert_int_equal(gs_door_code(door, "t", 1000, code, &err), 0);
    }
    assert_int_equal(gs_door_code(door, "t", 1000, other, &err), GS_LIMIT);
    assert_int_equal(gs_door_code(door, "t", 1000 + 60000000, other, &err), 0);
    assert_int_equal(strlen(other), GS_DOOR_ID_TEXT - 1);
    assert_string_not_equal(code, other);
    gs_door_free(door);
}

static void door__a_token_of_any_length_is_not_kept(void **state)
{
    struct gs_door *door = new_door("");
    char *token = calloc(1, GS_DOOR_TOKEN_MAX + 2);
    char code[GS_DOOR_ID_TEXT];
    (void)state;
    memset(token, 'a', GS_DOOR_TOKEN_MAX + 1);
    assert_int_equal(gs_door_code(door, token, 0, code, NULL), GS_INVALID);
    free(token);
    gs_door_free(door);
}

static void door__same_means_all_of_it(void **state)
{
    (void)state;
    assert_true(gs_door_same("abc", "abc"));
    assert_true(gs_door_same("", ""));
    assert_false(gs_door_same("abc", "abd"));
    assert_false(gs_door_same("abc", "ab"));
    assert_false(gs_door_same("", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(door__knows_its_names_and_loopback),
        cmocka_unit_test(door__names_have_bounds),
        cmocka_unit_test(door__codes_are_few_and_end),
        cmocka_unit_test(door__a_token_of_any_length_is_not_kept),
        cmocka_unit_test(door__same_means_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
