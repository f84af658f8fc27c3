#include "node/offer_kind.h"

#include <stdio.h>

bool gs_offer_same_kind(const struct gs_snapshot_slice *a, const struct gs_snapshot_slice *b)
{
    bool same = gs_profile_name_eq(&a->profile, &b->profile) &&
                a->attributes.sm_count == b->attributes.sm_count &&
                a->attributes.gpu_slices == b->attributes.gpu_slices &&
                a->attributes.compute_slices == b->attributes.compute_slices &&
                a->attributes.memory_mib == b->attributes.memory_mib;
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        same = same && a->attributes.engines[e] == b->attributes.engines[e];
    }
    return same;
}

/* How much of the kind of `like` there is; NULL: of whole GPUs. */
static struct gs_offer_kind count_kind(const struct gs_snapshot *snapshot,
                                       const struct gs_snapshot_slice *like)
{
    struct gs_offer_kind kind = {.like = like};
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        unsigned n = like == NULL && !gs_snapshot_is_cut(gpu) ? 1 : 0;
        for (unsigned i = 0; like != NULL && gs_snapshot_is_cut(gpu) && i < gpu->n; i++) {
            n += gs_offer_same_kind(&snapshot->slices[gpu->first + i], like) ? 1 : 0;
        }
        kind.n += n;
        kind.n_gpus += n > 0 ? 1 : 0;
    }
    return kind;
}

/* On more GPUs; slices before whole GPUs; more devices; larger ones. */
static bool is_better(const struct gs_offer_kind *a, const struct gs_offer_kind *b)
{
    if (a->n_gpus != b->n_gpus) {
        return a->n_gpus > b->n_gpus;
    }
    if ((a->like == NULL) != (b->like == NULL)) {
        return a->like != NULL;
    }
    if (a->like == NULL || a->n != b->n) {
        return a->n > b->n;
    }
    const struct gs_profile_name *x = &a->like->profile;
    const struct gs_profile_name *y = &b->like->profile;
    return x->gpu_slices != y->gpu_slices ? x->gpu_slices > y->gpu_slices
                                          : x->memory_gb > y->memory_gb;
}

void gs_offer_kind_name(const struct gs_snapshot_slice *like, char ret[GS_PROFILE_NAME_MAX + 1])
{
    if (like == NULL) {
        snprintf(ret, GS_PROFILE_NAME_MAX + 1, "whole GPU");
    } else {
        gs_profile_name_format(&like->profile, ret);
    }
}

struct gs_offer_kind gs_offer_choose_kind(const struct gs_snapshot *snapshot, unsigned *ret_others)
{
    struct gs_offer_kind best = count_kind(snapshot, NULL);
    unsigned total = best.n;
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        const struct gs_snapshot_slice *last = NULL;
        total += gs_snapshot_is_cut(gpu) ? gpu->n : 0;
        for (unsigned i = 0; gs_snapshot_is_cut(gpu) && i < gpu->n; i++) {
            const struct gs_snapshot_slice *slice = &snapshot->slices[gpu->first + i];
            if ((last != NULL && gs_offer_same_kind(slice, last)) ||
                (best.like != NULL && gs_offer_same_kind(slice, best.like))) {
                continue;
            }
            struct gs_offer_kind kind = count_kind(snapshot, slice);
            best = is_better(&kind, &best) ? kind : best;
            last = slice;
        }
    }
    *ret_others = total - best.n;
    return best;
}
