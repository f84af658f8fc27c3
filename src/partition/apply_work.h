/* apply_work: one apply while it runs. Private to apply.c, apply_mode.c and apply_config.c. */
#pragma once

#include "partition/apply.h"
#include "partition/lock.h"

struct gs_apply_gpu {
    bool wanted;
    bool mig; /* MIG is wanted on */
    const struct gs_apply_want *want;
    struct gs_inventory_gpu *now; /* NULL unless wanted */
    struct gs_change *change;
    /* by the catalogue, where the driver tells no profiles while MIG is off (535); or NULL */
    const struct gs_transition_index *expected;
    bool waits; /* its mode will wait for a reset that is skipped */
    bool touched;
};

struct gs_apply_work {
    struct gs_gpus *gpus;
    const struct gs_apply_options *options;
    struct gs_arena *arena;
    struct gs_inventory_tables *tables;
    struct gs_apply_report *report;
    unsigned n;
    struct gs_apply_gpu at[GS_GPUS_MAX];
    bool left; /* only_idle: something was left */
};

/* What comes before any change: the lock, what a killed run left, a driver that can place. A dry
 * run takes no lock and only says what would be recovered. The lock is held on failure too. */
int gs_apply_enter(struct gs_gpus *gpus, const struct gs_apply_options *options,
                   struct gs_lock *lock, struct gs_err *err);

/* What a dry run says of a GPU: the steps of a change, for people and for who draws them. */
void gs_apply_say_steps(const struct gs_apply_options *options, const struct gs_inventory_gpu *gpu,
                        const struct gs_change *change);
void gs_apply_plan_next(const struct gs_apply_options *options, struct gs_planned planned);

/* The sum of a dry run, in MIG devices. */
struct gs_apply_sum {
    unsigned gpus;
    unsigned before;
    unsigned gone;
    unsigned made;
};

void gs_apply_sum_add(struct gs_apply_sum *sum, const struct gs_inventory_gpu *gpu,
                      const struct gs_change *change);
void gs_apply_sum_say(const struct gs_apply_sum *sum, const struct gs_say *say);

/* Opens the journal for `steps` changes, and what performs them under it; gs_journal_close ends it.
 * Codes of gs_journal_open. */
struct gs_journal;
struct gs_perform;
int gs_apply_begin(const struct gs_apply_work *work, unsigned steps, struct gs_journal *ret_journal,
                   struct gs_perform *ret_perform, struct gs_err *err);

/* Reads every wanted GPU anew. */
int gs_apply_read(struct gs_apply_work *work, struct gs_err *err);

/* The goal of a GPU that has a table. */
int gs_apply_goal(const struct gs_apply_gpu *gpu, struct gs_geometry_goal *ret, struct gs_err *err);

/* Names and sums of every goal that can be looked at now. Touches nothing. */
int gs_apply_check(struct gs_apply_work *work, struct gs_err *err);

/* Plans the configuration of every GPU whose mode is on. `partly`: with only_idle, take what can be
 * had and note the rest (and once only). GS_BUSY names who is in the way. */
int gs_apply_plan(struct gs_apply_work *work, bool partly, struct gs_err *err);

/* Lets the guard prepare for all that is to go. GS_BUSY: it is in use after all. */
int gs_apply_guarded(struct gs_apply_work *work, struct gs_err *err);

/* Whether the modes could be changed now. Touches nothing. GS_BUSY: somebody is on a GPU. */
int gs_apply_mode_check(struct gs_apply_work *work, struct gs_err *err);

/* Brings the mode of every wanted GPU to what is wanted. */
int gs_apply_mode(struct gs_apply_work *work, struct gs_err *err);

/* Brings every wanted GPU with MIG on to its goal. */
int gs_apply_config(struct gs_apply_work *work, struct gs_err *err);

/* GS_IO with EINTR: somebody wants the work to end, and it is between its parts. */
int gs_apply_stopped(const struct gs_apply_work *work, struct gs_err *err);

/* only_idle: what this error says of a GPU is left, and the work goes on. */
void gs_apply_leave(struct gs_apply_work *work, unsigned gpu, const struct gs_err *err);

/* The error with those who hold these slices. */
int gs_apply_blocked(const struct gs_inventory_gpu *gpu,
                     const struct gs_geometry_blockers *blockers, int r, struct gs_err *err);
