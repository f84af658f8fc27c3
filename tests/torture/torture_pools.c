#include "torture/torture.h"

#include <string.h>

#include "controller/pools/work.h"

/* What the watches show of Karpenter. */
static const struct shown {
    enum gs_pools_kind kind;
    bool gone;
    const char *text;
} shows[] = {
    {GS_POOLS_SLICEPOOLS, false,
     "{\"metadata\":{\"name\":\"gpus\",\"uid\":\"u\"},\"spec\":{\"nodeClassRef\":{\"name\":\"g\"},"
     "\"instanceTypes\":[\"p4d.24xlarge\",\"no.such\"],\"profiles\":[\"1g.5gb\"],\"labels\":{\"a\":"
     "\"b\"},\"warm\":{\"1g.5gb\":2}}}"},
    {GS_POOLS_NODEPOOLS, false,
     "{\"metadata\":{\"name\":\"gpus-a\",\"labels\":{\"gpuslice.dev/slicepool\":\"gpus\"}},\"spec\":{"
     "\"weight\":50,\"template\":{\"metadata\":{\"labels\":{\"nvidia.com/mig.config\":"
     "\"all-1g.5gb\"}},\"spec\":{\"requirements\":[{\"key\":\"node.kubernetes.io/instance-type\","
     "\"operator\":\"In\",\"values\":[\"p4d.24xlarge\"]}]}}}}"},
    {GS_POOLS_OVERLAYS, false,
     "{\"metadata\":{\"name\":\"gpus-a\",\"labels\":{\"gpuslice.dev/slicepool\":\"gpus\"}},\"spec\":{"
     "\"weight\":7}}"},
    {GS_POOLS_OVERLAYS, false, "{\"metadata\":{\"name\":\"of-others\"},\"spec\":{\"weight\":9}}"},
    {GS_POOLS_CLAIMS, false,
     "{\"metadata\":{\"name\":\"c1\",\"uid\":\"1\",\"labels\":{\"karpenter.sh/nodepool\":\"gpus-a\"}}"
     "}"},
    {GS_POOLS_CLAIMS, true,
     "{\"metadata\":{\"name\":\"c1\",\"uid\":\"1\",\"labels\":{\"karpenter.sh/nodepool\":\"gpus-a\"}}"
     "}"},
    {GS_POOLS_OVERLAYS, true, "{\"metadata\":{\"name\":\"of-others\"},\"spec\":{\"weight\":9}}"},
};

static json_t *objects[sizeof(shows) / sizeof(shows[0])];
static json_t *unread;
static const char unread_text[] =
    "{\"metadata\":{\"name\":\"gpus\",\"uid\":\"u\",\"generation\":2},\"spec\":{"
    "\"nodeClassRef\":{\"name\":\"g\"},\"instanceTypes\":[\"p4d.24xlarge\"],\"emptyAfter\":"
    "\"999999h\"}}";
static struct gs_store store;

static int plan(struct gs_pools *pools, struct gs_err *err)
{
    struct gs_pools_owner *owner = gs_map_find(&pools->owners, "gpus");
    assert_non_null(owner);
    owner->cold[0] = 2;
    int r = gs_pools_make_offers(pools, owner, err);
    gs_pools_look_at_parts(pools);
    r = r == 0 ? gs_pools_plan(pools, owner, err) : r;
    pools->now_us += GS_POOLS_STAYS_US; /* nothing more has come meanwhile */
    r = r == 0 ? gs_pools_plan(pools, owner, err) : r;
    if (r == 0) {
        assert_int_equal(owner->n_offers, 1);
        assert_true(pools->parts.n > 0);
    }
    return r;
}

static int watch_and_plan(struct gs_err *err)
{
    struct gs_pools pools = {.options = {.store = &store}, .now_us = 1, .region = "us-east-1"};
    size_t n = sizeof(shows) / sizeof(shows[0]);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = gs_pools_take(&pools, shows[i].kind, objects[i], shows[i].gone, err);
        r = r == 0 && (i == 0 || i == 4) ? plan(&pools, err) : r;
    }
    if (r == 0) {
        assert_int_equal(pools.foreign.n, 0);
        assert_int_equal(pools.claims.n, 0);
    }
    gs_pools_unwatch(&pools);
    return r;
}

static void torture__pools_are_planned_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(watch_and_plan, 1) > 15);
}

/* A spec that we cannot read, whatever the schema says: nothing is bought by the one before. */
static int change_and_plan(struct gs_err *err)
{
    struct gs_pools pools = {.options = {.store = &store}, .now_us = 1, .region = "us-east-1"};
    int r = gs_pools_take(&pools, shows[0].kind, objects[0], false, err);
    r = r == 0 ? plan(&pools, err) : r;
    r = r == 0 ? gs_pools_take(&pools, shows[0].kind, unread, false, err) : r;
    struct gs_pools_owner *owner = gs_map_find(&pools.owners, "gpus");
    if (r == 0) {
        assert_non_null(strstr(owner->unread, "\"emptyAfter\" is \"999999h\""));
        assert_int_equal(owner->pool.generation, 2);
        r = gs_pools_make_offers(&pools, owner, err);
        gs_pools_look_at_parts(&pools);
    }
    r = r == 0 ? gs_pools_plan(&pools, owner, err) : r;
    size_t at = 0;
    for (const struct gs_pools_part *part;
         r == 0 && (part = gs_map_next(&pools.parts, &at)) != NULL;) {
        assert_false(part->known); /* such are closed */
    }
    r = r == 0 ? gs_pools_take(&pools, shows[0].kind, objects[0], false, err) : r;
    r = r == 0 ? plan(&pools, err) : r;
    assert_true(r != 0 || owner->unread[0] == '\0');
    gs_pools_unwatch(&pools);
    return r;
}

static void torture__a_spec_that_cannot_be_read_buys_nothing(void **state)
{
    (void)state;
    assert_true(torture_heap(change_and_plan, 1) > 8);
}

static int set_up(void **state)
{
    (void)state;
    gs_store_init(&store);
    unread = json_loads(unread_text, 0, NULL);
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        objects[i] = json_loads(shows[i].text, 0, NULL);
        if (objects[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        json_decref(objects[i]);
    }
    json_decref(unread);
    gs_store_done(&store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__pools_are_planned_whatever_request_fails),
        cmocka_unit_test(torture__a_spec_that_cannot_be_read_buys_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
