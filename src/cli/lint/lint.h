/* lint: the parts of gpuslice lint: reading, what is shown, what is written. */
#pragma once

#include "lint/lint.h"
#include "term/options.h"
#include "term/output.h"

enum { GS_CMD_LINT_FORMAT_SARIF = GS_FORMATS };
#define GS_CMD_LINT_MEMORY_MAX ((size_t)4 << 30)

struct gs_cmd_lint_args {
    struct gs_texts files;
    bool fix;
    const char *fix_to;
    bool diff;
    const char *explain;
    bool list_rules;
    unsigned format;
};

/* The files of a run and what was found in them. */
struct gs_cmd_lint_run {
    const struct gs_cmd_lint_args *args;
    struct gs_arena *arena;
    struct gs_lint_file *files;
    const char **paths; /* as the user wrote them; "-" is stdin */
    struct gs_lint_result *results;
    struct gs_view *corrected; /* NULL: was not asked for */
    size_t n;
};

/* Findings by severity, of all files. */
struct gs_cmd_lint_counts {
    size_t by[GS_LINT_NOTE + 1];
    size_t all;
    size_t corrected;
};
struct gs_cmd_lint_counts gs_cmd_lint_count(const struct gs_cmd_lint_run *run);

/* text.c */
int gs_cmd_lint_write_text(const struct gs_cmd_lint_run *run, struct gs_err *err);

/* document.c: JSON or YAML of our own form, or SARIF 2.1.0. */
int gs_cmd_lint_write_document(const struct gs_cmd_lint_run *run, struct gs_err *err);

/* about.c: --list-rules and --explain, for people or as a document. GS_NOT_FOUND: there is no such
 * rule. */
int gs_cmd_lint_list_rules(const struct gs_cmd_lint_args *args, struct gs_err *err);
int gs_cmd_lint_explain(const struct gs_cmd_lint_args *args, struct gs_err *err);
