/* fleet: the nodes that the benchmarks of the board look at: p4d.24xlarge, every GPU cut into seven
 * 1g.5gb. */
#pragma once

#include "board/board.h"

enum { FLEET_GPUS = 8 /* of a node */, FLEET_SLICES = 7 /* of a GPU */ };

/* CPU time of this process. */
double fleet_now_ms(void);

/* For struct gs_board_options: the same for every node. */
uint64_t fleet_price(void *ctx, const char *type, const char *region, const char *capacity);

/* Node `number`, as it is at `turn`, which is in the names of its pods. `held`: a bit a slice, of
 * every GPU. `pods_too`: the board is told of these pods too. */
int fleet_put(struct gs_board *board, unsigned number, unsigned turn, unsigned held, bool pods_too);
