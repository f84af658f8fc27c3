/* screen: a frame of text that is never wider than its window, and what a terminal has to be sent
 * so that it shows this frame after the last one. Pure but for the heap.
 *
 * Text from outside is cleaned: what a terminal would obey, what has no width and what is no UTF-8
 * becomes '?'; where the terminal is not one of UTF-8, so does everything beyond ASCII. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { GS_SCREEN_COLUMNS_MAX = 1000, GS_SCREEN_ROWS_MAX = 200000 };

enum gs_screen_style {
    GS_SCREEN_PLAIN,
    GS_SCREEN_BOLD,
    GS_SCREEN_DIM,
    GS_SCREEN_TITLE,  /* of the columns: reversed */
    GS_SCREEN_MARKED, /* the row at hand */
    GS_SCREEN_HELD,
    GS_SCREEN_IDLE,
    GS_SCREEN_COMES,
    GS_SCREEN_BAD,
    GS_SCREEN_STYLES
};

struct gs_screen {
    unsigned columns;
    bool utf8;
    bool styled;          /* bold, reversed */
    bool colours;         /* and green, red */
    struct gs_buf *lines; /* with their escape sequences */
    unsigned *widths;
    unsigned n; /* lines of this frame */
    unsigned cap;
    char **shown; /* what the terminal shows, line by line; NULL: not known */
    unsigned n_shown;
    bool failed; /* no memory, or too many lines */
};

void gs_screen_init(struct gs_screen *screen, bool utf8, bool styled, bool colours);
void gs_screen_done(struct gs_screen *screen);

/* A new frame, of lines of at most so many columns. */
void gs_screen_begin(struct gs_screen *screen, unsigned columns);

/* A new line; what is put goes there. What does not fit into it is left out. */
void gs_screen_line(struct gs_screen *screen);

/* At the end of the line. */
void gs_screen_put(struct gs_screen *screen, enum gs_screen_style style, const char *text);
void gs_screen_putf(struct gs_screen *screen, enum gs_screen_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* In exactly so many columns, cut or filled up with blanks; `right`: blanks come first. A text that
 * is cut ends with a mark that says so. */
void gs_screen_cell(struct gs_screen *screen, enum gs_screen_style style, unsigned columns,
                    bool right, const char *text);

/* Blanks up to that column, from 0. */
void gs_screen_to(struct gs_screen *screen, unsigned column);

/* The glyph of a screen of UTF-8, or else its stand-in. */
const char *gs_screen_glyph(const struct gs_screen *screen, const char *utf8, const char *ascii);

/* Columns taken by the line that was begun last. */
unsigned gs_screen_used(const struct gs_screen *screen);

/* The frame as plain lines, without blanks at their ends. */
void gs_screen_text(const struct gs_screen *screen, struct gs_buf *out);

/* What makes a terminal with `rows` lines show the frame; only lines that differ are sent. Where
 * `out` has failed, all of the next frame is. */
void gs_screen_update(struct gs_screen *screen, unsigned rows, struct gs_buf *out);

/* It is not known any more what the terminal shows. */
void gs_screen_forget(struct gs_screen *screen);
