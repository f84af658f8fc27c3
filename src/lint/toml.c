#include "lint/toml.h"

#include "base/buf.h"
#include "base/cleanup.h"

static struct gs_view line_at(const struct gs_lint_piece *piece, uint32_t line)
{
    return gs_view_trim(gs_lint_piece_line_text(piece, line));
}

/* Whether the table that the line is in ends with it. */
static bool is_last(const struct gs_lint_piece *piece, uint32_t line)
{
    for (line++; line < piece->n_lines; line++) {
        struct gs_view text = line_at(piece, line);
        if (text.n > 0 && text.p[0] != '#') {
            return text.p[0] == '[';
        }
    }
    return true;
}

/* The text of  node-labels = "k=v,k=v";  false: the line is something else. */
static bool is_labels_text(struct gs_view line, struct gs_view *ret)
{
    if (!gs_view_skip(&line, "node-labels")) {
        return false;
    }
    line = gs_view_trim(line);
    if (!gs_view_skip(&line, "=")) {
        return false;
    }
    line = gs_view_trim(line);
    if (line.n < 2 || line.p[0] != '"') {
        return false;
    }
    const char *end = memchr(line.p + 1, '"', line.n - 1);
    *ret = (struct gs_view){line.p + 1, end == NULL ? 0 : (size_t)(end - line.p - 1)};
    return end != NULL;
}

static void put_labels(struct gs_buf *out, struct gs_view labels, bool table)
{
    gs_buf_puts(out, table ? "[settings.kubernetes.node-labels]\n" : "");
    while (labels.p != NULL) {
        struct gs_view value = gs_view_split(&labels, ',');
        struct gs_view key = gs_view_split(&value, '=');
        gs_buf_printf(out, "%s\"%.*s\" = \"%.*s\"\n", table ? "" : "node-labels.",
                      GS_VIEW_ARGS(key), GS_VIEW_ARGS(value.p == NULL ? gs_view("") : value));
    }
}

static void check_labels(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                         uint32_t line, uint32_t header, struct gs_view labels)
{
    /* a table that holds nothing else gives its place to the one of the labels */
    bool table = is_last(piece, line);
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_LINT_TEXT_MAX);
    put_labels(&out, labels, table);
    struct gs_view text = gs_lint_piece_line_text(piece, line);
    uint32_t at = piece->lines[line].at;
    gs_lint_find(work, GS_LINT_NODE_LABELS, piece, at, at + (uint32_t)text.n, "%s",
                 "[settings.kubernetes.node-labels] with one \"key\" = \"value\" a line");
    work->failed = work->failed || !gs_buf_ok(&out);
    bool alone = table && header + 1 == line;
    gs_lint_replace_lines(work, piece, alone ? header : line, line + 1, gs_buf_text(&out));
}

void gs_lint_toml(struct gs_lint_work *work, const struct gs_lint_piece *piece)
{
    uint32_t header = 0;
    bool kubernetes = false;
    for (uint32_t i = 0; i < piece->n_lines; i++) {
        struct gs_view line = line_at(piece, i);
        struct gs_view labels;
        if (line.n > 0 && line.p[0] == '[') {
            header = i;
            kubernetes = gs_view_eq(line, "[settings.kubernetes]");
        } else if (kubernetes && is_labels_text(line, &labels)) {
            check_labels(work, piece, i, header, labels);
        }
    }
}
