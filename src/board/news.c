#include "board/news.h"

#include <stdio.h>
#include <string.h>

#include "board/keep.h"

enum { SUBJECT_MAX = 600, TEXT_MAX = 1400 };

const char *const gs_board_news_words[GS_BOARD_NEWS] = {
    [GS_BOARD_POD_WAITS] = "Waits",        [GS_BOARD_POD_BOUND] = "Bound",
    [GS_BOARD_POD_HAS] = "Slice",          [GS_BOARD_POD_GONE] = "Gone",
    [GS_BOARD_SLICE_MADE] = "Made",        [GS_BOARD_SLICE_GONE] = "Removed",
    [GS_BOARD_SLICE_HELD] = "Held",        [GS_BOARD_SLICE_LEFT] = "Free",
    [GS_BOARD_SLICE_SICK] = "SliceSick",   [GS_BOARD_GPU_SICK] = "Sick",
    [GS_BOARD_GPU_WELL] = "Well",          [GS_BOARD_GPU_HELD] = "HeldWhole",
    [GS_BOARD_GPU_LEFT] = "FreeWhole",     [GS_BOARD_GPU_COME] = "There",
    [GS_BOARD_GPU_GONE] = "Away",          [GS_BOARD_RECUT_BEGINS] = "RecutBegins",
    [GS_BOARD_RECUT_DONE] = "RecutDone",   [GS_BOARD_RECUT_FAILED] = "RecutFailed",
    [GS_BOARD_NODE_SERVES] = "NodeServes", [GS_BOARD_NODE_LOST] = "NodeLost",
};

void gs_board_on_news(struct gs_board *board, gs_board_news_fn *fn, void *ctx)
{
    board->news = fn;
    board->news_ctx = ctx;
}

bool gs_board_listens(const struct gs_board *board)
{
    return board->news != NULL && board->whole;
}

static void tell(const struct gs_board *board, enum gs_board_news_what what, const char *subject,
                 const char *text, uint64_t *note)
{
    const struct gs_board_news news = {
        .what = what, .subject = subject, .text = text, .note = note};
    board->news(board->news_ctx, &news);
}

/* ---- slices ---- */

static bool is_held(const struct gs_board_slice *slice)
{
    return slice->state == GS_BOARD_HELD || slice->state == GS_BOARD_GRANTED;
}

static const struct gs_board_slice *same_slice(const struct gs_board_gpu *gpu,
                                               const struct gs_board_slice *slice)
{
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        if (gpu->slices[i].profile == slice->profile && gpu->slices[i].start == slice->start) {
            return &gpu->slices[i];
        }
    }
    return NULL;
}

/* "3g.20gb at 4" */
static void name_slice(const struct gs_board_gpu *gpu, const struct gs_board_slice *slice,
                       char *ret, size_t size)
{
    bool known = gpu->model != NULL && slice->profile < gpu->model->n_profiles;
    (void)snprintf(ret, size, "%s at %u",
                   known ? gpu->model->profiles[slice->profile].name : "a slice", slice->start);
}

static void tell_slice(const struct gs_board *board, enum gs_board_news_what what,
                       const struct gs_board_gpu *gpu, const struct gs_board_slice *slice,
                       const struct gs_board_holder *holder)
{
    char name[64];
    char text[TEXT_MAX];
    name_slice(gpu, slice, name, sizeof(name));
    (void)snprintf(text, sizeof(text), "%s%s%s", name, holder == NULL ? "" : ": pod ",
                   holder == NULL ? "" : holder->key);
    tell(board, what, gpu->uuid, text, NULL);
}

static void tell_has(const struct gs_board *board, const struct gs_board_place *place,
                     const struct gs_board_gpu *gpu, const struct gs_board_slice *slice)
{
    char name[64];
    char subject[SUBJECT_MAX];
    char text[TEXT_MAX];
    name_slice(gpu, slice, name, sizeof(name));
    (void)snprintf(subject, sizeof(subject), "pod %s", slice->holder->key);
    (void)snprintf(text, sizeof(text), "%s of %s on node %s", name, gpu->uuid, place->name);
    tell(board, GS_BOARD_POD_HAS, subject, text, NULL);
}

/* `was` NULL: it was not there. */
static void compare_slice(const struct gs_board *board, const struct gs_board_place *place,
                          const struct gs_board_gpu *gpu, const struct gs_board_slice *was,
                          const struct gs_board_slice *now)
{
    bool had = was != NULL && is_held(was);
    bool has = is_held(now);
    bool other = has && had && was->holder != now->holder && now->holder != NULL;
    if (was == NULL) {
        tell_slice(board, GS_BOARD_SLICE_MADE, gpu, now, NULL);
    }
    if (had && (!has || (other && was->holder != NULL))) {
        tell_slice(board, GS_BOARD_SLICE_LEFT, gpu, now, was->holder);
    }
    if (has && (!had || other)) {
        tell_slice(board, GS_BOARD_SLICE_HELD, gpu, now, now->holder);
        if (now->holder != NULL) {
            tell_has(board, place, gpu, now);
        }
    }
    if (now->state == GS_BOARD_SICK && (was == NULL || was->state != GS_BOARD_SICK)) {
        tell_slice(board, GS_BOARD_SLICE_SICK, gpu, now, now->holder);
    }
}

static void compare_slices(const struct gs_board *board, const struct gs_board_place *place,
                           const struct gs_board_gpu *was, const struct gs_board_gpu *now)
{
    for (unsigned i = 0; i < was->n_slices; i++) {
        const struct gs_board_slice *slice = &was->slices[i];
        if (same_slice(now, slice) == NULL) {
            if (is_held(slice)) {
                tell_slice(board, GS_BOARD_SLICE_LEFT, now, slice, slice->holder);
            }
            tell_slice(board, GS_BOARD_SLICE_GONE, now, slice, NULL);
        }
    }
    for (unsigned i = 0; i < now->n_slices; i++) {
        compare_slice(board, place, now, same_slice(was, &now->slices[i]), &now->slices[i]);
    }
}

