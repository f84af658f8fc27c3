/* work: what the steps of fleet planning share; used by the fleet files alone. */
#pragma once

#include "core/fleet/master.h"
#include "core/fleet/node.h"

/* Price units in one cost unit, less where costs are so high that a certificate could not hold
 * what is worked out with them. */
enum { GS_FLEET_PRICE_SCALE = 4096 };

/* A number in a certificate is no larger, either way (docs/internals/plan-format.md). */
#define GS_FLEET_NUMBER_MAX (1ll << 61)

/* Work after which no new branch is begun: about half a second of a slow core. */
#define GS_FLEET_SPENT_MAX 400000000ull

struct gs_fleet_work {
    const struct gs_fleet_spec *spec;
    struct gs_arena *arena;   /* for what lasts */
    struct gs_arena *scratch; /* for one step; rewound */
    struct gs_err *err;
    int64_t price_scale;         /* price units in one cost unit */
    struct gs_fleet_node *nodes; /* a shape */
    struct gs_fleet_master master;
    int64_t *most;         /* a shape: nodes there may be, where the search stands */
    int64_t *least;        /* a shape: nodes there must be */
    int64_t *prices;       /* a kind */
    int64_t *limit_prices; /* a shape */
    int64_t *worths;       /* a shape: upper bound of the last pricing */
    unsigned last_found;   /* the shape of the last load that was worth more than its node */

    /* the best bound so far within most and least */
    int64_t bound; /* a multiple of the step; -1: none yet */
    int64_t *best_prices;
    int64_t *best_worths; /* a shape: no load is worth more at those prices */

    /* the best fleet so far */
    bool found;
    int64_t value; /* of its nodes */
    struct gs_fleet_load *loads;
    size_t n_loads;
    int64_t *unserved;        /* a kind */
    int64_t n_unserved;       /* items that are not spare */
    int64_t n_spare_unserved; /* spare ones */
    int64_t cost_unserved;    /* of all of them, as columns */

    unsigned roundings; /* fleets that were put together */
    size_t rounds;
    size_t searched;
    uint64_t spent; /* cells of tableaus that were gone over, about */
};

/* Each step returns 0 or GS_NO_MEMORY. */

/* Generates loads until none is worth more than its node, or `rounds_max`. The bound follows when
 * `bounding`: the needs of the nodes' programs then must be the whole demand's. */
int gs_fleet_generate(struct gs_fleet_work *work, unsigned rounds_max, unsigned patience,
                      bool bounding);

/* Makes a fleet out of the relaxation. */
int gs_fleet_round(struct gs_fleet_work *work);

/* Takes over the fleet to begin with. */
int gs_fleet_begin_with(struct gs_fleet_work *work, const struct gs_fleet_load *loads, size_t n);

/* Keeps the fleet in which column c is taken takes[c] times when it is better than the best. */
int gs_fleet_keep(struct gs_fleet_work *work, const int64_t *takes);

/* Puts the loads of the best fleet on cheaper nodes where such hold them. */
int gs_fleet_improve(struct gs_fleet_work *work);

/* Searches among all loads that a better fleet within most and least could have; raises the leaf's
 * bound and fills its tree, when it gets anywhere. */
int gs_fleet_search(struct gs_fleet_work *work, struct gs_fleet_leaf *leaf);

/* Fills prices, shape proofs and bound of a leaf from the best bound within most and least. */
int gs_fleet_prove(struct gs_fleet_work *work, struct gs_fleet_leaf *leaf);

/* Splits the number of nodes of a shape where the relaxation leaves it between two numbers, and so
 * on; each end is a leaf of the proof. Looks for better fleets on the way. */
int gs_fleet_branch(struct gs_fleet_work *work, bool search, struct gs_fleet_proof *proof);

/* What the prices of a leaf prove within most and least, in price units. */
__int128 gs_fleet_price_sum(const struct gs_fleet_work *work, const struct gs_fleet_leaf *leaf);

/* Counts the work of `nodes` nodes of a search about one shape. */
void gs_fleet_spend(struct gs_fleet_work *work, unsigned shape, size_t nodes);

/* The bound that a sum in price units proves: the least multiple of the step that is not below it,
 * or the largest that there is. */
int64_t gs_fleet_bound_of(const struct gs_fleet_work *work, __int128 sum);

int gs_fleet_no_memory(struct gs_fleet_work *work);
