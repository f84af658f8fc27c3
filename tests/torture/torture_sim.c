#include "torture/torture.h"

#include "core/catalog.h"
#include "sim/replay.h"
#include "sim/work.h"

enum { JOBS = 40 };

/* Each way of the engine, in a world of its own. */
static const struct way {
    const char *policy;
    bool elastic;
    unsigned step;
} ways[] = {{"gpuslice+moves", true, 13},
            {"gpuslice+moldable", false, 13},
            {"shared", true, 1},
            {"static-1g", true, 13}};

static struct gs_sim_speed speed;
static struct gs_sim_score score;

struct feed {
    unsigned next;
    unsigned n_profiles;
};

static int next_job(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct feed *feed = ctx;
    unsigned i = feed->next++;
    (void)err;
    if (i == JOBS) {
        return 0;
    }
    *ret =
        (struct gs_sim_job){.row = i + 1,
                            .arrive_us = i * 10,
                            .run_us = 1 + i * 37 % 900,
                            .gpus = 1,
                            .profile = i % 5 == 0 ? GS_SIM_WHOLE : (uint8_t)(i % feed->n_profiles),
                            .speed = i % 2 == 0 ? &speed : NULL};
    return 1;
}

static struct gs_sim_world make_world(const struct gs_model *model, bool elastic)
{
    struct gs_sim_world world;
    gs_sim_world_init(&world, model, 4);
    world.elastic = elastic;
    world.types[0].nodes = elastic ? 1000 : 2;
    world.spot_mean_us = elastic ? 4000 : 0;
    world.boot_us = world.keep_us = 20;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        speed.permille[p] = 700;
    }
    speed.shared_permille[1] = speed.shared_permille[2] = 600;
    return world;
}

static const struct way *way; /* under torture */

static int run_way(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_model *model;
    const struct gs_sim_policy *policy;
    assert_int_equal(gs_catalog_find(gs_view("A30-24GB"), &model, NULL), 0);
    assert_int_equal(gs_sim_policy_find(gs_view(way->policy), &policy, NULL), 0);
    struct gs_sim_world world = make_world(model, way->elastic);
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct feed feed = {.n_profiles = model->n_profiles};
    struct gs_sim_source jobs = {next_job, &feed};
    const struct gs_sim_rules *rules;
    int r = gs_sim_rules_new(&arena, &world, policy, &rules, err);
    r = r < 0 ? r : gs_sim_replay(&arena, &world, rules, &jobs, &score, err);
    assert_true(r < 0 || score.done + score.lost == JOBS);
    gs_arena_done(&arena);
    return r;
}

static int run_work(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A30-24GB"), &model, NULL), 0);
    struct gs_sim_world world = make_world(model, true);
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct feed feed = {.n_profiles = model->n_profiles};
    struct gs_sim_source jobs = {next_job, &feed};
    struct gs_sim_work work;
    int r = gs_sim_work_measure(&arena, &world, &jobs, &work, err);
    gs_arena_done(&arena);
    return r;
}

/* Most requests are those of the program for the bound, which has scenarios of its own. */
static void torture__a_replay_survives_failed_requests(void **state)
{
    (void)state;
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
        way = &ways[w];
        assert_true(torture_arena(run_way, way->step) >= 20);
    }
}

static void torture__measuring_a_workload_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(run_work, 1) >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_replay_survives_failed_requests),
        cmocka_unit_test(torture__measuring_a_workload_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
