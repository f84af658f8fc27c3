/* bench: what the files of `gpuslice bench` share.
 *
 *     bench/bench.c     the command: options, which benchmarks, the order of things
 *     bench/time.c      clocks; runs ours and the peers in turn; middles and ratios
 *     bench/machine.c   what the figures were taken on
 *     bench/peer.c      other people's programs on the same question
 *     bench/mps.c       an integer program as a file for them
 *     bench/plan.c      plan-plain, plan-all, kinds-curve
 *     bench/fleet.c     fleet; bench/demand.c its demand, bench/programs.c for solvers
 *     bench/online.c    online, transition
 *     bench/loss.c      loss
 *     bench/items.c     items
 *     bench/simulate.c  simulate
 *     bench/mig.c       mig; bench/child.c programs measured from outside
 *     bench/json.c      the report as a tree; bench/table.c for people
 *
 * A benchmark adds *measures* (times of runs, what was found, a goal, peers) and *grids* (tables of
 * figures that are no times) to the report. Everything of the report lives in the arena of the
 * bench. docs/internals/bench.md. */
#pragma once

#include "base/arena.h"
#include "core/solve/ip.h"
#include "term/options.h"
#include "term/output.h"

enum {
    GS_CMD_BENCH_RUNS_MAX = 1000,
    GS_CMD_BENCH_PEERS_MAX = 8,
    GS_CMD_BENCH_GRID_MAX = 8 /* columns of a grid */
};
#define GS_CMD_BENCH_MEMORY_MAX ((size_t)4 << 30)

struct gs_cmd_bench_args {
    struct gs_texts only;
    struct gs_texts peer;
    uint64_t seed;
    uint64_t repeat;
    uint64_t peer_seconds; /* a peer may think so long about one question */
    uint64_t loss_seeds;
    const char *mig_parted; /* the program; NULL: not given */
    const char *openb;      /* a list of pods; NULL: not given */
    const char *keep;       /* folder for the files that are made; NULL: a temporary one */
    unsigned size;          /* 0: full, 1: small */
    unsigned format;
};

/* ------------------------------------------------------------------ the report */

struct gs_cmd_bench_time {
    uint64_t wall_ns;
    uint64_t cpu_ns; /* of our process or of the peer's solving; UINT64_MAX: not known */
};
#define GS_CMD_BENCH_NOT_KNOWN UINT64_MAX

/* Something found out beside the times: `number` / 10^places. */
struct gs_cmd_bench_fact {
    const char *name; /* a key: "gpus_used" */
    uint64_t number;
    unsigned places;
    uint64_t at_most; /* a goal, as `number`; 0: none */
};

enum gs_cmd_bench_unit {
    GS_CMD_BENCH_SECONDS, /* of one operation */
    GS_CMD_BENCH_RATE     /* operations a second */
};

enum gs_cmd_bench_verdict { GS_CMD_BENCH_NO_GOAL, GS_CMD_BENCH_MET, GS_CMD_BENCH_MISSED };

struct gs_cmd_bench_peer {
    const char *name;    /* "HiGHS 1.7.2", or the command when it said nothing */
    const char *skipped; /* why it did not take part; NULL: it did */
    const char *status;  /* of its last answer: "optimal", "time limit" */
    bool has_value;
    double value;
    bool has_bound;
    double bound;
    struct gs_cmd_bench_time *times; /* a run */
    size_t n_times;
};

struct gs_cmd_bench_measure {
    const char *what; /* "A100-40GB, 35/25/20/15/5, tables ready" */
    enum gs_cmd_bench_unit unit;
    double operations;               /* of one run */
    double goal;                     /* in the unit; 0: none */
    struct gs_cmd_bench_time *times; /* a run; of all its operations */
    size_t n_times;
    struct gs_cmd_bench_fact *facts;
    size_t n_facts;
    size_t cap_facts;
    struct gs_cmd_bench_peer peers[GS_CMD_BENCH_PEERS_MAX + 1];
    size_t n_peers;
};

/* Figures by row and column; NAN: none. */
struct gs_cmd_bench_grid_row {
    const char *label;
    double cells[GS_CMD_BENCH_GRID_MAX];
};

struct gs_cmd_bench_grid {
    const char *title;
    const char *columns[GS_CMD_BENCH_GRID_MAX];
    size_t n_columns;
    unsigned places; /* behind the point */
    struct gs_cmd_bench_grid_row *rows;
    size_t n_rows;
    size_t cap_rows;
};

struct gs_cmd_bench_section {
    const struct gs_cmd_bench_def *def;
    struct gs_cmd_bench_measure **measures;
    size_t n_measures;
    size_t cap_measures;
    struct gs_cmd_bench_grid **grids;
    size_t n_grids;
    size_t cap_grids;
    const char **notes; /* whole sentences */
    size_t n_notes;
    size_t cap_notes;
};

struct gs_cmd_bench_machine {
    char cpu[128];
    char kernel[256];
    char compiler[128];
    char build[128];
    uint64_t cores;
    uint64_t memory_mib;
    double load; /* average of the last minute, when the run began; below 0: not known */
};

/* One run of the command. */
struct gs_cmd_bench {
    const struct gs_cmd_bench_args *args;
    struct gs_arena *arena;
    const char *folder; /* for files */
    struct gs_cmd_bench_machine machine;
    struct gs_cmd_bench_section *sections;
    size_t n_sections; /* the last is being filled */
};

