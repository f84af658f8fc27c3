/* run: the state of one replay; shared by the files of the simulator's engine and no others. */
#pragma once

#include "sim/agenda.h"
#include "sim/fewest.h"
#include "sim/fleet.h"
#include "sim/random.h"
#include "sim/replay.h"

enum {
    GS_SIM_CHUNK_BITS = 10, /* jobs that are kept together */
    GS_SIM_LINES = GS_PROFILES_MAX + GS_SIM_JOB_GPUS_MAX + 1,
    GS_SIM_RESTARTS_MAX = 100,    /* a job that was interrupted so often is given up */
    GS_SIM_TOGETHER_MAX = 1 << 20 /* jobs of one moment that are put in order; more go in parts */
};

/* gs_sim_entry.who: a job, or a node with one of these. In this order at one instant; waiting jobs
 * and those that come go before nodes that nobody needs. */
#define GS_SIM_WHO_TAKEN 0x80000000u
#define GS_SIM_WHO_GOES 0xC0000000u

/* Later than any time that is still handled. */
#define GS_SIM_END_MAX (GS_SIM_TIME_MAX * 1000)

enum gs_sim_where {
    GS_SIM_NOWHERE,
    GS_SIM_ON_SLICE,
    GS_SIM_ON_GPUS,
    GS_SIM_ON_SMALL,
    GS_SIM_ON_SHARE
};

/* A job that runs or waits. */
struct gs_sim_task {
    int64_t arrive_us;
    int64_t run_us;
    int64_t left_us;  /* of run_us, as it was when it began last */
    int64_t began_us; /* last; may lie ahead while a node boots or a slice is cut */
    int64_t ends_us;  /* its entry of the agenda holds if it is of this time */
    int64_t first_us; /* it began for the first time; -1: not yet */
    uint64_t row;
    uint64_t mask; /* ON_GPUS, ON_SHARE: GPUs of its node; NOWHERE: its place in line */
    const struct gs_sim_speed *speed;
    uint32_t gpu;    /* the lowest that it has */
    uint32_t next;   /* of the line it waits in, of unused records, or of jobs that can be molded */
    uint32_t before; /* of jobs that can be molded */
    uint16_t gpus;
    uint16_t rate; /* permille of its speed on a whole GPU */
    uint16_t restarts;
    uint8_t profile; /* as it came */
    uint8_t held;    /* ON_SLICE: the profile that it has */
    uint8_t placement;
    uint8_t where;
    bool counted; /* it arrived in the window */
    bool molded;  /* it is among the jobs that can be molded */
    bool resits;  /* it changes its place and is not new */
};

/* Jobs of one profile, or of so many whole GPUs, that wait; first come first. */
struct gs_sim_line {
    uint32_t first, last;
};

/* Jobs that come at one moment are decided in an order of their own, so that it does not matter
 * which row stands first: whole GPUs, the most first; then slices, the largest first; those of one
 * size as if they were drawn. */
struct gs_sim_comers {
    struct gs_sim_job *jobs; /* [next, n): of one moment, still to be decided */
    size_t next, n, cap;
    struct gs_sim_job ahead; /* the one behind them, if has_ahead */
    bool has_ahead;
    bool began;
};

/* GPUs that jobs share: by how many are on one. */
struct gs_sim_sharing {
    struct gs_bitset by_count[8]; /* [n - 1] */
    uint32_t (*tasks)[8];         /* a GPU */
    uint8_t *count;
    uint32_t cap;
};

struct gs_sim_run {
    const struct gs_sim_world *world;
    const struct gs_sim_rules *rules;
    const struct gs_sim_source *source;
    const struct gs_sim_watch *watch;
    struct gs_arena *arena;
    struct gs_sim_score *score;
    struct gs_sim_fleet fleet;
    struct gs_sim_agenda agenda;
    struct gs_sim_comers comers;
    struct gs_sim_sharing sharing;
    struct gs_sim_fewest *fewest; /* NULL: has no meaning for the policy */
    struct gs_random random;
    struct gs_sim_task **chunks;
    size_t n_chunks, cap_chunks;
    uint32_t free_task;
    uint32_t n_running;
    struct gs_sim_line lines[GS_SIM_LINES];
    uint64_t waiting[2]; /* bit: a line with somebody in it */
    uint64_t ticket;
    bool freed;                /* something was given up since the lines were looked at */
    bool idle;                 /* and since jobs were widened */
    struct gs_sim_line molded; /* running jobs that may be widened or narrowed, oldest first */
    int64_t now;
    int full_profile; /* takes a whole GPU; -1: none may be cut */
    /* what is on, beside the fleet */
    uint32_t small_on;
    uint32_t held;                      /* jobs on anything, by their GPUs */
    uint64_t type_us[GS_SIM_TYPES_MAX]; /* nodes while they are paid */
    uint64_t small_paid_us;
    bool overflow;
};

static inline struct gs_sim_task *gs_sim_task_at(const struct gs_sim_run *run, uint32_t task)
{
    return &run->chunks[task >> GS_SIM_CHUNK_BITS][task & ((1u << GS_SIM_CHUNK_BITS) - 1)];
}

/* A job as the source gave it; `not_before`: the arrival of the one before. GS_INVALID with its
 * row. */
int gs_sim_job_check(const struct gs_sim_world *world, const struct gs_sim_job *job,
                     int64_t not_before, struct gs_err *err);

/* Drops what no longer holds. */
void gs_sim_tidy_agenda(struct gs_sim_run *run);

/* ------------------------------------------------------------------ sim/comers.c */

