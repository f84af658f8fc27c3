#include "gpu/gpu_table_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/layout.h"

/* Compute instance profiles by NVML's enum; a table has the first seven. */
static const uint8_t ci_slices[] = {1, 2, 3, 4, 7, 8, 6};
enum { CI_PROFILES = sizeof(ci_slices) };

bool gs_gpu_rules_can_place(const struct gs_gpu_table *table)
{
    return table->driver_major >= 470;
}

int gs_gpu_rules_present(const struct gs_gpu_table *table, unsigned gpu, struct gs_err *err)
{
    if (gpu >= table->n_gpus) {
        return gs_fail(err, GS_NOT_FOUND, "there is no GPU %u; there are %u", gpu, table->n_gpus);
    }
    if (table->gpus[gpu].lost) {
        return gs_fail_errno(err, ENODEV, "GPU %u fell off the bus", gpu);
    }
    return 0;
}

/* A GPU that is there and has MIG on. */
static int cut_gpu(const struct gs_gpu_table *table, unsigned gpu, struct gs_err *err)
{
    int r = gs_gpu_rules_present(table, gpu, err);
    if (r == 0 && table->gpus[gpu].mode != GS_MIG_ON) {
        r = gs_fail(err, GS_UNSUPPORTED, "GPU %u: MIG is off", gpu);
    }
    return r;
}

static int find_gi(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi, struct gs_err *err)
{
    int r = cut_gpu(table, gpu, err);
    if (r == 0 && (gi >= GS_GPU_INSTANCES_MAX || !table->gpus[gpu].gis[gi].present)) {
        r = gs_fail(err, GS_NOT_FOUND, "GPU %u has no GPU instance %u", gpu, gi);
    }
    return r;
}

static int find_ci(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                   struct gs_err *err)
{
    int r = find_gi(table, gpu, gi, err);
    if (r == 0 && (ci >= GS_COMPUTE_INSTANCES_MAX || !table->gpus[gpu].gis[gi].cis[ci].present)) {
        r = gs_fail(err, GS_NOT_FOUND, "GPU %u, GPU instance %u has no compute instance %u", gpu,
                    gi, ci);
    }
    return r;
}

/* The driver from which on a profile is there; numbers of NVML_GPU_INSTANCE_PROFILE_*. */
static unsigned first_driver(uint32_t nvml_profile)
{
    switch (nvml_profile) {
    case 7: /* 1_SLICE_REV1 */
        return 470;
    case 8: /* 2_SLICE_REV1 */
    case 9: /* 1_SLICE_REV2 */
        return 525;
    default:
        return nvml_profile >= 10 ? 575 : 450;
    }
}

static bool is_offered(const struct gs_gpu_table *table, const struct gs_profile *profile)
{
    return table->driver_major >= first_driver(profile->nvml_profile);
}

static uint32_t architecture_of(const struct gs_model *model)
{
    static const struct {
        const char *name;
        uint32_t number;
    } known[] = {{"ampere", 7}, {"hopper", 9}, {"blackwell", 10}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(model->architecture, known[i].name) == 0) {
            return known[i].number;
        }
    }
    return GS_NOT_KNOWN;
}

static void get_model(const struct gs_model *model, struct gs_gpu *ret)
{
    snprintf(ret->name, sizeof(ret->name), "%s",
             model->n_product_names > 0 ? model->product_names[0] : model->id);
    ret->architecture = architecture_of(model);
    if (ret->architecture == 7 || ret->architecture == 9) {
        ret->compute_major = ret->architecture == 7 ? 8 : 9;
        ret->compute_minor = 0;
    }
    if (model->memory_mib != GS_NOT_KNOWN) {
        ret->memory_bytes = (uint64_t)model->memory_mib << 20;
    }
    ret->mode_change_needs_reset = model->mode_change_needs_reset;
    ret->max_mig_devices = ret->mode == GS_MIG_ON ? model->max_instances : 0;
}

int gs_gpu_rules_get(const struct gs_gpu_table *table, unsigned gpu, struct gs_gpu *ret,
                     struct gs_err *err)
{
    int r = gs_gpu_rules_present(table, gpu, err);
    if (r < 0) {
        return r;
    }
    const struct gs_gpu_table_gpu *from = &table->gpus[gpu];
    *ret = (struct gs_gpu){.index = gpu,
                           .name = "NVIDIA GPU without MIG",
                           .pci_device_id = from->pci_device_id,
                           .pci_subsystem_id = GS_NOT_KNOWN,
                           .minor = from->minor,
                           .architecture = GS_NOT_KNOWN,
                           .compute_major = GS_NOT_KNOWN,
                           .compute_minor = GS_NOT_KNOWN,
                           .memory_bytes = UINT64_MAX,
                           .mode = from->mode,
                           .pending = from->pending};
    snprintf(ret->uuid, sizeof(ret->uuid), "%s", from->uuid);
    snprintf(ret->serial, sizeof(ret->serial), "%s", from->serial);
    snprintf(ret->pci_bus_id, sizeof(ret->pci_bus_id), "%s", from->pci_bus_id);
    if (from->model != NULL) {
        get_model(from->model, ret);
    }
    return 0;
}

