#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "cli/bench/child.h"
#include "core/catalog.h"
#include "sim/random.h"
#include "sim/replay.h"

enum { PLAIN = 5, RUN_SECONDS = 1800, NODE_GPUS = 8 };
static const char *const names[PLAIN] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
static const unsigned weights[PLAIN] = {35, 25, 20, 15, 5};
static const unsigned slices[PLAIN] = {1, 2, 3, 4, 7};
static const double HOUR_US = 3.6e9;

/* ------------------------------------------------------------------ events a second */

/* Jobs that come as a Poisson stream and stay an exponential hour; what finds no room is lost. */
struct replay {
    struct gs_arena *arena;
    struct gs_sim_world world;
    const struct gs_sim_rules *rules;
    unsigned profiles[PLAIN];
    double gap_us;
    uint64_t jobs;
    uint64_t seed;
    struct gs_random random; /* of the run */
    double now_us;
    uint64_t given;
    struct gs_sim_score score;
};

static int next_job(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct replay *replay = ctx;
    (void)err;
    if (replay->given == replay->jobs) {
        return 0;
    }
    replay->now_us += replay->gap_us * gs_random_exp(&replay->random);
    unsigned drawn = gs_random_below(&replay->random, 100), k = 0;
    while (drawn >= weights[k]) {
        drawn -= weights[k++];
    }
    *ret = (struct gs_sim_job){
        .row = ++replay->given,
        .arrive_us = (int64_t)replay->now_us,
        .run_us = 1 + (int64_t)(HOUR_US * gs_random_exp(&replay->random)),
        .ideal_milli = slices[k] * 1000 / 7,
        .gpus = 1,
        .profile = (uint8_t)replay->profiles[k],
    };
    return 1;
}

static int run_replay(void *ctx, struct gs_err *err)
{
    struct replay *replay = ctx;
    const struct gs_sim_source source = {.next = next_job, .ctx = replay};
    gs_random_init(&replay->random, replay->seed);
    replay->now_us = 0;
    replay->given = 0;
    return gs_sim_replay(replay->arena, &replay->world, replay->rules, &source, &replay->score,
                         err);
}

static int prepare(struct replay *replay, uint32_t gpus, struct gs_err *err)
{
    const struct gs_model *model = NULL;
    const struct gs_sim_policy *policy = NULL;
    int r = gs_catalog_find(gs_view("A100-40GB"), &model, err);
    r = r < 0 ? r : gs_sim_policy_find(gs_view("gpuslice+moves"), &policy, err);
    if (r < 0) {
        return r;
    }
    gs_sim_world_init(&replay->world, model, NODE_GPUS);
    replay->world.elastic = false;
    replay->world.lose = true;
    replay->world.types[0].nodes = gpus / NODE_GPUS;
    replay->world.profiles = 0;
    double mean_slices = 0;
    for (unsigned k = 0; r == 0 && k < PLAIN; k++) {
        r = gs_model_profile_find(model, gs_view(names[k]), &replay->profiles[k], err);
        replay->world.profiles |= r < 0 ? 0 : 1u << replay->profiles[k];
        mean_slices += weights[k] * slices[k] / 100.0;
    }
    replay->gap_us = HOUR_US * mean_slices / (gpus * 7.0 * 0.9);
    return r < 0 ? r : gs_sim_rules_new(replay->arena, &replay->world, policy, &replay->rules, err);
}

static int measure_events(struct gs_cmd_bench *bench, struct gs_err *err)
{
    static const double goal = 1e6;
    uint32_t gpus = (uint32_t)gs_cmd_bench_size(bench, 100000, 160);
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct replay *replay = GS_ARENA_NEW(bench->arena, struct replay, 1);
    if (replay == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    replay->arena = &arena;
    replay->jobs = gs_cmd_bench_size(bench, 2000000, 2000);
    replay->seed = bench->args->seed;
    int r = prepare(replay, gpus, err);
    r = r < 0 ? r : run_replay(replay, err); /* how many events they are */
    if (r < 0) {
        return r;
    }
    const struct gs_cmd_bench_work work = {
        .what = "events, policy gpuslice+moves, 90 % of the compute slices asked for",
        .run = run_replay,
        .ctx = replay,
        .unit = GS_CMD_BENCH_RATE,
        .operations = (double)replay->score.events,
        .goal = goal,
    };
    struct gs_cmd_bench_measure *measure;
    r = gs_cmd_bench_measure(bench, &work, &measure, err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "gpus", gpus, 0, err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "events", replay->score.events, 0, err);
    return r < 0 ? r : gs_cmd_bench_number(bench, measure, "moves", replay->score.moves, 0, err);
}

/* ------------------------------------------------------------------ the command, from outside */

struct command {
    const char *const *words;
    struct gs_cmd_bench_child child;
};

static int run_command(void *ctx, struct gs_err *err)
{
    struct command *command = ctx;
    int r = gs_cmd_bench_run_child(command->words, RUN_SECONDS, &command->child, err);
    return r == 0 && command->child.status != 0
               ? gs_fail(err, GS_IO, "gpuslice simulate ended with status %d",
                         command->child.status)
               : r;
}

static const char *own_path(struct gs_cmd_bench *bench)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    return n <= 0 || (size_t)n >= sizeof(path) ? NULL
                                               : gs_arena_text(bench->arena, path, (size_t)n);
}

