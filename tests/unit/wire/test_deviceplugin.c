/* The messages of the device plugin API: our structs to bytes and back, and bytes that are none. */
#include "unit/wire/message.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "wire/deviceplugin.h"
#include "wire/grpc_status.h"

static void check_bytes(struct gs_view found, struct gs_view wanted)
{
    assert_int_equal(found.n, wanted.n);
    assert_memory_equal(found.p, wanted.p, wanted.n);
}

static void check_ids(const struct gs_dp_ids *ids, const char *joined)
{
    char text[200] = "";
    for (unsigned i = 0; i < ids->n; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ",
                 ids->ids[i]);
    }
    assert_string_equal(text, joined);
}

static void deviceplugin__a_registration_has_the_bytes_that_the_kubelet_reads(void **state)
{
    (void)state;
    const struct gs_dp_registration registration = {.version = GS_DP_VERSION,
                                                    .endpoint = "a.sock",
                                                    .resource = "nvidia.com/gpu",
                                                    .options = {.preferred_allocation = true}};
    struct gs_dp_registration back;
    struct gs_view bytes;
    MUST(gs_dp_registration_encode(&arena, &registration, &bytes, &err));
    check_bytes(bytes, BYTES("\x0a\x07v1beta1\x12\x06"
                             "a.sock\x1a\x0envidia.com/gpu\x22\x02\x10\x01"));
    MUST(gs_dp_registration_decode(&arena, bytes, &back, &err));
    assert_string_equal(back.version, "v1beta1");
    assert_string_equal(back.endpoint, "a.sock");
    assert_string_equal(back.resource, "nvidia.com/gpu");
    assert_false(back.options.pre_start_required);
    assert_true(back.options.preferred_allocation);
}

static void deviceplugin__options_that_are_false_take_no_bytes(void **state)
{
    (void)state;
    const struct gs_dp_options none = {.pre_start_required = false};
    struct gs_dp_options back = {.pre_start_required = true};
    struct gs_view bytes;
    MUST(gs_dp_options_encode(&arena, &none, &bytes, &err));
    assert_int_equal(bytes.n, 0);
    MUST(gs_dp_options_decode(&arena, bytes, &back, &err));
    assert_false(back.pre_start_required);
}

static void deviceplugin__a_list_has_ids_health_and_nodes(void **state)
{
    (void)state;
    static const struct gs_dp_device devices[] = {
        {"MIG-1", true, -1}, {"MIG-2", false, 0}, {"MIG-3", true, 7}};
    const struct gs_dp_list list = {.n = 3, .devices = devices};
    struct gs_dp_list back;
    struct gs_view bytes;
    MUST(gs_dp_list_encode(&arena, &list, &bytes, &err));
    check_bytes(bytes, BYTES("\x0a\x10\x0a\x05MIG-1\x12\x07Healthy"
                             "\x0a\x16\x0a\x05MIG-2\x12\x09Unhealthy\x1a\x02\x0a\x00"
                             "\x0a\x16\x0a\x05MIG-3\x12\x07Healthy\x1a\x04\x0a\x02\x08\x07"));
    MUST(gs_dp_list_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(back.devices[i].id, devices[i].id);
        assert_int_equal(back.devices[i].healthy, devices[i].healthy);
        assert_int_equal(back.devices[i].numa_node, devices[i].numa_node);
    }
}

static void deviceplugin__an_empty_list_is_no_bytes_and_a_list(void **state)
{
    (void)state;
    const struct gs_dp_list none = {.n = 0};
    struct gs_dp_list back = {.n = 7};
    struct gs_view bytes;
    MUST(gs_dp_list_encode(&arena, &none, &bytes, &err));
    assert_int_equal(bytes.n, 0);
    MUST(gs_dp_list_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 0);
}

