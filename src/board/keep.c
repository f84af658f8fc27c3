#include "board/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { KEY_MAX = 2 * 254, RENUMBER_MIN = 8192 };

int gs_board_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what the dashboard shows");
}

/* ---- names ---- */

static bool room_for_name(struct gs_board_names *names, bool with_namespace)
{
    if (names->n < names->cap) {
        return true;
    }
    uint32_t cap = names->cap == 0 ? 64 : names->cap * 2;
    char **at = names->n == GS_BOARD_NAMES_MAX ? NULL : realloc(names->at, cap * sizeof(*at));
    if (at == NULL) {
        return false;
    }
    names->at = at;
    if (with_namespace) {
        uint32_t *of = realloc(names->name_space_of, cap * sizeof(*of));
        if (of == NULL) {
            return false;
        }
        names->name_space_of = of;
    }
    names->cap = cap;
    return true;
}

uint32_t gs_board_number_of(struct gs_board_names *names, const char *text, uint32_t name_space)
{
    uintptr_t found = (uintptr_t)gs_map_find(&names->map, text);
    bool with_namespace = name_space != GS_BOARD_NONE;
    if (found != 0) {
        return (uint32_t)(found - 1);
    }
    char *copy = room_for_name(names, with_namespace) ? strdup(text) : NULL;
    if (copy == NULL || !gs_map_put(&names->map, copy, (void *)(uintptr_t)(names->n + 1))) {
        free(copy);
        return GS_BOARD_NONE;
    }
    names->at[names->n] = copy;
    if (with_namespace) {
        names->name_space_of[names->n] = name_space;
    }
    return names->n++;
}

void gs_board_names_done(struct gs_board_names *names)
{
    for (uint32_t i = 0; i < names->n; i++) {
        free(names->at[i]);
    }
    gs_map_done(&names->map);
    free(names->at);
    free(names->name_space_of);
    *names = (struct gs_board_names){.n = 0};
}

uint32_t gs_board_model(struct gs_board *board, const struct gs_model *model)
{
    uint32_t i = 0;
    while (i < board->n_models && board->models[i] != model) {
        i++;
    }
    if (i == board->n_models) {
        if (i == GS_MONEY_MODELS_MAX) {
            return GS_BOARD_NONE;
        }
        board->models[board->n_models++] = model;
    }
    return i;
}

/* ---- nodes ---- */

void gs_board_touch(struct gs_board *board, struct gs_board_place *place)
{
    if (place != NULL && !place->dirty) {
        place->dirty = true;
        place->next_dirty = board->dirty;
        board->dirty = place;
    }
}

struct gs_board_place *gs_board_place_named(struct gs_board *board, const char *name)
{
    struct gs_board_place *place = gs_map_find(&board->places, name);
    if (place != NULL) {
        return place;
    }
    place = board->places.n < GS_BOARD_NAMES_MAX ? calloc(1, sizeof(*place)) : NULL;
    char *copy = strdup(name);
    if (place == NULL || copy == NULL || !gs_map_put(&board->places, copy, place)) {
        free(copy);
        free(place);
        return NULL;
    }
    place->name = copy;
    place->uusd_h = GS_MONEY_NOT_KNOWN;
    place->pool = GS_BOARD_NONE;
    place->facts = (struct gs_board_node){.name = copy,
                                          .pool = "",
                                          .instance_type = "",
                                          .region = "",
                                          .zone = "",
                                          .capacity_type = "",
                                          .why = ""};
    return place;
}

static void free_place(struct gs_board_place *place)
{
    gs_board_gpus_free(place);
    free(place->texts);
    free(place->text);
    free(place->name);
    free(place);
}

static const char *keep_text(char **at, const char *text)
{
    size_t n = strnlen(text, GS_BOARD_TEXT_MAX);
    char *here = *at;
    memcpy(here, text, n);
    here[n] = '\0';
    *at += n + 1;
    return here;
}

