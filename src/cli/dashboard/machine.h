/* machine: one machine's GPUs on a board, read from its driver again and again: of the dashboard
 * and of top. docs/internals/dashboard.md. */
#pragma once

#include "board/board.h"
#include "gpu/gpu.h"

enum { GS_MACHINE_BOARD_HOST_MAX = 254 };

/* How often somebody who watches looks. */
#define GS_MACHINE_BOARD_EVERY_US 1000000ull
#define GS_MACHINE_BOARD_ACCURACY_US 100000ull

struct gs_machine_board {
    const char *instance_type; /* NULL: not known; then there is no price */
    const char *region;
    struct gs_gpus gpus;
    struct gs_board *board;
    char host[GS_MACHINE_BOARD_HOST_MAX];
};

/* Whether there is such a type, with a price in the region; NULL is fine. Codes of gs_instance_find
 * and gs_instance_price. */
int gs_machine_board_check(const char *instance_type, const char *region, struct gs_err *err);

/* Opens the driver and looks once; both texts are borrowed. Codes of gs_gpu_env_open and
 * gs_gpu_machine_look; GS_INVALID: the type has other GPUs, or another number of them. Close it in
 * either case. */
int gs_machine_board_open(struct gs_machine_board *machine, const char *instance_type,
                          const char *region, struct gs_err *err);
void gs_machine_board_close(struct gs_machine_board *machine);

/* Looks again. What fails is told to the board: the machine is broken, with the reason. */
void gs_machine_board_look(struct gs_machine_board *machine);
