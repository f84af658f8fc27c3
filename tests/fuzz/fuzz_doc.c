/* A document that is read whole is a tree within its bounds; streaming gives it up or ends alike.
 */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/doc.h"

static void walk(const struct gs_doc_node *node, unsigned depth)
{
    uint32_t n = 0;
    for (const struct gs_doc_node *child = node->first; child != NULL; child = child->next, n++) {
        walk(child, depth + 1);
    }
    if (n != node->n || depth > GS_DOC_DEPTH_MAX) {
        abort();
    }
}

static int each(void *ctx, const struct gs_doc_node *node, struct gs_err *err)
{
    walk(node, 2);
    return ctx == NULL ? 0 : gs_doc_fail(node, err, "enough");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_err err;
    const struct gs_doc_node *root;
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    if (gs_doc_read(&arena, &input, &root, &err) == 0) {
        walk(root, 1);
    }
    (void)gs_doc_stream(&arena, &input, "items", each, NULL, &err);
    gs_arena_done(&arena);
    return 0;
}
