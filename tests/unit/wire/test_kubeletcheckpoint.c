/* The kubelet's record of grants. */
#include "unit/wire/bad_input.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubeletcheckpoint.h"

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
    struct gs_kubelet_checkpoint checkpoint;
    return gs_kubelet_checkpoint_parse(&arena, "f", gs_view(text), &checkpoint, err);
}

static struct gs_kubelet_checkpoint read_text(const char *text)
{
    struct gs_kubelet_checkpoint checkpoint = {.n_grants = 77};
    struct gs_err err = {0};
    if (gs_kubelet_checkpoint_parse(&arena, "f", gs_view(text), &checkpoint, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return checkpoint;
}

/* What the kubelet's own package (1.36.3, devicemanager/checkpoint) wrote. */
static const char now[] =
    "{\"Data\":{\"PodDeviceEntries\":["
    "{\"PodUID\":\"0d6c5d3e-0f5c-4c55-9d10-0e2b4a0f7f5a\",\"ContainerName\":\"main\","
    "\"ResourceName\":\"nvidia.com/mig-1g.5gb\",\"DeviceIDs\":{\"-1\":[\"MIG-1\"],\"0\":"
    "[\"MIG-2\",\"MIG-3\"]},\"AllocResp\":\"CiEKFk5WSURJQV9WSVNJQkxFX0RFVklDRVMSBHZvaWQ=\"},"
    "{\"PodUID\":\"u2\",\"ContainerName\":\"init\",\"ResourceName\":\"nvidia.com/gpu\","
    "\"DeviceIDs\":{},\"AllocResp\":null}],"
    "\"RegisteredDevices\":{\"nvidia.com/gpu\":[],\"nvidia.com/mig-1g.5gb\":[\"MIG-1\",\"MIG-2\","
    "\"MIG-3\",\"\\u003ca\\u0026b\\u003e\"]}},\"Checksum\":2103422632}";

static void kubeletcheckpoint__grants_have_the_ids_of_all_nodes(void **state)
{
    (void)state;
    const struct gs_kubelet_checkpoint checkpoint = read_text(now);
    assert_int_equal(checkpoint.n_grants, 2);
    const struct gs_kubelet_grant *grant = &checkpoint.grants[0];
    assert_string_equal(grant->pod_uid, "0d6c5d3e-0f5c-4c55-9d10-0e2b4a0f7f5a");
    assert_string_equal(grant->container, "main");
    assert_string_equal(grant->resource, "nvidia.com/mig-1g.5gb");
    assert_int_equal(grant->n_ids, 3);
    assert_string_equal(grant->ids[0], "MIG-1");
    assert_string_equal(grant->ids[1], "MIG-2");
    assert_string_equal(grant->ids[2], "MIG-3");
    assert_int_equal(checkpoint.grants[1].n_ids, 0);
}

static void kubeletcheckpoint__registered_devices_are_read(void **state)
{
    (void)state;
    const struct gs_kubelet_checkpoint checkpoint = read_text(now);
    assert_int_equal(checkpoint.n_registered, 2);
    assert_string_equal(checkpoint.registered[0].resource, "nvidia.com/gpu");
    assert_int_equal(checkpoint.registered[0].n_ids, 0);
    assert_string_equal(checkpoint.registered[1].resource, "nvidia.com/mig-1g.5gb");
    assert_int_equal(checkpoint.registered[1].n_ids, 4);
    assert_string_equal(checkpoint.registered[1].ids[2], "MIG-3");
    assert_string_equal(checkpoint.registered[1].ids[3], "<a&b>");
}

static void kubeletcheckpoint__an_older_kubelet_wrote_ids_as_a_list(void **state)
{
    (void)state;
    const struct gs_kubelet_checkpoint checkpoint =
        read_text("{\"Data\":{\"PodDeviceEntries\":[{\"PodUID\":\"u\",\"ContainerName\":\"c\","
                  "\"ResourceName\":\"r\",\"DeviceIDs\":[\"a\",\"b\"],\"AllocResp\":\"\"}],"
                  "\"RegisteredDevices\":null},\"Checksum\":1}");
    assert_int_equal(checkpoint.n_grants, 1);
    assert_int_equal(checkpoint.grants[0].n_ids, 2);
    assert_string_equal(checkpoint.grants[0].ids[1], "b");
    assert_int_equal(checkpoint.n_registered, 0);
}

static void kubeletcheckpoint__a_node_without_grants_has_null(void **state)
{
    (void)state;
    const struct gs_kubelet_checkpoint checkpoint = read_text(
        "{\"Data\":{\"PodDeviceEntries\":null,\"RegisteredDevices\":{}},\"Checksum\":3}\n");
    assert_int_equal(checkpoint.n_grants, 0);
    assert_int_equal(checkpoint.n_registered, 0);
}

#define ENTRY(text) "{\"Data\":{\"PodDeviceEntries\":[" text "]}}"
#define NAMES "\"PodUID\":\"u\",\"ContainerName\":\"c\",\"ResourceName\":\"r\","

static void kubeletcheckpoint__what_is_none_is_refused(void **state)
{
    (void)state;
    static const struct bad_input bad[] = {
        {"", "f: found no JSON: line 1: "},
        {"{\"Data\":", "f: found no JSON: line 1: "},
        {"[]", "f: found an array; expected an object with \"Data\""},
        {"{}", "f: there is no \"Data\"; expected the kubelet's record of devices"},
        {"{\"Data\":null}", "f: there is no \"Data\""},
        {"{\"Data\":[]}", "f: \"Data\" is an array; expected an object"},
        {"{\"Data\":{},\"Data\":{}}", "f: found no JSON: line 1: duplicate"},
        {"{\"Data\":{\"PodDeviceEntries\":{}}}",
         "f: \"PodDeviceEntries\" is an object; expected an array"},
        {ENTRY("7"), "f: entry 0 of \"PodDeviceEntries\": found a number; expected an object"},
        {ENTRY("{}"), "f: entry 0 of \"PodDeviceEntries\": there is no \"PodUID\""},
        {ENTRY("{\"PodUID\":7}"), "f: entry 0 of \"PodDeviceEntries\": \"PodUID\" is a number"},
        {ENTRY("{\"PodUID\":\"u\",\"ContainerName\":\"\"}"),
         "f: entry 0 of \"PodDeviceEntries\": there is no \"ContainerName\"; expected a name"},
        {ENTRY("{" NAMES "\"DeviceIDs\":7}"),
         "f: entry 0 of \"PodDeviceEntries\": \"DeviceIDs\" is a number; expected an array"},
        {ENTRY("{" NAMES "\"DeviceIDs\":[7]}"),
         "f: entry 0 of \"PodDeviceEntries\": a device id is a number; expected plain text"},
        {ENTRY("{" NAMES "\"DeviceIDs\":{\"0\":\"a\"}}"),
         "f: entry 0 of \"PodDeviceEntries\": the list of a NUMA node is a string"},
        {ENTRY("{" NAMES "\"DeviceIDs\":[\"a\\u0007\"]}"),
         "f: entry 0 of \"PodDeviceEntries\": a device id is a text with control characters"},
        {"{\"Data\":{\"RegisteredDevices\":[]}}",
         "f: \"RegisteredDevices\" is an array; expected an object"},
        {"{\"Data\":{\"RegisteredDevices\":{\"r\":7}}}",
         "f: \"RegisteredDevices\": the list of a resource is a number"},
    };
    CHECK_BAD_INPUTS(bad, parse);
}

static void kubeletcheckpoint__more_than_the_bounds_is_refused(void **state)
{
    (void)state;
    struct gs_err err = {0};
    struct gs_buf text;
    gs_buf_init(&text, 8 << 20);
    gs_buf_puts(&text, "{\"Data\":{\"PodDeviceEntries\":[{" NAMES "\"DeviceIDs\":[\"a\"");
    for (unsigned i = 0; i < GS_KUBELET_CHECKPOINT_IDS_MAX; i++) {
        gs_buf_puts(&text, ",\"a\"");
    }
    gs_buf_puts(&text, "]}]}}");
    assert_int_equal(parse(gs_buf_text(&text), &err), GS_LIMIT);
    assert_non_null(strstr(err.msg, "found more than 32768 device ids"));
    gs_buf_reset(&text);
    while (text.len <= GS_KUBELET_CHECKPOINT_BYTES_MAX) {
        gs_buf_puts(&text, "                                ");
    }
    assert_int_equal(parse(gs_buf_text(&text), &err), GS_LIMIT);
    assert_non_null(strstr(err.msg, "bytes; expected 4194304 at most"));
    gs_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(kubeletcheckpoint__grants_have_the_ids_of_all_nodes),
        CASE(kubeletcheckpoint__registered_devices_are_read),
        CASE(kubeletcheckpoint__an_older_kubelet_wrote_ids_as_a_list),
        CASE(kubeletcheckpoint__a_node_without_grants_has_null),
        CASE(kubeletcheckpoint__what_is_none_is_refused),
        CASE(kubeletcheckpoint__more_than_the_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
