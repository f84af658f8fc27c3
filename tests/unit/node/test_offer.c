#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/offer.h"

static struct bed bed;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bed_done(&bed);
    return 0;
}

static struct gs_offer make(void)
{
    struct gs_offer offer;
    struct gs_err err = {0};
    if (gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return offer;
}

/* "nvidia.com/gpu: 0 1; nvidia.com/mig-1g.5gb: 2:0" by index; conditions as "!Name" behind. */
static const char *describe(const struct gs_offer *offer)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    for (unsigned i = 0; i < offer->n_resources; i++) {
        const struct gs_offer_resource *resource = &offer->resources[i];
        gs_buf_printf(&out, "%s%s:", i == 0 ? "" : "; ", resource->name);
        for (unsigned k = 0; k < resource->n; k++) {
            gs_buf_printf(&out, " %s%s", resource->devices[k].index,
                          resource->devices[k].unusable ? "-" : "");
        }
        if (resource->shared) {
            gs_buf_printf(&out, " x%u", resource->replicas);
        }
    }
    for (unsigned i = 0; i < offer->conditions.n; i++) {
        gs_buf_printf(&out, " !%s", gs_condition_name(offer->conditions.at[i].code));
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&out), out.len);
    gs_buf_done(&out);
    return text;
}

struct gpu {
    const char *model;
    const char *layout; /* NULL: MIG off */
};

static const struct {
    const char *config;
    struct gpu gpus[4];
    const char *want;
} cases[] = {
    {"", {{NULL, NULL}}, ""},
    {"flags: {migStrategy: none}",
     {{"A100-40GB", NULL}, {"A100-40GB", "1g.5gb@0"}},
     "nvidia.com/gpu: 0 1"},
    {"flags: {migStrategy: none}", {{"L4", NULL}}, "nvidia.com/gpu: 0"},
    /* mixed */
    {"", {{"A100-40GB", NULL}, {"L4", NULL}}, "nvidia.com/gpu: 0 1"},
    {"",
     {{"A100-40GB", "1g.5gb@0,2g.10gb@2"}, {"A100-40GB", NULL}, {"A100-40GB", "1g.5gb@6"}},
     "nvidia.com/gpu: 1; nvidia.com/mig-1g.5gb: 0:0 2:0; nvidia.com/mig-2g.10gb: 0:1"},
    {"", {{"A100-40GB", ""}}, ""},
    {"",
     {{"A100-40GB", "1g.5gb+me@0,1g.5gb@1,1g.10gb@2"}},
     "nvidia.com/mig-1g.10gb: 0:2; nvidia.com/mig-1g.5gb: 0:1; nvidia.com/mig-1g.5gb.me: 0:0"},
    {"",
     {{"A100-40GB", "1c.2g.10gb@0;1c.2g.10gb,1g.5gb@2"}},
     "nvidia.com/mig-1c.2g.10gb: 0:0 0:1; nvidia.com/mig-1g.5gb: 0:2"},
    /* single */
    {"flags: {migStrategy: single}", {{"A100-40GB", NULL}, {"L4", NULL}}, "nvidia.com/gpu: 0 1"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0,1g.5gb@1"}, {"A100-40GB", "1g.5gb@6"}},
     "nvidia.com/gpu: 0:0 0:1 1:0"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1c.2g.10gb@0;1c.2g.10gb"}},
     "nvidia.com/gpu: 0:0 0:1"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0"}, {"A100-40GB", ""}},
     "nvidia.com/gpu: 0:0 !SingleEmptyGPU"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", ""}, {"A100-40GB", NULL}},
     "nvidia.com/gpu: 1 !SingleEmptyGPU"},
    {"flags: {migStrategy: single}", {{"A100-40GB", ""}}, " !SingleEmptyGPU"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0,1g.5gb@1,2g.10gb@2"}},
     "nvidia.com/gpu: 0:0 0:1 !SingleMixed"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0,1g.5gb@1,2g.10gb@2"}, {"A100-40GB", "2g.10gb@0"}},
     "nvidia.com/gpu: 0:2 1:0 !SingleMixed"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0,2g.10gb@2"}},
     "nvidia.com/gpu: 0:1 !SingleMixed"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0"}, {"A100-40GB", NULL}},
     "nvidia.com/gpu: 0:0 !SingleMixed"},
    {"flags: {migStrategy: single}",
     {{"A100-40GB", "1g.5gb@0"}, {"A100-40GB", NULL}, {"A100-40GB", NULL}},
     "nvidia.com/gpu: 1 2 !SingleMixed"},
    /* the same name on two models is two kinds: the attributes differ */
    {"flags: {migStrategy: single}",
     {{"A100-80GB", "1g.10gb@0"}, {"H100-80GB-SXM5", "1g.10gb@0,1g.10gb@1"}},
     "nvidia.com/gpu: 1:0 1:1 !SingleMixed"},
    /* shared */
    {"sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4}]}}",
     {{"L4", NULL}},
     "nvidia.com/gpu: 0 x4"},
    {"sharing: {timeSlicing: {renameByDefault: true, resources: [{name: mig-1g.5gb, replicas: 2}]}}",
     {{"A100-40GB", "1g.5gb@0,2g.10gb@2"}, {"L4", NULL}},
     "nvidia.com/gpu: 1; nvidia.com/mig-1g.5gb.shared: 0:0 x2; nvidia.com/mig-2g.10gb: 0:1"},
    {"flags: {migStrategy: single}\n"
     "sharing: {timeSlicing: {renameByDefault: true, resources: [{name: gpu, replicas: 2}]}}",
     {{"A100-40GB", "1g.5gb@0"}},
     "nvidia.com/gpu.shared: 0:0 x2"},
};

