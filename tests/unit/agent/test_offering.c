/* What the kubelet is told, over snapshots, re-cuts and events. */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/offering.h"
#include "core/catalog.h"

#define SMALL "nvidia.com/mig-1g.5gb"
#define SHARED SMALL ".shared"
#define BIG "nvidia.com/mig-3g.20gb"

enum { SLICES = 14, REPLICAS = 1024 }; /* 14336 devices */

struct world {
    struct gs_agentconfig config;
    struct gs_offering *offering;
    uint64_t number;
    unsigned first; /* added to the numbers in UUIDs */
    struct gs_arena arena;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    gs_agentconfig_init(&world->config);
    gs_arena_init(&world->arena, &gs_alloc_heap, (size_t)256 << 20);
    assert_int_equal(gs_agentconfig_finish(&world->arena, &world->config, NULL), 0);
    const struct gs_offering_options options = {.config = &world->config};
    assert_int_equal(gs_offering_new(&options, &world->offering, NULL), 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    gs_offering_free(world->offering);
    gs_arena_done(&world->arena);
    free(world);
    return 0;
}

/* One A100 with so many small slices at the front and big ones behind; ids and generations follow
 * from the place. */
static struct gs_box *box_of(struct world *world, unsigned small, unsigned big)
{
    struct gs_box *box = gs_box_new();
    struct gs_snapshot_gpu *gpu = GS_ARENA_NEW(&box->arena, struct gs_snapshot_gpu, 1);
    struct gs_snapshot_slice *slices =
        GS_ARENA_NEW(&box->arena, struct gs_snapshot_slice, small + big + 1);
    gpu->facts = (struct gs_gpu){.uuid = "GPU-a", .mode = GS_MIG_ON, .pending = GS_MIG_ON};
    gpu->generation = 1;
    gpu->numa_node = -1;
    gpu->n = small + big;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &gpu->model, NULL), 0);
    for (unsigned i = 0; i < small + big; i++) {
        bool is_small = i < small;
        slices[i] = (struct gs_snapshot_slice){
            .id = {.gi = is_small ? 7 + i : 1 + i - small, .generation = 10 + i},
            .start = is_small ? i : 4,
            .size = is_small ? 1 : 4,
            .gi_minor = 1 + 2 * i,
            .ci_minor = 2 + 2 * i};
        snprintf(slices[i].uuid, sizeof(slices[i].uuid), "MIG-%s%u", is_small ? "s" : "b",
                 world->first + (is_small ? i : i - small));
        assert_int_equal(gs_profile_name_parse(gs_view(is_small ? "1g.5gb" : "3g.20gb"),
                                               &slices[i].profile, NULL),
                         0);
    }
    box->snapshot = (struct gs_snapshot){.number = ++world->number,
                                         .n_gpus = 1,
                                         .gpus = gpu,
                                         .n_slices = small + big,
                                         .slices = slices};
    return box;
}

static void cut(struct world *world, unsigned small, unsigned big)
{
    assert_int_equal(gs_offering_set(world->offering, box_of(world, small, big), NULL), 0);
}

/* "3/2": devices listed, and healthy ones among them. */
static const char *listed(struct world *world, const char *resource)
{
    struct gs_dp_list list;
    unsigned healthy = 0;
    assert_int_equal(gs_offering_list(world->offering, resource, &world->arena, &list, NULL), 0);
    for (unsigned i = 0; i < list.n; i++) {
        healthy += list.devices[i].healthy;
    }
    return gs_arena_printf(&world->arena, "%u/%u", list.n, healthy);
}

static int lower(struct world *world, struct gs_recut_leaving *leaving, uint32_t gi)
{
    static struct gs_guard_leaving at;
    at = (struct gs_guard_leaving){.gpu = 0, .gi = gi, .ci = 0};
    *leaving = (struct gs_recut_leaving){.at = &at, .n = 1, .arena = &world->arena};
    return gs_offering_lower(world->offering, leaving, NULL);
}

static void offering__has_a_resource_a_profile_and_keeps_it_with_an_empty_list(void **state)
{
    struct world *world = *state;
    const char *socket;
    cut(world, 4, 1);
    assert_string_equal(listed(world, SMALL), "4/4");
    assert_string_equal(listed(world, BIG), "1/1");
    struct gs_holding nobody = {.n_slices = 0};
    cut(world, 0, 1);
    gs_offering_held(world->offering, 0, &nobody);
    assert_string_equal(listed(world, SMALL), "0/0");
    assert_non_null(gs_offering_resource(world->offering, 1, &socket));
    assert_null(gs_offering_resource(world->offering, 2, &socket));
}

