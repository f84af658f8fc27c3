#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "cloud/offers.h"
#include "cloud/pooloffers.h"

#define MIB (1ull << 20)

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

/* What the AMI's formula gives: 60 for the first core, 10 for the second, 5 each for two more, then
 * 2.5 each, cut to whole ones. */
static const struct {
    uint32_t cores;
    uint64_t reserved;
} reserves[] = {{0, 0},  {1, 60},   {2, 70},   {3, 75},   {4, 80},   {5, 82},
                {8, 90}, {16, 110}, {48, 190}, {96, 310}, {192, 550}};

static void allocatable__reserves_cores_as_the_ami_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(reserves) / sizeof(reserves[0]); i++) {
        assert_int_equal(gs_kube_reserved_cpu_milli(reserves[i].cores), reserves[i].reserved);
    }
}

static void allocatable__takes_off_what_the_system_keeps(void **state)
{
    (void)state;
    /* p4d.24xlarge: 1179648 MiB, 7.5 % of them 88473.6, so 88474; kube-reserved 255 + 11 * 737. */
    const struct gs_allocatable p4d = {96000, 1179648 * MIB, 737};
    struct gs_allocatable left = gs_allocatable_of(&p4d, &gs_node_overhead_default);
    assert_int_equal(left.cpu_milli, 95690);
    assert_int_equal(left.memory_bytes, (1179648 - 88474 - 8362 - 100) * MIB);
    assert_int_equal(left.pods, 737);

    struct gs_node_overhead overhead = gs_node_overhead_default;
    overhead.daemonset_cpu_milli = 690;
    overhead.daemonset_memory_bytes = 7 * MIB + 1;
    overhead.daemonset_pods = 5;
    left = gs_allocatable_of(&p4d, &overhead);
    assert_int_equal(left.cpu_milli, 95000);
    assert_int_equal(left.memory_bytes, (1179648 - 88474 - 8362 - 100 - 7) * MIB - 1);
    assert_int_equal(left.pods, 732);

    overhead = (struct gs_node_overhead){0};
    left = gs_allocatable_of(&p4d, &overhead);
    assert_int_equal(left.cpu_milli, p4d.cpu_milli);
    assert_int_equal(left.memory_bytes, p4d.memory_bytes);
}

static void allocatable__stops_at_nothing_and_says_what_is_gone(void **state)
{
    (void)state;
    struct gs_err err;
    const struct gs_allocatable tiny = {50, 300 * MIB, 3};
    struct gs_node_overhead overhead = gs_node_overhead_default;
    overhead.daemonset_pods = 9;
    struct gs_allocatable left = gs_allocatable_of(&tiny, &overhead);
    assert_int_equal(left.cpu_milli, 0);
    assert_int_equal(left.memory_bytes, 0);
    assert_int_equal(left.pods, 0);
    assert_int_equal(gs_allocatable_check("x", &left, &err), GS_INFEASIBLE);
    assert_string_equal(err.msg, "x has no CPU left beside what the system and DaemonSets take");
    left.cpu_milli = 1;
    assert_int_equal(gs_allocatable_check("x", &left, &err), GS_INFEASIBLE);
    assert_non_null(strstr(err.msg, "no memory left"));
    left.memory_bytes = 1;
    assert_int_equal(gs_allocatable_check("x", &left, &err), GS_INFEASIBLE);
    assert_non_null(strstr(err.msg, "no pod left"));
    left.pods = 1;
    assert_int_equal(gs_allocatable_check("x", &left, &err), 0);
}

static int offer_of(const char *type, const char *region, struct gs_offer *offer,
                    struct gs_err *err)
{
    const struct gs_instance *instance = NULL;
    assert_int_equal(gs_instance_find(gs_view(type), &instance, NULL), 0);
    return gs_offer_of_instance(&arena, instance, gs_view(region), &gs_node_overhead_default, offer,
                                err);
}

static const char *label(const struct gs_node_facts *facts, const char *key)
{
    for (size_t i = 0; i < facts->n_labels; i++) {
        if (strcmp(facts->labels[i].key, key) == 0) {
            return facts->labels[i].value;
        }
    }
    return "";
}

