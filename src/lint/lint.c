#include "lint/lint.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "lint/guide.h"
#include "lint/karpenter.h"
#include "lint/manifest.h"
#include "lint/prose.h"
#include "lint/shell.h"
#include "lint/slicepool.h"
#include "lint/toml.h"

static int no_memory(const char *label, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%.300s: no memory to look at it", label);
}

/* Text in UTF-8 without zero bytes. */
static int check_text(const struct gs_lint_file *file, struct gs_err *err)
{
    if (file->text.n > GS_LINT_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT, "%.300s: found %zu bytes; expected %d at most", file->label,
                       file->text.n, GS_LINT_BYTES_MAX);
    }
    struct gs_view rest = file->text;
    while (rest.n > 0) {
        uint32_t c;
        size_t n = gs_view_character(rest, &c);
        if (n == 0 || c == 0) {
            return gs_fail(err, GS_INVALID,
                           "%.300s: byte %zu is no text in UTF-8; expected a manifest, values, a "
                           "script or a guide",
                           file->label, (size_t)(rest.p - file->text.p));
        }
        rest.p += n;
        rest.n -= n;
    }
    return 0;
}

enum { MARK_BYTES = 3 };

/* The file behind the mark of its byte order, which some editors put before UTF-8. */
static struct gs_lint_file behind_mark(const struct gs_lint_file *file)
{
    struct gs_lint_file ret = *file;
    (void)gs_view_skip(&ret.text, "\xEF\xBB\xBF");
    return ret;
}

/* From bytes behind the mark to bytes of the file. */
static void shift(const struct gs_lint_work *work)
{
    for (size_t i = 0; i < work->n_findings; i++) {
        work->findings[i].start += MARK_BYTES;
        work->findings[i].end += MARK_BYTES;
    }
    for (size_t i = 0; i < work->n_edits; i++) {
        work->edits[i].start += MARK_BYTES;
        work->edits[i].end += MARK_BYTES;
    }
}

static int see_file(struct gs_arena *arena, const struct gs_lint_parts *parts,
                    struct gs_lint_facts *facts)
{
    int r = 0;
    for (size_t i = 0; i < parts->n; i++) {
        const struct gs_lint_docs *docs = &parts->items[i].docs;
        for (size_t d = 0; d < docs->n && r == 0; d++) {
            r = gs_lint_facts_of_doc(arena, docs->items[d].root, facts);
        }
    }
    return r;
}

/* Scripts and settings that node classes bring. */
static void check_user_data(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                            const struct gs_lint_node *root)
{
    const struct gs_lint_node *data = gs_lint_at(root, "spec", "userData", NULL);
    struct gs_lint_piece inner;
    if (data == NULL || data->kind != GS_LINT_SCALAR || data->end == data->start) {
        return;
    }
    if (gs_lint_guide_inner(work->arena, work->file->text, piece, data, &inner) < 0) {
        work->failed = true;
        return;
    }
    if (inner.kind == GS_LINT_TOML) {
        gs_lint_toml(work, &inner);
    } else if (inner.kind == GS_LINT_SHELL) {
        gs_lint_shell(work, &inner);
    }
}

static void check_yaml(struct gs_lint_work *work, const struct gs_lint_part *part)
{
    const struct gs_lint_docs *docs = &part->docs;
    for (size_t i = 0; i < docs->n; i++) {
        const struct gs_lint_node *root = docs->items[i].root;
        gs_lint_karpenter(work, &part->piece, &docs->items[i]);
        gs_lint_pods(work, &part->piece, root);
        gs_lint_plugin(work, &part->piece, root);
        gs_lint_values(work, &part->piece, root);
        gs_lint_slicepool(work, &part->piece, root);
        check_user_data(work, &part->piece, root);
    }
    if (docs->bad_reason != NULL && part->declared) {
        uint32_t at = docs->bad_at < part->piece.text.n ? docs->bad_at
                      : part->piece.text.n > 0          ? (uint32_t)part->piece.text.n - 1
                                                        : 0;
        uint32_t line = gs_lint_piece_line(&part->piece, at);
        uint32_t start = part->piece.lines[line].at;
        gs_lint_find(work, GS_LINT_UNREADABLE, &part->piece, start, part->piece.lines[line + 1].at,
                     "YAML that can be read (%.200s)", docs->bad_reason);
    }
    gs_lint_comments(work, &part->piece);
}

