#include "unit/sim/feed.h"

#include <string.h>

/* Small worlds in which the answer can be counted by hand. Times in microseconds. */
static struct gs_sim_score score;

enum { HOUR_UUSD = 3600000 }; /* a thousandth of a millionth of a dollar a microsecond */

struct bed {
    struct gs_sim_world world;
    unsigned plain[5]; /* 1g, 2g, 3g, 4g, 7g */
};

static struct bed make_bed(uint16_t gpus)
{
    struct bed bed;
    const struct gs_model *model = model_named("A100-40GB");
    gs_sim_world_init_timeless(&bed.world, model, gpus);
    bed.world.profiles = plain_profiles(model, bed.plain);
    return bed;
}

static struct gs_sim_job job_at(uint64_t row, int64_t arrive, int64_t run, unsigned profile)
{
    return (struct gs_sim_job){.row = row,
                               .arrive_us = arrive,
                               .run_us = run,
                               .gpus = 1,
                               .ideal_milli = 500,
                               .profile = (uint8_t)profile};
}

static void replay__pays_for_a_node_while_it_boots_runs_and_is_kept(void **state)
{
    (void)state;
    struct bed bed = make_bed(8);
    bed.world.boot_us = 100;
    bed.world.keep_us = 50;
    bed.world.recut_us = 3;
    bed.world.types[0].hour_uusd = HOUR_UUSD;
    struct gs_sim_job jobs[] = {
        job_at(1, 1000, 400, bed.plain[0]),
        job_at(2, 1200, 100, bed.plain[0]), /* beside the first; cut while it runs */
    };
    run_jobs(&bed.world, "gpuslice", jobs, 2, &score);
    assert_int_equal(score.boots, 1);
    assert_int_equal(score.gpu_us, 100 + 400 + 50);
    assert_int_equal(score.node_gpu_us, 550 * 8);
    assert_int_equal(score.cost_uusd, 550 / 1000);
    assert_true(score.cost_known);
    assert_int_equal(score.recuts, 1);
    assert_int_equal(score.recut_us, 3);
    assert_int_equal(score.delayed, 2);
    assert_int_equal(gs_sim_hist_quantile(&score.wait_us, 1000), 100);
    assert_int_equal(gs_sim_hist_quantile(&score.wait_us, 0), 3);
    assert_int_equal(gs_sim_hist_quantile(&score.slowdown_permille, 1000), 1000);
    assert_int_equal(score.peak_gpus, 1);
    assert_int_equal(score.peak_nodes, 1);
    assert_int_equal(score.last_us, 1550);
}

static void replay__pays_for_the_least_time(void **state)
{
    (void)state;
    struct bed bed = make_bed(2);
    bed.world.bill_min_us = 1000;
    struct gs_sim_job jobs[] = {job_at(1, 0, 400, GS_SIM_WHOLE),
                                job_at(2, 500, 2000, bed.plain[1])};
    run_jobs(&bed.world, "gpuslice", jobs, 2, &score);
    assert_int_equal(score.node_gpu_us, (1000 + 2000) * 2);
    assert_int_equal(score.gpu_us, 2400);
    assert_false(score.cost_known);
    bed.world.until_us = 700;
    run_jobs(&bed.world, "gpuslice", jobs, 2, &score);
    assert_int_equal(score.node_gpu_us, (700 + 200) * 2);
}

static void replay__charges_lost_work_as_a_whole_gpu(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    bed.world.elastic = false;
    bed.world.types[0].nodes = 1;
    bed.world.lose = true;
    struct gs_sim_job jobs[] = {job_at(1, 0, 100, bed.plain[3]), job_at(2, 10, 70, bed.plain[3]),
                                job_at(3, 20, 50, bed.plain[2]), job_at(4, 200, 9, GS_SIM_WHOLE)};
    jobs[3].gpus = 2; /* no node has two */
    run_jobs(&bed.world, "gpuslice", jobs, 4, &score);
    assert_int_equal(score.lost, 2);
    assert_int_equal(score.done, 2);
    assert_int_equal(score.charged_us, 70 + 9 * 2);
    assert_int_equal(score.gpu_us, 100);
}

