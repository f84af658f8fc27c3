#include "core/solve/lp.h"

#include <assert.h>
#include <string.h>

/* Programs are scaled by their makers so that entries are near 1. */
static const double FEASIBLE = 1e-9; /* a right side above minus this is not negative */
static const double OPTIMAL = 1e-9;  /* a reduced cost above minus this is not negative */
static const double PIVOT = 1e-8;    /* smallest entry to divide by */
enum { DEGENERATE_RUN = 60 };        /* steps without progress before Bland's rule takes over */

bool gs_lp_init(struct gs_lp *lp, struct gs_arena *arena, unsigned max_rows, unsigned max_cols)
{
    *lp = (struct gs_lp){.max_rows = max_rows, .max_cols = max_cols};
    lp->width = max_rows + max_cols + 1;
    /* Cells are written before they are read: a row when it is added, a column likewise. */
    lp->cells = gs_arena_get_raw(arena, (size_t)max_rows * lp->width, sizeof(*lp->cells));
    lp->costs = GS_ARENA_NEW(arena, double, lp->width);
    lp->basis = GS_ARENA_NEW(arena, unsigned, max_rows);
    return lp->cells != NULL && lp->costs != NULL && lp->basis != NULL;
}

void gs_lp_clear(struct gs_lp *lp)
{
    lp->n_rows = 0;
    lp->n_cols = 0;
    memset(lp->costs, 0, lp->width * sizeof(*lp->costs));
}

static double *row_of(const struct gs_lp *lp, unsigned row)
{
    return lp->cells + (size_t)row * lp->width;
}

static double *rhs_of(const struct gs_lp *lp, unsigned row)
{
    return row_of(lp, row) + lp->width - 1;
}

/* Only the columns in use are touched: slacks of the rows there are, then x, then the right side.
 */
static void copy_row(const struct gs_lp *lp, double *to, const double *from)
{
    memcpy(to, from, lp->n_rows * sizeof(*to));
    memcpy(to + lp->max_rows, from + lp->max_rows, lp->n_cols * sizeof(*to));
    to[lp->width - 1] = from[lp->width - 1];
}

void gs_lp_copy(struct gs_lp *to, const struct gs_lp *from)
{
    assert(to->max_rows == from->max_rows && to->max_cols == from->max_cols);
    to->n_rows = from->n_rows;
    to->n_cols = from->n_cols;
    to->pivots = from->pivots;
    to->stuck_row = from->stuck_row;
    to->stuck_at = from->stuck_at;
    memcpy(to->basis, from->basis, from->n_rows * sizeof(*to->basis));
    for (unsigned i = 0; i < from->n_rows; i++) {
        copy_row(from, row_of(to, i), row_of(from, i));
    }
    copy_row(from, to->costs, from->costs);
}

static void subtract_span(double *to, const double *row, double times, unsigned n)
{
    for (unsigned j = 0; j < n; j++) {
        to[j] -= times * row[j];
    }
}

/* to -= times * row, over the columns in use. */
static void subtract(const struct gs_lp *lp, double *to, const double *row, double times)
{
    if (times == 0) {
        return;
    }
    subtract_span(to, row, times, lp->n_rows);
    subtract_span(to + lp->max_rows, row + lp->max_rows, times, lp->n_cols);
    to[lp->width - 1] -= times * row[lp->width - 1];
}

unsigned gs_lp_add_row(struct gs_lp *lp, const struct gs_lp_entry *entries, unsigned n, double rhs)
{
    assert(lp->n_rows < lp->max_rows);
    unsigned row = lp->n_rows++;
    /* Slack column `row` was not in use until now. */
    for (unsigned i = 0; i < row; i++) {
        row_of(lp, i)[row] = 0;
    }
    lp->costs[row] = 0;
    double *cells = row_of(lp, row);
    memset(cells, 0, lp->width * sizeof(*cells));
    cells[row] = 1;
    for (unsigned e = 0; e < n; e++) {
        cells[lp->max_rows + entries[e].index] -= entries[e].value;
    }
    cells[lp->width - 1] = -rhs;
    for (unsigned i = 0; i < row; i++) {
        subtract(lp, cells, row_of(lp, i), cells[lp->basis[i]]);
    }
    lp->basis[row] = row;
    return row;
}

