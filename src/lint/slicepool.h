/* slicepool: SlicePools: fields, and what they ask for that cannot be had. */
#pragma once

#include "lint/report.h"

enum { GS_LINT_TYPES_MAX = 32 };

/* One SlicePool. Nodes may be NULL. */
struct gs_lint_slicepool {
    struct gs_lint_work *work;
    const struct gs_lint_piece *piece;
    const struct gs_lint_node *spec;
    const char *types[GS_LINT_TYPES_MAX]; /* as they are written */
    unsigned n_types;
};

/* Checks a document whose kind is SlicePool; others are not looked at. */
void gs_lint_slicepool(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *root);

/* slicepool_asks.c: instance types, profiles, zones, limits, warm slices, spot. */
void gs_lint_slicepool_asks(const struct gs_lint_slicepool *pool);

/* The same letters and digits, whatever case they have and whatever stands between them. */
bool gs_lint_same_letters(struct gs_view text, const char *name);

/* The fields of a SlicePool under `under` ("", "spec", "spec.limits" ...), as the schema has them,
 * ended by NULL. NULL: that is none that is looked into. */
const char *const *gs_lint_slicepool_fields(const char *under);