static int measure_openb(struct gs_cmd_bench *bench, const char *self, struct gs_err *err)
{
    static const double goal = 0.020;
    if (bench->args->openb == NULL) {
        return gs_cmd_bench_note(
            bench, err, "Alibaba's trace was not there: --openb FILE is its list of pods.");
    }
    const char *trace = gs_cmd_bench_text(bench, "openb:%s", bench->args->openb);
    const char *const words[] = {self, "simulate",  "-t", trace,       "-p", "gpuslice", "--draws",
                                 "0",  "--what-if", "no", "--threads", "1",  NULL};
    struct command command = {.words = words};
    const struct gs_cmd_bench_work work = {
        .what = "openb: read, whole GPUs, gpuslice and the bound",
        .run = run_command,
        .ctx = &command,
        .goal = goal,
        .took = &command.child.time,
    };
    struct gs_cmd_bench_measure *measure;
    return trace == NULL ? gs_cmd_bench_no_memory(err)
                         : gs_cmd_bench_measure(bench, &work, &measure, err);
}

/* Sixteen jobs a second of an hour each: some 57,000 at once. */
static int write_rows(const char *path, uint64_t n, uint64_t seed, struct gs_err *err)
{
    static const unsigned milli[] = {120, 230, 250, 430, 470, 500, 810, 1000};
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return gs_fail_errno(err, errno, "cannot write %.300s", path);
    }
    struct gs_random random;
    gs_random_init(&random, seed);
    double now_s = 0;
    fputs("arrival,duration,milli_gpu\n", file);
    for (uint64_t i = 0; i < n; i++) {
        now_s += gs_random_exp(&random) / 16;
        fprintf(file, "%.3f,%.3f,%u\n", now_s, 0.001 + 3600 * gs_random_exp(&random),
                milli[gs_random_below(&random, GS_ARRAY_LEN(milli))]);
    }
    int failed = ferror(file);
    if (fclose(file) != 0 || failed != 0) {
        return gs_fail_errno(err, errno == 0 ? EIO : errno, "cannot write %.300s", path);
    }
    return 0;
}

static int measure_rows(struct gs_cmd_bench *bench, const char *self, struct gs_err *err)
{
    static const uint64_t most_kib = 256 * 1024;
    uint64_t rows = gs_cmd_bench_size(bench, 10000000, 2000);
    const char *path = gs_cmd_bench_path(bench, "jobs.csv");
    const char *trace = gs_cmd_bench_text(bench, "csv:%s", path);
    int r = path == NULL || trace == NULL ? gs_cmd_bench_no_memory(err)
                                          : write_rows(path, rows, bench->args->seed, err);
    if (r < 0) {
        return r;
    }
    const char *const words[] = {self,        "simulate", "-t",        trace,  "-p",     "gpuslice",
                                 "--draws",   "0",        "-w",        "loss", "--gpus", "100000",
                                 "--what-if", "no",       "--threads", "1",    NULL};
    struct command command = {.words = words};
    const struct gs_cmd_bench_work work = {
        .what = "rows of a file on 100,000 GPUs, whole GPUs, gpuslice and the bound",
        .run = run_command,
        .ctx = &command,
        .unit = GS_CMD_BENCH_RATE,
        .operations = (double)rows,
        .took = &command.child.time,
        .once = true,
    };
    struct gs_cmd_bench_measure *measure;
    r = gs_cmd_bench_measure(bench, &work, &measure, err);
    (void)unlink(path);
    const struct gs_cmd_bench_fact peak = {
        .name = "peak_memory_kib", .number = command.child.peak_kib, .at_most = most_kib};
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "rows", rows, 0, err);
    return r < 0 ? r : gs_cmd_bench_fact(bench, measure, &peak, err);
}

int gs_cmd_bench_simulate(struct gs_cmd_bench *bench, struct gs_err *err)
{
    const char *self = own_path(bench);
    if (self == NULL) {
        return gs_fail(err, GS_IO, "cannot tell where this program is");
    }
    int r = measure_events(bench, err);
    r = r < 0 ? r : measure_openb(bench, self, err);
    r = r < 0 ? r : measure_rows(bench, self, err);
    return r < 0
               ? r
               : gs_cmd_bench_note(bench, err,
                                   "The file of rows is read four times: to count it, for each of "
                                   "two policies, and for the bound. It is run once.");
}
