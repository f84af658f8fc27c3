/* look: lints files for a test, and says what was found as "LINE:RULE LINE:RULE". */
#pragma once

#include "unit/check.h"

#include "lint/lint.h"

enum { LOOK_MAX = 8 * 1024 };

/* The bytes of a file, in the arena; false: it cannot be read. */
bool look_read(struct gs_arena *arena, const char *path, struct gs_view *ret);

/* What is found in one text by that name. Fails the test when lint does not succeed. */
void look(struct gs_arena *arena, const char *label, struct gs_view text, char ret[LOOK_MAX]);

/* The corrected text. */
struct gs_view look_fixed(struct gs_arena *arena, const char *label, struct gs_view text);

/* What is left of one text that has been corrected, by the same form, notes apart; and the test
 * fails when anything could still be corrected. */
void look_left(struct gs_arena *arena, const char *label, struct gs_view fixed, char ret[LOOK_MAX]);
