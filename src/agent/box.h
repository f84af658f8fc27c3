/* box: a snapshot with its memory, shared by the threads of the agent.
 *
 * The worker makes one, the loop offers it, the monitor reads what is in it. Nobody changes it; who
 * lets go of it last frees it. */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "node/snapshot.h"

struct gs_box {
    atomic_uint users;
    struct gs_arena arena;
    struct gs_snapshot snapshot;
};

/* An empty one with one user. NULL: no memory. */
struct gs_box *gs_box_new(void);
struct gs_box *gs_box_ref(struct gs_box *box);
void gs_box_unref(struct gs_box *box); /* NULL is fine */
void gs_box_unrefp(struct gs_box **box);
