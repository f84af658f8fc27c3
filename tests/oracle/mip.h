/* mip: an integer program for GLPK, written down entry by entry.
 *
 *     minimise c x   subject to   rows >= lo,  0 <= x <= hi,  x integer
 *
 * For tests only: GLPK is no part of the product. */
#pragma once

#include <stdint.h>

enum oracle_answer {
    ORACLE_OPTIMAL,
    ORACLE_INFEASIBLE,
    ORACLE_UNFINISHED /* the time was up: says nothing */
};

struct oracle_mip;

struct oracle_mip *oracle_mip_new(void);
void oracle_mip_free(struct oracle_mip *mip);

/* Each returns the index of the new row or column. hi below 0: no upper bound. */
int oracle_mip_row(struct oracle_mip *mip, int64_t lo);
int oracle_mip_col(struct oracle_mip *mip, int64_t cost, int64_t hi);

/* One entry a (row, column) at most. */
void oracle_mip_entry(struct oracle_mip *mip, int row, int col, int64_t value);

enum oracle_answer oracle_mip_solve(struct oracle_mip *mip, int limit_ms, int64_t *ret_value);
