#include "unit/check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "cloud/offers.h"
#include "karpenter/choose.h"
#include "karpenter/seen.h"
#include "unit/wire/json_text.h"

enum { TYPES = 4 };

struct desk {
    struct gs_arena arena;
    struct gs_offer offers[TYPES];
    struct gs_demand *demand;
};

static const char *const type_names[TYPES] = {"p4d.24xlarge", "p5.48xlarge", "g7e.2xlarge",
                                              "g6.xlarge"};

static void open_desk(struct desk *desk)
{
    *desk = (struct desk){.demand = NULL};
    gs_arena_init(&desk->arena, &gs_alloc_heap, (size_t)256 << 20);
    for (int i = 0; i < TYPES; i++) {
        const struct gs_instance *instance;
        struct gs_err err = {.msg = ""};
        assert_int_equal(gs_instance_find(gs_view(type_names[i]), &instance, &err), 0);
        assert_int_equal(gs_offer_of_instance(&desk->arena, instance, gs_view("us-east-1"),
                                              &gs_node_overhead_default, &desk->offers[i], &err),
                         0);
    }
    desk->demand = gs_demand_new(&desk->arena);
    assert_non_null(desk->demand);
}

static void close_desk(struct desk *desk)
{
    gs_arena_done(&desk->arena);
}

/* Pods that ask for slices of a profile; "": for whole GPUs. */
static void want(struct desk *desk, const char *profile, uint32_t count, uint64_t pods)
{
    struct gs_want one = {.whole_gpu = profile[0] == '\0', .count = count};
    struct gs_err err = {.msg = ""};
    if (profile[0] != '\0') {
        assert_int_equal(gs_profile_name_parse(gs_view(profile), &one.profile, &err), 0);
    }
    const struct gs_alternative alternative = {.wants = &one, .n_wants = 1};
    const struct gs_item item = {.name = profile,
                                 .count = pods,
                                 .cpu_milli = 500,
                                 .memory_bytes = 1ull << 30,
                                 .alternatives = &alternative,
                                 .n_alternatives = 1};
    assert_int_equal(gs_demand_add(desk->demand, &item, &err), 0);
}

static size_t choose(struct desk *desk, const struct gs_offer *offers, size_t n_offers,
                     struct gs_karpenter_choice ret[GS_KARPENTER_CHOICES_MAX])
{
    struct gs_karpenter_ask ask = {.slicepool = "gpus", .offers = offers, .n_offers = n_offers};
    struct gs_err err = {.msg = ""};
    size_t n = 0;
    ask.items = gs_demand_items(desk->demand, &ask.n_items);
    assert_int_equal(gs_karpenter_choose(&desk->arena, &ask, ret, &n, &err), 0);
    return n;
}

/* ---- kinds ---- */

static void kind__layouts_are_read_back_with_the_same_name(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        bool fits;
        uint32_t whole;
    } cases[] = {
        {"all-1g.5gb", true, 0},
        {"all-disabled", true, 8},
        {"4x7-1g.5gb_4x2-3g.20gb", true, 0},
        {"6x1-3g.20gb--4-1g.5gb_2xwhole", true, 2},
        {"all-1g.10gb.me", false, 0}, /* the GPU has no such profile */
        {"7x7-1g.5gb", false, 0},     /* it has eight */
        {"8x8-1g.5gb", false, 0},     /* seven fit */
        {"8x7-1g.24gb", false, 0},
        {"anything", false, 0},
    };
    struct desk desk;
    open_desk(&desk);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_karpenter_kind kind;
        struct gs_err err = {.msg = ""};
        int r =
            gs_karpenter_kind_read("gpus", &desk.offers[0], gs_view(cases[i].layout), &kind, &err);
        assert_int_equal(r == 0, cases[i].fits);
        if (r == 0) {
            assert_string_equal(kind.layout, cases[i].layout);
            assert_int_equal(kind.whole, cases[i].whole);
            assert_true(strlen(kind.name) <= GS_KARPENTER_NAME_MAX);
            assert_memory_equal(kind.name, "gpus-p4d-24xlarge-", 18);
        } else {
            assert_string_not_equal(err.msg, "");
        }
    }
    close_desk(&desk);
}

