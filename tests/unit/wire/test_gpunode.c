#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/wire/json_text.h"
#include "wire/gpunode.h"

static int parse(const char *text, struct gs_arena *arena, struct gs_gpunode *ret,
                 struct gs_err *err)
{
    json_t *object = json_text(text);
    int r = gs_gpunode_parse(object, arena, ret, err);
    json_decref(object);
    return r;
}

static struct gs_profile_name profile(const char *name)
{
    struct gs_profile_name ret;
    assert_int_equal(gs_profile_name_parse(gs_view(name), &ret, NULL), 0);
    return ret;
}

#define AT_US 1768000000123456ull

static struct gs_gpunode_slice slices[2];
static const struct gs_gpunode_pod pods[] = {{.name_space = "a", .name = "p-1", .uid = "u-1"},
                                             {.name_space = "b", .name = "p-2", .uid = ""}};
static struct gs_gpunode_gpu gpus[2];
static const struct gs_gpunode_condition conditions[] = {{.type = "Ready",
                                                          .is_true = true,
                                                          .reason = "AllSlicesOffered",
                                                          .message = "",
                                                          .since_us = AT_US}};
static const struct gs_gpunode_wish wishes[] = {
    {.id = "w-1",
     .uuid = "GPU-b",
     .based_on = 8,
     .layout = "1g.5gb@0,3g.20gb@4",
     .reason = "for \"a/p-1\"",
     .pods = pods,
     .n_pods = 2},
    {.id = "w-2", .uuid = "GPU-a", .based_on = 1, .layout = "", .reason = ""}};

static struct gs_gpunode full_node(void)
{
    slices[0] = (struct gs_gpunode_slice){.profile = profile("1g.5gb+me"),
                                          .start = 0,
                                          .size = 1,
                                          .state = GS_GPUNODE_FREE,
                                          .plain = true,
                                          .resource = "nvidia.com/mig-1g.5gb.me",
                                          .uuid = "MIG-1",
                                          .holder = {"", "", ""}};
    slices[1] = (struct gs_gpunode_slice){.profile = profile("3g.20gb"),
                                          .start = 4,
                                          .size = 4,
                                          .state = GS_GPUNODE_HELD,
                                          .resource = "",
                                          .uuid = "",
                                          .holder = pods[0]};
    gpus[0] = (struct gs_gpunode_gpu){.uuid = "GPU-a",
                                      .model = "",
                                      .product = "NVIDIA L4",
                                      .whole_held = true,
                                      .revision = 1,
                                      .decision = {.message = ""}};
    gpus[1] = (struct gs_gpunode_gpu){.index = 1,
                                      .uuid = "GPU-b",
                                      .model = "A100-40GB",
                                      .product = "NVIDIA A100-SXM4-40GB",
                                      .mig = true,
                                      .healthy = true,
                                      .revision = 9007199254740991,
                                      .slices = slices,
                                      .n_slices = 2,
                                      .decision = {.id = "w-0",
                                                   .result = GS_GPUNODE_BUSY,
                                                   .message = "3g.20gb@4 is in use",
                                                   .at_us = AT_US}};
    return (struct gs_gpunode){.name = "node-1",
                               .node_uid = "n-uid",
                               .gpus = gpus,
                               .n_gpus = 2,
                               .wishes = wishes,
                               .n_wishes = 2,
                               .conditions = conditions,
                               .n_conditions = 1,
                               .agent = "0.1.0",
                               .seen_us = AT_US};
}

static void check_pod(const struct gs_gpunode_pod *a, const struct gs_gpunode_pod *b)
{
    assert_string_equal(a->name_space, b->name_space);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->uid, b->uid);
}

static void check_gpu(const struct gs_gpunode_gpu *a, const struct gs_gpunode_gpu *b)
{
    assert_int_equal(a->index, b->index);
    assert_string_equal(a->uuid, b->uuid);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->product, b->product);
    assert_true(a->mig == b->mig && a->whole_held == b->whole_held && a->healthy == b->healthy);
    assert_true(a->revision == b->revision);
    assert_int_equal(a->n_slices, b->n_slices);
    for (unsigned i = 0; i < a->n_slices; i++) {
        const struct gs_gpunode_slice *x = &a->slices[i];
        const struct gs_gpunode_slice *y = &b->slices[i];
        assert_true(gs_profile_name_eq(&x->profile, &y->profile));
        assert_true(x->start == y->start && x->size == y->size && x->plain == y->plain);
        assert_int_equal(x->state, y->state);
        assert_string_equal(x->resource, y->resource);
        assert_string_equal(x->uuid, y->uuid);
        check_pod(&x->holder, &y->holder);
    }
    assert_string_equal(a->decision.id, b->decision.id);
    assert_int_equal(a->decision.result, b->decision.result);
    assert_string_equal(a->decision.message, b->decision.message);
    assert_true(a->decision.at_us == b->decision.at_us);
}

