#include "unit/check.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cloud/instances.h"
#include "controller/tally/rows.h"
#include "controller/tally/tally.h"
#include "core/catalog.h"

#define NOW_US UINT64_C(1000000000)
#define REAL_US UINT64_C(1768000000000000)

static json_t *read_json(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    return object;
}

struct a_node {
    const char *name;
    const char *pool;
    const char *type; /* "": no label */
    const char *capacity;
    const char *slices; /* of its GPU's status; NULL: no GpuNode */
    bool starting;
    uint64_t seen_us;
};

static void give_node(struct gs_store *store, const struct a_node *a)
{
    char text[2000];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u\",\"labels\":{"
             "\"gpuslice.dev/slicepool\":\"%s\",\"node.kubernetes.io/instance-type\":\"%s\","
             "\"topology.kubernetes.io/region\":\"us-east-1\",\"karpenter.sh/capacity-type\":"
             "\"%s\"}},\"spec\":{%s},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
             "\"True\"}],\"allocatable\":{\"cpu\":\"8\",\"memory\":\"64Gi\",\"pods\":\"9\","
             "\"nvidia.com/gpu\":\"1\"}}}",
             a->name, a->pool, a->type, a->capacity,
             a->starting ? "\"taints\":[{\"key\":\"gpuslice.dev/startup\",\"effect\":"
                           "\"NoSchedule\"}]"
                         : "");
    json_t *object = read_json(text);
    assert_int_equal(gs_store_node(store, object, false, NULL), 0);
    json_decref(object);
    if (a->slices != NULL) {
        snprintf(text, sizeof(text),
                 "{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"5\"},\"status\":{"
                 "\"agent\":\"1\",\"seen\":\"2026-01-01T00:00:00.000000Z\",\"gpus\":[{"
                 "\"index\":0,\"uuid\":\"GPU-1\",\"model\":\"A100-40GB\",\"mig\":true,"
                 "\"healthy\":true,\"revision\":1,\"slices\":[%s]}]}}",
                 a->name, a->slices);
        object = read_json(text);
        assert_int_equal(gs_store_gpunode(store, object, false, a->seen_us, NULL), 0);
        json_decref(object);
    }
}

static void give_pod(struct gs_store *store, const char *space, const char *name, const char *node)
{
    char text[1000];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"u-%s\","
             "\"resourceVersion\":\"1\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{"
             "\"nodeName\":\"%s\",\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{"
             "\"nvidia.com/mig-1g.5gb\":\"2\"}}}]},\"status\":{\"phase\":\"%s\"}}",
             name, space, name, node, node[0] == '\0' ? "Pending" : "Running");
    json_t *object = read_json(text);
    assert_int_equal(gs_store_pod(store, object, false, NOW_US, NULL), 0);
    json_decref(object);
}

struct bed {
    struct gs_store store;
    struct gs_arena arena;
    struct gs_money *money;
    struct gs_tally tally;
};

static void begin(struct bed *bed)
{
    gs_store_init(&bed->store);
    gs_arena_init(&bed->arena, &gs_alloc_heap, 64 << 20);
    bed->money = gs_money_new();
    assert_non_null(bed->money);
}

static void count(struct bed *bed)
{
    const struct gs_tally_options options = {.store = &bed->store,
                                             .money = bed->money,
                                             .region = "",
                                             .now_us = NOW_US,
                                             .real_us = REAL_US};
    assert_int_equal(gs_tally(&options, &bed->arena, &bed->tally, NULL), 0);
}

static void end(struct bed *bed)
{
    gs_money_free(bed->money);
    gs_arena_done(&bed->arena);
    gs_store_done(&bed->store);
}

#define SLICE(profile, start, size, state)                                                         \
    "{\"profile\":\"" profile "\",\"start\":" #start ",\"size\":" #size ",\"state\":\"" state      \
    "\",\"plain\":true,\"resource\":\"nvidia.com/mig-" profile "\"}"

