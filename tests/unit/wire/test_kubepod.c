#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubepod.h"

/* Single quotes stand for double ones, to keep the tables readable. */
static json_t *json_of(const char *text)
{
    struct gs_buf buf;
    json_error_t why;
    gs_buf_init(&buf, 100000);
    for (; *text != '\0'; text++) {
        gs_buf_put(&buf, *text == '\'' ? "\"" : text, 1);
    }
    json_t *value = json_loads(gs_buf_text(&buf), 0, &why);
    if (value == NULL) {
        fail_msg("%s: %s", why.text, gs_buf_text(&buf));
    }
    gs_buf_done(&buf);
    return value;
}

static int parse(const char *text, struct gs_arena *arena, struct gs_kubepod *ret,
                 struct gs_err *err)
{
    json_t *object = json_of(text);
    int r = gs_kubepod_parse(object, arena, ret, err);
    json_decref(object);
    return r;
}

/* "500m 1024 gpu=1 1g.5gb=2" */
static void format_request(const struct gs_kubepod *pod, struct gs_buf *buf)
{
    gs_buf_reset(buf);
    gs_buf_printf(buf, "%lum %lu", pod->cpu_milli, pod->memory_bytes);
    for (size_t i = 0; i < pod->n_wants; i++) {
        char name[GS_PROFILE_NAME_MAX + 1] = "gpu";
        if (!pod->wants[i].whole_gpu) {
            gs_profile_name_format(&pod->wants[i].profile, name);
        }
        assert_null(pod->wants[i].model);
        gs_buf_printf(buf, " %s=%u", name, pod->wants[i].count);
    }
}

#define HEAD "{'metadata': {'name': 'p', 'namespace': 'ns'}, 'spec': {"
#define ONE(requests) "{'name': 'c', 'resources': {'requests': {" requests "}}}"
#define LIMITS(limits) "{'name': 'c', 'resources': {'limits': {" limits "}}}"
#define SIDECAR(requests)                                                                          \
    "{'name': 's', 'restartPolicy': 'Always', 'resources': {'requests': {" requests "}}}"

/* The expected values follow from Kubernetes' rule; the sidecar rows are the examples of
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ and KEP-753. */
static const struct {
    const char *spec, *request;
} requests[] = {
    {"'containers': [{'name': 'c'}]", "0m 0"},
    {"'containers': [" ONE("'cpu': '250m', 'memory': '1Gi'") "]", "250m 1073741824"},
    {"'containers': [" ONE("'cpu': 2, 'memory': 1.5e3") "]", "2000m 1500"},
    {"'containers': [" ONE("'cpu': 0.1") "]", "100m 0"},
    {"'containers': [" ONE("'cpu': '1'") "," ONE("'cpu': '500m', 'nvidia.com/gpu': '1'") "]",
     "1500m 0 gpu=1"},
    /* a limit is the request where there is none */
    {"'containers': [" LIMITS("'nvidia.com/mig-1g.5gb': '2', 'cpu': '1'") "]", "1000m 0 1g.5gb=2"},
    {"'containers': [{'name':'c','resources':{'limits':{'cpu':'4','memory':'8'},"
     "'requests':{'cpu':'1'}}}]",
     "1000m 8"},
    {"'containers': [{'name':'c','resources':{'limits':{'cpu':'4'},'requests':{'cpu':'0'}}}]",
     "0m 0"},
    /* init containers run one after another, before the others: the largest counts */
    {"'initContainers': [" ONE("'cpu': '3'") "," ONE("'memory': '7'") "], 'containers': [" ONE(
         "'cpu': '1', 'memory': '2'") "," ONE("'cpu': '1'") "]",
     "3000m 7"},
    {"'initContainers': [" ONE("'nvidia.com/mig-3g.20gb': '1'") "], 'containers': [" ONE(
         "'nvidia.com/mig-1g.5gb': '1'") "]",
     "0m 0 1g.5gb=1 3g.20gb=1"},
    {"'initContainers': [" ONE("'nvidia.com/gpu': '1'") "], 'containers': [" ONE(
         "'nvidia.com/gpu': '1'") "]",
     "0m 0 gpu=1"},
    /* a sidecar runs beside the containers and beside later init containers */
    {"'initContainers': [" SIDECAR("'cpu': '1'") "], 'containers': [" ONE("'cpu': '2'") "]",
     "3000m 0"},
    {"'initContainers': [" ONE("'cpu': '5'") "," SIDECAR("'cpu': '1'") "], 'containers': [" ONE(
         "'cpu': '2'") "]",
     "5000m 0"},
    {"'initContainers': [" SIDECAR("'cpu': '1'") "," ONE("'cpu': '5'") "], 'containers': [" ONE(
         "'cpu': '2'") "]",
     "6000m 0"},
    {"'initContainers': [" SIDECAR("'cpu': '1'") "," ONE("'cpu': '5'") "," SIDECAR(
         "'cpu': '4'") "], 'containers': [" ONE("'cpu': '2'") "]",
     "7000m 0"},
    {"'initContainers': [" SIDECAR("'nvidia.com/gpu': '1'") "," ONE(
         "'nvidia.com/gpu': '1'") "], 'containers': [{'name': 'c'}]",
     "0m 0 gpu=2"},
    /* requests of the pod as a whole replace those of containers, for cpu and memory only */
    {"'resources': {'requests': {'cpu': '4'}}, 'containers': [" ONE(
         "'cpu': '1', 'memory': '9', 'nvidia.com/gpu': '1'") "]",
     "4000m 9 gpu=1"},
    {"'resources': {'limits': {'cpu': '4'}}, 'containers': [" ONE("'cpu': '1'") "]", "1000m 0"},
    {"'resources': {'limits': {'cpu': '4'}}, 'containers': [{'name': 'c'}]", "4000m 0"},
    {"'overhead': {'cpu': '250m', 'memory': '120Mi'}, 'containers': [" ONE("'cpu': '1'") "]",
     "1250m 125829120"},
    {"'overhead': {'cpu': '1'}, 'resources': {'requests': {'cpu': '4'}}, 'containers': [" ONE(
         "'cpu': '1'") "]",
     "5000m 0"},
    /* names: sorted, none twice, nothing for 0 */
    {"'containers': [" ONE("'nvidia.com/mig-3g.20gb': '1', 'nvidia.com/mig-1g.10gb.me': '1'") "," ONE(
         "'nvidia.com/gpu': '1', 'nvidia.com/mig-3g.20gb': '2', 'nvidia.com/mig-7g.40gb': '0'") "]",
     "0m 0 gpu=1 1g.10gb+me=1 3g.20gb=3"},
};