static void offer__has_the_devices_of_each_strategy(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        bed_done(&bed);
        bed_init(&bed);
        bed_configure(&bed, cases[i].config);
        for (unsigned g = 0; g < 4 && cases[i].gpus[g].model != NULL; g++) {
            if (cases[i].gpus[g].layout == NULL) {
                bed_gpu(&bed, cases[i].gpus[g].model);
            } else {
                bed_cut(&bed, cases[i].gpus[g].model, cases[i].gpus[g].layout);
            }
        }
        struct gs_offer offer = make();
        const char *got = describe(&offer);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("case %zu: got \"%s\", expected \"%s\"", i, got, cases[i].want);
        }
    }
}

/* nvidia-node-stack 2.2. */
static const struct {
    const char *profile;
    const char *name;
} names[] = {
    {"1g.5gb", "nvidia.com/mig-1g.5gb"},
    {"1g.10gb+me", "nvidia.com/mig-1g.10gb.me"},
    {"1g.24gb+me.all", "nvidia.com/mig-1g.24gb.me.all"},
    {"2g.48gb+gfx", "nvidia.com/mig-2g.48gb.gfx"},
    {"1g.24gb-me", "nvidia.com/mig-1g.24gb-me"},
    {"1c.2g.10gb", "nvidia.com/mig-1c.2g.10gb"},
    {"1c.3g.40gb+me", "nvidia.com/mig-1c.3g.40gb.me"},
};

static void offer__names_resources_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(names); i++) {
        struct gs_profile_name profile;
        char name[GS_RESOURCE_NAME_MAX + 1];
        assert_int_equal(gs_profile_name_parse(gs_view(names[i].profile), &profile, NULL), 0);
        assert_int_equal(gs_offer_mig_name(&profile, name, NULL), 0);
        assert_string_equal(name, names[i].name);
    }
    struct gs_profile_name profile;
    char name[GS_RESOURCE_NAME_MAX + 1];
    struct gs_err err;
    assert_int_equal(
        gs_profile_name_parse(gs_view("1c.2g.10gb+a123456789b123456789c123456789d12345678"),
                              &profile, NULL),
        0);
    assert_int_equal(gs_offer_mig_name(&profile, name, &err), GS_LIMIT);
}

