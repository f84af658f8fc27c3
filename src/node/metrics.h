/* metrics: the text of /metrics.
 *
 * The families of dcgm-exporter that NVML can give, byte for byte in name, help, labels and their
 * order (nvidia-node-stack 2.8), and ours, gpuslice_*. As there, a GPU that is cut has a sample for
 * each of its GPU instances, and none for itself. What is not known is left out, never 0.
 * docs/internals/node.md. */
#pragma once

#include "base/buf.h"
#include "gpu/gpu_read.h"
#include "node/health.h"
#include "node/holding.h"

enum { GS_METRICS_BUCKETS = 12 };

/* Upper bounds of the buckets of the durations of re-cuts. */
extern const uint64_t gs_metrics_bounds_us[GS_METRICS_BUCKETS];

/* What the agent counts by itself. */
struct gs_metrics_counters {
    uint64_t recuts; /* that did what was asked */
    uint64_t recuts_failed;
    uint64_t recuts_busy; /* refused, as something held a slice */
    uint64_t recut_us;    /* of those that did, in all */
    uint64_t
        recut_buckets[GS_METRICS_BUCKETS + 1]; /* not accumulated; the last: above all bounds */
    uint64_t allocations;
    uint64_t allocations_refused;
    uint64_t registrations;
    uint64_t api_errors;
};

/* Counts one re-cut that did what was asked. */
void gs_metrics_count(struct gs_metrics_counters *counters, uint64_t duration_us);

struct gs_metrics_input {
    const struct gs_offer *offer; /* with its snapshot */
    const struct gs_agentconfig *config;
    const struct gs_holding
        *holding; /* NULL: not known; then no pods, and no slice is idle or held */
    const struct gs_health *health;
    const struct gs_offer_mark *marks; /* retiring ones */
    unsigned n_marks;
    const struct gs_gpu_readings *gpus;       /* one a GPU of the snapshot; NULL: none */
    const struct gs_slice_readings *slices;   /* one a slice; NULL: none */
    const struct gs_slice_readings *activity; /* of each GPU that is not cut; NULL: none */
    const struct gs_condition *conditions;    /* of all parts */
    unsigned n_conditions;
    const struct gs_metrics_counters *counters;
    const char *hostname;
    const char *version; /* of the agent */
};

/* Appends the page; `out` has its bound and keeps a failure. */
void gs_metrics_write(const struct gs_metrics_input *input, struct gs_buf *out);
