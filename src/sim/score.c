#include "sim/score.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FINE = 1 << GS_SIM_HIST_FINE };

static unsigned bucket_of(uint64_t value)
{
    if (value < FINE) {
        return (unsigned)value;
    }
    unsigned doubling = 63u - (unsigned)__builtin_clzll(value);
    unsigned within = (unsigned)(value >> (doubling - GS_SIM_HIST_FINE)) & (FINE - 1u);
    return (doubling - GS_SIM_HIST_FINE + 1) * FINE + within;
}

/* The middle of a bucket. */
static int64_t value_of(unsigned bucket)
{
    if (bucket < FINE) {
        return (int64_t)bucket;
    }
    unsigned shift = bucket / FINE - 1;
    uint64_t low = ((uint64_t)FINE + bucket % FINE) << shift;
    return (int64_t)(low + ((1ull << shift) >> 1));
}

void gs_sim_hist_add(struct gs_sim_hist *hist, int64_t value)
{
    assert(value >= 0);
    if (hist->n < GS_SIM_HIST_EXACT) {
        hist->exact[hist->n] = value;
    }
    hist->n++;
    if (__builtin_add_overflow(hist->sum, (uint64_t)value, &hist->sum)) {
        hist->sum = UINT64_MAX;
    }
    hist->most = value > hist->most ? value : hist->most;
    hist->buckets[bucket_of((uint64_t)value)]++;
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t gs_sim_hist_quantile(const struct gs_sim_hist *hist, unsigned permille)
{
    if (hist->n == 0) {
        return -1;
    }
    unsigned __int128 wanted = (unsigned __int128)hist->n * (permille > 1000 ? 1000 : permille);
    uint64_t rank = (uint64_t)((wanted + 999) / 1000);
    rank = rank == 0 ? 1 : rank;
    if (hist->n <= GS_SIM_HIST_EXACT) {
        int64_t sorted[GS_SIM_HIST_EXACT];
        memcpy(sorted, hist->exact, hist->n * sizeof(*sorted));
        qsort(sorted, hist->n, sizeof(*sorted), compare_values);
        return sorted[rank - 1];
    }
    uint64_t below = 0;
    for (unsigned b = 0; b < GS_SIM_HIST_BUCKETS; b++) {
        below += hist->buckets[b];
        if (below >= rank) {
            int64_t value = value_of(b);
            return value < hist->most ? value : hist->most;
        }
    }
    return hist->most;
}

uint64_t gs_sim_hist_up_to(const struct gs_sim_hist *hist, int64_t value)
{
    uint64_t count = 0;
    if (value < 0) {
        return 0;
    }
    if (hist->n <= GS_SIM_HIST_EXACT) {
        for (uint64_t i = 0; i < hist->n; i++) {
            count += hist->exact[i] <= value;
        }
        return count;
    }
    unsigned last = bucket_of((uint64_t)value);
    for (unsigned b = 0; b <= last; b++) {
        count += hist->buckets[b];
    }
    return count;
}

/* Twice as long steps: half as many. */
static void coarsen(struct gs_sim_timeline *timeline)
{
    unsigned n = (timeline->n + 1) / 2;
    for (unsigned i = 0; i < n; i++) {
        bool two = 2 * i + 1 < timeline->n;
        uint64_t gpu_us = timeline->gpu_us[2 * i] + (two ? timeline->gpu_us[2 * i + 1] : 0);
        uint32_t most = timeline->most[2 * i];
        if (two && timeline->most[2 * i + 1] > most) {
            most = timeline->most[2 * i + 1];
        }
        timeline->gpu_us[i] = gpu_us;
        timeline->most[i] = most;
    }
    for (unsigned i = n; i < timeline->n; i++) {
        timeline->gpu_us[i] = 0;
        timeline->most[i] = 0;
    }
    timeline->n = n;
    timeline->shift++;
}

void gs_sim_timeline_add(struct gs_sim_timeline *timeline, int64_t t0, int64_t t1, uint32_t gpus)
{
    assert(t0 >= timeline->from_us && t1 >= t0);
    if (t1 == t0) {
        return;
    }
    while ((t1 - 1 - timeline->from_us) >> timeline->shift >= GS_SIM_TIMELINE_MAX) {
        coarsen(timeline);
    }
    for (int64_t at = t0; at < t1;) {
        unsigned step = (unsigned)((at - timeline->from_us) >> timeline->shift);
        int64_t over = timeline->from_us + ((int64_t)(step + 1) << timeline->shift);
        int64_t until = over < t1 ? over : t1;
        timeline->gpu_us[step] += (uint64_t)(until - at) * gpus;
        timeline->most[step] = gpus > timeline->most[step] ? gpus : timeline->most[step];
        timeline->n = step + 1;
        at = until;
    }
    timeline->end_us = t1;
}

void gs_sim_timeline_count(struct gs_sim_timeline *timeline, int64_t at, uint64_t amount)
{
    assert(at >= timeline->from_us);
    while ((at - timeline->from_us) >> timeline->shift >= GS_SIM_TIMELINE_MAX) {
        coarsen(timeline);
    }
    unsigned step = (unsigned)((at - timeline->from_us) >> timeline->shift);
    uint64_t *sum = &timeline->gpu_us[step];
    *sum = amount > UINT64_MAX - *sum ? UINT64_MAX : *sum + amount;
    timeline->n = step >= timeline->n ? step + 1 : timeline->n;
    timeline->end_us = at >= timeline->end_us ? at + 1 : timeline->end_us;
}
