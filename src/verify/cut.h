/* cut: what one GPU is cut into, judged from the catalogue alone.
 *
 * A second, independent answer to "do these slices fit on one GPU?": it knows nothing of the
 * planner's state tables and shares no code with them, so that an error there is found here. A set
 * of slices is legal when each starts where its profile may, none overlap, and the GPU's compute
 * slices, engines, instances and the profile's own limit suffice (data/gpu-models.json). */
#pragma once

#include "base/arena.h"
#include "core/model.h"

enum {
    GS_CUT_TEXT_MAX = 1200,   /* bytes of a layout as text */
    GS_CUT_WALK_MAX = 4000000 /* placed states looked at when additions are listed */
};

struct gs_cut_slice {
    uint8_t profile;
    uint8_t start;
    bool in_use;
};

struct gs_cut {
    struct gs_cut_slice slices[GS_MEMORY_UNITS_MAX]; /* ordered by start */
    unsigned n;
};

/* Adds a slice. On failure the cut is as it was, and the text says what is in the way.
 * GS_INVALID. */
int gs_cut_add(const struct gs_model *model, struct gs_cut *cut, unsigned profile, unsigned start,
               bool in_use, struct gs_err *err);

/* Takes a slice away. GS_INVALID: there is none of that profile at that start, or it is in use. */
int gs_cut_remove(const struct gs_model *model, struct gs_cut *cut, unsigned profile,
                  unsigned start, struct gs_err *err);

/* Reads "3g.20gb@4!,1g.5gb@0"; "" is the empty GPU. GS_INVALID. */
int gs_cut_parse(const struct gs_model *model, const char *text, struct gs_cut *ret,
                 struct gs_err *err);

/* The slices in use alone. */
struct gs_cut gs_cut_busy(const struct gs_cut *cut);

/* Writes the slices without marks, by start: how a certificate names a pool. */
void gs_cut_format(const struct gs_model *model, const struct gs_cut *cut,
                   char ret_text[GS_CUT_TEXT_MAX]);

/* Counts slices of each profile; those in use or those that are not. */
void gs_cut_counts(const struct gs_cut *cut, bool in_use, uint8_t ret_counts[GS_PROFILES_MAX]);

/* Counts of slices that can be added to one GPU. */
struct gs_cut_addition {
    uint8_t counts[GS_PROFILES_MAX];
};

/* Lists the additions to `busy` in profiles of `wanted` (bit p: profile p) that no other addition
 * contains; none when nothing can be added. GS_NO_MEMORY. GS_LIMIT: more than GS_CUT_WALK_MAX
 * states. */
int gs_cut_additions(struct gs_arena *arena, const struct gs_model *model,
                     const struct gs_cut *busy, uint32_t wanted, const struct gs_cut_addition **ret,
                     unsigned *ret_n, struct gs_err *err);
