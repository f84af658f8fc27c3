/* blocks: a trace as something to draw others like it from.
 *
 * What comes in the window is cut out in blocks of time, moving ones on a circle, and each is put
 * down in another place with all that comes in it, as it came: what arrived together still does,
 * and nothing meets a copy of itself that it did not wait for. Jobs that were there already when
 * the window opens keep their moment of coming, and each gets what one of them, drawn, had left to
 * do. docs/internals/simulate.md says why. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "sim/job.h"
#include "sim/random.h"

enum {
    GS_BLOCKS = 30,      /* of a draw: long ones keep what comes together, many fill the tails */
    GS_BLOCKS_LEAST = 10 /* fewer, or fewer equal pieces, make no interval */
};

struct gs_blocks {
    const struct gs_sim_job *jobs; /* in the order of arrival */
    size_t n_before;               /* came before the window, or with its first moment */
    size_t n_until;                /* and in it; those behind it take no part */
    uint32_t *there;               /* of n_before, those that run on into the window */
    size_t n_there;
    int64_t from_us; /* of what is cut into blocks */
    int64_t span_us;
    int64_t block_us;
    size_t n; /* blocks of a draw; the last one is longer by what is left over. 0: too few jobs */
    size_t pieces; /* so many equal ones would say as much: (sum of GPU-hours)^2 / sum of their
                      squares, over blocks and over jobs that were there */
};

/* One draw. */
struct gs_blocks_draw {
    const struct gs_blocks *blocks;
    int64_t *begins; /* [n] where each block was cut, since from_us */
    uint32_t *there; /* [n_there] */
};

/* Goes through the jobs of a draw. */
struct gs_blocks_walk {
    const struct gs_blocks_draw *draw;
    size_t before; /* jobs before the window that were given */
    size_t there;
    size_t block; /* the one that is being put down */
    size_t job;   /* next in it */
    size_t given; /* of it */
};

/* Cuts the window [from_us, until_us) of `n` jobs; `until_us` GS_SIM_FOREVER: until the last one
 * has come. What it keeps is in the arena; the jobs must live as long. GS_NO_MEMORY. */
int gs_blocks_cut(struct gs_arena *arena, const struct gs_sim_job *jobs, size_t n, int64_t from_us,
                  int64_t until_us, struct gs_blocks *ret, struct gs_err *err);

/* Draws anew; `draw` has its blocks and room. */
void gs_blocks_draw(struct gs_blocks_draw *draw, struct gs_random *random);

/* Its jobs in the order of arrival, from the first. 1: *ret is the next one; 0: there are no more.
 */
void gs_blocks_walk_init(struct gs_blocks_walk *walk, const struct gs_blocks_draw *draw);
int gs_blocks_next(struct gs_blocks_walk *walk, struct gs_sim_job *ret);
