/* stage: an apply that is killed, starved and lied to at a chosen point, and the verdict on what it
 * leaves. The machine is in memory (gpu_table.h): a kill is a longjmp out of a call of the port or
 * of a write of the journal, after which every file that was open is closed, as the kernel would.
 * The verdict reads the machine itself and shares no code with what is tested. */
#pragma once

#include "unit/check.h"

#include <setjmp.h>
#include <stdbool.h>

#include "unit/partition/desk.h"

enum { STAGE_BLOCKS_MAX = 256, STAGE_NEVER = 1 << 30 };

/* One slice of a machine, as it was or shall be. */
struct stage_slice {
    uint8_t profile; /* index into the model */
    uint8_t start;
    bool busy;
    uint8_t n_cis;
    uint8_t cis[GS_COMPUTE_INSTANCES_MAX]; /* NVML profiles, ascending */
    uint64_t generation;                   /* 0: shall be, any */
    uint64_t ci_generations[GS_COMPUTE_INSTANCES_MAX];
};

struct stage_layout {
    unsigned n;
    struct stage_slice at[GS_MEMORY_UNITS_MAX];
};

struct stage {
    struct gs_gpu_table table;
    struct gs_gpu_table before; /* to start from again */
    struct gs_mig_wish wish;
    struct gs_mig_state state;
    struct gs_apply_want want;
    bool only_idle;
    char dir[64];
    struct gs_err err;
    struct desk_lines notes;

    /* where the kill comes */
    jmp_buf out;
    int calls;   /* of the port so far, each counted before and after it acts */
    int kill_at; /* the call */
    int bytes;   /* written to the journal so far */
    int kill_byte;
    int room;     /* bytes that the disk takes */
    int promised; /* bytes that it lets us reserve */

    /* what was open */
    int first_fd;
    void *blocks[STAGE_BLOCKS_MAX];
    struct gs_arena tables_arena;
    struct gs_inventory_tables tables;
};

/* A stage with a machine of one GPU of the model, and a driver of this generation. */
enum { STAGE_DRIVER = 580 };
void stage_init(struct stage *stage, const char *model, unsigned driver);
void stage_done(struct stage *stage);

/* Keeps the machine as it is now as what stage_rewind goes back to; lock and journal go. */
void stage_mark(struct stage *stage);
void stage_rewind(struct stage *stage);

/* Nothing is killed and the disk is large. */
void stage_calm(struct stage *stage);

/* An apply; false: it was killed. *ret is what it returned. */
bool stage_apply(struct stage *stage, int *ret);

/* A recovery alone. */
bool stage_recover(struct stage *stage, int *ret);

bool stage_has_journal(const struct stage *stage);

/* What the machine has. */
void stage_read(const struct gs_gpu_table *table, struct stage_layout *ret);

/* NULL, or what is wrong: every slice of `old` that was busy must be the same one still, and every
 * slice there is must be one of `old` or of `new`, whole. */
const char *stage_judge_whole(const struct stage_layout *now, const struct stage_layout *old,
                              const struct stage_layout *new);
/* The same: it must be `new`, and slices of both must be the same ones still. */
const char *stage_judge_wanted(const struct stage_layout *now, const struct stage_layout *old,
                               const struct stage_layout *new);

/* Fail the test, naming `what`. */
void stage_check_whole(const struct stage *stage, const struct stage_layout *old,
                       const struct stage_layout *new, const char *what);
void stage_check_wanted(const struct stage *stage, const struct stage_layout *old,
                        const struct stage_layout *new, const char *what);
