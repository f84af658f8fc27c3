#include "agent/recut.h"

#include <stdio.h>

#include "agent/layout.h"
#include "agent/placed.h"
#include "agent/recut_guard.h"
#include "base/clock.h"
#include "base/log.h"

#define ORDER_BYTES_MAX ((size_t)64 << 20)

enum { LOCK_WAIT_MS = 60 * 1000, LINES_MAX = 64 * 1024 };

static void keep_line(void *ctx, const char *line)
{
    struct gs_order_result *result = ctx;
    gs_buf_puts(&result->lines, line);
    gs_buf_puts(&result->lines, "\n");
}

static void note_line(void *ctx, const char *line)
{
    keep_line(ctx, line);
    gs_log_info("%s", line);
}

static void detail_line(void *ctx, const char *line)
{
    keep_line(ctx, line);
    gs_log_debug("%s", line);
}

static int offer_all(struct gs_recut *recut, struct gs_err *err)
{
    struct gs_box *box;
    int r = gs_survey(recut->survey, GS_SURVEY_ALL, &box, err);
    if (r == 0) {
        gs_recut_offer(recut, box);
    }
    return r;
}

struct offering {
    const struct gs_recut *recut;
    struct gs_box *box;
};

static void call_offer(void *ctx)
{
    struct offering *offering = ctx;
    offering->recut->loop->offer(offering->recut->loop->ctx, offering->box);
}

void gs_recut_offer(const struct gs_recut *recut, struct gs_box *box)
{
    struct offering offering = {.recut = recut, .box = box};
    gs_handoff_call(recut->gather.handoff, call_offer, &offering);
}

/* Whether a GPU has to be reset, for which every session of the driver has to be closed. */
static bool needs_quiet(const struct gs_snapshot *snapshot, const struct gs_mig_wish *wishes)
{
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        const struct gs_gpu *facts = &snapshot->gpus[k].facts;
        enum gs_mig_mode wanted = wishes[k].mig_enabled ? GS_MIG_ON : GS_MIG_OFF;
        if (wishes[k].named && facts->mode != GS_MIG_NOT_CAPABLE &&
            (facts->mode != wanted || facts->pending != wanted)) {
            return true;
        }
    }
    return false;
}

static int apply(struct gs_recut *recut, const struct gs_order *order,
                 const struct gs_apply_want *wants, unsigned n, struct gs_order_result *ret)
{
    struct gs_recut_guard state;
    struct gs_guard guard;
    gs_recut_guard_init(&state, recut, &guard);
    const struct gs_apply_options options = {
        .dir = recut->gather.config->state_dir,
        .what = "gpuslice-agent",
        .wait_ms = LOCK_WAIT_MS,
        .only_idle = order->only_idle,
        .dry_run = order->dry_run,
        .stop = recut->stop,
        .guard = &guard,
        .note = {.line = note_line, .ctx = ret},
        .detail = {.line = detail_line, .ctx = ret},
        .tables = recut->tables,
    };
    int r = gs_apply(recut->gather.gpus, wants, n, &options, &ret->report, &ret->err);
    struct gs_err err;
    if (!order->dry_run && offer_all(recut, &err) < 0) {
        gs_log_warning("the GPUs could not be read after the change: %s", err.msg);
    }
    ret->changed = state.done_any;
    gs_recut_guard_done(&state);
    return r;
}

/* Of one GPU that is cut already: nothing is reset, and the others stay as they are. */
static int carry_out_placed(struct gs_recut *recut, const struct gs_order *order,
                            struct gs_order_result *ret)
{
    unsigned gpu;
    struct gs_mig_state state;
    struct gs_apply_want wants[GS_GPUS_MAX] = {0};
    int r = offer_all(recut, &ret->err);
    if (r < 0) {
        return r;
    }
    const struct gs_snapshot *snapshot = &recut->survey->last->snapshot;
    r = gs_placed_read(order, snapshot, &gpu, &state, &ret->err);
    if (r < 0 || gs_placed_is_met(snapshot, gpu, &state)) {
        return r;
    }
    wants[gpu].state = &state;
    return apply(recut, order, wants, snapshot->n_gpus, ret);
}

static int carry_out(struct gs_recut *recut, const struct gs_order *order, struct gs_arena *arena,
                     struct gs_order_result *ret)
{
    const struct gs_say note = {.line = note_line, .ctx = ret};
    int r = offer_all(recut, &ret->err);
    if (r < 0) {
        return r;
    }
    const struct gs_snapshot *snapshot = &recut->survey->last->snapshot;
    struct gs_mig_wish *wishes = GS_ARENA_NEW(arena, struct gs_mig_wish, GS_GPUS_MAX);
    if (wishes == NULL) {
        return gs_fail(&ret->err, GS_NO_MEMORY, "no memory for the layout");
    }
    r = gs_layout_read(order, snapshot, arena, &note, wishes, &ret->err);
    if (r < 0 || gs_layout_is_met(snapshot, wishes)) {
        return r;
    }
    bool quiet = !order->dry_run && recut->quiet != NULL && needs_quiet(snapshot, wishes);
    if (quiet) {
        recut->quiet(recut->quiet_ctx, true);
    }
    struct gs_apply_want wants[GS_GPUS_MAX] = {0};
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        wants[k].wish = &wishes[k];
    }
    r = apply(recut, order, wants, snapshot->n_gpus, ret);
    if (quiet) {
        recut->quiet(recut->quiet_ctx, false);
    }
    return r;
}

void gs_recut(struct gs_recut *recut, const struct gs_order *order, struct gs_order_result *ret)
{
    struct gs_arena arena;
    uint64_t begun = gs_now_us();
    gs_arena_init(&arena, &gs_alloc_heap, ORDER_BYTES_MAX);
    *ret = (struct gs_order_result){
        .number = order->number, .origin = order->origin, .dry_run = order->dry_run};
    gs_buf_init(&ret->lines, LINES_MAX);
    ret->code = order->gpu != NULL ? carry_out_placed(recut, order, ret)
                                   : carry_out(recut, order, &arena, ret);
    ret->took_us = gs_now_us() - begun;
    gs_arena_done(&arena);
}
