#include "unit/check.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/controller/stand.h"

static void claim(struct stand *stand, const char *pool, const char *end, bool launched,
                  const char *types, bool gone)
{
    stand_claim(
        stand,
        &(struct stand_claim){
            .pool = pool, .end = end, .launched = launched, .capacity_types = types, .gone = gone});
}

/* A launch for which there is no capacity, at the time that is set. */
static void miss(struct stand *stand, const char *pool, const char *end, const char *types)
{
    claim(stand, pool, end, false, types, false);
    claim(stand, pool, end, false, types, true);
}

static const char *scarce(struct stand *stand, const char *type)
{
    gs_pools_look_at_parts(&stand->pools);
    gs_pools_mark_scarce(&stand->pools, stand->owner);
    return stand->owner->offers[stand_offer(stand, type)].scarce;
}

static const char *said(struct stand *stand)
{
    static char text[GS_POOLS_TEXT_MAX];
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    size_t n = gs_pools_parts_of(&stand->pools, stand->owner, parts);
    return gs_pools_say_scarce(&stand->pools, stand->owner, parts, n, text) ? text : NULL;
}

#define P4D "p4d.24xlarge"
#define P5 "p5.48xlarge"
#define ON_DEMAND "[\"on-demand\"]"
#define BOTH "[\"spot\", \"on-demand\"]"

static void scarce__a_launch_that_found_no_capacity_rests_the_type_for_three_minutes(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    assert_null(scarce(&stand, P4D));
    assert_null(said(&stand));
    miss(&stand, pool, "aaaaa", ON_DEMAND);
    assert_string_equal(scarce(&stand, P4D), P4D ": no capacity (tried 1 time since 17:46 UTC)");
    assert_string_equal(said(&stand),
                        P4D ": no capacity (tried 1 time since 17:46 UTC); nothing else is in "
                            "instanceTypes: add another; Karpenter tries it again and again");
    stand_set_time(&stand, 179);
    assert_non_null(scarce(&stand, P4D));
    stand_set_time(&stand, 180);
    assert_null(scarce(&stand, P4D)); /* it is tried again, */
    assert_non_null(said(&stand));    /* and spoken of until it was */
    stand_set_time(&stand, 780);
    assert_null(said(&stand));
    stand_end(&stand);
}

static void scarce__each_rest_is_as_long_as_it_has_lasted_and_has_a_bound(void **state)
{
    static const unsigned until[] = {180, 360, 720, 1440, 2880, 4680, 6480};
    struct stand stand;
    unsigned at = 0;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    for (unsigned i = 0; i < GS_ARRAY_LEN(until); i++) {
        stand_set_time(&stand, at);
        miss(&stand, pool, "aaaaa", ON_DEMAND);
        stand_set_time(&stand, at + 1);
        miss(&stand, pool, "bbbbb", ON_DEMAND); /* within the rest: no longer for it */
        stand_set_time(&stand, until[i] - 1);
        assert_non_null(scarce(&stand, P4D));
        stand_set_time(&stand, until[i]);
        assert_null(scarce(&stand, P4D));
        at = until[i];
        assert_int_equal(gs_pools_scarce_tries(&stand.pools, stand.owner, P4D, stand.pools.real_us),
                         2 * (i + 1));
    }
    stand_end(&stand);
}