static void offer__tells_ids_topology_and_socket(void **state)
{
    (void)state;
    for (unsigned g = 0; g < 5; g++) {
        bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    }
    bed.gpus[1].numa_node = -1;
    struct gs_offer offer = make();
    const struct gs_offer_resource *resource = gs_offer_find(&offer, "nvidia.com/mig-1g.5gb");
    assert_string_equal(resource->socket, "nvidia-mig-1g.5gb.sock");
    assert_null(gs_offer_find(&offer, "nvidia.com/gpu"));
    struct gs_dp_list list;
    assert_int_equal(
        gs_offer_list(&bed.arena, resource->name, resource, NULL, 0, NULL, 0, &list, NULL), 0);
    assert_int_equal(list.n, 5);
    assert_string_equal(list.devices[4].id, "MIG-4-1-0");
    assert_int_equal(list.devices[4].numa_node, 1);
    assert_true(list.devices[1].numa_node < 0);
    assert_true(list.devices[0].healthy);
}

static void offer__finds_a_device_by_each_of_its_ids_and_no_other(void **state)
{
    (void)state;
    unsigned replica;
    char id[GS_DEVICE_ID_MAX];
    bed_configure(&bed, "sharing: {timeSlicing: {resources: [{name: mig-1g.5gb, replicas: 12}]}}");
    for (unsigned g = 0; g < 12; g++) {
        bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,2g.10gb@2");
    }
    struct gs_offer offer = make();
    for (unsigned i = 0; i < offer.n_resources; i++) {
        const struct gs_offer_resource *resource = &offer.resources[i];
        for (unsigned k = 0; k < resource->n; k++) {
            for (unsigned r = 0; r < resource->replicas; r++) {
                gs_offer_device_id(resource, &resource->devices[k], r, id);
                assert_ptr_equal(gs_offer_device_find(resource, id, &replica),
                                 &resource->devices[k]);
                assert_true(replica == (resource->shared ? r : GS_NOT_KNOWN));
            }
            assert_ptr_equal(gs_offer_device_of(resource, &resource->devices[k].slice),
                             &resource->devices[k]);
        }
    }
    static const char *const unknown[] = {
        "",
        "MIG-0-1-0",
        "MIG-0-1-0::12",
        "MIG-0-1-0::01",
        "MIG-0-1-0::",
        "MIG-0-1-0::-1",
        "MIG-0-1",
        "MIG-0-1-00::0",
        "GPU-0",
        "MIG-0-1-0::0::0",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(unknown); i++) {
        assert_null(gs_offer_device_find(&offer.resources[0], unknown[i], &replica));
    }
    assert_null(gs_offer_device_find(&offer.resources[1], "MIG-0-3-0::0", &replica));
}

static void offer__marks_what_is_sick_retiring_or_lost_as_unhealthy(void **state)
{
    (void)state;
    struct gs_dp_list list;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,1g.5gb@2");
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1");
    bed_cut(&bed, "A100-40GB", "1g.5gb@0")->lost = true;
    struct gs_slice_id again = bed.slices[2].id;
    again.generation += 1000; /* another slice in the same place */
    const struct gs_offer_mark marks[] = {
        {.slice = bed.slices[0].id, .retiring = true},
        {.slice = bed.slices[1].id},
        {.slice = again, .sick = true},
        {.slice = {.gpu = 1,
                   .gi = GS_NOT_KNOWN,
                   .ci = GS_NOT_KNOWN,
                   .generation = bed.gpus[1].generation},
         .sick = true},
    };
    struct gs_offer offer = make();
    assert_int_equal(gs_offer_list(&bed.arena, offer.resources[0].name, &offer.resources[0], marks,
                                   4, NULL, 0, &list, NULL),
                     0);
    static const bool healthy[] = {false, true, true, false, false, false};
    assert_int_equal(list.n, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(list.devices[i].healthy, healthy[i]);
    }
    assert_string_equal(describe(&offer),
                        "nvidia.com/mig-1g.5gb: 0:0 0:1 0:2 1:0 1:1 2:0- !GPULost");
}

