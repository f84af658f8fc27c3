#include "agent/box.h"

#include <stdlib.h>

/* 32 GPUs with every slice there can be, and their models. */
#define BOX_BYTES_MAX ((size_t)8 << 20)

struct gs_box *gs_box_new(void)
{
    struct gs_box *box = calloc(1, sizeof(*box));
    if (box != NULL) {
        atomic_init(&box->users, 1);
        gs_arena_init(&box->arena, &gs_alloc_heap, BOX_BYTES_MAX);
    }
    return box;
}

struct gs_box *gs_box_ref(struct gs_box *box)
{
    if (box != NULL) {
        atomic_fetch_add(&box->users, 1);
    }
    return box;
}

void gs_box_unref(struct gs_box *box)
{
    if (box != NULL && atomic_fetch_sub(&box->users, 1) == 1) {
        gs_arena_done(&box->arena);
        free(box);
    }
}

void gs_box_unrefp(struct gs_box **box)
{
    gs_box_unref(*box);
}
