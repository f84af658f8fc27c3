#include "sim/fewest.h"

#include <assert.h>
#include <string.h>

enum {
    MEMORY_BITS = 12,
    MEMORY = 1 << MEMORY_BITS /* answers that are remembered; a new one takes an old one's place */
};

struct answer {
    uint32_t counts[GS_PROFILES_MAX];
    uint64_t gpus; /* 0: none is here */
};

struct gs_sim_fewest {
    struct gs_arena *arena;
    struct gs_arena *work;
    const struct gs_model *model;
    uint32_t profiles;
    uint32_t counts[GS_PROFILES_MAX];
    uint64_t whole;
    bool plain; /* the model has the closed form */
    unsigned five[5];
    uint32_t slices;   /* of all profiles */
    uint32_t others;   /* of profiles beyond the five */
    uint32_t is_plain; /* bit p: one of the five */
    bool stale;
    uint64_t gpus; /* unless stale */
    /* the program, from the first time that it is needed on: many runs never do */
    struct gs_pool pool;
    struct gs_program_target target;
    struct gs_use uses[GS_PROFILES_MAX];
    struct answer *memory; /* by a hash of the counts */
};

static int prepare_program(struct gs_sim_fewest *fewest, struct gs_err *err)
{
    static const int64_t one = 1;
    const struct gs_statetable *states;
    int r = gs_statetable_new(fewest->arena, fewest->model, fewest->profiles, &states, err);
    if (r < 0) {
        return r;
    }
    fewest->pool = (struct gs_pool){.table = states, .cut = true, .count = GS_POOL_NO_LIMIT};
    r = gs_pool_list_columns(&fewest->pool, fewest->arena, fewest->profiles, err);
    if (r < 0) {
        return r;
    }
    fewest->target =
        (struct gs_program_target){.pools = &fewest->pool, .n_pools = 1, .pool_costs = &one};
    for (unsigned p = 0; p < fewest->model->n_profiles; p++) {
        fewest->uses[p].kind = p;
        fewest->uses[p].slices[p] = 1;
    }
    fewest->memory = GS_ARENA_NEW(fewest->arena, struct answer, MEMORY);
    return fewest->memory != NULL ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for a bound");
}

int gs_sim_fewest_new(struct gs_arena *arena, struct gs_arena *work, const struct gs_model *model,
                      uint32_t profiles, struct gs_sim_fewest **ret, struct gs_err *err)
{
    struct gs_sim_fewest *fewest = GS_ARENA_NEW(arena, struct gs_sim_fewest, 1);
    if (fewest == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a bound");
    }
    fewest->arena = arena;
    fewest->work = work;
    fewest->model = model;
    fewest->plain = gs_pack_has_closed_form(model, fewest->five);
    for (unsigned i = 0; fewest->plain && i < 5; i++) {
        fewest->is_plain |= 1u << fewest->five[i];
    }
    fewest->profiles = profiles & ((1u << model->n_profiles) - 1u);
    *ret = fewest;
    return 0;
}

void gs_sim_fewest_slice(struct gs_sim_fewest *fewest, unsigned profile, int by)
{
    assert(by > 0 || fewest->counts[profile] > 0);
    fewest->counts[profile] += (uint32_t)by;
    fewest->slices += (uint32_t)by;
    if ((fewest->is_plain >> profile & 1u) == 0) {
        fewest->others += (uint32_t)by;
    }
    fewest->stale = true;
}

void gs_sim_fewest_whole(struct gs_sim_fewest *fewest, int by)
{
    fewest->whole += (uint64_t)(int64_t)by;
    fewest->stale = true;
}

static uint64_t closed_form(const struct gs_sim_fewest *fewest)
{
    const uint32_t *counts = fewest->counts;
    const unsigned *five = fewest->five;
    struct gs_pack_plain plain = {.n1 = counts[five[0]],
                                  .n2 = counts[five[1]],
                                  .n3 = counts[five[2]],
                                  .n4 = counts[five[3]],
                                  .n7 = counts[five[4]]};
    return gs_pack_closed_form(&plain);
}

static int solve(const struct gs_sim_fewest *fewest, uint64_t *ret_gpus, struct gs_err *err)
{
    int64_t needs[GS_PROFILES_MAX] = {0};
    for (unsigned p = 0; p < fewest->model->n_profiles; p++) {
        needs[p] = fewest->counts[p];
    }
    const struct gs_program_spec spec = {.targets = &fewest->target,
                                         .n_targets = 1,
                                         .uses = fewest->uses,
                                         .n_uses = fewest->model->n_profiles,
                                         .n_kinds = fewest->model->n_profiles,
                                         .needs = needs};
    struct gs_arena_mark mark = gs_arena_mark(fewest->work);
    struct gs_pack pack;
    int r = gs_pack_solve(fewest->work, &spec, 1, &pack, err);
    if (r == 0 && (!pack.found || pack.value != pack.bound)) {
        r = gs_fail(err, GS_LIMIT, "the fewest GPUs for what runs were not proven: %lld to %lld",
                    (long long)pack.bound, (long long)pack.value);
    }
    if (r == 0) {
        *ret_gpus = (uint64_t)pack.value;
    }
    gs_arena_rewind(fewest->work, mark);
    return r;
}

static struct answer *remembered(const struct gs_sim_fewest *fewest)
{
    uint64_t hash = 0;
    for (unsigned p = 0; p < fewest->model->n_profiles; p++) {
        hash = (hash ^ fewest->counts[p]) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return &fewest->memory[hash * 0x9E3779B97F4A7C15u >> (64 - MEMORY_BITS)];
}

static int by_program(struct gs_sim_fewest *fewest, uint64_t *ret_gpus, struct gs_err *err)
{
    int r = fewest->memory == NULL ? prepare_program(fewest, err) : 0;
    if (r < 0) {
        return r;
    }
    struct answer *answer = remembered(fewest);
    if (answer->gpus == 0 || memcmp(answer->counts, fewest->counts, sizeof(answer->counts)) != 0) {
        uint64_t gpus;
        r = solve(fewest, &gpus, err);
        if (r < 0) {
            return r;
        }
        memcpy(answer->counts, fewest->counts, sizeof(answer->counts));
        answer->gpus = gpus;
    }
    *ret_gpus = answer->gpus;
    return 0;
}

int gs_sim_fewest_gpus(struct gs_sim_fewest *fewest, uint64_t *ret_gpus, struct gs_err *err)
{
    if (fewest->stale) {
        uint64_t gpus = 0;
        int r = 0;
        if (fewest->plain && fewest->others == 0) {
            gpus = closed_form(fewest);
        } else if (fewest->slices > 0) {
            r = by_program(fewest, &gpus, err);
        }
        if (r < 0) {
            return r;
        }
        fewest->gpus = gpus + fewest->whole;
        fewest->stale = false;
    }
    *ret_gpus = fewest->gpus;
    return 0;
}