static void replay__lets_those_behind_overtake_only_where_it_may(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    bed.world.elastic = false;
    bed.world.types[0].nodes = 1;
    struct gs_sim_job jobs[] = {
        job_at(1, 0, 100, bed.plain[3]), job_at(2, 1, 100, bed.plain[3]), /* waits for the first */
        job_at(3, 2, 10, bed.plain[2]), /* has room beside the first */
    };
    run_jobs(&bed.world, "gpuslice", jobs, 3, &score);
    assert_int_equal(score.delayed, 2);
    assert_int_equal(gs_sim_hist_quantile(&score.wait_us, 500), 98);
    bed.world.backfill = true;
    run_jobs(&bed.world, "gpuslice", jobs, 3, &score);
    assert_int_equal(score.delayed, 1);
    assert_int_equal(gs_sim_hist_quantile(&score.wait_us, 1000), 99);
}

static void replay__moves_one_slice_before_it_switches_on_a_gpu(void **state)
{
    (void)state;
    struct bed bed = make_bed(0);
    bed.world.move_us = 30;
    bed.world.recut_us = 2;
    struct gs_sim_job jobs[] = {
        job_at(1, 0, 1000, bed.plain[4]), /* a GPU of its own */
        job_at(2, 0, 1000, bed.plain[2]), job_at(3, 0, 500, bed.plain[2]),
        job_at(4, 0, 1000, bed.plain[2]), /* the third 3g: a third GPU */
        job_at(5, 600, 100, GS_SIM_WHOLE) /* the 3g that is alone moves to the other one */
    };
    run_jobs(&bed.world, "gpuslice", jobs, 5, &score);
    assert_int_equal(score.peak_gpus, 4);
    run_jobs(&bed.world, "gpuslice+moves", jobs, 5, &score);
    assert_int_equal(score.peak_gpus, 3);
    assert_int_equal(score.moves, 1);
    assert_int_equal(score.move_us, 30);
    assert_int_equal(gs_sim_hist_quantile(&score.slowdown_permille, 1000), 1030);
    /* until the new place is cut and the slice has moved */
    assert_int_equal(gs_sim_hist_quantile(&score.wait_us, 1000), 2 + 30);
}

/* Slices that fill one GPU, in every order of their rows. */
static void replay__packs_what_comes_at_one_moment_whatever_row_stands_first(void **state)
{
    (void)state;
    static const unsigned mixes[][4] = {{3, 1, 0, 9}, {3, 2, 9, 9}, {2, 1, 0, 0}, {2, 2, 9, 9},
                                        {1, 1, 1, 0}, {1, 3, 0, 9}, {2, 0, 0, 1}, {0, 1, 1, 1}};
    static const char *const policies[] = {"gpuslice", "gpuslice+moves", "best-fit"};
    struct bed bed = make_bed(1);
    bed.world.recut_us = 3;
    bed.world.boot_us = 100;
    for (size_t m = 0; m < sizeof(mixes) / sizeof(*mixes); m++) {
        for (unsigned order = 0; order < 256; order++) {
            struct gs_sim_job jobs[4];
            unsigned n = 0, taken = 0;
            for (unsigned i = 0; i < 4; i++) { /* a base-4 number that names each once */
                unsigned k = order >> 2 * i & 3;
                taken |= 1u << k;
                if (mixes[m][k] != 9) {
                    jobs[n] = job_at(n + 1, 50, 1000 + k, bed.plain[mixes[m][k]]);
                    n++;
                }
            }
            for (unsigned p = 0; taken == 15 && p < 3; p++) {
                run_jobs(&bed.world, policies[p], jobs, n, &score);
                assert_int_equal(score.peak_gpus, 1);
                assert_int_equal(score.recuts, 0); /* while the node boots */
            }
        }
    }
}

