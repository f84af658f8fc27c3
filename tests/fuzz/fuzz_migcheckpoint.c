/* A checkpoint that is read is written, and reads back the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/migcheckpoint.h"

static const char *write_text(const struct gs_mig_state *states, unsigned n, struct gs_buf *out)
{
    gs_buf_init(out, 1 << 20);
    gs_migcheckpoint_write(states, n, out);
    return gs_buf_ok(out) ? gs_buf_text(out) : (abort(), "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    const struct gs_mig_state *states;
    struct gs_arena arena;
    struct gs_buf first;
    struct gs_buf second;
    unsigned n;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    if (gs_migcheckpoint_read(&arena, &input, &states, &n, NULL) == 0) {
        input.bytes = gs_view(write_text(states, n, &first));
        if (gs_migcheckpoint_read(&arena, &input, &states, &n, NULL) < 0 ||
            strcmp(write_text(states, n, &second), gs_buf_text(&first)) != 0) {
            abort();
        }
        gs_buf_done(&first);
        gs_buf_done(&second);
    }
    gs_arena_done(&arena);
    return 0;
}
