#include "agent/layout.h"

#include "partition/layouts.h"

/* The configurations that the order may name. */
static int read_all(const struct gs_order *order, const struct gs_layouts_gpu *gpus, unsigned n,
                    struct gs_arena *arena, struct gs_migconfig *ret, struct gs_err *err)
{
    if (order->text != NULL) {
        return gs_layouts_parse("the layout", gs_view(order->text), arena, ret, err);
    }
    if (order->file[0] != '\0') {
        return gs_layouts_read(order->file, arena, ret, err);
    }
    return gs_layouts_generate(gpus, n, arena, ret, err);
}

int gs_layout_read(const struct gs_order *order, const struct gs_snapshot *snapshot,
                   struct gs_arena *arena, const struct gs_say *note, struct gs_mig_wish *ret,
                   struct gs_err *err)
{
    struct gs_layouts_gpu gpus[GS_GPUS_MAX];
    struct gs_migconfig config;
    const struct gs_migconfig_choice *choice;
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        gpus[k] = (struct gs_layouts_gpu){.facts = &snapshot->gpus[k].facts,
                                          .model = snapshot->gpus[k].model};
    }
    int r = read_all(order, gpus, snapshot->n_gpus, arena, &config, err);
    r = r < 0 ? r : gs_layouts_select(&config, order->name, snapshot->n_gpus, arena, &choice, err);
    if (r == 0) {
        gs_layouts_resolve(choice, gpus, snapshot->n_gpus, note, ret);
    }
    return r;
}

static bool add_have(const struct gs_snapshot *snapshot, const struct gs_snapshot_gpu *gpu,
                     struct gs_mig_wish *have)
{
    for (unsigned i = 0; i < gpu->n; i++) {
        if (!gs_mig_wish_add(have, &snapshot->slices[gpu->first + i].profile)) {
            return false;
        }
    }
    return true;
}

bool gs_layout_is_met(const struct gs_snapshot *snapshot, const struct gs_mig_wish *wishes)
{
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[k];
        struct gs_mig_wish have = {.named = true, .mig_enabled = gpu->facts.mode == GS_MIG_ON};
        if (wishes[k].named &&
            (gpu->lost || gpu->facts.pending != gpu->facts.mode ||
             !add_have(snapshot, gpu, &have) || !gs_mig_wish_met(&wishes[k], &have))) {
            return false;
        }
    }
    return true;
}
