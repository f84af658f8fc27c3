#include "oracle/world.h"

#include <string.h>

#include "base/cleanup.h"
#include "unit/core/tables.h"

const char *const world_flavour_names[WORLD_FLAVOURS] = {
    [WORLD_ONE_MODEL] = "one model",       [WORLD_MIXED] = "mixed models",
    [WORLD_ALTERNATIVES] = "alternatives", [WORLD_TIGHT] = "tight",
    [WORLD_EXISTING] = "existing",         [WORLD_SCARCE] = "scarce",
};

void world_gpus_init(struct world_gpus *gpus, struct gs_arena *arena)
{
    static const char *const names[WORLD_GPUS - 1] = {"A30-24GB", "A100-40GB", "RTX-PRO-6000-96GB"};
    *gpus = (struct world_gpus){0};
    for (unsigned g = 0; g < WORLD_GPUS - 1; g++) {
        const struct gs_model *model;
        assert_int_equal(gs_catalog_find(gs_view(names[g]), &model, NULL), 0);
        assert_int_equal(gs_statetable_new(arena, model, GS_ALL_PROFILES, &gpus->tables[g], NULL),
                         0);
    }
}

static unsigned below(struct world *w, unsigned n)
{
    return random_below(&w->seed, n);
}

static unsigned between(struct world *w, unsigned low, unsigned high)
{
    return low + below(w, high - low + 1);
}

static bool chance(struct world *w, unsigned percent)
{
    return below(w, 100) < percent;
}

/* ------------------------------------------------------------------ what is wanted */

static void choose_models(struct world *w)
{
    unsigned all[WORLD_GPUS] = {0, 1, 2, 3};
    bool one = w->flavour == WORLD_ONE_MODEL;
    w->n_models = one ? 1 : between(w, w->flavour == WORLD_MIXED ? 2 : 1, 3);
    for (unsigned i = 0; i < w->n_models; i++) {
        unsigned at = i + below(w, (one ? WORLD_GPUS - 1 : WORLD_GPUS) - i);
        w->models[i] = all[at];
        all[at] = all[i];
    }
}

static struct world_alternative random_alternative(struct world *w, unsigned gpu)
{
    struct world_alternative way = {.gpu = gpu};
    const struct gs_statetable *table = w->gpus->tables[gpu];
    if (table == NULL || chance(w, 12)) {
        way.gpus = between(w, 1, chance(w, 25) ? 2 : 1);
        return way;
    }
    unsigned parts = chance(w, 20) ? 2 : 1;
    for (unsigned i = 0; i < parts; i++) {
        way.slices[below(w, table->model->n_profiles)] += chance(w, 20) ? 2 : 1;
    }
    return way;
}

static void choose_kinds(struct world *w, unsigned most)
{
    w->n_kinds = between(w, 1, most);
    for (unsigned k = 0; k < w->n_kinds; k++) {
        struct world_kind *kind = &w->kinds[k];
        bool many = w->flavour == WORLD_ALTERNATIVES || chance(w, 15);
        kind->n =
            w->flavour == WORLD_ONE_MODEL ? 1 : between(w, 1, many ? WORLD_ALTERNATIVES_MAX : 1);
        for (unsigned a = 0; a < kind->n; a++) {
            kind->alternatives[a] = random_alternative(w, w->models[below(w, w->n_models)]);
        }
    }
}

/* ------------------------------------------------------------------ GPUs */

/* The uses that a kind of GPU has; returns how many. target is left 0. */
static unsigned list_uses(const struct world *w, unsigned gpu, struct gs_use *uses)
{
    unsigned n = 0;
    for (unsigned k = 0; k < w->n_kinds; k++) {
        for (unsigned a = 0; a < w->kinds[k].n; a++) {
            const struct world_alternative *way = &w->kinds[k].alternatives[a];
            if (way->gpu != WORLD_GPUS && way->gpu != gpu) {
                continue;
            }
            uses[n] = (struct gs_use){.kind = k, .alternative = a, .gpus = way->gpus};
            memcpy(uses[n].slices, way->slices, sizeof(way->slices));
            n++;
        }
    }
    return n;
}

static uint32_t wanted_of(const struct world *w, unsigned gpu)
{
    struct gs_use uses[WORLD_USES_MAX];
    unsigned n = list_uses(w, gpu, uses);
    uint32_t wanted = 0;
    for (unsigned u = 0; u < n; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            wanted |= (uint32_t)(uses[u].slices[p] > 0) << p;
        }
    }
    return wanted;
}