static void deviceplugin__an_allocation_has_the_ids_of_each_container(void **state)
{
    (void)state;
    static const char *const first[] = {"a", "b"};
    static const char *const second[] = {"c"};
    const struct gs_dp_ids containers[] = {{2, first}, {0, NULL}, {1, second}};
    const struct gs_dp_allocate request = {.n = 3, .containers = containers};
    struct gs_dp_allocate back;
    struct gs_view bytes;
    MUST(gs_dp_allocate_encode(&arena, &request, &bytes, &err));
    check_bytes(bytes, BYTES("\x0a\x06\x0a\x01"
                             "a\x0a\x01"
                             "b\x0a\x00\x0a\x03\x0a\x01"
                             "c"));
    MUST(gs_dp_allocate_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 3);
    check_ids(&back.containers[0], "a b");
    check_ids(&back.containers[1], "");
    check_ids(&back.containers[2], "c");
}

static void deviceplugin__a_grant_keeps_every_field(void **state)
{
    (void)state;
    static const struct gs_dp_pair envs[] = {{"A", "1"}, {"EMPTY", ""}};
    static const struct gs_dp_mount mounts[] = {{"/in", "/out", true}, {"/in2", "/out2", false}};
    static const struct gs_dp_device_spec specs[] = {{"/dev/a", "/dev/b", "rw"}};
    static const struct gs_dp_pair notes[] = {{"k", "v"}};
    static const char *const cdi[] = {"nvidia.com/gpu=0:0", "nvidia.com/gpu=0:1"};
    const struct gs_dp_grant grants[] = {{0},
                                         {.n_envs = 2,
                                          .envs = envs,
                                          .n_mounts = 2,
                                          .mounts = mounts,
                                          .n_specs = 1,
                                          .specs = specs,
                                          .n_annotations = 1,
                                          .annotations = notes,
                                          .n_cdi_devices = 2,
                                          .cdi_devices = cdi}};
    const struct gs_dp_allocated answer = {.n = 2, .containers = grants};
    struct gs_dp_allocated back;
    struct gs_view bytes;
    MUST(gs_dp_allocated_encode(&arena, &answer, &bytes, &err));
    MUST(gs_dp_allocated_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 2);
    const struct gs_dp_grant *grant = &back.containers[1];
    assert_int_equal(back.containers[0].n_envs, 0);
    assert_int_equal(grant->n_envs, 2);
    assert_string_equal(grant->envs[0].value, "1");
    assert_string_equal(grant->envs[1].key, "EMPTY");
    assert_string_equal(grant->envs[1].value, "");
    assert_int_equal(grant->n_mounts, 2);
    assert_string_equal(grant->mounts[0].container_path, "/in");
    assert_string_equal(grant->mounts[1].host_path, "/out2");
    assert_true(grant->mounts[0].read_only);
    assert_false(grant->mounts[1].read_only);
    assert_int_equal(grant->n_specs, 1);
    assert_string_equal(grant->specs[0].host_path, "/dev/b");
    assert_string_equal(grant->specs[0].permissions, "rw");
    assert_int_equal(grant->n_annotations, 1);
    assert_string_equal(grant->annotations[0].key, "k");
    assert_int_equal(grant->n_cdi_devices, 2);
    assert_string_equal(grant->cdi_devices[1], "nvidia.com/gpu=0:1");
}

