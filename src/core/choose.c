#include "core/choose.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { EXACT_COMPUTE_MIN = 128 };

/* A rate in thousandths as a decimal. */
#define RATE "%" PRIu64 ".%03" PRIu64
#define RATE_ARGS(milli) (milli) / 1000, (milli) % 1000

static uint64_t rate_of(const struct gs_choose_need *need, unsigned profile)
{
    return need->rates_milli == NULL ? 0 : need->rates_milli[profile];
}

static int check_need(const struct gs_model *model, const struct gs_choose_need *need,
                      struct gs_err *err)
{
    int r = gs_model_require_placements(model, err);
    if (r < 0) {
        return r;
    }
    if (need->rate_milli > GS_RATE_MILLI_MAX) {
        return gs_fail(err, GS_INVALID,
                       "the rate asked for is " RATE " a second; expected %llu "
                       "at most",
                       RATE_ARGS(need->rate_milli), GS_RATE_MILLI_MAX / 1000);
    }
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if (rate_of(need, p) > GS_RATE_MILLI_MAX) {
            return gs_fail(err, GS_INVALID,
                           "the measured rate of %s is " RATE " a second; expected "
                           "%llu at most",
                           model->profiles[p].name, RATE_ARGS(rate_of(need, p)),
                           GS_RATE_MILLI_MAX / 1000);
        }
    }
    return 0;
}

static bool may_be_chosen(const struct gs_model *model, const struct gs_choose_need *need,
                          unsigned p)
{
    return (need->profiles >> p & 1u) != 0 && model->profiles[p].starts != 0;
}

static bool has_memory(const struct gs_profile *profile, const struct gs_choose_need *need)
{
    return need->memory_mib == 0 ||
           (profile->memory_mib != GS_NOT_KNOWN && profile->memory_mib >= need->memory_mib);
}

/* The share of the GPU as a numerator over compute_slices * memory_units of the model. */
static unsigned share(const struct gs_model *model, const struct gs_profile *profile)
{
    unsigned compute = (unsigned)profile->compute_slices * model->memory_units;
    unsigned memory = (unsigned)profile->memory_units * model->compute_slices;
    return compute > memory ? compute : memory;
}

static bool is_cheaper(const struct gs_model *model, const struct gs_profile *a,
                       const struct gs_profile *b)
{
    if (share(model, a) != share(model, b)) {
        return share(model, a) < share(model, b);
    }
    if (a->compute_slices != b->compute_slices) {
        return a->compute_slices < b->compute_slices;
    }
    return strcmp(a->name, b->name) < 0;
}

/* Says why no slice serves `least_rate` with the memory asked for: the most that may be had. */
static int fail_none(const struct gs_model *model, const struct gs_choose_need *need,
                     uint64_t least_rate, struct gs_err *err)
{
    uint32_t most_memory = 0;
    uint64_t most_rate = 0;
    const char *unknown = NULL;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (!may_be_chosen(model, need, p)) {
            continue;
        }
        if (profile->memory_mib == GS_NOT_KNOWN) {
            unknown = rate_of(need, p) >= least_rate ? profile->name : unknown;
        } else if (profile->memory_mib > most_memory) {
            most_memory = profile->memory_mib;
        }
        if (has_memory(profile, need) && rate_of(need, p) > most_rate) {
            most_rate = rate_of(need, p);
        }
    }
    if (unknown != NULL && need->memory_mib > 0) {
        return gs_fail(
            err, GS_UNKNOWN,
            "no profile of %s is known to have %u MiB and the rate asked for; the memory "
            "of %s is not known",
            model->id, need->memory_mib, unknown);
    }
    if (most_memory < need->memory_mib) {
        return gs_fail(err, GS_INFEASIBLE, "no profile of %s has %u MiB; the most is %u MiB",
                       model->id, need->memory_mib, most_memory);
    }
    return gs_fail(err, GS_INFEASIBLE,
                   "no profile of %s with the memory asked for serves " RATE
                   " requests a second; the most that was measured is " RATE,
                   model->id, RATE_ARGS(least_rate), RATE_ARGS(most_rate));
}

