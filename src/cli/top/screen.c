#include "cli/top/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/cleanup.h"
#include "base/view.h"

enum { LINE_BYTES_MAX = 32 << 10, FORMATTED_MAX = 2048, CUT = 0x2026 };

static const char *const style_on[GS_SCREEN_STYLES] = {
    [GS_SCREEN_PLAIN] = "",        [GS_SCREEN_BOLD] = "\033[1m",     [GS_SCREEN_DIM] = "\033[2m",
    [GS_SCREEN_TITLE] = "\033[7m", [GS_SCREEN_MARKED] = "\033[1;7m", [GS_SCREEN_HELD] = "\033[32m",
    [GS_SCREEN_IDLE] = "\033[33m", [GS_SCREEN_COMES] = "\033[36m",   [GS_SCREEN_BAD] = "\033[31m",
};

void gs_screen_init(struct gs_screen *screen, bool utf8, bool styled, bool colours)
{
    *screen = (struct gs_screen){.utf8 = utf8, .styled = styled, .colours = colours};
}

void gs_screen_forget(struct gs_screen *screen)
{
    for (unsigned i = 0; i < screen->n_shown; i++) {
        free(screen->shown[i]);
    }
    free(screen->shown);
    screen->shown = NULL;
    screen->n_shown = 0;
}

void gs_screen_done(struct gs_screen *screen)
{
    gs_screen_forget(screen);
    for (unsigned i = 0; i < screen->cap; i++) {
        gs_buf_done(&screen->lines[i]);
    }
    free(screen->lines);
    free(screen->widths);
}

void gs_screen_begin(struct gs_screen *screen, unsigned columns)
{
    screen->columns = columns < GS_SCREEN_COLUMNS_MAX ? columns : GS_SCREEN_COLUMNS_MAX;
    screen->n = 0;
    screen->failed = false;
}

static bool make_room(struct gs_screen *screen)
{
    if (screen->n < screen->cap) {
        return true;
    }
    unsigned cap = screen->cap == 0 ? 64 : 2 * screen->cap;
    struct gs_buf *lines = reallocarray(screen->lines, cap, sizeof(*lines));
    screen->lines = lines == NULL ? screen->lines : lines;
    unsigned *widths = reallocarray(screen->widths, cap, sizeof(*widths));
    screen->widths = widths == NULL ? screen->widths : widths;
    if (lines == NULL || widths == NULL) {
        return false;
    }
    for (unsigned i = screen->cap; i < cap; i++) {
        gs_buf_init(&screen->lines[i], LINE_BYTES_MAX);
    }
    screen->cap = cap;
    return true;
}

void gs_screen_line(struct gs_screen *screen)
{
    if (screen->failed || screen->n >= GS_SCREEN_ROWS_MAX || !make_room(screen)) {
        screen->failed = true;
        return;
    }
    gs_buf_reset(&screen->lines[screen->n]);
    screen->widths[screen->n++] = 0;
}

unsigned gs_screen_used(const struct gs_screen *screen)
{
    return screen->n == 0 ? 0 : screen->widths[screen->n - 1];
}

const char *gs_screen_glyph(const struct gs_screen *screen, const char *utf8, const char *ascii)
{
    return screen->utf8 ? utf8 : ascii;
}

/* The next character as it is shown, with its bytes and columns. */
static struct gs_view next_of(const struct gs_screen *screen, struct gs_view *rest,
                              unsigned *ret_columns)
{
    uint32_t c;
    struct gs_view shown = {.p = "?", .n = 1};
    size_t n = gs_view_character(*rest, &c);
    *ret_columns = 1;
    if (n > 0 && c >= 0x20 && c < 0x7f) {
        shown = (struct gs_view){.p = rest->p, .n = 1};
    } else if (n > 0 && screen->utf8 && !gs_character_is_control(c)) {
        int width = wcwidth((wchar_t)c);
        if (width == 1 || width == 2) {
            *ret_columns = (unsigned)width;
            shown = (struct gs_view){.p = rest->p, .n = n};
        }
    }
    n = n == 0 ? 1 : n;
    rest->p += n;
    rest->n -= n;
    return shown;
}

static unsigned width_of(const struct gs_screen *screen, const char *text)
{
    struct gs_view rest = gs_view(text);
    unsigned all = 0;
    unsigned columns;
    while (rest.n > 0 && all <= GS_SCREEN_COLUMNS_MAX) {
        (void)next_of(screen, &rest, &columns);
        all += columns;
    }
    return all;
}

