/* lint: what manifests, Helm values, user data and guides for sliced GPUs get wrong, and the
 * corrected text.
 *
 * Pure: bytes in, findings and text out, memory from the arena (and libyaml's own while it parses).
 * The files of one run are looked at together: a pod in one says which slices a node pool in
 * another has to have. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "lint/rules.h"

enum {
    GS_LINT_FILES_MAX = 64,
    GS_LINT_BYTES_MAX = 4 << 20,  /* of one file */
    GS_LINT_FINDINGS_MAX = 2000,  /* of one file */
    GS_LINT_ROUNDS_MAX = 8,       /* of correcting and looking again */
    GS_LINT_DEPTH_MAX = 32,       /* lists and maps within each other */
    GS_LINT_NODES_MAX = 100000,   /* of one YAML document */
    GS_LINT_PIECES_MAX = 1000,    /* of one file */
    GS_LINT_DOCUMENTS_MAX = 1000, /* of one file */
};

struct gs_lint_file {
    const char *label; /* its name, from whose ending its kind is told, or "stdin" */
    struct gs_view text;
};

struct gs_lint_finding {
    enum gs_lint_rule_id rule;
    uint32_t start, end;   /* bytes of the file */
    uint32_t line, column; /* of start; 1 is the first; columns are bytes */
    const char *found;     /* what stands there, on one line, shortened */
    const char *instead;   /* what to write in its place, here */
    bool corrected;        /* gs_lint_fix has an edit for it */
};

struct gs_lint_edit {
    uint32_t start, end; /* bytes of the file; equal: an insertion */
    struct gs_view text; /* that stands there instead */
    bool whole_lines;    /* begins a line, also behind a last one that has no end */
    uint32_t depth;      /* of insertions at one place the deepest comes first */
    uint32_t order;      /* in which they were made */
};

struct gs_lint_result {
    const struct gs_lint_finding *findings; /* by line and column */
    size_t n;
    bool more;                        /* there are more than GS_LINT_FINDINGS_MAX */
    const struct gs_lint_edit *edits; /* by start, none over another */
    size_t n_edits;
};

/* Finds what is wrong in each of the `n` files, into ret[0..n-1].
 * GS_LIMIT: a file, or their number, is over a bound above. GS_INVALID: a file is no text in
 * UTF-8. GS_NO_MEMORY. */
int gs_lint_run(struct gs_arena *arena, const struct gs_lint_file *files, size_t n,
                struct gs_lint_result *ret, struct gs_err *err);

/* The corrected text of each file, into ret[0..n-1]: corrects and looks again, until nothing is
 * left that can be corrected. Codes as gs_lint_run. */
int gs_lint_fix(struct gs_arena *arena, const struct gs_lint_file *files, size_t n,
                struct gs_view *ret, struct gs_err *err);
