/* cloudwatch: what the picture has, as lines of CloudWatch's embedded metric format on stdout,
 * every so often, by the replica that decides. Belongs to the loop. docs/monitoring.md has the
 * names. */
#pragma once

#include "controller/controller.h"

struct gs_cloudwatch;

/* GS_INVALID: a namespace that is none; GS_NO_MEMORY, GS_IO. */
int gs_cloudwatch_new(const struct gs_controller *controller, struct gs_cloudwatch **ret,
                      struct gs_err *err);
void gs_cloudwatch_free(struct gs_cloudwatch *cloudwatch); /* NULL is fine */

/* The lines of a count: one of the cluster, one a pool. Appends; codes as gs_emf_write. */
int gs_cloudwatch_write(const struct gs_tally *tally, const char *name_space, const char *cluster,
                        uint64_t at_ms, struct gs_buf *out, struct gs_err *err);
