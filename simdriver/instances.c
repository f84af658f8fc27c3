#include <string.h>

#include "simdriver/inside.h"

const struct sim_gi *sim_gi_get(const struct sim_machine *machine, unsigned gpu, uint32_t gi)
{
    if (gpu >= machine->n_gpus || gi >= SIM_GIS || !machine->gpus[gpu].gis[gi].present) {
        return NULL;
    }
    return &machine->gpus[gpu].gis[gi];
}

const struct sim_ci *sim_ci_get(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                                uint32_t ci)
{
    const struct sim_gi *g = sim_gi_get(machine, gpu, gi);
    return g == NULL || ci >= SIM_CIS || !g->cis[ci].present ? NULL : &g->cis[ci];
}

int sim_gpu_get(const struct sim_machine *machine, unsigned gpu, const struct sim_gpu **ret)
{
    if (gpu >= machine->n_gpus) {
        return SIM_INVALID_ARGUMENT;
    }
    if (machine->gpus[gpu].lost) {
        return SIM_GPU_IS_LOST;
    }
    *ret = &machine->gpus[gpu];
    return SIM_OK;
}

uint16_t sim_taken_units(const struct gs_model *model, const struct sim_gpu *gpu,
                         uint8_t ret_counts[GS_PROFILES_MAX])
{
    uint16_t units = 0;
    memset(ret_counts, 0, GS_PROFILES_MAX);
    for (unsigned i = 0; i < SIM_GIS; i++) {
        if (gpu->gis[i].present) {
            units |= gs_profile_span(&model->profiles[gpu->gis[i].profile], gpu->gis[i].start);
            ret_counts[gpu->gis[i].profile]++;
        }
    }
    return units;
}

bool sim_counts_fit(const struct sim_machine *machine, const struct gs_model *model,
                    const uint8_t counts[GS_PROFILES_MAX])
{
    if (!gs_model_counts_within_limits(model, counts)) {
        return false;
    }
    unsigned threes = 0;
    unsigned fours = 0;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        threes += model->profiles[i].compute_slices == 3 ? counts[i] : 0;
        fours += model->profiles[i].compute_slices == 4 ? counts[i] : 0;
    }
    return machine->driver_major >= 510 || threes == 0 || fours == 0;
}

/* ---- GIs: where, and with which id ---- */

/* What is free on a GPU, while an instance is being placed on it. */
struct room {
    const struct sim_machine *machine;
    const struct gs_model *model;
    uint16_t units; /* taken */
    uint8_t counts[GS_PROFILES_MAX];
};

static void look_at(struct room *room, const struct sim_machine *machine, unsigned gpu)
{
    room->machine = machine;
    room->model = sim_gpu_model(&machine->gpus[gpu]);
    room->units = sim_taken_units(room->model, &machine->gpus[gpu], room->counts);
}

static bool may_start(const struct room *room, const struct gs_profile *profile, unsigned start)
{
    return (profile->starts >> start & 1u) && !(gs_profile_span(profile, start) & room->units);
}

/* How many placements that are possible now the units of `span` would take. */
static unsigned placements_lost(const struct room *room, uint16_t span)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < room->model->n_profiles; i++) {
        const struct gs_profile *profile = &room->model->profiles[i];
        for (unsigned start = 0; start < room->model->memory_units; start++) {
            lost += may_start(room, profile, start) && (gs_profile_span(profile, start) & span);
        }
    }
    return lost;
}

/* This rule, lowest start on ties, gives all four transcripts of the reference's section 1.7. */
static bool choose_start(const struct room *room, unsigned index, unsigned *ret_start)
{
    const struct gs_profile *profile = &room->model->profiles[index];
    unsigned best = UINT32_MAX;
    for (unsigned start = 0; start < room->model->memory_units; start++) {
        if (may_start(room, profile, start)) {
            unsigned lost = placements_lost(room, gs_profile_span(profile, start));
            if (lost < best) {
                best = lost;
                *ret_start = start;
            }
        }
    }
    return best != UINT32_MAX;
}

static bool room_for_one_more(struct room *room, unsigned index)
{
    room->counts[index]++;
    bool fits = sim_counts_fit(room->machine, room->model, room->counts);
    room->counts[index]--;
    return fits;
}

static void take(struct room *room, unsigned index, unsigned start)
{
    room->counts[index]++;
    room->units |= gs_profile_span(&room->model->profiles[index], start);
}

/* The GI id that goes with a place: 0 is the whole GPU, 1 and 2 its halves, 3 to 6 its quarters, 7
 * to 14 its eighths. Two oddities were seen: seven 1g of an H100 PCIe left out 10, and with the
 * first driver of A100 the 3g at 4 had id 1 (then the one at 0 has 2). */
