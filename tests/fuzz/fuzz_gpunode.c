/* A GpuNode that is taken is written again, and read as the same. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/gpunode.h"

typedef int write_part(const struct gs_gpunode *, struct gs_buf *, struct gs_err *);

static void there_and_back(const struct gs_gpunode *node, write_part *write, struct gs_arena *arena)
{
    struct gs_buf out;
    struct gs_gpunode again;
    gs_buf_init(&out, 1 << 20);
    if (write(node, &out, NULL) == 0) {
        json_t *object = json_loads(gs_buf_text(&out), 0, NULL);
        if (gs_gpunode_parse(object, arena, &again, NULL) != 0 ||
            strcmp(again.name, node->name) != 0 ||
            (write == gs_gpunode_write_status ? again.n_gpus != node->n_gpus
                                              : again.n_wishes != node->n_wishes)) {
            abort();
        }
        json_decref(object);
    }
    gs_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_gpunode node;
    json_t *object = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    if (gs_gpunode_parse(object, &arena, &node, NULL) == 0) {
        there_and_back(&node, gs_gpunode_write_status, &arena);
        there_and_back(&node, gs_gpunode_write_spec, &arena);
    }
    gs_arena_done(&arena);
    json_decref(object);
    return 0;
}