unsigned gs_lp_add_col(struct gs_lp *lp, double cost, const struct gs_lp_entry *entries, unsigned n)
{
    assert(lp->n_cols < lp->max_cols);
    unsigned col = lp->n_cols++;
    unsigned at = lp->max_rows + col;
    for (unsigned i = 0; i < lp->n_rows; i++) {
        double *cells = row_of(lp, i);
        double sum = 0;
        for (unsigned e = 0; e < n; e++) {
            sum -= cells[entries[e].index] * entries[e].value;
        }
        cells[at] = sum;
    }
    double reduced = cost;
    for (unsigned e = 0; e < n; e++) {
        reduced -= lp->costs[entries[e].index] * entries[e].value;
    }
    lp->costs[at] = reduced;
    return col;
}

void gs_lp_shift_rhs(struct gs_lp *lp, unsigned row, double delta)
{
    for (unsigned i = 0; i < lp->n_rows; i++) {
        *rhs_of(lp, i) -= row_of(lp, i)[row] * delta;
    }
    lp->costs[lp->width - 1] -= lp->costs[row] * delta;
}

void gs_lp_shift_cost(struct gs_lp *lp, unsigned col, double delta)
{
    unsigned at = lp->max_rows + col;
    lp->costs[at] += delta;
    for (unsigned i = 0; i < lp->n_rows; i++) {
        if (lp->basis[i] == at) {
            subtract(lp, lp->costs, row_of(lp, i), delta);
            lp->costs[at] = 0;
            return;
        }
    }
}

static void pivot(struct gs_lp *lp, unsigned row, unsigned at)
{
    double *cells = row_of(lp, row);
    double by = 1 / cells[at];
    for (unsigned j = 0; j < lp->n_rows; j++) {
        cells[j] *= by;
    }
    for (unsigned j = lp->max_rows; j < lp->max_rows + lp->n_cols; j++) {
        cells[j] *= by;
    }
    cells[lp->width - 1] *= by;
    cells[at] = 1;
    for (unsigned i = 0; i < lp->n_rows; i++) {
        if (i != row) {
            double *other = row_of(lp, i);
            subtract(lp, other, cells, other[at]);
            other[at] = 0;
        }
    }
    subtract(lp, lp->costs, cells, lp->costs[at]);
    lp->costs[at] = 0;
    lp->basis[row] = at;
    lp->pivots++;
}

/* The columns in use, in order. */
static unsigned next_column(const struct gs_lp *lp, unsigned at)
{
    at++;
    if (at == lp->n_rows) {
        at = lp->max_rows;
    }
    return at;
}

static unsigned first_column(const struct gs_lp *lp)
{
    return lp->n_rows == 0 ? lp->max_rows : 0;
}

static unsigned end_column(const struct gs_lp *lp)
{
    return lp->max_rows + lp->n_cols;
}

/* The column that the primal simplex brings in, or end_column when none improves. */
static unsigned entering_column(const struct gs_lp *lp, bool bland)
{
    unsigned best = end_column(lp);
    double least = -OPTIMAL;
    for (unsigned j = first_column(lp); j < end_column(lp); j = next_column(lp, j)) {
        if (lp->costs[j] < least) {
            best = j;
            least = lp->costs[j];
            if (bland) {
                break;
            }
        }
    }
    return best;
}

static unsigned leaving_row(const struct gs_lp *lp, unsigned at)
{
    unsigned best = lp->n_rows;
    double least = 0;
    for (unsigned i = 0; i < lp->n_rows; i++) {
        double entry = row_of(lp, i)[at];
        if (entry <= PIVOT) {
            continue;
        }
        double rhs = *rhs_of(lp, i);
        double ratio = (rhs > 0 ? rhs : 0) / entry;
        bool better = best == lp->n_rows || ratio < least - 1e-12 ||
                      (ratio <= least + 1e-12 && lp->basis[i] < lp->basis[best]);
        if (better) {
            best = i;
            least = ratio;
        }
    }
    return best;
}

