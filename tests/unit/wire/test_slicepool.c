#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/wire/json_text.h"
#include "wire/slicepool.h"

static int parse(const char *text, struct gs_arena *arena, struct gs_slicepool *ret,
                 struct gs_err *err)
{
    json_t *object = json_text(text);
    int r = gs_slicepool_parse(object, arena, ret, err);
    json_decref(object);
    return r;
}

static bool is_profile(const struct gs_profile_name *profile, const char *name)
{
    char text[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(profile, text);
    return strcmp(text, name) == 0;
}

#define NEEDED "'nodeClassRef': {'name': 'gpu'}, 'instanceTypes': ['p4d.24xlarge']"
#define POOL(more) "{'metadata': {'name': 'p'}, 'spec': {" NEEDED more "}}"

static void slicepool__what_a_user_writes_is_read(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_slicepool pool;
    struct gs_err err = {.msg = ""};
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    int r = parse(
        "{'metadata': {'name': 'gpu', 'uid': 'u', 'generation': 3}, 'spec': {'nodeClassRef': "
        "{'name': 'gpu'}, 'instanceTypes': ['p4d.24xlarge', 'g7e.2xlarge'], 'capacityTypes': "
        "['spot', 'on-demand'], 'profiles': ['1g.5gb', '3g.20gb'], 'limits': {'gpus': 64, "
        "'usdPerHour': '200.5'}, 'moves': 'optIn', 'warm': {'1g.5gb': 4}, 'labels': {'team': 'a'}, "
        "'taints': [{'key': 'nvidia.com/gpu', 'effect': 'NoSchedule'}], 'emptyAfter': '1h30m5s', 'spotPercent': 35, "
        "'startLimit': '90s', 'expireAfter': 'Never', 'scaling': 'static', 'recut': 'profiles', 'zones': ['us-east-1a']}}",
        &arena, &pool, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(r, 0);
    assert_string_equal(pool.name, "gpu");
    assert_true(pool.generation == 3 && !pool.deleting);
    assert_string_equal(pool.node_class.group, "karpenter.k8s.aws");
    assert_string_equal(pool.node_class.kind, "EC2NodeClass");
    assert_string_equal(pool.node_class.name, "gpu");
    assert_true(pool.n_instance_types == 2 && pool.n_capacity_types == 2 && pool.n_zones == 1);
    assert_string_equal(pool.instance_types[0], "p4d.24xlarge");
    assert_string_equal(pool.capacity_types[1], "on-demand");
    assert_int_equal(pool.n_profiles, 2);
    assert_true(is_profile(&pool.profiles[1], "3g.20gb"));
    assert_true(pool.gpus_limit == 64 && pool.uusd_limit == 200500000);
    assert_int_equal(pool.moves, GS_SLICEPOOL_MOVES_OPT_IN);
    assert_int_equal(pool.scaling, GS_SLICEPOOL_STATIC);
    assert_int_equal(pool.recut, GS_SLICEPOOL_RECUT_PROFILES);
    assert_true(gs_slicepool_lists(&pool, &pool.warm[0].profile));
    assert_false(gs_slicepool_lists(&pool, &(struct gs_profile_name){.gpu_slices = 7}));
    assert_true(pool.n_warm == 1 && pool.warm[0].count == 4);
    assert_true(is_profile(&pool.warm[0].profile, "1g.5gb"));
    assert_string_equal(pool.labels[0].value, "a");
    assert_string_equal(pool.taints[0].effect, "NoSchedule");
    assert_int_equal(pool.spot_percent, 35);
    assert_true(pool.empty_after_s == 5405 && pool.start_limit_s == 90);
    assert_true(pool.expire_after_s == UINT32_MAX);
    gs_arena_done(&arena);
}

static void slicepool__what_is_left_out_has_its_default(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_slicepool pool;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_int_equal(parse("{'metadata': {'name': 'p', 'deletionTimestamp': "
                           "'2026-01-01T00:00:00Z'}, 'spec': {" NEEDED "}}",
                           &arena, &pool, NULL),
                     0);
    assert_true(pool.deleting);
    assert_int_equal(pool.n_capacity_types, 1);
    assert_string_equal(pool.capacity_types[0], "on-demand");
    assert_true(pool.gpus_limit == UINT64_MAX && pool.uusd_limit == UINT64_MAX);
    assert_int_equal(pool.moves, GS_SLICEPOOL_MOVES_NEVER);
    assert_int_equal(pool.scaling, GS_SLICEPOOL_OVERLAY);
    assert_int_equal(pool.recut, GS_SLICEPOOL_RECUT_ANY);
    assert_true(gs_slicepool_lists(&pool, &(struct gs_profile_name){.gpu_slices = 7}));
    assert_true(pool.n_profiles == 0 && pool.n_warm == 0 && pool.n_zones == 0);
    assert_true(pool.n_labels == 0 && pool.n_taints == 0);
    assert_int_equal(pool.spot_percent, 100);
    assert_true(pool.empty_after_s == 600 && pool.start_limit_s == 1200);
    assert_true(pool.expire_after_s == 2592000);
    gs_arena_done(&arena);
}

static const struct {
    const char *text;
    bool good;
    uint64_t uusd;
    const char *back;
} dollars[] = {
    {"0", true, 0, "0"},
    {"200", true, 200000000, "200"},
    {"12.5", true, 12500000, "12.5"},
    {"0.000001", true, 1, "0.000001"},
    {"0.10", true, 100000, "0.1"},
    {"999999999.999999", true, 999999999999999, "999999999.999999"},
    {"010", true, 10000000, "10"},
    {"1000000000", false, 0, ""},
    {"0.0000001", false, 0, ""},
    {"1.", false, 0, ""},
    {".5", false, 0, ""},
    {"-1", false, 0, ""},
    {"1e3", false, 0, ""},
    {"1.5e3", false, 0, ""},
    {"1,5", false, 0, ""},
    {" 1", false, 0, ""},
    {"1.+5", false, 0, ""},
    {"", false, 0, ""},
};

static void slicepool__dollars_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(dollars); i++) {
        uint64_t uusd = 77;
        char back[GS_SLICEPOOL_USD_MAX];
        bool good = gs_slicepool_usd_parse(gs_view(dollars[i].text), &uusd);
        if (good != dollars[i].good || uusd != (good ? dollars[i].uusd : 77)) {
            fail_msg("\"%s\": %d %llu", dollars[i].text, good, (unsigned long long)uusd);
        }
        gs_slicepool_usd_format(dollars[i].uusd, back);
        if (good) {
            assert_string_equal(back, dollars[i].back);
        }
    }
    char most[GS_SLICEPOOL_USD_MAX];
    gs_slicepool_usd_format(UINT64_MAX, most);
    assert_string_equal(most, "18446744073709.551615");
}

