/* simulate: what the files of `gpuslice simulate` and `gpuslice report` share.
 *
 *     simulate.c   the command: options, the order of things
 *     question.c   options into a question: the trace, the rule, the world, the policies
 *     load.c       the trace into jobs, once, or again for each run where it is too long to keep
 *     study.c      the runs: each policy in each seed, the work itself, what if
 *     draws.c      intervals: blocks of the trace drawn with replacement, each draw simulated anew
 *     blocks.c     how a trace is cut into blocks and put together again
 *     stretches.c  how far blocks hang together and long stretches differ; widen.c the intervals,
 *                  by that
 *     fixed.c      fleets that are there anyway: what is done for jobs, and with how few nodes
 *     fill.c       from scores to the report; words.c the lines about map and world
 *     write.c      a report in one of its forms; show.c the command report
 *     crew.h       threads; report.h the report and its forms; plot.h figures
 *
 * docs/internals/simulate.md */
#pragma once

#include "cli/simulate/blocks.h"
#include "cli/simulate/report.h"
#include "cloud/instances.h"
#include "sim/replay.h"
#include "sim/work.h"
#include "term/infile.h"
#include "term/options.h"
#include "trace/map.h"

#define GS_SIMULATE_NOT_GIVEN UINT64_MAX
/* Of one thread: a run's own memory. */
#define GS_SIMULATE_RUN_BYTES_MAX ((size_t)8 << 30)

enum {
    GS_SIMULATE_JOBS_MAX = 1 << 20, /* kept in memory, of all seeds; longer traces are read again
                                       for each run */
    GS_SIMULATE_DRAWS_LEAST = 100,  /* fewer make no interval */
    GS_SIMULATE_DRAWS_MAX = 100000,
    GS_SIMULATE_SEEDS_MAX = 1000,
    GS_SIMULATE_WHATIFS = 16, /* 0 to 15 % */
    GS_SIMULATE_BUCKETS = 240,
    GS_SIMULATE_POLICIES_MAX = 32,
    GS_SIMULATE_SKIPPED_MAX = 20
};

enum gs_simulate_world {
    GS_SIMULATE_INSTANT,
    GS_SIMULATE_ELASTIC,
    GS_SIMULATE_QUEUE,
    GS_SIMULATE_LOSS
};

enum { GS_SIMULATE_FORMAT_HTML = 3 }; /* behind table, json, yaml */

struct gs_simulate_args {
    const char *trace;
    const char *map;
    const char *tolerance;
    const char *slo;
    const char *scale;
    unsigned memory_by; /* 0: the map's own */
    unsigned util_by;
    unsigned at;
    const char *window;
    bool fractional_only;
    bool with_pending;
    struct gs_texts policy;
    unsigned world;
    uint64_t gpus;
    uint64_t node_gpus;
    const char *gpu;
    const char *instance;
    const char *region;
    const char *small;
    uint64_t small_speed;
    const char *boot;
    const char *idle;
    const char *bill_min;
    const char *recut;
    const char *move;
    const char *restart;
    const char *checkpoint;
    const char *spot;
    uint64_t static_share;
    bool backfill;
    uint64_t seed;
    uint64_t seeds;
    uint64_t draws;
    uint64_t threads;
    unsigned what_if; /* 0: yes, 1: no */
    bool timing;
    unsigned format;
    const char *out;
};

/* The trace, as --trace names it. */
struct gs_simulate_spec {
    const struct gs_trace_format *format;
    struct gs_view text; /* behind the colon */
    const char *paths[GS_TRACE_INPUTS_MAX];
    size_t n_paths;
    bool from_stdin;
};

/* What was asked. Lives in its arena, but for the world's model and the policies. */
struct gs_simulate_question {
    const struct gs_simulate_args *args;
    struct gs_arena *arena;
    struct gs_simulate_spec spec;
    struct gs_trace_rule rule;
    struct gs_sim_world world;          /* without window and seed */
    const struct gs_instance *instance; /* or NULL */
    const struct gs_sim_policy *policies[GS_SIMULATE_POLICIES_MAX];
    size_t n_policies;      /* 0: all that the trace has what they need for */
    int64_t window_us;      /* the last so much of the trace; 0: all; or from and until */
    bool window_observed;   /* from the first end on */
    int64_t window_from_us; /* -1: not given */
    int64_t window_until_us;
    unsigned threads;
};

/* question.c: GS_INVALID names the option. */
int gs_simulate_ask(const struct gs_simulate_args *args, struct gs_simulate_question *ret,
                    struct gs_err *err);

/* ---- load.c ---- */

