/* A bill from the file of a history. */
#include <string.h>

#include "base/cleanup.h"
#include "cli/cost/cost.h"
#include "history/history.h"

struct taking {
    struct gs_cost_bill *bill;
    bool parts;     /* rows are parts of the bill: all but "used" count */
    bool with_used; /* and that, too */
    uint64_t used;
    uint32_t used_rest;
};

static int take(void *ctx, const struct gs_history_paid *paid, struct gs_err *err)
{
    struct taking *taking = ctx;
    bool used = taking->parts && strcmp(paid->name, "used") == 0;
    if (used) {
        taking->used = paid->uusd;
        taking->used_rest = paid->rest;
    }
    return used && !taking->with_used ? 0
                                      : gs_cost_bill_add(taking->bill, paid->name, taking->parts,
                                                         paid->uusd, paid->rest, err);
}

int gs_cost_read_file(const struct gs_cost_args *args, const struct gs_cost_span *span,
                      struct gs_cost_bill *ret, struct gs_err *err)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    static const enum gs_history_by bys[] = {GS_HISTORY_PART, GS_HISTORY_NAMESPACE,
                                             GS_HISTORY_WORKLOAD, GS_HISTORY_POOL};
    bool by_part = args->by == GS_COST_BY_PART;
    struct taking rows = {.bill = ret};
    struct taking parts = {.bill = ret, .parts = true, .with_used = by_part};
    /* One moment for all that is asked, though somebody may be writing. */
    int r = gs_history_open_to_read(args->file, &history, err);
    if (r == 0 && !by_part) {
        r = gs_history_paid(history, bys[args->by], span->from_s, span->to_s, take, &rows,
                            &ret->known_s, err);
    }
    r = r == 0 ? gs_history_paid(history, GS_HISTORY_PART, span->from_s, span->to_s, take, &parts,
                                 &ret->known_s, err)
               : r;
    return r == 0 && !by_part ? gs_cost_bill_check(ret, parts.used, parts.used_rest, err) : r;
}
