#include "unit/sim/feed.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/agenda.h"
#include "sim/fewest.h"

static uint64_t new_seed(void)
{
    uint64_t seed = (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* ------------------------------------------------------------------ agenda */

static bool is_before(struct gs_sim_entry a, struct gs_sim_entry b)
{
    return a.at != b.at ? a.at < b.at : a.who < b.who;
}

static size_t first_of(const struct gs_sim_entry *list, size_t n)
{
    size_t first = 0;
    for (size_t i = 1; i < n; i++) {
        first = is_before(list[i], list[first]) ? i : first;
    }
    return first;
}

static bool keep_odd(void *ctx, struct gs_sim_entry *entry)
{
    (void)ctx;
    return entry->who % 2 == 1;
}

static void agenda__gives_the_earliest_first_and_of_equal_times_the_lowest(void **state)
{
    (void)state;
    enum { MOST = 600 };
    static struct gs_sim_entry list[MOST];
    struct gs_arena arena;
    struct gs_random random;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    gs_random_init(&random, new_seed());
    struct gs_sim_agenda agenda = {0};
    int64_t now = 0;
    size_t n = 0;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned bits = gs_random_below(&random, 40);
        if (n < MOST && (n == 0 || gs_random_below(&random, 2) == 0)) {
            int64_t later = (int64_t)(gs_random_u64(&random) & ((1ull << bits) - 1));
            struct gs_sim_entry entry = {.at = now + later, .who = gs_random_below(&random, 1000)};
            list[n++] = entry;
            assert_true(gs_sim_agenda_add(&agenda, &arena, entry));
        } else {
            size_t first = first_of(list, n);
            struct gs_sim_entry entry = {0};
            now = list[first].at;
            assert_int_equal(gs_sim_agenda_at(&agenda), now);
            assert_int_equal(gs_sim_agenda_take(&agenda, &arena, now, list[first].who, &entry), 0);
            assert_int_equal(gs_sim_agenda_take(&agenda, &arena, now, UINT32_MAX, &entry), 1);
            assert_int_equal(entry.who, list[first].who);
            list[first] = list[--n];
        }
        if (step % 5000 == 4999) {
            gs_sim_agenda_sift(&agenda, keep_odd, NULL);
            size_t kept = 0;
            for (size_t i = 0; i < n; i++) {
                list[kept] = list[i];
                kept += list[i].who % 2;
            }
            n = kept;
        }
        assert_int_equal(agenda.n, n);
    }
    gs_arena_done(&arena);
}

/* ------------------------------------------------------------------ score */

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void hist__is_exact_for_few_values_and_within_a_hundredth_for_many(void **state)
{
    (void)state;
    static int64_t values[20000];
    static struct gs_sim_hist hist;
    struct gs_random random;
    gs_random_init(&random, new_seed());
    for (size_t n = 1; n <= 20000; n *= 10) {
        memset(&hist, 0, sizeof(hist));
        for (size_t i = 0; i < n; i++) {
            unsigned bits = 1 + gs_random_below(&random, 50);
            values[i] = (int64_t)(gs_random_u64(&random) & ((1ull << bits) - 1));
            gs_sim_hist_add(&hist, values[i]);
        }
        qsort(values, n, sizeof(*values), compare_values);
        for (unsigned permille = 0; permille <= 1000; permille += 25) {
            size_t rank = (n * permille + 999) / 1000;
            int64_t wanted = values[rank == 0 ? 0 : rank - 1];
            int64_t found = gs_sim_hist_quantile(&hist, permille);
            int64_t allowed = n <= GS_SIM_HIST_EXACT ? 0 : wanted / 100;
            assert_true(found >= wanted - allowed && found <= wanted + allowed);
        }
        assert_int_equal(gs_sim_hist_up_to(&hist, values[n - 1]), n);
        assert_int_equal(hist.most, values[n - 1]);
    }
}

static void hist__of_nothing_has_no_quantile(void **state)
{
    (void)state;
    static struct gs_sim_hist hist;
    assert_int_equal(gs_sim_hist_quantile(&hist, 500), -1);
    gs_sim_hist_add(&hist, INT64_MAX);
    gs_sim_hist_add(&hist, INT64_MAX);
    gs_sim_hist_add(&hist, INT64_MAX);
    assert_int_equal(hist.sum, UINT64_MAX);
    assert_int_equal(gs_sim_hist_quantile(&hist, 1000), INT64_MAX);
}

static void timeline__keeps_sum_and_peak_in_steps_that_grow(void **state)
{
    (void)state;
    static struct gs_sim_timeline timeline;
    struct gs_random random;
    gs_random_init(&random, new_seed());
    memset(&timeline, 0, sizeof(timeline));
    timeline.from_us = 1000;
    int64_t now = 1000;
    uint64_t sum = 0;
    uint32_t most = 0;
    for (unsigned i = 0; i < 3000; i++) {
        int64_t until = now + (int64_t)gs_random_below(&random, 1u << gs_random_below(&random, 24));
        uint32_t gpus = gs_random_below(&random, 100);
        gs_sim_timeline_add(&timeline, now, until, gpus);
        sum += (uint64_t)(until - now) * gpus;
        most = until > now && gpus > most ? gpus : most;
        now = until;
    }
    uint64_t found = 0;
    uint32_t peak = 0;
    for (unsigned i = 0; i < timeline.n; i++) {
        found += timeline.gpu_us[i];
        peak = timeline.most[i] > peak ? timeline.most[i] : peak;
        assert_true(timeline.gpu_us[i] <= (uint64_t)timeline.most[i] << timeline.shift);
    }
    assert_int_equal(found, sum);
    assert_int_equal(peak, most);
    assert_true(timeline.n > GS_SIM_TIMELINE_MAX / 2 && timeline.n <= GS_SIM_TIMELINE_MAX);
}

/* ------------------------------------------------------------------ fewest */

/* Tries each way to put one slice after the other: only for a few. */
static bool fits(const struct gs_statetable *states, uint8_t *slices, unsigned n, uint16_t *gpus,
                 unsigned n_gpus)
{
    if (n == 0) {
        return true;
    }
    for (unsigned g = 0; g < n_gpus; g++) {
        uint16_t before = gpus[g];
        for (unsigned i = 0; i < states->n_placements; i++) {
            uint16_t after = states->next[(size_t)before * states->n_placements + i];
            if (states->placements[i].profile != slices[n - 1] || after == GS_STATE_NONE) {
                continue;
            }
            gpus[g] = after;
            bool done = fits(states, slices, n - 1, gpus, n_gpus);
            gpus[g] = before;
            if (done) {
                return true;
            }
        }
        if (before == 0) {
            break; /* empty GPUs are alike */
        }
    }
    return false;
}

static void fewest__is_what_a_search_of_all_ways_finds(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "A30-24GB", "RTX-PRO-6000-96GB"};
    struct gs_random random;
    gs_random_init(&random, new_seed());
    for (unsigned m = 0; m < 3; m++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
        const struct gs_model *model = model_named(models[m]);
        const struct gs_statetable *states;
        struct gs_sim_fewest *fewest;
        assert_int_equal(gs_statetable_new(&arena, model, GS_ALL_PROFILES, &states, NULL), 0);
        assert_int_equal(gs_sim_fewest_new(&arena, &arena, model, GS_ALL_PROFILES, &fewest, NULL),
                         0);
        for (unsigned round = 0; round < 60; round++) {
            uint8_t slices[6];
            unsigned n = gs_random_below(&random, 7);
            for (unsigned i = 0; i < n; i++) {
                slices[i] = (uint8_t)gs_random_below(&random, model->n_profiles);
                gs_sim_fewest_slice(fewest, slices[i], 1);
            }
            gs_sim_fewest_whole(fewest, 2);
            unsigned gpus = 0;
            uint16_t cut[6] = {0};
            while (!fits(states, slices, n, cut, gpus)) {
                gpus++;
            }
            uint64_t found;
            assert_int_equal(gs_sim_fewest_gpus(fewest, &found, NULL), 0);
            assert_int_equal(found, gpus + 2);
            for (unsigned i = 0; i < n; i++) {
                gs_sim_fewest_slice(fewest, slices[i], -1);
            }
            gs_sim_fewest_whole(fewest, -2);
        }
        gs_arena_done(&arena);
    }
}