static void deviceplugin__a_choice_goes_there_and_back(void **state)
{
    (void)state;
    static const char *const available[] = {"a", "b", "c"};
    static const char *const must[] = {"b"};
    const struct gs_dp_choice choice = {
        .available = {3, available}, .must_include = {1, must}, .size = 2};
    const struct gs_dp_preferred request = {.n = 1, .containers = &choice};
    const struct gs_dp_chosen answer = {.n = 1, .containers = &choice.must_include};
    struct gs_dp_preferred back;
    struct gs_dp_chosen chosen;
    struct gs_dp_ids started;
    struct gs_view bytes;
    MUST(gs_dp_preferred_encode(&arena, &request, &bytes, &err));
    MUST(gs_dp_preferred_decode(&arena, bytes, &back, &err));
    assert_int_equal(back.n, 1);
    assert_int_equal(back.containers[0].size, 2);
    check_ids(&back.containers[0].available, "a b c");
    check_ids(&back.containers[0].must_include, "b");
    MUST(gs_dp_chosen_encode(&arena, &answer, &bytes, &err));
    MUST(gs_dp_chosen_decode(&arena, bytes, &chosen, &err));
    check_ids(&chosen.containers[0], "b");
    MUST(gs_dp_pre_start_encode(&arena, &choice.available, &bytes, &err));
    MUST(gs_dp_pre_start_decode(&arena, bytes, &started, &err));
    check_ids(&started, "a b c");
}

static void deviceplugin__fields_that_are_not_known_are_skipped(void **state)
{
    (void)state;
    struct gs_dp_options options;
    MUST(gs_dp_options_decode(&arena, BYTES("\x10\x01\x7a\x03xyz\x78\x05"), &options, &err));
    assert_true(options.preferred_allocation);
}

/* Bad requests; `says` is a part of the message. */
static void deviceplugin__what_is_no_such_message_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct gs_view bytes;
        const char *says;
    } bad[] = {
        {BYTES("\x0a"), "found 1 bytes that are not an AllocateRequest"},
        {BYTES("\x0a\x05\x0a\x01"), "not an AllocateRequest"},
        {BYTES("\x0b\x0c"), "not an AllocateRequest"}, /* a group */
        {BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "not an AllocateRequest"},
        {BYTES("\x0a\x05\x0a\x03"
               "a\0b"),
         "found a byte 0x00 at 1; expected printable UTF-8"},
        {BYTES("\x0a\x05\x0a\x03"
               "a\nb"),
         "found a byte 0x0a at 1"},
        {BYTES("\x0a\x04\x0a\x02"
               "a\xff"),
         "found a byte 0xff at 1"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_dp_allocate request;
        assert_int_equal(gs_dp_allocate_decode(&arena, bad[i].bytes, &request, &err), GS_INVALID);
        if (strstr(err.msg, bad[i].says) == NULL) {
            fail_msg("case %zu: found \"%s\", expected \"%s\"", i, err.msg, bad[i].says);
        }
    }
}

