/* metrics_emf: what a node tells CloudWatch, as lines of the embedded metric format.
 *
 * Bounded: by node, by profile, and only where it is asked for by slice. UUIDs and pods are plain
 * members of a slice's line. What is not known is left out. docs/monitoring.md has the names. */
#pragma once

#include "node/metrics.h"

struct gs_metrics_emf {
    const struct gs_metrics_input *input;
    const char *name_space;
    const char *cluster;
    const char *nodepool; /* Karpenter's; "": none */
    unsigned detail;      /* enum gs_emf_detail */
    uint64_t at_ms;
    /* as they were in the last lines; NULL: none yet, then counters are left out */
    const struct gs_metrics_counters *before;
};

/* Appends the lines. Codes as gs_emf_write; lines before the one that failed are there. */
int gs_metrics_emf_write(const struct gs_metrics_emf *emf, struct gs_buf *out, struct gs_err *err);
