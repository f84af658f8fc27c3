#include "core/use.h"

#include <string.h>

static bool has_memory(uint32_t has_mib, uint32_t needs_mib)
{
    return needs_mib == 0 || (has_mib != GS_NOT_KNOWN && has_mib >= needs_mib);
}

static int resolve_gpus(const struct gs_item *item, const struct gs_want *want,
                        const struct gs_target *target, struct gs_use *use, struct gs_err *why)
{
    bool right_kind = (want->model == NULL || want->model == target->model) &&
                      (want->gpu_name == NULL || strcmp(want->gpu_name, target->gpu_name) == 0);
    if (!right_kind) {
        return gs_fail(why, GS_NOT_FOUND, "its GPUs are %s, not %s", target->gpu_name,
                       want->model != NULL ? want->model->id : want->gpu_name);
    }
    if (!has_memory(target->gpu_memory_mib, item->gpu_memory_mib)) {
        return gs_fail(why, GS_NOT_FOUND, "a %s is not known to have %u MiB", target->gpu_name,
                       item->gpu_memory_mib);
    }
    use->gpus += want->count;
    return 0;
}

static int resolve_slices(const struct gs_item *item, const struct gs_want *want,
                          const struct gs_target *target, struct gs_use *use, struct gs_err *why)
{
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&want->profile, name);
    if (target->model == NULL) {
        return gs_fail(why, GS_NOT_FOUND, "its GPUs (%s) have no slices to be had",
                       target->gpu_name);
    }
    if (want->model != NULL && want->model != target->model) {
        return gs_fail(why, GS_NOT_FOUND, "its GPUs are %s, not %s", target->gpu_name,
                       want->model->id);
    }
    int profile = gs_model_profile_index(target->model, &want->profile);
    if (profile < 0) {
        return gs_fail(why, GS_NOT_FOUND, "%s has no profile %s", target->gpu_name, name);
    }
    if (!has_memory(target->model->profiles[profile].memory_mib, item->gpu_memory_mib)) {
        return gs_fail(why, GS_NOT_FOUND, "%s of %s is not known to have %u MiB", name,
                       target->gpu_name, item->gpu_memory_mib);
    }
    use->slices[profile] += want->count;
    return 0;
}

int gs_use_resolve(const struct gs_item *item, const struct gs_alternative *alternative,
                   const struct gs_target *target, struct gs_use *ret, struct gs_err *why)
{
    struct gs_use use = {0};
    for (size_t w = 0; w < alternative->n_wants; w++) {
        const struct gs_want *want = &alternative->wants[w];
        int r = want->whole_gpu ? resolve_gpus(item, want, target, &use, why)
                                : resolve_slices(item, want, target, &use, why);
        if (r < 0) {
            return r;
        }
    }
    *ret = use;
    return 0;
}