#define SMALL(at, is)                                                                              \
    {                                                                                              \
        .profile = 0, .start = (at), .state = GS_GPUNODE_##is, .plain = true                       \
    }

static void tally__memory_units_are_held_idle_stranded_or_sick(void **state)
{
    static const struct {
        const char *what;
        bool mig;
        bool sick;
        bool held;
        unsigned n;
        struct gs_store_slice slices[7]; /* of an A100-40GB: profile, start, state */
        uint64_t units[GS_TALLY_UNITS];
    } cases[] = {
        {"whole, idle", false, false, false, 0, {{.profile = 0}}, {0, 8, 0, 0}},
        {"whole, held", false, false, true, 0, {{.profile = 0}}, {8, 0, 0, 0}},
        {"sick", true, true, false, 0, {{.profile = 0}}, {0, 0, 0, 8}},
        {"cut, nothing in it", true, false, false, 0, {{.profile = 0}}, {0, 8, 0, 0}},
        {"one 1g held at 0: the others fit behind it",
         true,
         false,
         false,
         1,
         {SMALL(0, HELD)},
         {1, 7, 0, 0}},
        {"six 1g held: a 1g.10gb takes the last two",
         true,
         false,
         false,
         6,
         {SMALL(0, HELD), SMALL(1, HELD), SMALL(2, HELD), SMALL(3, HELD), SMALL(4, HELD),
          SMALL(5, GRANTED)},
         {6, 2, 0, 0}},
        {"seven 1g held: the eighth unit is of no use",
         true,
         false,
         false,
         7,
         {SMALL(0, HELD), SMALL(1, HELD), SMALL(2, HELD), SMALL(3, HELD), SMALL(4, HELD),
          SMALL(5, HELD), SMALL(6, HELD)},
         {7, 0, 1, 0}},
        {"one that is free does not stand in the way",
         true,
         false,
         false,
         2,
         {SMALL(0, FREE), SMALL(1, SICK)},
         {0, 7, 0, 1}},
    };
    const struct gs_model *model;
    (void)state;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    assert_string_equal(model->profiles[0].name, "1g.5gb");
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_store_gpu gpu = {.model = model,
                                   .mig = cases[i].mig,
                                   .healthy = !cases[i].sick,
                                   .whole_held = cases[i].held,
                                   .n_slices = (uint8_t)cases[i].n,
                                   .slices = cases[i].slices};
        uint64_t units[GS_TALLY_UNITS];
        gs_tally_gpu(&gpu, units);
        if (memcmp(units, cases[i].units, sizeof(units)) != 0) {
            fail_msg("%s: %" PRIu64 " held, %" PRIu64 " idle, %" PRIu64 " stranded, %" PRIu64
                     " sick",
                     cases[i].what, units[0], units[1], units[2], units[3]);
        }
    }
}

static void tally__nodes_and_slices_are_counted_by_pool(void **state)
{
    static const struct a_node nodes[] = {
        {"a", "train", "p4d.24xlarge", "on-demand",
         SLICE("1g.5gb", 0, 1, "Held") "," SLICE("1g.5gb", 1, 1, "Free"), false, NOW_US},
        {"b", "train", "p4d.24xlarge", "on-demand", NULL, true, 0},
        {"c", "", "", "on-demand", SLICE("3g.20gb", 4, 4, "Sick"), false, 1},
    };
    struct bed bed;
    (void)state;
    begin(&bed);
    for (size_t i = 0; i < GS_ARRAY_LEN(nodes); i++) {
        give_node(&bed.store, &nodes[i]);
    }
    count(&bed);
    assert_int_equal(bed.tally.n_pools, 2);
    const struct gs_tally_pool *none = &bed.tally.pools[0];
    const struct gs_tally_pool *train = &bed.tally.pools[1];
    assert_string_equal(none->name, "(none)");
    assert_string_equal(train->name, "train");
    assert_int_equal(train->nodes[GS_TALLY_NODE_READY], 1);
    assert_int_equal(train->nodes[GS_TALLY_NODE_STARTING], 1);
    assert_int_equal(train->silent, 0);
    assert_int_equal(none->silent, 1); /* heard of long ago */
    assert_int_equal(train->n_profiles, 1);
    assert_string_equal(train->profiles[0].name, "1g.5gb");
    assert_int_equal(train->profiles[0].slices[GS_GPUNODE_HELD], 1);
    assert_int_equal(train->profiles[0].slices[GS_GPUNODE_FREE], 1);
    assert_int_equal(none->profiles[0].slices[GS_GPUNODE_SICK], 1);
    assert_int_equal(train->models[0].gpus[GS_TALLY_GPU_CUT], 1);
    assert_int_equal(bed.tally.oldest_recut_us, UINT64_MAX);
    end(&bed);
}

