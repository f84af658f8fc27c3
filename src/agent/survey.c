#include "agent/survey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/gpu_model.h"
#include "gpu/gpu_read.h"
#include "partition/geometry.h"

/* Models of all kinds of GPUs of a machine, over any number of drivers. */
#define MODELS_BYTES_MAX ((size_t)4 << 20)

/* MIG devices of one GPU: a compute slice each at the most. */
enum { SLICES_OF_GPU_MAX = 16 };

/* A snapshot while it is made. */
struct work {
    struct gs_survey *survey;
    struct gs_box *box;
    struct gs_snapshot_gpu *gpus;
    struct gs_snapshot_slice *slices;
    unsigned n_slices;
    unsigned room; /* for slices */
    const struct gs_cap_minors *caps;
};

static const struct gs_snapshot *last_of(const struct gs_survey *survey)
{
    return survey->last == NULL ? NULL : &survey->last->snapshot;
}

static const struct gs_snapshot_gpu *find_gpu(const struct gs_snapshot *snapshot, const char *uuid)
{
    for (unsigned k = 0; snapshot != NULL && k < snapshot->n_gpus; k++) {
        if (strcmp(snapshot->gpus[k].facts.uuid, uuid) == 0) {
            return &snapshot->gpus[k];
        }
    }
    return NULL;
}

static bool is_forgotten(const struct gs_survey *survey, const struct gs_slice_id *id)
{
    for (unsigned i = 0; i < survey->n_forgotten; i++) {
        const struct gs_survey_forgotten *was = &survey->forgotten[i];
        if (was->gpu == id->gpu &&
            (was->gi == GS_NOT_KNOWN || (was->gi == id->gi && was->ci == id->ci))) {
            return true;
        }
    }
    return false;
}

/* Those of GPUs that were read have served their end. */
static void drop_forgotten(struct gs_survey *survey, uint32_t which)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < survey->n_forgotten; i++) {
        if ((which >> survey->forgotten[i].gpu & 1u) == 0) {
            survey->forgotten[kept++] = survey->forgotten[i];
        }
    }
    survey->n_forgotten = kept;
}

void gs_survey_forget(struct gs_survey *survey, uint32_t gpu, uint32_t gi, uint32_t ci)
{
    if (gpu >= GS_GPUS_MAX) {
        return;
    }
    if (survey->n_forgotten == GS_SURVEY_FORGOTTEN_MAX) {
        survey->forgotten[GS_SURVEY_FORGOTTEN_MAX - 1] =
            (struct gs_survey_forgotten){.gpu = gpu, .gi = GS_NOT_KNOWN};
        return;
    }
    survey->forgotten[survey->n_forgotten++] =
        (struct gs_survey_forgotten){.gpu = gpu, .gi = gi, .ci = ci};
}

static uint64_t gpu_generation(struct gs_survey *survey, const struct gs_gpu *facts)
{
    const struct gs_snapshot_gpu *was = find_gpu(last_of(survey), facts->uuid);
    return was != NULL && was->facts.mode == facts->mode ? was->generation : ++survey->generation;
}

static uint64_t slice_generation(struct gs_survey *survey, const struct gs_gpu *facts,
                                 const struct gs_snapshot_slice *slice)
{
    const struct gs_snapshot *last = last_of(survey);
    const struct gs_snapshot_gpu *gpu = find_gpu(last, facts->uuid);
    for (unsigned i = 0; gpu != NULL && i < gpu->n; i++) {
        const struct gs_snapshot_slice *was = &last->slices[gpu->first + i];
        if (was->id.gi == slice->id.gi && was->id.ci == slice->id.ci &&
            was->start == slice->start && gs_profile_name_eq(&was->profile, &slice->profile) &&
            !is_forgotten(survey, &slice->id)) {
            return was->id.generation;
        }
    }
    return ++survey->generation;
}