/* Writes a part, reads it back. */
static void there_and_back(int (*write)(const struct gs_gpunode *, struct gs_buf *,
                                        struct gs_err *),
                           struct gs_arena *arena, struct gs_gpunode *ret)
{
    struct gs_buf out;
    struct gs_err err = {.msg = ""};
    struct gs_gpunode node = full_node();
    gs_buf_init(&out, 1 << 16);
    assert_int_equal(write(&node, &out, &err), 0);
    json_t *object = json_loads(gs_buf_text(&out), 0, NULL);
    assert_non_null(object);
    if (gs_gpunode_parse(object, arena, ret, &err) != 0) {
        fail_msg("%s: %s", err.msg, gs_buf_text(&out));
    }
    json_decref(object);
    gs_buf_done(&out);
}

static void gpunode__a_status_that_is_written_is_read_back(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_gpunode node;
    struct gs_gpunode wanted = full_node();
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    there_and_back(gs_gpunode_write_status, &arena, &node);
    assert_string_equal(node.name, "node-1");
    assert_string_equal(node.node_uid, "n-uid");
    assert_string_equal(node.agent, "0.1.0");
    assert_true(node.seen_us == AT_US);
    assert_int_equal(node.n_wishes, 0);
    assert_int_equal(node.n_gpus, 2);
    check_gpu(&node.gpus[0], &wanted.gpus[0]);
    check_gpu(&node.gpus[1], &wanted.gpus[1]);
    assert_int_equal(node.n_conditions, 1);
    assert_string_equal(node.conditions[0].reason, "AllSlicesOffered");
    assert_true(node.conditions[0].is_true && node.conditions[0].since_us == AT_US);
    gs_arena_done(&arena);
}

static void gpunode__a_spec_that_is_written_is_read_back(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_gpunode node;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    there_and_back(gs_gpunode_write_spec, &arena, &node);
    assert_string_equal(node.node_uid, ""); /* the owner is the agent's to write */
    assert_true(node.n_gpus == 0 && node.seen_us == 0 && node.agent[0] == '\0');
    assert_int_equal(node.n_wishes, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(node.wishes[i].id, wishes[i].id);
        assert_string_equal(node.wishes[i].uuid, wishes[i].uuid);
        assert_string_equal(node.wishes[i].layout, wishes[i].layout);
        assert_string_equal(node.wishes[i].reason, wishes[i].reason);
        assert_true(node.wishes[i].based_on == wishes[i].based_on);
        assert_int_equal(node.wishes[i].n_pods, wishes[i].n_pods);
    }
    check_pod(&node.wishes[0].pods[0], &pods[0]);
    check_pod(&node.wishes[0].pods[1], &pods[1]);
    gs_arena_done(&arena);
}

static void gpunode__the_columns_of_kubectl_are_counted(void **state)
{
    (void)state;
    struct gs_buf out;
    struct gs_gpunode node = full_node();
    gs_buf_init(&out, 1 << 16);
    assert_int_equal(gs_gpunode_write_status(&node, &out, NULL), 0);
    assert_non_null(
        strstr(gs_buf_text(&out), "\"summary\":{\"gpus\":2,\"slices\":2,\"freeSlices\":1}"));
    gs_buf_done(&out);
}

static void gpunode__gpus_come_by_index_whatever_their_order_was(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_gpunode node;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_int_equal(parse("{'metadata': {'name': 'n'}, 'status': {'gpus': [{'uuid': 'c', 'index': "
                           "2, 'revision': 1}, {'uuid': 'a', 'index': 0, 'revision': 1}, {'uuid': "
                           "'b', 'index': 1, 'revision': 1, 'later': {}}]}}",
                           &arena, &node, NULL),
                     0);
    assert_string_equal(node.gpus[0].uuid, "a");
    assert_string_equal(node.gpus[1].uuid, "b");
    assert_string_equal(node.gpus[2].uuid, "c");
    assert_int_equal(node.gpus[2].decision.result, GS_GPUNODE_NONE);
    gs_arena_done(&arena);
}

#define SPEC(wish) "{'metadata': {'name': 'n'}, 'spec': {'gpus': [" wish "]}}"
#define STATUS(gpu) "{'metadata': {'name': 'n'}, 'status': {'gpus': [" gpu "]}}"
#define GPU(more) STATUS("{'uuid': 'a', 'index': 0, 'revision': 1, " more "}")
#define SLICE(more) GPU("'slices': [{" more "}]")