/* ------------------------------------------------------------------ rules and worlds */

static void rules__cut_by_hand_what_people_cut(void **state)
{
    (void)state;
    static const struct {
        const char *model, *policy, *slices;
    } cases[] = {
        {"A100-40GB", "static-1g", "1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb"},
        {"A100-40GB", "static-balanced", "1g.5gb,1g.5gb,2g.10gb,3g.20gb"},
        {"A30-24GB", "static-1g", "1g.6gb,1g.6gb,1g.6gb,1g.6gb"},
        {"A30-24GB", "static-balanced", "1g.6gb,1g.6gb,2g.12gb"},
        {"A100-80GB", "static-balanced", "1g.10gb,1g.10gb,2g.20gb,3g.40gb"},
        {"RTX-PRO-6000-96GB", "static-balanced", "1g.24gb,1g.24gb,2g.48gb"},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        struct gs_sim_world world;
        gs_sim_world_init_timeless(&world, model_named(cases[c].model), 1);
        const struct gs_sim_rules *rules;
        assert_int_equal(
            gs_sim_rules_new(&arena, &world, policy_named(cases[c].policy), &rules, NULL), 0);
        char text[200] = "";
        for (uint64_t rest = rules->layout; rest != 0; rest &= rest - 1) {
            unsigned p = rules->decisions->states->placements[__builtin_ctzll(rest)].profile;
            strcat(text, text[0] == 0 ? "" : ",");
            strcat(text, world.model->profiles[p].name);
        }
        assert_string_equal(text, cases[c].slices);
        gs_arena_done(&arena);
    }
}

