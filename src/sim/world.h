/* world: where a workload is replayed: the GPUs that there are or can be had, what they cost, and
 * how long things take. Plain values; what they mean for a policy is in replay.h.
 *
 * With all times 0 and nodes of any size a world counts "GPUs switched on" and nothing else: the
 * world of most published figures (gs_sim_world_init_timeless with 0 GPUs a node).
 * docs/internals/simulate.md. */
#pragma once

#include <stdbool.h>

#include "core/online.h"

enum {
    GS_SIM_TYPES_MAX = 8,
    GS_SIM_NODE_GPUS_MAX = 64,
    GS_SIM_GPUS_MAX = 1 << 22 /* of all nodes that may be on at once */
};
#define GS_SIM_FOREVER INT64_MAX

/* A kind of node. */
struct gs_sim_type {
    const char *name;  /* for texts */
    uint16_t gpus;     /* 1 to GS_SIM_NODE_GPUS_MAX */
    uint32_t nodes;    /* fixed: there are so many; elastic: at most so many at once */
    int64_t hour_uusd; /* price of a node and hour in millionths of a dollar; 0: not known */
};

/* A smaller GPU that a small job may have whole (L4, T4): policy `small-gpu`. */
struct gs_sim_small {
    const char *name;        /* NULL: there is none */
    uint32_t memory_mib;     /* a job goes there when its profile's memory fits */
    uint16_t speed_permille; /* of a job there, beside its speed on its slice; 1 to 10000 */
    int64_t hour_uusd;       /* of its node, which has one GPU */
};

struct gs_sim_world {
    const struct gs_model *model;
    uint32_t profiles; /* bit p: slices of profile p may be cut; jobs must have no other */
    struct gs_sim_type types[GS_SIM_TYPES_MAX];
    unsigned n_types;  /* at least 1. A new node is the cheapest that holds the job, then the one
                          with fewer GPUs, then the first */
    uint32_t gpus_max; /* on at once, over all types; 0: no such limit */
    bool elastic;      /* nodes are switched on when needed; false: all are on all the time */
    bool lose;         /* a job that finds no room is lost; false: it waits, first come first
                          served */
    bool backfill;     /* a waiting job may overtake others that have no room (no reservations: a
                          stream of small ones can hold up a large one) */
    bool busy_first;   /* an idle GPU is begun only where no GPU in use has room. false: the policy
                          weighs the idle GPUs of nodes that are on with the others, as the
                          controller does. With one GPU a node and no `keep_us` they are the same */
    bool book_idle;    /* gpuslice: slices stay cut when their job has gone, and one that is idle is
                          taken before any is cut, as the controller does. false: they go to the best
                          place each time */
    int64_t boot_us;   /* from the wish for a node until jobs start on it; it is paid meanwhile */
    int64_t keep_us;   /* a node is kept so long after its last job */
    int64_t bill_min_us;   /* a node is paid for at least so long each time */
    int64_t recut_us;      /* a job whose slice has to be cut first starts so much later */
    int64_t move_us;       /* a job that is moved stands still so long */
    int64_t restart_us;    /* a job that was interrupted needs so long before it goes on */
    int64_t checkpoint_us; /* a job saves what it has done each so long; 0: it starts anew */
    int64_t spot_mean_us;  /* mean life of a node until it is taken away (exponential); 0: never */
    uint32_t static_permille; /* static layouts, fixed: the share of nodes that are cut; the first
                                 ones of each type. Elastic: unused, nodes are cut as needed */
    uint32_t slowdown_max_permille; /* moldable: no profile on which a job takes longer than this
                                       beside a whole GPU, 1000 and more; 0: no limit */
    struct gs_sim_small small;
    int64_t from_us;  /* counted: from here ... */
    int64_t until_us; /* ... to here, or GS_SIM_FOREVER: to the last event */
    uint64_t seed;    /* for what is drawn at random: interruptions */
};

/* Measured or stated times (docs/internals/simulate.md says where each is from), elastic, one type
 * with `gpus` a node; no prices, no limit below GS_SIM_GPUS_MAX GPUs. `gpus` 0: nodes of any size,
 * one GPU for a job that wants one or less: GPUs are switched on one by one. */
void gs_sim_world_init(struct gs_sim_world *world, const struct gs_model *model, uint16_t gpus);

/* As gs_sim_world_init, but everything takes no time: what is counted is GPUs switched on. */
void gs_sim_world_init_timeless(struct gs_sim_world *world, const struct gs_model *model,
                                uint16_t gpus);

/* 0, or GS_INVALID with the field, what it is and what it may be; GS_UNKNOWN: the model's
 * placements are not known. */
int gs_sim_world_check(const struct gs_sim_world *world, struct gs_err *err);

/* GPUs of all nodes that may be on at once: the sum of the types, `gpus_max` at most. */
uint32_t gs_sim_world_gpus(const struct gs_sim_world *world);