/* A trace that is being read. */
struct gs_simulate_reading {
    struct gs_trace *trace;
    struct gs_infile files[GS_TRACE_INPUTS_MAX];
    struct gs_trace_input inputs[GS_TRACE_INPUTS_MAX];
    size_t n_files;
    bool is_stream; /* one of them is no file: it can be read only once */
    struct gs_trace_map map;
    struct gs_trace_jobs jobs;
};

/* Opens it anew from its beginning. `bad` may be NULL. */
int gs_simulate_open(const struct gs_simulate_question *question, uint64_t seed,
                     void (*bad)(void *ctx, const struct gs_err *err), void *bad_ctx,
                     struct gs_simulate_reading *ret, struct gs_err *err);
void gs_simulate_close(struct gs_simulate_reading *reading);

/* All of a trace. */
struct gs_simulate_load {
    struct gs_sim_job *jobs; /* NULL: too many to keep */
    size_t n_jobs;
    uint8_t *profiles[GS_SIMULATE_WHATIFS]; /* of each job with another tolerance; NULL: nobody
                                               asks */
    struct gs_trace_totals totals;
    uint64_t all_jobs;
    uint64_t left_out[GS_TRACE_LEFTS]; /* asks */
    uint64_t job_rows;                 /* with rows_left and those not usable, all of the input */
    uint64_t rows_left[GS_TRACE_LEFTS];
    int64_t from_us; /* its window */
    int64_t until_us;
    bool speeds;             /* some job says how fast it is on slices */
    bool shared;             /* or beside others */
    int64_t sliced_us;       /* GPU-us of jobs with a slice, whatever the window ... */
    int64_t sliced_speed_us; /* ... whose speed there is known */
    int64_t grounds_us[3];   /* GPU-us of all jobs, whatever the window, by enum gs_trace_grounds */
    char *skipped[GS_SIMULATE_SKIPPED_MAX];
    size_t n_skipped;
    uint64_t too_wide; /* jobs that ask for more GPUs than any node has, whatever the window */
    char *widest;      /* the first of them, with its line; NULL: there is none */
};

/* Keeps `keep_max` jobs at most. GS_INVALID, GS_LIMIT (longer than can be kept, and from stdin),
 * GS_IO, GS_NO_MEMORY. */
int gs_simulate_load(const struct gs_simulate_question *question, uint64_t seed, size_t keep_max,
                     struct gs_simulate_load *ret, struct gs_err *err);
void gs_simulate_unload(struct gs_simulate_load *load);

/* ---- study.c ---- */

/* What one policy did, of one seed; the numbers of struct gs_sim_score that are reported. */
struct gs_simulate_outcome {
    uint64_t gpu_us; /* with what is charged */
    uint64_t node_gpu_us;
    uint64_t charged_us;
    uint64_t bound_us;
    uint64_t cost_uusd;
    uint64_t small_us; /* of gpu_us and of node_gpu_us, of smaller GPUs */
    uint64_t small_uusd;
    uint64_t peak_gpus;
    uint64_t peak_nodes;
    uint64_t lost;
    uint64_t delayed;
    uint64_t interrupted;
    uint64_t moves;
    uint64_t recuts;
    uint64_t events;
    int64_t job_mean_us;
    int64_t slowdown_p95_permille;
    int64_t wait_us[GS_REPORT_QUANTILES];
    int64_t last_us; /* the end of its timeline */
    bool cost_known;
    bool wait_known; /* some job was started */
};

struct gs_simulate_study {
    const struct gs_simulate_question *question;
    struct gs_sim_world world;      /* with its window */
    struct gs_simulate_load *loads; /* one a seed where the trace is drawn, else one */
    size_t n_loads;
    size_t n_seeds;
    const struct gs_sim_policy *policies[GS_SIMULATE_POLICIES_MAX]; /* the first is `whole` */
    const struct gs_sim_rules *rules[GS_SIMULATE_POLICIES_MAX];
    size_t n_policies;
    size_t ours;                          /* the policy that the claim is about; 0: none */
    struct gs_simulate_outcome *outcomes; /* [seed * n_policies + policy] */
    struct gs_sim_timeline *timelines;    /* [policy], of the first seed */
    struct gs_sim_work *works;            /* [seed] */
    struct gs_simulate_outcome *whatifs;  /* of ours [GS_SIMULATE_WHATIFS], or NULL */
    struct gs_sim_work *whatif_works;
    uint32_t
        *fewest; /* fixed fleets: [seed * n_policies + policy], nodes with which a policy does
                    as well as whole GPUs on all; one more than all: on none. NULL: not known */
    struct gs_sim_timeline *of_arrivals;  /* [policy], of the first seed */
    struct gs_report_interval *saving_ci; /* [policy]; NULL: none */
    struct gs_report_interval *node_ci;
    struct gs_report_interval *gain_ci;  /* fixed fleets: gs_simulate_gain */
    struct gs_report_interval *fewer_ci; /* fixed fleets, of ours: thousandths of a node */
    struct gs_report_interval sliceable_ci;
    uint64_t draws;
    size_t pieces;        /* the least of all loads; blocks.h */
    int64_t dependence;   /* the most of all loads; stretches.h. 0: not looked at */
    const char *no_draws; /* why there are none */
};

