#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/layout.h"
#include "core/policy.h"
#include "node/prefer.h"

static struct bed bed;
static struct gs_offer offer;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bed_done(&bed);
    return 0;
}

static void make(void)
{
    assert_int_equal(gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, NULL), 0);
}

static struct gs_dp_ids words(const char *text)
{
    const char **list = gs_arena_get(&bed.arena, 64, sizeof(*list));
    struct gs_dp_ids ids = {.ids = list};
    struct gs_view rest = gs_view(text);
    while (rest.n > 0) {
        struct gs_view id = gs_view_split(&rest, ' ');
        list[ids.n++] = gs_arena_text(&bed.arena, id.p, id.n);
        assert_true(ids.n < 64);
    }
    return ids;
}

/* Chooses `size` of the ids that are parted by blanks; "all": every device of the resource. */
static int choose(const char *resource, const char *available, const char *required, unsigned size,
                  const bool *held, struct gs_dp_ids *ret, struct gs_err *err)
{
    const struct gs_prefer with = {.offer = &offer,
                                   .resource = gs_offer_find(&offer, resource),
                                   .config = &bed.config,
                                   .held = held};
    assert_non_null(with.resource);
    struct gs_dp_choice choice = {.must_include = words(required), .size = size};
    if (strcmp(available, "all") == 0) {
        struct gs_dp_list list;
        assert_int_equal(
            gs_offer_list(&bed.arena, resource, with.resource, NULL, 0, NULL, 0, &list, NULL), 0);
        const char **ids = gs_arena_get(&bed.arena, list.n, sizeof(*ids));
        for (unsigned i = 0; i < list.n; i++) {
            ids[i] = list.devices[i].id;
        }
        choice.available = (struct gs_dp_ids){.n = list.n, .ids = ids};
    } else {
        choice.available = words(available);
    }
    return gs_prefer(&bed.arena, &with, &choice, ret, err);
}

static const char *join(const struct gs_dp_ids *ids)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    for (unsigned i = 0; i < ids->n; i++) {
        gs_buf_printf(&out, "%s%s", i == 0 ? "" : " ", ids->ids[i]);
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&out), out.len);
    gs_buf_done(&out);
    return text;
}

#define MIG1 "nvidia.com/mig-1g.5gb"
#define SEVEN "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6"

static const struct {
    const char *says;
    const char *config;
    const char *layouts[3]; /* of A100-40GB; "": MIG off */
    const char *resource;
    const char *available;
    const char *required;
    unsigned size;
    const char *want;
} cases[] = {
    {"the GPU that is in use already, so that the other can be cut to anything",
     "",
     {SEVEN, SEVEN},
     MIG1,
     "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0 MIG-0-4-0 MIG-0-5-0 MIG-0-6-0 "
     "MIG-0-7-0 MIG-1-1-0 MIG-1-2-0 MIG-1-3-0 MIG-1-4-0 MIG-1-5-0 MIG-1-7-0",
     "",
     1,
     "MIG-1-5-0"},
    {"the place that leaves room for a 4g: at the end",
     "",
     {SEVEN},
     MIG1,
     "all",
     "",
     1,
     "MIG-0-7-0"},
    {"two on one GPU rather than one on each",
     "",
     {SEVEN, SEVEN},
     MIG1,
     "all",
     "",
     2,
     "MIG-0-5-0 MIG-0-6-0"},
    {"beside those that are required",
     "",
     {SEVEN, SEVEN},
     MIG1,
     "all",
     "MIG-1-5-0",
     2,
     "MIG-1-5-0 MIG-1-6-0"},
    {"spread: the GPU that is used less",
     "agent: {allocationPolicy: spread}",
     {SEVEN, SEVEN},
     MIG1,
     "MIG-0-3-0 MIG-0-4-0 MIG-1-1-0 MIG-1-2-0 MIG-1-3-0 MIG-1-4-0 MIG-1-5-0 MIG-1-6-0 MIG-1-7-0",
     "",
     1,
     "MIG-1-1-0"},
    {"spread: one on each",
     "agent: {allocationPolicy: spread}",
     {SEVEN, SEVEN},
     MIG1,
     "all",
     "",
     2,
     "MIG-0-1-0 MIG-1-1-0"},
    {"slices of a GPU instance that is in use",
     "",
     {"1c.2g.10gb@0;1c.2g.10gb,1c.2g.10gb@2;1c.2g.10gb"},
     "nvidia.com/mig-1c.2g.10gb",
     "MIG-0-1-0 MIG-0-1-1 MIG-0-2-1",
     "",
     1,
     "MIG-0-2-1"},
    {"both of one GPU instance",
     "",
     {"1c.2g.10gb@0;1c.2g.10gb,1c.2g.10gb@2;1c.2g.10gb"},
     "nvidia.com/mig-1c.2g.10gb",
     "all",
     "",
     2,
     "MIG-0-1-0 MIG-0-1-1"},
    {"unknown ids are passed over",
     "",
     {SEVEN},
     MIG1,
     "MIG-9-9-9 MIG-0-1-0 GPU-0",
     "",
     1,
     "MIG-0-1-0"},
    {"all there are", "", {"1g.5gb@0,1g.5gb@1"}, MIG1, "all", "", 2, "MIG-0-1-0 MIG-0-2-0"},
    {"no more than those required",
     "",
     {SEVEN},
     MIG1,
     "all",
     "MIG-0-3-0 MIG-0-1-0",
     2,
     "MIG-0-3-0 MIG-0-1-0"},
};

