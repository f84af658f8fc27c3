#include "torture/torture.h"

#include <jansson.h>

#include "base/buf.h"
#include "controller/tally/tally.h"

static struct gs_store store;

static void give(int (*take)(struct gs_store *to, const json_t *object), const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_int_equal(take(&store, object), 0);
    json_decref(object);
}

static int take_node(struct gs_store *to, const json_t *object)
{
    return gs_store_node(to, object, false, NULL);
}

static int take_gpus(struct gs_store *to, const json_t *object)
{
    return gs_store_gpunode(to, object, false, 1, NULL);
}

static int take_pod(struct gs_store *to, const json_t *object)
{
    return gs_store_pod(to, object, false, 1, NULL);
}

static int set_up(void **state)
{
    (void)state;
    gs_store_init(&store);
    give(take_node, "{\"metadata\":{\"name\":\"n\",\"labels\":{\"gpuslice.dev/slicepool\":\"p\","
                    "\"node.kubernetes.io/instance-type\":\"p4d.24xlarge\","
                    "\"topology.kubernetes.io/region\":\"us-east-1\"}},\"status\":{\"allocatable\":"
                    "{\"cpu\":\"8\",\"memory\":\"64Gi\",\"pods\":\"9\"}}}");
    give(take_gpus,
         "{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"5\"},\"status\":{\"gpus\":[{"
         "\"index\":0,\"uuid\":\"GPU-1\",\"model\":\"A100-40GB\",\"mig\":true,\"healthy\":"
         "true,\"revision\":1,\"slices\":[{\"profile\":\"1g.5gb\",\"start\":0,\"size\":1,"
         "\"state\":\"Held\",\"plain\":true,\"resource\":\"nvidia.com/mig-1g.5gb\"}]}]}}");
    give(take_pod,
         "{\"metadata\":{\"name\":\"a\",\"namespace\":\"team\",\"uid\":\"u\",\"resourceVersion\""
         ":\"1\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{\"nodeName\":\"n\","
         "\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{"
         "\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},\"status\":{\"phase\":\"Running\"}}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_store_done(&store);
    return 0;
}

/* Counts twice: what was counted is kept. */
static int count(struct gs_err *err)
{
    struct gs_money *money = gs_money_new();
    struct gs_tally_rows *rows = NULL;
    struct gs_arena arena;
    struct gs_tally tally;
    int r = money == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for prices")
                          : gs_tally_rows_new(&store, money, "", &rows, err);
    const struct gs_tally_options options = {.store = &store, .rows = rows, .now_us = 1};
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        r = gs_tally(&options, &arena, &tally, err);
        if (r == 0) {
            assert_int_equal(tally.n_pools, 1);
            assert_int_equal(tally.n_namespaces, 1);
            assert_int_equal(tally.namespaces[0].slices, 1);
        }
    }
    gs_arena_done(&arena);
    gs_tally_rows_free(rows);
    gs_money_free(money);
    return r;
}

static void torture__a_cluster_is_counted_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(count, 1) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_cluster_is_counted_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
