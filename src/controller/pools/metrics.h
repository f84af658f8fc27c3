/* metrics: what the SlicePools are told of in metrics. */
#pragma once

#include "base/buf.h"
#include "controller/pools/pools.h"

/* Appends Prometheus' text; at most GS_SLICEPOOLS_MAX rows a family. */
void gs_pools_write_metrics(const struct gs_pools *pools, struct gs_buf *page);
