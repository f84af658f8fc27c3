#include <string.h>

#include "verify/problem.h"

static bool has_memory(uint32_t has_mib, uint32_t needs_mib)
{
    return needs_mib == 0 || (has_mib != GS_NOT_KNOWN && has_mib >= needs_mib);
}

static bool resolve_gpus(const struct gs_problem_item *item, const struct gs_problem_want *want,
                         const struct gs_problem_target *target, struct gs_err *why)
{
    if (want->gpu != NULL && strcmp(want->gpu, target->gpu) != 0) {
        gs_fail(why, GS_NOT_FOUND, "it asks for a whole %s, and these are %s", want->gpu,
                target->gpu);
        return false;
    }
    if (!has_memory(target->gpu_memory_mib, item->gpu_memory_mib)) {
        gs_fail(why, GS_NOT_FOUND, "a %s is not known to have %u MiB", target->gpu,
                item->gpu_memory_mib);
        return false;
    }
    return true;
}

static bool resolve_slices(const struct gs_problem_item *item, const struct gs_problem_want *want,
                           const struct gs_problem_target *target, struct gs_problem_asked *asked,
                           struct gs_err *why)
{
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&want->profile, name);
    if (target->model == NULL || (want->model != NULL && want->model != target->model)) {
        gs_fail(why, GS_NOT_FOUND, "it asks for %s of %s, and these are %s", name,
                want->model == NULL ? "some model" : want->model->id, target->gpu);
        return false;
    }
    int profile = gs_model_profile_index(target->model, &want->profile);
    if (profile < 0) {
        gs_fail(why, GS_NOT_FOUND, "%s has no profile %s", target->gpu, name);
        return false;
    }
    if (!has_memory(target->model->profiles[profile].memory_mib, item->gpu_memory_mib)) {
        gs_fail(why, GS_NOT_FOUND, "%s of %s is not known to have %u MiB", name, target->gpu,
                item->gpu_memory_mib);
        return false;
    }
    asked->slices[profile] += want->count;
    return true;
}

bool gs_problem_resolve(const struct gs_problem_item *item, const struct gs_problem_way *way,
                        const struct gs_problem_target *target, struct gs_problem_asked *ret,
                        struct gs_err *why)
{
    struct gs_problem_asked asked = {.gpus = 0};
    for (size_t w = 0; w < way->n_wants; w++) {
        const struct gs_problem_want *want = &way->wants[w];
        if (want->whole ? !resolve_gpus(item, want, target, why)
                        : !resolve_slices(item, want, target, &asked, why)) {
            return false;
        }
        asked.gpus += want->whole ? want->count : 0;
    }
    *ret = asked;
    return true;
}
