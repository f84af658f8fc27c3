/* score: what is counted while a workload is replayed. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

/* ------------------------------------------------------------------ histogram */

enum {
    GS_SIM_HIST_EXACT = 512, /* so few values are kept as they are */
    GS_SIM_HIST_FINE = 6,    /* 2^6 buckets a doubling: within 0.8 % */
    GS_SIM_HIST_BUCKETS = (64 - GS_SIM_HIST_FINE) << GS_SIM_HIST_FINE
};

/* Values from 0 on; streamed, in fixed memory. */
struct gs_sim_hist {
    uint64_t n;
    uint64_t sum; /* stays at UINT64_MAX once that is reached */
    int64_t most;
    int64_t exact[GS_SIM_HIST_EXACT]; /* the first ones, in no order */
    uint64_t buckets[GS_SIM_HIST_BUCKETS];
};

void gs_sim_hist_add(struct gs_sim_hist *hist, int64_t value);

/* The smallest value that at least `permille` thousandths of all are not above: exact up to
 * GS_SIM_HIST_EXACT values, within 0.8 % beyond. -1: there are none. */
int64_t gs_sim_hist_quantile(const struct gs_sim_hist *hist, unsigned permille);

/* How many are not above `value`, to the resolution of the buckets: for a curve. */
uint64_t gs_sim_hist_up_to(const struct gs_sim_hist *hist, int64_t value);

/* ------------------------------------------------------------------ timeline */

enum { GS_SIM_TIMELINE_MAX = 512 };

/* GPUs on over time, in at most GS_SIM_TIMELINE_MAX steps of equal length. */
struct gs_sim_timeline {
    int64_t from_us;
    unsigned shift;                       /* a step is 2^shift us */
    unsigned n;                           /* steps begun; the last may not be over */
    int64_t end_us;                       /* what came last ended here */
    uint64_t gpu_us[GS_SIM_TIMELINE_MAX]; /* by the step's length (the last one's by what there is
                                             of it): the mean */
    uint32_t most[GS_SIM_TIMELINE_MAX];
};

/* `gpus` were on from `t0` to `t1`; calls come in the order of time, without gaps, from from_us. */
void gs_sim_timeline_add(struct gs_sim_timeline *timeline, int64_t t0, int64_t t1, uint32_t gpus);

/* Adds to the step of one moment, not before from_us; moments come in any order. */
void gs_sim_timeline_count(struct gs_sim_timeline *timeline, int64_t at, uint64_t amount);

/* ------------------------------------------------------------------ score */

/* Jobs are counted where they arrived in the window. Times in microseconds, of GPUs: only what
 * falls into the window. */
struct gs_sim_score {
    uint64_t gpu_us;      /* GPUs on */
    uint64_t node_gpu_us; /* GPUs of nodes while they are paid; fixed: of all nodes */
    uint64_t small_us;    /* smaller GPUs on, beside gpu_us */
    uint64_t charged_us;  /* whole GPUs for work that was lost or left undone: add to gpu_us and to
                             node_gpu_us before anything is called a saving */
    uint64_t bound_us;    /* fewest GPUs for the starts, ends and profiles that came about; without
                             meaning for SHARED and SMALL, where it is 0 */
    uint64_t held_us;     /* jobs on a slice or GPU, by the job */
    uint64_t cost_uusd;   /* nodes as they are billed, small ones with them, and charged_us at the
                             cheapest price of a GPU. 0: no price is known */
    uint64_t small_uusd;  /* of cost_uusd, of smaller GPUs */
    bool cost_known;
    uint32_t peak_gpus;
    uint32_t peak_nodes;
    uint64_t arrived;
    uint64_t started; /* at least once */
    uint64_t done;
    uint64_t lost;        /* no room, in a world that loses; or no node could ever hold it */
    uint64_t undone;      /* still waiting when nothing more could happen */
    uint64_t delayed;     /* started later than they came */
    uint64_t interrupted; /* jobs stopped as their node was taken away, each time */
    uint64_t moves;
    uint64_t recuts;
    uint64_t move_us;      /* jobs stood still for moves */
    uint64_t recut_us;     /* jobs waited for re-cuts */
    uint64_t lost_work_us; /* work of interrupted jobs that was not saved, and their restarts */
    uint64_t boots;        /* nodes switched on */
    uint64_t events;       /* arrivals, ends, nodes switched off or taken away; in the whole run */
    int64_t first_us;      /* arrival in the window; -1: none */
    int64_t last_us;       /* the last event of the run */
    struct gs_sim_hist wait_us;           /* first start - arrival */
    struct gs_sim_hist slowdown_permille; /* (end - first start) by the run on a whole GPU */
    struct gs_sim_hist job_us;            /* end - arrival */
    struct gs_sim_timeline timeline;
    struct gs_sim_timeline of_arrivals; /* fixed fleets: by when jobs came, end - arrival of those
                                           that are done; where jobs are lost, charged_us */
};
