#include "unit/wire/bad_input.h"

#include "core/catalog.h"
#include "wire/existingfile.h"

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

/* One type: two A100-40GB. */
static int find_type(void *ctx, struct gs_view type, struct gs_existing_type *ret,
                     struct gs_err *err)
{
    assert_ptr_equal(ctx, &arena);
    if (!gs_view_eq(type, "p.two")) {
        return gs_fail(err, GS_NOT_FOUND, "no such type");
    }
    *ret = (struct gs_existing_type){.gpus = 2, .gpu_memory_mib = 40960};
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &ret->gpu.model, NULL), 0);
    ret->gpu.name = ret->gpu.model->id;
    return 0;
}

static const struct gs_existing_types types = {.find = find_type, .ctx = &arena};

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_existing_node *nodes;
    size_t n;
    return gs_existingfile_read(&arena, &input, &names, &types, &nodes, &n, err);
}

static const struct gs_existing_node *read_nodes(const char *text, size_t expected)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_existing_node *nodes = NULL;
    size_t n = 0;
    struct gs_err err = {0};
    if (gs_existingfile_read(&arena, &input, &names, &types, &nodes, &n, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(n, expected);
    return nodes;
}

static void existingfile__reads_a_node_with_its_layout(void **state)
{
    (void)state;
    const struct gs_existing_node *node =
        read_nodes("nodes:\n"
                   "- name: node-1\n"
                   "  model: A100-SXM4-40GB\n"
                   "  cpu: 40\n"
                   "  memory: 300Gi\n"
                   "  pods: 90\n"
                   "  labels: {zone: a}\n"
                   "  taints: [{key: k, effect: NoExecute}]\n"
                   "  gpus:\n"
                   "  - {layout: \"3g.20gb@4!,1g.5gb@0\", uuid: GPU-1}\n"
                   "  - {whole: used}\n"
                   "  - {whole: free}\n"
                   "  - {layout: \"\"}\n",
                   1);
    assert_string_equal(node->name, "node-1");
    assert_string_equal(node->gpu_name, "A100-40GB");
    assert_string_equal(node->model->id, "A100-40GB");
    assert_int_equal(node->gpu_memory_mib, node->model->memory_mib);
    assert_int_equal(node->cpu_milli, 40000);
    assert_int_equal(node->memory_bytes, 300ll << 30);
    assert_int_equal(node->pods, 90);
    assert_true(node->layout_known);
    assert_int_equal(node->n_gpus, 4);
    const struct gs_existing_gpu *gpu = &node->gpus[0];
    assert_string_equal(gpu->uuid, "GPU-1");
    assert_true(gpu->mig);
    assert_int_equal(gpu->n_slices, 2);
    assert_string_equal(node->model->profiles[gpu->slices[0].placement.profile].name, "1g.5gb");
    assert_int_equal(gpu->slices[0].placement.start, 0);
    assert_false(gpu->slices[0].in_use);
    assert_string_equal(node->model->profiles[gpu->slices[1].placement.profile].name, "3g.20gb");
    assert_int_equal(gpu->slices[1].placement.start, 4);
    assert_int_equal(gpu->slices[1].placement.span, 0xF0);
    assert_true(gpu->slices[1].in_use);
    assert_string_equal(node->gpus[1].uuid, "1");
    assert_false(node->gpus[1].mig);
    assert_true(node->gpus[1].whole_in_use);
    assert_false(node->gpus[2].whole_in_use);
    assert_ptr_equal(node->gpus[2].model, node->model);
    assert_true(node->gpus[3].mig);
    assert_int_equal(node->gpus[3].n_slices, 0);
    assert_string_equal(node->facts->name, "node-1");
    assert_int_equal(node->facts->n_labels, 1);
    assert_string_equal(node->facts->taints[0].effect, "NoExecute");
}

static void existingfile__reads_nodes_by_type_and_without_layout(void **state)
{
    (void)state;
    const struct gs_existing_node *nodes =
        read_nodes("- {name: a, instance_type: p.two, cpu: 0, memory: 0, pods: 0,"
                   " gpus: [{whole: free}, {whole: free}]}\n"
                   "- {name: b, instance_type: p.two, cpu: 1, memory: 1Gi, pods: 3,"
                   " free_slices: {1g.5gb: 3, 3g.20gb: 1}, free_gpus: 1}\n"
                   "- {name: c, model: L4, cpu: 1, memory: 1Gi, pods: 3, gpu_memory: 22888Mi,"
                   " gpus: [{whole: free}]}\n"
                   "- {name: d, model: T4, cpu: 1, memory: 1Gi, pods: 3, free_gpus: 4}\n",
                   4);
    assert_int_equal(nodes[0].gpu_memory_mib, 40960);
    assert_int_equal(nodes[0].facts->n_labels, 1);
    assert_string_equal(nodes[0].facts->labels[0].value, "p.two");
    assert_false(nodes[1].layout_known);
    assert_int_equal(nodes[1].free_gpus, 1);
    uint32_t total = 0;
    for (unsigned p = 0; p < nodes[1].model->n_profiles; p++) {
        total += nodes[1].free_slices[p];
    }
    assert_int_equal(total, 4);
    assert_int_equal(nodes[1].free_slices[0], 3); /* 1g.5gb comes first */
    assert_null(nodes[2].model);
    assert_string_equal(nodes[2].gpu_name, "L4");
    assert_int_equal(nodes[2].gpu_memory_mib, 22888);
    assert_null(nodes[2].gpus[0].model);
    assert_int_equal(nodes[3].gpu_memory_mib, GS_NOT_KNOWN);
    assert_int_equal(nodes[3].free_gpus, 4);
}

#define REST "cpu: 1, memory: 1Gi, pods: 3"
#define A100 "- {name: a, model: A100-40GB, " REST ", "

static const struct bad_input bad[] = {
    {"nodes: []\n", "f.yaml:1: nodes: found 0; expected 1 to 2048"},
    {"- {nam: a}\n", "f.yaml:1: found key \"nam\"; expected one of name, model"},
    {"- {model: A100-40GB, " REST ", free_gpus: 1}\n", "f.yaml:1: found no key \"name\""},
    {"- {name: a, " REST ", free_gpus: 1}\n",
     "f.yaml:1: found neither model nor instance_type; expected model or instance_type"},
    {"- {name: a, model: L4, instance_type: p.two, " REST ", free_gpus: 1}\n",
     "f.yaml:1: found both model and instance_type"},
    {"- {name: a, instance_type: p.one, " REST ", free_gpus: 1}\n",
     "f.yaml:1: instance_type: no such type"},
    {"- {name: a, model: A100, " REST ", free_gpus: 1}\n",
     "f.yaml:1: model: \"A100\" fits several GPU models"},
    {"- {name: a, model: L4, memory: 1, pods: 1, free_gpus: 1}\n",
     "f.yaml:1: found no key \"cpu\""},
    {"- {name: a, model: L4, cpu: 1, pods: 1, free_gpus: 1}\n",
     "f.yaml:1: found no key \"memory\""},
    {"- {name: a, model: L4, cpu: 1, memory: 1, free_gpus: 1}\n",
     "f.yaml:1: found no key \"pods\""},
    {"- {name: a, model: L4, cpu: 1, memory: 1, pods: -1, free_gpus: 1}\n",
     "f.yaml:1: pods: found \"-1\""},
    {"- {name: a, model: L4, cpu: -1, memory: 1, pods: 1, free_gpus: 1}\n", "f.yaml:1: cpu: "},
    {"- {name: a, model: L4, " REST "}\n", "f.yaml:1: found none of gpus, free_slices, free_gpus"},
    {A100 "gpus: [{whole: free}], free_gpus: 1}\n", "f.yaml:1: found gpus beside free_slices"},
    {A100 "gpus: 8}\n", "f.yaml:1: gpus: found \"8\"; expected a list"},
    {A100 "gpus: [8]}\n", "f.yaml:1: gpus: found \"8\"; expected a map"},
    {A100 "gpus: [{}]}\n", "f.yaml:1: found neither layout nor whole"},
    {A100 "gpus: [{layout: \"\", whole: free}]}\n", "f.yaml:1: found both layout and whole"},
    {A100 "gpus: [{whole: idle}]}\n", "f.yaml:1: whole: found \"idle\"; expected free or used"},
    {A100 "gpus: [{layout: }]}\n", "f.yaml:1: layout: found nothing"},
    {A100 "gpus: [{layout: [a]}]}\n", "f.yaml:1: layout: found a list"},
    {A100 "gpus:\n    [{layout: 1g.5gb}]}\n", "f.yaml:2: layout: "},
    {A100 "gpus: [{layout: 1g.5gb@9}]}\n", "f.yaml:1: layout: "},
    {A100 "gpus: [{layout: \"3g.20gb@4,1g.5gb@5\"}]}\n", "f.yaml:1: layout: "},
    {A100 "gpus: [{layout: 1g.6gb@0}]}\n", "f.yaml:1: layout: "},
    {A100 "gpus: [{whole: free, uuid: }]}\n", "f.yaml:1: uuid: found nothing"},
    {"- {name: a, model: L4, " REST ", gpus: [{layout: \"\"}]}\n",
     "f.yaml:1: layout: found one for L4; expected whole: free or used"},
    {"- {name: a, instance_type: p.two, " REST ", gpus: [{whole: free}]}\n",
     "f.yaml:1: gpus: found 1; expected the 2 that the instance type has"},
    {"- {name: a, instance_type: p.two, " REST ", free_gpus: 3}\n",
     "f.yaml:1: free_gpus: found \"3\"; expected a plain decimal integer from 0 to 2"},
    {A100 "gpus: [{whole: free},{whole: free},{whole: free},{whole: free},{whole: free},"
          "{whole: free},{whole: free},{whole: free},{whole: free},{whole: free},{whole: free},"
          "{whole: free},{whole: free},{whole: free},{whole: free},{whole: free},{whole: free}]}\n",
     "f.yaml:1: gpus: found 17; expected 16 at most"},
    {A100 "free_slices: {1g.6gb: 1}}\n", "f.yaml:1: 1g.6gb: A100-40GB has no profile 1g.6gb"},
    {A100 "free_slices: {1g.5gb: many}}\n", "f.yaml:1: 1g.5gb: found \"many\""},
    {A100 "free_slices: {\"1g.5gb+me\": 1, 1c.1g.5gb+me: 2}}\n",
     "f.yaml:1: found the profile 1c.1g.5gb+me again"},
    {"- {name: a, model: L4, " REST ", free_slices: {1g.5gb: 1}}\n",
     "f.yaml:1: free_slices: found some on L4"},
    {A100 "labels: 3, free_gpus: 1}\n", "f.yaml:1: labels: found \"3\""},
    {A100 "free_gpus: 1}\n" A100 "free_gpus: 1}\n",
     "f.yaml:2: found the node \"a\" again (first in line 1); expected it once"},
    {A100 "gpus: [{whole: free, uuid: GPU-7},\n{whole: free, uuid: GPU-7}]}\n",
     "f.yaml:2: found the GPU \"GPU-7\" again (first in line 1); expected it once"},
    {A100 "gpus: [{whole: free, uuid: \"1\"},\n{whole: free}]}\n",
     "f.yaml:2: found the GPU \"1\" again (first in line 1); expected it once"},
    {A100 "gpus: [{whole: free, uuid: GPU-7}]}\n- {name: b, model: A100-40GB, cpu: 1, memory: 1, "
          "pods: 1, gpus: [{layout: \"\", uuid: GPU-7}]}\n",
     "f.yaml:2: found the GPU \"GPU-7\" again (first in line 1); expected it once"},
};

static void existingfile__refuses_what_it_cannot_read(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(existingfile__reads_a_node_with_its_layout),
        TEST(existingfile__reads_nodes_by_type_and_without_layout),
        TEST(existingfile__refuses_what_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
