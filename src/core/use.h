/* use: one way to serve one kind of item on one kind of GPU.
 *
 * A demand speaks in names ("1g.10gb on any model"); the planner's programs speak in counts of
 * the profiles of one model. A use is the bridge. Pure; no allocation. */
#pragma once

#include "core/demand.h"

/* The GPUs of a node, as far as a use cares. */
struct gs_target {
    const struct gs_model *model; /* NULL: GPUs that are not cut */
    const char *gpu_name;         /* model id, or the name of a GPU without MIG */
    uint32_t gpu_memory_mib;      /* of a whole GPU, or GS_NOT_KNOWN */
};

struct gs_use {
    uint32_t kind;                    /* index of the item */
    uint32_t alternative;             /* of the item */
    uint32_t target;                  /* the caller's index of the target */
    uint32_t gpus;                    /* whole GPUs */
    uint32_t slices[GS_PROFILES_MAX]; /* of each profile of the target's model */
};

/* Finds what `alternative` of `item` takes on `target`; kind, alternative and target of *ret are
 * left to the caller.
 * GS_NOT_FOUND: it cannot be had there; `why` says in a few words what is missing. */
int gs_use_resolve(const struct gs_item *item, const struct gs_alternative *alternative,
                   const struct gs_target *target, struct gs_use *ret, struct gs_err *why);

/* Whether `use` need not be looked at beside `other`, another way to serve the same kind on the
 * same target: both ask for as many slices of one profile each (and no whole GPU), and wherever a
 * slice of `use` may stand, one of `other` may stand at the same start in its place: it starts
 * wherever the first does, takes no more memory units, compute slices and engines, and there may be
 * as many as fit. So "any slice of 4 GiB" is the smallest such slice and not ten ways to choose. */
bool gs_use_is_covered(const struct gs_model *model, const struct gs_use *use,
                       const struct gs_use *other);
