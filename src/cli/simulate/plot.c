#include "cli/simulate/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/view.h"

enum { TICKS_MAX = 64, TICK_TEXT_MAX = 40 };
static const double LEFT = 46, RIGHT = 14, TOP = 24, BOTTOM = 40;

void gs_plot_put_escaped(const char *text, struct gs_buf *out)
{
    struct gs_view rest = gs_view(text);
    while (rest.n > 0) {
        uint32_t c = 0;
        size_t n = gs_view_character(rest, &c);
        if (n == 0 || gs_character_is_control(c)) {
            gs_buf_puts(out, "?");
            n = n == 0 ? 1 : n;
        } else if (c == ' ' && rest.n > 1 && rest.p[1] == '%') {
            gs_buf_puts(out, "&nbsp;"); /* a number and its sign stay together */
        } else if (c == '&') {
            gs_buf_puts(out, "&amp;");
        } else if (c == '<') {
            gs_buf_puts(out, "&lt;");
        } else if (c == '>') {
            gs_buf_puts(out, "&gt;");
        } else if (c == '"') {
            gs_buf_puts(out, "&quot;");
        } else if (c == '\'') {
            gs_buf_puts(out, "&#39;");
        } else {
            gs_buf_put(out, rest.p, n);
        }
        rest.p += n;
        rest.n -= n;
    }
}

static double round_up(double value, const double *steps, size_t n)
{
    if (!(value > 0) || !isfinite(value)) {
        return 1;
    }
    double power = pow(10, floor(log10(value)));
    for (size_t i = 0; i < n; i++) {
        if (steps[i] * power >= value * (1 - 1e-9)) {
            return steps[i] * power;
        }
    }
    return 10 * power;
}

double gs_plot_nice(double value)
{
    static const double steps[] = {1, 2, 2.5, 5, 10};
    return round_up(value, steps, sizeof(steps) / sizeof(*steps));
}

double gs_plot_end(double value)
{
    static const double steps[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10};
    return round_up(value, steps, sizeof(steps) / sizeof(*steps));
}

/* ------------------------------------------------------------------ where things are */

static double along(const struct gs_plot_axis *axis, double value)
{
    double v = fmin(fmax(value, axis->min), axis->max);
    double at = axis->log ? (log10(v) - log10(axis->min)) / (log10(axis->max) - log10(axis->min))
                          : (v - axis->min) / (axis->max - axis->min);
    return isfinite(at) ? at : 0;
}

static double x_of(const struct gs_plot *plot, double value)
{
    return LEFT + along(&plot->x, value) * (plot->width - LEFT - RIGHT);
}

static double y_of(const struct gs_plot *plot, double value)
{
    return plot->height - BOTTOM - along(&plot->y, value) * (plot->height - TOP - BOTTOM);
}

static size_t ticks_of(const struct gs_plot_axis *axis, unsigned about, double *ret)
{
    size_t n = 0;
    if (axis->ticks != NULL) {
        for (size_t i = 0; i < axis->n_ticks && n < TICKS_MAX; i++) {
            if (axis->ticks[i] >= axis->min && axis->ticks[i] <= axis->max) {
                ret[n++] = axis->ticks[i];
            }
        }
        return n;
    }
    if (axis->log) {
        for (double v = axis->min; v <= axis->max * 1.001 && n < TICKS_MAX; v *= 10) {
            ret[n++] = v;
        }
        return n;
    }
    double step = gs_plot_nice((axis->max - axis->min) / about);
    double first = ceil(axis->min / step - 1e-9);
    for (; n < TICKS_MAX && (first + (double)n) * step <= axis->max + step * 1e-6; n++) {
        double at = (first + (double)n) * step;
        ret[n] = at == 0 ? 0 : at; /* no minus zero */
    }
    return n;
}

static void tick_text(const struct gs_plot_axis *axis, double value, char text[TICK_TEXT_MAX])
{
    if (axis->tick != NULL) {
        axis->tick(value, text, TICK_TEXT_MAX);
    } else {
        (void)snprintf(text, TICK_TEXT_MAX, "%.6g", value);
    }
}

/* ------------------------------------------------------------------ the frame */

static void begin(const struct gs_plot *plot, double height, struct gs_buf *out)
{
    gs_buf_printf(out,
                  "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                  "aria-labelledby=\"%s-t %s-d\">\n<title id=\"%s-t\">",
                  plot->width, height, plot->id, plot->id, plot->id);
    gs_plot_put_escaped(plot->title, out);
    gs_buf_printf(out, "</title>\n<desc id=\"%s-d\">", plot->id);
    gs_plot_put_escaped(plot->says, out);
    gs_buf_puts(out, "</desc>\n");
}

static void put_label(const char *anchor, double x, double y, const char *text, struct gs_buf *out)
{
    gs_buf_printf(out, "<text class=\"lab\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", anchor, x,
                  y);
    gs_plot_put_escaped(text, out);
    gs_buf_puts(out, "</text>\n");
}