static void offering__lowers_numbers_before_the_list(void **state)
{
    struct world *world = *state;
    struct gs_recut_leaving leaving;
    struct gs_capacity_row *rows;
    unsigned n;
    cut(world, 4, 1);
    assert_int_equal(lower(world, &leaving, 8), 0);
    assert_int_equal(leaving.n_left, 1);
    assert_string_equal(leaving.left[0].resource, SMALL);
    assert_int_equal(leaving.left[0].healthy, 3);
    assert_string_equal(listed(world, SMALL), "4/4");
    assert_int_equal(gs_offering_rows(world->offering, &world->arena, &rows, &n, NULL), 0);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(rows[i].ceiling, strcmp(rows[i].resource, SMALL) == 0 ? 3 : UINT32_MAX);
    }
    gs_offering_retire(world->offering);
    assert_string_equal(listed(world, SMALL), "4/3");
    gs_offering_restore(world->offering);
    assert_string_equal(listed(world, SMALL), "4/4");
}

static void offering__a_slice_that_was_retired_leaves_its_list_when_it_is_gone(void **state)
{
    struct world *world = *state;
    struct gs_recut_leaving leaving;
    cut(world, 4, 1);
    assert_int_equal(lower(world, &leaving, 10), 0);
    gs_offering_retire(world->offering);
    cut(world, 3, 1);
    assert_string_equal(listed(world, SMALL), "3/3");
    assert_false(gs_offering_has_gone(world->offering));
    gs_offering_restore(world->offering);
    assert_string_equal(listed(world, SMALL), "3/3");
}

static void offering__a_slice_that_vanished_stays_unhealthy_while_somebody_may_hold_it(void **state)
{
    struct world *world = *state;
    const struct gs_offer_gone held = {.resource = SMALL, .id = "MIG-s3", .numa_node = -1};
    cut(world, 4, 1);
    cut(world, 2, 1);
    assert_string_equal(listed(world, SMALL), "4/2");
    const struct gs_holding one = {.n_strangers = 1, .strangers = &held};
    gs_offering_held(world->offering, 0, &one);
    assert_string_equal(listed(world, SMALL), "3/2");
    const struct gs_holding nobody = {.n_strangers = 0};
    gs_offering_held(world->offering, 0, &nobody);
    assert_string_equal(listed(world, SMALL), "2/2");
}

static void share(struct world *world)
{
    static const struct gs_shared_resource shared = {
        .name = SMALL, .rename = SHARED, .replicas = REPLICAS};
    world->config.shared = &shared;
    world->config.n_shared = 1;
}

static void offering__thousands_of_replicas_that_vanish_stay_unhealthy_while_held(void **state)
{
    struct world *world = *state;
    struct gs_dp_list list;
    const struct gs_offer_gone held[] = {{.resource = SHARED, .id = "MIG-s3::7", .numa_node = -1},
                                         {.resource = SHARED, .id = "MIG-s13::1023"},
                                         {.resource = SHARED, .id = "MIG-s3::7"}};
    share(world);
    cut(world, SLICES, 0);
    assert_string_equal(listed(world, SHARED), "14336/14336");
    cut(world, 0, 1);
    assert_string_equal(listed(world, SHARED), "14336/0");
    assert_string_equal(listed(world, BIG), "1/1");
    assert_int_equal(gs_offering_offer(world->offering)->conditions.n, 0);
    const struct gs_holding some = {.n_strangers = 3, .strangers = held};
    gs_offering_held(world->offering, 0, &some);
    assert_int_equal(gs_offering_list(world->offering, SHARED, &world->arena, &list, NULL), 0);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.devices[0].id, "MIG-s3::7");
    assert_string_equal(list.devices[1].id, "MIG-s13::1023");
    const struct gs_holding nobody = {.n_strangers = 0};
    gs_offering_held(world->offering, 0, &nobody);
    assert_string_equal(listed(world, SHARED), "0/0");
    assert_false(gs_offering_has_gone(world->offering));
}

static void offering__a_device_that_vanishes_twice_is_listed_once(void **state)
{
    struct world *world = *state;
    struct gs_capacity_row *rows;
    unsigned n;
    share(world);
    cut(world, SLICES, 0);
    cut(world, 3, 1);
    assert_string_equal(listed(world, SHARED), "14336/3072");
    cut(world, SLICES, 1);
    assert_string_equal(listed(world, SHARED), "14336/14336");
    cut(world, 2, 1);
    assert_string_equal(listed(world, SHARED), "14336/2048");
    assert_int_equal(gs_offering_rows(world->offering, &world->arena, &rows, &n, NULL), 0);
    for (unsigned i = 0; i < n; i++) {
        bool is_shared = strcmp(rows[i].resource, SHARED) == 0;
        assert_int_equal(rows[i].listed, is_shared ? 14336 : 1);
        assert_int_equal(rows[i].healthy, is_shared ? 2048 : 1);
    }
}

static void offering__what_is_new_is_offered_though_too_much_is_gone(void **state)
{
    struct world *world = *state;
    const struct gs_conditions *conditions;
    share(world);
    for (unsigned i = 0; i < 6; i++) { /* each has other UUIDs than the one before */
        world->first = i * GS_OFFER_DEVICES_MAX;
        cut(world, i < 5 ? GS_OFFER_DEVICES_MAX / REPLICAS : 1, 0);
    }
    assert_string_equal(listed(world, SHARED), "32768/1024");
    conditions = &gs_offering_offer(world->offering)->conditions;
    assert_int_equal(conditions->n, 1);
    assert_int_equal(conditions->at[0].code, GS_COND_TOO_MANY_DEVICES);
    cut(world, 0, 1);
    assert_string_equal(listed(world, SHARED), "32768/0");
    const struct gs_holding nobody = {.n_strangers = 0};
    gs_offering_held(world->offering, 0, &nobody);
    cut(world, 1, 1);
    assert_string_equal(listed(world, SHARED), "1024/1024");
    assert_int_equal(gs_offering_offer(world->offering)->conditions.n, 0);
}

