/* job: one piece of work as the simulator runs it: when it comes, how long it runs, what it takes.
 *
 * What a trace says of a pod becomes this by a rule that the report names (src/trace). A world is
 * fed by a source, job by job, so that a trace of any length needs no more memory than what runs at
 * one time. docs/internals/simulate.md. */
#pragma once

#include "base/err.h"
#include "core/model.h"

#define GS_SIM_WHOLE UINT8_MAX /* gs_sim_job.profile: no slice serves it */
/* A time of a trace, in microseconds: about a hundred years. */
#define GS_SIM_TIME_MAX 3155760000000000ll
enum { GS_SIM_JOB_GPUS_MAX = 64 };

/* How fast a job runs beside its speed on a whole GPU, as it was measured. */
struct gs_sim_speed {
    uint16_t permille[GS_PROFILES_MAX]; /* on a profile of the world's model; 0: does not run */
    uint16_t shared_permille[8];        /* [n - 1]: with n - 1 others on one uncut GPU (MPS,
                                           time-slicing); 0: not known */
};

struct gs_sim_job {
    uint64_t row; /* of the trace, counted from 1: a line, or a series */
    int64_t
        arrive_us;  /* since the trace's zero; 0 to GS_SIM_TIME_MAX; never before the last one's */
    int64_t run_us; /* 1 to GS_SIM_TIME_MAX: on a whole GPU; without `speed` on `profile` too */
    uint32_t ideal_milli; /* thousandths of a GPU that it needs if fractions were perfect */
    uint16_t gpus;        /* whole GPUs of one node where it takes no slice; at least 1 */
    uint8_t profile;      /* of the world's model: the smallest that serves it; or GS_SIM_WHOLE */
    const struct gs_sim_speed *speed; /* NULL: as fast on `profile` as on a whole GPU */
};

/* Where jobs come from, in the order of their arrival. */
struct gs_sim_source {
    /* 1: *ret is the next one. 0: there are no more. Negative: as the trace says. */
    int (*next)(void *ctx, struct gs_sim_job *ret, struct gs_err *err);
    void *ctx;
};
