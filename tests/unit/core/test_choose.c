#include "unit/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "core/choose.h"

static const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static unsigned profile_named(const struct gs_model *model, const char *name)
{
    unsigned p;
    assert_int_equal(gs_model_profile_find(model, gs_view(name), &p, NULL), 0);
    return p;
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static const struct {
    const char *model;
    uint32_t memory_mib;
    const char *profile;
} by_memory[] = {
    {"A100-40GB", 0, "1g.5gb"},
    {"A100-40GB", 4864, "1g.5gb"},
    {"A100-40GB", 4865, "1g.10gb"},  /* a quarter of the memory; a 2g has 2/7 of the compute */
    {"A100-40GB", 12000, "3g.20gb"}, /* half, where a 4g has 4/7 */
    {"A100-40GB", 30000, "7g.40gb"},
    {"A30-24GB", 6000, "2g.12gb"},
    {"RTX-PRO-6000-96GB", 20000, "1g.24gb"},
};

static void choose__takes_the_smallest_share_that_has_the_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(by_memory) / sizeof(by_memory[0]); i++) {
        const struct gs_model *model = model_named(by_memory[i].model);
        struct gs_choose_need need = {
            .profiles = GS_CHOOSE_ANY,
            .memory_mib = by_memory[i].memory_mib,
        };
        unsigned p;
        assert_int_equal(gs_choose_profile(model, &need, &p, NULL), 0);
        assert_string_equal(model->profiles[p].name, by_memory[i].profile);
    }
}

static bool serves(const struct gs_profile *profile, const struct gs_choose_need *need,
                   uint64_t rate)
{
    bool memory = need->memory_mib == 0 ||
                  (profile->memory_mib != GS_NOT_KNOWN && profile->memory_mib >= need->memory_mib);
    return memory && rate >= need->rate_milli;
}

/* Share of a beats share of b, as fractions: the larger part of a lies under some part of b. */
static int compare_shares(const struct gs_model *model, const struct gs_profile *a,
                          const struct gs_profile *b)
{
    double share_a = (double)a->compute_slices / model->compute_slices;
    double share_b = (double)b->compute_slices / model->compute_slices;
    double memory_a = (double)a->memory_units / model->memory_units;
    double memory_b = (double)b->memory_units / model->memory_units;
    share_a = memory_a > share_a ? memory_a : share_a;
    share_b = memory_b > share_b ? memory_b : share_b;
    /* Shares of one model differ by 1/192 or not at all. */
    return share_a < share_b - 1e-6 ? -1 : share_a > share_b + 1e-6;
}

static bool beats(const struct gs_model *model, unsigned p, unsigned q)
{
    const struct gs_profile *a = &model->profiles[p];
    const struct gs_profile *b = &model->profiles[q];
    int by_share = compare_shares(model, a, b);
    if (by_share != 0) {
        return by_share < 0;
    }
    return a->compute_slices != b->compute_slices ? a->compute_slices < b->compute_slices
                                                  : strcmp(a->name, b->name) < 0;
}

static void choose__equals_a_search_of_every_profile_of_every_model(void **state)
{
    (void)state;
    uint64_t seed = 4711;
    print_message("seed %" PRIu64 "\n", seed);
    size_t n_models;
    const struct gs_model *models = gs_catalog(&n_models);
    unsigned found = 0;
    unsigned none = 0;
    for (unsigned n = 0; n < 20000; n++) {
        const struct gs_model *model = &models[next_random(&seed) % n_models];
        if (!model->placements_known) {
            continue;
        }
        uint64_t rates[GS_PROFILES_MAX];
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            rates[p] = next_random(&seed) % 8;
        }
        struct gs_choose_need need = {
            .profiles = ~((uint32_t)next_random(&seed) & (uint32_t)(next_random(&seed) >> 32)),
            .memory_mib = (uint32_t)(next_random(&seed) % 4 * next_random(&seed) % 60000),
            .rate_milli = next_random(&seed) % 9,
            .rates_milli = rates,
        };
        int best = -1;
        for (unsigned p = 0; p < model->n_profiles; p++) {
            if ((need.profiles >> p & 1u) != 0 && serves(&model->profiles[p], &need, rates[p]) &&
                (best < 0 || beats(model, p, (unsigned)best))) {
                best = (int)p;
            }
        }
        unsigned p = 77;
        int r = gs_choose_profile(model, &need, &p, NULL);
        if (best < 0) {
            assert_true(r == GS_INFEASIBLE || r == GS_UNKNOWN);
            assert_int_equal(p, 77);
            none++;
        } else {
            assert_int_equal(r, 0);
            assert_int_equal(p, best);
            found++;
        }
    }
    assert_true(found > 1000 && none > 1000);
}