/* A state with a few slices, so that something can still be added. */
static uint16_t random_busy(struct world *w, const struct gs_statetable *table)
{
    for (;;) {
        uint16_t state = (uint16_t)below(w, table->n_states);
        if (__builtin_popcountll(table->sets[state]) <= 3) {
            return state;
        }
    }
}

static struct gs_pool make_pool(struct world *w, unsigned gpu, uint32_t count, bool in_use)
{
    const struct gs_statetable *table = w->gpus->tables[gpu];
    struct gs_pool pool = {
        .table = table,
        .busy = in_use && table != NULL ? random_busy(w, table) : 0,
        .cut = table != NULL,
        .count = count,
    };
    pool.whole = pool.busy == 0;
    assert_int_equal(gs_pool_list_columns(&pool, w->arena, wanted_of(w, gpu), NULL), 0);
    return pool;
}

static void add_free_slices(struct world *w, unsigned gpu, struct gs_program_target *target)
{
    const struct gs_statetable *table = w->gpus->tables[gpu];
    for (unsigned i = 0; i < 3 && table != NULL; i++) {
        target->free_slices[below(w, table->model->n_profiles)] += between(w, 0, 2);
    }
    target->free_gpus = table == NULL || chance(w, 30) ? between(w, 0, 2) : 0;
}

/* ------------------------------------------------------------------ packing */

static unsigned pack_pools(struct world *w, unsigned at, unsigned gpu)
{
    unsigned n = 0;
    if (w->flavour != WORLD_SCARCE) {
        w->pools[at][n] = make_pool(w, gpu, GS_POOL_NO_LIMIT, false);
        bool plain = w->flavour == WORLD_ONE_MODEL || w->flavour == WORLD_TIGHT;
        w->pool_costs[at][n++] = plain ? 1 : between(w, 1, 9);
    }
    unsigned limited = w->flavour == WORLD_EXISTING || w->flavour == WORLD_SCARCE
                           ? between(w, 1, WORLD_POOLS_MAX - 1)
                           : 0;
    for (unsigned i = 0; i < limited; i++) {
        w->pools[at][n] = make_pool(w, gpu, between(w, 1, 3), chance(w, 70));
        w->pool_costs[at][n++] = chance(w, 80) ? 0 : between(w, 1, 3);
    }
    return n;
}

static void pack_uses(struct world *w)
{
    unsigned n = 0;
    for (unsigned t = 0; t < w->n_models; t++) {
        struct gs_use uses[WORLD_USES_MAX];
        unsigned n_uses = list_uses(w, w->models[t], uses);
        for (unsigned u = 0; u < n_uses; u++) {
            uses[u].target = t;
            w->yields[n] = between(w, 1, 5);
            w->pack_uses[n++] = uses[u];
        }
    }
    w->pack.n_uses = n;
}

/* Rows that should change no answer, in half of the worlds. */
static void add_roundings(struct world *w)
{
    w->pack.roundings = w->roundings;
    for (unsigned k = 0; k < w->n_kinds && chance(w, 50); k++) {
        int64_t yields[WORLD_USES_MAX];
        int64_t pers[GS_ROUNDINGS_MAX];
        unsigned n = 0;
        for (unsigned u = 0; u < w->pack.n_uses; u++) {
            if (w->pack_uses[u].kind == k) {
                yields[n++] = w->yields[u];
            }
        }
        unsigned n_pers = gs_rounding_choose(yields, n, w->needs[k], pers);
        for (unsigned i = 0; i < n_pers; i++) {
            w->roundings[w->pack.n_roundings++] =
                (struct gs_program_rounding){.kind = k, .per = pers[i]};
        }
    }
}

void world_make_pack(struct world *w, const struct world_gpus *gpus, struct gs_arena *arena,
                     enum world_flavour flavour, uint64_t seed)
{
    *w = (struct world){.flavour = flavour, .gpus = gpus, .arena = arena, .seed = seed};
    choose_models(w);
    choose_kinds(w, WORLD_KINDS_MAX);
    unsigned most = flavour == WORLD_TIGHT ? 100000 : flavour == WORLD_SCARCE ? 2 : 12;
    for (unsigned k = 0; k < w->n_kinds; k++) {
        w->needs[k] = between(w, 0, most);
    }
    for (unsigned t = 0; t < w->n_models; t++) {
        unsigned n_pools = pack_pools(w, t, w->models[t]);
        w->targets[t] = (struct gs_program_target){
            .pools = w->pools[t], .n_pools = n_pools, .pool_costs = w->pool_costs[t]};
        if (flavour == WORLD_EXISTING || flavour == WORLD_SCARCE) {
            add_free_slices(w, w->models[t], &w->targets[t]);
        }
    }
    w->pack = (struct gs_program_spec){
        .targets = w->targets,
        .n_targets = w->n_models,
        .uses = w->pack_uses,
        .yields = flavour == WORLD_ALTERNATIVES ? w->yields : NULL,
        .n_kinds = w->n_kinds,
        .needs = w->needs,
    };
    pack_uses(w);
    if (w->pack.yields != NULL) {
        add_roundings(w);
    }
}

