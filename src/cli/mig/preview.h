/* preview: what the machine will be when the steps are done that a dry run lists.
 *
 * The steps are read from what the dry run says of them, as a person reads it, so that a drawing
 * and the list beside it cannot disagree. A line that is not understood makes what becomes of its
 * GPU unknown, and never wrong. */
#pragma once

#include "cli/gpu/gpu.h"

/* `lines` are those of a dry run, each with its newline; `skip_reset` as in gs_apply_options.
 * *ret_after is a copy of `before` with them done, in the arena: new instances have no id and no
 * UUID; of a GPU of which it is not known what it will be, `code` is GS_UNKNOWN and `why` says the
 * reason. GS_NO_MEMORY. */
int gs_mig_preview(struct gs_arena *arena, const struct gs_gpu_machine *before, const char *lines,
                   bool skip_reset, struct gs_gpu_machine *ret_after, struct gs_err *err);

/* Whether a GPU is not the same before and after: its mode, or an instance. What cannot be read or
 * is not known is another one. */
bool gs_mig_differs(const struct gs_gpu_view *before, const struct gs_gpu_view *after);
