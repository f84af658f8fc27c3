/* Nodes that are read keep within the bounds of offer.h. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/existingfile.h"

static int find_type(void *ctx, struct gs_view type, struct gs_existing_type *ret,
                     struct gs_err *err)
{
    (void)ctx;
    *ret = (struct gs_existing_type){.gpu = {.name = "L4"}, .gpus = 2};
    return type.n > 4 ? gs_fail(err, GS_NOT_FOUND, "no such type") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_existing_types types = {.find = find_type};
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    struct gs_arena arena;
    struct gs_err err;
    const struct gs_existing_node *nodes;
    size_t n;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    if (gs_existingfile_read(&arena, &input, NULL, &types, &nodes, &n, &err) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (nodes[i].n_gpus > GS_OFFER_GPUS_MAX || nodes[i].name[0] == '\0') {
                abort();
            }
        }
    }
    gs_arena_done(&arena);
    return 0;
}