/* The best of all mixes, tried one by one. */
struct trial {
    const struct gs_model *model;
    const struct gs_choose_need *need;
    uint64_t compute_max;
    struct gs_choose_mix at;
    struct gs_choose_mix best;
    bool found;
};

static bool is_better_mix(const struct gs_choose_mix *a, const struct gs_choose_mix *b)
{
    if (a->compute_slices != b->compute_slices) {
        return a->compute_slices < b->compute_slices;
    }
    return a->memory_units != b->memory_units ? a->memory_units < b->memory_units
                                              : a->rate_milli > b->rate_milli;
}

static void add(struct gs_choose_mix *mix, const struct gs_model *model, unsigned p, uint64_t rate)
{
    mix->counts[p]++;
    mix->compute_slices += model->profiles[p].compute_slices;
    mix->memory_units += model->profiles[p].memory_units;
    mix->rate_milli += rate;
}

static void try_all(struct trial *trial, unsigned from)
{
    if (trial->at.rate_milli >= trial->need->rate_milli) {
        if (!trial->found || is_better_mix(&trial->at, &trial->best)) {
            trial->best = trial->at;
            trial->found = true;
        }
    }
    for (unsigned p = from; p < trial->model->n_profiles; p++) {
        const struct gs_profile *profile = &trial->model->profiles[p];
        uint64_t rate = trial->need->rates_milli[p];
        bool usable = (trial->need->profiles >> p & 1u) != 0 && rate > 0 &&
                      serves(profile, trial->need, UINT64_MAX);
        if (usable && trial->at.compute_slices + profile->compute_slices <= trial->compute_max) {
            struct gs_choose_mix before = trial->at;
            add(&trial->at, trial->model, p, rate);
            try_all(trial, p);
            trial->at = before;
        }
    }
}

static void assert_adds_up(const struct gs_model *model, const struct gs_choose_need *need,
                           const struct gs_choose_mix *mix)
{
    struct gs_choose_mix sum = {.compute_slices = 0};
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        sum.compute_slices += mix->counts[p] * profile->compute_slices;
        sum.memory_units += mix->counts[p] * profile->memory_units;
        sum.rate_milli += mix->counts[p] * need->rates_milli[p];
        assert_true(mix->counts[p] == 0 ||
                    ((need->profiles >> p & 1u) != 0 && serves(profile, need, UINT64_MAX)));
    }
    assert_true(sum.compute_slices == mix->compute_slices);
    assert_true(sum.memory_units == mix->memory_units);
    assert_true(sum.rate_milli == mix->rate_milli);
    assert_true(mix->rate_milli >= need->rate_milli);
}

/* Rates about proportional to the slices, so that the choice is a close one. */
static void random_rates(const struct gs_model *model, uint64_t spread, uint64_t *seed,
                         uint64_t rates[GS_PROFILES_MAX])
{
    for (unsigned p = 0; p < model->n_profiles; p++) {
        uint64_t about = model->profiles[p].compute_slices * 100ull;
        rates[p] = next_random(seed) % 5 == 0 ? 0 : about + next_random(seed) % spread;
    }
}

static const char *const mixed_models[] = {"A100-40GB", "A30-24GB", "RTX-PRO-6000-96GB"};

static void choose__equals_a_search_of_every_mix_of_slices(void **state)
{
    (void)state;
    uint64_t seed = 20261122;
    print_message("seed %" PRIu64 "\n", seed);
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    unsigned found = 0;
    unsigned several = 0;
    for (unsigned n = 0; n < 600; n++) {
        const struct gs_model *model = model_named(mixed_models[n % 3]);
        uint64_t rates[GS_PROFILES_MAX] = {0};
        random_rates(model, n % 2 == 0 ? 8 : 150, &seed, rates);
        struct gs_choose_need need = {
            .profiles = (uint32_t)next_random(&seed) | 1u,
            .memory_mib = n % 3 == 0 ? (uint32_t)(next_random(&seed) % 12000) : 0,
            .rate_milli = next_random(&seed) % 1000,
            .rates_milli = rates,
        };
        struct trial trial = {.model = model, .need = &need, .compute_max = 10};
        try_all(&trial, 0);
        struct gs_choose_mix mix;
        int r = gs_choose_slices(&arena, model, &need, &mix, NULL);
        if (r < 0) {
            assert_int_equal(r, GS_INFEASIBLE);
            assert_false(trial.found);
            continue;
        }
        assert_adds_up(model, &need, &mix);
        assert_true(trial.found == (mix.compute_slices <= trial.compute_max));
        if (trial.found) {
            assert_true(mix.compute_slices == trial.best.compute_slices);
            assert_true(mix.memory_units == trial.best.memory_units);
            assert_true(mix.rate_milli == trial.best.rate_milli);
            found++;
            several += mix.compute_slices > 3;
        }
    }
    assert_true(found > 300 && several > 100);
    gs_arena_done(&arena);
}

