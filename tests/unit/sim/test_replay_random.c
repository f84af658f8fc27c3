#include "unit/sim/feed.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pack.h"

/* Random worlds and workloads; what a replay says is worked out again from what happened to each
 * job, slowly and by other means. */
enum { JOBS = 150, STAYS_MAX = 20000, WORLDS = 60, SPOT_LIFE = 400 };

/* Somebody had a place from `from` to `to`. */
struct stay {
    int64_t from, to;
    uint64_t row;
    uint64_t gpus;
    uint32_t node;
    uint8_t held;
    uint8_t placement;
    bool shared;
};

struct log {
    struct stay stays[STAYS_MAX];
    size_t n;
    uint64_t ends, lost, stops;
    const struct gs_statetable *states; /* NULL: nothing is cut */
    unsigned node_gpus;
};

static struct log events;
static struct gs_sim_score score;

static struct stay *open_stay(struct log *log, uint64_t row)
{
    for (size_t i = 0; i < log->n; i++) {
        if (log->stays[i].row == row && log->stays[i].to < 0) {
            return &log->stays[i];
        }
    }
    return NULL;
}

static uint16_t span_of(const struct log *log, const struct stay *stay)
{
    return stay->held == GS_SIM_WHOLE ? UINT16_MAX : log->states->placements[stay->placement].span;
}

/* Nobody has the same part of the same GPU at this time. */
static void check_place(const struct log *log, const struct stay *stay)
{
    assert_true(stay->gpus != 0 && stay->gpus >> (log->node_gpus - 1) <= 1);
    for (size_t i = 0; i < log->n; i++) {
        const struct stay *other = &log->stays[i];
        if (other != stay && other->to < 0 && other->node == stay->node &&
            (other->gpus & stay->gpus) != 0) {
            if (stay->shared && other->shared) {
                continue;
            }
            assert_int_equal(span_of(log, other) & span_of(log, stay), 0);
        }
    }
}

static void take_note(void *ctx, const struct gs_sim_note *note)
{
    struct log *log = ctx;
    struct stay *stay = open_stay(log, note->row);
    assert_true((stay == NULL) == (note->what == GS_SIM_STARTS || note->what == GS_SIM_LOST));
    if (stay != NULL) {
        stay->to = note->now_us;
    }
    log->ends += note->what == GS_SIM_ENDS;
    log->lost += note->what == GS_SIM_LOST;
    log->stops += note->what == GS_SIM_STOPS;
    if (note->what == GS_SIM_STARTS || note->what == GS_SIM_MOVES) {
        assert_true(log->n < STAYS_MAX);
        struct stay *next = &log->stays[log->n++];
        *next = (struct stay){.from = note->now_us,
                              .to = -1,
                              .row = note->row,
                              .gpus = note->gpus,
                              .node = note->node,
                              .held = note->held,
                              .placement = note->placement,
                              .shared = note->shared};
        if (note->node != UINT32_MAX) {
            check_place(log, next);
        }
    }
}

/* ------------------------------------------------------------------ worked out again */

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_stays(const void *a, const void *b)
{
    const struct stay *x = a;
    const struct stay *y = b;
    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    return (x->from > y->from) - (x->from < y->from);
}

static int64_t overlap(const struct gs_sim_world *world, int64_t from, int64_t to)
{
    from = from > world->from_us ? from : world->from_us;
    to = to < world->until_us ? to : world->until_us;
    return to > from ? to - from : 0;
}

struct sums {
    uint64_t gpu_us, node_gpu_us, bound_us;
};

/* One moment: GPUs that somebody has, and the fewest for that. */
static void add_moment(const struct log *log, const unsigned *plain, int64_t from, int64_t us,
                       struct sums *sums)
{
    struct gs_pack_plain counts = {0};
    uint64_t *const by_size[5] = {&counts.n1, &counts.n2, &counts.n3, &counts.n4, &counts.n7};
    uint64_t used = 0;
    uint64_t whole = 0;
    uint32_t node = UINT32_MAX;
    uint64_t mask = 0;
    for (size_t i = 0; i < log->n; i++) { /* by node */
        const struct stay *stay = &log->stays[i];
        if (stay->from > from || stay->to <= from) {
            continue;
        }
        if (stay->node != node) {
            used += (unsigned)__builtin_popcountll(mask);
            mask = 0;
            node = stay->node;
        }
        mask |= stay->gpus;
        whole += stay->held == GS_SIM_WHOLE ? (unsigned)__builtin_popcountll(stay->gpus) : 0;
        for (unsigned k = 0; k < 5; k++) {
            *by_size[k] += stay->held == plain[k];
        }
    }
    used += (unsigned)__builtin_popcountll(mask);
    sums->gpu_us += used * (uint64_t)us;
    sums->bound_us += (whole + gs_pack_closed_form(&counts)) * (uint64_t)us;
}