static void kind__names_are_names_of_objects_and_differ(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_kind a;
    struct gs_karpenter_kind b;
    open_desk(&desk);
    const char *owner = "a.very-long-name-of-a-slicepool-that-somebody-has-chosen-for-them";
    assert_int_equal(gs_karpenter_kind_all(owner, &desk.offers[0], 0, &a, NULL), 0);
    assert_int_equal(gs_karpenter_kind_all(owner, &desk.offers[0], -1, &b, NULL), 0);
    assert_string_not_equal(a.name, b.name);
    assert_true(strlen(a.name) <= GS_KARPENTER_NAME_MAX);
    assert_true(strspn(a.name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(a.name));
    assert_int_equal(gs_karpenter_kind_all("other", &desk.offers[0], 0, &b, NULL), 0);
    assert_string_not_equal(a.name, b.name);
    close_desk(&desk);
}

/* ---- objects ---- */

#define POOL_HEAD                                                                                  \
    "{'metadata': {'name': 'gpus', 'uid': 'u1', 'generation': 3}, 'spec': {'nodeClassRef': "       \
    "{'name': 'gpu'}, 'instanceTypes': ['p4d.24xlarge'], 'capacityTypes': ['on-demand'], "         \
    "'zones': ['us-east-1a'], 'labels': {'team': 'a'}, 'taints': [{'key': 'nvidia.com/gpu', "      \
    "'effect': 'NoSchedule'}], 'expireAfter': 'Never'}}"

static void read_owner(struct desk *desk, struct gs_slicepool *ret)
{
    struct gs_err err = {.msg = ""};
    json_t *object = json_text(POOL_HEAD);
    assert_int_equal(gs_slicepool_parse(object, &desk->arena, ret, &err), 0);
    json_decref(object);
}

static void check_object(json_t *object, const char *expected)
{
    json_t *wanted = json_text(expected);
    if (!json_equal(object, wanted)) {
        char *found = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
        fail_msg("found %s", found);
    }
    json_decref(wanted);
    json_decref(object);
}

static void objects__of_a_kind_are_what_karpenter_expects(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_slicepool owner;
    struct gs_karpenter_kind kind;
    open_desk(&desk);
    read_owner(&desk, &owner);
    assert_int_equal(gs_karpenter_kind_read("gpus", &desk.offers[0],
                                            gs_view("4x7-1g.5gb_3x2-3g.20gb_1xwhole"), &kind, NULL),
                     0);
    const struct gs_karpenter_pool pool = {.owner = &owner,
                                           .kind = &kind,
                                           .weight = 60,
                                           .overlay_weight = 77,
                                           .max_nodes = 2,
                                           .record = {.failed_starts = 1, .lost_uusd = 1500000}};
#define META                                                                                       \
    "'name': 'gpus-p4d-24xlarge-4x7-1g-5gb-3x2-3g-20gb-1xwhole-e2ff44d5', 'labels': "              \
    "{'gpuslice.dev/slicepool': 'gpus'}, 'ownerReferences': [{'apiVersion': "                      \
    "'gpuslice.dev/v1alpha1', 'kind': 'SlicePool', 'name': 'gpus', 'uid': 'u1'}]"
    check_object(
        gs_karpenter_write_pool(&pool),
        "{'apiVersion': 'karpenter.sh/v1', 'kind': 'NodePool', 'metadata': {" META
        ", 'annotations': {'gpuslice.dev/failed-starts': '1', 'gpuslice.dev/closed-until': '0', "
        "'gpuslice.dev/lost-usd': '1.5'}}, 'spec': {'weight': 60, 'limits': {'nodes': '2'}, "
        "'disruption': {'consolidationPolicy': 'WhenEmpty', 'consolidateAfter': '600s', 'budgets': "
        "[{'nodes': '10%'}]}, 'template': {'metadata': {'labels': {'team': 'a', "
        "'nvidia.com/mig.config': '4x7-1g.5gb_3x2-3g.20gb_1xwhole', 'gpuslice.dev/slicepool': "
        "'gpus'}}, 'spec': {'nodeClassRef': {'group': 'karpenter.k8s.aws', 'kind': 'EC2NodeClass', "
        "'name': 'gpu'}, 'requirements': [{'key': 'node.kubernetes.io/instance-type', 'operator': "
        "'In', 'values': ['p4d.24xlarge']}, {'key': 'karpenter.sh/capacity-type', 'operator': 'In', "
        "'values': ['on-demand']}, {'key': 'topology.kubernetes.io/zone', 'operator': 'In', "
        "'values': ['us-east-1a']}], 'startupTaints': [{'key': 'gpuslice.dev/startup', 'value': "
        "'true', 'effect': 'NoSchedule'}], 'taints': [{'key': 'nvidia.com/gpu', 'effect': "
        "'NoSchedule'}], 'expireAfter': 'Never'}}}}");
    check_object(
        gs_karpenter_write_overlay(&pool),
        "{'apiVersion': 'karpenter.sh/v1alpha1', 'kind': 'NodeOverlay', 'metadata': {" META
        "}, 'spec': {'weight': 77, 'capacity': {'nvidia.com/gpu': '1', 'nvidia.com/mig-1g.5gb': "
        "'28', 'nvidia.com/mig-3g.20gb': '6'}, 'requirements': [{'key': 'karpenter.sh/nodepool', "
        "'operator': 'In', 'values': "
        "['gpus-p4d-24xlarge-4x7-1g-5gb-3x2-3g-20gb-1xwhole-e2ff44d5']}, {'key': "
        "'node.kubernetes.io/instance-type', 'operator': 'In', 'values': ['p4d.24xlarge']}]}}");
    close_desk(&desk);
}

static void objects__a_static_pool_has_replicas_and_no_weight(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_slicepool owner;
    struct gs_karpenter_kind kind;
    struct gs_karpenter_pool_seen seen;
    open_desk(&desk);
    read_owner(&desk, &owner);
    owner.scaling = GS_SLICEPOOL_STATIC;
    assert_int_equal(gs_karpenter_kind_all("gpus", &desk.offers[0], 0, &kind, NULL), 0);
    const struct gs_karpenter_pool pool = {
        .owner = &owner, .kind = &kind, .weight = 60, .max_nodes = 5, .replicas = 3};
    json_t *object = gs_karpenter_write_pool(&pool);
    const json_t *spec = json_object_get(object, "spec");
    assert_int_equal(json_integer_value(json_object_get(spec, "replicas")), 3);
    assert_null(json_object_get(spec, "weight"));
    assert_int_equal(gs_karpenter_read_pool(object, &desk.arena, &seen, NULL), 0);
    assert_true(seen.replicas == 3 && seen.max_nodes == 5 && seen.weight == 0);
    json_decref(object);
    close_desk(&desk);
}

static void objects__that_say_more_are_not_sent_again(void **state)
{
    (void)state;
    static const struct {
        const char *there, *wanted;
        bool says;
    } cases[] = {
        {"{'a': 1, 'b': {'c': [1, {'d': 'x', 'default': 0}]}}", "{'b': {'c': [1, {'d': 'x'}]}}",
         true},
        {"{'a': 1}", "{'a': 2}", false},
        {"{'a': [1]}", "{'a': [1, 2]}", false},
        {"{'a': {}}", "{'a': {'b': 1}}", false},
        {"{'a': 'x'}", "{'a': {'b': 1}}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *there = json_text(cases[i].there);
        json_t *wanted = json_text(cases[i].wanted);
        assert_int_equal(gs_karpenter_says(there, wanted), cases[i].says);
        json_decref(there);
        json_decref(wanted);
    }
}

static void seen__what_was_written_is_read_back(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_slicepool owner;
    struct gs_karpenter_kind kind;
    struct gs_karpenter_pool_seen seen;
    struct gs_karpenter_overlay_seen overlay;
    struct gs_err err = {.msg = ""};
    open_desk(&desk);
    read_owner(&desk, &owner);
    assert_int_equal(gs_karpenter_kind_all("gpus", &desk.offers[0], 0, &kind, NULL), 0);
    const struct gs_karpenter_pool pool = {.owner = &owner,
                                           .kind = &kind,
                                           .weight = 60,
                                           .overlay_weight = 77,
                                           .max_nodes = 2,
                                           .record = {.failed_starts = 4,
                                                      .closed_until_s = 99,
                                                      .lost_uusd = 1500000,
                                                      .scarce_tries = 3,
                                                      .scarce_since_s = 1000,
                                                      .scarce_until_s = 1900000000}};
    json_t *object = gs_karpenter_write_pool(&pool);
    assert_int_equal(gs_karpenter_read_pool(object, &desk.arena, &seen, &err), 0);
    assert_string_equal(seen.name, kind.name);
    assert_string_equal(seen.slicepool, "gpus");
    assert_string_equal(seen.instance_type, "p4d.24xlarge");
    assert_string_equal(seen.layout, "all-1g.5gb");
    assert_true(seen.weight == 60 && seen.max_nodes == 2 && !seen.deleting);
    assert_int_equal(seen.record.failed_starts, 4);
    assert_int_equal(seen.record.closed_until_s, 99);
    assert_int_equal(seen.record.lost_uusd, 1500000);
    assert_int_equal(seen.record.scarce_tries, 3);
    assert_int_equal(seen.record.scarce_since_s, 1000);
    assert_int_equal(seen.record.scarce_until_s, 1900000000);
    json_decref(object);
    object = gs_karpenter_write_overlay(&pool);
    assert_int_equal(gs_karpenter_read_overlay(object, &desk.arena, &overlay, &err), 0);
    assert_true(overlay.weight == 77 && !overlay.valid.is_true && !overlay.valid.current);
    json_decref(object);
    close_desk(&desk);
}

static void seen__an_overlay_is_valid_only_for_its_generation(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        bool is_true, current;
    } cases[] = {
        {"{'type': 'ValidationSucceeded', 'status': 'True', 'observedGeneration': 2}", true, true},
        {"{'type': 'ValidationSucceeded', 'status': 'True', 'observedGeneration': 1}", true, false},
        {"{'type': 'ValidationSucceeded', 'status': 'False', 'observedGeneration': 2}", false,
         true},
        {"{'type': 'Ready', 'status': 'True', 'observedGeneration': 2}", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct desk desk;
        struct gs_karpenter_overlay_seen seen;
        char text[500];
        open_desk(&desk);
        snprintf(text, sizeof(text),
                 "{'metadata': {'name': 'o', 'generation': 2}, 'spec': {'weight': 5}, 'status': "
                 "{'conditions': [%s]}}",
                 cases[i].condition);
        json_t *object = json_text(text);
        assert_int_equal(gs_karpenter_read_overlay(object, &desk.arena, &seen, NULL), 0);
        assert_int_equal(seen.valid.is_true, cases[i].is_true);
        assert_int_equal(seen.valid.current, cases[i].current);
        json_decref(object);
        close_desk(&desk);
    }
}

/* As Karpenter writes them: Ready follows from the others and says only which. */
static void seen__a_nodepool_tells_of_its_node_class(void **state)
{
    static const struct {
        const char *conditions;
        bool ready, refused, current, by_class;
    } cases[] = {
        {"{'type': 'Ready', 'status': 'True', 'observedGeneration': 2}", true, false, true, false},
        {"{'type': 'Ready', 'status': 'False', 'reason': 'UnhealthyDependents', "
         "'observedGeneration': 2}, {'type': 'NodeClassReady', 'status': 'False', 'reason': "
         "'NodeClassNotFound', 'message': 'NodeClass not found', 'observedGeneration': 2}",
         false, true, true, true},
        {"{'type': 'Ready', 'status': 'False', 'observedGeneration': 1}", false, true, false,
         false},
        {"{'type': 'Ready', 'status': 'Unknown', 'reason': 'AwaitingReconciliation', "
         "'observedGeneration': 2}",
         false, false, true, false},
        {"", false, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct desk desk;
        struct gs_karpenter_pool_seen seen;
        char text[600];
        open_desk(&desk);
        snprintf(text, sizeof(text),
                 "{'metadata': {'name': 'p', 'generation': 2, 'labels': {'gpuslice.dev/slicepool': "
                 "'gpus'}}, 'spec': {}, 'status': {'conditions': [%s]}}",
                 cases[i].conditions);
        json_t *object = json_text(text);
        assert_int_equal(gs_karpenter_read_pool(object, &desk.arena, &seen, NULL), 0);
        assert_int_equal(seen.ready.is_true, cases[i].ready);
        assert_int_equal(seen.ready.is_false, cases[i].refused);
        assert_int_equal(seen.ready.current, cases[i].current);
        assert_int_equal(seen.node_class.is_false, cases[i].by_class);
        assert_string_equal(seen.node_class.reason, cases[i].by_class ? "NodeClassNotFound" : "");
        json_decref(object);
        close_desk(&desk);
    }
}

static void seen__a_node_that_does_not_start_says_why(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_claim_seen seen;
    open_desk(&desk);
    json_t *object = json_text(
        "{'metadata': {'name': 'c', 'uid': 'u', 'creationTimestamp': '2026-01-02T03:04:05Z', "
        "'labels': {'karpenter.sh/nodepool': 'p'}}, 'status': {'nodeName': 'n', 'conditions': "
        "[{'type': 'Launched', 'status': 'True'}, {'type': 'Registered', 'status': 'True'}, "
        "{'type': 'Initialized', 'status': 'Unknown', 'reason': 'StartupTaintsExist', 'message': "
        "'taint gpuslice.dev/startup'}]}}");
    assert_int_equal(gs_karpenter_read_claim(object, &desk.arena, &seen, NULL), 0);
    assert_string_equal(seen.pool, "p");
    assert_string_equal(seen.node, "n");
    assert_false(seen.initialized);
    assert_string_equal(seen.why,
                        "not Initialized: StartupTaintsExist: taint gpuslice.dev/startup");
    json_decref(object);
    close_desk(&desk);
}

/* ---- choices ---- */

static void seen__a_claim_tells_how_it_may_be_bought(void **state)
{
    static const struct {
        const char *requirements;
        const char *status;
        const char *zones;
        unsigned capacity_types;
        bool launched;
    } cases[] = {
        {"", "", "", 0, false},
        {"{'key': 'karpenter.sh/capacity-type', 'operator': 'In', 'values': ['spot', 'on-demand']},"
         " {'key': 'topology.kubernetes.io/zone', 'operator': 'In', 'values': ['a', 'b']}",
         "{'type': 'Launched', 'status': 'Unknown'}", "a, b", 2, false},
        {"{'key': 'karpenter.sh/capacity-type', 'operator': 'NotIn', 'values': ['spot']},"
         " {'key': 'topology.kubernetes.io/zone', 'operator': 'Exists'}",
         "{'type': 'Launched', 'status': 'True'}", "", 0, true},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct desk desk;
        struct gs_karpenter_claim_seen seen;
        struct gs_err err = {.msg = ""};
        char text[600];
        snprintf(text, sizeof(text),
                 "{'metadata': {'name': 'c'}, 'spec': {'requirements': [%s]}, 'status': "
                 "{'conditions': [%s]}}",
                 cases[i].requirements, cases[i].status);
        open_desk(&desk);
        json_t *object = json_text(text);
        assert_int_equal(gs_karpenter_read_claim(object, &desk.arena, &seen, &err), 0);
        assert_string_equal(seen.zones, cases[i].zones);
        assert_int_equal(seen.capacity_types, cases[i].capacity_types);
        assert_int_equal(seen.launched, cases[i].launched);
        json_decref(object);
        close_desk(&desk);
    }
}

/* What the cloud has not got is taken where nothing else will do, by both ways of choosing. */
static void choose__what_is_not_to_be_had_is_the_last_choice(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    open_desk(&desk);
    want(&desk, "1g.5gb", 1, 3);
    want(&desk, "3g.20gb", 1, 2);
    struct gs_offer offers[2] = {desk.offers[0], desk.offers[0]};
    offers[0].name = "gone.large";
    offers[1].name = "there.large";
    offers[1].price_uusd = 3 * offers[0].price_uusd;
    for (int gone = 0; gone < 2; gone++) {
        offers[0].scarce = gone ? "no capacity" : NULL;
        size_t n = choose(&desk, offers, 2, choices);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            assert_ptr_equal(choices[i].kind.offer, &offers[gone]);
        }
        offers[1].scarce = offers[0].scarce; /* all are gone: the cheapest again */
        assert_true(choose(&desk, offers, 2, choices) > 0);
        assert_ptr_equal(choices[0].kind.offer, &offers[0]);
        offers[1].scarce = NULL;
    }
    close_desk(&desk);
}

static void choose__one_kind_of_slice_gets_a_layout_with_a_name(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    open_desk(&desk);
    want(&desk, "1g.5gb", 1, 57);
    assert_int_equal(choose(&desk, desk.offers, TYPES, choices), 1);
    assert_string_equal(choices[0].kind.layout, "all-1g.5gb");
    assert_int_equal(choices[0].nodes, 2);
    close_desk(&desk);
}

static void choose__two_kinds_share_a_node_where_that_is_cheaper(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    open_desk(&desk);
    want(&desk, "1g.5gb", 1, 10);
    want(&desk, "3g.20gb", 1, 2);
    assert_int_equal(choose(&desk, desk.offers, 1, choices), 1);
    assert_int_equal(choices[0].nodes, 1);
    assert_non_null(strchr(choices[0].kind.layout, '_'));
    close_desk(&desk);
}

/* A layout for one kind of slice is there from before, and one for both. */
static void load__pods_that_share_a_node_are_not_spread_over_the_layouts_there_are(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_choice mixed[GS_KARPENTER_CHOICES_MAX];
    struct gs_karpenter_kind ones;
    uint32_t nodes[2];
    uint64_t unserved;
    size_t n;
    open_desk(&desk);
    want(&desk, "1g.5gb", 1, 2);
    assert_int_equal(choose(&desk, desk.offers, 1, mixed), 1);
    ones = mixed[0].kind;
    want(&desk, "3g.20gb", 1, 1);
    assert_int_equal(choose(&desk, desk.offers, 1, mixed), 1);
    const struct gs_karpenter_kind *const kinds[] = {&ones, &mixed[0].kind};
    const struct gs_item *both = gs_demand_items(desk.demand, &n);
    gs_karpenter_load_cheapest(kinds, 2, both, n, nodes, &unserved);
    assert_true(nodes[0] == 0 && nodes[1] == 1 && unserved == 0);
    gs_karpenter_load_cheapest(kinds, 2, both, 1, nodes, &unserved); /* the first alone */
    assert_int_equal(nodes[0] + nodes[1], 1);
    assert_int_equal(unserved, 0);
    close_desk(&desk);
}

static void choose__layouts_with_a_name_win_where_they_cost_the_same(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    open_desk(&desk);
    want(&desk, "1g.5gb", 1, 56);
    want(&desk, "3g.20gb", 1, 16);
    assert_int_equal(choose(&desk, desk.offers, 1, choices), 2);
    assert_true(choices[0].nodes == 1 && choices[1].nodes == 1);
    assert_memory_equal(choices[0].kind.layout, "all-", 4);
    assert_memory_equal(choices[1].kind.layout, "all-", 4);
    close_desk(&desk);
}

/* The choice for `waits` where `runs` is there: {profile, pods}. */
struct amount {
    const char *profile;
    uint64_t pods;
};

static size_t choose_beside(struct desk *desk, const struct amount waits[2],
                            const struct amount runs[2],
                            struct gs_karpenter_choice ret[GS_KARPENTER_CHOICES_MAX])
{
    struct gs_karpenter_ask ask = {.slicepool = "gpus", .offers = desk->offers, .n_offers = 1};
    struct gs_demand *running = gs_demand_new(&desk->arena);
    struct gs_demand *waiting = gs_demand_new(&desk->arena);
    struct gs_err err = {.msg = ""};
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        const struct amount *amount = i < 2 ? &waits[i] : &runs[i - 2];
        desk->demand = i < 2 ? waiting : running;
        if (amount->pods > 0) {
            want(desk, amount->profile, 1, amount->pods);
        }
    }
    ask.items = gs_demand_items(waiting, &ask.n_items);
    ask.running = gs_demand_items(running, &ask.n_running);
    assert_int_equal(gs_karpenter_choose(&desk->arena, &ask, ret, &n, &err), 0);
    return n;
}

/* What runs decides between layouts that cost the same for what waits. */
static void choose__a_layout_suits_what_runs_too_where_it_costs_no_more(void **state)
{
    static const struct {
        struct amount waits[2];
        struct amount runs[2];
        const char *has[2]; /* slices that each of the nodes has; NULL: nothing more */
        uint32_t nodes;
    } cases[] = {
        {{{"1g.5gb", 1}}, {{NULL, 0}}, {"1g.5gb", NULL}, 1},
        {{{"1g.5gb", 1}}, {{"1g.5gb", 40}}, {"1g.5gb", NULL}, 1},
        {{{"1g.5gb", 1}}, {{"3g.20gb", 8}}, {"1g.5gb", "3g.20gb"}, 1},
        {{{"3g.20gb", 1}}, {{"1g.5gb", 28}, {"3g.20gb", 7}}, {"1g.5gb", "3g.20gb"}, 1},
        {{{"7g.40gb", 8}}, {{"1g.5gb", 5}}, {"7g.40gb", NULL}, 1},  /* no room for more */
        {{{"1g.5gb", 112}}, {{"3g.20gb", 8}}, {"1g.5gb", NULL}, 2}, /* ... nor here */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct desk desk;
        struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
        uint32_t nodes = 0;
        open_desk(&desk);
        size_t n = choose_beside(&desk, cases[i].waits, cases[i].runs, choices);
        for (size_t k = 0; k < n; k++) {
            nodes += choices[k].nodes;
        }
        for (size_t k = 0; k < 2 && cases[i].has[k] != NULL; k++) {
            struct gs_profile_name name;
            assert_int_equal(gs_profile_name_parse(gs_view(cases[i].has[k]), &name, NULL), 0);
            int p = gs_model_profile_index(desk.offers[0].model, &name);
            print_message("case %zu: layout %s\n", i, choices[0].kind.layout);
            assert_true(choices[0].kind.slices[p] > 0);
        }
        assert_int_equal(nodes, cases[i].nodes);
        close_desk(&desk);
    }
}

/* Whatever runs: what waits is served as well as without it, and for no more. */
static void choose__what_runs_never_makes_dearer_what_waits(void **state)
{
    static const char *const profiles[] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
    unsigned seed = (unsigned)time(NULL);
    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 40; round++) {
        struct desk desk;
        struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
        struct amount waits[2];
        struct amount runs[2];
        static const struct amount nothing[2];
        uint64_t cost[2] = {0, 0};
        open_desk(&desk);
        for (int k = 0; k < 2; k++) {
            waits[k] = (struct amount){profiles[rand() % 5], (uint64_t)rand() % 60};
            runs[k] = (struct amount){profiles[rand() % 5], (uint64_t)rand() % 200};
        }
        for (int k = 0; k < 2; k++) {
            size_t n = choose_beside(&desk, waits, k == 0 ? nothing : runs, choices);
            for (size_t i = 0; i < n; i++) {
                cost[k] += choices[i].nodes * choices[i].kind.offer->price_uusd;
            }
            assert_true((n > 0) == (waits[0].pods + waits[1].pods > 0));
        }
        assert_true(cost[1] <= cost[0]);
        close_desk(&desk);
    }
}

