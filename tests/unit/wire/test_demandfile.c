#include "unit/wire/bad_input.h"

#include <stdio.h>

#include "wire/demandfile.h"

static const char *const plain[] = {"T4", "A10G", "L4", "L40S"};
static const struct gs_gpu_names names = {.names = plain, .n = 4};

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

static int parse_into(struct gs_demand *demand, const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    return gs_demandfile_read(&gs_alloc_heap, &input, &names, demand, err);
}

static int parse(const char *text, struct gs_err *err)
{
    return parse_into(gs_demand_new(&arena), text, err);
}

static const struct gs_item *read_items(const char *text, size_t expected)
{
    struct gs_demand *demand = gs_demand_new(&arena);
    struct gs_err err = {0};
    if (parse_into(demand, text, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    size_t n;
    const struct gs_item *items = gs_demand_items(demand, &n);
    assert_int_equal(n, expected);
    return items;
}

/* "A100-40GB/1g.5gb*2+L4/gpu*1 | ..." for every alternative. */
static const char *spell(const struct gs_item *item)
{
    static char text[4000];
    size_t used = 0;
    text[0] = '\0';
    for (size_t a = 0; a < item->n_alternatives; a++) {
        for (size_t w = 0; w < item->alternatives[a].n_wants; w++) {
            const struct gs_want *want = &item->alternatives[a].wants[w];
            char profile[GS_PROFILE_NAME_MAX + 1] = "gpu";
            if (!want->whole_gpu) {
                gs_profile_name_format(&want->profile, profile);
            }
            const char *on = want->model != NULL ? want->model->id : want->gpu_name;
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s*%u",
                                     w > 0 ? "+" : (a > 0 ? " | " : ""), on == NULL ? "" : on,
                                     on == NULL ? "" : "/", profile, want->count);
        }
    }
    return text;
}

static void demandfile__reads_every_key(void **state)
{
    (void)state;
    const struct gs_item *item = read_items("items:\n"
                                            "- name: chat\n"
                                            "  count: 12\n"
                                            "  cpu: 500m\n"
                                            "  host_memory: 4Gi\n"
                                            "  gpu_memory: 4.5Gi\n"
                                            "  profile: 1g.5gb\n",
                                            1);
    assert_string_equal(item->name, "chat");
    assert_int_equal(item->count, 12);
    assert_int_equal(item->cpu_milli, 500);
    assert_int_equal(item->memory_bytes, 4ll << 30);
    assert_int_equal(item->gpu_memory_mib, 4608);
    assert_null(item->constraint);
    assert_false(item->spare);
    assert_string_equal(spell(item), "1g.5gb*1");
}

static void demandfile__counts_one_and_asks_for_nothing_more_by_default(void **state)
{
    (void)state;
    const struct gs_item *item = read_items("- profile: 1g.5gb\n", 1);
    assert_int_equal(item->count, 1);
    assert_int_equal(item->cpu_milli, 0);
    assert_int_equal(item->memory_bytes, 0);
    assert_int_equal(item->gpu_memory_mib, 0);
    assert_string_equal(item->name, "f.yaml:1");
}

static const struct {
    const char *text, *means;
} ways[] = {
    {"profile: 1g.5gb", "1g.5gb*1"},
    {"profile: A100-40GB/1g.5gb", "A100-40GB/1g.5gb*1"},
    {"slices: {1g.5gb: 2, 3g.20gb: 1}", "1g.5gb*2+3g.20gb*1"},
    {"gpu: 1", "gpu*1"},
    {"gpu: 8", "gpu*8"},
    {"gpu: L4", "L4/gpu*1"},
    {"gpu: A100-40GB", "A100-40GB/gpu*1"},
    {"gpu: \"20b0\"", "A100-40GB/gpu*1"},
    {"gpus: {L4: 2, T4: 1}", "L4/gpu*2+T4/gpu*1"},
    {"gpus: {gpu: 2}", "gpu*2"},
    {"{gpu: L4, profile: 1g.5gb}", "1g.5gb*1+L4/gpu*1"},
    {"{gpu: 0, cpu: 2}", ""},
    {"any: [A100-40GB/1g.5gb, 1g.24gb, 'gpu:L4', L4]",
     "A100-40GB/1g.5gb*1 | 1g.24gb*1 | L4/gpu*1 | L4/gpu*1"},
    {"any: [1g.5gb x2, L4=2, {slices: {1g.24gb: 2}}, {profile: 7g.40gb, gpu: T4}]",
     "1g.5gb*2 | L4/gpu*2 | 1g.24gb*2 | 7g.40gb*1+T4/gpu*1"},
    {"{any: [1g.10gb, 1g.24gb], gpu_memory: 8Gi}", "1g.10gb*1 | 1g.24gb*1"},
    {"gpu_memory: 140000Mi", "7g.141gb*1"},
    {"gpu_memory: 90Gi", "7g.94gb*1 | 7g.96gb*1 | 7g.141gb*1 | 4g.96gb*1 | 4g.96gb+gfx*1"},
};

static void demandfile__reads_every_way_to_name_a_resource(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char text[300];
        snprintf(text, sizeof(text), "- %s\n", ways[i].text);
        assert_string_equal(spell(read_items(text, 1)), ways[i].means);
    }
}

