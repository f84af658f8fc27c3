#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "picture/rules.h"
#include "unit/controller/stand.h"

#define P4D "p4d.24xlarge"
#define P4DE "p4de.24xlarge"
#define SLICE "1g.5gb"
#define BOTH "1g.10gb" /* a profile of both */

/* A pod that is bought for from the beginning on, and a node of its kind that came 100 s later. */
static const char *begin(struct stand *stand, const char *more)
{
    stand_begin(stand, "[\"" P4D "\", \"" P4DE "\"]", more);
    const char *pool = stand_node_pool(stand, P4D, SLICE);
    world_pod(&stand->world,
              &(struct world_pod){.name = "a", .profile = SLICE, .unschedulable = true});
    return pool;
}

static void node_comes(struct stand *stand, const char *pool, const char *name, uint64_t after_s)
{
    stand_set_time(stand, after_s);
    stand_claim(stand, &(struct stand_claim){.pool = pool,
                                             .end = name,
                                             .launched = true,
                                             .node = name,
                                             .capacity_types = "[\"on-demand\"]"});
    world_node(&stand->world, name, "1g.5gb@0,1g.5gb@1", 1);
}

static void node_goes(struct stand *stand, const char *pool, const char *name)
{
    stand_claim(stand, &(struct stand_claim){.pool = pool,
                                             .end = name,
                                             .launched = true,
                                             .node = name,
                                             .capacity_types = "[\"on-demand\"]",
                                             .gone = true});
    world_node_gone(&stand->world, name);
}

static enum gs_pools_help ask_barred(struct stand *stand, uint64_t after_s, const char *type,
                                     const struct gs_decide_pod *bars, const char **ret_why)
{
    const struct gs_store_pod *pod = gs_store_find_pod(&stand->world.store, "d/a");
    assert_non_null(pod);
    stand_set_time(stand, after_s);
    gs_pools_look_at_parts(&stand->pools);
    gs_pools_look_at_idle(&stand->pools);
    enum gs_pools_help help =
        gs_pools_help(&stand->pools, stand->owner, pod, bars,
                      &stand->owner->offers[stand_offer(stand, type)], ret_why);
    gs_pools_settle_idle(&stand->pools);
    return help;
}

static enum gs_pools_help ask_for(struct stand *stand, uint64_t after_s, const char *type,
                                  const char **ret_why)
{
    return ask_barred(stand, after_s, type, NULL, ret_why);
}

static enum gs_pools_help ask(struct stand *stand, uint64_t after_s)
{
    const char *why = NULL;
    return ask_for(stand, after_s, P4D, &why);
}

static const char *said(struct stand *stand)
{
    static char text[GS_POOLS_TEXT_MAX];
    gs_pools_say_futile(&stand->pools, stand->owner, text, sizeof(text));
    return text;
}

static void futile__a_node_that_came_and_does_not_hold_the_pod_is_the_last(void **state)
{
    struct stand stand;
    const char *why = NULL;
    (void)state;
    const char *pool = begin(&stand, "");
    assert_int_equal(ask(&stand, 0), GS_POOLS_BUYS);
    node_comes(&stand, pool, "n1", 100);
    assert_int_equal(ask(&stand, 101), GS_POOLS_SETTLES);
    assert_int_equal(stand.pools.due_us, stand.pools.now_us + 10000000);
    assert_int_equal(ask(&stand, 110), GS_POOLS_SETTLES);
    assert_string_equal(said(&stand), "");
    assert_int_equal(ask_for(&stand, 111, P4D, &why), GS_POOLS_FUTILE);
    assert_non_null(strstr(why, "node n1 (" P4D ") came for it, is empty and does not hold it"));
    assert_non_null(strstr(said(&stand), "1 pod is not bought for again; d/a: node n1"));
    node_goes(&stand, pool, "n1");
    assert_int_equal(ask(&stand, 700), GS_POOLS_FUTILE); /* for ten minutes */
    assert_int_equal(stand.pools.due_us, stand.pools.now_us + 11000000);
    assert_int_equal(ask_for(&stand, 700, P4DE, &why), GS_POOLS_BUYS);
    stand_end(&stand);
}

