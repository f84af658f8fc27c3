#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "simdriver/inside.h"

int sim_machine_init(struct sim_machine *machine, uint32_t driver_major)
{
    const struct sim_driver *driver = sim_driver_find(driver_major);
    if (driver == NULL) {
        return SIM_NOT_FOUND;
    }
    memset(machine, 0, sizeof(*machine));
    snprintf(machine->driver_version, sizeof(machine->driver_version), "%s", driver->version);
    machine->driver_major = driver->major;
    machine->cuda_version = driver->cuda;
    machine->next_event = 1;
    machine->next_fault = 1;
    machine->boots = 1;
    machine->loads = 1;
    machine->tree = 1;
    return SIM_OK;
}

/* ---- Adding a GPU ---- */

static const struct gs_variant *first_real_variant(const struct gs_model *model)
{
    for (unsigned i = 0; i < model->n_variants; i++) {
        if (model->variants[i].pci_device_id != 0) {
            return &model->variants[i];
        }
    }
    return NULL;
}

static int find_variant(const struct gs_model *model, const char *product,
                        const struct gs_variant **ret, struct gs_err *err)
{
    *ret = first_real_variant(model);
    for (unsigned i = 0; product != NULL && i < model->n_variants; i++) {
        if (gs_view_eq_nocase(gs_view(product), model->variants[i].product_name)) {
            *ret = &model->variants[i];
            return 0;
        }
    }
    if (product != NULL || *ret == NULL) {
        return gs_fail(err, GS_NOT_FOUND, "%s has no product \"%.80s\" with a PCI id", model->id,
                       product == NULL ? "" : product);
    }
    return 0;
}

static int can_add(const struct sim_machine *machine, const struct gs_model *model,
                   struct gs_err *err)
{
    if (machine->n_gpus == SIM_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "a machine has %d GPUs at most", SIM_GPUS_MAX);
    }
    if (model->n_profiles > 0 && gs_model_require_placements(model, err) < 0) {
        return gs_wrap(err, GS_UNKNOWN, "the GPU cannot be simulated");
    }
    if (machine->driver_major < sim_model_min_driver(model)) {
        return gs_fail(err, GS_UNSUPPORTED, "driver %u does not know %s: it needs %u or later",
                       machine->driver_major, model->id, sim_model_min_driver(model));
    }
    return 0;
}

/* Buses as on a DGX A100, then on. */
static uint32_t bus_of(uint32_t number)
{
    static const uint8_t dgx[] = {0x07, 0x0f, 0x47, 0x4e, 0x87, 0x90, 0xb7, 0xbd};
    const uint32_t n = GS_ARRAY_LEN(dgx);
    return number < n ? dgx[number] : 0xc0 + (number - n) * 4;
}

int sim_machine_add_gpu(struct sim_machine *machine, const struct gs_model *model,
                        const char *product, const char *seed, bool vm, struct gs_err *err)
{
    const struct gs_variant *variant;
    int r = can_add(machine, model, err);
    if (r < 0 || (r = find_variant(model, product, &variant, err)) < 0) {
        return r;
    }
    unsigned number = machine->n_gpus++;
    struct sim_gpu *gpu = &machine->gpus[number];
    char text[200];
    char uuid[37];
    snprintf(text, sizeof(text), "gpuslice GPU %.100s %u %s", seed, number, model->id);
    sim_uuid(text, uuid);
    *gpu = (struct sim_gpu){
        .pci_bus = bus_of(number),
        .pci_device_id = variant->pci_device_id,
        .pci_subsystem_id = 0x000010DE,
        .minor = number,
        .vm = vm,
        .tree = 1,
    };
    snprintf(gpu->model, sizeof(gpu->model), "%s", model->id);
    snprintf(gpu->name, sizeof(gpu->name), "%s", variant->product_name);
    snprintf(gpu->uuid, sizeof(gpu->uuid), "GPU-%s", uuid);
    /* Thirteen digits, as on the cards. */
    snprintf(gpu->serial, sizeof(gpu->serial), "1%012llu",
             strtoull(uuid, NULL, 16) * 1000 + number);
    /* The first half of the GPUs hangs on the first socket. */
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        machine->gpus[i].numa_node = machine->n_gpus > 1 && i >= machine->n_gpus / 2;
    }
    return 0;
}

