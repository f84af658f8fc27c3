/* near: the names close to a mistyped one, for error messages.
 *
 * Pure; letters compare without regard to case. */
#pragma once

#include <stddef.h>

#include "base/view.h"

enum { GS_NEAR_MAX = 5 }; /* names that one list keeps */

/* The nearest names offered so far, best first. Start with GS_NEAR_INIT. */
struct gs_near {
    struct gs_view want;
    const char *names[GS_NEAR_MAX]; /* borrowed */
    unsigned distances[GS_NEAR_MAX];
    unsigned n;
};

#define GS_NEAR_INIT(view) ((struct gs_near){.want = (view)})

/* Insertions, deletions and replacements of single letters that turn one text into the other.
 * Texts are cut to 64 bytes first. */
unsigned gs_near_distance(struct gs_view a, const char *b);

/* Keeps `name` if it is among the nearest and not too far: up to a third of the longer text, at
 * least 2. Of equally near names the one offered first comes first; a name that is already there is
 * kept once. */
void gs_near_offer(struct gs_near *near, const char *name);

/* Writes "; near names: a, b" or, when there are none, "". Always terminated; cut at `size`. */
void gs_near_format(const struct gs_near *near, char *ret_text, size_t size);
