#include "torture/torture.h"

#include "unit/wire/kube_input.h"
#include "wire/kubeplan.h"

#define SINGLE                                                                                     \
    "\"labels\":{\"nvidia.com/gpu.product\":\"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb\","                 \
    "\"nvidia.com/mig.strategy\":\"single\"}"
#define ASKS(what) "\"containers\":[{\"resources\":{\"limits\":{\"" what "\":\"1\"}}}]"
#define POD(name, spec)                                                                            \
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec "}}"

static const char nodes_text[] =
    "{\"items\":[{\"kind\":\"Node\",\"metadata\":{\"name\":\"gpu\"," SINGLE
    "},\"spec\":{\"taints\":"
    "[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]},\"status\":{\"allocatable\":{\"cpu\":\"8\","
    "\"memory\":\"9\",\"pods\":\"9\",\"nvidia.com/gpu\":\"7\"}}},{\"kind\":\"Node\",\"metadata\":"
    "{\"name\":\"cpu\"},\"status\":{\"allocatable\":{}}}],\"kind\":\"List\"}";
static const char pods_text[] = "{\"items\":[" POD("a", ASKS("nvidia.com/gpu") ",\"tolerations\":[{\"operator\":\"Exists\"}]") "," POD(
    "b",
    ASKS(
        "nvidia.com/mig-1g.5gb") ",\"tolerations\":[{\"operator\":\"Exists\"}],"
                                 "\"nodeSelector\":{\"a\":\"b\"}") "," POD("c",
                                                                           ASKS(
                                                                               "nvidia.com/gpu") ",\"resourceClaims\":[{}],\"nodeSelector\":"
                                                                                                 "{\"nvidia.com/gpu.product\":\"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb\"},\"affinity\":"
                                                                                                 "{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":"
                                                                                                 "{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"In\","
                                                                                                 "\"values\":[\"v\"]}]}]}}}") "," POD("d",
                                                                                                                                      ASKS(
                                                                                                                                          "nvidia.com/mig-3g.20gb") ",\"nodeSelector\":{\"nvidia.com/gpu.product\":"
                                                                                                                                                                    "\"NVIDIA-A100-SXM4-40GB\"}") "," POD("e",
                                                                                                                                                                                                          ASKS(
                                                                                                                                                                                                              "cpu") ",\"nodeName\":\"gpu\"") ","
                                                                                                                                                                                                                                              "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"f\",\"ownerReferences\":[{\"controller\":true,"
                                                                                                                                                                                                                                              "\"kind\":\"DaemonSet\",\"name\":\"d\"}]},\"spec\":{" ASKS(
                                                                                                                                                                                                                                                  "cpu") "}}],\"kind\":\"List\"}";

static int read_cluster(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_arena scratch;
    const struct gs_kubeplan_summary *summary = NULL;
    struct kube_input inputs[] = {{.p = nodes_text, .n = sizeof(nodes_text) - 1},
                                  {.p = pods_text, .n = sizeof(pods_text) - 1}};
    struct gs_kubeplan_file files[] = {{.label = "n", .source = kube_input_source(&inputs[0])},
                                       {.label = "p", .source = kube_input_source(&inputs[1])}};
    gs_arena_init(&arena, source, 1 << 24);
    gs_arena_init(&scratch, source, 1 << 24);
    struct gs_demand *demand = gs_demand_new(&arena);
    int r = demand == NULL
                ? gs_fail(err, GS_NO_MEMORY, "no memory for a demand")
                : gs_kubeplan_read(&files[1], &files[0], &arena, &scratch, demand, &summary, err);
    if (r == 0) {
        assert_true(gs_demand_total(demand) == 4);
        assert_int_equal(summary->n_existing, 1);
        assert_int_equal(summary->notes.n, 0);
    }
    assert_int_equal(scratch.used_bytes, 0);
    gs_arena_done(&arena);
    return r;
}

static int read_cluster_from_heap(struct gs_err *err)
{
    return read_cluster(&gs_alloc_heap, err);
}

static void torture__a_cluster_is_read_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_arena(read_cluster, 1) > 100);
    assert_true(torture_heap(read_cluster_from_heap, 1) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_cluster_is_read_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