static void demandfile__offers_every_slice_with_enough_memory_and_no_other(void **state)
{
    (void)state;
    const struct gs_item *item = read_items("- gpu_memory: 1Mi\n", 1);
    assert_int_equal(item->gpu_memory_mib, 1);
    assert_true(item->n_alternatives > 50);
    for (size_t a = 0; a < item->n_alternatives; a++) {
        for (size_t b = 0; b < a; b++) {
            assert_false(gs_profile_name_eq(&item->alternatives[a].wants[0].profile,
                                            &item->alternatives[b].wants[0].profile));
        }
    }
    /* 1g.10gb has 9728 MiB on A100-80GB, 9856 on A100-40GB and 9984 on H100. */
    assert_non_null(strstr(spell(read_items("- gpu_memory: 9984Mi\n", 1)), "1g.10gb*1"));
    assert_null(strstr(spell(read_items("- gpu_memory: 9985Mi\n", 1)), "1g.10gb*1"));
    assert_int_equal(read_items("- gpu_memory: 9984.5Mi\n", 1)->gpu_memory_mib, 9985);
}

static void demandfile__reads_json_and_yaml_alike(void **state)
{
    (void)state;
    const struct gs_item *items =
        read_items("{\"items\": [{\"name\": \"a\", \"count\": 2, \"profile\": \"1g.5gb\","
                   " \"cpu\": 1.5}, {\"gpu\": 1}, {\"name\": \"b\", \"profile\": \"1g.5gb\","
                   " \"cpu\": \"1500m\"}]}",
                   2);
    assert_string_equal(items[0].name, "a");
    assert_int_equal(items[0].count, 3);
    assert_int_equal(items[0].cpu_milli, 1500);
    assert_string_equal(spell(&items[1]), "gpu*1");
}

