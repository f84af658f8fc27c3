/* work: what a workload is, before any policy: whole GPUs, the ideal, the bound. */
#pragma once

#include "sim/job.h"
#include "sim/score.h"
#include "sim/world.h"

/* Only what falls into the window. As the jobs came, none delayed. */
struct gs_sim_work {
    uint64_t jobs;         /* arrived in the window */
    uint64_t sliced_jobs;  /* of them, with a profile smaller than the GPU */
    uint64_t whole_us;     /* GPUs, if each job has whole ones */
    uint64_t sliceable_us; /* of whole_us, of jobs with a profile smaller than the GPU */
    uint64_t ideal_us;  /* GPUs in any fraction: at each instant the memory that is needed, or the
                           compute, whichever is more. Never above bound_us */
    uint64_t slices_us; /* compute slices by those of a GPU: no bound, and not reachable */
    uint64_t bound_us;  /* fewest GPUs at each instant, free repacking */
    uint32_t peak_whole;
    uint32_t peak_bound;
    int64_t first_us;             /* arrival; -1: none */
    int64_t last_us;              /* of the whole run */
    struct gs_sim_timeline bound; /* of bound_us */
};

/* Runs the source to its end. Of the world: model, profiles, window. With `speed` a job takes as
 * long as it needs on its profile, for the bound and the slices; on a whole GPU its run_us.
 * Errors as gs_sim_replay. */
int gs_sim_work_measure(struct gs_arena *arena, const struct gs_sim_world *world,
                        const struct gs_sim_source *source, struct gs_sim_work *ret,
                        struct gs_err *err);