int gs_choose_profile(const struct gs_model *model, const struct gs_choose_need *need,
                      unsigned *ret_profile, struct gs_err *err)
{
    int r = check_need(model, need, err);
    if (r < 0) {
        return r;
    }
    int best = -1;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (may_be_chosen(model, need, p) && has_memory(profile, need) &&
            rate_of(need, p) >= need->rate_milli &&
            (best < 0 || is_cheaper(model, profile, &model->profiles[best]))) {
            best = (int)p;
        }
    }
    if (best < 0) {
        return fail_none(model, need, need->rate_milli, err);
    }
    *ret_profile = (unsigned)best;
    return 0;
}

/* The knapsack over slices. */
struct item {
    unsigned profile;
    unsigned compute;
    unsigned memory;
    uint64_t rate;
};

struct knapsack {
    struct item items[GS_PROFILES_MAX]; /* in name order */
    unsigned n_items;
    unsigned base;    /* the item with the most rate a compute slice, then the least memory */
    unsigned compute; /* most compute slices of the table */
    unsigned memory;
    uint64_t *rates; /* [compute * (memory + 1) + memory units]: the most rate of slices with
                        exactly so many of both; 0: there are none */
};

static void list_items(const struct gs_model *model, const struct gs_choose_need *need,
                       struct knapsack *sack)
{
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (!may_be_chosen(model, need, p) || !has_memory(profile, need) || rate_of(need, p) == 0) {
            continue;
        }
        unsigned at = sack->n_items++;
        for (;
             at > 0 && strcmp(model->profiles[sack->items[at - 1].profile].name, profile->name) > 0;
             at--) {
            sack->items[at] = sack->items[at - 1];
        }
        sack->items[at] = (struct item){
            .profile = p,
            .compute = profile->compute_slices,
            .memory = profile->memory_units,
            .rate = rate_of(need, p),
        };
    }
}

static bool is_better_base(const struct item *a, const struct item *b)
{
    uint64_t rate_a = a->rate * b->compute;
    uint64_t rate_b = b->rate * a->compute;
    return rate_a != rate_b ? rate_a > rate_b : a->memory * b->compute < b->memory * a->compute;
}

/* Sizes the table so that an answer of any size, less slices of the base, is in it. */
static void size_table(struct knapsack *sack)
{
    unsigned largest = 0;
    unsigned thickest = 0; /* memory units of a compute slice, rounded up */
    for (unsigned i = 0; i < sack->n_items; i++) {
        const struct item *item = &sack->items[i];
        unsigned thick = (item->memory + item->compute - 1) / item->compute;
        largest = item->compute > largest ? item->compute : largest;
        thickest = thick > thickest ? thick : thickest;
        sack->base = is_better_base(item, &sack->items[sack->base]) ? i : sack->base;
    }
    unsigned enough = largest * (largest + 1);
    sack->compute = enough > EXACT_COMPUTE_MIN ? enough : EXACT_COMPUTE_MIN;
    sack->memory = sack->compute * thickest;
}

static uint64_t *cell(const struct knapsack *sack, unsigned compute, unsigned memory)
{
    return &sack->rates[(size_t)compute * (sack->memory + 1) + memory];
}

/* What the table would hold for these if the last slice were `item`; 0: it cannot be. */
static uint64_t rate_with(const struct knapsack *sack, unsigned compute, unsigned memory,
                          const struct item *item)
{
    if (item->compute > compute || item->memory > memory) {
        return 0;
    }
    unsigned c = compute - item->compute;
    unsigned m = memory - item->memory;
    uint64_t below = *cell(sack, c, m);
    return below != 0 || (c == 0 && m == 0) ? below + item->rate : 0;
}