/* To refuse would fail the pod for good: the re-cut sees the grant, and gives the slice back. */
static void offering__a_slice_that_is_granted_as_it_retires_is_remembered(void **state)
{
    struct world *world = *state;
    struct gs_recut_leaving leaving;
    struct gs_dp_allocated given;
    const char *const ids[] = {"MIG-s1"};
    const struct gs_dp_ids container = {.n = 1, .ids = ids};
    const struct gs_dp_allocate asked = {.n = 1, .containers = &container};
    cut(world, 4, 1);
    assert_int_equal(lower(world, &leaving, 8), 0);
    gs_offering_retire(world->offering);
    assert_int_equal(
        gs_offering_allocate(world->offering, SMALL, &asked, &world->arena, &given, NULL), 0);
    assert_true(gs_grants_have(gs_offering_grants(world->offering), "MIG-s1"));
}

static void offering__an_event_makes_its_slice_sick_and_no_other(void **state)
{
    struct world *world = *state;
    const struct gs_gpu_event event = {
        .kind = GS_GPU_EVENT_XID, .gpu = 0, .uuid = "GPU-a", .data = 48, .gi = 8, .ci = 0};
    char text[200];
    cut(world, 4, 1);
    assert_false(gs_offering_sick(world->offering, text, sizeof(text)));
    assert_int_equal(gs_offering_event(world->offering, &event, NULL), 0);
    assert_string_equal(listed(world, SMALL), "4/3");
    assert_string_equal(listed(world, BIG), "1/1");
    assert_true(gs_offering_sick(world->offering, text, sizeof(text)));
}

static void offering__tells_the_scheduler_that_nothing_is_free_before_it_goes(void **state)
{
    struct world *world = *state;
    struct gs_capacity_row *rows;
    unsigned n;
    cut(world, 4, 1);
    gs_offering_close(world->offering);
    assert_int_equal(gs_offering_rows(world->offering, &world->arena, &rows, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].ceiling, 0);
    assert_string_equal(listed(world, SMALL), "4/4");
}

static void offering__nothing_is_free_of_a_resource_that_no_kubelet_listens_to(void **state)
{
    struct world *world = *state;
    struct gs_capacity_row *rows;
    unsigned n;
    cut(world, 4, 1);
    gs_offering_heard(world->offering, SMALL, false);
    assert_int_equal(gs_offering_rows(world->offering, &world->arena, &rows, &n, NULL), 0);
    assert_int_equal(n, 2);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(rows[i].ceiling, strcmp(rows[i].resource, SMALL) == 0 ? 0 : UINT32_MAX);
    }
    gs_offering_restore(world->offering); /* the end of a re-cut does not lift it */
    assert_int_equal(gs_offering_rows(world->offering, &world->arena, &rows, &n, NULL), 0);
    assert_int_equal(strcmp(rows[0].resource, SMALL) == 0 ? rows[0].ceiling : rows[1].ceiling, 0);
    gs_offering_heard(world->offering, SMALL, true);
    assert_int_equal(gs_offering_rows(world->offering, &world->arena, &rows, &n, NULL), 0);
    assert_int_equal(rows[0].ceiling, UINT32_MAX);
    assert_int_equal(rows[1].ceiling, UINT32_MAX);
    assert_string_equal(listed(world, SMALL), "4/4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            offering__has_a_resource_a_profile_and_keeps_it_with_an_empty_list, begin, end),
        cmocka_unit_test_setup_teardown(offering__lowers_numbers_before_the_list, begin, end),
        cmocka_unit_test_setup_teardown(
            offering__a_slice_that_was_retired_leaves_its_list_when_it_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(
            offering__a_slice_that_vanished_stays_unhealthy_while_somebody_may_hold_it, begin, end),
        cmocka_unit_test_setup_teardown(
            offering__thousands_of_replicas_that_vanish_stay_unhealthy_while_held, begin, end),
        cmocka_unit_test_setup_teardown(offering__a_device_that_vanishes_twice_is_listed_once,
                                        begin, end),
        cmocka_unit_test_setup_teardown(offering__what_is_new_is_offered_though_too_much_is_gone,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            offering__a_slice_that_is_granted_as_it_retires_is_remembered, begin, end),
        cmocka_unit_test_setup_teardown(offering__an_event_makes_its_slice_sick_and_no_other, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            offering__tells_the_scheduler_that_nothing_is_free_before_it_goes, begin, end),
        cmocka_unit_test_setup_teardown(
            offering__nothing_is_free_of_a_resource_that_no_kubelet_listens_to, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