static void replay__starts_anew_or_from_what_was_saved_when_a_node_is_taken_away(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    bed.world.spot_mean_us = 500;
    bed.world.restart_us = 7;
    struct gs_sim_job jobs[40];
    uint64_t work = 0;
    for (unsigned i = 0; i < 40; i++) {
        jobs[i] = job_at(i + 1, i * 1000, 400, bed.plain[i % 4]);
        work += 400;
    }
    run_jobs(&bed.world, "gpuslice", jobs, 40, &score);
    assert_true(score.interrupted > 5);
    assert_int_equal(score.done, 40);
    uint64_t lost_anew = score.lost_work_us;
    assert_int_equal(score.held_us, work + lost_anew);
    bed.world.checkpoint_us = 10;
    run_jobs(&bed.world, "gpuslice", jobs, 40, &score);
    assert_true(score.lost_work_us < lost_anew);
    assert_int_equal(score.held_us, work + score.lost_work_us);
}

static void replay__gives_up_a_job_that_never_gets_through(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    bed.world.spot_mean_us = 10;
    struct gs_sim_job job = job_at(1, 0, 1000000, bed.plain[0]);
    run_jobs(&bed.world, "gpuslice", &job, 1, &score);
    assert_int_equal(score.done, 0);
    assert_int_equal(score.lost, 1);
    assert_int_equal(score.charged_us, 1000000);
}

static void replay__puts_small_jobs_on_smaller_gpus_where_there_are_some(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    bed.world.types[0].hour_uusd = 4 * (int64_t)HOUR_UUSD * 1000;
    bed.world.small = (struct gs_sim_small){.name = "L4",
                                            .memory_mib = 24 * 1024,
                                            .speed_permille = 500,
                                            .hour_uusd = (int64_t)HOUR_UUSD * 1000};
    struct gs_sim_job jobs[] = {job_at(1, 0, 100, bed.plain[1]), job_at(2, 0, 50, GS_SIM_WHOLE)};
    run_jobs(&bed.world, "small-gpu", jobs, 2, &score);
    assert_int_equal(score.small_us, 200);
    assert_int_equal(score.gpu_us, 50);
    assert_int_equal(score.cost_uusd, 200 + 4 * 50);
}

static void replay__shares_a_gpu_where_what_it_costs_is_known(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    struct gs_sim_speed speed = {.shared_permille = {0, 500, 250}};
    for (unsigned k = 0; k < 5; k++) {
        speed.permille[bed.plain[k]] = 1000;
    }
    struct gs_sim_job jobs[] = {job_at(1, 0, 100, bed.plain[1]), job_at(2, 50, 100, bed.plain[1])};
    jobs[0].speed = &speed;
    run_jobs(&bed.world, "shared", jobs, 2, &score);
    assert_int_equal(score.peak_gpus, 2); /* of the second one nothing is known */
    jobs[1].speed = &speed;
    run_jobs(&bed.world, "shared", jobs, 2, &score);
    assert_int_equal(score.peak_gpus, 1);
    /* 50 alone, 100 in company until the first is done, 50 alone */
    assert_int_equal(score.gpu_us, 200);
    assert_int_equal(gs_sim_hist_quantile(&score.job_us, 1000), 150);
}

static void replay__widens_a_molded_job_into_idle_room_and_narrows_it_when_one_comes(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    bed.world.elastic = false;
    bed.world.types[0].nodes = 1;
    bed.world.move_us = 10;
    struct gs_sim_speed speed = {0};
    for (unsigned k = 0; k < 5; k++) {
        static const uint16_t permille[5] = {250, 500, 800, 900, 1000};
        speed.permille[bed.plain[k]] = permille[k];
    }
    struct gs_sim_job jobs[] = {job_at(1, 0, 1000, bed.plain[1]),
                                job_at(2, 100, 200, bed.plain[3])};
    jobs[0].speed = &speed;
    run_jobs(&bed.world, "gpuslice+moldable", jobs, 2, &score);
    /* whole until 100; 3g beside the 4g until 310; whole again */
    assert_int_equal(score.moves, 2);
    assert_int_equal(score.done, 2);
    int64_t left = 900 - (300 - 110) * 800 / 1000;
    assert_int_equal(gs_sim_hist_quantile(&score.job_us, 1000), 300 + 10 + left);
    assert_int_equal(gs_sim_hist_quantile(&score.wait_us, 1000), 0);
}

