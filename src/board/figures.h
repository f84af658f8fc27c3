/* figures: a board in a few numbers, for who keeps them over time. As of the last
 * gs_board_refresh. */
#pragma once

#include "board/board.h"

enum gs_board_unit {
    GS_BOARD_UNIT_HELD,
    GS_BOARD_UNIT_IDLE, /* cut or not: some profile fits there beside what is held */
    GS_BOARD_UNIT_STRANDED,
    GS_BOARD_UNIT_SICK,
    GS_BOARD_UNITS
};

/* Money is millionths of a dollar an hour: used + idle + stranded + starting = bill. */
struct gs_board_figures {
    uint64_t bill;
    uint64_t used;
    uint64_t idle;
    uint64_t stranded;
    uint64_t starting;
    uint64_t whole_gpus; /* as of struct gs_money_sum */
    uint64_t bound;
    bool bound_known;
    uint64_t unknown_nodes;
    uint64_t units[GS_BOARD_UNITS]; /* memory units of GPUs whose placements are known */
    /* Of GPUs that are cut: how much of the compute slices that nobody holds the largest slice that
     * could be cut from them cannot use; the mean of GPUs that have any, in millionths. */
    uint64_t fragmented_ppm;
    bool fragmented_known; /* false: no GPU has any */
};

enum gs_board_by { GS_BOARD_BY_NAMESPACE, GS_BOARD_BY_WORKLOAD, GS_BOARD_BY_POOL };

/* What is used under a name; names in parentheses are no names. The rows of each kind add up to
 * `used`. */
typedef void gs_board_cost_fn(void *ctx, enum gs_board_by by, const char *name, uint64_t uusd_h);

/* GS_NO_MEMORY, GS_LIMIT. */
int gs_board_figures(struct gs_board *board, gs_board_cost_fn *each, void *ctx,
                     struct gs_board_figures *ret, struct gs_err *err);
