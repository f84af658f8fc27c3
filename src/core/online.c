#include "core/online.h"

#include <assert.h>
#include <string.h>

#include "core/bitset.h"

/* Kept small: at 100,000 GPUs the caches hold all of them. */
struct record {
    uint32_t before; /* in the bucket; GS_GPU_NONE: the first */
    uint32_t after;  /* GS_GPU_NONE: the last */
    uint16_t state;
    bool out; /* unavailable: in no bucket */
};

struct gs_online {
    const struct gs_policy_table *decisions;
    const struct gs_statetable *states;
    struct record *gpus;
    uint32_t *heads; /* a state: the first GPU of its bucket or GS_GPU_NONE */
    uint32_t *tails; /* a state: the last one, where there is a first */
    uint32_t n_gpus;
    uint32_t max_gpus;
    unsigned n_profiles;
    bool by_index;
    unsigned n_tiers;
    struct gs_bitset *choices; /* [profile]: ranks of non-empty buckets; by_index
                                  [profile * n_tiers + tier]: GPUs */
};

static int refuse_gpu(const struct gs_online *online, uint32_t gpu, struct gs_err *err)
{
    return gs_fail(err, GS_INVALID, "GPU %u is not in the fleet, which has %u", gpu,
                   online->n_gpus);
}

static int refuse_state(const struct gs_online *online, unsigned state, struct gs_err *err)
{
    return gs_fail(err, GS_INVALID, "%s has no state %u, it has %u states",
                   online->states->model->id, state, online->states->n_states);
}

int gs_online_new(struct gs_arena *arena, const struct gs_policy_table *decisions,
                  uint32_t max_gpus, struct gs_online **ret_online, struct gs_err *err)
{
    if (max_gpus < 1 || max_gpus > GS_ONLINE_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "a fleet of %u GPUs: expected 1 to %d", max_gpus,
                       GS_ONLINE_GPUS_MAX);
    }
    const struct gs_statetable *states = decisions->states;
    struct gs_online *online = GS_ARENA_NEW(arena, struct gs_online, 1);
    struct record *gpus = GS_ARENA_NEW(arena, struct record, max_gpus);
    uint32_t *heads = GS_ARENA_NEW(arena, uint32_t, states->n_states);
    uint32_t *tails = GS_ARENA_NEW(arena, uint32_t, states->n_states);
    unsigned n_tiers = decisions->policy->by_index ? decisions->n_tiers : 1;
    struct gs_bitset *sets =
        GS_ARENA_NEW(arena, struct gs_bitset, (size_t)decisions->n_profiles * n_tiers);
    bool enough = online != NULL && gpus != NULL && heads != NULL && tails != NULL && sets != NULL;
    uint32_t choices = decisions->policy->by_index ? max_gpus : states->n_states;
    for (unsigned k = 0; enough && k < decisions->n_profiles * n_tiers; k++) {
        enough = gs_bitset_init(&sets[k], arena, choices);
    }
    if (!enough) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a fleet of %u GPUs", max_gpus);
    }
    memset(heads, 0xFF, states->n_states * sizeof(*heads));
    online->decisions = decisions;
    online->states = states;
    online->gpus = gpus;
    online->heads = heads;
    online->tails = tails;
    online->max_gpus = max_gpus;
    online->n_profiles = decisions->n_profiles;
    online->by_index = decisions->policy->by_index;
    online->n_tiers = n_tiers;
    online->choices = sets;
    *ret_online = online;
    return 0;
}

static void open_bucket(struct gs_online *online, uint16_t state)
{
    const uint16_t *rank = online->decisions->rank + (size_t)state * online->n_profiles;
    for (unsigned rest = online->decisions->fits[state]; rest != 0; rest &= rest - 1) {
        unsigned p = (unsigned)__builtin_ctz(rest);
        gs_bitset_add(&online->choices[p], rank[p]);
    }
}

static void close_bucket(struct gs_online *online, uint16_t state)
{
    const uint16_t *rank = online->decisions->rank + (size_t)state * online->n_profiles;
    for (unsigned rest = online->decisions->fits[state]; rest != 0; rest &= rest - 1) {
        unsigned p = (unsigned)__builtin_ctz(rest);
        gs_bitset_drop(&online->choices[p], rank[p]);
    }
}

static void link_gpu(struct gs_online *online, uint32_t gpu, uint16_t state)
{
    struct record *record = &online->gpus[gpu];
    bool first = online->heads[state] == GS_GPU_NONE;
    record->state = state;
    record->before = first ? GS_GPU_NONE : online->tails[state];
    record->after = GS_GPU_NONE;
    online->tails[state] = gpu;
    if (!first) {
        online->gpus[record->before].after = gpu;
        return;
    }
    online->heads[state] = gpu;
    if (!online->by_index) {
        open_bucket(online, state);
    }
}