static enum gs_lp_status primal(struct gs_lp *lp, unsigned max_pivots)
{
    unsigned idle = 0;
    for (unsigned n = 0; n < max_pivots; n++) {
        unsigned at = entering_column(lp, idle > DEGENERATE_RUN);
        if (at == end_column(lp)) {
            return GS_LP_OPTIMAL;
        }
        unsigned row = leaving_row(lp, at);
        if (row == lp->n_rows) {
            lp->stuck_at = at;
            return GS_LP_UNBOUNDED;
        }
        idle = *rhs_of(lp, row) <= FEASIBLE ? idle + 1 : 0;
        pivot(lp, row, at);
    }
    return GS_LP_STUCK;
}

static unsigned worst_row(const struct gs_lp *lp, bool bland)
{
    unsigned best = lp->n_rows;
    double least = -FEASIBLE;
    for (unsigned i = 0; i < lp->n_rows; i++) {
        double rhs = *rhs_of(lp, i);
        if (rhs < least && (!bland || best == lp->n_rows || lp->basis[i] < lp->basis[best])) {
            best = i;
            least = bland ? least : rhs;
        }
    }
    return best;
}

static unsigned dual_column(const struct gs_lp *lp, unsigned row)
{
    const double *cells = row_of(lp, row);
    unsigned best = end_column(lp);
    double least = 0;
    for (unsigned j = first_column(lp); j < end_column(lp); j = next_column(lp, j)) {
        if (cells[j] >= -PIVOT) {
            continue;
        }
        double cost = lp->costs[j] > 0 ? lp->costs[j] : 0;
        double ratio = cost / -cells[j];
        bool better = best == end_column(lp) || ratio < least - 1e-12 ||
                      (ratio <= least + 1e-12 && cells[j] < cells[best]);
        if (better) {
            best = j;
            least = ratio;
        }
    }
    return best;
}

static enum gs_lp_status dual(struct gs_lp *lp, unsigned max_pivots)
{
    unsigned idle = 0;
    for (unsigned n = 0; n < max_pivots; n++) {
        unsigned row = worst_row(lp, idle > DEGENERATE_RUN);
        if (row == lp->n_rows) {
            return GS_LP_OPTIMAL;
        }
        unsigned at = dual_column(lp, row);
        if (at == end_column(lp)) {
            lp->stuck_row = row;
            return GS_LP_INFEASIBLE;
        }
        idle = lp->costs[at] <= OPTIMAL ? idle + 1 : 0;
        pivot(lp, row, at);
    }
    return GS_LP_STUCK;
}

enum gs_lp_status gs_lp_solve(struct gs_lp *lp, unsigned max_pivots)
{
    enum gs_lp_status status = GS_LP_OPTIMAL;
    if (worst_row(lp, false) < lp->n_rows) {
        status = dual(lp, max_pivots);
    }
    if (status == GS_LP_OPTIMAL) {
        status = primal(lp, max_pivots);
    }
    return status;
}

double gs_lp_value(const struct gs_lp *lp)
{
    return -lp->costs[lp->width - 1];
}

void gs_lp_solution(const struct gs_lp *lp, double *x)
{
    memset(x, 0, lp->n_cols * sizeof(*x));
    for (unsigned i = 0; i < lp->n_rows; i++) {
        if (lp->basis[i] >= lp->max_rows) {
            double value = *rhs_of(lp, i);
            x[lp->basis[i] - lp->max_rows] = value > 0 ? value : 0;
        }
    }
}

double gs_lp_reduced_cost(const struct gs_lp *lp, unsigned col)
{
    return lp->costs[lp->max_rows + col];
}

void gs_lp_duals(const struct gs_lp *lp, double *y)
{
    memcpy(y, lp->costs, lp->n_rows * sizeof(*y));
}

unsigned gs_lp_grows(const struct gs_lp *lp, unsigned from)
{
    unsigned first = lp->n_cols;
    unsigned at = lp->stuck_at;
    if (at >= lp->max_rows + from) {
        first = at - lp->max_rows;
    }
    for (unsigned i = 0; i < lp->n_rows; i++) {
        if (lp->basis[i] >= lp->max_rows + from && row_of(lp, i)[at] < -PIVOT &&
            lp->basis[i] - lp->max_rows < first) {
            first = lp->basis[i] - lp->max_rows;
        }
    }
    return first;
}

void gs_lp_ray(const struct gs_lp *lp, double *y)
{
    memcpy(y, row_of(lp, lp->stuck_row), lp->n_rows * sizeof(*y));
}
