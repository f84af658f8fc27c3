#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/holding.h"

static struct bed bed;
static struct gs_offer offer;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,2g.10gb@2");
    bed_cut(&bed, "A100-40GB", "1c.2g.10gb@0;1c.2g.10gb,1g.5gb@2");
    bed_gpu(&bed, "A100-40GB");
    assert_int_equal(gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bed_done(&bed);
    return 0;
}

static const struct gs_podres_list none_listed = {.n = 0};
static const struct gs_kubelet_checkpoint none_recorded = {.n_grants = 0};

/* Everything can be read, and nobody is there. */
static struct gs_holding_input quiet(void)
{
    return (struct gs_holding_input){
        .offer = &offer,
        .listed = &none_listed,
        .checkpoint = &none_recorded,
        .pods_known = true,
        .pod_dirs_known = true,
        .processes_known = UINT32_MAX,
        .grant_timeout_us = 300000000,
    };
}

static struct gs_holding hold(const struct gs_holding_input *input)
{
    struct gs_holding holding;
    struct gs_err err = {0};
    if (gs_holding_new(&bed.arena, input, &holding, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(holding.n_slices, bed.snapshot.n_slices);
    assert_int_equal(holding.n_gpus, bed.snapshot.n_gpus);
    return holding;
}

/* A line a slice and GPU that is held: "MIG-0-1-0: pod a/b, container c (1)". */
static const char *describe(const struct gs_holding *holding)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    for (unsigned i = 0; i < holding->n_slices; i++) {
        const struct gs_held *held = &holding->slices[i];
        assert_int_equal(gs_held_idle(held), held->text[0] == '\0');
        if (!gs_held_idle(held)) {
            gs_buf_printf(&out, "%s: %s (%u)\n", bed.slices[i].uuid, held->text, held->n_holders);
        }
    }
    for (unsigned g = 0; g < holding->n_gpus; g++) {
        const struct gs_held *held = &holding->gpus[g];
        if (!gs_held_idle(held)) {
            gs_buf_printf(&out, "GPU-%u: %s (%u)\n", g, held->text, held->n_holders);
        }
    }
    for (unsigned i = 0; i < holding->n_strangers; i++) {
        gs_buf_printf(&out, "stranger %s %s %d\n", holding->strangers[i].resource,
                      holding->strangers[i].id, (int)holding->strangers[i].numa_node);
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&out), out.len);
    gs_buf_done(&out);
    return text;
}

/* A pod of one container with one device. */
struct listed {
    const char *id[1];
    struct gs_podres_devices devices;
    struct gs_podres_container container;
    struct gs_podres_pod pod;
};

static const struct gs_podres_pod *list_one(struct listed *one, const char *name,
                                            const char *container, const char *resource,
                                            const char *id)
{
    one->id[0] = id;
    one->devices = (struct gs_podres_devices){.resource = resource, .n_ids = 1, .ids = one->id};
    one->container =
        (struct gs_podres_container){.name = container, .n_devices = 1, .devices = &one->devices};
    one->pod = (struct gs_podres_pod){
        .name = name, .namespace_ = "ns", .n_containers = 1, .containers = &one->container};
    return &one->pod;
}

#define MIG1 "nvidia.com/mig-1g.5gb"

static void holding__is_nobodys_when_nobody_is_there(void **state)
{
    (void)state;
    struct gs_holding_input input = quiet();
    struct gs_holding holding = hold(&input);
    assert_string_equal(describe(&holding), "");
    assert_int_equal(holding.conditions.n, 0);
}

static void holding__of_a_slice_and_its_gpu_by_a_pod(void **state)
{
    (void)state;
    struct listed one;
    struct listed other;
    struct gs_podres_pod pods[2];
    struct gs_holding_input input = quiet();
    pods[0] = *list_one(&one, "train", "main", MIG1, "MIG-0-2-0");
    pods[1] = *list_one(&other, "infer", "main", "nvidia.com/gpu", "GPU-2");
    const struct gs_podres_list listed = {.n = 2, .pods = pods};
    input.listed = &listed;
    struct gs_holding holding = hold(&input);
    assert_string_equal(describe(&holding), "MIG-0-2-0: pod ns/train, container main (1)\n"
                                            "GPU-0: pod ns/train, container main (1)\n"
                                            "GPU-2: pod ns/infer, container main (1)\n");
}

