/* GPUs as JSON and YAML. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/gpu/gpu.h"

const char *const gs_gpu_format_names[] = {"table", "json", "yaml", "wide", NULL};

const char *gs_gpu_mode_word(enum gs_mig_mode mode)
{
    switch (mode) {
    case GS_MIG_OFF:
        return "off";
    case GS_MIG_ON:
        return "on";
    case GS_MIG_NOT_CAPABLE:
        break;
    }
    return NULL;
}

/* "" is null. */
static void put_text(struct gs_result *result, json_t *at, const char *key, const char *text)
{
    gs_result_text(result, at, key, text[0] == '\0' ? NULL : text);
}

static void put_bytes(struct gs_result *result, json_t *at, const char *key, uint64_t bytes)
{
    if (bytes > INT64_MAX) {
        gs_result_null(result, at, key);
    } else {
        gs_result_number(result, at, key, bytes);
    }
}

static void put_holder(struct gs_result *result, json_t *at, const struct gs_gpu_holder *holder)
{
    gs_result_number(result, at, "pid", holder->process.pid);
    put_text(result, at, "command", holder->who.command);
    put_text(result, at, "pod", holder->who.pod);
    gs_result_known(result, at, "gpu_instance", holder->process.gpu_instance);
    gs_result_known(result, at, "compute_instance", holder->process.compute_instance);
    put_bytes(result, at, "memory_bytes", holder->process.memory_bytes);
}

static void put_ci(struct gs_result *result, json_t *at, const struct gs_gpu_view *view,
                   const struct gs_gpu_instance *gi, const struct gs_compute_instance *ci)
{
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_gpu_view_name(view, gi, ci, name);
    gs_result_known(result, at, "id", ci->id);
    gs_result_text(result, at, "profile", name);
    gs_result_known(result, at, "profile_id", ci->profile_id);
    gs_result_known(result, at, "start", ci->start);
    gs_result_known(result, at, "size", ci->size);
    put_text(result, at, "uuid", ci->uuid);
    json_t *pids = gs_result_array(result, at, "pids");
    for (size_t i = 0; i < view->n_holders; i++) {
        /* what is only planned has no id, and nobody in it */
        if (ci->id != GS_NOT_KNOWN && gs_gpu_holder_is_of(&view->holders[i], gi->id, ci->id)) {
            gs_result_number(result, pids, NULL, view->holders[i].process.pid);
        }
    }
}

static bool is_in_use(const struct gs_gpu_view *view, const struct gs_gpu_instance *gi)
{
    for (unsigned i = 0; i < view->layout.n_slices; i++) {
        if (view->layout.slices[i].placement.start == gi->start) {
            return view->layout.slices[i].in_use;
        }
    }
    return true;
}

static void put_gi(struct gs_result *result, json_t *at, const struct gs_gpu_view *view,
                   const struct gs_gpu_instance *gi)
{
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_gpu_view_name(view, gi, NULL, name);
    gs_result_known(result, at, "id", gi->id);
    gs_result_text(result, at, "profile", name);
    gs_result_number(result, at, "profile_id", gi->profile_id);
    gs_result_number(result, at, "start", gi->start);
    gs_result_number(result, at, "size", gi->size);
    gs_result_bool(result, at, "in_use", is_in_use(view, gi));
    json_t *compute = gs_result_array(result, at, "compute_instances");
    for (unsigned i = 0; i < gi->n_compute; i++) {
        put_ci(result, gs_result_object(result, compute, NULL), view, gi, &gi->compute[i]);
    }
}

void gs_gpu_put_instances(struct gs_result *result, json_t *at, const char *key,
                          const struct gs_gpu_view *view)
{
    json_t *gis = gs_result_array(result, at, key);
    for (unsigned i = 0; i < view->instances.n; i++) {
        put_gi(result, gs_result_object(result, gis, NULL), view, &view->instances.at[i]);
    }
}

static unsigned free_units(const struct gs_gpu_view *view)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < view->layout.n_slices; i++) {
        taken |= view->layout.slices[i].placement.span;
    }
    return (unsigned)view->model->memory_units - (unsigned)__builtin_popcount(taken);
}

static void put_cut(struct gs_result *result, json_t *at, const struct gs_gpu_view *view)
{
    const struct gs_model *model = view->model;
    gs_result_known(result, at, "compute_slices",
                    model != NULL ? model->compute_slices : GS_NOT_KNOWN);
    gs_result_known(result, at, "memory_units",
                    model != NULL && model->placements_known ? model->memory_units : GS_NOT_KNOWN);
    gs_result_known(result, at, "free_memory_units",
                    view->has_layout ? free_units(view) : GS_NOT_KNOWN);
    gs_result_known(result, at, "stranded_memory_units",
                    view->has_layout ? (uint32_t)__builtin_popcount(view->stranded) : GS_NOT_KNOWN);
    gs_gpu_put_instances(result, at, "gpu_instances", view);
}

static void put_facts(struct gs_result *result, json_t *at, const struct gs_gpu_view *view)
{
    const struct gs_gpu *gpu = &view->facts;
    put_text(result, at, "uuid", gpu->uuid);
    put_text(result, at, "name", gpu->name);
    gs_result_text(result, at, "model", view->model != NULL ? view->model->id : NULL);
    put_text(result, at, "pci_bus_id", gpu->pci_bus_id);
    put_text(result, at, "serial", gpu->serial);
    gs_result_known(result, at, "minor", gpu->minor);
    put_bytes(result, at, "memory_bytes", gpu->memory_bytes);
    gs_result_text(result, at, "mig_mode", gs_gpu_mode_word(gpu->mode));
    gs_result_text(result, at, "mig_mode_pending", gs_gpu_mode_word(gpu->pending));
}

static void put_gpu(struct gs_result *result, json_t *at, const struct gs_gpu_view *view)
{
    gs_result_number(result, at, "index", view->index);
    gs_result_text(result, at, "error", view->code < 0 ? view->why.msg : NULL);
    if (view->code < 0) {
        return;
    }
    put_facts(result, at, view);
    put_cut(result, at, view);
    if (!view->holders_known) {
        gs_result_null(result, at, "processes");
        return;
    }
    json_t *processes = gs_result_array(result, at, "processes");
    for (size_t i = 0; i < view->n_holders; i++) {
        put_holder(result, gs_result_object(result, processes, NULL), &view->holders[i]);
    }
}

int gs_gpu_write_doc(const struct gs_gpu_machine *machine, const struct gs_gpu_view *const *views,
                     size_t n, enum gs_format format, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    json_t *driver = gs_result_object(&result, result.root, "driver");
    put_text(&result, driver, "version", machine->driver.driver_version);
    put_text(&result, driver, "nvml_version", machine->driver.nvml_version);
    gs_result_known(&result, driver, "cuda_version", machine->driver.cuda_version);
    gs_result_bool(&result, driver, "can_place", machine->driver.can_place);
    json_t *gpus = gs_result_array(&result, result.root, "gpus");
    for (size_t i = 0; i < n; i++) {
        put_gpu(&result, gs_result_object(&result, gpus, NULL), views[i]);
    }
    return gs_output_result(&result, format, err);
}