/* Nodes: on from their first job until `keep` after their last one; one GPU is on in each gap. */
static void add_nodes(const struct gs_sim_world *world, const struct log *log, struct sums *sums)
{
    for (size_t i = 0; i < log->n;) {
        uint32_t node = log->stays[i].node;
        int64_t on = log->stays[i].from;
        int64_t busy_until = on;
        for (; i < log->n && log->stays[i].node == node; i++) {
            if (log->stays[i].from > busy_until) {
                sums->gpu_us += (uint64_t)overlap(world, busy_until, log->stays[i].from);
            }
            busy_until = log->stays[i].to > busy_until ? log->stays[i].to : busy_until;
        }
        int64_t off = busy_until + world->keep_us;
        sums->gpu_us += (uint64_t)overlap(world, busy_until, off);
        off = off > on + world->bill_min_us ? off : on + world->bill_min_us;
        sums->node_gpu_us += (uint64_t)overlap(world, on, off) * log->node_gpus;
    }
}

static struct sums work_out(const struct gs_sim_world *world, struct log *log,
                            const unsigned *plain)
{
    static int64_t times[2 * STAYS_MAX + 2];
    struct sums sums = {0};
    size_t n = 0;
    qsort(log->stays, log->n, sizeof(*log->stays), compare_stays);
    for (size_t i = 0; i < log->n; i++) {
        times[n++] = log->stays[i].from;
        times[n++] = log->stays[i].to;
    }
    qsort(times, n, sizeof(*times), compare_times);
    for (size_t i = 0; i + 1 < n; i++) {
        int64_t us = overlap(world, times[i], times[i + 1]);
        if (us > 0) {
            add_moment(log, plain, times[i], us, &sums);
        }
    }
    if (world->elastic) {
        add_nodes(world, log, &sums);
    } else {
        sums.node_gpu_us = (uint64_t)overlap(world, 0, score.last_us) * world->types[0].nodes *
                           world->types[0].gpus;
    }
    return sums;
}

/* ------------------------------------------------------------------ random */

/* Slower on smaller slices and with more company; some sizes are not known. */
static void draw_speed(struct gs_random *random, const unsigned *plain, struct gs_sim_speed *speed)
{
    unsigned rate = 1000;
    memset(speed, 0, sizeof(*speed));
    for (unsigned k = 5; k-- > 0;) {
        speed->permille[plain[k]] = (uint16_t)rate;
        rate -= gs_random_below(random, 200);
    }
    rate = 1000;
    for (unsigned n = 2; n <= gs_random_below(random, 9); n++) {
        rate -= gs_random_below(random, 120);
        speed->shared_permille[n - 1] = (uint16_t)rate;
    }
}

static void draw_jobs(struct gs_random *random, const unsigned *plain, unsigned most_gpus,
                      struct gs_sim_job *jobs)
{
    static struct gs_sim_speed speeds[JOBS];
    int64_t now = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        unsigned kind = gs_random_below(random, 7);
        now += gs_random_below(random, 3) == 0 ? 0 : (int64_t)gs_random_below(random, 100);
        jobs[i] = (struct gs_sim_job){.row = i + 1,
                                      .arrive_us = now,
                                      .run_us = 1 + (int64_t)gs_random_below(random, 600),
                                      .gpus = 1,
                                      .profile = GS_SIM_WHOLE,
                                      .ideal_milli = 500};
        if (kind < 5) {
            jobs[i].profile = (uint8_t)plain[kind];
            draw_speed(random, plain, &speeds[i]);
            jobs[i].speed = gs_random_below(random, 2) == 0 ? &speeds[i] : NULL;
        } else if (kind == 6) {
            jobs[i].gpus = (uint16_t)(1 + gs_random_below(random, most_gpus));
        }
    }
}

