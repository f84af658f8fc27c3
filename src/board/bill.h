/* bill: what everything costs now, and under which names it is used. Of src/board only. */
#pragma once

#include "board/keep.h"

/* What is used under one name. */
struct gs_board_use {
    uint64_t uusd_h;
    uint64_t slices;
};

/* Each table has one row more than there are names: nobody that is known. */
struct gs_board_bill {
    struct gs_board *board;
    const struct gs_board_place *place;             /* the node at hand */
    struct gs_board_gpu apart[GS_GPUNODE_GPUS_MAX]; /* its GPUs, and as money wants them: */
    struct gs_money_gpu gpus[GS_GPUNODE_GPUS_MAX];
    struct gs_money_slice slices[GS_GPUNODE_GPUS_MAX][GS_MEMORY_UNITS_MAX];
    struct gs_money_sum sum;
    struct gs_board_use *by_namespace;
    struct gs_board_use *by_workload;
    struct gs_board_use *by_pool;
    unsigned whole_given; /* whole GPUs of the node at hand whose pod is found */
};

/* GS_NO_MEMORY, GS_LIMIT. */
int gs_board_bill(struct gs_board *board, struct gs_board_bill **ret, struct gs_err *err);
void gs_board_bill_free(struct gs_board_bill **bill);

/* False: it is not known. */
bool gs_board_find_bound(struct gs_board *board, const struct gs_money_sum *sum, uint64_t *ret);
