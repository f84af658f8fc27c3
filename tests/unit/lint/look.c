#include "unit/lint/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool look_read(struct gs_arena *arena, const char *path, struct gs_view *ret)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    char *bytes = gs_arena_get_raw(arena, 1 << 20, 1);
    assert_non_null(bytes);
    *ret = (struct gs_view){bytes, fread(bytes, 1, 1 << 20, file)};
    fclose(file);
    return true;
}

static struct gs_lint_result run(struct gs_arena *arena, const char *label, struct gs_view text)
{
    struct gs_lint_file file = {.label = label, .text = text};
    struct gs_lint_result result;
    struct gs_err err = {.msg = ""};
    if (gs_lint_run(arena, &file, 1, &result, &err) < 0) {
        fail_msg("%s: %s", label, err.msg);
    }
    return result;
}

static void put(char ret[LOOK_MAX], const struct gs_lint_finding *finding)
{
    size_t n = strlen(ret);
    snprintf(ret + n, LOOK_MAX - n, "%s%u:%s", n == 0 ? "" : " ", finding->line,
             gs_lint_rules[finding->rule].id);
}

void look(struct gs_arena *arena, const char *label, struct gs_view text, char ret[LOOK_MAX])
{
    struct gs_lint_result result = run(arena, label, text);
    ret[0] = '\0';
    for (size_t i = 0; i < result.n; i++) {
        put(ret, &result.findings[i]);
    }
}

struct gs_view look_fixed(struct gs_arena *arena, const char *label, struct gs_view text)
{
    struct gs_lint_file file = {.label = label, .text = text};
    struct gs_view fixed;
    struct gs_err err = {.msg = ""};
    if (gs_lint_fix(arena, &file, 1, &fixed, &err) < 0) {
        fail_msg("%s: %s", label, err.msg);
    }
    return fixed;
}

void look_left(struct gs_arena *arena, const char *label, struct gs_view fixed, char ret[LOOK_MAX])
{
    struct gs_lint_result result = run(arena, label, fixed);
    ret[0] = '\0';
    if (result.n_edits > 0) {
        fail_msg("%s: %zu edits are left after correcting, the first at line %u:\n%.*s", label,
                 result.n_edits, result.findings[0].line, (int)fixed.n, fixed.p);
    }
    for (size_t i = 0; i < result.n; i++) {
        if (gs_lint_rules[result.findings[i].rule].severity != GS_LINT_NOTE) {
            put(ret, &result.findings[i]);
        }
    }
}
