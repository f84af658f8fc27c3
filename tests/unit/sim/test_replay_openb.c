#include "unit/sim/feed.h"
#include "unit/sim/openb.h"

#include <math.h>
#include <stdlib.h>

/* What was computed of Alibaba's trace by other means; in % of the whole GPU-hours. */
static const struct figure {
    const char *file;
    enum openb_map map;
    bool fractional_only;
    uint16_t node_gpus; /* 0: GPUs are switched on one by one */
    double from_s;
    double whole_h, ideal, slices, bound, online, node; /* NAN: not given */
} figures[] = {
    {"default", OPENB_LENIENT, false, 0, 9964972, 34212, 14.0, 13.4, 11.1, 10.1, NAN},
    {"default", OPENB_STRICT, false, 0, 9964972, 34212, 14.0, 10.8, 3.7, 3.7, NAN},
    {"default", OPENB_LENIENT, true, 0, 9964972, 9044, 52.8, 50.7, 42.2, 38.1, NAN},
    {"default", OPENB_STRICT, true, 0, 9964972, 9044, 52.8, 40.9, 14.0, 14.0, NAN},
    {"gpushare20", OPENB_LENIENT, false, 0, 9537911, 34387, 9.7, 9.3, 7.4, 6.9, NAN},
    {"gpushare20", OPENB_STRICT, false, 0, 9537911, 34387, 9.7, 7.5, 2.6, 2.5, NAN},
    {"gpushare40", OPENB_LENIENT, false, 0, 9964972, 32735, 20.6, 19.8, 16.9, 16.3, NAN},
    {"gpushare40", OPENB_STRICT, false, 0, 9964972, 32735, 20.6, 15.9, 4.5, 4.5, NAN},
    {"default", OPENB_LENIENT, false, 0, 0, 59612, 13.7, 13.6, 10.4, 9.8, NAN},
    {"default", OPENB_LENIENT, false, 8, 0, 59612, 13.7, 13.6, 10.4, NAN, 5.3},
    {"default", OPENB_STRICT, false, 8, 0, 59612, 13.7, 10.7, 2.3, NAN, 1.2},
};
enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };

static struct openb trace;
static struct gs_sim_score score;
static struct gs_sim_score whole;

static double saved(uint64_t us, uint64_t of)
{
    return 100.0 * (1.0 - (double)us / (double)of);
}

static void assert_near(const struct figure *figure, const char *what, double found, double wanted)
{
    if (!isnan(wanted) && fabs(found - wanted) > 0.1) {
        fail_msg("%s %s, %u GPUs a node: %s %.2f %%, expected %.1f", figure->file,
                 figure->map == OPENB_STRICT ? "strict" : "lenient", figure->node_gpus, what, found,
                 wanted);
    }
}

static void run_trace(const struct gs_sim_world *world, const char *policy,
                      struct gs_sim_score *ret)
{
    struct gs_sim_source source = {openb_next, &trace};
    struct gs_err err = {0};
    trace.next = 0;
    if (run_source(world, policy_named(policy), &source, NULL, ret, &err) < 0) {
        fail_msg("%s: %s", policy, err.msg);
    }
    assert_int_equal(ret->done, ret->arrived);
}

static bool load(const struct figure *figure, const unsigned *plain)
{
    const char *folder = getenv("GPUSLICE_TESTDATA");
    char path[512];
    snprintf(path, sizeof(path), "%s/traces/openb/openb_pod_list_%s.csv",
             folder == NULL ? GS_SOURCE_DIR "/../shared/data" : folder, figure->file);
    if (openb_load(&trace, path, figure->map, figure->fractional_only, plain)) {
        return true;
    }
    print_message("SKIP: %s is not there (GPUSLICE_TESTDATA names the folder of traces/)\n", path);
    return false;
}

static void check_figure(const struct figure *figure, const struct gs_sim_world *world)
{
    struct gs_sim_work work;
    measure_jobs(world, trace.jobs, trace.n, &work);
    assert_true(fabs((double)work.whole_us / 3.6e9 - figure->whole_h) < 1.0);
    assert_near(figure, "ideal", saved(work.ideal_us, work.whole_us), figure->ideal);
    assert_near(figure, "slices", saved(work.slices_us, work.whole_us), figure->slices);
    assert_near(figure, "bound", saved(work.bound_us, work.whole_us), figure->bound);
    run_trace(world, "whole", &whole);
    assert_int_equal(whole.gpu_us, work.whole_us);
    run_trace(world, "best-fit", &score);
    assert_near(figure, "online", saved(score.gpu_us, work.whole_us), figure->online);
    assert_near(figure, "nodes", saved(score.node_gpu_us, whole.node_gpu_us), figure->node);
    assert_int_equal(score.bound_us, work.bound_us);
    print_message("%s %s, %u GPUs a node: bound %.2f, best-fit %.2f, nodes %.2f", figure->file,
                  figure->map == OPENB_STRICT ? "strict" : "lenient", figure->node_gpus,
                  saved(work.bound_us, work.whole_us), saved(score.gpu_us, work.whole_us),
                  saved(score.node_gpu_us, whole.node_gpu_us));
    run_trace(world, "gpuslice+moves", &score);
    print_message(", gpuslice+moves %.2f %%\n", saved(score.gpu_us, work.whole_us));
    assert_true(score.gpu_us >= work.bound_us);
}

static void replay__says_of_alibabas_trace_what_was_computed_otherwise(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    unsigned plain[5];
    uint32_t profiles = plain_profiles(model, plain);
    for (unsigned f = 0; f < FIGURES; f++) {
        if (!load(&figures[f], plain)) {
            return;
        }
        struct gs_sim_world world;
        gs_sim_world_init_timeless(&world, model, figures[f].node_gpus);
        world.profiles = profiles;
        world.from_us = (int64_t)(figures[f].from_s * 1e6);
        check_figure(&figures[f], &world);
    }
}

static void replay__saves_nothing_on_whole_gpus_under_any_policy(void **state)
{
    (void)state;
    const struct gs_model *model = model_named("A100-40GB");
    unsigned plain[5];
    (void)plain_profiles(model, plain);
    if (!load(&figures[0], plain)) {
        return;
    }
    for (size_t i = 0; i < trace.n; i++) {
        trace.jobs[i].profile = GS_SIM_WHOLE;
    }
    size_t n;
    const struct gs_sim_policy *policies = gs_sim_policies(&n);
    for (unsigned k = 0; k < 2; k++) {
        struct gs_sim_world world;
        gs_sim_world_init_timeless(&world, model, k == 0 ? 0 : 8);
        for (size_t p = 0; p < n; p++) {
            run_trace(&world, policies[p].name, p == 0 ? &whole : &score);
            if (p > 0) {
                assert_int_equal(score.gpu_us, whole.gpu_us);
                assert_int_equal(score.node_gpu_us, whole.node_gpu_us);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay__says_of_alibabas_trace_what_was_computed_otherwise),
        cmocka_unit_test(replay__saves_nothing_on_whole_gpus_under_any_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
