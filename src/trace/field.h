/* field: what the columns of traces hold, from text to numbers. Pure; exact, no floating point. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/* A plain decimal times 10^places; what is behind those places is cut off, or rounded up. All
 * digits are read; an exponent is refused. GS_INVALID: not of that form, negative, or more than
 * `max`; the text says which, and does not name the field. */
int gs_field_decimal(struct gs_view text, unsigned places, uint64_t max, bool round_up,
                     uint64_t *ret, struct gs_err *err);

/* A whole number of at most `max`; "1.0" is one too. GS_INVALID as gs_field_decimal. */
int gs_field_whole(struct gs_view text, uint64_t max, uint64_t *ret, struct gs_err *err);

/* Whether a moment is written as a date, which counts from 1970, and not as seconds. */
bool gs_field_is_date(struct gs_view text);

/* A moment in microseconds: seconds as a decimal, or a date and a time (RFC 3339), which count
 * from 1970. GS_INVALID. */
int gs_field_moment(struct gs_view text, int64_t *ret_us, struct gs_err *err);

/* A span: seconds as a decimal, or a number with ms, s, m or min, h or d behind it. GS_INVALID. */
int gs_field_span(struct gs_view text, int64_t *ret_us, struct gs_err *err);