static void scarce__what_is_no_lack_of_capacity_is_not_taken_for_it(void **state)
{
    static const struct {
        const char *what;
        bool launched, ending, deleting, not_ready, unshown;
        unsigned age_s;
        bool scarce;
        uint32_t failed;
    } cases[] = {
        {.what = "as it should be", .scarce = true},
        {.what = "the cloud gave a machine", .launched = true},
        {.what = "we ended it", .ending = true},
        {.what = "its NodePool goes", .deleting = true},
        {.what = "its node class is not ready", .not_ready = true},
        {.what = "its end was not seen", .unshown = true},
        {.what = "launching failed for five minutes for another reason", .age_s = 300, .failed = 1},
        {.what = "not registered for fifteen", .launched = true, .age_s = 900, .failed = 1},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct stand stand;
        stand_begin(&stand, "[\"" P4D "\"]", "");
        const char *pool = stand_node_pool(&stand, P4D, NULL);
        struct gs_pools_part *part = gs_map_find(&stand.pools.parts, pool);
        claim(&stand, pool, "aaaaa", cases[i].launched, ON_DEMAND, false);
        size_t at = 0;
        struct gs_pools_claim *known = gs_map_next(&stand.pools.claims, &at);
        known->ending = cases[i].ending;
        part->has.deleting = cases[i].deleting;
        if (cases[i].not_ready) {
            part->has.ready =
                (struct gs_karpenter_condition){.current = true, .reason = "NodeClassNotReady"};
        }
        stand_set_time(&stand, cases[i].age_s);
        if (cases[i].unshown) {
            gs_pools_forget_claim(&stand.pools, known, false);
        } else {
            claim(&stand, pool, "aaaaa", cases[i].launched, ON_DEMAND, true);
        }
        if ((scarce(&stand, P4D) != NULL) != cases[i].scarce ||
            part->record.failed_starts != cases[i].failed) {
            print_message("%s\n", cases[i].what);
            fail();
        }
        stand_end(&stand);
    }
}

static void scarce__a_machine_that_the_cloud_gives_ends_it(void **state)
{
    struct stand stand;
    uint64_t next;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    miss(&stand, pool, "aaaaa", ON_DEMAND);
    assert_non_null(scarce(&stand, P4D));
    claim(&stand, pool, "bbbbb", false, ON_DEMAND, false);
    gs_pools_look_at_claims(&stand.pools, &next);
    assert_non_null(scarce(&stand, P4D));
    claim(&stand, pool, "bbbbb", true, ON_DEMAND, false);
    gs_pools_look_at_claims(&stand.pools, &next);
    assert_null(scarce(&stand, P4D));
    assert_null(said(&stand));
    stand_end(&stand);
}

static void scarce__karpenter_goes_from_spot_to_on_demand_by_itself(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", ", \"capacityTypes\": [\"spot\", \"on-demand\"]");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    claim(&stand, pool, "aaaaa", false, BOTH, false); /* two at a time are one try */
    claim(&stand, pool, "bbbbb", false, BOTH, false);
    stand_set_time(&stand, 1);
    claim(&stand, pool, "aaaaa", false, BOTH, true);
    claim(&stand, pool, "bbbbb", false, BOTH, true);
    assert_null(scarce(&stand, P4D));
    stand_set_time(&stand, 4);
    miss(&stand, pool, "ccccc", BOTH);
    assert_non_null(scarce(&stand, P4D));
    stand_end(&stand);
}

static void scarce__karpenter_that_tries_no_other_capacity_type_has_none_left(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", ", \"capacityTypes\": [\"reserved\", \"on-demand\"]");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    miss(&stand, pool, "aaaaa", "[\"reserved\", \"on-demand\"]");
    assert_null(scarce(&stand, P4D));
    gs_pools_look_at_scarce(&stand.pools);
    assert_int_equal(stand.pools.due_us, stand.pools.now_us + 30000000);
    stand_set_time(&stand, 30);
    gs_pools_look_at_scarce(&stand.pools);
    assert_non_null(scarce(&stand, P4D));
    stand_end(&stand);
}

static void scarce__the_clouds_words_are_told(void **state)
{
    struct stand stand;
    char name[100];
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", ", \"capacityTypes\": [\"spot\"]");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    miss(&stand, pool, "aaaaa", "[\"spot\"]");
    snprintf(name, sizeof(name), "%s-aaaaa", pool);
    stand_take(
        &stand, GS_POOLS_EVENTS, false,
        json_pack("{s:{s:s}, s:s}", "regarding", "name", name, "note",
                  "NodeClaim x event: insufficient capacity, VcpuLimitExceeded: \xc3\xa4 0"));
    stand_take(&stand, GS_POOLS_EVENTS, false,
               json_pack("{s:{s:s}}", "regarding", "name", "of-nobody"));
    stand_take(&stand, GS_POOLS_EVENTS, false, json_pack("{s:i}", "note", 3));
    assert_string_equal(scarce(&stand, P4D),
                        P4D ": no spot capacity (tried 1 time since 17:46 UTC; the cloud says: "
                            "insufficient capacity, VcpuLimitExceeded: ?? 0)");
    stand_end(&stand);
}

