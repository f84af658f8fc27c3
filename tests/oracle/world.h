/* world: random small demands and the GPUs or nodes that may serve them. */
#pragma once

#include "core/fleet/fleet.h"
#include "core/solve/rounding.h"

enum {
    WORLD_GPUS = 4,
    WORLD_KINDS_MAX = 6,
    WORLD_ALTERNATIVES_MAX = 3,
    WORLD_USES_MAX = WORLD_KINDS_MAX * WORLD_ALTERNATIVES_MAX,
    WORLD_POOLS_MAX = 4,
    WORLD_SHAPES_MAX = 6
};

/* Kinds of GPU: three that are cut differently, and one that is not cut at all. */
struct world_gpus {
    const struct gs_statetable *tables[WORLD_GPUS]; /* the last is NULL */
};
void world_gpus_init(struct world_gpus *gpus, struct gs_arena *arena);

enum world_flavour {
    WORLD_ONE_MODEL,    /* new GPUs of one model, one way to serve each kind */
    WORLD_MIXED,        /* several models at once */
    WORLD_ALTERNATIVES, /* kinds with several uses; packing: with yields */
    WORLD_TIGHT,        /* fleet: CPU, memory and pods bind; packing: large needs */
    WORLD_EXISTING,     /* GPUs in use, free slices, nodes that are there */
    WORLD_SCARCE,       /* everything is limited, so that there may be no plan */
    WORLD_FLAVOURS
};
extern const char *const world_flavour_names[WORLD_FLAVOURS];

struct world_alternative {
    unsigned gpu; /* WORLD_GPUS: none is needed */
    uint32_t gpus;
    uint32_t slices[GS_PROFILES_MAX];
};

struct world_kind {
    struct world_alternative alternatives[WORLD_ALTERNATIVES_MAX];
    unsigned n;
};

struct world {
    enum world_flavour flavour;
    const struct world_gpus *gpus;
    uint64_t seed;
    struct gs_arena *arena; /* for the columns of pools */
    struct world_kind kinds[WORLD_KINDS_MAX];
    unsigned n_kinds;
    unsigned models[WORLD_GPUS]; /* kinds of GPU that take part */
    unsigned n_models;
    int64_t needs[WORLD_KINDS_MAX];
    int64_t cpu[WORLD_KINDS_MAX];
    int64_t memory[WORLD_KINDS_MAX];
    struct gs_pool pools[WORLD_SHAPES_MAX][WORLD_POOLS_MAX];
    struct gs_use uses[WORLD_SHAPES_MAX][WORLD_USES_MAX];

    struct gs_fleet_shape shapes[WORLD_SHAPES_MAX];
    struct gs_fleet_spec fleet;

    struct gs_program_target targets[WORLD_GPUS];
    int64_t pool_costs[WORLD_GPUS][WORLD_POOLS_MAX];
    struct gs_use pack_uses[WORLD_USES_MAX];
    int64_t yields[WORLD_USES_MAX];
    struct gs_program_rounding roundings[WORLD_KINDS_MAX * GS_ROUNDINGS_MAX];
    struct gs_program_spec pack;
};

/* The same seed makes the same world. Both point into *world. */
void world_make_pack(struct world *world, const struct world_gpus *gpus, struct gs_arena *arena,
                     enum world_flavour flavour, uint64_t seed);
void world_make_fleet(struct world *world, const struct world_gpus *gpus, struct gs_arena *arena,
                      enum world_flavour flavour, uint64_t seed);
