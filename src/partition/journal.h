/* journal: what is about to be done to the GPUs, written down before it is done.
 *
 * DIR/journal, under the lock (lock.h). It is there from before the first hardware step until the
 * run has ended by itself, so one that is found means a kill. Form and what follows from it:
 * docs/internals/partition.md. It survives a killed process, not a lost machine, as what it speaks
 * of does not either: nothing is synced. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/view.h"
#include "partition/change.h"

enum {
    GS_JOURNAL_RECORD_MAX = 512,  /* bytes of a record with its frame */
    GS_JOURNAL_MAX = 1024 * 1024, /* bytes of a journal that is read */
    GS_JOURNAL_WHAT_MAX = 40
};

enum gs_journal_do {
    GS_JOURNAL_CREATE,    /* a GPU instance */
    GS_JOURNAL_CREATE_CI, /* a compute instance of one */
    GS_JOURNAL_DESTROY,
    GS_JOURNAL_DESTROY_CI,
    GS_JOURNAL_MODE_ON,
    GS_JOURNAL_MODE_OFF,
    GS_JOURNAL_RESET,
    GS_JOURNAL_DOS
};

/* One step of one GPU. The fields of a GPU instance are 0 where the step is of the whole GPU. */
struct gs_journal_step {
    unsigned n; /* 1, 2, ... */
    unsigned of;
    enum gs_journal_do kind;
    char gpu[GS_GPU_UUID_MAX];
    uint32_t profile; /* NVML's */
    uint32_t start;
    uint32_t size;
    uint32_t ci_profile; /* NVML's, of a step of a compute instance; GS_NOT_KNOWN: not told */
    uint8_t ci_start;    /* GS_INSIDE_ANYWHERE: not known */
    struct gs_change_cis was;
    struct gs_change_cis shall;
};

/* What a killed run left. */
struct gs_journal_left {
    uint64_t pid;
    char what[GS_JOURNAL_WHAT_MAX + 1]; /* the command; "" when not even that was written */
    bool not_ours;  /* something is in it, and its first bytes are none that gpuslice writes */
    bool exit_hook; /* it had an apply-exit hook, which has not run */
    bool begun;     /* `step` is the last that may have begun */
    struct gs_journal_step step;
};

/* How bytes reach the file: a seam for tests. Both as the calls of that name; -1 and errno. */
struct gs_journal_io {
    int (*reserve)(void *ctx, int fd, off_t size);
    ssize_t (*write)(void *ctx, int fd, const void *bytes, size_t n, off_t at);
    void *ctx;
};

struct gs_journal {
    int fd; /* -1: not open */
    off_t at;
    const struct gs_journal_io *io;
    char path[600];
};

/* Makes the file with room for `n_steps` steps; `exit_hook`: a hook is to run behind them; `io`
 * NULL: the real calls. The lock must be held and what an earlier run left be dealt with. GS_IO: no
 * room, or it cannot be made; then nothing of it is left. */
int gs_journal_open(struct gs_journal *journal, const char *dir, const char *what, bool exit_hook,
                    unsigned n_steps, const struct gs_journal_io *io, struct gs_err *err);

/* Writes the step. Only when this returned 0 may it be done. GS_IO. */
int gs_journal_write(struct gs_journal *journal, const struct gs_journal_step *step,
                     struct gs_err *err);

/* Removes the file. Fine on one that is not open. GS_IO: it cannot be removed. */
int gs_journal_close(struct gs_journal *journal, struct gs_err *err);

/* Reads what is there. GS_NOT_FOUND: no journal (err untouched). GS_INVALID: of another version of
 * gpuslice. GS_IO. */
int gs_journal_load(const char *dir, struct gs_journal_left *ret, struct gs_err *err);

/* Removes what was dealt with. */
int gs_journal_remove(const char *dir, struct gs_err *err);

/* The same from bytes; as gs_journal_load. Pure. */
int gs_journal_parse(struct gs_view bytes, struct gs_journal_left *ret, struct gs_err *err);

/* The text of a step's record, and back. GS_INVALID: not of this form. Pure. */
int gs_journal_format_step(const struct gs_journal_step *step, char *ret_text, size_t size,
                           struct gs_err *err);
int gs_journal_parse_step(struct gs_view text, struct gs_journal_step *ret, struct gs_err *err);