static void scarce__a_controller_that_is_started_again_knows_it_from_the_node_pool(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    struct gs_pools_part *part = gs_map_find(&stand.pools.parts, pool);
    miss(&stand, pool, "aaaaa", ON_DEMAND);
    assert_non_null(scarce(&stand, P4D));
    const struct gs_karpenter_pool wanted = {.owner = &stand.owner->pool,
                                             .kind = &part->kind,
                                             .weight = 50,
                                             .overlay_weight = 7,
                                             .record = part->record};
    json_t *object = gs_karpenter_write_pool(&wanted);
    struct stand again;
    stand_begin(&again, "[\"" P4D "\"]", "");
    stand_set_time(&again, 20);
    stand_take(&again, GS_POOLS_NODEPOOLS, false, object);
    assert_string_equal(scarce(&again, P4D), P4D ": no capacity (tried 1 time since 17:46 UTC)");
    stand_end(&again);
    stand_end(&stand);
}

/* One pod that asks for a whole GPU. */
static void plan(struct stand *stand)
{
    static const struct gs_want want = {.whole_gpu = true, .count = 1};
    static const struct gs_alternative alternative = {.wants = &want, .n_wants = 1};
    static const struct gs_item item = {
        .name = "p", .count = 1, .alternatives = &alternative, .n_alternatives = 1};
    struct gs_err err = {.code = GS_OK};
    struct gs_pools_owner *owner = stand->owner;
    gs_pools_look_at_parts(&stand->pools);
    gs_pools_mark_scarce(&stand->pools, owner);
    for (unsigned i = 0; i < owner->n_offers; i++) {
        bool barred = stand->barred != NULL && strcmp(owner->offers[i].name, stand->barred) == 0;
        owner->offers[i].max_nodes = barred ? 0 : UINT32_MAX;
    }
    gs_arena_done(&owner->demand_arena);
    owner->demand = gs_demand_new(&owner->demand_arena);
    assert_int_equal(gs_demand_add(owner->demand, &item, &err), 0);
    assert_int_equal(gs_pools_plan(&stand->pools, owner, &err), 0);
}

static uint32_t planned(const struct stand *stand, const char *type)
{
    uint32_t n = 0;
    size_t at = 0;
    for (const struct gs_pools_part *part;
         (part = gs_map_next(&stand->pools.parts, &at)) != NULL;) {
        n += part->known && strcmp(part->kind.offer->name, type) == 0 ? part->planned : 0;
    }
    return n;
}

static void scarce__the_cheapest_of_the_others_is_bought_meanwhile(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\", \"" P5 "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    plan(&stand);
    assert_int_equal(planned(&stand, P4D), 1);
    assert_int_equal(planned(&stand, P5), 0);
    miss(&stand, pool, "aaaaa", ON_DEMAND);
    plan(&stand);
    assert_int_equal(planned(&stand, P4D), 0);
    assert_int_equal(planned(&stand, P5), 1);
    assert_string_equal(said(&stand), P4D ": no capacity (tried 1 time since 17:46 UTC); " P5
                                          " is bought instead");
    (void)stand_node_pool(&stand, P5, NULL);
    stand_set_time(&stand, 100);
    plan(&stand);
    assert_int_equal(planned(&stand, P5), 1);
    stand_set_time(&stand, 181); /* the rest is over */
    plan(&stand);
    assert_int_equal(planned(&stand, P4D), 1);
    stand_end(&stand);
}

static void scarce__a_node_on_its_way_is_not_bought_again_elsewhere(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\", \"" P5 "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    plan(&stand);
    claim(&stand, pool, "aaaaa", false, ON_DEMAND, false);
    claim(&stand, pool, "bbbbb", false, ON_DEMAND, false);
    claim(&stand, pool, "aaaaa", false, ON_DEMAND, true); /* the other one may still come */
    plan(&stand);
    assert_non_null(scarce(&stand, P4D));
    assert_int_equal(planned(&stand, P5), 0);
    stand_end(&stand);
}