int gs_board_put_node(struct gs_board *board, const struct gs_board_node *node, struct gs_err *err)
{
    struct gs_board_place *place = gs_board_place_named(board, node->name);
    const char *const from[] = {node->pool, node->instance_type, node->region,
                                node->zone, node->capacity_type, node->why};
    size_t n = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(from); i++) {
        n += strnlen(from[i], GS_BOARD_TEXT_MAX) + 1;
    }
    char *texts = place == NULL ? NULL : malloc(n);
    uint32_t pool = gs_board_number_of(&board->pools, node->pool, GS_BOARD_NONE);
    if (texts == NULL || pool == GS_BOARD_NONE) {
        free(texts);
        return gs_board_no_memory(err);
    }
    struct gs_board_node *facts = &place->facts;
    const char **const to[] = {&facts->pool, &facts->instance_type, &facts->region,
                               &facts->zone, &facts->capacity_type, &facts->why};
    char *at = texts;
    for (size_t i = 0; i < GS_ARRAY_LEN(to); i++) {
        *to[i] = keep_text(&at, from[i]);
    }
    free(place->texts);
    place->texts = texts;
    facts->state = node->state;
    facts->shown = node->shown;
    place->pool = pool;
    place->told = true;
    place->seen = true;
    place->uusd_h = board->options.price(board->options.ctx, facts->instance_type, facts->region,
                                         facts->capacity_type);
    gs_board_news_node(board, place, false);
    gs_board_touch(board, place);
    return 0;
}

void gs_board_drop_node(struct gs_board *board, const char *name)
{
    struct gs_board_place *place = gs_map_find(&board->places, name);
    if (place != NULL) {
        gs_board_news_node(board, place, true);
        place->told = false;
        place->served = false;
        gs_board_touch(board, place);
    }
}

/* ---- pods ---- */

