/* fit: which final state of a GPU serves a goal best, and which instance becomes which. The search
 * behind change.h, private to partition. Pure. */
#pragma once

#include "partition/inside.h"

enum { GS_FIT_UNEQUAL_MAX = 8 }; /* wanted GIs of one profile, of which not all are alike */

/* What it takes to make a wanted GI from one that is there. */
struct gs_fit_pair {
    bool possible;
    bool of_a_kind; /* in profile and place: were nothing in it in use, it would be possible */
    struct gs_inside_plan inside;
    uint16_t n_kept;
    uint16_t steps;
};

/* A GPU as placements of the table. */
struct gs_fit {
    const struct gs_geometry *cut;
    const struct gs_statetable *table;
    bool renew;
    uint64_t set;                            /* what is there, foreign ones left out */
    uint64_t in_use;                         /* of it */
    uint16_t foreign;                        /* bit i: at[i] */
    uint16_t foreign_units;                  /* memory units that they cover */
    int16_t placement[GS_GPU_INSTANCES_MAX]; /* of at[i]; -1: foreign */
    int8_t instance[GS_PLACEMENTS_MAX];      /* that lies there, or -1 */
    struct gs_fit_pair pairs[GS_GPU_INSTANCES_MAX][GS_MEMORY_UNITS_MAX]; /* at[i], goal's [b] */
    uint16_t can_be_new; /* bit b: the goal's [b] can be made in an empty GI, and how: */
    struct gs_inside_plan fresh[GS_MEMORY_UNITS_MAX];
};

/* The answer. */
struct gs_fit_target {
    uint16_t state;
    int value;                           /* compute instances kept first, then steps saved */
    int n_kept;                          /* compute instances */
    int8_t wanted[GS_GPU_INSTANCES_MAX]; /* what at[i] becomes: index into the goal; -1: it goes */
};

/* Reads the GPU and compares each instance with each wanted one. `renew`: keeps in a GI all
 * compute instances that are wanted or, where none is in use, none. */
void gs_fit_init(struct gs_fit *fit, const struct gs_geometry *cut,
                 const struct gs_geometry_goal *goal, bool renew);

/* GS_INFEASIBLE: it does not fit an empty GPU. GS_LIMIT: GS_FIT_UNEQUAL_MAX. */
int gs_fit_check(const struct gs_fit *fit, const struct gs_geometry_goal *goal, struct gs_err *err);

/* False: what is in use or foreign leaves no state. The goal must have passed gs_fit_check. */
bool gs_fit_find(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                 struct gs_fit_target *ret_target);

/* The fewest instances without which there would be a state, and which of their compute instances
 * are in the way; the first such set. */
void gs_fit_blockers(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                     struct gs_geometry_blockers *ret_blockers);
