/* status: what `gpuslice status` makes of a scene and prints. */
#pragma once

#include "cli/cluster/case.h"
#include "term/options.h"
#include "term/output.h"

enum {
    GS_STATUS_DRAWN_MAX = 8,    /* nodes that are drawn without being named */
    GS_STATUS_WAITING_MAX = 20, /* rows of the table; documents have all */
    GS_STATUS_PROBLEMS_MAX = 50
};

/* What one node's GPUs have. */
struct gs_status_node {
    uint32_t at; /* in the view */
    const struct gs_store_node *node;
    const struct gs_gpunode *gpus; /* NULL: no agent has told */
    bool silent;
    unsigned slices, held, idle, other; /* other: granted, leaving, sick */
    uint32_t promised;                  /* slices of pods that are nominated there */
    uint32_t whole, whole_held;         /* GPUs that are not cut */
    const char *state;                  /* "ready", "silent": in a word or two */
};

struct gs_status {
    struct gs_scene *scene;
    struct gs_status_node *nodes; /* by name */
    size_t n_nodes;
    const struct gs_texts *named; /* nodes to be shown; none: all */
    bool clears;                  /* the terminal is wiped first: --watch */
    struct gs_case_row *waiting;
    size_t n_waiting;
    const char *problems[GS_STATUS_PROBLEMS_MAX];
    size_t n_problems; /* those that do not fit are counted, too */
};

/* Fills in all but `named`. GS_NOT_FOUND: a node that is named is not there; GS_NO_MEMORY. */
int gs_status_make(struct gs_status *status, struct gs_err *err);

/* status_find.c: what is wrong. GS_NO_MEMORY. */
int gs_status_find_problems(struct gs_status *status, struct gs_err *err);

void gs_status_put_text(const struct gs_status *status, bool styled, struct gs_buf *out);
void gs_status_put_doc(const struct gs_status *status, struct gs_result *result);
