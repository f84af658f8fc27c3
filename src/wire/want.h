/* want: one resource as people write it: a slice, or a whole GPU.
 *
 *     1g.5gb               a slice, on any model that has the profile
 *     A100-40GB/1g.5gb     a slice of that model
 *     1g.5gb.me  mig-1g.5gb  nvidia.com/mig-1g.5gb   a slice as Kubernetes' resources spell it
 *     gpu  nvidia.com/gpu  any whole GPU
 *     gpu:L4  L4/gpu  L4   a whole GPU of that kind
 *
 * Models go by all names of the catalogue. GPUs that are never cut go by the names that the caller
 * lists (instance table, own price file), so that a mistyped name is an error and no new kind of
 * GPU. Pure; results borrow from the catalogue and from the list. */
#pragma once

#include "core/demand.h"

/* GPUs without MIG, by name ("L4"). */
struct gs_gpu_names {
    const char *const *names;
    size_t n;
};

/* A kind of GPU in the terms of offers and wants. */
struct gs_gpu_kind {
    const struct gs_model *model; /* NULL: never cut (no MIG, or placements not known) */
    const char *name;             /* model id or the name in the list; never NULL */
};

/* The kind of GPU with this name; upper and lower case alike. `names` may be NULL: no such GPUs.
 * GS_INVALID: neither in the list nor in the catalogue (near names in the text), or a name that
 * fits several models (listed). */
int gs_gpu_kind_find(struct gs_view name, const struct gs_gpu_names *names, struct gs_gpu_kind *ret,
                     struct gs_err *err);

/* Reads one of the forms above, with count 1.
 * GS_INVALID: not of these forms; a profile that no model has (near ones in the text) or that this
 * model lacks (its own listed); a compute instance (1c.3g.20gb); a slice of models whose placements
 * are not known, which cannot be planned. */
int gs_want_parse(struct gs_view text, const struct gs_gpu_names *names, struct gs_want *ret,
                  struct gs_err *err);

/* Cuts a count off the end: "=2" or, with a blank before it, "x2". Without one *ret_count is 1.
 * GS_INVALID: 0, negative, more than `max`, or no number. */
int gs_want_cut_count(struct gs_view *text, uint64_t max, uint64_t *ret_count, struct gs_err *err);
