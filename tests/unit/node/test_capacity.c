#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/capacity.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

enum { NO = -1 }; /* not in node.status, not known, no ceiling */

static const struct {
    const char *when;
    int listed, healthy, kubelet, ceiling, capacity, allocatable;
    bool forgotten;
    const char *want; /* "capacity/allocatable", "remove", ""; "wait" and "settled" behind it */
} cases[] = {
    {"nothing", 0, 0, 0, NO, NO, NO, false, " settled"},
    {"a new resource that the kubelet was not asked about", 7, 7, NO, NO, NO, NO, false, " wait"},
    {"a new resource that the kubelet has not taken", 7, 7, 0, NO, NO, NO, false, "7/0 wait"},
    {"a new resource", 7, 7, 7, NO, NO, NO, false, "7/7"},
    {"all is well", 7, 7, 7, NO, 7, 7, false, " settled"},
    {"grown, the kubelet was not asked", 7, 7, NO, NO, 3, 3, false, " wait"},
    {"grown, the kubelet has some", 7, 7, 5, NO, 3, 3, false, "7/5 wait"},
    {"grown, the kubelet has them", 7, 7, 7, NO, 3, 3, false, "7/7"},
    {"one is sick", 7, 6, 7, NO, 7, 7, false, "7/6 wait"},
    {"one is sick and all know", 7, 6, 6, NO, 7, 6, false, " settled"},
    {"one is sick, the kubelet was not asked", 7, 6, NO, NO, 7, 7, false, "7/6 wait"},
    {"a ceiling", 7, 7, 7, 5, 7, 7, false, "7/5"},
    {"a ceiling that is kept", 7, 7, 7, 5, 7, 5, false, ""},
    {"a ceiling that the kubelet's beat overwrote", 7, 7, 7, 5, 7, 7, false, "7/5"},
    {"a ceiling, and the slices are told unhealthy", 7, 5, 7, 5, 7, 5, false, " wait"},
    {"the kubelet knows them unhealthy", 7, 5, 5, 5, 7, 5, false, " settled"},
    {"they are gone from the list", 5, 5, 5, NO, 7, 5, false, "5/5"},
    {"a ceiling that is lifted", 7, 7, 7, NO, 7, 5, false, "7/7"},
    {"a ceiling of none", 7, 7, 7, 0, 7, 7, false, "7/0"},
    {"a ceiling above all", 7, 7, 7, 9, 7, 7, false, " settled"},
    {"status is ahead of the kubelet", 7, 7, 4, NO, 7, 7, false, "7/4 wait"},
    {"a resource that vanished", 0, 0, 3, NO, 3, 3, false, "0/0 wait"},
    {"a resource that vanished, and the kubelet knows", 0, 0, 0, NO, 3, 3, false, "0/0"},
    {"the kubelet keeps it at zero", 0, 0, 0, NO, 0, 0, false, " settled"},
    {"the kubelet has forgotten it", 0, 0, NO, NO, 0, 0, true, "remove"},
    {"it is gone from node.status", 0, 0, NO, NO, NO, NO, true, " settled"},
    {"the scheduler's number is wrong", 4, 4, 4, NO, 900, 900, false, "4/4"},
};

static void capacity__is_never_ahead_of_the_kubelet(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const struct gs_capacity_row row = {
            .resource = "nvidia.com/mig-1g.5gb",
            .listed = (uint32_t)cases[i].listed,
            .healthy = (uint32_t)cases[i].healthy,
            .kubelet_known = cases[i].kubelet != NO,
            .kubelet = cases[i].kubelet == NO ? 0 : (uint32_t)cases[i].kubelet,
            .ceiling = cases[i].ceiling == NO ? GS_CAPACITY_NO_CEILING : (uint32_t)cases[i].ceiling,
            .forgotten = cases[i].forgotten,
            .in_status = cases[i].capacity != NO,
            .capacity = cases[i].capacity == NO ? 0 : (uint64_t)cases[i].capacity,
            .allocatable = cases[i].allocatable == NO ? 0 : (uint64_t)cases[i].allocatable,
        };
        struct gs_capacity capacity;
        char got[80] = "";
        assert_int_equal(gs_capacity_new(&arena, &row, 1, &capacity, NULL), 0);
        if (capacity.n == 1 && capacity.at[0].remove) {
            snprintf(got, sizeof(got), "remove");
        } else if (capacity.n == 1) {
            snprintf(got, sizeof(got), "%u/%u", (unsigned)capacity.at[0].capacity,
                     (unsigned)capacity.at[0].allocatable);
        }
        size_t n = strlen(got);
        snprintf(got + n, sizeof(got) - n, "%s%s", capacity.waiting ? " wait" : "",
                 capacity.settled ? " settled" : "");
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].when, got, cases[i].want);
        }
    }
}

