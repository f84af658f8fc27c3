#include "node/prefer_work.h"

#include <string.h>

#include "node/room.h"

/* Which slices to take from which GPU.
 *
 * On one GPU the least cost of taking j slices is found for every j, by going through the sets of
 * GPU instances to be begun (seven at most on today's GPUs). Taking slices of one kind costs the
 * same in any order: lost placements add up to the difference between before and after, and each
 * slice adds the same to what is used. Over the GPUs the least sum is found by adding one GPU after
 * the other. */

enum {
    INSTANCES_EXACT = 8, /* of one GPU: more are taken one by one, the cheapest first */
    FIRST_RULE = 1024    /* as in core/policy.c: puts one rule before the next */
};

/* A GPU instance that has slices to be taken. */
struct instance {
    const struct gs_snapshot_slice *slice; /* its first */
    unsigned first;                        /* index of its first device in the resource */
    unsigned end;  /* behind its last; those between are of this instance or not available */
    unsigned free; /* slices to be taken */
    bool begun;    /* somebody holds a slice of it: to take another costs nothing */
};

/* A GPU as the choice sees it. */
struct gpu {
    struct gs_room held; /* what is held */
    unsigned possible;   /* placements beside that */
    unsigned n;
    struct instance instances[GS_GPU_INSTANCES_MAX];
    unsigned most;   /* slices that can be taken */
    int64_t *cost;   /* [j]: the least for j slices */
    uint32_t *begin; /* [j]: the instances to be begun for that */
};

/* ---- one GPU ---- */

/* What it costs to begin one more instance beside what is held, without the placements lost. */
static int64_t cost_of(const struct gs_room *held, const struct instance *instance, bool spread)
{
    if (held->model == NULL) {
        return spread ? FIRST_RULE * (int64_t)held->n : FIRST_RULE - (int64_t)held->n;
    }
    return spread
               ? FIRST_RULE * (int64_t)__builtin_popcount(held->occupied) + instance->slice->start
               : -(int64_t)held->used_compute;
}

/* The cost of beginning the instances of a set, and what can be taken then. Placements that are
 * lost one after the other are those possible before all less those possible after all. */
static int64_t cost_of_set(const struct gpu *gpu, uint32_t set, bool spread, unsigned *ret_free)
{
    struct gs_room now = gpu->held;
    int64_t cost = 0;
    *ret_free = 0;
    for (unsigned i = 0; i < gpu->n; i++) {
        const struct instance *instance = &gpu->instances[i];
        if (instance->begun) {
            *ret_free += instance->free;
        } else if ((set >> i & 1u) != 0) {
            cost += cost_of(&now, instance, spread);
            gs_room_put(&now, instance->slice);
            *ret_free += instance->free;
        }
    }
    if (!spread && set != 0 && gpu->held.model != NULL) {
        cost += FIRST_RULE * ((int64_t)gpu->possible - (int64_t)gs_room_count_all(&now));
    }
    return cost;
}

/* Keeps a set for every number of slices that it is the cheapest for. */
static void offer_set(struct gpu *gpu, uint32_t set, bool spread, unsigned most)
{
    unsigned n_free;
    int64_t cost = cost_of_set(gpu, set, spread, &n_free);
    for (unsigned j = 0; j <= most && j <= n_free; j++) {
        bool fewer =
            cost == gpu->cost[j] && __builtin_popcount(set) < __builtin_popcount(gpu->begin[j]);
        if (cost < gpu->cost[j] || fewer) {
            gpu->cost[j] = cost;
            gpu->begin[j] = set;
        }
    }
}

/* One instance after the other, the cheapest first. */
static void weigh_one_by_one(struct gpu *gpu, bool spread, unsigned most)
{
    uint32_t set = 0;
    offer_set(gpu, set, spread, most);
    for (;;) {
        uint32_t best = 0;
        int64_t least = INT64_MAX;
        for (unsigned i = 0; i < gpu->n; i++) {
            uint32_t with = set | 1u << i;
            unsigned n_free;
            if (with == set || gpu->instances[i].begun) {
                continue;
            }
            int64_t cost = cost_of_set(gpu, with, spread, &n_free);
            if (cost < least) {
                least = cost;
                best = with;
            }
        }
        if (best == 0) {
            return;
        }
        set = best;
        offer_set(gpu, set, spread, most);
    }
}