static unsigned id_of_place(const struct room *room, const struct gs_profile *profile,
                            unsigned start)
{
    static const uint8_t h100_pcie[] = {7, 8, 9, 11, 12, 13, 14};
    unsigned part = room->model->memory_units / profile->memory_units;
    unsigned number = start / profile->memory_units;
    if (part >= 8 && strcmp(room->model->id, "H100-80GB-PCIe") == 0 && number < 7) {
        return h100_pcie[number];
    }
    if (part == 2 && room->machine->driver_major < 470 && profile->compute_slices == 3) {
        return number == 0 ? 2 : 1;
    }
    return part >= 8 ? 7 + number : part >= 4 ? 3 + number : part >= 2 ? 1 + number : 0;
}

static int new_gi_id(const struct room *room, const struct sim_gpu *gpu,
                     const struct gs_profile *profile, unsigned start, uint32_t *ret)
{
    uint32_t id = id_of_place(room, profile, start);
    for (unsigned tries = 0; tries < SIM_GIS; tries++, id = (id + 1) % SIM_GIS) {
        if (!gpu->gis[id].present) {
            *ret = id;
            return SIM_OK;
        }
    }
    return SIM_INSUFFICIENT_RESOURCES;
}

void sim_tree_changes(struct sim_machine *machine, struct sim_gpu *gpu)
{
    if (gpu == NULL) {
        machine->tree++;
    } else {
        gpu->tree++;
    }
}

static int find_place(const struct room *room, const struct sim_gi_profile *kind, uint32_t start,
                      unsigned *ret_start)
{
    if (start == SIM_NONE) {
        return choose_start(room, kind->index, ret_start) ? SIM_OK : SIM_INSUFFICIENT_RESOURCES;
    }
    *ret_start = start;
    return may_start(room, &room->model->profiles[kind->index], start) ? SIM_OK
                                                                       : SIM_INSUFFICIENT_RESOURCES;
}

/* What both create and remaining ask first. */
static int kind_of_gi(const struct sim_machine *machine, unsigned gpu, uint32_t id,
                      struct sim_gi_profile *ret)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    return g->mode ? sim_gi_profile_by_id(machine, gpu, id, ret) : SIM_NOT_SUPPORTED;
}

int sim_gi_remaining(const struct sim_machine *machine, unsigned gpu, uint32_t id, uint32_t *ret)
{
    struct sim_gi_profile kind;
    int r = kind_of_gi(machine, gpu, id, &kind);
    if (r != SIM_OK) {
        return r;
    }
    struct room room;
    look_at(&room, machine, gpu);
    uint32_t n = 0;
    unsigned start;
    while (room_for_one_more(&room, kind.index) && choose_start(&room, kind.index, &start)) {
        take(&room, kind.index, start);
        n++;
    }
    *ret = n;
    return SIM_OK;
}

int sim_gi_create(struct sim_machine *machine, unsigned gpu, uint32_t id, uint32_t start,
                  uint32_t size, uint32_t *ret_gi)
{
    struct sim_gi_profile kind;
    int r = kind_of_gi(machine, gpu, id, &kind);
    if (r != SIM_OK) {
        return r;
    }
    if (start != SIM_NONE &&
        (start >= GS_MEMORY_UNITS_MAX || size != kind.size || !(kind.starts >> start & 1u))) {
        return SIM_INVALID_ARGUMENT;
    }
    struct room room;
    look_at(&room, machine, gpu);
    unsigned place;
    uint32_t gi;
    struct sim_gpu *g = &machine->gpus[gpu];
    r = room_for_one_more(&room, kind.index) ? find_place(&room, &kind, start, &place)
                                             : SIM_INSUFFICIENT_RESOURCES;
    if (r == SIM_OK) {
        r = new_gi_id(&room, g, &room.model->profiles[kind.index], place, &gi);
    }
    if (r != SIM_OK) {
        return r;
    }
    g->gis[gi] = (struct sim_gi){
        .present = 1,
        .profile = (uint8_t)kind.index,
        .start = (uint8_t)place,
        .size = (uint8_t)kind.size,
        .generation = ++machine->generation,
    };
    sim_tree_changes(machine, g);
    sim_event_push(machine, SIM_EVENT_MIG, gpu, gi, SIM_NONE, 0);
    *ret_gi = gi;
    return SIM_OK;
}

int sim_gi_destroy(struct sim_machine *machine, unsigned gpu, uint32_t gi)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    const struct sim_gi *instance = sim_gi_get(machine, gpu, gi);
    if (instance == NULL) {
        return SIM_NOT_FOUND;
    }
    for (unsigned ci = 0; ci < SIM_CIS; ci++) {
        if (instance->cis[ci].present) {
            return SIM_IN_USE;
        }
    }
    if (instance->leaked > 0 || sim_is_held(machine, gpu, gi, SIM_NONE, 0)) {
        return SIM_IN_USE;
    }
    machine->gpus[gpu].gis[gi] = (struct sim_gi){.present = 0};
    sim_tree_changes(machine, &machine->gpus[gpu]);
    return sim_event_push(machine, SIM_EVENT_MIG, gpu, gi, SIM_NONE, 0);
}

