#include "lint/piece.h"

#include <assert.h>

#include "base/err.h"

static uint32_t count_lines(struct gs_view text)
{
    uint32_t n = text.n > 0 && text.p[text.n - 1] != '\n' ? 1 : 0;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n' ? 1 : 0;
    }
    return n;
}

static uint32_t blanks(struct gs_view line, uint32_t max)
{
    uint32_t n = 0;
    while (n < max && n < line.n && line.p[n] == ' ') {
        n++;
    }
    return n;
}

/* Of the line at `p`, its end included. */
static uint32_t line_bytes(const char *p, uint32_t left)
{
    const char *end = memchr(p, '\n', left);
    return end == NULL ? left : (uint32_t)(end - p) + 1;
}

int gs_lint_piece_make(struct gs_arena *arena, struct gs_view file, uint32_t start, uint32_t end,
                       uint32_t indent, enum gs_lint_kind kind, struct gs_lint_piece *ret)
{
    assert(start <= end && end <= file.n);
    uint32_t n_lines = count_lines((struct gs_view){file.p + start, end - start});
    struct gs_lint_line *lines = GS_ARENA_NEW(arena, struct gs_lint_line, (size_t)n_lines + 1);
    char *text = gs_arena_get_raw(arena, (size_t)(end - start) + 1, 1);
    if (lines == NULL || text == NULL) {
        return GS_NO_MEMORY;
    }
    uint32_t at = 0;
    uint32_t whole = start;
    for (uint32_t i = 0; i < n_lines; i++) {
        uint32_t n = line_bytes(file.p + whole, end - whole);
        uint32_t skip = blanks((struct gs_view){file.p + whole, n}, indent);
        lines[i] = (struct gs_lint_line){.at = at, .from = whole + skip, .whole = whole};
        memcpy(text + at, file.p + whole + skip, n - skip);
        at += n - skip;
        whole += n;
    }
    lines[n_lines] = (struct gs_lint_line){.at = at, .from = whole, .whole = whole};
    text[at] = '\0';
    *ret = (struct gs_lint_piece){
        .kind = kind, .text = {text, at}, .lines = lines, .n_lines = n_lines, .indent = indent};
    return 0;
}

uint32_t gs_lint_piece_line(const struct gs_lint_piece *piece, uint32_t at)
{
    uint32_t low = 0;
    uint32_t high = piece->n_lines;
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (piece->lines[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t gs_lint_piece_place(const struct gs_lint_piece *piece, uint32_t at)
{
    if (at >= piece->text.n) {
        return piece->lines[piece->n_lines].from;
    }
    const struct gs_lint_line *line = &piece->lines[gs_lint_piece_line(piece, at)];
    return line->from + (at - line->at);
}

struct gs_view gs_lint_piece_line_text(const struct gs_lint_piece *piece, uint32_t line)
{
    struct gs_view text = {piece->text.p + piece->lines[line].at,
                           piece->lines[line + 1].at - piece->lines[line].at};
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    return text;
}