static void unlink_gpu(struct gs_online *online, uint32_t gpu)
{
    const struct record *record = &online->gpus[gpu];
    if (record->after != GS_GPU_NONE) {
        online->gpus[record->after].before = record->before;
    } else {
        online->tails[record->state] = record->before;
    }
    if (record->before != GS_GPU_NONE) {
        online->gpus[record->before].after = record->after;
        return;
    }
    online->heads[record->state] = record->after;
    if (record->after == GS_GPU_NONE && !online->by_index) {
        close_bucket(online, record->state);
    }
}

/* by_index: what a GPU in this state has room for. */
static void offer(struct gs_online *online, uint32_t gpu, uint16_t state)
{
    struct gs_bitset *tier = online->choices + online->decisions->tier[state];
    for (unsigned rest = online->decisions->fits[state]; rest != 0; rest &= rest - 1) {
        gs_bitset_add(&tier[(unsigned)__builtin_ctz(rest) * online->n_tiers], gpu);
    }
}

static void withdraw(struct gs_online *online, uint32_t gpu, uint16_t state)
{
    struct gs_bitset *tier = online->choices + online->decisions->tier[state];
    for (unsigned rest = online->decisions->fits[state]; rest != 0; rest &= rest - 1) {
        gs_bitset_drop(&tier[(unsigned)__builtin_ctz(rest) * online->n_tiers], gpu);
    }
}

static void change_state(struct gs_online *online, uint32_t gpu, uint16_t state)
{
    struct record *record = &online->gpus[gpu];
    if (record->out) {
        record->state = state;
        return;
    }
    if (online->by_index) {
        withdraw(online, gpu, record->state);
        offer(online, gpu, state);
    }
    unlink_gpu(online, gpu);
    link_gpu(online, gpu, state);
}

static void enter(struct gs_online *online, uint32_t gpu, uint16_t state)
{
    link_gpu(online, gpu, state);
    if (online->by_index) {
        offer(online, gpu, state);
    }
}

static void leave(struct gs_online *online, uint32_t gpu)
{
    unlink_gpu(online, gpu);
    if (online->by_index) {
        withdraw(online, gpu, online->gpus[gpu].state);
    }
}

int gs_online_add(struct gs_online *online, uint16_t state, uint32_t *ret_gpu, struct gs_err *err)
{
    if (online->n_gpus == online->max_gpus) {
        return gs_fail(err, GS_LIMIT, "the fleet has its %u GPUs, no more fit", online->max_gpus);
    }
    if (state >= online->states->n_states) {
        return refuse_state(online, state, err);
    }
    uint32_t gpu = online->n_gpus++;
    enter(online, gpu, state);
    *ret_gpu = gpu;
    return 0;
}

uint32_t gs_online_count(const struct gs_online *online)
{
    return online->n_gpus;
}

const struct gs_policy_table *gs_online_decisions(const struct gs_online *online)
{
    return online->decisions;
}

uint16_t gs_online_state(const struct gs_online *online, uint32_t gpu)
{
    assert(gpu < online->n_gpus);
    return online->gpus[gpu].state;
}

int gs_online_set_state(struct gs_online *online, uint32_t gpu, uint16_t state, struct gs_err *err)
{
    if (gpu >= online->n_gpus) {
        return refuse_gpu(online, gpu, err);
    }
    if (state >= online->states->n_states) {
        return refuse_state(online, state, err);
    }
    change_state(online, gpu, state);
    return 0;
}

int gs_online_set_available(struct gs_online *online, uint32_t gpu, bool available,
                            struct gs_err *err)
{
    if (gpu >= online->n_gpus) {
        return refuse_gpu(online, gpu, err);
    }
    if (online->gpus[gpu].out && available) {
        enter(online, gpu, online->gpus[gpu].state);
    } else if (!online->gpus[gpu].out && !available) {
        leave(online, gpu);
    }
    online->gpus[gpu].out = !available;
    return 0;
}

bool gs_online_available(const struct gs_online *online, uint32_t gpu)
{
    assert(gpu < online->n_gpus);
    return !online->gpus[gpu].out;
}

/* by_index: `choices` hold GPUs. */
static uint32_t lowest_gpu(const struct gs_online *online, unsigned profile, uint32_t except)
{
    const struct gs_bitset *tiers = online->choices + (size_t)profile * online->n_tiers;
    uint32_t gpu = GS_BITSET_NONE;
    for (unsigned t = 0; t < online->n_tiers && gpu == GS_BITSET_NONE; t++) {
        gpu = gs_bitset_first(&tiers[t]);
        if (gpu != GS_BITSET_NONE && gpu == except) {
            gpu = gs_bitset_from(&tiers[t], gpu + 1);
        }
    }
    return gpu;
}