static void prefer__takes_slices_where_they_are_least_in_the_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_dp_ids ids;
        struct gs_err err = {0};
        tear_down(NULL);
        set_up(NULL);
        bed_configure(&bed, cases[i].config);
        for (unsigned g = 0; g < 3 && cases[i].layouts[g] != NULL; g++) {
            bed_cut(&bed, "A100-40GB", cases[i].layouts[g]);
        }
        make();
        if (choose(cases[i].resource, cases[i].available, cases[i].required, cases[i].size, NULL,
                   &ids, &err) < 0) {
            fail_msg("%s: %s", cases[i].says, err.msg);
        }
        if (strcmp(join(&ids), cases[i].want) != 0) {
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].says, join(&ids), cases[i].want);
        }
    }
}

static void prefer__sees_what_is_held_of_other_resources(void **state)
{
    (void)state;
    struct gs_dp_ids ids;
    bool held[4] = {false, false, false, true}; /* the 4g of GPU 1 */
    bed_cut(&bed, "A100-40GB", "1g.5gb@4,4g.20gb@0");
    bed_cut(&bed, "A100-40GB", "1g.5gb@4,4g.20gb@0");
    make();
    assert_int_equal(choose(MIG1, "all", "", 1, held, &ids, NULL), 0);
    assert_string_equal(join(&ids), "MIG-1-1-0");
    held[3] = false;
    held[1] = true;
    assert_int_equal(choose(MIG1, "all", "", 1, held, &ids, NULL), 0);
    assert_string_equal(join(&ids), "MIG-0-1-0");
}

static void prefer__packs_a_model_that_nobody_knows_by_number(void **state)
{
    (void)state;
    struct gs_dp_ids ids;
    for (unsigned g = 0; g < 3; g++) {
        bed_cut(&bed, "A100-40GB", SEVEN);
        bed.gpus[g].model = NULL;
    }
    make();
    assert_int_equal(choose(MIG1,
                            "MIG-0-1-0 MIG-0-2-0 MIG-0-3-0 MIG-0-4-0 MIG-0-5-0 MIG-0-6-0 "
                            "MIG-0-7-0 MIG-1-1-0 MIG-2-1-0 MIG-2-2-0",
                            "", 2, NULL, &ids, NULL),
                     0);
    assert_string_equal(join(&ids), "MIG-1-1-0 MIG-2-1-0");
}

/* ---- whole GPUs ---- */

static const struct {
    const char *says;
    int numa[8];
    unsigned n;
    const char *available;
    const char *required;
    unsigned size;
    const char *want;
} whole[] = {
    {"of one node", {0, 1, 0, 1}, 4, "all", "", 2, "GPU-0 GPU-2"},
    {"of the node that has them all", {0, 0, 1, 1, 1, 1}, 6, "all", "", 3, "GPU-2 GPU-3 GPU-4"},
    {"of the node with the least left over", {0, 0, 0, 0, 1, 1}, 6, "all", "", 2, "GPU-4 GPU-5"},
    {"of the node of those required", {0, 0, 0, 1, 1, 1}, 6, "all", "GPU-5", 2, "GPU-5 GPU-3"},
    {"of as few nodes as can be", {0, 1, 1, 2, 2, 2}, 6, "all", "", 4, "GPU-3 GPU-4 GPU-5 GPU-0"},
    {"without nodes", {-1, -1, -1}, 3, "all", "", 2, "GPU-0 GPU-1"},
    {"those that are free", {0, 0, 1, 1}, 4, "GPU-1 GPU-2 GPU-3", "", 2, "GPU-2 GPU-3"},
};