/* ------------------------------------------------------------------ fleets */

static void amounts(struct world *w, struct gs_fleet_shape *shape, unsigned gpus)
{
    bool tight = w->flavour == WORLD_TIGHT || chance(w, 25);
    shape->cpu_milli = tight ? between(w, 6, 24) : 40 * gpus + 20;
    shape->memory = tight ? between(w, 6, 24) : 40 * gpus + 20;
    shape->pods = tight ? between(w, 1, 6) : 30;
}

/* A node that can be bought. */
static void new_shape(struct world *w, unsigned at, unsigned gpu)
{
    static const unsigned sizes[] = {1, 1, 1, 2, 2, 4, 8};
    struct gs_fleet_shape *shape = &w->shapes[at];
    unsigned gpus = sizes[below(w, GS_ARRAY_LEN(sizes))];
    amounts(w, shape, gpus);
    shape->cost = (int64_t)w->fleet.step * between(w, 2 + gpus, 6 + 6 * gpus);
    bool scarce = w->flavour == WORLD_SCARCE;
    shape->limit = scarce || chance(w, 10) ? between(w, 0, scarce ? 5 : 2) : GS_FLEET_NO_LIMIT;
    w->pools[at][0] = make_pool(w, gpu, gpus, false);
    shape->target = (struct gs_program_target){.pools = w->pools[at], .n_pools = 1};
}

/* A node that is there, with slices in use or with nothing known but what is free. */
static void existing_shape(struct world *w, unsigned at, unsigned gpu)
{
    struct gs_fleet_shape *shape = &w->shapes[at];
    amounts(w, shape, 2);
    shape->limit = between(w, 1, 2);
    shape->target = (struct gs_program_target){.pools = w->pools[at]};
    if (chance(w, 40)) {
        add_free_slices(w, gpu, &shape->target);
        return;
    }
    unsigned n = between(w, 1, 2);
    for (unsigned i = 0; i < n; i++) {
        w->pools[at][i] = make_pool(w, gpu, between(w, 1, 2), chance(w, 75));
    }
    shape->target.n_pools = n;
}

static void fleet_needs(struct world *w)
{
    unsigned left = chance(w, 50) ? between(w, 2, 9) : between(w, 10, 20);
    for (unsigned k = 0; k < w->n_kinds; k++) {
        w->needs[k] = between(w, 1, left > 1 ? left / 2 + 1 : 1);
        left = left > w->needs[k] ? left - (unsigned)w->needs[k] : 0;
        w->cpu[k] = chance(w, 20) ? 0 : between(w, 1, 8);
        w->memory[k] = chance(w, 20) ? 0 : between(w, 1, 8);
    }
}

void world_make_fleet(struct world *w, const struct world_gpus *gpus, struct gs_arena *arena,
                      enum world_flavour flavour, uint64_t seed)
{
    *w = (struct world){.flavour = flavour, .gpus = gpus, .arena = arena, .seed = seed};
    choose_models(w);
    choose_kinds(w, 5);
    if (chance(w, 10)) {
        w->kinds[0].alternatives[0] = (struct world_alternative){.gpu = WORLD_GPUS};
    }
    fleet_needs(w);
    w->fleet = (struct gs_fleet_spec){
        .n_kinds = w->n_kinds,
        .needs = w->needs,
        .cpu_milli = w->cpu,
        .memory = w->memory,
        .shapes = w->shapes,
        .step = chance(w, 30) ? 5 : 1,
    };
    unsigned there = flavour == WORLD_EXISTING || flavour == WORLD_SCARCE ? between(w, 1, 2) : 0;
    unsigned bought = between(w, w->n_models, 4);
    for (unsigned t = 0; t < there + bought; t++) {
        unsigned gpu = t < w->n_models ? w->models[t] : w->models[below(w, w->n_models)];
        if (t < bought) {
            new_shape(w, t, gpu);
        } else {
            existing_shape(w, t, gpu);
        }
        w->shapes[t].uses = w->uses[t];
        w->shapes[t].n_uses = list_uses(w, gpu, w->uses[t]);
    }
    w->fleet.n_shapes = there + bought;
}