static void rules__give_a_job_the_smallest_slice_of_a_layout_that_is_no_smaller(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_sim_world world;
    const struct gs_model *model = model_named("A100-40GB");
    gs_sim_world_init_timeless(&world, model, 1);
    const struct gs_sim_rules *rules;
    assert_int_equal(
        gs_sim_rules_new(&arena, &world, policy_named("static-balanced"), &rules, NULL), 0);
    static const char *const pairs[][2] = {{"1g.5gb", "1g.5gb"},   {"1g.10gb", "2g.10gb"},
                                           {"2g.10gb", "2g.10gb"}, {"3g.20gb", "3g.20gb"},
                                           {"4g.20gb", NULL},      {"7g.40gb", NULL}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        unsigned asked;
        unsigned given = GS_SIM_WHOLE;
        assert_int_equal(gs_model_profile_find(model, gs_view(pairs[i][0]), &asked, NULL), 0);
        if (pairs[i][1] != NULL) {
            assert_int_equal(gs_model_profile_find(model, gs_view(pairs[i][1]), &given, NULL), 0);
        }
        assert_int_equal(rules->serves[asked], given);
    }
    gs_arena_done(&arena);
}

static void rules__name_every_policy_when_a_name_is_wrong(void **state)
{
    (void)state;
    const struct gs_sim_policy *policy;
    struct gs_err err = {0};
    assert_int_equal(gs_sim_policy_find(gs_view("gpuslize"), &policy, &err), GS_NOT_FOUND);
    size_t n;
    const struct gs_sim_policy *all = gs_sim_policies(&n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(strstr(err.msg, all[i].name));
        assert_int_equal(gs_sim_policy_find(gs_view(all[i].name), &policy, NULL), 0);
        assert_ptr_equal(policy, &all[i]);
    }
}

static void world__that_makes_no_sense_is_refused_with_the_field(void **state)
{
    (void)state;
    struct gs_sim_world good;
    gs_sim_world_init(&good, model_named("A100-40GB"), 8);
    assert_int_equal(gs_sim_world_check(&good, NULL), 0);
    struct gs_sim_world bad[12];
    for (unsigned i = 0; i < 12; i++) {
        bad[i] = good;
    }
    bad[0].n_types = 0;
    bad[1].types[0].gpus = 0;
    bad[2].types[0].gpus = 65;
    bad[3].types[0].nodes = 0;
    bad[4].types[0].nodes = UINT32_MAX;
    bad[5].types[0].hour_uusd = -1;
    bad[6].boot_us = -1;
    bad[7].until_us = 0;
    bad[8].static_permille = 1001;
    bad[9].slowdown_max_permille = 999;
    bad[10].elastic = false;
    bad[10].spot_mean_us = 1;
    bad[11].small = (struct gs_sim_small){.name = "L4"};
    for (unsigned i = 0; i < 12; i++) {
        struct gs_err err = {0};
        assert_int_equal(gs_sim_world_check(&bad[i], &err), GS_INVALID);
        assert_true(err.msg[0] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agenda__gives_the_earliest_first_and_of_equal_times_the_lowest),
        cmocka_unit_test(hist__is_exact_for_few_values_and_within_a_hundredth_for_many),
        cmocka_unit_test(hist__of_nothing_has_no_quantile),
        cmocka_unit_test(timeline__keeps_sum_and_peak_in_steps_that_grow),
        cmocka_unit_test(fewest__is_what_a_search_of_all_ways_finds),
        cmocka_unit_test(rules__cut_by_hand_what_people_cut),
        cmocka_unit_test(rules__give_a_job_the_smallest_slice_of_a_layout_that_is_no_smaller),
        cmocka_unit_test(rules__name_every_policy_when_a_name_is_wrong),
        cmocka_unit_test(world__that_makes_no_sense_is_refused_with_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