static const struct bad_input bad[] = {
    {"items: []\n", "f.yaml:1: found no item; expected a test document"},
    {"- 1g.5gb\n", "f.yaml:1: items: found \"1g.5gb\"; expected a map (key: value)"},
    {"- profile: 1g.5gb\n- {}\n", "f.yaml:2: found an item that names no slice and no GPU"},
    {"- name: x\n  cpu: 2\n", "f.yaml:1: found an item that names no slice and no GPU"},
    {"- profil: 1g.5gb\n", "f.yaml:1: found key \"profil\"; expected one of name, count, cpu, "
                           "host_memory, gpu_memory, profile, slices, gpu, gpus, any"},
    {"- profile: 1g.5gb\n  count: 010\n",
     "f.yaml:2: count: found \"010\"; expected a plain decimal integer from 1 to 1000000000"},
    {"- profile: 1g.5gb\n  count: 1e3\n", "f.yaml:2: count: found \"1e3\""},
    {"- profile: 1g.5gb\n  count: yes\n", "f.yaml:2: count: found \"yes\""},
    {"- profile: 1g.5gb\n  count: 0\n", "f.yaml:2: count: found \"0\""},
    {"- profile: 1g.5gb\n  count: -3\n", "f.yaml:2: count: found \"-3\""},
    {"- profile: 1g.5gb\n  count:\n", "f.yaml:2: count: found nothing"},
    {"- profile: 1g.5gb\n  count: \"3\"\n", "f.yaml:2: count: found \"3\" in quotes"},
    {"- profile: 1g.5gb\n  count: 1000000001\n", "f.yaml:2: count: found \"1000000001\""},
    {"- {profile: 1g.5gb, count: 1000000000}\n- profile: 1g.5gb\n", "f.yaml:2: 1 more items"},
    {"- profile: 1g.5gb\n  cpu: lots\n", "f.yaml:2: cpu: "},
    {"- profile: 1g.5gb\n  cpu: -1\n", "f.yaml:2: cpu: "},
    {"- profile: 1g.5gb\n  cpu: 100001\n", "f.yaml:2: cpu: "},
    {"- profile: 1g.5gb\n  cpu: [1]\n", "f.yaml:2: cpu: found a list; expected text"},
    {"- profile: 1g.5gb\n  host_memory: 4GB\n", "f.yaml:2: host_memory: "},
    {"- profile: 1g.5gb\n  host_memory: 2Pi\n", "f.yaml:2: host_memory: "},
    {"- profile: 1g.5gb\n  gpu_memory: 0\n", "f.yaml:2: gpu_memory: found 0; expected more"},
    {"- gpu_memory: 1Ti\n", "f.yaml:1: gpu_memory: found 1048576 MiB; expected 143104 MiB"},
    {"- profile: 1g.7gb\n", "f.yaml:1: profile: no model has a profile 1g.7gb"},
    {"- profile: L4\n", "f.yaml:1: found a whole GPU; expected a slice here"},
    {"- profile: 1g.5gb x2\n", "f.yaml:1: profile: found \"1g.5gb x2\"; expected a slice"},
    {"- profile: 5\n", "f.yaml:1: profile: found \"5\"; expected a slice"},
    {"- gpu: 1g.5gb\n", "f.yaml:1: gpu: found \"1g.5gb\"; expected a plain decimal integer"},
    {"- gpu: A100-40GB/1g.5gb\n", "f.yaml:1: found a slice; expected a whole GPU here"},
    {"- gpu: 2000\n", "f.yaml:1: gpu: found \"2000\""},
    {"- gpu: yes\n", "f.yaml:1: gpu: found \"yes\"; expected a slice"},
    {"- gpu: A100\n", "f.yaml:1: gpu: \"A100\" fits several GPU models"},
    {"- gpus: 2\n", "f.yaml:1: gpus: found \"2\"; expected a map"},
    {"- gpus: {}\n", "f.yaml:1: found an empty map; expected a resource and its count"},
    {"- slices: {1g.5gb: 0}\n", "f.yaml:1: 1g.5gb: found \"0\"; expected a plain decimal"},
    {"- slices: {1g.5gb: 1025}\n", "f.yaml:1: 1g.5gb: found \"1025\""},
    {"- slices:\n    A100-40GB/1g.5gb: 1\n    20b0/1g.5gb: 1\n",
     "f.yaml:3: found a resource that is named twice"},
    {"- slices: {1g.5gb: 1, 1g.6gb: 1, 1g.10gb: 1, 1g.12gb: 1, 1g.18gb: 1, 1g.20gb: 1,"
     " 2g.10gb: 1, 2g.12gb: 1, 3g.20gb: 1}\n",
     "f.yaml:1: found more than 8 different resources"},
    {"- profile: 1g.5gb\n  slices: {1g.5gb: 1}\n", "f.yaml:2: found both profile and slices"},
    {"- gpu: 1\n  gpus: {L4: 1}\n", "f.yaml:2: found both gpu and gpus"},
    {"- gpu: 1\n  any: [L4]\n", "f.yaml:2: found any beside profile, slices, gpu or gpus"},
    {"- any: []\n", "f.yaml:1: any: found an empty list"},
    {"- any: L4\n", "f.yaml:1: any: found \"L4\"; expected a list"},
    {"- any: [L4,\n  [T4]]\n", "f.yaml:2: any: found a list; expected text"},
    {"- any: [{gpu: 0}]\n", "f.yaml:1: found an alternative that asks for nothing"},
    {"- any: [{cpu: 2}]\n",
     "f.yaml:1: found key \"cpu\"; expected one of profile, slices, gpu, gpus"},
    {"- any: [L4 x0]\n", "f.yaml:1: any: found count \"0\" of \"L4 \""},
    {"- any: [L4 x2000]\n", "f.yaml:1: any: found count \"2000\""},
    {"- name:\n  profile: 1g.5gb\n", "f.yaml:1: name: found nothing"},
    {"- name: [a]\n  profile: 1g.5gb\n", "f.yaml:1: name: found a list"},
    {"- profile: 1c.3g.20gb\n", "f.yaml:1: profile: 1c.3g.20gb is a compute instance"},
    {"- profile: 1g.5gb\n---\n- profile: 1g.5gb\n", "f.yaml:2: found a second document"},
};

