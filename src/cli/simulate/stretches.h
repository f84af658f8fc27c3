/* stretches: whether a trace says as much as its length promises.
 *
 * Draws of blocks take it that what comes in one block does not depend on the block before. Here
 * the trace itself is asked: how far what comes in a block hangs on its neighbours, and how far the
 * saving differs from one long stretch of the window to the next. docs/internals/simulate.md has
 * the trials by which the numbers were chosen. */
#pragma once

#include "cli/simulate/blocks.h"
#include "cli/simulate/report.h"
#include "sim/score.h"

/* Thousandths, of gs_stretches_dependence. */
enum {
    GS_STRETCHES_ALONE = 1000, /* no block depends on another */
    GS_STRETCHES_SOME = 1500,  /* from here on quarters of the window are compared, too */
    GS_STRETCHES_HANGS = 2000, /* and thirds; the draws' own interval is stretched */
    GS_STRETCHES_MOST = 6000   /* beyond: fewer than five blocks in thirty speak for themselves */
};

/* By how much more the sum of `n` values varies than if each was drawn alone: 1 + 2 * the sum of
 * the autocorrelations, taken in pairs for as long as those are positive and falling (Geyer 1992,
 * Statistical Science 7, 3.3). In thousandths, at least 1000; 1000 too where all are the same. */
int64_t gs_stretches_inflation(const double *values, size_t n);

/* The most that this is of three sums of the blocks: GPU-hours, what slices leave free of them
 * beside the trace's mean, and the same of each job alike. */
int64_t gs_stretches_dependence(const struct gs_blocks *blocks);

/* GPU-microseconds of a timeline in `n` equal parts of [from_us, until_us). */
void gs_stretches_cut(const struct gs_sim_timeline *timeline, int64_t from_us, int64_t until_us,
                      size_t n, double *ret);

/* Half of a 95 % interval of 1 - part / whole, in thousandths of a percent: by how far the saving
 * differs between `n` stretches (Student's t of n - 1 degrees of freedom). `whole` and `part` have
 * GPU time by stretch. Where nothing ran, 0. */
int64_t gs_stretches_half(const double *whole, const double *part, size_t n);

/* `ci` of draws around `value`: not narrower than `half` on either side, nor than its own distance
 * times what the dependence makes of it. As it is where the value lies beside it. */
struct gs_report_interval gs_stretches_widen(struct gs_report_interval ci, int64_t value,
                                             int64_t half, int64_t dependence);

/* Both sides of `ci` times (wide's width / narrow's), around `value`. */
struct gs_report_interval gs_stretches_widen_as(struct gs_report_interval ci, int64_t value,
                                                struct gs_report_interval narrow,
                                                struct gs_report_interval wide);