/* ---- Checking what comes from a file ---- */

static bool is_text(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);
    for (const char *c = text; end != NULL && c < end; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
            return false;
        }
    }
    return end != NULL;
}

/* Letters, digits, '-' and '.': it becomes part of file names and of other names. */
static bool is_word(const char *text, size_t size)
{
    if (!is_text(text, size) || text[0] == '\0' || text[0] == '.') {
        return false;
    }
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")] ==
           '\0';
}

static bool check_cis(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                      uint64_t *mig_indexes)
{
    const struct sim_gi *g = &machine->gpus[gpu].gis[gi];
    uint32_t taken = 0;
    for (unsigned i = 0; i < SIM_CIS; i++) {
        const struct sim_ci *ci = &g->cis[i];
        if (!ci->present) {
            continue;
        }
        struct sim_ci_profile kind;
        if (ci->start >= 16 || ci->size > 16 || ci->mig_index >= SIM_CIS ||
            sim_ci_profile(machine, gpu, gi, ci->profile, 0, &kind) != SIM_OK ||
            kind.size != ci->size || !(kind.starts >> ci->start & 1u)) {
            return false;
        }
        uint32_t span = ((1u << ci->size) - 1u) << ci->start;
        uint64_t index = (uint64_t)1 << ci->mig_index;
        if ((taken & span) != 0 || (*mig_indexes & index) != 0) {
            return false;
        }
        taken |= span;
        *mig_indexes |= index;
    }
    return true;
}

/* Each GI alone: then sim_taken_units and the rest are safe. */
static bool check_gi(const struct gs_model *model, const struct sim_gi *gi)
{
    return gi->present == 1 && gi->profile < model->n_profiles && gi->start < model->memory_units &&
           gi->size == model->profiles[gi->profile].memory_units &&
           (model->profiles[gi->profile].starts >> gi->start & 1u);
}

static bool check_layout(const struct sim_machine *machine, unsigned gpu)
{
    const struct sim_gpu *g = &machine->gpus[gpu];
    const struct gs_model *model = sim_gpu_model(g);
    uint8_t counts[GS_PROFILES_MAX] = {0};
    uint16_t units = 0;
    uint64_t mig_indexes = 0;
    for (unsigned i = 0; i < SIM_GIS; i++) {
        if (!g->gis[i].present) {
            continue;
        }
        if (!g->mode || !check_gi(model, &g->gis[i])) {
            return false;
        }
        uint16_t span = gs_profile_span(&model->profiles[g->gis[i].profile], g->gis[i].start);
        if ((units & span) != 0 || (!g->lost && !check_cis(machine, gpu, i, &mig_indexes))) {
            return false;
        }
        units |= span;
        counts[g->gis[i].profile]++;
    }
    return sim_counts_fit(machine, model, counts);
}

static bool check_texts(const struct sim_gpu *gpu)
{
    return is_word(gpu->model, sizeof(gpu->model)) && is_text(gpu->name, sizeof(gpu->name)) &&
           is_word(gpu->uuid, sizeof(gpu->uuid)) && is_word(gpu->serial, sizeof(gpu->serial));
}

