#include "lint/report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum { FOUND_MAX = 72 };

static const char *vprint(struct gs_lint_work *work, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static const char *vprint(struct gs_lint_work *work, const char *fmt, va_list ap)
{
    char text[1024];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    size_t kept = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    const char *copy = gs_arena_text(work->arena, text, kept);
    work->failed = work->failed || copy == NULL;
    return copy == NULL ? "" : copy;
}

const char *gs_lint_printf(struct gs_lint_work *work, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = vprint(work, fmt, ap);
    va_end(ap);
    return text;
}

/* The first line of what stands there, shortened between characters. */
static const char *excerpt(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                           uint32_t start, uint32_t end)
{
    struct gs_view text = {piece->text.p + start, end - start};
    const char *line_end = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);
    text.n = line_end == NULL ? text.n : (size_t)(line_end - text.p);
    text = gs_view_trim(text);
    bool cut = text.n > FOUND_MAX;
    size_t n = cut ? FOUND_MAX - 3 : text.n;
    while (cut && n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80) {
        n--;
    }
    char *copy = gs_arena_get_raw(work->arena, n + 4, 1);
    if (copy == NULL) {
        work->failed = true;
        return "";
    }
    if (n > 0) {
        memcpy(copy, text.p, n);
    }
    memcpy(copy + n, cut ? "..." : "", cut ? 4 : 1);
    return copy;
}

/* Whether the finding before is of the same rule at the same place. */
static bool is_told(const struct gs_lint_work *work, enum gs_lint_rule_id rule, uint32_t from,
                    uint32_t to)
{
    if (work->n_findings == 0) {
        return false;
    }
    const struct gs_lint_finding *last = &work->findings[work->n_findings - 1];
    return last->rule == rule && from < last->end && last->start < to;
}

static void add_finding(struct gs_lint_work *work, enum gs_lint_rule_id rule,
                        const struct gs_lint_piece *piece, uint32_t start, uint32_t end,
                        const char *instead)
{
    work->kept = work->n_findings < GS_LINT_FINDINGS_MAX;
    work->more = work->more || !work->kept;
    if (!work->kept) {
        return;
    }
    if (!gs_arena_room(work->arena, &work->findings, &work->cap_findings, work->n_findings,
                       sizeof(*work->findings))) {
        work->failed = true;
        work->kept = false;
        return;
    }
    uint32_t from = gs_lint_piece_place(piece, start);
    uint32_t to = end > start ? gs_lint_piece_place(piece, end - 1) + 1 : from;
    if (is_told(work, rule, from, to)) {
        work->kept = false; /* and so are its edits: the next round sees what is left */
        return;
    }
    work->findings[work->n_findings++] = (struct gs_lint_finding){
        .rule = rule,
        .start = from,
        .end = to,
        .found = excerpt(work, piece, start, end),
        .instead = instead,
    };
}

void gs_lint_find(struct gs_lint_work *work, enum gs_lint_rule_id rule,
                  const struct gs_lint_piece *piece, uint32_t start, uint32_t end,
                  const char *instead, ...)
{
    va_list ap;
    va_start(ap, instead);
    add_finding(work, rule, piece, start, end, vprint(work, instead, ap));
    va_end(ap);
}

void gs_lint_find_node(struct gs_lint_work *work, enum gs_lint_rule_id rule,
                       const struct gs_lint_piece *piece, const struct gs_lint_node *node,
                       const char *instead, ...)
{
    va_list ap;
    va_start(ap, instead);
    const char *text = vprint(work, instead, ap);
    va_end(ap);
    uint32_t end = node->end > gs_lint_node_from(node) ? node->end : node->key_end;
    add_finding(work, rule, piece, gs_lint_node_from(node), end, text);
}

/* `text` with the piece's blanks behind each line end that another line follows. */
static struct gs_view indented(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                               const char *text, bool first_too)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_LINT_TEXT_MAX);
    bool at_start = first_too;
    for (const char *p = text; *p != '\0'; p++) {
        if (at_start && *p != '\n') {
            gs_buf_printf(&out, "%*s", (int)piece->indent, "");
        }
        gs_buf_put(&out, p, 1);
        at_start = *p == '\n';
    }
    struct gs_view copy = {gs_arena_text(work->arena, gs_buf_text(&out), out.len), out.len};
    if (!gs_buf_ok(&out) || copy.p == NULL) {
        work->failed = true;
        return gs_view("");
    }
    return copy;
}

static void add_edit(struct gs_lint_work *work, uint32_t start, uint32_t end, struct gs_view text)
{
    if (!work->kept || work->n_findings == 0) {
        return;
    }
    if (!gs_arena_room(work->arena, &work->edits, &work->cap_edits, work->n_edits,
                       sizeof(*work->edits))) {
        work->failed = true;
        return;
    }
    assert(start <= end && end <= work->file->text.n);
    work->edits[work->n_edits] = (struct gs_lint_edit){
        .start = start, .end = end, .text = text, .order = (uint32_t)work->n_edits};
    work->n_edits++;
    work->findings[work->n_findings - 1].corrected = true;
}

