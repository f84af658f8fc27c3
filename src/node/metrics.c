#include "node/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/metrics_families.h"
#include "node/metrics_own.h"

enum { LABELS_MAX = 16, NUMBER_TEXT = 12 };

/* ---- labels ---- */

/* The labels of a sample, and the texts that some of them point to. */
struct labels {
    struct gs_promtext_label at[LABELS_MAX];
    size_t n;
    size_t n_own; /* without those of a pod */
    char gpu[NUMBER_TEXT];
    char device[NUMBER_TEXT + 8];
    char gi[NUMBER_TEXT];
    char profile[GS_PROFILE_NAME_MAX + 1];
    char replica[NUMBER_TEXT];
};

static void add(struct labels *labels, const char *name, const char *value)
{
    labels->at[labels->n++] = (struct gs_promtext_label){.name = name, .value = value};
}

static void make_labels(const struct gs_metrics_entity *entity, struct labels *labels)
{
    const struct gs_snapshot *snapshot = entity->input->offer->snapshot;
    const struct gs_gpu *facts = &snapshot->gpus[entity->g].facts;
    labels->n = 0;
    snprintf(labels->gpu, sizeof(labels->gpu), "%u", facts->index);
    snprintf(labels->device, sizeof(labels->device), "nvidia%u", facts->index);
    add(labels, "gpu", labels->gpu);
    add(labels, "UUID", facts->uuid);
    add(labels, "pci_bus_id", facts->pci_bus_id);
    add(labels, "device", labels->device);
    add(labels, "modelName", facts->name);
    if (entity->from < entity->to) {
        const struct gs_snapshot_slice *slice = &snapshot->slices[entity->from];
        struct gs_profile_name whole = slice->profile;
        whole.compute_slices = whole.gpu_slices;
        gs_profile_name_format(&whole, labels->profile);
        snprintf(labels->gi, sizeof(labels->gi), "%u", slice->id.gi);
        add(labels, "GPU_I_PROFILE", labels->profile);
        add(labels, "GPU_I_ID", labels->gi);
    }
    if (entity->input->hostname[0] != '\0') {
        add(labels, entity->input->config->metrics_old_names ? "Hostname" : "hostname",
            entity->input->hostname);
    }
    if (snapshot->driver.driver_version[0] != '\0') {
        add(labels, "DCGM_FI_DRIVER_VERSION", snapshot->driver.driver_version);
    }
    labels->n_own = labels->n;
}

static void add_pod(const struct gs_metrics_input *input, struct labels *labels,
                    const struct gs_held_by *by)
{
    labels->n = labels->n_own;
    add(labels, "container", by->container);
    add(labels, "namespace", by->name_space);
    add(labels, "pod", by->pod);
    if (input->config->metrics_pod_uid && by->pod_uid[0] != '\0') {
        add(labels, "pod_uid", by->pod_uid);
    }
    if (by->replica != GS_NOT_KNOWN) {
        snprintf(labels->replica, sizeof(labels->replica), "%u", by->replica);
        add(labels, "vgpu", labels->replica);
    }
}

/* ---- samples ---- */

static bool same_container(const struct gs_held_by *a, const struct gs_held_by *b)
{
    return strcmp(a->container, b->container) == 0 && strcmp(a->pod, b->pod) == 0 &&
           strcmp(a->name_space, b->name_space) == 0 && strcmp(a->pod_uid, b->pod_uid) == 0;
}

/* What holds row `row` of the entity; row == from stands for the GPU where there are none. */
static const struct gs_held *held_at(const struct gs_metrics_entity *entity, unsigned row)
{
    const struct gs_holding *holding = entity->input->holding;
    return entity->from < entity->to ? &holding->slices[row] : &holding->gpus[entity->g];
}

/* A container that has several slices of one GPU instance is one holder of it. */
static bool was_before(const struct gs_metrics_entity *entity, unsigned row, unsigned k)
{
    const struct gs_held_by *by = &held_at(entity, row)->holders[k];
    for (unsigned r = entity->from; r <= row; r++) {
        const struct gs_held *held = held_at(entity, r);
        unsigned n = r == row ? k : held->n_holders;
        for (unsigned i = 0; held->holders != NULL && i < n; i++) {
            if (same_container(&held->holders[i], by)) {
                return true;
            }
        }
    }
    return false;
}