static struct gs_gpu_profile profile_of(const struct gs_profile *profile)
{
    struct gs_gpu_profile ret = {.profile = profile->nvml_profile,
                                 .profile_id = profile->nvml_profile_id,
                                 .compute_slices = profile->compute_slices,
                                 .max_instances = profile->max_instances,
                                 .memory_mib = profile->memory_mib,
                                 .sm_count = profile->sm_count,
                                 .size = profile->memory_units,
                                 .starts = profile->starts};
    memcpy(ret.engines, profile->engines, sizeof(ret.engines));
    snprintf(ret.name, sizeof(ret.name), "%s", profile->name);
    return ret;
}

int gs_gpu_rules_profiles(const struct gs_gpu_table *table, unsigned gpu,
                          struct gs_gpu_profile *ret, unsigned *ret_n, struct gs_err *err)
{
    int r = gs_gpu_rules_present(table, gpu, err);
    if (r < 0) {
        return r;
    }
    const struct gs_model *model = table->gpus[gpu].model;
    unsigned n = 0;
    /* GS_PROFILES_MAX of a model is below GS_GPU_PROFILES_MAX */
    for (unsigned i = 0; model != NULL && i < model->n_profiles; i++) {
        if (!is_offered(table, &model->profiles[i])) {
            continue;
        }
        unsigned at = n++;
        for (; at > 0 && ret[at - 1].profile > model->profiles[i].nvml_profile; at--) {
            ret[at] = ret[at - 1];
        }
        ret[at] = profile_of(&model->profiles[i]);
    }
    *ret_n = n;
    return 0;
}

/* Which compute instances a GI of `slices` takes: 1 and 2 wherever they fit, 3 and 4 in a 7g, and
 * the whole (mig-catalog.json, ciProfiles). */
static bool ci_is_offered(unsigned slices, unsigned of_gi)
{
    return slices == of_gi || (slices < of_gi && (slices <= 2 || (slices <= 4 && of_gi == 7)));
}

/* Compute instances start at multiples of their size; one of 3 like one of 4. */
static bool ci_may_start(unsigned start, unsigned slices, unsigned of_gi)
{
    unsigned step = slices == 3 ? 4 : slices;
    return start % step == 0 && start + slices <= of_gi;
}

static unsigned ci_starts(unsigned slices, unsigned of_gi)
{
    unsigned n = 0;
    for (unsigned start = 0; start < of_gi; start++) {
        n += ci_may_start(start, slices, of_gi) ? 1 : 0;
    }
    return n;
}

int gs_gpu_rules_compute_profiles(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                  struct gs_compute_profile *ret, unsigned *ret_n,
                                  struct gs_err *err)
{
    int r = find_gi(table, gpu, gi, err);
    if (r < 0) {
        return r;
    }
    const struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    const struct gs_profile *profile = &on->model->profiles[on->gis[gi].profile];
    unsigned of_gi = profile->compute_slices;
    unsigned n = 0;
    for (unsigned p = 0; p < CI_PROFILES; p++) {
        if (ci_is_offered(ci_slices[p], of_gi)) {
            ret[n++] = (struct gs_compute_profile){
                .profile = p,
                .profile_id = p,
                .compute_slices = ci_slices[p],
                .max_instances = ci_starts(ci_slices[p], of_gi),
                .sm_count = ci_slices[p] == of_gi ? profile->sm_count : GS_NOT_KNOWN};
        }
    }
    *ret_n = n;
    return 0;
}

/* A stand-in for the driver's name-based UUID: of GPU, GI and first compute engine, and of nothing
 * else, so that the same place has the same one again (mig-hardware 3.3). */