/* A benchmark: adds to the last section. */
struct gs_cmd_bench_def {
    const char *name;
    const char *says; /* what is measured, one line */
    bool bars;        /* its times make a curve: drawn for people */
    int (*run)(struct gs_cmd_bench *bench, struct gs_err *err);
};

/* "full", "small", NULL: the choices of --size. */
extern const char *const gs_cmd_bench_sizes[];

int gs_cmd_bench_plan_plain(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_plan_all(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_kinds_curve(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_fleet(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_online(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_transition(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_loss(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_items(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_mig(struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_simulate(struct gs_cmd_bench *bench, struct gs_err *err);

/* `full` as measured, or `small` when the run is to be over in a moment. */
uint64_t gs_cmd_bench_size(const struct gs_cmd_bench *bench, uint64_t full, uint64_t small);

int gs_cmd_bench_no_memory(struct gs_err *err);

/* A text in the arena of the bench; NULL: no memory. */
const char *gs_cmd_bench_text(struct gs_cmd_bench *bench, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A sentence below the section's figures. GS_NO_MEMORY. */
int gs_cmd_bench_note(struct gs_cmd_bench *bench, struct gs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a fact, whose name is kept as it is. GS_NO_MEMORY. */
int gs_cmd_bench_fact(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                      const struct gs_cmd_bench_fact *fact, struct gs_err *err);
int gs_cmd_bench_number(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                        const char *name, uint64_t number, unsigned places, struct gs_err *err);

/* Adds a grid; rows of it with gs_cmd_bench_row. NULL: no memory. */
struct gs_cmd_bench_grid *gs_cmd_bench_grid(struct gs_cmd_bench *bench, const char *title,
                                            const char *const *columns, size_t n_columns,
                                            unsigned places);
int gs_cmd_bench_row(struct gs_cmd_bench *bench, struct gs_cmd_bench_grid *grid, const char *label,
                     const double *cells, struct gs_err *err);

/* ------------------------------------------------------------------ bench/time.c */

struct gs_cmd_bench_time gs_cmd_bench_now(void);

/* What is timed. */
struct gs_cmd_bench_work {
    const char *what;
    /* One run; once more before the first that counts, to warm up. */
    int (*run)(void *ctx, struct gs_err *err);
    void *ctx;
    enum gs_cmd_bench_unit unit;
    double operations; /* 0: 1 */
    double goal;
    const char *peer_file; /* given to the peers between the runs; NULL: no peers */
    /* What a run took, where it is not this process that works; written by it. NULL: measured. */
    const struct gs_cmd_bench_time *took;
    bool once; /* it takes minutes: no warm-up, one run */
    /* A peer that the benchmark runs itself, behind the others. NULL: none. */
    const char *peer_name;
    int (*run_peer)(void *ctx, struct gs_cmd_bench_peer *peer, struct gs_err *err);
};

/* Runs it, the peers in between (A B A B), and adds the measure. Fails with what the run said. */
int gs_cmd_bench_measure(struct gs_cmd_bench *bench, const struct gs_cmd_bench_work *work,
                         struct gs_cmd_bench_measure **ret, struct gs_err *err);

/* Least, middle and most of `n` values, n at least 1. */
struct gs_cmd_bench_spread {
    double min;
    double median;
    double max;
};
struct gs_cmd_bench_spread gs_cmd_bench_spread(const double *values, size_t n);

/* Of a measure in its unit, by the wall clock or by CPU time. */
struct gs_cmd_bench_spread gs_cmd_bench_of_runs(const struct gs_cmd_bench_measure *measure,
                                                bool cpu);
/* Of a peer, in seconds. False: it did not say, or did not run. */
bool gs_cmd_bench_of_peer(const struct gs_cmd_bench_peer *peer, bool cpu,
                          struct gs_cmd_bench_spread *ret);
/* Peer's time over ours, run by run. */
bool gs_cmd_bench_ratio(const struct gs_cmd_bench_measure *measure,
                        const struct gs_cmd_bench_peer *peer, bool cpu,
                        struct gs_cmd_bench_spread *ret);
/* By the middle of the CPU times: the wall clock of a busy machine also times the neighbours. */
enum gs_cmd_bench_verdict gs_cmd_bench_judge(const struct gs_cmd_bench_measure *measure);

/* ------------------------------------------------------------------ machine, peers, programs */

void gs_cmd_bench_describe_machine(struct gs_cmd_bench_machine *ret);

/* Asks a peer once: runs `command FILE SECONDS`, reads its answer, adds a time. A peer that cannot
 * answer is marked as skipped and not asked again. GS_NO_MEMORY. */
int gs_cmd_bench_ask_peer(struct gs_cmd_bench *bench, struct gs_cmd_bench_peer *peer,
                          const char *command, const char *file, struct gs_err *err);

/* Writes the program as a free MPS file. GS_IO. */
int gs_cmd_bench_write_mps(const struct gs_ip *ip, const char *path, struct gs_err *err);

/* "<folder>/<name>"; NULL: no memory. */
const char *gs_cmd_bench_path(struct gs_cmd_bench *bench, const char *name);

/* ------------------------------------------------------------------ the report, written */

int gs_cmd_bench_write_document(const struct gs_cmd_bench *bench, struct gs_err *err);
int gs_cmd_bench_write_table(const struct gs_cmd_bench *bench, struct gs_err *err);
