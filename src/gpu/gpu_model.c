#include "gpu/gpu_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"

/* Compute slices, then memory units, then NVML's number. */
static int by_size(const void *a, const void *b)
{
    const struct gs_gpu_profile *x = a;
    const struct gs_gpu_profile *y = b;
    if (x->compute_slices != y->compute_slices) {
        return x->compute_slices < y->compute_slices ? -1 : 1;
    }
    if (x->size != y->size) {
        return x->size < y->size ? -1 : 1;
    }
    return (x->profile > y->profile) - (x->profile < y->profile);
}

static unsigned units_of(const struct gs_gpu_profile *profiles, unsigned n)
{
    unsigned units = 0;
    for (unsigned i = 0; i < n; i++) {
        if (profiles[i].starts != 0) {
            unsigned last = 31u - (unsigned)__builtin_clz(profiles[i].starts);
            units = last + profiles[i].size > units ? last + profiles[i].size : units;
        }
    }
    return units;
}

static int check_bounds(const struct gs_gpu *gpu, const struct gs_gpu_profile *profiles, unsigned n,
                        struct gs_err *err)
{
    unsigned placements = 0;
    for (unsigned i = 0; i < n; i++) {
        placements += (unsigned)__builtin_popcount(profiles[i].starts);
        if (profiles[i].compute_slices == 0 || profiles[i].compute_slices > 32) {
            return gs_fail(err, GS_LIMIT,
                           "GPU %u: the driver tells of a profile of %u compute slices; 1 to 32 is "
                           "what we take",
                           gpu->index, profiles[i].compute_slices);
        }
    }
    unsigned units = units_of(profiles, n);
    if (n > GS_PROFILES_MAX || placements > GS_PLACEMENTS_MAX || units > GS_MEMORY_UNITS_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "GPU %u: the driver tells of %u profiles with %u placements on %u memory "
                       "units; %d, %d and %d are the most we take",
                       gpu->index, n, placements, units, GS_PROFILES_MAX, GS_PLACEMENTS_MAX,
                       GS_MEMORY_UNITS_MAX);
    }
    return 0;
}

static int make_profile(struct gs_arena *arena, const struct gs_gpu *gpu,
                        const struct gs_gpu_profile *from, struct gs_profile *ret,
                        struct gs_err *err)
{
    if (gs_profile_name_parse(gs_view(from->name), &ret->parts, NULL) < 0) {
        return gs_fail(err, GS_UNKNOWN,
                       "GPU %u: profile %u has no name that can be read (the driver says \"%s\"); "
                       "may this user read the GPU's memory?",
                       gpu->index, from->profile_id, from->name);
    }
    ret->name = gs_arena_text(arena, from->name, strlen(from->name));
    if (ret->name == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the model of GPU %u", gpu->index);
    }
    unsigned places = (unsigned)__builtin_popcount(from->starts);
    unsigned most = places > 0 && from->max_instances > places ? places : from->max_instances;
    ret->nvml_profile = from->profile;
    ret->nvml_profile_id = from->profile_id;
    ret->memory_mib = from->memory_mib;
    ret->sm_count = from->sm_count;
    memcpy(ret->engines, from->engines, sizeof(ret->engines));
    ret->compute_slices = (uint8_t)from->compute_slices;
    ret->memory_units = (uint8_t)from->size;
    ret->max_instances = (uint8_t)(most > UINT8_MAX ? UINT8_MAX : most);
    ret->starts = (uint16_t)from->starts;
    return 0;
}

const struct gs_model *gs_gpu_model_expected(const struct gs_gpu *gpu)
{
    char pci[16];
    const struct gs_model *model = NULL;
    snprintf(pci, sizeof(pci), "0x%08X", gpu->pci_device_id);
    if (gpu->pci_device_id != GS_NOT_KNOWN && gs_catalog_find(gs_view(pci), &model, NULL) == 0) {
        return model;
    }
    return gs_catalog_find(gs_view(gpu->name), &model, NULL) == 0 ? model : NULL;
}

static const char *architecture_name(uint32_t number)
{
    switch (number) {
    case 7:
        return "ampere";
    case 8:
        return "ada";
    case 9:
        return "hopper";
    case 10:
        return "blackwell";
    case 13:
        return "rubin";
    default:
        return "unknown";
    }
}

static void sum_up(const struct gs_profile *profiles, unsigned n, struct gs_model *model)
{
    for (unsigned i = 0; i < n; i++) {
        const struct gs_profile *p = &profiles[i];
        if (p->compute_slices > model->compute_slices) {
            model->compute_slices = p->compute_slices;
        }
        if (p->max_instances > model->max_instances) {
            model->max_instances = p->max_instances;
        }
    }
    model->profiles = profiles;
    model->n_profiles = (uint8_t)n;
    model->placements_known = model->memory_units > 0;
}

