#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/health.h"

static struct bed bed;
static struct gs_health health;
static struct gs_health_rules rules;

enum { SECOND = 1000000 };

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,2g.10gb@2");
    bed_cut(&bed, "A100-40GB", "1c.2g.10gb@0;1c.2g.10gb,1g.5gb@2");
    bed_gpu(&bed, "A100-40GB");
    gs_health_rules_init(&rules, &bed.config);
    gs_health_init(&health, &gs_alloc_heap);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_health_done(&health);
    bed_done(&bed);
    return 0;
}

/* ---- lists of XIDs: cases of NVIDIA's plugin (health_test.go) and more ---- */

static const struct {
    const char *disable;
    const char *enable;
    const char *ignored; /* of the XIDs below, by blanks */
} lists[] = {
    {"", "", "13 31 43 45 68 109"},
    {",", "", "13 31 43 45 68 109"},
    {"not-an-int", "", "13 31 43 45 68 109"},
    {"-48", "", "13 31 43 45 68 109"},
    {"48  ", "", "13 31 43 45 48 68 109"},
    {" 48 ,79,", "", "13 31 43 45 48 68 79 109"},
    {"48,not-an-int,79", "", "13 31 43 45 48 68 79 109"},
    {"all", "", "11 13 31 43 45 48 68 79 109"},
    {"XIDs", "", "11 13 31 43 45 48 68 79 109"},
    {"11,all", "", "11 13 31 43 45 48 68 79 109"},
    {"all", "48", "11 13 31 43 45 68 79 109"},
    {"11", "11", "13 31 43 45 68 109"},
    {"", "13,109", "31 43 45 68"},
    {"11,48", "ALL", ""},
    {"all", "all", ""},
    {"0", "", "13 31 43 45 68 109"}, /* theirs takes 0 for all: not what anybody means */
};

static void health__reads_lists_of_xids_as_nvidias_plugin(void **state)
{
    (void)state;
    static const uint64_t xids[] = {11, 13, 31, 43, 45, 48, 68, 79, 109};
    for (size_t i = 0; i < GS_ARRAY_LEN(lists); i++) {
        char got[100] = "";
        size_t used = 0;
        bed.config.health_disabled = lists[i].disable;
        bed.config.health_enabled = lists[i].enable;
        gs_health_rules_init(&rules, &bed.config);
        for (size_t k = 0; k < GS_ARRAY_LEN(xids); k++) {
            if (gs_health_ignores(&rules, xids[k])) {
                used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%u",
                                         used == 0 ? "" : " ", (unsigned)xids[k]);
            }
        }
        if (strcmp(got, lists[i].ignored) != 0) {
            fail_msg("case %zu: \"%s\" and \"%s\" ignore \"%s\", expected \"%s\"", i,
                     lists[i].disable, lists[i].enable, got, lists[i].ignored);
        }
    }
}

static void health__passes_over_what_is_beyond_its_bound(void **state)
{
    (void)state;
    char list[8 * 1000] = "";
    size_t used = 0;
    for (unsigned i = 1000; i < 2000; i++) {
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%u,", i);
    }
    bed.config.health_disabled = list;
    gs_health_rules_init(&rules, &bed.config);
    assert_int_equal(rules.n_disabled, GS_HEALTH_XIDS_MAX);
    assert_true(gs_health_ignores(&rules, 1000));
    assert_false(gs_health_ignores(&rules, 1999));
}

/* ---- events ---- */

static bool tell(enum gs_gpu_event_kind kind, uint32_t gpu, uint32_t gi, uint32_t ci, uint64_t data,
                 uint64_t now_us)
{
    const struct gs_gpu_event event = {.kind = kind, .gpu = gpu, .gi = gi, .ci = ci, .data = data};
    bool changed = false;
    assert_int_equal(
        gs_health_event(&health, &bed.snapshot, &rules, &event, now_us, &changed, NULL), 0);
    return changed;
}

/* The sick ones: "MIG-0-1-0 GPU-2". */
static const char *sick(void)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    for (unsigned i = 0; i < bed.snapshot.n_slices; i++) {
        if (gs_health_of(&health, &bed.slices[i].id) != NULL) {
            gs_buf_printf(&out, "%s%s", out.len == 0 ? "" : " ", bed.slices[i].uuid);
        }
    }
    for (unsigned g = 0; g < bed.snapshot.n_gpus; g++) {
        const struct gs_slice_id whole = {
            .gpu = g, .gi = GS_NOT_KNOWN, .ci = GS_NOT_KNOWN, .generation = bed.gpus[g].generation};
        if (!gs_snapshot_is_cut(&bed.gpus[g]) && gs_health_of(&health, &whole) != NULL) {
            gs_buf_printf(&out, "%s%s", out.len == 0 ? "" : " ", bed.gpus[g].facts.uuid);
        }
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&out), out.len);
    gs_buf_done(&out);
    return text;
}

