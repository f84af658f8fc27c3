/* kubenotes: sentences about what does not add up in a cluster's objects; the first so many. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

enum { GS_KUBENOTES_MAX = 50 };

struct gs_kubenotes {
    const char *texts[GS_KUBENOTES_MAX];
    size_t n;
    uint64_t left_out;
};

/* A note that finds no room, or no memory, is counted in left_out. */
void gs_kubenotes_add(struct gs_kubenotes *notes, struct gs_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
