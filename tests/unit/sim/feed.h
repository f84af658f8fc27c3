/* feed: worlds and workloads for the tests of the replay. */
#pragma once

#include "unit/check.h"

#include "core/catalog.h"
#include "sim/random.h"
#include "sim/replay.h"
#include "sim/work.h"

struct feed {
    const struct gs_sim_job *jobs;
    size_t n;
    size_t next;
};

static inline int feed_next(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct feed *feed = ctx;
    (void)err;
    if (feed->next == feed->n) {
        return 0;
    }
    *ret = feed->jobs[feed->next++];
    return 1;
}

static inline const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

/* The five plain profiles of an A100-40GB. */
static inline uint32_t plain_profiles(const struct gs_model *model, unsigned ret_plain[5])
{
    static const char *const names[5] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
    uint32_t profiles = 0;
    for (unsigned k = 0; k < 5; k++) {
        assert_int_equal(gs_model_profile_find(model, gs_view(names[k]), &ret_plain[k], NULL), 0);
        profiles |= 1u << ret_plain[k];
    }
    return profiles;
}

static inline const struct gs_sim_policy *policy_named(const char *name)
{
    const struct gs_sim_policy *policy;
    assert_int_equal(gs_sim_policy_find(gs_view(name), &policy, NULL), 0);
    return policy;
}

/* Runs a source; the score is the caller's. What gs_sim_replay_watched says. */
static inline int run_source(const struct gs_sim_world *world, const struct gs_sim_policy *policy,
                             const struct gs_sim_source *source, const struct gs_sim_watch *watch,
                             struct gs_sim_score *score, struct gs_err *err)
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 30);
    const struct gs_sim_rules *rules;
    int r = gs_sim_rules_new(&arena, world, policy, &rules, err);
    r = r < 0 ? r : gs_sim_replay_watched(&arena, world, rules, source, watch, score, err);
    gs_arena_done(&arena);
    return r;
}

static inline void run_jobs(const struct gs_sim_world *world, const char *policy,
                            const struct gs_sim_job *jobs, size_t n, struct gs_sim_score *score)
{
    struct feed feed = {.jobs = jobs, .n = n};
    struct gs_sim_source source = {feed_next, &feed};
    struct gs_err err = {0};
    int r = run_source(world, policy_named(policy), &source, NULL, score, &err);
    if (r < 0) {
        fail_msg("%s: %s", policy, err.msg);
    }
}

static inline void measure_jobs(const struct gs_sim_world *world, const struct gs_sim_job *jobs,
                                size_t n, struct gs_sim_work *work)
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 30);
    struct feed feed = {.jobs = jobs, .n = n};
    struct gs_sim_source source = {feed_next, &feed};
    struct gs_err err = {0};
    if (gs_sim_work_measure(&arena, world, &source, work, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    gs_arena_done(&arena);
}