/* The name of a slice: its GPU instance's, with the compute slices of the compute instance. A
 * profile that the model lacks has no name, and the slice cannot be offered. */
static bool name_slice(const struct gs_model *model, const struct gs_gpu_instance *gi,
                       const struct gs_compute_instance *ci, struct gs_profile_name *ret)
{
    int profile = model == NULL ? -1 : gs_geometry_profile_of(model, gi);
    if (profile < 0) {
        return false;
    }
    *ret = model->profiles[profile].parts;
    unsigned slices = gs_geometry_slices_of(ci);
    ret->compute_slices = slices == 0 ? ret->compute_slices : slices;
    return true;
}

static int add_slice(struct work *work, const struct gs_snapshot_gpu *gpu,
                     const struct gs_gpu_instance *gi, const struct gs_compute_instance *ci,
                     struct gs_err *err)
{
    struct gs_mig_device device;
    if (work->n_slices == work->room) {
        return gs_fail(err, GS_IO, "GPU %u: the driver lists more slices than GPUs have",
                       gpu->facts.index);
    }
    struct gs_snapshot_slice *slice = &work->slices[work->n_slices];
    *slice = (struct gs_snapshot_slice){
        .id = {.gpu = gpu->facts.index, .gi = gi->id, .ci = ci->id},
        .start = gi->start,
        .size = gi->size,
        .gi_minor = GS_NOT_KNOWN,
        .ci_minor = GS_NOT_KNOWN,
    };
    if (!name_slice(gpu->model, gi, ci, &slice->profile)) {
        return 0;
    }
    int r = gs_gpu_mig_device(work->survey->gpus, gpu->facts.index, gi->id, ci->id, &device, err);
    if (r == GS_NOT_FOUND) {
        return 0; /* somebody destroyed it meanwhile */
    }
    if (r < 0) {
        return r;
    }
    snprintf(slice->uuid, sizeof(slice->uuid), "%s", ci->uuid);
    slice->index = device.index;
    slice->attributes = (struct gs_slice_attributes){
        .sm_count = device.sm_count,
        .gpu_slices = device.gpu_slices,
        .compute_slices = device.compute_slices,
        .memory_mib = device.memory_mib,
    };
    memcpy(slice->attributes.engines, device.engines, sizeof(device.engines));
    if (gpu->facts.minor < GS_GPUS_MAX && gi->id < GS_GPU_INSTANCES_MAX &&
        ci->id < GS_COMPUTE_INSTANCES_MAX) {
        slice->gi_minor = work->caps->gi[gpu->facts.minor][gi->id];
        slice->ci_minor = work->caps->ci[gpu->facts.minor][gi->id][ci->id];
    }
    slice->id.generation = slice_generation(work->survey, &gpu->facts, slice);
    work->n_slices++;
    return 0;
}

static void read_files(const struct work *work, struct gs_snapshot_gpu *gpu)
{
    struct gs_pci_facts pci;
    struct gs_gpu_fabric fabric;
    gpu->numa_node = -1;
    gpu->pci_class = GS_NOT_KNOWN;
    gpu->fabric_clique = GS_NOT_KNOWN;
    if (gs_driver_pci(work->survey->roots, gpu->facts.pci_bus_id, &pci, NULL) == 0) {
        gpu->numa_node = pci.numa_node;
        gpu->pci_class = pci.class;
    }
    if (gs_gpu_fabric(work->survey->gpus, gpu->facts.index, &fabric, NULL) == 0) {
        snprintf(gpu->fabric_cluster, sizeof(gpu->fabric_cluster), "%s", fabric.cluster);
        gpu->fabric_clique = fabric.clique;
    }
}

static bool is_kind(const struct gs_survey_kind *kind, const struct gs_gpu *facts,
                    const char *driver_version)
{
    return kind->pci_device_id == facts->pci_device_id &&
           kind->memory_bytes == facts->memory_bytes && strcmp(kind->name, facts->name) == 0 &&
           strcmp(kind->driver_version, driver_version) == 0;
}

