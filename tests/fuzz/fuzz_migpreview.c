/* Whatever a dry run might plan, the GPUs that are foreseen can be drawn and keep their bounds. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "cli/mig/preview.h"
#include "core/catalog.h"

enum { GPUS = 3, RECORD = 8 };

/* Eight bytes a step. */
static void take(struct gs_gpu_machine *after, const uint8_t *b)
{
    const struct gs_model *model = after->at[b[1] % GPUS].model;
    const struct gs_profile *profile = &model->profiles[b[2] % model->n_profiles];
    const struct gs_change_step step = {
        .kind = (enum gs_change_kind)(b[3] % 4),
        .ci = b[4] % 16 == 15 ? GS_NOT_KNOWN : b[4] % 16,
        .profile = profile->nvml_profile,
        .profile_id = profile->nvml_profile_id,
        .start = b[5],
        .size = b[6] > 200 ? b[6] : profile->memory_units,
        .ci_profile = b[7] % 16,
        .ci_start = b[4],
        .ci_size = b[7] / 16,
    };
    const struct gs_planned planned = {
        .kind = b[0] < 240 ? GS_PLANNED_STEP : (enum gs_planned_kind)(b[0] % 4),
        .gpu = b[1] % (GPUS + 1),
        .step = &step,
        .mode = b[2] % 2 == 0 ? GS_MIG_ON : GS_MIG_OFF,
        .why = "why",
    };
    gs_mig_preview_next(after, &planned);
}

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
    if (gs_mig_preview_begin(&arena, &before, &after, NULL) == 0) {
        for (size_t k = 0; k + RECORD <= size; k += RECORD) {
            take(&after, data + k);
        }
        gs_mig_preview_end(&after);
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
