#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/catalog.h"
#include "core/statetable.h"
#include "money/money.h"
#include "sim/random.h"

enum { DRAWN_GPUS = 16 };
#define P4D UINT64_C(21957642) /* not a multiple of 8 */

static const struct gs_model *model(const char *id)
{
    const struct gs_model *found = NULL;
    assert_int_equal(gs_catalog_find(gs_view(id), &found, NULL), 0);
    return found;
}

static uint8_t profile(const struct gs_model *of, const char *name)
{
    unsigned p = 0;
    assert_int_equal(gs_model_profile_find(of, gs_view(name), &p, NULL), 0);
    return (uint8_t)p;
}

/* What the parts that are held were said to cost. */
struct told {
    uint64_t sum;
    unsigned n;
    uint64_t of[GS_MONEY_GPUS_MAX * GS_MEMORY_UNITS_MAX];
};

static void take(void *ctx, unsigned gpu, uint32_t slice, uint64_t uusd_h)
{
    struct told *told = ctx;
    (void)gpu;
    (void)slice;
    told->sum += uusd_h;
    told->of[told->n++] = uusd_h;
}

static bool adds_up(const struct gs_money_sum *sum)
{
    return sum->used + sum->idle + sum->stranded + sum->starting == sum->bill;
}

static struct gs_money_sum pay(const struct gs_money_node *node, struct told *told)
{
    struct gs_money *money = gs_money_new();
    struct gs_money_sum sum = {.bill = 0};
    *told = (struct told){.sum = 0};
    assert_non_null(money);
    assert_int_equal(gs_money_node(money, node, &sum, take, told, NULL), 0);
    gs_money_free(money);
    return sum;
}

/* One GPU of an A100 at 56 dollars an hour: a dollar a share. */
#define DOLLAR UINT64_C(1000000)
#define A_GPU (56 * DOLLAR)

struct row {
    const char *says;
    struct {
        const char *profile;
        uint8_t start;
        enum gs_money_use use;
    } slices[7];
    bool sick;
    uint64_t used;
    uint64_t idle;
    uint64_t stranded;
    uint64_t first; /* what the first slice that is held costs */
};

static const struct row rows[] = {
    {"an empty GPU is idle", {{NULL, 0, 0}}, false, 0, A_GPU, 0, 0},
    {"a sick one is stranded", {{NULL, 0, 0}}, true, 0, 0, A_GPU, 0},
    {"7g is all of it", {{"7g.40gb", 0, GS_MONEY_HELD}}, false, A_GPU, 0, 0, A_GPU},
    {"1g is a seventh, though it has an eighth of the memory",
     {{"1g.5gb", 0, GS_MONEY_HELD}},
     false,
     8 * DOLLAR,
     48 * DOLLAR,
     0,
     8 * DOLLAR},
    {"3g is half, though it has three sevenths of the computing; a 4g could be beside it",
     {{"3g.20gb", 4, GS_MONEY_HELD}},
     false,
     28 * DOLLAR,
     28 * DOLLAR,
     0,
     28 * DOLLAR},
    {"3g in the way of 4g: half is used, and 1g 2g or 3g fit beside it",
     {{"3g.20gb", 0, GS_MONEY_HELD}},
     false,
     28 * DOLLAR,
     28 * DOLLAR,
     0,
     28 * DOLLAR},
    {"two 3g leave nothing, and strand nothing that anybody pays for",
     {{"3g.20gb", 0, GS_MONEY_HELD}, {"3g.20gb", 4, GS_MONEY_HELD}},
     false,
     56 * DOLLAR,
     0,
     0,
     28 * DOLLAR},
    {"idle slices are idle",
     {{"3g.20gb", 0, GS_MONEY_HELD}, {"3g.20gb", 4, GS_MONEY_FREE}},
     false,
     28 * DOLLAR,
     28 * DOLLAR,
     0,
     28 * DOLLAR},
    {"a sick slice is stranded",
     {{"3g.20gb", 0, GS_MONEY_HELD}, {"3g.20gb", 4, GS_MONEY_SICK}},
     false,
     28 * DOLLAR,
     0,
     28 * DOLLAR,
     28 * DOLLAR},
    {"what is held on a sick GPU is used, the rest is stranded",
     {{"3g.20gb", 0, GS_MONEY_HELD}, {"3g.20gb", 4, GS_MONEY_FREE}},
     true,
     28 * DOLLAR,
     0,
     28 * DOLLAR,
     28 * DOLLAR},
    {"4g and 3g together are more than a GPU: both in proportion, the rest to the first",
     {{"4g.20gb", 0, GS_MONEY_HELD}, {"3g.20gb", 4, GS_MONEY_HELD}},
     false,
     56 * DOLLAR,
     0,
     0,
     A_GPU - A_GPU * 28 / 60},
    {"unit 7 is too little for anything: 56 less 28, 14 and 8",
     {{"3g.20gb", 0, GS_MONEY_HELD}, {"1g.10gb", 4, GS_MONEY_HELD}, {"1g.5gb", 6, GS_MONEY_HELD}},
     false,
     50 * DOLLAR,
     0,
     6 * DOLLAR,
     28 * DOLLAR},
};