static void holding__of_a_whole_gpu_is_that_of_its_slices(void **state)
{
    (void)state;
    struct listed one;
    struct gs_podres_list listed = {.n = 1,
                                    .pods = list_one(&one, "a", "c", "nvidia.com/gpu", "GPU-0")};
    struct gs_holding_input input = quiet();
    input.listed = &listed;
    struct gs_holding holding = hold(&input);
    assert_string_equal(describe(&holding), "MIG-0-1-0: pod ns/a, container c (0)\n"
                                            "MIG-0-2-0: pod ns/a, container c (0)\n"
                                            "MIG-0-3-0: pod ns/a, container c (0)\n"
                                            "GPU-0: pod ns/a, container c (1)\n"
                                            "stranger nvidia.com/gpu GPU-0 0\n");
}

/* A finished pod holds nothing; of two pods of one name the one that lives counts. */
static void holding__ends_with_the_pod(void **state)
{
    (void)state;
    struct listed one;
    struct gs_podres_list listed = {.n = 1, .pods = list_one(&one, "a", "c", MIG1, "MIG-0-1-0")};
    const struct gs_holder_pod pods[] = {
        {.uid = "u1", .name_space = "ns", .name = "a", .finished = true},
        {.uid = "u2", .name_space = "ns", .name = "a", .finished = false},
        {.uid = "u3", .name_space = "other", .name = "a", .finished = false},
    };
    struct gs_holding_input input = quiet();
    input.listed = &listed;
    input.pods = pods;
    input.n_pods = 1;
    struct gs_holding holding = hold(&input);
    assert_string_equal(describe(&holding), "");
    input.n_pods = 2;
    holding = hold(&input);
    assert_true(holding.slices[0].why == GS_HOLD_POD);
    input.pods = pods + 2; /* nobody of that name: it may be on its way out */
    input.n_pods = 1;
    holding = hold(&input);
    assert_true(holding.slices[0].why == GS_HOLD_POD);
    input.pods = pods;
    input.pods_known = false;
    holding = hold(&input);
    assert_true(holding.slices[0].why == GS_HOLD_POD);
}

static const struct {
    const char *uid; /* in the record */
    bool in_api;     /* the API knows the pod */
    bool finished;   /* and that it has ended */
    bool has_dir;    /* the kubelet has its folder */
    bool pods_known;
    bool dirs_known;
    bool held;
} records[] = {
    {"u", true, false, true, true, true, true},
    {"u", true, false, false, true, true, true}, /* just bound */
    {"u", true, true, true, true, true, false},
    {"u", false, false, true, true, true, true}, /* deleted, and the kubelet is not through */
    {"u", false, false, false, true, true, false},
    {"u", false, false, false, true, false, true},
    {"u", false, false, true, false, true, true},
    {"u", false, false, false, false, true, false},
    {"u", false, false, false, false, false, true},
};

/* Plain init containers, and pods whose containers do not run, stand in the kubelet's record alone.
 */
static void holding__by_the_kubelets_record_lasts_as_long_as_the_pod_may_live(void **state)
{
    (void)state;
    const char *const id[] = {"MIG-0-1-0"};
    const struct gs_kubelet_grant grant = {
        .pod_uid = "u", .container = "init", .resource = MIG1, .n_ids = 1, .ids = id};
    const struct gs_kubelet_checkpoint checkpoint = {.n_grants = 1, .grants = &grant};
    const char *const dirs[] = {"v", "u"};
    for (size_t i = 0; i < GS_ARRAY_LEN(records); i++) {
        const struct gs_holder_pod pod = {
            .uid = "u", .name_space = "ns", .name = "p", .finished = records[i].finished};
        struct gs_holding_input input = quiet();
        input.checkpoint = &checkpoint;
        input.pods = &pod;
        input.n_pods = records[i].in_api ? 1 : 0;
        input.pods_known = records[i].pods_known;
        input.pod_dirs = dirs;
        input.n_pod_dirs = records[i].has_dir ? 2 : 1;
        input.pod_dirs_known = records[i].dirs_known;
        struct gs_holding holding = hold(&input);
        const char *want = !records[i].held    ? ""
                           : records[i].in_api ? "MIG-0-1-0: pod ns/p, container init (1)\n"
                                                 "GPU-0: pod ns/p, container init (1)\n"
                                               : "MIG-0-1-0: pod u, container init (1)\n"
                                                 "GPU-0: pod u, container init (1)\n";
        if (strcmp(describe(&holding), want) != 0) {
            fail_msg("case %zu: \"%s\"", i, describe(&holding));
        }
    }
}