void gs_lint_replace(struct gs_lint_work *work, const struct gs_lint_piece *piece, uint32_t start,
                     uint32_t end, const char *text)
{
    uint32_t from = gs_lint_piece_place(piece, start);
    uint32_t to = end > start ? gs_lint_piece_place(piece, end - 1) + 1 : from;
    add_edit(work, from, to, indented(work, piece, text, false));
}

void gs_lint_replace_lines(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                           uint32_t first, uint32_t last, const char *text)
{
    uint32_t from = piece->lines[first].whole;
    uint32_t to = piece->lines[last].whole;
    struct gs_view lines = indented(work, piece, text, true);
    size_t n = work->n_edits;
    add_edit(work, from, to, lines);
    if (work->n_edits > n) {
        work->edits[n].whole_lines = true;
    }
}

void gs_lint_set(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                 const struct gs_lint_node *node, const char *value)
{
    if (node->anchored || node->tagged) {
        return;
    }
    const char quote[2] = {node->quoted ? piece->text.p[node->start] : '\0', '\0'};
    gs_lint_replace(work, piece, node->start, node->end,
                    gs_lint_printf(work, "%s%s%s", quote, value, quote));
}

bool gs_lint_becomes(const struct gs_lint_work *work, const struct gs_lint_piece *piece,
                     uint32_t at, const char *text)
{
    uint32_t place = gs_lint_piece_place(piece, at);
    for (size_t i = work->n_edits; i > 0; i--) {
        struct gs_view now = work->edits[i - 1].text;
        if (work->edits[i - 1].start != place) {
            continue;
        }
        if (now.n > 1 && strchr("\"'", now.p[0]) != NULL && now.p[now.n - 1] == now.p[0]) {
            now = (struct gs_view){now.p + 1, now.n - 2};
        }
        if (gs_view_eq(now, text)) {
            return true;
        }
    }
    return false;
}

/* Whether nothing but blanks, and a dash where the node is an element, stands before it. */
static bool begins_line(const struct gs_lint_piece *piece, const struct gs_lint_node *node)
{
    uint32_t at = gs_lint_node_from(node);
    uint32_t from = piece->lines[gs_lint_piece_line(piece, at)].at;
    bool dash = node->parent->kind != GS_LINT_LIST;
    for (; from < at; from++) {
        char c = piece->text.p[from];
        if (c == '-' && !dash) {
            dash = true;
        } else if (c != ' ') {
            return false;
        }
    }
    return true;
}

static const struct gs_lint_node *before(const struct gs_lint_node *node)
{
    const struct gs_lint_node *at = node->parent->first;
    while (at != node && at->next != node) {
        at = at->next;
    }
    return at == node ? NULL : at;
}

bool gs_lint_drop(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                  const struct gs_lint_node *node)
{
    if (node->parent == NULL || node->parent->n < 2 || node->anchored || node->key_anchored) {
        return false;
    }
    if (!node->parent->flow && begins_line(piece, node)) {
        uint32_t end = node->end > gs_lint_node_from(node) ? node->end - 1 : node->key_end;
        gs_lint_replace_lines(work, piece, gs_lint_piece_line(piece, gs_lint_node_from(node)),
                              gs_lint_piece_line(piece, end) + 1, "");
        return true;
    }
    if (node->next != NULL) { /* "- key: ..." or in braces: what follows takes its place */
        gs_lint_replace(work, piece, gs_lint_node_from(node), gs_lint_node_from(node->next), "");
        return true;
    }
    const struct gs_lint_node *last = before(node);
    if (last == NULL || !node->parent->flow) {
        return false;
    }
    gs_lint_replace(work, piece, last->end, node->end, "");
    return true;
}

bool gs_lint_add(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                 const struct gs_lint_node *map, const char *text)
{
    if (map == NULL || map->kind != GS_LINT_MAP || map->flow || map->n == 0) {
        return false;
    }
    uint32_t line = gs_lint_piece_line(piece, map->first->key_start);
    uint32_t column = map->first->key_start - piece->lines[line].at;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_LINT_TEXT_MAX);
    for (struct gs_view rest = gs_view(text); rest.p != NULL && rest.n > 0;) {
        struct gs_view one = gs_view_split(&rest, '\n');
        gs_buf_printf(&out, "%*s", (int)column, "");
        gs_buf_put(&out, one.p, one.n);
        gs_buf_puts(&out, "\n");
    }
    work->failed = work->failed || !gs_buf_ok(&out);
    uint32_t end = map->end > 0 ? map->end - 1 : 0;
    uint32_t after = gs_lint_piece_line(piece, end) + 1;
    size_t n = work->n_edits;
    gs_lint_replace_lines(work, piece, after, after, gs_buf_text(&out));
    if (work->n_edits > n) {
        work->edits[n].depth = column;
    }
    return true;
}
