/* cost: what `gpuslice cost` is asked, and where it finds it. */
#pragma once

#include <jansson.h>

#include "cli/cost/bill.h"
#include "cli/dashboard/dashboard.h"
#include "term/options.h"

enum gs_cost_by {
    GS_COST_BY_PART,
    GS_COST_BY_NAMESPACE,
    GS_COST_BY_WORKLOAD,
    GS_COST_BY_POOL,
    GS_COST_BYS
};
extern const char *const gs_cost_bys[GS_COST_BYS + 1];

struct gs_cost_args {
    unsigned by; /* enum gs_cost_by */
    const char *since;
    const char *until;            /* NULL: now */
    const char *file;             /* NULL: the controller is asked */
    struct gs_dashboard_args way; /* to it */
    unsigned format;
};

struct gs_cost_span {
    int64_t from_s; /* since 1970 */
    int64_t to_s;
    int64_t now_s; /* of what comes nothing is known */
};

/* Rows of what is asked for. Codes of gs_history_open_to_read and gs_history_paid; GS_INVALID: the
 * rows are not what the parts of the bill are. */
int gs_cost_read_file(const struct gs_cost_args *args, const struct gs_cost_span *span,
                      struct gs_cost_bill *ret, struct gs_err *err);

/* The same of what the controller says. Returns the exit status; what went wrong was said. */
int gs_cost_read_cluster(const struct gs_cost_args *args, const struct gs_cost_span *span,
                         struct gs_cost_bill *ret);

/* Rows of one document of /api/v1/cost. GS_INVALID, GS_NO_MEMORY. */
int gs_cost_take_doc(const json_t *doc, struct gs_cost_bill *ret, struct gs_err *err);
