#include "core/model.h"

#include <stdio.h>

int gs_model_profile_index(const struct gs_model *model, const struct gs_profile_name *name)
{
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (gs_profile_name_eq(&model->profiles[i].parts, name)) {
            return (int)i;
        }
    }
    return -1;
}

static void list_profiles(const struct gs_model *model, char *text, size_t size)
{
    size_t used = 0;
    for (unsigned i = 0; i < model->n_profiles && used + 1 < size; i++) {
        int n =
            snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", model->profiles[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
}

int gs_model_profile_find(const struct gs_model *model, struct gs_view name, unsigned *ret_index,
                          struct gs_err *err)
{
    struct gs_profile_name parts;
    int r = gs_profile_name_read(name, &parts, err);
    if (r < 0) {
        return r;
    }
    int index = gs_model_profile_index(model, &parts);
    if (index < 0) {
        char has[320];
        list_profiles(model, has, sizeof(has));
        return gs_fail(err, GS_NOT_FOUND, "%s has no profile %.*s; it has %s", model->id,
                       GS_VIEW_ARGS(name), has);
    }
    *ret_index = (unsigned)index;
    return 0;
}

uint32_t gs_model_engine_total(const struct gs_model *model, unsigned engine)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        uint32_t has = model->profiles[i].engines[engine];
        if (has == GS_NOT_KNOWN) {
            return GS_NOT_KNOWN;
        }
        total = has > total ? has : total;
    }
    return total;
}

static bool engines_suffice(const struct gs_model *model, const uint8_t *counts)
{
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        uint32_t total = gs_model_engine_total(model, e);
        if (total == GS_NOT_KNOWN) {
            continue;
        }
        uint32_t used = 0;
        for (unsigned i = 0; i < model->n_profiles; i++) {
            used += counts[i] * model->profiles[i].engines[e];
        }
        if (used > total) {
            return false;
        }
    }
    return true;
}

bool gs_model_counts_within_limits(const struct gs_model *model, const uint8_t *counts)
{
    unsigned compute = 0;
    unsigned memory = 0;
    unsigned instances = 0;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        const struct gs_profile *profile = &model->profiles[i];
        if (counts[i] > profile->max_instances) {
            return false;
        }
        compute += (unsigned)counts[i] * profile->compute_slices;
        memory += (unsigned)counts[i] * profile->memory_units;
        instances += counts[i];
    }
    return compute <= model->compute_slices && memory <= model->memory_units &&
           instances <= model->max_instances && engines_suffice(model, counts);
}

int gs_model_require_placements(const struct gs_model *model, struct gs_err *err)
{
    if (model->placements_known) {
        return 0;
    }
    return gs_fail(err, GS_UNKNOWN,
                   "%s is not planned: where its slices may be placed is not known (%s); a guess "
                   "could promise slices that the GPU cannot make",
                   model->id, model->placements_source);
}