/* Fills cost and begin for up to `need` slices. */
static int weigh(struct gs_prefer_work *work, struct gpu *gpu, bool spread)
{
    unsigned n_free = 0;
    uint32_t fresh = 0;
    for (unsigned i = 0; i < gpu->n; i++) {
        n_free += gpu->instances[i].free;
        fresh |= gpu->instances[i].begun ? 0 : 1u << i;
    }
    gpu->most = n_free < work->need ? n_free : work->need;
    gpu->cost = GS_ARENA_NEW(work->arena, int64_t, gpu->most + 1);
    gpu->begin = GS_ARENA_NEW(work->arena, uint32_t, gpu->most + 1);
    if (gpu->cost == NULL || gpu->begin == NULL) {
        return gs_prefer_no_memory(work);
    }
    for (unsigned j = 0; j <= gpu->most; j++) {
        gpu->cost[j] = INT64_MAX;
    }
    if (gpu->n > INSTANCES_EXACT) {
        weigh_one_by_one(gpu, spread, gpu->most);
        return 0;
    }
    for (uint32_t set = 0; set < 1u << gpu->n; set++) {
        bool worth = (unsigned)__builtin_popcount(set) <= work->need;
        if ((set & ~fresh) == 0 && worth) {
            offer_set(gpu, set, spread, gpu->most);
        }
    }
    return 0;
}

/* ---- what the GPUs are cut into ---- */

/* Whether somebody holds a slice: by what is known, or as the kubelet does not have it to give. */
static bool is_held(const struct gs_prefer_work *work, unsigned row, unsigned device)
{
    return (work->with->held != NULL && work->with->held[row]) ||
           (device != GS_NOT_KNOWN && work->available[device] == NULL);
}

/* Goes over the slices of one GPU instance, rows `from` to `to`. `by_row` has each slice's device
 * in the resource. */
static void read_instance(const struct gs_prefer_work *work, struct gpu *gpu, unsigned from,
                          unsigned to, const unsigned *by_row)
{
    const struct gs_snapshot *snapshot = work->with->offer->snapshot;
    struct instance instance = {.slice = &snapshot->slices[from], .first = GS_NOT_KNOWN};
    for (unsigned row = from; row < to; row++) {
        unsigned device = by_row[row];
        instance.begun = instance.begun || is_held(work, row, device);
        if (device != GS_NOT_KNOWN) {
            instance.first = instance.first == GS_NOT_KNOWN ? device : instance.first;
            instance.end = device + 1;
            instance.free += work->available[device] != NULL ? 1 : 0;
        }
    }
    if (instance.begun) {
        gs_room_put(&gpu->held, instance.slice);
    }
    if (instance.free > 0 && gpu->n < GS_GPU_INSTANCES_MAX) {
        gpu->instances[gpu->n++] = instance;
    }
}

/* Slices of one GPU instance stand beside each other, as they have one start. */
static void read_gpu(const struct gs_prefer_work *work, unsigned g, const unsigned *by_row,
                     struct gpu *gpu)
{
    const struct gs_snapshot *snapshot = work->with->offer->snapshot;
    const struct gs_snapshot_gpu *facts = &snapshot->gpus[g];
    gs_room_init(&gpu->held, facts->model);
    unsigned end = facts->first + facts->n;
    for (unsigned from = facts->first; from < end;) {
        unsigned to = from + 1;
        while (to < end && snapshot->slices[to].id.gi == snapshot->slices[from].id.gi) {
            to++;
        }
        read_instance(work, gpu, from, to, by_row);
        from = to;
    }
}

/* ---- over all GPUs ---- */

