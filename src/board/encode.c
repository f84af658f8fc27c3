/* Nodes as JSON, written when they have changed. */
#include <stdlib.h>
#include <string.h>

#include "board/keep.h"
#include "wire/jsonwrite.h"

#define NODE_BYTES_MAX ((size_t)256 << 10)
enum { RENUMBER_MIN = 8192 };

static const char *const states[] = {[GS_BOARD_READY] = "ready",
                                     [GS_BOARD_STARTING] = "starting",
                                     [GS_BOARD_SILENT] = "silent",
                                     [GS_BOARD_ENDING] = "ending",
                                     [GS_BOARD_BROKEN] = "broken"};

static bool is_silent(const struct gs_board_place *place)
{
    return place->facts.state == GS_BOARD_READY && !place->has_gpus;
}

const char *gs_board_state_word(const struct gs_board_place *place)
{
    return states[is_silent(place) ? GS_BOARD_SILENT : place->facts.state];
}

const char *gs_board_state_why(const struct gs_board_place *place)
{
    return is_silent(place) ? "no agent of ours tells what its GPUs are cut into"
                            : place->facts.why;
}

/* A text, or null where it is empty. */
static void put_known(struct gs_jsonwrite *json, const char *key, const char *text)
{
    if (text[0] == '\0') {
        gs_jsonwrite_null(json, key);
    } else {
        gs_jsonwrite_text(json, key, text);
    }
}

/* ---- promises ---- */

/* Idle slices that pods are expected to get: of each profile as many as they ask for, from the
 * first on. The kubelet may choose others of the same profile. */
static void promise(struct gs_board_place *place)
{
    for (unsigned k = 0; k < place->n_gpus; k++) {
        for (unsigned i = 0; i < place->gpus[k].n_slices; i++) {
            struct gs_board_slice *slice = &place->gpus[k].slices[i];
            if (slice->state == GS_BOARD_PROMISED) {
                slice->state = GS_BOARD_IDLE;
                slice->holder = NULL;
            }
        }
    }
    for (struct gs_board_holder *pod = place->pods; pod != NULL; pod = pod->next) {
        for (unsigned w = 0; !pod->bound && w < pod->n_wants; w++) {
            unsigned left = pod->wants[w].whole ? 0 : pod->wants[w].count;
            for (unsigned k = 0; k < place->n_gpus && left > 0; k++) {
                struct gs_board_gpu *gpu = &place->gpus[k];
                int profile = gpu->model == NULL
                                  ? -1
                                  : gs_model_profile_index(gpu->model, &pod->wants[w].profile);
                for (unsigned i = 0; profile >= 0 && i < gpu->n_slices && left > 0; i++) {
                    struct gs_board_slice *slice = &gpu->slices[i];
                    if (slice->profile == profile && slice->state == GS_BOARD_IDLE) {
                        slice->state = GS_BOARD_PROMISED;
                        slice->holder = pod;
                        left--;
                    }
                }
            }
        }
    }
}

/* Beside the slices as they are: an idle one stays until it is cut anew. Without memory it is not
 * shown. */
static bool find_stranded(struct gs_board *board, struct gs_board_place *place)
{
    int r = 0;
    for (unsigned k = 0; r != GS_NO_MEMORY && k < place->n_gpus; k++) {
        struct gs_board_gpu *gpu = &place->gpus[k];
        struct gs_money_slice slices[GS_MEMORY_UNITS_MAX];
        const struct gs_money_gpu asked = gs_board_money_gpu(gpu, slices);
        gpu->stranded = 0;
        for (unsigned i = 0; i < gpu->n_slices; i++) {
            bool goes = gpu->slices[i].state == GS_BOARD_GOING;
            slices[i].use = goes ? slices[i].use : GS_MONEY_HELD;
        }
        r = gs_money_stranded_units(board->money, &asked, &gpu->stranded, NULL);
    }
    return r != GS_NO_MEMORY;
}

/* ---- the text ---- */

static bool put_holder(struct gs_board *board, struct gs_jsonwrite *json, const char *key,
                       struct gs_board_holder *holder)
{
    if (holder == NULL) {
        gs_jsonwrite_null(json, key);
        return true;
    }
    uint32_t number = gs_board_number(board, holder);
    gs_jsonwrite_number(json, key, number);
    return number != GS_BOARD_NONE;
}

static bool put_slices(struct gs_board *board, struct gs_jsonwrite *json,
                       const struct gs_board_gpu *gpu)
{
    bool ok = true;
    gs_jsonwrite_open(json, "slices", '[');
    for (unsigned i = 0; i < gpu->n_slices + gpu->n_coming; i++) {
        const struct gs_board_slice *slice = &gpu->slices[i];
        gs_jsonwrite_open(json, NULL, '[');
        if (slice->profile == GS_MONEY_NO_PROFILE) {
            gs_jsonwrite_null(json, NULL);
        } else {
            gs_jsonwrite_number(json, NULL, slice->profile);
        }
        gs_jsonwrite_number(json, NULL, slice->start);
        gs_jsonwrite_number(json, NULL, slice->state);
        ok = put_holder(board, json, NULL, slice->holder) && ok;
        gs_jsonwrite_close(json, ']');
    }
    gs_jsonwrite_close(json, ']');
    return ok;
}

struct gs_board_holder *gs_board_whole_holder(const struct gs_board_place *place)
{
    struct gs_board_holder *found = NULL;
    unsigned n = 0;
    for (struct gs_board_holder *pod = place->pods; pod != NULL; pod = pod->next) {
        for (unsigned w = 0; pod->bound && w < pod->n_wants; w++) {
            if (pod->wants[w].whole) {
                found = pod;
                n++;
            }
        }
    }
    return n == 1 ? found : NULL;
}