/* ---- GPUs ---- */

static void compare_recut(const struct gs_board *board, const struct gs_board_gpu *was,
                          struct gs_board_gpu *now)
{
    char text[TEXT_MAX];
    now->note = was->note;
    if (was->asked != 0 && now->answered == was->asked && was->answered != now->answered) {
        if (now->result == GS_GPUNODE_DONE) {
            (void)snprintf(text, sizeof(text), "%u slices made, %u removed", was->adds,
                           was->removes);
            tell(board, GS_BOARD_RECUT_DONE, now->uuid, text, &now->note);
        } else if (now->result == GS_GPUNODE_FAILED || now->result == GS_GPUNODE_REFUSED) {
            tell(board, GS_BOARD_RECUT_FAILED, now->uuid, now->why, &now->note);
        }
    }
    if (now->asked != was->asked) {
        now->note = 0;
    }
    if (now->asked != 0 && now->asked != was->asked) {
        (void)snprintf(text, sizeof(text), "%u slices come, %u go", now->adds, now->removes);
        tell(board, GS_BOARD_RECUT_BEGINS, now->uuid, text, &now->note);
    }
}

static void compare_gpu(const struct gs_board *board, const struct gs_board_place *place,
                        const struct gs_board_gpu *was, struct gs_board_gpu *now)
{
    if (was->healthy != now->healthy) {
        tell(board, now->healthy ? GS_BOARD_GPU_WELL : GS_BOARD_GPU_SICK, now->uuid,
             now->healthy ? "" : now->why, NULL);
    }
    bool had = !was->mig && was->held;
    bool has = !now->mig && now->held;
    if (had != has) {
        tell(board, has ? GS_BOARD_GPU_HELD : GS_BOARD_GPU_LEFT, now->uuid, "", NULL);
    }
    compare_slices(board, place, was, now);
    compare_recut(board, was, now);
}

static const struct gs_board_gpu *same_gpu(const struct gs_board_gpu *list, unsigned n,
                                           const char *uuid)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(list[i].uuid, uuid) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

void gs_board_news_gpus(const struct gs_board *board, const struct gs_board_place *place,
                        const struct gs_board_gpus_were *were, struct gs_board_gpu *gpus)
{
    char text[TEXT_MAX];
    const struct gs_board_gpu *was = were->gpus;
    unsigned n_was = were->n;
    bool had = were->told;
    (void)snprintf(text, sizeof(text), "node %s", place->name);
    for (unsigned i = 0; had && i < n_was; i++) {
        if (same_gpu(gpus, place->n_gpus, was[i].uuid) == NULL) {
            tell(board, GS_BOARD_GPU_GONE, was[i].uuid, text, NULL);
        }
    }
    for (unsigned i = 0; i < place->n_gpus; i++) {
        struct gs_board_gpu *now = &gpus[i];
        const struct gs_board_gpu *before = had ? same_gpu(was, n_was, now->uuid) : NULL;
        if (before == NULL) {
            tell(board, GS_BOARD_GPU_COME, now->uuid, text, NULL);
        } else {
            compare_gpu(board, place, before, now);
        }
    }
}

/* ---- pods and nodes ---- */

static void put_asks(const struct gs_board_holder *holder, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "asks for ");
    const struct gs_board_asks *asks = holder->asks;
    for (unsigned i = 0; asks != NULL && i < asks->n && at < size; i++) {
        char name[GS_PROFILE_NAME_MAX + 1] = "GPU";
        if (!asks->wants[i].whole) {
            gs_profile_name_format(&asks->wants[i].profile, name);
        }
        int k = snprintf(text + at, size - at, "%s%u x %s", i == 0 ? "" : ", ",
                         asks->wants[i].count, name);
        at += k < 0 ? 0 : (size_t)k;
    }
}

void gs_board_news_pod(const struct gs_board *board, const struct gs_board_holder *holder,
                       bool was_told, bool was_bound)
{
    char subject[SUBJECT_MAX];
    char text[TEXT_MAX] = "";
    const char *node = holder->place == NULL ? "" : holder->place->name;
    bool bound = holder->told && holder->place != NULL && holder->bound;
    if (!gs_board_listens(board) || (!was_told && !holder->told)) {
        return;
    }
    (void)snprintf(subject, sizeof(subject), "pod %s", holder->key);
    if (!holder->told) {
        if (was_bound) {
            (void)snprintf(text, sizeof(text), "it was on node %s", node);
        }
        tell(board, GS_BOARD_POD_GONE, subject, text, NULL);
    } else if (bound && !was_bound) {
        (void)snprintf(text, sizeof(text), "to node %s", node);
        tell(board, GS_BOARD_POD_BOUND, subject, text, NULL);
    } else if (!was_told) {
        put_asks(holder, text, sizeof(text));
        tell(board, GS_BOARD_POD_WAITS, subject, text, NULL);
    }
}

void gs_board_news_node(const struct gs_board *board, struct gs_board_place *place, bool gone)
{
    char subject[SUBJECT_MAX];
    bool ours = place->told && (place->facts.shown || place->has_gpus);
    bool serves = !gone && place->facts.state == GS_BOARD_READY && !place->served;
    place->served |= serves;
    if (gs_board_listens(board) && ours && (serves || (gone && !place->served))) {
        (void)snprintf(subject, sizeof(subject), "node %s", place->name);
        tell(board, gone ? GS_BOARD_NODE_LOST : GS_BOARD_NODE_SERVES, subject, "", NULL);
    }
}