static void choose__a_young_choice_gives_way_to_one_that_is_much_cheaper(void **state)
{
    static const struct {
        uint64_t before, after;
        bool young, old;
    } cases[] = {
        {44, 22, true, true},        {44, 33, false, true},  {44, 32, true, true},
        {44, 44, false, false},      {44, 50, false, false}, {0, 0, false, false},
        {UINT64_MAX, 1, true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(gs_karpenter_is_worth(cases[i].before, cases[i].after, false),
                         cases[i].young);
        assert_int_equal(gs_karpenter_is_worth(cases[i].before, cases[i].after, true),
                         cases[i].old);
    }
}

static void choose__only_profiles_that_are_allowed_are_cut(void **state)
{
    (void)state;
    struct desk desk;
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    open_desk(&desk);
    int small = -1;
    for (int p = 0; p < desk.offers[0].model->n_profiles; p++) {
        small = strcmp(desk.offers[0].model->profiles[p].name, "2g.10gb") == 0 ? p : small;
    }
    assert_true(small >= 0);
    desk.offers[0].profiles = (uint16_t)(1u << small);
    want(&desk, "1g.5gb", 1, 3);
    assert_int_equal(choose(&desk, desk.offers, 1, choices), 0);
    close_desk(&desk);
}

/* Whatever waits: everything that some type holds is held by a choice, labels are labels, and no
 * instance type has more layouts than there may be. */
static void choose__serves_all_that_can_be_served(void **state)
{
    (void)state;
    static const char *const profiles[] = {"1g.5gb",  "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb",
                                           "1g.10gb", "3g.40gb", "1g.24gb", ""};
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 60; round++) {
        struct desk desk;
        struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
        open_desk(&desk);
        for (int k = 1 + rand() % 5; k > 0; k--) {
            want(&desk, profiles[rand() % 9], 1 + (uint32_t)rand() % 2, 1 + (uint64_t)rand() % 90);
        }
        size_t n = choose(&desk, desk.offers, TYPES, choices);
        size_t n_items;
        const struct gs_item *items = gs_demand_items(desk.demand, &n_items);
        for (size_t i = 0; i < n_items; i++) {
            bool held = false;
            for (size_t k = 0; k < n; k++) {
                held = held || gs_karpenter_kind_holds(&choices[k].kind, &items[i]) > 0;
            }
            assert_true(held);
        }
        for (size_t k = 0; k < n; k++) {
            struct gs_karpenter_kind back;
            assert_int_equal(gs_karpenter_kind_read("gpus", choices[k].kind.offer,
                                                    gs_view(choices[k].kind.layout), &back, NULL),
                             0);
            assert_string_equal(back.name, choices[k].kind.name);
            assert_memory_equal(back.slices, choices[k].kind.slices, sizeof(back.slices));
            assert_true(k == 0 ||
                        gs_karpenter_kind_order(&choices[k - 1].kind, &choices[k].kind) < 0);
        }
        close_desk(&desk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind__layouts_are_read_back_with_the_same_name),
        cmocka_unit_test(kind__names_are_names_of_objects_and_differ),
        cmocka_unit_test(objects__of_a_kind_are_what_karpenter_expects),
        cmocka_unit_test(objects__a_static_pool_has_replicas_and_no_weight),
        cmocka_unit_test(objects__that_say_more_are_not_sent_again),
        cmocka_unit_test(seen__what_was_written_is_read_back),
        cmocka_unit_test(seen__an_overlay_is_valid_only_for_its_generation),
        cmocka_unit_test(seen__a_nodepool_tells_of_its_node_class),
        cmocka_unit_test(seen__a_node_that_does_not_start_says_why),
        cmocka_unit_test(seen__a_claim_tells_how_it_may_be_bought),
        cmocka_unit_test(choose__what_is_not_to_be_had_is_the_last_choice),
        cmocka_unit_test(choose__one_kind_of_slice_gets_a_layout_with_a_name),
        cmocka_unit_test(choose__two_kinds_share_a_node_where_that_is_cheaper),
        cmocka_unit_test(load__pods_that_share_a_node_are_not_spread_over_the_layouts_there_are),
        cmocka_unit_test(choose__layouts_with_a_name_win_where_they_cost_the_same),
        cmocka_unit_test(choose__a_layout_suits_what_runs_too_where_it_costs_no_more),
        cmocka_unit_test(choose__what_runs_never_makes_dearer_what_waits),
        cmocka_unit_test(choose__a_young_choice_gives_way_to_one_that_is_much_cheaper),
        cmocka_unit_test(choose__only_profiles_that_are_allowed_are_cut),
        cmocka_unit_test(choose__serves_all_that_can_be_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
