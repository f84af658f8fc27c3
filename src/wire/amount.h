/* amount: a Kubernetes amount ("500m", "4Gi") as the value of a key in a document. */
#pragma once

#include "wire/doc.h"
#include "wire/quantity.h"

/* Reads the amount under `key` of `map`, `max` at most. *ret_given false: no such key, *ret is 0.
 * GS_INVALID with file, line and key. */
int gs_amount_read(const struct gs_doc_node *map, const char *key, enum gs_quantity_scale scale,
                   uint64_t max, uint64_t *ret, bool *ret_given, struct gs_err *err);

/* As gs_amount_read; no such key, and 0, are refused too. */
int gs_amount_need(const struct gs_doc_node *map, const char *key, enum gs_quantity_scale scale,
                   uint64_t max, uint64_t *ret, struct gs_err *err);

/* GPU memory under `key` in MiB, a fraction rounded up; 0 is refused. */
int gs_amount_read_mib(const struct gs_doc_node *map, const char *key, uint64_t max_bytes,
                       uint32_t *ret_mib, bool *ret_given, struct gs_err *err);
