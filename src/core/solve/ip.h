/* ip: small integer programs, solved exactly, with a proof that anybody can check.
 *
 *     minimise c x   subject to   A x >= b,  lo <= x <= hi,  x integer
 *
 * All numbers are integers. Branch and bound over core/solve/lp; every bound that prunes is
 * computed in integers from rounded duals, so that floating point decides where to look, never what
 * is true.
 *
 * The proof is a *tree*: an inner node splits a variable at a number (x <= k on one side,
 * x >= k + 1 on the other), a leaf has one multiplier y >= 0 a row. With d = S c - y A, S the
 * tree's scale, any x within a leaf's bounds costs at least
 *     ( y b + sum over columns of min(d lo, d hi) ) / S,
 * and no solution costs less than the least of its leaves. That is all a checker needs to know.
 * Pure; memory from an arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct gs_ip_entry {
    unsigned row;
    int64_t value;
};

struct gs_ip {
    unsigned n_rows;
    unsigned n_cols;
    size_t n_entries;
    size_t cap_rows;
    size_t cap_cols;
    size_t cap_entries;
    int64_t *rhs;                /* a row */
    int64_t *cost;               /* a column */
    int64_t *lo;                 /* a column, 0 or more */
    int64_t *hi;                 /* a column, finite */
    size_t *first;               /* a column: its first entry; it ends at the last of all columns
                                    or at the next column's first */
    struct gs_ip_entry *entries; /* by column */
};

/* An empty program that grows in the arena. Each call returns the new index, or -1 without
 * memory. Entries belong to the column added last; rows are added before columns that use them. */
void gs_ip_init(struct gs_ip *ip);
int gs_ip_add_row(struct gs_ip *ip, struct gs_arena *arena, int64_t rhs);
int gs_ip_add_col(struct gs_ip *ip, struct gs_arena *arena, int64_t cost, int64_t hi);
bool gs_ip_add_entry(struct gs_ip *ip, struct gs_arena *arena, unsigned row, int64_t value);

/* Entries of column `col`: [*ret_begin, *ret_end). */
static inline const struct gs_ip_entry *gs_ip_column(const struct gs_ip *ip, unsigned col,
                                                     size_t *ret_n)
{
    size_t begin = ip->first[col];
    size_t end = col + 1 < ip->n_cols ? ip->first[col + 1] : ip->n_entries;
    *ret_n = end - begin;
    return ip->entries + begin;
}

/* Leaves: the bound above is all; or two of the rows are capacities of a knapsack
 * (core/fleet/fill): to the bound comes the least excess of its choices (core/solve/knapsack), the
 * multipliers of the two rows being the prices of what is left over. A search here makes leaves of
 * the first kind only. */
enum { GS_IP_LEAF = -1, GS_IP_LEAF_FILLED = -2 };

/* A node of a proof, in pre-order: behind an inner node stands its x >= k + 1 side, then its
 * x <= k side. */
struct gs_ip_node {
    int32_t col; /* below 0: a leaf */
    int64_t at;  /* inner: k. Leaf: index into the multipliers, n_rows of them from at * n_rows */
};

struct gs_ip_tree {
    const struct gs_ip_node *nodes;
    size_t n_nodes;
    const int64_t *multipliers;
    size_t n_leaves;
    int64_t scale; /* S */
};

struct gs_ip_options {
    int64_t cutoff;    /* only solutions that cost less are wanted; INT64_MAX: any */
    int64_t goal;      /* stop at a solution that costs no more; INT64_MIN: the best */
    int64_t step;      /* every solution's cost is a multiple of it; 1 when nothing is known */
    size_t max_nodes;  /* of the tree; the bound is weaker when it is reached. 0: 100,000 */
    uint64_t max_work; /* cells of tableaus that are gone over, some 1e9 a second; then as with
                          max_nodes. 0: GS_IP_WORK_MAX */
    bool want_tree;    /* keep the proof */
};

#define GS_IP_WORK_MAX 20000000000ull

struct gs_ip_result {
    bool found;      /* a solution below the cutoff */
    bool infeasible; /* proven: there is no solution at all below the cutoff, bound >= cutoff */
    int64_t value;   /* of x */
    const int64_t *x;
    int64_t bound; /* no solution costs less, a multiple of step: the least of the tree's leaves */
    struct gs_ip_tree tree;
    size_t nodes; /* looked at */
};

/* Every solution costs at least ret->bound; ret->value is the best found; equal means proven.
 * GS_NO_MEMORY is the only failure: a program without solution is a result. Costs may be negative;
 * then every rhs must be 0 or less (x = 0 is a solution). */
int gs_ip_solve(const struct gs_ip *ip, const struct gs_ip_options *options, struct gs_arena *arena,
                struct gs_ip_result *ret, struct gs_err *err);

/* Whether x is within bounds and meets every row. *ret_cost gets its cost. `sums` is scratch for
 * n_rows numbers. */
bool gs_ip_check(const struct gs_ip *ip, const int64_t *x, int64_t *sums, int64_t *ret_cost);

/* Copies a proof of a program with n_rows rows into another arena. False: no memory. */
bool gs_ip_tree_copy(struct gs_ip_tree *tree, unsigned n_rows, struct gs_arena *arena);

/* Replaces the multipliers of a proof with a single leaf by small whole numbers over a small scale
 * where such numbers prove the same bound: prices that a person can check by hand. Leaves any
 * other proof as it is. False: no memory. */
bool gs_ip_shorten(const struct gs_ip *ip, struct gs_arena *arena, int64_t step, int64_t bound,
                   struct gs_ip_tree *tree);