/* Memory of one thread. */
struct gs_simulate_bench {
    struct gs_arena arena;
    struct gs_sim_score score;
    struct gs_blocks_draw draw; /* its arrays have room for every load */
    uint32_t nodes;             /* of a fixed fleet, in place of the world's; 0: those */
    bool used;
};

/* One replay. `draw`: its jobs in place of the trace's. `profiles`: in place of the jobs' own.
 * Either may be NULL. */
int gs_simulate_replay(const struct gs_simulate_study *study, struct gs_simulate_bench *bench,
                       size_t seed, size_t policy, const struct gs_blocks_draw *draw,
                       const uint8_t *profiles, struct gs_err *err);
int gs_simulate_measure(const struct gs_simulate_study *study, struct gs_simulate_bench *bench,
                        size_t seed, const uint8_t *profiles, struct gs_sim_work *ret,
                        struct gs_err *err);

/* The window, the policies, all runs. The arena of the question keeps what comes out. */
int gs_simulate_run(const struct gs_simulate_question *question, struct gs_simulate_load *loads,
                    size_t n_loads, struct gs_simulate_study *ret, struct gs_err *err);

/* draws.c: after the other runs. */
int gs_simulate_draw(struct gs_simulate_study *study, struct gs_simulate_bench *benches,
                     struct gs_err *err);

/* GPUs of nodes that were paid; work that was lost is charged with as many for each GPU as this run
 * paid for. */
uint64_t gs_simulate_node_us(const struct gs_sim_score *score);

/* 100000 - 100000 * part / whole, rounded; `whole` is not 0. */
int64_t gs_simulate_saving(uint64_t part, uint64_t whole);

/* ---- fixed.c ---- */

/* What a run of a fixed fleet did for its jobs. */
struct gs_simulate_served {
    int64_t job_mean_us; /* from coming to being done; -1: none was done */
    int64_t wait_p95_us; /* -1: none was started */
    uint64_t lost;       /* not finished, whyever */
    uint64_t charged_us; /* GPU-us of them */
};
struct gs_simulate_served gs_simulate_served_of(const struct gs_sim_score *score);

/* By how much the mean time from coming to being done is shorter; where jobs are lost, how much
 * less of `asked_us` is. Thousandths of a percent, or GS_REPORT_UNKNOWN. */
int64_t gs_simulate_gain(const struct gs_simulate_study *study,
                         const struct gs_simulate_served *whole,
                         const struct gs_simulate_served *ours, uint64_t asked_us);

/* The fewest nodes with which `policy` does as well as `whole` did on all, by halving: with *ret it
 * does, with one less it does not. `all_nodes` is what it did on all; one more than all: not even
 * with them. */
int gs_simulate_fewest(const struct gs_simulate_study *study, struct gs_simulate_bench *bench,
                       size_t seed, size_t policy, const struct gs_blocks_draw *draw,
                       const struct gs_simulate_served *whole,
                       const struct gs_simulate_served *all_nodes, uint32_t *ret,
                       struct gs_err *err);

/* After all runs of the trace: what nodes cost, and how few would do. Nothing in other worlds. */
int gs_simulate_fix(struct gs_simulate_study *study, struct gs_simulate_bench *benches,
                    struct gs_err *err);

/* fill.c */
int gs_simulate_fill(const struct gs_simulate_study *study, struct gs_report *ret,
                     struct gs_err *err);

/* widen.c: the intervals of draws, by what stretches of the trace say. */
void gs_simulate_widen(const struct gs_simulate_study *study, struct gs_report *report);

/* words.c: the rules of map and world, in lines. */
int gs_simulate_describe(const struct gs_simulate_study *study, struct gs_report *ret,
                         struct gs_err *err);

/* write.c: `out` NULL: stdout. */
int gs_simulate_write(const struct gs_report *report, unsigned format, const char *out,
                      struct gs_err *err);
extern const char *const gs_simulate_formats[];
