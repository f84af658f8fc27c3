#include "torture/torture.h"

#include <jansson.h>

#include "wire/gpunode.h"
#include "wire/slicepool.h"

static const char node_text[] =
    "{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"ownerReferences\":[{\"kind\":\"Node\",\"uid\":"
    "\"x\"}]},\"spec\":{\"gpus\":[{\"uuid\":\"a\",\"id\":\"w\",\"basedOn\":1,\"layout\":\"1g.5gb@0"
    "\",\"pods\":[{\"namespace\":\"s\",\"name\":\"p\"}]}]},\"status\":{\"agent\":\"1\",\"gpus\":[{"
    "\"uuid\":\"a\",\"index\":0,\"revision\":1,\"slices\":[{\"profile\":\"1g.5gb\",\"start\":0,"
    "\"size\":1,\"state\":\"Held\",\"holder\":{\"namespace\":\"s\",\"name\":\"p\"}}],\"decision\":{"
    "\"id\":\"w\",\"result\":\"Done\",\"message\":\"m\"}}],\"conditions\":[{\"type\":\"Ready\","
    "\"status\":\"True\"}]}}";
static const char pool_text[] =
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeClassRef\":{\"name\":\"g\"},\"instanceTypes\":["
    "\"a\",\"b\"],\"zones\":[\"z\"],\"capacityTypes\":[\"spot\"],\"profiles\":[\"1g.5gb\"],\"warm\""
    ":{\"1g.5gb\":1},\"labels\":{\"k\":\"v\"},\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}"
    "]}}";

static int read_objects(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_gpunode node;
    struct gs_slicepool pool;
    json_t *object = json_loads(node_text, 0, NULL);
    json_t *other = json_loads(pool_text, 0, NULL);
    assert_non_null(object);
    assert_non_null(other);
    gs_arena_init(&arena, source, 1 << 20);
    int r = gs_gpunode_parse(object, &arena, &node, err);
    r = r < 0 ? r : gs_slicepool_parse(other, &arena, &pool, err);
    if (r == 0) {
        assert_true(node.n_gpus == 1 && node.n_wishes == 1);
        assert_true(pool.n_instance_types == 2 && pool.n_warm == 1 && pool.n_taints == 1);
    }
    gs_arena_done(&arena);
    json_decref(object);
    json_decref(other);
    return r;
}

static int write_objects(struct gs_err *err)
{
    static const struct gs_gpunode_gpu gpu = {.uuid = "a", .revision = 1};
    static const struct gs_gpunode node = {.name = "n", .gpus = &gpu, .n_gpus = 1};
    static const struct gs_slicepool_status status = {.name = "p"};
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    int r = gs_gpunode_write_status(&node, &out, err);
    r = r < 0 ? r : gs_gpunode_write_spec(&node, &out, err);
    r = r < 0 ? r : gs_slicepool_write_status(&status, &out, err);
    gs_buf_done(&out);
    return r;
}

static void torture__our_objects_are_read_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_arena(read_objects, 1) > 30);
}

static void torture__our_objects_are_written_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(write_objects, 1) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__our_objects_are_read_whatever_request_fails),
        cmocka_unit_test(torture__our_objects_are_written_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