static void futile__each_node_in_vain_lets_the_next_wait_longer(void **state)
{
    static const unsigned minutes[] = {10, 20, 40, 80, 120, 120};
    struct stand stand;
    char name[16];
    uint64_t at = 0;
    (void)state;
    const char *pool = begin(&stand, "");
    for (size_t i = 0; i < GS_ARRAY_LEN(minutes); i++) {
        snprintf(name, sizeof(name), "n%zu", i);
        assert_int_equal(ask(&stand, at), GS_POOLS_BUYS);
        node_comes(&stand, pool, name, at + 100);
        assert_int_equal(ask(&stand, at + 100), GS_POOLS_SETTLES);
        assert_int_equal(ask(&stand, at + 120), GS_POOLS_FUTILE);
        node_goes(&stand, pool, name);
        uint64_t until = at + 120 + minutes[i] * UINT64_C(60);
        assert_int_equal(ask(&stand, until - 1), GS_POOLS_FUTILE);
        at = until;
    }
    assert_int_equal(ask(&stand, at), GS_POOLS_BUYS);
    assert_string_equal(said(&stand), "");
    stand_end(&stand);
}

static void futile__types_that_take_turns_are_each_remembered(void **state)
{
    struct stand stand;
    char pools[2][64];
    const char *types[] = {P4D, P4DE};
    const char *why = NULL;
    const char *vain[GS_POOLS_VAIN_MAX];
    (void)state;
    snprintf(pools[0], sizeof(pools[0]), "%s", begin(&stand, ""));
    world_pod_gone(&stand.world, "a", SLICE);
    world_pod(&stand.world,
              &(struct world_pod){.name = "a", .profile = BOTH, .unschedulable = true});
    for (unsigned i = 0; i < 2; i++) {
        snprintf(pools[i], sizeof(pools[i]), "%s", stand_node_pool(&stand, types[i], BOTH));
    }
    const struct gs_store_pod *pod = gs_store_find_pod(&stand.world.store, "d/a");
    for (unsigned i = 0; i < 2; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(ask_for(&stand, i * 60, types[i], &why), GS_POOLS_BUYS);
        assert_int_equal(gs_pools_vain_types(&stand.pools, stand.owner, pod, vain), i);
        node_comes(&stand, pools[i], name, i * 60 + 10);
        (void)ask_for(&stand, i * 60 + 10, types[i], &why);
        assert_int_equal(ask_for(&stand, i * 60 + 30, types[i], &why), GS_POOLS_FUTILE);
        node_goes(&stand, pools[i], name);
    }
    assert_int_equal(gs_pools_vain_types(&stand.pools, stand.owner, pod, vain), 2);
    assert_string_equal(vain[0], P4D);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ask_for(&stand, 500, types[i], &why), GS_POOLS_FUTILE);
    }
    assert_int_equal(ask_for(&stand, 700, P4D, &why), GS_POOLS_BUYS);    /* ten minutes */
    assert_int_equal(ask_for(&stand, 700, P4DE, &why), GS_POOLS_FUTILE); /* twenty */
    stand_end(&stand);
}

static void futile__new_nodes_are_planned_of_other_types_for_it(void **state)
{
    struct stand stand;
    (void)state;
    const char *pool = begin(&stand, "");
    assert_int_equal(ask(&stand, 0), GS_POOLS_BUYS);
    node_comes(&stand, pool, "n1", 100);
    (void)ask(&stand, 100);
    assert_int_equal(ask(&stand, 120), GS_POOLS_FUTILE);
    struct gs_pass_market market = gs_pools_market(&stand.pools);
    const struct gs_store_pod *pod = gs_store_find_pod(&stand.world.store, "d/a");
    const struct gs_offer *bad = &stand.owner->offers[stand_offer(&stand, P4D)];
    const struct gs_offer *good = &stand.owner->offers[stand_offer(&stand, P4DE)];
    stand.pools.offers = stand.owner->offers; /* as at the begin of a pass */
    stand.pools.n_offers = stand.owner->n_offers;
    stand.owner->first_offer = 0;
    assert_non_null(market.want(market.ctx, pod, NULL, bad));
    assert_null(stand.owner->demand);
    assert_null(market.want(market.ctx, pod, NULL, good));
    size_t n = 0;
    const struct gs_item *item = gs_demand_items(stand.owner->demand, &n);
    assert_int_equal(n, 1);
    assert_int_equal(gs_constraint_check(item->constraint, bad->facts, NULL), GS_VERDICT_NO);
    assert_int_not_equal(gs_constraint_check(item->constraint, good->facts, NULL), GS_VERDICT_NO);
    stand.pools.offers = NULL;
    stand.pools.n_offers = 0;
    stand_end(&stand);
}

