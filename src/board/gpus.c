/* The GPUs of the board's nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "board/keep.h"
#include "core/catalog.h"
#include "core/layout.h"

void gs_board_gpus_free(struct gs_board_place *place)
{
    free(place->gpus);
    place->gpus = NULL;
    place->n_gpus = 0;
    place->has_gpus = false;
}

void gs_board_drop_gpus(struct gs_board *board, const char *name)
{
    struct gs_board_place *place = gs_map_find(&board->places, name);
    if (place != NULL) {
        struct gs_board_gpu was[GS_GPUNODE_GPUS_MAX];
        const struct gs_board_gpus_were were = {was, gs_board_gpus(place, was), place->has_gpus};
        place->n_gpus = 0;
        place->has_gpus = false;
        if (gs_board_listens(board)) {
            gs_board_news_gpus(board, place, &were, NULL);
        }
        gs_board_gpus_free(place);
        gs_board_touch(board, place);
    }
}

static enum gs_board_slice_state state_of(enum gs_gpunode_slice_state state)
{
    switch (state) {
    case GS_GPUNODE_FREE:
        return GS_BOARD_IDLE;
    case GS_GPUNODE_HELD:
        return GS_BOARD_HELD;
    case GS_GPUNODE_GRANTED:
        return GS_BOARD_GRANTED;
    case GS_GPUNODE_LEAVING:
        return GS_BOARD_GOING;
    case GS_GPUNODE_SICK:
        return GS_BOARD_SICK;
    }
    return GS_BOARD_HELD;
}

static int keep_slices(struct gs_board *board, struct gs_board_place *place,
                       const struct gs_gpunode_gpu *from, struct gs_board_gpu *to,
                       struct gs_err *err)
{
    for (unsigned i = 0; i < from->n_slices && i < GS_MEMORY_UNITS_MAX; i++) {
        const struct gs_gpunode_slice *slice = &from->slices[i];
        int profile = to->model == NULL ? -1 : gs_model_profile_index(to->model, &slice->profile);
        struct gs_board_slice *kept = &to->slices[to->n_slices++];
        *kept = (struct gs_board_slice){
            .profile = profile < 0 ? GS_MONEY_NO_PROFILE : (uint8_t)profile,
            .start = slice->start,
            .state = (uint8_t)state_of(slice->state),
        };
        if (slice->holder.name[0] != '\0' && gs_board_is_space(slice->holder.name_space)) {
            kept->holder =
                gs_board_holder_named(board, slice->holder.name_space, slice->holder.name);
            if (kept->holder == NULL) {
                return gs_board_no_memory(err);
            }
            kept->holder->named = place;
        }
    }
    return 0;
}

/* Never 0. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = gs_hash_on(GS_HASH_EMPTY, text);
    return hash == 0 ? 1 : hash;
}

static bool has_slice(const struct gs_board_gpu *gpu, unsigned profile, unsigned start)
{
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        if (gpu->slices[i].profile == profile && gpu->slices[i].start == start) {
            return true;
        }
    }
    return false;
}

/* Which wish was answered last, and how. */
static void keep_answer(const struct gs_gpunode_decision *decision, struct gs_board_gpu *to)
{
    if (decision->id[0] != '\0' && decision->result != GS_GPUNODE_NONE &&
        decision->result != GS_GPUNODE_RUNNING) {
        to->answered = hash_of(decision->id);
        to->result = (uint8_t)decision->result;
    }
}

/* A wish that is not answered: what it adds comes, what it leaves out goes. */
static void keep_wish(const struct gs_gpunode *gpus, const struct gs_gpunode_gpu *from,
                      struct gs_board_gpu *to)
{
    const struct gs_gpunode_wish *wish = NULL;
    struct gs_layout layout;
    for (unsigned i = 0; i < gpus->n_wishes; i++) {
        wish = strcmp(gpus->wishes[i].uuid, from->uuid) == 0 ? &gpus->wishes[i] : wish;
    }
    if (wish == NULL || to->model == NULL) {
        return;
    }
    bool ours = strcmp(from->decision.id, wish->id) == 0;
    bool runs = ours && from->decision.result == GS_GPUNODE_RUNNING;
    if ((ours && !runs && from->decision.result != GS_GPUNODE_NONE) ||
        gs_layout_parse(to->model, gs_view(wish->layout), &layout, NULL) != 0) {
        return;
    }
    to->recut = true;
    to->asked = hash_of(wish->id);
    to->recut_since_us = runs ? from->decision.at_us : 0;
    to->removes = to->n_slices;
    for (unsigned i = 0; i < layout.n_slices; i++) {
        const struct gs_placement *one = &layout.slices[i].placement;
        if (has_slice(to, one->profile, one->start)) {
            to->removes--;
        } else {
            to->adds++;
            to->slices[to->n_slices + to->n_coming++] = (struct gs_board_slice){
                .profile = one->profile, .start = one->start, .state = GS_BOARD_COMING};
        }
    }
}

