#include <string.h>

#include "core/catalog.h"
#include "decide/work.h"

static void resolve_want(const struct gs_want *want, struct gs_need *need)
{
    const struct gs_model *model = need->model;
    const char *gpu_name = need->gpu_name != NULL || model == NULL ? need->gpu_name : model->id;
    if ((want->model != NULL && want->model != model) ||
        (want->gpu_name != NULL && (gpu_name == NULL || strcmp(want->gpu_name, gpu_name) != 0))) {
        need->possible = false;
        return;
    }
    if (want->whole_gpu) {
        need->gpus += want->count;
        return;
    }
    int profile = model == NULL ? -1 : gs_model_profile_index(model, &want->profile);
    if (profile < 0) {
        need->possible = false;
        return;
    }
    need->count[profile] += want->count;
    need->total += want->count;
}

int gs_need_of(struct gs_work *work, const struct gs_model *model, const char *gpu_name,
               const struct gs_need **ret, struct gs_err *err)
{
    struct gs_need *need = &work->need;
    *ret = need;
    if (need->model == model && need->gpu_name == gpu_name && (model != NULL || gpu_name != NULL)) {
        return 0;
    }
    struct gs_need found = {.model = model, .gpu_name = gpu_name, .possible = true};
    int r = model == NULL ? 0 : gs_kind_of(work->decider, model, &found.kind, err);
    for (size_t w = 0; r == 0 && w < work->pod->n_wants; w++) {
        resolve_want(&work->pod->wants[w], &found);
    }
    *need = found;
    return r;
}

static int check_want(const struct gs_decide_pod *pod, const struct gs_want *want,
                      struct gs_err *err)
{
    if (want->count == 0 || want->count > GS_WANT_COUNT_MAX) {
        return gs_fail(err, GS_INVALID, "pod %s asks for %u of one resource: expected 1 to %d",
                       pod->name, want->count, GS_WANT_COUNT_MAX);
    }
    if (want->whole_gpu) {
        return 0;
    }
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&want->profile, name);
    if (want->model != NULL && gs_model_profile_index(want->model, &want->profile) < 0) {
        return gs_fail(err, GS_INVALID, "pod %s asks for a %s of %s, which has no such profile",
                       pod->name, name, want->model->id);
    }
    if (!gs_catalog_has_profile(&want->profile)) {
        return gs_fail(err, GS_INVALID,
                       "pod %s asks for a %s: no GPU that is known has such a profile "
                       "(`gpuslice profiles` lists them)",
                       pod->name, name);
    }
    return 0;
}

int gs_need_check(const struct gs_decide_pod *pod, struct gs_err *err)
{
    if (pod->n_wants == 0) {
        return gs_fail(err, GS_INVALID, "pod %s asks for no slice and no GPU", pod->name);
    }
    if (pod->n_wants > GS_DECIDE_WANTS_MAX) {
        return gs_fail(err, GS_LIMIT, "pod %s asks for %zu kinds of slices, %d are the most",
                       pod->name, pod->n_wants, GS_DECIDE_WANTS_MAX);
    }
    for (size_t w = 0; w < pod->n_wants; w++) {
        int r = check_want(pod, &pod->wants[w], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
