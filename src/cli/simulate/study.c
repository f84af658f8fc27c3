#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/simulate/crew.h"
#include "cli/simulate/simulate.h"

#define DATES_FROM_US (20ll * 365 * 86400 * 1000000)

int64_t gs_simulate_saving(uint64_t part, uint64_t whole)
{
    __int128 scaled = ((__int128)whole - part) * 100000;
    __int128 half = scaled < 0 ? -(__int128)(whole / 2) : (__int128)(whole / 2);
    return (int64_t)((scaled + half) / whole);
}

uint64_t gs_simulate_node_us(const struct gs_sim_score *score)
{
    unsigned __int128 charged = score->charged_us;
    if (score->gpu_us > 0 && score->node_gpu_us > score->gpu_us) {
        charged = (charged * score->node_gpu_us + score->gpu_us - 1) / score->gpu_us;
    }
    unsigned __int128 sum = charged + score->node_gpu_us + score->small_us;
    return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}

/* ------------------------------------------------------------------ jobs for a run */

/* Jobs of memory, or of a trace that is read again. */
struct feed {
    const struct gs_simulate_load *load;
    const uint8_t *profiles;
    size_t at;
    bool cut; /* to the window */
    bool drawn;
    struct gs_blocks_walk walk; /* if drawn */
    struct gs_trace_jobs *streamed;
};

static int next_kept(struct feed *feed, struct gs_sim_job *ret)
{
    const struct gs_simulate_load *load = feed->load;
    if (feed->at == load->n_jobs) {
        return 0;
    }
    *ret = load->jobs[feed->at];
    if (feed->profiles != NULL) {
        ret->profile = feed->profiles[feed->at];
    }
    feed->at++;
    return 1;
}

static int next_uncut(struct feed *feed, struct gs_sim_job *ret, struct gs_err *err)
{
    return feed->drawn              ? gs_blocks_next(&feed->walk, ret)
           : feed->streamed == NULL ? next_kept(feed, ret)
                                    : gs_trace_jobs_next(feed->streamed, ret, err);
}

/* The part of it that falls into the window, as a job that comes and goes there. */
static bool cut_off(const struct gs_simulate_load *load, struct gs_sim_job *job)
{
    int64_t end = job->arrive_us + job->run_us;
    end = end < load->until_us ? end : load->until_us;
    job->arrive_us = job->arrive_us > load->from_us ? job->arrive_us : load->from_us;
    job->run_us = end - job->arrive_us;
    return job->run_us > 0;
}

static int next_job(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct feed *feed = ctx;
    for (;;) {
        int r = gs_crew_stopped ? gs_crew_stop_error(err) : next_uncut(feed, ret, err);
        if (r <= 0 || !feed->cut || cut_off(feed->load, ret)) {
            return r;
        }
    }
}

static const struct gs_simulate_load *load_of(const struct gs_simulate_study *study, size_t seed)
{
    return &study->loads[seed < study->n_loads ? seed : 0];
}

/* Where work waits for nodes, more of one policy's than of the other's would run behind the window.
 * There the window cuts the trace, and all that is left of it counts. */
static bool cuts_trace(const struct gs_simulate_study *study)
{
    return study->question->args->world == GS_SIMULATE_ELASTIC &&
           study->question->args->window != NULL;
}

/* With the window of this seed's trace, and chances of its own. */
static struct gs_sim_world world_of(const struct gs_simulate_study *study, size_t seed)
{
    struct gs_sim_world world = study->world;
    world.from_us = load_of(study, seed)->from_us;
    world.until_us = cuts_trace(study) ? GS_SIM_FOREVER : load_of(study, seed)->until_us;
    world.seed = study->question->args->seed + seed;
    return world;
}

/* Runs `what` with the jobs of this seed. */
static int with_jobs(const struct gs_simulate_study *study, size_t seed,
                     const struct gs_blocks_draw *draw, const uint8_t *profiles,
                     int (*what)(void *ctx, const struct gs_sim_source *source, struct gs_err *err),
                     void *ctx, struct gs_err *err)
{
    struct feed feed = {.load = load_of(study, seed),
                        .profiles = profiles,
                        .cut = cuts_trace(study),
                        .drawn = draw != NULL};
    const struct gs_sim_source source = {.next = next_job, .ctx = &feed};
    if (draw != NULL) {
        gs_blocks_walk_init(&feed.walk, draw);
    }
    if (feed.load->jobs != NULL || feed.load->all_jobs == 0) {
        return what(ctx, &source, err);
    }
    struct gs_simulate_reading reading;
    int r = gs_simulate_open(study->question, study->question->args->seed + seed, NULL, NULL,
                             &reading, err);
    if (r < 0) {
        return r;
    }
    feed.streamed = &reading.jobs;
    r = what(ctx, &source, err);
    gs_simulate_close(&reading);
    return r;
}

