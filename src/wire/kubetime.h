/* kubetime: moments as Kubernetes writes them (RFC 3339). Pure. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum { GS_KUBETIME_MAX = 28 }; /* of a formatted moment, with its end */

/* "2026-01-02T03:04:05.678901Z": metav1.MicroTime. `us` since 1970, before the year 10000. */
void gs_kubetime_format(uint64_t us, char ret[GS_KUBETIME_MAX]);

/* A date and a time with "T", up to nine digits of a second, and "Z" or an offset; not before 1970.
 * Parts of a microsecond are cut. GS_INVALID. */
int gs_kubetime_parse(struct gs_view text, uint64_t *ret_us, struct gs_err *err);
