#include "gpu/gpu_table_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* What drivers brought. */
enum { PLACES_GIS = 460, PLACES_CIS = 525 };

bool gs_gpu_rules_can_place(const struct gs_gpu_table *table)
{
    return table->driver_major >= PLACES_GIS;
}

bool gs_gpu_rules_can_place_cis(const struct gs_gpu_table *table)
{
    return table->driver_major >= PLACES_CIS;
}

int gs_gpu_rules_may_change(const struct gs_gpu_table *table, struct gs_err *err)
{
    if (gs_gpu_rules_can_place(table)) {
        return 0;
    }
    return gs_fail(err, GS_UNSUPPORTED,
                   "driver %u cannot create GPU instances at a given place, so nothing is changed",
                   table->driver_major);
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
int gs_gpu_rules_cut(const struct gs_gpu_table *table, unsigned gpu, struct gs_err *err)
{
    int r = gs_gpu_rules_present(table, gpu, err);
    if (r == 0 && table->gpus[gpu].mode != GS_MIG_ON) {
        r = gs_fail(err, GS_UNSUPPORTED, "GPU %u: MIG is off", gpu);
    }
    return r;
}

int gs_gpu_rules_find_gi(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                         struct gs_err *err)
{
    int r = gs_gpu_rules_cut(table, gpu, err);
    if (r == 0 && (gi >= GS_GPU_INSTANCES_MAX || !table->gpus[gpu].gis[gi].present)) {
        r = gs_fail(err, GS_NOT_FOUND, "GPU %u has no GPU instance %u", gpu, gi);
    }
    return r;
}

int gs_gpu_rules_find_ci(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                         struct gs_err *err)
{
    int r = gs_gpu_rules_find_gi(table, gpu, gi, err);
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

bool gs_gpu_rules_offer(const struct gs_gpu_table *table, const struct gs_profile *profile)
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
                           .virtualization = from->vm ? GS_GPU_PASSED_THROUGH : GS_GPU_BARE,
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
        if (!gs_gpu_rules_offer(table, &model->profiles[i])) {
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

enum { CI_REV1 = 7, CI_KINDS = 8 };

/* From Hopper on, where a 1g of double memory has more SMs than a 1g, a 2g offers a CI of one slice
 * with as many, which takes the whole GI (-lcip of an H100). GS_NOT_KNOWN: not here. */
static uint32_t rev1_sms(const struct gs_model *model, const struct gs_profile *gi)
{
    uint32_t plain = model->profiles[0].sm_count;
    for (unsigned i = 0; gi->compute_slices == 2 && i < model->n_profiles; i++) {
        const struct gs_profile *p = &model->profiles[i];
        if (p->nvml_profile == 9 && p->sm_count != GS_NOT_KNOWN && plain != GS_NOT_KNOWN &&
            p->sm_count > plain && p->sm_count < gi->sm_count) {
            return p->sm_count;
        }
    }
    return GS_NOT_KNOWN;
}

/* Kinds by NVML's enum, which is also the table's profile id (mig-catalog.json, ciProfiles): 1 and
 * 2 slices wherever they fit, 3 and 4 in a 7g, the whole GI, and the special one above. */
static bool ci_kind(const struct gs_model *model, const struct gs_profile *gi, uint32_t profile,
                    struct gs_gpu_ci_kind *ret)
{
    static const uint8_t slices[CI_KINDS] = {1, 2, 3, 4, 7, 8, 6, 1};
    unsigned of = gi->compute_slices;
    if (profile >= CI_KINDS || slices[profile] > of) {
        return false;
    }
    unsigned n = slices[profile];
    *ret = (struct gs_gpu_ci_kind){
        .slices = n, .size = n, .sm_count = n == of ? gi->sm_count : GS_NOT_KNOWN};
    if (profile == CI_REV1) {
        ret->size = of;
        ret->sm_count = rev1_sms(model, gi);
        return ret->sm_count != GS_NOT_KNOWN;
    }
    return n == of || n <= 2 || (n <= 4 && of == 7);
}

/* Compute instances start at multiples of their size; one of 3 like one of 4. */
bool gs_gpu_rules_ci_may_start(uint32_t start, unsigned size, unsigned of_gi)
{
    unsigned step = size == 3 ? 4 : size;
    return start < of_gi && start % step == 0 && start + size <= of_gi;
}

static uint32_t ci_starts(unsigned size, unsigned of_gi)
{
    uint32_t starts = 0;
    for (unsigned start = 0; start < of_gi; start++) {
        starts |= gs_gpu_rules_ci_may_start(start, size, of_gi) ? UINT32_C(1) << start : 0;
    }
    return starts;
}

/* Before R525 a driver lists the first seven only. */
bool gs_gpu_rules_offer_ci(const struct gs_gpu_table *table, const struct gs_model *model,
                           const struct gs_profile *gi, uint32_t profile,
                           struct gs_gpu_ci_kind *ret)
{
    return (profile < CI_REV1 || gs_gpu_rules_can_place_cis(table)) &&
           ci_kind(model, gi, profile, ret);
}

int gs_gpu_rules_compute_profiles(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                  struct gs_compute_profile *ret, unsigned *ret_n,
                                  struct gs_err *err)
{
    int r = gs_gpu_rules_find_gi(table, gpu, gi, err);
    if (r < 0) {
        return r;
    }
    const struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    const struct gs_profile *profile = &on->model->profiles[on->gis[gi].profile];
    unsigned n = 0;
    for (unsigned p = 0; p < CI_KINDS; p++) {
        struct gs_gpu_ci_kind kind;
        if (gs_gpu_rules_offer_ci(table, on->model, profile, p, &kind)) {
            ret[n++] =
                (struct gs_compute_profile){.profile = p,
                                            .profile_id = p,
                                            .compute_slices = kind.slices,
                                            .max_instances = (uint32_t)__builtin_popcount(
                                                ci_starts(kind.size, profile->compute_slices)),
                                            .sm_count = kind.sm_count};
        }
    }
    *ret_n = n;
    return 0;
}

int gs_gpu_rules_compute_places(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                uint32_t profile_id, struct gs_compute_places *ret,
                                struct gs_err *err)
{
    int r = gs_gpu_rules_find_gi(table, gpu, gi, err);
    if (r < 0) {
        return r;
    }
    const struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    const struct gs_profile *profile = &on->model->profiles[on->gis[gi].profile];
    struct gs_gpu_ci_kind kind;
    if (!gs_gpu_rules_can_place_cis(table)) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "driver %u does not tell the places of compute instances",
                       table->driver_major);
    }
    if (!gs_gpu_rules_offer_ci(table, on->model, profile, profile_id, &kind)) {
        return gs_fail(err, GS_INVALID,
                       "GPU %u, GPU instance %u: there is no compute instance profile %u", gpu, gi,
                       profile_id);
    }
    *ret = (struct gs_compute_places){.size = kind.size,
                                      .starts = ci_starts(kind.size, profile->compute_slices)};
    return 0;
}

/* A stand-in for the driver's name-based UUID: of GPU, GI and first compute engine, and of nothing
 * else, so that the same place has the same one again (mig-hardware 3.3). */
static void mig_uuid(const struct gs_gpu_table_gpu *gpu, unsigned gi, unsigned start,
                     char ret[GS_GPU_UUID_MAX])
{
    uint64_t hash = gs_hash64_on(GS_HASH64_EMPTY, gpu->uuid);
    hash = (hash ^ gi) * GS_HASH64_PRIME;
    hash = (hash ^ start) * GS_HASH64_PRIME;
    snprintf(ret, GS_GPU_UUID_MAX, "MIG-%08x-%04x-5%03x-8%03x-%012llx", (uint32_t)(hash >> 32),
             (unsigned)(hash >> 16 & 0xffff), (unsigned)(hash >> 4 & 0xfff), gi << 4 | start,
             (unsigned long long)(hash * 0x9e3779b97f4a7c15u >> 16));
}

struct gs_compute_instance gs_gpu_rules_read_ci(const struct gs_gpu_table_gpu *gpu, unsigned gi,
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

struct gs_gpu_instance gs_gpu_rules_read_gi(const struct gs_gpu_table_gpu *gpu, unsigned gi)
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
            ret.compute[ret.n_compute++] = gs_gpu_rules_read_ci(gpu, gi, ci);
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
        ret->at[at] = gs_gpu_rules_read_gi(from, gi);
    }
}
