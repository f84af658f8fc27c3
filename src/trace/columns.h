/* columns: the fields of the general formats, and what they say together. */
#pragma once

#include "trace/reader.h"

enum gs_trace_column {
    GS_COLUMN_NAME,
    GS_COLUMN_NAMESPACE,
    GS_COLUMN_ARRIVAL,
    GS_COLUMN_START,
    GS_COLUMN_END,
    GS_COLUMN_DURATION,
    GS_COLUMN_GPUS,
    GS_COLUMN_MILLI_GPU,
    GS_COLUMN_PROFILE,
    GS_COLUMN_MEMORY_GIB,
    GS_COLUMN_UTILISATION,
    GS_COLUMN_MODEL,
    GS_COLUMN_GPU,
    GS_COLUMN_CPU,
    GS_COLUMN_MEMORY,
    GS_COLUMN_COUNT,
    GS_COLUMNS
};

#define GS_COLUMN_PASSED_OVER "x_" /* a column of a name that begins so is not looked at */

/* The column of this name; GS_COLUMNS: one to pass over. GS_INVALID: there is no such column; the
 * text gives near names. */
int gs_trace_column_find(struct gs_view name, unsigned *ret, struct gs_err *err);

/* Puts the ask of a row, or skips it. A field with p NULL, or empty, was not given. 0, GS_LIMIT or
 * GS_NO_MEMORY. */
int gs_trace_columns_put(struct gs_trace *trace, const struct gs_view fields[GS_COLUMNS],
                         struct gs_err *err);
