/* perform: carries out steps, each announced in the journal before it is done.
 *
 * A step that fails ends the work on its GPU, and the slice that it belongs to is taken back, so
 * that the GPU has only whole slices: those of before and those wanted. Where it is refused, as
 * something that is to go is in use after all or the driver has no room for what comes, the slices
 * that went before it are put back too where their places are free. */
#pragma once

#include <signal.h>

#include "partition/guard.h"
#include "partition/journal.h"
#include "partition/settle.h"

/* What the work says, one line without a newline at a time. */
struct gs_say {
    void (*line)(void *ctx, const char *line);
    void *ctx;
};

void gs_say(const struct gs_say *say, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct gs_perform {
    struct gs_gpus *gpus;
    struct gs_journal *journal;
    struct gs_say detail; /* each step, and each new MIG device */
    unsigned n;           /* steps so far */
    unsigned at;          /* the step of the last change that failed */
    unsigned of;
    /* not 0: end before the next slice, mode or reset; NULL: nobody interrupts */
    const volatile sig_atomic_t *stop;
    const struct gs_guard *guard; /* told of each new MIG device; NULL: nobody */
    bool all_or_nothing;          /* whatever fails, or interrupts: what went is put back */
};

/* Makes the change on a GPU, whose inventory is read anew at the end, on failure too. On failure
 * *ret_done has the steps that were done and stayed (0: the GPU is as it was). Codes of gpu.h and
 * of the journal; GS_IO with EINTR: interrupted. */
int gs_perform(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
               const struct gs_change *change, unsigned *ret_done, struct gs_err *err);

/* Makes again what a change destroyed that was done wholly. What cannot be is added to the text. */
void gs_perform_put_back(struct gs_perform *perform, struct gs_inventory_gpu *gpu,
                         const struct gs_change *change, struct gs_err *err);

/* Appends what to do about an error of the driver: no permission. */
void gs_perform_explain(struct gs_err *err);

/* Announces a step of a whole GPU. GS_IO with EINTR: interrupted before it. */
int gs_perform_announce(struct gs_perform *perform, const struct gs_inventory_gpu *gpu,
                        enum gs_journal_do kind, struct gs_err *err);
