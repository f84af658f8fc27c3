/* servicefile: services with rate and latency, and what was measured for each.
 *
 * Services are CSV with the header `name,rate_per_s,latency_ms`, or YAML or JSON with the same keys
 * (a list, or a map with the list under `services`). A table of measurements is CSV with ParvaGPU's
 * columns `Mig instance,Batch size,Workload Number,Throughput,Latency` (SC'24 artefact: compute
 * slices, batch, processes on the slice, requests a second of one process, seconds a batch).
 *
 * Numbers are plain decimals (no 1e3, no 010). What a service asks for in more digits than the
 * integers of service.h hold is rounded to ask more (rate up, latency down); what was measured is
 * rounded to promise less (throughput down, latency up). Sans-I/O. */
#pragma once

#include "base/arena.h"
#include "base/view.h"
#include "core/service.h"

enum {
    GS_SERVICES_MAX = 2000,    /* of one file */
    GS_SERVICE_NAME_MAX = 120, /* bytes; letters, digits, '.', '_', '-': it is a file name too */
    GS_SERVICE_BATCH_MAX = 1000000
};
#define GS_SERVICE_RATE_MILLI_MAX 1000000000000ull /* a thousand million requests a second */

/* Reads the services into the arena, in the order of the file. It is CSV when its first line
 * begins with "name" and a comma. A name comes once and may not begin with '.'.
 * GS_INVALID with file and line; GS_LIMIT; GS_NO_MEMORY. */
int gs_servicefile_read(struct gs_arena *arena, const char *label, struct gs_view bytes,
                        const struct gs_service **ret, size_t *ret_count, struct gs_err *err);

/* Reads a table of measurements into the arena. A row with throughput 0 and latency 0 is one that
 * did not run (the batch does not fit into the slice) and is left out. GS_INVALID with file and
 * line (a number is wrong or rounds to 0, no row); GS_LIMIT: more than GS_SERVICE_ROWS_MAX rows;
 * GS_NO_MEMORY. */
int gs_servicefile_read_rows(struct gs_arena *arena, const char *label, struct gs_view bytes,
                             const struct gs_service_row **ret, size_t *ret_count,
                             struct gs_err *err);
