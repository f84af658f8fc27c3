#include "base/cleanup.h"
#include "lint/lint.h"

/* The text with its edits, in the arena. */
static int apply(struct gs_arena *arena, const struct gs_lint_result *result, struct gs_view *text)
{
    size_t size = text->n + 1;
    for (size_t i = 0; i < result->n_edits; i++) {
        size += result->edits[i].text.n + 1;
    }
    char *out = gs_arena_get_raw(arena, size, 1);
    if (out == NULL) {
        return GS_NO_MEMORY;
    }
    size_t n = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < result->n_edits; i++) {
        const struct gs_lint_edit *edit = &result->edits[i];
        memcpy(out + n, text->p + at, edit->start - at);
        n += edit->start - at;
        if (edit->whole_lines && edit->text.n > 0 && n > 0 && out[n - 1] != '\n') {
            out[n++] = '\n';
        }
        memcpy(out + n, edit->text.p, edit->text.n);
        n += edit->text.n;
        at = edit->end;
    }
    memcpy(out + n, text->p + at, text->n - at);
    n += text->n - at;
    out[n] = '\0';
    *text = (struct gs_view){out, n};
    return 0;
}

static int apply_all(struct gs_arena *arena, const struct gs_lint_result *results,
                     struct gs_lint_file *files, size_t n, bool *ret_changed, struct gs_err *err)
{
    *ret_changed = false;
    for (size_t i = 0; i < n; i++) {
        if (results[i].n_edits == 0) {
            continue;
        }
        *ret_changed = true;
        if (apply(arena, &results[i], &files[i].text) < 0) {
            return gs_fail(err, GS_NO_MEMORY, "%.300s: no memory to correct it", files[i].label);
        }
    }
    return 0;
}

int gs_lint_fix(struct gs_arena *arena, const struct gs_lint_file *files, size_t n,
                struct gs_view *ret, struct gs_err *err)
{
    struct gs_lint_file *now = GS_ARENA_NEW(arena, struct gs_lint_file, n + 1);
    struct gs_lint_result *results = GS_ARENA_NEW(arena, struct gs_lint_result, n + 1);
    if (now == NULL || results == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to correct the files");
    }
    memcpy(now, files, n * sizeof(*now));
    bool changed = true;
    for (unsigned round = 0; round < GS_LINT_ROUNDS_MAX && changed; round++) {
        int r = gs_lint_run(arena, now, n, results, err);
        r = r < 0 ? r : apply_all(arena, results, now, n, &changed, err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < n; i++) {
        ret[i] = now[i].text;
    }
    return 0;
}
