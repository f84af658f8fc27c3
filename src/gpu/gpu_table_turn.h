/* gpu_table_turn: what every operation of a table does before it acts and after: calls are counted,
 * faults act, the hook runs. Private to the table. */
#pragma once

#include "gpu/gpu_table.h"

struct gs_gpu_turn {
    struct gs_gpu_table *table;
    struct gs_gpu_call call;
    struct gs_gpu_fault storage;
    const struct gs_gpu_fault *fault;
};

struct gs_gpu_turn gs_gpu_turn_of(void *impl, enum gs_gpu_op op, uint32_t gpu);

/* False: the operation is not carried out, and gs_gpu_turn_end says with which code. A driver that
 * is only looked at refuses changes there. */
bool gs_gpu_turn_begin(struct gs_gpu_turn *turn);

/* `r` is what the operation gave; what its caller gets is returned. */
int gs_gpu_turn_end(struct gs_gpu_turn *turn, int r, struct gs_err *err);
