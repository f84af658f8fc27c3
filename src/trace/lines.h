/* lines: cuts pieces of text of any size into lines, LF or CRLF. Sans-I/O, no allocation. */
#pragma once

#include "base/view.h"

struct gs_lines {
    char *held; /* the part of a line whose end has not come */
    size_t max; /* bytes that a line may have, and `held` has */
    size_t n_held;
    struct gs_view rest;
    uint64_t line; /* of the one read last; 1 is the first */
    bool ended;
    bool skipping; /* the line that is read has no room any more */
    bool too_long; /* the line read last was longer than `max` and is not handed out */
};

enum gs_lines_step { GS_LINES_OVER = 0, GS_LINES_LINE = 1, GS_LINES_MORE = 2 };

void gs_lines_init(struct gs_lines *lines, char *held, size_t max);

/* The next piece, which must stay until gs_lines_next says GS_LINES_MORE. */
void gs_lines_feed(struct gs_lines *lines, struct gs_view piece);

/* No more pieces. */
void gs_lines_end(struct gs_lines *lines);

/* GS_LINES_LINE: *ret is one without its end, valid until the next call; or lines->too_long. */
enum gs_lines_step gs_lines_next(struct gs_lines *lines, struct gs_view *ret);
