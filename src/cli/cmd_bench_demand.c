#include "cli/cmd_bench_demand.h"

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
                      struct gs_random *random, uint64_t count, struct gs_err *err)
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
        .name = "bundle", .count = count, .alternatives = &alternative, .n_alternatives = 1};
    return gs_demand_add(demand, &item, err);
}

/* Of `kinds` kinds and `total` items the count of the next one; the last takes what is left. */
static uint64_t even_part(uint64_t total, size_t kinds, size_t done)
{
    uint64_t part = total / kinds;
    return part == 0 ? 1 : part + (done == 0 ? total % kinds : 0);
}

int gs_cmd_bench_demand_bundles(struct gs_arena *arena, const struct gs_model *model,
                                unsigned kinds, uint64_t total, uint64_t seed,
                                struct gs_plan_input *ret, struct gs_err *err)
{
    struct gs_random random;
    gs_random_init(&random, seed);
    struct gs_demand *seen = gs_demand_new(arena);
    if (seen == NULL) {
        return no_memory(err);
    }
    int r = 0;
    for (unsigned tries = 0; r == 0; tries++) {
        give(seen, ret);
        if (ret->n_items == kinds) {
            return 0;
        }
        if (tries == kinds * TRIES) {
            return gs_fail(err, GS_LIMIT, "there are not %u different bundles of %s", kinds,
                           model->id);
        }
        r = add_bundle(seen, model, &random, even_part(total, kinds, ret->n_items), err);
    }
    return r;
}

/* ------------------------------------------------------------------ a fleet's demand */

/* One way to be served, as people write it, and the share of its node's CPU and memory that goes
 * with its slices: a p4d has 1.7 cores and 20 GiB a compute slice, others more. */
struct way {
    const char *text;
    unsigned quarter_cores;
    unsigned gib;
};

enum { WAYS_MAX = 3 };

static const struct way ways[][WAYS_MAX] = {
    {{"1g.5gb", 7, 18}},      {{"2g.10gb", 14, 36}},
    {{"3g.20gb", 21, 54}},    {{"4g.20gb", 28, 72}},
    {{"1g.5gb x3", 21, 54}},  {{"A100-40GB/gpu", 47, 130}},
    {{"1g.10gb", 8, 20}},     {{"A100-80GB/1g.20gb", 8, 20}},
    {{"2g.20gb", 16, 40}},    {{"3g.40gb", 24, 60}},
    {{"7g.80gb", 60, 160}},   {{"H100-80GB-SXM5/4g.40gb", 50, 120}},
    {{"1g.18gb", 13, 33}},    {{"3g.71gb", 40, 100}},
    {{"1g.23gb", 13, 33}},    {{"1g.34gb", 13, 66}},
    {{"1g.24gb", 8, 13}},     {{"2g.48gb", 16, 27}},
    {{"1g.24gb x2", 16, 27}}, {{"RTX-PRO-6000-96GB/gpu", 31, 54}},
};

/* For those that may run as one thing or another. */
static const struct way choices[][WAYS_MAX] = {
    {{"1g.10gb", 8, 16}, {"1g.24gb", 0, 0}, {"1g.18gb", 0, 0}},
    {{"A100-80GB/2g.20gb", 14, 27}, {"1g.24gb", 0, 0}},
    {{"3g.40gb", 22, 50}, {"2g.48gb", 0, 0}},
    {{"2g.10gb", 14, 36}, {"1g.5gb x2", 0, 0}, {"1g.10gb x2", 0, 0}},
    {{"4g.40gb", 30, 60}, {"H200-141GB/3g.71gb", 0, 0}, {"4g.96gb", 0, 0}},
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

/* Of the share: from next to nothing to twice as much. */
static uint64_t draw_percent(struct gs_random *random)
{
    static const uint8_t percents[] = {25, 50, 75, 100, 125, 150, 200};
    return percents[gs_random_below(random, GS_ARRAY_LEN(percents))];
}

static int add_fleet_item(struct gs_demand *demand, const struct way *way, uint64_t count,
                          struct gs_random *random, struct gs_err *err)
{
    struct gs_want wants[WAYS_MAX];
    struct gs_alternative alternatives[WAYS_MAX];
    size_t n = 0;
    int r = 0;
    for (; r == 0 && n < WAYS_MAX && way[n].text != NULL; n++) {
        r = read_way(way[n].text, &wants[n], err);
        alternatives[n] = (struct gs_alternative){.wants = &wants[n], .n_wants = 1};
    }
    uint64_t quarter_cores = (way[0].quarter_cores * draw_percent(random) + 99) / 100;
    uint64_t gib = (way[0].gib * draw_percent(random) + 99) / 100;
    const struct gs_item item = {
        .name = way[0].text,
        .count = count,
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
    for (unsigned tries = 0; r == 0; tries++) {
        give(demand, ret);
        size_t n = ret->n_items;
        if (n == kinds) {
            return 0;
        }
        if (tries == kinds * TRIES) {
            return gs_fail(err, GS_LIMIT, "there are not %u different items", kinds);
        }
        const struct way *way = n % 5 == 4
                                    ? choices[gs_random_below(&random, GS_ARRAY_LEN(choices))]
                                    : ways[gs_random_below(&random, GS_ARRAY_LEN(ways))];
        r = add_fleet_item(demand, way, even_part(total, kinds, n), &random, err);
    }
    return r;
}