static void kubepod__asks_for_what_the_scheduler_counts(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_buf buf;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    gs_buf_init(&buf, 1000);
    for (size_t i = 0; i < GS_ARRAY_LEN(requests); i++) {
        char text[2000];
        struct gs_kubepod pod;
        struct gs_err err = {.msg = ""};
        snprintf(text, sizeof(text), HEAD "%s}}", requests[i].spec);
        int r = parse(text, &arena, &pod, &err);
        if (r != 0) {
            fail_msg("row %zu: %s", i, err.msg);
        }
        format_request(&pod, &buf);
        if (strcmp(gs_buf_text(&buf), requests[i].request) != 0) {
            fail_msg("row %zu: %s in place of %s", i, gs_buf_text(&buf), requests[i].request);
        }
        assert_true(pod.unobeyed == 0 && pod.refused == NULL);
    }
    gs_buf_done(&buf);
    gs_arena_done(&arena);
}

#define BIT(what) (1u << GS_UNOBEYED_##what)
#define GPU "'containers': [" ONE("'nvidia.com/gpu': '1'") "]"

static const struct {
    const char *spec;
    uint32_t unobeyed;
    const char *other, *refused;
} flagged[] = {
    {GPU ", 'affinity': {'podAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [{}]}}",
     BIT(POD_AFFINITY), NULL, NULL},
    {GPU
     ", 'affinity': {'podAntiAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [{}]}}",
     BIT(POD_ANTI_AFFINITY), NULL, NULL},
    {GPU
     ", 'affinity': {'podAntiAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': [{}]}}",
     0, NULL, NULL},
    {GPU ", 'topologySpreadConstraints': [{'whenUnsatisfiable': 'DoNotSchedule'}]", BIT(SPREAD),
     NULL, NULL},
    {GPU ", 'topologySpreadConstraints': [{'whenUnsatisfiable': 'ScheduleAnyway'}]", 0, NULL, NULL},
    {GPU ", 'volumes': [{'persistentVolumeClaim': {'claimName': 'x'}}]", BIT(VOLUMES), NULL, NULL},
    {GPU ", 'volumes': [{'ephemeral': {}}]", BIT(VOLUMES), NULL, NULL},
    {GPU ", 'volumes': [{'emptyDir': {}}, {'configMap': {}}]", 0, NULL, NULL},
    {"'containers': [{'name': 'c', 'ports': [{'containerPort': 80}, {'hostPort': 80}]}]",
     BIT(HOST_PORTS), NULL, NULL},
    {"'containers': [{'name': 'c', 'ports': [{'containerPort': 80, 'hostPort': 0}]}]", 0, NULL,
     NULL},
    {GPU ", 'resourceClaims': [{'name': 'x'}]", BIT(CLAIMS), NULL, NULL},
    {"'containers': [" ONE("'ephemeral-storage': '10Gi', 'hugepages-2Mi': '4Mi'") "]",
     BIT(EPHEMERAL_STORAGE) | BIT(HUGEPAGES), NULL, NULL},
    {"'containers': [" ONE("'ephemeral-storage': '0', 'vpc.amazonaws.com/efa': '0'") "]", 0, NULL,
     NULL},
    {"'containers': [" ONE("'vpc.amazonaws.com/efa': '4', 'smarter-devices/fuse': '1'") "]",
     BIT(OTHER_RESOURCE), "vpc.amazonaws.com/efa", NULL},
    {GPU ", 'tolerations': [{'key': 'sla', 'operator': 'Gt', 'value': '95'}]", BIT(TOLERATION),
     NULL, NULL},
    {"'containers': [" ONE("'nvidia.com/gpu.shared': '1'") "]", 0, NULL, "nvidia.com/gpu.shared"},
    {"'containers': [" ONE("'nvidia.com/mig-1g.5gb.shared': '1'") "]", 0, NULL,
     "nvidia.com/mig-1g.5gb.shared"},
    {"'containers': [" ONE("'nvidia.com/mig-small': '1'") "]", 0, NULL, "nvidia.com/mig-small"},
};

