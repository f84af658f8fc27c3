/* bench_replay: how many events a second a replay handles, and how much memory it takes.
 *
 * usage: bench_replay fleet [POLICY [GPUS [JOBS [PERCENT]]]]
 *        bench_replay openb FILE [POLICY]
 * `fleet`: nodes of 8 A100, jobs of the mix 35/25/20/15/5 of 1g/2g/3g/4g/7g that come as a Poisson
 * stream and stay an exponential time of an hour, so many that PERCENT of the compute slices are
 * asked for; what finds no room is lost. Nothing is kept of the workload: it is drawn job by job.
 * `openb`: lenient sizes, GPUs switched on one by one, the whole file; the median of 21 runs.
 * Times are CPU times of the process, so that neighbours on a busy machine count for less. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "core/catalog.h"
#include "sim/random.h"
#include "sim/replay.h"
#include "unit/sim/openb.h"

enum { RUNS = 21 };

static const char *const names[5] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
static const unsigned weights[5] = {35, 25, 20, 15, 5};
static const unsigned slices[5] = {1, 2, 3, 4, 7};

struct stream {
    struct gs_random random;
    double now_us;
    double gap_us;
    uint64_t left;
    uint64_t row;
    unsigned plain[5];
};

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(int r, const struct gs_err *err)
{
    if (r < 0) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static int next_job(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct stream *stream = ctx;
    (void)err;
    if (stream->left == 0) {
        return 0;
    }
    stream->left--;
    stream->now_us += stream->gap_us * gs_random_exp(&stream->random);
    unsigned drawn = gs_random_below(&stream->random, 100);
    unsigned k = 0;
    while (drawn >= weights[k]) {
        drawn -= weights[k++];
    }
    *ret = (struct gs_sim_job){.row = ++stream->row,
                               .arrive_us = (int64_t)stream->now_us,
                               .run_us = 1 + (int64_t)(3.6e9 * gs_random_exp(&stream->random)),
                               .ideal_milli = slices[k] * 1000 / 7,
                               .gpus = 1,
                               .profile = (uint8_t)stream->plain[k]};
    return 1;
}

static const struct gs_model *find_plain(unsigned plain[5], uint32_t *ret_profiles)
{
    const struct gs_model *model = NULL;
    struct gs_err err = {0};
    check(gs_catalog_find(gs_view("A100-40GB"), &model, &err), &err);
    *ret_profiles = 0;
    for (unsigned k = 0; k < 5; k++) {
        check(gs_model_profile_find(model, gs_view(names[k]), &plain[k], &err), &err);
        *ret_profiles |= 1u << plain[k];
    }
    return model;
}

static struct gs_sim_score score; /* 120 KB */

static double replay(const struct gs_sim_world *world, const char *policy_name,
                     const struct gs_sim_source *source)
{
    const struct gs_sim_policy *policy = NULL;
    const struct gs_sim_rules *rules = NULL;
    struct gs_arena arena;
    struct gs_err err = {0};
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)4 << 30);
    double begun = cpu_now();
    check(gs_sim_policy_find(gs_view(policy_name), &policy, &err), &err);
    check(gs_sim_rules_new(&arena, world, policy, &rules, &err), &err);
    check(gs_sim_replay(&arena, world, rules, source, &score, &err), &err);
    double took = cpu_now() - begun;
    gs_arena_done(&arena);
    return took;
}

static int run_fleet(int argc, char **argv)
{
    const char *policy = argc > 2 ? argv[2] : "gpuslice+moves";
    uint32_t gpus = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 100000;
    uint64_t jobs = argc > 4 ? strtoull(argv[4], NULL, 10) : 3000000;
    double percent = argc > 5 ? strtod(argv[5], NULL) : 90;
    struct stream stream = {.left = jobs};
    uint32_t profiles;
    const struct gs_model *model = find_plain(stream.plain, &profiles);
    struct gs_sim_world world;
    gs_sim_world_init(&world, model, 8);
    world.profiles = profiles;
    world.elastic = false;
    world.busy_first = false;
    world.lose = true;
    world.types[0].nodes = gpus / 8;
    double mean_slices = 0;
    for (unsigned k = 0; k < 5; k++) {
        mean_slices += weights[k] * slices[k] / 100.0;
    }
    stream.gap_us = 3.6e9 * mean_slices / (gpus / 8 * 8 * 7.0 * percent / 100);
    gs_random_init(&stream.random, 1);
    double took = replay(&world, policy, &(struct gs_sim_source){next_job, &stream});
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s, %u GPUs, %llu jobs: %.2f s of CPU, %.2f M events/s, %.0f MiB resident; %llu moves, "
           "%llu lost, %u GPUs on at most\n",
           policy, gpus, (unsigned long long)jobs, took, (double)score.events / took / 1e6,
           (double)usage.ru_maxrss / 1024, (unsigned long long)score.moves,
           (unsigned long long)score.lost, score.peak_gpus);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run_openb(int argc, char **argv)
{
    static struct openb trace;
    const char *policy = argc > 3 ? argv[3] : "gpuslice+moves";
    struct gs_sim_world world;
    unsigned plain[5];
    uint32_t profiles;
    const struct gs_model *model = find_plain(plain, &profiles);
    if (!openb_load(&trace, argv[2], OPENB_LENIENT, false, plain)) {
        fprintf(stderr, "%s: cannot be read, or has no pods\n", argv[2]);
        return 1;
    }
    gs_sim_world_init_timeless(&world, model, 0);
    world.profiles = profiles;
    double took[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        trace.next = 0;
        took[i] = replay(&world, policy, &(struct gs_sim_source){openb_next, &trace}) * 1e3;
    }
    qsort(took, RUNS, sizeof(*took), compare_doubles);
    printf("%s, %zu jobs, %llu events: %.2f ms (%.2f to %.2f)\n", policy, trace.n,
           (unsigned long long)score.events, took[RUNS / 2], took[0], took[RUNS - 1]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "openb") == 0) {
        return run_openb(argc, argv);
    }
    if (argc > 1 && strcmp(argv[1], "fleet") == 0) {
        return run_fleet(argc, argv);
    }
    fprintf(stderr, "usage: bench_replay fleet [POLICY [GPUS [JOBS [PERCENT]]]]\n"
                    "       bench_replay openb FILE [POLICY]\n");
    return 2;
}
