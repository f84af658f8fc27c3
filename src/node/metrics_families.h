/* metrics_families: what of dcgm-exporter's metrics we can tell. For metrics.c. */
#pragma once

#include "node/metrics.h"
#include "wire/promtext.h"

/* What a sample is of: a GPU instance, or a GPU that is not cut or empty. */
struct gs_metrics_entity {
    const struct gs_metrics_input *input;
    unsigned g;    /* index into the snapshot's GPUs */
    unsigned from; /* its slices; none: the whole GPU */
    unsigned to;
};

/* A value, or none. */
struct gs_metrics_value {
    bool known;
    bool is_real;
    uint64_t whole;
    double real;
};

/* Names, types and help of dcgm-exporter's etc/default-counters.csv. */
struct gs_metrics_family {
    const char *name;
    enum gs_promtext_type type;
    const char *help;
    struct gs_metrics_value (*get)(const struct gs_metrics_entity *entity);
};

/* In the order of that file. */
const struct gs_metrics_family *gs_metrics_families(size_t *ret_n);