static void demandfile__refuses_what_it_cannot_read(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

static void demandfile__refuses_more_alternatives_than_an_item_may_have(void **state)
{
    (void)state;
    char text[2000] = "- any: [";
    struct gs_err err;
    for (int i = 0; i <= GS_ALTERNATIVES_MAX; i++) {
        strcat(text, i == 0 ? "L4" : ", L4");
    }
    strcat(text, "]\n");
    assert_int_equal(parse(text, &err), GS_INVALID);
    assert_string_equal(err.msg, "f.yaml:1: found more than 128 alternatives; expected less");
}

/* A million items, as the demand has them, but fewer. */
static int items(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    unsigned *left = ctx;
    (void)err;
    char line[100];
    *ret_n = 0;
    while (*left > 0) {
        int n = snprintf(line, sizeof(line), "- {name: j%u, profile: %s, cpu: %um}\n", *left,
                         *left % 2 == 0 ? "1g.5gb" : "2g.10gb", *left % 10 * 100);
        if ((size_t)n > size - *ret_n) {
            break;
        }
        memcpy((char *)bytes + *ret_n, line, (size_t)n);
        *ret_n += (size_t)n;
        --*left;
    }
    return 0;
}

static void demandfile__turns_many_items_into_few_kinds(void **state)
{
    (void)state;
    unsigned left = 20000;
    struct gs_demand *demand = gs_demand_new(&arena);
    struct gs_doc_input input = {.label = "f", .what = "x", .read = items, .ctx = &left};
    assert_int_equal(gs_demandfile_read(&gs_alloc_heap, &input, &names, demand, NULL), 0);
    size_t n;
    (void)gs_demand_items(demand, &n);
    assert_int_equal(n, 10);
    assert_int_equal(gs_demand_total(demand), 20000);
    assert_true(arena.used_bytes < 64 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(demandfile__reads_every_key),
        TEST(demandfile__counts_one_and_asks_for_nothing_more_by_default),
        TEST(demandfile__reads_every_way_to_name_a_resource),
        TEST(demandfile__offers_every_slice_with_enough_memory_and_no_other),
        TEST(demandfile__reads_json_and_yaml_alike),
        TEST(demandfile__refuses_what_it_cannot_read),
        TEST(demandfile__refuses_more_alternatives_than_an_item_may_have),
        TEST(demandfile__turns_many_items_into_few_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