static void futile__no_more_types_are_remembered_than_there_is_room_for(void **state)
{
    struct stand stand;
    const char *why = NULL;
    (void)state;
    (void)begin(&stand, "");
    const struct gs_store_pod *pod = gs_store_find_pod(&stand.world.store, "d/a");
    for (unsigned i = 0; i < 3 * GS_POOLS_VAIN_MAX; i++) {
        char name[32];
        snprintf(name, sizeof(name), "type-%u", i);
        struct gs_offer offer = stand.owner->offers[0];
        offer.name = name;
        stand_set_time(&stand, i);
        assert_int_equal(gs_pools_help(&stand.pools, stand.owner, pod, NULL, &offer, &why),
                         GS_POOLS_BUYS);
    }
    assert_int_equal(stand.pools.bought.n, 1);
    stand_end(&stand);
}

static void taint(struct stand *stand, struct gs_taint *one)
{
    struct gs_store_node *node = gs_map_find(&stand->world.store.nodes, "n1");
    node->node.facts.taints = one;
    node->node.facts.n_taints = one == NULL ? 0 : 1;
}

static void futile__a_taint_of_the_first_moments_proves_nothing(void **state)
{
    struct gs_taint busy = {
        .key = "ebs.csi.aws.com/agent-not-ready", .value = "", .effect = "NoExecute"};
    struct stand stand;
    (void)state;
    const char *pool = begin(&stand, ", \"emptyAfter\": \"5m\"");
    assert_int_equal(ask(&stand, 0), GS_POOLS_BUYS);
    node_comes(&stand, pool, "n1", 100);
    taint(&stand, &busy);
    assert_int_equal(ask(&stand, 101), GS_POOLS_BUYS); /* who waits waits for no such node */
    assert_int_equal(ask(&stand, 200), GS_POOLS_BUYS);
    taint(&stand, NULL);
    assert_int_equal(ask(&stand, 201), GS_POOLS_SETTLES);
    taint(&stand, &busy);
    assert_int_equal(ask(&stand, 220), GS_POOLS_BUYS);
    assert_int_equal(ask(&stand, 250), GS_POOLS_BUYS);
    assert_int_equal(ask(&stand, 251), GS_POOLS_FUTILE); /* it stays: half of emptyAfter */
    taint(&stand, NULL);
    stand_end(&stand);
}

static void put_node(struct stand *stand, const char *name, const char *zone)
{
    json_t *object = json_pack(
        "{s:{s:s,s:s,s:{s:s,s:s}},s:{s:[{s:s,s:s}],s:{s:s,s:s,s:s}}}", "metadata", "name", name,
        "uid", name, "labels", "topology.kubernetes.io/zone", zone, "kubernetes.io/hostname", name,
        "status", "conditions", "type", "Ready", "status", "True", "allocatable", "cpu", "8",
        "memory", "64Gi", "nvidia.com/mig-1g.5gb", "2");
    assert_non_null(object);
    assert_int_equal(gs_store_node(&stand->world.store, object, false, NULL), 0);
    json_decref(object);
}

struct judged {
    struct gs_arena arena;
    struct gs_nodes_view view;
    struct gs_rules rules;
};

/* With what the scheduler's rules say of the nodes as they are. */
static enum gs_pools_help ask_by_rules(struct stand *stand, struct judged *judged, uint64_t after_s)
{
    struct gs_decide_pod bars = {.name = "d/a"};
    const char *why = NULL;
    const struct gs_store_pod *pod = gs_store_find_pod(&stand->world.store, "d/a");
    assert_int_equal(gs_nodes_view_refresh(&judged->view, after_s + 1, NULL), 0);
    assert_int_equal(gs_rules_judge(&judged->rules, pod, GS_RULES_STRICT, &bars, NULL, NULL), 0);
    return ask_barred(stand, after_s, P4D, &bars, &why);
}

#define REQUIRED "'requiredDuringSchedulingIgnoredDuringExecution'"
#define DB "'labelSelector': {'matchLabels': {'app': 'db'}}"
#define ZONE "'topologyKey': 'topology.kubernetes.io/zone'"
#define HOST "'topologyKey': 'kubernetes.io/hostname'"