/* ------------------------------------------------------------------ one run */

struct run {
    struct gs_simulate_bench *bench;
    struct gs_sim_world world;
    const struct gs_sim_rules *rules;
    struct gs_sim_work *work;
};

static int replay(void *ctx, const struct gs_sim_source *source, struct gs_err *err)
{
    struct run *run = ctx;
    return gs_sim_replay(&run->bench->arena, &run->world, run->rules, source, &run->bench->score,
                         err);
}

static int measure(void *ctx, const struct gs_sim_source *source, struct gs_err *err)
{
    struct run *run = ctx;
    return gs_sim_work_measure(&run->bench->arena, &run->world, source, run->work, err);
}

static void prepare(struct gs_simulate_bench *bench)
{
    if (!bench->used) {
        gs_arena_init(&bench->arena, &gs_alloc_heap, GS_SIMULATE_RUN_BYTES_MAX);
        bench->used = true;
    }
}

int gs_simulate_replay(const struct gs_simulate_study *study, struct gs_simulate_bench *bench,
                       size_t seed, size_t policy, const struct gs_blocks_draw *draw,
                       const uint8_t *profiles, struct gs_err *err)
{
    struct run run = {
        .bench = bench, .world = world_of(study, seed), .rules = study->rules[policy]};
    run.world.types[0].nodes = bench->nodes > 0 ? bench->nodes : run.world.types[0].nodes;
    prepare(bench);
    struct gs_arena_mark mark = gs_arena_mark(&bench->arena);
    int r = with_jobs(study, seed, draw, profiles, replay, &run, err);
    gs_arena_rewind(&bench->arena, mark);
    return r < 0 && r != GS_CREW_STOPPED
               ? gs_wrap(err, r, "policy %s", study->policies[policy]->name)
               : r;
}

int gs_simulate_measure(const struct gs_simulate_study *study, struct gs_simulate_bench *bench,
                        size_t seed, const uint8_t *profiles, struct gs_sim_work *ret,
                        struct gs_err *err)
{
    struct run run = {.bench = bench, .world = world_of(study, seed), .work = ret};
    prepare(bench);
    struct gs_arena_mark mark = gs_arena_mark(&bench->arena);
    int r = with_jobs(study, seed, NULL, profiles, measure, &run, err);
    gs_arena_rewind(&bench->arena, mark);
    return r;
}

static void take_outcome(const struct gs_sim_score *score, struct gs_simulate_outcome *ret)
{
    *ret = (struct gs_simulate_outcome){
        .gpu_us = score->gpu_us + score->small_us + score->charged_us,
        .node_gpu_us = gs_simulate_node_us(score),
        .charged_us = score->charged_us,
        .bound_us = score->bound_us,
        .cost_uusd = score->cost_uusd,
        .small_us = score->small_us,
        .small_uusd = score->small_uusd,
        .cost_known = score->cost_known,
        .peak_gpus = score->peak_gpus,
        .peak_nodes = score->peak_nodes,
        .lost = score->lost + score->undone,
        .delayed = score->delayed,
        .interrupted = score->interrupted,
        .moves = score->moves,
        .recuts = score->recuts,
        .events = score->events,
        .job_mean_us = score->job_us.n == 0 || score->job_us.sum == UINT64_MAX
                           ? -1
                           : (int64_t)(score->job_us.sum / score->job_us.n),
        .slowdown_p95_permille = gs_sim_hist_quantile(&score->slowdown_permille, 950),
        .wait_known = score->wait_us.n > 0,
        .last_us = score->timeline.end_us,
    };
    for (unsigned i = 0; ret->wait_known && i < GS_REPORT_QUANTILES; i++) {
        ret->wait_us[i] = gs_sim_hist_quantile(&score->wait_us, i * 10);
    }
}

/* ------------------------------------------------------------------ all runs */

struct all {
    struct gs_simulate_study *study;
    struct gs_simulate_bench *benches;
};

