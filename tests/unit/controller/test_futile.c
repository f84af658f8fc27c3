#include "unit/check.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/controller/stand.h"

#define P4D "p4d.24xlarge"
#define P4DE "p4de.24xlarge"
#define SLICE "1g.5gb"

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

static enum gs_pools_help ask_for(struct stand *stand, uint64_t after_s, const char *type,
                                  const char **ret_why)
{
    const struct gs_store_pod *pod = gs_store_find_pod(&stand->world.store, "d/a");
    assert_non_null(pod);
    stand_set_time(stand, after_s);
    gs_pools_look_at_parts(&stand->pools);
    gs_pools_look_at_idle(&stand->pools);
    enum gs_pools_help help = gs_pools_help(
        &stand->pools, stand->owner, pod, &stand->owner->offers[stand_offer(stand, type)], ret_why);
    gs_pools_settle_idle(&stand->pools);
    return help;
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
    stand_claim(&stand, &(struct stand_claim){.pool = pool,
                                              .end = "n1",
                                              .launched = true,
                                              .node = "n1",
                                              .capacity_types = "[\"on-demand\"]",
                                              .gone = true});
    world_node_gone(&stand.world, "n1");
    assert_int_equal(ask(&stand, 5000), GS_POOLS_FUTILE); /* and stays so */
    assert_int_equal(ask_for(&stand, 5000, P4DE, &why), GS_POOLS_BUYS);
    stand_end(&stand);
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
        cmocka_unit_test(futile__another_pod_or_another_spec_is_a_reason_to_buy_again),
        cmocka_unit_test(futile__a_node_that_proves_nothing_does_not_count),
        cmocka_unit_test(futile__a_zone_may_be_another_for_the_next_node_but_not_of_a_static_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
