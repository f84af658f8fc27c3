#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "core/catalog.h"

void bed_init(struct bed *bed)
{
    memset(bed, 0, sizeof(*bed));
    gs_arena_init(&bed->arena, &gs_alloc_heap, 256 << 20);
    gs_agentconfig_init(&bed->config);
    assert_int_equal(gs_agentconfig_finish(&bed->arena, &bed->config, NULL), 0);
    snprintf(bed->snapshot.driver.driver_version, sizeof(bed->snapshot.driver.driver_version),
             "580.65.06");
    bed->snapshot.driver.cuda_version = 13000;
    bed->snapshot.gpus = bed->gpus;
    bed->snapshot.slices = bed->slices;
}

void bed_done(struct bed *bed)
{
    gs_arena_done(&bed->arena);
}

void bed_configure(struct bed *bed, const char *yaml)
{
    struct gs_doc_input input = {.label = "bed", .what = "settings", .bytes = gs_view(yaml)};
    struct gs_err err = {0};
    gs_agentconfig_init(&bed->config);
    if (gs_agentconfig_read(&bed->arena, &input, &bed->config, &err) < 0 ||
        gs_agentconfig_finish(&bed->arena, &bed->config, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

struct gs_snapshot_gpu *bed_gpu(struct bed *bed, const char *model)
{
    unsigned g = bed->snapshot.n_gpus++;
    struct gs_snapshot_gpu *gpu = &bed->gpus[g];
    assert_true(g < GS_GPUS_MAX);
    if (gs_catalog_find(gs_view(model), &gpu->model, NULL) < 0) {
        gpu->model = NULL;
    }
    bool known = gpu->model != NULL;
    gpu->facts = (struct gs_gpu){
        .index = g,
        .minor = g,
        .compute_major = 8,
        .mode = known ? GS_MIG_OFF : GS_MIG_NOT_CAPABLE,
        .pending = known ? GS_MIG_OFF : GS_MIG_NOT_CAPABLE,
        .memory_bytes = known ? (uint64_t)gpu->model->memory_mib << 20 : (uint64_t)23034 << 20,
    };
    snprintf(gpu->facts.uuid, sizeof(gpu->facts.uuid), "GPU-%u", g);
    snprintf(gpu->facts.name, sizeof(gpu->facts.name), "%s",
             known ? gpu->model->product_names[0] : model);
    snprintf(gpu->facts.pci_bus_id, sizeof(gpu->facts.pci_bus_id), "00000000:%02X:00.0", g + 1);
    gpu->generation = ++bed->generation;
    gpu->numa_node = (int32_t)(g / 4);
    gpu->pci_class = 0x030200;
    gpu->fabric_clique = GS_NOT_KNOWN;
    gpu->first = bed->snapshot.n_slices;
    return gpu;
}

/* One compute instance; `name` is that of its MIG device. */
static void add_slice(struct bed *bed, struct gs_snapshot_gpu *gpu, const char *name,
                      unsigned start, unsigned gi, unsigned ci)
{
    struct gs_snapshot_slice *slice = &bed->slices[bed->snapshot.n_slices++];
    assert_true(bed->snapshot.n_slices <= 1024);
    unsigned g = gpu->facts.index;
    memset(slice, 0, sizeof(*slice));
    slice->id = (struct gs_slice_id){.gpu = g, .gi = gi, .ci = ci, .generation = ++bed->generation};
    snprintf(slice->uuid, sizeof(slice->uuid), "MIG-%u-%u-%u", g, gi, ci);
    slice->index = gpu->n++;
    assert_int_equal(gs_profile_name_parse(gs_view(name), &slice->profile, NULL), 0);
    struct gs_profile_name whole = slice->profile;
    whole.compute_slices = whole.gpu_slices;
    int p = gs_model_profile_index(gpu->model, &whole);
    if (p < 0) {
        fail_msg("%s has no %s", gpu->model->id, name);
    }
    const struct gs_profile *profile = &gpu->model->profiles[p];
    slice->start = start;
    slice->size = profile->memory_units;
    slice->attributes = (struct gs_slice_attributes){
        .sm_count = profile->sm_count,
        .gpu_slices = slice->profile.gpu_slices,
        .compute_slices = slice->profile.compute_slices,
        .memory_mib = profile->memory_mib,
    };
    memcpy(slice->attributes.engines, profile->engines, sizeof(profile->engines));
    slice->gi_minor = 3 + g * 135 + gi * 9;
    slice->ci_minor = slice->gi_minor + 1 + ci;
}

struct gs_snapshot_gpu *bed_cut(struct bed *bed, const char *model, const char *layout)
{
    struct gs_snapshot_gpu *gpu = bed_gpu(bed, model);
    struct gs_view rest = gs_view(layout);
    gpu->facts.mode = GS_MIG_ON;
    gpu->facts.pending = GS_MIG_ON;
    for (unsigned gi = 1; rest.n > 0; gi++) {
        struct gs_view instance = gs_view_split(&rest, ',');
        unsigned start = 0;
        for (unsigned ci = 0; instance.p != NULL; ci++) {
            struct gs_view text = gs_view_split(&instance, ';');
            struct gs_view name = gs_view_split(&text, '@');
            char copy[GS_PROFILE_NAME_MAX + 1];
            uint64_t number;
            snprintf(copy, sizeof(copy), "%.*s", GS_VIEW_ARGS(name));
            start = gs_view_is_u64(text, 63, &number) ? (unsigned)number : start;
            add_slice(bed, gpu, copy, start, gi, ci);
        }
    }
    return gpu;
}

struct gs_snapshot_slice *bed_slice(struct bed *bed, const char *uuid)
{
    for (unsigned i = 0; i < bed->snapshot.n_slices; i++) {
        if (strcmp(bed->slices[i].uuid, uuid) == 0) {
            return &bed->slices[i];
        }
    }
    fail_msg("there is no slice %s", uuid);
    return NULL;
}