static void prefer__takes_whole_gpus_of_as_few_numa_nodes_as_possible(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(whole); i++) {
        struct gs_dp_ids ids;
        tear_down(NULL);
        set_up(NULL);
        for (unsigned g = 0; g < whole[i].n; g++) {
            bed_gpu(&bed, "A100-40GB")->numa_node = whole[i].numa[g];
        }
        make();
        assert_int_equal(choose("nvidia.com/gpu", whole[i].available, whole[i].required,
                                whole[i].size, NULL, &ids, NULL),
                         0);
        if (strcmp(join(&ids), whole[i].want) != 0) {
            fail_msg("%s: got \"%s\", expected \"%s\"", whole[i].says, join(&ids), whole[i].want);
        }
    }
}

/* ---- replicas: cases of NVIDIA's plugin (allocate_test.go) ---- */

static const struct {
    const char *says;
    unsigned gpus;
    unsigned replicas;
    const char *available;
    unsigned size;
    const char *distributed; /* how many of each GPU */
    const char *packed;
} replicas[] = {
    {"2 GPUs, 4 replicas each, 2 wanted", 2, 4, "all", 2, "1 1", "2 0"},
    {"3 GPUs, 2 replicas each, 3 wanted", 3, 2, "all", 3, "1 1 1", "2 1 0"},
    {"2 GPUs, 4 replicas each, 4 wanted", 2, 4, "all", 4, "2 2", "4 0"},
    {"2 GPUs, 4 replicas each, 5 wanted", 2, 4, "all", 5, "3 2", "4 1"},
    {"one GPU", 1, 4, "all", 1, "1", "1"},
    {"3 GPUs, 4 replicas each, 3 wanted", 3, 4, "all", 3, "1 1 1", "3 0 0"},
    {"one taken: of equals the GPU that was not picked from", 2, 2, "GPU-0::0 GPU-0::1 GPU-1::1", 2,
     "1 1", "1 1"},
    {"three taken of the second", 2, 4, "GPU-0::0 GPU-0::1 GPU-0::2 GPU-0::3 GPU-1::3", 1, "1 0",
     "0 1"},
};

static void prefer__distributes_or_packs_replicas_as_nvidias_plugin(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * GS_ARRAY_LEN(replicas); i++) {
        bool packed = i % 2 == 1;
        struct gs_dp_ids ids;
        unsigned counts[4] = {0};
        char yaml[200];
        char got[32] = "";
        tear_down(NULL);
        set_up(NULL);
        snprintf(yaml, sizeof(yaml),
                 "flags: {plugin: {sharedDevicesAllocationPolicy: %s}}\n"
                 "sharing: {timeSlicing: {resources: [{name: gpu, replicas: %u}]}}",
                 packed ? "packed" : "distributed",
                 replicas[i / 2].replicas < 2 ? 2 : replicas[i / 2].replicas);
        bed_configure(&bed, yaml);
        for (unsigned g = 0; g < replicas[i / 2].gpus; g++) {
            bed_gpu(&bed, "A100-40GB");
        }
        make();
        assert_int_equal(choose("nvidia.com/gpu", replicas[i / 2].available, "",
                                replicas[i / 2].size, NULL, &ids, NULL),
                         0);
        assert_int_equal(ids.n, replicas[i / 2].size);
        for (unsigned k = 0; k < ids.n; k++) {
            counts[ids.ids[k][4] - '0']++;
        }
        size_t used = 0;
        for (unsigned g = 0; g < replicas[i / 2].gpus; g++) {
            used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%u", g == 0 ? "" : " ",
                                     counts[g]);
        }
        assert_string_equal(got, packed ? replicas[i / 2].packed : replicas[i / 2].distributed);
    }
}

/* ---- refusals ---- */