#define ANY GS_NOT_KNOWN
static const struct {
    enum gs_gpu_event_kind kind;
    uint32_t gpu;
    uint32_t gi;
    uint32_t ci;
    uint64_t data;
    const char *sick;
} events[] = {
    {GS_GPU_EVENT_XID, 0, 1, 0, 48, "MIG-0-1-0"},
    {GS_GPU_EVENT_XID, 0, 3, 0, 48, "MIG-0-3-0"},
    {GS_GPU_EVENT_XID, 0, 1, ANY, 48, "MIG-0-1-0"},
    {GS_GPU_EVENT_XID, 1, 1, 1, 48, "MIG-1-1-1"},
    {GS_GPU_EVENT_XID, 1, 1, ANY, 48, "MIG-1-1-0 MIG-1-1-1"},
    {GS_GPU_EVENT_XID, 0, ANY, ANY, 79, "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0"},
    {GS_GPU_EVENT_XID, 0, 9, 0, 48, ""},
    {GS_GPU_EVENT_XID, 2, ANY, ANY, 48, "GPU-2"},
    {GS_GPU_EVENT_XID, 9, ANY, ANY, 48, ""},
    {GS_GPU_EVENT_XID, ANY, ANY, ANY, 48,
     "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0 MIG-1-1-0 MIG-1-1-1 MIG-1-2-0 GPU-2"},
    {GS_GPU_EVENT_XID, 0, 1, 0, 43, ""},
    {GS_GPU_EVENT_XID, 0, ANY, ANY, 31, ""},
    {GS_GPU_EVENT_ECC_DOUBLE, 0, 2, 0, UINT64_MAX, "MIG-0-2-0"},
    {GS_GPU_EVENT_ECC_SINGLE, 0, 2, 0, UINT64_MAX, ""},
    {GS_GPU_EVENT_MIG_CHANGE, 0, ANY, ANY, UINT64_MAX, ""},
    {GS_GPU_EVENT_NONE, ANY, ANY, ANY, UINT64_MAX, ""},
    {GS_GPU_EVENT_LOST, 1, ANY, ANY, UINT64_MAX, "MIG-1-1-0 MIG-1-1-1 MIG-1-2-0"},
    {GS_GPU_EVENT_RECOVERY, 0, ANY, ANY, GS_RECOVERY_RESET, "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0"},
    {GS_GPU_EVENT_RECOVERY, 0, ANY, ANY, GS_RECOVERY_NONE, ""},
    {GS_GPU_EVENT_RECOVERY, 0, ANY, ANY, 77, "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0"},
};

static void health__makes_sick_what_an_event_names_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(events); i++) {
        gs_health_done(&health);
        gs_health_init(&health, &gs_alloc_heap);
        bool changed =
            tell(events[i].kind, events[i].gpu, events[i].gi, events[i].ci, events[i].data, SECOND);
        if (strcmp(sick(), events[i].sick) != 0 || changed != (events[i].sick[0] != '\0')) {
            fail_msg("case %zu: \"%s\" are sick, expected \"%s\"", i, sick(), events[i].sick);
        }
        assert_false(tell(events[i].kind, events[i].gpu, events[i].gi, events[i].ci, events[i].data,
                          2 * SECOND));
    }
}

static void health__of_a_slice_is_that_of_its_gpu_where_that_is_offered_whole(void **state)
{
    (void)state;
    const struct gs_slice_id whole = {
        .gpu = 0, .gi = ANY, .ci = ANY, .generation = bed.gpus[0].generation};
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, SECOND);
    assert_non_null(gs_health_of(&health, &whole));
}

static void health__tells_nothing_when_checks_are_off_but_for_a_lost_gpu(void **state)
{
    (void)state;
    bed.config.health_disabled = "all";
    gs_health_rules_init(&rules, &bed.config);
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, 0);
    tell(GS_GPU_EVENT_ECC_DOUBLE, 0, 1, 0, 0, 0);
    tell(GS_GPU_EVENT_RECOVERY, 0, ANY, ANY, GS_RECOVERY_REBOOT, 0);
    assert_string_equal(sick(), "");
    tell(GS_GPU_EVENT_LOST, 2, ANY, ANY, UINT64_MAX, 0);
    assert_string_equal(sick(), "GPU-2");
}

