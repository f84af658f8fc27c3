/* fleet: the nodes of a replay and their GPUs: which are on, which are idle, how they are cut.
 *
 * core/online holds the GPUs that are in use and cut; idle GPUs are held by node here, so that one
 * is begun on a node that is on, and of those on the one that has the fewest idle GPUs. Nodes and
 * GPUs are numbered in the order in which they were switched on; when the numbers run out, those
 * that are on are numbered anew in the same order. Used by sim/replay alone. */
#pragma once

#include "core/bitset.h"
#include "sim/rules.h"

#define GS_SIM_NONE UINT32_MAX

/* Nodes of a static layout that are cut, and all others. */
enum gs_sim_kind { GS_SIM_PLAIN, GS_SIM_PRECUT, GS_SIM_KINDS };

struct gs_sim_node {
    uint64_t idle; /* bit g: nobody has its GPU g; on only */
    uint32_t first_gpu;
    uint32_t serial; /* nodes switched on before it */
    uint8_t type;
    uint8_t kind; /* enum gs_sim_kind; on only */
    bool on;
    int64_t on_us;
    int64_t ready_us; /* it has booted */
    int64_t goes_us;  /* idle: switched off then; GS_SIM_NEVER */
    int64_t taken_us; /* taken away then; GS_SIM_NEVER */
};

struct gs_sim_gpu {
    uint64_t cut; /* slices there are, in use or not: placements */
    uint32_t node;
    uint32_t job;   /* of the whole GPU; GS_SIM_NONE */
    uint16_t filed; /* bit p: it is in idle_slices[p] */
    uint16_t there; /* the state of `cut`, as it was found last */
};

struct gs_sim_fleet {
    const struct gs_sim_world *world;
    const struct gs_sim_rules *rules;
    struct gs_arena *arena;
    struct gs_online *online; /* NULL: nothing is cut */
    struct gs_sim_node *nodes;
    struct gs_sim_gpu *gpus;
    uint32_t *owners; /* [gpu * n_placements + placement]: its job; where jobs are looked for */
    bool keep_owners;
    unsigned n_placements;
    uint32_t n_nodes, n_gpus; /* numbers given out */
    uint32_t cap;             /* GPUs, and nodes */
    uint32_t *new_gpu;        /* [old number]; where a number was taken anew */
    uint32_t *new_node;
    uint32_t *order;
    unsigned widest; /* GPUs of the widest node */
    /* Nodes that are on, by kind, by whether a job is on them, by idle GPUs less 1. */
    struct gs_bitset idle[GS_SIM_KINDS][2][GS_SIM_NODE_GPUS_MAX];
    uint64_t idle_counts[GS_SIM_KINDS][2]; /* bit k: idle[..][k] has a node */
    uint32_t idle_nodes[GS_SIM_KINDS][2][GS_SIM_NODE_GPUS_MAX];
    struct gs_bitset idle_gpus; /* of nodes that may be cut; policies that want the lowest GPU */
    bool books;                 /* idle slices are kept, and looked for */
    struct gs_bitset idle_slices[GS_PROFILES_MAX]; /* GPUs with an idle slice of the profile */
    struct gs_sim_recuts recuts; /* of GPUs that may be cut anew; where it books */
    unsigned by_price[GS_SIM_TYPES_MAX];
    uint32_t on[GS_SIM_TYPES_MAX]; /* nodes */
    uint32_t nodes_on;
    uint32_t serial;     /* of the next node */
    uint32_t gpus_there; /* of nodes that are on */
    uint32_t gpus_used;  /* somebody has them */
    uint32_t nodes_kept; /* elastic: on, and nobody is on them */
};

/* Fixed: with all its nodes on. `keep_owners`: who has a slice must be found. GS_NO_MEMORY. */
int gs_sim_fleet_init(struct gs_sim_fleet *fleet, struct gs_arena *arena,
                      const struct gs_sim_world *world, const struct gs_sim_rules *rules,
                      bool keep_owners, struct gs_err *err);