/* A driver that does not tell now (535 with MIG off) is asked again in the next survey. */
static int find_model(struct work *work, struct gs_snapshot_gpu *gpu, struct gs_err *err)
{
    struct gs_survey *survey = work->survey;
    const char *version = work->box->snapshot.driver.driver_version;
    struct gs_err why;
    if (gpu->facts.mode == GS_MIG_NOT_CAPABLE) {
        return 0;
    }
    for (unsigned i = 0; i < survey->n_kinds; i++) {
        if (is_kind(&survey->kinds[i], &gpu->facts, version)) {
            gpu->model = survey->kinds[i].model;
            return 0;
        }
    }
    int r = gs_gpu_model_read(&survey->models, survey->gpus, gpu->facts.index, &gpu->model, &why);
    if (r == GS_NO_MEMORY) {
        return gs_fail(err, GS_NO_MEMORY, "%s", why.msg);
    }
    if (r < 0 || survey->n_kinds == GS_SURVEY_KINDS_MAX) {
        return 0;
    }
    struct gs_survey_kind *kind = &survey->kinds[survey->n_kinds++];
    *kind = (struct gs_survey_kind){.pci_device_id = gpu->facts.pci_device_id,
                                    .memory_bytes = gpu->facts.memory_bytes,
                                    .model = gpu->model};
    snprintf(kind->name, sizeof(kind->name), "%s", gpu->facts.name);
    snprintf(kind->driver_version, sizeof(kind->driver_version), "%s", version);
    return 0;
}

static int read_instances(struct work *work, struct gs_snapshot_gpu *gpu, struct gs_err *err)
{
    struct gs_gpu_instances instances;
    int r = gs_gpu_instances(work->survey->gpus, gpu->facts.index, &instances, err);
    for (unsigned i = 0; r == 0 && i < instances.n; i++) {
        for (unsigned j = 0; r == 0 && j < instances.at[i].n_compute; j++) {
            r = add_slice(work, gpu, &instances.at[i], &instances.at[i].compute[j], err);
        }
    }
    return r;
}

static int read_gpu(struct work *work, unsigned k, struct gs_err *err)
{
    struct gs_snapshot_gpu *gpu = &work->gpus[k];
    *gpu = (struct gs_snapshot_gpu){.first = work->n_slices};
    int r = gs_gpu_get(work->survey->gpus, k, &gpu->facts, err);
    if (r < 0) {
        return r;
    }
    gpu->generation = gpu_generation(work->survey, &gpu->facts);
    read_files(work, gpu);
    r = find_model(work, gpu, err);
    if (r < 0) {
        return r;
    }
    r = gpu->facts.mode == GS_MIG_ON ? read_instances(work, gpu, err) : 0;
    gpu->n = work->n_slices - gpu->first;
    return r;
}

/* A GPU as it was in the last snapshot. */
static void copy_gpu(struct work *work, const struct gs_snapshot_gpu *was, unsigned k)
{
    struct gs_snapshot_gpu *gpu = &work->gpus[k];
    const struct gs_snapshot *last = last_of(work->survey);
    *gpu = *was;
    gpu->first = work->n_slices;
    for (unsigned i = 0; i < was->n && work->n_slices < work->room; i++) {
        work->slices[work->n_slices] = last->slices[was->first + i];
        work->slices[work->n_slices++].id.gpu = k;
    }
    gpu->n = work->n_slices - gpu->first;
}

/* A GPU that does not answer is in the snapshot as it was, so that its slices stay in their lists,
 * unhealthy. One that was never seen has nothing to tell. */
