#include "agent/recut_guard.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"

/* Of one round: holders of all slices, twice over. */
#define ROUND_BYTES_MAX ((size_t)64 << 20)

enum { LOWER_LIMIT_US = 15 * 1000 * 1000, RETIRE_LIMIT_US = 30 * 1000 * 1000, NAP_US = 20 * 1000 };

/* ---- Who holds what ---- */

/* Pods that are bound or nominated to this node and have not been granted their slices yet: as many
 * idle slices are kept for them. */
static int reserve(struct gs_recut_guard *state, struct gs_err *err)
{
    const struct gs_gather_ask *asks = NULL;
    unsigned n_asks = 0;
    const struct gs_snapshot *snapshot = &state->box->snapshot;
    state->reserved = GS_ARENA_NEW(&state->arena, bool, snapshot->n_slices + 1u);
    if (state->reserved == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the slices that pods wait for");
    }
    if (state->recut->gather.cluster == NULL) {
        return 0;
    }
    int r = gs_gather_asks(&state->recut->gather, &state->arena, &asks, &n_asks, err);
    for (unsigned i = 0; r == 0 && i < n_asks; i++) {
        const struct gs_offer_resource *resource = gs_offer_find(&state->offer, asks[i].resource);
        uint64_t wanted = asks[i].count;
        for (unsigned k = 0; resource != NULL && k < resource->n; k++) {
            unsigned row = resource->devices[k].row;
            bool held = row != GS_NOT_KNOWN && !gs_held_idle(&state->holding.slices[row]);
            wanted -= held && wanted >= resource->replicas ? resource->replicas : held ? wanted : 0;
        }
        for (unsigned k = 0; resource != NULL && k < resource->n && wanted > 0; k++) {
            unsigned row = resource->devices[k].row;
            if (row != GS_NOT_KNOWN && gs_held_idle(&state->holding.slices[row])) {
                state->reserved[row] = true;
                wanted -= wanted >= resource->replicas ? resource->replicas : wanted;
            }
        }
    }
    return r;
}

static int begin_round(struct gs_recut_guard *state, struct gs_err *err)
{
    struct gs_gather *gather = &state->recut->gather;
    gs_box_unref(state->box);
    state->box = gs_box_ref(state->recut->survey->last);
    gs_arena_done(&state->arena);
    state->marked = 0;
    int r = gs_offer_new(&state->arena, &state->box->snapshot, gather->config, &state->offer, err);
    r = r < 0 ? r : gs_gather(gather, &state->offer, &state->arena, &state->holding, err);
    return r < 0 ? r : reserve(state, err);
}

static void mark_slice(struct gs_recut_guard *state, struct gs_inventory_gpu *gpu, unsigned row)
{
    const struct gs_snapshot_slice *slice = &state->box->snapshot.slices[row];
    const struct gs_held *held = &state->holding.slices[row];
    if ((held->why & ~(unsigned)GS_HOLD_PROCESS) != 0) { /* processes are known to partition */
        gs_inventory_mark_by(gpu, slice->id.gi, slice->id.ci, held->text);
    } else if (state->reserved[row]) {
        gs_inventory_mark_by(gpu, slice->id.gi, slice->id.ci, "a pod on its way to this node");
    }
}

static int mark(void *ctx, struct gs_inventory_gpu *gpu, struct gs_err *err)
{
    struct gs_recut_guard *state = ctx;
    const uint32_t bit = (uint32_t)1 << gpu->gpu;
    if (!state->began || (state->marked & bit) != 0) {
        int r = begin_round(state, err);
        if (r < 0) {
            return r;
        }
        state->began = true;
    }
    state->marked |= bit;
    const struct gs_snapshot *snapshot = &state->box->snapshot;
    if (gpu->gpu >= snapshot->n_gpus) {
        return gs_fail(err, GS_BUSY, "it was not there when the GPUs were read: try again");
    }
    const struct gs_snapshot_gpu *known = &snapshot->gpus[gpu->gpu];
    const struct gs_held *whole = &state->holding.gpus[gpu->gpu];
    if (gpu->facts.mode == GS_MIG_OFF && (whole->why & ~(unsigned)GS_HOLD_PROCESS) != 0) {
        gs_inventory_mark_by(gpu, GS_NOT_KNOWN, GS_NOT_KNOWN, whole->text);
    }
    for (unsigned i = 0; i < known->n; i++) {
        mark_slice(state, gpu, known->first + i);
    }
    return 0;
}

