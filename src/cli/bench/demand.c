#include "cli/bench/demand.h"

#include "base/cleanup.h"

enum { GIB_SHIFT = 30 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a demand");
}

/* Hands the kinds of a demand to the input. */
static void give(const struct gs_demand *demand, struct gs_plan_input *ret)
{
    ret->items = gs_demand_items(demand, &ret->n_items);
}

/* As give, with `total` items spread evenly over the kinds, one of each at least. */
static int give_evenly(struct gs_arena *arena, const struct gs_demand *demand, uint64_t total,
                       struct gs_plan_input *ret, struct gs_err *err)
{
    give(demand, ret);
    struct gs_item *items = GS_ARENA_NEW(arena, struct gs_item, ret->n_items);
    if (items == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < ret->n_items; i++) {
        items[i] = ret->items[i];
        items[i].count = total / ret->n_items + (i < total % ret->n_items ? 1 : 0);
        items[i].count += items[i].count == 0 ? 1 : 0;
    }
    ret->items = items;
    return 0;
}

static bool is_complete(const struct gs_demand *demand, unsigned kinds)
{
    size_t n;
    (void)gs_demand_items(demand, &n);
    return n == kinds;
}

/* A share of `total`, at least 1. */
static uint64_t share(uint64_t total, uint64_t weight, uint64_t weights)
{
    uint64_t part = (uint64_t)((unsigned __int128)total * weight / weights);
    return part == 0 ? 1 : part;
}

/* ------------------------------------------------------------------ slices */

static int add_one_slice(struct gs_demand *demand, const struct gs_profile *profile, uint64_t count,
                         struct gs_err *err)
{
    const struct gs_want want = {.profile = profile->parts, .count = 1};
    const struct gs_alternative alternative = {.wants = &want, .n_wants = 1};
    const struct gs_item item = {
        .name = profile->name, .count = count, .alternatives = &alternative, .n_alternatives = 1};
    return gs_demand_add(demand, &item, err);
}

int gs_cmd_bench_demand_slices(struct gs_arena *arena, const struct gs_model *model,
                               const unsigned *profiles, unsigned n_profiles,
                               const uint32_t *weights, uint64_t total, struct gs_plan_input *ret,
                               struct gs_err *err)
{
    struct gs_demand *demand = gs_demand_new(arena);
    if (demand == NULL) {
        return no_memory(err);
    }
    uint64_t sum = 0;
    uint64_t left = total;
    for (unsigned p = 0; p < n_profiles; p++) {
        sum += weights[p];
    }
    int r = 0;
    for (unsigned p = 0; r == 0 && p < n_profiles; p++) {
        bool last = p + 1 == n_profiles;
        uint64_t count = last ? left : share(total, weights[p], sum);
        left -= count;
        r = add_one_slice(demand, &model->profiles[profiles[p]], count, err);
    }
    give(demand, ret);
    return r;
}

/* ------------------------------------------------------------------ bundles */

/* Bundles are made until there are `kinds` different ones; this bounds the tries for each. */
enum { BUNDLE_WANTS_MAX = 3, BUNDLE_COUNT_MAX = 4, TRIES = 1000 };

static int add_bundle(struct gs_demand *demand, const struct gs_model *model,
                      struct gs_random *random, struct gs_err *err)
{
    struct gs_want wants[BUNDLE_WANTS_MAX];
    size_t n_wants = 1 + gs_random_below(random, BUNDLE_WANTS_MAX);
    uint32_t first = gs_random_below(random, model->n_profiles);
    for (size_t w = 0; w < n_wants; w++) {
        uint32_t p = (first + 2 * (uint32_t)w) % model->n_profiles;
        wants[w] = (struct gs_want){.profile = model->profiles[p].parts,
                                    .count = 1 + gs_random_below(random, BUNDLE_COUNT_MAX)};
    }
    const struct gs_alternative alternative = {.wants = wants, .n_wants = n_wants};
    const struct gs_item item = {
        .name = "bundle", .count = 1, .alternatives = &alternative, .n_alternatives = 1};
    return gs_demand_add(demand, &item, err);
}

int gs_cmd_bench_demand_bundles(struct gs_arena *arena, const struct gs_model *model,
                                unsigned kinds, uint64_t total, uint64_t seed,
                                struct gs_plan_input *ret, struct gs_err *err)
{
    struct gs_random random;
    gs_random_init(&random, seed);
    struct gs_demand *demand = gs_demand_new(arena);
    if (demand == NULL) {
        return no_memory(err);
    }
    int r = 0;
    for (unsigned tries = 0; r == 0 && !is_complete(demand, kinds); tries++) {
        if (tries == kinds * TRIES) {
            return gs_fail(err, GS_LIMIT, "there are not %u different bundles of %s", kinds,
                           model->id);
        }
        r = add_bundle(demand, model, &random, err);
    }
    return r < 0 ? r : give_evenly(arena, demand, total, ret, err);
}

/* ------------------------------------------------------------------ a fleet's demand */

/* One way to be served, as people write it, and the share of its node's CPU and memory that goes
 * with its slices: a p4d has 1.7 cores and 20 GiB a compute slice, others more. */
