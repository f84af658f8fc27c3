/* tally: what the picture has, counted: nodes, GPUs, slices, room, dollars, who holds and who
 * waits.
 *
 * For metrics. Pure but for its own memory. Counts are by pool (SlicePool), by namespace, by model
 * and by profile, each with a bound, so that what is told of a big cluster stays small. */
#pragma once

#include "base/arena.h"
#include "money/money.h"
#include "picture/store.h"

enum {
    GS_TALLY_POOLS_MAX = 257,     /* SlicePools of one cluster, and none */
    GS_TALLY_MODELS_MAX = 8,      /* of one pool; more are counted together */
    GS_TALLY_PROFILES_MAX = 32,   /* the same */
    GS_TALLY_NAMESPACES_MAX = 50, /* the same: those with the most */
    GS_TALLY_SILENT_S = 180       /* an agent that was not heard of for so long is silent */
};

/* The name that stands for no pool, and for all that are beyond a bound. */
#define GS_TALLY_NONE "(none)"
#define GS_TALLY_OTHER "(other)"

enum gs_tally_node {
    GS_TALLY_NODE_READY,
    GS_TALLY_NODE_STARTING,
    GS_TALLY_NODE_NOT_READY,
    GS_TALLY_NODE_ENDING,
    GS_TALLY_NODES
};

enum gs_tally_gpu {
    GS_TALLY_GPU_CUT,
    GS_TALLY_GPU_HELD, /* whole */
    GS_TALLY_GPU_IDLE, /* whole */
    GS_TALLY_GPU_SICK,
    GS_TALLY_GPUS
};

/* What a memory unit is: idle ones are in a slice that nobody holds, or could be in one; into
 * stranded ones no profile of the model fits beside what is held. */
enum gs_tally_units {
    GS_TALLY_UNITS_HELD,
    GS_TALLY_UNITS_IDLE,
    GS_TALLY_UNITS_STRANDED,
    GS_TALLY_UNITS_SICK,
    GS_TALLY_UNITS
};

/* What a dollar is paid for; src/money has the rules. */
enum gs_tally_part {
    GS_TALLY_PART_USED,
    GS_TALLY_PART_IDLE,
    GS_TALLY_PART_STRANDED,
    GS_TALLY_PART_STARTING,
    GS_TALLY_PARTS
};

/* What was decided last for a pod that waits. */
enum gs_tally_next {
    GS_TALLY_UNDECIDED,
    GS_TALLY_BOOKED, /* a slice is there, it was not bound yet */
    GS_TALLY_RECUT,
    GS_TALLY_MOVE,
    GS_TALLY_BUY,
    GS_TALLY_WAIT,
    GS_TALLY_NEXTS
};

enum { GS_TALLY_SLICES = GS_GPUNODE_SICK + 1 };

struct gs_tally_model {
    const char *id;
    uint64_t gpus[GS_TALLY_GPUS];
    uint64_t units[GS_TALLY_UNITS];
};

struct gs_tally_profile {
    const char *name;
    uint64_t slices[GS_TALLY_SLICES]; /* by enum gs_gpunode_slice_state */
};

struct gs_tally_pool {
    const char *name;
    uint64_t nodes[GS_TALLY_NODES];
    uint64_t silent;               /* of those that are ready: agents that were not heard of */
    uint64_t bookings;             /* pods that are expected on its nodes, and not bound */
    uint64_t recuts;               /* under way: GPUs */
    uint64_t priced;               /* nodes whose price is known */
    uint64_t unpriced;             /* nodes whose price is not */
    uint64_t uusd[GS_TALLY_PARTS]; /* an hour, of those that are priced */
    struct gs_tally_model models[GS_TALLY_MODELS_MAX];
    unsigned n_models;
    struct gs_tally_profile profiles[GS_TALLY_PROFILES_MAX];
    unsigned n_profiles;
};

struct gs_tally_namespace {
    const char *name;
    uint64_t slices; /* that its pods have */
    uint64_t gpus;   /* whole ones */
    uint64_t waiting[GS_TALLY_NEXTS];
};

struct gs_tally {
    struct gs_tally_pool *pools; /* by name */
    unsigned n_pools;
    struct gs_tally_namespace
        *namespaces; /* those with the most first; the last may be "(other)" */
    unsigned n_namespaces;
    uint64_t oldest_recut_us; /* how long it has been under way; UINT64_MAX: none is */
    uint64_t longest_wait_us; /* of a pod; UINT64_MAX: none waits */
};

/* What was counted of each node, kept: only nodes that have changed since are counted anew. */
struct gs_tally_rows;

/* The store, the money and the text outlive it. GS_NO_MEMORY. */
int gs_tally_rows_new(const struct gs_store *store, struct gs_money *money, const char *region,
                      struct gs_tally_rows **ret, struct gs_err *err);
void gs_tally_rows_free(struct gs_tally_rows *rows); /* NULL is fine */
void gs_tally_rows_freep(struct gs_tally_rows **rows);

/* Counts at most so many nodes anew; *ret_more: there are others. GS_NO_MEMORY. */
int gs_tally_rows_step(struct gs_tally_rows *rows, unsigned most, bool *ret_more,
                       struct gs_err *err);

struct gs_tally_options {
    const struct gs_store *store;
    struct gs_tally_rows *rows; /* of this store; NULL: every node is counted, and money and region
                                   are needed */
    struct gs_money *money;
    const char *region; /* whose prices count; "": that of each node's label */
    uint64_t now_us;    /* CLOCK_MONOTONIC */
    uint64_t real_us;   /* CLOCK_REALTIME */
};

/* Texts are borrowed from the store and from constants: use it before the store changes. The rest
 * lives in the arena. GS_NO_MEMORY. */
int gs_tally(const struct gs_tally_options *options, struct gs_arena *arena, struct gs_tally *ret,
             struct gs_err *err);

/* The memory units of a GPU by what they are; `gpu` has a model with known placements. */
void gs_tally_gpu(const struct gs_store_gpu *gpu, uint64_t ret[GS_TALLY_UNITS]);

/* "ready", "cut", "stranded", "buy". */
extern const char *const gs_tally_node_texts[GS_TALLY_NODES];
extern const char *const gs_tally_gpu_texts[GS_TALLY_GPUS];
extern const char *const gs_tally_units_texts[GS_TALLY_UNITS];
extern const char *const gs_tally_part_texts[GS_TALLY_PARTS];
extern const char *const gs_tally_next_texts[GS_TALLY_NEXTS];
extern const char *const gs_tally_slice_texts[GS_TALLY_SLICES];

/* tally_write.c: in Prometheus' text. The page keeps a failure. */
struct gs_buf;
void gs_tally_write(const struct gs_tally *tally, struct gs_buf *page);