/* The fewest compute slices for a rate, one compute slice after the other. */
static uint64_t fewest_compute(const struct gs_model *model, const struct gs_choose_need *need)
{
    enum { MOST = 6000 };
    static uint64_t most[MOST];
    for (unsigned c = 0; c < MOST; c++) {
        most[c] = c == 0 ? 0 : most[c - 1];
        for (unsigned p = 0; p < model->n_profiles; p++) {
            unsigned slices = model->profiles[p].compute_slices;
            if (slices <= c && need->rates_milli[p] > 0 &&
                most[c - slices] + need->rates_milli[p] > most[c]) {
                most[c] = most[c - slices] + need->rates_milli[p];
            }
        }
        if (most[c] >= need->rate_milli) {
            return c;
        }
    }
    fail();
    return 0;
}

static void choose__needs_the_fewest_compute_slices_for_large_rates(void **state)
{
    (void)state;
    uint64_t seed = 99;
    print_message("seed %" PRIu64 "\n", seed);
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    unsigned beyond_the_table = 0;
    for (unsigned n = 0; n < 300; n++) {
        const struct gs_model *model = model_named(mixed_models[n % 3]);
        uint64_t rates[GS_PROFILES_MAX] = {0};
        random_rates(model, n % 2 == 0 ? 5 : 90, &seed, rates);
        rates[0] = 100;
        struct gs_choose_need need = {
            .profiles = GS_CHOOSE_ANY,
            .rate_milli = 1 + next_random(&seed) % 500000,
            .rates_milli = rates,
        };
        struct gs_choose_mix mix;
        assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), 0);
        assert_adds_up(model, &need, &mix);
        assert_true(mix.compute_slices == fewest_compute(model, &need));
        beyond_the_table += mix.compute_slices > 500;
    }
    assert_true(beyond_the_table > 100);
    gs_arena_done(&arena);
}

static void choose__serves_the_largest_rate_without_overflow(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    uint64_t rates[GS_PROFILES_MAX] = {1, 1, 0, 2};
    struct gs_choose_need need = {
        .profiles = GS_CHOOSE_ANY,
        .rate_milli = GS_RATE_MILLI_MAX,
        .rates_milli = rates,
    };
    struct gs_choose_mix mix;
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), 0);
    assert_adds_up(model, &need, &mix);
    assert_true(mix.compute_slices == GS_RATE_MILLI_MAX);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        rates[p] = GS_RATE_MILLI_MAX;
    }
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), 0);
    assert_true(mix.compute_slices == 1 && mix.memory_units == 1);
    assert_int_equal(mix.counts[profile_named(model, "1g.5gb")], 1);
    gs_arena_done(&arena);
}

static void choose__needs_no_slice_for_no_rate_and_leaves_the_arena(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    uint64_t rates[GS_PROFILES_MAX] = {10};
    struct gs_choose_need need = {.profiles = GS_CHOOSE_ANY, .rates_milli = rates};
    struct gs_choose_mix mix = {.compute_slices = 77};
    assert_non_null(gs_arena_get(&arena, 1, 100));
    struct gs_arena_mark before = gs_arena_mark(&arena);
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), 0);
    assert_true(mix.compute_slices == 0 && mix.counts[0] == 0);
    need.rate_milli = 95;
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), 0);
    assert_true(mix.counts[0] == 10);
    struct gs_arena_mark after = gs_arena_mark(&arena);
    assert_true(after.top == before.top && after.offset == before.offset);
    gs_arena_done(&arena);
    gs_arena_init(&arena, &gs_alloc_heap, 1024);
    mix.compute_slices = 77;
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), GS_NO_MEMORY);
    assert_true(mix.compute_slices == 77);
    gs_arena_done(&arena);
}

/* A model of the catalogue with one fact taken away. */
static struct gs_model forget_memory(const struct gs_model *model, unsigned profile,
                                     struct gs_profile profiles[GS_PROFILES_MAX])
{
    struct gs_model copy = *model;
    memcpy(profiles, model->profiles, model->n_profiles * sizeof(*profiles));
    profiles[profile].memory_mib = GS_NOT_KNOWN;
    copy.profiles = profiles;
    return copy;
}

