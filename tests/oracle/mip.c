#include "oracle/mip.h"

#include <glpk.h>
#include <math.h>
#include <stdlib.h>

#include "unit/check.h"

enum { ENTRIES_MAX = 200000 };

struct oracle_mip {
    glp_prob *lp;
    int n;
    int rows[ENTRIES_MAX + 1]; /* GLPK counts from 1 */
    int cols[ENTRIES_MAX + 1];
    double values[ENTRIES_MAX + 1];
};

struct oracle_mip *oracle_mip_new(void)
{
    struct oracle_mip *mip = malloc(sizeof(*mip));
    assert_non_null(mip);
    glp_term_out(GLP_OFF);
    mip->lp = glp_create_prob();
    mip->n = 0;
    glp_set_obj_dir(mip->lp, GLP_MIN);
    return mip;
}

void oracle_mip_free(struct oracle_mip *mip)
{
    if (mip != NULL) {
        glp_delete_prob(mip->lp);
        free(mip);
    }
    glp_free_env();
}

int oracle_mip_row(struct oracle_mip *mip, int64_t lo)
{
    int row = glp_add_rows(mip->lp, 1);
    glp_set_row_bnds(mip->lp, row, GLP_LO, (double)lo, 0);
    return row;
}

int oracle_mip_col(struct oracle_mip *mip, int64_t cost, int64_t hi)
{
    int col = glp_add_cols(mip->lp, 1);
    glp_set_obj_coef(mip->lp, col, (double)cost);
    glp_set_col_kind(mip->lp, col, GLP_IV);
    if (hi < 0) {
        glp_set_col_bnds(mip->lp, col, GLP_LO, 0, 0);
    } else {
        glp_set_col_bnds(mip->lp, col, hi == 0 ? GLP_FX : GLP_DB, 0, (double)hi);
    }
    return col;
}

void oracle_mip_entry(struct oracle_mip *mip, int row, int col, int64_t value)
{
    if (value == 0) {
        return;
    }
    assert_true(mip->n < ENTRIES_MAX);
    mip->n++;
    mip->rows[mip->n] = row;
    mip->cols[mip->n] = col;
    mip->values[mip->n] = (double)value;
}

enum oracle_answer oracle_mip_solve(struct oracle_mip *mip, int limit_ms, int64_t *ret_value)
{
    glp_load_matrix(mip->lp, mip->n, mip->rows, mip->cols, mip->values);
    glp_iocp how;
    glp_init_iocp(&how);
    how.msg_lev = GLP_MSG_OFF;
    how.presolve = GLP_ON;
    how.tm_lim = limit_ms;
    how.mir_cuts = GLP_ON;
    int r = glp_intopt(mip->lp, &how);
    int status = glp_mip_status(mip->lp);
    if (r == GLP_ENOPFS || (r == 0 && status == GLP_NOFEAS)) {
        return ORACLE_INFEASIBLE;
    }
    if (r != 0 || status != GLP_OPT) {
        return ORACLE_UNFINISHED;
    }
    double value = glp_mip_obj_val(mip->lp);
    assert_true(fabs(value - round(value)) < 1e-4);
    *ret_value = llround(value);
    return ORACLE_OPTIMAL;
}