static const struct {
    const char *object, *says;
} bad[] = {
    {"{}", "a GpuNode named \"\"; expected lower-case"},
    {"{'metadata': {'name': 'A'}}", "a GpuNode named \"A\"; expected lower-case"},
    {"{'metadata': 1}", "a GpuNode: \"metadata\" is a number; expected an object"},
    {SPEC("7"), "GpuNode n: spec: gpus[0]: no \"uuid\"; expected it"},
    {SPEC("{'uuid': 'a'}"), "GpuNode n: spec: gpus[0]: no \"id\"; expected it"},
    {SPEC("{'uuid': 'a', 'id': 'w'}"), "gpus[0]: no \"basedOn\"; expected 1 or more"},
    {SPEC("{'uuid': 'a', 'id': 'w', 'basedOn': -1}"),
     "\"basedOn\" is -1; expected 0 to 9007199254740991"},
    {SPEC("{'uuid': 'a', 'id': 'w', 'basedOn': '1'}"),
     "\"basedOn\" is a string; expected a whole number"},
    {SPEC("{'uuid': 'a', 'id': 'w', 'basedOn': 1}, {'uuid': 'a', 'id': 'x', 'basedOn': 1}"),
     "GpuNode n: spec: two wishes for GPU a; expected one"},
    {SPEC("{'uuid': 'a', 'id': 'w', 'basedOn': 1, 'pods': [{'name': 'p'}]}"),
     "gpus[0]: pods[0]: no \"namespace\"; expected it"},
    {SPEC("{'uuid': 'a', 'id': '0123456789012345678901234567890123456789012345678901234567890123', "
          "'basedOn': 1}"),
     "\"id\" has 64 bytes; expected 63 at most"},
    {STATUS("{'uuid': 'a', 'index': 0}"), "GpuNode n: status: gpus[0]: no \"revision\""},
    {STATUS("{'uuid': 'a', 'index': 16, 'revision': 1}"), "\"index\" is 16; expected 0 to 15"},
    {STATUS("{'uuid': 'a', 'revision': 1}, {'uuid': 'a', 'revision': 1}"),
     "GpuNode n: status: GPU a is listed twice"},
    {GPU("'mig': 1"), "\"mig\" is a number; expected true or false"},
    {GPU("'decision': {'id': 'w', 'result': 'Perhaps'}"),
     "decision: \"result\" is \"Perhaps\"; expected \"None\" to \"Refused\""},
    {GPU("'decision': {'id': 'w', 'result': 'Done', 'at': 'now'}"),
     "decision: \"at\": \"now\": exp"},
    {SLICE("'profile': '1c.3g.20gb'"),
     "slices[0]: \"profile\": \"1c.3g.20gb\" is a compute instance"},
    {SLICE("'start': 0"), "slices[0]: \"profile\": "},
    {SLICE("'profile': '1g.5gb', 'start': 8, 'size': 9, 'state': 'Free'"),
     "slices[0]: \"start\" and \"size\" have to lie within 16 memory units"},
    {SLICE("'profile': '1g.5gb', 'size': 1, 'state': 'Free'"), "\"start\" and \"size\" have to"},
    {SLICE("'profile': '1g.5gb', 'start': 8, 'size': 1, 'state': 'free'"),
     "\"state\" is \"free\"; expected \"Free\" to \"Sick\""},
    {SLICE("'profile': '1g.5gb', 'start': 8, 'size': 1, 'state': 'Held', 'holder': {'name': 'p'}"),
     "slices[0]: holder: no \"namespace\"; expected it"},
};

static void gpunode__refuses_what_the_schema_would_refuse(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_gpunode node = {.n_gpus = 77};
        struct gs_err err = {.msg = ""};
        if (parse(bad[i].object, &arena, &node, &err) != GS_INVALID ||
            strstr(err.msg, bad[i].says) == NULL) {
            fail_msg("row %zu: \"%s\" in place of \"%s\"", i, err.msg, bad[i].says);
        }
        assert_true(node.n_gpus == 77);
    }
    gs_arena_done(&arena);
}

static void gpunode__what_is_too_much_or_no_text_is_not_written(void **state)
{
    (void)state;
    struct gs_buf out;
    struct gs_err err = {.msg = ""};
    struct gs_gpunode node = full_node();
    gs_buf_init(&out, 200);
    assert_int_equal(gs_gpunode_write_status(&node, &out, &err), GS_LIMIT);
    assert_string_equal(err.msg, "the status of a GpuNode: more than 200 bytes of JSON");
    gs_buf_done(&out);
    gpus[0].product = "NVIDIA \xff";
    gs_buf_init(&out, 1 << 16);
    assert_int_equal(gs_gpunode_write_status(&node, &out, &err), GS_INVALID);
    assert_string_equal(err.msg, "the status of a GpuNode: \"product\" is not UTF-8");
    gs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpunode__a_status_that_is_written_is_read_back),
        cmocka_unit_test(gpunode__a_spec_that_is_written_is_read_back),
        cmocka_unit_test(gpunode__the_columns_of_kubectl_are_counted),
        cmocka_unit_test(gpunode__gpus_come_by_index_whatever_their_order_was),
        cmocka_unit_test(gpunode__refuses_what_the_schema_would_refuse),
        cmocka_unit_test(gpunode__what_is_too_much_or_no_text_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
