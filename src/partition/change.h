/* change: the steps from what a GPU is cut into to what it should be cut into.
 *
 * core/transition, with compute instances, and with instances that stay whatever is wanted: those
 * in use, and foreign ones. Of all final states with the wanted instances that keep those, the one
 * that keeps the most compute instances as they are, then the one with the fewest steps, then the
 * one that the transition index has first. A GPU instance that stays and has other compute
 * instances than wanted changes only these. Pure; no I/O, no allocation.
 * Why: docs/internals/partition.md. */
#pragma once

#include "partition/inside.h"

enum {
    GS_CHANGE_ATTEMPTS = 14, /* seven compute slices have parts that go in 12 orders at most */
    /* all instances with all compute instances gone, and as many made */
    GS_CHANGE_STEPS_MAX = 2 * GS_GPU_INSTANCES_MAX * (GS_COMPUTE_INSTANCES_MAX + 1)
};

enum gs_change_kind {
    GS_CHANGE_DESTROY_CI,
    GS_CHANGE_DESTROY_GI,
    GS_CHANGE_CREATE_GI,
    GS_CHANGE_CREATE_CI
};

/* A GPU instance before or after a change: whether it is there, and its compute instances by NVML
 * profile and start. Those that stay come first; of those that go, or come, each before the ones
 * whose step is later. */
struct gs_change_cis {
    bool present;
    uint8_t n;
    uint8_t profiles[GS_COMPUTE_INSTANCES_MAX];
    uint8_t starts[GS_COMPUTE_INSTANCES_MAX]; /* GS_INSIDE_ANYWHERE: not known */
};

struct gs_change_step {
    enum gs_change_kind kind;
    uint32_t gi; /* GS_NOT_KNOWN: the one that the last CREATE_GI made */
    uint32_t ci; /* DESTROY_CI */
    /* the GPU instance in question */
    uint32_t profile; /* NVML's */
    uint32_t profile_id;
    uint32_t start;
    uint32_t size;
    uint32_t ci_profile; /* NVML's, of the compute instance in question */
    uint8_t ci_start; /* its compute slice; GS_INSIDE_ANYWHERE: not known, or as the driver likes */
    bool ci_fills;    /* CREATE_CI: it takes all of its GI, and so has one place */
    uint8_t ci_slices; /* of its name */
    uint8_t ci_size;   /* compute slices that it takes; 0: not known */
    /* the GPU instance before its first and after its last step */
    struct gs_change_cis was;
    struct gs_change_cis shall;
};

struct gs_change {
    unsigned n;
    unsigned n_kept; /* compute instances that stay as they are */
    struct gs_change_step steps[GS_CHANGE_STEPS_MAX];
};

/* Destroys come first, then what changes in GIs that stay, then creates; each in the order of
 * gs_transition_steps.
 * Before R525 the driver chooses where compute instances lie in their GI, and those that stay, or
 * the order in which they are made, can leave no room for one that would fit. So there are
 * attempts for such drivers: 0 keeps what it can and makes the largest first; 1 makes all compute
 * instances of a GI anew where they differ and none is busy; 2 up to GS_CHANGE_ATTEMPTS - 1 do so
 * in other orders.
 * GS_BUSY: instances in use or foreign ones are in the way; *ret_blockers has the fewest of them.
 * GS_INFEASIBLE: it does not fit even on an empty GPU. On failure *ret_change is untouched. */
int gs_change_plan(const struct gs_geometry *cut, const struct gs_geometry_goal *goal,
                   unsigned attempt, struct gs_change *ret_change,
                   struct gs_geometry_blockers *ret_blockers, struct gs_err *err);

/* The largest part of a goal that can be had beside what is in use or foreign: most slices, then
 * most memory, then those that come first. *ret_goal has what stays too, in use or idle and in
 * nobody's way, so that it can be planned; *ret_left is what is given up. Fails as gs_change_plan
 * would on an empty GPU. */
int gs_change_reduce(const struct gs_geometry *cut, const struct gs_geometry_goal *goal,
                     struct gs_geometry_goal *ret_goal, struct gs_geometry_goal *ret_left,
                     struct gs_err *err);

/* Everything goes. Needs no table: `model` may be NULL. GS_BUSY as above; a foreign instance that
 * is idle is in the way too, as nobody here made it. */
int gs_change_clear(const struct gs_model *model, const struct gs_gpu_instances *instances,
                    const struct gs_geometry_busy *busy, struct gs_change *ret_change,
                    struct gs_geometry_blockers *ret_blockers, struct gs_err *err);

/* Where one more slice of a profile loses the fewest placements (core/policy, min-loss).
 * `start` GS_NOT_KNOWN: anywhere. *ret_cost makes GPUs of one model comparable; lower is better.
 * GS_INFEASIBLE: no room (the text says what is there); GS_INVALID: it may not start there. */
int gs_change_place(const struct gs_geometry *cut, unsigned profile, uint32_t start,
                    unsigned *ret_start, int32_t *ret_cost, struct gs_err *err);

/* The steps that make one GPU instance with its compute instances. GS_INFEASIBLE: no choice of
 * places holds these. */
int gs_change_add(const struct gs_geometry *cut, const struct gs_geometry_gi *gi,
                  struct gs_change *ret_change, struct gs_err *err);

/* The steps that make one compute instance more in at[i], at a start that gs_inside_place gave. */
void gs_change_add_ci(const struct gs_geometry *cut, unsigned i, const struct gs_geometry_ci *ci,
                      int start, struct gs_change *ret_change);

/* What is to go: whole GPU instances (bit i: at[i]), and of others compute instances (bit j). */
struct gs_change_leaving {
    uint16_t gis;
    uint16_t cis[GS_GPU_INSTANCES_MAX];
};

/* The steps that remove these; a GPU instance whose last compute instance goes, goes with it.
 * GS_BUSY: some are in use, and *ret_blockers has those. Needs no table. */
int gs_change_remove(const struct gs_gpu_instances *instances, const struct gs_geometry_busy *busy,
                     const struct gs_change_leaving *leaving, struct gs_change *ret_change,
                     struct gs_geometry_blockers *ret_blockers, struct gs_err *err);

/* The steps that make again what the first `done` steps destroyed, the last one first: GPU
 * instances, but for those whose place these steps have given to others, and compute instances of a
 * GPU instance that stays and gets no others. Returns how many of the `done` steps stay done. */
unsigned gs_change_put_back(const struct gs_change *change, unsigned done,
                            struct gs_change *ret_back);

/* "create 3g.20gb at 4", "create compute instance 1c at 2 in 3g.20gb at 4", for people. `model` may
 * be NULL. */
enum { GS_CHANGE_TEXT_MAX = 120 };
void gs_change_format(const struct gs_model *model, const struct gs_change_step *step,
                      char ret_text[GS_CHANGE_TEXT_MAX + 1]);