static void kubepod__names_what_it_does_not_obey(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    for (size_t i = 0; i < GS_ARRAY_LEN(flagged); i++) {
        char text[2000];
        struct gs_kubepod pod;
        struct gs_err err = {.msg = ""};
        snprintf(text, sizeof(text), HEAD "%s}}", flagged[i].spec);
        if (parse(text, &arena, &pod, &err) != 0 || pod.unobeyed != flagged[i].unobeyed) {
            fail_msg("row %zu: %x %s", i, pod.unobeyed, err.msg);
        }
        assert_string_equal(pod.other_resource == NULL ? "" : pod.other_resource,
                            flagged[i].other == NULL ? "" : flagged[i].other);
        assert_string_equal(pod.refused == NULL ? "" : pod.refused,
                            flagged[i].refused == NULL ? "" : flagged[i].refused);
    }
    for (unsigned i = 0; i < GS_UNOBEYED_COUNT; i++) {
        assert_non_null(gs_kubepod_unobeyed_text(i));
    }
    gs_arena_done(&arena);
}

static void kubepod__reads_who_it_is_and_where_it_may_run(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_kubepod pod;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    int r =
        parse("{'metadata': {'name': 'train-0', 'namespace': 'ml', 'deletionTimestamp': "
              "'2025-01-01T00:00:00Z', 'ownerReferences': [{'kind': 'Job', 'name': 'no'}, "
              "{'kind': 'DaemonSet', 'name': 'ds', 'controller': true}]}, 'status': {'phase': "
              "'Running'}, 'spec': {" GPU ", 'nodeName': 'gpu-a', 'priority': -5, "
              "'nodeSelector': {'z': '1', 'a': '2'}, 'affinity': {'nodeAffinity': "
              "{'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [{}, "
              "{'matchExpressions': [{'key': 'k', 'operator': 'In', 'values': ['x', 'y']}, "
              "{'key': 'g', 'operator': 'Gt', 'values': ['3']}], 'matchFields': [{'key': "
              "'metadata.name', 'operator': 'NotIn', 'values': ['gpu-b']}]}]}}}, 'tolerations': "
              "[{'operator': 'Exists'}, {'key': 'k', 'value': 'v', 'effect': 'NoSchedule', "
              "'tolerationSeconds': 3}]}}",
              &arena, &pod, NULL);
    assert_int_equal(r, 0);
    assert_string_equal(pod.id, "ml/train-0");
    assert_string_equal(pod.node, "gpu-a");
    assert_string_equal(pod.owner_kind, "DaemonSet");
    assert_string_equal(pod.owner_name, "ds");
    assert_int_equal(pod.phase, GS_KUBEPOD_RUNNING);
    assert_int_equal(pod.priority, -5);
    assert_true(pod.deleting && !pod.mirror);

    const char *a[] = {"2"}, *z[] = {"1"}, *k[] = {"x", "y"}, *g[] = {"3"}, *b[] = {"gpu-b"};
    const struct gs_requirement selector[] = {{"a", GS_LABEL_IN, a, 1, false, false},
                                              {"z", GS_LABEL_IN, z, 1, false, false}};
    const struct gs_requirement term[] = {{"k", GS_LABEL_IN, k, 2, false, false},
                                          {"g", GS_LABEL_GT, g, 1, false, false},
                                          {"metadata.name", GS_LABEL_NOT_IN, b, 1, true, false}};
    const struct gs_term terms[] = {{NULL, 0}, {term, 3}};
    const struct gs_toleration tolerations[] = {{"", "", "", true},
                                                {"k", "v", "NoSchedule", false}};
    const struct gs_constraint expected = {.selector = {selector, 2},
                                           .terms = terms,
                                           .n_terms = 2,
                                           .tolerations = tolerations,
                                           .n_tolerations = 2};
    assert_true(gs_constraint_eq(pod.constraint, &expected));
    gs_arena_done(&arena);
}

