/* The documents about the fleet: all of it, and what has changed. */
#include <string.h>

#include "board/keep.h"
#include "board/write.h"

bool gs_board_sees(const struct gs_board *board, const struct gs_board_reader *reader,
                   uint32_t name_space)
{
    return reader->sees == NULL || reader->sees(reader->ctx, board->namespaces.at[name_space]);
}

void gs_board_put_head(const struct gs_board *board, struct gs_jsonwrite *json)
{
    gs_jsonwrite_time(json, "at", board->at_us);
    gs_jsonwrite_number(json, "revision", board->revision);
}

static void put_profiles(struct gs_jsonwrite *json, const struct gs_model *model)
{
    gs_jsonwrite_open(json, "profiles", '[');
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        gs_jsonwrite_open(json, NULL, '{');
        gs_jsonwrite_text(json, "name", profile->name);
        if (profile->memory_units == 0) {
            gs_jsonwrite_null(json, "memory_units");
        } else {
            gs_jsonwrite_number(json, "memory_units", profile->memory_units);
        }
        gs_jsonwrite_number(json, "compute_slices", profile->compute_slices);
        gs_jsonwrite_close(json, '}');
    }
    gs_jsonwrite_close(json, ']');
}

static void put_models(const struct gs_board *board, uint32_t from, struct gs_jsonwrite *json)
{
    for (uint32_t i = from; i < board->n_models; i++) {
        const struct gs_model *model = board->models[i];
        gs_jsonwrite_open(json, NULL, '{');
        gs_jsonwrite_text(json, "id", model->id);
        if (model->memory_units == 0) {
            gs_jsonwrite_null(json, "memory_units");
        } else {
            gs_jsonwrite_number(json, "memory_units", model->memory_units);
        }
        gs_jsonwrite_number(json, "compute_slices", model->compute_slices);
        put_profiles(json, model);
        gs_jsonwrite_close(json, '}');
    }
}

static void put_pools(const struct gs_board *board, uint32_t from, struct gs_jsonwrite *json)
{
    for (uint32_t i = from; i < board->pools.n; i++) {
        gs_jsonwrite_text(json, NULL, board->pools.at[i]);
    }
}

static void put_namespaces(const struct gs_board *board, const struct gs_board_reader *reader,
                           uint32_t from, struct gs_jsonwrite *json)
{
    for (uint32_t i = from; i < board->namespaces.n; i++) {
        if (gs_board_sees(board, reader, i)) {
            gs_jsonwrite_text(json, NULL, board->namespaces.at[i]);
        } else {
            gs_jsonwrite_null(json, NULL);
        }
    }
}

const char *gs_board_workload(const struct gs_board *board, uint32_t workload)
{
    uint32_t name_space = board->workloads.name_space_of[workload];
    return board->workloads.at[workload] + strlen(board->namespaces.at[name_space]) + 1;
}

static void put_workloads(const struct gs_board *board, const struct gs_board_reader *reader,
                          uint32_t from, struct gs_jsonwrite *json)
{
    for (uint32_t i = from; i < board->workloads.n; i++) {
        if (gs_board_sees(board, reader, board->workloads.name_space_of[i])) {
            gs_jsonwrite_text(json, NULL, gs_board_workload(board, i));
        } else {
            gs_jsonwrite_null(json, NULL);
        }
    }
}

static void put_pods(const struct gs_board *board, const struct gs_board_reader *reader,
                     uint32_t from, struct gs_jsonwrite *json)
{
    for (uint32_t i = from; i < board->n_numbered; i++) {
        const struct gs_board_holder *pod = board->numbered[i];
        if (pod == NULL || !gs_board_sees(board, reader, pod->name_space)) {
            gs_jsonwrite_null(json, NULL);
            continue;
        }
        gs_jsonwrite_open(json, NULL, '[');
        gs_jsonwrite_number(json, NULL, pod->name_space);
        gs_jsonwrite_text(json, NULL, pod->key + strlen(board->namespaces.at[pod->name_space]) + 1);
        if (pod->workload == GS_BOARD_NONE) {
            gs_jsonwrite_null(json, NULL);
        } else {
            gs_jsonwrite_number(json, NULL, pod->workload);
        }
        gs_jsonwrite_close(json, ']');
    }
}

static void put_nodes(const struct gs_board *board, uint64_t since, struct gs_jsonwrite *json)
{
    size_t at = 0;
    gs_jsonwrite_open(json, "nodes", '[');
    for (const struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        if (place->shown && place->revision > since) {
            gs_jsonwrite_raw(json, NULL, place->text, place->n_text);
        }
    }
    gs_jsonwrite_close(json, ']');
}

static void put_source(const struct gs_board *board, struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, "source", '{');
    gs_jsonwrite_text(json, "kind", board->kind);
    gs_jsonwrite_text(json, "name", board->name);
    gs_jsonwrite_bool(json, "whole", board->whole);
    gs_jsonwrite_close(json, '}');
}

int gs_board_write_fleet(const struct gs_board *board, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_board_put_head(board, &json);
    put_source(board, &json);
    gs_jsonwrite_open(&json, "models", '[');
    put_models(board, 0, &json);
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_open(&json, "pools", '[');
    put_pools(board, 0, &json);
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_open(&json, "namespaces", '[');
    put_namespaces(board, reader, 0, &json);
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_open(&json, "workloads", '[');
    put_workloads(board, reader, 0, &json);
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_open(&json, "pods", '[');
    put_pods(board, reader, 0, &json);
    gs_jsonwrite_close(&json, ']');
    put_nodes(board, 0, &json);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the fleet", err);
}

/* ---- changes ---- */

/* What a list has gained: where the new part begins, and the part. */
static void open_part(struct gs_jsonwrite *json, const char *key, uint32_t from)
{
    gs_jsonwrite_open(json, key, '{');
    gs_jsonwrite_number(json, "from", from);
    gs_jsonwrite_open(json, "new", '[');
}

static void close_part(struct gs_jsonwrite *json)
{
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
}

static void put_gone(const struct gs_board *board, uint64_t since, struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, "gone", '[');
    for (size_t i = 0; i < board->n_gone; i++) {
        const struct gs_board_place *place = gs_map_find(&board->places, board->gone[i].name);
        if (board->gone[i].revision > since && (place == NULL || !place->shown)) {
            gs_jsonwrite_text(json, NULL, board->gone[i].name);
        }
    }
    gs_jsonwrite_close(json, ']');
}

int gs_board_write_changes(const struct gs_board *board, const struct gs_board_reader *reader,
                           const struct gs_board_mark *since, struct gs_buf *out,
                           struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    if (since->epoch != board->epoch || since->revision < board->gone_floor) {
        return GS_NOT_FOUND;
    }
    gs_jsonwrite_open(&json, NULL, '{');
    gs_board_put_head(board, &json);
    put_source(board, &json);
    open_part(&json, "models", since->n_models);
    put_models(board, since->n_models, &json);
    close_part(&json);
    open_part(&json, "pools", since->n_pools);
    put_pools(board, since->n_pools, &json);
    close_part(&json);
    open_part(&json, "namespaces", since->n_namespaces);
    put_namespaces(board, reader, since->n_namespaces, &json);
    close_part(&json);
    open_part(&json, "workloads", since->n_workloads);
    put_workloads(board, reader, since->n_workloads, &json);
    close_part(&json);
    open_part(&json, "pods", since->n_pods);
    put_pods(board, reader, since->n_pods, &json);
    close_part(&json);
    put_nodes(board, since->revision, &json);
    put_gone(board, since->revision, &json);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "what has changed", err);
}
