#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubenode.h"

/* Single quotes stand for double ones, to keep the tables readable. */
static int parse(const char *text, struct gs_arena *arena, struct gs_kubenode *ret,
                 struct gs_err *err)
{
    struct gs_buf buf;
    json_error_t why;
    gs_buf_init(&buf, 100000);
    for (; *text != '\0'; text++) {
        gs_buf_put(&buf, *text == '\'' ? "\"" : text, 1);
    }
    json_t *object = json_loads(gs_buf_text(&buf), 0, &why);
    if (object == NULL) {
        fail_msg("%s: %s", why.text, gs_buf_text(&buf));
    }
    gs_buf_done(&buf);
    int r = gs_kubenode_parse(object, arena, ret, err);
    json_decref(object);
    return r;
}

static const struct {
    const char *label, *name;
    enum gs_kubenode_gpu means;
    const char *profile;
} products[] = {
    {"NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-SXM4-40GB", GS_KUBENODE_WHOLE, ""},
    {"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "NVIDIA-A100-SXM4-40GB", GS_KUBENODE_SLICE, "1g.5gb"},
    {"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me", "NVIDIA-A100-SXM4-40GB", GS_KUBENODE_SLICE,
     "1g.5gb+me"},
    {"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED", "NVIDIA-A100-SXM4-40GB", GS_KUBENODE_SHARE, NULL},
    {"Tesla-T4-SHARED", "Tesla-T4", GS_KUBENODE_SHARE, NULL},
    {"NVIDIA-A30-MIG-INVALID", "NVIDIA-A30", GS_KUBENODE_SHARE, NULL},
    {"NVIDIA-A30-MIG-", "NVIDIA-A30", GS_KUBENODE_SHARE, NULL},
    {"NVIDIA-A30-MIG-1g.6gb.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "NVIDIA-A30", GS_KUBENODE_SHARE, NULL},
    {"", "", GS_KUBENODE_WHOLE, ""},
};

static void kubenode__takes_the_product_label_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(products); i++) {
        struct gs_kubenode_product product = gs_kubenode_product(gs_view(products[i].label));
        char profile[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&product.profile, profile);
        assert_true(gs_view_eq(product.name, products[i].name));
        assert_int_equal(product.means, products[i].means);
        if (product.means == GS_KUBENODE_SLICE) {
            assert_string_equal(profile, products[i].profile);
        }
    }
}

#define NODE(labels, allocatable)                                                                  \
    "{'metadata': {'name': 'n', 'labels': {" labels "}}, 'status': {'allocatable': {" allocatable  \
    "}}}"

static void kubenode__reads_a_node_of_mixed_slices(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_kubenode node;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    int r = parse(
        "{'metadata': {'name': 'gpu-a.ec2.internal', 'labels': {'nvidia.com/gpu.product': "
        "'NVIDIA-A100-SXM4-40GB', 'nvidia.com/mig.strategy': 'mixed', "
        "'node.kubernetes.io/instance-type': 'p4d.24xlarge', "
        "'nvidia.com/mig-2g.10gb.sharing-strategy': 'time-slicing', "
        "'nvidia.com/mig-1g.5gb.sharing-strategy': 'none'}}, 'spec': {'taints': [{'key': "
        "'nvidia.com/gpu', 'effect': 'NoSchedule'}]}, 'status': {'capacity': {'cpu': '96'}, "
        "'allocatable': {'cpu': '95690m', 'memory': '1167939080Ki', 'pods': '737', "
        "'ephemeral-storage': '95551679124', 'nvidia.com/gpu': '4', 'nvidia.com/mig-1g.5gb': '7', "
        "'nvidia.com/mig-2g.10gb': '4', 'nvidia.com/mig-3g.20gb.shared': '6', "
        "'vpc.amazonaws.com/efa': '4'}}}",
        &arena, &node, NULL);
    assert_int_equal(r, 0);
    assert_string_equal(node.name, "gpu-a.ec2.internal");
    assert_string_equal(node.facts.name, node.name);
    assert_string_equal(node.instance_type, "p4d.24xlarge");
    assert_string_equal(node.product, "NVIDIA-A100-SXM4-40GB");
    assert_string_equal(node.model->id, "A100-40GB");
    assert_int_equal(node.gpu_means, GS_KUBENODE_WHOLE);
    assert_true(node.cpu_milli == 95690 && node.memory_bytes == 1167939080ull * 1024);
    assert_true(node.pods == 737 && node.gpus == 4 && !node.cordoned);
    assert_true(node.facts.labels_complete && node.facts.n_labels == 5);
    assert_int_equal(node.facts.n_taints, 1);
    assert_string_equal(node.facts.taints[0].value, "");
    assert_int_equal(node.n_slices, 3);
    assert_true(node.slices[0].count == 7 && !node.slices[0].shared);
    assert_true(node.slices[1].count == 4 && node.slices[1].shared);
    assert_true(node.slices[2].count == 6 && node.slices[2].shared);
    gs_arena_done(&arena);
}

