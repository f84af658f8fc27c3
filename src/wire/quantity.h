/* quantity: Kubernetes amounts as text ("250m", "1.5Gi", "12e6") to integers.
 *
 * Reads what resource.Quantity of k8s.io/apimachinery reads, except for negative amounts, which no
 * request may have. Exact: no floating point anywhere. Pure; no allocation. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum { GS_QUANTITY_TEXT_MAX = 64 }; /* bytes of one amount; the API server writes 20 at most */

/* What the result counts. */
enum gs_quantity_scale {
    GS_QUANTITY_MILLI, /* thousandths: "1" is 1000 */
    GS_QUANTITY_UNIT   /* ones: "1" is 1 */
};

/* The whole text as one amount of at most `max`, a fraction of the scale rounded up as
 * Quantity.Value and Quantity.MilliValue do: digits with an optional "+" and point, then nothing,
 * n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or e/E and a signed decimal exponent.
 * GS_INVALID: not of that form, or negative. GS_LIMIT: more than `max`. */
int gs_quantity_parse(struct gs_view text, enum gs_quantity_scale scale, uint64_t max,
                      uint64_t *ret, struct gs_err *err);