static uint32_t cheapest_gpu(const struct gs_online *online, unsigned profile, uint32_t except)
{
    const struct gs_bitset *choices = &online->choices[profile];
    const uint16_t *order = online->decisions->order + (size_t)profile * online->states->n_states;
    uint32_t rank = gs_bitset_first(choices);
    if (rank == GS_BITSET_NONE) {
        return GS_GPU_NONE;
    }
    uint32_t gpu = online->heads[order[rank]];
    if (gpu != except) {
        return gpu;
    }
    if (online->gpus[gpu].after != GS_GPU_NONE) {
        return online->gpus[gpu].after;
    }
    rank = gs_bitset_from(choices, rank + 1);
    return rank == GS_BITSET_NONE ? GS_GPU_NONE : online->heads[order[rank]];
}

int gs_online_find(const struct gs_online *online, unsigned profile, uint32_t except,
                   struct gs_slot *ret_slot)
{
    if (profile >= online->n_profiles) {
        return GS_NOT_FOUND;
    }
    uint32_t gpu = online->by_index ? lowest_gpu(online, profile, except)
                                    : cheapest_gpu(online, profile, except);
    if (gpu == GS_GPU_NONE) {
        return GS_NOT_FOUND;
    }
    size_t cell = (size_t)online->gpus[gpu].state * online->n_profiles + profile;
    *ret_slot = (struct gs_slot){.gpu = gpu, .placement = online->decisions->best[cell]};
    return 0;
}

int gs_online_place(struct gs_online *online, unsigned profile, struct gs_slot *ret_slot)
{
    struct gs_slot slot;
    if (gs_online_find(online, profile, GS_GPU_NONE, &slot) < 0) {
        return GS_NOT_FOUND;
    }
    size_t cell =
        (size_t)online->gpus[slot.gpu].state * online->states->n_placements + slot.placement;
    change_state(online, slot.gpu, online->states->next[cell]);
    *ret_slot = slot;
    return 0;
}

static int check_slot(const struct gs_online *online, struct gs_slot slot, struct gs_err *err)
{
    if (slot.gpu >= online->n_gpus) {
        return refuse_gpu(online, slot.gpu, err);
    }
    if (slot.placement >= online->states->n_placements) {
        return gs_fail(err, GS_INVALID, "%s has no placement %u, it has %u",
                       online->states->model->id, slot.placement, online->states->n_placements);
    }
    return 0;
}

static const char *slot_profile(const struct gs_online *online, struct gs_slot slot,
                                unsigned *ret_start)
{
    const struct gs_placement *placement = &online->states->placements[slot.placement];
    *ret_start = placement->start;
    return online->states->model->profiles[placement->profile].name;
}

int gs_online_take(struct gs_online *online, struct gs_slot slot, struct gs_err *err)
{
    int r = check_slot(online, slot, err);
    if (r < 0) {
        return r;
    }
    size_t cell =
        (size_t)online->gpus[slot.gpu].state * online->states->n_placements + slot.placement;
    uint16_t after = online->states->next[cell];
    if (after == GS_STATE_NONE) {
        unsigned start;
        const char *name = slot_profile(online, slot, &start);
        return gs_fail(err, GS_BUSY, "GPU %u: %s@%u does not fit beside what is there", slot.gpu,
                       name, start);
    }
    change_state(online, slot.gpu, after);
    return 0;
}

int gs_online_release(struct gs_online *online, struct gs_slot slot, struct gs_err *err)
{
    int r = check_slot(online, slot, err);
    if (r < 0) {
        return r;
    }
    size_t cell =
        (size_t)online->gpus[slot.gpu].state * online->states->n_placements + slot.placement;
    uint16_t after = online->states->prev[cell];
    if (after == GS_STATE_NONE) {
        unsigned start;
        const char *name = slot_profile(online, slot, &start);
        return gs_fail(err, GS_NOT_FOUND, "GPU %u: no %s@%u is there to release", slot.gpu, name,
                       start);
    }
    change_state(online, slot.gpu, after);
    return 0;
}

uint32_t gs_online_first_in(const struct gs_online *online, uint16_t state)
{
    assert(state < online->states->n_states);
    return online->heads[state];
}

uint32_t gs_online_next_in(const struct gs_online *online, uint32_t gpu)
{
    assert(gpu < online->n_gpus && !online->gpus[gpu].out);
    return online->gpus[gpu].after;
}
