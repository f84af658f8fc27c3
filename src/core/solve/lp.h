/* lp: small linear programs, solved in floating point and trusted by nobody.
 *
 *     minimise c x   subject to   A x >= b,  x >= 0
 *
 * A dense tableau simplex for a few hundred rows and some thousand columns. Rows and columns may
 * be added to a solved program; the next solve starts from where the last one ended: the dual
 * simplex after a new row, the primal simplex after a new column or a new cost. Callers turn the
 * duals into integers and prove their bounds in integer arithmetic (core/solve/ip), so that an
 * error of rounding here can cost time and tightness, never truth. Pure; memory from an arena. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

enum gs_lp_status {
    GS_LP_OPTIMAL,
    GS_LP_INFEASIBLE, /* gs_lp_ray tells why */
    GS_LP_UNBOUNDED,  /* gs_lp_grows names a variable that grows without end */
    GS_LP_STUCK       /* the pivot limit was reached */
};

struct gs_lp {
    unsigned max_rows;
    unsigned max_cols;
    unsigned n_rows;
    unsigned n_cols;
    unsigned width;     /* doubles a row: max_rows slacks, max_cols columns, the right side */
    double *cells;      /* [row * width + column]; slack i is column i, x_j is max_rows + j */
    double *costs;      /* reduced costs, same columns; the last is minus the value */
    unsigned *basis;    /* a row: its basic column */
    unsigned stuck_row; /* INFEASIBLE: the row that proves it */
    unsigned stuck_at;  /* UNBOUNDED: the tableau column that may enter without end */
    unsigned pivots;    /* since gs_lp_init */
};

/* One entry of a sparse row or column. */
struct gs_lp_entry {
    unsigned index;
    double value;
};

/* Room for so many rows and columns. False: no memory. */
bool gs_lp_init(struct gs_lp *lp, struct gs_arena *arena, unsigned max_rows, unsigned max_cols);

/* Takes all rows and columns out. */
void gs_lp_clear(struct gs_lp *lp);

/* Makes `to`, which has at least the room of `from`'s rows and exactly its widths, equal to it. */
void gs_lp_copy(struct gs_lp *to, const struct gs_lp *from);

/* sum(entry.value * x[entry.index]) >= rhs. Returns the row's index. The caller has left room. */
unsigned gs_lp_add_row(struct gs_lp *lp, const struct gs_lp_entry *entries, unsigned n, double rhs);

/* A variable with its cost; entry.index is a row. Returns the column's index. */
unsigned gs_lp_add_col(struct gs_lp *lp, double cost, const struct gs_lp_entry *entries,
                       unsigned n);

/* Raises the right side of a row by `delta` (lowers it when negative). */
void gs_lp_shift_rhs(struct gs_lp *lp, unsigned row, double delta);

/* Changes the cost of a column by `delta`. */
void gs_lp_shift_cost(struct gs_lp *lp, unsigned col, double delta);

/* Solves from the present basis: which must be primal feasible or dual feasible. Right after
 * gs_lp_init it is dual feasible when no cost is negative, primal feasible when no rhs is
 * positive. `max_pivots` bounds the work. */
enum gs_lp_status gs_lp_solve(struct gs_lp *lp, unsigned max_pivots);

/* Of an optimal program. */
double gs_lp_value(const struct gs_lp *lp);
void gs_lp_solution(const struct gs_lp *lp, double *x /* n_cols */);
double gs_lp_reduced_cost(const struct gs_lp *lp, unsigned col);

/* Duals of the rows, each >= 0 up to rounding; sensible for any dual feasible basis. */
void gs_lp_duals(const struct gs_lp *lp, double *y /* n_rows */);

/* Of an unbounded program: the first variable from `from` on that grows along the direction of
 * descent; n_cols when there is none. */
unsigned gs_lp_grows(const struct gs_lp *lp, unsigned from);

/* Of an infeasible program: a direction along which the duals may grow without bound. */
void gs_lp_ray(const struct gs_lp *lp, double *y /* n_rows */);