static void take_instance(struct gs_prefer_work *work, const struct instance *instance,
                          unsigned *left)
{
    for (unsigned i = instance->first; i<instance->end && * left> 0; i++) {
        if (work->available[i] != NULL) {
            gs_prefer_take(work, i, 0);
            (*left)--;
        }
    }
}

/* Takes `n` slices of a GPU: of instances that are begun first. */
static void take_gpu(struct gs_prefer_work *work, const struct gpu *gpu, unsigned n)
{
    unsigned left = n;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < gpu->n; i++) {
            const struct instance *instance = &gpu->instances[i];
            if (instance->begun ? pass == 0 : pass == 1 && (gpu->begin[n] >> i & 1u) != 0) {
                take_instance(work, instance, &left);
            }
        }
    }
}

/* How many to take from each GPU: the least sum; of equals more from the GPUs that come first. */
static int share_out(struct gs_prefer_work *work, const struct gpu *gpus, unsigned n_gpus,
                     unsigned *counts)
{
    unsigned need = work->need;
    size_t width = (size_t)need + 1;
    int64_t *least = GS_ARENA_NEW(work->arena, int64_t, width);
    int64_t *next = GS_ARENA_NEW(work->arena, int64_t, width);
    uint16_t *taken = GS_ARENA_NEW(work->arena, uint16_t, width * n_gpus);
    if (least == NULL || next == NULL || taken == NULL) {
        return gs_prefer_no_memory(work);
    }
    for (unsigned k = 1; k <= need; k++) {
        least[k] = INT64_MAX;
    }
    for (unsigned g = 0; g < n_gpus; g++) {
        for (unsigned k = 0; k <= need; k++) {
            next[k] = INT64_MAX;
            for (unsigned j = 0; j <= gpus[g].most && j <= k; j++) {
                bool possible = least[k - j] != INT64_MAX && gpus[g].cost[j] != INT64_MAX;
                int64_t cost = possible ? least[k - j] + gpus[g].cost[j] : INT64_MAX;
                if (cost < next[k]) {
                    next[k] = cost;
                    taken[g * width + k] = (uint16_t)j;
                }
            }
        }
        memcpy(least, next, width * sizeof(*least));
    }
    for (unsigned g = n_gpus, k = need; g > 0; g--) {
        counts[g - 1] = taken[(g - 1) * width + k];
        k -= counts[g - 1];
    }
    return 0;
}

int gs_prefer_slices(struct gs_prefer_work *work)
{
    const struct gs_snapshot *snapshot = work->with->offer->snapshot;
    const struct gs_offer_resource *resource = work->with->resource;
    bool spread = work->with->config->packing == GS_PACKING_SPREAD;
    struct gpu *gpus = GS_ARENA_NEW(work->arena, struct gpu, snapshot->n_gpus);
    unsigned *by_row = GS_ARENA_NEW(work->arena, unsigned, snapshot->n_slices);
    unsigned *counts = GS_ARENA_NEW(work->arena, unsigned, snapshot->n_gpus);
    if (gpus == NULL || by_row == NULL || counts == NULL) {
        return gs_prefer_no_memory(work);
    }
    for (unsigned i = 0; i < snapshot->n_slices; i++) {
        by_row[i] = GS_NOT_KNOWN;
    }
    for (unsigned i = 0; i < resource->n; i++) {
        by_row[resource->devices[i].row] = i;
    }
    int r = 0;
    for (unsigned g = 0; r == 0 && g < snapshot->n_gpus; g++) {
        read_gpu(work, g, by_row, &gpus[g]);
        gpus[g].possible = gs_room_count_all(&gpus[g].held);
        r = weigh(work, &gpus[g], spread);
    }
    r = r < 0 ? r : share_out(work, gpus, snapshot->n_gpus, counts);
    for (unsigned g = 0; r == 0 && g < snapshot->n_gpus; g++) {
        take_gpu(work, &gpus[g], counts[g]);
    }
    return r;
}
