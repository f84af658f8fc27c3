/* report: all that a simulation found out, in integers, as the JSON has it.
 *
 *     report_fields.c   which number has which key, once for those who write and those who read
 *     report_json.c     a report as a tree; report_read.c a saved one back; report_check.c whether
 *                       it can be true
 *     report_table.c    for a terminal; report_html.c one page, report_plots.c its figures
 *     claim.c           what the reader may say of it, by rules; claim_fixed.c of a fixed fleet
 *
 * Units stand in the names: _mh thousandths of a GPU-hour, _mpct thousandths of a percent, _ms
 * milliseconds, _uusd millionths of a dollar, _permille. What is not known, or was not computed, is
 * GS_REPORT_UNKNOWN and null in JSON. docs/internals/simulate.md. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "term/result.h"

#define GS_REPORT_FORMAT "gpuslice-savings/1"
#define GS_REPORT_UNKNOWN INT64_MIN
#define GS_REPORT_MEMORY_MAX ((size_t)256 << 20)

enum {
    GS_REPORT_POLICIES_MAX = 64,
    GS_REPORT_TEXTS_MAX = 256, /* of one list */
    GS_REPORT_TEXT_MAX = 4096, /* bytes of one text */
    GS_REPORT_WHATIFS_MAX = 64,
    GS_REPORT_BUCKETS_MAX = 2000, /* of the timeline */
    GS_REPORT_QUANTILES = 101,    /* of waiting: the 0th to the 100th percentile */
    GS_REPORT_DRAWS_CLAIM = 500   /* of an interval of fewer draws nothing is claimed */
};

/* 95 %; both GS_REPORT_UNKNOWN where it was not computed. */
struct gs_report_interval {
    int64_t lo_mpct;
    int64_t hi_mpct;
};

struct gs_report_policy {
    const char *name;
    const char *says; /* one line */
    int64_t gpu_mh;   /* GPU-hours on, and what lost work is charged */
    int64_t node_gpu_mh;
    int64_t charged_mh; /* of gpu_mh: a whole GPU for the run of each job that it did not finish */
    int64_t saving_mpct;
    int64_t node_saving_mpct;
    int64_t wait_p50_ms;
    int64_t wait_p95_ms;
    int64_t job_mean_ms; /* from coming to being done, mean of the jobs that it finished */
    int64_t slowdown_p95_permille; /* end - start, of the run on a whole GPU */
    int64_t moves;
    int64_t recuts;
    int64_t restarts;
    int64_t peak_gpus;
    int64_t peak_nodes;
    int64_t lost;
    int64_t delayed;
    int64_t cost_uusd;
    /* Fixed fleets. What `whole` has there is in the first policy. */
    int64_t sooner_mpct;    /* jobs are done so much sooner than with whole GPUs, by job_mean_ms */
    int64_t less_lost_mpct; /* so much less of asked_mh is lost than with whole GPUs */
    int64_t fewest_nodes;   /* with them it does as well as whole GPUs on all, with one less not */
    int64_t last_end_ms;    /* when its last job ended, since the window opened */
    int64_t least_mh;       /* the bound of what it realised: no policy may be below it */
    struct gs_report_interval saving_ci;
    struct gs_report_interval node_saving_ci;
    struct gs_report_interval sooner_ci;
    struct gs_report_interval less_lost_ci;
    struct gs_report_interval fewer_nodes_ci; /* than fewest_nodes of `whole`, in thousandths */
    const int64_t *wait_ms;                   /* GS_REPORT_QUANTILES of them; NULL: not known */
    const int64_t *on_mgpu; /* n_buckets of the timeline, thousandths of a GPU; NULL: not known */
};

/* The same question with requests read more or less strictly. */
struct gs_report_whatif {
    int64_t tolerance_permille;
    int64_t saving_mpct;
    int64_t bound_saving_mpct;
    int64_t sliceable_mpct;
};

struct gs_report_texts {
    const char *const *items;
    size_t n;
};

struct gs_report {
    /* What was read. */
    const char *trace;  /* the file, as it was named */
    const char *source; /* its format */
    int64_t input_rows;
    int64_t skipped_rows;
    int64_t job_rows; /* with skipped_rows and the four below it is input_rows */
    int64_t rows_without_gpu;
    int64_t rows_never_ran;
    int64_t rows_whole;    /* left out by --fractional-only */
    int64_t rows_unmapped; /* fit no rule */
    int64_t jobs;          /* that have a part in the window, or come before it */
    int64_t events;
    int64_t from_ms; /* the window */
    int64_t to_ms;
    bool fractional_only;
    struct gs_report_texts skipped; /* "line 7: ..."; the first of them */

    /* How it was read, and where it ran. */
    const char *map;
    struct gs_report_texts map_rules;
    int64_t tolerance_permille;
    int64_t
        speed_known_mpct; /* of the GPU-hours that are sliced: how fast they run there is known */
    int64_t compute_unknown_mpct; /* of the GPU-hours of jobs: sliced by their memory alone */
    int64_t use_unknown_mpct;     /* likewise: one GPU was asked for, and nothing says what for */
    const char *world;            /* "elastic" */
    struct gs_report_texts world_rules;
    const char *model;
    int64_t gpus; /* of a fixed fleet */
    int64_t node_gpus;
    const char *instance;
    const char *region;
    int64_t gpu_hour_uusd;
    int64_t seed;