static void offers__carry_price_amounts_and_labels_of_the_type(void **state)
{
    (void)state;
    struct gs_offer offer;
    assert_int_equal(offer_of("p4d.24xlarge", "us-east-1", &offer, NULL), 0);
    assert_string_equal(offer.name, "p4d.24xlarge");
    assert_string_equal(offer.gpu_name, "A100-40GB");
    assert_string_equal(offer.model->id, "A100-40GB");
    assert_int_equal(offer.gpus, 8);
    assert_int_equal(offer.gpu_memory_mib, 40960);
    assert_int_equal(offer.cpu_milli, 95690);
    assert_int_equal(offer.pods, 737);
    assert_int_equal(offer.price_uusd, 21957642);
    assert_int_equal(offer.max_nodes, UINT32_MAX);
    static const struct gs_label expected[] = {
        {"node.kubernetes.io/instance-type", "p4d.24xlarge"},
        {"kubernetes.io/arch", "amd64"},
        {"kubernetes.io/os", "linux"},
        {"topology.kubernetes.io/region", "us-east-1"},
        {"karpenter.sh/capacity-type", "on-demand"},
        {"karpenter.k8s.aws/instance-family", "p4d"},
        {"karpenter.k8s.aws/instance-size", "24xlarge"},
        {"karpenter.k8s.aws/instance-cpu", "96"},
        {"karpenter.k8s.aws/instance-memory", "1179648"},
        {"karpenter.k8s.aws/instance-gpu-count", "8"},
        {"karpenter.k8s.aws/instance-gpu-manufacturer", "nvidia"},
        {"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB"},
        {"karpenter.k8s.aws/instance-gpu-name", "a100"},
        {"karpenter.k8s.aws/instance-gpu-memory", "40960"},
    };
    assert_int_equal(offer.facts->n_labels, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_string_equal(label(offer.facts, expected[i].key), expected[i].value);
    }
    assert_false(offer.facts->labels_complete);
    assert_int_equal(offer.facts->n_taints, 0);
    assert_null(offer.facts->name);
}

static void offers__name_the_gpu_as_gpu_feature_discovery_does(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *product;
    } cases[] = {
        {"p4de.24xlarge", "NVIDIA-A100-SXM4-80GB"},
        {"p5.48xlarge", "NVIDIA-H100-80GB-HBM3"},
        {"g6.xlarge", "NVIDIA-L4"},
        {"g4dn.xlarge", "Tesla-T4"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gs_instance *instance;
        char product[GS_PRODUCT_MAX + 1];
        assert_int_equal(gs_instance_find(gs_view(cases[i].type), &instance, NULL), 0);
        gs_instance_product(instance, product);
        assert_string_equal(product, cases[i].product);
    }
}

static void offers__are_not_made_without_the_facts(void **state)
{
    (void)state;
    struct gs_offer offer;
    struct gs_err err;
    assert_int_equal(offer_of("p5e.48xlarge", "us-east-1", &offer, &err), GS_UNKNOWN);
    assert_int_equal(offer_of("p4d.24xlarge", "us-east-9", &offer, &err), GS_NOT_FOUND);
    assert_int_equal(offer_of("p6e-gb200.36xlarge", "us-east-1", &offer, &err), GS_UNKNOWN);
    assert_int_equal(offer_of("g7.2xlarge", "us-east-1", &offer, NULL), 0);
    assert_null(offer.model);
    assert_string_equal(offer.gpu_name, "RTX-PRO-4500-32GB");
    /* The price of this one would be known: what is missing is the number of pods. */
    const struct gs_instance_price price = {"us-east-1", 1};
    const struct gs_instance no_pods = {.type = "x.y",
                                        .arch = "amd64",
                                        .gpu_name = "L4",
                                        .prices = &price,
                                        .n_prices = 1,
                                        .gpus = 1,
                                        .vcpu = 4,
                                        .memory_mib = 16384,
                                        .max_pods = GS_NOT_KNOWN};
    assert_int_equal(gs_offer_of_instance(&arena, &no_pods, gs_view("us-east-1"),
                                          &gs_node_overhead_default, &offer, &err),
                     GS_UNKNOWN);
    assert_non_null(strstr(err.msg, "how many pods a x.y takes is not known"));
}

static void offers__take_what_a_price_file_says_is_allocatable(void **state)
{
    (void)state;
    struct gs_offer offer;
    struct gs_err err;
    struct gs_instance_entry entry = {.type = "rack",
                                      .gpu = {.name = "L4"},
                                      .gpus = 2,
                                      .gpu_memory_mib = 22888,
                                      .cpu_milli = 8000,
                                      .memory_bytes = 32768 * MIB,
                                      .max_pods = 110,
                                      .max_nodes = 4,
                                      .price_uusd = 5};
    struct gs_node_overhead overhead = gs_node_overhead_default;
    overhead.daemonset_cpu_milli = 10;
    overhead.daemonset_memory_bytes = MIB;
    overhead.daemonset_pods = 10;
    assert_int_equal(gs_offer_of_entry(&entry, &overhead, &offer, NULL), 0);
    assert_int_equal(offer.cpu_milli, 8000 - 90 - 10);
    assert_int_equal(offer.memory_bytes, (32768 - 255 - 1210 - 100 - 1) * MIB);
    assert_int_equal(offer.pods, 100);
    assert_int_equal(offer.max_nodes, 4);
    entry.allocatable_cpu_given = entry.allocatable_memory_given = true;
    entry.allocatable_cpu_milli = 7500;
    entry.allocatable_memory_bytes = 30000 * MIB;
    assert_int_equal(gs_offer_of_entry(&entry, &overhead, &offer, NULL), 0);
    assert_int_equal(offer.cpu_milli, 7490);
    assert_int_equal(offer.memory_bytes, 29999 * MIB);
    entry.allocatable_cpu_milli = 10;
    assert_int_equal(gs_offer_of_entry(&entry, &overhead, &offer, &err), GS_INFEASIBLE);
    assert_string_equal(err.msg, "rack has no CPU left beside what the system and DaemonSets take");
}