struct way {
    const char *text;
    unsigned quarter_cores;
    unsigned gib;
    bool heavy; /* asks for more than that share: its nodes are full of it before their GPUs are */
};

enum { WAYS_MAX = 3 };

static const struct way ways[][WAYS_MAX] = {
    {{"1g.5gb", 7, 18, true}},
    {{"2g.10gb", 14, 36, true}},
    {{"3g.20gb", 21, 54, true}},
    {{"4g.20gb", 28, 72, true}},
    {{"1g.5gb x3", 21, 54, true}},
    {{"1g.10gb", 7, 18, true}},
    {{"A100-80GB/1g.20gb", 7, 18, true}},
    {{"2g.20gb", 14, 36, true}},
    {{"A100-80GB/3g.40gb", 21, 54, true}},
    {{"H100-80GB-SXM5/1g.10gb", 8, 36, true}},
    {{"H100-80GB-SXM5/4g.40gb", 32, 130, true}},
    {{"A100-40GB/gpu", 47, 130, false}},
    {{"7g.80gb", 47, 130, false}},
    {{"1g.18gb", 13, 33, false}},
    {{"3g.71gb", 40, 100, false}},
    {{"1g.23gb", 13, 33, false}},
    {{"1g.34gb", 13, 66, false}},
    {{"1g.24gb", 8, 13, false}},
    {{"2g.48gb", 16, 27, false}},
    {{"1g.24gb x2", 16, 27, false}},
};

/* For those that may run as one thing or another. */
static const struct way choices[][WAYS_MAX] = {
    {{"1g.10gb", 8, 16, false}, {.text = "1g.24gb"}, {.text = "1g.18gb"}},
    {{"A100-80GB/2g.20gb", 14, 27, false}, {.text = "1g.24gb"}},
    {{"3g.40gb", 22, 50, true}, {.text = "2g.48gb"}},
    {{"2g.10gb", 14, 36, true}, {.text = "1g.5gb x2"}, {.text = "1g.10gb x2"}},
    {{"4g.40gb", 30, 60, false}, {.text = "H200-141GB/3g.71gb"}, {.text = "4g.96gb"}},
};

static int read_way(const char *text, struct gs_want *ret, struct gs_err *err)
{
    struct gs_view view = gs_view(text);
    uint64_t count;
    int r = gs_want_cut_count(&view, GS_WANT_COUNT_MAX, &count, err);
    const struct gs_gpu_names names = gs_instance_plain_gpus();
    r = r < 0 ? r : gs_want_parse(view, &names, ret, err);
    ret->count = (uint32_t)count;
    return r;
}

static uint64_t draw_percent(struct gs_random *random, bool heavy)
{
    static const uint16_t percents[2][4] = {{25, 50, 75, 100}, {200, 250, 300, 350}};
    return percents[heavy][gs_random_below(random, GS_ARRAY_LEN(percents[heavy]))];
}

static int add_fleet_item(struct gs_demand *demand, const struct way *way, struct gs_random *random,
                          struct gs_err *err)
{
    struct gs_want wants[WAYS_MAX];
    struct gs_alternative alternatives[WAYS_MAX];
    size_t n = 0;
    int r = 0;
    for (; r == 0 && n < WAYS_MAX && way[n].text != NULL; n++) {
        r = read_way(way[n].text, &wants[n], err);
        alternatives[n] = (struct gs_alternative){.wants = &wants[n], .n_wants = 1};
    }
    uint64_t quarter_cores = (way[0].quarter_cores * draw_percent(random, way->heavy) + 99) / 100;
    uint64_t gib = (way[0].gib * draw_percent(random, way->heavy) + 99) / 100;
    const struct gs_item item = {
        .name = way[0].text,
        .count = 1,
        .cpu_milli = quarter_cores * 250,
        .memory_bytes = gib << GIB_SHIFT,
        .alternatives = alternatives,
        .n_alternatives = n,
    };
    return r < 0 ? r : gs_demand_add(demand, &item, err);
}

int gs_cmd_bench_demand_fleet(struct gs_arena *arena, unsigned kinds, uint64_t total, uint64_t seed,
                              struct gs_plan_input *ret, struct gs_err *err)
{
    struct gs_random random;
    gs_random_init(&random, seed);
    struct gs_demand *demand = gs_demand_new(arena);
    if (demand == NULL) {
        return no_memory(err);
    }
    int r = 0;
    for (unsigned tries = 0; r == 0 && !is_complete(demand, kinds); tries++) {
        if (tries == kinds * TRIES) {
            return gs_fail(err, GS_LIMIT, "there are not %u different items", kinds);
        }
        size_t n;
        (void)gs_demand_items(demand, &n);
        const struct way *way = n % 5 == 4
                                    ? choices[gs_random_below(&random, GS_ARRAY_LEN(choices))]
                                    : ways[gs_random_below(&random, GS_ARRAY_LEN(ways))];
        r = add_fleet_item(demand, way, &random, err);
    }
    return r < 0 ? r : give_evenly(arena, demand, total, ret, err);
}