static void offer__keeps_what_is_gone_in_the_list_while_it_is_held(void **state)
{
    (void)state;
    struct gs_dp_list list;
    struct gs_dp_list other;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    struct gs_offer offer = make();
    const struct gs_offer_gone gone[] = {
        {.resource = "nvidia.com/mig-1g.5gb", .id = "MIG-gone", .numa_node = 1},
        {.resource = "nvidia.com/mig-2g.10gb", .id = "MIG-gone-2", .numa_node = -1},
        {.resource = "nvidia.com/mig-1g.5gb", .id = "MIG-0-1-0", .numa_node = 0},
        {.resource = "nvidia.com/mig-1g.5gb", .id = "MIG-gone", .numa_node = 1},
    };
    assert_int_equal(gs_offer_list(&bed.arena, "nvidia.com/mig-1g.5gb", &offer.resources[0], NULL,
                                   0, gone, 4, &list, NULL),
                     0);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.devices[1].id, "MIG-gone");
    assert_false(list.devices[1].healthy);
    assert_int_equal(list.devices[1].numa_node, 1);
    assert_int_equal(
        gs_offer_list(&bed.arena, "nvidia.com/mig-2g.10gb", NULL, NULL, 0, gone, 4, &other, NULL),
        0);
    assert_int_equal(other.n, 1);
    assert_string_equal(other.devices[0].id, "MIG-gone-2");
    assert_false(gs_offer_list_eq(&list, &other));
    assert_true(gs_offer_list_eq(&list, &list));
}

static void offer__keeps_a_slice_without_device_nodes_from_containers_that_need_them(void **state)
{
    (void)state;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1");
    bed.slices[1].ci_minor = GS_NOT_KNOWN;
    struct gs_offer offer = make();
    assert_string_equal(describe(&offer), "nvidia.com/mig-1g.5gb: 0:0 0:1- !DeviceNodesUnknown");
    bed_configure(&bed, "flags: {plugin: {deviceListStrategy: envvar}}");
    offer = make();
    assert_string_equal(describe(&offer), "nvidia.com/mig-1g.5gb: 0:0 0:1");
}

static void offer__states_a_mode_that_waits_for_a_reset(void **state)
{
    (void)state;
    bed_gpu(&bed, "A100-40GB")->facts.pending = GS_MIG_ON;
    struct gs_offer offer = make();
    assert_string_equal(describe(&offer), "nvidia.com/gpu: 0 !ModePending");
    assert_string_equal(offer.conditions.at[0].text,
                        "GPU 0 (GPU-0): MIG is off and will be on at its next reset; it is offered "
                        "as it is");
}

static void
offer__leaves_out_a_name_that_is_too_long_and_fewer_replicas_than_a_list_takes(void **state)
{
    (void)state;
    bed_configure(&bed,
                  "sharing: {timeSlicing: {resources: [{name: mig-1g.5gb, replicas: 1024}]}}");
    for (unsigned g = 0; g < 5; g++) {
        bed_cut(&bed, "A100-40GB",
                "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6");
    }
    bed.slices[34].profile.sign = '+';
    bed.slices[34].profile.compute_slices = 3;
    snprintf(bed.slices[34].profile.attrs, sizeof(bed.slices[34].profile.attrs),
             "a123456789b123456789c123456789d12345678");
    struct gs_offer offer = make();
    assert_int_equal(offer.resources[0].n, 34);
    assert_int_equal(offer.resources[0].replicas, GS_DP_DEVICES_MAX / 34);
    assert_int_equal(offer.conditions.n, 2);
    assert_int_equal(offer.conditions.at[0].code, GS_COND_NAME_TOO_LONG);
    assert_int_equal(offer.conditions.at[1].code, GS_COND_TOO_MANY_DEVICES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(offer__has_the_devices_of_each_strategy),
        TEST(offer__names_resources_byte_for_byte),
        TEST(offer__tells_ids_topology_and_socket),
        TEST(offer__finds_a_device_by_each_of_its_ids_and_no_other),
        TEST(offer__marks_what_is_sick_retiring_or_lost_as_unhealthy),
        TEST(offer__keeps_what_is_gone_in_the_list_while_it_is_held),
        TEST(offer__keeps_a_slice_without_device_nodes_from_containers_that_need_them),
        TEST(offer__states_a_mode_that_waits_for_a_reset),
        TEST(offer__leaves_out_a_name_that_is_too_long_and_fewer_replicas_than_a_list_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