static void choose__never_takes_a_profile_of_unknown_memory_for_a_need_of_memory(void **state)
{
    (void)state;
    const struct gs_model *known = model_named("A100-40GB");
    struct gs_profile profiles[GS_PROFILES_MAX];
    unsigned seven = profile_named(known, "7g.40gb");
    struct gs_model model = forget_memory(known, seven, profiles);
    struct gs_choose_need need = {.profiles = GS_CHOOSE_ANY, .memory_mib = 30000};
    struct gs_err err;
    unsigned p = 77;
    assert_int_equal(gs_choose_profile(&model, &need, &p, &err), GS_UNKNOWN);
    assert_int_equal(p, 77);
    assert_non_null(strstr(err.msg, "the memory of 7g.40gb is not known"));
    need = (struct gs_choose_need){.profiles = 1u << seven};
    assert_int_equal(gs_choose_profile(&model, &need, &p, NULL), 0);
    assert_int_equal(p, seven);

    /* One that could not serve the rate anyhow is not what the answer hangs on. */
    uint64_t rates[GS_PROFILES_MAX] = {0};
    need = (struct gs_choose_need){
        .profiles = GS_CHOOSE_ANY,
        .memory_mib = 30000,
        .rate_milli = 5,
        .rates_milli = rates,
    };
    assert_int_equal(gs_choose_profile(&model, &need, &p, NULL), GS_INFEASIBLE);
}

static void choose__takes_fewer_compute_slices_for_the_same_share(void **state)
{
    (void)state;
    /* No model of the catalogue has two such profiles. */
    const struct gs_profile profiles[] = {
        {.name = "2g.4gb", .compute_slices = 2, .memory_units = 4, .starts = 1, .memory_mib = 1},
        {.name = "3g.4gb", .compute_slices = 1, .memory_units = 4, .starts = 1, .memory_mib = 1},
        {.name = "3g.1gb", .compute_slices = 1, .memory_units = 4, .starts = 0, .memory_mib = 1},
    };
    const struct gs_model model = {
        .id = "made-up",
        .profiles = profiles,
        .n_profiles = 3,
        .compute_slices = 7,
        .memory_units = 8,
        .placements_known = true,
    };
    struct gs_choose_need need = {.profiles = GS_CHOOSE_ANY};
    unsigned p;
    assert_int_equal(gs_choose_profile(&model, &need, &p, NULL), 0);
    assert_int_equal(p, 1); /* the third may start nowhere that is known */
}

static void choose__says_what_the_most_is(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    uint64_t rates[GS_PROFILES_MAX] = {1500};
    struct gs_choose_need need = {.profiles = GS_CHOOSE_ANY, .memory_mib = 50000};
    struct gs_err err;
    struct gs_arena arena;
    struct gs_choose_mix mix;
    unsigned p;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    assert_int_equal(gs_choose_profile(model, &need, &p, &err), GS_INFEASIBLE);
    assert_non_null(strstr(err.msg, "no profile of A100-40GB has 50000 MiB; the most is "));
    need = (struct gs_choose_need){
        .profiles = GS_CHOOSE_ANY, .rate_milli = 1501, .rates_milli = rates};
    assert_int_equal(gs_choose_profile(model, &need, &p, &err), GS_INFEASIBLE);
    assert_non_null(strstr(err.msg, "serves 1.501 requests a second; the most"));
    assert_non_null(strstr(err.msg, "measured is 1.500"));
    need.memory_mib = 9000;
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, &err), GS_INFEASIBLE);
    assert_non_null(strstr(err.msg, "measured is 0.000"));
    need.rate_milli = GS_RATE_MILLI_MAX + 1;
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, &err), GS_INVALID);
    need.rate_milli = 1;
    rates[3] = GS_RATE_MILLI_MAX + 1;
    assert_int_equal(gs_choose_profile(model, &need, &p, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "the measured rate of "));
    need = (struct gs_choose_need){.profiles = GS_CHOOSE_ANY};
    assert_int_equal(gs_choose_profile(model_named("RTX-PRO-5000-48GB"), &need, &p, NULL),
                     GS_UNKNOWN);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choose__takes_the_smallest_share_that_has_the_memory),
        cmocka_unit_test(choose__equals_a_search_of_every_profile_of_every_model),
        cmocka_unit_test(choose__equals_a_search_of_every_mix_of_slices),
        cmocka_unit_test(choose__needs_the_fewest_compute_slices_for_large_rates),
        cmocka_unit_test(choose__serves_the_largest_rate_without_overflow),
        cmocka_unit_test(choose__needs_no_slice_for_no_rate_and_leaves_the_arena),
        cmocka_unit_test(choose__never_takes_a_profile_of_unknown_memory_for_a_need_of_memory),
        cmocka_unit_test(choose__takes_fewer_compute_slices_for_the_same_share),
        cmocka_unit_test(choose__says_what_the_most_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
