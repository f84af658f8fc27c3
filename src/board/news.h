/* news: what has just changed on a board, one line each, for who keeps them.
 *
 * Nothing is said of what was there when the board was first whole. */
#pragma once

#include <stdint.h>

struct gs_board;

enum gs_board_news_what {
    GS_BOARD_POD_WAITS,
    GS_BOARD_POD_BOUND,
    GS_BOARD_POD_HAS, /* a slice */
    GS_BOARD_POD_GONE,
    GS_BOARD_SLICE_MADE,
    GS_BOARD_SLICE_GONE,
    GS_BOARD_SLICE_HELD,
    GS_BOARD_SLICE_LEFT,
    GS_BOARD_SLICE_SICK,
    GS_BOARD_GPU_SICK,
    GS_BOARD_GPU_WELL,
    GS_BOARD_GPU_HELD, /* whole */
    GS_BOARD_GPU_LEFT,
    GS_BOARD_GPU_COME,
    GS_BOARD_GPU_GONE,
    GS_BOARD_RECUT_BEGINS,
    GS_BOARD_RECUT_DONE,
    GS_BOARD_RECUT_FAILED,
    GS_BOARD_NODE_SERVES, /* a node that was not there, or started, is ready */
    GS_BOARD_NODE_LOST,   /* and one that went without having been */
    GS_BOARD_NEWS
};

struct gs_board_news {
    enum gs_board_news_what what;
    const char *subject; /* a GPU's UUID, "pod NAMESPACE/NAME", "node NAME" */
    const char *text;    /* a pod in it is its end: "... pod NAMESPACE/NAME" */
    uint64_t *note; /* RECUT_...: a number of the listener's that stays until it has ended; 0 at
                       first; NULL with all others */
};

/* One word each: "Bound". */
extern const char *const gs_board_news_words[GS_BOARD_NEWS];

/* NULL: nobody. Called while the board is told something. */
typedef void gs_board_news_fn(void *ctx, const struct gs_board_news *news);
void gs_board_on_news(struct gs_board *board, gs_board_news_fn *fn, void *ctx);
