/* gpu_model: a live GPU as a model of the core, so that what fits is decided from what its driver
 * says and never from a list of ours.
 *
 * The catalogue lends names only (id, family); every number and every placement is the driver's.
 * Drivers are corrected in one thing: a profile has no more instances than it has places to start
 * (some drivers tell A30 too many). Pure; the arena is the caller's. */
#pragma once

#include "base/arena.h"
#include "core/layout.h"
#include "gpu/gpu.h"

/* Makes the model of one GPU from what gs_gpu_get and gs_gpu_profiles told. Profiles are ordered
 * by compute slices, memory units, NVML's enum. One whose placements are not told stays in the
 * model without starts. When that is all of them, placements_known is false. GS_UNSUPPORTED: the
 * GPU cannot be cut. GS_UNKNOWN: a profile without a name (the driver tells neither it nor the
 * GPU's memory). GS_LIMIT: more profiles, placements or memory units than the core takes.
 * GS_NO_MEMORY. */
int gs_gpu_model_new(struct gs_arena *arena, const struct gs_gpu *gpu,
                     const struct gs_gpu_profile *profiles, unsigned n,
                     const struct gs_model **ret_model, struct gs_err *err);

/* What the catalogue has of a GPU, by PCI id, else by name; NULL: it does not know it. */
const struct gs_model *gs_gpu_model_expected(const struct gs_gpu *gpu);

/* The same as gs_gpu_model_new, asking the driver. */
int gs_gpu_model_read(struct gs_arena *arena, struct gs_gpus *gpus, unsigned gpu,
                      const struct gs_model **ret_model, struct gs_err *err);

/* What is cut, as a layout. `in_use`: bit i, the GI with id i must stay.
 * GS_UNKNOWN: a GI is of a profile that the model lacks. Else as gs_layout_add. */
int gs_gpu_model_layout(const struct gs_model *model, const struct gs_gpu_instances *instances,
                        uint32_t in_use, struct gs_layout *ret_layout, struct gs_err *err);

/* The GI at a placement of the model; NULL: there is none. */
const struct gs_gpu_instance *gs_gpu_model_instance(const struct gs_model *model,
                                                    const struct gs_gpu_instances *instances,
                                                    struct gs_placement placement);

/* The free memory units (bit u = unit u) that no slice can take any more beside those there. */
uint16_t gs_gpu_model_stranded(const struct gs_model *model, const struct gs_layout *layout);