/* At most `most` columns of it; how many it took. */
static unsigned put_some(struct gs_screen *screen, enum gs_screen_style style, const char *text,
                         unsigned most)
{
    struct gs_buf *line = &screen->lines[screen->n - 1];
    unsigned *used = &screen->widths[screen->n - 1];
    unsigned left = screen->columns - *used < most ? screen->columns - *used : most;
    bool styled = screen->styled && style != GS_SCREEN_PLAIN && text[0] != '\0' && left > 0 &&
                  (screen->colours || style < GS_SCREEN_HELD);
    struct gs_view rest = gs_view(text);
    unsigned taken = 0;
    gs_buf_puts(line, styled ? style_on[style] : "");
    while (rest.n > 0) {
        unsigned columns;
        struct gs_view shown = next_of(screen, &rest, &columns);
        if (taken + columns > left) {
            break;
        }
        gs_buf_put(line, shown.p, shown.n);
        taken += columns;
    }
    gs_buf_puts(line, styled ? "\033[0m" : "");
    *used += taken;
    screen->failed |= !gs_buf_ok(line);
    return taken;
}

void gs_screen_put(struct gs_screen *screen, enum gs_screen_style style, const char *text)
{
    if (!screen->failed && screen->n > 0) {
        (void)put_some(screen, style, text, UINT32_MAX);
    }
}

void gs_screen_putf(struct gs_screen *screen, enum gs_screen_style style, const char *fmt, ...)
{
    char text[FORMATTED_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    gs_screen_put(screen, style, text);
}

void gs_screen_to(struct gs_screen *screen, unsigned column)
{
    while (!screen->failed && screen->n > 0 && gs_screen_used(screen) < column &&
           gs_screen_used(screen) < screen->columns) {
        (void)put_some(screen, GS_SCREEN_PLAIN, " ", 1);
    }
}

void gs_screen_cell(struct gs_screen *screen, enum gs_screen_style style, unsigned columns,
                    bool right, const char *text)
{
    if (screen->failed || screen->n == 0) {
        return;
    }
    unsigned wanted = gs_screen_used(screen) + columns;
    unsigned width = width_of(screen, text);
    if (width <= columns) {
        gs_screen_to(screen, right ? wanted - width : 0);
        (void)put_some(screen, style, text, columns);
    } else {
        unsigned taken = put_some(screen, style, text, columns - 1);
        (void)put_some(screen, style, gs_screen_glyph(screen, "…", "~"), columns - taken);
    }
    gs_screen_to(screen, wanted);
}

void gs_screen_text(const struct gs_screen *screen, struct gs_buf *out)
{
    for (unsigned i = 0; i < screen->n; i++) {
        const char *line = gs_buf_text(&screen->lines[i]);
        size_t n = strlen(line);
        while (n > 0 && line[n - 1] == ' ') {
            n--;
        }
        gs_buf_put(out, line, n);
        gs_buf_puts(out, "\n");
    }
    out->failed |= screen->failed;
}

static void send_line(const struct gs_screen *screen, unsigned row, const char *line, unsigned used,
                      struct gs_buf *out)
{
    gs_buf_printf(out, "\033[%u;1H%s", row + 1, line);
    /* At the end of a full line the cursor stands on its last column. */
    gs_buf_puts(out, used < screen->columns ? "\033[K" : "");
}

void gs_screen_update(struct gs_screen *screen, unsigned rows, struct gs_buf *out)
{
    char **shown = calloc(rows + 1, sizeof(char *));
    bool known = shown != NULL && screen->n_shown == rows && screen->shown != NULL;
    for (unsigned i = 0; i < rows; i++) {
        bool there = i < screen->n;
        const char *line = there ? gs_buf_text(&screen->lines[i]) : "";
        if (!known || screen->shown[i] == NULL || strcmp(screen->shown[i], line) != 0) {
            send_line(screen, i, line, there ? screen->widths[i] : 0, out);
        }
        if (shown != NULL) {
            shown[i] = strdup(line); /* NULL: sent again the next time */
        }
    }
    gs_screen_forget(screen);
    screen->shown = shown;
    screen->n_shown = shown == NULL ? 0 : rows;
    if (!gs_buf_ok(out)) {
        gs_screen_forget(screen);
    }
}
