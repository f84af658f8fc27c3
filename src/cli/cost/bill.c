#include "cli/cost/bill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS = 3600 };
#define UUSD_MAX (UINT64_C(1) << 50)           /* a thousand million dollars */
#define CENT_UNITS (UINT64_C(10000) * SECONDS) /* of 1/3600 uusd */

void gs_cost_bill_done(struct gs_cost_bill *bill)
{
    for (size_t i = 0; i < bill->n; i++) {
        free(bill->rows[i].name);
    }
    free(bill->rows);
    *bill = (struct gs_cost_bill){.n = 0};
}

int gs_cost_bill_add(struct gs_cost_bill *bill, const char *name, uint64_t uusd, uint32_t rest,
                     struct gs_err *err)
{
    if (rest >= SECONDS || uusd > UUSD_MAX || bill->uusd > UUSD_MAX) {
        return gs_fail(err, GS_INVALID,
                       "%.100s: %" PRIu64 " millionths of a dollar and %" PRIu32
                       "/3600; expected at most %" PRIu64 " in all, and less than 3600",
                       name, uusd, rest, UUSD_MAX);
    }
    if (gs_view_has_control(gs_view(name), "")) {
        return gs_fail(err, GS_INVALID, "\"%.100s\": a name with a control character in it", name);
    }
    if (bill->n == bill->cap) {
        size_t cap = bill->cap == 0 ? 64 : 2 * bill->cap;
        struct gs_cost_row *rows = reallocarray(bill->rows, cap, sizeof(*rows));
        if (rows == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the bill");
        }
        bill->rows = rows;
        bill->cap = cap;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the bill");
    }
    bill->rows[bill->n++] = (struct gs_cost_row){.name = copy, .uusd = uusd, .rest = rest};
    bill->uusd += uusd + (bill->rest + rest) / SECONDS;
    bill->rest = (bill->rest + rest) % SECONDS;
    return 0;
}

int gs_cost_bill_check(const struct gs_cost_bill *bill, const struct gs_cost_bill *parts,
                       struct gs_err *err)
{
    if (bill->uusd != parts->uusd || bill->rest != parts->rest) {
        return gs_fail(err, GS_INVALID,
                       "the rows do not add up: together they are %" PRIu64 " + %" PRIu32
                       "/3600 millionths of a dollar, and the parts of the bill are %" PRIu64
                       " + %" PRIu32
                       "/3600; the history is damaged, or a part of the answer was lost",
                       bill->uusd, bill->rest, parts->uusd, parts->rest);
    }
    return 0;
}

static uint64_t units_of(uint64_t uusd, uint32_t rest)
{
    return uusd * SECONDS + rest;
}

struct left {
    uint64_t units;
    size_t row;
};

static int by_left(const void *a, const void *b)
{
    const struct left *left = a;
    const struct left *right = b;
    return left->units != right->units ? (left->units > right->units ? -1 : 1)
                                       : (left->row < right->row ? -1 : 1);
}

int gs_cost_bill_round(struct gs_cost_bill *bill, struct gs_err *err)
{
    struct left *left = calloc(bill->n + 1, sizeof(*left));
    uint64_t given = 0;
    if (left == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the bill");
    }
    bill->cents = (units_of(bill->uusd, bill->rest) + CENT_UNITS / 2) / CENT_UNITS;
    for (size_t i = 0; i < bill->n; i++) {
        uint64_t units = units_of(bill->rows[i].uusd, bill->rows[i].rest);
        bill->rows[i].cents = units / CENT_UNITS;
        left[i] = (struct left){.units = units % CENT_UNITS, .row = i};
        given += bill->rows[i].cents;
    }
    qsort(left, bill->n, sizeof(*left), by_left);
    for (size_t i = 0; i < bill->n && given < bill->cents; i++, given++) {
        bill->rows[left[i].row].cents++;
    }
    free(left);
    return 0;
}
