/* texts: each different text once, for names that come back in row after row. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

struct gs_texts {
    struct gs_arena *arena;
    const char **slots; /* open addressing; NULL: free */
    uint32_t n;
    uint32_t cap; /* a power of two */
    uint32_t max; /* different texts */
};

/* False: no memory. */
bool gs_texts_init(struct gs_texts *texts, struct gs_arena *arena, uint32_t max);

/* The text, the same pointer for the same bytes. GS_LIMIT: too many different ones.
 * GS_NO_MEMORY. */
int gs_texts_keep(struct gs_texts *texts, struct gs_view text, const char **ret,
                  struct gs_err *err);