static struct gs_sim_world draw_world(struct gs_random *random, unsigned plain[5])
{
    static const uint16_t sizes[] = {1, 2, 4, 8};
    const struct gs_model *model = model_named("A100-40GB");
    struct gs_sim_world world;
    gs_sim_world_init_timeless(&world, model, sizes[gs_random_below(random, 4)]);
    world.profiles = plain_profiles(model, plain);
    world.elastic = gs_random_below(random, 3) != 0;
    world.types[0].nodes =
        world.elastic ? 40u / world.types[0].gpus : 1 + gs_random_below(random, 8);
    world.lose = gs_random_below(random, 2) == 0;
    world.backfill = gs_random_below(random, 2) == 0;
    world.busy_first = gs_random_below(random, 2) == 0;
    world.book_idle = gs_random_below(random, 2) == 0;
    world.boot_us = (int64_t)gs_random_below(random, 2) * 50;
    world.recut_us = (int64_t)gs_random_below(random, 2) * 7;
    world.move_us = (int64_t)gs_random_below(random, 2) * 11;
    world.restart_us = (int64_t)gs_random_below(random, 2) * 5;
    world.bill_min_us = (int64_t)gs_random_below(random, 2) * 300;
    if (world.elastic && gs_random_below(random, 3) == 0) {
        world.spot_mean_us = SPOT_LIFE;
        world.checkpoint_us = (int64_t)gs_random_below(random, 2) * 20;
    } else {
        world.keep_us = (int64_t)gs_random_below(random, 2) * 60;
    }
    world.seed = gs_random_u64(random);
    return world;
}

static int run_logged(const struct gs_sim_world *world, const struct gs_sim_policy *policy,
                      const struct gs_sim_job *jobs)
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 30);
    const struct gs_sim_rules *rules;
    struct feed feed = {.jobs = jobs, .n = JOBS};
    struct gs_sim_source source = {feed_next, &feed};
    struct gs_sim_watch watch = {take_note, &events};
    struct gs_err err = {0};
    assert_int_equal(gs_sim_rules_new(&arena, world, policy, &rules, &err), 0);
    events.n = 0;
    events.ends = events.lost = events.stops = 0;
    events.states = rules->decisions == NULL ? NULL : rules->decisions->states;
    events.node_gpus = world->types[0].gpus;
    int r = gs_sim_replay_watched(&arena, world, rules, &source, &watch, &score, &err);
    if (r < 0) {
        print_message("%s: %s\n", policy->name, err.msg);
    }
    gs_arena_done(&arena);
    return r;
}

static void check_run(const struct gs_sim_world *world, const unsigned *plain, bool has_bound)
{
    for (size_t i = 0; i < events.n; i++) {
        assert_true(events.stays[i].to >= events.stays[i].from);
    }
    assert_int_equal(score.arrived, JOBS);
    assert_int_equal(score.done, events.ends);
    assert_int_equal(score.lost + score.undone, events.lost);
    assert_int_equal(score.interrupted, events.stops);
    assert_int_equal(score.done + score.lost + score.undone, JOBS);
    struct sums sums = work_out(world, &events, plain);
    if (world->spot_mean_us == 0) { /* a node that is taken away idle leaves no trace */
        assert_int_equal(score.node_gpu_us, sums.node_gpu_us);
    }
    assert_int_equal(score.gpu_us, sums.gpu_us);
    assert_int_equal(score.bound_us, has_bound ? sums.bound_us : 0);
    assert_true(score.gpu_us >= score.bound_us);
    uint64_t drawn = 0;
    for (unsigned i = 0; i < score.timeline.n; i++) {
        drawn += score.timeline.gpu_us[i];
    }
    assert_int_equal(drawn, score.gpu_us);
}

static void replay__says_what_can_be_worked_out_from_what_happened_to_each_job(void **state)
{
    (void)state;
    static struct gs_sim_job jobs[JOBS];
    uint64_t seed = (uint64_t)time(NULL);
    const char *given = getenv("SEED");
    seed = given == NULL ? seed : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    size_t n_policies;
    const struct gs_sim_policy *policies = gs_sim_policies(&n_policies);
    for (unsigned w = 0; w < WORLDS; w++) {
        unsigned plain[5];
        struct gs_sim_world world = draw_world(&random, plain);
        draw_jobs(&random, plain, world.types[0].gpus, jobs);
        for (size_t p = 0; p < n_policies; p++) {
            if (policies[p].way != GS_SIM_SMALL) {
                assert_int_equal(run_logged(&world, &policies[p], jobs), 0);
                check_run(&world, plain, policies[p].way != GS_SIM_SHARED);
            }
        }
    }
}

