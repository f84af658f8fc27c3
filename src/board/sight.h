/* sight: the board's nodes for who draws them in the same program, without a document in between.
 *
 * As of the last gs_board_refresh. What is shown is the board's and stays until it is told
 * something; a node itself may be held on to as long as the board lives. */
#pragma once

#include "board/board.h"

struct gs_board_place;
struct gs_board_gpu;

/* In the documents by these numbers. */
enum gs_board_slice_state {
    GS_BOARD_IDLE,
    GS_BOARD_HELD,
    GS_BOARD_GRANTED,
    GS_BOARD_PROMISED,
    GS_BOARD_SICK,
    GS_BOARD_GOING,
    GS_BOARD_COMING
};

/* Memory units of GPUs by what becomes of them; of a GPU of a model that is not known, the units of
 * its slices. */
struct gs_board_units {
    uint64_t all;
    uint64_t held;
    uint64_t idle;     /* cut, and nobody's */
    uint64_t free;     /* not cut */
    uint64_t stranded; /* not cut, and no profile fits beside what is cut */
    uint64_t sick;
};

struct gs_board_sight {
    const struct gs_board_place *place;
    const struct gs_board_node *facts;
    const char *state; /* "ready", "silent", as the documents have it */
    const char *model; /* id of the first GPU's; "": not known */
    uint64_t uusd_h;   /* or GS_MONEY_NOT_KNOWN */
    unsigned n_gpus;
    unsigned slices; /* that are there, */
    unsigned held;   /* and those of them that somebody has, or GPUs that are held whole */
    unsigned unwell; /* GPUs that are not healthy */
    struct gs_board_units units;
};

struct gs_board_sight_slice {
    const char *profile; /* "3g.20gb"; "?": none of the model's */
    unsigned start;      /* memory unit */
    unsigned size;       /* memory units; 1 where not known */
    enum gs_board_slice_state state;
    const char *holder; /* "namespace/name"; NULL: nobody, or not known who */
};

struct gs_board_sight_gpu {
    const char *uuid;
    const char *why; /* "" */
    const char *model;
    unsigned index;
    unsigned units; /* of memory; 0: not known */
    bool mig;
    bool healthy;
    bool held; /* not mig: somebody has it, */
    const char *holder;
    bool recut;        /* it is being cut anew */
    uint16_t stranded; /* bit u: memory unit u */
    unsigned n_slices; /* and those that come */
    struct gs_board_sight_slice slices[2 * GS_MEMORY_UNITS_MAX];
};

/* Calls for each node that documents show, in no order. */
void gs_board_each_sight(const struct gs_board *board,
                         void (*each)(void *ctx, const struct gs_board_sight *node), void *ctx);

/* Why it is not ready, or ""; until the board is told something. */
const char *gs_board_sight_why(const struct gs_board_place *place);

/* The GPU at `i` of the node, from 0. False: there is none. */
bool gs_board_sight_gpu(const struct gs_board_place *place, unsigned i,
                        struct gs_board_sight_gpu *ret);
