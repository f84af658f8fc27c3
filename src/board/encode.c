/* Nodes as JSON, and which have changed.
 *
 * Their texts are not kept: at 80,000 GPUs these were half of all memory. A hash tells whether one
 * has changed, and it is written again when somebody asks. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "board/keep.h"
#include "wire/jsonwrite.h"

#define NODE_BYTES_MAX ((size_t)256 << 10)
enum {
    RENUMBER_MIN = 8192,
    SLICE_TEXT_MAX = 24 /* "[15,15,6,1048576]," */
};

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
static void take_back(struct gs_board_gpu *gpus, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        for (unsigned i = 0; i < gpus[k].n_slices; i++) {
            struct gs_board_slice *slice = &gpus[k].slices[i];
            if (slice->state == GS_BOARD_PROMISED) {
                slice->state = GS_BOARD_IDLE;
                slice->holder = NULL;
            }
        }
    }
}

static void promise_to(struct gs_board_holder *pod, const struct gs_board_want *want,
                       struct gs_board_gpu *gpus, unsigned n)
{
    unsigned left = want->whole ? 0 : want->count;
    for (unsigned k = 0; k < n && left > 0; k++) {
        struct gs_board_gpu *gpu = &gpus[k];
        int profile = gpu->model == NULL ? -1 : gs_model_profile_index(gpu->model, &want->profile);
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

static void promise(const struct gs_board_place *place, struct gs_board_gpu *gpus, unsigned n)
{
    take_back(gpus, n);
    for (struct gs_board_holder *pod = place->pods; pod != NULL; pod = pod->next) {
        const struct gs_board_asks *asks = pod->bound ? NULL : pod->asks;
        for (unsigned w = 0; asks != NULL && w < asks->n; w++) {
            promise_to(pod, &asks->wants[w], gpus, n);
        }
    }
}

/* Beside the slices as they are: an idle one stays until it is cut anew. Without memory it is not
 * shown. */
static bool find_stranded(struct gs_board *board, struct gs_board_gpu *gpus, unsigned n)
{
    int r = 0;
    for (unsigned k = 0; r != GS_NO_MEMORY && k < n; k++) {
        struct gs_board_gpu *gpu = &gpus[k];
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

/* Who is named in the documents has a number. */
static bool number_all(struct gs_board *board, const struct gs_board_place *place,
                       const struct gs_board_gpu *gpus, unsigned n)
{
    struct gs_board_holder *whole = gs_board_whole_holder(place);
    bool ok = whole == NULL || gs_board_number(board, whole) != GS_BOARD_NONE;
    for (unsigned k = 0; ok && k < n; k++) {
        for (unsigned i = 0; ok && i < gpus[k].n_slices; i++) {
            struct gs_board_holder *holder = gpus[k].slices[i].holder;
            ok = holder == NULL || gs_board_number(board, holder) != GS_BOARD_NONE;
        }
    }
    return ok;
}

/* ---- the text ---- */

static char *put_digits(char *at, uint32_t number)
{
    char digits[12];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

static char *put_plain(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

/* One whose number is taken away has another one as soon as the node is written anew. */
static bool has_number(const struct gs_board_holder *holder)
{
    return holder != NULL && holder->number != GS_BOARD_NONE;
}

static char *put_slice(char *at, const struct gs_board_slice *slice)
{
    *at++ = '[';
    at = slice->profile == GS_MONEY_NO_PROFILE ? put_plain(at, "null")
                                               : put_digits(at, slice->profile);
    *at++ = ',';
    at = put_digits(at, slice->start);
    *at++ = ',';
    at = put_digits(at, slice->state);
    *at++ = ',';
    at = has_number(slice->holder) ? put_digits(at, slice->holder->number) : put_plain(at, "null");
    *at++ = ']';
    *at++ = ',';
    return at;
}

/* Of these there are hundreds of thousands. */
static void put_slices(struct gs_jsonwrite *json, const struct gs_board_gpu *gpu)
{
    char text[2 * GS_MEMORY_UNITS_MAX * SLICE_TEXT_MAX + 2] = "[";
    char *at = text + 1;
    for (unsigned i = 0; i < gpu->n_slices + gpu->n_coming; i++) {
        at = put_slice(at, &gpu->slices[i]);
    }
    at = at > text + 1 ? at - 1 : at; /* the last comma */
    *at++ = ']';
    gs_jsonwrite_raw(json, "slices", text, (size_t)(at - text));
}

struct gs_board_holder *gs_board_whole_holder(const struct gs_board_place *place)
{
    struct gs_board_holder *found = NULL;
    unsigned n = 0;
    for (struct gs_board_holder *pod = place->pods; pod != NULL; pod = pod->next) {
        const struct gs_board_asks *asks = pod->bound ? pod->asks : NULL;
        for (unsigned w = 0; asks != NULL && w < asks->n; w++) {
            if (asks->wants[w].whole) {
                found = pod;
                n++;
            }
        }
    }
    return n == 1 ? found : NULL;
}

static void put_model(const struct gs_board *board, struct gs_jsonwrite *json,
                      const struct gs_model *model)
{
    uint32_t i = 0;
    while (model != NULL && i < board->n_models && board->models[i] != model) {
        i++;
    }
    if (model == NULL || i == board->n_models) {
        gs_jsonwrite_null(json, "model");
    } else {
        gs_jsonwrite_number(json, "model", i);
    }
}

static void put_recut(struct gs_jsonwrite *json, const struct gs_board_gpu *gpu)
{
    if (!gpu->recut) {
        gs_jsonwrite_null(json, "recut");
        return;
    }
    gs_jsonwrite_open(json, "recut", '{');
    if (gpu->recut_since_us == 0) {
        gs_jsonwrite_null(json, "since");
    } else {
        gs_jsonwrite_time(json, "since", gpu->recut_since_us);
    }
    gs_jsonwrite_number(json, "adds", gpu->adds);
    gs_jsonwrite_number(json, "removes", gpu->removes);
    gs_jsonwrite_close(json, '}');
}

static void put_gpu(const struct gs_board *board, struct gs_jsonwrite *json,
                    const struct gs_board_gpu *gpu, const struct gs_board_holder *whole_holder)
{
    bool whole = !gpu->mig && gpu->held;
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "uuid", gpu->uuid);
    gs_jsonwrite_number(json, "index", gpu->index);
    put_model(board, json, gpu->model);
    gs_jsonwrite_bool(json, "mig", gpu->mig);
    gs_jsonwrite_bool(json, "healthy", gpu->healthy);
    put_known(json, "why", gpu->why);
    put_recut(json, gpu);
    gs_jsonwrite_number(json, "stranded", gpu->stranded);
    put_slices(json, gpu);
    gs_jsonwrite_bool(json, "held", whole);
    if (whole && has_number(whole_holder)) {
        gs_jsonwrite_number(json, "holder", whole_holder->number);
    } else {
        gs_jsonwrite_null(json, "holder");
    }
    gs_jsonwrite_close(json, '}');
}

void gs_board_put_place(const struct gs_board_place *place, const struct gs_board_gpu *gpus,
                        unsigned n, struct gs_jsonwrite *json)
{
    const struct gs_board *board = place->board;
    const struct gs_board_node *facts = &place->facts;
    const struct gs_board_holder *whole = gs_board_whole_holder(place);
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "name", place->name);
    put_known(json, "pool", facts->pool);
    put_known(json, "instance_type", facts->instance_type);
    put_known(json, "zone", facts->zone);
    put_known(json, "capacity_type", facts->capacity_type);
    if (place->uusd_h == GS_MONEY_NOT_KNOWN) {
        gs_jsonwrite_null(json, "uusd_h");
    } else {
        gs_jsonwrite_number(json, "uusd_h", place->uusd_h);
    }
    gs_jsonwrite_text(json, "state", gs_board_state_word(place));
    put_known(json, "why", gs_board_state_why(place));
    put_model(board, json, n == 0 ? NULL : gpus[0].model);
    gs_jsonwrite_open(json, "gpus", '[');
    for (unsigned k = 0; k < n; k++) {
        put_gpu(board, json, &gpus[k], whole);
    }
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
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

static uint64_t hash_of(const char *text, size_t n)
{
    uint64_t hash = GS_HASH64_EMPTY ^ n;
    for (; n >= sizeof(hash); n -= sizeof(hash), text += sizeof(hash)) {
        uint64_t some;
        memcpy(&some, text, sizeof(some));
        hash = (hash ^ some) * GS_HASH64_PRIME;
        hash ^= hash >> 29;
    }
    return gs_hash64_fold(gs_hash64_bytes_on(hash, text, n));
}

/* A node as it is to be shown. *ret_looks: a hash of that. GS_NO_MEMORY; what cannot be written at
 * all is not shown. */
static int look_at(struct gs_board *board, struct gs_board_place *place, struct gs_buf *scratch,
                   uint64_t *ret_looks)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    unsigned n = gs_board_gpus(place, gpus);
    struct gs_jsonwrite json = {.out = scratch};
    promise(place, gpus, n);
    if (!find_stranded(board, gpus, n) || !number_all(board, place, gpus, n)) {
        return GS_NO_MEMORY;
    }
    gs_board_put_place(place, gpus, n, &json);
    int r = gs_jsonwrite_end(&json, place->name, NULL);
    *ret_looks = hash_of(gs_buf_text(scratch), scratch->len);
    return r == 0 && !gs_board_pack(place, gpus, n) ? GS_NO_MEMORY : r;
}

static enum outcome encode(struct gs_board *board, struct gs_board_place *place,
                           struct gs_buf *scratch)
{
    bool shown = place->has_gpus || (place->told && place->facts.shown);
    uint64_t looks = 0;
    gs_buf_reset(scratch);
    if (shown && !board->options.untold) {
        int r = look_at(board, place, scratch, &looks);
        if (r == GS_NO_MEMORY) {
            return FAILED;
        }
        shown = r == 0;
    }
    bool same = place->shown == shown && (!shown || place->looks == looks);
    place->looks = looks;
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
        board->renumber_at = gs_board_crowd_size(board) < RENUMBER_MIN
                                 ? 2 * RENUMBER_MIN
                                 : 2 * gs_board_crowd_size(board);
    }
    board->at_us = now_us;
    board->revision = changed ? revision : board->revision;
    if (ret_failed != NULL) {
        *ret_failed = failed;
    }
    return changed;
}