static void mig_uuid(const struct gs_gpu_table_gpu *gpu, unsigned gi, unsigned start,
                     char ret[GS_GPU_UUID_MAX])
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *p = gpu->uuid; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    }
    hash = (hash ^ gi) * 0x100000001b3u;
    hash = (hash ^ start) * 0x100000001b3u;
    snprintf(ret, GS_GPU_UUID_MAX, "MIG-%08x-%04x-5%03x-8%03x-%012llx", (uint32_t)(hash >> 32),
             (unsigned)(hash >> 16 & 0xffff), (unsigned)(hash >> 4 & 0xfff), gi << 4 | start,
             (unsigned long long)(hash * 0x9e3779b97f4a7c15u >> 16));
}

static struct gs_compute_instance read_ci(const struct gs_gpu_table_gpu *gpu, unsigned gi,
                                          unsigned ci)
{
    const struct gs_gpu_table_ci *from = &gpu->gis[gi].cis[ci];
    struct gs_compute_instance ret = {.id = ci,
                                      .profile = from->profile,
                                      .profile_id = from->profile,
                                      .start = from->start,
                                      .size = from->size};
    mig_uuid(gpu, gi, from->start, ret.uuid);
    return ret;
}

static struct gs_gpu_instance read_gi(const struct gs_gpu_table_gpu *gpu, unsigned gi)
{
    const struct gs_gpu_table_gi *from = &gpu->gis[gi];
    const struct gs_profile *profile = &gpu->model->profiles[from->profile];
    struct gs_gpu_instance ret = {.id = gi,
                                  .profile = profile->nvml_profile,
                                  .profile_id = profile->nvml_profile_id,
                                  .start = from->start,
                                  .size = profile->memory_units};
    for (unsigned ci = 0; ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
        if (from->cis[ci].present) {
            ret.compute[ret.n_compute++] = read_ci(gpu, gi, ci);
        }
    }
    return ret;
}

void gs_gpu_table_read(const struct gs_gpu_table *table, unsigned gpu, struct gs_gpu_instances *ret)
{
    const struct gs_gpu_table_gpu *from = &table->gpus[gpu];
    ret->n = 0;
    for (unsigned gi = 0; gi < GS_GPU_INSTANCES_MAX; gi++) {
        if (!from->gis[gi].present) {
            continue;
        }
        unsigned at = ret->n++;
        for (; at > 0 && ret->at[at - 1].start > from->gis[gi].start; at--) {
            ret->at[at] = ret->at[at - 1];
        }
        ret->at[at] = read_gi(from, gi);
    }
}

static int find_profile(const struct gs_gpu_table *table, unsigned gpu, uint32_t profile_id,
                        unsigned *ret, struct gs_err *err)
{
    const struct gs_model *model = table->gpus[gpu].model;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile_id == profile_id &&
            is_offered(table, &model->profiles[i])) {
            *ret = i;
            return 0;
        }
    }
    return gs_fail(err, GS_INVALID, "GPU %u: there is no GPU instance profile %u", gpu, profile_id);
}

/* Whether one more of `profile` stays within the GPU's limits. */
static bool one_more_fits(const struct gs_gpu_table *table, unsigned gpu, unsigned profile)
{
    const struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    uint8_t counts[GS_PROFILES_MAX] = {0};
    bool slices[16] = {false};
    counts[profile]++;
    slices[on->model->profiles[profile].compute_slices & 15] = true;
    for (unsigned gi = 0; gi < GS_GPU_INSTANCES_MAX; gi++) {
        if (on->gis[gi].present) {
            counts[on->gis[gi].profile]++;
            slices[on->model->profiles[on->gis[gi].profile].compute_slices & 15] = true;
        }
    }
    bool four_beside_three = on->model->compute_slices == 7 && slices[4] && slices[3];
    return gs_model_counts_within_limits(on->model, counts) &&
           (!four_beside_three || table->driver_major >= 510);
}

static bool place_is_free(const struct gs_gpu_table_gpu *gpu, uint16_t span)
{
    for (unsigned gi = 0; gi < GS_GPU_INSTANCES_MAX; gi++) {
        const struct gs_gpu_table_gi *there = &gpu->gis[gi];
        if (there->present &&
            (gs_profile_span(&gpu->model->profiles[there->profile], there->start) & span) != 0) {
            return false;
        }
    }
    return true;
}

/* GI ids go by the part of the GPU that is taken: 0 the whole, 1 and 2 the halves, 3 to 6 the
 * quarters, 7 to 14 the eighths (mig-hardware 1.9). A part of another size, or one whose id is
 * taken, gets the lowest that is free from the next smaller part on. */