static void prefer__refuses_and_says_why(void **state)
{
    (void)state;
    struct gs_dp_ids ids;
    struct gs_err err = {0};
    bed_cut(&bed, "A100-40GB", SEVEN);
    make();
    assert_int_equal(choose(MIG1, "all", "", 8, NULL, &ids, &err), GS_INFEASIBLE);
    assert_string_equal(err.msg, "nvidia.com/mig-1g.5gb: found 8 devices asked for; it has 7");
    assert_int_equal(choose(MIG1, "MIG-0-1-0", "MIG-0-2-0", 3, NULL, &ids, &err), GS_INFEASIBLE);
    assert_string_equal(err.msg, "nvidia.com/mig-1g.5gb: found 3 devices asked for, 1 required "
                                 "and 1 others available");
    assert_int_equal(choose(MIG1, "all", "MIG-0-1-0 MIG-0-2-0", 1, NULL, &ids, &err), GS_INVALID);
    assert_int_equal(choose(MIG1, "all", "MIG-0-1-0 MIG-0-1-0", 2, NULL, &ids, &err), GS_INVALID);
    assert_string_equal(err.msg, "found device MIG-0-1-0 twice among those required");
    assert_int_equal(choose(MIG1, "all", "MIG-9-9-9", 2, NULL, &ids, &err), GS_NOT_FOUND);
    assert_int_equal(choose(MIG1, "all", "", 0, NULL, &ids, &err), 0);
    assert_int_equal(ids.n, 0);
}

/* ---- property: no other choice costs less by the core's policies ---- */

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((seed >> 33) % n);
}

enum { GPUS = 3 };

/* Two or three A100 in a random state each, with random slices held. */
struct draw {
    const struct gs_statetable *table;
    const struct gs_policy *policy;
    bool held[64];
    unsigned rows[64]; /* of the resource, available */
    unsigned n;
};

static void cut_randomly(const struct gs_statetable *table)
{
    char layout[GS_LAYOUT_TEXT_MAX + 1];
    struct gs_layout placed;
    gs_layout_from_set(table, table->sets[below(table->n_states)], 0, &placed);
    gs_layout_format(table->model, &placed, layout);
    bed_cut(&bed, "A100-40GB", layout);
}

/* What it costs, by the core, to take a set of rows beside what is held. */
static int64_t cost_by_core(const struct draw *draw, const unsigned *rows, unsigned n)
{
    uint64_t sets[GPUS] = {0};
    int64_t cost = 0;
    for (unsigned i = 0; i < bed.snapshot.n_slices + n; i++) {
        unsigned row = i < bed.snapshot.n_slices ? i : rows[i - bed.snapshot.n_slices];
        if (i < bed.snapshot.n_slices && !draw->held[row]) {
            continue;
        }
        const struct gs_snapshot_slice *slice = &bed.slices[row];
        int p = gs_model_profile_index(draw->table->model, &slice->profile);
        int placement = gs_statetable_placement(draw->table, (unsigned)p, slice->start);
        uint16_t at = gs_statetable_find(draw->table, sets[slice->id.gpu]);
        assert_true(p >= 0 && placement >= 0 && at != GS_STATE_NONE);
        if (i >= bed.snapshot.n_slices) {
            cost += draw->policy->cost(draw->table, at, (unsigned)placement);
        }
        sets[slice->id.gpu] |= 1ull << placement;
    }
    return cost;
}

static unsigned row_of(const char *uuid)
{
    return (unsigned)(bed_slice(&bed, uuid) - bed.slices);
}

/* The least cost of any `size` of the rows. */
static int64_t least_by_core(const struct draw *draw, unsigned size)
{
    int64_t least = INT64_MAX;
    for (uint32_t set = 0; set < 1u << draw->n; set++) {
        unsigned rows[64] = {0};
        unsigned n = 0;
        if ((unsigned)__builtin_popcount(set) != size) {
            continue;
        }
        for (unsigned i = 0; i < draw->n; i++) {
            if ((set >> i & 1u) != 0) {
                rows[n++] = draw->rows[i];
            }
        }
        int64_t cost = cost_by_core(draw, rows, n);
        least = cost < least ? cost : least;
    }
    return least;
}

