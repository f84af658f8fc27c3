#include "unit/wire/bad_input.h"

#include "wire/instancefile.h"

static const char *const plain[] = {"T4", "L4"};
static const struct gs_gpu_names names = {.names = plain, .n = 2};

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

static const struct gs_instance_entry *read_entries(const char *text, size_t expected)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_instance_entry *entries = NULL;
    size_t n = 0;
    struct gs_err err = {0};
    if (gs_instancefile_read(&arena, &input, &names, &entries, &n, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(n, expected);
    return entries;
}

static void instancefile__reads_every_key(void **state)
{
    (void)state;
    const struct gs_instance_entry *entry =
        read_entries("instances:\n"
                     "- type: rack-a100\n"
                     "  gpu: A100-SXM4-40GB\n"
                     "  gpus: 8\n"
                     "  gpu_memory: 39.5Gi\n"
                     "  vcpu: 96\n"
                     "  memory: 1152Gi\n"
                     "  allocatable_cpu: 94500m\n"
                     "  allocatable_memory: 1100Gi\n"
                     "  max_pods: 110\n"
                     "  usd_per_hour: 9.750001\n"
                     "  max_nodes: 4\n"
                     "  labels: {zone: a, empty: \"\", number: 010}\n"
                     "  taints:\n"
                     "  - {key: nvidia.com/gpu, value: present, effect: NoSchedule}\n"
                     "  - {key: x, effect: PreferNoSchedule}\n",
                     1);
    assert_string_equal(entry->type, "rack-a100");
    assert_string_equal(entry->gpu.model->id, "A100-40GB");
    assert_string_equal(entry->gpu.name, "A100-40GB");
    assert_int_equal(entry->gpus, 8);
    assert_int_equal(entry->gpu_memory_mib, 40448);
    assert_int_equal(entry->cpu_milli, 96000);
    assert_int_equal(entry->memory_bytes, 1152ll << 30);
    assert_true(entry->allocatable_cpu_given && entry->allocatable_memory_given);
    assert_int_equal(entry->allocatable_cpu_milli, 94500);
    assert_int_equal(entry->allocatable_memory_bytes, 1100ll << 30);
    assert_int_equal(entry->max_pods, 110);
    assert_int_equal(entry->max_nodes, 4);
    assert_int_equal(entry->price_uusd, 9750001);
    const struct gs_node_facts *facts = entry->facts;
    assert_false(facts->labels_complete);
    assert_int_equal(facts->n_labels, 4);
    assert_string_equal(facts->labels[1].value, "");
    assert_string_equal(facts->labels[2].value, "010");
    assert_string_equal(facts->labels[3].key, "node.kubernetes.io/instance-type");
    assert_string_equal(facts->labels[3].value, "rack-a100");
    assert_int_equal(facts->n_taints, 2);
    assert_string_equal(facts->taints[0].value, "present");
    assert_string_equal(facts->taints[1].value, "");
    assert_string_equal(facts->taints[1].effect, "PreferNoSchedule");
}

#define REST "vcpu: 8, memory: 32Gi, max_pods: 50, usd_per_hour: 1"

static void instancefile__leaves_out_what_the_file_leaves_out(void **state)
{
    (void)state;
    const struct gs_instance_entry *entries =
        read_entries("- {type: a, gpu: l4, gpus: 1, " REST "}\n"
                     "- {type: b, gpus: 0, " REST "}\n"
                     "- {type: c, gpu: V100, mig: false, gpus: 4, gpu_memory: 16Gi, " REST "}\n"
                     "- {type: d, gpu: v100, mig: false, gpus: 4, " REST "}\n"
                     "- {type: e, gpu: RTX-PRO-4500-32GB, gpus: 1, " REST "}\n"
                     "- {type: f, gpu: A100-40GB, mig: true, gpus: 1, " REST "}\n",
                     6);
    assert_string_equal(entries[0].gpu.name, "L4");
    assert_null(entries[0].gpu.model);
    assert_int_equal(entries[0].gpu_memory_mib, GS_NOT_KNOWN);
    assert_int_equal(entries[0].max_nodes, UINT32_MAX);
    assert_false(entries[0].allocatable_cpu_given || entries[0].allocatable_memory_given);
    assert_string_equal(entries[1].gpu.name, "");
    assert_string_equal(entries[2].gpu.name, "V100");
    assert_int_equal(entries[2].gpu_memory_mib, 16384);
    assert_null(entries[4].gpu.model); /* placements are not known: never cut */
    assert_int_equal(entries[5].gpu_memory_mib, entries[5].gpu.model->memory_mib);

    struct gs_gpu_names all;
    assert_int_equal(gs_instancefile_gpus(&arena, &names, entries, 6, &all, NULL), 0);
    assert_int_equal(all.n, 4);
    assert_string_equal(all.names[0], "T4");
    assert_string_equal(all.names[2], "V100");
    assert_string_equal(all.names[3], "RTX-PRO-4500-32GB");
}

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_instance_entry *entries;
    size_t n;
    return gs_instancefile_read(&arena, &input, &names, &entries, &n, err);
}

