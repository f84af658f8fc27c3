/* objects: what the board is told of a cluster, from the API server's objects.
 *
 * Of Pods, Nodes and GpuNodes as watches show them. An object that cannot be read is left out. */
#pragma once

#include "board/board.h"

struct json_t; /* jansson's */

enum gs_board_kind { GS_BOARD_PODS, GS_BOARD_NODES, GS_BOARD_GPUNODES };

/* An object as it is now (`gone`: as it last was). GS_INVALID: it cannot be read; GS_LIMIT,
 * GS_NO_MEMORY. */
int gs_board_object(struct gs_board *board, enum gs_board_kind kind, const struct json_t *object,
                    bool gone, struct gs_err *err);

/* A list of a kind begins; ends: what was not in it is gone. */
void gs_board_listing(struct gs_board *board, enum gs_board_kind kind);
void gs_board_listed(struct gs_board *board, enum gs_board_kind kind);

/* The workload of a pod: its controller as "Kind/name"; of a ReplicaSet that a Deployment has made,
 * by its name, "Deployment/name". "" without one. */
void gs_board_workload_of(const char *kind, const char *name, char *ret, size_t size);
