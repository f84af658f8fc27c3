#include "cli/simulate/stretches.h"

#include <assert.h>
#include <math.h>

/* Sums of squares below this part of the greatest there could be are rounding. */
#define NOTHING 1e-18

/* ------------------------------------------------------------------ dependence */

static double product(const double *values, size_t n, double mean, size_t lag)
{
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++) {
        sum += (values[i] - mean) * (values[i + lag] - mean);
    }
    return sum;
}

int64_t gs_stretches_inflation(const double *values, size_t n)
{
    double sum = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        size += fabs(values[i]);
    }
    double mean = n == 0 ? 0 : sum / (double)n, variance = product(values, n, mean, 0);
    if (variance <= NOTHING * size * size) {
        return GS_STRETCHES_ALONE;
    }
    double inflation = -1, last = INFINITY;
    for (size_t lag = 0; lag + 1 < n / 2; lag += 2) {
        double pair =
            (product(values, n, mean, lag) + product(values, n, mean, lag + 1)) / variance;
        if (pair <= 0) {
            break;
        }
        last = pair < last ? pair : last;
        inflation += 2 * last;
    }
    int64_t permille = (int64_t)(inflation * 1000 + 0.5);
    return permille > GS_STRETCHES_ALONE ? permille : GS_STRETCHES_ALONE;
}

/* What a slice leaves free of a GPU, were there slices of any size. */
static double free_of(const struct gs_sim_job *job)
{
    bool sliced = job->profile != GS_SIM_WHOLE && job->ideal_milli < 1000;
    return sliced ? (1000 - job->ideal_milli) / 1000.0 : 0;
}

/* The rest of `parts` beside what the mean rate makes of `all`; rounding is none. */
static void subtract_mean(double *parts, const double *all, size_t n)
{
    double sum = 0, of = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        sum += parts[i];
        of += all[i];
    }
    for (size_t i = 0; of > 0 && i < n; i++) {
        parts[i] -= sum / of * all[i];
        size += parts[i] * parts[i];
    }
    for (size_t i = 0; size <= NOTHING * of * of && i < n; i++) {
        parts[i] = 0;
    }
}

int64_t gs_stretches_dependence(const struct gs_blocks *blocks)
{
    double hours[GS_BLOCKS] = {0}, free_hours[GS_BLOCKS] = {0};
    double jobs[GS_BLOCKS] = {0}, free_jobs[GS_BLOCKS] = {0};
    assert(blocks->n <= GS_BLOCKS);
    for (size_t i = blocks->n_before; blocks->n > 0 && i < blocks->n_until; i++) {
        const struct gs_sim_job *job = &blocks->jobs[i];
        size_t at = (size_t)((job->arrive_us - blocks->from_us) / blocks->block_us);
        at = at < blocks->n ? at : blocks->n - 1;
        double us = (double)job->run_us * job->gpus;
        hours[at] += us;
        free_hours[at] += us * free_of(job);
        jobs[at] += 1;
        free_jobs[at] += free_of(job);
    }
    subtract_mean(free_hours, hours, blocks->n);
    subtract_mean(free_jobs, jobs, blocks->n);
    const double *const all[] = {hours, free_hours, free_jobs};
    int64_t most = GS_STRETCHES_ALONE;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        int64_t inflation = gs_stretches_inflation(all[i], blocks->n);
        most = inflation > most ? inflation : most;
    }
    return most;
}

/* ------------------------------------------------------------------ stretches */

void gs_stretches_cut(const struct gs_sim_timeline *timeline, int64_t from_us, int64_t until_us,
                      size_t n, double *ret)
{
    double length = (double)(until_us - from_us) / (double)n;
    for (size_t i = 0; i < n; i++) {
        double begin = (double)i * length, end = begin + length;
        ret[i] = 0;
        for (unsigned k = 0; k < timeline->n; k++) {
            int64_t step = timeline->from_us + ((int64_t)k << timeline->shift);
            int64_t over = timeline->from_us + ((int64_t)(k + 1) << timeline->shift);
            over = over < timeline->end_us ? over : timeline->end_us;
            double from = (double)(step - from_us), to = (double)(over - from_us);
            double a = from > begin ? from : begin, b = to < end ? to : end;
            if (b > a && to > from) {
                ret[i] += (double)timeline->gpu_us[k] * (b - a) / (to - from);
            }
        }
    }
}

/* The 97.5th percentile of Student's t. */
static double quantile_of(size_t freedom)
{
    static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                               2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131};
    size_t n = sizeof(t) / sizeof(*t);
    return freedom == 0 ? t[0] : t[freedom < n ? freedom - 1 : n - 1];
}

int64_t gs_stretches_half(const double *whole, const double *part, size_t n)
{
    double all = 0, used = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        all += whole[i];
        used += part[i];
    }
    if (n < 2 || all <= 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        double off = part[i] - used / all * whole[i];
        squares += off * off;
    }
    double error = sqrt(squares * (double)n / (double)(n - 1)) / all;
    return (int64_t)(100000 * quantile_of(n - 1) * error + 0.5);
}

static int64_t times(int64_t distance, double factor)
{
    return (int64_t)ceil((double)distance * factor);
}

static bool holds(struct gs_report_interval ci, int64_t value)
{
    return ci.lo_mpct != GS_REPORT_UNKNOWN && ci.hi_mpct != GS_REPORT_UNKNOWN &&
           ci.lo_mpct <= value && value <= ci.hi_mpct;
}

struct gs_report_interval gs_stretches_widen(struct gs_report_interval ci, int64_t value,
                                             int64_t half, int64_t dependence)
{
    if (!holds(ci, value)) {
        return ci;
    }
    double factor = 1;
    if (dependence >= GS_STRETCHES_HANGS) {
        size_t alone = GS_BLOCKS * 1000u / (size_t)dependence;
        factor = sqrt((double)dependence / 1000) * quantile_of(alone - 1) / 2.045;
    }
    int64_t below = times(value - ci.lo_mpct, factor), above = times(ci.hi_mpct - value, factor);
    return (struct gs_report_interval){value - (below > half ? below : half),
                                       value + (above > half ? above : half)};
}

struct gs_report_interval gs_stretches_widen_as(struct gs_report_interval ci, int64_t value,
                                                struct gs_report_interval narrow,
                                                struct gs_report_interval wide)
{
    int64_t before = narrow.hi_mpct - narrow.lo_mpct, after = wide.hi_mpct - wide.lo_mpct;
    if (!holds(ci, value) || before <= 0 || after <= before) {
        return ci;
    }
    double factor = (double)after / (double)before;
    return (struct gs_report_interval){value - times(value - ci.lo_mpct, factor),
                                       value + times(ci.hi_mpct - value, factor)};
}
