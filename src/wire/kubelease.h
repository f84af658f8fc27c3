/* kubelease: who leads, as a Lease of coordination.k8s.io/v1. Sans-I/O. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct json_t; /* jansson's */

enum { GS_KUBELEASE_DURATION_MAX_S = 3600 };

struct gs_kubelease {
    const char *name_space;
    const char *name;
    const char *resource_version; /* "": it is to be created */
    const char *holder;           /* "": nobody */
    uint32_t duration_s;
    uint32_t transitions;
    uint64_t acquired_us; /* CLOCK_REALTIME of the holder */
    uint64_t renewed_us;
};

/* Everything lives in the arena. GS_INVALID, GS_NO_MEMORY. */
int gs_kubelease_parse(const struct json_t *object, struct gs_arena *arena,
                       struct gs_kubelease *ret, struct gs_err *err);

/* The whole object, for a create or an update. GS_INVALID: not UTF-8; GS_NO_MEMORY, GS_LIMIT. */
int gs_kubelease_write(const struct gs_kubelease *lease, struct gs_buf *out, struct gs_err *err);
