/* metrics_own: the families gpuslice_*. For metrics.c and metrics_emf.c. */
#pragma once

#include "node/metrics.h"
#include "wire/promtext.h"

enum gs_metrics_slice_state {
    GS_METRICS_IDLE,
    GS_METRICS_HELD,
    GS_METRICS_SICK,
    GS_METRICS_RETIRING,
    GS_METRICS_UNKNOWN, /* nobody can say who holds it */
    GS_METRICS_SLICE_STATES
};

/* Counts the slices that are of the profile of `row`, by state. False: one before it is, too. */
bool gs_metrics_count_profile(const struct gs_metrics_input *input, unsigned row,
                              unsigned counts[GS_METRICS_SLICE_STATES]);

void gs_metrics_write_own(const struct gs_metrics_input *input, struct gs_promtext *prom);
