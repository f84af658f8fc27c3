/* plot: figures as SVG inside a page: lines over an axis, and bars with their intervals.
 *
 * Colours are the page's: a series n has the class "s<n>" (stroke) or "b<n>" (fill), 0 to
 * GS_PLOT_COLOURS - 1; axes and words have "ax", "grid" and "lab". Text that is passed in is
 * escaped here. Numbers go in as doubles and come out with one digit behind the point, so that the
 * same input gives the same bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { GS_PLOT_COLOURS = 8, GS_PLOT_SERIES_MAX = 16 };

struct gs_plot_axis {
    const char *label;
    double min;
    double max; /* more than min */
    /* Powers of ten: min and max are above 0. */
    bool log;
    const double *ticks; /* those of them that are within are shown; NULL: round numbers */
    size_t n_ticks;
    /* What stands at a tick; NULL: the number. */
    void (*tick)(double value, char *ret_text, size_t size);
};

struct gs_plot_series {
    const char *name;
    const double *x; /* does not fall */
    const double *y; /* NAN: none here */
    size_t n;
    unsigned colour;
    bool step;   /* y holds until the next x */
    bool dashed; /* told apart without colours too */
};

struct gs_plot {
    const char *id;    /* unique in the page; a word */
    const char *title; /* for those who cannot see it, as the two words below */
    const char *says;  /* what it shows, a sentence */
    double width;      /* of the view box */
    double height;
    struct gs_plot_axis x;
    struct gs_plot_axis y;
    const struct gs_plot_series *series;
    size_t n_series;
};

/* The lines, without a legend. */
void gs_plot_lines(const struct gs_plot *plot, struct gs_buf *out);

struct gs_plot_bar {
    const char *name;
    double value; /* NAN: not known */
    double lo;    /* of an interval; NAN: none */
    double hi;
    const char *text; /* the value for people */
    unsigned colour;
};

/* Bars from zero to the left or right, one below the other; each with its name above. Axis x is
 * taken from the plot, height from the number of bars. */
void gs_plot_bars(const struct gs_plot *plot, const struct gs_plot_bar *bars, size_t n,
                  struct gs_buf *out);

/* The step between ticks: the least of 1, 2, 2.5, 5 times a power of ten that is not below `value`;
 * 1 where there is none. */
double gs_plot_nice(double value);

/* An axis' end, likewise, from more numbers: at least two thirds of the axis are used. */
double gs_plot_end(double value);

/* Appends `text` for HTML: what would be markup is escaped, what would turn or control the text,
 * and what is not UTF-8, is "?". */
void gs_plot_put_escaped(const char *text, struct gs_buf *out);