static void put_model(struct gs_board *board, struct gs_jsonwrite *json,
                      const struct gs_model *model)
{
    if (model == NULL) {
        gs_jsonwrite_null(json, "model");
    } else {
        gs_jsonwrite_number(json, "model", gs_board_model(board, model));
    }
}

static bool put_gpu(struct gs_board *board, struct gs_jsonwrite *json,
                    const struct gs_board_place *place, const struct gs_board_gpu *gpu)
{
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "uuid", gpu->uuid);
    gs_jsonwrite_number(json, "index", gpu->index);
    put_model(board, json, gpu->model);
    gs_jsonwrite_bool(json, "mig", gpu->mig);
    gs_jsonwrite_bool(json, "healthy", gpu->healthy);
    put_known(json, "why", gpu->why);
    if (gpu->recut) {
        gs_jsonwrite_open(json, "recut", '{');
        if (gpu->recut_since_us == 0) {
            gs_jsonwrite_null(json, "since");
        } else {
            gs_jsonwrite_time(json, "since", gpu->recut_since_us);
        }
        gs_jsonwrite_number(json, "adds", gpu->adds);
        gs_jsonwrite_number(json, "removes", gpu->removes);
        gs_jsonwrite_close(json, '}');
    } else {
        gs_jsonwrite_null(json, "recut");
    }
    gs_jsonwrite_number(json, "stranded", gpu->stranded);
    bool ok = put_slices(board, json, gpu);
    bool whole = !gpu->mig && gpu->held;
    gs_jsonwrite_bool(json, "held", whole);
    ok = put_holder(board, json, "holder", whole ? gs_board_whole_holder(place) : NULL) && ok;
    gs_jsonwrite_close(json, '}');
    return ok;
}

static bool put_place(struct gs_board *board, const struct gs_board_place *place,
                      struct gs_buf *out)
{
    struct gs_jsonwrite json = {.out = out};
    const struct gs_board_node *facts = &place->facts;
    bool ok = true;
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "name", place->name);
    put_known(&json, "pool", facts->pool);
    put_known(&json, "instance_type", facts->instance_type);
    put_known(&json, "zone", facts->zone);
    put_known(&json, "capacity_type", facts->capacity_type);
    if (place->uusd_h == GS_MONEY_NOT_KNOWN) {
        gs_jsonwrite_null(&json, "uusd_h");
    } else {
        gs_jsonwrite_number(&json, "uusd_h", place->uusd_h);
    }
    gs_jsonwrite_text(&json, "state", gs_board_state_word(place));
    put_known(&json, "why", gs_board_state_why(place));
    put_model(board, &json, place->n_gpus == 0 ? NULL : place->gpus[0].model);
    gs_jsonwrite_open(&json, "gpus", '[');
    for (unsigned k = 0; k < place->n_gpus; k++) {
        ok = put_gpu(board, &json, place, &place->gpus[k]) && ok;
    }
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, place->name, NULL) == 0 && ok;
}

/* ---- what has changed ---- */

static void remember_gone(struct gs_board *board, const struct gs_board_place *place,
                          uint64_t revision)
{
    char *name = strdup(place->name);
    if (name == NULL || board->n_gone == GS_BOARD_GONE_MAX) {
        for (size_t i = 0; i < board->n_gone; i++) {
            free(board->gone[i].name);
        }
        board->n_gone = 0;
        board->gone_floor = revision;
    }
    if (name != NULL) {
        board->gone[board->n_gone++] = (struct gs_board_gone){name, revision};
    }
}

enum outcome { SAME, CHANGED, FAILED };

static enum outcome encode(struct gs_board *board, struct gs_board_place *place,
                           struct gs_buf *scratch)
{
    bool shown = place->has_gpus || (place->told && place->facts.shown);
    bool was = place->shown;
    char *text = NULL;
    gs_buf_reset(scratch);
    if (shown && !board->options.untold) {
        promise(place);
        if (!find_stranded(board, place) || !put_place(board, place, scratch) ||
            (text = strdup(gs_buf_text(scratch))) == NULL) {
            return FAILED;
        }
    }
    bool same = was == shown && (!shown || text == NULL || strcmp(place->text, text) == 0);
    free(place->text);
    place->text = text;
    place->n_text = scratch->len;
    place->shown = shown;
    return same ? SAME : CHANGED;
}

bool gs_board_refresh(struct gs_board *board, uint64_t now_us, bool *ret_failed)
{
    struct gs_buf scratch;
    uint64_t revision = board->revision + 1;
    uint64_t epoch = board->epoch;
    bool failed = false;
    gs_board_renumber(board);
    bool changed = board->facts_changed || board->epoch != epoch;
    struct gs_board_place *place = board->dirty;
    board->dirty = NULL;
    board->facts_changed = false;
    gs_buf_init(&scratch, NODE_BYTES_MAX);
    while (place != NULL) {
        struct gs_board_place *next = place->next_dirty;
        place->dirty = false;
        enum outcome outcome = encode(board, place, &scratch);
        if (outcome == CHANGED) {
            place->revision = revision;
            changed = true;
            if (!place->shown) {
                remember_gone(board, place, revision);
            }
        } else if (outcome == FAILED) {
            gs_board_touch(board, place);
            failed = true;
        }
        place = next;
    }
    gs_buf_done(&scratch);
    if (board->renumber_at == 0) {
        board->renumber_at =
            gs_board_crowd(board) < RENUMBER_MIN ? 2 * RENUMBER_MIN : 2 * gs_board_crowd(board);
    }
    board->at_us = now_us;
    board->revision = changed ? revision : board->revision;
    if (ret_failed != NULL) {
        *ret_failed = failed;
    }
    return changed;
}