static int gi_id_for(const struct gs_gpu_table_gpu *gpu, const struct gs_profile *profile,
                     unsigned start)
{
    unsigned parts = gpu->model->memory_units / profile->memory_units;
    unsigned first = parts <= 1 ? 0 : parts <= 2 ? 1 : parts <= 4 ? 3 : 7;
    unsigned id = first + start / profile->memory_units;
    if (id < GS_GPU_INSTANCES_MAX && !gpu->gis[id].present) {
        return (int)id;
    }
    for (id = first; id < GS_GPU_INSTANCES_MAX; id++) {
        if (!gpu->gis[id].present) {
            return (int)id;
        }
    }
    return -1;
}

int gs_gpu_rules_create(struct gs_gpu_table *table, unsigned gpu, uint32_t profile_id,
                        uint32_t start, uint32_t size, struct gs_gpu_instance *ret,
                        struct gs_err *err)
{
    unsigned index = 0;
    int r = cut_gpu(table, gpu, err);
    if (r == 0 && !gs_gpu_rules_can_place(table)) {
        r = gs_fail(err, GS_UNSUPPORTED, "driver %u cannot create GPU instances at a given place",
                    table->driver_major);
    }
    if (r < 0 || (r = find_profile(table, gpu, profile_id, &index, err)) < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    const struct gs_profile *profile = &on->model->profiles[index];
    if (size != profile->memory_units || start >= 16 || (profile->starts >> start & 1u) == 0) {
        return gs_fail(err, GS_INVALID, "GPU %u: a %s may not take %u memory units from %u", gpu,
                       profile->name, size, start);
    }
    int id = gi_id_for(on, profile, start);
    if (!place_is_free(on, gs_profile_span(profile, start)) || !one_more_fits(table, gpu, index) ||
        id < 0) {
        return gs_fail(err, GS_INFEASIBLE, "GPU %u: no room for a %s at %u", gpu, profile->name,
                       start);
    }
    on->gis[id] = (struct gs_gpu_table_gi){.present = true,
                                           .profile = (uint8_t)index,
                                           .start = (uint8_t)start,
                                           .generation = ++table->generation};
    *ret = read_gi(on, (unsigned)id);
    return 0;
}

static unsigned count_processes(const struct gs_gpu_table_gpu *gpu, uint32_t gi, uint32_t ci)
{
    unsigned n = 0;
    for (unsigned i = 0; i < gpu->n_processes; i++) {
        n += gpu->processes[i].gpu_instance == gi && gpu->processes[i].compute_instance == ci;
    }
    return n;
}

int gs_gpu_rules_destroy(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, struct gs_err *err)
{
    int r = find_gi(table, gpu, gi, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_table_gi *at = &table->gpus[gpu].gis[gi];
    for (unsigned ci = 0; ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
        if (at->cis[ci].present) {
            return gs_fail(err, GS_BUSY, "GPU %u, GPU instance %u: has compute instance %u", gpu,
                           gi, ci);
        }
    }
    if (at->leaked > 0) {
        return gs_fail(err, GS_BUSY, "GPU %u, GPU instance %u: a client holds it", gpu, gi);
    }
    *at = (struct gs_gpu_table_gi){0};
    return 0;
}

static unsigned taken_slices(const struct gs_gpu_table_gi *gi)
{
    unsigned taken = 0;
    for (unsigned ci = 0; ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
        if (gi->cis[ci].present) {
            taken |= ((1u << gi->cis[ci].size) - 1) << gi->cis[ci].start;
        }
    }
    return taken;
}

/* Where a compute instance goes: `start`, or the lowest that is free. -1: nowhere. */
static int ci_place(const struct gs_gpu_table_gi *gi, unsigned of_gi, unsigned slices,
                    uint32_t start)
{
    unsigned taken = taken_slices(gi);
    for (unsigned s = 0; s < of_gi; s++) {
        bool wanted = start == GS_NOT_KNOWN || start == s;
        if (wanted && ci_may_start(s, slices, of_gi) &&
            (taken & (((1u << slices) - 1) << s)) == 0) {
            return (int)s;
        }
    }
    return -1;
}

static int free_ci(const struct gs_gpu_table_gi *gi)
{
    for (unsigned ci = 0; ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
        if (!gi->cis[ci].present) {
            return (int)ci;
        }
    }
    return -1;
}

int gs_gpu_rules_create_compute(struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                uint32_t profile_id, uint32_t start, uint32_t size,
                                struct gs_compute_instance *ret, struct gs_err *err)
{
    int r = find_gi(table, gpu, gi, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    struct gs_gpu_table_gi *at = &on->gis[gi];
    unsigned of_gi = on->model->profiles[at->profile].compute_slices;
    if (profile_id >= CI_PROFILES || !ci_is_offered(ci_slices[profile_id], of_gi)) {
        return gs_fail(err, GS_INVALID,
                       "GPU %u, GPU instance %u: there is no compute instance profile %u", gpu, gi,
                       profile_id);
    }
    unsigned slices = ci_slices[profile_id];
    if (start != GS_NOT_KNOWN && !gs_gpu_rules_can_place(table)) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "driver %u cannot create compute instances at a given place",
                       table->driver_major);
    }
    if (start != GS_NOT_KNOWN &&
        (size != slices || start >= of_gi || !ci_may_start(start, slices, of_gi))) {
        return gs_fail(err, GS_INVALID,
                       "GPU %u, GPU instance %u: a compute instance of %u may not take %u slices "
                       "from %u",
                       gpu, gi, slices, size, start);
    }
    int place = ci_place(at, of_gi, slices, start);
    int id = free_ci(at);
    if (place < 0 || id < 0) {
        return gs_fail(err, GS_INFEASIBLE,
                       "GPU %u, GPU instance %u: no room for a compute instance of %u slices", gpu,
                       gi, slices);
    }
    at->cis[id] = (struct gs_gpu_table_ci){.present = true,
                                           .profile = (uint8_t)profile_id,
                                           .start = (uint8_t)place,
                                           .size = (uint8_t)slices,
                                           .generation = ++table->generation};
    *ret = read_ci(on, gi, (unsigned)id);
    return 0;
}

int gs_gpu_rules_destroy_compute(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                                 struct gs_err *err)
{
    int r = find_ci(table, gpu, gi, ci, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    unsigned n = count_processes(on, gi, ci);
    if (n > 0 || on->gis[gi].cis[ci].leaked > 0) {
        return gs_fail(err, GS_BUSY,
                       "GPU %u, GPU instance %u, compute instance %u: in use (%u processes)", gpu,
                       gi, ci, n);
    }
    on->gis[gi].cis[ci] = (struct gs_gpu_table_ci){0};
    return 0;
}

static bool is_cut(const struct gs_gpu_table_gpu *gpu)
{
    for (unsigned gi = 0; gi < GS_GPU_INSTANCES_MAX; gi++) {
        if (gpu->gis[gi].present) {
            return true;
        }
    }
    return false;
}

int gs_gpu_rules_set_mode(struct gs_gpu_table *table, unsigned gpu, enum gs_mig_mode mode,
                          enum gs_mig_activation *ret, struct gs_err *err)
{
    int r = gs_gpu_rules_present(table, gpu, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    if (on->mode == GS_MIG_NOT_CAPABLE) {
        return gs_fail(err, GS_UNSUPPORTED, "GPU %u cannot be cut", gpu);
    }
    if (mode == on->mode) {
        on->pending = mode;
        *ret = GS_MIG_ACTIVE;
        return 0;
    }
    bool held = on->n_processes > 0 || on->clients > 0;
    if (is_cut(on) || (held && !on->model->mode_change_needs_reset)) {
        return gs_fail(err, GS_BUSY, "GPU %u: %s", gpu,
                       is_cut(on) ? "it has GPU instances" : "clients hold it");
    }
    on->pending = mode;
    bool waits = on->vm || (held && on->model->mode_change_needs_reset);
    on->mode = waits ? on->mode : mode;
    *ret = waits ? GS_MIG_PENDING_RESET : GS_MIG_ACTIVE;
    return 0;
}

static int may_reset(const struct gs_gpu_table *table, unsigned gpu, struct gs_err *err)
{
    if (gpu >= table->n_gpus) {
        return gs_gpu_rules_present(table, gpu, err);
    }
    const struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    if (on->vm) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "GPU %u is passed through to this machine and cannot be reset from it; "
                       "reboot",
                       gpu);
    }
    if (on->n_processes > 0 || on->clients > 0) {
        return gs_fail(err, GS_BUSY, "GPU %u: in use by %u processes and %u clients", gpu,
                       on->n_processes, on->clients);
    }
    return on->lost ? gs_gpu_rules_present(table, gpu, err) : 0;
}

int gs_gpu_rules_reset(struct gs_gpu_table *table, const unsigned *gpus, unsigned n,
                       struct gs_err *err)
{
    for (unsigned i = 0; i < n; i++) {
        int r = may_reset(table, gpus[i], err);
        if (r < 0) {
            return r;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        struct gs_gpu_table_gpu *gpu = &table->gpus[gpus[i]];
        gpu->mode = gpu->pending;
        gpu->resets++;
        memset(gpu->gis, 0, sizeof(gpu->gis));
    }
    return 0;
}