static void money__a_gpu_is_spread_over_what_is_on_it(void **state)
{
    const struct gs_model *a100 = model("A100-40GB");
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gs_money_slice slices[7];
        unsigned n = 0;
        for (; n < 7 && rows[i].slices[n].profile != NULL; n++) {
            slices[n] = (struct gs_money_slice){profile(a100, rows[i].slices[n].profile),
                                                rows[i].slices[n].start, rows[i].slices[n].use};
        }
        const struct gs_money_gpu gpu = {
            .model = a100, .mig = true, .sick = rows[i].sick, .slices = slices, .n_slices = n};
        const struct gs_money_node node = {.uusd_h = A_GPU, .gpus = &gpu, .n_gpus = 1};
        struct told told;
        struct gs_money_sum sum = pay(&node, &told);
        if (sum.used != rows[i].used || sum.idle != rows[i].idle ||
            sum.stranded != rows[i].stranded || told.of[0] != rows[i].first) {
            fail_msg("%s: used %lu idle %lu stranded %lu first %lu", rows[i].says, sum.used,
                     sum.idle, sum.stranded, told.of[0]);
        }
        assert_true(adds_up(&sum));
        assert_int_equal(told.sum, sum.used);
    }
}

static void money__a_starting_node_is_starting_and_an_unpriced_one_is_counted(void **state)
{
    const struct gs_money_gpu gpus[8] = {{.model = model("A100-40GB"), .mig = true}};
    const struct gs_money_node starting = {
        .uusd_h = P4D, .starting = true, .gpus = gpus, .n_gpus = 8};
    const struct gs_money_node unknown = {.uusd_h = GS_MONEY_NOT_KNOWN, .gpus = gpus, .n_gpus = 8};
    const struct gs_money_node blind = {.uusd_h = P4D};
    struct told told;
    (void)state;
    struct gs_money_sum sum = pay(&starting, &told);
    assert_int_equal(sum.starting, P4D);
    assert_int_equal(sum.bill, P4D);
    sum = pay(&unknown, &told);
    assert_int_equal(sum.bill, 0);
    assert_int_equal(sum.unknown_nodes, 1);
    assert_int_equal(sum.unknown_gpus, 8);
    sum = pay(&blind, &told);
    assert_int_equal(sum.stranded, P4D);
    assert_true(adds_up(&sum));
}

static void money__whole_gpus_and_rounding_go_where_they_belong(void **state)
{
    struct gs_money_gpu gpus[8] = {{.model = NULL}};
    const struct gs_money_node node = {.uusd_h = P4D, .gpus = gpus, .n_gpus = 8};
    struct told told;
    (void)state;
    gpus[0].held = true;
    gpus[1].sick = true;
    struct gs_money_sum sum = pay(&node, &told);
    assert_int_equal(sum.used, P4D / 8 + P4D % 8);
    assert_int_equal(sum.stranded, P4D / 8);
    assert_int_equal(sum.idle, P4D / 8 * 6);
    assert_true(adds_up(&sum));
}

