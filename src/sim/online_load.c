#include "sim/online_load.h"

#include "sim/random.h"

enum {
    DRAWS = 4096,    /* profiles drawn beforehand, so that drawing is not what is measured */
    PATIENCE = 1000, /* blocked requests in a row before something is released */
    TURNOVERS = 3
};

struct gs_online_load {
    struct gs_online *online;
    struct gs_random random;
    uint32_t *slots; /* taken now, in no order: gpu * GS_PLACEMENTS_MAX + placement */
    uint32_t n_slots;
    uint32_t next_release; /* which one goes next, as a fraction of n_slots over 2^32 */
    unsigned blocked_in_a_row;
    uint64_t used; /* compute slices */
    uint64_t goal;
    uint64_t all;
    uint8_t sizes[GS_PLACEMENTS_MAX]; /* compute slices of a placement */
    uint8_t draws[DRAWS];             /* profiles, as often as their weights say */
};

static int check_options(const struct gs_online_load_options *options, uint64_t *ret_total,
                         struct gs_err *err)
{
    uint64_t total = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        uint32_t weight = options->weights[p];
        if (weight > GS_ONLINE_LOAD_WEIGHT_MAX) {
            return gs_fail(err, GS_INVALID, "weight %u of profile %u: expected %d at most", weight,
                           p, GS_ONLINE_LOAD_WEIGHT_MAX);
        }
        if (weight > 0 && !gs_policy_table_has(options->decisions, p)) {
            return gs_fail(err, GS_INVALID, "a weight for profile %u, which takes no part", p);
        }
        total += weight;
    }
    if (total == 0) {
        return gs_fail(err, GS_INVALID, "no profile has a weight, so nothing can be asked for");
    }
    if (options->gpus < 1 || options->gpus > GS_ONLINE_LOAD_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "%u GPUs: expected 1 to %d", options->gpus,
                       GS_ONLINE_LOAD_GPUS_MAX);
    }
    if (options->occupancy_permille < 1 || options->occupancy_permille > 1000) {
        return gs_fail(err, GS_INVALID, "occupancy of %u permille: expected 1 to 1000",
                       options->occupancy_permille);
    }
    *ret_total = total;
    return 0;
}

static void draw_profiles(struct gs_online_load *load, const struct gs_online_load_options *options,
                          uint64_t total)
{
    for (unsigned d = 0; d < DRAWS; d++) {
        uint32_t drawn = gs_random_below(&load->random, (uint32_t)total);
        uint8_t p = 0;
        while (drawn >= options->weights[p]) {
            drawn -= options->weights[p++];
        }
        load->draws[d] = p;
    }
}

static bool place_one(struct gs_online_load *load, struct gs_online_load_count *count)
{
    unsigned profile = load->draws[gs_random_u64(&load->random) % DRAWS];
    struct gs_slot slot;
    if (gs_online_place(load->online, profile, &slot) < 0) {
        count->blocked++;
        load->blocked_in_a_row++;
        return false;
    }
    load->blocked_in_a_row = 0;
    load->used += load->sizes[slot.placement];
    load->slots[load->n_slots++] = slot.gpu * GS_PLACEMENTS_MAX + slot.placement;
    count->placements++;
    return true;
}

static uint32_t *release_candidate(struct gs_online_load *load)
{
    return &load->slots[(uint64_t)load->next_release * load->n_slots >> 32];
}

/* Who goes next is drawn one release ahead and fetched meanwhile: what is measured is the fleet,
 * not this list. */
static void release_one(struct gs_online_load *load, struct gs_online_load_count *count)
{
    uint32_t *taken = release_candidate(load);
    struct gs_slot slot = {.gpu = *taken / GS_PLACEMENTS_MAX,
                           .placement = *taken % GS_PLACEMENTS_MAX};
    *taken = load->slots[--load->n_slots];
    load->next_release = (uint32_t)(gs_random_u64(&load->random) >> 32);
    __builtin_prefetch(release_candidate(load));
    (void)gs_online_release(load->online, slot, NULL);
    load->used -= load->sizes[slot.placement];
    load->blocked_in_a_row = 0;
    count->releases++;
}

void gs_online_load_run(struct gs_online_load *load, uint64_t operations,
                        struct gs_online_load_count *count)
{
    uint64_t end = count->placements + count->releases + operations;
    while (count->placements + count->releases < end) {
        if (load->used < load->goal && load->blocked_in_a_row < PATIENCE) {
            (void)place_one(load, count);
        } else {
            release_one(load, count);
        }
    }
}

static int take_memory(struct gs_arena *arena, const struct gs_online_load_options *options,
                       struct gs_online_load **ret_load, struct gs_err *err)
{
    const struct gs_statetable *states = options->decisions->states;
    struct gs_online_load *load = GS_ARENA_NEW(arena, struct gs_online_load, 1);
    uint32_t *slots =
        GS_ARENA_NEW(arena, uint32_t, (size_t)options->gpus * states->model->memory_units);
    if (load == NULL || slots == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the slices of %u GPUs", options->gpus);
    }
    load->slots = slots;
    for (unsigned i = 0; i < states->n_placements; i++) {
        load->sizes[i] = states->model->profiles[states->placements[i].profile].compute_slices;
    }
    load->all = (uint64_t)options->gpus * states->model->compute_slices;
    load->goal = (load->all * options->occupancy_permille + 999) / 1000;
    gs_random_init(&load->random, options->seed);
    *ret_load = load;
    return 0;
}

static int fill(struct gs_online_load *load, const struct gs_online_load_options *options,
                struct gs_err *err)
{
    struct gs_online_load_count count = {0};
    for (uint32_t g = 0; g < options->gpus; g++) {
        uint32_t gpu;
        int r = gs_online_add(load->online, 0, &gpu, err);
        if (r < 0) {
            return r;
        }
    }
    while (load->used < load->goal) {
        if (!place_one(load, &count) && load->blocked_in_a_row == PATIENCE) {
            return gs_fail(err, GS_INFEASIBLE,
                           "an occupancy of %u permille was asked for, but these profiles find no "
                           "place beyond %u",
                           options->occupancy_permille, gs_online_load_permille(load));
        }
    }
    gs_online_load_run(load, (uint64_t)load->n_slots * 2 * TURNOVERS, &count);
    return 0;
}

int gs_online_load_new(struct gs_arena *arena, const struct gs_online_load_options *options,
                       struct gs_online_load **ret_load, struct gs_err *err)
{
    uint64_t total = 0;
    int r = check_options(options, &total, err);
    if (r < 0) {
        return r;
    }
    struct gs_online_load *load = NULL;
    r = take_memory(arena, options, &load, err);
    if (r < 0) {
        return r;
    }
    r = gs_online_new(arena, options->decisions, options->gpus, &load->online, err);
    if (r < 0) {
        return r;
    }
    draw_profiles(load, options, total);
    r = fill(load, options, err);
    if (r == 0) {
        *ret_load = load;
    }
    return r;
}

unsigned gs_online_load_permille(const struct gs_online_load *load)
{
    return (unsigned)(load->used * 1000 / load->all);
}
