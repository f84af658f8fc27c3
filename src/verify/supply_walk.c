#include <string.h>

#include "verify/supply.h"

enum {
    GPUS_MAX = 64,
    STATES_MAX = 1 << 19, /* behind one GPU */
    WEIGHTS_MAX = 2 + GS_PROFILES_MAX + GS_PROFILES_MAX * (GS_PROFILES_MAX - 1) / 2
};
static const uint64_t STEPS_MAX = 8000000; /* additions tried: a second or two */

struct state {
    uint8_t need[GS_PROFILES_MAX];
};

/* Distinct states: a list, and a table of where in it each is (index + 1; 0: free). */
struct states {
    struct state *list;
    uint32_t n;
    uint32_t *table;
};

/* What slices weigh by some measure, and the most by it that the GPUs from the gth on take. Where
 * what is needed weighs more, there is no way; where sums are tight that ends nearly all. */
struct measure {
    unsigned weight[GS_PROFILES_MAX];
    uint64_t room[GPUS_MAX + 1];
};

struct walk {
    const struct gs_supply_target *target;
    const struct gs_supply_pool *gpus[GPUS_MAX];
    size_t n_gpus;
    struct measure *measures;
    size_t n_measures;
    uint64_t steps;
};

static uint64_t weigh(const struct measure *measure, const uint8_t counts[GS_PROFILES_MAX])
{
    uint64_t sum = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        sum += (uint64_t)measure->weight[p] * counts[p];
    }
    return sum;
}

static bool is_hopeless(const struct walk *walk, size_t gpu, const struct state *state)
{
    for (size_t m = 0; m < walk->n_measures; m++) {
        if (weigh(&walk->measures[m], state->need) > walk->measures[m].room[gpu]) {
            return true;
        }
    }
    return false;
}

static void fill_room(struct walk *walk, struct measure *measure)
{
    measure->room[walk->n_gpus] = 0;
    for (size_t g = walk->n_gpus; g-- > 0;) {
        uint64_t most = 0;
        for (unsigned c = 0; c < walk->gpus[g]->n_additions; c++) {
            uint64_t weight = weigh(measure, walk->gpus[g]->additions[c].counts);
            most = weight > most ? weight : most;
        }
        measure->room[g] = measure->room[g + 1] + most;
    }
}

/* Memory units, compute slices, each profile that is needed, and each two of them. */
static void make_measures(struct walk *walk, const struct state *need)
{
    const struct gs_model *model = walk->target->of.model;
    struct measure *units = &walk->measures[walk->n_measures++];
    struct measure *compute = &walk->measures[walk->n_measures++];
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (need->need[p] == 0) {
            continue;
        }
        units->weight[p] = model->profiles[p].memory_units;
        compute->weight[p] = model->profiles[p].compute_slices;
        walk->measures[walk->n_measures++].weight[p] = 1;
        for (unsigned q = p + 1; q < GS_PROFILES_MAX; q++) {
            if (need->need[q] > 0) {
                struct measure *both = &walk->measures[walk->n_measures++];
                both->weight[p] = 1;
                both->weight[q] = 1;
            }
        }
    }
    for (size_t m = 0; m < walk->n_measures; m++) {
        fill_room(walk, &walk->measures[m]);
    }
}

/* False: too many. */
static bool add_state(struct states *states, const struct state *state)
{
    uint64_t hash = 1469598103934665603ull; /* FNV-1a */
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        hash = (hash ^ state->need[p]) * 1099511628211ull;
    }
    size_t slot = (size_t)(hash >> 32) % (2 * STATES_MAX);
    while (states->table[slot] != 0) {
        if (memcmp(&states->list[states->table[slot] - 1], state, sizeof(*state)) == 0) {
            return true;
        }
        slot = (slot + 1) % (2 * STATES_MAX);
    }
    if (states->n == STATES_MAX) {
        return false;
    }
    states->list[states->n++] = *state;
    states->table[slot] = states->n;
    return true;
}

/* What is still needed behind each way to use one GPU. NO: nothing was settled by it. */
static enum gs_supply_verdict use_gpu(struct walk *walk, size_t gpu, const struct state *state,
                                      struct states *behind)
{
    const struct gs_supply_pool *pool = walk->gpus[gpu];
    for (unsigned c = 0; c < pool->n_additions; c++) {
        struct state after = *state;
        unsigned open = 0;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            unsigned gives = pool->additions[c].counts[p];
            after.need[p] = (uint8_t)(after.need[p] > gives ? after.need[p] - gives : 0);
            open += after.need[p];
        }
        if (open == 0) {
            return GS_SUPPLY_YES;
        }
        if (++walk->steps > STEPS_MAX ||
            (!is_hopeless(walk, gpu + 1, &after) && !add_state(behind, &after))) {
            return GS_SUPPLY_NOT_KNOWN;
        }
    }
    /* A GPU that takes nothing on. */
    bool fits =
        pool->n_additions > 0 || is_hopeless(walk, gpu + 1, state) || add_state(behind, state);
    return fits ? GS_SUPPLY_NO : GS_SUPPLY_NOT_KNOWN;
}

static enum gs_supply_verdict go(struct walk *walk, struct states *now, struct states *behind)
{
    for (size_t g = 0; g < walk->n_gpus && now->n > 0; g++) {
        behind->n = 0;
        memset(behind->table, 0, 2 * STATES_MAX * sizeof(*behind->table));
        for (uint32_t s = 0; s < now->n; s++) {
            enum gs_supply_verdict verdict = use_gpu(walk, g, &now->list[s], behind);
            if (verdict != GS_SUPPLY_NO) {
                return verdict;
            }
        }
        struct states *swap = now;
        now = behind;
        behind = swap;
    }
    return GS_SUPPLY_NO;
}

static bool make_states(struct gs_arena *scratch, struct states *ret)
{
    ret->list = gs_arena_get_raw(scratch, STATES_MAX, sizeof(*ret->list));
    ret->table = gs_arena_get_raw(scratch, (size_t)2 * STATES_MAX, sizeof(*ret->table));
    return ret->list != NULL && ret->table != NULL;
}

enum gs_supply_verdict gs_supply_walk(struct gs_arena *scratch,
                                      const struct gs_supply_target *target,
                                      const uint8_t need[GS_PROFILES_MAX], const uint8_t *left)
{
    struct walk walk = {.target = target};
    struct states now = {.n = 0};
    struct states behind = {.n = 0};
    struct state first;
    memcpy(first.need, need, sizeof(first.need));
    for (size_t i = 0; i < target->n_pools; i++) {
        for (unsigned k = 0; k < left[i]; k++) {
            if (walk.n_gpus == GPUS_MAX) {
                return GS_SUPPLY_NOT_KNOWN;
            }
            walk.gpus[walk.n_gpus++] = &target->pools[i];
        }
    }
    walk.measures = GS_ARENA_NEW(scratch, struct measure, WEIGHTS_MAX);
    if (walk.measures == NULL) {
        return GS_SUPPLY_NOT_KNOWN;
    }
    make_measures(&walk, &first);
    if (is_hopeless(&walk, 0, &first)) {
        return GS_SUPPLY_NO;
    }
    if (!make_states(scratch, &now) || !make_states(scratch, &behind)) {
        return GS_SUPPLY_NOT_KNOWN;
    }
    now.list[now.n++] = first;
    return go(&walk, &now, &behind);
}
