/* apply: brings the GPUs of a machine to what is wanted, or says why not and what they are now.
 *
 * MIG mode, reset, configuration and hooks in the order of nvidia-mig-parted; incremental, beside
 * running work, and crash-safe (docs/internals/partition.md). */
#pragma once

#include "partition/hooks.h"
#include "partition/perform.h"

/* What is wanted of one GPU: a configuration's counts or a checkpoint's places. Both NULL: it stays
 * as it is. A wish that is not `named` is none. */
struct gs_apply_want {
    const struct gs_mig_wish *wish;
    const struct gs_mig_state *state;
};

enum gs_apply_condition {
    GS_APPLY_UNTOUCHED,  /* not named, not reached, or nothing could be done */
    GS_APPLY_AS_WANTED,  /* it was already, or is now */
    GS_APPLY_PARTLY,     /* only_idle: as far as what is in use lets it */
    GS_APPLY_IN_BETWEEN, /* some steps were done; only whole slices, of before and of those wanted
                          */
    GS_APPLY_PENDING     /* its MIG mode waits for a reset */
};

/* What a dry run would do next to a GPU. */
enum gs_planned_kind {
    GS_PLANNED_STEP,    /* a step of what it is cut into */
    GS_PLANNED_MODE,    /* MIG is on or off from here on, and nothing is cut */
    GS_PLANNED_PENDING, /* its MIG mode waits for a reset */
    GS_PLANNED_UNKNOWN  /* what becomes of it is not known before it is done */
};

struct gs_planned {
    enum gs_planned_kind kind;
    unsigned gpu;
    const struct gs_change_step *step; /* STEP */
    enum gs_mig_mode mode;             /* MODE, PENDING */
    const char *why;                   /* UNKNOWN */
};

/* Who is told, in the order in which it would be done. */
struct gs_planned_to {
    void (*next)(void *ctx, const struct gs_planned *planned);
    void *ctx;
};

struct gs_apply_options {
    const char *dir;  /* of lock and journal */
    const char *what; /* "mig apply", for the journal and for who finds the lock taken */
    unsigned wait_ms; /* for the lock */
    bool mode_only;
    bool skip_reset;                   /* leave a mode that needs a reset pending */
    bool only_idle;                    /* do what can be done beside slices in use */
    bool dry_run;                      /* only say the steps, to `detail` and `planned` */
    const volatile sig_atomic_t *stop; /* as in perform.h; NULL: nobody interrupts */
    const struct gs_hooks *hooks;
    const struct gs_guard *guard;       /* NULL: nobody knows more than the driver */
    struct gs_say note;                 /* what a person should know */
    struct gs_say detail;               /* each step */
    struct gs_planned_to planned;       /* of a dry run; next NULL: nobody asks */
    const struct gs_journal_io *io;     /* NULL: the real one */
    struct gs_inventory_tables *tables; /* kept over calls; NULL: made for this one */
    const struct gs_alloc *alloc;       /* NULL: the heap */
};

struct gs_apply_report {
    unsigned n;
    enum gs_apply_condition gpus[GS_GPUS_MAX];
};

/* `wants` has one entry for each of the `n` GPUs that the driver lists. The report is written on
 * failure too. With only_idle a part that had to be left is GS_BUSY. An interrupted one ends at the
 * next whole slice, with GS_IO and sys_errno EINTR. Codes: partition.md. */
int gs_apply(struct gs_gpus *gpus, const struct gs_apply_want *wants, unsigned n,
             const struct gs_apply_options *options, struct gs_apply_report *ret_report,
             struct gs_err *err);

/* "as wanted", "untouched", ... */
const char *gs_apply_condition_name(enum gs_apply_condition condition);