/* Why it is not as it should be, as far as it was told. */
static const char *why_of(const struct gs_gpunode *gpus, const struct gs_gpunode_gpu *gpu)
{
    if (gpu->decision.result == GS_GPUNODE_FAILED || gpu->decision.result == GS_GPUNODE_REFUSED) {
        return gpu->decision.message;
    }
    for (unsigned i = 0; !gpu->healthy && i < gpus->n_conditions; i++) {
        if (strcmp(gpus->conditions[i].type, "Ready") == 0 && !gpus->conditions[i].is_true) {
            return gpus->conditions[i].message;
        }
    }
    return "";
}

static int keep_gpu(struct gs_board *board, const struct gs_gpunode *all,
                    const struct gs_gpunode_gpu *from, struct gs_board_place *place,
                    struct gs_board_gpu *to, struct gs_err *err)
{
    *to = (struct gs_board_gpu){.index = from->index,
                                .mig = from->mig,
                                .healthy = from->healthy,
                                .held = from->whole_held,
                                .uuid = from->uuid,
                                .why = why_of(all, from)};
    if (from->model[0] == '\0' || gs_catalog_find(gs_view(from->model), &to->model, NULL) != 0) {
        to->model = NULL;
    }
    if (to->model != NULL && gs_board_model(board, to->model) == GS_BOARD_NONE) {
        return gs_fail(err, GS_LIMIT, "GPUs of more than %d models", GS_MONEY_MODELS_MAX);
    }
    int r = keep_slices(board, place, from, to, err);
    if (r == 0) {
        keep_answer(&from->decision, to);
        keep_wish(all, from, to);
    }
    return r;
}

static int keep_gpus(struct gs_board *board, const struct gs_gpunode *from,
                     struct gs_board_place *place, struct gs_err *err)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    int r = 0;
    if (from->n_gpus > GS_GPUNODE_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "node %s: more than %d GPUs", from->name,
                       GS_GPUNODE_GPUS_MAX);
    }
    for (unsigned i = 0; r == 0 && i < from->n_gpus; i++) {
        r = keep_gpu(board, from, &from->gpus[i], place, &gpus[i], err);
    }
    if (r == 0 && !gs_board_pack(place, gpus, from->n_gpus)) {
        r = gs_board_no_memory(err);
    }
    return r;
}

/* What is new of them is told, and what the listener has noted is kept. */
static int tell_news(struct gs_board *board, struct gs_board_place *place,
                     const struct gs_board_gpus_were *were, struct gs_err *err)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    unsigned n = gs_board_gpus(place, gpus);
    bool noted = false;
    gs_board_news_gpus(board, place, were, gpus);
    for (unsigned k = 0; k < n; k++) {
        noted |= gpus[k].note != 0;
    }
    return !noted || gs_board_pack(place, gpus, n) ? 0 : gs_board_no_memory(err);
}

/* The GPUs take the place of those that were there. */
static int replace(struct gs_board *board, const struct gs_gpunode *gpus,
                   struct gs_board_place *place, struct gs_err *err)
{
    struct gs_board_gpu was[GS_GPUNODE_GPUS_MAX];
    unsigned char *was_bytes = place->gpus; /* the texts of `was` */
    const struct gs_board_gpus_were were = {was, gs_board_gpus(place, was), place->has_gpus};
    place->gpus = NULL;
    gs_board_gpus_free(place);
    int r = keep_gpus(board, gpus, place, err);
    if (r == 0) {
        place->has_gpus = true;
        r = gs_board_listens(board) ? tell_news(board, place, &were, err) : 0;
    }
    free(was_bytes);
    return r;
}

int gs_board_put_gpus(struct gs_board *board, const struct gs_gpunode *gpus, struct gs_err *err)
{
    struct gs_board_place *place = gs_board_place_named(board, gpus->name);
    if (place == NULL) {
        return gs_board_no_memory(err);
    }
    place->gpus_seen = true;
    gs_board_touch(board, place);
    return replace(board, gpus, place, err);
}

static enum gs_money_use use_of(uint8_t state)
{
    switch ((enum gs_board_slice_state)state) {
    case GS_BOARD_IDLE:
    case GS_BOARD_PROMISED:
    case GS_BOARD_GOING:
    case GS_BOARD_COMING:
        return GS_MONEY_FREE;
    case GS_BOARD_HELD:
    case GS_BOARD_GRANTED:
        return GS_MONEY_HELD;
    case GS_BOARD_SICK:
        return GS_MONEY_SICK;
    }
    return GS_MONEY_HELD;
}

struct gs_money_gpu gs_board_money_gpu(const struct gs_board_gpu *gpu,
                                       struct gs_money_slice slices[GS_MEMORY_UNITS_MAX])
{
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_board_slice *slice = &gpu->slices[i];
        bool held = slice->state == GS_BOARD_SICK && slice->holder != NULL;
        slices[i] = (struct gs_money_slice){slice->profile, slice->start,
                                            held ? GS_MONEY_HELD : use_of(slice->state)};
    }
    return (struct gs_money_gpu){.model = gpu->model,
                                 .mig = gpu->mig,
                                 .sick = !gpu->healthy,
                                 .held = gpu->held,
                                 .slices = slices,
                                 .n_slices = gpu->n_slices};
}
