#include "gpu/gpu_table.h"

#include <stdio.h>
#include <string.h>

#include "core/catalog.h"
#include "core/layout.h"
#include "gpu/gpu_table_read.h"
#include "gpu/gpu_table_rules.h"
#include "gpu/gpu_table_turn.h"

static void close_table(void *impl)
{
    (void)impl;
}

static int driver(void *impl, struct gs_gpu_driver *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_DRIVER, GS_NOT_KNOWN);
    if (!gs_gpu_turn_begin(&turn)) {
        return gs_gpu_turn_end(&turn, 0, err);
    }
    struct gs_gpu_driver driver = {.cuda_version = GS_NOT_KNOWN,
                                   .can_place = gs_gpu_rules_can_place(turn.table),
                                   .can_place_compute = gs_gpu_rules_can_place_cis(turn.table)};
    snprintf(driver.driver_version, sizeof(driver.driver_version), "%u.00",
             turn.table->driver_major);
    snprintf(driver.nvml_version, sizeof(driver.nvml_version), "table");
    int r = gs_gpu_turn_end(&turn, 0, err);
    if (r == 0) {
        *ret = driver;
    }
    return r;
}

static int count(void *impl, unsigned *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_COUNT, GS_NOT_KNOWN);
    gs_gpu_turn_begin(&turn);
    int r = gs_gpu_turn_end(&turn, 0, err);
    if (r == 0) {
        *ret = turn.table->n_gpus;
    }
    return r;
}

static int get(void *impl, unsigned gpu, struct gs_gpu *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_GET, gpu);
    struct gs_gpu got = {0};
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_get(turn.table, gpu, &got, err) : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

static int profiles(void *impl, unsigned gpu, struct gs_gpu_profile *ret, unsigned *ret_n,
                    struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_PROFILES, gpu);
    struct gs_gpu_profile got[GS_GPU_PROFILES_MAX];
    unsigned n = 0;
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_profiles(turn.table, gpu, got, &n, err) : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        memcpy(ret, got, n * sizeof(*got));
        *ret_n = n;
    }
    return r;
}

static int instances(void *impl, unsigned gpu, struct gs_gpu_instances *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_INSTANCES, gpu);
    struct gs_gpu_instances got = {0};
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_present(turn.table, gpu, err) : 0;
    if (r == 0 && gpu < turn.table->n_gpus) {
        gs_gpu_table_read(turn.table, gpu, &got);
    }
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

static int compute_profiles(void *impl, unsigned gpu, uint32_t gi, struct gs_compute_profile *ret,
                            unsigned *ret_n, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_COMPUTE_PROFILES, gpu);
    turn.call.gi = gi;
    struct gs_compute_profile got[GS_COMPUTE_PROFILES_MAX];
    unsigned n = 0;
    int r = gs_gpu_turn_begin(&turn)
                ? gs_gpu_rules_compute_profiles(turn.table, gpu, gi, got, &n, err)
                : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        memcpy(ret, got, n * sizeof(*got));
        *ret_n = n;
    }
    return r;
}

static int compute_places(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          struct gs_compute_places *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_COMPUTE_PLACES, gpu);
    turn.call.gi = gi;
    turn.call.profile_id = profile_id;
    struct gs_compute_places got = {0};
    int r = gs_gpu_turn_begin(&turn)
                ? gs_gpu_rules_compute_places(turn.table, gpu, gi, profile_id, &got, err)
                : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

static int processes(void *impl, unsigned gpu, struct gs_gpu_process *ret, size_t cap,
                     size_t *ret_n, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_PROCESSES, gpu);
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_present(turn.table, gpu, err) : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        const struct gs_gpu_table_gpu *on = &turn.table->gpus[gpu];
        memcpy(ret, on->processes, (on->n_processes < cap ? on->n_processes : cap) * sizeof(*ret));
        *ret_n = on->n_processes;
    }
    return r;
}

static int create(void *impl, unsigned gpu, uint32_t profile_id, uint32_t start, uint32_t size,
                  struct gs_gpu_instance *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_CREATE, gpu);
    turn.call.profile_id = profile_id;
    turn.call.start = start;
    struct gs_gpu_instance got = {0};
    int r = gs_gpu_turn_begin(&turn)
                ? gs_gpu_rules_create(turn.table, gpu, profile_id, start, size, &got, err)
                : 0;
    turn.call.gi = r == 0 ? got.id : GS_NOT_KNOWN;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

static int destroy(void *impl, unsigned gpu, uint32_t gi, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_DESTROY, gpu);
    turn.call.gi = gi;
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_destroy(turn.table, gpu, gi, err) : 0;
    return gs_gpu_turn_end(&turn, r, err);
}

static int create_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                          struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_CREATE_COMPUTE, gpu);
    turn.call.gi = gi;
    turn.call.profile_id = profile_id;
    turn.call.start = start;
    struct gs_compute_instance got = {0};
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_create_compute(turn.table, gpu, gi, profile_id,
                                                                   start, size, &got, err)
                                     : 0;
    turn.call.ci = r == 0 ? got.id : GS_NOT_KNOWN;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