static void tally__dollars_add_up_to_the_price_and_what_is_not_known_is_none(void **state)
{
    static const struct a_node nodes[] = {
        {"a", "p", "p4d.24xlarge", "on-demand", SLICE("1g.5gb", 0, 1, "Held"), false, NOW_US},
        {"b", "p", "p4d.24xlarge", "on-demand", SLICE("1g.5gb", 0, 1, "Free"), true, NOW_US},
        {"c", "p", "p4d.24xlarge", "spot", SLICE("1g.5gb", 0, 1, "Held"), false, NOW_US},
        {"d", "p", "x9.huge", "on-demand", SLICE("1g.5gb", 0, 1, "Held"), false, NOW_US},
        {"e", "q", "", "on-demand", SLICE("1g.5gb", 0, 1, "Held"), false, NOW_US},
    };
    const struct gs_instance *p4d;
    uint64_t price;
    struct bed bed;
    (void)state;
    assert_int_equal(gs_instance_find(gs_view("p4d.24xlarge"), &p4d, NULL), 0);
    assert_int_equal(gs_instance_price(p4d, gs_view("us-east-1"), &price, NULL), 0);
    begin(&bed);
    for (size_t i = 0; i < GS_ARRAY_LEN(nodes); i++) {
        give_node(&bed.store, &nodes[i]);
    }
    count(&bed);
    const struct gs_tally_pool *p = &bed.tally.pools[0];
    uint64_t sum = 0;
    for (unsigned i = 0; i < GS_TALLY_PARTS; i++) {
        sum += p->uusd[i];
    }
    assert_int_equal(p->priced, 2);
    assert_int_equal(p->unpriced, 2);
    assert_true(sum == 2 * price);
    assert_true(p->uusd[GS_TALLY_PART_STARTING] == price);
    assert_true(p->uusd[GS_TALLY_PART_USED] > 0 && p->uusd[GS_TALLY_PART_IDLE] > 0);
    GS_CLEANUP(gs_buf_done) struct gs_buf page;
    gs_buf_init(&page, 1 << 20);
    gs_tally_write(&bed.tally, &page);
    assert_non_null(strstr(gs_buf_text(&page), "usd_per_hour{pool=\"p\",part=\"idle\"} "));
    assert_null(strstr(gs_buf_text(&page), "usd_per_hour{pool=\"q\""));
    assert_non_null(strstr(gs_buf_text(&page), "nodes_without_price{pool=\"q\"} 1\n"));
    assert_null(strstr(gs_buf_text(&page), "oldest_recut"));
    end(&bed);
}