static void fill_table(struct knapsack *sack)
{
    for (unsigned c = 1; c <= sack->compute; c++) {
        for (unsigned m = 1; m <= sack->memory; m++) {
            uint64_t most = 0;
            for (unsigned i = 0; i < sack->n_items; i++) {
                uint64_t rate = rate_with(sack, c, m, &sack->items[i]);
                most = rate > most ? rate : most;
            }
            *cell(sack, c, m) = most;
        }
    }
}

/* The fewest compute slices for the rate: some from the table, the rest of the base. Any answer
 * with as many slices beside the base as the base has compute slices holds some of them whose
 * compute slices the base divides; the base serves no less with the same. So less than
 * largest * base compute slices need not be of the base, and the table has them. */
static uint64_t fewest_compute(const struct knapsack *sack, uint64_t rate)
{
    const struct item *base = &sack->items[sack->base];
    uint64_t fewest = UINT64_MAX;
    for (unsigned c = 0; c <= sack->compute; c++) {
        uint64_t most = 0;
        for (unsigned m = 0; m <= sack->memory; m++) {
            most = *cell(sack, c, m) > most ? *cell(sack, c, m) : most;
        }
        if (c > 0 && most == 0) {
            continue;
        }
        uint64_t left = rate > most ? rate - most : 0;
        uint64_t all = c + (left + base->rate - 1) / base->rate * base->compute;
        fewest = all < fewest ? all : fewest;
    }
    return fewest;
}

static void add_slices(struct gs_choose_mix *mix, const struct item *item, uint64_t count)
{
    mix->counts[item->profile] += count;
    mix->compute_slices += count * item->compute;
    mix->memory_units += count * item->memory;
    mix->rate_milli += count * item->rate;
}

/* Reads the slices of a cell back, the last one first. */
static void add_cell(const struct knapsack *sack, unsigned compute, unsigned memory,
                     struct gs_choose_mix *mix)
{
    while (compute > 0) {
        uint64_t here = *cell(sack, compute, memory);
        unsigned i = 0;
        while (rate_with(sack, compute, memory, &sack->items[i]) != here) {
            i++;
            assert(i < sack->n_items);
        }
        add_slices(mix, &sack->items[i], 1);
        compute -= sack->items[i].compute;
        memory -= sack->items[i].memory;
    }
    assert(memory == 0);
}

static void pick_slices(const struct knapsack *sack, uint64_t rate, struct gs_choose_mix *mix)
{
    uint64_t compute = fewest_compute(sack, rate);
    const struct item *base = &sack->items[sack->base];
    if (compute > sack->compute) {
        add_slices(mix, base, (compute - sack->compute + base->compute - 1) / base->compute);
        compute -= mix->compute_slices;
        rate -= mix->rate_milli < rate ? mix->rate_milli : rate;
    }
    unsigned memory = 0;
    while (*cell(sack, (unsigned)compute, memory) < rate) {
        memory++;
        assert(memory <= sack->memory);
    }
    add_cell(sack, (unsigned)compute, memory, mix);
}

int gs_choose_slices(struct gs_arena *arena, const struct gs_model *model,
                     const struct gs_choose_need *need, struct gs_choose_mix *ret_mix,
                     struct gs_err *err)
{
    int r = check_need(model, need, err);
    if (r < 0) {
        return r;
    }
    struct gs_choose_mix mix = {.compute_slices = 0};
    if (need->rate_milli == 0) {
        *ret_mix = mix;
        return 0;
    }
    struct knapsack sack = {.n_items = 0};
    list_items(model, need, &sack);
    if (sack.n_items == 0) {
        return fail_none(model, need, 1, err);
    }
    size_table(&sack);
    struct gs_arena_mark mark = gs_arena_mark(arena);
    sack.rates = GS_ARENA_NEW(arena, uint64_t, (size_t)(sack.compute + 1) * (sack.memory + 1));
    if (sack.rates == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to choose slices of %s", model->id);
    }
    fill_table(&sack);
    pick_slices(&sack, need->rate_milli, &mix);
    gs_arena_rewind(arena, mark);
    *ret_mix = mix;
    return 0;
}
