#include "unit/check.h"

#include <string.h>

#include "unit/wire/json_text.h"
#include "wire/kubelease.h"

static const struct gs_kubelease full = {
    .name_space = "gpuslice-system",
    .name = "gpuslice-controller",
    .resource_version = "12",
    .holder = "a-0",
    .duration_s = 15,
    .transitions = 3,
    .acquired_us = 1767225601000000ull,
    .renewed_us = 1767225602123456ull,
};

static int parse(const char *text, struct gs_arena *arena, struct gs_kubelease *ret,
                 struct gs_err *err)
{
    json_t *object = json_text(text);
    int r = gs_kubelease_parse(object, arena, ret, err);
    json_decref(object);
    return r;
}

static void kubelease__is_read_as_it_was_written(void **state)
{
    struct gs_buf text;
    struct gs_arena arena;
    struct gs_kubelease read;
    (void)state;
    gs_buf_init(&text, 1 << 16);
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 16);
    assert_int_equal(gs_kubelease_write(&full, &text, NULL), 0);
    assert_int_equal(parse(gs_buf_text(&text), &arena, &read, NULL), 0);
    assert_string_equal(read.name, full.name);
    assert_string_equal(read.name_space, full.name_space);
    assert_string_equal(read.resource_version, full.resource_version);
    assert_string_equal(read.holder, full.holder);
    assert_int_equal(read.duration_s, full.duration_s);
    assert_int_equal(read.transitions, full.transitions);
    assert_int_equal(read.acquired_us, full.acquired_us);
    assert_int_equal(read.renewed_us, full.renewed_us);
    gs_arena_done(&arena);
    gs_buf_done(&text);
}

static void kubelease__a_new_one_has_no_version(void **state)
{
    struct gs_kubelease lease = full;
    struct gs_buf text;
    (void)state;
    lease.resource_version = "";
    gs_buf_init(&text, 1 << 16);
    assert_int_equal(gs_kubelease_write(&lease, &text, NULL), 0);
    assert_null(strstr(gs_buf_text(&text), "resourceVersion"));
    gs_buf_done(&text);
}

static void kubelease__nobody_holds_one_that_says_nothing(void **state)
{
    struct gs_arena arena;
    struct gs_kubelease read;
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 16);
    assert_int_equal(
        parse("{'metadata':{'name':'a'},'spec':{'holderIdentity':null}}", &arena, &read, NULL), 0);
    assert_string_equal(read.holder, "");
    assert_int_equal(read.duration_s, 0);
    gs_arena_done(&arena);
}

static void kubelease__what_is_no_lease_is_refused(void **state)
{
    static const char *const texts[] = {
        "{'spec':[]}",
        "{'spec':{'leaseDurationSeconds':-1}}",
        "{'spec':{'leaseDurationSeconds':'15'}}",
        "{'spec':{'leaseDurationSeconds':99999}}",
        "{'spec':{'renewTime':'now'}}",
        "{'spec':{'holderIdentity':5}}",
    };
    struct gs_arena arena;
    struct gs_kubelease read;
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 16);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct gs_err err = {.code = GS_OK};
        assert_int_equal(parse(texts[i], &arena, &read, &err), GS_INVALID);
        assert_memory_equal(err.msg, "the Lease: ", 11);
    }
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubelease__is_read_as_it_was_written),
        cmocka_unit_test(kubelease__a_new_one_has_no_version),
        cmocka_unit_test(kubelease__nobody_holds_one_that_says_nothing),
        cmocka_unit_test(kubelease__what_is_no_lease_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
