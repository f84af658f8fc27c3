/* message: what tests of messages share: an arena, and calls that must succeed. */
#pragma once

#include "unit/check.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

static struct gs_arena arena;
static struct gs_err err;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    err = (struct gs_err){.code = GS_OK};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            fail_msg("%s", err.msg);                                                               \
        }                                                                                          \
    } while (0)

#define BYTES(text) ((struct gs_view){(text), sizeof(text) - 1})
