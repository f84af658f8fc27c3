/* supply: the GPUs that a plan may use, in groups that are alike, and what they can hold.
 *
 * A *target* is all GPUs of one name: for the goal gpus of the whole problem, for the goal nodes of
 * one node. A *pool* is the part of it in one state: new GPUs, or GPUs that are there with the same
 * slices in use. Both are derived from the problem alone. */
#pragma once

#include "verify/problem.h"

#define GS_SUPPLY_NO_LIMIT UINT64_MAX

struct gs_supply_pool {
    bool fresh; /* goal gpus: new GPUs, which cost 1; they have no `busy` in a certificate */
    struct gs_cut busy;
    bool whole; /* may be used uncut */
    bool cut;   /* may be cut */
    uint64_t limit;
    const struct gs_cut_addition *additions;
    unsigned n_additions;
};

struct gs_supply_target {
    struct gs_problem_target of;
    bool fresh; /* new GPUs of it may be had */
    struct gs_supply_pool *pools;
    size_t n_pools;
    uint64_t free_slices[GS_PROFILES_MAX]; /* advertised by nodes without a known layout */
    uint64_t free_gpus;
};

/* Goal gpus: all targets. */
int gs_supply_gpus(struct gs_arena *arena, const struct gs_problem *problem,
                   struct gs_supply_target **ret, size_t *ret_n, struct gs_err *err);

/* Goal nodes: the GPUs of one node. */
int gs_supply_node(struct gs_arena *arena, const struct gs_problem_node *node,
                   struct gs_supply_target *ret, struct gs_err *err);

/* Fills in what can be added to the GPUs of each pool, in profiles of `wanted`. */
int gs_supply_list_additions(struct gs_arena *arena, struct gs_supply_target *target,
                             uint32_t wanted, struct gs_err *err);

/* Whether slices can be had at all: some pool may be cut, or the profile is advertised. */
bool gs_supply_may_give(const struct gs_supply_target *target,
                        const struct gs_problem_asked *asked);

enum gs_supply_verdict { GS_SUPPLY_NO, GS_SUPPLY_YES, GS_SUPPLY_NOT_KNOWN };

/* Whether the target's GPUs hold so many slices and whole GPUs at the same time: an exact search,
 * NOT_KNOWN when it would take too long. `scratch` is rewound. The pools have limits, the additions
 * are listed for all profiles that are asked for. */
enum gs_supply_verdict gs_supply_holds(struct gs_arena *scratch,
                                       const struct gs_supply_target *target,
                                       const uint64_t slices[GS_PROFILES_MAX], uint64_t gpus);

/* supply_walk.c: the same for slices alone, where that is not easy: one GPU after another, with all
 * that may still be needed behind it. `left`: how many GPUs of each pool there are. What lies in
 * `scratch` then is for the caller to rewind. */
enum gs_supply_verdict gs_supply_walk(struct gs_arena *scratch,
                                      const struct gs_supply_target *target,
                                      const uint8_t need[GS_PROFILES_MAX], const uint8_t *left);