/* ---- recovery ---- */

static bool tick(uint64_t now_us, uint64_t *next_us)
{
    return gs_health_tick(&health, &rules, now_us, next_us);
}

static bool recovery(unsigned gpu, uint32_t action)
{
    bool changed = false;
    assert_int_equal(
        gs_health_recovery(&health, &bed.snapshot, &rules, gpu, action, SECOND, &changed, NULL), 0);
    return changed;
}

static void health__comes_back_by_time_where_the_driver_wants_nothing(void **state)
{
    (void)state;
    uint64_t next;
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, 10 * (uint64_t)SECOND);
    assert_false(tick(10000 * (uint64_t)SECOND, &next)); /* the driver did not tell */
    assert_true(next == UINT64_MAX);
    recovery(0, GS_RECOVERY_NONE);
    assert_false(tick(11 * (uint64_t)SECOND, &next));
    assert_true(next == 310 * (uint64_t)SECOND);
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, 100 * (uint64_t)SECOND); /* again */
    assert_false(tick(310 * (uint64_t)SECOND, &next));
    assert_true(next == 400 * (uint64_t)SECOND);
    assert_string_equal(sick(), "MIG-0-1-0");
    assert_true(tick(400 * (uint64_t)SECOND, &next));
    assert_true(next == UINT64_MAX);
    assert_string_equal(sick(), "");
}

static void health__does_not_come_back_by_time_when_that_is_switched_off(void **state)
{
    (void)state;
    uint64_t next;
    bed.config.recover_after_s = 0;
    gs_health_rules_init(&rules, &bed.config);
    recovery(0, GS_RECOVERY_NONE);
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, SECOND);
    assert_false(tick(UINT64_MAX, &next));
    assert_true(next == UINT64_MAX);
}

static void health__is_bad_while_the_driver_wants_something_done(void **state)
{
    (void)state;
    uint64_t next;
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, SECOND);
    assert_true(recovery(0, GS_RECOVERY_DRAIN_AND_RESET));
    assert_false(recovery(0, GS_RECOVERY_DRAIN_AND_RESET));
    assert_string_equal(sick(), "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0");
    assert_false(tick(UINT64_MAX / 2, &next));
    assert_false(recovery(0, GS_NOT_KNOWN));
    assert_string_equal(sick(), "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0");
    assert_true(recovery(0, GS_RECOVERY_NONE));
    assert_string_equal(sick(), "MIG-0-1-0");
    assert_true(tick(UINT64_MAX / 2, &next));
    assert_string_equal(sick(), "");
}

static void health__ends_with_the_slice_and_begins_anew_with_the_next_one(void **state)
{
    (void)state;
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, SECOND);
    tell(GS_GPU_EVENT_XID, 2, ANY, ANY, 48, SECOND);
    assert_false(gs_health_snapshot(&health, &bed.snapshot));
    bed_slice(&bed, "MIG-0-1-0")->id.generation = 999; /* the same place and UUID, made anew */
    assert_true(gs_health_snapshot(&health, &bed.snapshot));
    assert_string_equal(sick(), "GPU-2");
    bed.gpus[2].generation = 1000; /* it was reset */
    assert_true(gs_health_snapshot(&health, &bed.snapshot));
    assert_string_equal(sick(), "");
}

static void health__of_a_lost_gpu_comes_back_with_it(void **state)
{
    (void)state;
    tell(GS_GPU_EVENT_LOST, 0, ANY, ANY, UINT64_MAX, SECOND);
    bed.gpus[0].lost = true;
    assert_false(gs_health_snapshot(&health, &bed.snapshot));
    assert_string_equal(sick(), "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0");
    bed.gpus[0].lost = false;
    assert_true(gs_health_snapshot(&health, &bed.snapshot));
    assert_string_equal(sick(), "");
}

static void health__keeps_the_last_xid_of_each_instance_while_it_is_there(void **state)
{
    (void)state;
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 43, SECOND); /* makes nothing sick */
    tell(GS_GPU_EVENT_XID, 0, 1, 0, 48, SECOND);
    tell(GS_GPU_EVENT_XID, 0, ANY, ANY, 79, SECOND);
    tell(GS_GPU_EVENT_XID, 9, ANY, ANY, 79, SECOND);
    tell(GS_GPU_EVENT_XID, ANY, ANY, ANY, 31, SECOND);
    assert_int_equal(health.last_xid[0][1], 48);
    assert_int_equal(health.last_xid[0][2], 0);
    assert_int_equal(health.last_xid[0][GS_GPU_INSTANCES_MAX], 79);
    bed.slices[0].id.gi = 12;
    gs_health_snapshot(&health, &bed.snapshot);
    assert_int_equal(health.last_xid[0][1], 0);
    assert_int_equal(health.last_xid[0][GS_GPU_INSTANCES_MAX], 79);
}