static void check_part(struct gs_lint_work *work, const struct gs_lint_part *part)
{
    switch (part->piece.kind) {
    case GS_LINT_YAML:
        check_yaml(work, part);
        break;
    case GS_LINT_SHELL:
        gs_lint_shell(work, &part->piece);
        gs_lint_comments(work, &part->piece);
        break;
    case GS_LINT_TOML:
        gs_lint_toml(work, &part->piece);
        gs_lint_comments(work, &part->piece);
        break;
    case GS_LINT_PROSE:
        gs_lint_prose(work, &part->piece);
        break;
    case GS_LINT_OTHER:
        break;
    }
}

static int by_place(const void *a, const void *b)
{
    const struct gs_lint_finding *x = a;
    const struct gs_lint_finding *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    if (x->rule != y->rule) {
        return x->rule < y->rule ? -1 : 1;
    }
    return x->end < y->end ? -1 : x->end > y->end ? 1 : 0;
}

static void put_lines(struct gs_view text, struct gs_lint_finding *findings, size_t n)
{
    uint32_t line = 1;
    uint32_t start = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (; at < findings[i].start; at++) {
            if (text.p[at] == '\n') {
                line++;
                start = at + 1;
            }
        }
        findings[i].line = line;
        findings[i].column = findings[i].start - start + 1;
    }
}

static int by_start(const void *a, const void *b)
{
    const struct gs_lint_edit *x = a;
    const struct gs_lint_edit *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    if (x->depth != y->depth) {
        return x->depth > y->depth ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order ? 1 : 0;
}

/* Of two that overlap the first stays. */
static size_t drop_overlaps(struct gs_lint_edit *edits, size_t n)
{
    size_t kept = 0;
    uint32_t end = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && edits[i].start < end) {
            continue;
        }
        end = edits[i].end;
        edits[kept++] = edits[i];
    }
    return kept;
}

static int check_file(struct gs_arena *arena, const struct gs_lint_file *whole,
                      const struct gs_lint_parts *parts, const struct gs_lint_facts *facts,
                      struct gs_lint_result *ret, struct gs_err *err)
{
    const struct gs_lint_file body = behind_mark(whole);
    const struct gs_lint_file *file = &body;
    struct gs_lint_work work = {.arena = arena, .file = file, .facts = facts, .more = parts->more};
    for (size_t i = 0; i < parts->n && !work.failed; i++) {
        check_part(&work, &parts->items[i]);
    }
    if (work.failed) {
        return no_memory(file->label, err);
    }
    if (work.n_findings > 0) {
        qsort(work.findings, work.n_findings, sizeof(*work.findings), by_place);
        put_lines(file->text, work.findings, work.n_findings);
    }
    if (work.n_edits > 0) {
        qsort(work.edits, work.n_edits, sizeof(*work.edits), by_start);
        work.n_edits = drop_overlaps(work.edits, work.n_edits);
    }
    if (body.text.n < whole->text.n) {
        shift(&work);
    }
    *ret = (struct gs_lint_result){.findings = work.findings,
                                   .n = work.n_findings,
                                   .more = work.more,
                                   .edits = work.edits,
                                   .n_edits = work.n_edits};
    return 0;
}

int gs_lint_run(struct gs_arena *arena, const struct gs_lint_file *files, size_t n,
                struct gs_lint_result *ret, struct gs_err *err)
{
    if (n > GS_LINT_FILES_MAX) {
        return gs_fail(err, GS_LIMIT, "found %zu files; expected %d at most", n, GS_LINT_FILES_MAX);
    }
    struct gs_lint_parts *parts = GS_ARENA_NEW(arena, struct gs_lint_parts, n == 0 ? 1 : n);
    struct gs_lint_facts *facts = GS_ARENA_NEW(arena, struct gs_lint_facts, 1);
    if (parts == NULL || facts == NULL) {
        return no_memory("the files", err);
    }
    for (size_t i = 0; i < n; i++) {
        int r = check_text(&files[i], err);
        if (r < 0) {
            return r;
        }
        struct gs_view text = behind_mark(&files[i]).text;
        gs_lint_facts_of_text(text, facts);
        if (gs_lint_guide_cut(arena, files[i].label, text, &parts[i]) < 0 ||
            see_file(arena, &parts[i], facts) < 0) {
            return no_memory(files[i].label, err);
        }
    }
    for (size_t i = 0; i < n; i++) {
        int r = check_file(arena, &files[i], &parts[i], facts, &ret[i], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
