/* What the kubelet tells about devices and who holds them. */
#include "unit/wire/message.h"

#include "base/cleanup.h"
#include "wire/podresources.h"

static const char *const ids[] = {"MIG-1", "MIG-2"};
static const int64_t nodes[] = {0, 5};
static const struct gs_podres_devices devices[] = {{"nvidia.com/gpu", 2, 0, ids, NULL},
                                                   {"nvidia.com/mig-1g.5gb", 1, 2, ids, nodes}};
static const struct gs_podres_claimed claimed[] = {
    {"claim", "ns", "gpu.nvidia.com", "node", "gpu-0", 2, ids}};
static const struct gs_podres_container containers[] = {{"main", 2, 1, devices, claimed},
                                                        {"side", 0, 0, NULL, NULL}};
static const struct gs_podres_pod pod = {"p", "default", 2, containers};

static void check_pod(const struct gs_podres_pod *found)
{
    assert_string_equal(found->name, "p");
    assert_string_equal(found->namespace_, "default");
    assert_int_equal(found->n_containers, 2);
    const struct gs_podres_container *main_one = &found->containers[0];
    assert_string_equal(main_one->name, "main");
    assert_int_equal(main_one->n_devices, 2);
    assert_string_equal(main_one->devices[0].resource, "nvidia.com/gpu");
    assert_int_equal(main_one->devices[0].n_ids, 2);
    assert_string_equal(main_one->devices[0].ids[1], "MIG-2");
    assert_int_equal(main_one->devices[0].n_numa, 0);
    assert_int_equal(main_one->devices[1].n_numa, 2);
    assert_int_equal(main_one->devices[1].numa[1], 5);
    assert_int_equal(main_one->n_claimed, 1);
    assert_string_equal(main_one->claimed[0].claim, "claim");
    assert_string_equal(main_one->claimed[0].claim_namespace, "ns");
    assert_string_equal(main_one->claimed[0].driver, "gpu.nvidia.com");
    assert_string_equal(main_one->claimed[0].pool, "node");
    assert_string_equal(main_one->claimed[0].device, "gpu-0");
    assert_int_equal(main_one->claimed[0].n_cdi_devices, 2);
    assert_string_equal(main_one->claimed[0].cdi_devices[1], "MIG-2");
    assert_int_equal(found->containers[1].n_devices, 0);
    assert_int_equal(found->containers[1].n_claimed, 0);
}

static void podresources__a_list_of_pods_goes_there_and_back(void **state)
{
    (void)state;
    const struct gs_podres_pod pods[] = {pod, pod};
    const struct gs_podres_list list = {.n = 2, .pods = pods};
    struct gs_podres_list back;
    struct gs_view bytes;
    MUST(gs_podres_list_encode(&arena, &list, &bytes, &err));
    MUST(gs_podres_list_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 2);
    check_pod(&back.pods[0]);
    check_pod(&back.pods[1]);
}

static void podresources__one_pod_is_asked_for_and_comes(void **state)
{
    (void)state;
    const struct gs_podres_name name = {"p", "default"};
    struct gs_podres_name asked;
    struct gs_podres_pod back;
    struct gs_view bytes;
    MUST(gs_podres_name_encode(&arena, &name, &bytes, &err));
    assert_int_equal(bytes.n, sizeof("\x0a\x01p\x12\x07"
                                     "default") -
                                  1);
    MUST(gs_podres_name_decode(&arena, bytes, &asked, &err));
    assert_string_equal(asked.pod, "p");
    assert_string_equal(asked.namespace_, "default");
    MUST(gs_podres_pod_encode(&arena, &pod, &bytes, &err));
    MUST(gs_podres_pod_decode(&arena, bytes, &back, &err));
    check_pod(&back);
}

static void podresources__an_answer_without_a_pod_is_a_pod_without_a_name(void **state)
{
    (void)state;
    struct gs_podres_pod back = {.name = "before"};
    MUST(gs_podres_pod_decode(&arena, BYTES(""), &back, &err));
    assert_string_equal(back.name, "");
    assert_int_equal(back.n_containers, 0);
}