static int destroy_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t ci, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_DESTROY_COMPUTE, gpu);
    turn.call.gi = gi;
    turn.call.ci = ci;
    int r =
        gs_gpu_turn_begin(&turn) ? gs_gpu_rules_destroy_compute(turn.table, gpu, gi, ci, err) : 0;
    return gs_gpu_turn_end(&turn, r, err);
}

static int set_mode(void *impl, unsigned gpu, enum gs_mig_mode mode, enum gs_mig_activation *ret,
                    struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_SET_MODE, gpu);
    enum gs_mig_activation got = GS_MIG_ACTIVE;
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_set_mode(turn.table, gpu, mode, &got, err) : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

static int reset(void *impl, const unsigned *gpus, unsigned n, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_RESET, n > 0 ? gpus[0] : GS_NOT_KNOWN);
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_reset(turn.table, gpus, n, err) : 0;
    return gs_gpu_turn_end(&turn, r, err);
}

static const struct gs_gpu_ops table_ops = {
    .name = "table",
    .close = close_table,
    .driver = driver,
    .count = count,
    .get = get,
    .profiles = profiles,
    .instances = instances,
    .compute_profiles = compute_profiles,
    .compute_places = compute_places,
    .processes = processes,
    .mig_device = gs_gpu_table_mig_device,
    .fabric = gs_gpu_table_fabric,
    .read = gs_gpu_table_readings,
    .read_slice = gs_gpu_table_read_slice,
    .watch_open = gs_gpu_table_watch_open,
    .watch_next = gs_gpu_table_watch_next,
    .watch_close = gs_gpu_table_watch_close,
    .create = create,
    .destroy = destroy,
    .create_compute = create_compute,
    .destroy_compute = destroy_compute,
    .set_mode = set_mode,
    .reset = reset,
};

void gs_gpu_table_open(struct gs_gpu_table *table, struct gs_gpus *ret)
{
    *ret = (struct gs_gpus){.ops = &table_ops, .impl = table};
}

void gs_gpu_table_init(struct gs_gpu_table *ret, unsigned driver_major)
{
    memset(ret, 0, sizeof(*ret));
    ret->driver_major = driver_major;
}

static void add_one(struct gs_gpu_table *table, const struct gs_model *model)
{
    enum gs_mig_mode mode = model == NULL ? GS_MIG_NOT_CAPABLE : GS_MIG_OFF;
    unsigned i = table->n_gpus++;
    struct gs_gpu_table_gpu *gpu = &table->gpus[i];
    *gpu = (struct gs_gpu_table_gpu){
        .model = model, .pci_device_id = GS_NOT_KNOWN, .minor = i, .mode = mode, .pending = mode};
    if (model != NULL && model->n_variants > 0 && model->variants[0].pci_device_id != 0) {
        gpu->pci_device_id = model->variants[0].pci_device_id;
    }
    memset(&gpu->readings, 0xff, sizeof(gpu->readings)); /* GS_NOT_KNOWN, UINT64_MAX */
    gpu->fabric.clique = GS_NOT_KNOWN;
    snprintf(gpu->uuid, sizeof(gpu->uuid), "GPU-7ab1e000-0000-4000-8000-%012u", i);
    snprintf(gpu->serial, sizeof(gpu->serial), "%013u", 1650000000u + i);
    snprintf(gpu->pci_bus_id, sizeof(gpu->pci_bus_id), "00000000:%02X:00.0", 7 + 8 * i);
}

static int add_all(struct gs_gpu_table *table, const struct gs_model *model, unsigned n,
                   struct gs_err *err)
{
    if (n > GS_GPU_TABLE_GPUS_MAX - table->n_gpus) {
        return gs_fail(err, GS_LIMIT, "%u more GPUs beside %u: a table holds %d at most", n,
                       table->n_gpus, GS_GPU_TABLE_GPUS_MAX);
    }
    for (unsigned i = 0; i < n; i++) {
        add_one(table, model);
    }
    return 0;
}

int gs_gpu_table_add(struct gs_gpu_table *table, const char *name, unsigned n, struct gs_err *err)
{
    const struct gs_model *model;
    int r = gs_catalog_find(gs_view(name), &model, err);
    if (r < 0 || (r = gs_model_require_placements(model, err)) < 0) {
        return r;
    }
    return add_all(table, model, n, err);
}

int gs_gpu_table_add_whole(struct gs_gpu_table *table, unsigned n, struct gs_err *err)
{
    return add_all(table, NULL, n, err);
}

void gs_gpu_table_mig_on(struct gs_gpu_table *table)
{
    for (unsigned i = 0; i < table->n_gpus; i++) {
        if (table->gpus[i].model != NULL) {
            table->gpus[i].mode = GS_MIG_ON;
            table->gpus[i].pending = GS_MIG_ON;
        }
    }
}