static void offers__look_up_types_for_existing_nodes(void **state)
{
    (void)state;
    struct gs_existing_type type;
    const struct gs_existing_types *types = &gs_instance_existing_types;
    assert_int_equal(types->find(types->ctx, gs_view("g7e.2xlarge"), &type, NULL), 0);
    assert_string_equal(type.gpu.model->id, "RTX-PRO-6000-96GB");
    assert_int_equal(type.gpus, 1);
    assert_int_equal(type.gpu_memory_mib, 98304);
    assert_int_equal(types->find(types->ctx, gs_view("x"), &type, NULL), GS_NOT_FOUND);
}

/* What spot costs is what its SlicePool says; where a node may be on demand, it is that. */
static void offers__of_spot_alone_cost_what_the_slicepool_says(void **state)
{
    static const char *const types[] = {"p4d.24xlarge"};
    static const char *const capacity[] = {"spot", "on-demand"};
    static const struct {
        unsigned first, n;
        uint32_t percent;
        uint64_t uusd;
    } cases[] = {
        {0, 1, 100, 21957642}, {0, 1, 35, 7685174},  {0, 1, 1, 219576},
        {0, 2, 35, 21957642},  {1, 1, 35, 21957642},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gs_slicepool pool = {.name = "p",
                                          .instance_types = types,
                                          .n_instance_types = 1,
                                          .capacity_types = &capacity[cases[i].first],
                                          .n_capacity_types = cases[i].n,
                                          .spot_percent = cases[i].percent};
        struct gs_pooloffers made;
        assert_int_equal(gs_pooloffers_make(&arena, &pool, gs_view("us-east-1"), &made, NULL), 0);
        assert_int_equal(made.n, 1);
        assert_int_equal(made.at[0].price_uusd, cases[i].uusd);
    }
}

#define P4D_HAS "p4d.24xlarge has 1g.5gb, 1g.5gb+me, 1g.10gb, 2g.10gb, 3g.20gb, 4g.20gb, 7g.40gb"

/* What a type makes is offered; what none makes is named, with what there is. */
static void offers__name_profiles_that_no_instance_type_makes(void **state)
{
    static const struct {
        const char *types[3];
        const char *profiles[3];
        uint16_t made; /* bits of the first type's model */
        const char *unmade;
    } cases[] = {
        {{"p4d.24xlarge"}, {"1g.5gb", "3g.20gb"}, 0x11, ""},
        {{"p4d.24xlarge"}, {"1g.5gb", "9g.99gb"}, 0x1, "no GPU has 9g.99gb; " P4D_HAS},
        {{"p4d.24xlarge"},
         {"1g.5gb", "1g.6gb"},
         0x1,
         "none of its instance types has 1g.6gb; near names: 1g.5gb, 1g.10gb; " P4D_HAS},
        {{"p4d.24xlarge"},
         {"1g.5gb", "1g.18gb", "1g.7gb"},
         0x1,
         "none of its instance types has 1g.18gb (it is a profile of p5e.48xlarge, p5en.48xlarge); "
         "near names: 1g.10gb, 1g.5gb, 2g.10gb; " P4D_HAS
         ". no GPU has 1g.7gb; near names: 1g.5gb, "
         "1g.10gb; " P4D_HAS},
        {{"p4d.24xlarge", "x9.large"}, {"1g.5gb", "1g.18gb"}, 0x1, ""}, /* its GPUs are not known */
        {{"g6.xlarge", "p4d.24xlarge"}, {"1g.5gb"}, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_profile_name profiles[3];
        struct gs_slicepool pool = {.name = "p",
                                    .instance_types = cases[i].types,
                                    .profiles = profiles,
                                    .spot_percent = 100};
        struct gs_pooloffers made;
        while (pool.n_instance_types < 3 && cases[i].types[pool.n_instance_types] != NULL) {
            pool.n_instance_types++;
        }
        for (; pool.n_profiles < 3 && cases[i].profiles[pool.n_profiles] != NULL;
             pool.n_profiles++) {
            assert_int_equal(gs_profile_name_parse(gs_view(cases[i].profiles[pool.n_profiles]),
                                                   &profiles[pool.n_profiles], NULL),
                             0);
        }
        assert_int_equal(gs_pooloffers_make(&arena, &pool, gs_view("us-east-1"), &made, NULL), 0);
        assert_string_equal(made.unmade, cases[i].unmade);
        assert_true(made.n >= 1);
        assert_int_equal(made.at[0].profiles, cases[i].made);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(allocatable__reserves_cores_as_the_ami_does),
        TEST(allocatable__takes_off_what_the_system_keeps),
        TEST(allocatable__stops_at_nothing_and_says_what_is_gone),
        TEST(offers__carry_price_amounts_and_labels_of_the_type),
        TEST(offers__name_the_gpu_as_gpu_feature_discovery_does),
        TEST(offers__are_not_made_without_the_facts),
        TEST(offers__take_what_a_price_file_says_is_allocatable),
        TEST(offers__look_up_types_for_existing_nodes),
        TEST(offers__of_spot_alone_cost_what_the_slicepool_says),
        TEST(offers__name_profiles_that_no_instance_type_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
