/* metrics_own: the families gpuslice_*. For metrics.c. */
#pragma once

#include "node/metrics.h"
#include "wire/promtext.h"

void gs_metrics_write_own(const struct gs_metrics_input *input, struct gs_promtext *prom);
