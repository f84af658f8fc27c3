#include "trace/lines.h"

void gs_lines_init(struct gs_lines *lines, char *held, size_t max)
{
    *lines = (struct gs_lines){.held = held, .max = max};
}

void gs_lines_feed(struct gs_lines *lines, struct gs_view piece)
{
    lines->rest = piece;
}

void gs_lines_end(struct gs_lines *lines)
{
    lines->ended = true;
}

static enum gs_lines_step give(struct gs_lines *lines, struct gs_view line, struct gs_view *ret)
{
    lines->line++;
    lines->n_held = 0;
    lines->too_long = lines->skipping;
    lines->skipping = false;
    if (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    *ret = line;
    return GS_LINES_LINE;
}

/* Puts a part of a line behind what is held; what is too much is let go. */
static void hold(struct gs_lines *lines, struct gs_view part)
{
    if (part.n > lines->max - lines->n_held) {
        lines->skipping = true;
    } else if (part.n > 0) {
        memcpy(lines->held + lines->n_held, part.p, part.n);
        lines->n_held += part.n;
    }
}

enum gs_lines_step gs_lines_next(struct gs_lines *lines, struct gs_view *ret)
{
    const char *end = lines->rest.n == 0 ? NULL : memchr(lines->rest.p, '\n', lines->rest.n);
    struct gs_view part = {.p = lines->rest.p,
                           .n = end == NULL ? lines->rest.n : (size_t)(end - lines->rest.p)};
    if (end != NULL) {
        lines->rest.p = end + 1;
        lines->rest.n -= part.n + 1;
        if (lines->n_held == 0 && !lines->skipping && part.n <= lines->max) {
            return give(lines, part, ret); /* in one piece, the usual case: not copied */
        }
        hold(lines, part);
        return give(lines, (struct gs_view){.p = lines->held, .n = lines->n_held}, ret);
    }
    hold(lines, part);
    lines->rest = (struct gs_view){0};
    if (!lines->ended) {
        return GS_LINES_MORE;
    }
    if (lines->n_held == 0 && !lines->skipping) {
        return GS_LINES_OVER;
    }
    return give(lines, (struct gs_view){.p = lines->held, .n = lines->n_held}, ret);
}
