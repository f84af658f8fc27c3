/* bound: checks that a tree of multipliers proves a lower bound of an integer program.
 *
 *     minimise c x   subject to   A x >= b,  0 <= x <= hi,  x integer
 *
 * The tree comes from a file, the program does not. An inner node splits a column at a number: any
 * x lies on one of the two sides. A leaf has one multiplier y >= 0 a row; with d = S c - y A every
 * x within the leaf's bounds that meets the rows costs at least
 *     ( y b + sum over columns of min(d lo, d hi) ) / S.
 * Some rows may be *capacities*: no column gives any of them. A leaf that is said to be *filled*
 * bounds what the least excess of any whole x that keeps within them adds to that (verify/fill).
 * The least leaf bounds the program. This is all the mathematics of a proof; how multipliers and
 * splits were found is nothing to this file. Exact: sums are in 128 bits, and what would not fit
 * is refused. */
#pragma once

#include "base/arena.h"
#include "verify/field.h"

enum {
    GS_BOUND_NODES_MAX = 2000000, /* of one tree */
    GS_BOUND_CAPACITIES = 4
};
#define GS_BOUND_WORK_MAX ((uint64_t)20000000000) /* entries looked at for one tree */

struct gs_bound_entry {
    uint32_t row;
    int64_t value;
};

struct gs_bound_col {
    int64_t cost;
    int64_t hi;   /* 0 or more */
    size_t first; /* entry; it ends where the next column's begin */
};

struct gs_bound {
    struct gs_arena *arena;
    uint32_t n_rows;
    const int64_t *rhs;
    struct gs_bound_col *cols;
    size_t n_cols;
    size_t cap_cols;
    struct gs_bound_entry *entries;
    size_t n_entries;
    size_t cap_entries;
    bool has_capacities;
    int64_t capacity_row[GS_BOUND_CAPACITIES]; /* -1: none */
    bool failed;                               /* no memory */
};

/* Adds a column, and entries to the column that was added last; a row below 0 or a value of 0 does
 * nothing. */
void gs_bound_add_col(struct gs_bound *bound, int64_t cost, int64_t hi);
void gs_bound_add_entry(struct gs_bound *bound, int64_t row, int64_t value);

/* *sum += a * b. False: it would not fit into 127 bits. */
bool gs_bound_add_product(__int128 *sum, __int128 a, __int128 b);

/* One leaf of a tree, as it is met. */
struct gs_bound_leaf {
    size_t index;      /* among the leaves */
    const int64_t *lo; /* a column */
    const int64_t *hi;
    const __int128 *d; /* a column */
    __int128 least;    /* nothing within lo and hi costs less, times the scale */
    int64_t scale;
};

struct gs_bound_reader {
    /* Finds the column that the value of "split" names. */
    int (*find)(void *ctx, const struct gs_field *split, size_t *ret_col, struct gs_err *err);
    void *names; /* its ctx */
    /* Called for each leaf that holds any x; NULL: not wanted. A negative result ends the check. */
    int (*leaf)(void *ctx, const struct gs_bound_leaf *leaf, struct gs_err *err);
    void *visitor; /* its ctx */
    /* Filled leaves: partial choices that may still be looked at, and what a leaf need not prove
     * more than. NULL: what filling adds is not wanted. */
    uint64_t *looks;
    int64_t enough;
};

struct gs_bound_result {
    int64_t least; /* no solution costs less; INT64_MAX: no leaf holds any x */
    size_t leaf;   /* that proves it */
    size_t n_leaves;
};

/* Reads "scale" and "tree" of the object `at`. An empty tree is refused.
 * GS_INVALID: not a tree, or a number is too large to be checked. GS_LIMIT: too much work.
 * GS_NO_MEMORY. */
int gs_bound_check(struct gs_bound *bound, const struct gs_field *at,
                   const struct gs_bound_reader *reader, struct gs_bound_result *ret,
                   struct gs_err *err);