int gs_gpu_table_hold(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                      uint32_t pid, struct gs_err *err)
{
    int r = gs_gpu_rules_present(table, gpu, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    bool whole = gi == GS_NOT_KNOWN;
    if (!whole && (gi >= GS_GPU_INSTANCES_MAX || ci >= GS_COMPUTE_INSTANCES_MAX ||
                   !on->gis[gi].present || !on->gis[gi].cis[ci].present)) {
        return gs_fail(err, GS_NOT_FOUND, "GPU %u has no compute instance %u in GPU instance %u",
                       gpu, ci, gi);
    }
    if (on->n_processes == GS_GPU_TABLE_PROCESSES_MAX) {
        return gs_fail(err, GS_LIMIT, "GPU %u: a table holds %d processes of a GPU at most", gpu,
                       GS_GPU_TABLE_PROCESSES_MAX);
    }
    on->processes[on->n_processes++] =
        (struct gs_gpu_process){.pid = pid,
                                .gpu_instance = gi,
                                .compute_instance = whole ? GS_NOT_KNOWN : ci,
                                .memory_bytes = UINT64_MAX};
    return 0;
}

void gs_gpu_table_drop(struct gs_gpu_table *table, uint32_t pid)
{
    for (unsigned g = 0; g < table->n_gpus; g++) {
        struct gs_gpu_table_gpu *gpu = &table->gpus[g];
        unsigned kept = 0;
        for (unsigned i = 0; i < gpu->n_processes; i++) {
            if (gpu->processes[i].pid != pid) {
                gpu->processes[kept++] = gpu->processes[i];
            }
        }
        gpu->n_processes = kept;
    }
}

int gs_gpu_table_fault(struct gs_gpu_table *table, const struct gs_gpu_fault *fault,
                       struct gs_err *err)
{
    for (unsigned i = 0; i < GS_GPU_TABLE_FAULTS_MAX; i++) {
        if (table->faults[i].times == 0) {
            table->faults[i] = *fault;
            return 0;
        }
    }
    return gs_fail(err, GS_LIMIT, "a table holds %d faults at most", GS_GPU_TABLE_FAULTS_MAX);
}

void gs_gpu_table_clear_faults(struct gs_gpu_table *table)
{
    memset(table->faults, 0, sizeof(table->faults));
}

void gs_gpu_table_reboot(struct gs_gpu_table *table)
{
    for (unsigned i = 0; i < table->n_gpus; i++) {
        struct gs_gpu_table_gpu *gpu = &table->gpus[i];
        gpu->n_processes = 0;
        gpu->clients = 0;
        gpu->lost = false;
        if (gpu->model != NULL && !gpu->model->mode_change_needs_reset) {
            gpu->pending = GS_MIG_OFF;
        }
        gpu->mode = gpu->pending;
        memset(gpu->gis, 0, sizeof(gpu->gis));
    }
}

static bool same_ci(const struct gs_gpu_table_ci *a, const struct gs_gpu_table_ci *b)
{
    return a->present == b->present &&
           (!a->present ||
            (a->profile == b->profile && a->start == b->start && a->size == b->size &&
             a->leaked == b->leaked && a->generation == b->generation));
}

static bool same_gi(const struct gs_gpu_table_gi *a, const struct gs_gpu_table_gi *b)
{
    if (a->present != b->present) {
        return false;
    }
    if (!a->present) {
        return true;
    }
    for (unsigned i = 0; i < GS_COMPUTE_INSTANCES_MAX; i++) {
        if (!same_ci(&a->cis[i], &b->cis[i])) {
            return false;
        }
    }
    return a->profile == b->profile && a->start == b->start && a->leaked == b->leaked &&
           a->generation == b->generation;
}

static bool same_process(const struct gs_gpu_process *a, const struct gs_gpu_process *b)
{
    return a->pid == b->pid && a->gpu_instance == b->gpu_instance &&
           a->compute_instance == b->compute_instance && a->memory_bytes == b->memory_bytes;
}

static bool same_gpu(const struct gs_gpu_table_gpu *a, const struct gs_gpu_table_gpu *b)
{
    if (a->model != b->model || strcmp(a->uuid, b->uuid) != 0 || a->mode != b->mode ||
        a->pending != b->pending || a->lost != b->lost || a->vm != b->vm ||
        a->clients != b->clients || a->n_processes != b->n_processes) {
        return false;
    }
    for (unsigned i = 0; i < GS_GPU_INSTANCES_MAX; i++) {
        if (!same_gi(&a->gis[i], &b->gis[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < a->n_processes; i++) {
        if (!same_process(&a->processes[i], &b->processes[i])) {
            return false;
        }
    }
    return true;
}

bool gs_gpu_table_equal(const struct gs_gpu_table *a, const struct gs_gpu_table *b)
{
    if (a->driver_major != b->driver_major || a->n_gpus != b->n_gpus) {
        return false;
    }
    for (unsigned i = 0; i < a->n_gpus; i++) {
        if (!same_gpu(&a->gpus[i], &b->gpus[i])) {
            return false;
        }
    }
    return true;
}