/* The samples that each family has: of which thing, with which labels. The labels are the same in
 * all families, and are written once. */
struct sample {
    struct gs_metrics_entity entity;
    size_t at; /* of its labels, in `texts` */
    size_t n;
};

struct samples {
    struct sample *list;
    size_t n;
    size_t cap;
    struct gs_buf texts;
    bool failed;
};

static void add_sample(struct samples *samples, const struct gs_metrics_entity *entity,
                       const struct labels *labels)
{
    if (samples->n == samples->cap) {
        size_t cap = samples->cap == 0 ? 64 : 2 * samples->cap;
        struct sample *list = realloc(samples->list, cap * sizeof(*list));
        if (list == NULL) {
            samples->failed = true;
            return;
        }
        samples->list = list;
        samples->cap = cap;
    }
    size_t at = samples->texts.len;
    gs_promtext_labels(&samples->texts, labels->at, labels->n);
    samples->list[samples->n++] =
        (struct sample){.entity = *entity, .at = at, .n = samples->texts.len - at};
}

/* One for each container that has it, or one without a pod. */
static void add_samples(struct samples *samples, const struct gs_metrics_entity *entity)
{
    struct labels labels;
    bool any = false;
    make_labels(entity, &labels);
    unsigned rows = entity->from < entity->to ? entity->to - entity->from : 1;
    for (unsigned i = 0; entity->input->holding != NULL && i < rows; i++) {
        unsigned row = entity->from + i;
        const struct gs_held *held = held_at(entity, row);
        for (unsigned k = 0; held->holders != NULL && k < held->n_holders; k++) {
            /* of a pod that only its UID is known of, dashboards cannot make anything */
            if (held->holders[k].pod[0] != '\0' && !was_before(entity, row, k)) {
                add_pod(entity->input, &labels, &held->holders[k]);
                add_sample(samples, entity, &labels);
                any = true;
            }
        }
    }
    if (!any) {
        add_sample(samples, entity, &labels);
    }
}

/* Each GPU instance, and each GPU that is not cut or empty. */
static void add_all(struct samples *samples, const struct gs_metrics_input *input)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        struct gs_metrics_entity entity = {.input = input, .g = g};
        if (!gs_snapshot_is_cut(gpu) || gpu->n == 0) {
            add_samples(samples, &entity);
            continue;
        }
        for (unsigned from = gpu->first; from < gpu->first + gpu->n; from = entity.to) {
            entity.from = from;
            entity.to = from + 1;
            while (entity.to < gpu->first + gpu->n &&
                   snapshot->slices[entity.to].id.gi == snapshot->slices[from].id.gi) {
                entity.to++;
            }
            add_samples(samples, &entity);
        }
    }
}

static void put_family(const struct samples *samples, struct gs_promtext *prom,
                       const struct gs_metrics_family *family)
{
    gs_promtext_family(prom, family->name, family->type, family->help);
    for (size_t i = 0; i < samples->n; i++) {
        const struct sample *sample = &samples->list[i];
        struct gs_metrics_value value = family->get(&sample->entity);
        struct gs_view labels = {.p = gs_buf_text(&samples->texts) + sample->at, .n = sample->n};
        if (value.known && value.is_real) {
            gs_promtext_double_at(prom, labels, value.real);
        } else if (value.known) {
            gs_promtext_u64_at(prom, labels, value.whole);
        }
    }
}

void gs_metrics_write(const struct gs_metrics_input *input, struct gs_buf *out)
{
    struct gs_promtext prom;
    size_t n;
    const struct gs_metrics_family *families = gs_metrics_families(&n);
    struct samples samples = {.list = NULL};
    gs_buf_init(&samples.texts, GS_PROMTEXT_MAX);
    add_all(&samples, input);
    gs_promtext_init(&prom, out);
    for (size_t i = 0; i < n; i++) {
        put_family(&samples, &prom, &families[i]);
    }
    gs_metrics_write_own(input, &prom);
    out->failed |= samples.failed || !gs_buf_ok(&samples.texts);
    gs_buf_done(&samples.texts);
    free(samples.list);
}
