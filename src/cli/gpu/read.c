/* The machine as the commands of `gpuslice gpu` show it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/gpu/gpu.h"
#include "cli/mig/mig.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"

bool gs_gpu_holder_is_of(const struct gs_gpu_holder *holder, uint32_t gi, uint32_t ci)
{
    return holder->process.gpu_instance == gi &&
           (ci == GS_NOT_KNOWN || holder->process.compute_instance == ci ||
            holder->process.compute_instance == GS_NOT_KNOWN);
}

static int read_holders(struct gs_arena *arena, struct gs_gpus *gpus, struct gs_gpu_view *view,
                        struct gs_err *err)
{
    struct gs_arena_mark mark = gs_arena_mark(arena);
    struct gs_gpu_process *processes =
        GS_ARENA_NEW(arena, struct gs_gpu_process, GS_GPU_PROCESSES_MAX);
    size_t n = 0;
    if (processes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the processes of GPU %u", view->index);
    }
    view->holders_known =
        gs_gpu_processes(gpus, view->index, processes, GS_GPU_PROCESSES_MAX, &n, NULL) == 0;
    if (!view->holders_known || n == 0) {
        gs_arena_rewind(arena, mark);
        return 0;
    }
    n = n < GS_GPU_PROCESSES_MAX ? n : GS_GPU_PROCESSES_MAX;
    struct gs_gpu_holder *holders = GS_ARENA_NEW(arena, struct gs_gpu_holder, n);
    if (holders == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the processes of GPU %u", view->index);
    }
    for (size_t i = 0; i < n; i++) {
        holders[i].process = processes[i];
        gs_holder_read(&processes[i], &holders[i].who);
    }
    view->n_holders = n;
    view->holders = holders;
    return 0;
}

/* GIs with a process on them, by id. All of them where that is not known, or where a process is on
 * the GPU of which it is not known where. */
static uint32_t gis_in_use(const struct gs_gpu_view *view)
{
    uint32_t in_use = view->holders_known ? 0 : UINT32_MAX;
    for (size_t i = 0; i < view->n_holders; i++) {
        uint32_t gi = view->holders[i].process.gpu_instance;
        in_use |= gi < GS_GPU_INSTANCES_MAX ? UINT32_C(1) << gi : UINT32_MAX;
    }
    return in_use;
}

void gs_gpu_view_lay_out(struct gs_gpu_view *view)
{
    view->has_layout =
        view->model != NULL && view->model->placements_known && view->facts.mode == GS_MIG_ON &&
        gs_gpu_model_layout(view->model, &view->instances, gis_in_use(view), &view->layout, NULL) ==
            0;
    view->stranded = view->has_layout ? gs_gpu_model_stranded(view->model, &view->layout) : 0;
}

static int lay_out(struct gs_arena *arena, struct gs_gpus *gpus, struct gs_gpu_view *view,
                   struct gs_err *err)
{
    int r = gs_gpu_model_read(arena, gpus, view->index, &view->model, NULL);
    if (r == GS_NO_MEMORY) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the model of GPU %u", view->index);
    }
    gs_gpu_view_lay_out(view);
    return 0;
}

static int read_gpu(struct gs_arena *arena, struct gs_gpus *gpus, struct gs_gpu_view *view,
                    struct gs_err *err)
{
    view->code = gs_gpu_get(gpus, view->index, &view->facts, &view->why);
    if (view->code == 0) {
        view->code = gs_gpu_instances(gpus, view->index, &view->instances, &view->why);
    }
    if (view->code < 0) {
        return 0;
    }
    int r = read_holders(arena, gpus, view, err);
    return r < 0 || view->facts.mode == GS_MIG_NOT_CAPABLE ? r : lay_out(arena, gpus, view, err);
}

int gs_gpu_machine_read(struct gs_arena *arena, struct gs_gpu_machine *ret, struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    gs_mig_notice_killed();
    int r = gs_gpu_env_open(&gpus, err);
    return r < 0 ? r : gs_gpu_machine_look(arena, &gpus, ret, err);
}

