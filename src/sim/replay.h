/* replay: a workload in a world, under a policy.
 *
 * Jobs come one by one from a source and leave when they have run; nothing is kept of those that
 * have gone, so a trace of any length needs no more memory than what runs at one time. Pure:
 * integers, no clock; the same input and seed give the same score.
 *
 * At one instant: first jobs end, then nodes are taken away, then waiting jobs are tried, then jobs
 * come (the larger first, so that the order of the rows of a trace does not matter), then nodes go
 * that nobody needs. A job that finds room has it from then on, also while its
 * node boots or its slice is cut. An idle GPU is begun on the node that is on and has the fewest
 * idle GPUs that suffice, then the lowest. A node is switched on when no other way is left: not
 * before a move. */
#pragma once

#include "sim/rules.h"
#include "sim/score.h"

/* What happens to a job, for tests and for whoever wants to draw it. */
enum gs_sim_what {
    GS_SIM_STARTS, /* has its place from now on; runs from `began_us` on */
    GS_SIM_MOVES,  /* has another place from now on */
    GS_SIM_ENDS,
    GS_SIM_STOPS, /* its node was taken away */
    GS_SIM_LOST   /* or left undone at the end */
};

struct gs_sim_note {
    enum gs_sim_what what;
    int64_t now_us;
    int64_t began_us;
    int64_t ends_us; /* as it looks now */
    uint64_t row;
    uint32_t
        node; /* counted as nodes are switched on, from 0; UINT32_MAX: a smaller GPU, or none */
    uint64_t gpus;     /* bit g: GPU g of the node */
    uint8_t held;      /* profile, or GS_SIM_WHOLE */
    uint8_t placement; /* of the rules' state table; unless held is GS_SIM_WHOLE */
    bool shared;
};

struct gs_sim_watch {
    void (*note)(void *ctx, const struct gs_sim_note *note);
    void *ctx;
};

/* About 330 bytes a job that runs or waits are the most that a run takes of the arena, beside some
 * 100 bytes a GPU of the world; it gives them back. The score (120 KB) is the caller's.
 * A job's `speed` must live as long as the job. Negative answers of the source are passed on.
 * GS_INVALID: the world makes no sense, or the rules are not for it, or a job is out of range, out
 * of order, or of a profile that may not be cut (the text has its row). GS_LIMIT: times or sums
 * beyond what is counted. GS_INFEASIBLE: the score is below its own bound: a mistake of ours.
 * GS_NO_MEMORY. */
int gs_sim_replay(struct gs_arena *arena, const struct gs_sim_world *world,
                  const struct gs_sim_rules *rules, const struct gs_sim_source *source,
                  struct gs_sim_score *ret, struct gs_err *err);

/* As gs_sim_replay, and tells `watch` of each job. */
int gs_sim_replay_watched(struct gs_arena *arena, const struct gs_sim_world *world,
                          const struct gs_sim_rules *rules, const struct gs_sim_source *source,
                          const struct gs_sim_watch *watch, struct gs_sim_score *ret,
                          struct gs_err *err);
