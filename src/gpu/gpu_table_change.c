/* gpu_table_change: how the GPUs of a table are cut, switched and reset. */
#include <string.h>

#include "core/layout.h"
#include "gpu/gpu_table_rules.h"

/* The driver that brought it. */
enum { FOUR_BESIDE_THREE = 510 };

static void tell_change(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci)
{
    gs_gpu_table_tell(
        table,
        &(struct gs_gpu_event){
            .kind = GS_GPU_EVENT_MIG_CHANGE, .gpu = gpu, .data = UINT64_MAX, .gi = gi, .ci = ci});
}

static int find_profile(const struct gs_gpu_table *table, unsigned gpu, uint32_t profile_id,
                        unsigned *ret, struct gs_err *err)
{
    const struct gs_model *model = table->gpus[gpu].model;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile_id == profile_id &&
            gs_gpu_rules_offer(table, &model->profiles[i])) {
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
           (!four_beside_three || table->driver_major >= FOUR_BESIDE_THREE);
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
 * quarters, 7 to 14 the eighths, where the seven 1g of an H100 PCIe left out 10 (mig-hardware 1.9).
 * Where that one is taken, the next that is free. */
static int gi_id_for(const struct gs_gpu_table_gpu *gpu, const struct gs_profile *profile,
                     unsigned start)
{
    unsigned parts = gpu->model->memory_units / profile->memory_units;
    unsigned nth = start / profile->memory_units;
    unsigned id = nth + (parts >= 8 ? 7 : parts >= 4 ? 3 : parts >= 2 ? 1 : 0);
    id += parts >= 8 && nth >= 3 && strcmp(gpu->model->id, "H100-80GB-PCIe") == 0 ? 1 : 0;
    for (unsigned tries = 0; tries < GS_GPU_INSTANCES_MAX; tries++, id++) {
        if (!gpu->gis[id % GS_GPU_INSTANCES_MAX].present) {
            return (int)(id % GS_GPU_INSTANCES_MAX);
        }
    }
    return -1;
}

int gs_gpu_rules_create(struct gs_gpu_table *table, unsigned gpu, uint32_t profile_id,
                        uint32_t start, uint32_t size, struct gs_gpu_instance *ret,
                        struct gs_err *err)
{
    unsigned index = 0;
    int r = gs_gpu_rules_cut(table, gpu, err);
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
    tell_change(table, gpu, (uint32_t)id, GS_NOT_KNOWN);
    *ret = gs_gpu_rules_read_gi(on, (unsigned)id);
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
    int r = gs_gpu_rules_find_gi(table, gpu, gi, err);
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
    tell_change(table, gpu, gi, GS_NOT_KNOWN);
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
static int ci_place(const struct gs_gpu_table_gi *gi, unsigned of_gi, unsigned size, uint32_t start)
{
    unsigned taken = taken_slices(gi);
    for (unsigned s = 0; s < of_gi; s++) {
        bool wanted = start == GS_NOT_KNOWN || start == s;
        if (wanted && gs_gpu_rules_ci_may_start(s, size, of_gi) &&
            (taken & (((1u << size) - 1) << s)) == 0) {
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

/* The lowest that no MIG device of the GPU has; it keeps it until it is destroyed. */
static uint8_t free_mig_index(const struct gs_gpu_table_gpu *gpu)
{
    uint64_t taken = 0;
    for (unsigned gi = 0; gi < GS_GPU_INSTANCES_MAX; gi++) {
        for (unsigned ci = 0; gpu->gis[gi].present && ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
            const struct gs_gpu_table_ci *there = &gpu->gis[gi].cis[ci];
            taken |= there->present ? UINT64_C(1) << (there->mig_index & 63) : 0;
        }
    }
    return (uint8_t)__builtin_ctzll(~taken);
}

static int check_ci_place(const struct gs_gpu_table *table, uint32_t start, uint32_t size,
                          const struct gs_gpu_ci_kind *kind, unsigned of_gi, struct gs_err *err)
{
    if (start == GS_NOT_KNOWN) {
        return 0;
    }
    bool only_place = start == 0 && size == of_gi;
    if (!gs_gpu_rules_can_place_cis(table) && !only_place) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "driver %u cannot create compute instances at a given place",
                       table->driver_major);
    }
    if (size != kind->size || !gs_gpu_rules_ci_may_start(start, size, of_gi)) {
        return gs_fail(err, GS_INVALID, "a compute instance of %u may not take %u slices from %u",
                       kind->size, size, start);
    }
    return 0;
}

int gs_gpu_rules_create_compute(struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                uint32_t profile_id, uint32_t start, uint32_t size,
                                struct gs_compute_instance *ret, struct gs_err *err)
{
    int r = gs_gpu_rules_find_gi(table, gpu, gi, err);
    if (r < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    struct gs_gpu_table_gi *at = &on->gis[gi];
    const struct gs_profile *profile = &on->model->profiles[at->profile];
    struct gs_gpu_ci_kind kind;
    if (!gs_gpu_rules_offer_ci(table, on->model, profile, profile_id, &kind)) {
        return gs_fail(err, GS_INVALID,
                       "GPU %u, GPU instance %u: there is no compute instance profile %u", gpu, gi,
                       profile_id);
    }
    if ((r = check_ci_place(table, start, size, &kind, profile->compute_slices, err)) < 0) {
        return gs_wrap(err, r, "GPU %u, GPU instance %u", gpu, gi);
    }
    int place = ci_place(at, profile->compute_slices, kind.size, start);
    int id = free_ci(at);
    if (place < 0 || id < 0) {
        return gs_fail(err, GS_INFEASIBLE,
                       "GPU %u, GPU instance %u: no room for a compute instance of %u slices", gpu,
                       gi, kind.size);
    }
    at->cis[id] = (struct gs_gpu_table_ci){.present = true,
                                           .profile = (uint8_t)profile_id,
                                           .start = (uint8_t)place,
                                           .size = (uint8_t)kind.size,
                                           .mig_index = free_mig_index(on),
                                           .generation = ++table->generation};
    tell_change(table, gpu, gi, (uint32_t)id);
    *ret = gs_gpu_rules_read_ci(on, gi, (unsigned)id);
    return 0;
}

int gs_gpu_rules_destroy_compute(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                                 struct gs_err *err)
{
    int r = gs_gpu_rules_find_ci(table, gpu, gi, ci, err);
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
    tell_change(table, gpu, gi, ci);
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
    if (is_cut(on)) {
        return gs_fail(err, GS_BUSY, "GPU %u: it has GPU instances", gpu);
    }
    bool ampere = on->model->mode_change_needs_reset;
    bool waits = on->n_processes > 0 || (ampere && (on->clients > 0 || on->vm));
    on->pending = mode;
    on->mode = waits ? on->mode : mode;
    if (!waits) {
        tell_change(table, gpu, GS_NOT_KNOWN, GS_NOT_KNOWN);
    }
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
        if (gpu->model != NULL && !gpu->model->mode_change_needs_reset) {
            gpu->pending = GS_MIG_OFF; /* Hopper and later forget it */
        }
        gpu->mode = gpu->pending;
        gpu->resets++;
        memset(gpu->gis, 0, sizeof(gpu->gis));
    }
    return 0;
}
