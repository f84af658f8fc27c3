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

/* The only profile of the use, or -1. */
static int only_profile(const struct gs_use *use)
{
    int found = -1;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (use->slices[p] > 0) {
            if (found >= 0) {
                return -1;
            }
            found = (int)p;
        }
    }
    return use->gpus > 0 ? -1 : found;
}

/* Whether max_instances only says what compute slices and memory units say too. */
static bool has_no_limit_of_its_own(const struct gs_model *model, const struct gs_profile *profile)
{
    return profile->max_instances >= model->compute_slices / profile->compute_slices ||
           profile->max_instances >= model->memory_units / profile->memory_units;
}

static bool takes_no_more(const struct gs_profile *small, const struct gs_profile *big)
{
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        /* Where one is not known neither is a total, and the engine binds nothing. */
        bool known = small->engines[e] != GS_NOT_KNOWN && big->engines[e] != GS_NOT_KNOWN;
        if (known && small->engines[e] > big->engines[e]) {
            return false;
        }
    }
    return small->compute_slices <= big->compute_slices &&
           small->memory_units <= big->memory_units && (big->starts & ~small->starts) == 0;
}

bool gs_use_is_covered(const struct gs_model *model, const struct gs_use *use,
                       const struct gs_use *other)
{
    int mine = only_profile(use);
    int theirs = only_profile(other);
    if (mine < 0 || theirs < 0 || mine == theirs || use->slices[mine] != other->slices[theirs]) {
        return false;
    }
    const struct gs_profile *big = &model->profiles[mine];
    const struct gs_profile *small = &model->profiles[theirs];
    return has_no_limit_of_its_own(model, small) && takes_no_more(small, big) &&
           !(takes_no_more(big, small) && mine < theirs);
}
