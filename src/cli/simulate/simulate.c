#include "cli/simulate/simulate.h"

#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/cmd.h"
#include "cli/simulate/crew.h"
#include "term/exit.h"
#include "term/output.h"
#include "term/progress.h"

enum { EXIT_STOPPED = 128 }; /* and the number of the signal, as shells tell it */

static const char *const figures[] = {"map", "peak", "p99", "p95", "mean", "none", NULL};
static const char *const yes_no[] = {"yes", "no", NULL};
static const char *const moments[] = {"start", "creation", NULL};
static const char *const worlds[] = {"instant", "elastic", "queue", "loss", NULL};

static const struct gs_option options[] = {
    {.group = "The workload",
     .name = "trace",
     .letter = 't',
     .arg = "FORMAT:FILE",
     GS_TO_TEXT(struct gs_simulate_args, trace),
     .env = "GPUSLICE_TRACE",
     .complete = GS_COMPLETE_FILE,
     .help = "what ran: csv:FILE, jsonl:FILE, pods:FILE of kubectl, prometheus:MEMORY,UTIL, "
             "openb:FILE, gentd26:DIR, miso:DIR, synthetic:TEXT (docs/savings.md); - is stdin"},
    {.name = "window",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, window),
     .help = "count only the last so much of it, 816h, or FROM..TO, times since its zero or dates; "
             "observed: from the first end on. What ran before is replayed all the same"},
    {.name = "at",
     .arg = "MOMENT",
     GS_TO_CHOICE(struct gs_simulate_args, at, moments),
     .help = "when a job comes: as its trace started it, or as it was asked for"},
    {.name = "fractional-only",
     GS_TO_FLAG(struct gs_simulate_args, fractional_only),
     .help = "only jobs that ask for a part of a GPU"},
    {.name = "with-pending",
     GS_TO_FLAG(struct gs_simulate_args, with_pending),
     .help = "jobs that were never started, too: as long as they waited"},
    {.group = "From a request to a slice",
     .name = "map",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_simulate_args, map),
     .help = "strict: at least the share of compute that was asked for. lenient: the share of "
             "memory, and compute within 10 % (the default)"},
    {.name = "tolerance",
     .arg = "PERCENT",
     GS_TO_TEXT(struct gs_simulate_args, tolerance),
     .help = "so much of the compute asked for may be missing, 0 to 15, in place of the map's"},
    {.name = "memory-by",
     .arg = "FIGURE",
     GS_TO_CHOICE(struct gs_simulate_args, memory_by, figures),
     .help = "of measured memory, what must fit a slice"},
    {.name = "util-by",
     .arg = "FIGURE",
     GS_TO_CHOICE(struct gs_simulate_args, util_by, figures),
     .help = "of measured utilisation, what a slice's compute must cover"},
    {.name = "scale",
     .arg = "X",
     GS_TO_TEXT(struct gs_simulate_args, scale),
     .help = "speed of the GPU where use was measured, of the new one's: 0.5"},
    {.name = "slo",
     .arg = "X",
     GS_TO_TEXT(struct gs_simulate_args, slo),
     .help = "jobs whose speed on slices is known take at most X times as long as on a GPU"},
    {.group = "Where it runs",
     .name = "world",
     .letter = 'w',
     .arg = "WORLD",
     GS_TO_CHOICE(struct gs_simulate_args, world, worlds),
     .help = "instant: GPUs are on when needed and nothing takes time; elastic: nodes boot, are "
             "kept and billed; queue, loss: --gpus of them, jobs wait or are lost"},
    {.name = "gpu",
     .letter = 'm',
     .arg = "MODEL",
     GS_TO_TEXT(struct gs_simulate_args, gpu),
     .complete = GS_COMPLETE_MODEL,
     .help = "the GPU; A100-40GB without it, or what --instance has"},
    {.name = "gpus",
     .arg = "N",
     GS_TO_NUMBER(struct gs_simulate_args, gpus, GS_SIM_GPUS_MAX),
     .help = "GPUs of a fixed fleet, whole nodes"},
    {.name = "node-gpus",
     .arg = "N",
     GS_TO_NUMBER(struct gs_simulate_args, node_gpus, GS_SIM_NODE_GPUS_MAX),
     .help = "GPUs of a node; 8 without it"},
    {.name = "instance",
     .letter = 'i',
     .arg = "TYPE",
     GS_TO_TEXT(struct gs_simulate_args, instance),
     .help = "EC2 type of the nodes, p4d.24xlarge; gives GPU, size and price"},
    {.name = "region",
     .arg = "REGION",
     GS_TO_TEXT(struct gs_simulate_args, region),
     .help = "with --instance: whose prices hold, us-east-1"},
    {.name = "small-gpu",
     .arg = "TYPE",
     GS_TO_TEXT(struct gs_simulate_args, small),
     .help = "the other way to save: small jobs have a small GPU each, of this type, g6.xlarge"},
    {.name = "small-speed",
     .arg = "PERCENT",
     GS_TO_NUMBER(struct gs_simulate_args, small_speed, 1000),
     .help = "how fast a job is there, of its speed on its slice; 100 without it"},
    {.name = "boot",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, boot),
     .help = "elastic: from the wish for a node until jobs start on it, 4min"},
    {.name = "idle",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, idle),
     .help = "elastic: a node is kept so long after its last job"},
    {.name = "bill-min",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, bill_min),
     .help = "elastic: a node is paid for so long at least"},
    {.name = "spot",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, spot),
     .help = "elastic: nodes are taken away after so long on average"},
    {.name = "recut",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, recut),
     .help = "a job whose slice has to be cut waits so long"},
    {.name = "move",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, move),
     .help = "a job that is moved stands still so long"},
    {.name = "restart",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, restart),
     .help = "an interrupted job needs so long before it goes on"},
    {.name = "checkpoint",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_simulate_args, checkpoint),
     .help = "a job saves its work each so long; without it, it begins anew"},
    {.name = "static-share",
     .arg = "PERCENT",
     GS_TO_NUMBER(struct gs_simulate_args, static_share, 100),
     .help = "fixed fleets: nodes that static layouts cut; 50 without it"},
    {.name = "backfill",
     GS_TO_FLAG(struct gs_simulate_args, backfill),
     .help = "a waiting job may overtake others that have no room"},
    {.group = "Policies",
     .name = "policy",
     .letter = 'p',
     .arg = "NAMES",
     GS_TO_LIST(struct gs_simulate_args, policy),
     .help = "whole, static-1g, static-balanced, first-fit, spread, hami, best-fit, gpuslice, "
             "gpuslice+moves, gpuslice+moldable, small-gpu, shared; without it, all that the "
             "trace says enough for. whole is always there"},
    {.group = "How it is done and shown",
     .name = "draws",
     .arg = "N",
     GS_TO_NUMBER(struct gs_simulate_args, draws, GS_SIMULATE_DRAWS_MAX),
     .help = "for the intervals, each simulated anew; 500 without it, 0 for none"},
    {.name = "what-if",
     .arg = "YES_NO",
     GS_TO_CHOICE(struct gs_simulate_args, what_if, yes_no),
     .help = "whether other tolerances are tried, too"},
    {.name = "seed",
     .arg = "N",
     GS_TO_NUMBER(struct gs_simulate_args, seed, UINT32_MAX),
     .help = "of everything drawn at random; 1 without it"},
    {.name = "seeds",
     .arg = "N",
     GS_TO_NUMBER(struct gs_simulate_args, seeds, GS_SIMULATE_SEEDS_MAX),
     .help = "means of so many runs, for drawn traces and interruptions; 1 without it"},
    {.name = "threads",
     .arg = "N",
     GS_TO_NUMBER(struct gs_simulate_args, threads, GS_CREW_THREADS_MAX),
     .env = "GPUSLICE_THREADS",
     .help = "as many as there are cores without it; the result is the same"},
    {.name = "timing",
     GS_TO_FLAG(struct gs_simulate_args, timing),
     .help = "show how long it took; without it equal input gives equal bytes"},
    {.name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct gs_simulate_args, format, gs_simulate_formats),
     .help = "how the report is written; table is for people, html one page for a browser"},
    {.name = "out",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_simulate_args, out),
     .complete = GS_COMPLETE_FILE,
     .help = "write it there, all of it or nothing, and not to stdout"},
};