static const struct {
    const char *object, *says;
} bad[] = {
    {"{}", "a SlicePool named \"\"; expected lower-case"},
    {"{'metadata': {'name': 'p'}}", "SlicePool p: spec: nodeClassRef: no \"name\"; expected it"},
    {"{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'g'}}}",
     "SlicePool p: spec: no \"instanceTypes\"; expected at least one"},
    {"{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'g'}, 'instanceTypes': ['a', "
     "'b', 'a']}}",
     "SlicePool p: spec: \"instanceTypes\" has a twice"},
    {"{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'g'}, 'instanceTypes': [7]}}",
     "instanceTypes[0]: found a number; expected a name of 1 to 63 bytes"},
    {POOL(", 'capacityTypes': ['Spot']"),
     "capacityTypes[0] is \"Spot\"; expected reserved, spot or on-demand"},
    {POOL(", 'profiles': ['1g']"), "profiles[0]: \"1g\" is not"},
    {POOL(", 'profiles': ['1c.3g.20gb']"), "profiles[0]: \"1c.3g.20gb\" is a compute instance"},
    {POOL(", 'profiles': ['1g.5gb', '1g.5gb']"), "\"profiles\" has 1g.5gb twice"},
    {POOL(", 'profiles': ['1g.5gb'], 'warm': {'2g.10gb': 1}"),
     "warm: 2g.10gb is not among the profiles of the pool"},
    {POOL(", 'warm': {'2g.10gb': 10001}"), "warm: \"2g.10gb\" is 10001; expected 0 to 10000"},
    {POOL(", 'limits': {'gpus': '64'}"), "limits: \"gpus\" is a string; expected a whole number"},
    {POOL(", 'limits': {'usdPerHour': 200}"), "limits: \"usdPerHour\" is a number; expected a str"},
    {POOL(", 'limits': {'usdPerHour': '$5'}"),
     "limits: \"usdPerHour\" is \"$5\"; expected dollars such as \"200\" or \"12.5\""},
    {POOL(", 'spotPercent': 0"), "\"spotPercent\" is 0; expected 1 to 100"},
    {POOL(", 'spotPercent': 101"), "\"spotPercent\" is 101; expected 0 to 100"},
    {POOL(", 'moves': 'always'"), "\"moves\" is \"always\"; expected never or optIn"},
    {POOL(", 'recut': 'all'"), "\"recut\" is \"all\"; expected anyProfile or profiles"},
    {POOL(", 'scaling': 'x'"), "\"scaling\" is \"x\"; expected overlay or static"},
    {POOL(", 'emptyAfter': '10'"), "\"emptyAfter\" is \"10\"; expected a duration such as 90s"},
    {POOL(", 'emptyAfter': 'Never'"), "\"emptyAfter\" is \"Never\"; expected a duration"},
    {POOL(", 'expireAfter': '5s1h'"), "720h, or Never, ten years at most"},
    {POOL(", 'expireAfter': '87601h'"), "ten years at most"},
    {POOL(", 'expireAfter': '0s'"), "a second at least"},
    {POOL(", 'startLimit': '0h0m'"), "a second at least"},
    {POOL(", 'taints': [{'key': 'k', 'effect': 'None'}]"), "taints[0]: a taint needs a key"},
    {POOL(", 'labels': {'k': 7}"), "labels: \"k\" is a number; expected a string"},
};

