/* preview: what the machine will be when the steps are done that a dry run plans.
 *
 *     gs_mig_preview_begin(arena, &before, &after, &err);
 *     options.planned = (struct gs_planned_to){.next = gs_mig_preview_next, .ctx = &after};
 *     ... gs_apply or another change, as a dry run ...
 *     gs_mig_preview_end(&after);
 *
 * A step that does not fit what there is makes what becomes of its GPU unknown, and never wrong. */
#pragma once

#include "cli/gpu/gpu.h"
#include "partition/apply.h"

/* *ret_after is a copy of `before`, in the arena. GS_NO_MEMORY. */
int gs_mig_preview_begin(struct gs_arena *arena, const struct gs_gpu_machine *before,
                         struct gs_gpu_machine *ret_after, struct gs_err *err);

/* As gs_planned_to wants it; `machine` is the struct gs_gpu_machine of begin. New instances have no
 * id and no UUID; of a GPU of which it is not known what it will be, `code` is GS_UNKNOWN and `why`
 * says the reason. */
void gs_mig_preview_next(void *machine, const struct gs_planned *planned);

/* Works out what is drawn. */
void gs_mig_preview_end(struct gs_gpu_machine *after);

/* Whether a GPU is not the same before and after: its mode, or an instance. What cannot be read or
 * is not known is another one. */
bool gs_mig_differs(const struct gs_gpu_view *before, const struct gs_gpu_view *after);