static void health__says_in_words_why_and_until_when(void **state)
{
    (void)state;
    static const struct {
        enum gs_gpu_event_kind kind;
        uint32_t gi;
        uint64_t data;
        uint32_t recovery;
        const char *says;
    } words[] = {
        {GS_GPU_EVENT_XID, 1, 48, ANY,
         "instance 1/0 of GPU 0: XID 48; unhealthy until the GPU is reset or the slice is made "
         "anew"},
        {GS_GPU_EVENT_XID, 1, 48, GS_RECOVERY_NONE,
         "instance 1/0 of GPU 0: XID 48; unhealthy until 300 s without an event have passed"},
        {GS_GPU_EVENT_ECC_DOUBLE, ANY, 0, ANY,
         "GPU 0: an ECC error that could not be corrected; unhealthy until the GPU is reset"},
        {GS_GPU_EVENT_LOST, ANY, 0, ANY,
         "GPU 0: it fell off the bus; unhealthy until it is there again"},
        {GS_GPU_EVENT_RECOVERY, ANY, GS_RECOVERY_REBOOT, ANY,
         "GPU 0: the driver wants a reboot of the node; unhealthy until that is done"},
        {GS_GPU_EVENT_RECOVERY, ANY, 77, ANY,
         "GPU 0: the driver wants recovery action 77; unhealthy until that is done"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(words); i++) {
        char text[200];
        gs_health_done(&health);
        gs_health_init(&health, &gs_alloc_heap);
        tell(words[i].kind, 0, words[i].gi, words[i].gi == ANY ? ANY : 0, words[i].data, SECOND);
        health.recovery[0] = words[i].recovery;
        gs_sick_format(&health, &rules, &health.sick[0], text, sizeof(text));
        assert_string_equal(text, words[i].says);
    }
}

/* Whatever comes in whatever order: only GPUs that were named have sick slices, nothing is there
 * twice, and once every GPU was reset nothing is left. */
static void health__keeps_to_the_gpus_that_were_named(void **state)
{
    (void)state;
    uint64_t seed = 20251122;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 200; round++) {
        uint32_t named = 0;
        for (unsigned step = 0; step < 40; step++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            unsigned draw = (unsigned)(seed >> 33);
            uint32_t gpu = draw % 3;
            enum gs_gpu_event_kind kind = (enum gs_gpu_event_kind)(draw / 3 % 7);
            uint32_t gi = draw / 21 % 5 == 4 ? ANY : draw / 21 % 5;
            tell(kind, gpu, gi, gi == ANY ? ANY : 0, draw / 105 % 80, step * (uint64_t)SECOND);
            named |= 1u << gpu;
            for (unsigned i = 0; i < health.n; i++) {
                assert_true((named >> health.sick[i].slice.gpu & 1u) != 0);
                assert_true(health.sick[i].since_us <= health.sick[i].last_us);
            }
            uint64_t next;
            tick(step * (uint64_t)SECOND, &next);
        }
        assert_true(health.n <= 3 * (bed.snapshot.n_slices + 3));
        for (unsigned g = 0; g < 3; g++) {
            bed.gpus[g].generation += 100;
        }
        for (unsigned i = 0; i < bed.snapshot.n_slices; i++) {
            bed.slices[i].id.generation += 100;
        }
        gs_health_snapshot(&health, &bed.snapshot);
        assert_int_equal(health.n, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(health__reads_lists_of_xids_as_nvidias_plugin),
        TEST(health__passes_over_what_is_beyond_its_bound),
        TEST(health__makes_sick_what_an_event_names_and_nothing_else),
        TEST(health__of_a_slice_is_that_of_its_gpu_where_that_is_offered_whole),
        TEST(health__tells_nothing_when_checks_are_off_but_for_a_lost_gpu),
        TEST(health__comes_back_by_time_where_the_driver_wants_nothing),
        TEST(health__does_not_come_back_by_time_when_that_is_switched_off),
        TEST(health__is_bad_while_the_driver_wants_something_done),
        TEST(health__ends_with_the_slice_and_begins_anew_with_the_next_one),
        TEST(health__of_a_lost_gpu_comes_back_with_it),
        TEST(health__keeps_the_last_xid_of_each_instance_while_it_is_there),
        TEST(health__says_in_words_why_and_until_when),
        TEST(health__keeps_to_the_gpus_that_were_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