/* Its database is in zone b, the node that came in zone a. */
static void futile__a_rule_about_zones_says_nothing_of_the_next_node(void **state)
{
    static const char db[] =
        "{'metadata': {'name': 'db', 'namespace': 'd', 'uid': 'u-db', 'labels': {'app': 'db'}}, "
        "'spec': {'nodeName': 'nb', 'containers': [{'name': 'c'}]}, 'status': {'phase': "
        "'Running'}}";
    static const struct {
        const char *rule;
        const char *zone;
        const char *more;
        enum gs_pools_help help;
    } cases[] = {
        {"'affinity': {'podAffinity': {" REQUIRED ": [{" ZONE ", " DB "}]}}", "a", "",
         GS_POOLS_BUYS},
        {"'affinity': {'podAffinity': {" REQUIRED ": [{" HOST ", " DB "}]}}", "a", "",
         GS_POOLS_FUTILE},
        {"'affinity': {'podAffinity': {" REQUIRED ": [{" ZONE ", " DB "}]}}", "a",
         ", \"scaling\": \"static\"", GS_POOLS_FUTILE},
        {"'affinity': {'podAntiAffinity': {" REQUIRED ": [{" ZONE ", " DB "}]}}", "b", "",
         GS_POOLS_BUYS},
        {"'affinity': {'podAntiAffinity': {" REQUIRED ": [{" ZONE ", " DB "}]}}", "a", "",
         GS_POOLS_FUTILE},
        {"'topologySpreadConstraints': [{'maxSkew': 1, 'minDomains': 2, 'whenUnsatisfiable': "
         "'DoNotSchedule', " ZONE ", " DB "}]",
         "b", "", GS_POOLS_BUYS},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct stand stand;
        char pod[1200];
        snprintf(pod, sizeof(pod),
                 "{'metadata': {'name': 'a', 'namespace': 'd', 'uid': 'u-a', 'labels': {'app': "
                 "'db'}}, 'spec': {%s, 'containers': [{'name': 'c', 'resources': {'limits': "
                 "{'nvidia.com/mig-1g.5gb': '1'}}}]}, 'status': {'phase': 'Pending', "
                 "'conditions': [{'type': 'PodScheduled', 'status': 'False', 'reason': "
                 "'Unschedulable'}]}}",
                 cases[i].rule);
        const char *pool = begin(&stand, cases[i].more);
        struct judged judged;
        gs_arena_init(&judged.arena, &gs_alloc_heap, (size_t)64 << 20);
        gs_nodes_view_init(&judged.view, &stand.world.store, gs_decider_new(&judged.arena));
        gs_rules_init(&judged.rules, &stand.world.store, &judged.view);
        put_node(&stand, "nb", "b");
        world_pod_text(&stand.world, db, false);
        world_pod_text(&stand.world, pod, false);
        assert_int_equal(ask_by_rules(&stand, &judged, 0), GS_POOLS_BUYS);
        node_comes(&stand, pool, "n1", 100);
        put_node(&stand, "n1", cases[i].zone);
        (void)ask_by_rules(&stand, &judged, 100);
        if (ask_by_rules(&stand, &judged, 120) != cases[i].help) {
            fail_msg("case %zu", i);
        }
        gs_rules_done(&judged.rules);
        gs_nodes_view_done(&judged.view);
        gs_arena_done(&judged.arena);
        stand_end(&stand);
    }
}

static void futile__another_pod_or_another_spec_is_a_reason_to_buy_again(void **state)
{
    struct stand stand;
    (void)state;
    const char *pool = begin(&stand, "");
    assert_int_equal(ask(&stand, 0), GS_POOLS_BUYS);
    node_comes(&stand, pool, "n1", 100);
    assert_int_equal(ask(&stand, 100), GS_POOLS_SETTLES);
    assert_int_equal(ask(&stand, 120), GS_POOLS_FUTILE);
    stand.owner->pool.generation++;
    assert_int_equal(ask(&stand, 121), GS_POOLS_BUYS); /* n1 came before that */
    node_comes(&stand, pool, "n2", 200);
    assert_int_equal(ask(&stand, 200), GS_POOLS_SETTLES);
    assert_int_equal(ask(&stand, 220), GS_POOLS_FUTILE);
    world_pod_gone(&stand.world, "a", SLICE);
    gs_pools_settle_idle(&stand.pools);
    assert_string_equal(said(&stand), "");
    assert_int_equal(stand.pools.bought.n, 0);
    world_pod(&stand.world, &(struct world_pod){
                                .name = "a", .profile = SLICE, .unschedulable = true, .uid = "v"});
    assert_int_equal(ask(&stand, 221), GS_POOLS_BUYS);
    stand_end(&stand);
}

enum what { HELD, USED, CORDONED, NOT_INITIALIZED, SICK, BEFORE, OTHER_KIND, NO_GPUS, WHATS };