/* Tasks: every policy in every seed, then what the work itself is in every seed. */
static int run_main(void *ctx, size_t task, unsigned thread, struct gs_err *err)
{
    struct all *all = ctx;
    struct gs_simulate_study *study = all->study;
    struct gs_simulate_bench *bench = &all->benches[thread];
    size_t replays = study->n_seeds * study->n_policies;
    if (task >= replays) {
        return gs_simulate_measure(study, bench, task - replays, NULL,
                                   &study->works[task - replays], err);
    }
    size_t policy = task % study->n_policies;
    int r = gs_simulate_replay(study, bench, task / study->n_policies, policy, NULL, NULL, err);
    if (r == 0) {
        take_outcome(&bench->score, &study->outcomes[task]);
    }
    if (r == 0 && task < study->n_policies) {
        study->timelines[policy] = bench->score.timeline;
        study->of_arrivals[policy] = bench->score.of_arrivals;
    }
    return r;
}

static int run_whatif(void *ctx, size_t task, unsigned thread, struct gs_err *err)
{
    struct all *all = ctx;
    struct gs_simulate_study *study = all->study;
    struct gs_simulate_bench *bench = &all->benches[thread];
    const uint8_t *profiles = study->loads[0].profiles[task];
    int r = gs_simulate_measure(study, bench, 0, profiles, &study->whatif_works[task], err);
    r = r < 0 ? r : gs_simulate_replay(study, bench, 0, study->ours, NULL, profiles, err);
    if (r == 0) {
        take_outcome(&bench->score, &study->whatifs[task]);
    }
    return r;
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the simulation");
}

static void free_benches(struct gs_simulate_bench *benches, unsigned n)
{
    for (unsigned i = 0; benches != NULL && i < n; i++) {
        if (benches[i].used) {
            gs_arena_done(&benches[i].arena);
        }
        free(benches[i].draw.begins);
        free(benches[i].draw.there);
    }
    free(benches);
}

/* Whether other tolerances say anything of this trace. */
static bool has_whatif(const struct gs_simulate_study *study)
{
    const struct gs_simulate_load *load = &study->loads[0];
    for (size_t i = 0; load->profiles[0] != NULL && i < load->n_jobs; i++) {
        if (load->profiles[0][i] != load->profiles[GS_SIMULATE_WHATIFS - 1][i]) {
            return study->ours != 0;
        }
    }
    return false;
}

static int run_all(struct gs_simulate_study *study, struct gs_err *err)
{
    struct gs_arena *arena = study->question->arena;
    unsigned threads = study->question->threads;
    size_t runs = study->n_seeds * study->n_policies;
    struct gs_simulate_bench *benches = calloc(threads, sizeof(*benches));
    struct all all = {.study = study, .benches = benches};
    study->outcomes = GS_ARENA_NEW(arena, struct gs_simulate_outcome, runs);
    study->timelines = GS_ARENA_NEW(arena, struct gs_sim_timeline, study->n_policies);
    study->of_arrivals = GS_ARENA_NEW(arena, struct gs_sim_timeline, study->n_policies);
    study->works = GS_ARENA_NEW(arena, struct gs_sim_work, study->n_seeds);
    if (benches == NULL || study->outcomes == NULL || study->works == NULL ||
        study->timelines == NULL || study->of_arrivals == NULL) {
        free_benches(benches, threads);
        return no_memory(err);
    }
    int r = gs_crew_run(runs + study->n_seeds, threads, "replaying", run_main, &all, err);
    if (r == 0 && has_whatif(study)) {
        study->whatifs = GS_ARENA_NEW(arena, struct gs_simulate_outcome, GS_SIMULATE_WHATIFS);
        study->whatif_works = GS_ARENA_NEW(arena, struct gs_sim_work, GS_SIMULATE_WHATIFS);
        r = study->whatifs == NULL || study->whatif_works == NULL
                ? no_memory(err)
                : gs_crew_run(GS_SIMULATE_WHATIFS, threads, "what if", run_whatif, &all, err);
    }
    r = r < 0 ? r : gs_simulate_fix(study, benches, err);
    r = r < 0 ? r : gs_simulate_draw(study, benches, err);
    free_benches(benches, threads);
    return r;
}

/* ------------------------------------------------------------------ before them */

/* A moment of a trace for people. One that lies decades behind the zero counts from 1970. */
static const char *moment(int64_t us, char text[GS_REPORT_WORD_MAX])
{
    const time_t seconds = us / 1000000;
    struct tm parts;
    if (us < DATES_FROM_US || gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, GS_REPORT_WORD_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        (void)gs_report_time(us / 1000, text);
    }
    return text;
}

/* Nothing of the trace falls into it. */
static int refuse_window(const struct gs_simulate_question *question, int64_t first, int64_t end,
                         struct gs_err *err)
{
    char from[GS_REPORT_WORD_MAX], to[GS_REPORT_WORD_MAX];
    return gs_fail(
        err, GS_INVALID,
        "--window: %.100s lies wholly %s the trace, whose work is there from %s to %s%s",
        question->args->window, question->window_from_us >= end ? "behind the end of" : "before",
        moment(first, from), moment(end, to), first < DATES_FROM_US ? " since its zero" : "");
}