static void podresources__allocatable_devices_go_there_and_back(void **state)
{
    (void)state;
    const struct gs_podres_allocatable allocatable = {.n = 2, .devices = devices};
    struct gs_podres_allocatable back;
    struct gs_view bytes;
    MUST(gs_podres_allocatable_encode(&arena, &allocatable, &bytes, &err));
    MUST(gs_podres_allocatable_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 2);
    assert_string_equal(back.devices[1].resource, "nvidia.com/mig-1g.5gb");
    assert_string_equal(back.devices[1].ids[0], "MIG-1");
}

/* One pod with CPUs, memory and a claim of two devices. */
static void podresources__what_is_of_no_interest_is_skipped(void **state)
{
    (void)state;
    static const char bytes[] = "\x0a\x46\x0a\x01p\x12\x02ns\x1a\x3d\x0a\x01"
                                "c\x12\x09\x0a\x01r\x12\x01x\x12\x01y"
                                "\x1a\x03\x01\x02\x03"
                                "\x22\x08\x0a\x06memory"
                                "\x2a\x1e\x12\x01k\x1a\x02ns\x22\x08\x12\x01"
                                "d\x1a\x01p\x22\x00\x22\x0b\x12\x01"
                                "d\x1a\x01p\x22\x00\x2a\x01s";
    struct gs_podres_list back;
    MUST(gs_podres_list_decode(&arena, BYTES(bytes), &back, &err));
    assert_int_equal(back.n, 1);
    const struct gs_podres_container *container = &back.pods[0].containers[0];
    assert_int_equal(container->n_devices, 1);
    assert_int_equal(container->devices[0].n_ids, 2);
    assert_int_equal(container->n_claimed, 2);
    assert_string_equal(container->claimed[1].claim, "k");
    assert_string_equal(container->claimed[1].driver, "d");
}

static void podresources__bad_answers_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct gs_view bytes;
        const char *says;
    } bad[] = {
        {BYTES("\x0a\x7f"), "found 2 bytes that are not a ListPodResourcesResponse"},
        {BYTES("\x0a\x04\x0a\x02\xc3\x28"), "name of a pod: found a byte 0xc3 at 0"},
        {BYTES("\x0a\x05\x12\x03"
               "a\0b"),
         "namespace of a pod: found a byte 0x00 at 1; expected printable UTF-8"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_podres_list list;
        assert_int_equal(gs_podres_list_decode(&arena, bad[i].bytes, &list, &err), GS_INVALID);
        if (strstr(err.msg, bad[i].says) == NULL) {
            fail_msg("case %zu: found \"%s\", expected \"%s\"", i, err.msg, bad[i].says);
        }
    }
}

static void podresources__more_pods_than_a_node_has_are_refused(void **state)
{
    (void)state;
    const size_t n = GS_PODRES_PODS_MAX + 1;
    char *bytes = gs_arena_get(&arena, n, 2);
    struct gs_podres_list list;
    for (size_t i = 0; i < n; i++) {
        bytes[2 * i] = 0x0a;
    }
    MUST(gs_podres_list_decode(&arena, (struct gs_view){bytes, 2 * n - 2}, &list, &err));
    assert_int_equal(gs_podres_list_decode(&arena, (struct gs_view){bytes, 2 * n}, &list, &err),
                     GS_LIMIT);
    assert_string_equal(err.msg, "pods: found 16385; expected 16384 at most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(podresources__a_list_of_pods_goes_there_and_back),
        CASE(podresources__one_pod_is_asked_for_and_comes),
        CASE(podresources__an_answer_without_a_pod_is_a_pod_without_a_name),
        CASE(podresources__allocatable_devices_go_there_and_back),
        CASE(podresources__what_is_of_no_interest_is_skipped),
        CASE(podresources__bad_answers_are_refused),
        CASE(podresources__more_pods_than_a_node_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
