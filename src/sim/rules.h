/* rules: the policies of the simulator, and the tables by which they decide.
 *
 * Where a slice goes is decided by core/online, core/policy_table and core/move, the code that
 * decides in the cluster. A policy here says what it is asked: which jobs get a slice, of which
 * profile, on which GPUs, and whether one may move. docs/internals/simulate.md. */
#pragma once

#include "core/move.h"
#include "sim/job.h"
#include "sim/recuts.h"
#include "sim/world.h"

enum gs_sim_way {
    GS_SIM_UNCUT,  /* each job has a whole GPU */
    GS_SIM_CUT,    /* GPUs are cut as jobs come */
    GS_SIM_STATIC, /* nodes are cut once, all alike; a job that no slice serves has a GPU of a
                      node that is not cut */
    GS_SIM_SHARED, /* uncut GPUs that several jobs share (MPS, time-slicing) */
    GS_SIM_SMALL   /* small jobs have a whole smaller GPU each, others as GS_SIM_UNCUT */
};

/* What a policy needs to say anything; without it, it is as `whole`. */
enum {
    GS_SIM_NEEDS_SPEED = 1 << 0,  /* jobs with gs_sim_speed.permille */
    GS_SIM_NEEDS_SHARED = 1 << 1, /* jobs with gs_sim_speed.shared_permille */
    GS_SIM_NEEDS_SMALL = 1 << 2   /* gs_sim_world.small */
};

struct gs_sim_policy {
    const char *name;
    const char *summary; /* one line, for people */
    unsigned needs;
    enum gs_sim_way way;
    const char *place; /* CUT, STATIC: the policy of core that says where; NULL: its default */
    bool moves;        /* one slice may be moved before a GPU is begun or a job waits */
    bool moldable;     /* a job with measured speeds gets the profile that suits */
    bool balanced;     /* STATIC: halves, quarters and eighths; false: all smallest */
};

/* All of them; the first is `whole`, the baseline. */
const struct gs_sim_policy *gs_sim_policies(size_t *ret_count);

/* GS_NOT_FOUND: no such name; the text lists those there are. */
int gs_sim_policy_find(struct gs_view name, const struct gs_sim_policy **ret_policy,
                       struct gs_err *err);

/* The tables of one policy for one model. Constant once made; any number of runs, in any threads,
 * may share them. */
struct gs_sim_rules {
    const struct gs_sim_policy *policy;
    const struct gs_model *model;
    const struct gs_policy_table *decisions; /* CUT, STATIC; else NULL */
    const struct gs_move_table *moves;       /* or NULL */
    const struct gs_sim_recut_table *recuts; /* of a policy that books idle slices; or NULL */
    uint64_t layout;                         /* STATIC: placements of decisions->states */
    uint8_t serves[GS_PROFILES_MAX]; /* a job's profile: the one that it gets (STATIC: the smallest
                                        of the layout that is no smaller), or GS_SIM_WHOLE */
};

/* Takes a few ms and up to 1 MB of the arena, some 10 times that where idle slices are booked of
 * all profiles of a model. The world's model and profiles count, its book_idle and its busy_first.
 * `policy` and the model must outlive the result. GS_UNKNOWN, GS_LIMIT, GS_NO_MEMORY. */
int gs_sim_rules_new(struct gs_arena *arena, const struct gs_sim_world *world,
                     const struct gs_sim_policy *policy, const struct gs_sim_rules **ret_rules,
                     struct gs_err *err);
