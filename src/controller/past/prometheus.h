/* prometheus: series of the Time view as queries of a Prometheus that has our metrics and rules,
 * and its answers as points. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum { GS_PROMETHEUS_POINTS_MAX = 11000 }; /* of one answer: Prometheus' own bound */

/* The query (PromQL) of a series, with steps of `step_s`. GS_NOT_FOUND: Prometheus has none of it;
 * err untouched. GS_LIMIT: no room. */
int gs_prometheus_query(const char *series, uint64_t step_s, char *ret, size_t size);

/* The points of an answer of /api/v1/query_range, of its first series: "[t,v],[t,v]", nothing
 * where there are none. Values that are no numbers are left out. GS_INVALID: it is no such answer,
 * or says that it failed; GS_LIMIT, GS_NO_MEMORY. */
int gs_prometheus_points(struct gs_view answer, struct gs_buf *out, struct gs_err *err);
