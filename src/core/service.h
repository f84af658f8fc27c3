/* service: which slices can serve a service within its latency, and how much each serves.
 *
 * A service asks for a rate and a latency; a table of measurements says what processes that share
 * a slice of a size serve. ParvaGPU's rule (SC'24): a measurement may be used when its latency is
 * below 0.9 * latency / 2, as a request waits for a batch to fill before it runs; a slice then
 * serves throughput times processes. How many slices of which profile is the planner's question,
 * for one service alone gs_choose_slices'. Integers only: rates in thousandths of a request a
 * second, times in microseconds. Pure. */
#pragma once

#include "core/choose.h"

enum {
    GS_SERVICE_ROWS_MAX = 100000,   /* measurements of one service */
    GS_SERVICE_PROCESSES_MAX = 1024 /* of one measurement; the MPS server takes 48 to 60 clients */
};
#define GS_SERVICE_LATENCY_US_MAX 86400000000ull /* a day */

struct gs_service {
    const char *name;
    uint64_t rate_milli;
    uint64_t latency_us; /* what a request may take from end to end */
};

/* One measurement: `processes` processes on one slice of `compute_slices`. */
struct gs_service_row {
    uint32_t compute_slices; /* 1, 2, 3, 4 or 7 on A100-class GPUs */
    uint32_t batch;
    uint32_t processes;
    uint64_t throughput_milli; /* of one process; 0: the run failed, and the row is passed over */
    uint64_t latency_us;       /* of one batch; 0 only without throughput */
};

/* One kind of slice that can serve the service. */
struct gs_service_option {
    unsigned profile; /* of the model */
    uint64_t capacity_milli;
    size_t row; /* the measurement that gives it */
};

/* The plain profile (no attributes) with so many compute slices: of several the one with the
 * fewest memory units. -1: the model has none. */
int gs_service_profile(const struct gs_model *model, uint32_t compute_slices);

/* Lists the profiles of the model that can serve the service, by compute slices, each with the
 * most capacity that a usable measurement of its size gives (of equals: fewer processes, then the
 * smaller batch, then the earlier row). Left out: an option when another has no less capacity, no
 * more compute slices and no more memory units. Measurements of a size that the model lacks are
 * passed over. The rate is not looked at.
 * GS_INFEASIBLE: no measurement is usable; the text gives the limit and the fastest measurement.
 * GS_INVALID: a number is 0 or over its bound; the text names the measurement, counted from 1.
 * GS_LIMIT: too many rows. GS_UNKNOWN: the model's placements are not known. */
int gs_service_options(const struct gs_model *model, const struct gs_service *service,
                       const struct gs_service_row *rows, size_t n_rows,
                       struct gs_service_option ret_options[GS_PROFILES_MAX],
                       unsigned *ret_n_options, struct gs_err *err);