int gs_gpu_machine_look(struct gs_arena *arena, struct gs_gpus *gpus, struct gs_gpu_machine *ret,
                        struct gs_err *err)
{
    struct gs_gpu_machine machine = {.n = 0};
    int r = gs_gpu_driver(gpus, &machine.driver, err);
    if (r < 0 || (r = gs_gpu_count(gpus, &machine.n, err)) < 0) {
        return r;
    }
    machine.at = GS_ARENA_NEW(arena, struct gs_gpu_view, machine.n);
    if (machine.at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", machine.n);
    }
    for (unsigned i = 0; i < machine.n; i++) {
        machine.at[i].index = i;
        if ((r = read_gpu(arena, gpus, &machine.at[i], err)) < 0) {
            return r;
        }
    }
    *ret = machine;
    return 0;
}

/* "00000000:07:00.0" may be written "0000:07:00.0" or "07:00.0", in any case. */
static bool is_address(const char *address, const char *name)
{
    size_t have = strlen(address);
    size_t want = strlen(name);
    return want >= strlen("07:00.0") && want <= have &&
           strcasecmp(address + have - want, name) == 0 &&
           (want == have || address[have - want - 1] == ':' || address[have - want - 1] == '0');
}

bool gs_gpu_is_named(const struct gs_gpu *facts, const char *name)
{
    return strcasecmp(facts->uuid, name) == 0 || is_address(facts->pci_bus_id, name);
}

static bool has_slice(const struct gs_gpu_view *view, const char *uuid)
{
    for (unsigned i = 0; i < view->instances.n; i++) {
        for (unsigned c = 0; c < view->instances.at[i].n_compute; c++) {
            if (strcasecmp(view->instances.at[i].compute[c].uuid, uuid) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_named(const struct gs_gpu_view *view, const char *name)
{
    uint64_t number;
    if (gs_view_is_u64(gs_view(name), UINT32_MAX, &number)) {
        return number == view->index;
    }
    return view->code == 0 && (gs_gpu_is_named(&view->facts, name) || has_slice(view, name));
}

int gs_gpu_machine_find(const struct gs_gpu_machine *machine, const char *name,
                        const struct gs_gpu_view **ret, struct gs_err *err)
{
    for (unsigned i = 0; i < machine->n; i++) {
        if (is_named(&machine->at[i], name)) {
            *ret = &machine->at[i];
            return 0;
        }
    }
    if (machine->n == 0) {
        return gs_fail(err, GS_NOT_FOUND, "there is no GPU \"%.100s\": the driver lists none",
                       name);
    }
    return gs_fail(
        err, GS_NOT_FOUND,
        "there is no GPU \"%.100s\"; name one by its number (0 to %u), its UUID, its PCI "
        "address, or the UUID of one of its slices",
        name, machine->n - 1);
}

static const struct gs_profile *profile_of(const struct gs_gpu_view *view,
                                           const struct gs_gpu_instance *gi)
{
    for (unsigned i = 0; view->model != NULL && i < view->model->n_profiles; i++) {
        if (view->model->profiles[i].nvml_profile_id == gi->profile_id) {
            return &view->model->profiles[i];
        }
    }
    return NULL;
}

/* By NVML's number of its kind (the order is NVML's). */
unsigned gs_gpu_slices_of(const struct gs_compute_instance *ci)
{
    static const uint8_t slices[] = {1, 2, 3, 4, 7, 8, 6, 1, 7};
    return ci->profile < sizeof(slices) ? slices[ci->profile] : 0;
}

void gs_gpu_view_name(const struct gs_gpu_view *view, const struct gs_gpu_instance *gi,
                      const struct gs_compute_instance *ci, char ret[GS_PROFILE_NAME_MAX + 1])
{
    const struct gs_profile *profile = profile_of(view, gi);
    snprintf(ret, GS_PROFILE_NAME_MAX + 1, "?");
    if (profile == NULL) {
        return;
    }
    struct gs_profile_name name = profile->parts;
    if (ci != NULL && gs_gpu_slices_of(ci) > 0) {
        name.compute_slices = gs_gpu_slices_of(ci);
    }
    gs_profile_name_format(&name, ret);
}

const char *gs_gpu_mode_text(const struct gs_gpu *gpu)
{
    if (gpu->mode == GS_MIG_NOT_CAPABLE) {
        return "-";
    }
    if (gpu->mode == gpu->pending) {
        return gpu->mode == GS_MIG_ON ? "on" : "off";
    }
    return gpu->mode == GS_MIG_ON ? "on, off after a reset" : "off, on after a reset";
}

int gs_gpu_exit(const struct gs_gpu_view *const *views, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (views[i]->code < 0) {
            return gs_exit_failed(&views[i]->why);
        }
    }
    return GS_EXIT_DONE;
}