/* ---- Out of the kubelet's hands ---- */

/* One await of the loop. */
struct errand {
    struct gs_recut *recut;
    struct gs_recut_leaving *leaving;
};

static void begin_lower(void *ctx, struct gs_await *await)
{
    struct errand *errand = ctx;
    errand->recut->loop->lower(errand->recut->loop->ctx, errand->leaving, await);
}

static void begin_retire(void *ctx, struct gs_await *await)
{
    struct errand *errand = ctx;
    errand->recut->loop->retire(errand->recut->loop->ctx, await);
}

static void give_up(void *ctx)
{
    struct errand *errand = ctx;
    errand->recut->loop->give_up(errand->recut->loop->ctx);
}

static void call_restore(void *ctx)
{
    const struct gs_recut *recut = ctx;
    recut->loop->restore(recut->loop->ctx);
}

static void restore(struct gs_recut_guard *state)
{
    if (state->lowered) {
        gs_handoff_call(state->recut->gather.handoff, call_restore, state->recut);
        state->lowered = false;
    }
}

/* Sleeps, and ends early when the program is to end. */
static int settle(const struct gs_recut *recut, uint64_t us, struct gs_err *err)
{
    for (uint64_t slept = 0; slept < us; slept += NAP_US) {
        if (recut->stop != NULL && *recut->stop != 0) {
            gs_fail(err, GS_IO, "interrupted");
            err->sys_errno = EINTR;
            return GS_IO;
        }
        uint64_t nap = us - slept < NAP_US ? us - slept : NAP_US;
        const struct timespec pause = {.tv_nsec = (long)nap * 1000};
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* Whether the pods that are bound here, or about to be, have room in what is left. */
static int count_pods(struct gs_recut_guard *state, const struct gs_recut_leaving *leaving,
                      struct gs_err *err)
{
    const struct gs_gather_ask *asks = NULL;
    unsigned n_asks = 0;
    if (state->recut->gather.cluster == NULL) {
        return 0;
    }
    int r = gs_gather_asks(&state->recut->gather, leaving->arena, &asks, &n_asks, err);
    for (unsigned i = 0; r == 0 && i < leaving->n_left; i++) {
        for (unsigned k = 0; k < n_asks; k++) {
            if (strcmp(asks[k].resource, leaving->left[i].resource) == 0 &&
                asks[k].count > leaving->left[i].healthy) {
                return gs_fail(err, GS_BUSY,
                               "pods that are bound or nominated to this node ask for %llu %s, and "
                               "%llu would be left",
                               (unsigned long long)asks[k].count, asks[k].resource,
                               (unsigned long long)leaving->left[i].healthy);
            }
        }
    }
    return r;
}

static const struct gs_held *held_of(const struct gs_recut_guard *state,
                                     const struct gs_holding *holding,
                                     const struct gs_guard_leaving *leaving)
{
    const struct gs_snapshot *snapshot = &state->box->snapshot;
    if (leaving->gpu >= snapshot->n_gpus) {
        return NULL;
    }
    if (leaving->gi == GS_NOT_KNOWN) {
        return &holding->gpus[leaving->gpu];
    }
    const struct gs_snapshot_gpu *gpu = &snapshot->gpus[leaving->gpu];
    for (unsigned i = 0; i < gpu->n; i++) {
        const struct gs_slice_id *id = &snapshot->slices[gpu->first + i].id;
        if (id->gi == leaving->gi && id->ci == leaving->ci) {
            return &holding->slices[gpu->first + i];
        }
    }
    return NULL;
}

/* The last look: the kubelet does not give them away any more, so whoever has none now gets none.
 */
static int check_idle(struct gs_recut_guard *state, const struct gs_recut_leaving *leaving,
                      struct gs_err *err)
{
    struct gs_holding holding;
    int r = gs_gather(&state->recut->gather, &state->offer, leaving->arena, &holding, err);
    for (unsigned i = 0; r == 0 && i < leaving->n; i++) {
        const struct gs_held *held = held_of(state, &holding, &leaving->at[i]);
        if (held != NULL && !gs_held_idle(held)) {
            return gs_fail(err, GS_BUSY, "%s was given away meanwhile: held by %s",
                           leaving->at[i].uuid, held->text);
        }
    }
    return r;
}

static int take_out(struct gs_recut_guard *state, struct gs_recut_leaving *leaving,
                    struct gs_err *err)
{
    const struct gs_gather *gather = &state->recut->gather;
    struct errand errand = {.recut = state->recut, .leaving = leaving};
    state->lowered = true;
    int r = gs_await_run(gather->handoff, begin_lower, give_up, &errand, LOWER_LIMIT_US, err);
    if (r < 0) {
        return r == GS_BUSY ? gs_fail(err, GS_IO, "the program is ending")
                            : gs_wrap(err, r, "lowering node.status");
    }
#ifndef GS_LIST_FIRST
    if (gather->cluster != NULL) {
        r = settle(state->recut, gather->config->settle_ms * 1000, err);
    }
    r = r < 0 ? r : count_pods(state, leaving, err);
#endif
    if (r < 0) {
        return r;
    }
    r = gs_await_run(gather->handoff, begin_retire, give_up, &errand, RETIRE_LIMIT_US, err);
    if (r < 0) {
        return gs_wrap(err, r == GS_BUSY ? GS_IO : r, "taking the slices back from the kubelet");
    }
    return check_idle(state, leaving, err);
}

static int before(void *ctx, const struct gs_guard_leaving *leaving, unsigned n, struct gs_err *err)
{
    struct gs_recut_guard *state = ctx;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, ROUND_BYTES_MAX);
    struct gs_recut_leaving all = {.at = leaving, .n = n, .arena = &arena};
    restore(state); /* of an attempt before */
    int r = take_out(state, &all, err);
    gs_arena_done(&arena);
    if (r < 0) {
        restore(state);
    }
    return r;
}

/* ---- What was done ---- */

/* A new slice is offered as soon as the driver has it, long before the last one is made. */
static void made(void *ctx, unsigned gpu)
{
    struct gs_recut_guard *state = ctx;
    struct gs_box *box;
    struct gs_err err;
    state->done_any = true;
    state->changed |= (uint32_t)1 << gpu;
    if (gs_survey(state->recut->survey, state->changed, &box, &err) < 0) {
        gs_log_warning("GPU %u has a new slice that could not be read yet: %s", gpu, err.msg);
        return;
    }
    state->changed = 0;
    gs_recut_offer(state->recut, box);
}

static void gone(void *ctx, unsigned gpu, uint32_t gi, uint32_t ci)
{
    struct gs_recut_guard *state = ctx;
    state->done_any = true;
    state->changed |= (uint32_t)1 << gpu;
    gs_survey_forget(state->recut->survey, gpu, gi, ci);
}

void gs_recut_guard_init(struct gs_recut_guard *state, struct gs_recut *recut,
                         struct gs_guard *ret_guard)
{
    *state = (struct gs_recut_guard){.recut = recut};
    gs_arena_init(&state->arena, &gs_alloc_heap, ROUND_BYTES_MAX);
    *ret_guard =
        (struct gs_guard){.mark = mark, .before = before, .made = made, .gone = gone, .ctx = state};
}

void gs_recut_guard_done(struct gs_recut_guard *state)
{
    restore(state);
    gs_box_unref(state->box);
    gs_arena_done(&state->arena);
}
