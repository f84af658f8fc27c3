/* tap: what the watches of a picture show is told to a board, too. */
#pragma once

#include "board/board.h"
#include "picture/feed.h"

struct gs_board_tap {
    struct gs_board *board;
    bool listed[GS_FEEDS];
    uint64_t lost; /* objects for which there was no memory */
};

/* As struct gs_feed_options wants it; `tap` has to live as long as the feed. */
struct gs_feed_tap gs_board_tap(struct gs_board_tap *tap);