static const struct gs_example examples[] = {
    {"gpuslice simulate -t 'synthetic:rate=60/h,duration=600s,mix=1g:3+gpu:1,days=2'",
     "a workload that is drawn"},
    {"gpuslice simulate -t openb:pods.csv --map strict --window 816h", "Alibaba's trace of 2023"},
    {"gpuslice simulate -t csv:jobs.csv -w elastic -i p4d.24xlarge --region us-east-1",
     "your jobs on nodes that boot and cost, in dollars"},
    {"gpuslice simulate -t csv:jobs.csv -o html --out savings.html", "the report as a page"},
};

const struct gs_command gs_command_simulate = {
    .name = "simulate",
    .summary = "replay a workload; says what slicing saves, with an interval",
    .text = "Every job of a trace is replayed through the decisions of the cluster, under each "
            "policy, beside one whole GPU for each job. The report has GPU-hours, nodes, waits and "
            "dollars, the fewest GPUs at each instant, the share of the work that can be sliced, "
            "and one sentence on what may be claimed. Work that is lost counts as a whole GPU.\n"
            "The rule from a request to a slice decides more than the policy: try both maps. "
            "docs/savings.md says how to export your own workload and how to read the report.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_simulate,
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ------------------------------------------------------------------ the order of things */

/* The trace, or, where it is drawn, one of each seed. */
struct loads {
    struct gs_simulate_load *items;
    size_t n;
};

static void unload(struct loads *loads)
{
    for (size_t i = 0; i < loads->n; i++) {
        gs_simulate_unload(&loads->items[i]);
    }
    free(loads->items);
}

static int load_all(const struct gs_simulate_question *question, struct loads *ret,
                    struct gs_err *err)
{
    size_t n = question->spec.format->drawn ? (size_t)question->args->seeds : 1;
    ret->items = calloc(n, sizeof(*ret->items));
    if (ret->items == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the trace");
    }
    size_t keep_max = GS_SIMULATE_JOBS_MAX;
    for (; ret->n < n; ret->n++) {
        int r = gs_simulate_load(question, question->args->seed + ret->n, keep_max,
                                 &ret->items[ret->n], err);
        if (r < 0) {
            return r;
        }
        keep_max -= ret->items[ret->n].n_jobs;
    }
    return 0;
}

static int study_and_write(const struct gs_simulate_question *question, const struct loads *loads,
                           int64_t began_us, bool *writes, struct gs_err *err)
{
    const struct gs_simulate_args *args = question->args;
    struct gs_simulate_study study;
    struct gs_report report;
    int64_t read_us = now_us();
    int r = gs_simulate_run(question, loads->items, loads->n, &study, err);
    int64_t ran_us = now_us();
    r = r < 0 ? r : gs_simulate_fill(&study, &report, err);
    if (r < 0 || gs_crew_stopped) {
        return r < 0 ? r : gs_crew_stop_error(err);
    }
    if (args->out == NULL) {
        gs_crew_release(); /* who reads may take long; a file is written whole, or not at all */
    }
    if (args->timing) {
        report.read_us = read_us - began_us;
        report.simulate_us = ran_us - read_us;
        report.total_us = now_us() - began_us;
    }
    gs_progress_phase("writing");
    *writes = true;
    return gs_simulate_write(&report, args->format, args->out, err);
}

/* `writes`: it came so far that what failed is the output. */
static int finish(int r, bool writes, const struct gs_err *err)
{
    gs_progress_end();
    gs_crew_release();
    if (r == GS_CREW_STOPPED && gs_crew_stopped) {
        (void)gs_exit_failed(err);
        return EXIT_STOPPED + gs_crew_stopped;
    }
    return writes || r == 0 ? gs_exit_output(r, err) : gs_exit_failed(err);
}

int gs_cmd_simulate(int argc, char **argv)
{
    struct gs_simulate_args args = {
        .map = "lenient",
        .gpus = GS_SIMULATE_NOT_GIVEN,
        .node_gpus = GS_SIMULATE_NOT_GIVEN,
        .small_speed = 100,
        .static_share = 50,
        .seed = 1,
        .seeds = 1,
        .draws = 500,
        .threads = GS_SIMULATE_NOT_GIVEN,
        .format = GS_FORMAT_TABLE,
    };
    int status;
    if (!gs_cmd_begin(&gs_command_simulate, argc, argv, &args, &status)) {
        return status;
    }
    int64_t began_us = now_us();
    struct gs_err err;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_SIMULATE_RUN_BYTES_MAX);
    struct gs_simulate_question question = {.arena = &arena};
    if (gs_simulate_ask(&args, &question, &err) < 0) {
        return gs_exit_usage(&err);
    }
    gs_progress_start("gpuslice simulate");
    gs_crew_catch();
    GS_CLEANUP(unload) struct loads loads = {.n = 0};
    bool writes = false;
    int r = load_all(&question, &loads, &err);
    r = r < 0 ? r : study_and_write(&question, &loads, began_us, &writes, &err);
    return finish(r, writes, &err);
}
