/* The pods of the board: who asks for slices and GPUs, and who has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/keep.h"

enum { KEY_MAX = 2 * 254, RENUMBER_MIN = 8192 };

struct gs_board_holder *gs_board_holder_named(struct gs_board *board, const char *name_space,
                                              const char *name)
{
    char key[KEY_MAX];
    if (snprintf(key, sizeof(key), "%s/%s", name_space, name) >= KEY_MAX) {
        return NULL;
    }
    struct gs_board_holder *holder = gs_board_crowd_find(&board->crowd, key);
    if (holder != NULL) {
        return holder;
    }
    uint32_t number = gs_board_number_of(&board->namespaces, name_space, GS_BOARD_NONE);
    holder = number == GS_BOARD_NONE ? NULL : gs_board_crowd_add(&board->crowd, key);
    if (holder != NULL) {
        holder->name_space = number;
        holder->workload = GS_BOARD_NONE;
        holder->number = GS_BOARD_NONE;
    }
    return holder;
}

static void leave_place(struct gs_board *board, struct gs_board_holder *holder)
{
    if (holder->place == NULL) {
        return;
    }
    struct gs_board_holder **at = &holder->place->pods;
    while (*at != holder) {
        at = &(*at)->next;
    }
    *at = holder->next;
    gs_board_touch(board, holder->place);
    holder->place = NULL;
}

static void join_place(struct gs_board *board, struct gs_board_holder *holder,
                       struct gs_board_place *place, bool bound)
{
    if (place == NULL) {
        return;
    }
    struct gs_board_holder **at = &place->pods; /* in the order of names */
    while (*at != NULL && strcmp((*at)->key, holder->key) < 0) {
        at = &(*at)->next;
    }
    holder->next = *at;
    *at = holder;
    holder->place = place;
    holder->bound = bound;
    gs_board_touch(board, place);
}

/* Who has been told of a workload is not told of another one: the pod gets a new number. */
static void set_workload(struct gs_board *board, struct gs_board_holder *holder, uint32_t workload)
{
    if (holder->workload != workload && holder->number != GS_BOARD_NONE) {
        board->numbered[holder->number] = NULL;
        holder->number = GS_BOARD_NONE;
        gs_board_touch(board, holder->named);
    }
    holder->workload = workload;
}

bool gs_board_is_space(const char *name_space)
{
    return name_space[0] != '(';
}

int gs_board_put_pod(struct gs_board *board, const struct gs_board_pod *pod, struct gs_err *err)
{
    char text[KEY_MAX];
    if (!gs_board_is_space(pod->name_space)) {
        return gs_fail(err, GS_INVALID, "a pod of namespace \"%.63s\"; expected the name of one",
                       pod->name_space);
    }
    struct gs_board_holder *holder = gs_board_holder_named(board, pod->name_space, pod->name);
    const char *where = pod->node[0] != '\0' ? pod->node : pod->nominated;
    struct gs_board_place *place = NULL;
    uint32_t workload = GS_BOARD_NONE;
    if (holder == NULL) {
        return gs_board_no_memory(err);
    }
    if (pod->workload[0] != '\0') {
        (void)snprintf(text, sizeof(text), "%s/%s", pod->name_space, pod->workload);
        workload = gs_board_number_of(&board->workloads, text, holder->name_space);
        if (workload == GS_BOARD_NONE) {
            return gs_board_no_memory(err);
        }
    }
    if (where[0] != '\0' && (place = gs_board_place_named(board, where)) == NULL) {
        return gs_board_no_memory(err);
    }
    struct gs_board_asks *asks = gs_board_asks_take(board, pod->wants, pod->n_wants);
    if (asks == NULL) {
        return gs_board_no_memory(err);
    }
    gs_board_asks_drop(board, holder->asks);
    holder->asks = asks;
    bool was_told = holder->told;
    bool was_bound = was_told && holder->place != NULL && holder->bound;
    set_workload(board, holder, workload);
    holder->told = true;
    holder->seen = true;
    leave_place(board, holder);
    join_place(board, holder, place, pod->node[0] != '\0');
    gs_board_news_pod(board, holder, was_told, was_bound);
    return 0;
}

void gs_board_drop_holder(struct gs_board *board, struct gs_board_holder *holder)
{
    bool was_told = holder->told;
    bool was_bound = was_told && holder->place != NULL && holder->bound;
    holder->told = false;
    gs_board_news_pod(board, holder, was_told, was_bound);
    leave_place(board, holder);
}

void gs_board_drop_pod(struct gs_board *board, const char *name_space, const char *name)
{
    char key[KEY_MAX];
    if (snprintf(key, sizeof(key), "%s/%s", name_space, name) < KEY_MAX) {
        struct gs_board_holder *holder = gs_board_crowd_find(&board->crowd, key);
        if (holder != NULL) {
            gs_board_drop_holder(board, holder);
        }
    }
}

uint32_t gs_board_number(struct gs_board *board, struct gs_board_holder *holder)
{
    if (holder->number != GS_BOARD_NONE) {
        return holder->number;
    }
    if (board->n_numbered == board->cap_numbered) {
        uint32_t cap = board->cap_numbered == 0 ? 256 : board->cap_numbered * 2;
        struct gs_board_holder **grown = realloc(board->numbered, cap * sizeof(*grown));
        if (grown == NULL) {
            return GS_BOARD_NONE;
        }
        board->numbered = grown;
        board->cap_numbered = cap;
    }
    holder->number = board->n_numbered;
    board->numbered[board->n_numbered++] = holder;
    return holder->number;
}

/* ---- numbers anew ---- */

/* Those that a slice names stay. */
static void mark_named(struct gs_board *board)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    size_t at = 0;
    for (struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        unsigned n = gs_board_gpus(place, gpus);
        for (unsigned k = 0; k < n; k++) {
            for (unsigned i = 0; i < gpus[k].n_slices; i++) {
                if (gpus[k].slices[i].holder != NULL) {
                    gpus[k].slices[i].holder->stays = true;
                }
            }
        }
        gs_board_touch(board, place);
    }
}

/* Of the holders that stay. Without memory a workload is not known any more. */
static void renumber_workloads(struct gs_board *board)
{
    struct gs_board_names kept = {.n = 0};
    uint32_t at = 0;
    for (struct gs_board_holder *one; (one = gs_board_crowd_next(&board->crowd, &at)) != NULL;) {
        if (one->workload != GS_BOARD_NONE) {
            one->workload =
                gs_board_number_of(&kept, board->workloads.at[one->workload], one->name_space);
        }
    }
    gs_board_names_done(&board->workloads);
    board->workloads = kept;
}

uint32_t gs_board_crowd_size(const struct gs_board *board)
{
    return board->options.untold ? board->crowd.n : board->n_numbered;
}

void gs_board_renumber(struct gs_board *board)
{
    uint32_t at = 0;
    uint32_t n = gs_board_crowd_size(board);
    if (n < RENUMBER_MIN || n < board->renumber_at) {
        return;
    }
    for (struct gs_board_holder *one; (one = gs_board_crowd_next(&board->crowd, &at)) != NULL;) {
        one->number = GS_BOARD_NONE;
        one->stays = one->told;
    }
    mark_named(board);
    at = 0;
    for (struct gs_board_holder *one; (one = gs_board_crowd_next(&board->crowd, &at)) != NULL;) {
        if (!one->stays) {
            gs_board_asks_drop(board, one->asks);
        }
    }
    gs_board_crowd_keep(&board->crowd);
    renumber_workloads(board);
    board->n_numbered = 0;
    board->renumber_at = 0; /* set when all are numbered again */
    board->epoch++;
}
