/* samples: measured use, sample by sample, as one ask a series: it runs from its first sample to
 * its last and one interval more, and uses what its percentiles say. A percentile is the smallest
 * sample that so many of all do not exceed (nearest rank). */
#pragma once

#include "base/map.h"
#include "trace/reader.h"

enum gs_metric { GS_METRIC_MEMORY_MIB, GS_METRIC_UTIL_PERMILLE, GS_METRICS };

enum {
    GS_SAMPLES_MAX = 1 << 25, /* of a trace: 32 million */
    GS_SERIES_MAX = 1 << 13   /* pods of a trace; each has up to two names among the texts */
};

struct gs_series {
    const char *name; /* "pod" or "namespace/pod" */
    uint64_t row;     /* where it was first seen */
    uint64_t rows;    /* of the input that it was put together from */
    uint64_t counted; /* the last of these, as gs_trace_totals.input_rows */
    unsigned input;
    const char *gpus[GS_TRACE_GPUS_MAX]; /* on which it was seen */
    unsigned n_gpus;
    int64_t first_us;
    int64_t last_us;
    struct gs_samples_of {
        uint32_t *values;
        size_t n;
        size_t cap;
        int64_t last_us;
    } of[GS_METRICS];
};

struct gs_samples {
    struct gs_map by_name;
    struct gs_series **series;
    size_t n_series;
    size_t cap;
    size_t n_samples;
    int64_t interval_us; /* the shortest between two samples of a series; 0: none yet */
    int64_t first_us;    /* of all */
    int64_t last_us;
    bool sorted;
    size_t drawn;
};

void gs_samples_done(struct gs_samples *samples);

/* `gpu` tells the GPUs of one pod apart; empty: not said. A pod on several has that many whole
 * ones. GS_LIMIT, GS_NO_MEMORY. */
int gs_samples_add(struct gs_samples *samples, struct gs_trace *trace, struct gs_view name,
                   struct gs_view gpu, enum gs_metric metric, int64_t at_us, uint32_t value,
                   struct gs_err *err);

/* As gs_trace_reader.draw: the next series in order of its first sample. A series of one sample is
 * skipped: how long it ran is not known. */
int gs_samples_draw(struct gs_samples *samples, struct gs_trace *trace, struct gs_err *err);
