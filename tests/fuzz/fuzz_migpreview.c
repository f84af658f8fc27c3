/* Whatever a dry run might say, the GPUs that are foreseen can be drawn and keep their bounds. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "cli/mig/preview.h"
#include "core/catalog.h"

enum { GPUS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[GPUS] = {"A100-40GB", "A30-24GB", "A100-40GB"};
    struct gs_gpu_view views[GPUS] = {{.index = 0}, {.index = 1}, {.index = 2}};
    const struct gs_gpu_machine before = {.n = GPUS, .at = views};
    struct gs_gpu_machine after;
    struct gs_arena arena;
    struct gs_buf out;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    gs_buf_init(&out, 1 << 20);
    for (unsigned i = 0; i < GPUS; i++) {
        (void)gs_catalog_find(gs_view(models[i]), &views[i].model, NULL);
        views[i].facts.mode = i == 0 ? GS_MIG_OFF : GS_MIG_ON;
        views[i].holders_known = true;
    }
    char *lines = gs_arena_text(&arena, (const char *)data, size);
    if (lines != NULL && gs_mig_preview(&arena, &before, lines, size % 2 == 1, &after, NULL) == 0) {
        for (unsigned i = 0; i < after.n; i++) {
            if (after.at[i].instances.n > GS_GPU_INSTANCES_MAX) {
                abort();
            }
            if (after.at[i].has_layout) {
                gs_gpu_view_draw(&after.at[i], &out);
            }
        }
    }
    gs_buf_done(&out);
    gs_arena_done(&arena);
    return 0;
}