static void futile__a_node_that_proves_nothing_does_not_count(void **state)
{
    (void)state;
    for (enum what what = HELD; what < WHATS; what++) {
        struct stand stand;
        const char *pool = begin(&stand, "");
        if (what == OTHER_KIND) {
            pool = stand_node_pool(&stand, P4D, NULL); /* GPUs that are whole */
        }
        if (what != BEFORE) {
            assert_int_equal(ask(&stand, 0), GS_POOLS_BUYS);
        }
        node_comes(&stand, pool, "n1", 100);
        struct gs_store_node *node = gs_map_find(&stand.world.store.nodes, "n1");
        size_t at = 0;
        struct gs_pools_claim *claim = gs_map_next(&stand.pools.claims, &at);
        struct gs_taint taint = {.key = "node.kubernetes.io/unschedulable"};
        switch (what) {
        case HELD:
            node->held = true;
            break;
        case USED:
            world_pod(&stand.world,
                      &(struct world_pod){.name = "b", .profile = SLICE, .node = "n1"});
            break;
        case CORDONED:
            node->node.facts.taints = &taint;
            node->node.facts.n_taints = 1;
            break;
        case NOT_INITIALIZED:
            claim->has.initialized = false;
            break;
        case SICK:
            node->gpus[0].healthy = false;
            break;
        case NO_GPUS:
            node->has_gpus = false;
            break;
        case BEFORE:
        case OTHER_KIND:
        case WHATS:
            break;
        }
        if (what == BEFORE) {
            stand_set_time(&stand, 200);
        }
        if (ask(&stand, 300) != GS_POOLS_BUYS || ask(&stand, 400) != GS_POOLS_BUYS) {
            fail_msg("case %d", (int)what);
        }
        if (what == CORDONED) {
            node->node.facts.n_taints = 0;
        }
        if (what == NO_GPUS) {
            node->has_gpus = true;
        }
        stand_end(&stand);
    }
}

static void futile__a_zone_may_be_another_for_the_next_node_but_not_of_a_static_pool(void **state)
{
    static const char pod[] =
        "{'metadata': {'name': 'a', 'namespace': 'd', 'uid': 'u-a', 'creationTimestamp': "
        "'2025-12-31T23:00:00Z'}, 'spec': {'nodeSelector': {'topology.kubernetes.io/zone': 'b'}, "
        "'containers': [{'name': 'c', 'resources': {'limits': {'nvidia.com/mig-1g.5gb': '1'}}}]}, "
        "'status': {'phase': 'Pending', 'conditions': [{'type': 'PodScheduled', 'status': 'False', "
        "'reason': 'Unschedulable'}]}}";
    static const char node[] =
        "{'metadata': {'name': 'n1', 'uid': 'u-n1', 'labels': {'topology.kubernetes.io/zone': "
        "'a'}}, 'status': {'conditions': [{'type': 'Ready', 'status': 'True'}], 'allocatable': "
        "{'cpu': '8', 'nvidia.com/mig-1g.5gb': '2'}}}";
    static const struct {
        const char *more;
        enum gs_pools_help help;
    } cases[] = {{"", GS_POOLS_BUYS}, {", \"scaling\": \"static\"", GS_POOLS_FUTILE}};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct stand stand;
        char text[sizeof(node)];
        const char *pool = begin(&stand, cases[i].more);
        world_pod_text(&stand.world, pod, false);
        assert_int_equal(ask(&stand, 0), GS_POOLS_BUYS);
        node_comes(&stand, pool, "n1", 100);
        memcpy(text, node, sizeof(text));
        for (char *c = text; *c != '\0'; c++) {
            *c = *c == '\'' ? '"' : *c;
        }
        json_t *object = json_loads(text, 0, NULL);
        assert_int_equal(gs_store_node(&stand.world.store, object, false, NULL), 0);
        json_decref(object);
        (void)ask(&stand, 100);
        assert_int_equal(ask(&stand, 120), cases[i].help);
        stand_end(&stand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(futile__a_node_that_came_and_does_not_hold_the_pod_is_the_last),
        cmocka_unit_test(futile__each_node_in_vain_lets_the_next_wait_longer),
        cmocka_unit_test(futile__types_that_take_turns_are_each_remembered),
        cmocka_unit_test(futile__new_nodes_are_planned_of_other_types_for_it),
        cmocka_unit_test(futile__no_more_types_are_remembered_than_there_is_room_for),
        cmocka_unit_test(futile__a_taint_of_the_first_moments_proves_nothing),
        cmocka_unit_test(futile__a_rule_about_zones_says_nothing_of_the_next_node),
        cmocka_unit_test(futile__another_pod_or_another_spec_is_a_reason_to_buy_again),
        cmocka_unit_test(futile__a_node_that_proves_nothing_does_not_count),
        cmocka_unit_test(futile__a_zone_may_be_another_for_the_next_node_but_not_of_a_static_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