static void tally__namespaces_have_a_bound_and_none_is_lost(void **state)
{
    enum { N = GS_TALLY_NAMESPACES_MAX + 10 };
    static const struct a_node node = {"a", "", "", "", NULL, false, 0};
    uint64_t slices = 0;
    uint64_t waiting = 0;
    struct bed bed;
    (void)state;
    begin(&bed);
    give_node(&bed.store, &node);
    for (unsigned i = 0; i < N; i++) {
        char space[16];
        snprintf(space, sizeof(space), "n%u", i);
        give_pod(&bed.store, space, "runs", "a");
        give_pod(&bed.store, space, "waits", "");
    }
    give_pod(&bed.store, "n7", "more", "a");
    count(&bed);
    assert_int_equal(bed.tally.n_namespaces, GS_TALLY_NAMESPACES_MAX + 1);
    assert_string_equal(bed.tally.namespaces[0].name, "n7"); /* it has the most */
    assert_string_equal(bed.tally.namespaces[GS_TALLY_NAMESPACES_MAX].name, "(other)");
    for (unsigned i = 0; i < bed.tally.n_namespaces; i++) {
        slices += bed.tally.namespaces[i].slices;
        waiting += bed.tally.namespaces[i].waiting[GS_TALLY_UNDECIDED];
    }
    assert_int_equal(slices, 2 * (N + 1));
    assert_int_equal(waiting, N);
    assert_true(bed.tally.longest_wait_us > 0 && bed.tally.longest_wait_us != UINT64_MAX);
    end(&bed);
}

static void tally__pools_have_a_bound_and_none_is_lost(void **state)
{
    enum { N = GS_TALLY_POOLS_MAX + 20 };
    uint64_t nodes = 0;
    struct bed bed;
    (void)state;
    begin(&bed);
    for (unsigned i = 0; i < N; i++) {
        char name[16];
        const struct a_node node = {name, name, "", "", NULL, false, 0};
        snprintf(name, sizeof(name), "p%u", i);
        give_node(&bed.store, &node);
    }
    count(&bed);
    assert_int_equal(bed.tally.n_pools, GS_TALLY_POOLS_MAX);
    for (unsigned i = 0; i < bed.tally.n_pools; i++) {
        nodes += bed.tally.pools[i].nodes[GS_TALLY_NODE_READY];
    }
    assert_int_equal(nodes, N);
    end(&bed);
}

/* ---- what is kept ---- */

static void text_of(const struct bed *bed, struct gs_tally_rows *rows, struct gs_buf *ret)
{
    struct gs_arena arena;
    struct gs_tally tally;
    const struct gs_tally_options options = {.store = &bed->store,
                                             .rows = rows,
                                             .money = bed->money,
                                             .region = "",
                                             .now_us = NOW_US,
                                             .real_us = REAL_US};
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    assert_int_equal(gs_tally(&options, &arena, &tally, NULL), 0);
    gs_tally_write(&tally, ret);
    gs_arena_done(&arena);
}

static unsigned dice(unsigned *seed, unsigned n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static void change(struct bed *bed, unsigned *seed)
{
    static const char *const slices[] = {SLICE("1g.5gb", 0, 1, "Held"),
                                         SLICE("3g.20gb", 0, 4, "Free"),
                                         SLICE("1g.5gb", 6, 1, "Sick"), "", NULL};
    static const char *const pools[] = {"", "a", "b"};
    char node[16];
    char name[16];
    snprintf(node, sizeof(node), "n%u", dice(seed, 12));
    snprintf(name, sizeof(name), "p%u", dice(seed, 30));
    if (dice(seed, 2) == 0) {
        const struct a_node a = {.name = node,
                                 .pool = pools[dice(seed, 3)],
                                 .type = dice(seed, 4) == 0 ? "" : "p4d.24xlarge",
                                 .capacity = dice(seed, 5) == 0 ? "spot" : "on-demand",
                                 .slices = slices[dice(seed, 5)],
                                 .starting = dice(seed, 5) == 0,
                                 .seen_us = NOW_US};
        give_node(&bed->store, &a);
    } else {
        char space[16];
        snprintf(space, sizeof(space), "s%u", dice(seed, 5));
        give_pod(&bed->store, space, name, dice(seed, 4) == 0 ? "" : node);
    }
}

/* Whatever has changed: counts that are kept are those that are made anew. */
static void tally__what_is_kept_is_what_would_be_counted(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 20; round++) {
        struct bed bed;
        struct gs_tally_rows *rows = NULL;
        unsigned seed = round;
        begin(&bed);
        assert_int_equal(gs_tally_rows_new(&bed.store, bed.money, "", &rows, NULL), 0);
        for (unsigned i = 0; i < 60; i++) {
            struct gs_buf kept;
            struct gs_buf anew;
            bool more = false;
            change(&bed, &seed);
            gs_buf_init(&kept, 1 << 20);
            gs_buf_init(&anew, 1 << 20);
            if (i % 3 == 0) {
                assert_int_equal(gs_tally_rows_step(rows, 1, &more, NULL), 0);
            }
            text_of(&bed, rows, &kept);
            text_of(&bed, NULL, &anew);
            if (strcmp(gs_buf_text(&kept), gs_buf_text(&anew)) != 0) {
                fail_msg("seed %u, change %u:\n%s\nexpected\n%s", round, i, gs_buf_text(&kept),
                         gs_buf_text(&anew));
            }
            gs_buf_done(&kept);
            gs_buf_done(&anew);
        }
        gs_tally_rows_free(rows);
        end(&bed);
    }
}

