/* map: which slice serves an ask, by a rule that the user chooses and the report names.
 *
 * Pure; integers only. What the rules are for, and what each of them cannot know: docs/traces.md.
 */
#pragma once

#include <stdbool.h>

#include "sim/job.h"
#include "trace/trace.h"

/* By which figure of its life a use is judged. */
enum gs_trace_by {
    GS_TRACE_BY_PEAK,
    GS_TRACE_BY_P99,
    GS_TRACE_BY_P95,
    GS_TRACE_BY_MEAN,
    GS_TRACE_BY_NOTHING /* not looked at */
};

enum { GS_TRACE_TOLERANCE_MAX = 150 }; /* permille */

/* Start with gs_trace_rule_strict or gs_trace_rule_lenient. */
struct gs_trace_rule {
    const char *name; /* "strict" */
    const struct gs_model *model;
    bool share_of_memory;        /* a share of a GPU means that share of its memory too */
    uint32_t tolerance_permille; /* so much of the compute asked for may be missing */
    enum gs_trace_by memory_by;  /* of measured use */
    enum gs_trace_by util_by;
    uint32_t scale_permille;    /* speed of the GPU where use was measured, of the target's: 1000:
                                   the same; 1 to 100000 */
    uint32_t slowdown_permille; /* of work whose speed on slices is known: at most so slow, 1000 to
                                   100000: as on a whole GPU to 100 times; 0: no limit */
    uint32_t profiles;    /* bit p: profile p may be given; 0: for each number of compute slices
                             the plain profile with the least memory */
    bool fractional_only; /* only what asks for a part of a GPU is work at all */
    bool with_never_ran;  /* what was never started runs as long as it waited */
};

/* Smallest profile with at least the share of compute that is asked for. */
struct gs_trace_rule gs_trace_rule_strict(const struct gs_model *model);

/* The share of memory must hold the request; a tenth of the compute may be missing. */
struct gs_trace_rule gs_trace_rule_lenient(const struct gs_model *model);

/* "strict" or "lenient", for `model`. GS_INVALID: another name. */
int gs_trace_rule_find(struct gs_view name, const struct gs_model *model, struct gs_trace_rule *ret,
                       struct gs_err *err);

enum { GS_TRACE_RULE_TEXT_MAX = 600 };

/* The rule in one or two sentences, as the report prints it. */
void gs_trace_rule_text(const struct gs_trace_rule *rule, char ret[GS_TRACE_RULE_TEXT_MAX]);

/* Why an ask is no job. */
enum gs_trace_left_out {
    GS_TRACE_LEFT_NO_GPU,
    GS_TRACE_LEFT_NEVER_RAN,
    GS_TRACE_LEFT_NOT_FRACTIONAL,
    GS_TRACE_LEFT_UNMAPPED, /* a profile that the model lacks, work whose speed is not known */
    GS_TRACE_LEFTS
};

/* In words: "asks for no GPU". */
const char *gs_trace_left_out_text(enum gs_trace_left_out left);

/* What a rule needs at hand for many asks. */
struct gs_trace_map {
    struct gs_trace_rule rule;
    uint8_t order[GS_PROFILES_MAX]; /* profiles that may be given, cheapest first */
    unsigned n_order;
};

/* GS_INVALID: a field out of its range. GS_UNKNOWN: the placements of the model are not known. */
int gs_trace_map_init(struct gs_trace_map *map, const struct gs_trace_rule *rule,
                      struct gs_err *err);

/* 1: *ret is the job. 0: it is none, *ret_left says why; for GS_TRACE_LEFT_UNMAPPED the text of
 * `err` says more. The job's speeds are constant data. */
int gs_trace_map_job(const struct gs_trace_map *map, const struct gs_trace_ask *ask,
                     struct gs_sim_job *ret, enum gs_trace_left_out *ret_left, struct gs_err *err);

/* What is known of an ask that became a job. */
enum gs_trace_grounds {
    GS_TRACE_GROUNDS_SAID,   /* what was asked for, or measured, or is in a table */
    GS_TRACE_GROUNDS_MEMORY, /* its slice holds its memory; nothing says what compute it needs */
    GS_TRACE_GROUNDS_NONE    /* it asked for one GPU, and nothing says what it used of it */
};

enum gs_trace_grounds gs_trace_map_grounds(const struct gs_trace_map *map,
                                           const struct gs_trace_ask *ask,
                                           const struct gs_sim_job *job);

/* ---- a trace as the jobs of a world ---- */

struct gs_trace_jobs {
    struct gs_trace *trace;
    const struct gs_trace_map *map;
    void (*unmapped)(void *ctx, const struct gs_err *err); /* or NULL: the first GS_TRACE_BAD_MAX */
    void *unmapped_ctx;
    uint64_t jobs;                     /* handed out */
    uint64_t left_out[GS_TRACE_LEFTS]; /* asks that are none, by reason */
};

/* `ctx` is a struct gs_trace_jobs with the first two or four fields set. The form of
 * gs_sim_source.next; codes of gs_trace_next. */
int gs_trace_jobs_next(void *ctx, struct gs_sim_job *ret, struct gs_err *err);