static void replay__uses_a_static_layout_and_whole_gpus_beside_it(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    struct gs_sim_job jobs[] = {job_at(1, 0, 100, bed.plain[0]), job_at(2, 0, 100, bed.plain[0]),
                                job_at(3, 0, 100, bed.plain[1]), job_at(4, 0, 100, bed.plain[3])};
    run_jobs(&bed.world, "static-1g", jobs, 4, &score);
    assert_int_equal(score.gpu_us, 300); /* one cut, two not */
    assert_int_equal(score.recuts, 0);
    run_jobs(&bed.world, "static-balanced", jobs, 4, &score);
    assert_int_equal(score.gpu_us, 200);
    bed.world.elastic = false;
    bed.world.types[0].nodes = 4;
    bed.world.static_permille = 1000; /* all are cut: the 4g never gets anything */
    run_jobs(&bed.world, "static-balanced", jobs, 4, &score);
    assert_int_equal(score.lost, 1);
    assert_int_equal(score.charged_us, 100);
}

static void replay__numbers_many_gpus_anew_as_they_come_and_go(void **state)
{
    (void)state;
    enum { JOBS = 3000 };
    static struct gs_sim_job jobs[JOBS];
    struct bed bed = make_bed(0);
    uint64_t work = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = job_at(i + 1, i, 1 + (i * 7919u) % 1500, GS_SIM_WHOLE);
        jobs[i].gpus = (uint16_t)(1 + i % 2);
        work += (uint64_t)jobs[i].run_us * jobs[i].gpus;
    }
    size_t n;
    const struct gs_sim_policy *policies = gs_sim_policies(&n);
    for (size_t p = 0; p < n; p++) {
        run_jobs(&bed.world, policies[p].name, jobs, JOBS, &score);
        assert_int_equal(score.gpu_us, work);
        assert_true(score.peak_gpus > 1000);
    }
}

static void replay__refuses_a_job_that_makes_no_sense_by_its_row(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    struct gs_sim_speed none = {0};
    struct gs_sim_job bad[8];
    for (unsigned i = 0; i < 8; i++) {
        bad[i] = job_at(77, 10, 10, bed.plain[0]);
    }
    bad[0].arrive_us = -1;
    bad[1].arrive_us = GS_SIM_TIME_MAX + 1;
    bad[2].run_us = 0;
    bad[3].run_us = GS_SIM_TIME_MAX + 1;
    bad[4].gpus = 0;
    bad[5].gpus = 2;
    bad[6].profile = 15;
    bad[7].speed = &none;
    for (unsigned i = 0; i <= 8; i++) {
        struct gs_sim_job jobs[] = {job_at(1, 20, 1, bed.plain[0]),
                                    job_at(77, 10, 1, bed.plain[0])};
        struct feed feed = {.jobs = i < 8 ? &bad[i] : jobs, .n = i < 8 ? 1 : 2};
        struct gs_sim_source source = {feed_next, &feed};
        struct gs_err err = {0};
        assert_int_equal(
            run_source(&bed.world, policy_named("gpuslice"), &source, NULL, &score, &err),
            GS_INVALID);
        assert_non_null(strstr(err.msg, "row 77"));
    }
}

static int next_fails(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    (void)ctx;
    (void)ret;
    return gs_fail(err, GS_IO, "line 3 is cut short");
}

static void replay__passes_on_what_the_source_says(void **state)
{
    (void)state;
    struct bed bed = make_bed(1);
    struct gs_sim_source source = {next_fails, NULL};
    struct gs_err err = {0};
    assert_int_equal(run_source(&bed.world, policy_named("whole"), &source, NULL, &score, &err),
                     GS_IO);
    assert_string_equal(err.msg, "line 3 is cut short");
}