static int find_window(const struct gs_simulate_question *question, struct gs_simulate_load *load,
                       struct gs_err *err)
{
    const struct gs_trace_totals *totals = &load->totals;
    int64_t first = totals->first_arrive_us < 0 ? 0 : totals->first_arrive_us;
    int64_t end = totals->last_end_us < 0 ? first : totals->last_end_us;
    load->from_us = first;
    load->until_us = GS_SIM_FOREVER;
    if (question->window_from_us >= 0) {
        load->from_us = question->window_from_us;
        load->until_us = question->window_until_us;
        if (load->from_us >= end || load->until_us <= first) {
            return refuse_window(question, first, end, err);
        }
    } else if (question->window_observed) {
        if (totals->first_end_us < 0 || totals->first_end_us >= end) {
            return gs_fail(err, GS_INVALID,
                           "--window observed: nothing ends before the trace does");
        }
        load->from_us = totals->first_end_us;
        load->until_us = end;
    } else if (question->window_us > 0) {
        load->from_us = end - question->window_us < 0 ? 0 : end - question->window_us;
        load->until_us = end;
    }
    return load->from_us < load->until_us
               ? 0
               : gs_fail(err, GS_INVALID, "the trace is over before it begins: nothing to replay");
}

static bool can_run(const struct gs_simulate_study *study, const struct gs_sim_policy *policy)
{
    const struct gs_simulate_load *load = &study->loads[0];
    return ((policy->needs & GS_SIM_NEEDS_SPEED) == 0 || load->speeds) &&
           ((policy->needs & GS_SIM_NEEDS_SHARED) == 0 || load->shared) &&
           ((policy->needs & GS_SIM_NEEDS_SMALL) == 0 || study->world.small.name != NULL);
}

/* A policy that was named, and would do what `whole` does for want of what the trace does not say,
 * is no 0 %. */
static int check_policies(const struct gs_simulate_study *study, struct gs_err *err)
{
    const struct gs_simulate_question *question = study->question;
    for (size_t i = 0; i < question->n_policies; i++) {
        const struct gs_sim_policy *policy = question->policies[i];
        if ((policy->needs & GS_SIM_NEEDS_SHARED) != 0 && !can_run(study, policy)) {
            return gs_fail(err, GS_INVALID,
                           "--policy: %s needs work of which it is known how fast it runs beside "
                           "others, and the trace has none (the column model, docs/traces.md)",
                           policy->name);
        }
    }
    return 0;
}

/* The baseline first, then those that were named or all that make sense. */
static void pick_policies(struct gs_simulate_study *study)
{
    const struct gs_simulate_question *question = study->question;
    size_t n;
    const struct gs_sim_policy *all = gs_sim_policies(&n);
    study->policies[study->n_policies++] = &all[0];
    for (size_t i = 1; question->n_policies == 0 && i < n; i++) {
        if (can_run(study, &all[i])) {
            study->policies[study->n_policies++] = &all[i];
        }
    }
    for (size_t i = 0; i < question->n_policies; i++) {
        if (question->policies[i] != &all[0]) {
            study->policies[study->n_policies++] = question->policies[i];
        }
    }
    for (size_t i = 1; i < study->n_policies; i++) {
        enum gs_sim_way way = study->policies[i]->way;
        if (way != GS_SIM_CUT && way != GS_SIM_STATIC) {
            continue; /* saves without slices */
        }
        if (study->ours == 0 || strcmp(study->policies[i]->name, "gpuslice") == 0) {
            study->ours = i;
        }
    }
}

int gs_simulate_run(const struct gs_simulate_question *question, struct gs_simulate_load *loads,
                    size_t n_loads, struct gs_simulate_study *ret, struct gs_err *err)
{
    *ret = (struct gs_simulate_study){.question = question,
                                      .world = question->world,
                                      .loads = loads,
                                      .n_loads = n_loads,
                                      .n_seeds = (size_t)question->args->seeds};
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_loads; i++) {
        r = find_window(question, &loads[i], err);
    }
    ret->world = world_of(ret, 0);
    r = r < 0 ? r : check_policies(ret, err);
    r = r < 0 ? r : gs_sim_world_check(&ret->world, err);
    pick_policies(ret);
    for (size_t i = 0; r == 0 && i < ret->n_policies; i++) {
        r = gs_sim_rules_new(question->arena, &ret->world, ret->policies[i], &ret->rules[i], err);
    }
    return r < 0 ? r : run_all(ret, err);
}
