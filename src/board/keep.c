#include "board/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int gs_board_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what the dashboard shows");
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
    place->board = board;
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
    free(place->why);
    free(place->name);
    free(place);
}

/* As the board keeps it once for all nodes; NULL: no memory. */
static const char *kept_text(struct gs_board_names *names, const char *text, uint32_t *ret_number)
{
    char cut[GS_BOARD_TEXT_MAX + 1];
    (void)snprintf(cut, sizeof(cut), "%.*s", (int)gs_board_text_length(text), text);
    *ret_number = gs_board_number_of(names, cut, GS_BOARD_NONE);
    return *ret_number == GS_BOARD_NONE ? NULL : names->at[*ret_number];
}

int gs_board_put_node(struct gs_board *board, const struct gs_board_node *node, struct gs_err *err)
{
    struct gs_board_place *place = gs_board_place_named(board, node->name);
    const char *const from[] = {node->instance_type, node->region, node->zone, node->capacity_type};
    const char *kept[GS_ARRAY_LEN(from)];
    uint32_t pool = GS_BOARD_NONE;
    uint32_t number;
    bool ok = place != NULL;
    for (size_t i = 0; ok && i < GS_ARRAY_LEN(from); i++) {
        kept[i] = kept_text(&board->facts, from[i], &number);
        ok = kept[i] != NULL;
    }
    const char *in_pool = ok ? kept_text(&board->pools, node->pool, &pool) : NULL;
    size_t n_why = gs_board_text_length(node->why);
    char *why = in_pool == NULL || n_why == 0 ? NULL : malloc(n_why + 1);
    if (in_pool == NULL || (why == NULL && n_why > 0)) {
        return gs_board_no_memory(err);
    }
    if (why != NULL) {
        memcpy(why, node->why, n_why);
        why[n_why] = '\0';
    }
    struct gs_board_node *facts = &place->facts;
    const char **const to[] = {&facts->instance_type, &facts->region, &facts->zone,
                               &facts->capacity_type};
    for (size_t i = 0; i < GS_ARRAY_LEN(to); i++) {
        *to[i] = kept[i];
    }
    facts->pool = in_pool;
    free(place->why);
    place->why = why;
    facts->why = why == NULL ? "" : why;
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
    for (size_t i = 0; i < board->n_gone; i++) {
        free(board->gone[i].name);
    }
    gs_map_done(&board->places);
    gs_board_asks_done(board);
    gs_board_crowd_done(&board->crowd);
    gs_board_names_done(&board->facts);
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