static void work__is_measured_as_the_jobs_came(void **state)
{
    (void)state;
    struct bed bed = make_bed(0);
    struct gs_sim_speed slow = {0};
    slow.permille[bed.plain[2]] = 500;
    struct gs_sim_job jobs[] = {job_at(1, 0, 100, bed.plain[2]), job_at(2, 0, 100, bed.plain[2]),
                                job_at(3, 0, 100, GS_SIM_WHOLE)};
    struct gs_sim_work work;
    measure_jobs(&bed.world, jobs, 3, &work);
    assert_int_equal(work.whole_us, 300);
    assert_int_equal(work.sliceable_us, 200);
    assert_int_equal(work.ideal_us, 150);
    assert_int_equal(work.bound_us, 200);
    assert_int_equal(work.slices_us, 100 + 2 * 300 / 7);
    assert_int_equal(work.peak_whole, 3);
    assert_int_equal(work.peak_bound, 2);
    assert_int_equal(work.sliced_jobs, 2);
    jobs[0].speed = jobs[1].speed = &slow;
    measure_jobs(&bed.world, jobs, 3, &work);
    assert_int_equal(work.whole_us, 300);
    assert_int_equal(work.bound_us, 300);
}

/* Two slices fit on one GPU if their memory and their compute do, each by itself. */
static void work__needs_ideally_what_memory_and_compute_come_to(void **state)
{
    (void)state;
    struct bed bed = make_bed(0);
    static const struct {
        const char *profiles[3];
        unsigned milli[3];
        uint64_t ideal_us, bound_us; /* of 7000 us */
    } cases[] = {
        {{"3g.20gb", "4g.20gb"}, {1000, 1000}, 7000, 7000},
        {{"4g.20gb", "4g.20gb"}, {1000, 1000}, 8000, 14000},
        {{"1g.5gb", "1g.5gb"}, {143, 143}, 2000, 7000},
        {{"3g.20gb", "3g.20gb"}, {460, 460}, 6440, 7000}, /* its memory; of compute it has 429 */
        {{"4g.20gb", NULL}, {100, 500}, 4200, 14000},
        {{"3g.20gb", "4g.20gb", NULL}, {500, 572, 1000}, 14000, 14000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gs_sim_job jobs[3];
        size_t n = 0;
        for (; n < 3 && cases[i].milli[n] != 0; n++) {
            unsigned p = GS_SIM_WHOLE;
            if (cases[i].profiles[n] != NULL) {
                assert_int_equal(
                    gs_model_profile_find(bed.world.model, gs_view(cases[i].profiles[n]), &p, NULL),
                    0);
            }
            jobs[n] = job_at(n + 1, 0, 7000, p);
            jobs[n].ideal_milli = cases[i].milli[n];
        }
        struct gs_sim_work work;
        measure_jobs(&bed.world, jobs, n, &work);
        assert_int_equal(work.ideal_us, cases[i].ideal_us);
        assert_int_equal(work.bound_us, cases[i].bound_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay__pays_for_a_node_while_it_boots_runs_and_is_kept),
        cmocka_unit_test(replay__pays_for_the_least_time),
        cmocka_unit_test(replay__charges_lost_work_as_a_whole_gpu),
        cmocka_unit_test(replay__lets_those_behind_overtake_only_where_it_may),
        cmocka_unit_test(replay__moves_one_slice_before_it_switches_on_a_gpu),
        cmocka_unit_test(replay__packs_what_comes_at_one_moment_whatever_row_stands_first),
        cmocka_unit_test(replay__starts_anew_or_from_what_was_saved_when_a_node_is_taken_away),
        cmocka_unit_test(replay__gives_up_a_job_that_never_gets_through),
        cmocka_unit_test(replay__puts_small_jobs_on_smaller_gpus_where_there_are_some),
        cmocka_unit_test(replay__shares_a_gpu_where_what_it_costs_is_known),
        cmocka_unit_test(replay__widens_a_molded_job_into_idle_room_and_narrows_it_when_one_comes),
        cmocka_unit_test(replay__uses_a_static_layout_and_whole_gpus_beside_it),
        cmocka_unit_test(replay__numbers_many_gpus_anew_as_they_come_and_go),
        cmocka_unit_test(replay__refuses_a_job_that_makes_no_sense_by_its_row),
        cmocka_unit_test(replay__passes_on_what_the_source_says),
        cmocka_unit_test(work__is_measured_as_the_jobs_came),
        cmocka_unit_test(work__needs_ideally_what_memory_and_compute_come_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
