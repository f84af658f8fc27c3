/* kubemove: the note on a waiting pod of the move that is made for it. Sans-I/O.
 *
 * An annotation, GS_KUBEMOVE_NOTE, written before the other pod is evicted. By it a controller that
 * takes over knows why that pod ends, that no second one is to be moved, and where its successor
 * has room. JSON; docs/internals/controller.md, Moves. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "core/profile_name.h"

#define GS_KUBEMOVE_NOTE "gpuslice.dev/moving"

enum { GS_KUBEMOVE_NAME_MAX = 253, GS_KUBEMOVE_KIND_MAX = 63, GS_KUBEMOVE_BYTES_MAX = 4096 };

struct gs_kubemove {
    char pod[2 * GS_KUBEMOVE_NAME_MAX + 2]; /* "namespace/name" of the one that is moved */
    char uid[GS_KUBEMOVE_KIND_MAX + 1];
    char owner[2 * GS_KUBEMOVE_NAME_MAX + GS_KUBEMOVE_KIND_MAX + 3]; /* "namespace/Kind/name" */
    char from[GS_KUBEMOVE_NAME_MAX + 1];                             /* its node */
    char gpu[GS_KUBEMOVE_NAME_MAX + 1];                              /* there: its UUID */
    char to[GS_KUBEMOVE_NAME_MAX + 1]; /* the node that has room for its successor */
    struct gs_profile_name slice;
    uint64_t at_us; /* CLOCK_REALTIME: when it was asked to go */
};

/* GS_INVALID: not as gs_kubemove_write has it; GS_LIMIT: longer than GS_KUBEMOVE_BYTES_MAX. */
int gs_kubemove_parse(struct gs_view text, struct gs_kubemove *ret, struct gs_err *err);

/* Appends it. GS_INVALID: a text is not UTF-8; GS_LIMIT, GS_NO_MEMORY: the buffer's. */
int gs_kubemove_write(const struct gs_kubemove *move, struct gs_buf *out, struct gs_err *err);
