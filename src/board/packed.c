/* The GPUs of a node in as few bytes as there is to say about them.
 *
 * There may be a hundred thousand, of which a handful change a second: they are taken apart to be
 * looked at, and put together again when they have changed. */
#include <stdlib.h>
#include <string.h>

#include "board/keep.h"

/* Of each GPU; behind it `struct recut` where it has one, then UUID, reason and slices. */
struct head {
    uint32_t index;
    uint16_t stranded;
    uint8_t model; /* NO_MODEL */
    uint8_t n_slices;
    uint8_t n_coming;
    bool mig : 1;
    bool healthy : 1;
    bool held : 1;
    bool recut : 1;
    bool has_recut : 1; /* something is known of one */
};

struct recut {
    uint64_t since_us;
    uint64_t note;
    uint32_t asked;
    uint32_t answered;
    uint16_t adds;
    uint16_t removes;
    uint8_t result;
};

enum { NO_MODEL = UINT8_MAX, HAS_HOLDER = 0x80 };
_Static_assert(GS_MONEY_MODELS_MAX < UINT8_MAX, "a model's number is one byte");

/* ---- together ---- */

/* With room it writes; without it only counts. */
struct writer {
    unsigned char *at;
    size_t n;
};

static void put(struct writer *writer, const void *bytes, size_t n)
{
    if (writer->at != NULL) {
        memcpy(writer->at + writer->n, bytes, n);
    }
    writer->n += n;
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, gs_board_text_length(text));
    put(writer, "", 1);
}

static void put_slice(struct writer *writer, const struct gs_board_slice *slice)
{
    bool held = slice->holder != NULL;
    const uint8_t bytes[] = {slice->profile, slice->start,
                             (uint8_t)(slice->state | (held ? HAS_HOLDER : 0))};
    put(writer, bytes, sizeof(bytes));
    if (held) {
        put(writer, &slice->holder->id, sizeof(slice->holder->id));
    }
}

static bool has_recut(const struct gs_board_gpu *gpu)
{
    return gpu->recut || gpu->recut_since_us != 0 || gpu->note != 0 || gpu->asked != 0 ||
           gpu->answered != 0 || gpu->result != 0 || gpu->adds != 0 || gpu->removes != 0;
}

static void put_gpu(const struct gs_board *board, struct writer *writer,
                    const struct gs_board_gpu *gpu)
{
    struct head head;
    memset(&head, 0, sizeof(head)); /* what has not changed is the same bytes */
    head.index = gpu->index;
    head.stranded = gpu->stranded;
    head.model = NO_MODEL;
    for (uint32_t i = 0; gpu->model != NULL && i < board->n_models; i++) {
        head.model = board->models[i] == gpu->model ? (uint8_t)i : head.model;
    }
    head.n_slices = gpu->n_slices;
    head.n_coming = gpu->n_coming;
    head.mig = gpu->mig;
    head.healthy = gpu->healthy;
    head.held = gpu->held;
    head.recut = gpu->recut;
    head.has_recut = has_recut(gpu);
    put(writer, &head, sizeof(head));
    if (head.has_recut) {
        struct recut recut;
        memset(&recut, 0, sizeof(recut));
        recut.since_us = gpu->recut_since_us;
        recut.note = gpu->note;
        recut.asked = gpu->asked;
        recut.answered = gpu->answered;
        recut.adds = gpu->adds;
        recut.removes = gpu->removes;
        recut.result = gpu->result;
        put(writer, &recut, sizeof(recut));
    }
    put_text(writer, gpu->uuid);
    put_text(writer, gpu->why);
    for (unsigned i = 0; i < gpu->n_slices + gpu->n_coming; i++) {
        put_slice(writer, &gpu->slices[i]);
    }
}

bool gs_board_pack(struct gs_board_place *place, const struct gs_board_gpu *gpus, unsigned n)
{
    struct writer writer = {.at = NULL};
    for (unsigned k = 0; k < n; k++) {
        put_gpu(place->board, &writer, &gpus[k]);
    }
    unsigned char *bytes = malloc(writer.n + 1);
    if (bytes == NULL) {
        return false;
    }
    writer = (struct writer){.at = bytes};
    for (unsigned k = 0; k < n; k++) {
        put_gpu(place->board, &writer, &gpus[k]);
    }
    free(place->gpus); /* its texts are copied */
    place->gpus = bytes;
    place->n_gpus = n;
    return true;
}

/* ---- apart ---- */

static void get(const unsigned char **at, void *ret, size_t n)
{
    memcpy(ret, *at, n);
    *at += n;
}

static const char *get_text(const unsigned char **at)
{
    const char *text = (const char *)*at;
    *at += strlen(text) + 1;
    return text;
}

static void get_slice(const struct gs_board *board, const unsigned char **at,
                      struct gs_board_slice *ret)
{
    uint8_t bytes[3];
    uint32_t id = 0;
    get(at, bytes, sizeof(bytes));
    *ret = (struct gs_board_slice){
        .profile = bytes[0], .start = bytes[1], .state = (uint8_t)(bytes[2] & ~HAS_HOLDER)};
    if ((bytes[2] & HAS_HOLDER) != 0) {
        get(at, &id, sizeof(id));
        ret->holder = board->crowd.at[id];
    }
}

static void get_gpu(const struct gs_board *board, const unsigned char **at,
                    struct gs_board_gpu *ret)
{
    struct head head;
    struct recut recut = {.since_us = 0};
    get(at, &head, sizeof(head));
    if (head.has_recut) {
        get(at, &recut, sizeof(recut));
    }
    ret->index = head.index;
    ret->model = head.model == NO_MODEL ? NULL : board->models[head.model];
    ret->mig = head.mig;
    ret->healthy = head.healthy;
    ret->held = head.held;
    ret->recut = head.recut;
    ret->recut_since_us = recut.since_us;
    ret->note = recut.note;
    ret->asked = recut.asked;
    ret->answered = recut.answered;
    ret->result = recut.result;
    ret->stranded = head.stranded;
    ret->adds = recut.adds;
    ret->removes = recut.removes;
    ret->n_slices = head.n_slices;
    ret->n_coming = head.n_coming;
    ret->uuid = get_text(at);
    ret->why = get_text(at);
    for (unsigned i = 0; i < ret->n_slices + ret->n_coming; i++) {
        get_slice(board, at, &ret->slices[i]);
    }
}

unsigned gs_board_gpus(const struct gs_board_place *place,
                       struct gs_board_gpu ret[GS_GPUNODE_GPUS_MAX])
{
    const unsigned char *at = place->gpus;
    for (unsigned k = 0; k < place->n_gpus; k++) {
        get_gpu(place->board, &at, &ret[k]);
    }
    return place->n_gpus;
}

bool gs_board_gpu_at(const struct gs_board_place *place, unsigned i, struct gs_board_gpu *ret)
{
    const unsigned char *at = place->gpus;
    for (unsigned k = 0; i < place->n_gpus && k <= i; k++) {
        get_gpu(place->board, &at, ret);
    }
    return i < place->n_gpus;
}
