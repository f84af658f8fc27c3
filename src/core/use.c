#include "core/use.h"

#include <stdio.h>
#include <string.h>

static bool has_memory(uint32_t has_mib, uint32_t needs_mib)
{
    return needs_mib == 0 || (has_mib != GS_NOT_KNOWN && has_mib >= needs_mib);
}

/* The slice of which most memory is known; NULL: of none it is. */
static const struct gs_profile *largest_slice(const struct gs_model *model)
{
    const struct gs_profile *largest = NULL;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (profile->memory_mib != GS_NOT_KNOWN && profile->starts != 0 &&
            (largest == NULL || profile->memory_mib > largest->memory_mib)) {
            largest = profile;
        }
    }
    return largest;
}

/* What was asked, what the slice or GPU `what` has, and, of a model, the largest slice there is. */
static int fail_memory(const struct gs_item *item, const char *what, uint32_t has_mib,
                       const struct gs_model *model, struct gs_err *why)
{
    const struct gs_profile *largest = model == NULL ? NULL : largest_slice(model);
    char has[120];
    char most[120] = "";
    if (has_mib == GS_NOT_KNOWN) {
        snprintf(has, sizeof(has), "how much %s has is not known", what);
    } else {
        snprintf(has, sizeof(has), "%s has %u", what, has_mib);
    }
    if (largest != NULL) {
        snprintf(most, sizeof(most), ", the largest slice, %s, %u", largest->name,
                 largest->memory_mib);
    }
    return gs_fail(why, GS_NOT_FOUND, "asks for %u MiB of GPU memory; %s%s", item->gpu_memory_mib,
                   has, most);
}

/* GS_NOT_FOUND: no slice of the model has what the item asks for, whatever profile it names. */
static int check_largest(const struct gs_item *item, const struct gs_model *model,
                         struct gs_err *why)
{
    const struct gs_profile *largest = largest_slice(model);
    if (largest == NULL || has_memory(largest->memory_mib, item->gpu_memory_mib)) {
        return 0;
    }
    return gs_fail(why, GS_NOT_FOUND,
                   "asks for %u MiB of GPU memory; the largest slice, %s, has %u",
                   item->gpu_memory_mib, largest->name, largest->memory_mib);
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
        return fail_memory(item, target->gpu_name, target->gpu_memory_mib, NULL, why);
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
        int r = check_largest(item, target->model, why);
        return r < 0 ? r
                     : gs_fail(why, GS_NOT_FOUND, "%s has no profile %s", target->gpu_name, name);
    }
    if (!has_memory(target->model->profiles[profile].memory_mib, item->gpu_memory_mib)) {
        return fail_memory(item, name, target->model->profiles[profile].memory_mib, target->model,
                           why);
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
