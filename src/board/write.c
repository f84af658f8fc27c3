/* The documents about the fleet: all of it, and what has changed. */
#include <stdio.h>
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

static void put_models(const struct gs_board *board, struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, "models", '[');
    for (uint32_t i = 0; i < board->n_models; i++) {
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
    gs_jsonwrite_close(json, ']');
}

const char *gs_board_workload(const struct gs_board *board, uint32_t workload)
{
    uint32_t name_space = board->workloads.name_space_of[workload];
    return board->workloads.at[workload] + strlen(board->namespaces.at[name_space]) + 1;
}

/* As far as the reader may see it. */
static void put_pod(const struct gs_board *board, const struct gs_board_reader *reader,
                    const struct gs_board_holder *pod, const char *key, struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, key, '{');
    if (pod == NULL || !gs_board_sees(board, reader, pod->name_space)) {
        gs_jsonwrite_bool(json, "hidden", true);
    } else {
        const char *name_space = board->namespaces.at[pod->name_space];
        gs_jsonwrite_text(json, "namespace", name_space);
        gs_jsonwrite_text(json, "name", pod->key + strlen(name_space) + 1);
        if (pod->workload == GS_BOARD_NONE) {
            gs_jsonwrite_null(json, "workload");
        } else {
            gs_jsonwrite_text(json, "workload", gs_board_workload(board, pod->workload));
        }
    }
    gs_jsonwrite_close(json, '}');
}

static void put_nodes(const struct gs_board *board, uint64_t since, struct gs_jsonwrite *json)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    size_t at = 0;
    gs_jsonwrite_open(json, "nodes", '[');
    for (const struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        if (place->shown && place->revision > since) {
            gs_board_put_place(place, gpus, gs_board_gpus(place, gpus), json);
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
    gs_jsonwrite_bool(json, "series", board->options.series);
    gs_jsonwrite_bool(json, "events", board->options.events);
    gs_jsonwrite_close(json, '}');
}

int gs_board_write_fleet(const struct gs_board *board, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_board_put_head(board, &json);
    put_source(board, &json);
    put_models(board, &json);
    gs_jsonwrite_open(&json, "pools", '[');
    for (uint32_t i = 0; i < board->pools.n; i++) {
        if (board->pools.at[i][0] != '\0') {
            gs_jsonwrite_text(&json, NULL, board->pools.at[i]);
        }
    }
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_open(&json, "pods", '[');
    for (uint32_t i = 0; i < board->n_numbered; i++) {
        put_pod(board, reader, board->numbered[i], NULL, &json);
    }
    gs_jsonwrite_close(&json, ']');
    put_nodes(board, 0, &json);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the fleet", err);
}

/* ---- changes ---- */

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
    put_models(board, &json);
    gs_jsonwrite_open(&json, "pods", '{');
    for (uint32_t i = since->n_pods; i < board->n_numbered; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%u", (unsigned)i);
        put_pod(board, reader, board->numbered[i], key, &json);
    }
    gs_jsonwrite_close(&json, '}');
    put_nodes(board, since->revision, &json);
    put_gone(board, since->revision, &json);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "what has changed", err);
}