static void holding__by_a_grant_lasts_until_its_pod_is_seen_or_too_long_is_past(void **state)
{
    (void)state;
    struct listed one;
    const char *const ids[] = {"MIG-0-1-0", "MIG-0-2-0"};
    struct gs_holder_grant grant = {.resource = MIG1, .ids = ids, .n_ids = 2, .age_us = 5};
    struct gs_holding_input input = quiet();
    input.grants = &grant;
    input.n_grants = 1;
    struct gs_holding holding = hold(&input);
    assert_string_equal(describe(&holding),
                        "MIG-0-1-0: a container that the kubelet is about to start (0)\n"
                        "MIG-0-2-0: a container that the kubelet is about to start (0)\n"
                        "GPU-0: a container that the kubelet is about to start (0)\n");
    grant.age_us = 300000000;
    holding = hold(&input);
    assert_string_equal(describe(&holding), "");
    struct gs_podres_list listed = {.n = 1, .pods = list_one(&one, "a", "c", MIG1, "MIG-0-1-0")};
    assert_false(gs_holding_shows(&listed, &grant));
    grant.n_ids = 1;
    assert_true(gs_holding_shows(&listed, &grant));
    grant.resource = "nvidia.com/gpu";
    assert_false(gs_holding_shows(&listed, &grant));
}

static void holding__by_a_process_is_of_the_instance_that_it_is_in(void **state)
{
    (void)state;
    static const struct {
        uint32_t gpu;
        uint32_t gi;
        uint32_t ci;
        const char *uid;
        const char *want;
    } cases[] = {
        {1, 1, 1, "", "MIG-1-1-1: process 77 (0)\nGPU-1: process 77 (0)\n"},
        {1, 1, GS_NOT_KNOWN, "u",
         "MIG-1-1-0: process 77 of pod u (0)\nMIG-1-1-1: process 77 of pod u (0)\n"
         "GPU-1: process 77 of pod u (0)\n"},
        {1, GS_NOT_KNOWN, GS_NOT_KNOWN, "",
         "MIG-1-1-0: process 77 (0)\nMIG-1-1-1: process 77 (0)\nMIG-1-2-0: process 77 (0)\n"
         "GPU-1: process 77 (0)\n"},
        {2, GS_NOT_KNOWN, GS_NOT_KNOWN, "", "GPU-2: process 77 (0)\n"},
        {9, 1, 0, "", ""},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const struct gs_holder_process process = {.gpu = cases[i].gpu,
                                                  .gi = cases[i].gi,
                                                  .ci = cases[i].ci,
                                                  .pid = 77,
                                                  .pod_uid = cases[i].uid};
        struct gs_holding_input input = quiet();
        input.processes = &process;
        input.n_processes = 1;
        struct gs_holding holding = hold(&input);
        assert_string_equal(describe(&holding), cases[i].want);
    }
}

static void holding__is_assumed_where_a_source_cannot_be_read(void **state)
{
    (void)state;
    struct gs_holding_input input = quiet();
    input.listed = NULL;
    struct gs_holding holding = hold(&input);
    for (unsigned i = 0; i < holding.n_slices; i++) {
        assert_true(holding.slices[i].why == GS_HOLD_UNREADABLE);
        assert_string_equal(holding.slices[i].text, "not known: pod-resources could not be read");
    }
    assert_false(gs_held_idle(&holding.gpus[2]));
    assert_int_equal(holding.conditions.n, 1);
    assert_int_equal(holding.conditions.at[0].code, GS_COND_HOLDERS_UNREADABLE);
    input = quiet();
    input.checkpoint = NULL;
    holding = hold(&input);
    assert_false(gs_held_idle(&holding.slices[5]));
    input = quiet();
    input.processes_known = ~2u; /* not of GPU 1 */
    holding = hold(&input);
    assert_string_equal(describe(&holding),
                        "MIG-1-1-0: not known: the list of processes could not be read (0)\n"
                        "MIG-1-1-1: not known: the list of processes could not be read (0)\n"
                        "MIG-1-2-0: not known: the list of processes could not be read (0)\n"
                        "GPU-1: not known: the list of processes could not be read (0)\n");
}

