#include "unit/check.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "controller/pools/work.h"
#include "unit/controller/world.h"
#include "unit/wire/json_text.h"

#define BEGIN_US 1900000000000000ull /* 2030-03-17T17:46:40Z */
#define MADE "2030-03-17T17:46:40Z"

/* A SlicePool of one instance type with one NodePool; no request is ever sent. */
struct stand {
    struct world world;
    struct gs_pools pools;
    struct gs_pools_owner *owner;
    struct gs_pools_part *part;
};

static void on_changed(void *ctx)
{
    (void)ctx;
}

static void take(struct stand *stand, enum gs_pools_kind kind, const char *text)
{
    struct gs_err err = {.code = GS_OK};
    json_t *object = json_text(text);
    if (gs_pools_take(&stand->pools, kind, object, false, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    json_decref(object);
}

/* The NodePool with these conditions, at a generation. */
static void node_pool(struct stand *stand, const char *conditions, unsigned generation,
                      unsigned limit, const char *class)
{
    static struct gs_karpenter_kind kind;
    char text[1400];
    assert_int_equal(gs_karpenter_kind_all("gpus", &stand->owner->offers[0], -1, &kind, NULL), 0);
    snprintf(
        text, sizeof(text),
        "{'metadata': {'name': '%s', 'uid': 'u2', 'generation': %u, 'creationTimestamp': '" MADE
        "', 'labels': {'gpuslice.dev/slicepool': 'gpus'}}, 'spec': {'limits': {'nodes': '%u'}, "
        "'template': {'metadata': {'labels': {'nvidia.com/mig.config': '%s'}}, 'spec': "
        "{'nodeClassRef': {'name': '%s'}, 'requirements': [{'key': "
        "'node.kubernetes.io/instance-type', 'operator': 'In', 'values': ['p4d.24xlarge']}]}}}, "
        "'status': {'conditions': [%s]}}",
        kind.name, generation, limit, kind.layout, class, conditions);
    take(stand, GS_POOLS_NODEPOOLS, text);
    stand->part = gs_map_find(&stand->pools.parts, kind.name);
    assert_non_null(stand->part);
    gs_pools_look_at_parts(&stand->pools);
    gs_pools_find_refused(&stand->pools);
}

/* `conditions` of the NodePool, of which this is generation 2. */
static void begin(struct stand *stand, const char *conditions, uint64_t after_us)
{
    memset(stand, 0, sizeof(*stand));
    world_new(&stand->world);
    stand->pools.options = (struct gs_pools_options){
        .store = &stand->world.store, .instance = "test", .changed = on_changed};
    snprintf(stand->pools.region, sizeof(stand->pools.region), "us-east-1");
    stand->pools.real_us = BEGIN_US + after_us;
    stand->pools.now_us = 1000000000 + after_us;
    stand->pools.due_us = UINT64_MAX;
    take(stand, GS_POOLS_SLICEPOOLS,
         "{'metadata': {'name': 'gpus', 'uid': 'u1', 'generation': 1}, 'spec': {'nodeClassRef': "
         "{'name': 'lost'}, 'instanceTypes': ['p4d.24xlarge']}}");
    stand->owner = gs_map_find(&stand->pools.owners, "gpus");
    assert_non_null(stand->owner);
    assert_int_equal(gs_pools_make_offers(&stand->pools, stand->owner, NULL), 0);
    node_pool(stand, conditions, 2, 1, "lost");
}

static void end(struct stand *stand)
{
    gs_pools_forget_all(&stand->pools);
    world_free(&stand->world);
}

#define CONDITION(type, status, generation, rest)                                                  \
    "{'type': '" type "', 'status': '" status "', 'observedGeneration': " generation rest "}"
#define BY_CLASS(generation)                                                                       \
    CONDITION("Ready", "False", generation, ", 'reason': 'UnhealthyDependents'")                   \
    ", " CONDITION("NodeClassReady", "False", generation,                                          \
                   ", 'reason': 'NodeClassNotFound', 'message': 'not found'")

static void
refused__a_node_class_closes_the_slicepool_and_another_reason_only_its_nodepool(void **state)
{
    static const struct {
        const char *conditions;
        bool part, whole;
        const char *why;
    } cases[] = {
        {CONDITION("Ready", "True", "2", ""), false, false, NULL},
        {BY_CLASS("2"), true, true,
         "Karpenter cannot use EC2NodeClass lost (spec.nodeClassRef): NodeClassNotFound: not "
         "found"},
        {BY_CLASS("1"), false, false, NULL}, /* of before it was changed */
        {CONDITION("Ready", "False", "2", ", 'reason': 'X', 'message': 'y'"), true, false,
         "Karpenter's NodePool is not ready: X: y"},
        {CONDITION("Ready", "Unknown", "2", ", 'reason': 'AwaitingReconciliation'"), false, false,
         NULL},
        {"", false, false, NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct stand stand;
        begin(&stand, cases[i].conditions, 0);
        if (gs_pools_is_refused(stand.part) != cases[i].part ||
            (stand.owner->refused == stand.part) != cases[i].whole) {
            fail_msg("case %zu", i);
        }
        if (cases[i].why != NULL) {
            assert_string_equal(gs_pools_why_refused(stand.part), cases[i].why);
        }
        end(&stand);
    }
}

/* Karpenter looks at a NodePool anew after each change of it, our own too. */
static void refused__it_stays_so_while_only_its_limits_change(void **state)
{
    static const struct {
        const char *what;
        const char *conditions;
        unsigned generation, limit;
        const char *class;
        bool refused;
    } steps[] = {
        {"refused", BY_CLASS("2"), 2, 1, "lost", true},
        {"closed by us", BY_CLASS("2"), 3, 0, "lost", true},
        {"looked at again", BY_CLASS("3"), 3, 0, "lost", true},
        {"another class", BY_CLASS("3"), 4, 0, "other", false},
        {"that, closed", BY_CLASS("3"), 5, 1, "other", false},
        {"which is not there either", BY_CLASS("5"), 5, 1, "other", true},
        {"and now is", CONDITION("Ready", "True", "5", ""), 5, 1, "other", false},
    };
    struct stand stand;
    (void)state;
    begin(&stand, "", 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(steps); i++) {
        node_pool(&stand, steps[i].conditions, steps[i].generation, steps[i].limit, steps[i].class);
        if (gs_pools_is_refused(stand.part) != steps[i].refused ||
            (stand.owner->refused != NULL) != steps[i].refused) {
            fail_msg("%s", steps[i].what);
        }
    }
    end(&stand);
}

static void refused__one_that_karpenter_does_not_look_at_is_told_after_a_minute(void **state)
{
    static const struct {
        const char *conditions;
        uint64_t after_s;
        bool unseen;
        uint64_t due_s; /* it is looked at again after so long; 0: not for this */
    } cases[] = {
        {"", 0, false, 60},
        {"", 59, false, 1},
        {"", 60, true, 0},
        {CONDITION("Ready", "Unknown", "2", ""), 60, true, 0},
        {CONDITION("Ready", "True", "1", ""), 3600, false, 0}, /* changed just now */
        {BY_CLASS("2"), 3600, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct stand stand;
        begin(&stand, cases[i].conditions, cases[i].after_s * 1000000);
        bool unseen = gs_pools_is_unseen(&stand.pools, stand.part);
        uint64_t due_us =
            cases[i].due_s == 0 ? UINT64_MAX : stand.pools.now_us + cases[i].due_s * 1000000;
        if (unseen != cases[i].unseen || stand.pools.due_us != due_us) {
            fail_msg("case %zu", i);
        }
        end(&stand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            refused__a_node_class_closes_the_slicepool_and_another_reason_only_its_nodepool),
        cmocka_unit_test(refused__it_stays_so_while_only_its_limits_change),
        cmocka_unit_test(refused__one_that_karpenter_does_not_look_at_is_told_after_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
