/* bill: what was paid for what, in cents that add up. Pure but for the heap.
 *
 * Rows are exact: 1/3600 of a millionth of a dollar. What is shown is rounded to cents by largest
 * remainders, so that the cents of the rows are the cents of the total. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "history/history.h"

struct gs_cost_row {
    char *name; /* owned */
    uint64_t uusd;
    uint32_t rest; /* 3600ths of a millionth; below 3600 */
    uint64_t cents;
};

struct gs_cost_bill {
    struct gs_cost_row *rows; /* the dearest first */
    size_t n, cap;
    uint64_t uusd; /* of all */
    uint32_t rest;
    uint64_t cents;
    uint64_t known_s; /* seconds of which it is known */
    struct gs_history_left_out left_out;
};

void gs_cost_bill_done(struct gs_cost_bill *bill);

/* Adds a row at the end. GS_NO_MEMORY; GS_INVALID: rest is 3600 or more, the sum too large, or a
 * control character in the name. */
int gs_cost_bill_add(struct gs_cost_bill *bill, const char *name, uint64_t uusd, uint32_t rest,
                     struct gs_err *err);

/* Both are of the same time, and so have to be the same amount, exactly. GS_INVALID: they are not,
 * and by how much. */
int gs_cost_bill_check(const struct gs_cost_bill *bill, const struct gs_cost_bill *parts,
                       struct gs_err *err);

/* Fills in all cents. GS_NO_MEMORY. */
int gs_cost_bill_round(struct gs_cost_bill *bill, struct gs_err *err);