static void deviceplugin__a_choice_of_less_than_nothing_is_refused(void **state)
{
    (void)state;
    struct gs_dp_preferred request;
    assert_int_equal(
        gs_dp_preferred_decode(
            &arena, BYTES("\x0a\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &request, &err),
        GS_INVALID);
    assert_non_null(strstr(err.msg, "an allocation of -1 devices; expected 0 or more"));
}

/* `n` times the bytes of `unit`. */
static struct gs_view repeat(struct gs_view unit, size_t n)
{
    char *all = gs_arena_get(&arena, n, unit.n);
    for (size_t i = 0; i < n; i++) {
        memcpy(all + i * unit.n, unit.p, unit.n);
    }
    return (struct gs_view){all, n * unit.n};
}

static void deviceplugin__more_than_the_bounds_is_refused(void **state)
{
    (void)state;
    struct gs_dp_allocate request;
    struct gs_dp_list list;
    struct gs_dp_ids ids;
    const struct gs_view container = BYTES("\x0a\x00");
    MUST(gs_dp_allocate_decode(&arena, repeat(container, GS_DP_CONTAINERS_MAX), &request, &err));
    assert_int_equal(
        gs_dp_allocate_decode(&arena, repeat(container, GS_DP_CONTAINERS_MAX + 1), &request, &err),
        GS_LIMIT);
    assert_string_equal(err.msg, "containers: found 1025; expected 1024 at most");
    MUST(gs_dp_pre_start_decode(&arena, repeat(container, GS_DP_DEVICES_MAX), &ids, &err));
    assert_int_equal(
        gs_dp_pre_start_decode(&arena, repeat(container, GS_DP_DEVICES_MAX + 1), &ids, &err),
        GS_LIMIT);
    MUST(gs_dp_list_decode(&arena, repeat(container, GS_DP_DEVICES_MAX), &list, &err));
    assert_int_equal(
        gs_dp_list_decode(&arena, repeat(container, GS_DP_DEVICES_MAX + 1), &list, &err), GS_LIMIT);
}

static void deviceplugin__a_long_id_is_refused(void **state)
{
    (void)state;
    char id[GS_DP_NAME_MAX + 2];
    memset(id, 'x', sizeof(id));
    id[GS_DP_NAME_MAX + 1] = '\0';
    const char *ids[] = {id};
    const struct gs_dp_ids too_long = {1, ids};
    struct gs_dp_ids back;
    struct gs_view bytes;
    MUST(gs_dp_pre_start_encode(&arena, &too_long, &bytes, &err));
    assert_int_equal(gs_dp_pre_start_decode(&arena, bytes, &back, &err), GS_LIMIT);
    id[GS_DP_NAME_MAX] = '\0';
    MUST(gs_dp_pre_start_encode(&arena, &too_long, &bytes, &err));
    MUST(gs_dp_pre_start_decode(&arena, bytes, &back, &err));
    assert_string_equal(back.ids[0], id);
}

static void deviceplugin__more_than_a_message_holds_is_not_encoded(void **state)
{
    (void)state;
    const unsigned n = 5000;
    char *id = memset(gs_arena_get(&arena, 1001, 1), 'x', 1000);
    struct gs_dp_device *devices = GS_ARENA_NEW(&arena, struct gs_dp_device, n);
    struct gs_dp_list list = {.n = n, .devices = devices};
    struct gs_view bytes;
    for (unsigned i = 0; i < n; i++) {
        devices[i] = (struct gs_dp_device){.id = id, .numa_node = -1};
    }
    assert_int_equal(gs_dp_list_encode(&arena, &list, &bytes, &err), GS_LIMIT);
    list.n = 4000;
    MUST(gs_dp_list_encode(&arena, &list, &bytes, &err));
    assert_true(bytes.n < GS_GRPC_MESSAGE_MAX);
}

/* 4 MiB of empty containers would be 2 million structs. */
static void deviceplugin__a_message_takes_no_more_than_its_arena(void **state)
{
    (void)state;
    const struct gs_view bytes = repeat(BYTES("\x0a\x00"), 2 << 20);
    struct gs_arena small;
    struct gs_dp_allocate request;
    gs_arena_init(&small, &gs_alloc_heap, 8 << 20);
    assert_int_equal(gs_dp_allocate_decode(&small, bytes, &request, &err), GS_NO_MEMORY);
    gs_arena_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(deviceplugin__a_registration_has_the_bytes_that_the_kubelet_reads),
        CASE(deviceplugin__options_that_are_false_take_no_bytes),
        CASE(deviceplugin__a_list_has_ids_health_and_nodes),
        CASE(deviceplugin__an_empty_list_is_no_bytes_and_a_list),
        CASE(deviceplugin__an_allocation_has_the_ids_of_each_container),
        CASE(deviceplugin__a_grant_keeps_every_field),
        CASE(deviceplugin__a_choice_goes_there_and_back),
        CASE(deviceplugin__fields_that_are_not_known_are_skipped),
        CASE(deviceplugin__what_is_no_such_message_is_refused),
        CASE(deviceplugin__a_choice_of_less_than_nothing_is_refused),
        CASE(deviceplugin__more_than_the_bounds_is_refused),
        CASE(deviceplugin__a_long_id_is_refused),
        CASE(deviceplugin__more_than_a_message_holds_is_not_encoded),
        CASE(deviceplugin__a_message_takes_no_more_than_its_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