static void slicepool__refuses_what_the_schema_would_refuse(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_slicepool pool = {.generation = 77};
        struct gs_err err = {.msg = ""};
        if (parse(bad[i].object, &arena, &pool, &err) != GS_INVALID ||
            strstr(err.msg, bad[i].says) == NULL) {
            fail_msg("row %zu: \"%s\" in place of \"%s\"", i, err.msg, bad[i].says);
        }
        assert_true(pool.generation == 77);
    }
    gs_arena_done(&arena);
}

static void slicepool__a_status_is_one_object_for_an_apply(void **state)
{
    (void)state;
    static const struct gs_slicepool_part parts[] = {{.name = "p-a",
                                                      .instance_type = "t",
                                                      .layout = "all-1g.5gb",
                                                      .nodes = 2,
                                                      .open = true,
                                                      .reason = ""},
                                                     {.name = "p-b",
                                                      .instance_type = "t",
                                                      .layout = "all-7g.40gb",
                                                      .reason = "its overlay is not valid"}};
    static const struct gs_gpunode_condition ready = {
        .type = "Ready", .reason = "Closed", .message = "why", .since_us = 1000000};
    const struct gs_slicepool_status status = {.name = "p",
                                               .observed_generation = 4,
                                               .conditions = &ready,
                                               .n_conditions = 1,
                                               .parts = parts,
                                               .n_parts = 2,
                                               .gpus = 16,
                                               .uusd = 32772600,
                                               .region = "us-east-1",
                                               .controller = "0.1.0"};
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    assert_int_equal(gs_slicepool_write_status(&status, &out, NULL), 0);
    assert_string_equal(
        gs_buf_text(&out),
        "{\"apiVersion\":\"gpuslice.dev/v1alpha1\",\"kind\":\"SlicePool\",\"metadata\":{\"name\":"
        "\"p\"},\"status\":{\"observedGeneration\":4,\"gpus\":16,\"usdPerHour\":\"32.7726\","
        "\"region\":\"us-east-1\",\"controller\":\"0.1.0\",\"pools\":[{\"name\":\"p-a\",\"instanceType\":\"t\",\"layout\":\"all-1g.5gb\",\"nodes\":2,"
        "\"open\":true},{\"name\":\"p-b\",\"instanceType\":\"t\",\"layout\":\"all-7g.40gb\","
        "\"nodes\":0,\"open\":false,\"reason\":\"its overlay is not valid\"}],\"conditions\":[{"
        "\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"Closed\",\"message\":\"why\","
        "\"lastTransitionTime\":\"1970-01-01T00:00:01.000000Z\"}]}}");
    gs_buf_done(&out);
}

static void slicepool__a_status_that_was_written_is_read_back(void **state)
{
    (void)state;
    const struct gs_slicepool_part parts[] = {
        {.name = "p-a", .instance_type = "t", .layout = "all-1g.5gb", .nodes = 2, .open = true},
        {.name = "p-b", .instance_type = "t", .layout = "l", .reason = "its overlay is not valid"}};
    const struct gs_gpunode_condition conditions[] = {
        {.type = "Open", .reason = "LimitsReached", .message = "why", .since_us = 1000000}};
    const struct gs_slicepool_status status = {.name = "p",
                                               .observed_generation = 4,
                                               .conditions = conditions,
                                               .n_conditions = 1,
                                               .parts = parts,
                                               .n_parts = 2,
                                               .gpus = 16,
                                               .uusd = 32772600,
                                               .region = "eu-west-1"};
    struct gs_slicepool_status read;
    struct gs_arena arena;
    struct gs_buf out;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    gs_buf_init(&out, 1 << 16);
    assert_int_equal(gs_slicepool_write_status(&status, &out, NULL), 0);
    json_t *object = json_loads(gs_buf_text(&out), 0, NULL);
    assert_int_equal(gs_slicepool_parse_status(object, &arena, &read, NULL), 0);
    assert_string_equal(read.name, "p");
    assert_true(read.observed_generation == 4 && read.gpus == 16 && read.uusd == 32772600);
    assert_string_equal(read.region, "eu-west-1");
    assert_string_equal(read.controller, ""); /* as an older controller leaves it */
    assert_true(read.n_parts == 2 && read.parts[0].open && !read.parts[1].open);
    assert_true(read.parts[0].nodes == 2);
    assert_string_equal(read.parts[1].reason, "its overlay is not valid");
    assert_true(read.n_conditions == 1 && !read.conditions[0].is_true);
    assert_string_equal(read.conditions[0].message, "why");
    json_decref(object);
    gs_buf_done(&out);
    gs_arena_done(&arena);
}