/* 1: *ret is the next job. 0: there are no more. What the source says; GS_INVALID: a job out of
 * range or order; GS_NO_MEMORY. */
int gs_sim_comers_next(struct gs_sim_run *run, struct gs_sim_job *ret, struct gs_err *err);

/* ------------------------------------------------------------------ sim/task.c */

/* A record for a job. GS_NO_MEMORY. */
int gs_sim_task_new(struct gs_sim_run *run, uint32_t *ret_task, struct gs_err *err);
void gs_sim_task_free(struct gs_sim_run *run, uint32_t task);

/* It has its place, `task->where` and what belongs to it; runs at `rate` from `ready_us` on, or
 * later by what has to be done first. */
int gs_sim_task_start(struct gs_sim_run *run, uint32_t task, unsigned rate, int64_t ready_us,
                      struct gs_err *err);

/* Notes in the agenda that its end is another one. */
int gs_sim_task_set_end(struct gs_sim_run *run, uint32_t task, int64_t ends_us, struct gs_err *err);

/* What it has done until now is saved or lost; it stands still, nowhere. */
void gs_sim_task_interrupt(struct gs_sim_run *run, uint32_t task);

/* It ends or is stopped: the part of its restart that it has behind it is lost work. */
void gs_sim_task_count_restart(struct gs_sim_run *run, const struct gs_sim_task *t);

/* How long `left` takes at a rate. */
int64_t gs_sim_task_takes(int64_t left_us, unsigned rate);

void gs_sim_task_wait(struct gs_sim_run *run, uint32_t task);

/* It will never run: lost, or left undone. */
void gs_sim_task_give_up(struct gs_sim_run *run, uint32_t task, uint64_t *count);

void gs_sim_task_tell(struct gs_sim_run *run, uint32_t task, enum gs_sim_what what);

/* ------------------------------------------------------------------ sim/place.c */

/* Finds room by the policy. 1: it has started; 0: there is none. */
int gs_sim_place(struct gs_sim_run *run, uint32_t task, struct gs_err *err);

/* Gives up what it has. */
int gs_sim_leave(struct gs_sim_run *run, uint32_t task, struct gs_err *err);

/* A slice of this profile and nothing else. `buy`: a node may be switched on for it. */
int gs_sim_place_slice(struct gs_sim_run *run, uint32_t task, unsigned profile, bool buy,
                       struct gs_err *err);
int gs_sim_place_gpus(struct gs_sim_run *run, uint32_t task, bool buy, struct gs_err *err);

/* ------------------------------------------------------------------ sim/nodes.c */

/* A node that is on, for so many idle GPUs: one that is there, or (`buy`) a new one. 1, 0 or
 * GS_NO_MEMORY. */
int gs_sim_place_node(struct gs_sim_run *run, enum gs_sim_kind kind, unsigned gpus, bool buy,
                      uint32_t *ret_node, struct gs_err *err);

/* Switches one on. 1, 0: the limits are reached; GS_NO_MEMORY. */
int gs_sim_buy(struct gs_sim_run *run, enum gs_sim_kind kind, unsigned gpus, uint32_t *ret_node,
               struct gs_err *err);

/* A GPU that nobody has any more. */
int gs_sim_give_back(struct gs_sim_run *run, uint32_t gpu, struct gs_err *err);

/* ------------------------------------------------------------------ sim/mold.c */

/* As gs_sim_place for a job with speeds, whose profile is chosen. */
int gs_sim_mold(struct gs_sim_run *run, uint32_t task, struct gs_err *err);

/* A job that leaves is no more among those that can be molded. */
void gs_sim_mold_leave(struct gs_sim_run *run, uint32_t task);

/* A job that has more than it needs makes room for one that found none: of 64 the one that is held
 * up least by it. 1: there is room on its GPU now; 0: nobody can. */
int gs_sim_mold_narrow(struct gs_sim_run *run, uint32_t for_task, struct gs_err *err);

/* Nobody waits: running jobs get what is idle, where they gain by it. */
int gs_sim_mold_widen(struct gs_sim_run *run, struct gs_err *err);

/* ------------------------------------------------------------------ sim/share.c */

/* GPUs have new numbers. */
int gs_sim_share_renumber(struct gs_sim_run *run, struct gs_err *err);

int gs_sim_share(struct gs_sim_run *run, uint32_t task, struct gs_err *err);
int gs_sim_unshare(struct gs_sim_run *run, uint32_t task, struct gs_err *err);

/* ------------------------------------------------------------------ sim/meter.c */

/* Time goes on. GS_INFEASIBLE: fewer GPUs are on than what runs needs. */
int gs_sim_meter_advance(struct gs_sim_run *run, int64_t to, struct gs_err *err);

/* A node goes; what it cost is counted. */
void gs_sim_meter_node_off(struct gs_sim_run *run, uint32_t node, int64_t at);

/* A smaller GPU was had from `from` to `to`. */
void gs_sim_meter_small(struct gs_sim_run *run, int64_t from, int64_t to);

/* The part of [from, to) that is counted. */
int64_t gs_sim_meter_within(const struct gs_sim_world *world, int64_t from, int64_t to);

/* *sum += n * us. */
void gs_sim_meter_add(struct gs_sim_run *run, uint64_t *sum, uint64_t n, int64_t us);

/* Nodes that are still on, and all that is said at the end. */
int gs_sim_meter_finish(struct gs_sim_run *run, struct gs_err *err);

static inline bool gs_sim_meter_counts(const struct gs_sim_run *run)
{
    return run->now >= run->world->from_us && run->now < run->world->until_us;
}