static void money__the_bound_is_the_fewest_gpus_at_the_cheapest_price(void **state)
{
    const struct gs_model *a100 = model("A100-40GB");
    const struct gs_money_slice three = {profile(a100, "3g.20gb"), 0, GS_MONEY_HELD};
    struct gs_money_gpu gpus[8];
    struct told told;
    uint64_t bound = 0;
    (void)state;
    for (unsigned k = 0; k < 8; k++) {
        gpus[k] =
            (struct gs_money_gpu){.model = a100, .mig = true, .slices = &three, .n_slices = k < 5};
    }
    const struct gs_money_node node = {.uusd_h = 8 * A_GPU, .gpus = gpus, .n_gpus = 8};
    struct gs_money_sum sum = pay(&node, &told);
    assert_int_equal(gs_money_bound(&sum, &bound, NULL), 0);
    assert_int_equal(bound, 3 * A_GPU); /* five 3g */
    assert_int_equal(sum.whole_gpus, 5 * A_GPU);
    assert_true(bound <= sum.bill);
    sum.kinds[0].strange = 1;
    assert_int_equal(gs_money_bound(&sum, &bound, NULL), GS_UNKNOWN);
}

static void money__units_that_nothing_fits_onto_are_named(void **state)
{
    const struct gs_model *a100 = model("A100-40GB");
    const struct gs_money_slice slices[] = {{profile(a100, "3g.20gb"), 0, GS_MONEY_HELD},
                                            {profile(a100, "1g.10gb"), 4, GS_MONEY_HELD},
                                            {profile(a100, "1g.5gb"), 6, GS_MONEY_HELD}};
    const struct gs_money_gpu gpu = {.model = a100, .mig = true, .slices = slices, .n_slices = 3};
    struct gs_money *money = gs_money_new();
    uint16_t units = 0;
    (void)state;
    assert_int_equal(gs_money_stranded_units(money, &gpu, &units, NULL), 0);
    assert_int_equal(units, 1u << 7);
    gs_money_free(money);
}

static void money__bounds_of_the_node_are_kept(void **state)
{
    const struct gs_money_gpu gpu = {.mig = true, .n_slices = GS_MEMORY_UNITS_MAX + 1};
    const struct gs_money_node rows_[] = {
        {.uusd_h = 1, .gpus = &gpu, .n_gpus = 1},
        {.uusd_h = 1, .n_gpus = GS_MONEY_GPUS_MAX + 1},
        {.uusd_h = GS_MONEY_PRICE_MAX + 1},
    };
    struct gs_money *money = gs_money_new();
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct gs_money_sum sum = {.bill = 0};
        assert_int_equal(gs_money_node(money, &rows_[i], &sum, NULL, NULL, NULL), GS_INVALID);
        assert_int_equal(sum.bill, 0);
    }
    gs_money_free(money);
}

/* ---- random pictures ---- */

struct drawn {
    struct gs_money_slice slices[DRAWN_GPUS][GS_MEMORY_UNITS_MAX];
    struct gs_money_gpu gpus[DRAWN_GPUS];
};

/* A state of the model's table, drawn by adding placements that fit. */
static unsigned draw_slices(struct gs_random *random, const struct gs_statetable *table,
                            struct gs_money_slice *slices)
{
    uint16_t at = 0;
    unsigned n = 0;
    for (unsigned k = 0; k < 12; k++) {
        unsigned i = (unsigned)gs_random_below(random, table->n_placements);
        uint16_t next = table->next[at * table->n_placements + i];
        if (next != GS_STATE_NONE) {
            at = next;
            slices[n++] =
                (struct gs_money_slice){table->placements[i].profile, table->placements[i].start,
                                        (enum gs_money_use)gs_random_below(random, 3)};
        }
    }
    return n;
}

