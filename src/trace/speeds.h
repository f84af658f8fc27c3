/* speeds: how fast work runs on slices, as it was measured: the table of data/miso-speeds.csv. */
#pragma once

#include "sim/job.h"

struct gs_trace_speed {
    const char *work;                            /* "resnet_train128" */
    uint16_t slowdown_permille[GS_PROFILES_MAX]; /* on a profile; 0: not measured there */
    struct gs_sim_speed speed;
};

/* The row of this work, on `model`. GS_NOT_FOUND: not in the table; near names in the text.
 * GS_UNSUPPORTED: nothing was measured on that model. */
int gs_trace_speed_find(const struct gs_model *model, struct gs_view work,
                        const struct gs_trace_speed **ret, struct gs_err *err);

/* All rows, sorted by name; the model that they were measured on. */
const struct gs_trace_speed *gs_trace_speeds(size_t *ret_count, const char **ret_model);