static void put_x_axis(const struct gs_plot *plot, double top, double bottom, struct gs_buf *out)
{
    double ticks[TICKS_MAX];
    size_t n = ticks_of(&plot->x, plot->width > 600 ? 10 : 5, ticks);
    for (size_t i = 0; i < n; i++) {
        char text[TICK_TEXT_MAX];
        double x = x_of(plot, ticks[i]);
        tick_text(&plot->x, ticks[i], text);
        gs_buf_printf(out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", x, top, bottom);
        put_label(i + 1 == n && i > 0 && x > plot->width - 30 ? "end" : "middle",
                  i + 1 == n && x > plot->width - 30 ? plot->width - 2 : x, bottom + 15, text, out);
    }
    put_label("middle", LEFT + (plot->width - LEFT - RIGHT) / 2, bottom + 33, plot->x.label, out);
}

static void put_y_axis(const struct gs_plot *plot, struct gs_buf *out)
{
    double ticks[TICKS_MAX];
    size_t n = ticks_of(&plot->y, 5, ticks);
    for (size_t i = 0; i < n; i++) {
        char text[TICK_TEXT_MAX];
        double y = y_of(plot, ticks[i]);
        tick_text(&plot->y, ticks[i], text);
        gs_buf_printf(out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>\n",
                      ticks[i] == 0 ? "ax" : "grid", LEFT, y, plot->width - RIGHT);
        put_label("end", LEFT - 6, y + 4, text, out);
    }
}

/* ------------------------------------------------------------------ lines */

static void put_series(const struct gs_plot *plot, const struct gs_plot_series *series,
                       struct gs_buf *out)
{
    gs_buf_printf(out, "<path class=\"line s%u%s\" d=\"", series->colour % GS_PLOT_COLOURS,
                  series->dashed ? " dashed" : "");
    bool drawing = false;
    for (size_t i = 0; i < series->n; i++) {
        if (isnan(series->y[i])) {
            drawing = false;
            continue;
        }
        double x = x_of(plot, series->x[i]), y = y_of(plot, series->y[i]);
        if (!drawing) {
            gs_buf_printf(out, "M%.1f %.1f", x, y);
        } else if (series->step) {
            gs_buf_printf(out, "H%.1fV%.1f", x, y);
        } else {
            gs_buf_printf(out, "L%.1f %.1f", x, y);
        }
        drawing = true;
    }
    gs_buf_puts(out, "\"><title>");
    gs_plot_put_escaped(series->name, out);
    gs_buf_puts(out, "</title></path>\n");
}

void gs_plot_lines(const struct gs_plot *plot, struct gs_buf *out)
{
    begin(plot, plot->height, out);
    put_x_axis(plot, TOP, plot->height - BOTTOM, out);
    put_y_axis(plot, out);
    put_label("start", 2, 11, plot->y.label, out);
    for (size_t i = 0; i < plot->n_series; i++) {
        put_series(plot, &plot->series[i], out);
    }
    gs_buf_puts(out, "</svg>\n");
}

/* ------------------------------------------------------------------ bars */

static const double ROW = 40, BAR = 14;

static double bar_x(const struct gs_plot *plot, double value)
{
    return 8 + along(&plot->x, value) * (plot->width - 8 - RIGHT);
}

static void put_interval(const struct gs_plot *plot, const struct gs_plot_bar *bar, double y,
                         struct gs_buf *out)
{
    double lo = bar_x(plot, bar->lo), hi = bar_x(plot, bar->hi);
    gs_buf_printf(out, "<path class=\"ci\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv10M%.1f %.1fv10\"/>\n", lo,
                  y, hi, lo, y - 5, hi, y - 5);
}

static void put_bar(const struct gs_plot *plot, const struct gs_plot_bar *bar, double top,
                    struct gs_buf *out)
{
    gs_buf_puts(out, "<g><title>");
    gs_plot_put_escaped(bar->name, out);
    gs_buf_puts(out, ": ");
    gs_plot_put_escaped(bar->text, out);
    gs_buf_puts(out, "</title>\n");
    put_label("start", 8, top + 12, bar->name, out);
    put_label("end", plot->width - RIGHT, top + 12, bar->text, out);
    if (!isnan(bar->value)) {
        double zero = bar_x(plot, 0), x = bar_x(plot, bar->value);
        gs_buf_printf(out,
                      "<rect class=\"b%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                      "height=\"%.0f\" rx=\"2\"/>\n",
                      bar->colour % GS_PLOT_COLOURS, fmin(zero, x), top + 18,
                      fmax(fabs(x - zero), 0.8), BAR);
    }
    if (!isnan(bar->lo) && !isnan(bar->hi)) {
        put_interval(plot, bar, top + 18 + BAR / 2, out);
    }
    gs_buf_puts(out, "</g>\n");
}

static void put_bar_axis(const struct gs_plot *plot, double bottom, struct gs_buf *out)
{
    double ticks[TICKS_MAX];
    size_t n = ticks_of(&plot->x, 5, ticks);
    for (size_t i = 0; i < n; i++) {
        char text[TICK_TEXT_MAX];
        double x = bar_x(plot, ticks[i]);
        const char *anchor = x < 20 ? "start" : x > plot->width - 30 ? "end" : "middle";
        tick_text(&plot->x, ticks[i], text);
        gs_buf_printf(out, "<path class=\"%s\" d=\"M%.1f 4V%.1f\"/>\n",
                      ticks[i] == 0 ? "ax" : "grid", x, bottom);
        put_label(anchor, x, bottom + 15, text, out);
    }
    put_label("middle", plot->width / 2, bottom + 33, plot->x.label, out);
}

void gs_plot_bars(const struct gs_plot *plot, const struct gs_plot_bar *bars, size_t n,
                  struct gs_buf *out)
{
    double bottom = 4 + ROW * (double)n;
    begin(plot, bottom + BOTTOM, out);
    put_bar_axis(plot, bottom, out);
    for (size_t i = 0; i < n; i++) {
        put_bar(plot, &bars[i], ROW * (double)i, out);
    }
    gs_buf_puts(out, "</svg>\n");
}
