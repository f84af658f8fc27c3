#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/bench/bench.h"

/* ------------------------------------------------------------------ clocks */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    int r = clock_gettime(clock, &now);
    assert(r == 0);
    (void)r;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct gs_cmd_bench_time gs_cmd_bench_now(void)
{
    return (struct gs_cmd_bench_time){.wall_ns = read_clock(CLOCK_MONOTONIC),
                                      .cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

/* ------------------------------------------------------------------ figures */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct gs_cmd_bench_spread gs_cmd_bench_spread(const double *values, size_t n)
{
    assert(n > 0 && n <= GS_CMD_BENCH_RUNS_MAX);
    double sorted[GS_CMD_BENCH_RUNS_MAX];
    memcpy(sorted, values, n * sizeof(*values));
    qsort(sorted, n, sizeof(*sorted), compare);
    return (struct gs_cmd_bench_spread){
        .min = sorted[0],
        .median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
        .max = sorted[n - 1],
    };
}

static double seconds(const struct gs_cmd_bench_time *time, bool cpu)
{
    return (double)(cpu ? time->cpu_ns : time->wall_ns) / 1e9;
}

static double in_unit(const struct gs_cmd_bench_measure *measure, size_t run, bool cpu)
{
    double taken = seconds(&measure->times[run], cpu);
    switch (measure->unit) {
    case GS_CMD_BENCH_SECONDS:
        return taken / measure->operations;
    case GS_CMD_BENCH_RATE:
        return taken > 0 ? measure->operations / taken : 0;
    }
    return 0;
}

struct gs_cmd_bench_spread gs_cmd_bench_of_runs(const struct gs_cmd_bench_measure *measure,
                                                bool cpu)
{
    double values[GS_CMD_BENCH_RUNS_MAX];
    for (size_t i = 0; i < measure->n_times; i++) {
        values[i] = in_unit(measure, i, cpu);
    }
    return gs_cmd_bench_spread(values, measure->n_times);
}

static bool said(const struct gs_cmd_bench_peer *peer, bool cpu)
{
    for (size_t i = 0; cpu && i < peer->n_times; i++) {
        if (peer->times[i].cpu_ns == GS_CMD_BENCH_NOT_KNOWN) {
            return false;
        }
    }
    return peer->skipped == NULL && peer->n_times > 0;
}

bool gs_cmd_bench_of_peer(const struct gs_cmd_bench_peer *peer, bool cpu,
                          struct gs_cmd_bench_spread *ret)
{
    double values[GS_CMD_BENCH_RUNS_MAX];
    if (!said(peer, cpu)) {
        return false;
    }
    for (size_t i = 0; i < peer->n_times; i++) {
        values[i] = seconds(&peer->times[i], cpu);
    }
    *ret = gs_cmd_bench_spread(values, peer->n_times);
    return true;
}

bool gs_cmd_bench_ratio(const struct gs_cmd_bench_measure *measure,
                        const struct gs_cmd_bench_peer *peer, bool cpu,
                        struct gs_cmd_bench_spread *ret)
{
    double values[GS_CMD_BENCH_RUNS_MAX];
    if (!said(peer, cpu)) {
        return false;
    }
    assert(peer->n_times <= measure->n_times);
    for (size_t i = 0; i < peer->n_times; i++) {
        double ours = seconds(&measure->times[i], cpu) / measure->operations;
        if (ours <= 0) {
            return false;
        }
        values[i] = seconds(&peer->times[i], cpu) / ours;
    }
    *ret = gs_cmd_bench_spread(values, peer->n_times);
    return true;
}

enum gs_cmd_bench_verdict gs_cmd_bench_judge(const struct gs_cmd_bench_measure *measure)
{
    if (measure->goal <= 0) {
        return GS_CMD_BENCH_NO_GOAL;
    }
    double middle = gs_cmd_bench_of_runs(measure, true).median;
    bool met =
        measure->unit == GS_CMD_BENCH_SECONDS ? middle <= measure->goal : middle >= measure->goal;
    return met ? GS_CMD_BENCH_MET : GS_CMD_BENCH_MISSED;
}

/* ------------------------------------------------------------------ runs */

static int run_once(const struct gs_cmd_bench_work *work, struct gs_cmd_bench_time *ret,
                    struct gs_err *err)
{
    struct gs_cmd_bench_time from = gs_cmd_bench_now();
    int r = work->run(work->ctx, err);
    struct gs_cmd_bench_time to = gs_cmd_bench_now();
    *ret = (struct gs_cmd_bench_time){.wall_ns = to.wall_ns - from.wall_ns,
                                      .cpu_ns = to.cpu_ns - from.cpu_ns};
    if (work->took != NULL) {
        *ret = *work->took;
    }
    return r;
}

static int ask_peers(struct gs_cmd_bench *bench, const struct gs_cmd_bench_work *work,
                     struct gs_cmd_bench_measure *measure, struct gs_err *err)
{
    int r = 0;
    size_t n = work->peer_file == NULL ? 0 : bench->args->peer.n;
    for (size_t p = 0; r == 0 && p < n; p++) {
        r = gs_cmd_bench_ask_peer(bench, &measure->peers[p], bench->args->peer.items[p],
                                  work->peer_file, err);
    }
    if (r == 0 && work->run_peer != NULL && measure->peers[n].skipped == NULL) {
        r = work->run_peer(work->ctx, &measure->peers[n], err);
    }
    return r;
}

static struct gs_cmd_bench_measure *new_measure(struct gs_cmd_bench *bench,
                                                const struct gs_cmd_bench_work *work)
{
    struct gs_cmd_bench_section *section = &bench->sections[bench->n_sections - 1];
    struct gs_cmd_bench_measure *measure =
        GS_ARENA_NEW(bench->arena, struct gs_cmd_bench_measure, 1);
    if (measure == NULL ||
        !gs_arena_room(bench->arena, &section->measures, &section->cap_measures,
                       section->n_measures, sizeof(struct gs_cmd_bench_measure *))) {
        return NULL;
    }
    *measure = (struct gs_cmd_bench_measure){
        .what = work->what,
        .unit = work->unit,
        .operations = work->operations > 0 ? work->operations : 1,
        .goal = work->goal,
        .times = GS_ARENA_NEW(bench->arena, struct gs_cmd_bench_time, bench->args->repeat),
        .n_peers = work->peer_file == NULL ? 0 : bench->args->peer.n,
    };
    for (size_t p = 0; p < measure->n_peers; p++) {
        measure->peers[p] = (struct gs_cmd_bench_peer){
            .name = bench->args->peer.items[p],
            .times = GS_ARENA_NEW(bench->arena, struct gs_cmd_bench_time, bench->args->repeat),
        };
    }
    if (work->run_peer != NULL) {
        measure->peers[measure->n_peers++] = (struct gs_cmd_bench_peer){
            .name = work->peer_name,
            .times = GS_ARENA_NEW(bench->arena, struct gs_cmd_bench_time, bench->args->repeat),
        };
    }
    section->measures[section->n_measures++] = measure;
    return measure;
}

int gs_cmd_bench_measure(struct gs_cmd_bench *bench, const struct gs_cmd_bench_work *work,
                         struct gs_cmd_bench_measure **ret, struct gs_err *err)
{
    struct gs_cmd_bench_measure *measure = work->what == NULL ? NULL : new_measure(bench, work);
    if (measure == NULL || measure->times == NULL ||
        (work->run_peer != NULL && measure->peers[measure->n_peers - 1].times == NULL)) {
        return gs_cmd_bench_no_memory(err);
    }
    struct gs_cmd_bench_time warm_up;
    int r = work->once ? 0 : run_once(work, &warm_up, err);
    uint64_t runs = work->once ? 1 : bench->args->repeat;
    for (uint64_t i = 0; r == 0 && i < runs; i++) {
        r = run_once(work, &measure->times[measure->n_times++], err);
        r = r < 0 ? r : ask_peers(bench, work, measure, err);
    }
    if (r < 0) {
        return gs_wrap(err, r, "%s", work->what);
    }
    *ret = measure;
    return 0;
}
