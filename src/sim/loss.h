/* loss: a loss system, the world in which online policies are compared.
 *
 * GPUs of one model, slices arrive as a Poisson stream, each stays an exponential time of mean 1;
 * one that finds no place is lost. Load = arrival rate * mean compute slices / compute slices of
 * the fleet. With one profile that fills a GPU it is Erlang's loss system. The same seed gives the
 * same numbers. Source: docs/internals/online.md. */
#pragma once

#include "core/move.h"

enum {
    GS_LOSS_GPUS_MAX = 1 << 20,
    GS_LOSS_WEIGHT_MAX = 1 << 20 /* of one profile */
};

struct gs_loss_world {
    const struct gs_policy_table *decisions;
    const struct gs_move_table *moves; /* NULL: nothing is ever moved */
    uint32_t weights[GS_PROFILES_MAX]; /* a profile's share of the arrivals, relative */
    uint32_t gpus;                     /* 1 to GS_LOSS_GPUS_MAX */
    double load;                       /* over 0; 1: as much is asked for as there is */
    uint64_t arrivals;                 /* in all */
    uint64_t warm_up;                  /* the first so many are not counted; below arrivals */
    uint64_t seed;
};

/* Counted arrivals only. */
struct gs_loss_score {
    uint64_t arrived[GS_PROFILES_MAX];
    uint64_t accepted[GS_PROFILES_MAX]; /* with those that a move made room for */
    uint64_t moves;
    uint64_t moved_compute_slices;
};

/* Runs a world in memory of `arena` (which it gives back) and adds what happened to *score, so
 * that several seeds make one score. GS_INVALID: a field out of its range, a weight for a profile
 * that takes no part, or none at all. GS_NO_MEMORY. */
int gs_loss_run(struct gs_arena *arena, const struct gs_loss_world *world,
                struct gs_loss_score *score, struct gs_err *err);

/* Compute slices accepted of those that arrived, in %. `model` is the world's. NAN: none came. */
double gs_loss_accepted_percent(const struct gs_loss_score *score, const struct gs_model *model);
