#include "unit/wire/bad_input.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "wire/migcheckpoint.h"

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

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    const struct gs_mig_state *states;
    unsigned n;
    return gs_migcheckpoint_read(&arena, &input, &states, &n, err);
}

static unsigned read_states(const char *text, const struct gs_mig_state **ret)
{
    struct gs_doc_input input = text_input(text);
    struct gs_err err = {0};
    unsigned n = 77;
    if (gs_migcheckpoint_read(&arena, &input, ret, &n, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return n;
}

/* As mig-parted writes it: two GPUs, one of them cut. */
static const char two[] =
    "{\"Version\":\"v1\",\"MigState\":{\"Devices\":["
    "{\"UUID\":\"GPU-aaaa\",\"MigMode\":0,\"GpuInstances\":null},"
    "{\"UUID\":\"GPU-bbbb\",\"MigMode\":1,\"GpuInstances\":["
    "{\"ProfileID\":0,\"Placement\":{\"Start\":0,\"Size\":1},\"ComputeInstances\":null},"
    "{\"ProfileID\":2,\"Placement\":{\"Start\":4,\"Size\":4},\"ComputeInstances\":["
    "{\"ProfileID\":0,\"EngProfileID\":0},{\"ProfileID\":1,\"EngProfileID\":0}]}]}]}}";

static void migcheckpoint__reads_what_mig_parted_wrote(void **state)
{
    (void)state;
    const struct gs_mig_state *states;
    assert_int_equal(read_states(two, &states), 2);
    assert_string_equal(states[0].uuid, "GPU-aaaa");
    assert_false(states[0].mig_enabled);
    assert_int_equal(states[0].n_gis, 0);
    assert_true(states[1].mig_enabled);
    assert_int_equal(states[1].n_gis, 2);
    assert_int_equal(states[1].gis[0].n_cis, 0);
    assert_int_equal(states[1].gis[1].profile, 2);
    assert_int_equal(states[1].gis[1].start, 4);
    assert_int_equal(states[1].gis[1].size, 4);
    assert_int_equal(states[1].gis[1].n_cis, 2);
    assert_int_equal(states[1].gis[1].cis[1].profile, 1);
    static const char *const none[] = {
        "{\"Version\":\"v1\",\"MigState\":{\"Devices\":null}}",
        "{\"Version\":\"v1\",\"MigState\":{\"Devices\":[]}}",
        "{\"MigState\":{},\"Version\":\"v1\"}",
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(read_states(none[i], &states), 0);
    }
}

static void migcheckpoint__writes_as_mig_parted_does(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    const struct gs_mig_state *states;
    gs_buf_init(&out, 1 << 20);
    unsigned n = read_states(two, &states);
    gs_migcheckpoint_write(states, n, &out);
    assert_true(gs_buf_ok(&out));
    assert_string_equal(gs_buf_text(&out), two);
    gs_buf_reset(&out);
    gs_migcheckpoint_write(states, 0, &out);
    assert_string_equal(gs_buf_text(&out), "{\"Version\":\"v1\",\"MigState\":{\"Devices\":null}}");
}

static void migcheckpoint__writes_instances_by_profile(void **state)
{
    (void)state;
    struct gs_mig_state gpu = {.uuid = "GPU-1", .mig_enabled = true, .n_gis = 3};
    gpu.gis[0] = (struct gs_mig_state_gi){.profile = 9, .start = 0, .size = 2};
    gpu.gis[1] = (struct gs_mig_state_gi){.profile = 0, .start = 3, .size = 1};
    gpu.gis[2] = (struct gs_mig_state_gi){.profile = 0, .start = 2, .size = 1};
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    gs_migcheckpoint_write(&gpu, 1, &out);
    const struct gs_mig_state *states;
    assert_int_equal(read_states(gs_buf_text(&out), &states), 1);
    assert_int_equal(states->gis[0].start, 3);
    assert_int_equal(states->gis[1].start, 2);
    assert_int_equal(states->gis[2].profile, 9);
    strcpy(gpu.uuid, "GPU \"1\"");
    gs_buf_reset(&out);
    gs_migcheckpoint_write(&gpu, 1, &out);
    assert_false(gs_buf_ok(&out));
}

#define DEVICE(body) "{\"Version\":\"v1\",\"MigState\":{\"Devices\":[{" body "}]}}"
#define GI(body) DEVICE("\"UUID\":\"GPU-1\",\"MigMode\":1,\"GpuInstances\":[" body "]")
#define AT(start, size) "{\"ProfileID\":0,\"Placement\":{\"Start\":" #start ",\"Size\":" #size "}}"

static const struct bad_input bad[] = {
    {"", "f.yaml:1: the document is empty"},
    {"null", "f.yaml:1: the document: found nothing"},
    {"[]", "f.yaml:1: the document: found a list"},
    {"{}", "f.yaml:1: found no key \"Version\""},
    {"{\"Version\":\"v1\"}", "f.yaml:1: found no key \"MigState\""},
    {"{\"Version\":\"v2\",\"MigState\":{}}", "f.yaml:1: Version: found \"v2\""},
    {"{\"Version\":\"v1\",\"MigState\":[]}", "f.yaml:1: MigState: found a list"},
    {"{\"Version\":\"v1\",\"MigState\":{},\"More\":1}", "f.yaml:1: found key \"More\""},
    {"{\"Version\":\"v1\",\"MigState\":{\"Devices\":{}}}", "f.yaml:1: Devices: found a map"},
    {DEVICE("\"MigMode\":1"), "f.yaml:1: found no key \"UUID\""},
    {DEVICE("\"UUID\":\"GPU-1\""), "f.yaml:1: found no key \"MigMode\""},
    {DEVICE("\"UUID\":\"GPU-1\",\"MigMode\":2"), "f.yaml:1: MigMode: found \"2\""},
    {DEVICE("\"UUID\":\"GPU-1\",\"MigMode\":-1"), "f.yaml:1: MigMode: found \"-1\""},
    {DEVICE("\"UUID\":\"GPU-1\",\"MigMode\":true"), "f.yaml:1: MigMode: found \"true\""},
    {DEVICE("\"UUID\":\"GPU 1\",\"MigMode\":1"), "f.yaml:1: UUID: found \"GPU 1\""},
    {DEVICE("\"UUID\":\"\",\"MigMode\":1"), "f.yaml:1: UUID: found \"\""},
    {DEVICE("\"UUID\":\"GPU-0123456789012345678901234567890123456789012345678901234567890123456789"
            "0123456789012345678901234567\",\"MigMode\":1"),
     "f.yaml:1: UUID: found text of 102 bytes; expected 95"},
    {DEVICE("\"UUID\":\"GPU-1\",\"MigMode\":0,\"GpuInstances\":[" AT(0, 1) "]"),
     "f.yaml:1: found GPU instances where MigMode is 0"},
    {GI("{}"), "f.yaml:1: found no key \"ProfileID\""},
    {GI("{\"ProfileID\":64,\"Placement\":{}}"), "f.yaml:1: ProfileID: found \"64\""},
    {GI("{\"ProfileID\":0}"), "f.yaml:1: found no key \"Placement\""},
    {GI("{\"ProfileID\":0,\"Placement\":{\"Start\":0}}"), "f.yaml:1: found no key \"Size\""},
    {GI(AT(0, 0)), "f.yaml:1: Size: found \"0\""},
    {GI(AT(32, 1)), "f.yaml:1: Start: found \"32\""},
    {GI(AT(31, 2)), "f.yaml:1: Size: found \"2\"; expected a plain decimal integer from 1 to 1"},
    {GI(AT(0, 2) "," AT(1, 1)),
     "f.yaml:1: GPU-1: GPU instance 1, at 1 to 1, lies on one before it"},
    {GI("{\"ProfileID\":0,\"Placement\":{\"Start\":0,\"Size\":1},\"ComputeInstances\":[{}]}"),
     "f.yaml:1: found no key \"ProfileID\""},
    {GI("{\"ProfileID\":0,\"Placement\":{\"Start\":0,\"Size\":1},\"ComputeInstances\":["
        "{\"ProfileID\":0,\"EngProfileID\":16}]}"),
     "f.yaml:1: EngProfileID: found \"16\""},
    {"{\"Version\":\"v1\",\"MigState\":{\"Devices\":[{\"UUID\":\"GPU-1\",\"MigMode\":0},\n"
     "{\"UUID\":\"GPU-1\",\"MigMode\":0}]}}",
     "f.yaml:2: found the GPU GPU-1 again"},
};

static void migcheckpoint__refuses_what_no_gpu_can_be(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

static void migcheckpoint__bounds_gpus_and_instances(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    struct gs_err err;
    gs_buf_init(&text, 1 << 20);
    gs_buf_puts(&text, "{\"Version\":\"v1\",\"MigState\":{\"Devices\":[");
    for (unsigned i = 0; i <= GS_MIG_STATE_GPUS_MAX; i++) {
        gs_buf_printf(&text, "%s{\"UUID\":\"GPU-%u\",\"MigMode\":0}", i == 0 ? "" : ",", i);
    }
    gs_buf_puts(&text, "]}}");
    assert_int_equal(parse(gs_buf_text(&text), &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "Devices: found 33; expected 32 at most"));
    gs_buf_reset(&text);
    gs_buf_puts(&text,
                "{\"Version\":\"v1\",\"MigState\":{\"Devices\":[{\"UUID\":\"G\",\"MigMode\":1,"
                "\"GpuInstances\":[");
    for (unsigned i = 0; i < 16; i++) {
        gs_buf_printf(&text, "%s{\"ProfileID\":0,\"Placement\":{\"Start\":%u,\"Size\":1}}",
                      i == 0 ? "" : ",", i);
    }
    gs_buf_puts(&text, "]}]}}");
    assert_int_equal(parse(gs_buf_text(&text), &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "GpuInstances: found 16; expected 15 at most"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(migcheckpoint__reads_what_mig_parted_wrote, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migcheckpoint__writes_as_mig_parted_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migcheckpoint__writes_instances_by_profile, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migcheckpoint__refuses_what_no_gpu_can_be, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migcheckpoint__bounds_gpus_and_instances, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
