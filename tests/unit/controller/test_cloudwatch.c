#include "unit/check.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "controller/tally/cloudwatch.h"
#include "controller/tally/tally.h"

static struct gs_tally_pool pools[2];
static struct gs_tally_namespace namespaces[1];

static struct gs_tally make(void)
{
    memset(pools, 0, sizeof(pools));
    memset(namespaces, 0, sizeof(namespaces));
    pools[0].name = "(none)";
    pools[0].unpriced = 3;
    pools[1].name = "träin"; /* no value of a dimension as it is */
    pools[1].priced = 1;
    pools[1].nodes[GS_TALLY_NODE_READY] = 2;
    pools[1].uusd[GS_TALLY_PART_IDLE] = 1500000;
    pools[1].n_profiles = 1;
    pools[1].profiles[0].name = "1g.5gb";
    pools[1].profiles[0].slices[GS_GPUNODE_HELD] = 4;
    pools[1].profiles[0].slices[GS_GPUNODE_FREE] = 3;
    namespaces[0].name = "a";
    namespaces[0].waiting[GS_TALLY_BUY] = 5;
    return (struct gs_tally){.pools = pools,
                             .n_pools = 2,
                             .namespaces = namespaces,
                             .n_namespaces = 1,
                             .oldest_recut_us = UINT64_MAX,
                             .longest_wait_us = UINT64_MAX};
}

static void cloudwatch__the_cluster_and_each_pool_have_a_line(void **state)
{
    struct gs_tally tally = make();
    json_t *lines[3];
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    (void)state;
    gs_buf_init(&out, 1 << 20);
    assert_int_equal(gs_cloudwatch_write(&tally, "GpuSlice", "c1", 7, &out, NULL), 0);
    const char *at = gs_buf_text(&out);
    for (size_t i = 0; i < 3; i++) {
        lines[i] = json_loadb(at, (size_t)(strchr(at, '\n') - at), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(lines[i]);
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
    assert_true(json_number_value(json_object_get(lines[0], "PodsWaiting")) == 5);
    assert_true(json_number_value(json_object_get(lines[0], "UsdPerHourIdle")) == 1.5);
    assert_null(json_object_get(lines[0], "LongestWait"));    /* nobody waits: there is none */
    assert_null(json_object_get(lines[0], "SlicesTotal"));    /* the agents' */
    assert_null(json_object_get(lines[1], "UsdPerHourIdle")); /* no price is known */
    assert_true(json_number_value(json_object_get(lines[1], "NodesWithoutPrice")) == 3);
    assert_string_equal(json_string_value(json_object_get(lines[2], "SlicePool")), "tr??in");
    assert_true(json_number_value(json_object_get(lines[2], "SlicesTotal")) == 7);
    assert_true(json_number_value(json_object_get(lines[2], "SlicesUsed")) == 4);
    for (size_t i = 0; i < 3; i++) {
        json_decref(lines[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cloudwatch__the_cluster_and_each_pool_have_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