/* The node on which `gpus` idle GPUs are best begun, or GS_SIM_NONE. */
uint32_t gs_sim_fleet_idle(const struct gs_sim_fleet *fleet, enum gs_sim_kind kind, unsigned gpus);

/* Whether there are numbers for one more node. */
static inline bool gs_sim_fleet_has_numbers(const struct gs_sim_fleet *fleet)
{
    return fleet->n_gpus + fleet->widest <= fleet->cap;
}

/* Numbers all that are on anew, in `new_gpu` and `new_node`; twice as many numbers where half of
 * them are in use. GS_NO_MEMORY. */
int gs_sim_fleet_renumber(struct gs_sim_fleet *fleet, struct gs_err *err);

/* Switches on the cheapest node with so many GPUs; there must be numbers. False: the limits are
 * reached. */
bool gs_sim_fleet_switch_on(struct gs_sim_fleet *fleet, enum gs_sim_kind kind, unsigned gpus,
                            int64_t now, uint32_t *ret_node);

/* Nobody may be on it. */
void gs_sim_fleet_switch_off(struct gs_sim_fleet *fleet, uint32_t node);

/* Somebody has an idle GPU from now on: uncut, or (`sliced`) ready for slices. */
void gs_sim_fleet_begin(struct gs_sim_fleet *fleet, uint32_t gpu, bool sliced);

/* Nobody has it any more. True: nor any other GPU of its node. */
bool gs_sim_fleet_end(struct gs_sim_fleet *fleet, uint32_t gpu);

/* The lowest idle GPU of a node that has one. */
static inline uint32_t gs_sim_fleet_first(const struct gs_sim_fleet *fleet, uint32_t node)
{
    return fleet->nodes[node].first_gpu + (uint32_t)__builtin_ctzll(fleet->nodes[node].idle);
}

static inline uint32_t *gs_sim_fleet_owner(struct gs_sim_fleet *fleet, struct gs_slot slot)
{
    return &fleet->owners[(size_t)slot.gpu * fleet->n_placements + slot.placement];
}

static inline unsigned gs_sim_fleet_node_gpus(const struct gs_sim_fleet *fleet, uint32_t node)
{
    return fleet->world->types[fleet->nodes[node].type].gpus;
}

/* All GPUs of the node, a bit each. */
static inline uint64_t gs_sim_fleet_all_of(const struct gs_sim_fleet *fleet, uint32_t node)
{
    return UINT64_MAX >> (64 - gs_sim_fleet_node_gpus(fleet, node));
}

/* ------------------------------------------------------------------ sim/fleet_slices.c */

/* The slices of this GPU, or what is in use of them, have changed. */
void gs_sim_fleet_refile(struct gs_sim_fleet *fleet, uint32_t gpu);

/* An idle slice of this profile: on the oldest node that somebody is on, then on the oldest; on its
 * GPU the one that the policy would take. False: there is none. */
bool gs_sim_fleet_find_slice(const struct gs_sim_fleet *fleet, unsigned profile,
                             struct gs_slot *ret_slot);

/* Where a slice of this profile is cut, beside what is in use and with the fewest idle ones going;
 * of GPUs that are not cut at all one of the node with the fewest idle GPUs. Only with
 * `recuts.table`. False: there is no room. */
bool gs_sim_fleet_find_recut(const struct gs_sim_fleet *fleet, unsigned profile,
                             struct gs_slot *ret_slot);

/* Files a GPU by the profiles of its idle slices, a bit each. */
void gs_sim_fleet_file_slices(struct gs_sim_fleet *fleet, uint32_t gpu, unsigned profiles);

/* Files a GPU by what is cut and in use of it, if a slice may be cut there. */
void gs_sim_fleet_file_recut(struct gs_sim_fleet *fleet, uint32_t gpu);
