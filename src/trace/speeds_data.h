/* speeds_data: the table that scripts/gen_speeds.py makes. Only speeds.c includes it. */
#pragma once

#include "trace/speeds.h"

extern const char gs_trace_speeds_model[];
extern const struct gs_trace_speed gs_trace_speeds_data[];
extern const size_t gs_trace_speeds_count;