static void kubepod__fills_in_what_the_api_leaves_out(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_kubepod pod;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    assert_int_equal(
        parse("{'metadata': {'name': 'p'}, 'spec': {'nodeName': '', " GPU "}}", &arena, &pod, NULL),
        0);
    assert_string_equal(pod.id, "default/p");
    assert_null(pod.node);
    assert_null(pod.constraint);
    assert_int_equal(pod.phase, GS_KUBEPOD_PENDING);
    assert_string_equal(pod.owner_kind, "");
    assert_int_equal(parse("{'metadata': {'name': 'p', 'annotations': "
                           "{'kubernetes.io/config.mirror': 'x'}}, 'spec': {" GPU "}}",
                           &arena, &pod, NULL),
                     0);
    assert_true(pod.mirror);
    gs_arena_done(&arena);
}

#define SPEC(spec) HEAD spec "}}"

static const struct {
    const char *object;
    int code;
    const char *says;
} bad[] = {
    {"{}", GS_INVALID, "a pod without a name; expected metadata.name"},
    {"{'metadata': {'name': null}}", GS_INVALID, "a pod without a name; expected metadata.name"},
    {"{'metadata': {'name': 7}}", GS_INVALID, "\"name\" is a number; expected a string"},
    {"{'metadata': {'name': 'a b'}}", GS_INVALID, "a pod named \"default/a b\"; expected"},
    {"{'metadata': {'name': 'a\\u001bb'}}", GS_INVALID, "\"name\" has a control character"},
    {"{'metadata': {'name': 'p'}}", GS_INVALID, "pod default/p: no containers; expected"},
    {SPEC("'containers': {}"), GS_INVALID, "pod ns/p: no containers; expected"},
    {SPEC("'containers': [7]"), GS_INVALID,
     "pod ns/p: a container is a number; expected an object"},
    {SPEC("'containers': [" ONE("'cpu': 'lots'") "]"), GS_INVALID,
     "pod ns/p: container \"c\": resource \"cpu\": \"lots\" is not an amount; expected"},
    {SPEC("'containers': [" ONE("'cpu': '-1'") "]"), GS_INVALID, "\"-1\" is negative"},
    {SPEC("'containers': [" ONE("'cpu': true") "]"), GS_INVALID,
     "found a boolean; expected an amount"},
    {SPEC("'containers': [" ONE("'memory': '2Pi'") "]"), GS_LIMIT,
     "resource \"memory\": \"2Pi\" is more than"},
    {SPEC("'containers': [" ONE("'memory': '1Pi'") "," ONE("'memory': '1Pi'") "]"), GS_LIMIT,
     "pod ns/p: 0 milli-CPU and 2251799813685248 bytes of memory; expected at most"},
    {SPEC("'containers': [" ONE("'nvidia.com/gpu': '1500m'") "]"), GS_INVALID,
     "found a fraction; expected a whole number"},
    {SPEC("'containers': [" ONE("'nvidia.com/gpu': '1025'") "]"), GS_LIMIT, "\"1025\" is more"},
    {SPEC(
         "'containers': [" ONE("'nvidia.com/gpu': '1000'") "," ONE("'nvidia.com/gpu': '1000'") "]"),
     GS_LIMIT, "2000 of \"nvidia.com/gpu\"; expected at most 1024"},
    {SPEC("'containers': [" ONE("'nvidia.com/mig-1g.1gb': '1', 'nvidia.com/mig-1g.2gb': '1', "
                                "'nvidia.com/mig-1g.3gb': '1', 'nvidia.com/mig-1g.4gb': '1', "
                                "'nvidia.com/mig-1g.5gb': '1', 'nvidia.com/mig-1g.6gb': '1', "
                                "'nvidia.com/mig-1g.7gb': '1', 'nvidia.com/mig-1g.8gb': '1', "
                                "'nvidia.com/mig-1g.9gb': '1'") "]"),
     GS_LIMIT, "more than 8 different GPU resources in one pod"},
    {SPEC("'overhead': {'cpu': 'x'}, " GPU), GS_INVALID, "pod ns/p: overhead: resource \"cpu\""},
    {SPEC(GPU ", 'priority': 'high'"), GS_INVALID, "\"priority\" is not a 32-bit number"},
    {SPEC(GPU ", 'priority': 3000000000"), GS_INVALID, "\"priority\" is not a 32-bit number"},
    {SPEC(GPU ", 'nodeSelector': {'a': 1}"), GS_INVALID,
     "a label of nodeSelector is a number; expected plain text"},
    {SPEC(GPU ", 'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': "
              "{'nodeSelectorTerms': []}}}"),
     GS_INVALID, "nodeSelectorTerms is empty; expected a term"},
    {SPEC(GPU ", 'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': "
              "{'nodeSelectorTerms': [{'matchExpressions': [{'key': 'k', 'operator': 'in'}]}]}}}"),
     GS_INVALID, "operator \"in\"; expected In, NotIn"},
    {SPEC(GPU ", 'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': "
              "{'nodeSelectorTerms': [{'matchExpressions': [{'key': 'k', 'operator': 'In'}]}]}}}"),
     GS_INVALID, "operator In with 0 values; expected one or more"},
    {SPEC(GPU ", 'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': "
              "{'nodeSelectorTerms': [{'matchExpressions': [{'key': 'k', 'operator': 'Exists', "
              "'values': ['x']}]}]}}}"),
     GS_INVALID, "operator Exists with 1 values; expected none"},
    {SPEC(GPU ", 'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': "
              "{'nodeSelectorTerms': [{'matchFields': [{'key': 'spec.x', 'operator': 'In', "
              "'values': ['x']}]}]}}}"),
     GS_INVALID, "matchFields \"spec.x\"; expected metadata.name"},
    {SPEC(GPU ", 'tolerations': [{'value': 'x'}]"), GS_INVALID,
     "a toleration without key; expected operator Exists"},
    {SPEC(GPU ", 'tolerations': [{'key': 'x', 'operator': 'In'}]"), GS_INVALID,
     "operator \"In\" of a toleration; expected Equal, Exists, Gt or Lt"},
    {"{'metadata': {'name': 'p'}, 'status': {'phase': 'Done'}}", GS_INVALID,
     "pod default/p: phase \"Done\"; expected Pending, Running, Succeeded, Failed or Unknown"},
};