static int make_model(struct gs_arena *arena, const struct gs_gpu *gpu,
                      const struct gs_profile *profiles, unsigned n, unsigned units,
                      const struct gs_model **ret_model, struct gs_err *err)
{
    struct gs_model *model = GS_ARENA_NEW(arena, struct gs_model, 1);
    const char **names = GS_ARENA_NEW(arena, const char *, 1);
    char *name = gs_arena_text(arena, gpu->name, strlen(gpu->name));
    if (model == NULL || names == NULL || name == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the model of GPU %u", gpu->index);
    }
    const struct gs_model *known = gs_gpu_model_expected(gpu);
    names[0] = name;
    bool has_memory = gpu->memory_bytes != UINT64_MAX && gpu->memory_bytes >> 50 == 0;
    *model = (struct gs_model){
        .id = known != NULL ? known->id : name,
        .family = known != NULL ? known->family : name,
        .architecture = architecture_name(gpu->architecture),
        .product_names = names,
        .n_product_names = 1,
        .memory_units = (uint8_t)units,
        .verified = true,
        .mode_change_needs_reset = gpu->mode_change_needs_reset,
        .placements_source = "the driver of this machine",
        .memory_mib = has_memory ? (uint32_t)(gpu->memory_bytes >> 20) : GS_NOT_KNOWN,
        .memory_gib =
            has_memory ? (uint32_t)((gpu->memory_bytes + (UINT64_C(1) << 30) - 1) >> 30) : 0,
    };
    sum_up(profiles, n, model);
    *ret_model = model;
    return 0;
}

int gs_gpu_model_new(struct gs_arena *arena, const struct gs_gpu *gpu,
                     const struct gs_gpu_profile *told, unsigned n,
                     const struct gs_model **ret_model, struct gs_err *err)
{
    if (gpu->mode == GS_MIG_NOT_CAPABLE || n == 0) {
        return gs_fail(err, GS_UNSUPPORTED, "GPU %u (%s) cannot be cut", gpu->index, gpu->name);
    }
    int r = check_bounds(gpu, told, n, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_profile sorted[GS_PROFILES_MAX];
    memcpy(sorted, told, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_size);
    struct gs_profile *profiles = GS_ARENA_NEW(arena, struct gs_profile, n);
    if (profiles == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the model of GPU %u", gpu->index);
    }
    for (unsigned i = 0; i < n; i++) {
        if ((r = make_profile(arena, gpu, &sorted[i], &profiles[i], err)) < 0) {
            return r;
        }
    }
    return make_model(arena, gpu, profiles, n, units_of(told, n), ret_model, err);
}

int gs_gpu_model_read(struct gs_arena *arena, struct gs_gpus *gpus, unsigned gpu,
                      const struct gs_model **ret_model, struct gs_err *err)
{
    struct gs_gpu facts;
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = 0;
    int r = gs_gpu_get(gpus, gpu, &facts, err);
    if (r < 0 || (r = gs_gpu_profiles(gpus, gpu, profiles, &n, err)) < 0) {
        return r;
    }
    return gs_gpu_model_new(arena, &facts, profiles, n, ret_model, err);
}

static int profile_with_id(const struct gs_model *model, uint32_t profile_id)
{
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile_id == profile_id) {
            return (int)i;
        }
    }
    return -1;
}

int gs_gpu_model_layout(const struct gs_model *model, const struct gs_gpu_instances *instances,
                        uint32_t in_use, struct gs_layout *ret_layout, struct gs_err *err)
{
    struct gs_layout layout = {.n_slices = 0};
    for (unsigned i = 0; i < instances->n; i++) {
        const struct gs_gpu_instance *gi = &instances->at[i];
        int profile = profile_with_id(model, gi->profile_id);
        if (profile < 0) {
            return gs_fail(err, GS_UNKNOWN,
                           "GPU instance %u is of profile %u, which the driver does not list for "
                           "%s",
                           gi->id, gi->profile_id, model->id);
        }
        bool stays = gi->id < 32 && (in_use >> gi->id & 1u) != 0;
        int r = gs_layout_add(model, &layout, (unsigned)profile, gi->start, stays, err);
        if (r < 0) {
            return gs_wrap(err, r, "GPU instance %u", gi->id);
        }
    }
    *ret_layout = layout;
    return 0;
}

const struct gs_gpu_instance *gs_gpu_model_instance(const struct gs_model *model,
                                                    const struct gs_gpu_instances *instances,
                                                    struct gs_placement placement)
{
    for (unsigned i = 0; i < instances->n; i++) {
        const struct gs_gpu_instance *gi = &instances->at[i];
        if (gi->start == placement.start &&
            gi->profile_id == model->profiles[placement.profile].nvml_profile_id) {
            return gi;
        }
    }
    return NULL;
}

uint16_t gs_gpu_model_stranded(const struct gs_model *model, const struct gs_layout *layout)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < layout->n_slices; i++) {
        alive |= layout->slices[i].placement.span;
    }
    for (unsigned p = 0; p < model->n_profiles; p++) {
        for (unsigned start = 0; start < model->memory_units; start++) {
            struct gs_layout with = *layout;
            if (gs_layout_add(model, &with, p, start, false, NULL) == 0) {
                alive |= gs_profile_span(&model->profiles[p], start);
            }
        }
    }
    return (uint16_t)(((1u << model->memory_units) - 1u) & ~alive);
}