static void check_choice(struct draw *draw, const struct gs_offer_resource *resource, bool spread)
{
    char available[2000] = "";
    size_t used = 0;
    draw->n = 0;
    assert_int_equal(gs_policy_find(gs_view(spread ? "spread" : "min-loss"), &draw->policy, NULL),
                     0);
    for (unsigned i = 0; i < resource->n && draw->n < 11; i++) {
        unsigned row = resource->devices[i].row;
        if (draw->held[row]) {
            continue;
        }
        used += (size_t)snprintf(available + used, sizeof(available) - used, "%s%s",
                                 used == 0 ? "" : " ", resource->devices[i].uuid);
        draw->rows[draw->n++] = row;
    }
    for (unsigned i = 0; i < resource->n; i++) { /* what does not fit in counts as held */
        unsigned row = resource->devices[i].row;
        bool offered = false;
        for (unsigned k = 0; k < draw->n; k++) {
            offered = offered || draw->rows[k] == row;
        }
        draw->held[row] = !offered;
    }
    for (unsigned size = 1; size <= draw->n && size <= 5; size++) {
        struct gs_dp_ids ids;
        unsigned rows[64] = {0};
        assert_int_equal(choose(resource->name, available, "", size, draw->held, &ids, NULL), 0);
        assert_int_equal(ids.n, size);
        for (unsigned i = 0; i < ids.n; i++) {
            rows[i] = row_of(ids.ids[i]);
            for (unsigned k = 0; k < i; k++) {
                assert_true(rows[k] != rows[i]);
            }
        }
        int64_t got = cost_by_core(draw, rows, size);
        int64_t want = least_by_core(draw, size);
        if (got != want) {
            fail_msg("seed %llu: %s, %u of \"%s\": got %s, which costs %lld; there is one for %lld",
                     (unsigned long long)seed, resource->name, size, available, join(&ids),
                     (long long)got, (long long)want);
        }
    }
}

static void prefer__finds_the_choice_that_costs_the_core_least(void **state)
{
    (void)state;
    seed = 20251122;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct gs_arena keep;
    struct draw draw = {.n = 0};
    gs_arena_init(&keep, &gs_alloc_heap, 64 << 20);
    bed_gpu(&bed, "A100-40GB");
    assert_int_equal(
        gs_statetable_new(&keep, bed.gpus[0].model, GS_ALL_PROFILES, &draw.table, NULL), 0);
    for (unsigned round = 0; round < 1000; round++) {
        tear_down(NULL);
        set_up(NULL);
        bed.config.packing = round % 2 == 0 ? GS_PACKING_PACKED : GS_PACKING_SPREAD;
        for (unsigned g = 0; g < 2 + round % 2; g++) {
            cut_randomly(draw.table);
        }
        make();
        for (unsigned i = 0; i < bed.snapshot.n_slices; i++) {
            draw.held[i] = below(3) == 0;
        }
        for (unsigned i = 0; i < offer.n_resources; i++) {
            struct draw own = draw;
            check_choice(&own, &offer.resources[i], bed.config.packing == GS_PACKING_SPREAD);
        }
    }
    gs_arena_done(&keep);
}

/* 32 GPUs with seven slices of four replicas, and 224 slices: a choice is a matter of milliseconds.
 */
static void prefer__is_quick_with_a_thousand_devices(void **state)
{
    (void)state;
    struct gs_dp_ids ids;
    for (unsigned g = 0; g < GS_GPUS_MAX; g++) {
        bed_cut(&bed, "A100-40GB", SEVEN);
    }
    bed_configure(&bed, "sharing: {timeSlicing: {resources: [{name: mig-1g.5gb, replicas: 5}]}}");
    make();
    assert_int_equal(choose(MIG1, "all", "", 1000, NULL, &ids, NULL), 0);
    assert_int_equal(ids.n, 1000);
    bed_configure(&bed, "");
    make();
    assert_int_equal(choose(MIG1, "all", "", 200, NULL, &ids, NULL), 0);
    assert_int_equal(ids.n, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(prefer__takes_slices_where_they_are_least_in_the_way),
        TEST(prefer__sees_what_is_held_of_other_resources),
        TEST(prefer__packs_a_model_that_nobody_knows_by_number),
        TEST(prefer__takes_whole_gpus_of_as_few_numa_nodes_as_possible),
        TEST(prefer__distributes_or_packs_replicas_as_nvidias_plugin),
        TEST(prefer__refuses_and_says_why),
        TEST(prefer__finds_the_choice_that_costs_the_core_least),
        TEST(prefer__is_quick_with_a_thousand_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
