/* A bill from the file of a history. */
#include "base/cleanup.h"
#include "cli/cost/cost.h"
#include "history/history.h"

static int take(void *ctx, const struct gs_history_paid *paid, struct gs_err *err)
{
    return gs_cost_bill_add(ctx, paid->name, paid->uusd, paid->rest, err);
}

int gs_cost_read_file(const struct gs_cost_args *args, const struct gs_cost_span *span,
                      struct gs_cost_bill *ret, struct gs_err *err)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill parts = {.n = 0};
    static const enum gs_history_by bys[] = {GS_HISTORY_PART, GS_HISTORY_NAMESPACE,
                                             GS_HISTORY_WORKLOAD, GS_HISTORY_POOL};
    /* One moment for all that is asked, though somebody may be writing. */
    int r = gs_history_open_to_read(args->file, &history, err);
    r = r == 0 ? gs_history_paid(history, bys[args->by], span->from_s, span->to_s, take, ret,
                                 &ret->known_s, err)
               : r;
    r = r == 0 ? gs_history_paid(history, GS_HISTORY_PART, span->from_s, span->to_s, take, &parts,
                                 &parts.known_s, err)
               : r;
    if (r == 0) {
        ret->left_out = *gs_history_left_out(history);
    }
    return r == 0 ? gs_cost_bill_check(ret, &parts, err) : r;
}
