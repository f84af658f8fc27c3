/* layout: what one GPU is cut into, as text and as placements.
 *
 * Two forms of text. *Placed*: `3g.20gb@4!,1g.5gb@0`, each slice with the memory unit at which it
 * starts, `!` behind a slice that is in use. *Counts*: `3g.20gb=1,2g.10gb=2`, where a bare name
 * counts once and a name that comes again adds up. Parts are separated by commas, blanks around
 * them are skipped, and an empty text is the empty GPU. Names are of GPU instances: a compute
 * instance (`1c.3g.20gb`) lives inside one and is refused. Pure; no allocation. */
#pragma once

#include "core/statetable.h"

enum {
    GS_LAYOUT_INPUT_MAX = 4096, /* bytes of a text that is read */
    GS_LAYOUT_TEXT_MAX = 1120   /* bytes of a text that is written, terminator not counted */
};

struct gs_layout_slice {
    struct gs_placement placement;
    bool in_use; /* must stay where it is */
};

/* Ordered by start; what gs_layout_add lets in fits together on one GPU. */
struct gs_layout {
    struct gs_layout_slice slices[GS_MEMORY_UNITS_MAX];
    unsigned n_slices;
};

/* What somebody wants a GPU to become: every slice at its place, or so many of each profile
 * wherever they fit. */
struct gs_layout_goal {
    bool placed;
    struct gs_layout layout;         /* placed; nothing in it is in use */
    uint8_t counts[GS_PROFILES_MAX]; /* of each profile of the model; filled in both cases */
};

/* Adds a slice. On failure the layout is as it was.
 * GS_INVALID: the profile may not start there (the text lists where it may), or it overlaps a
 * slice that is there (named). GS_INFEASIBLE: it would break a limit of the GPU, see
 * gs_layout_check_counts. GS_UNKNOWN: the model's placements are not known. */
int gs_layout_add(const struct gs_model *model, struct gs_layout *layout, unsigned profile,
                  unsigned start, bool in_use, struct gs_err *err);

/* Reads the placed form. Errors name the slice by its number and its text, and are those of
 * gs_layout_add, or GS_INVALID: not of this form, or a compute instance; GS_NOT_FOUND: the model
 * lacks the profile (the text lists what it has); GS_LIMIT: longer than GS_LAYOUT_INPUT_MAX. */
int gs_layout_parse(const struct gs_model *model, struct gs_view text, struct gs_layout *ret_layout,
                    struct gs_err *err);

/* Reads the counts form; errors as gs_layout_parse. A count is 0 to 255; whether so many fit is
 * not asked here. */
int gs_layout_counts_parse(const struct gs_model *model, struct gs_view text,
                           uint8_t ret_counts[GS_PROFILES_MAX], struct gs_err *err);

/* Reads either form: placed when the text has an `@`. A `!` is refused with GS_INVALID, for in
 * use is what a GPU has and not what is wanted. */
int gs_layout_goal_parse(const struct gs_model *model, struct gs_view text,
                         struct gs_layout_goal *ret_goal, struct gs_err *err);

/* Writes the placed form, by start. */
void gs_layout_format(const struct gs_model *model, const struct gs_layout *layout,
                      char ret_text[GS_LAYOUT_TEXT_MAX + 1]);

/* Writes the counts form, in the order of the model's profiles, without those that count 0. */
void gs_layout_counts_format(const struct gs_model *model, const uint8_t *counts,
                             char ret_text[GS_LAYOUT_TEXT_MAX + 1]);

/* How many of each profile of the model the layout has. */
void gs_layout_counts(const struct gs_layout *layout, uint8_t ret_counts[GS_PROFILES_MAX]);

/* gs_model_counts_within_limits with the reason: 0, or GS_INFEASIBLE and the first limit that is
 * broken (instances of a profile, compute slices, memory units, instances, engines) with what the
 * GPU has and what is asked of it. */
int gs_layout_check_counts(const struct gs_model *model, const uint8_t *counts, struct gs_err *err);

/* The layout as a state of the table, and as placements of the table those in use.
 * GS_INVALID: a slice is of a profile that takes no part in the table. */
int gs_layout_state(const struct gs_statetable *table, const struct gs_layout *layout,
                    uint16_t *ret_state, uint64_t *ret_in_use, struct gs_err *err);

/* The layout that has these placements of the table (bit i = placement i); they must fit
 * together. */
void gs_layout_from_set(const struct gs_statetable *table, uint64_t set, uint64_t in_use,
                        struct gs_layout *ret_layout);
