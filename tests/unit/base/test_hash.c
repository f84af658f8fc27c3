#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"

/* Of draft-eastlake-fnv, appendix C: names of objects end in such a hash, so it must not change. */
static void hash__is_that_of_its_source(void **state)
{
    static const struct {
        const char *text;
        uint32_t of32;
        uint64_t of64;
    } cases[] = {
        {"", 0x811c9dc5, 0xcbf29ce484222325},
        {"a", 0xe40c292c, 0xaf63dc4c8601ec8c},
        {"foobar", 0xbf9cf968, 0x85944171f73967e8},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const char *text = cases[i].text;
        assert_int_equal(gs_hash_on(GS_HASH_EMPTY, text), cases[i].of32);
        assert_true(gs_hash64_on(GS_HASH64_EMPTY, text) == cases[i].of64);
        assert_true(gs_hash64_bytes_on(GS_HASH64_EMPTY, text, strlen(text)) == cases[i].of64);
    }
}

static void hash__goes_on_where_another_ended(void **state)
{
    (void)state;
    assert_int_equal(gs_hash_on(gs_hash_on(GS_HASH_EMPTY, "foo"), "bar"),
                     gs_hash_on(GS_HASH_EMPTY, "foobar"));
    assert_true(gs_hash64_on(gs_hash64_bytes_on(GS_HASH64_EMPTY, "foobar", 3), "bar") ==
                gs_hash64_on(GS_HASH64_EMPTY, "foobar"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash__is_that_of_its_source),
        cmocka_unit_test(hash__goes_on_where_another_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