    /* What came out. */
    const char *claim;
    struct gs_report_texts for_whom;
    const char *ours; /* the policy that the claim is about */
    int64_t whole_mh;
    int64_t whole_node_mh;
    int64_t asked_mh; /* fixed fleets: of all work, done or lost, a whole GPU each */
    int64_t whole_cost_uusd;
    int64_t whole_peak_gpus;
    int64_t ideal_saving_mpct;
    int64_t bound_saving_mpct;
    int64_t bound_peak_gpus;
    int64_t sliceable_mpct;
    struct gs_report_interval sliceable_ci;
    int64_t draws;             /* simulated anew for the intervals */
    int64_t independent_parts; /* thirtieths of the window that say as much as all: 30 if none hangs
                                  on the one before */
    const char *no_draws;      /* why there are no intervals; NULL: there are */
    struct gs_report_policy *policies;
    size_t n_policies;
    struct gs_report_whatif *whatifs;
    size_t n_whatifs;
    int64_t bucket_ms; /* of the timeline */
    size_t n_buckets;
    const int64_t *whole_on_mgpu;
    const int64_t *bound_on_mgpu;
    struct gs_report_texts notes;

    /* --timing; else GS_REPORT_UNKNOWN. */
    int64_t read_us;
    int64_t simulate_us;
    int64_t total_us;
};

/* Everything unknown, empty or zero. */
void gs_report_init(struct gs_report *report);
void gs_report_init_policy(struct gs_report_policy *policy);

/* The policy of that name, or NULL. */
const struct gs_report_policy *gs_report_find(const struct gs_report *report, const char *name);

/* claim.c: sets `claim` and `for_whom` from the numbers; in the arena. GS_NO_MEMORY. */
int gs_report_say(struct gs_report *report, struct gs_arena *arena, struct gs_err *err);

/* Whether no policy can save more than `bound_saving_mpct` with the same profiles: all work runs as
 * it comes. What may be said of the bound in this world. */
bool gs_report_is_bounded(const struct gs_report *report);
const char *gs_report_bound_says(const struct gs_report *report);

/* report_json.c: puts all of it into the root of the result. */
void gs_report_put(struct gs_result *result, const struct gs_report *report);

/* report_read.c: a report that gs_report_put made, from its text. Everything lives in the arena.
 * GS_INVALID: it is none, or cannot be true, with the key that is wrong. GS_LIMIT, GS_NO_MEMORY. */
int gs_report_parse(const char *text, size_t n, struct gs_arena *arena, struct gs_report *ret,
                    struct gs_err *err);

/* As gs_report_parse, of any values of the right kinds: what cannot be true is read too. */
int gs_report_read(const char *text, size_t n, struct gs_arena *arena, struct gs_report *ret,
                   struct gs_err *err);

/* report_check.c: ranges, sums, and what the report computes or says from its own numbers: savings,
 * claim, for whom. The arena is for a while. GS_INVALID names the key; GS_NO_MEMORY. */
int gs_report_check(const struct gs_report *report, struct gs_arena *arena, struct gs_err *err);

/* report_table.c, report_html.c */
void gs_report_put_table(const struct gs_report *report, bool styled, struct gs_buf *out);
void gs_report_put_html(const struct gs_report *report, struct gs_buf *out);

/* report_plots.c: the figures of the page. */
void gs_report_put_plots(const struct gs_report *report, struct gs_buf *out);

/* report_words.c: numbers for people; "-" what is not known. Each writes into `text` of
 * GS_REPORT_WORD_MAX bytes and returns it. */
enum { GS_REPORT_WORD_MAX = 64 };
const char *gs_report_pct(int64_t mpct, char *text); /* "38.1 %" */
const char *gs_report_hours(int64_t mh, char *text); /* "34,212", "0.033" */
/* Of GPUs that were on, where what is not quite nothing may have been rounded to 0: "under 0.001"
 */
const char *gs_report_hours_on(int64_t mh, char *text);
const char *gs_report_count(int64_t count, char *text);    /* "7,064" */
const char *gs_report_time(int64_t ms, char *text);        /* "0 s", "2.5 min", "3.1 h", "4.0 d" */
const char *gs_report_dollars(int64_t uusd, char *text);   /* "$1,234" */
const char *gs_report_times(int64_t permille, char *text); /* "1.25 x" */
const char *gs_report_range(struct gs_report_interval ci, char *text); /* "4.1 to 17.0" */

/* "60 rows, 2 of them not usable, 3 that ask for no GPU, 55 jobs": what has none is not named, but
 * for those not usable. */
void gs_report_put_rows(const struct gs_report *report, struct gs_buf *out);

/* report_fields.c: the numbers, texts and flags of the report and of a policy, with their keys. */
enum gs_report_kind { GS_REPORT_TEXT, GS_REPORT_FIXED, GS_REPORT_FLAG, GS_REPORT_INTERVAL };
struct gs_report_field {
    const char *part; /* the object that it is in; NULL: the report's own */
    const char *key;
    enum gs_report_kind kind;
    unsigned places; /* GS_REPORT_FIXED: digits behind the point */
    bool known;      /* must not be null */
    size_t at;       /* offset in the struct */
};
extern const struct gs_report_field gs_report_fields[];
extern const size_t gs_report_n_fields;
extern const struct gs_report_field gs_report_policy_fields[];
extern const size_t gs_report_n_policy_fields;
extern const struct gs_report_field gs_report_whatif_fields[];
extern const size_t gs_report_n_whatif_fields;

/* Lists of texts, and their keys. */
struct gs_report_list {
    const char *part;
    const char *key;
    size_t at;
};
extern const struct gs_report_list gs_report_lists[];
extern const size_t gs_report_n_lists;
