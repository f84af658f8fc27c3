#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "cluster/kube_decode.h"

static struct gs_arena arena;

static int node_of(const char *text, struct gs_cluster_node *node, struct gs_err *err)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    int r = gs_kube_decode_node(object, &arena, node, err);
    json_decref(object); /* nothing of it is borrowed */
    return r;
}

static int pod_of(const char *text, struct gs_cluster_pod *pod, struct gs_err *err)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    int r = gs_kube_decode_pod(object, "nvidia.com/", &arena, pod, err);
    json_decref(object);
    return r;
}

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static void kube_decode__a_node_with_all_that_counts(void **state)
{
    struct gs_cluster_node node;
    (void)state;
    assert_int_equal(
        node_of("{\"kind\":\"Node\",\"metadata\":{\"name\":\"ip-10-0-0-1.ec2.internal\","
                "\"uid\":\"u\",\"resourceVersion\":\"7\",\"labels\":{\"b\":\"2\",\"a\":\"\"},"
                "\"annotations\":{\"x\":\"l1\\nl2\\u0007\"},\"managedFields\":[{\"manager\":7}],"
                "\"deletionTimestamp\":\"2026-11-22T12:00:00Z\"},"
                "\"spec\":{\"unschedulable\":true,\"taints\":[{\"key\":\"k\",\"effect\":"
                "\"NoSchedule\",\"timeAdded\":\"2026-11-22T12:00:00Z\"}]},"
                "\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"8\",\"cpu\":\"96\"},"
                "\"allocatable\":{\"cpu\":\"95690m\"},\"images\":[{\"names\":[\"i\"]}]}}",
                &node, NULL),
        0);
    assert_string_equal(node.name, "ip-10-0-0-1.ec2.internal");
    assert_string_equal(node.resource_version, "7");
    assert_true(node.deleting && node.unschedulable);
    assert_string_equal(node.labels.at[0].key, "a"); /* by key */
    assert_string_equal(gs_cluster_pairs_find(&node.labels, "b"), "2");
    assert_null(gs_cluster_pairs_find(&node.labels, "c"));
    assert_string_equal(gs_cluster_pairs_find(&node.annotations, "x"), "l1\nl2\a");
    assert_string_equal(gs_cluster_pairs_find(&node.capacity, "nvidia.com/gpu"), "8");
    assert_string_equal(gs_cluster_pairs_find(&node.allocatable, "cpu"), "95690m");
    assert_int_equal(node.n_taints, 1);
    assert_string_equal(node.taints[0].value, "");
    assert_string_equal(node.taints[0].effect, "NoSchedule");
}

static void kube_decode__a_node_with_nothing_is_a_node(void **state)
{
    struct gs_cluster_node node;
    (void)state;
    assert_int_equal(
        node_of("{\"metadata\":{\"name\":\"n\",\"labels\":null},\"status\":null}", &node, NULL), 0);
    assert_int_equal(node.labels.n + node.capacity.n + node.n_taints, 0);
    assert_string_equal(node.uid, "");
    assert_false(node.deleting || node.unschedulable);
}

static void kube_decode__what_is_no_node_is_refused_with_its_field(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"{}", "a node named \"\""},
        {"{\"metadata\":{\"name\":\"a b\"}}", "a node named"},
        {"{\"metadata\":[]}", "\"metadata\" is an array"},
        {"{\"metadata\":{\"name\":7}}", "\"name\" is a number"},
        {"{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":null}}}", "\"a\" is null"},
        {"{\"metadata\":{\"name\":\"n\",\"labels\":[]}}", "\"labels\" is an array"},
        {"{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":{}}}", "\"taints\" is an object"},
        {"{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":[1]}}", "a taint is a number"},
        {"{\"metadata\":{\"name\":\"n\"},\"spec\":{\"unschedulable\":\"yes\"}}", "unschedulable"},
        {"{\"metadata\":{\"name\":\"n\"},\"status\":{\"capacity\":{\"gpu\":8}}}",
         "node n: \"capacity\": \"gpu\" is a number"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_cluster_node node;
        struct gs_err err = {.msg = ""};
        if (node_of(cases[i].text, &node, &err) != GS_INVALID ||
            strstr(err.msg, cases[i].says) == NULL) {
            print_message("case %zu: %s\n", i, err.msg);
            fail();
        }
    }
}

#define META "\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u\"}"

static void kube_decode__a_pod_with_all_that_counts(void **state)
{
    struct gs_cluster_pod pod;
    (void)state;
    assert_int_equal(
        pod_of("{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u\","
               "\"deletionTimestamp\":\"2026-11-22T12:00:00Z\"},\"spec\":{\"nodeName\":\"n\","
               "\"priority\":-5,\"containers\":[{\"resources\":{\"limits\":{"
               "\"nvidia.com/mig-1g.5gb\":\"2\",\"cpu\":\"1\"}}}]},"
               "\"status\":{\"phase\":\"Running\",\"nominatedNodeName\":\"m\"}}",
               &pod, NULL),
        0);
    assert_string_equal(pod.name, "p");
    assert_string_equal(pod.name_space, "d");
    assert_string_equal(pod.uid, "u");
    assert_string_equal(pod.node, "n");
    assert_string_equal(pod.nominated_node, "m");
    assert_int_equal(pod.phase, GS_CLUSTER_RUNNING);
    assert_int_equal(pod.priority, -5);
    assert_true(pod.deleting);
    assert_int_equal(pod.n_asks, 1);
    assert_string_equal(pod.asks[0].resource, "nvidia.com/mig-1g.5gb");
    assert_int_equal(pod.asks[0].count, 2);
    assert_int_equal(pod_of("{" META "}", &pod, NULL), 0);
    assert_int_equal(pod.phase, GS_CLUSTER_PENDING);
    assert_string_equal(pod.node, "");
}

static void kube_decode__what_is_no_pod_is_refused_with_its_field(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\"}}",
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"../x\",\"uid\":\"u\"}}",
        "{" META ",\"status\":{\"phase\":\"Sleeping\"}}",
        "{" META ",\"status\":{\"phase\":7}}",
        "{" META ",\"spec\":{\"priority\":\"high\"}}",
        "{" META ",\"spec\":{\"priority\":3000000000}}",
        "{" META ",\"spec\":{\"nodeName\":[]}}",
        "{" META ",\"spec\":{\"containers\":[{\"resources\":{\"limits\":"
        "{\"nvidia.com/gpu\":\"x\"}}}]}}",
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_cluster_pod pod;
        struct gs_err err = {.msg = ""};
        assert_int_equal(pod_of(cases[i], &pod, &err), GS_INVALID);
        assert_true(strncmp(err.msg, "pod ", 4) == 0);
    }
}

#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ARENA(kube_decode__a_node_with_all_that_counts),
        IN_ARENA(kube_decode__a_node_with_nothing_is_a_node),
        IN_ARENA(kube_decode__what_is_no_node_is_refused_with_its_field),
        IN_ARENA(kube_decode__a_pod_with_all_that_counts),
        IN_ARENA(kube_decode__what_is_no_pod_is_refused_with_its_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