/* The other fields of a GPU, and that no other before it is the same one. */
static bool check_numbers(const struct sim_machine *machine, unsigned number)
{
    const struct sim_gpu *gpu = &machine->gpus[number];
    for (unsigned i = 0; i < number; i++) {
        const struct sim_gpu *other = &machine->gpus[i];
        if (other->minor == gpu->minor || strcmp(other->uuid, gpu->uuid) == 0 ||
            other->pci_bus >= gpu->pci_bus) {
            return false;
        }
    }
    return gpu->pci_domain <= 0xFFFF && gpu->pci_bus <= 0xFF && gpu->pci_device <= 0x1F &&
           gpu->minor < 32 && gpu->numa_node >= -1 && gpu->numa_node < 1024 && gpu->mode <= 1 &&
           gpu->pending <= 1 && gpu->lost <= 1 && gpu->vm <= 1;
}

static int check_gpu(const struct sim_machine *machine, unsigned number, struct gs_err *err)
{
    const struct sim_gpu *gpu = &machine->gpus[number];
    if (!check_texts(gpu)) {
        return gs_fail(err, GS_INVALID, "GPU %u: a name is no text", number);
    }
    const struct gs_model *model = sim_model_by_id(gpu->model);
    if (model == NULL || (model->n_profiles > 0 && !model->placements_known)) {
        return gs_fail(err, GS_INVALID, "GPU %u: there is no model %s", number, gpu->model);
    }
    if (!check_numbers(machine, number)) {
        return gs_fail(err, GS_INVALID, "GPU %u: a number is out of its range, or comes twice",
                       number);
    }
    if ((model->n_profiles == 0 && (gpu->mode || gpu->pending)) || !check_layout(machine, number)) {
        return gs_fail(err, GS_INVALID, "GPU %u: its instances cannot be together on a %s", number,
                       gpu->model);
    }
    return 0;
}

static bool check_holders(const struct sim_machine *machine)
{
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        const struct sim_holder *h = &machine->holders[i];
        if (h->pid == 0) {
            continue;
        }
        bool whole = h->gi == SIM_NONE && h->ci == SIM_NONE;
        if (h->gpu >= machine->n_gpus || h->pid > INT32_MAX ||
            (!whole && (h->gi >= SIM_GIS || h->ci >= SIM_CIS)) || h->busy_percent > 100 ||
            h->memory_mib > (uint64_t)1 << 32 || !is_text(h->name, sizeof(h->name))) {
            return false;
        }
    }
    for (unsigned i = 0; i < SIM_SESSIONS; i++) {
        const struct sim_session *s = &machine->sessions[i];
        if (s->pid > INT32_MAX || (s->pid != 0) != (s->count != 0)) {
            return false;
        }
    }
    return true;
}

static bool check_events(const struct sim_machine *machine)
{
    for (unsigned i = 0; i < SIM_EVENTS; i++) {
        const struct sim_event *e = &machine->events[i];
        if (e->seq != 0 && (e->gpu >= machine->n_gpus || e->seq >= machine->next_event ||
                            e->seq % SIM_EVENTS != i)) {
            return false;
        }
    }
    return machine->next_event >= 1 && machine->next_event < (uint64_t)1 << 62;
}

static bool check_faults(const struct sim_machine *machine)
{
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        const struct sim_fault *f = &machine->faults[i];
        if (!is_text(f->function, sizeof(f->function)) || f->code > 999 || f->hang > 1 ||
            f->kill > 2) {
            return false;
        }
    }
    return true;
}

int sim_machine_check(const struct sim_machine *machine, struct gs_err *err)
{
    if (!is_word(machine->driver_version, sizeof(machine->driver_version)) ||
        sim_driver_find(machine->driver_major) == NULL || machine->driver_gone > 1) {
        return gs_fail(err, GS_INVALID, "it names a driver that is not simulated");
    }
    if (machine->n_gpus > SIM_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "it has %u GPUs: %d at most", machine->n_gpus,
                       SIM_GPUS_MAX);
    }
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        int r = check_gpu(machine, i, err);
        if (r < 0) {
            return r;
        }
    }
    if (!check_holders(machine) || !check_events(machine) || !check_faults(machine)) {
        return gs_fail(err, GS_INVALID, "its processes, events or faults are out of their range");
    }
    return 0;
}