static void scarce__where_nothing_else_holds_it_the_type_stays_open(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\", \"" P5 "\"]", "");
    stand.barred = P5;
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    miss(&stand, pool, "aaaaa", ON_DEMAND);
    plan(&stand);
    const struct gs_pools_part *part = gs_map_find(&stand.pools.parts, pool);
    assert_int_equal(part->planned, 1);
    assert_true(part->max_nodes > 0);
    assert_string_equal(part->closed, "");
    assert_string_equal(said(&stand),
                        P4D ": no capacity (tried 1 time since 17:46 UTC); no other of "
                            "instanceTypes holds what waits within the limits: add one; "
                            "Karpenter tries it again and again");
    stand_end(&stand);
}

/* Nobody wants a node of it: its objects would go after ten minutes. */
static bool is_spent_at(struct stand *stand, const char *pool, uint64_t t)
{
    stand_set_time(stand, t);
    gs_pools_look_at_parts(&stand->pools);
    return gs_pools_is_spent(&stand->pools, gs_map_find(&stand->pools.parts, pool));
}

static void scarce__its_node_pool_stays_while_what_it_remembers_counts(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\", \"" P5 "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    assert_false(is_spent_at(&stand, pool, 0));
    miss(&stand, pool, "aaaaa", ON_DEMAND); /* a rest of 180 s */
    assert_false(is_spent_at(&stand, pool, 601));
    assert_false(is_spent_at(&stand, pool, 779));
    assert_true(is_spent_at(&stand, pool, 781));
    stand_end(&stand);
}

static void starts__that_failed_are_not_forgotten_with_their_node_pool(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    struct gs_pools_part *part = gs_map_find(&stand.pools.parts, pool);
    assert_false(is_spent_at(&stand, pool, 0));
    part->record.failed_starts = 3;
    part->record.closed_until_s = STAND_BEGIN_S + 600;
    assert_false(is_spent_at(&stand, pool, 1000));
    assert_false(is_spent_at(&stand, pool, 600 + 7199)); /* the next rest would be a longer one */
    assert_true(is_spent_at(&stand, pool, 600 + 7200));
    stand_end(&stand);
}

/* Also one whose last node was there for longer than that, and then did not start. */
static void starts__a_node_pool_stays_for_a_while_after_its_last_node(void **state)
{
    struct stand stand;
    (void)state;
    stand_begin(&stand, "[\"" P4D "\"]", "");
    const char *pool = stand_node_pool(&stand, P4D, NULL);
    claim(&stand, pool, "aaaaa", true, ON_DEMAND, false);
    assert_false(is_spent_at(&stand, pool, 900));
    claim(&stand, pool, "aaaaa", true, ON_DEMAND, true);
    assert_false(is_spent_at(&stand, pool, 901));
    assert_true(is_spent_at(&stand, pool, 900 + 601));
    stand_end(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scarce__its_node_pool_stays_while_what_it_remembers_counts),
        cmocka_unit_test(starts__that_failed_are_not_forgotten_with_their_node_pool),
        cmocka_unit_test(starts__a_node_pool_stays_for_a_while_after_its_last_node),
        cmocka_unit_test(scarce__a_launch_that_found_no_capacity_rests_the_type_for_three_minutes),
        cmocka_unit_test(scarce__each_rest_is_as_long_as_it_has_lasted_and_has_a_bound),
        cmocka_unit_test(scarce__what_is_no_lack_of_capacity_is_not_taken_for_it),
        cmocka_unit_test(scarce__a_machine_that_the_cloud_gives_ends_it),
        cmocka_unit_test(scarce__karpenter_goes_from_spot_to_on_demand_by_itself),
        cmocka_unit_test(scarce__karpenter_that_tries_no_other_capacity_type_has_none_left),
        cmocka_unit_test(scarce__the_clouds_words_are_told),
        cmocka_unit_test(scarce__a_controller_that_is_started_again_knows_it_from_the_node_pool),
        cmocka_unit_test(scarce__the_cheapest_of_the_others_is_bought_meanwhile),
        cmocka_unit_test(scarce__a_node_on_its_way_is_not_bought_again_elsewhere),
        cmocka_unit_test(scarce__where_nothing_else_holds_it_the_type_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