static void holding__counts_containers_and_not_their_replicas(void **state)
{
    (void)state;
    const char *const first[] = {"MIG-0-1-0::0"};
    const char *const second[] = {"MIG-0-1-0::1"};
    const char *const third[] = {"MIG-0-1-0::2"};
    const struct gs_podres_devices devices[] = {
        {.resource = MIG1, .n_ids = 1, .ids = first},
        {.resource = MIG1, .n_ids = 1, .ids = second},
        {.resource = MIG1, .n_ids = 1, .ids = third},
    };
    const struct gs_podres_container containers[] = {
        {.name = "a", .n_devices = 2, .devices = devices},
        {.name = "a", .n_devices = 1, .devices = devices + 2},
    };
    const struct gs_podres_pod pod = {
        .name = "p", .namespace_ = "ns", .n_containers = 2, .containers = containers};
    const struct gs_podres_list listed = {.n = 1, .pods = &pod};
    struct gs_holding_input input = quiet();
    bed_configure(&bed, "sharing: {timeSlicing: {resources: [{name: mig-1g.5gb, replicas: 4}]}}");
    assert_int_equal(gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, NULL), 0);
    input.listed = &listed;
    struct gs_holding holding = hold(&input);
    const struct gs_held *held = &holding.slices[0];
    assert_int_equal(held->n_holders, 2);
    assert_int_equal(held->holders[0].replica, 0);
    assert_int_equal(held->holders[1].replica, 2);
    assert_string_equal(held->holders[1].pod, "p");
    assert_string_equal(held->holders[1].pod_uid, "");
    assert_int_equal(holding.gpus[0].n_holders, 2);
    assert_null(holding.gpus[0].holders);
    assert_int_equal(holding.n_strangers, 0);
    const struct gs_holder_pod known = {.uid = "u", .name_space = "ns", .name = "p"};
    input.pods = &known;
    input.n_pods = 1;
    holding = hold(&input);
    assert_string_equal(holding.slices[0].holders[0].pod_uid, "u");
}

/* They have to stay in their lists: a kubelet that finds a granted device gone from the list ends.
 */
static void holding__names_what_is_held_and_no_longer_offered(void **state)
{
    (void)state;
    struct listed one[5];
    struct gs_podres_pod pods[5];
    pods[0] = *list_one(&one[0], "a", "c", MIG1, "MIG-9-9-9");
    pods[1] = *list_one(&one[1], "b", "c", MIG1, "MIG-9-9-9");
    pods[2] = *list_one(&one[2], "d", "c", "nvidia.com/gpu", "MIG-1-2-0"); /* was single before */
    pods[3] = *list_one(&one[3], "e", "c", MIG1 ".shared", "MIG-1-2-0::1");
    pods[4] = *list_one(&one[4], "f", "c", "example.com/thing", "thing-1");
    const struct gs_podres_list listed = {.n = 5, .pods = pods};
    struct gs_holding_input input = quiet();
    input.listed = &listed;
    struct gs_holding holding = hold(&input);
    assert_string_equal(describe(&holding), "MIG-1-2-0: pod ns/d, container c (2)\n"
                                            "GPU-1: pod ns/d, container c (2)\n"
                                            "stranger " MIG1 " MIG-9-9-9 -1\n"
                                            "stranger nvidia.com/gpu MIG-1-2-0 0\n"
                                            "stranger " MIG1 ".shared MIG-1-2-0::1 0\n");
}

static void holding__of_a_device_under_another_resource_counts_too(void **state)
{
    (void)state;
    struct listed one;
    struct gs_podres_list listed = {
        .n = 1, .pods = list_one(&one, "a", "c", "example.com/gpu", "MIG-0-1-0")};
    struct gs_holding_input input = quiet();
    input.listed = &listed;
    struct gs_holding holding = hold(&input);
    assert_true(holding.slices[0].why == GS_HOLD_POD);
    assert_int_equal(holding.n_strangers, 0);
}

/* ---- property: idle is exactly what no source names ---- */

enum { PODS = 6, ENTRIES = 4 };

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((seed >> 33) % n);
}

/* Sources drawn at random, and what they make busy. */
struct world {
    struct gs_holding_input input;
    struct gs_holder_pod api[PODS];
    struct listed ones[ENTRIES];
    struct gs_podres_pod pods[ENTRIES];
    struct gs_podres_list listed;
    struct gs_kubelet_grant entries[ENTRIES];
    struct gs_kubelet_checkpoint checkpoint;
    const char *recorded[ENTRIES][1];
    const char *granted[1];
    struct gs_holder_grant grant;
    struct gs_holder_process process;
    bool busy[16];
};

