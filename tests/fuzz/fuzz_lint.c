/* What is found lies in the file, in order; what is corrected is text that can be looked at again.
 */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "lint/lint.h"

static void check(const struct gs_lint_result *result, size_t size)
{
    for (size_t i = 0; i < result->n; i++) {
        const struct gs_lint_finding *finding = &result->findings[i];
        bool ordered = i == 0 || finding[-1].start <= finding->start;
        if (finding->start > finding->end || finding->end > size || finding->line == 0 ||
            !ordered) {
            abort();
        }
    }
    for (size_t i = 0; i < result->n_edits; i++) {
        const struct gs_lint_edit *edit = &result->edits[i];
        if (edit->end > size || edit->start > edit->end || (i > 0 && edit[-1].end > edit->start)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_lint_file file = {.label = "f", .text = {(const char *)data, size}};
    struct gs_lint_result result;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    if (gs_lint_run(&arena, &file, 1, &result, NULL) == 0) {
        check(&result, size);
        if (gs_lint_fix(&arena, &file, 1, &file.text, NULL) == 0 &&
            gs_lint_run(&arena, &file, 1, &result, NULL) < 0 && arena.used_bytes < 32 << 20) {
            abort();
        }
    }
    gs_arena_done(&arena);
    return 0;
}