struct gs_board_holder *gs_board_holder_named(struct gs_board *board, const char *name_space,
                                              const char *name)
{
    char key[KEY_MAX];
    if (snprintf(key, sizeof(key), "%s/%s", name_space, name) >= KEY_MAX) {
        return NULL;
    }
    struct gs_board_holder *holder = gs_map_find(&board->holders, key);
    if (holder != NULL) {
        return holder;
    }
    uint32_t number = gs_board_number_of(&board->namespaces, name_space, GS_BOARD_NONE);
    holder = number == GS_BOARD_NONE || board->holders.n >= GS_BOARD_NAMES_MAX
                 ? NULL
                 : calloc(1, sizeof(*holder));
    char *copy = holder == NULL ? NULL : strdup(key);
    if (copy == NULL || !gs_map_put(&board->holders, copy, holder)) {
        free(copy);
        free(holder);
        return NULL;
    }
    holder->key = copy;
    holder->name_space = number;
    holder->workload = GS_BOARD_NONE;
    holder->number = GS_BOARD_NONE;
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

static int keep_wants(struct gs_board_holder *holder, const struct gs_board_pod *pod,
                      struct gs_err *err)
{
    size_t n = pod->n_wants < GS_WANTS_MAX ? pod->n_wants : GS_WANTS_MAX;
    struct gs_board_want *wants = calloc(n + 1, sizeof(*wants));
    if (wants == NULL) {
        return gs_board_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        wants[i] = (struct gs_board_want){.profile = pod->wants[i].profile,
                                          .whole = pod->wants[i].whole_gpu,
                                          .count = (uint16_t)pod->wants[i].count};
    }
    free(holder->wants);
    holder->wants = wants;
    holder->n_wants = (uint8_t)n;
    return 0;
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

int gs_board_put_pod(struct gs_board *board, const struct gs_board_pod *pod, struct gs_err *err)
{
    char text[KEY_MAX];
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
    int r = keep_wants(holder, pod, err);
    if (r != 0) {
        return r;
    }
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
        struct gs_board_holder *holder = gs_map_find(&board->holders, key);
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

static void free_holder(struct gs_board_holder *holder)
{
    free(holder->wants);
    free(holder->key);
    free(holder);
}

/* Which holders a slice names. */
static void mark_named(struct gs_board *board)
{
    size_t at = 0;
    for (struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        for (unsigned k = 0; k < place->n_gpus; k++) {
            const struct gs_board_gpu *gpu = &place->gpus[k];
            for (unsigned i = 0; i < gpu->n_slices; i++) {
                if (gpu->slices[i].holder != NULL) {
                    gpu->slices[i].holder->number = 0;
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
    size_t at = 0;
    for (struct gs_board_holder *one; (one = gs_map_next(&board->holders, &at)) != NULL;) {
        if (one->workload != GS_BOARD_NONE) {
            one->workload =
                gs_board_number_of(&kept, board->workloads.at[one->workload], one->name_space);
        }
    }
    gs_board_names_done(&board->workloads);
    board->workloads = kept;
}

/* Those that nothing needs are let go. False: no memory; all stay. */
static bool let_go(struct gs_board *board)
{
    struct gs_map kept = {.n = 0};
    bool ok = true;
    size_t at = 0;
    for (struct gs_board_holder *one; ok && (one = gs_map_next(&board->holders, &at)) != NULL;) {
        ok = one->told || one->number == 0 ? gs_map_put(&kept, one->key, one) : true;
    }
    if (!ok) {
        gs_map_done(&kept);
        return false;
    }
    at = 0;
    for (struct gs_board_holder *one; (one = gs_map_next(&board->holders, &at)) != NULL;) {
        if (!one->told && one->number != 0) {
            free_holder(one);
        }
    }
    gs_map_done(&board->holders);
    board->holders = kept;
    return true;
}

uint32_t gs_board_crowd(const struct gs_board *board)
{
    return board->options.untold ? (uint32_t)board->holders.n : board->n_numbered;
}

void gs_board_renumber(struct gs_board *board)
{
    size_t at = 0;
    if (gs_board_crowd(board) < RENUMBER_MIN || gs_board_crowd(board) < board->renumber_at) {
        return;
    }
    for (struct gs_board_holder *one; (one = gs_map_next(&board->holders, &at)) != NULL;) {
        one->number = GS_BOARD_NONE;
    }
    mark_named(board);
    (void)let_go(board);
    at = 0;
    for (struct gs_board_holder *one; (one = gs_map_next(&board->holders, &at)) != NULL;) {
        one->number = GS_BOARD_NONE;
    }
    renumber_workloads(board);
    board->n_numbered = 0;
    board->renumber_at = 0; /* set when all are numbered again */
    board->epoch++;
}

/* ---- the board ---- */

int gs_board_new(const struct gs_board_options *options, struct gs_board **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_board_freep) struct gs_board *board = calloc(1, sizeof(*board));
    if (board == NULL || (board->money = gs_money_new()) == NULL) {
        return gs_board_no_memory(err);
    }
    board->options = *options;
    (void)snprintf(board->kind, sizeof(board->kind), "%s", options->kind);
    (void)snprintf(board->name, sizeof(board->name), "%s", options->name);
    board->epoch = 1;
    board->revision = 1;
    *ret = GS_TAKE(board);
    return 0;
}

void gs_board_free(struct gs_board *board)
{
    size_t at = 0;
    if (board == NULL) {
        return;
    }
    for (struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        free_place(place);
    }
    at = 0;
    for (struct gs_board_holder *one; (one = gs_map_next(&board->holders, &at)) != NULL;) {
        free_holder(one);
    }
    for (size_t i = 0; i < board->n_gone; i++) {
        free(board->gone[i].name);
    }
    gs_map_done(&board->places);
    gs_map_done(&board->holders);
    gs_board_names_done(&board->pools);
    gs_board_names_done(&board->namespaces);
    gs_board_names_done(&board->workloads);
    free(board->numbered);
    gs_money_free(board->money);
    free(board);
}

void gs_board_freep(struct gs_board **board)
{
    gs_board_free(*board);
}

void gs_board_set_whole(struct gs_board *board, bool whole)
{
    board->facts_changed |= board->whole != whole;
    board->whole = whole;
}

struct gs_board_mark gs_board_mark(const struct gs_board *board)
{
    return (struct gs_board_mark){
        .epoch = board->epoch,
        .revision = board->revision,
        .n_pods = board->n_numbered,
    };
}

uint64_t gs_board_revision(const struct gs_board *board)
{
    return board->revision;
}

void gs_board_each_namespace(const struct gs_board *board,
                             void (*each)(void *ctx, const char *name_space), void *ctx)
{
    for (uint32_t i = 0; i < board->namespaces.n; i++) {
        each(ctx, board->namespaces.at[i]);
    }
}
