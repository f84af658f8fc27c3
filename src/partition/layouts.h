/* layouts: the ways to cut a machine's GPUs that have a name, and what one asks of each GPU.
 *
 * They are of a mig-parted file, of a text, or what generate-config would write for these GPUs
 * (all-disabled, all-balanced, all-1g.5gb, ...). Reads one file at most; changes nothing. */
#pragma once

#include "base/arena.h"
#include "gpu/gpu.h"
#include "partition/perform.h"
#include "wire/migconfig.h"

enum { GS_LAYOUTS_BYTES_MAX = GS_MIGCONFIG_BYTES_MAX };

/* A GPU as layouts see it. */
struct gs_layouts_gpu {
    const struct gs_gpu *facts;
    /* what it can be cut into, as its driver says or, where that does not tell now, the catalogue;
     * NULL: it cannot be cut, or that is not known */
    const struct gs_model *model;
};

/* Asks the driver into what a GPU can be cut; driver 535 does not tell while MIG is off, then it is
 * what the catalogue expects of it. NULL: not known, or it cannot be cut. Codes of gpu.h and
 * gs_gpu_model_new. */
int gs_layouts_model(struct gs_gpus *gpus, const struct gs_gpu *facts, struct gs_arena *arena,
                     const struct gs_model **ret, struct gs_err *err);

/* How many slices of a kind an empty GPU takes: `max_instances`, but no more than there is room for
 * beside one another (`size` memory units each, at one of `starts`; 0: not told), nor than the
 * catalogue knows. NVML's numbers for A30 are too high. */
uint32_t gs_layouts_count(const struct gs_gpu *facts, const struct gs_profile_name *name,
                          uint32_t max_instances, uint32_t size, uint32_t starts);

/* The layouts that generate-config names for these GPUs; all lives in the arena. GS_NOT_FOUND:
 * there is no GPU that is known to be cuttable. GS_LIMIT, GS_NO_MEMORY. */
int gs_layouts_generate(const struct gs_layouts_gpu *gpus, unsigned n, struct gs_arena *arena,
                        struct gs_migconfig *ret, struct gs_err *err);

/* Those of a mig-parted file; the path must live as long as what is read. GS_INVALID with file and
 * line; GS_IO: it cannot be read. GS_LIMIT, GS_NO_MEMORY. */
int gs_layouts_read(const char *path, struct gs_arena *arena, struct gs_migconfig *ret,
                    struct gs_err *err);

/* Those of a text; `label` names it in errors. As above. */
int gs_layouts_parse(const char *label, struct gs_view text, struct gs_arena *arena,
                     struct gs_migconfig *ret, struct gs_err *err);

/* gs_migconfig_select, and where there is none of that name, a spelled layout (core/spell.h:
 * "4x7-1g.5gb_4x2-3g.20gb") for a machine of `n` GPUs. GS_INVALID: it is spelled wrong, or for
 * another number of GPUs. GS_NOT_FOUND, GS_AMBIGUOUS: neither; GS_NO_MEMORY. */
int gs_layouts_select(const struct gs_migconfig *config, const char *name, unsigned n,
                      struct gs_arena *arena, const struct gs_migconfig_choice **ret,
                      struct gs_err *err);

/* What `layout` asks of each of the `n` GPUs, into ret[n]; `note` is told what its author would
 * want to know (gs_migconfig_doubts). */
void gs_layouts_resolve(const struct gs_migconfig_choice *layout, const struct gs_layouts_gpu *gpus,
                        unsigned n, const struct gs_say *note, struct gs_mig_wish *ret);
