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

/* Forms that rules ask about too. */
#define GS_LINT_PROFILE_PATTERN                                                                    \
    "^[0-9]{1,3}g[.][0-9]{1,3}gb([+-][A-Za-z]([A-Za-z0-9.]{0,38}[A-Za-z0-9])?)?$"
#define GS_LINT_DURATION_PATTERN "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
#define GS_LINT_KEY_PATTERN                                                                        \
    "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"

enum gs_lint_want { GS_LINT_WANT_MAP, GS_LINT_WANT_LIST, GS_LINT_WANT_TEXT, GS_LINT_WANT_NUMBER };

/* What the schema says of one field. */
struct gs_lint_schema {
    const char *path; /* "spec.limits.gpus", "spec.zones[]", "spec.warm{}" */
    enum gs_lint_want want;
    bool need, has_default;
    uint32_t min, max;    /* of the number, the bytes, the items or entries; max 0: no bound */
    const char *pattern;  /* of a text, POSIX extended; NULL: `words` are all that it may be */
    const char *expected; /* in words; NULL: one of `words` */
    const char *words[4]; /* ended by NULL */
};

/* Checks a document whose kind is SlicePool, or a List with such in it; others are not looked at.
 */
void gs_lint_slicepool(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *root);

/* slicepool_asks.c: instance types, profiles, zones, limits, warm slices, spot. */
void gs_lint_slicepool_asks(const struct gs_lint_slicepool *pool);

/* slicepool_schema.c: what the schema refuses. */
void gs_lint_slicepool_check(const struct gs_lint_slicepool *pool, const struct gs_lint_node *root);
const struct gs_lint_schema *gs_lint_slicepool_schema(const char *path); /* NULL: none */

/* slicepool_rows.c: row `i` of the table. NULL: there are fewer. */
const struct gs_lint_schema *gs_lint_slicepool_schema_row(size_t i);

/* As gs_lint_set, but not where a list would then have the value twice. */
void gs_lint_slicepool_set(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                           const char *value);

/* "a, b, c", in the arena. */
const char *gs_lint_slicepool_words(struct gs_lint_work *work, const char *const *names);

/* The same letters and digits, whatever case they have and whatever stands between them. */
bool gs_lint_same_letters(struct gs_view text, const char *name);

/* The fields of a SlicePool under `under` ("", "spec", "spec.limits" ...), as the schema has them,
 * ended by NULL. NULL: that is none that is looked into. */
const char *const *gs_lint_slicepool_fields(const char *under);