/* ---- CIs ---- */

uint32_t sim_taken_slices(const struct sim_gi *gi)
{
    uint32_t taken = 0;
    for (unsigned i = 0; i < SIM_CIS; i++) {
        if (gi->cis[i].present) {
            taken |= ((1u << gi->cis[i].size) - 1u) << gi->cis[i].start;
        }
    }
    return taken;
}

static bool first_free_slices(uint32_t taken, const struct sim_ci_profile *kind, uint32_t *ret)
{
    for (uint32_t start = 0; start < 32 && kind->starts >> start != 0; start++) {
        if ((kind->starts >> start & 1u) && !(taken & ((1u << kind->size) - 1u) << start)) {
            *ret = start;
            return true;
        }
    }
    return false;
}

int sim_ci_remaining(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t id,
                     uint32_t *ret)
{
    struct sim_ci_profile kind;
    int r = sim_ci_profile_by_id(machine, gpu, gi, id, &kind);
    if (r != SIM_OK) {
        return r;
    }
    uint32_t taken = sim_taken_slices(&machine->gpus[gpu].gis[gi]);
    uint32_t start;
    uint32_t n = 0;
    for (; first_free_slices(taken, &kind, &start); n++) {
        taken |= ((1u << kind.size) - 1u) << start;
    }
    *ret = n;
    return SIM_OK;
}

/* MIG devices of a GPU have indexes: the lowest that is free, until the device is destroyed. */
static uint8_t free_mig_index(const struct sim_gpu *gpu)
{
    uint64_t taken = 0;
    for (unsigned i = 0; i < SIM_GIS * SIM_CIS; i++) {
        const struct sim_gi *gi = &gpu->gis[i / SIM_CIS];
        if (gi->present && gi->cis[i % SIM_CIS].present) {
            taken |= (uint64_t)1 << gi->cis[i % SIM_CIS].mig_index;
        }
    }
    return (uint8_t)__builtin_ctzll(~taken);
}

static int find_slices(const struct sim_gi *gi, const struct sim_ci_profile *kind, uint32_t start,
                       uint32_t *ret_start)
{
    uint32_t taken = sim_taken_slices(gi);
    if (start == SIM_NONE) {
        return first_free_slices(taken, kind, ret_start) ? SIM_OK : SIM_INSUFFICIENT_RESOURCES;
    }
    *ret_start = start;
    return taken & ((1u << kind->size) - 1u) << start ? SIM_INSUFFICIENT_RESOURCES : SIM_OK;
}

int sim_ci_create(struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t id,
                  uint32_t start, uint32_t size, uint32_t *ret_ci)
{
    struct sim_ci_profile kind;
    int r = sim_ci_profile_by_id(machine, gpu, gi, id, &kind);
    if (r != SIM_OK) {
        return r;
    }
    if (start != SIM_NONE && (start >= 16 || size != kind.size || !(kind.starts >> start & 1u))) {
        return SIM_INVALID_ARGUMENT;
    }
    struct sim_gi *instance = &machine->gpus[gpu].gis[gi];
    uint32_t place;
    r = find_slices(instance, &kind, start, &place);
    if (r != SIM_OK) {
        return r;
    }
    uint32_t ci = 0;
    while (ci < SIM_CIS && instance->cis[ci].present) {
        ci++;
    }
    if (ci == SIM_CIS) {
        return SIM_INSUFFICIENT_RESOURCES;
    }
    instance->cis[ci] = (struct sim_ci){
        .mig_index = free_mig_index(&machine->gpus[gpu]),
        .present = 1,
        .profile = (uint8_t)kind.profile,
        .start = (uint8_t)place,
        .size = (uint8_t)kind.size,
        .generation = ++machine->generation,
    };
    sim_tree_changes(machine, &machine->gpus[gpu]);
    sim_event_push(machine, SIM_EVENT_MIG, gpu, gi, ci, 0);
    *ret_ci = ci;
    return SIM_OK;
}

int sim_ci_destroy(struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    const struct sim_ci *instance = sim_ci_get(machine, gpu, gi, ci);
    if (instance == NULL) {
        return SIM_NOT_FOUND;
    }
    if (instance->leaked > 0 || sim_is_held(machine, gpu, gi, ci, 0)) {
        return SIM_IN_USE;
    }
    machine->gpus[gpu].gis[gi].cis[ci] = (struct sim_ci){.present = 0};
    sim_tree_changes(machine, &machine->gpus[gpu]);
    return sim_event_push(machine, SIM_EVENT_MIG, gpu, gi, ci, 0);
}