static void draw_pods(struct world *world)
{
    static const char *const names[PODS] = {"p0", "p1", "p2", "p3", "p4", "p5"};
    unsigned n_listed = below(ENTRIES);
    unsigned n_recorded = below(ENTRIES);
    for (unsigned i = 0; i < PODS; i++) {
        world->api[i] = (struct gs_holder_pod){
            .uid = names[i], .name_space = "ns", .name = names[i], .finished = below(2) == 0};
    }
    for (unsigned i = 0; i < n_listed; i++) {
        unsigned slice = below(bed.snapshot.n_slices);
        unsigned pod = below(PODS);
        world->pods[i] = *list_one(&world->ones[i], names[pod], "c", MIG1, bed.slices[slice].uuid);
        world->busy[slice] = world->busy[slice] || !world->api[pod].finished;
    }
    for (unsigned i = 0; i < n_recorded; i++) {
        unsigned slice = below(bed.snapshot.n_slices);
        unsigned pod = below(PODS);
        world->recorded[i][0] = bed.slices[slice].uuid;
        world->entries[i] = (struct gs_kubelet_grant){.pod_uid = names[pod],
                                                      .container = "c",
                                                      .resource = MIG1,
                                                      .n_ids = 1,
                                                      .ids = world->recorded[i]};
        world->busy[slice] = world->busy[slice] || !world->api[pod].finished;
    }
    world->listed = (struct gs_podres_list){.n = n_listed, .pods = world->pods};
    world->checkpoint =
        (struct gs_kubelet_checkpoint){.n_grants = n_recorded, .grants = world->entries};
}

static void draw_grant_and_process(struct world *world)
{
    unsigned granted = below(bed.snapshot.n_slices);
    unsigned used = below(bed.snapshot.n_slices);
    const struct gs_slice_id *at = &bed.slices[used].id;
    world->granted[0] = bed.slices[granted].uuid;
    world->grant = (struct gs_holder_grant){.resource = MIG1, .ids = world->granted, .n_ids = 1};
    world->process = (struct gs_holder_process){
        .gpu = at->gpu, .gi = at->gi, .ci = at->ci, .pid = 1, .pod_uid = ""};
    world->input.n_grants = below(2);
    world->input.n_processes = below(2);
    world->busy[granted] = world->busy[granted] || world->input.n_grants == 1;
    world->busy[used] = world->busy[used] || world->input.n_processes == 1;
}

static void holding__leaves_idle_exactly_what_no_source_names(void **state)
{
    (void)state;
    seed = 42;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 2000; round++) {
        struct world world = {.input = quiet()};
        draw_pods(&world);
        draw_grant_and_process(&world);
        world.input.listed = &world.listed;
        world.input.checkpoint = &world.checkpoint;
        world.input.pods = world.api;
        world.input.n_pods = PODS;
        world.input.grants = &world.grant;
        world.input.processes = &world.process;
        struct gs_arena_mark mark = gs_arena_mark(&bed.arena);
        struct gs_holding holding = hold(&world.input);
        bool gpu_busy[3] = {false};
        for (unsigned i = 0; i < bed.snapshot.n_slices; i++) {
            assert_int_equal(gs_held_idle(&holding.slices[i]), !world.busy[i]);
            gpu_busy[bed.slices[i].id.gpu] |= world.busy[i];
        }
        for (unsigned g = 0; g < 3; g++) {
            assert_int_equal(gs_held_idle(&holding.gpus[g]), !gpu_busy[g]);
        }
        gs_arena_rewind(&bed.arena, mark);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(holding__is_nobodys_when_nobody_is_there),
        TEST(holding__of_a_slice_and_its_gpu_by_a_pod),
        TEST(holding__of_a_whole_gpu_is_that_of_its_slices),
        TEST(holding__ends_with_the_pod),
        TEST(holding__by_the_kubelets_record_lasts_as_long_as_the_pod_may_live),
        TEST(holding__by_a_grant_lasts_until_its_pod_is_seen_or_too_long_is_past),
        TEST(holding__by_a_process_is_of_the_instance_that_it_is_in),
        TEST(holding__is_assumed_where_a_source_cannot_be_read),
        TEST(holding__counts_containers_and_not_their_replicas),
        TEST(holding__names_what_is_held_and_no_longer_offered),
        TEST(holding__of_a_device_under_another_resource_counts_too),
        TEST(holding__leaves_idle_exactly_what_no_source_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