static void slicepool__what_cannot_be_read_has_a_head(void **state)
{
    static const struct {
        const char *text;
        bool is_static;
        unsigned n_profiles;
        bool bound;
    } heads[] = {
        {"{'metadata': {'name': 'p', 'uid': 'u', 'generation': 7}, 'spec': {'emptyAfter': 'x', "
         "'scaling': 'static', 'limits': {'gpus': 3}, 'profiles': ['1g.5gb'], 'recut': "
         "'profiles'}}",
         true, 1, true},
        {"{'metadata': {'name': 'p', 'uid': 'u', 'generation': 7}, 'spec': {'profiles': ['1g.5gb', "
         "'x'], 'recut': 'profiles'}}",
         false, 0, false},
        {"{'metadata': {'name': 'p', 'uid': 'u', 'generation': 7}, 'spec': {'scaling': 'no'}}",
         false, 0, false},
        {"{'metadata': {'name': 'p', 'uid': 'u', 'generation': 7}, 'spec': []}", false, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct gs_slicepool pool;
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
        json_t *object = json_text(heads[i].text);
        assert_int_equal(gs_slicepool_parse(object, &arena, &pool, NULL), GS_INVALID);
        assert_int_equal(gs_slicepool_parse_head(object, &arena, &pool, NULL), 0);
        assert_string_equal(pool.name, "p");
        assert_string_equal(pool.uid, "u");
        assert_true(pool.generation == 7 && !pool.deleting && pool.n_instance_types == 0);
        assert_int_equal(pool.scaling == GS_SLICEPOOL_STATIC, heads[i].is_static);
        assert_int_equal(pool.n_profiles, heads[i].n_profiles);
        assert_int_equal(pool.recut == GS_SLICEPOOL_RECUT_PROFILES, heads[i].bound);
        json_decref(object);
        gs_arena_done(&arena);
    }
}

static void slicepool__a_status_is_refused_where_the_schema_would(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{'status': {}}",
        "{'metadata': {'name': 'p'}, 'status': []}",
        "{'metadata': {'name': 'p'}, 'status': {'gpus': -1}}",
        "{'metadata': {'name': 'p'}, 'status': {'usdPerHour': 3}}",
        "{'metadata': {'name': 'p'}, 'status': {'usdPerHour': 'much'}}",
        "{'metadata': {'name': 'p'}, 'status': {'pools': [{'nodes': 1}]}}",
        "{'metadata': {'name': 'p'}, 'status': {'pools': [{'name': 'a', 'nodes': 4294967296}]}}",
        "{'metadata': {'name': 'p'}, 'status': {'conditions': [{}]}}",
        "{'metadata': {'name': 'p'}, 'status': {'region': 1}}",
        "{'metadata': {'name': 'p'}, 'status': {'controller': ['0.1.0']}}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct gs_slicepool_status read;
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
        json_t *object = json_text(wrong[i]);
        assert_int_equal(gs_slicepool_parse_status(object, &arena, &read, NULL), GS_INVALID);
        json_decref(object);
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slicepool__what_a_user_writes_is_read),
        cmocka_unit_test(slicepool__what_is_left_out_has_its_default),
        cmocka_unit_test(slicepool__dollars_are_exact),
        cmocka_unit_test(slicepool__refuses_what_the_schema_would_refuse),
        cmocka_unit_test(slicepool__what_cannot_be_read_has_a_head),
        cmocka_unit_test(slicepool__a_status_is_one_object_for_an_apply),
        cmocka_unit_test(slicepool__a_status_that_was_written_is_read_back),
        cmocka_unit_test(slicepool__a_status_is_refused_where_the_schema_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