static const struct {
    const char *labels;
    enum gs_kubenode_gpu means;
    const char *model;
} kinds[] = {
    {"'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3'", GS_KUBENODE_WHOLE, "H100-80GB-SXM5"},
    {"'nvidia.com/gpu.product': 'NVIDIA-L4'", GS_KUBENODE_WHOLE, NULL},
    {"'nvidia.com/gpu.product': 'Tesla-T4', 'nvidia.com/gpu.sharing-strategy': 'mps'",
     GS_KUBENODE_SHARE, NULL},
    {"'nvidia.com/gpu.product': 'NVIDIA-A30-MIG-2g.12gb', 'nvidia.com/mig.strategy': 'single'",
     GS_KUBENODE_SLICE, "A30-24GB"},
    {"'a': 'b'", GS_KUBENODE_WHOLE, NULL},
};

static void kubenode__knows_what_nvidia_com_gpu_counts_there(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    for (size_t i = 0; i < GS_ARRAY_LEN(kinds); i++) {
        char text[1000];
        struct gs_kubenode node;
        struct gs_err err = {.msg = ""};
        snprintf(text, sizeof(text), NODE("%s", "'nvidia.com/gpu': '8'"), kinds[i].labels);
        if (parse(text, &arena, &node, &err) != 0 || node.gpu_means != kinds[i].means) {
            fail_msg("row %zu: %d %s", i, node.gpu_means, err.msg);
        }
        assert_string_equal(node.model == NULL ? "" : node.model->id,
                            kinds[i].model == NULL ? "" : kinds[i].model);
    }
    gs_arena_done(&arena);
}

static void kubenode__a_cordoned_node_has_its_taint_once(void **state)
{
    (void)state;
    static const char *const nodes[] = {
        "{'metadata': {'name': 'n'}, 'spec': {'unschedulable': true}, 'status': {'allocatable': "
        "{}}}",
        "{'metadata': {'name': 'n'}, 'spec': {'unschedulable': true, 'taints': [{'key': "
        "'node.kubernetes.io/unschedulable', 'effect': 'NoSchedule'}]}, 'status': {'allocatable': "
        "{}}}",
    };
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    for (size_t i = 0; i < GS_ARRAY_LEN(nodes); i++) {
        struct gs_kubenode node;
        assert_int_equal(parse(nodes[i], &arena, &node, NULL), 0);
        assert_true(node.cordoned);
        assert_int_equal(node.facts.n_taints, 1);
        assert_int_equal(gs_constraint_check(NULL, &node.facts, NULL), GS_VERDICT_NO);
    }
    gs_arena_done(&arena);
}

static const struct {
    const char *object, *says;
} bad[] = {
    {"{}", "a node without a name; expected metadata.name"},
    {"{'metadata': {'name': 'A_b'}}", "a node named \"A_b\"; expected lower-case"},
    {"{'metadata': {'name': 'n'}}", "node n: no status.allocatable; expected it"},
    {NODE("", "'cpu': 'x'"), "node n: allocatable \"cpu\": \"x\" is not an amount"},
    {NODE("", "'pods': '1.5'"), "allocatable \"pods\": found a fraction; expected a whole number"},
    {NODE("", "'nvidia.com/mig-x': '1'"), "\"nvidia.com/mig-x\": \"x\" is not a MIG profile name"},
    {NODE("'a': 1", ""), "node n: labels: \"a\" is a number; expected a string"},
    {"{'metadata': {'name': 'n'}, 'spec': {'taints': ['x']}, 'status': {'allocatable': {}}}",
     "node n: taints: a taint or toleration is a string; expected an object"},
    {"{'metadata': {'name': 'n'}, 'spec': {'unschedulable': 'yes'}, 'status': {'allocatable': "
     "{}}}",
     "\"unschedulable\" is a string; expected true or false"},
};

static void kubenode__refuses_what_is_no_node(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_kubenode node = {.gpus = 77};
        struct gs_err err = {.msg = ""};
        if (parse(bad[i].object, &arena, &node, &err) != GS_INVALID ||
            strstr(err.msg, bad[i].says) == NULL) {
            fail_msg("row %zu: \"%s\" in place of \"%s\"", i, err.msg, bad[i].says);
        }
        assert_true(node.gpus == 77);
    }
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubenode__takes_the_product_label_apart),
        cmocka_unit_test(kubenode__reads_a_node_of_mixed_slices),
        cmocka_unit_test(kubenode__knows_what_nvidia_com_gpu_counts_there),
        cmocka_unit_test(kubenode__a_cordoned_node_has_its_taint_once),
        cmocka_unit_test(kubenode__refuses_what_is_no_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
