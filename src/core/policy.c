#include "core/policy.h"

#include "base/cleanup.h"

/* Puts a first rule before a second one, whose values are below this. */
enum { FIRST_RULE = 1024 };

static const struct gs_profile *profile_of(const struct gs_statetable *table, unsigned placement)
{
    return &table->model->profiles[table->placements[placement].profile];
}

static int32_t used_compute_slices(const struct gs_statetable *table, uint16_t state)
{
    int32_t used = 0;
    for (uint64_t rest = table->sets[state]; rest != 0; rest &= rest - 1) {
        used += profile_of(table, (unsigned)__builtin_ctzll(rest))->compute_slices;
    }
    return used;
}

static int32_t used_memory_units(const struct gs_statetable *table, uint16_t state)
{
    return __builtin_popcount(table->occupied[state]);
}

/* What a placement is worth while it is possible. */
typedef int32_t worth_of(const struct gs_profile *profile);

static int32_t worth_one(const struct gs_profile *profile)
{
    (void)profile;
    return 1;
}

static int32_t worth_compute_slices(const struct gs_profile *profile)
{
    return profile->compute_slices;
}

/* The worth of all placements that are possible before and not after, this one with them. */
static int32_t lost_placements(const struct gs_statetable *table, uint16_t state,
                               unsigned placement, worth_of *worth)
{
    const uint16_t *before = table->next + (size_t)state * table->n_placements;
    const uint16_t *after = table->next + (size_t)before[placement] * table->n_placements;
    int32_t lost = 0;
    for (unsigned i = 0; i < table->n_placements; i++) {
        if (before[i] != GS_STATE_NONE && after[i] == GS_STATE_NONE) {
            lost += worth(profile_of(table, i));
        }
    }
    return lost;
}

static int32_t slices_in(const struct gs_statetable *table, uint16_t state)
{
    return __builtin_popcountll(table->sets[state]);
}

/* A lost placement hurts by the work that it could have carried; and what has to be lost is lost
 * best on a GPU that is well filled, above all by many slices: it will not be empty soon. The
 * weights are the same for every mix and load; docs/internals/online.md has the others tried. */
static int32_t cost_keep_room(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    return 10 * lost_placements(table, state, placement, worth_compute_slices) -
           3 * used_compute_slices(table, state) - 4 * slices_in(table, state);
}

static int32_t cost_min_loss(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    return FIRST_RULE * lost_placements(table, state, placement, worth_one) -
           used_compute_slices(table, state);
}

/* NVIDIA's DRA driver: devices sorted by name, taken in that order (dynamic-slicing 2.6). */
static int32_t cost_first_fit(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    (void)state;
    return table->placements[placement].start;
}

/* Dynamic Accelerator Slicer: a node's score is its free slices, then the first start
 * (dynamic-slicing 2.2). */
static int32_t cost_spread(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    return FIRST_RULE * used_memory_units(table, state) + table->placements[placement].start;
}

/* HAMi 2.10 with binpack: 1g and 3g from high starts, others from low (dynamic-slicing 2.3). */
static int32_t cost_hami(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    unsigned slices = profile_of(table, placement)->compute_slices;
    int32_t start = table->placements[placement].start;
    bool high = slices == 1 || slices == 3;
    return -FIRST_RULE * used_memory_units(table, state) + (high ? -start : start);
}

/* Best fit by compute slices, with the highest start: "online" in published figures. */
static unsigned tier_best_fit(const struct gs_statetable *table, uint16_t state)
{
    return (unsigned)(table->model->compute_slices - used_compute_slices(table, state));
}

static int32_t cost_best_fit(const struct gs_statetable *table, uint16_t state, unsigned placement)
{
    (void)state;
    return -table->placements[placement].start;
}

static const struct gs_policy policies[] = {
    {.name = "keep-room",
     .summary = "loses the fewest placements, weighted by compute slices; fuller GPUs first",
     .cost = cost_keep_room},
    {.name = "min-loss",
     .summary = "loses the fewest placements; of equals the fuller GPU",
     .cost = cost_min_loss},
    {.name = "first-fit",
     .summary = "the first GPU with room, the lowest start (the DRA driver's order)",
     .by_index = true,
     .cost = cost_first_fit},
    {.name = "spread",
     .summary = "the emptiest GPU, the lowest start (as Dynamic Accelerator Slicer)",
     .cost = cost_spread},
    {.name = "hami",
     .summary = "the fullest GPU; 1g and 3g from high starts, others from low (as HAMi)",
     .cost = cost_hami},
    {.name = "best-fit",
     .summary = "the GPU with the fewest free compute slices, then the first; the highest start",
     .by_index = true,
     .tier = tier_best_fit,
     .cost = cost_best_fit},
};

const struct gs_policy *gs_policies(size_t *ret_count)
{
    *ret_count = GS_ARRAY_LEN(policies);
    return policies;
}

int gs_policy_find(struct gs_view name, const struct gs_policy **ret_policy, struct gs_err *err)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(policies); i++) {
        if (gs_view_eq(name, policies[i].name)) {
            *ret_policy = &policies[i];
            return 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND,
                   "no policy is named \"%.*s\": expected keep-room, min-loss, first-fit, "
                   "spread, hami or best-fit",
                   GS_VIEW_ARGS(name));
}