static const struct bad_input bad[] = {
    {"instances: []\n", "f.yaml:1: instances: found 0; expected 1 to 2048"},
    {"instances: 3\n", "f.yaml:1: instances: found \"3\"; expected a list"},
    {"instance: []\n", "f.yaml:1: found key \"instance\"; expected one of instances"},
    {"{}\n", "f.yaml:1: found no key \"instances\"; expected it"},
    {"- a\n", "f.yaml:1: the document: found \"a\"; expected a map"},
    {"- {typ: a}\n", "f.yaml:1: found key \"typ\"; expected one of type, gpu, mig, "},
    {"- {gpus: 0, " REST "}\n", "f.yaml:1: found no key \"type\""},
    {"- {type: a, gpu: L4, " REST "}\n", "f.yaml:1: found no key \"gpus\""},
    {"- {type: a, gpus: 1, " REST "}\n", "f.yaml:1: found no key \"gpu\""},
    {"- {type: a, gpu: L4, gpus: 0, " REST "}\n", "f.yaml:1: gpu: found a GPU beside gpus: 0"},
    {"- {type: a, gpu: L4, gpus: 17, " REST "}\n",
     "f.yaml:1: gpus: found \"17\"; expected a plain decimal integer from 0 to 16"},
    {"- {type: a, gpu: V100, gpus: 1, " REST "}\n",
     "f.yaml:1: gpu: no GPU is named \"V100\"; expected a model of `gpuslice profiles` or a GPU"},
    {"- {type: a, gpu: A100, gpus: 1, " REST "}\n",
     "f.yaml:1: gpu: \"A100\" fits several GPU models"},
    {"- {type: a, gpu: A100, mig: false, gpus: 1, " REST "}\n",
     "f.yaml:1: gpu: \"A100\" fits several GPU models"},
    {"- {type: a, gpu: A100-40GB, mig: false, gpus: 1, " REST "}\n",
     "f.yaml:1: mig: found false for A100-40GB"},
    {"- {type: a, gpu: L4, mig: true, gpus: 1, " REST "}\n", "f.yaml:1: mig: found true for L4"},
    {"- {type: a, gpu: V100, mig: true, gpus: 1, " REST "}\n", "f.yaml:1: gpu: no GPU is named"},
    {"- {type: a, gpu: V100, mig: no, gpus: 1, " REST "}\n", "f.yaml:1: mig: found \"no\""},
    {"- {type: a, gpus: 0, memory: 1Gi, max_pods: 1, usd_per_hour: 1}\n",
     "f.yaml:1: found no key \"vcpu\""},
    {"- {type: a, gpus: 0, vcpu: 0, memory: 1Gi, max_pods: 1, usd_per_hour: 1}\n",
     "f.yaml:1: vcpu: found 0; expected more"},
    {"- {type: a, gpus: 0, vcpu: 1, memory: 1GB, max_pods: 1, usd_per_hour: 1}\n",
     "f.yaml:1: memory: "},
    {"- {type: a, gpus: 0, vcpu: 1, memory: 1Gi, max_pods: 0, usd_per_hour: 1}\n",
     "f.yaml:1: max_pods: found \"0\""},
    {"- {type: a, gpus: 0, vcpu: 1, memory: 1Gi, max_pods: 1}\n",
     "f.yaml:1: found no key \"usd_per_hour\""},
    {"- {type: a, gpus: 0, vcpu: 1, memory: 1Gi, max_pods: 1, usd_per_hour: -1}\n",
     "f.yaml:1: usd_per_hour: found \"-1\""},
    {"- {type: a, gpus: 0, vcpu: 1, memory: 1Gi, max_pods: 1, usd_per_hour: 1e3}\n",
     "f.yaml:1: usd_per_hour: found \"1e3\""},
    {"- {type: a, gpus: 0, vcpu: 1, memory: 1Gi, max_pods: 1, usd_per_hour: 0.0000001}\n",
     "f.yaml:1: usd_per_hour: found \"0.0000001\""},
    {"- {type: a, gpus: 0, allocatable_cpu: 9, " REST "}\n",
     "f.yaml:1: allocatable_cpu: found \"9\"; expected no more than vcpu, which is \"8\""},
    {"- {type: a, gpus: 0, allocatable_memory: 33Gi, " REST "}\n",
     "f.yaml:1: allocatable_memory: found \"33Gi\"; expected no more than memory, which is "},
    {"- {type: a, gpus: 0, max_nodes: -1, " REST "}\n", "f.yaml:1: max_nodes: found \"-1\""},
    {"- {type: a, gpus: 0, labels: [a], " REST "}\n", "f.yaml:1: labels: found a list"},
    {"- {type: a, gpus: 0, labels: {a: }, " REST "}\n", "f.yaml:1: a: found nothing"},
    {"- {type: a, gpus: 0, labels: {\"\": b}, " REST "}\n", "f.yaml:1: found a label key of 0"},
    {"- {type: a, gpus: 0, taints: {a: b}, " REST "}\n", "f.yaml:1: taints: found a map"},
    {"- {type: a, gpus: 0, taints: [{key: a}], " REST "}\n", "f.yaml:1: found no key \"effect\""},
    {"- {type: a, gpus: 0, taints: [{effect: NoSchedule}], " REST "}\n",
     "f.yaml:1: found no key \"key\""},
    {"- {type: a, gpus: 0, taints: [{key: a, effect: No}], " REST "}\n",
     "f.yaml:1: effect: found \"No\"; expected NoSchedule, NoExecute or PreferNoSchedule"},
    {"- {type: a, gpus: 0, " REST "}\n- {type: a, gpus: 0, " REST "}\n",
     "f.yaml:2: found type \"a\" again; expected it once"},
};

static void instancefile__refuses_what_it_cannot_read(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(instancefile__reads_every_key),
        TEST(instancefile__leaves_out_what_the_file_leaves_out),
        TEST(instancefile__refuses_what_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
