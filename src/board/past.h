/* past: documents about what was, without what a reader may not see: docs/internals/history.md.
 * Bytes in, bytes out. */
#pragma once

#include "base/view.h"
#include "board/board.h"

/* Whether the reader may see "namespace/..."; a name without "/" is a namespace. */
bool gs_board_sees_name(const struct gs_board_reader *reader, const char *name);

/* The names of a question for series, between commas: whether all of them are kept by somebody (by
 * gpuslice-history or in a Prometheus). GS_INVALID: one that nobody keeps, with near names. */
int gs_board_check_series(const char *names, struct gs_err *err);

/* Of what things cost by namespace or workload: rows of namespaces that the reader may not see
 * become one, "(not yours)". GS_INVALID: it is no such document; GS_LIMIT, GS_NO_MEMORY. */
int gs_board_hide_costs(struct gs_view document, const struct gs_board_reader *reader,
                        struct gs_buf *out, struct gs_err *err);

/* Of what happened to a GPU: pods of such namespaces lose their names. Codes as above. */
int gs_board_hide_events(struct gs_view document, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err);
