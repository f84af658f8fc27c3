/* fleet: the cheapest set of nodes for a demand, with a bound that nobody can beat.
 *
 * A *shape* is a kind of node: its price, its GPUs, and what pods may use of its CPU, memory and
 * pod slots. A *load* is what one node of a shape serves. Each item runs on one node. The fleet is
 * found by column generation: a relaxation over loads gives each kind of item a *price*, and an
 * exact integer program a shape (core/solve/program) looks for a load worth more than its node
 * costs; when there is none, the prices prove a lower bound on every fleet. Rounding and branch and
 * bound then find the fleet. Work grows with kinds and shapes, not with items. Pure; memory from an
 * arena. */
#pragma once

#include "core/pack.h"

#define GS_FLEET_NO_LIMIT UINT32_MAX
#define GS_FLEET_COST_MAX 1000000000000ll /* of one node: in millionths of a dollar a million */

enum {
    GS_FLEET_KINDS_MAX = 500, /* kinds of item in one program */
    GS_FLEET_SHAPES_MAX = 2000
};

struct gs_fleet_shape {
    int64_t cost;                    /* of one node, in any unit; 0: it is there already */
    uint32_t limit;                  /* nodes there may be, or GS_FLEET_NO_LIMIT */
    struct gs_program_target target; /* GPUs of one node; no pool without limit; no pool costs */
    int64_t cpu_milli;               /* what items may use */
    int64_t memory;                  /* in the spec's unit */
    int64_t pods;
    const struct gs_use *uses; /* use.target is 0; ordered by kind, then alternative */
    unsigned n_uses;
};

struct gs_fleet_spec {
    unsigned n_kinds;
    const int64_t *needs;     /* a kind: items */
    const int64_t *cpu_milli; /* a kind: of one item */
    const int64_t *memory;    /* a kind: of one item, same unit as the shapes' */
    const struct gs_fleet_shape *shapes;
    unsigned n_shapes;
    int64_t step;      /* every shape's cost is a multiple of it, 1 or more */
    const bool *spare; /* a kind: its items give way to all others where limits leave no room for
                          both; NULL: none */
};

/* Nodes that are loaded alike. */
struct gs_fleet_load {
    uint32_t shape;
    int64_t count;    /* nodes */
    const int64_t *x; /* a use of the shape: items on each node; then what its GPUs are cut into,
                         as the columns of its program (core/solve/program) */
};

struct gs_fleet_options {
    unsigned effort;  /* 0: quick, a plan and a bound; 1: look for the proven optimum */
    bool certificate; /* keep the proof of the bound */

    /* A fleet that is known beforehand, which serves no more than is needed: the answer leaves out
     * no more than it, and what leaves out as much costs no more. In memory that lives on. */
    const struct gs_fleet_load *start;
    size_t n_start;
};

/* What a load of a shape is worth at most, in 1 / price_scale of the cost unit: cost * price_scale
 * + limit_price. The tree (core/solve/ip) proves it about the shape's node program, whose values
 * are the prices. A positive limit_price is paid for each node there may be at most, a negative one
 * is earned for each there must be at least. */
struct gs_fleet_shape_proof {
    int64_t limit_price;
    struct gs_ip_tree tree;
};

/* Proof that no fleet within bounds on the number of nodes of each shape costs less than `bound`.
 * With prices alone: bound * price_scale <= sum(needs price) - sum(limit_price * (limit_price > 0
 * ? most nodes : least nodes)), rounded up to the step. Where that is not enough, a search over
 * loads goes on from there (tree over `columns`): loads that are no column have, at the prices, a
 * reduced cost above what a cheaper fleet could bear. */
struct gs_fleet_leaf {
    const int64_t *prices; /* a kind */
    const struct gs_fleet_shape_proof *shapes;
    int64_t price_bound;    /* what the prices alone prove */
    int64_t bound;          /* with the search */
    struct gs_ip_tree tree; /* rows: kinds; then a shape's most, then its least nodes, where there
                               are such bounds. No nodes: prices are enough */
    const struct gs_fleet_load *columns; /* count unused */
    size_t n_columns;
};

/* A tree over the number of nodes of a shape, in pre-order: behind an inner node stands its side
 * with at + 1 nodes or more, then its side with `at` nodes or fewer. */
struct gs_fleet_split {
    int32_t shape; /* -1: a leaf */
    int64_t at;    /* inner: the number; leaf: its index */
};

/* The bound is the least of the leaves'. */
struct gs_fleet_proof {
    int64_t price_scale;
    const struct gs_fleet_split *splits;
    size_t n_splits;
    const struct gs_fleet_leaf *leaves;
    size_t n_leaves;
};

struct gs_fleet {
    bool found; /* every item is served */
    int64_t value;
    int64_t bound; /* no fleet costs less; equal to value: proven */
    const struct gs_fleet_load *loads;
    size_t n_loads;
    const int64_t *unserved; /* a kind: items without a place, when limits leave none */
    bool has_proof;
    struct gs_fleet_proof proof;
    size_t rounds; /* of column generation */
    size_t nodes;  /* of all branch and bounds */
};

/* The least bound of all leaves. */
int64_t gs_fleet_proof_bound(const struct gs_fleet_proof *proof);

/* What the GPUs of one node of a load are cut into, no more than its items use. GS_NO_MEMORY. */
int gs_fleet_layouts(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                     const struct gs_fleet_load *load, const struct gs_pack_layout **ret_layouts,
                     size_t *ret_n, struct gs_err *err);

/* The program of one node of a shape: its rows and columns are those of the shape's proof.
 * GS_NO_MEMORY. */
int gs_fleet_program(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                     const struct gs_fleet_shape *shape, struct gs_program *ret,
                     struct gs_err *err);

/* Kinds that no shape can serve are the caller's to leave out: each kind must have a use whose
 * single item fits a node of some shape.
 * GS_LIMIT: more kinds or shapes than allowed, a cost above GS_FLEET_COST_MAX, or so many items
 * that what they cost might not fit 63 bits. GS_NO_MEMORY. */
int gs_fleet_solve(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                   const struct gs_fleet_options *options, struct gs_fleet *ret,
                   struct gs_err *err);