static void kubepod__refuses_what_is_no_pod(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_kubepod pod = {.priority = 77};
        struct gs_err err = {.msg = ""};
        int r = parse(bad[i].object, &arena, &pod, &err);
        if (r != bad[i].code || strstr(err.msg, bad[i].says) == NULL) {
            fail_msg("row %zu: %d \"%s\" in place of \"%s\"", i, r, err.msg, bad[i].says);
        }
        assert_int_equal(pod.priority, 77);
    }
    gs_arena_done(&arena);
}

static void kubepod__names_the_claims_of_its_volumes(void **state)
{
    struct gs_arena arena;
    struct gs_kubepod pod;
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_int_equal(
        parse(HEAD GPU ", 'volumes': [{'name': 'a', 'emptyDir': {}}, {'name': 'b', "
                       "'persistentVolumeClaim': {'claimName': 'data'}}, {'name': 'tmp', "
                       "'ephemeral': {}}, {'persistentVolumeClaim': {'claimName': 'Not_a_name'}}, "
                       "{'name': 'none', 'persistentVolumeClaim': null, 'ephemeral': null}]}}",
              &arena, &pod, NULL),
        0);
    assert_int_equal(pod.n_claims, 2);
    assert_string_equal(pod.claims[0].name, "data");
    assert_false(pod.claims[0].own);
    assert_string_equal(pod.claims[1].name + strlen(pod.claims[1].name) - 4, "-tmp");
    assert_int_equal(strncmp(pod.claims[1].name, pod.name, strlen(pod.name)), 0);
    assert_true(pod.claims[1].own);
    assert_true(pod.more_claims);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubepod__asks_for_what_the_scheduler_counts),
        cmocka_unit_test(kubepod__names_the_claims_of_its_volumes),
        cmocka_unit_test(kubepod__names_what_it_does_not_obey),
        cmocka_unit_test(kubepod__reads_who_it_is_and_where_it_may_run),
        cmocka_unit_test(kubepod__fills_in_what_the_api_leaves_out),
        cmocka_unit_test(kubepod__refuses_what_is_no_pod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