/* The parts of a run add up to the run. */
static void replay__counts_each_moment_in_one_window(void **state)
{
    (void)state;
    static struct gs_sim_job jobs[JOBS];
    static struct gs_sim_score whole;
    uint64_t seed = (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    size_t n_policies;
    const struct gs_sim_policy *policies = gs_sim_policies(&n_policies);
    for (unsigned w = 0; w < 10; w++) {
        unsigned plain[5];
        struct gs_sim_world world = draw_world(&random, plain);
        world.bill_min_us = 0; /* of a node that goes in one window and is paid into the next */
        draw_jobs(&random, plain, world.types[0].gpus, jobs);
        for (size_t p = 0; p < n_policies; p++) {
            run_jobs(&world, policies[p].name, jobs, JOBS, &whole);
            int64_t cuts[] = {0, whole.last_us / 3, whole.last_us / 2, GS_SIM_FOREVER};
            struct gs_sim_score sum = {0};
            for (unsigned k = 0; k < 3; k++) {
                world.from_us = cuts[k];
                world.until_us = cuts[k + 1];
                run_jobs(&world, policies[p].name, jobs, JOBS, &score);
                sum.gpu_us += score.gpu_us;
                sum.node_gpu_us += score.node_gpu_us;
                sum.bound_us += score.bound_us;
                sum.charged_us += score.charged_us;
                sum.arrived += score.arrived;
                sum.done += score.done;
            }
            world.from_us = 0;
            world.until_us = GS_SIM_FOREVER;
            assert_int_equal(sum.gpu_us, whole.gpu_us);
            assert_int_equal(sum.node_gpu_us, whole.node_gpu_us);
            assert_int_equal(sum.bound_us, whole.bound_us);
            assert_int_equal(sum.charged_us, whole.charged_us);
            assert_int_equal(sum.arrived, whole.arrived);
            assert_int_equal(sum.done, whole.done);
        }
    }
}

static void replay__is_the_same_each_time(void **state)
{
    (void)state;
    static struct gs_sim_job jobs[JOBS];
    static struct gs_sim_score again;
    struct gs_random random;
    gs_random_init(&random, 7);
    size_t n_policies;
    const struct gs_sim_policy *policies = gs_sim_policies(&n_policies);
    unsigned plain[5];
    struct gs_sim_world world = draw_world(&random, plain);
    world.spot_mean_us = world.elastic ? SPOT_LIFE : 0;
    draw_jobs(&random, plain, world.types[0].gpus, jobs);
    for (size_t p = 0; p < n_policies; p++) {
        run_jobs(&world, policies[p].name, jobs, JOBS, &score);
        run_jobs(&world, policies[p].name, jobs, JOBS, &again);
        assert_memory_equal(&score, &again, sizeof(score));
    }
}

/* Rows of one moment in another order. */
static void shuffle_moments(struct gs_random *random, struct gs_sim_job *jobs)
{
    for (unsigned i = 1; i < JOBS; i++) {
        unsigned first = i;
        while (first > 0 && jobs[first - 1].arrive_us == jobs[i].arrive_us) {
            first--;
        }
        unsigned k = first + gs_random_below(random, i - first + 1);
        struct gs_sim_job job = jobs[i];
        jobs[i] = jobs[k];
        jobs[k] = job;
    }
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].row = i + 1;
    }
}

static void replay__does_not_depend_on_which_row_of_one_moment_stands_first(void **state)
{
    (void)state;
    static struct gs_sim_job jobs[JOBS];
    static struct gs_sim_score again;
    uint64_t seed = (uint64_t)time(NULL);
    const char *given = getenv("SEED");
    seed = given == NULL ? seed : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    size_t n_policies;
    const struct gs_sim_policy *policies = gs_sim_policies(&n_policies);
    for (unsigned w = 0; w < WORLDS; w++) {
        unsigned plain[5];
        struct gs_sim_world world = draw_world(&random, plain);
        draw_jobs(&random, plain, world.types[0].gpus, jobs);
        for (unsigned i = 0; i < JOBS; i++) {
            jobs[i].arrive_us -= jobs[i].arrive_us % 200; /* several a moment; some end then, too */
            jobs[i].run_us = (jobs[i].run_us + 99) / 100 * 100;
        }
        for (size_t p = 0; p < n_policies; p++) {
            run_jobs(&world, policies[p].name, jobs, JOBS, &score);
            for (unsigned turn = 0; turn < 2; turn++) {
                shuffle_moments(&random, jobs);
                run_jobs(&world, policies[p].name, jobs, JOBS, &again);
                assert_memory_equal(&score, &again, sizeof(score));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay__does_not_depend_on_which_row_of_one_moment_stands_first),
        cmocka_unit_test(replay__says_what_can_be_worked_out_from_what_happened_to_each_job),
        cmocka_unit_test(replay__counts_each_moment_in_one_window),
        cmocka_unit_test(replay__is_the_same_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