static void draw_node(struct gs_random *random, const struct gs_statetable *const *tables,
                      size_t n_tables, struct drawn *drawn, struct gs_money_node *ret)
{
    unsigned n = (unsigned)gs_random_below(random, DRAWN_GPUS + 1);
    const struct gs_statetable *table = tables[gs_random_below(random, (uint32_t)n_tables)];
    for (unsigned k = 0; k < n; k++) {
        struct gs_money_gpu *gpu = &drawn->gpus[k];
        *gpu = (struct gs_money_gpu){.model = table->model,
                                     .mig = gs_random_below(random, 8) != 0,
                                     .sick = gs_random_below(random, 8) == 0,
                                     .held = gs_random_below(random, 2) != 0,
                                     .slices = drawn->slices[k]};
        gpu->n_slices = gpu->mig ? draw_slices(random, table, drawn->slices[k]) : 0;
        if (gs_random_below(random, 16) == 0) {
            gpu->model = NULL;
        } else if (gpu->n_slices > 0 && gs_random_below(random, 16) == 0) {
            drawn->slices[k][0].profile = GS_MONEY_NO_PROFILE;
        }
    }
    *ret = (struct gs_money_node){.uusd_h = gs_random_below(random, 16) == 0
                                                ? GS_MONEY_NOT_KNOWN
                                                : gs_random_below(random, 200000000),
                                  .starting = gs_random_below(random, 8) == 0,
                                  .gpus = drawn->gpus,
                                  .n_gpus = n};
}

static void money__every_picture_adds_up_to_the_millionth(void **state)
{
    static const char *const ids[] = {"A100-40GB", "H100-80GB-SXM5", "A30-24GB", "B200-180GB"};
    const struct gs_statetable *tables[4];
    struct gs_arena arena;
    struct gs_random random;
    struct gs_money *money = gs_money_new();
    struct gs_money_sum sum = {.bill = 0};
    struct told told = {.sum = 0};
    uint64_t bill = 0;
    size_t n = 0;
    const uint64_t seed = 20261122;
    (void)state;
    print_message("seed %lu\n", seed);
    gs_random_init(&random, seed);
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 20);
    for (size_t i = 0; i < 4; i++) {
        const struct gs_model *found = NULL;
        if (gs_catalog_find(gs_view(ids[i]), &found, NULL) == 0 && found->placements_known) {
            assert_int_equal(gs_statetable_new(&arena, found, GS_ALL_PROFILES, &tables[n], NULL),
                             0);
            n++;
        }
    }
    assert_true(n >= 2);
    for (unsigned i = 0; i < 20000; i++) {
        struct drawn drawn;
        struct gs_money_node node;
        draw_node(&random, tables, n, &drawn, &node);
        told.n = 0;
        assert_int_equal(gs_money_node(money, &node, &sum, take, &told, NULL), 0);
        bill += node.uusd_h == GS_MONEY_NOT_KNOWN ? 0 : node.uusd_h;
        assert_true(adds_up(&sum));
        assert_int_equal(sum.bill, bill);
        assert_int_equal(sum.used, told.sum);
    }
    /* a part that is lost, or counted twice, by one millionth is seen */
    sum.idle--;
    assert_false(adds_up(&sum));
    sum.idle += 2;
    assert_false(adds_up(&sum));
    gs_money_free(money);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money__a_gpu_is_spread_over_what_is_on_it),
        cmocka_unit_test(money__a_starting_node_is_starting_and_an_unpriced_one_is_counted),
        cmocka_unit_test(money__whole_gpus_and_rounding_go_where_they_belong),
        cmocka_unit_test(money__the_bound_is_the_fewest_gpus_at_the_cheapest_price),
        cmocka_unit_test(money__units_that_nothing_fits_onto_are_named),
        cmocka_unit_test(money__bounds_of_the_node_are_kept),
        cmocka_unit_test(money__every_picture_adds_up_to_the_millionth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