static void tally__a_step_counts_no_more_nodes_than_it_may(void **state)
{
    struct bed bed;
    struct gs_tally_rows *rows = NULL;
    bool more = false;
    (void)state;
    begin(&bed);
    for (unsigned i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        give_node(&bed.store,
                  &(struct a_node){.name = name, .pool = "a", .type = "", .capacity = ""});
    }
    assert_int_equal(gs_tally_rows_new(&bed.store, bed.money, "", &rows, NULL), 0);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_int_equal(gs_tally_rows_step(rows, 3, &more, NULL), 0);
        assert_true(more);
    }
    assert_int_equal(gs_tally_rows_step(rows, 3, &more, NULL), 0);
    assert_false(more);
    give_pod(&bed.store, "s", "p", "n1"); /* one has changed */
    assert_int_equal(gs_tally_rows_step(rows, 0, &more, NULL), 0);
    assert_true(more);
    assert_int_equal(gs_tally_rows_step(rows, 1, &more, NULL), 0);
    assert_false(more);
    gs_tally_rows_free(rows);
    end(&bed);
}

static void tally__namespaces_that_have_gone_do_not_stay_for_ever(void **state)
{
    struct bed bed;
    struct gs_tally_rows *rows = NULL;
    (void)state;
    begin(&bed);
    assert_int_equal(gs_tally_rows_new(&bed.store, bed.money, "", &rows, NULL), 0);
    for (unsigned i = 0; i < 3000; i++) {
        char space[16];
        struct gs_buf page;
        bool more = false;
        snprintf(space, sizeof(space), "s%u", i);
        give_pod(&bed.store, space, "p", "n1");
        assert_int_equal(gs_tally_rows_step(rows, 9, &more, NULL), 0);
        assert_true(rows->n_entries <= 1100);
        if (i % 100 == 99) {
            gs_buf_init(&page, 1 << 20);
            text_of(&bed, rows, &page);
            gs_buf_done(&page);
        }
        char key[32];
        snprintf(key, sizeof(key), "%s/p", space);
        struct gs_store_pod *pod = gs_store_find_pod(&bed.store, key);
        assert_non_null(pod);
        gs_store_listing(&bed.store, GS_STORE_PODS);
        gs_store_listed(&bed.store, GS_STORE_PODS);
    }
    gs_tally_rows_free(rows);
    end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tally__memory_units_are_held_idle_stranded_or_sick),
        cmocka_unit_test(tally__nodes_and_slices_are_counted_by_pool),
        cmocka_unit_test(tally__dollars_add_up_to_the_price_and_what_is_not_known_is_none),
        cmocka_unit_test(tally__namespaces_have_a_bound_and_none_is_lost),
        cmocka_unit_test(tally__pools_have_a_bound_and_none_is_lost),
        cmocka_unit_test(tally__what_is_kept_is_what_would_be_counted),
        cmocka_unit_test(tally__a_step_counts_no_more_nodes_than_it_may),
        cmocka_unit_test(tally__namespaces_that_have_gone_do_not_stay_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