static void capacity__names_what_differs_by_resource(void **state)
{
    (void)state;
    const struct gs_capacity_row rows[] = {
        {.resource = "nvidia.com/mig-2g.10gb",
         .listed = 1,
         .healthy = 1,
         .kubelet_known = true,
         .kubelet = 1,
         .ceiling = GS_CAPACITY_NO_CEILING},
        {.resource = "nvidia.com/gpu",
         .listed = 2,
         .healthy = 2,
         .kubelet_known = true,
         .kubelet = 2,
         .ceiling = GS_CAPACITY_NO_CEILING,
         .in_status = true,
         .capacity = 2,
         .allocatable = 2},
        {.resource = "nvidia.com/mig-1g.5gb",
         .listed = 3,
         .healthy = 3,
         .kubelet_known = true,
         .kubelet = 3,
         .ceiling = 1},
    };
    struct gs_capacity capacity;
    assert_int_equal(gs_capacity_new(&arena, rows, 3, &capacity, NULL), 0);
    assert_int_equal(capacity.n, 2);
    assert_string_equal(capacity.at[0].resource, "nvidia.com/mig-1g.5gb");
    assert_string_equal(capacity.at[1].resource, "nvidia.com/mig-2g.10gb");
    assert_false(capacity.settled);
}

/* A node, a kubelet that lags behind and overwrites, and us, in any order: allocatable is never
 * more than the kubelet has when we write it, nor more than is healthy or allowed; once nothing
 * changes any more, a few rounds settle it. */
struct world {
    struct gs_capacity_row row;
    uint32_t sent_healthy; /* what the kubelet will have */
};

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((seed >> 33) % n);
}

static void apply(struct world *world)
{
    struct gs_capacity capacity;
    struct gs_capacity_row *row = &world->row;
    assert_int_equal(gs_capacity_new(&arena, row, 1, &capacity, NULL), 0);
    if (capacity.n == 1) {
        uint64_t before = row->in_status ? row->allocatable : 0;
        assert_true(capacity.at[0].allocatable <= row->healthy);
        assert_true(capacity.at[0].allocatable <= row->ceiling);
        assert_true(capacity.at[0].allocatable <= row->kubelet ||
                    (!row->kubelet_known && capacity.at[0].allocatable <= before));
        row->in_status = true;
        row->capacity = capacity.at[0].capacity;
        row->allocatable = capacity.at[0].allocatable;
    }
}

static void disturb(struct world *world)
{
    struct gs_capacity_row *row = &world->row;
    switch (below(5)) {
    case 0: /* a new list */
        row->listed = below(8);
        row->healthy = row->listed == 0 ? 0 : below(row->listed + 1);
        row->kubelet_known = false;
        break;
    case 1: /* the kubelet takes it in */
        world->sent_healthy = row->healthy;
        break;
    case 2: /* it is asked */
        row->kubelet_known = true;
        row->kubelet = world->sent_healthy;
        break;
    case 3: /* its beat */
        row->in_status = true;
        row->allocatable = world->sent_healthy;
        break;
    default:
        row->ceiling = below(2) == 0 ? GS_CAPACITY_NO_CEILING : below(8);
        break;
    }
}

static void capacity__settles_whatever_happens_in_between(void **state)
{
    (void)state;
    seed = 99;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 5000; round++) {
        struct world world = {.row = {.resource = "r", .ceiling = GS_CAPACITY_NO_CEILING}};
        struct gs_arena_mark mark = gs_arena_mark(&arena);
        for (unsigned step = 0; step < 30; step++) {
            disturb(&world);
            apply(&world);
        }
        struct gs_capacity capacity;
        world.row.ceiling = GS_CAPACITY_NO_CEILING;
        world.row.kubelet = world.row.healthy;
        world.row.kubelet_known = true;
        apply(&world);
        assert_int_equal(gs_capacity_new(&arena, &world.row, 1, &capacity, NULL), 0);
        assert_true(capacity.settled && capacity.n == 0 && !capacity.waiting);
        assert_true(!world.row.in_status || world.row.allocatable == world.row.healthy);
        gs_arena_rewind(&arena, mark);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(capacity__is_never_ahead_of_the_kubelet),
        TEST(capacity__names_what_differs_by_resource),
        TEST(capacity__settles_whatever_happens_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