static int one_gpu(struct work *work, unsigned k, uint32_t which, struct gs_err *err)
{
    const struct gs_snapshot *last = last_of(work->survey);
    const struct gs_snapshot_gpu *was = last != NULL && k < last->n_gpus ? &last->gpus[k] : NULL;
    if (was != NULL && (which >> k & 1u) == 0) {
        copy_gpu(work, was, k);
        return 0;
    }
    struct gs_err why;
    unsigned before = work->n_slices;
    int r = read_gpu(work, k, &why);
    if (r == 0) {
        return 0;
    }
    if (r == GS_NO_MEMORY || (r == GS_IO && why.sys_errno != ENODEV)) {
        return gs_fail(err, (enum gs_code)r, "%s", why.msg);
    }
    work->n_slices = before;
    if (was != NULL) {
        copy_gpu(work, was, k);
    } else {
        work->gpus[k] = (struct gs_snapshot_gpu){.facts = {.index = k}, .first = before};
    }
    work->gpus[k].lost = true;
    return 0;
}

static int begin(struct gs_survey *survey, unsigned n_gpus, struct work *work, struct gs_err *err)
{
    *work =
        (struct work){.survey = survey, .box = gs_box_new(), .room = n_gpus * SLICES_OF_GPU_MAX};
    if (work->box != NULL) {
        work->gpus = GS_ARENA_NEW(&work->box->arena, struct gs_snapshot_gpu, n_gpus);
        work->slices = GS_ARENA_NEW(&work->box->arena, struct gs_snapshot_slice, work->room);
    }
    if (work->box == NULL || work->gpus == NULL || work->slices == NULL) {
        gs_box_unref(work->box);
        return gs_fail(err, GS_NO_MEMORY, "no memory for what %u GPUs are cut into", n_gpus);
    }
    return 0;
}

static void finish(struct work *work, unsigned n_gpus)
{
    struct gs_survey *survey = work->survey;
    work->box->snapshot.number = ++survey->number;
    work->box->snapshot.n_gpus = n_gpus;
    work->box->snapshot.gpus = work->gpus;
    work->box->snapshot.n_slices = work->n_slices;
    work->box->snapshot.slices = work->slices;
    gs_box_unref(survey->last);
    survey->last = gs_box_ref(work->box);
}

int gs_survey(struct gs_survey *survey, uint32_t which, struct gs_box **ret, struct gs_err *err)
{
    struct gs_cap_minors caps;
    struct work work;
    unsigned n;
    int r = gs_gpu_count(survey->gpus, &n, err);
    r = r < 0 ? r : gs_driver_caps(survey->roots, &caps, err);
    if (r < 0 || (r = begin(survey, n, &work, err)) < 0) {
        return r;
    }
    work.caps = &caps;
    GS_CLEANUP(gs_box_unrefp) struct gs_box *box = work.box;
    r = gs_gpu_driver(survey->gpus, &box->snapshot.driver, err);
    for (unsigned k = 0; r == 0 && k < n; k++) {
        r = one_gpu(&work, k, which, err);
    }
    if (r < 0) {
        return r;
    }
    finish(&work, n);
    drop_forgotten(survey, which);
    *ret = GS_TAKE(box);
    return 0;
}

struct gs_box *gs_survey_lost(struct gs_survey *survey)
{
    const struct gs_snapshot *last = last_of(survey);
    struct work work;
    if (last == NULL || begin(survey, last->n_gpus, &work, NULL) < 0) {
        return NULL;
    }
    work.box->snapshot.driver = last->driver;
    for (unsigned k = 0; k < last->n_gpus; k++) {
        copy_gpu(&work, &last->gpus[k], k);
        work.gpus[k].lost = true;
    }
    finish(&work, last->n_gpus);
    return work.box;
}

void gs_survey_init(struct gs_survey *survey, struct gs_gpus *gpus,
                    const struct gs_machine_roots *roots)
{
    *survey = (struct gs_survey){.gpus = gpus, .roots = roots};
    gs_arena_init(&survey->models, &gs_alloc_heap, MODELS_BYTES_MAX);
}

void gs_survey_done(struct gs_survey *survey)
{
    gs_box_unref(survey->last);
    survey->last = NULL;
    gs_arena_done(&survey->models);
}
